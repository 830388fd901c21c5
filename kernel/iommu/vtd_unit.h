/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * VT-d, inside: one unit, and what the files of this directory do for each other.
 *
 *      vtd.c            brings units up                       coverage.c   who covers whom
 *      vtd_queue.c      sends operations, sees them complete  firmware_memory.c  and exceptions
 *      vtd_tables.c     translation tables of a domain        vtd_fault.c  faults
 *      vtd_attach.c     root and context tables               vtd_interrupt.c  remapping table
 *
 * All under the kernel lock. Legend: [I] immutable once the unit is up.
 */

#include "arch/x86_64/firmware.h"
#include "iommu/iommu.h"
#include "mm/frames.h"
#include "object/reaper.h"
#include "sched/timer.h"
#include "vtd/entries.h"
#include "vtd/registers.h"

#define QUEUE_ENTRIES    256u /* one page */
#define ROUTE_ORDER      10u  /* entries of the interrupt table: 2^10, four pages */
#define ROUTE_COUNT      (1u << ROUTE_ORDER)
#define DOMAIN_ID_COUNT  1024u /* used at most, whatever the unit has */
#define BITMAP_WORD_BITS 64u

struct iommu {
    const struct acpi_dmar_entry *firmware; /* [I] */
    volatile uint8_t *registers;            /* [I] */
    struct vtd_capabilities can;            /* [I] */
    uint32_t version;                       /* [I] */
    uint64_t capability;                    /* [I] */
    uint64_t extended_capability;           /* [I] */
    const char *problem;                    /* why it does not work; NULL: it does or did */
    bool works;                             /* [I] came up */
    bool is_dead;                           /* did not answer in time */
    bool remaps_interrupts;                 /* [I] */
    bool extended_mode;                     /* [I] */
    bool invalidates_on_map;                /* [I] caching mode, or writes that need flushing */
    uint64_t drain;                         /* [I] VTD_IOTLB_DRAIN_* that it knows */

    /* Queue. */
    struct vtd_descriptor *queue; /* [I] */
    uint32_t tail;                /* next free entry */
    uint32_t used;                /* entries whose wait has not been seen complete */
    uint32_t last_sequence;
    volatile uint32_t done_sequence; /* written by the unit */
    struct list sent;                /* struct iommu_wait.link, in order */
    struct list unsent;              /* no room in the queue yet, in order */
    struct work poll;

    struct vtd_entry *root;                                  /* [I] */
    struct vtd_entry *contexts[VTD_ROOT_ENTRIES];            /* by bus, NULL: none yet */
    uint64_t domain_ids[DOMAIN_ID_COUNT / BITMAP_WORD_BITS]; /* set: in use */
    uint32_t domain_count;                                   /* of them, without id 0 */

    struct vtd_entry *routes;                            /* [I] NULL: no remapping */
    uint64_t route_bits[ROUTE_COUNT / BITMAP_WORD_BITS]; /* set: in use */
    uint32_t route_count;

    uint64_t fault_count;
    uint64_t overflow_count;
    uint64_t unlogged_count;
    uint64_t throttle_count;
    uint64_t window_end; /* TSC */
    uint32_t window_faults;
    uint32_t window_lines;
    struct timer unmute;
};

extern struct iommu iommu_units[FIRMWARE_MAX_UNITS]; /* firmware.unit_count of them */

static inline uint32_t vtd_read32(const struct iommu *unit, uint32_t offset)
{
    return *(volatile uint32_t *)(unit->registers + offset);
}

static inline uint64_t vtd_read64(const struct iommu *unit, uint32_t offset)
{
    return *(volatile uint64_t *)(unit->registers + offset);
}

static inline void vtd_write32(const struct iommu *unit, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(unit->registers + offset) = value;
}

static inline void vtd_write64(const struct iommu *unit, uint32_t offset, uint64_t value)
{
    *(volatile uint64_t *)(unit->registers + offset) = value;
}

/** Write structures out of the CPU's caches, for units that do not look there (ECAP.C = 0). */
void vtd_write_back_slowly(const void *start, uint64_t bytes);

static inline void vtd_write_back(const struct iommu *unit, const void *start, uint64_t bytes)
{
    if (UNLIKELY(!unit->can.coherent)) {
        vtd_write_back_slowly(start, bytes);
    }
}

/** 2^order cleared frames of the kernel's own, written back; NULL without memory. */
void *vtd_take_frames(const struct iommu *unit, uint32_t order);

/* Bits of a map of what is in use. */
uint32_t vtd_bit_take(uint64_t *bits, uint32_t count); /* the lowest free one; UINT32_MAX: none */
void vtd_bit_give(uint64_t *bits, uint32_t bit);

/**
 * Send the descriptors of a wait, or keep it until there is room. Returns as the operations of
 * iommu.h do; `wait` is filled in by then but for unit, done, sequence, link and deadline.
 */
MUST_CHECK bool vtd_submit(struct iommu *unit, struct iommu_wait *wait, iommu_done *done);

/** Fill a wait in for an operation on a domain, without descriptors so far. */
void vtd_begin(struct iommu_wait *wait, struct iommu_domain *domain);

/** A wait with nothing to do: complete at once. */
MUST_CHECK bool vtd_complete_now(struct iommu_wait *wait);

/** Send descriptors and wait for them, IOMMU_DEADLINE_NS at most. Boot CPU, before others run. */
MUST_CHECK bool vtd_submit_at_boot(struct iommu *unit, struct iommu_wait *wait);

/** Empty lists, no work. */
void vtd_queue_init(struct iommu *unit);

/** The unit does not do what it should: every operation fails from here on. */
void vtd_give_up(struct iommu *unit, const char *problem);

/** Settle what the operation was to take away. In vtd_tables.c. */
void vtd_settle(struct iommu_wait *wait);

/** Take care of the faults that are recorded now, and allow the fault event. Boot CPU. */
void vtd_fault_init(struct iommu *unit, uint32_t apic_id);

/** The I/O APICs that a unit covers: false if one of the machine's is covered by none. */
bool iommu_find_io_apic(uint8_t io_apic_id, struct iommu **unit, uint16_t *source);

/** Domains for functions with reserved memory. Boot CPU, when all units are up. */
void iommu_firmware_memory_init(iommu_secondary_bus *secondary_bus);
