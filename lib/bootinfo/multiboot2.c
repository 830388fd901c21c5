/* SPDX-License-Identifier: MIT */

/*
 * The information structure of multiboot2, as GRUB makes it under BIOS and UEFI: a size, then
 * tags, each at a multiple of eight bytes, the last of type 0. Layout: Multiboot2 Specification
 * 2.0 §3.6. Tags that mean nothing here (framebuffer, symbols, ...) are passed over.
 *
 * Under UEFI the loader gives the map twice, in ACPI's terms and in UEFI's. Both are laid over
 * each other: memory is usable only if no map objects.
 */
#include "bootinfo/reading.h"

#include "bytes/bytes.h"

#define INFO_TOTAL_SIZE 0u
#define INFO_TAGS       8u

/* Every tag */
#define TAG_TYPE  0u
#define TAG_SIZE  4u
#define TAG_BYTES 8u
#define TAG_ALIGN 8u

enum {
    TYPE_END = 0,
    TYPE_COMMAND_LINE = 1,
    TYPE_MODULE = 3,
    TYPE_MEMORY_MAP = 6,
    TYPE_EFI64_SYSTEM_TABLE = 12,
    TYPE_RSDP_V1 = 14,
    TYPE_RSDP_V2 = 15,
    TYPE_EFI_MEMORY_MAP = 17,
    TYPE_EFI_BOOT_SERVICES = 18 /* still running */
};

/* §3.6.6 */
#define MODULE_START  8u
#define MODULE_END    12u
#define MODULE_STRING 16u

/* §3.6.8 */
#define MAP_ENTRY_SIZE 8u
#define MAP_ENTRIES    16u
#define ENTRY_BASE     0u
#define ENTRY_LENGTH   8u
#define ENTRY_TYPE     16u
#define ENTRY_BYTES    24u

/* §3.6.17, UEFI 2.10 §7.2.3: EFI_MEMORY_DESCRIPTOR */
#define EFI_DESCRIPTOR_SIZE  8u
#define EFI_DESCRIPTORS      16u
#define DESCRIPTOR_TYPE      0u
#define DESCRIPTOR_START     8u
#define DESCRIPTOR_PAGES     24u
#define DESCRIPTOR_ATTRIBUTE 32u
#define DESCRIPTOR_BYTES     40u
#define EFI_PAGE_SHIFT       12u
#define EFI_MEMORY_SP        0x40000u /* specific purpose: no ordinary memory */

enum {
    EFI_LOADER_CODE = 1,
    EFI_LOADER_DATA = 2,
    EFI_BOOT_SERVICES_CODE = 3,
    EFI_BOOT_SERVICES_DATA = 4,
    EFI_CONVENTIONAL = 7,
    EFI_UNUSABLE = 8,
    EFI_ACPI_RECLAIM = 9,
    EFI_ACPI_NVS = 10
};

/* §3.6.12 */
#define SYSTEM_TABLE_POINTER 8u
#define SYSTEM_TABLE_BYTES   16u

#define RSDP_V1_BYTES        20u
#define RSDP_V2_BYTES        36u

/* One tag, its size checked against the structure. */
struct tag {
    const uint8_t *bytes;
    uint64_t place; /* physical */
    uint32_t type;
    uint32_t size;
};

/* What has been found while walking. */
struct walk {
    bool boot_services;
    bool has_command_line;
    bool has_rsdp_v2;
    uint64_t system_table; /* of UEFI: physical; 0: none */
};

static bool read_module(struct boot_reading *reading, const struct tag *tag)
{
    uint32_t start;
    uint32_t end;

    if (tag->size < MODULE_STRING) {
        return boot_refuse(reading, BOOT_BAD_SIZE, tag->place + TAG_SIZE);
    }
    start = bytes_u32(tag->bytes + MODULE_START);
    end = bytes_u32(tag->bytes + MODULE_END);
    if (end < start) {
        return boot_refuse(reading, BOOT_BAD_MODULE, tag->place + MODULE_END);
    }
    return boot_add_module(reading, start, end - start, tag->bytes + MODULE_STRING,
                           tag->size - MODULE_STRING, tag->place + MODULE_END);
}

