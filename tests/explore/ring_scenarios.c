/* SPDX-License-Identifier: MIT */

/*
 * Scenarios for lib/ring: a thread and the kernel, which may be on two CPUs at once, and the
 * kernel against a third party that writes any index at any time.
 *
 * What the kernel does around the ring (its lock, the sleep of cap_enter) is written here in the
 * way the header asks for it. The rings start nearly full and just before 2^32, so that places are
 * reused and indices wrap within a few operations.
 */

#include "ring/ring.h"

#include "explore.h"

#define PENDING  (explore_scenario->parameter[0]) /* submissions in the queue at the start */
#define UNREAD   (explore_scenario->parameter[1]) /* completions in the queue at the start */
#define RESERVED (explore_scenario->parameter[2]) /* promised to operations that never end */
#define FIRST    (explore_scenario->parameter[3]) /* index of the oldest entry of each queue */
#define COUNT    (explore_scenario->parameter[4]) /* operations; hostile: rounds */
#define LAST     (explore_scenario->parameter[5]) /* another count, see the scenario */

#define LOCK     0u
#define WAKE     0u

static struct ring_memory memory __attribute__((aligned(4096)));
static struct ring_kernel kernel; /* shared by the kernel's CPUs, under LOCK */
static struct ring_user user;

/* Kernel memory besides the ring, under LOCK. */
static struct {
    uint32_t waiting_for; /* completions that the sleeping thread asked for; 0: it is awake */
} sleeper;

/* What each party has done; one writer each. */
static struct {
    uint32_t submitted;
    uint32_t taken;
    uint32_t consumed;
    uint32_t reserved[2]; /* by kernel CPU */
    uint32_t posted[2];
} record;

/* ------------------------------------------------------------------------------------------
 * Entries that prove themselves: every field follows from the number
 * ------------------------------------------------------------------------------------------ */

static void sqe_write(struct ring_sqe *sqe, uint32_t number)
{
    sqe->operation = (uint8_t)number;
    sqe->flags = (uint8_t)(number + 1);
    sqe->method = (uint16_t)(number + 2);
    sqe->transfer_count = (uint16_t)(number + 3);
    sqe->reserved = 0;
    sqe->user_data = number + 4ull;
    sqe->target = number + 5ull;
    sqe->buffer_offset = number + 6;
    sqe->buffer_length = number + 7;
    for (uint32_t i = 0; i < RING_PAYLOAD_WORDS; i++) {
        sqe->payload[i] = number + 8ull + i;
    }
}

static bool sqe_right(const struct ring_sqe *sqe, uint32_t number)
{
    bool right = sqe->operation == (uint8_t)number && sqe->flags == (uint8_t)(number + 1) &&
                 sqe->method == (uint16_t)(number + 2) &&
                 sqe->transfer_count == (uint16_t)(number + 3) && sqe->reserved == 0 &&
                 sqe->user_data == number + 4ull && sqe->target == number + 5ull &&
                 sqe->buffer_offset == number + 6 && sqe->buffer_length == number + 7;

    for (uint32_t i = 0; i < RING_PAYLOAD_WORDS; i++) {
        right = right && sqe->payload[i] == number + 8ull + i;
    }
    return right;
}

static void cqe_write(struct ring_cqe *cqe, uint64_t user_data)
{
    cqe->status = (uint8_t)user_data;
    cqe->user_data = user_data;
    cqe->payload[0] = ~user_data;
}

static bool cqe_right(const struct ring_cqe *cqe)
{
    return cqe->status == (uint8_t)cqe->user_data && cqe->payload[0] == ~cqe->user_data;
}

/* ------------------------------------------------------------------------------------------
 * The start
 * ------------------------------------------------------------------------------------------ */

/* Name the places that entries `first` to `first + count - 1` of a queue will use. */
static void name_sq(uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        explore_memory("sq entry", &memory.sq[(first + i) % RING_DEPTH], sizeof(struct ring_sqe),
                       EXPLORE_ENTRIES);
    }
}

static void name_cq(uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        explore_memory("cq entry", &memory.cq[(first + i) % RING_DEPTH], sizeof(struct ring_cqe),
                       EXPLORE_DATA);
    }
}

