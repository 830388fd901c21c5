/* SPDX-License-Identifier: MIT */

/*
 * Every state that the shipped ledger can reach within small bounds, breadth first: from each state
 * all operations with all handles that were given out (ended ones too) and all those a field away
 * from them, by all pids, legal or not. model_apply() compares every answer with the model of
 * tests/host, looks at the whole ledger afterwards, and at L8 when something was refused.
 *
 * What makes it end: two states are one if they differ only in how large generations and addresses
 * are (beyond a few steps from each other and from their end), or by renaming owners, functions or
 * slots. States are remembered as 128 bits of hash. Each successor is looked at before it is known
 * whether it is new. Generations near their end, and few addresses, are starting points of their
 * own.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_apply.h"

/** Distances beyond this are all one. */
#define FAR 5u

struct bounds {
    const char *name;
    bool is_long;
    uint32_t functions, routes, buffers, pids;
    bool one_group;
    bool
        is_coarse; /* registers, reset, disabling are left out: they are in those of one function */
    uint64_t epoch, owner_epoch, slot_epoch; /* 0: far from the end */
    uint64_t low_first, address_end;         /* 0: plenty */
};

static const struct bounds all_bounds[] = {
    {.name = "one function, one of each", .functions = 1, .routes = 1, .buffers = 1, .pids = 2},
    {.name = "two functions", .functions = 2, .buffers = 1, .pids = 2, .is_coarse = true},
    {.name = "two functions of a group",
     .functions = 2,
     .buffers = 1,
     .pids = 2,
     .is_coarse = true,
     .one_group = true},
    {.name = "one function, two of each, coarse",
     .functions = 1,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .is_coarse = true},
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
     .is_coarse = true},
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
     .is_coarse = true},
    {.is_long = true,
     .name = "two functions, with a route",
     .functions = 2,
     .routes = 1,
     .buffers = 1,
     .pids = 2,
     .is_coarse = true},
    {.is_long = true,
     .name = "two functions, two of each",
     .functions = 2,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .is_coarse = true},
    {.is_long = true,
     .name = "a group, two of each",
     .functions = 2,
     .routes = 2,
     .buffers = 2,
     .pids = 2,
     .is_coarse = true,
     .one_group = true},
};

/* ------------------------------------------------------------------------ a state */

struct snapshot {
    struct ledger_function functions[2];
    struct ledger_route routes[2];
    struct ledger_buffer buffers[2];
    struct model model;
    uint32_t number;
};

static struct snapshot now;
static struct ledger ledger = {now.functions, 0, now.routes, 0, now.buffers, 0};

static void begin(const struct bounds *bounds)
{
    memset(&now, 0, sizeof(now));
    ledger.function_count = now.model.function_count = bounds->functions;
    ledger.route_count = now.model.route_count = bounds->routes;
    ledger.buffer_count = now.model.buffer_count = bounds->buffers;
    ledger_init(&ledger);
    now.model.pid_count = bounds->pids;
    now.model.pool_limit = 2;
    now.model.address_end = bounds->address_end != 0 ? bounds->address_end : 1ull << 39;
    for (uint32_t i = 0; i < bounds->functions; i++) {
        struct ledger_function *function = &now.functions[i];

        function->group = bounds->one_group ? 0 : i;
        function->generation = bounds->epoch != 0 ? bounds->epoch : function->generation;
        function->owner_generation = bounds->owner_epoch;
        function->low_next = bounds->low_first != 0 ? bounds->low_first : function->low_next;
        now.model.functions[i] = (struct model_function){.group = function->group,
                                                         .epoch = function->generation,
                                                         .owner_epoch = function->owner_generation,
                                                         .given_low = function->low_next,
                                                         .given_high = function->high_next};
    }
    for (uint32_t i = 0; i < 2; i++) {
        now.routes[i].generation = now.buffers[i].generation =
            bounds->slot_epoch != 0 ? bounds->slot_epoch : 1;
        now.model.route_epoch[i] = now.routes[i].generation;
        now.model.buffer_epoch[i] = now.buffers[i].generation;
    }
}

