/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * DMA and interrupt remapping: the one interface through which the kernel decides what a device
 * can reach. VT-d is behind it (vtd_*.c); the device manager is in front of it.
 *
 * From iommu_init() on, a function behind a working unit reaches nothing (L2) until a domain is
 * attached to it, and then what that domain maps. Memory may be given back, vectors and ids used
 * again, only after the operation that took them away has completed (L4, L5). So every operation
 * that hardware may still be working on has the completion form of object/flush.h:
 *
 *      if (iommu_unmap(domain, iova, pages, &wait, done)) { it is complete now; done is not called
 * } else                                               { done(&wait) is called later            }
 *
 * Either way `wait.failed` then says whether the unit answered at all. If it is set, nothing is
 * known about what the device still reaches: what the operation was to take away is quarantined,
 * for good. A unit that fails once is dead: all that is asked of it later fails at once.
 *
 * The storage of waits and domains is the caller's. Everything here is under the kernel lock.
 */

#include "account/account.h"
#include "list.h"
#include "types.h"
#include "vtd/fault.h"
#include "vtd/invalidate.h"
#include "vtd/scope.h"

/** One remapping unit. */
struct iommu;

/** An address as a device sees it. */
struct iova {
    uint64_t value;
};

/** How long a unit may take for anything before it is declared dead. */
#define IOMMU_DEADLINE_NS  1000000000ull

#define IOMMU_NO_ROUTE     UINT32_MAX
#define IOMMU_WAIT_ENTRIES 2u

/** An operation under way. Not to be moved or reused until it is complete. */
struct iommu_wait {
    /** Set when complete: the unit did not do what was asked. */
    bool failed;

    /* Inside. */
    uint8_t count;      /* of descriptors */
    bool is_detach;     /* what to settle when complete */
    uint32_t sequence;  /* what the unit writes when it is done */
    uint32_t tables;    /* chain of table frames to give back */
    struct list link;   /* in unit->sent or unit->unsent */
    struct iommu *unit; /* [I] */
    struct iommu_domain *domain;
    uint64_t deadline_ticks; /* TSC */
    void (*done)(struct iommu_wait *wait);
    struct vtd_descriptor descriptors[IOMMU_WAIT_ENTRIES];
};

typedef void iommu_done(struct iommu_wait *wait);

/* ------------------------------------------------------------------------ start and coverage */

/**
 * The bus behind a bridge, for paths in firmware's tables: false if there is no such bridge.
 */
typedef bool iommu_secondary_bus(uint16_t segment, uint8_t bus, uint8_t device, uint8_t function,
                                 uint8_t *secondary);

/**
 * Bring up every unit that firmware lists: everything blocked, remapping on.
 *
 * Bus mastering is off everywhere by then. `secondary_bus` may be NULL: then functions behind
 * bridges get no access to the memory that firmware reserved for them. A unit that does not work is
 * reported, and what is behind it has none. Boot CPU, once, after firmware_init() and
 * apic_init_cpu() and before irq_init().
 */
void iommu_init(iommu_secondary_bus *secondary_bus);

enum iommu_coverage_kind {
    IOMMU_COVERED,     /* `unit` works */
    IOMMU_UNCOVERED,   /* no unit is responsible, or there is none at all */
    IOMMU_UNIT_BROKEN, /* the one that is responsible does not work */
};

struct iommu_coverage {
    enum iommu_coverage_kind kind;
    struct iommu *unit;       /* NULL unless IOMMU_COVERED */
    bool interrupt_remapping; /* and works */
};

/** Who is responsible for a function; `path` is described in lib/vtd/scope.h. */
struct iommu_coverage iommu_find(const struct vtd_path *path);

/** Whether firmware reserved memory for a function's DMA (RMRR): such a function is not claimed. */
bool iommu_has_firmware_memory(uint16_t segment, uint16_t source);

/* ------------------------------------------------------------------------ domains */

#define IOMMU_LEVELS_MAX 4u

/** How far a walk over all frames of a domain is, which takes place in steps. Fields are inside. */
struct iommu_walk {
    uint64_t *tables[IOMMU_LEVELS_MAX]; /* from the root down to the table in hand */
    uint32_t next[IOMMU_LEVELS_MAX];    /* entry of each to look at */
    uint32_t depth;
    uint32_t stranded; /* the next frame of that chain */
    bool is_begun;
    bool is_past_root; /* the last table */
};