/* The number of whole entries of `least` bytes or more in a tag whose entries start at 16. */
static bool count_entries(struct boot_reading *reading, const struct tag *tag, uint32_t least,
                          uint32_t *entry_bytes, uint32_t *count)
{
    if (tag->size < MAP_ENTRIES) {
        return boot_refuse(reading, BOOT_BAD_SIZE, tag->place + TAG_SIZE);
    }
    *entry_bytes = bytes_u32(tag->bytes + MAP_ENTRY_SIZE);
    if (*entry_bytes < least) {
        return boot_refuse(reading, BOOT_BAD_ENTRY_SIZE, tag->place + MAP_ENTRY_SIZE);
    }
    *count = (tag->size - MAP_ENTRIES) / *entry_bytes;
    return boot_count_entries(reading, *count, tag->place + TAG_SIZE);
}

static bool read_memory_map(struct boot_reading *reading, const struct tag *tag)
{
    const uint8_t *entry = tag->bytes + MAP_ENTRIES;
    uint32_t entry_bytes;
    uint32_t count;

    if (!count_entries(reading, tag, ENTRY_BYTES, &entry_bytes, &count)) {
        return false;
    }
    for (; count > 0; count--, entry += entry_bytes) {
        boot_add_memory(reading->info, bytes_u64(entry + ENTRY_BASE),
                        bytes_u64(entry + ENTRY_LENGTH),
                        boot_memory_from_acpi(bytes_u32(entry + ENTRY_TYPE)));
    }
    return true;
}

/* UEFI 2.10 §7.2.3, tables 7.9 and 7.10: what a kernel may use after ExitBootServices(). */
static enum boot_memory memory_from_efi(uint32_t type, uint64_t attribute, bool boot_services)
{
    switch (type) {
    case EFI_BOOT_SERVICES_CODE:
    case EFI_BOOT_SERVICES_DATA:
        if (boot_services) {
            return BOOT_MEMORY_RESERVED;
        }
        break;
    case EFI_LOADER_CODE:
    case EFI_LOADER_DATA:
    case EFI_CONVENTIONAL:
        break;
    case EFI_UNUSABLE:
        return BOOT_MEMORY_BAD;
    case EFI_ACPI_RECLAIM:
        return BOOT_MEMORY_ACPI;
    case EFI_ACPI_NVS:
        return BOOT_MEMORY_NVS;
    default: /* runtime services, devices, persistent, unaccepted, unknown */
        return BOOT_MEMORY_RESERVED;
    }
    return (attribute & EFI_MEMORY_SP) != 0 ? BOOT_MEMORY_RESERVED : BOOT_MEMORY_USABLE;
}

static bool read_efi_memory_map(struct boot_reading *reading, const struct tag *tag,
                                bool boot_services)
{
    const uint8_t *entry = tag->bytes + EFI_DESCRIPTORS;
    uint32_t entry_bytes;
    uint32_t count;

    if (!count_entries(reading, tag, DESCRIPTOR_BYTES, &entry_bytes, &count)) {
        return false;
    }
    for (; count > 0; count--, entry += entry_bytes) {
        const uint64_t pages = bytes_u64(entry + DESCRIPTOR_PAGES);
        const bool overflows = pages > UINT64_MAX >> EFI_PAGE_SHIFT;

        boot_add_memory(reading->info, bytes_u64(entry + DESCRIPTOR_START),
                        overflows ? UINT64_MAX : pages << EFI_PAGE_SHIFT,
                        memory_from_efi(bytes_u32(entry + DESCRIPTOR_TYPE),
                                        bytes_u64(entry + DESCRIPTOR_ATTRIBUTE), boot_services));
    }
    return true;
}

/* The tag holds a copy of the RSDP; the newer form is the better one. */
static bool read_rsdp(struct boot_reading *reading, const struct tag *tag, struct walk *walk)
{
    const bool v2 = tag->type == TYPE_RSDP_V2;

    if (tag->size < TAG_BYTES + (v2 ? RSDP_V2_BYTES : RSDP_V1_BYTES)) {
        return boot_refuse(reading, BOOT_BAD_SIZE, tag->place + TAG_SIZE);
    }
    if (v2 || !walk->has_rsdp_v2) {
        reading->info->rsdp_address = tag->place + TAG_BYTES;
    }
    walk->has_rsdp_v2 = walk->has_rsdp_v2 || v2;
    return true;
}

static bool read_system_table(struct boot_reading *reading, const struct tag *tag,
                              struct walk *walk)
{
    if (tag->size < SYSTEM_TABLE_BYTES) {
        return boot_refuse(reading, BOOT_BAD_SIZE, tag->place + TAG_SIZE);
    }
    walk->system_table = bytes_u64(tag->bytes + SYSTEM_TABLE_POINTER);
    return true;
}