/* ------------------------------------------------------------------------ when two are one */

static uint8_t key_bytes[512];
static uint32_t key_length;

static void key_put(uint64_t value)
{
    key_bytes[key_length++] = (uint8_t)value;
}

static uint64_t near(uint64_t high, uint64_t low)
{
    return low > high ? FAR + 1 : high - low < FAR ? high - low : FAR;
}

static int compare_words(const void *one, const void *other)
{
    const uint64_t a = *(const uint64_t *)one;
    const uint64_t b = *(const uint64_t *)other;

    return a < b ? -1 : a > b;
}

/** The state's key under a renaming: bit 0 swaps functions, 1 routes, 2 buffers, 3 pids 1 and 2. */
static void key_make(uint32_t renaming)
{
    const uint32_t function_swap = renaming & 1, route_swap = renaming >> 1 & 1;
    const uint32_t buffer_swap = renaming >> 2 & 1, pid_swap = (renaming >> 3 & 1) * 3;
    uint64_t words[MODEL_ISSUED];
    uint32_t word_count = 0;

    key_length = 0;
    for (uint32_t n = 0; n < ledger.function_count; n++) {
        const struct ledger_function *record = &now.functions[n ^ function_swap];
        const struct model_function *function = &now.model.functions[n ^ function_swap];
        const uint64_t pages[] = {record->low_next / 4096, record->high_next / 4096};
        const uint64_t end = now.model.address_end / 4096;
        const bool is_at_rest =
            record->state == FUNCTION_STATE_FREE || record->state == FUNCTION_STATE_RETIRED;

        key_put(record->state);
        key_put(record->owner == 0 ? 0 : record->owner ^ pid_swap);
        key_put(record->former_owner == 0 || record->state != FUNCTION_STATE_CLAIMED
                    ? 0
                    : record->former_owner ^ pid_swap);
        key_put((uint64_t)(record->has_mmio | record->has_pool << 1 | record->is_exhausted << 2 |
                           (record->state == FUNCTION_STATE_FREE && record->not_reset) << 3));
        key_put(is_at_rest ? 0 : record->evidence);
        key_put(is_at_rest ? 0 : function->seen);
        key_put(record->refusal);
        key_put(record->mmio_pages);
        key_put(near(LEDGER_GENERATION_END, record->generation));
        key_put(near(LEDGER_GENERATION_END, record->owner_generation));
        key_put(near(record->owner_generation, record->mmio_owner));
        key_put(near(record->owner_generation, record->pool_owner));
        key_put(near(end < 0xfffff ? end : 0xfffff, pages[0]));
        key_put(near(0xfee00, pages[0]));
        key_put(near(end, pages[1]));
    }
    for (uint32_t n = 0; n < ledger.route_count; n++) {
        const struct ledger_route *route = &now.routes[n ^ route_swap];
        const bool exists = route->use != LEDGER_UNUSED;

        key_put(route->use);
        key_put(exists ? route->function ^ function_swap : 0);
        key_put(near(LEDGER_GENERATION_END, route->generation));
        key_put(exists ? near(now.functions[route->function].owner_generation, route->owner) : 0);
    }
    for (uint32_t n = 0; n < ledger.buffer_count; n++) {
        const struct ledger_buffer *buffer = &now.buffers[n ^ buffer_swap];
        const bool exists = buffer->use != LEDGER_UNUSED;

        key_put(buffer->use);
        key_put(exists ? buffer->function ^ function_swap : 0);
        key_put(near(LEDGER_GENERATION_END, buffer->generation));
        key_put(exists ? buffer->page_count : 0);
        key_put(now.model.buffers[n ^ buffer_swap].is_invalidated);
    }
    for (uint32_t n = 0; n < now.model.issued_count; n++) {
        const struct model_issued *issued = &now.model.issued[n];
        const struct device_handle *handle = &issued->handle;
        const struct model_function *function = &now.model.functions[handle->function];
        uint64_t part_epoch = function->epoch;
        uint32_t slot = handle->slot;

        if (issued->fate == MODEL_ENDED) {
            continue; /* the ledger knows nothing of it: it is tried, but makes no other state */
        }
        if (handle->part == DEVICE_PART_ROUTE) {
            part_epoch = now.model.route_epoch[slot];
            slot ^= route_swap;
        } else if (handle->part == DEVICE_PART_BUFFER) {
            part_epoch = now.model.buffer_epoch[slot];
            slot ^= buffer_swap;
        }
        /* Beyond one step it makes no difference to anything how old a handle is. */
        const uint64_t ages[] = {function->epoch - handle->generation,
                                 function->owner_epoch - handle->owner_generation,
                                 part_epoch - handle->part_generation};
        words[word_count] = (uint64_t)issued->fate << 40 | (uint64_t)handle->part << 32 |
                            slot << 24 | (handle->function ^ function_swap) << 16;
        for (uint32_t i = 0; i < 3; i++) {
            words[word_count] |= (ages[i] < 2 ? ages[i] : 2) << i * 4;
        }
        word_count++;
    }
    qsort(words, word_count, sizeof(words[0]), compare_words);
    for (uint32_t n = 0; n < word_count; n++) {
        memcpy(&key_bytes[key_length], &words[n], sizeof(words[n]));
        key_length += (uint32_t)sizeof(words[n]);
    }
}

