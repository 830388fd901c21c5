/* SPDX-License-Identifier: MIT */
/*
 * What would take the kernel longest if it did it in one go: objects with thousands of waiters that
 * are revoked or closed, a process with many threads that is killed, the largest mappings, the
 * longest text, the most submissions in one entry. Each is done once, and its outcome checked;
 * tests/system/test_longest_sections.py has the kernel measure itself meanwhile.
 *
 *   longest WHAT    one of the list at the end
 *   longest hold KIND    what a child does: have many operations wait for "object"
 */
#include "apps/longest/longest.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/own_image.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/thread.h"

#define THREADS      64u
#define PER_THREAD   RT_OPERATIONS_MAX
#define OWN_WAITS    40u /* more than one step's worth */
#define PAGES_MAX    4096u
#define VIEWS        500u
#define TEXT_BYTES   3800u
#define LETTER_BYTES 64u
#define BATCH_PAGES  32u
#define SLOTS_MAX    16384u /* more than a table has */
#define SLOTS_APART  128u   /* one in each page of it */
#define BIG_MAP_AT   0x500000000ull

/** How the operations of one kind of holder wait, and how they are to end. */
struct kind {
    const char *name;
    enum { BY_WAIT, BY_RECEIVE, BY_CALL, BY_LETTER, BY_READ, BY_REVOKE } by;
    enum status expected;
};

static const struct kind kinds[] = {
    {"wait", BY_WAIT, STATUS_STALE},        {"receive", BY_RECEIVE, STATUS_STALE},
    {"call", BY_CALL, STATUS_STALE},        {"closed", BY_CALL, STATUS_PEER_GONE},
    {"ended", BY_WAIT, STATUS_OK},          {"never", BY_WAIT, STATUS_OK},
    {"letter", BY_LETTER, STATUS_TOO_LONG}, {"read", BY_READ, STATUS_TOO_LONG},
    {"revoke", BY_REVOKE, STATUS_OK},
};

static struct rt_image image;

bool same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

bool good(enum status status, const char *what)
{
    if (status != STATUS_OK) {
        rt_print("longest: %s: %s\n", what, status_name(status));
    }
    return status == STATUS_OK;
}

/* ------------------------------------------------------------------------------------------
 * The child: thousands of operations that wait
 * ------------------------------------------------------------------------------------------ */

static const struct kind *held;
static uint64_t object;
static struct device_manager_revoke_params revocation;
static uint32_t waiting; /* [a] threads whose operations all wait */
static struct rt_operation operations[THREADS][PER_THREAD];

static enum status start_one(struct rt_operation *operation)
{
    struct rt_ring *const ring = rt_ring_self();
    const struct rt_call call = {.target = object, .message_inline = true};
    const struct rt_call letter = {.target = object, .message_length = LETTER_BYTES};
    const struct console_read_params read_params = {.limit = 1};
    const struct rt_call read = {.target = object,
                                 .method = CONSOLE_READ,
                                 .message_inline = true,
                                 .words = RT_WORDS(read_params)};

    const struct rt_call revoke = {.target = object,
                                   .method = DEVICE_MANAGER_REVOKE,
                                   .message_inline = true,
                                   .words = RT_WORDS(revocation)};

    switch (held->by) {
    case BY_WAIT:
        return rt_ring_start_wait(ring, operation, object, 0);
    case BY_RECEIVE:
        return rt_ring_start_receive(ring, operation, object, 0, 0);
    case BY_CALL:
        return rt_ring_start_call(ring, operation, &call);
    case BY_LETTER:
        return rt_ring_start_call(ring, operation, &letter);
    case BY_READ:
        return rt_ring_start_call(ring, operation, &read);
    case BY_REVOKE:
        return rt_ring_start_call(ring, operation, &revoke);
    }
    return STATUS_BAD_REQUEST;
}

