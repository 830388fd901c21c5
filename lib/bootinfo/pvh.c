/* SPDX-License-Identifier: MIT */

/*
 * The start of day structure of the PVH boot protocol, as QEMU, Xen, Firecracker and Cloud
 * Hypervisor make it. Layout: Xen, public/arch-x86/hvm/start_info.h. An address of 0 means
 * that the thing is not there; later versions only append.
 */
#include "bootinfo/reading.h"

#include "bytes/bytes.h"

/* struct hvm_start_info */
#define START_MAGIC          0u
#define START_VERSION        4u
#define START_MODULE_COUNT   12u
#define START_MODULES        16u
#define START_COMMAND_LINE   24u
#define START_RSDP           32u
#define START_V0_BYTES       40u
#define START_MEMORY_MAP     40u
#define START_MEMORY_ENTRIES 48u
#define START_V1_BYTES       56u
#define START_MAGIC_VALUE    0x336ec578u

/* struct hvm_modlist_entry */
#define MODULE_ADDRESS      0u
#define MODULE_SIZE         8u
#define MODULE_COMMAND_LINE 16u
#define MODULE_BYTES        32u

/* struct hvm_memmap_table_entry */
#define MEMORY_ADDRESS 0u
#define MEMORY_SIZE    8u
#define MEMORY_TYPE    16u
#define MEMORY_BYTES   24u

/* Find the string at the address that `field` holds; none is an empty one. */
static bool find_string(struct boot_reading *reading, const uint8_t *at, uint64_t field,
                        const uint8_t **string, uint64_t *limit)
{
    const uint64_t address = bytes_u64(at);

    if (address == 0) {
        *string = at;
        *limit = 0;
        return true;
    }
    *string = boot_window_at(reading->window, address, 1);
    if (*string == NULL) {
        return boot_refuse(reading, BOOT_OUTSIDE_WINDOW, field);
    }
    *limit = reading->window->limit - address;
    return true;
}

static bool read_modules(struct boot_reading *reading, const uint8_t *start, uint64_t place)
{
    const uint32_t count = bytes_u32(start + START_MODULE_COUNT);
    const uint64_t list_place = bytes_u64(start + START_MODULES);
    const uint8_t *list;

    if (count == 0) {
        return true;
    }
    list = boot_window_at(reading->window, list_place, (uint64_t)count * MODULE_BYTES);
    if (list_place == 0 || list == NULL) {
        return boot_refuse(reading, BOOT_OUTSIDE_WINDOW, place + START_MODULES);
    }
    for (uint32_t i = 0; i <= BOOT_MODULES_MAX && i < count; i++) {
        const uint64_t entry_place = list_place + (uint64_t)i * MODULE_BYTES;
        const uint8_t *entry = list + (size_t)i * MODULE_BYTES;
        const uint8_t *name;
        uint64_t limit;

        if (!find_string(reading, entry + MODULE_COMMAND_LINE, entry_place + MODULE_COMMAND_LINE,
                         &name, &limit) ||
            !boot_add_module(reading, bytes_u64(entry + MODULE_ADDRESS),
                             bytes_u64(entry + MODULE_SIZE), name, limit,
                             entry_place + MODULE_SIZE)) {
            return false;
        }
    }
    return true;
}

static bool read_memory_map(struct boot_reading *reading, const uint8_t *start, uint64_t place)
{
    const uint64_t map_place = bytes_u64(start + START_MEMORY_MAP);
    const uint32_t count = bytes_u32(start + START_MEMORY_ENTRIES);
    const uint8_t *map;

    if (count == 0) {
        return true;
    }
    if (!boot_count_entries(reading, count, place + START_MEMORY_ENTRIES)) {
        return false;
    }
    map = boot_window_at(reading->window, map_place, (uint64_t)count * MEMORY_BYTES);
    if (map_place == 0 || map == NULL) {
        return boot_refuse(reading, BOOT_OUTSIDE_WINDOW, place + START_MEMORY_MAP);
    }
    for (uint32_t i = 0; i < count; i++, map += MEMORY_BYTES) {
        boot_add_memory(reading->info, bytes_u64(map + MEMORY_ADDRESS),
                        bytes_u64(map + MEMORY_SIZE),
                        boot_memory_from_acpi(bytes_u32(map + MEMORY_TYPE)));
    }
    return true;
}

static bool read_start_info(struct boot_reading *reading, uint64_t place)
{
    const uint8_t *start = boot_window_at(reading->window, place, START_V0_BYTES);
    const uint8_t *command_line;
    uint64_t limit;

    if (start == NULL) {
        return boot_refuse(reading, BOOT_OUTSIDE_WINDOW, place);
    }
    if (bytes_u32(start + START_MAGIC) != START_MAGIC_VALUE) {
        return boot_refuse(reading, BOOT_BAD_MAGIC, place + START_MAGIC);
    }
    reading->info->loader_address = place;
    reading->info->loader_bytes = START_V0_BYTES;
    reading->info->rsdp_address = bytes_u64(start + START_RSDP);
    if (!find_string(reading, start + START_COMMAND_LINE, place + START_COMMAND_LINE, &command_line,
                     &limit)) {
        return false;
    }
    boot_set_command_line(reading->info, command_line, limit);
    if (!read_modules(reading, start, place)) {
        return false;
    }
    if (bytes_u32(start + START_VERSION) == 0) {
        return true;
    }
    if (boot_window_at(reading->window, place, START_V1_BYTES) == NULL) {
        return boot_refuse(reading, BOOT_OUTSIDE_WINDOW, place + START_MEMORY_MAP);
    }
    reading->info->loader_bytes = START_V1_BYTES;
    return read_memory_map(reading, start, place);
}

enum boot_error boot_info_from_pvh(const struct boot_window *window, uint64_t address,
                                   struct boot_info *info, struct boot_fault *fault)
{
    struct boot_reading reading;

    boot_begin(&reading, window, info);
    return boot_end(&reading, read_start_info(&reading, address), fault);
}
