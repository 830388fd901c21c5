/* SPDX-License-Identifier: MIT */
/*
 * Bringing VT-d units up (VT-d 4.1 §11.4 for the registers): from whatever firmware left behind to
 * "everything is blocked".
 *
 *      judge what it can do
 *      off: translation, interrupt remapping, queue           (bus mastering is off everywhere)
 *      queue on; root table without entries; forget caches; translation on
 *      interrupt table without entries; forget caches; remapping on
 *      fault events on; firmware's protected ranges off
 */

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "diag/log.h"
#include "iommu/vtd_unit.h"
#include "mm/frames.h"
#include "mm/kernel_map.h"
#include "mm/layout.h"

#define COMMAND_DEADLINE_NS 100000000ull
#define CACHE_LINE          64u
#define CPUID_ADDRESS_BITS  0x80000008u /* SDM vol. 2A, CPUID: bits 7:0 of EAX */

struct iommu iommu_units[FIRMWARE_MAX_UNITS];

void vtd_write_back_slowly(const void *start, uint64_t bytes)
{
    const uintptr_t end = (uintptr_t)start + bytes;

    for (uintptr_t at = (uintptr_t)start & ~(uintptr_t)(CACHE_LINE - 1); at < end;
         at += CACHE_LINE) {
        cache_line_flush(at);
    }
    memory_fence();
}

void *vtd_take_frames(const struct iommu *unit, uint32_t order)
{
    uint32_t first;

    if (frames_take(order, FRAME_IOMMU, NULL, &first) != STATUS_OK) {
        return NULL;
    }
    for (uint32_t i = 0; i < 1u << order; i++) {
        frame_clear(first + i);
        frame_record(first + i)->next = 0;
    }
    vtd_write_back(unit, frame_pointer(first), PAGE_BYTES << order);
    return frame_pointer(first);
}

uint32_t vtd_bit_take(uint64_t *bits, uint32_t count)
{
    for (uint32_t word = 0; word < count / BITMAP_WORD_BITS + 1; word++) {
        if (word * BITMAP_WORD_BITS < count && bits[word] != UINT64_MAX) {
            const uint32_t bit = word * BITMAP_WORD_BITS + (uint32_t)__builtin_ctzll(~bits[word]);

            if (bit >= count) {
                break;
            }
            bits[word] |= 1ull << (bit % BITMAP_WORD_BITS);
            return bit;
        }
    }
    return UINT32_MAX;
}

void vtd_bit_give(uint64_t *bits, uint32_t bit)
{
    KVERIFY((bits[bit / BITMAP_WORD_BITS] >> (bit % BITMAP_WORD_BITS) & 1) != 0);
    bits[bit / BITMAP_WORD_BITS] &= ~(1ull << (bit % BITMAP_WORD_BITS));
}

/** Wait until bits of a register are set or clear. */
static bool wait_for(const struct iommu *unit, uint32_t offset, uint32_t bits, bool set)
{
    const uint64_t deadline = rdtsc() + clock_duration_ticks(COMMAND_DEADLINE_NS);

    while (((vtd_read32(unit, offset) & bits) != 0) != set) {
        if (rdtsc() > deadline) {
            return false;
        }
        cpu_relax();
    }
    return true;
}

/** §11.4.4.1: one command at a time, with the states as they are. */
static bool command(const struct iommu *unit, uint32_t bit, bool on)
{
    const uint32_t states = vtd_read32(unit, VTD_STATUS) & VTD_STATES & ~bit;

    vtd_write32(unit, VTD_COMMAND, states | (on ? bit : 0));
    return wait_for(unit, VTD_STATUS, bit, on);
}

static bool switch_off(const struct iommu *unit)
{
    static const uint32_t states[] = {VTD_TRANSLATION, VTD_REMAPPING, VTD_COMPATIBILITY, VTD_QUEUE};

    for (uint32_t i = 0; i < ARRAY_COUNT(states); i++) {
        if ((vtd_read32(unit, VTD_STATUS) & states[i]) != 0 && !command(unit, states[i], false)) {
            return false;
        }
    }
    return true;
}

static bool invalidate(struct iommu *unit, struct vtd_descriptor first,
                       struct vtd_descriptor second)
{
    struct iommu_wait wait = {.count = 2, .descriptors = {first, second}};

    return vtd_submit_at_boot(unit, &wait);
}