/** What one owner's functions behind one unit can reach. Fields are inside. */
struct iommu_domain {
    struct iommu *unit;      /* [I] */
    struct account *account; /* [I] pays for the tables */
    uint64_t *root;          /* [I] */
    uint64_t *leaf;          /* the table last used, NULL: none */
    uint64_t leaf_number;    /* of the 2 MiB that it translates */
    uint64_t end;            /* [I] one past the last address it can translate */
    uint32_t stranded;       /* chain of table frames that can never be given back */
    uint32_t table_count;    /* frames charged, those included */
    uint32_t attached;       /* sources */
    uint32_t pending;        /* operations under way */
    uint32_t detaching;      /* detach operations among them */
    uint16_t id;             /* [I] never 0 */
    uint8_t levels;          /* [I] 3 or 4 */
    bool is_lost;            /* an operation failed: devices may still use the tables */
    struct iommu_walk walk;  /* of what is done with all its frames */
};

/** Bits of the largest address that domains of a unit translate: 39 or 48, or less. */
uint32_t iommu_domain_address_bits(const struct iommu *unit);

/**
 * Make an empty domain. Its tables are charged to `account`, which outlives it.
 * Returns: STATUS_OK; STATUS_NO_MEMORY, also if no domain id is free; STATUS_OVER_BUDGET.
 */
MUST_CHECK enum status iommu_domain_init(struct iommu_domain *domain, struct iommu *unit,
                                         struct account *account);

/**
 * End of a domain that maps nothing, with no source attached and no operation under way.
 *
 * False: a unit failed in the middle of an operation and may still read the tables. Neither they
 * nor the domain's id are given back, ever; their frames (iommu_domain_table_frames()) stay charged
 * to the account, until quarantine takes them over.
 */
MUST_CHECK bool iommu_domain_fini(struct iommu_domain *domain);

/** Frames of a domain's tables, all of them charged to its account. */
uint32_t iommu_domain_table_frames(const struct iommu_domain *domain);

/**
 * Have another account pay for a step's worth of a domain's tables; true: for all of them. Until
 * then nothing is mapped or unmapped, and no operation is under way.
 */
MUST_CHECK bool iommu_domain_bequeath(struct iommu_domain *domain, struct account *account);

/**
 * End of a domain whose unit has failed and whose sources can send no requests any more, whatever
 * it maps: they were reset and master no bus, and are never attached again. A step's worth of its
 * tables is given back; true: that was the last of it.
 */
MUST_CHECK bool iommu_domain_forget(struct iommu_domain *domain);

/** Whether operations on the domain are under way. */
static inline bool iommu_domain_is_busy(const struct iommu_domain *domain)
{
    return domain->pending != 0;
}

/** Whether the unit has stopped answering. */
bool iommu_is_dead(const struct iommu *unit);

/** Whether pages can be mapped there: aligned, below the limit, not page 0, not 0xFEExxxxx. */
bool iommu_range_is_valid(const struct iommu_domain *domain, struct iova iova, uint64_t page_count);

#define IOMMU_READ  1u /* the device may read */
#define IOMMU_WRITE 2u /* the device may write */

/**
 * Make room in the tables for a range; no page of it becomes accessible.
 *
 * To give up after this, iommu_unmap() the range.
 * Returns: STATUS_OK; STATUS_BAD_RANGE if iommu_range_is_valid() is not; STATUS_OVER_BUDGET
 * or STATUS_NO_MEMORY, nothing changed.
 */
MUST_CHECK enum status iommu_map_prepare(struct iommu_domain *domain, struct iova iova,
                                         uint64_t page_count);

/** Map one page of a prepared range, not mapped so far. `access`: IOMMU_READ, IOMMU_WRITE. */
void iommu_map_page(struct iommu_domain *domain, struct iova iova, struct paddr page,
                    uint32_t access);

/** The pages of a range are mapped: have the unit see them. No descriptor is to be sent before. */
MUST_CHECK bool iommu_map_finish(struct iommu_domain *domain, struct iova iova, uint64_t page_count,
                                 struct iommu_wait *wait, iommu_done *done);

/**
 * Unmap whatever is mapped in a range. When complete, no device reaches the pages any more.
 *
 * Takes time by page: let `page_count` be bounded.
 */
MUST_CHECK bool iommu_unmap(struct iommu_domain *domain, struct iova iova, uint64_t page_count,
                            struct iommu_wait *wait, iommu_done *done);

/** What a device would find: physical address and access bits (0: nothing). For diagnostics. */
uint32_t iommu_translate(const struct iommu_domain *domain, struct iova iova, struct paddr *page);

/* ------------------------------------------------------------------------ attach */

#define IOMMU_ATTACH_MAX 64u /* sources in one operation */

/**
 * Make room for the context entries of requester ids. STATUS_NO_MEMORY: nothing changed.
 */
