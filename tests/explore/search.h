/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Depth-first search through every schedule of one scenario.
 */

#include "machine.h"

struct search_result {
    bool passed;
    bool complete;     /* false: stopped at the limit of states */
    uint64_t states;   /* different states entered */
    uint64_t steps;    /* steps taken */
    uint64_t merged;   /* steps that led to a state met before */
    uint64_t ends;     /* executions that came to their end */
    uint64_t outcomes; /* different final contents of memory and records */
    uint32_t depth;    /* longest execution, in steps */
};

/** Explore. On a violation, machine.failure and the log say what happened. */
void search_run(const struct explore_scenario *scenario, uint64_t state_limit,
                struct search_result *result);