/** Have all operations of a thread wait, and see how they end: how many not as expected. */
static uint64_t hold(void *argument)
{
    struct rt_operation *const own = argument;
    struct rt_ring *const ring = rt_ring_self();
    uint64_t wrong = 0;

    for (uint32_t i = 0; i < PER_THREAD; i++) {
        wrong += start_one(&own[i]) != STATUS_OK;
    }
    rt_ring_flush(ring);
    if (__atomic_add_fetch(&waiting, 1, __ATOMIC_ACQ_REL) == THREADS) {
        wrong += signaller_signal(rt_capability("ready"), 1) != STATUS_OK;
    }
    for (uint32_t i = 0; i < PER_THREAD; i++) {
        const struct rt_operation *ended = rt_ring_wait(ring, RT_NO_DEADLINE);

        wrong += ended == NULL || rt_cqe_outcome(&ended->cqe) != held->expected;
    }
    return wrong;
}

/**
 * Map the object: "large", all of it at once; "many", its first page many times; "one", that page
 * once. Then wait for the parent, and use what is mapped.
 */
static int map_main(const char *name)
{
    const uint32_t pages = same(name, "large") ? PAGES_MAX : 1;
    const uint32_t times = same(name, "many") ? LONGEST_MAPPINGS : 1;
    void *address = NULL;
    uint64_t bits;

    for (uint32_t i = 0; i < times; i++) {
        if (rt_space_map(object, 0, pages, ACCESS_READ_WRITE, &address) != STATUS_OK) {
            return 3;
        }
    }
    if (signaller_signal(rt_capability("ready"), 1) != STATUS_OK ||
        notification_wait(rt_capability("go"), 0, &bits) != STATUS_OK) {
        return 4;
    }
    *(volatile uint8_t *)address = 1;
    return 0;
}

static int hold_main(const char *name)
{
    static struct rt_thread *threads[THREADS];
    uint64_t wrong = 0, code = 0;

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        held = same(name, kinds[i].name) ? &kinds[i] : held;
    }
    object = rt_capability("object");
    if (same(name, "within")) {
        return hold_within(object);
    }
    if (held == NULL) {
        return map_main(name);
    }
    if (held->by == BY_REVOKE && !revoker_prepare(object, &revocation)) {
        return 7;
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        if (rt_thread_create(hold, operations[i], 0, &threads[i]) != STATUS_OK) {
            return 5;
        }
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        wrong += rt_thread_join(threads[i], &code) != STATUS_OK || code != 0;
    }
    return wrong == 0 ? 0 : 6;
}

/* ------------------------------------------------------------------------------------------
 * Its parent
 * ------------------------------------------------------------------------------------------ */

uint64_t child, go;

bool child_start_with(const char *kind, uint64_t capability, uint32_t mode)
{
    const struct rt_text arguments[] = {{"longest", 7}, {"hold", 4}, {kind, strlen(kind)}};
    uint64_t ready, bits;

    if (!good(notification_create(&ready), "a notification") ||
        !good(notification_create(&go), "another")) {
        return false;
    }
    const struct rt_grant grants[] = {
        {"console", 7, rt_capability("console"), RING_TRANSFER_COPY},
        {"object", 6, capability, mode},
        {"ready", 5, ready, RING_TRANSFER_COPY},
        {"go", 2, go, RING_TRANSFER_COPY},
    };
    struct rt_spawn spawn;

    rt_spawn_prepare(&spawn, &image, "longest-hold");
    spawn.frames = 4096;
    spawn.cap_slots = 512;
    spawn.objects = 1024;
    spawn.threads = THREADS + 1;
    spawn.arguments = arguments;
    spawn.argument_count = ARRAY_COUNT(arguments);
    spawn.grants = grants;
    spawn.grant_count = ARRAY_COUNT(grants);
    return good(process_spawn(rt_capability("spawner"), &spawn, &child), "a child") &&
           good(notification_wait(ready, 0, &bits), "its readiness");
}

bool child_ends(uint64_t expected_code, enum exit_reason expected)
{
    enum exit_reason reason = EXIT_REASON_COUNT;
    uint64_t code = 0;

    if (!good(process_wait(child, 0, &code, &reason), "its end")) {
        return false;
    }
    if (reason != expected || code != expected_code) {
        rt_print("longest: the child has %s with code %llu\n", exit_reason_name(reason),
                 (unsigned long long)code);
        return false;
    }
    capability_release(child);
    return true;
}