static const char *start_queue(struct iommu *unit)
{
    unit->queue = vtd_take_frames(unit, 0);
    if (unit->queue == NULL) {
        return "no memory for its queue";
    }
    vtd_write64(unit, VTD_QUEUE_TAIL, 0);
    vtd_write64(unit, VTD_QUEUE_ADDRESS, vtd_queue_address(direct_map_paddr(unit->queue).value, 0));
    return command(unit, VTD_QUEUE, true) ? NULL : "its queue does not start";
}

static const char *start_translation(struct iommu *unit)
{
    unit->root = vtd_take_frames(unit, 0);
    if (unit->root == NULL) {
        return "no memory for its root table";
    }
    vtd_write64(unit, VTD_ROOT_TABLE, direct_map_paddr(unit->root).value);
    if (!command(unit, VTD_SET_ROOT, true)) {
        return "it does not take its root table";
    }
    /* §6.6: all that was cached is from another root. */
    if (!invalidate(unit, vtd_invalidate_contexts(), vtd_invalidate_iotlb(unit->drain))) {
        return "its queue does not move";
    }
    if (!command(unit, VTD_TRANSLATION, true)) {
        return "translation does not start";
    }
    return NULL;
}

/** Interrupt remapping; without it the unit works all the same. */
static const char *start_remapping(struct iommu *unit)
{
    const bool extended = unit->can.extended_interrupts && cpu_features.x2apic;

    if (!unit->can.interrupt_remapping) {
        return "it has none";
    }
    unit->routes = vtd_take_frames(unit, ROUTE_ORDER - 8);
    if (unit->routes == NULL) {
        return "no memory for its table";
    }
    vtd_write64(
        unit, VTD_INTERRUPT_TABLE,
        vtd_interrupt_table_address(direct_map_paddr(unit->routes).value, ROUTE_ORDER, extended));
    if (!command(unit, VTD_SET_INTERRUPT_TABLE, true)) {
        return "it does not take its table";
    }
    if (!invalidate(unit, vtd_invalidate_interrupts(), vtd_invalidate_interrupts())) {
        return "its queue does not move";
    }
    if (!command(unit, VTD_REMAPPING, true)) {
        return "it does not start";
    }
    unit->extended_mode = extended;
    unit->remaps_interrupts = true;
    return NULL;
}

/** §11.4.8: ranges that firmware closed to all DMA until somebody translates. */
static void open_protected_memory(const struct iommu *unit)
{
    if (!unit->can.protects_memory ||
        (vtd_read32(unit, VTD_PROTECTED_MEMORY) & VTD_PROTECTED_STATUS) == 0) {
        return;
    }
    vtd_write32(unit, VTD_PROTECTED_MEMORY, 0);
    if (!wait_for(unit, VTD_PROTECTED_MEMORY, VTD_PROTECTED_STATUS, false)) {
        log_info("iommu", "unit %u: firmware's protected memory stays closed to devices",
                 iommu_number(unit));
    }
}

/** Whether an address is on the bus at all, and not memory of the kernel's. */
static bool is_register_page(uint64_t address)
{
    const uint32_t bits = cpuid(CPUID_ADDRESS_BITS, 0).eax & 0xff;
    const uint64_t frame = address >> PAGE_SHIFT;

    return address >> bits == 0 &&
           (frame >= frames_total() || frame_record((uint32_t)frame)->kind == FRAME_RESERVED);
}

static void map_registers(struct iommu *unit)
{
    const struct paddr base = {unit->firmware->base};

    unit->registers = kernel_map_registers(base, PAGE_BYTES);
    unit->version = vtd_read32(unit, VTD_VERSION);
    unit->capability = vtd_read64(unit, VTD_CAPABILITY);
    unit->extended_capability = vtd_read64(unit, VTD_EXTENDED_CAPABILITY);
}

static const char *start(struct iommu *unit)
{
    const struct acpi_dmar_entry *firmware_entry = unit->firmware;

    if (!is_page_aligned(firmware_entry->base) || !is_register_page(firmware_entry->base)) {
        return "its registers are where none can be";
    }
    map_registers(unit);
    const char *problem = vtd_capabilities_read(unit->version, unit->capability,
                                                unit->extended_capability, &unit->can);

    if (problem != NULL) {
        return problem;
    }
    const uint64_t bytes =
        unit->can.fault_offset + (uint64_t)unit->can.fault_count * VTD_FAULT_RECORD_BYTES;

    if (bytes > PAGE_BYTES) {
        unit->registers = kernel_map_registers((struct paddr){firmware_entry->base}, bytes);
    }
    unit->drain = (unit->can.drains_reads ? VTD_IOTLB_DRAIN_READ : 0) |
                  (unit->can.drains_writes ? VTD_IOTLB_DRAIN_WRITE : 0);
    /* §6.8: an invalidation flushes the write buffers of units that have them, too. */
    unit->invalidates_on_map = unit->can.caching_mode || unit->can.write_buffer;
    unit->domain_ids[0] = 1; /* §6.1: id 0 is what caching mode has absent entries under */
    if (!switch_off(unit)) {
        return "it does not switch off what firmware switched on";
    }
    problem = start_queue(unit);
    if (problem == NULL) {
        problem = start_translation(unit);
    }
    return problem;
}