static void ring_setup(void)
{
    uint8_t *byte = (uint8_t *)&memory;

    for (size_t i = 0; i < sizeof(memory); i++) {
        byte[i] = 0;
    }
    byte = (uint8_t *)&record;
    for (size_t i = 0; i < sizeof(record); i++) {
        byte[i] = 0;
    }
    ring_kernel_init(&kernel, &memory);
    ring_user_init(&user, &memory);
    sleeper.waiting_for = 0;

    kernel.sq_head = FIRST;
    kernel.cq_tail = FIRST + UNREAD;
    kernel.cq_head_seen = FIRST;
    kernel.reserved = RESERVED;
    user.sq_tail = FIRST + PENDING;
    user.sq_published = FIRST + PENDING;
    user.sq_head_seen = FIRST;
    user.cq_head = FIRST;
    user.cq_tail_seen = FIRST;
    memory.header.sq_head = FIRST;
    memory.header.sq_tail = FIRST + PENDING;
    memory.header.cq_head = FIRST;
    memory.header.cq_tail = FIRST + UNREAD;
    for (uint32_t i = 0; i < PENDING; i++) {
        sqe_write(&memory.sq[(FIRST + i) % RING_DEPTH], i);
    }
    for (uint32_t i = 0; i < UNREAD; i++) {
        cqe_write(&memory.cq[(FIRST + i) % RING_DEPTH], i);
    }

    explore_arena(&memory, sizeof(memory));
    explore_memory("sq_tail", &memory.header.sq_tail, 4, EXPLORE_ATOMIC);
    explore_memory("cq_head", &memory.header.cq_head, 4, EXPLORE_ATOMIC);
    explore_memory("sq_head", &memory.header.sq_head, 4, EXPLORE_ATOMIC);
    explore_memory("cq_tail", &memory.header.cq_tail, 4, EXPLORE_ATOMIC);
    explore_memory("kernel side", &kernel, sizeof(kernel), EXPLORE_DATA);
    explore_memory("sleeper", &sleeper, sizeof(sleeper), EXPLORE_DATA);
    explore_memory("user side", &user, sizeof(user), EXPLORE_RECORD);
    explore_memory("record", &record, sizeof(record), EXPLORE_RECORD);
}

/* What holds whenever the kernel's lock is held: nothing is promised that has no place. */
static void check_accounts(void)
{
    const uint32_t promised =
        RESERVED + record.reserved[0] + record.reserved[1] - record.posted[0] - record.posted[1];
    const uint32_t unread = kernel.cq_tail - (FIRST + record.consumed);

    EXPLORE_CHECK(kernel.reserved == promised, "%u completions reserved, %u promised",
                  kernel.reserved, promised);
    EXPLORE_CHECK(unread + promised <= RING_DEPTH,
                  "the completion queue can overflow: %u unread, %u promised", unread, promised);
    EXPLORE_CHECK(!kernel.poisoned, "an honest thread's ring is poisoned");
}

/* ------------------------------------------------------------------------------------------
 * Submission: the thread writes COUNT entries, the kernel takes all, on another CPU
 * ------------------------------------------------------------------------------------------ */

static void submit_user(void)
{
    while (record.submitted < COUNT) {
        struct ring_sqe *sqe = ring_user_next_sqe(&user);

        if (sqe == NULL) {
            EXPLORE_CHECK(user.sq_tail - explore_visible(&memory.header.sq_head) == RING_DEPTH,
                          "the queue is said to be full with %u entries in it",
                          user.sq_tail - explore_visible(&memory.header.sq_head));
            EXPLORE_CHECK(ring_user_publish(&user) <= COUNT, "more published than written");
            explore_await_change(&memory.header.sq_head, user.sq_tail - RING_DEPTH);
            continue;
        }
        sqe_write(sqe, PENDING + record.submitted);
        record.submitted++;
        if (record.submitted % LAST == 0 || record.submitted == COUNT) {
            EXPLORE_CHECK(ring_user_publish(&user) <= LAST, "more published than written");
        }
    }
}