struct hash {
    uint64_t low, high;
};

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 32) * 0xd6e8feb86659fd93ull;
    value = (value ^ value >> 29) * 0x9e3779b97f4a7c15ull;
    return value ^ value >> 32;
}

/** The least of the hashes under all renamings, so that all of them have one. */
static struct hash state_hash(void)
{
    struct hash least = {UINT64_MAX, UINT64_MAX};

    for (uint32_t renaming = 0; renaming < 16; renaming++) {
        struct hash hash = {0x243f6a8885a308d3ull, 0x13198a2e03707344ull};

        if (((renaming & 1) != 0 && ledger.function_count < 2) ||
            ((renaming & 2) != 0 && ledger.route_count < 2) ||
            ((renaming & 4) != 0 && ledger.buffer_count < 2) ||
            ((renaming & 8) != 0 && now.model.pid_count < 2)) {
            continue;
        }
        key_make(renaming);
        memset(&key_bytes[key_length], 0, 8);
        for (uint32_t i = 0; i < key_length; i += 8) {
            uint64_t word;

            memcpy(&word, &key_bytes[i], sizeof(word));
            hash.low = mix(hash.low ^ word);
            hash.high = mix(hash.high + word * 0xff51afd7ed558ccdull) ^ hash.low >> 7;
        }
        if (hash.high < least.high || (hash.high == least.high && hash.low < least.low)) {
            least = hash;
        }
    }
    return least;
}

/* ------------------------------------------------------------------------ the search */

/** How a state was first reached: the trace of a violation. */
struct origin {
    uint32_t parent;
    struct model_operation operation;
};

