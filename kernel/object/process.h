/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A process: an address space, a capability table, an account, and its threads.
 *
 * Life: starting (being loaded) → running → ending (no thread runs any more; torn down in steps)
 * → gone (everything given back but what others still hold of it). The record itself stays until
 * its account is empty and nobody waits for it.
 *
 * Under the kernel lock.
 */

#include "account/account.h"
#include "cap/cap.h"
#include "list.h"
#include "mm/address_space.h"
#include "mm/slab.h"
#include "object/bequest.h"
#include "object/reaper.h"
#include "refusal/refusal.h"
#include "sched/timer.h"
#include "types.h"

#define PROCESS_NAME_BYTES 32u

struct process_handle;

struct process {
    struct list all; /* list of all processes, by pid */
    uint64_t pid;
    char name[PROCESS_NAME_BYTES];
    enum process_state state;
    enum exit_reason exit_reason;
    uint64_t exit_code;

    struct account account;
    struct slab_owner slabs; /* of what the account pays for */
    struct process *parent;  /* whose account pays for ours; kept while we exist */
    struct cap_table caps;
    uint8_t used_in_page[CAP_MAX_PAGES]; /* of `caps`: slots that hold a capability */
    struct address_space space;

    struct list threads; /* struct thread.siblings */
    uint32_t thread_count;
    uint64_t threads_created;
    struct process_handle *handle; /* told when we are gone; NULL if nobody can ask */

    uint8_t max_priority;
    uint64_t cpu_ticks;    /* consumed, all threads */
    uint64_t budget_ticks; /* CPU budget per period, 0: no limit */
    uint64_t period_ticks;
    uint64_t budget_left; /* in this period */
    uint64_t overspent;   /* beyond it: comes off the next periods' budgets */
    uint64_t period_end;  /* TSC */
    bool throttled;       /* waits for the next period */
    struct list throttled_threads;
    struct timer refill;
    uint64_t turn_ns; /* no periodic timer of it fires before (services.h) */

    struct work teardown;
    bool teardown_paused;    /* until something is over: teardown_step() says what */
    uint32_t teardown_index; /* next capability slot to empty */
    uint32_t doomed_count;   /* objects it paid for that are being destroyed */
    uint32_t claim_count;    /* device functions that it owns, or whose teardown it pays for */
    struct refusal_counts refusals; /* of what it did with capabilities of devices */
    bool has_had_devices;           /* capabilities of them, or of those who manage them */
    struct bequest bequest;         /* of what devices in quarantine may still reach */
    bool is_leaving;                /* it hands that on, or has: bequest_leave() */
};

static_assert(sizeof(struct process) <= SLAB_MAX_BYTES, "it lies in a slab");
static_assert(CAP_ENTRIES_PER_PAGE <= UINT8_MAX, "used_in_page counts them");

/** What a new process may hold and how it runs. */
struct process_limits {
    uint32_t resources[ACCOUNT_RESOURCE_COUNT];
    uint8_t max_priority;
    uint64_t budget_ticks;
    uint64_t period_ticks;
};

/**
 * Create a process without threads, its limits taken out of `parent`'s account (NULL: the root).
 * Returns: STATUS_OK, STATUS_OVER_BUDGET, STATUS_NO_MEMORY.
 */
MUST_CHECK enum status process_create(struct process *parent, const char *name,
                                      const struct process_limits *limits, struct process **out);

/** End a process: stop its threads, then take it apart in steps. Harmless if it is ending. */
void process_end(struct process *process, enum exit_reason reason, uint64_t code);

/** An object or mapping that the process paid for is gone: perhaps the record can go too. */
void process_account_changed(struct process *process);

/**
 * Who pays for what devices in quarantine may still reach: a process that never ran. It is in the
 * list of processes while it is charged for anything.
 */
struct process *process_quarantine(void);

/** No mapping of the process waits for a flush any more. */
void process_mappings_gone(struct process *process);

/** It has one device function less. */
void process_claims_changed(struct process *process);

/** No CPU has the address space of an ending process loaded any more, perhaps. */
void process_space_unloaded(struct process *process);

/** A thread of an ending process is off its CPU for good. */
void process_thread_gone(struct process *process);

/** The processes in order of pid; NULL after the last. */
struct process *process_next(const struct process *process);

/** The process with a pid, or NULL. */
struct process *process_find(uint64_t pid);

/** The account of the kernel's first process: everything that is free after boot. */
extern struct account root_account;