MUST_CHECK enum status iommu_attach_prepare(struct iommu *unit, const uint16_t *sources,
                                            uint32_t count);

/** Let prepared sources, none of which is attached to anything, use the domain. */
MUST_CHECK bool iommu_attach(struct iommu_domain *domain, const uint16_t *sources, uint32_t count,
                             struct iommu_wait *wait, iommu_done *done);

/** The reverse. When complete, the sources reach nothing, and earlier writes are done. */
MUST_CHECK bool iommu_detach(struct iommu_domain *domain, const uint16_t *sources, uint32_t count,
                             struct iommu_wait *wait, iommu_done *done);

/* ------------------------------------------------------------------------ interrupts */

struct iommu_route {
    uint16_t source; /* requester id that may use it, all 16 bits are compared */
    uint8_t vector;
    bool is_level;
    uint32_t apic_id;
};

struct iommu_message {
    uint64_t address;
    uint32_t data;
};

/** An entry of the unit's table, blocked; IOMMU_NO_ROUTE if all are taken. */
uint32_t iommu_route_alloc(struct iommu *unit);

/** Give back an entry that is clear. */
void iommu_route_free(struct iommu *unit, uint32_t index);

/** Whether interrupts can be sent to a CPU: ids of more than 8 bits need extended mode. */
bool iommu_can_reach_cpu(const struct iommu *unit, uint32_t apic_id);

/** Program an entry, or change it. Nothing is to be sent there before it is complete. */
MUST_CHECK bool iommu_route_set(struct iommu *unit, uint32_t index, const struct iommu_route *route,
                                struct iommu_wait *wait, iommu_done *done);

/** Block an entry. When complete, no interrupt of it is under way in the unit. */
MUST_CHECK bool iommu_route_clear(struct iommu *unit, uint32_t index, struct iommu_wait *wait,
                                  iommu_done *done);

/** What a function writes to raise the interrupt. */
struct iommu_message iommu_route_message(const struct iommu *unit, uint32_t index);

/**
 * Who remaps the interrupts of an I/O APIC, by its id in the MADT, and as which requester (the DMAR
 * table's scope for it). False: nobody, its interrupts go to CPUs as they are.
 */
MUST_CHECK bool iommu_io_apic(uint8_t io_apic_id, struct iommu **unit, uint16_t *source);

/**
 * An entry for an I/O APIC's input (`route->source` is not used), in force at once: its index, for
 * the redirection entry. False: none is to be had. Boot CPU, alone.
 */
MUST_CHECK bool iommu_route_at_boot(uint8_t io_apic_id, const struct iommu_route *route,
                                    uint16_t *index);

/* ------------------------------------------------------------------------ faults */

struct iommu_fault {
    struct vtd_fault record;
    uint16_t segment; /* of record.source */
    struct iommu *unit;
};

/**
 * Have each recorded fault told to `hook`, besides the log. Records are few and devices fast: how
 * many a unit could not record is unknown. Faults come at most IOMMU_FAULTS_PER_WINDOW in
 * IOMMU_FAULT_WINDOW_NS for each unit, whatever a device does. NULL: nobody.
 */
void iommu_watch_faults(void (*hook)(const struct iommu_fault *fault));

#define IOMMU_FAULTS_PER_WINDOW 64u
#define IOMMU_FAULT_WINDOW_NS   10000000ull

/** A unit has something to say: VECTOR_IOMMU. */
void iommu_fault_interrupt(void);

/* ------------------------------------------------------------------------ diagnostics */

struct iommu_info {
    struct paddr registers;
    uint16_t segment;
    bool covers_all;          /* whatever no other unit covers */
    bool works;               /* came up */
    bool is_dead;             /* came up, and failed later */
    bool interrupt_remapping; /* on */
    bool extended_mode;       /* interrupts to APIC ids of 32 bits */
    uint32_t version;         /* major << 4 | minor */
    uint32_t address_bits;
    uint64_t capability;
    uint64_t extended_capability;
    uint32_t status;         /* GSTS, read now */
    uint32_t domain_count;   /* in use */
    uint32_t route_count;    /* in use */
    uint64_t fault_count;    /* records read */
    uint64_t overflow_count; /* times that more faults came than there are records */
    uint64_t unlogged_count; /* faults without a line in the log */
    uint64_t throttle_count; /* times that the unit's fault interrupt was silenced for a while */
    const char *problem;     /* why it does not work, or NULL */
};

/** Units that firmware lists. */
uint32_t iommu_unit_count(void);

/** All about one. */
void iommu_describe(uint32_t index, struct iommu_info *info);

/** The number of a unit, for messages. */
uint32_t iommu_number(const struct iommu *unit);
