/* SPDX-License-Identifier: MIT */

/*
 * Whether the coarse key may stand for the fine one. Two states with the same coarse key must lead,
 * by operations of the same kinds, to states whose coarse keys are the same: then whatever can be
 * reached from one of them can be reached from the other, and one of them is enough. This is looked
 * at in all bounds that are searched with the fine key.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

/** States to which one state leads, at most. */
#define STEPS_MAX 512u

/** Where all states with this coarse key lead: the sum over different ones. */
struct entry {
    struct hash hash;
    uint64_t sum;
    bool is_shared;
};

static struct entry *table; /* open addressing; all zero: empty */
static uint64_t table_size, table_used, shared_count;

/** From the state that is being looked at. */
static struct {
    struct hash to;
    uint8_t kind;
} steps[STEPS_MAX];
static uint32_t step_count;

static bool is_same(struct hash one, struct hash other)
{
    return one.low == other.low && one.high == other.high;
}

void same_begin(void)
{
    free(table);
    table = NULL;
    table_size = table_used = shared_count = 0;
    step_count = 0;
}

void same_step(uint8_t kind)
{
    const struct hash to = state_hash(true);

    for (uint32_t i = 0; i < step_count; i++) {
        if (steps[i].kind == kind && is_same(steps[i].to, to)) {
            return;
        }
    }
    if (step_count == STEPS_MAX) {
        fputs("explore: a state leads to more others than STEPS_MAX\n", stderr);
        exit(2);
    }
    steps[step_count].to = to;
    steps[step_count++].kind = kind;
}

static struct entry *entry_of(struct hash hash)
{
    uint64_t place = hash.low & (table_size - 1);

    while ((table[place].hash.low | table[place].hash.high) != 0 &&
           !is_same(table[place].hash, hash)) {
        place = (place + 1) & (table_size - 1);
    }
    return &table[place];
}

static void table_grow(void)
{
    struct entry *const old = table;
    const uint64_t old_size = table_size;

    table_size = old_size == 0 ? 1 << 16 : old_size * 2;
    table = calloc(table_size, sizeof(*table));
    if (table == NULL) {
        fputs("explore: out of memory\n", stderr);
        exit(2);
    }
    for (uint64_t i = 0; i < old_size; i++) {
        if ((old[i].hash.low | old[i].hash.high) != 0) {
            *entry_of(old[i].hash) = old[i];
        }
    }
    free(old);
}

bool same_end(struct hash hash)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < step_count; i++) {
        /* Into itself: nothing that the coarse key shows has changed. */
        if (!is_same(steps[i].to, hash)) {
            sum += (steps[i].to.low ^ steps[i].to.high >> 9) * (2ull * steps[i].kind + 1);
        }
    }
    step_count = 0;
    if (table_used * 4 >= table_size * 3) {
        table_grow();
    }
    struct entry *const entry = entry_of(hash);

    if ((entry->hash.low | entry->hash.high) == 0) {
        *entry = (struct entry){.hash = hash, .sum = sum};
        table_used++;
        return true;
    }
    shared_count += !entry->is_shared;
    entry->is_shared = true;
    return entry->sum == sum;
}

uint64_t same_count(void)
{
    return shared_count;
}