/** A notification is revoked: others' waits are stale, the revoker's own go on in their order. */
static bool revoke_waits(void)
{
    static struct rt_operation own[OWN_WAITS];
    struct rt_ring *const ring = rt_ring_self();
    uint64_t notification;

    if (!good(notification_create(&notification), "a notification")) {
        return false;
    }
    for (uint32_t i = 0; i < OWN_WAITS / 2; i++) {
        if (!good(rt_ring_start_wait(ring, &own[i], notification, 0), "a wait")) {
            return false;
        }
    }
    rt_ring_flush(ring);
    if (!child_start("wait", notification)) {
        return false;
    }
    for (uint32_t i = OWN_WAITS / 2; i < OWN_WAITS; i++) {
        if (!good(rt_ring_start_wait(ring, &own[i], notification, 0), "a wait")) {
            return false;
        }
    }
    rt_ring_flush(ring);
    if (!good(capability_revoke(notification), "revoke") || !child_ends(0, EXIT_REASON_EXITED)) {
        return false;
    }
    for (uint32_t i = 0; i < OWN_WAITS; i++) {
        if (!good(notification_signal(notification, 1ull << i), "signal")) {
            return false;
        }
        const struct rt_operation *ended = rt_ring_wait(ring, RT_NO_DEADLINE);

        if (ended == NULL || ended->cqe.status != STATUS_OK || ended->cqe.payload[0] != 1ull << i) {
            rt_print("longest: wait %u of the revoker\n", i);
            return false;
        }
    }
    return true;
}

static bool revoke_receives(void)
{
    uint64_t endpoint;

    return good(endpoint_create(&endpoint), "an endpoint") && child_start("receive", endpoint) &&
           good(capability_revoke(endpoint), "revoke") && child_ends(0, EXIT_REASON_EXITED);
}

static bool revoke_calls(void)
{
    uint64_t endpoint, client;

    return good(endpoint_create(&endpoint), "an endpoint") &&
           good(endpoint_mint(endpoint, 1, &client), "a client end") &&
           child_start("call", client) && good(capability_revoke(client), "revoke") &&
           child_ends(0, EXIT_REASON_EXITED);
}

static bool close_endpoint(void)
{
    uint64_t endpoint, client;

    return good(endpoint_create(&endpoint), "an endpoint") &&
           good(endpoint_mint(endpoint, 1, &client), "a client end") &&
           child_start("closed", client) && good(capability_release(endpoint), "release") &&
           child_ends(0, EXIT_REASON_EXITED);
}

/** Who can receive nothing receives thousands of messages. */
static bool refuse_calls(void)
{
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation receive = {0};
    uint64_t endpoint, client;

    if (!good(endpoint_create(&endpoint), "an endpoint") ||
        !good(endpoint_mint(endpoint, 1, &client), "a client end") ||
        !child_start("letter", client) ||
        !good(rt_ring_start_receive(ring, &receive, endpoint, 0, 0), "receive")) {
        return false;
    }
    rt_ring_flush(ring);
    return child_ends(0, EXIT_REASON_EXITED) &&
           good(rt_ring_cancel(ring, &receive), "the RECV, which still waits");
}

/** Thousands want to read from the console, and have no room for what is typed. */
static bool refuse_reads(void)
{
    return child_start("read", rt_capability("console")) && child_ends(0, EXIT_REASON_EXITED);
}

/** Thousands wait for the end of a process, which has as many threads and operations. */
static bool end_process(void)
{
    uint64_t notification, victim;

    if (!good(notification_create(&notification), "a notification") ||
        !child_start("never", notification)) {
        return false;
    }
    victim = child;
    if (!child_start("ended", victim) || !good(process_kill(victim), "kill") ||
        !child_ends(0, EXIT_REASON_EXITED)) {
        return false;
    }
    child = victim;
    return child_ends(0, EXIT_REASON_KILLED);
}

static bool map_pages(void)
{
    uint64_t memory;

    /* Not aligned to a table: one more is needed. */
    return good(memory_create(PAGES_MAX, &memory), "memory") &&
           good(vm_map(memory, BIG_MAP_AT + RT_PAGE_BYTES, 0, PAGES_MAX, ACCESS_READ_WRITE),
                "map") &&
           good(vm_protect(BIG_MAP_AT + RT_PAGE_BYTES, PAGES_MAX, ACCESS_READ), "protect") &&
           good(vm_unmap(BIG_MAP_AT + RT_PAGE_BYTES, PAGES_MAX), "unmap") &&
           good(capability_release(memory), "release");
}

