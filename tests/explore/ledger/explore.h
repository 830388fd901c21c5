/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Every state that the shipped ledger can reach within small bounds, breadth first: from each state
 * all operations with all handles that were given out (ended ones too) and all those a field away
 * from them, by all pids, legal or not. model_apply() compares every answer with the model of
 * tests/host, looks at the whole ledger afterwards, and at L8 when something was refused.
 *
 * state.c    the state that is being looked at, and where bounds begin
 * key.c      when two states are one
 * same.c     whether states that the coarse key calls one do the same
 * steps.c    all that can be asked in a state
 * search.c   the states that were reached, and in what order they are looked at
 * main.c     the bounds, and the command line
 */

#include <stdbool.h>
#include <stdint.h>

#include "ledger_apply.h"

/** Steps that make many states, and that bounds can do without. */
enum step_group {
    STEPS_REGISTERS = 1u << 0, /* mapping them */
    STEPS_RESETS = 1u << 1,    /* the state resetting, and whether a reset was seen */
    STEPS_DISABLING = 1u << 2,
    STEPS_APART = 1u << 3, /* each piece of evidence for itself, and not three in a row */
};

#define STEPS_GROUPS (STEPS_REGISTERS | STEPS_RESETS | STEPS_DISABLING | STEPS_APART)

struct bounds {
    const char *name;
    bool is_long;
    uint32_t functions, routes, buffers, pids;
    uint32_t pool_pages; /* the pool's limit; 0: two */
    bool one_group;
    uint32_t without;                        /* enum step_group: steps that are left out */
    bool has_coarse_key;                     /* which searches without show to be enough */
    uint64_t epoch, owner_epoch, slot_epoch; /* 0: far from the end */
    uint64_t low_first, address_end;         /* 0: plenty */
};

/** The ledger's storage, and the model. */
struct snapshot {
    struct ledger_function functions[2];
    struct ledger_route routes[2];
    struct ledger_buffer buffers[2];
    struct model model;
};

/** The state that operations are applied to, and the ledger whose storage it is. */
extern struct snapshot now;
extern struct ledger ledger;

/** Make `now` the state in which bounds begin. */
void state_begin(const struct bounds *bounds);

struct hash {
    uint64_t low, high;
};

/**
 * What stands for `now`, and for all states that are one with it: they differ only in how large
 * generations and addresses are (beyond a few steps from each other and from their end), or by
 * renaming owners, functions or slots. 128 bits: two others that have the same are not expected in
 * 10^15 states. Coarse: how far a part is behind its owner is one beyond two, too, and nothing if
 * the part is not there.
 */
struct hash state_hash(bool is_coarse);

/** Where two states go that the coarse key calls one, is compared: see same.c. */
void same_begin(void);

/** An operation of that kind leads from the state that is being looked at to `now`. */
void same_step(uint8_t kind);

/**
 * All steps from the state `hash` (coarse) were taken. False: one that has the same coarse key led
 * to other states.
 */
bool same_end(struct hash hash);

/** Coarse keys that more than one state had. */
uint64_t same_count(void);

/**
 * An operation, as it is kept for each state: the handle by its place among those given out, the
 * generation of a claim by how old it is.
 */
struct step {
    uint8_t kind, place, pid, to, value, issued;
};

/** What a step means in `now`. */
struct model_operation step_operation(const struct step *step);

/** Print a step that is about to be taken in `now`. */
void step_print(const struct step *step);

/**
 * Ask everything that can be asked in the state `from`, without some groups of steps, of which
 * search_step() hears, and what no answer may be given to. False: something is wrong, and was
 * printed.
 */
bool steps_all(const struct snapshot *from, uint32_t without);

/** Take a step from the state that is being looked at. False: something is wrong, and was printed.
 */
bool search_step(struct step step);

/** Print how the state that is being looked at was reached. */
void search_print_trace(void);

/** An answer was compared, without a step. */
void search_count_refusal(void);

/**
 * Look at all states within bounds, at most about `limit` if that is not 0; prints the sum. False:
 * something is wrong.
 */
bool search(const struct bounds *bounds, uint64_t limit);
