/* SPDX-License-Identifier: MIT */

/*
 * Named memory of the simulated machine, and the buffers before it. Plain memory is checked for
 * races by the threads' clocks: whoever accesses it must have seen the last conflicting access.
 */

#include "machine_parts.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------
 * Clocks
 * ------------------------------------------------------------------------------------------ */

void machine_clock_join(struct clock *into, const struct clock *from)
{
    for (uint32_t i = 0; i < EXPLORE_THREADS; i++) {
        if (from->at[i] > into->at[i]) {
            into->at[i] = from->at[i];
        }
    }
}

struct clock machine_clock_release(void)
{
    struct clock *now = &THIS_STATE->now;
    const struct clock result = *now;

    if (++now->at[machine.current] == 0xff) {
        explore_fail("the explorer's clock is too small for this scenario");
    }
    return result;
}

/* ------------------------------------------------------------------------------------------
 * Memory
 * ------------------------------------------------------------------------------------------ */

const struct machine_range *machine_find(const void *address)
{
    const uint8_t *byte = address;

    for (uint32_t i = 0; i < machine.range_count; i++) {
        const struct machine_range *range = &machine.range[i];

        if (byte >= range->start && byte < range->start + range->bytes) {
            return range;
        }
    }
    return NULL;
}

static bool machine_in_arena(const void *address)
{
    const uint8_t *byte = address;

    return byte >= machine.arena && byte < machine.arena + machine.arena_bytes;
}

static uint32_t machine_granule(const struct machine_range *range, const void *address)
{
    return range->granule + (uint32_t)((const uint8_t *)address - range->start) / 4;
}

uint32_t *machine_place(uint32_t granule)
{
    for (uint32_t i = 0; i < machine.range_count; i++) {
        const struct machine_range *range = &machine.range[i];

        if (granule < range->granule + range->bytes / 4) {
            return (uint32_t *)(void *)(range->start + (granule - range->granule) * 4);
        }
    }
    abort();
}

uint32_t machine_atomic(const uint32_t *place)
{
    const struct machine_range *range = machine_find(place);

    if (THIS_POSITION->forbidden && machine_in_arena(place)) {
        explore_fail("%s touches shared memory after it found it poisoned",
                     machine.thread_name[machine.current]);
    }
    if (range == NULL) {
        explore_fail("%s makes an atomic access outside of the shared indices",
                     machine.thread_name[machine.current]);
    }
    if (range->kind != EXPLORE_ATOMIC) {
        explore_fail("%s makes an atomic access to plain memory, %s",
                     machine.thread_name[machine.current], range->name);
    }
    return machine_granule(range, place);
}

/* Reading plain memory: the last write must have happened before. */
static void machine_check_read(const struct machine_range *range, uint32_t index)
{
    struct granule_state *granule = &machine.granule[index];
    struct clock *now = &THIS_STATE->now;

    if (machine.hostile[machine.current]) {
        return;
    }
    if (granule->written > now->at[granule->writer]) {
        explore_fail("race: %s reads %s+%u, which %s writes at the same time",
                     machine.thread_name[machine.current], range->name,
                     (index - range->granule) * 4, machine.thread_name[granule->writer]);
    }
    granule->read.at[machine.current] = now->at[machine.current];
}

/* Writing plain memory: every last access must have happened before. */
static void machine_check_write(const struct machine_range *range, uint32_t index)
{
    struct granule_state *granule = &machine.granule[index];
    struct clock *now = &THIS_STATE->now;

    if (machine.hostile[machine.current]) {
        return;
    }
    if (granule->written > now->at[granule->writer]) {
        explore_fail("race: %s writes %s+%u, which %s writes at the same time",
                     machine.thread_name[machine.current], range->name,
                     (index - range->granule) * 4, machine.thread_name[granule->writer]);
    }
    for (uint32_t i = 0; i < machine.thread_count; i++) {
        if (granule->read.at[i] > now->at[i]) {
            explore_fail("race: %s writes %s+%u, which %s reads at the same time",
                         machine.thread_name[machine.current], range->name,
                         (index - range->granule) * 4, machine.thread_name[i]);
        }
    }
    *granule = (struct granule_state){.writer = (uint8_t)machine.current,
                                      .written = now->at[machine.current]};
}

