/* SPDX-License-Identifier: MIT */

/*
 * Depth-first search with a table of states met. A state with more than one possible step is
 * copied, stacks included, and put back for every further step, so nothing is executed twice.
 */

#include "search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEARCH_DEPTH 4096u
#define SEARCH_STEPS 64u

struct fingerprint {
    uint64_t low;
    uint64_t high;
};

struct fingerprint_set {
    struct fingerprint *slots;
    uint64_t mask;
    uint64_t count;
};

struct frame {
    uint8_t *copy;
    size_t copy_bytes;
    size_t copy_room;
    uint32_t next;
    uint32_t count;
    struct step steps[SEARCH_STEPS];
};

static struct frame frames[SEARCH_DEPTH];

static void *search_allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);

    if (memory == NULL) {
        fprintf(stderr, "explore: out of memory\n");
        exit(2);
    }
    return memory;
}

/* ------------------------------------------------------------------------------------------
 * States met
 * ------------------------------------------------------------------------------------------ */

static void fingerprint_add(struct fingerprint *print, const void *data, size_t bytes)
{
    const uint8_t *byte = data;
    uint64_t low = print->low;
    uint64_t high = print->high;

    for (; bytes >= 8; bytes -= 8, byte += 8) {
        uint64_t word;

        memcpy(&word, byte, 8);
        low = (low ^ word) * 0x9e3779b97f4a7c15u;
        low ^= low >> 32;
        high = (high + word) * 0xc2b2ae3d27d4eb4fu;
        high ^= high >> 29;
    }
    if (bytes != 0) {
        uint64_t word = 0;

        memcpy(&word, byte, bytes);
        low = (low ^ word) * 0x9e3779b97f4a7c15u;
        high = (high + word) * 0xc2b2ae3d27d4eb4fu;
        high ^= high >> 29;
        low ^= low >> 32;
    }
    print->low = low;
    print->high = high;
}

/* True if the fingerprint is new. */
static bool fingerprint_insert(struct fingerprint_set *set, struct fingerprint print)
{
    uint64_t slot;

    if (print.low == 0 && print.high == 0) {
        print.low = 1;
    }
    if (set->slots == NULL || set->count * 3 > set->mask * 2) {
        const struct fingerprint_set old = *set;

        set->mask = old.slots == NULL ? 0xffff : old.mask * 2 + 1;
        set->slots = search_allocate((set->mask + 1) * sizeof(*set->slots));
        set->count = 0;
        for (uint64_t i = 0; old.slots != NULL && i <= old.mask; i++) {
            if (old.slots[i].low != 0 || old.slots[i].high != 0) {
                (void)fingerprint_insert(set, old.slots[i]);
            }
        }
        free(old.slots);
    }
    for (slot = print.low & set->mask;; slot = (slot + 1) & set->mask) {
        struct fingerprint *at = &set->slots[slot];

        if (at->low == 0 && at->high == 0) {
            *at = print;
            set->count++;
            return true;
        }
        if (at->low == print.low && at->high == print.high) {
            return false;
        }
    }
}

static size_t search_stack_bytes(uint32_t thread)
{
    return (size_t)(machine.stack[thread] + MACHINE_STACK_BYTES -
                    (uint8_t *)machine.position[thread].stack_pointer);
}

static struct fingerprint search_fingerprint_memory(void)
{
    struct fingerprint print = {1, 2};

    for (uint32_t i = 0; i < machine.range_count; i++) {
        fingerprint_add(&print, machine.range[i].start, machine.range[i].bytes);
    }
    return print;
}

static struct fingerprint search_fingerprint_state(void)
{
    struct fingerprint print = search_fingerprint_memory();

    fingerprint_add(&print, &machine.state, sizeof(machine.state));
    fingerprint_add(&print, machine.granule, machine.granule_count * sizeof(machine.granule[0]));
    fingerprint_add(&print, machine.position, machine.thread_count * sizeof(machine.position[0]));
    for (uint32_t i = 0; i < machine.thread_count; i++) {
        fingerprint_add(&print, machine.position[i].stack_pointer, search_stack_bytes(i));
    }
    return print;
}

/* ------------------------------------------------------------------------------------------
 * Copies
 * ------------------------------------------------------------------------------------------ */

