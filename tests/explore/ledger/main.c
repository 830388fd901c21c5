/* SPDX-License-Identifier: MIT */

/*
 * The bounds, and the command line. Generations near their end, and few addresses, are starting
 * points of their own.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

static const struct bounds all_bounds[] = {
    {.name = "one function, one of each", .functions = 1, .routes = 1, .buffers = 1, .pids = 2},
    {.name = "two functions",
     .functions = 2,
     .buffers = 1,
     .pids = 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS},
    {.name = "two functions, with a route",
     .functions = 2,
     .routes = 1,
     .buffers = 1,
     .pids = 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS},
    {.name = "two functions of a group",
     .functions = 2,
     .buffers = 1,
     .pids = 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS,
     .one_group = true},
    {.name = "one function, two of each, coarse",
     .functions = 1,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS},
    {.name = "generations of the function end",
     .functions = 1,
     .routes = 1,
     .buffers = 1,
     .pids = 1,
     .epoch = UINT64_MAX - 3},
    {.name = "generations of the owner end",
     .functions = 1,
     .routes = 1,
     .pids = 2,
     .owner_epoch = UINT64_MAX - 4},
    {.name = "generations of slots end",
     .functions = 1,
     .routes = 1,
     .buffers = 1,
     .pids = 2,
     .slot_epoch = UINT64_MAX - 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS},
    {.name = "addresses end",
     .functions = 1,
     .buffers = 2,
     .pids = 1,
     .low_first = 0xfedfe000,
     .address_end = 0x100003000},
    {.name = "addresses of a narrow device end",
     .functions = 1,
     .buffers = 1,
     .pids = 1,
     .address_end = 0x105000},
    {.is_long = true,
     .name = "one function, two of each",
     .functions = 1,
     .routes = 2,
     .buffers = 2,
     .pids = 2},
    {.is_long = true,
     .name = "all generations end",
     .functions = 1,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .epoch = UINT64_MAX - 3,
     .owner_epoch = UINT64_MAX - 5,
     .slot_epoch = UINT64_MAX - 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS},
    {.is_long = true,
     .name = "two functions, two of each",
     .functions = 2,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS},
    {.is_long = true,
     .name = "two of each, with registers",
     .functions = 2,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS & ~STEPS_REGISTERS},
    {.is_long = true,
     .name = "two of each, with resets",
     .functions = 2,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS & ~STEPS_RESETS},
    {.is_long = true,
     .name = "two of each, with disabling",
     .functions = 2,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS & ~STEPS_DISABLING},
    {.is_long = true,
     .name = "two of each, with evidence in any order",
     .functions = 2,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS & ~STEPS_APART},
    {.is_long = true,
     .name = "a group, two of each",
     .functions = 2,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .has_coarse_key = true,
     .without = STEPS_GROUPS,
     .one_group = true},
};

int main(int argc, char **argv)
{
    bool is_long = false, stops = false, is_good = true;
    const char *only = "";
    uint64_t limit = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--long") == 0) {
            is_long = true;
        } else if (strcmp(argv[i], "--stop") == 0) {
            stops = true;
        } else if (strcmp(argv[i], "--limit") == 0 && i + 1 < argc) {
            limit = strtoull(argv[++i], NULL, 0);
        } else if (argv[i][0] != '-') {
            only = argv[i];
        } else {
            puts("Usage: ledger-explore [--long] [--stop] [--limit STATES] [NAME]\n"
                 "Look at every state of the ledger within small bounds.\n"
                 "  --long   larger bounds as well\n"
                 "  --stop   after the first violation\n"
                 "  --limit  give up on bounds that have more states, and say so\n"
                 "  NAME     bounds whose name begins so");
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < ARRAY_COUNT(all_bounds) && (is_good || !stops); i++) {
        if ((is_long || !all_bounds[i].is_long) &&
            strncmp(all_bounds[i].name, only, strlen(only)) == 0) {
            is_good = search(&all_bounds[i], limit) && is_good;
        }
    }
    return is_good ? 0 : 1;
}
