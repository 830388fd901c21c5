/* SPDX-License-Identifier: MIT */
/*
 * Memory that firmware lets devices use behind the system's back (RMRR, VT-d 4.1 §8.4): graphics
 * stolen memory, a management controller's mailbox. These functions are the one exception to L2:
 * each gets a domain that maps just its ranges, at their own addresses, and nobody may claim it.
 *
 * Firmware's word is not enough: a range of memory that the kernel hands out is refused.
 */

#include "diag/log.h"
#include "iommu/vtd_unit.h"
#include "mm/frames.h"

#define FUNCTIONS_MAX   16u
#define RANGE_PAGES_MAX ((1ull << 30) >> PAGE_SHIFT)

struct firmware_function {
    uint16_t segment;
    uint16_t source;
    bool has_domain;
    struct iommu_domain domain;
};

static struct firmware_function functions[FUNCTIONS_MAX];
static uint32_t function_count;

bool iommu_has_firmware_memory(uint16_t segment, uint16_t source)
{
    for (uint32_t i = 0; i < function_count; i++) {
        if (functions[i].segment == segment && functions[i].source == source) {
            return true;
        }
    }
    return false;
}

static struct firmware_function *find_or_add(const struct vtd_path *path)
{
    const struct vtd_hop *hop = &path->hops[path->count - 1];
    const uint16_t source = (uint16_t)(hop->bus << 8 | hop->device << 3 | hop->function);

    for (uint32_t i = 0; i < function_count; i++) {
        if (functions[i].segment == path->segment && functions[i].source == source) {
            return &functions[i];
        }
    }
    if (function_count == FUNCTIONS_MAX) {
        return NULL;
    }
    functions[function_count] =
        (struct firmware_function){.segment = path->segment, .source = source};
    return &functions[function_count++];
}

/** Follow a scope's way; false if it leads through something that is no bridge. */
static bool resolve(const struct acpi_dmar_scope *scope, uint16_t segment,
                    iommu_secondary_bus *secondary_bus, struct vtd_path *path)
{
    uint8_t bus = scope->bus;

    path->segment = segment;
    path->count = scope->path_length;
    if (scope->path_length > VTD_PATH_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < scope->path_length; i++) {
        const struct vtd_hop hop = {bus, scope->path[2 * i] & 0x1f, scope->path[2 * i + 1] & 7};

        path->hops[i] = hop;
        if (i + 1 < scope->path_length &&
            (secondary_bus == NULL ||
             !secondary_bus(segment, hop.bus, hop.device, hop.function, &bus))) {
            return false;
        }
    }
    return true;
}

/** Whether a range is none of the memory that the kernel hands out. */
static bool is_firmware_memory(uint64_t first, uint64_t last)
{
    for (uint64_t page = first >> PAGE_SHIFT; page <= last >> PAGE_SHIFT; page++) {
        if (page < frames_total() && frame_record((uint32_t)page)->kind != FRAME_RESERVED) {
            return false;
        }
    }
    return true;
}

static const char *map_range(struct firmware_function *function,
                             const struct acpi_dmar_entry *range, const struct vtd_path *path)
{
    const struct iommu_coverage coverage = iommu_find(path);
    const uint64_t pages = ((range->limit - range->base) >> PAGE_SHIFT) + 1;

    if (coverage.kind != IOMMU_COVERED) {
        return "no unit that works";
    }
    if (!function->has_domain) {
        if (iommu_domain_init(&function->domain, coverage.unit, NULL) != STATUS_OK ||
            iommu_attach_prepare(coverage.unit, &function->source, 1) != STATUS_OK) {
            return "no memory";
        }
        function->has_domain = true;
    }
    if (iommu_map_prepare(&function->domain, (struct iova){range->base}, pages) != STATUS_OK) {
        return "no memory, or out of reach";
    }
    for (uint64_t at = range->base; at < range->limit; at += PAGE_BYTES) {
        struct paddr page;

        if (iommu_translate(&function->domain, (struct iova){at}, &page) == 0) {
            iommu_map_page(&function->domain, (struct iova){at}, (struct paddr){at},
                           IOMMU_READ | IOMMU_WRITE);
        }
    }
    return NULL;
}

static void add_range(const struct acpi_dmar_entry *range, iommu_secondary_bus *secondary_bus)
{
    struct acpi_dmar_scope scope;
    struct vtd_path path;
    uint32_t cursor = 0;

    while (acpi_dmar_next_scope(range->scopes, &cursor, &scope)) {
        const char *problem = "its way does not lead to a function";
        struct firmware_function *function;

        if (resolve(&scope, range->segment, secondary_bus, &path)) {
            function = find_or_add(&path);
            problem = function == NULL      ? "too many functions"
                      : !range->well_formed ? "not whole pages"
                      : range->limit - range->base >= RANGE_PAGES_MAX * PAGE_BYTES ? "too large"
                      : !is_firmware_memory(range->base, range->limit)
                          ? "it is memory of the kernel's"
                          : map_range(function, range, &path);
        }
        log_info("iommu", "firmware's memory %lx to %lx for a device on bus %u: %s",
                 (unsigned long)range->base, (unsigned long)range->limit, scope.bus,
                 problem == NULL ? "mapped" : problem);
    }
}

static void attach_done(struct iommu_wait *wait)
{
    (void)wait;
}

void iommu_firmware_memory_init(iommu_secondary_bus *secondary_bus)
{
    static struct iommu_wait waits[FUNCTIONS_MAX];

    for (uint32_t i = 0; i < firmware.reserved_count; i++) {
        add_range(&firmware.reserved[i], secondary_bus);
    }
    for (uint32_t i = 0; i < function_count; i++) {
        if (functions[i].has_domain) {
            /* Nobody waits: until the unit has seen it, the function is blocked. */
            (void)!iommu_attach(&functions[i].domain, &functions[i].source, 1, &waits[i],
                                attach_done);
        }
    }
}
