/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A level-triggered line that functions of different owners share: who is told of an interrupt, and
 * when the line as a whole has to be masked.
 *
 *             unmask                   asserts, told
 *   masked ------------> open --------------------------> taken
 *      ^                  ^  |                              |
 *      +------------------|--+ mask                         |
 *      |                  +---------------------------------+ unmask: acknowledged
 *      +----------------------------------------------------+ mask
 *
 * Since PCI 2.3 a function says whether it asserts its pin (status bit 3), and can be kept from it
 * (command bit 10): such a sharer is masked at the function as long as it is not open, and nobody
 * else notices if its owner never acknowledges. One without those bits can only be blamed when no
 * other admits to it, and holds the line masked as long as it is not open.
 *
 * When interrupts come that nobody at all admits to, again and again, the line is a storm: masked
 * until its sharers change. A line that is masked while a sharer that admits is open is to be
 * polled: offer it to the sharers, now and then, as if an interrupt had come.
 *
 * Pure: the caller reads and writes registers as it is told, and holds a lock.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum intx_state { INTX_MASKED, INTX_OPEN, INTX_TAKEN };

/** A function on a line. */
struct intx_sharer {
    bool admits; /* has both bits */
    enum intx_state state;
};

struct intx_line {
    uint32_t sharer_count;
    uint32_t armed;           /* sharers that are open or taken */
    uint32_t admitting;       /* of those open, the ones that admit */
    uint32_t held;            /* sharers that do not admit, and are not open */
    uint32_t unadmitted;      /* interrupts in this window that nobody admitted to, none between */
    uint64_t window_start_ns; /* of the first of them */
    bool is_storm;
};

/** So many in a window, with no interrupt between them that somebody admits to, are a storm. */
#define INTX_STORM_COUNT     64u
#define INTX_STORM_WINDOW_NS 1000000000ull

/** A function joins, masked. A storm is over: perhaps it knows what the others do not. */
void intx_join(struct intx_line *line, struct intx_sharer *sharer, bool admits);

/** It leaves, from whatever state. A storm is over: perhaps it was to blame. */
void intx_leave(struct intx_line *line, struct intx_sharer *sharer);

/** Its owner unmasks or masks. */
void intx_set(struct intx_line *line, struct intx_sharer *sharer, enum intx_state state);

/** Whether the line is to be unmasked. */
static inline bool intx_is_unmasked(const struct intx_line *line)
{
    return line->armed != 0 && line->held == 0 && !line->is_storm;
}

/** Whether the line is to be polled. */
static inline bool intx_is_polled(const struct intx_line *line)
{
    return !intx_is_unmasked(line) && line->admitting != 0;
}

/**
 * An interrupt has come: is this sharer to be told? `asserts` is its status bit, false without one.
 * True: it is taken; mask it at the function, and tell its owner.
 */
MUST_CHECK bool intx_offer(struct intx_line *line, struct intx_sharer *sharer, bool asserts);

/** Nobody has admitted to it: is this one to blame? True as in intx_offer(), without the mask. */
MUST_CHECK bool intx_blame(struct intx_line *line, struct intx_sharer *sharer);

/** All have been asked; `is_admitted` if somebody was told. True: a storm begins. */
MUST_CHECK bool intx_arrived(struct intx_line *line, bool is_admitted, uint64_t now_ns);