static bool revoke_pages(void)
{
    uint64_t memory;

    if (!good(memory_create(PAGES_MAX, &memory), "memory") || !child_start("large", memory) ||
        !good(capability_revoke(memory), "revoke") || !good(process_kill(child), "kill")) {
        return false;
    }
    return child_ends(0, EXIT_REASON_KILLED) && good(capability_release(memory), "release");
}

/** Views of memory, and views of these. */
static bool revoke_views(void)
{
    static uint64_t views[VIEWS];
    uint64_t memory;
    struct memory_size_results size;

    if (!good(memory_create(1, &memory), "memory")) {
        return false;
    }
    for (uint32_t i = 0; i < VIEWS; i++) {
        if (!good(memory_view(i % 8 == 0 ? memory : views[i - 1], 0, 1, ACCESS_READ, &views[i]),
                  "a view")) {
            return false;
        }
    }
    if (!good(capability_revoke(memory), "revoke")) {
        return false;
    }
    for (uint32_t i = 0; i < VIEWS; i++) {
        if (memory_size(views[i], &size) != STATUS_STALE) {
            rt_print("longest: view %u is there\n", i);
            return false;
        }
        capability_release(views[i]);
    }
    return true;
}

static bool write_text(void)
{
    static char text[TEXT_BYTES];

    for (uint32_t i = 0; i < TEXT_BYTES; i++) {
        text[i] = i % 76 == 75 ? '\n' : (char)('!' + i % 76);
    }
    return good(console_write(rt_capability("console"), text, TEXT_BYTES), "write");
}

/** As many submissions in one entry as there can be, none of them short. */
static bool submit_batch(void)
{
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation *const own = operations[0];
    const struct factory_create_memory_params params = {.page_count = BATCH_PAGES};
    const struct rt_call call = {.target = RT_FACTORY,
                                 .method = FACTORY_CREATE_MEMORY,
                                 .message_inline = true,
                                 .words = RT_WORDS(params)};

    for (uint32_t i = 0; i < PER_THREAD; i++) {
        if (!good(rt_ring_start_call(ring, &own[i], &call), "a call")) {
            return false;
        }
    }
    for (uint32_t i = 0; i < PER_THREAD; i++) {
        const struct rt_operation *ended = rt_ring_wait(ring, RT_NO_DEADLINE);

        if (ended == NULL || !good(rt_cqe_outcome(&ended->cqe), "memory")) {
            return false;
        }
        capability_release(ended->cqe.payload[0]);
    }
    return true;
}

/** Fill all slots that there can be, keep every SLOTS_APART-th, and let others look at these. */
static bool hold_few_slots(void)
{
    static uint64_t slots[SLOTS_MAX];
    uint32_t count = 0;

    while (count < SLOTS_MAX && notification_create(&slots[count]) == STATUS_OK) {
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i % SLOTS_APART != 0 && !good(capability_release(slots[i]), "release")) {
            return false;
        }
    }
    rt_print("longest: %u of %u slots\n", (count + SLOTS_APART - 1) / SLOTS_APART, count);
    rt_print_flush();
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}

static const struct {
    const char *name;
    bool (*run)(void);
} works[] = {
    {"waits", revoke_waits},   {"receives", revoke_receives}, {"calls", revoke_calls},
    {"close", close_endpoint}, {"end", end_process},          {"map", map_pages},
    {"pages", revoke_pages},   {"views", revoke_views},       {"text", write_text},
    {"batch", submit_batch},   {"meanwhile", map_meanwhile},  {"letters", refuse_calls},
    {"reads", refuse_reads},   {"within", revoke_within},     {"revokers", revoke_function},
    {"slots", hold_few_slots},
};

int main(int count, char **arguments)
{
    if (count == 3 && same(arguments[1], "hold")) {
        return hold_main(arguments[2]);
    }
    if (count != 2 || !good(rt_image_find("longest", &image), "own image")) {
        return 2;
    }
    for (size_t i = 0; i < ARRAY_COUNT(works); i++) {
        if (same(arguments[1], works[i].name)) {
            const bool done = works[i].run();

            rt_print("longest: %s %s\n", works[i].name, done ? "done" : "failed");
            return done ? 0 : 1;
        }
    }
    rt_print("longest: there is no %s\n", arguments[1]);
    return 2;
}
