/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as the machine's memory, read as PVH and as multiboot2: the readers must return, and
 * a map they accept must keep B1, B2 and the limits of bootinfo/bootinfo.h. The first byte is
 * where the structure lies, in units of eight bytes.
 */

#include "bootinfo/bootinfo.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_info(const struct boot_info *info)
{
    check(info->range_count > 0 && info->range_count <= BOOT_RANGES_MAX);
    check(info->module_count <= BOOT_MODULES_MAX);
    check(memchr(info->command_line, 0, sizeof(info->command_line)) != NULL);
    for (uint32_t i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];

        check(range->start < range->end && range->end <= (uint64_t)1 << 52);
        check((range->start | range->end) % BOOT_PAGE_BYTES == 0);
        check(range->type <= BOOT_MEMORY_BAD);
        if (i > 0) {
            check(range[-1].end <= range->start);
            check(range[-1].end < range->start || range[-1].type != range->type);
        }
    }
    for (uint32_t i = 0; i < info->module_count; i++) {
        const struct boot_module *module = &info->modules[i];

        check(module->address <= (uint64_t)1 << 52 && module->bytes <= (uint64_t)1 << 52);
        check(memchr(module->name, 0, sizeof(module->name)) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct boot_window window = {.base = data, .limit = size};
    const uint64_t place = size > 0 ? (uint64_t)data[0] * 8 : 0;
    static struct boot_info info;
    struct boot_fault fault;

    if (boot_info_from_pvh(&window, place, &info, &fault) == BOOT_OK) {
        check_info(&info);
    } else {
        check(boot_error_name(fault.error)[0] != '?');
    }
    if (boot_info_from_multiboot2(&window, place, &info, &fault) == BOOT_OK) {
        check_info(&info);
    } else {
        check(boot_error_name(fault.error)[0] != '?');
    }
    return 0;
}
