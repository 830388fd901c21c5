/* SPDX-License-Identifier: MIT */
/*
 * Faults (VT-d 4.1 §7.3, §11.4.7): what units refused. A device can produce them faster than
 * anybody can read; so they are counted, logged up to a limit, and when they come in a flood the
 * unit's interrupt is silenced for the rest of a window of time.
 */

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "diag/log.h"
#include "iommu/vtd_unit.h"
#include "vtd/interrupt.h"

/* The log takes at most this many lines of faults a second, of all units. */
#define LINES_PER_SECOND 10u
#define SECOND_NS        1000000000ull

static void (*fault_hook)(const struct iommu_fault *fault);
static uint64_t second_end; /* TSC */
static uint32_t second_lines;

void iommu_watch_faults(void (*hook)(const struct iommu_fault *fault))
{
    fault_hook = hook;
}

static const char *kind_name(enum vtd_fault_kind kind)
{
    switch (kind) {
    case VTD_FAULT_READ:
        return "read of IOVA";
    case VTD_FAULT_WRITE:
        return "write to IOVA";
    case VTD_FAULT_ATOMIC:
        return "atomic operation on IOVA";
    case VTD_FAULT_PAGE_REQUEST:
        return "page request for IOVA";
    case VTD_FAULT_INTERRUPT:
        return "interrupt by entry";
    }
    return "?";
}

static bool may_log(uint64_t now)
{
    if (now >= second_end) {
        second_end = now + clock_duration_ticks(SECOND_NS);
        second_lines = 0;
    }
    return second_lines++ < LINES_PER_SECOND;
}

static void report(struct iommu *unit, const struct vtd_fault *record, uint64_t now)
{
    unit->fault_count++;
    if (may_log(now)) {
        log_info("iommu", "%04x:%02x:%02x.%u %s %lx refused: %s", unit->firmware->segment,
                 record->source >> 8, record->source >> 3 & 0x1f, record->source & 7,
                 kind_name(record->kind), (unsigned long)record->address,
                 vtd_fault_name(record->reason));
    } else {
        unit->unlogged_count++;
    }
    if (fault_hook != NULL) {
        fault_hook(&(struct iommu_fault){
            .record = *record, .segment = unit->firmware->segment, .unit = unit});
    }
}

/** Read and clear the records, once around at most. Returns how many there were. */
static uint32_t drain_records(struct iommu *unit, uint32_t status)
{
    const uint64_t now = rdtsc();
    uint32_t index = VTD_FAULT_FIRST(status) % unit->can.fault_count;
    uint32_t count = 0;

    for (; count < unit->can.fault_count; count++) {
        const uint32_t offset = unit->can.fault_offset + index * VTD_FAULT_RECORD_BYTES;
        struct vtd_fault record;

        if (!vtd_fault_read(vtd_read64(unit, offset), vtd_read64(unit, offset + 8), &record)) {
            break;
        }
        vtd_write32(unit, offset + 12, (uint32_t)(VTD_FAULT_VALID >> 32));
        report(unit, &record, now);
        index = (index + 1) % unit->can.fault_count;
    }
    return count;
}

static void serve(struct iommu *unit)
{
    const uint32_t status = vtd_read32(unit, VTD_FAULT_STATUS);

    if (status == UINT32_MAX) {
        vtd_give_up(unit, "its registers read as all ones");
        return;
    }
    unit->window_faults += drain_records(unit, status);
    unit->overflow_count += (status & VTD_FAULT_OVERFLOW) != 0;
    /* Only now: with the overflow bit set no new faults are recorded (§11.4.7.1). */
    vtd_write32(unit, VTD_FAULT_STATUS, status & VTD_FAULT_CLEARABLE & ~VTD_QUEUE_ERROR);
    if ((status & VTD_QUEUE_ERROR) != 0) {
        /* The queue has stopped; clearing it would run what is behind a bad descriptor. */
        vtd_give_up(unit, "it refused a descriptor of its queue");
    }
}

static void unmute(struct timer *timer)
{
    struct iommu *unit = CONTAINER_OF(timer, struct iommu, unmute);

    unit->window_faults = 0;
    serve(unit);
    if (!unit->is_dead) {
        vtd_write32(unit, VTD_FAULT_CONTROL, 0);
    }
}

static void silence(struct iommu *unit, uint64_t until)
{
    vtd_write32(unit, VTD_FAULT_CONTROL, VTD_EVENT_MASKED);
    unit->throttle_count++;
    if (!timer_is_armed(&unit->unmute) && !unit->is_dead) {
        timer_arm(&unit->unmute, until, unmute);
    }
}

void iommu_fault_interrupt(void)
{
    const uint64_t now = rdtsc();

    for (uint32_t i = 0; i < firmware.unit_count; i++) {
        struct iommu *unit = &iommu_units[i];

        if (!unit->works || unit->is_dead || timer_is_armed(&unit->unmute)) {
            continue;
        }
        if (now >= unit->window_end) {
            unit->window_end = now + clock_duration_ticks(IOMMU_FAULT_WINDOW_NS);
            unit->window_faults = 0;
        }
        serve(unit);
        if (unit->is_dead || unit->window_faults >= IOMMU_FAULTS_PER_WINDOW) {
            silence(unit, unit->window_end);
        }
    }
}

void vtd_fault_init(struct iommu *unit, uint32_t apic_id)
{
    unit->unmute = (struct timer){0};
    vtd_write32(unit, VTD_FAULT_DATA, VECTOR_IOMMU);
    vtd_write32(unit, VTD_FAULT_ADDRESS, vtd_event_address(apic_id));
    vtd_write32(unit, VTD_FAULT_UPPER_ADDRESS, vtd_event_upper_address(apic_id));
    vtd_write32(unit, VTD_EVENT_CONTROL, VTD_EVENT_MASKED); /* nobody wants completion events */
    serve(unit);                                            /* what firmware left */
    if (!unit->is_dead) {
        vtd_write32(unit, VTD_FAULT_CONTROL, 0);
    }
}