static bool read_tag(struct boot_reading *reading, const struct tag *tag, struct walk *walk)
{
    switch (tag->type) {
    case TYPE_COMMAND_LINE:
        if (!walk->has_command_line) {
            boot_set_command_line(reading->info, tag->bytes + TAG_BYTES, tag->size - TAG_BYTES);
        }
        walk->has_command_line = true;
        return true;
    case TYPE_MODULE:
        return read_module(reading, tag);
    case TYPE_MEMORY_MAP:
        return read_memory_map(reading, tag);
    case TYPE_EFI_MEMORY_MAP:
        return read_efi_memory_map(reading, tag, walk->boot_services);
    case TYPE_EFI64_SYSTEM_TABLE:
        return read_system_table(reading, tag, walk);
    case TYPE_RSDP_V1:
    case TYPE_RSDP_V2:
        return read_rsdp(reading, tag, walk);
    default:
        return true;
    }
}

/* The tag at `offset` of the structure. */
static bool find_tag(struct boot_reading *reading, const uint8_t *info, uint64_t place,
                     uint32_t total, uint64_t offset, struct tag *tag)
{
    if (offset > total || total - offset < TAG_BYTES) {
        return boot_refuse(reading, BOOT_NO_END_TAG, place + offset);
    }
    tag->bytes = info + offset;
    tag->place = place + offset;
    tag->type = bytes_u32(tag->bytes + TAG_TYPE);
    tag->size = bytes_u32(tag->bytes + TAG_SIZE);
    if (tag->size < TAG_BYTES || tag->size > total - offset) {
        return boot_refuse(reading, BOOT_BAD_SIZE, tag->place + TAG_SIZE);
    }
    return true;
}

/* Call for every tag up to the last one: first to see what the maps' meaning depends on. */
static bool walk_tags(struct boot_reading *reading, const uint8_t *info, uint64_t place,
                      uint32_t total, struct walk *walk, bool first_pass)
{
    uint64_t offset = INFO_TAGS;
    struct tag tag;

    for (;;) {
        if (!find_tag(reading, info, place, total, offset, &tag)) {
            return false;
        }
        if (tag.type == TYPE_END) {
            return true;
        }
        if (first_pass) {
            walk->boot_services = walk->boot_services || tag.type == TYPE_EFI_BOOT_SERVICES;
        } else if (!read_tag(reading, &tag, walk)) {
            return false;
        }
        offset = (offset + tag.size + (TAG_ALIGN - 1)) & ~(uint64_t)(TAG_ALIGN - 1);
    }
}

static bool read_information(struct boot_reading *reading, uint64_t place)
{
    const uint8_t *info = boot_window_at(reading->window, place, INFO_TAGS);
    struct walk walk = {0};
    uint32_t total;

    if (info == NULL) {
        return boot_refuse(reading, BOOT_OUTSIDE_WINDOW, place);
    }
    if (place % TAG_ALIGN != 0) {
        return boot_refuse(reading, BOOT_BAD_MAGIC, place); /* no loader puts it there */
    }
    total = bytes_u32(info + INFO_TOTAL_SIZE);
    if (total < INFO_TAGS) {
        return boot_refuse(reading, BOOT_BAD_SIZE, place + INFO_TOTAL_SIZE);
    }
    if (boot_window_at(reading->window, place, total) == NULL) {
        return boot_refuse(reading, BOOT_OUTSIDE_WINDOW, place + INFO_TOTAL_SIZE);
    }
    reading->info->loader_address = place;
    reading->info->loader_bytes = total;
    if (!walk_tags(reading, info, place, total, &walk, true) ||
        !walk_tags(reading, info, place, total, &walk, false)) {
        return false;
    }
    if (reading->info->rsdp_address == 0 && walk.system_table != 0) {
        reading->info->rsdp_address = boot_rsdp_from_efi(reading->window, walk.system_table);
    }
    return true;
}

enum boot_error boot_info_from_multiboot2(const struct boot_window *window, uint64_t address,
                                          struct boot_info *info, struct boot_fault *fault)
{
    struct boot_reading reading;

    boot_begin(&reading, window, info);
    return boot_end(&reading, read_information(&reading, address), fault);
}
