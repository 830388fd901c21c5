/* SPDX-License-Identifier: MIT */
/*
 * Boot packages of any bytes: opened, checked, walked. Nothing but a refusal may come of it, with a
 * message that is printable and ends.
 */
#include "manifest/manifest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct manifest_fault *fault)
{
    char text[200];

    manifest_fault_format(fault, text, sizeof(text));
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') {
            abort();
        }
    }
}

/** Everything that init does with a package that has been opened. */
static void walk(struct boot_package *package)
{
    for (uint32_t i = 0; i < package->programs.count; i++) {
        struct manifest_program program;
        struct manifest_grant grant;
        struct manifest_fault fault;
        struct wire_bytes elf;
        uint32_t index;

        const enum manifest_error error = manifest_check_program(package, i, &fault);

        check_text(&fault);
        if (error != MANIFEST_OK) {
            continue;
        }
        /* What has been checked can be read. */
        if (!manifest_get_program(package, i, &program) ||
            !manifest_find_program(package, program.name, &index) || index != i ||
            !manifest_find_image(package, program.image, &elf) || elf.length == 0) {
            abort();
        }
        for (uint32_t g = 0; g < program.grants.count; g++) {
            if (!manifest_get_grant(package, &program, g, &grant) ||
                grant.source >= GRANT_SOURCE_WHICH_COUNT) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Aligned, as it is when mapped, and no longer than it is. */
    uint8_t *const bytes = malloc(size + 1);
    struct boot_package package;
    struct manifest_fault fault;

    memcpy(bytes, data, size);
    if (boot_package_open(&package, bytes, size, &fault) == MANIFEST_OK) {
        walk(&package);
    } else {
        check_text(&fault);
    }
    free(bytes);
    return 0;
}