static void submit_kernel(void)
{
    /* Enough to make room for everything, and then all that was written, if it is few. */
    const uint32_t goal = PENDING + COUNT > RING_DEPTH ? PENDING + COUNT - RING_DEPTH : COUNT;

    while (record.taken < goal) {
        uint32_t pending = ring_kernel_pending(&kernel);

        EXPLORE_CHECK(!kernel.poisoned, "an honest thread's ring is poisoned");
        if (pending == 0) {
            explore_await_change(&memory.header.sq_tail, kernel.sq_head);
            continue;
        }
        for (; pending != 0 && record.taken < goal; pending--) {
            struct ring_sqe sqe;

            explore_once_begin();
            ring_kernel_take(&kernel, &sqe);
            explore_once_end();
            EXPLORE_CHECK(sqe_right(&sqe, record.taken), "entry %u is torn or out of order",
                          record.taken);
            record.taken++;
        }
        ring_kernel_publish_sq(&kernel);
    }
}

static void submit_setup(void)
{
    ring_setup();
    /* The oldest are taken, and COUNT new ones go in behind the last. */
    if (PENDING != 0) {
        name_sq(FIRST, PENDING + COUNT > RING_DEPTH ? PENDING + COUNT - RING_DEPTH : COUNT);
    }
    name_sq(FIRST + PENDING, PENDING == 0 ? COUNT : RING_DEPTH - PENDING);
    explore_thread("user", submit_user, false);
    explore_thread("kernel", submit_kernel, false);
}

static void submit_finish(void)
{
    EXPLORE_CHECK(explore_done(0) && explore_done(1), "stuck: %u submitted, %u taken",
                  record.submitted, record.taken);
}

/* ------------------------------------------------------------------------------------------
 * Completion: two CPUs post COUNT each, the thread reads LAST
 * ------------------------------------------------------------------------------------------ */

static void complete_kernel(uint32_t cpu)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        /* Take a submission: its completion is promised first. */
        for (;;) {
            uint32_t seen;
            bool promised;

            explore_lock(LOCK);
            promised = ring_kernel_reserve(&kernel);
            seen = kernel.cq_head_seen;
            if (promised) {
                record.reserved[cpu]++;
            } else {
                EXPLORE_CHECK(kernel.cq_tail - explore_visible(&memory.header.cq_head) +
                                      kernel.reserved >=
                                  RING_DEPTH,
                              "refused with room in the queue");
            }
            check_accounts();
            explore_unlock(LOCK);
            if (promised) {
                break;
            }
            explore_await_change(&memory.header.cq_head, seen);
        }
        /* Some time later, post it. */
        explore_lock(LOCK);
        cqe_write(ring_kernel_next_cqe(&kernel), UNREAD + 16 * (cpu + 1) + i);
        ring_kernel_post(&kernel);
        record.posted[cpu]++;
        check_accounts();
        explore_unlock(LOCK);
    }
}

static void complete_kernel_0(void)
{
    complete_kernel(0);
}

static void complete_kernel_1(void)
{
    complete_kernel(1);
}

static void complete_user(void)
{
    uint32_t next[2] = {0, 0};

    while (record.consumed < LAST) {
        const struct ring_cqe *cqe = ring_user_peek(&user);

        if (cqe == NULL) {
            explore_await_change(&memory.header.cq_tail, user.cq_head);
            continue;
        }
        EXPLORE_CHECK(cqe_right(cqe), "completion %u is torn", record.consumed);
        if (record.consumed < UNREAD) {
            EXPLORE_CHECK(cqe->user_data == record.consumed, "completion %u is overwritten",
                          record.consumed);
        } else {
            const uint64_t number = cqe->user_data - UNREAD;
            const uint32_t cpu = (uint32_t)(number / 16) - 1;

            EXPLORE_CHECK(cpu < 2 && number % 16 == next[cpu],
                          "completion %u is lost, doubled or out of order", record.consumed);
            next[cpu]++;
        }
        /* Before, for check_accounts(): the place is the kernel's from the store on. */
        record.consumed++;
        ring_user_consume(&user);
    }
}

static void complete_setup(void)
{
    const uint32_t posted = 2 * COUNT;

    ring_setup();
    if (UNREAD + posted > RING_DEPTH) {
        name_cq(FIRST, LAST);
        name_cq(FIRST + UNREAD, RING_DEPTH - UNREAD);
    } else {
        name_cq(FIRST, posted);
    }
    explore_thread("user", complete_user, false);
    explore_thread("cpu 0", complete_kernel_0, false);
    explore_thread("cpu 1", complete_kernel_1, false);
}

static void complete_finish(void)
{
    EXPLORE_CHECK(explore_done(0) && explore_done(1) && explore_done(2),
                  "stuck: %u and %u posted, %u consumed", record.posted[0], record.posted[1],
                  record.consumed);
}