static void search_save(struct frame *frame)
{
    size_t bytes = sizeof(machine.state) + sizeof(machine.position) + sizeof(machine.log_length) +
                   machine.granule_count * (4 + sizeof(machine.granule[0]));
    uint8_t *at;

    for (uint32_t i = 0; i < machine.thread_count; i++) {
        bytes += search_stack_bytes(i);
    }
    if (bytes > frame->copy_room) {
        free(frame->copy);
        frame->copy_room = bytes + 4096;
        frame->copy = search_allocate(frame->copy_room);
    }

#define SAVE(place, size)                                                                          \
    do {                                                                                           \
        memcpy(at, place, size);                                                                   \
        at += size;                                                                                \
    } while (0)
    at = frame->copy;
    SAVE(&machine.state, sizeof(machine.state));
    SAVE(&machine.position, sizeof(machine.position));
    SAVE(&machine.log_length, sizeof(machine.log_length));
    SAVE(machine.granule, machine.granule_count * sizeof(machine.granule[0]));
    for (uint32_t i = 0; i < machine.range_count; i++) {
        SAVE(machine.range[i].start, machine.range[i].bytes);
    }
    for (uint32_t i = 0; i < machine.thread_count; i++) {
        SAVE(machine.position[i].stack_pointer, search_stack_bytes(i));
    }
#undef SAVE
}

static void search_restore(const struct frame *frame)
{
    const uint8_t *at = frame->copy;

#define RESTORE(place, size)                                                                       \
    do {                                                                                           \
        memcpy(place, at, size);                                                                   \
        at += size;                                                                                \
    } while (0)
    RESTORE(&machine.state, sizeof(machine.state));
    RESTORE(&machine.position, sizeof(machine.position));
    RESTORE(&machine.log_length, sizeof(machine.log_length));
    RESTORE(machine.granule, machine.granule_count * sizeof(machine.granule[0]));
    for (uint32_t i = 0; i < machine.range_count; i++) {
        RESTORE(machine.range[i].start, machine.range[i].bytes);
    }
    for (uint32_t i = 0; i < machine.thread_count; i++) {
        RESTORE(machine.position[i].stack_pointer, search_stack_bytes(i));
    }
#undef RESTORE
}

/* ------------------------------------------------------------------------------------------
 * The search
 * ------------------------------------------------------------------------------------------ */

/* Prepare to leave the present state by each of its steps. False: there is none. */
static bool search_enter(struct frame *frame)
{
    frame->next = 0;
    frame->count = machine_steps(frame->steps);
    if (frame->count > 1) {
        search_save(frame);
    }
    return frame->count != 0;
}

void search_run(const struct explore_scenario *scenario, uint64_t state_limit,
                struct search_result *result)
{
    struct fingerprint_set met = {0};
    struct fingerprint_set outcomes = {0};
    uint32_t depth = 0;

    *result = (struct search_result){.passed = true, .complete = true};
    if (!machine_begin(scenario) || !search_enter(&frames[0])) {
        fprintf(stderr, "explore: scenario %s has no thread\n", scenario->name);
        exit(2);
    }
    for (;;) {
        struct frame *frame = &frames[depth];

        if (frame->next == frame->count) {
            if (depth == 0) {
                break;
            }
            depth--;
            continue;
        }
        if (frame->next != 0) {
            search_restore(frame);
        }
        result->steps++;
        if (!machine_step(frame->steps[frame->next++])) {
            result->passed = false;
            break;
        }
        if (!fingerprint_insert(&met, search_fingerprint_state())) {
            result->merged++;
            continue;
        }
        result->states++;
        if (result->states >= state_limit) {
            result->complete = false;
            result->passed = false;
            break;
        }
        if (depth + 1 > result->depth) {
            result->depth = depth + 1;
        }
        if (depth + 1 == SEARCH_DEPTH) {
            fprintf(stderr, "explore: scenario %s runs longer than %u steps\n", scenario->name,
                    SEARCH_DEPTH);
            exit(2);
        }
        if (search_enter(&frames[depth + 1])) {
            depth++;
            continue;
        }
        result->ends++;
        if (fingerprint_insert(&outcomes, search_fingerprint_memory())) {
            result->outcomes++;
        }
        if (!machine_finish()) {
            result->passed = false;
            break;
        }
    }
    free(met.slots);
    free(outcomes.slots);
}
