/* SPDX-License-Identifier: MIT */
#include "bootinfo/bootinfo.h"

#include "bootinfo/reading.h"

#define PAGE_MASK ((uint64_t)BOOT_PAGE_BYTES - 1)

/* No x86-64 processor has more than 52 physical address bits (AMD64 APM vol. 2 §5.1). */
#define PHYSICAL_END ((uint64_t)1 << 52)

bool boot_refuse(struct boot_reading *reading, enum boot_error error, uint64_t address)
{
    reading->fault.error = error;
    reading->fault.address = address;
    return false;
}

const uint8_t *boot_window_at(const struct boot_window *window, uint64_t address, uint64_t length)
{
    if (address > window->limit || length > window->limit - address) {
        return NULL;
    }
    return window->base + address;
}

bool boot_count_entries(struct boot_reading *reading, uint64_t count, uint64_t field)
{
    if (count > BOOT_MAP_ENTRIES_MAX - reading->map_entries) {
        return boot_refuse(reading, BOOT_TOO_MANY_ENTRIES, field);
    }
    reading->map_entries += (uint32_t)count;
    return true;
}

/* Make room for one range at `place`. False, and noted, if there is none. */
static bool open_gap(struct boot_info *info, uint32_t place)
{
    if (info->range_count == BOOT_RANGES_MAX) {
        info->truncated |= BOOT_TRUNCATED_RANGES;
        return false;
    }
    for (uint32_t i = info->range_count; i > place; i--) {
        info->ranges[i] = info->ranges[i - 1];
    }
    info->range_count++;
    return true;
}

static bool insert_range(struct boot_info *info, uint32_t place, uint64_t start, uint64_t end,
                         enum boot_memory type)
{
    if (!open_gap(info, place)) {
        return false;
    }
    info->ranges[place].start = start;
    info->ranges[place].end = end;
    info->ranges[place].type = type;
    return true;
}

/*
 * Give [start, end), a part of ranges[place], a more restrictive type. Without room for the
 * pieces the whole range gets it (B5). Returns the place of the range that `start` is in.
 */
static uint32_t restrict_range(struct boot_info *info, uint32_t place, uint64_t start, uint64_t end,
                               enum boot_memory type)
{
    const struct boot_range whole = info->ranges[place];
    const uint32_t pieces = (start > whole.start ? 1u : 0u) + (end < whole.end ? 1u : 0u);

    if (BOOT_RANGES_MAX - info->range_count < pieces) {
        info->truncated |= BOOT_TRUNCATED_RANGES;
        info->ranges[place].type = type;
        return place;
    }
    if (end < whole.end) {
        insert_range(info, place + 1, end, whole.end, whole.type);
    }
    if (start > whole.start) {
        info->ranges[place].end = start;
        insert_range(info, ++place, start, end, type);
        return place;
    }
    info->ranges[place].end = end;
    info->ranges[place].type = type;
    return place;
}

/* Make one range of neighbours that touch and have one type. */
static void join_neighbours(struct boot_info *info)
{
    uint32_t kept = 0;

    for (uint32_t i = 1; i < info->range_count; i++) {
        struct boot_range *last = &info->ranges[kept];

        if (info->ranges[i].start == last->end && info->ranges[i].type == last->type) {
            last->end = info->ranges[i].end;
        } else {
            info->ranges[++kept] = info->ranges[i];
        }
    }
    if (info->range_count > 0) {
        info->range_count = kept + 1;
    }
}

/* Lay [start, end) over the map: fill what is in no range, restrict what is. */
static void overlay(struct boot_info *info, uint64_t start, uint64_t end, enum boot_memory type)
{
    uint32_t place = 0;

    while (start < end) {
        uint64_t stop;

        while (place < info->range_count && info->ranges[place].end <= start) {
            place++;
        }
        if (place == info->range_count || info->ranges[place].start >= end) {
            insert_range(info, place, start, end, type);
            break;
        }
        if (start < info->ranges[place].start) {
            stop = info->ranges[place].start;
            if (insert_range(info, place, start, stop, type)) {
                place++;
            }
        } else {
            stop = info->ranges[place].end < end ? info->ranges[place].end : end;
            if (type > info->ranges[place].type) {
                place = restrict_range(info, place, start, stop, type);
            }
        }
        start = stop;
    }
    join_neighbours(info);
}