/* ------------------------------------------------------------------------------------------
 * Sleep: the thread waits in cap_enter for completions that another CPU posts
 * ------------------------------------------------------------------------------------------ */

/* cap_enter with nothing to submit: back with at least `minimum` completions unread. */
static void enter(uint32_t minimum)
{
    for (;;) {
        bool enough;

        explore_lock(LOCK);
        enough = ring_kernel_unread(&kernel) >= minimum;
        sleeper.waiting_for = enough ? 0 : minimum;
        check_accounts();
        explore_unlock(LOCK);
        if (enough) {
            return;
        }
        explore_wait(WAKE);
    }
}

static void sleep_user(void)
{
    while (record.consumed < COUNT) {
        const uint32_t left = COUNT - record.consumed;
        const uint32_t minimum = left < LAST ? left : LAST;

        if (ring_user_unread(&user) < minimum) {
            enter(minimum);
        }
        EXPLORE_CHECK(ring_user_unread(&user) >= minimum, "cap_enter returns too early");
        for (uint32_t i = 0; i < minimum; i++) {
            const struct ring_cqe *cqe = ring_user_peek(&user);

            EXPLORE_CHECK(cqe != NULL && cqe_right(cqe) && cqe->user_data == record.consumed,
                          "completion %u is lost or torn", record.consumed);
            record.consumed++;
            ring_user_consume(&user);
        }
    }
}

static void sleep_kernel(void)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        bool wake;

        explore_lock(LOCK);
        cqe_write(ring_kernel_next_cqe(&kernel), i);
        ring_kernel_post(&kernel);
        record.posted[1]++;
        wake = sleeper.waiting_for != 0 && ring_kernel_unread(&kernel) >= sleeper.waiting_for;
        if (wake) {
            sleeper.waiting_for = 0;
        }
        check_accounts();
        explore_unlock(LOCK);
        if (wake) {
            explore_signal(WAKE);
        }
    }
}

static void sleep_setup(void)
{
    ring_setup();
    name_cq(FIRST, COUNT);
    explore_thread("user", sleep_user, false);
    explore_thread("cpu 1", sleep_kernel, false);
}

static void sleep_finish(void)
{
    EXPLORE_CHECK(explore_done(0), "lost wake-up: the thread sleeps in cap_enter, %u unread",
                  kernel.cq_tail - (FIRST + record.consumed));
    EXPLORE_CHECK(explore_done(1), "stuck");
}

/* ------------------------------------------------------------------------------------------
 * The kernel against indices that anybody may have written
 * ------------------------------------------------------------------------------------------ */

static void hostile_body(void)
{
    uint32_t *const words[] = {&memory.header.sq_tail, &memory.header.cq_head,
                               &memory.header.sq_head, &memory.header.cq_tail};
    const uint32_t values[] = {FIRST - 1,
                               FIRST,
                               FIRST + 1,
                               FIRST + UNREAD + 1,
                               FIRST + UNREAD + 3,
                               FIRST + RING_DEPTH,
                               FIRST + RING_DEPTH + 1,
                               FIRST + 0x80000000u};

    for (uint32_t i = 0; i < LAST; i++) {
        uint32_t *const word = words[explore_choose(sizeof(words) / sizeof(words[0]))];

        atomic_store_relaxed_u32(word, values[explore_choose(sizeof(values) / sizeof(values[0]))]);
    }
}

