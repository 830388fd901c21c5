/* SPDX-License-Identifier: MIT */

/*
 * The states that were reached, breadth first. Of each only its hash is kept, and the step that led
 * to it: the state itself is made again when it is its turn, from its parent's, whose children come
 * one after the other.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "explore.h"

/** How a state was first reached. */
struct origin {
    uint32_t parent;
    struct step step;
};

static struct hash *table; /* open addressing; all zero: empty */
static uint64_t table_size, table_used;
static struct origin *origins;
static uint32_t origin_count, origin_room;
static uint64_t transitions, refusals;

static const struct bounds *current;
static uint32_t number;      /* of the state that is being looked at, */
static struct snapshot from; /* and the state */
static bool is_changed;      /* `now` is another */

static void *grown(void *memory, size_t bytes)
{
    memory = realloc(memory, bytes);
    if (memory == NULL) {
        fputs("explore: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

static bool table_add(struct hash hash)
{
    if (table_used * 4 >= table_size * 3) {
        struct hash *const old = table;
        const uint64_t old_size = table_size;

        table_size = old_size == 0 ? 1 << 16 : old_size * 2;
        table = grown(NULL, table_size * sizeof(*table));
        memset(table, 0, table_size * sizeof(*table));
        table_used = 0;
        for (uint64_t i = 0; i < old_size; i++) {
            if ((old[i].low | old[i].high) != 0) {
                table_add(old[i]);
            }
        }
        free(old);
    }
    uint64_t place = hash.low & (table_size - 1);
    while ((table[place].low | table[place].high) != 0) {
        if (table[place].low == hash.low && table[place].high == hash.high) {
            return false;
        }
        place = (place + 1) & (table_size - 1);
    }
    table[place] = hash;
    table_used++;
    return true;
}

static void remember(const struct step *step)
{
    if (origin_count == origin_room) {
        origin_room = origin_room == 0 ? 1024 : origin_room * 2;
        origins = grown(origins, origin_room * sizeof(*origins));
    }
    origins[origin_count++] = (struct origin){.parent = number, .step = *step};
}

/** Make `now` the state of that number, from where it begins; print the steps if asked to. */
static void replay(const struct bounds *bounds, uint32_t wanted, bool is_printed)
{
    uint32_t path[256];
    uint32_t length = 0;

    for (uint32_t i = wanted; i != 0; i = origins[i].parent) {
        if (length == sizeof(path) / sizeof(path[0])) {
            fputs("explore: a state is more than 256 steps away\n", stderr);
            exit(2);
        }
        path[length++] = i;
    }
    state_begin(bounds);
    while (length-- > 0) {
        const struct step *step = &origins[path[length]].step;
        const struct model_operation operation = step_operation(step);

        if (is_printed) {
            step_print(step);
        }
        if (model_apply(&now.model, &ledger, &operation) != NULL) {
            fputs("explore: a step does not do again what it did\n", stderr);
            exit(2);
        }
    }
}

void search_print_trace(void)
{
    replay(current, number, true);
}

void search_count_refusal(void)
{
    transitions++;
    refusals++;
}

bool search_step(struct step step)
{
    if (is_changed) {
        now = from;
        is_changed = false;
    }
    const struct model_operation operation = step_operation(&step);
    const char *flaw = model_apply(&now.model, &ledger, &operation);

    transitions++;
    if (flaw != NULL) {
        printf("  violation: %s\n", flaw);
        search_print_trace();
        step_print(&step);
        return false;
    }
    if (memcmp(&now, &from, sizeof(now)) == 0) {
        refusals++;
        return true;
    }
    is_changed = true;
    if (!current->has_coarse_key) {
        same_step(step.kind);
    }
    if (table_add(state_hash(current->has_coarse_key))) {
        remember(&step);
    }
    return true;
}

/** On a terminal's standard error, each few seconds: how far it is. */
static void progress(void)
{
    static time_t last;
    const time_t seconds = time(NULL);

    if (seconds - last >= 2 && isatty(STDERR_FILENO) != 0) {
        last = seconds;
        fprintf(stderr, "\r  %s: %" PRIu64 " states, %u of them looked at\033[K\r", current->name,
                table_used, number);
    }
}

/** Whether the state that was looked at did what others with its coarse key do. */
static bool same_is_kept(void)
{
    now = from;
    is_changed = false;
    if (!same_end(state_hash(true))) {
        puts("  violation: two states that the coarse key calls one lead to others");
        search_print_trace();
        return false;
    }
    return true;
}

bool search(const struct bounds *bounds, uint64_t limit)
{
    static struct snapshot parent;
    uint32_t parent_number = 0;
    bool is_good = true;

    free(table);
    table = NULL;
    table_size = table_used = transitions = refusals = 0;
    origin_count = number = 0;
    current = bounds;
    state_begin(bounds);
    same_begin();
    parent = now;
    table_add(state_hash(bounds->has_coarse_key));
    remember(&(struct step){0});
    while (number < origin_count && is_good && (limit == 0 || table_used < limit)) {
        const struct origin *origin = &origins[number];

        if (number != 0) {
            if (origin->parent != parent_number) {
                replay(bounds, origin->parent, false);
                parent = now;
                parent_number = origin->parent;
            }
            now = parent;
            const struct model_operation operation = step_operation(&origin->step);
            if (model_apply(&now.model, &ledger, &operation) != NULL) {
                fputs("explore: a step does not do again what it did\n", stderr);
                exit(2);
            }
        }
        from = now;
        is_changed = false;
        is_good = steps_all(&from, bounds->without) && (bounds->has_coarse_key || same_is_kept());
        if ((number++ & 0xfff) == 0) {
            progress();
        }
    }
    printf("%s %-38s %9" PRIu64 " states, %11" PRIu64 " transitions, %" PRIu64
           " of them refused%s\n",
           is_good ? "ok  " : "FAIL", bounds->name, table_used, transitions, refusals,
           number == origin_count ? ""
           : is_good              ? ", stopped at the limit"
                                  : "");
    if (is_good && !bounds->has_coarse_key && same_count() != 0) {
        printf("   the coarse key calls some of them one, %" PRIu64 " times: these do the same\n",
               same_count());
    }
    return is_good;
}
