/* SPDX-License-Identifier: MIT */
#include "vtd/scope.h"

bool vtd_scope_covers(const struct acpi_dmar_scope *scope, const struct vtd_path *path)
{
    const uint32_t length = scope->path_length;

    if (scope->type != ACPI_SCOPE_ENDPOINT && scope->type != ACPI_SCOPE_BRIDGE) {
        return false;
    }
    /* The way starts on any bus, not only on a root bus. */
    for (uint32_t first = 0; first < path->count && length <= path->count - first; first++) {
        uint32_t same = 0;

        if (path->hops[first].bus != scope->bus) {
            continue;
        }
        while (same < length && path->hops[first + same].device == scope->path[2 * same] &&
               path->hops[first + same].function == scope->path[2 * same + 1]) {
            same++;
        }
        if (same == length && (scope->type == ACPI_SCOPE_BRIDGE || first + length == path->count)) {
            return true;
        }
    }
    return false;
}

bool vtd_scopes_cover(struct acpi_bytes scopes, const struct vtd_path *path)
{
    struct acpi_dmar_scope scope;
    uint32_t cursor = 0;

    while (acpi_dmar_next_scope(scopes, &cursor, &scope)) {
        if (vtd_scope_covers(&scope, path)) {
            return true;
        }
    }
    return false;
}