static void machine_check_once(const struct machine_range *range, uint32_t index)
{
    uint64_t *word = &THIS_POSITION->once_read[index / 64];
    const uint64_t bit = 1ull << (index % 64);

    if (range->kind != EXPLORE_ENTRIES || !THIS_POSITION->once) {
        return;
    }
    if ((*word & bit) != 0) {
        explore_fail("%s reads %s+%u twice: the peer can change it in between",
                     machine.thread_name[machine.current], range->name,
                     (index - range->granule) * 4);
    }
    *word |= bit;
}

void machine_access(const void *address, size_t bytes, bool write)
{
    const struct machine_range *range;
    uint32_t first;
    uint32_t last;
    struct log_entry *entry;

    if (machine.current < 0 || machine.judging) {
        return;
    }
    range = machine_find(address);
    if (range == NULL) {
        if (machine_in_arena(address)) {
            explore_fail("%s %s shared memory where it has no business, at offset %td",
                         machine.thread_name[machine.current], write ? "writes" : "reads",
                         (const uint8_t *)address - machine.arena);
        }
        return;
    }
    if (range->kind == EXPLORE_RECORD) {
        return;
    }
    if (THIS_POSITION->forbidden && machine_in_arena(address)) {
        explore_fail("%s touches shared memory after it found it poisoned",
                     machine.thread_name[machine.current]);
    }
    if (range->kind == EXPLORE_ATOMIC) {
        explore_fail("%s makes a plain access to %s, which is shared",
                     machine.thread_name[machine.current], range->name);
    }
    if ((const uint8_t *)address + bytes > range->start + range->bytes) {
        explore_fail("%s reaches beyond the end of %s", machine.thread_name[machine.current],
                     range->name);
    }

    first = machine_granule(range, address);
    last = machine_granule(range, (const uint8_t *)address + bytes - 1);
    for (uint32_t index = first; index <= last; index++) {
        if (write) {
            machine_check_write(range, index);
        } else {
            machine_check_once(range, index);
            machine_check_read(range, index);
        }
    }

    /* Neighbouring accesses make one line of the log. */
    entry = &machine.log[(machine.log_length - 1) % MACHINE_LOG];
    if (machine.log_length != 0 && entry->thread == machine.current &&
        entry->event == (write ? EVENT_WRITE : EVENT_READ) &&
        entry->granule + (entry->bytes + 3) / 4 == first) {
        entry->bytes += (uint32_t)bytes;
    } else {
        machine_log(machine.current, write ? EVENT_WRITE : EVENT_READ, first, 0)->bytes =
            (uint32_t)bytes;
    }
}

/* ------------------------------------------------------------------------------------------
 * Store buffers
 * ------------------------------------------------------------------------------------------ */

void machine_buffer(struct buffered_store store)
{
    struct thread_state *state = THIS_STATE;

    if (state->buffered == MACHINE_BUFFER) {
        explore_fail("the explorer's store buffer is too small for this scenario");
    }
    state->buffer[state->buffered++] = store;
}

void machine_drain(uint32_t thread)
{
    struct thread_state *state = &machine.state.thread[thread];
    const struct buffered_store store = state->buffer[0];

    if (store.granule >= MACHINE_LOCK_STORE) {
        machine.state.lock[store.granule - MACHINE_LOCK_STORE].held = 0;
        machine.state.lock[store.granule - MACHINE_LOCK_STORE].clock = store.clock;
    } else {
        *machine_place(store.granule) = store.value;
        machine.granule[store.granule].read = store.clock;
    }
    state->buffered--;
    memmove(&state->buffer[0], &state->buffer[1], state->buffered * sizeof(store));
    memset(&state->buffer[state->buffered], 0, sizeof(store));
    machine_log((int)thread, EVENT_DRAIN, store.granule, store.value);
}
