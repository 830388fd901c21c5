/* SPDX-License-Identifier: MIT */
/*
 * Who covers whom (VT-d 4.1 §8.3): a unit that names the function, or a bridge above it, in its
 * scopes; else the one that covers all that no other does.
 */

#include "iommu/vtd_unit.h"

static struct iommu *find_unit(const struct vtd_path *path)
{
    struct iommu *rest = NULL;

    for (uint32_t i = 0; i < firmware.unit_count; i++) {
        const struct acpi_dmar_entry *entry = &firmware.units[i];

        if (entry->segment != path->segment) {
            continue;
        }
        if (entry->all) {
            rest = &iommu_units[i];
        } else if (vtd_scopes_cover(entry->scopes, path)) {
            return &iommu_units[i];
        }
    }
    return rest;
}

struct iommu_coverage iommu_find(const struct vtd_path *path)
{
    struct iommu *unit = find_unit(path);

    if (unit == NULL) {
        return (struct iommu_coverage){.kind = IOMMU_UNCOVERED};
    }
    if (!unit->works || unit->is_dead) {
        return (struct iommu_coverage){.kind = IOMMU_UNIT_BROKEN};
    }
    return (struct iommu_coverage){
        .kind = IOMMU_COVERED, .unit = unit, .interrupt_remapping = unit->remaps_interrupts};
}

/** The source id of a scope's device if it is on the bus that the scope names. */
static bool scope_source(const struct acpi_dmar_scope *scope, uint16_t *source)
{
    if (scope->path_length != 1) {
        return false;
    }
    *source = (uint16_t)(scope->bus << 8 | (scope->path[0] & 0x1f) << 3 | (scope->path[1] & 7));
    return true;
}

bool iommu_find_io_apic(uint8_t io_apic_id, struct iommu **unit, uint16_t *source)
{
    for (uint32_t i = 0; i < firmware.unit_count; i++) {
        struct acpi_dmar_scope scope;
        uint32_t cursor = 0;

        while (acpi_dmar_next_scope(firmware.units[i].scopes, &cursor, &scope)) {
            if (scope.type == ACPI_SCOPE_IO_APIC && scope.enumeration_id == io_apic_id &&
                scope_source(&scope, source)) {
                *unit = &iommu_units[i];
                return true;
            }
        }
    }
    return false;
}
