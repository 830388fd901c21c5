/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the files of the simulated machine share; nobody else includes this.
 *
 *       machine.c               stacks, steps, beginning and end
 *       machine_operations.c    what a thread does that others can see
 *       machine_memory.c        named memory, store buffers, the check for races
 *       machine_log.c           what happened, for a person
 */

#include "machine.h"

#define THIS_STATE    (&machine.state.thread[machine.current])
#define THIS_POSITION (&machine.position[machine.current])

/** machine.c: the running thread hands control back to whoever made the step. */
void machine_yield(void);

/** machine_operations.c: say what the running thread does next, and let search.c choose. */
void machine_next(enum operation operation, uint32_t argument);

/** machine_log.c: returns the entry, for what else there is to say. */
struct log_entry *machine_log(int thread, enum event event, uint32_t granule, uint32_t value);

/** machine_memory.c: where a granule is. */
uint32_t *machine_place(uint32_t granule);
/** The granule of an atomic access by the running thread, checked. */
uint32_t machine_atomic(const uint32_t *place);
/** `into` has seen what `from` has. */
void machine_clock_join(struct clock *into, const struct clock *from);
/** What the running thread passes on by a release; its own time moves on. */
struct clock machine_clock_release(void);

/** machine_memory.c: a store of the running thread, into its buffer. */
void machine_buffer(struct buffered_store store);
/** The oldest store in a thread's buffer reaches memory. */
void machine_drain(uint32_t thread);
