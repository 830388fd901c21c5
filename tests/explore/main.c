/* SPDX-License-Identifier: MIT */

/*
 * Runs the scenarios and prints what was explored.
 */

#include "search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct explore_scenario *const tables[] = {litmus_scenarios, queue_scenarios,
                                                        ring_scenarios, virtqueue_scenarios};

struct options {
    bool longer;
    bool list;
    bool stop;
    const char *only;
    uint64_t state_limit;
};

static void print_help(FILE *file)
{
    fprintf(file,
            "Usage: explore [--long] [--stop] [--list] [--limit STATES] [SCENARIO]\n"
            "Run the shipped ring and queue code through all interleavings of an x86-TSO machine.\n"
            "\n"
            "  SCENARIO        only scenarios whose name begins so\n"
            "  --long          also those that take more than a few seconds\n"
            "  --stop          stop at the first violation\n"
            "  --list          print names and claims, run nothing\n"
            "  --limit STATES  give up (and fail) beyond so many states; default 40000000\n"
            "  --help          this text\n"
            "\n"
            "Exit: 0 all passed, 1 a violation (the schedule is printed), 2 not explored.\n");
}

static void parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){.state_limit = 40000000};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--long") == 0) {
            options->longer = true;
        } else if (strcmp(argv[i], "--stop") == 0) {
            options->stop = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            options->list = true;
        } else if (strcmp(argv[i], "--limit") == 0 && i + 1 < argc) {
            options->state_limit = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--help") == 0) {
            print_help(stdout);
            exit(0);
        } else if (argv[i][0] != '-' && options->only == NULL) {
            options->only = argv[i];
        } else {
            print_help(stderr);
            exit(2);
        }
    }
}

static bool run(const struct explore_scenario *scenario, uint64_t state_limit)
{
    struct search_result result;
    const clock_t start = clock();
    bool unexpected;

    search_run(scenario, state_limit, &result);
    unexpected = result.passed && scenario->outcomes != 0 && scenario->outcomes != result.outcomes;
    if (unexpected) {
        result.passed = false;
    }
    printf("%-4s %-28s %9llu states %10llu steps %8llu executions %5llu outcomes, depth %3u, "
           "%.1f s\n",
           result.passed ? "ok" : "FAIL", scenario->name, (unsigned long long)result.states,
           (unsigned long long)result.steps, (unsigned long long)result.ends,
           (unsigned long long)result.outcomes, result.depth,
           (double)(clock() - start) / CLOCKS_PER_SEC);
    if (!result.passed && !result.complete) {
        printf("  not explored to the end: more than %llu states\n",
               (unsigned long long)state_limit);
    } else if (unexpected) {
        printf("  violation: %llu outcomes instead of %u\n  claim: %s\n",
               (unsigned long long)result.outcomes, scenario->outcomes, scenario->claim);
    } else if (!result.passed) {
        printf("  violation: %s\n  claim: %s\n  schedule:\n", machine.failure, scenario->claim);
        machine_print_log();
    }
    fflush(stdout);
    return result.passed;
}

int main(int argc, char **argv)
{
    struct options options;
    uint32_t passed = 0;
    uint32_t failed = 0;
    uint32_t skipped = 0;

    parse(argc, argv, &options);
    for (uint32_t table = 0; table < sizeof(tables) / sizeof(tables[0]); table++) {
        for (const struct explore_scenario *s = tables[table]; s->name != NULL; s++) {
            if (options.only != NULL && strncmp(s->name, options.only, strlen(options.only)) != 0) {
                continue;
            }
            if (options.list) {
                printf("%-28s %s%s\n", s->name, s->long_only ? "(long) " : "", s->claim);
                continue;
            }
            if (s->long_only && !options.longer) {
                skipped++;
                continue;
            }
            if (run(s, options.state_limit)) {
                passed++;
            } else {
                failed++;
            }
            if (failed != 0 && options.stop) {
                break;
            }
        }
        if (failed != 0 && options.stop) {
            break;
        }
    }
    if (options.list) {
        return 0;
    }
    printf("explore: %u passed, %u failed", passed, failed);
    if (skipped != 0) {
        printf(" (%u only with --long)", skipped);
    }
    printf("\n");
    if (passed + failed == 0) {
        fprintf(stderr, "explore: no scenario of that name\n");
        return 2;
    }
    return failed == 0 ? 0 : 1;
}