static struct hash *table; /* open addressing; all zero: empty */
static uint64_t table_size, table_used;
static struct origin *origins;
static uint32_t origin_count, origin_room;
static struct snapshot *queue; /* a ring that grows */
static uint64_t queue_room, queue_head, queue_tail;
static uint64_t transitions, refusals;

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
    if (table_used * 3 >= table_size * 2) {
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

static void queue_add(void)
{
    if (queue_tail - queue_head == queue_room) {
        const uint64_t room = queue_room == 0 ? 1024 : queue_room * 2;
        struct snapshot *const larger = grown(NULL, room * sizeof(*larger));

        for (uint64_t i = queue_head; i < queue_tail; i++) {
            larger[i & (room - 1)] = queue[i & (queue_room - 1)];
        }
        free(queue);
        queue = larger;
        queue_room = room;
    }
    queue[queue_tail++ & (queue_room - 1)] = now;
}

static void remember(uint32_t parent, const struct model_operation *operation)
{
    if (origin_count == origin_room) {
        origin_room = origin_room == 0 ? 1024 : origin_room * 2;
        origins = grown(origins, origin_room * sizeof(*origins));
    }
    now.number = origin_count;
    origins[origin_count++] = (struct origin){.parent = parent, .operation = *operation};
    queue_add();
}

static void print_operation(const struct model_operation *op)
{
    static const char *const parts[] = {"mmio", "pool", "route", "buffer", "?"};
    const struct device_handle *handle = &op->handle;

    printf("    %-11s place %u, pid %" PRIu64 " to %" PRIu64 ", value %" PRIu64, //
           model_kind_names[op->kind], op->place, op->pid, op->to, op->value);
    if (op->kind == MODEL_MOVE || op->kind == MODEL_MAP || op->kind == MODEL_PART_END ||
        op->kind == MODEL_BUFFER) {
        printf(", %s of %u slot %u generations %" PRIx64 " %" PRIx64 " %" PRIx64,
               parts[handle->part < 4 ? handle->part : 4], handle->function, handle->slot,
               handle->generation, handle->owner_generation, handle->part_generation);
    }
    putchar('\n');
}

static void print_trace(uint32_t number)
{
    if (number != 0) {
        print_trace(origins[number].parent);
        print_operation(&origins[number].operation);
    }
}

static const struct snapshot *from;
static bool is_coarse;

/** One operation from the state `from`. False: something is wrong, and was printed. */
static bool try(struct model_operation op)
{
    const char *flaw;

    now = *from;
    transitions++;
    flaw = model_apply(&now.model, &ledger, &op);
    if (flaw != NULL) {
        printf("  violation: %s\n", flaw);
        print_trace(from->number);
        print_operation(&op);
        return false;
    }
    if (memcmp(&now, from, sizeof(now)) == 0) {
        refusals++;
        return true;
    }
    if (table_add(state_hash())) {
        remember(from->number, &op);
    }
    return true;
}

/** Everything that can be done with a handle that was given out. */
static bool try_handle(const struct device_handle *handle)
{
    const uint64_t pids = from->model.pid_count;
    bool is_good = true;

    for (uint64_t pid = 0; pid <= pids && is_good; pid++) {
        for (uint64_t to = 0; to <= pids && is_good; to++) {
            is_good = try((struct model_operation){MODEL_MOVE, 0, pid, to, 0, *handle});
        }
        for (uint64_t pages = 0; pages <= 3 && is_good; pages++) {
            is_good = try((struct model_operation){MODEL_BUFFER, 0, pid, 0, pages, *handle});
        }
        if (is_good && !is_coarse && from->model.functions[handle->function].mmio_pages == 0) {
            is_good = try((struct model_operation){MODEL_MAP, 0, pid, 0, 0, *handle});
        }
    }
    return is_good && try((struct model_operation){MODEL_PART_END, .handle = *handle});
}

/** One that was not, unless it is another that was: nothing that it is good for may be done. */
static bool try_forged(const struct device_handle *handle)
{
    now = *from;
    for (uint64_t pid = 0; pid <= now.model.pid_count; pid++) {
        if (ledger_check(&ledger, handle, pid) != model_resolve(&now.model, handle, pid)) {
            puts("  violation: a forged handle resolves, or a current one does not (L3)");
            print_trace(from->number);
            return false;
        }
        for (uint64_t to = 1; to <= now.model.pid_count; to++) {
            transitions++;
            refusals++;
            if (ledger_move_check(&ledger, handle, pid, to) !=
                model_move(&now.model, handle, pid, to)) {
                puts("  violation: a forged handle moves, or a current one does not (L3)");
                print_trace(from->number);
                return false;
            }
        }
    }
    return true;
}

static bool try_handles(void)
{
    for (uint32_t i = 0; i < from->model.issued_count; i++) {
        const struct device_handle handle = from->model.issued[i].handle;
        struct device_handle forged[10];

        if (!try_handle(&handle)) {
            return false;
        }
        for (uint32_t n = 0; n < ARRAY_COUNT(forged); n++) {
            forged[n] = handle;
        }
        forged[0].generation++;
        forged[1].generation--;
        forged[2].owner_generation++;
        forged[3].owner_generation--;
        forged[4].part_generation++;
        forged[5].part_generation--;
        forged[6].function ^= 1;
        forged[7].slot ^= 1;
        forged[8].part = (enum device_part)(handle.part ^ 1);
        forged[9].part = (enum device_part)(handle.part ^ 2);
        for (uint32_t n = 0; n < ARRAY_COUNT(forged); n++) {
            if (!try_forged(&forged[n])) {
                return false;
            }
        }
    }
    return true;
}

static bool try_all(void)
{
    static const uint64_t coarse[] = {LEDGER_STOPPED, LEDGER_DETACHED,
                                      LEDGER_UNMAPPED | LEDGER_MASKED};
    const struct model *model = &from->model;
    bool is_good = try_handles();

    for (uint32_t i = 0; i < model->function_count && is_good; i++) {
        for (uint64_t pid = 0; pid <= model->pid_count && is_good; pid++) {
            const uint64_t epoch = model->functions[i].epoch;

            is_good = try((struct model_operation){MODEL_CLAIM, i, pid, 0, epoch, {0}}) &&
                      try((struct model_operation){MODEL_CLAIM, i, pid, 0, epoch - 1, {0}}) &&
                      try((struct model_operation){MODEL_ROUTE, .place = i, .pid = pid});
        }
        for (enum model_kind kind = MODEL_REVOKE; kind < MODEL_KINDS && is_good; kind++) {
            const bool is_fine =
                kind == MODEL_RESET || kind == MODEL_DISABLE || kind == MODEL_ENABLE;

            if (kind != MODEL_WITNESS && !(is_coarse && is_fine)) {
                is_good = try((struct model_operation){kind, .place = i});
            }
        }
        for (size_t n = 0; n < (is_coarse ? 3 : 5) && is_good; n++) {
            const uint64_t seen = is_coarse ? coarse[n] : 1u << n;

            is_good = try((struct model_operation){MODEL_WITNESS, .place = i, .value = seen});
        }
        is_good = is_good && try((struct model_operation){MODEL_UNMAP, .place = i});
    }
    for (enum model_kind kind = MODEL_ARM; kind <= MODEL_GIVE_BACK && is_good; kind++) {
        const uint32_t slots = kind <= MODEL_ROUTE_ENDED ? model->route_count : model->buffer_count;

        for (uint32_t i = 0; i < slots && is_good && kind != MODEL_BUFFER; i++) {
            is_good = try((struct model_operation){kind, .place = i});
        }
    }
    return is_good;
}

static bool explore(const struct bounds *bounds, uint64_t limit)
{
    bool is_good = true;

    free(table);
    table = NULL;
    table_size = table_used = queue_head = queue_tail = transitions = refusals = 0;
    origin_count = 0;
    begin(bounds);
    is_coarse = bounds->is_coarse;
    table_add(state_hash());
    remember(0, &(struct model_operation){MODEL_KINDS - 1, .place = 0});
    while (queue_head != queue_tail && is_good && (limit == 0 || table_used < limit)) {
        static struct snapshot taken;

        taken = queue[queue_head++ & (queue_room - 1)];
        from = &taken;
        is_good = try_all();
    }
    const bool is_whole = queue_head == queue_tail;
    printf("%s %-38s %9" PRIu64 " states, %11" PRIu64 " transitions, %" PRIu64
           " of them refused%s\n",
           is_good ? "ok  " : "FAIL", bounds->name, table_used, transitions, refusals,
           is_whole  ? ""
           : is_good ? ", stopped at the limit"
                     : "");
    return is_good;
}

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
            is_good = explore(&all_bounds[i], limit) && is_good;
        }
    }
    return is_good ? 0 : 1;
}