void boot_add_memory(struct boot_info *info, uint64_t start, uint64_t bytes, enum boot_memory type)
{
    const bool overflows = start > PHYSICAL_END || bytes > PHYSICAL_END - start;
    uint64_t end = overflows ? PHYSICAL_END : start + bytes;

    if (type == BOOT_MEMORY_USABLE) {
        if (overflows) {
            info->ignored_entries++;
            return;
        }
        /* A range that found no place may have been here: nothing becomes usable any more (B5). */
        if ((info->truncated & BOOT_TRUNCATED_RANGES) != 0) {
            return;
        }
        start = (start + PAGE_MASK) & ~PAGE_MASK;
        end &= ~PAGE_MASK;
    } else if (bytes != 0) {
        start &= ~PAGE_MASK;
        end = (end + PAGE_MASK) & ~PAGE_MASK;
    } else {
        return;
    }
    overlay(info, start, end, type);
}

/* Copy a string that a zero byte or `limit` ends. False if it had to be cut. */
static bool copy_string(char *to, size_t capacity, const uint8_t *from, uint64_t limit)
{
    size_t length = 0;

    while (length < limit && from[length] != 0) {
        if (length == capacity - 1) {
            to[length] = '\0';
            return false;
        }
        to[length] = (char)from[length];
        length++;
    }
    to[length] = '\0';
    return true;
}

bool boot_add_module(struct boot_reading *reading, uint64_t address, uint64_t bytes,
                     const uint8_t *name, uint64_t name_limit, uint64_t field)
{
    struct boot_info *info = reading->info;
    struct boot_module *module;

    if (address > PHYSICAL_END || bytes > PHYSICAL_END - address) {
        return boot_refuse(reading, BOOT_BAD_MODULE, field);
    }
    if (info->module_count == BOOT_MODULES_MAX) {
        info->truncated |= BOOT_TRUNCATED_MODULES;
        return true;
    }
    module = &info->modules[info->module_count++];
    module->address = address;
    module->bytes = bytes;
    if (!copy_string(module->name, sizeof(module->name), name, name_limit)) {
        info->truncated |= BOOT_TRUNCATED_MODULE_NAME;
    }
    return true;
}

void boot_set_command_line(struct boot_info *info, const uint8_t *from, uint64_t limit)
{
    if (!copy_string(info->command_line, sizeof(info->command_line), from, limit)) {
        info->truncated |= BOOT_TRUNCATED_COMMAND_LINE;
    }
}

enum boot_memory boot_memory_from_acpi(uint32_t type)
{
    switch (type) {
    case 1:
        return BOOT_MEMORY_USABLE;
    case 3:
        return BOOT_MEMORY_ACPI;
    case 4:
        return BOOT_MEMORY_NVS;
    case 5:
        return BOOT_MEMORY_BAD;
    default: /* reserved, disabled, persistent, and what is yet to come */
        return BOOT_MEMORY_RESERVED;
    }
}

void boot_begin(struct boot_reading *reading, const struct boot_window *window,
                struct boot_info *info)
{
    *reading = (struct boot_reading){.window = window, .info = info};
    info->range_count = 0;
    info->module_count = 0;
    info->truncated = 0;
    info->ignored_entries = 0;
    info->rsdp_address = 0;
    info->loader_address = 0;
    info->loader_bytes = 0;
    info->command_line[0] = '\0';
}

enum boot_error boot_end(struct boot_reading *reading, bool good, struct boot_fault *fault)
{
    if (good && reading->info->range_count == 0) {
        boot_refuse(reading, BOOT_NO_MEMORY_MAP, reading->info->loader_address);
        good = false;
    }
    if (!good) {
        *fault = reading->fault;
    }
    return reading->fault.error;
}

bool boot_info_is_usable(const struct boot_info *info, uint64_t start, uint64_t bytes)
{
    for (uint32_t i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];

        if (start >= range->start && start < range->end) {
            return range->type == BOOT_MEMORY_USABLE && bytes <= range->end - start;
        }
    }
    return false;
}

const char *boot_memory_name(enum boot_memory type)
{
    switch (type) {
    case BOOT_MEMORY_USABLE:
        return "usable";
    case BOOT_MEMORY_ACPI:
        return "acpi";
    case BOOT_MEMORY_NVS:
        return "nvs";
    case BOOT_MEMORY_RESERVED:
        return "reserved";
    case BOOT_MEMORY_BAD:
        return "bad";
    }
    return "?";
}

const char *boot_error_name(enum boot_error error)
{
    switch (error) {
    case BOOT_OK:
        return "ok";
    case BOOT_OUTSIDE_WINDOW:
        return "outsideWindow";
    case BOOT_BAD_MAGIC:
        return "badMagic";
    case BOOT_BAD_SIZE:
        return "badSize";
    case BOOT_NO_END_TAG:
        return "noEndTag";
    case BOOT_BAD_ENTRY_SIZE:
        return "badEntrySize";
    case BOOT_TOO_MANY_ENTRIES:
        return "tooManyEntries";
    case BOOT_BAD_MODULE:
        return "badModule";
    case BOOT_NO_MEMORY_MAP:
        return "noMemoryMap";
    }
    return "?";
}
