/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The records of lines: line.c changes them, reports.c shows them. Under the kernel lock.
 */

#include "device_manager/handles.h"
#include "ioapic/inputs.h"

enum line_stage {
    LINE_UNUSED,
    LINE_MADE,        /* has what it needs; nothing is written */
    LINE_PROGRAMMING, /* the IOMMU's entry */
    LINE_READY,
    LINE_FAILED, /* the IOMMU did not answer */
};

/** An input of an I/O APIC that pins of claimed functions lead to, or have led to. */
struct device_line {
    enum line_stage stage;
    uint32_t interrupt;        /* global system interrupt */
    struct ioapic_place place; /* the same */
    bool is_active_low;
    bool is_unmasked;     /* as the I/O APIC has it */
    uint32_t cpu;         /* index */
    uint8_t vector;       /* on that CPU */
    struct iommu *unit;   /* that remaps it, or NULL */
    uint16_t source;      /* of the I/O APIC, there */
    uint32_t remap_index; /* there, or IOMMU_NO_ROUTE */
    struct iommu_wait wait;
    struct intx_line state;
    struct list sharers; /* struct device_route.of_line */
    struct timer timer;  /* of the next poll */
    uint64_t arrived;
    uint64_t unadmitted; /* of those, by nobody */
    uint64_t polls;
    uint64_t storms;
};

/** Whether a route goes through an IOMMU's table, by an entry of its own or its line's. */
static inline bool route_is_remapped(const struct device_route *route)
{
    return route->remap_index != IOMMU_NO_ROUTE ||
           (route->line != NULL && route->line->unit != NULL);
}

/** Record `index`, perhaps unused; NULL behind the last. */
const struct device_line *line_get(uint32_t index);