/** Whether every I/O APIC is under a unit: else remapping would cut off the one that is not. */
static bool io_apics_are_covered(void)
{
    struct iommu *unit;
    uint16_t source;

    for (uint32_t i = 0; i < firmware.io_apic_count; i++) {
        if (!iommu_find_io_apic(firmware.io_apics[i].id, &unit, &source)) {
            log_info("iommu", "I/O APIC %u is under no unit: interrupts are not remapped",
                     firmware.io_apics[i].id);
            return false;
        }
    }
    return true;
}

static void report(const struct iommu *unit, const char *interrupts)
{
    log_info("iommu",
             "unit %u at %lx: VT-d %u.%u, %u address bits, %u domains, %u fault records%s; "
             "DMA remapping on, interrupt remapping %s%s",
             iommu_number(unit), (unsigned long)unit->firmware->base, unit->version >> 4 & 0xf,
             unit->version & 0xf, unit->can.address_bits, unit->can.domain_count,
             unit->can.fault_count, unit->can.coherent ? "" : ", not coherent",
             interrupts == NULL ? "on" : "off: ",
             interrupts == NULL ? unit->extended_mode ? ", extended" : "" : interrupts);
}

static void start_unit(struct iommu *unit, const char *no_remapping)
{
    const char *problem = start(unit);

    if (problem != NULL) {
        unit->problem = problem;
        log_info("iommu", "unit %u at %lx does not work: %s; what is behind it has none",
                 iommu_number(unit), (unsigned long)unit->firmware->base, problem);
        return;
    }
    unit->works = true;
    report(unit, no_remapping != NULL ? no_remapping : start_remapping(unit));
    open_protected_memory(unit);
    vtd_fault_init(unit, this_cpu()->apic_id);
}

void iommu_init(iommu_secondary_bus *secondary_bus)
{
    if (!firmware.has_dmar) {
        log_info("iommu", "none: nothing keeps devices from memory, so none can be claimed");
        return;
    }
    for (uint32_t i = 0; i < firmware.unit_count; i++) {
        iommu_units[i].firmware = &firmware.units[i];
        vtd_queue_init(&iommu_units[i]);
    }
    const char *no_remapping = !firmware.dmar.interrupt_remapping ? "firmware says no"
                               : !io_apics_are_covered()          ? "not for all I/O APICs"
                                                                  : NULL;

    for (uint32_t i = 0; i < firmware.unit_count; i++) {
        start_unit(&iommu_units[i], no_remapping);
    }
    iommu_firmware_memory_init(secondary_bus);
}

bool iommu_is_dead(const struct iommu *unit)
{
    return unit->is_dead;
}

/* ------------------------------------------------------------------------ diagnostics */

uint32_t iommu_unit_count(void)
{
    return firmware.unit_count;
}

uint32_t iommu_number(const struct iommu *unit)
{
    return (uint32_t)(unit - iommu_units);
}

void iommu_describe(uint32_t index, struct iommu_info *info)
{
    const struct iommu *unit = &iommu_units[index];

    KVERIFY(index < firmware.unit_count);
    *info = (struct iommu_info){
        .registers = {unit->firmware->base},
        .segment = unit->firmware->segment,
        .covers_all = unit->firmware->all,
        .works = unit->works,
        .is_dead = unit->is_dead,
        .interrupt_remapping = unit->remaps_interrupts,
        .extended_mode = unit->extended_mode,
        .version = unit->version,
        .address_bits = unit->can.address_bits,
        .capability = unit->capability,
        .extended_capability = unit->extended_capability,
        .status = unit->works ? vtd_read32(unit, VTD_STATUS) : 0,
        .domain_count = unit->domain_count,
        .route_count = unit->route_count,
        .fault_count = unit->fault_count,
        .overflow_count = unit->overflow_count,
        .unlogged_count = unit->unlogged_count,
        .throttle_count = unit->throttle_count,
        .problem = unit->problem,
    };
}