static void victim_kernel(void)
{
    uint32_t promised = RESERVED;

    for (uint32_t i = 0; i < COUNT && !kernel.poisoned; i++) {
        const uint32_t pending = ring_kernel_pending(&kernel);

        EXPLORE_CHECK(pending <= RING_DEPTH, "%u submissions pending", pending);
        EXPLORE_CHECK(!kernel.poisoned || pending == 0, "submissions pending in a poisoned ring");
        if (pending == 0 || !ring_kernel_reserve(&kernel)) {
            continue;
        }
        promised++;
        EXPLORE_CHECK(!kernel.poisoned, "a completion is promised in a poisoned ring");
        EXPLORE_CHECK(kernel.cq_tail - kernel.cq_head_seen + kernel.reserved <= RING_DEPTH,
                      "more promised than there are places");
        {
            struct ring_sqe sqe;

            explore_once_begin();
            ring_kernel_take(&kernel, &sqe);
            explore_once_end();
            ring_kernel_publish_sq(&kernel);
        }
        if (explore_choose(2) == 0) {
            cqe_write(ring_kernel_next_cqe(&kernel), i);
            ring_kernel_post(&kernel);
            promised--;
        }
        EXPLORE_CHECK(kernel.reserved == promised, "%u completions reserved, %u promised",
                      kernel.reserved, promised);
        EXPLORE_CHECK(ring_kernel_unread(&kernel) <= RING_DEPTH, "an impossible head is believed");
    }
    if (kernel.poisoned) {
        explore_note("poisoned", 1);
        EXPLORE_CHECK(ring_kernel_unread(&kernel) <= RING_DEPTH, "too many unread");
        EXPLORE_CHECK(kernel.poisoned, "poison wears off");
        EXPLORE_CHECK(ring_kernel_pending(&kernel) <= RING_DEPTH, "too many pending");
        EXPLORE_CHECK(kernel.poisoned, "poison wears off");
    }
}

static void hostile_setup(void)
{
    ring_setup();
    name_sq(FIRST, COUNT);
    name_cq(FIRST + UNREAD, COUNT);
    explore_thread("kernel", victim_kernel, false);
    explore_thread("hostile", hostile_body, true);
}

static void hostile_finish(void)
{
    EXPLORE_CHECK(explore_done(0), "the kernel hangs on a hostile thread's ring");
}

#define WRAP(before) (0u - (before))

#define SUBMIT(name, longer, ...)                                                                  \
    {                                                                                              \
        name,                                                                                      \
            "every submission is taken whole, once and in order, while places are reused; no "     \
            "race",                                                                                \
            longer, submit_setup, submit_finish, {__VA_ARGS__}, 0                                  \
    }
#define COMPLETE(name, longer, ...)                                                                \
    {                                                                                              \
        name,                                                                                      \
            "two CPUs post under the lock: the queue never overflows, reservations are exact; no " \
            "race",                                                                                \
            longer, complete_setup, complete_finish, {__VA_ARGS__}, 0                              \
    }
#define SLEEP(name, longer, ...)                                                                   \
    {                                                                                              \
        name, "cap_enter neither sleeps with enough completions unread nor returns with too few",  \
            longer, sleep_setup, sleep_finish, {__VA_ARGS__}, 0                                    \
    }
#define HOSTILE(name, longer, ...)                                                                 \
    {                                                                                              \
        name,                                                                                      \
            "no index makes the kernel leave the ring, read twice or promise too much; poison "    \
            "stays",                                                                               \
            longer, hostile_setup, hostile_finish, {__VA_ARGS__}, 0                                \
    }

const struct explore_scenario ring_scenarios[] = {
    /*                                    pending unread reserved first count last */
    SUBMIT("ring-submit", false, 0, 0, 0, WRAP(3), 6, 1),
    SUBMIT("ring-submit-batch", false, 0, 0, 0, WRAP(2), 8, 2),
    SUBMIT("ring-submit-full", false, 63, 0, 0, WRAP(64), 6, 1),
    COMPLETE("ring-complete", false, 0, 0, 62, WRAP(1), 2, 4),
    COMPLETE("ring-complete-full", false, 0, 63, 0, WRAP(64), 2, 3),
    SLEEP("ring-sleep", false, 0, 0, 5, WRAP(1), 5, 1),
    SLEEP("ring-sleep-min-2", false, 0, 0, 6, WRAP(1), 6, 2),
    HOSTILE("ring-hostile", false, 1, 62, 0, WRAP(2), 2, 2),
    HOSTILE("ring-hostile-reserved", false, 2, 1, 61, WRAP(1), 3, 2),
    SUBMIT("ring-submit-long", true, 0, 0, 0, WRAP(4), 12, 1),
    SUBMIT("ring-submit-full-long", true, 61, 0, 0, WRAP(62), 8, 1),
    COMPLETE("ring-complete-long", true, 0, 0, 61, WRAP(1), 3, 6),
    COMPLETE("ring-complete-full-long", true, 0, 62, 0, WRAP(63), 3, 4),
    SLEEP("ring-sleep-long", true, 0, 0, 8, WRAP(2), 8, 1),
    HOSTILE("ring-hostile-long", true, 2, 61, 1, WRAP(2), 3, 3),
    {0},
};
