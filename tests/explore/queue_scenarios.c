/* SPDX-License-Identifier: MIT */

/*
 * Scenarios for lib/queue: an honest pair, and either side against a hostile peer.
 *
 * queue.c is included, not linked, so that it is compiled against the explorer's base/atomic.h and
 * with the race instrumentation.
 */

#include "queue/queue.c"

#include "explore.h"

#define MAX_CAPACITY 4u
#define ENTRY_WORDS  2u
#define ENTRY_BYTES  (ENTRY_WORDS * 8u)

/* Parameters of a scenario. */
#define CAPACITY    (explore_scenario->parameter[0])
#define ENTRIES     (explore_scenario->parameter[1]) /* hostile: calls to make */
#define BATCH       (explore_scenario->parameter[2]) /* put so many, then publish */
#define FIRST_INDEX (explore_scenario->parameter[3])
#define SCRIBBLES   (explore_scenario->parameter[4])

/* The region between two guards. */
static struct {
    uint8_t before[QUEUE_LINE_BYTES];
    uint8_t memory[sizeof(struct queue_header) + MAX_CAPACITY * ENTRY_BYTES];
    uint8_t after[QUEUE_LINE_BYTES];
} arena __attribute__((aligned(64)));

static struct queue_memory *memory;

/* Private to one thread each, and looked at by the checks. */
static struct queue_producer producer;
static struct queue_consumer consumer;

struct entry {
    uint64_t number;
    uint64_t check;
};

static struct {
    uint32_t put;       /* entries written */
    uint32_t published; /* entries published */
    uint32_t taken;     /* entries taken */
    uint32_t signals;   /* how often publish asked for one */
} record;

static void queue_setup(void)
{
    memory = (struct queue_memory *)(void *)arena.memory;
    for (size_t i = 0; i < sizeof(arena); i++) {
        ((uint8_t *)&arena)[i] = 0xa5;
    }
    record.put = 0;
    record.published = 0;
    record.taken = 0;
    record.signals = 0;
    queue_memory_init(memory);
    if (!queue_producer_init(&producer, memory, sizeof(arena.memory), CAPACITY, ENTRY_BYTES) ||
        !queue_consumer_init(&consumer, memory, sizeof(arena.memory), CAPACITY, ENTRY_BYTES)) {
        explore_fail("a good queue is refused");
    }
    /* As if FIRST_INDEX entries had gone through already. */
    memory->header.tail = FIRST_INDEX;
    memory->header.head = FIRST_INDEX;
    producer.tail = FIRST_INDEX;
    producer.published = FIRST_INDEX;
    producer.head_seen = FIRST_INDEX;
    consumer.head = FIRST_INDEX;
    consumer.released = FIRST_INDEX;
    consumer.tail_seen = FIRST_INDEX;

    explore_arena(&arena, sizeof(arena));
    explore_memory("tail", &memory->header.tail, 4, EXPLORE_ATOMIC);
    explore_memory("head", &memory->header.head, 4, EXPLORE_ATOMIC);
    explore_memory("consumer_signalled", &memory->header.consumer_signalled, 4, EXPLORE_ATOMIC);
    explore_memory("entries", memory->entries, (size_t)CAPACITY * ENTRY_BYTES, EXPLORE_ENTRIES);
    explore_memory("producer", &producer, sizeof(producer), EXPLORE_RECORD);
    explore_memory("consumer", &consumer, sizeof(consumer), EXPLORE_RECORD);
    explore_memory("record", &record, sizeof(record), EXPLORE_RECORD);
}

/* ------------------------------------------------------------------------------------------
 * An honest pair
 * ------------------------------------------------------------------------------------------ */

static void publish(void)
{
    const bool wanted = queue_producer_publish(&producer);

    record.published = record.put;
    if (wanted) {
        record.signals++;
        explore_signal(0);
    }
}

static void producer_body(void)
{
    for (uint32_t i = 0; i < ENTRIES; i++) {
        const struct entry entry = {.number = i, .check = ~(uint64_t)i * 3};
        enum queue_result result;

        while ((result = queue_producer_put(&producer, &entry)) == QUEUE_FULL) {
            EXPLORE_CHECK(producer.tail - explore_visible(&memory->header.head) == CAPACITY,
                          "put says full, with %u of %u places taken",
                          producer.tail - explore_visible(&memory->header.head), CAPACITY);
            publish();
            explore_await_change(&memory->header.head, producer.head_seen);
        }
        EXPLORE_CHECK(result == QUEUE_OK, "put finds an honest consumer's index impossible");
        record.put++;
        EXPLORE_CHECK(record.put - record.taken <= CAPACITY, "more entries than places");
        if (record.put % BATCH == 0 || record.put == ENTRIES) {
            publish();
        }
    }
}

static void consumer_body(void)
{
    while (record.taken < ENTRIES) {
        struct entry entry = {0};
        enum queue_result result;

        explore_once_begin();
        result = queue_consumer_take(&consumer, &entry);
        explore_once_end();
        if (result == QUEUE_OK) {
            EXPLORE_CHECK(record.taken < record.put, "an entry is taken that was never put");
            EXPLORE_CHECK(entry.number == record.taken, "entry %u is taken where %u is due",
                          (uint32_t)entry.number, record.taken);
            EXPLORE_CHECK(entry.check == ~entry.number * 3, "entry %u is torn", record.taken);
            record.taken++;
            continue;
        }
        EXPLORE_CHECK(result == QUEUE_EMPTY, "take finds an honest producer's index impossible");
        result = queue_consumer_prepare_wait(&consumer);
        EXPLORE_CHECK(result != QUEUE_POISONED, "an honest producer's index is found impossible");
        if (result == QUEUE_EMPTY) {
            explore_wait(0);
        }
    }
    queue_consumer_release(&consumer);
}

static void pair_setup(void)
{
    queue_setup();
    explore_thread("producer", producer_body, false);
    explore_thread("consumer", consumer_body, false);
}

static void pair_finish(void)
{
    EXPLORE_CHECK(explore_done(1) || record.published == record.taken,
                  "lost wake-up: the consumer sleeps, %u entries lie in the queue, no signal is "
                  "pending",
                  record.published - record.taken);
    EXPLORE_CHECK(explore_done(0) && explore_done(1), "stuck: %u put, %u taken", record.put,
                  record.taken);
    EXPLORE_CHECK(record.taken == ENTRIES, "%u of %u entries arrived", record.taken, ENTRIES);
    EXPLORE_CHECK(record.signals <= record.published, "more signals than entries");
}

/* ------------------------------------------------------------------------------------------
 * Either side against a hostile peer, who writes any index at any time
 * ------------------------------------------------------------------------------------------ */

static uint32_t hostile_index(uint32_t honest)
{
    const uint32_t values[] = {honest,
                               honest - 1,
                               honest + 1,
                               honest + CAPACITY,
                               honest + CAPACITY + 1,
                               honest + 0x80000000u};

    return values[explore_choose(sizeof(values) / sizeof(values[0]))];
}

static void hostile_body(void)
{
    for (uint32_t i = 0; i < SCRIBBLES; i++) {
        switch (explore_choose(3)) {
        case 0:
            atomic_store_relaxed_u32(&memory->header.tail, hostile_index(FIRST_INDEX));
            break;
        case 1:
            atomic_store_relaxed_u32(&memory->header.head, hostile_index(FIRST_INDEX));
            break;
        default:
            atomic_store_relaxed_u32(&memory->header.consumer_signalled, explore_choose(3));
            break;
        }
    }
}

static void lone_producer_body(void)
{
    const struct entry entry = {0};

    for (uint32_t i = 0; i < ENTRIES && !producer.poisoned; i++) {
        const uint32_t tail = producer.tail;
        const enum queue_result result = queue_producer_put(&producer, &entry);

        EXPLORE_CHECK((result == QUEUE_POISONED) == producer.poisoned, "poison is not reported");
        EXPLORE_CHECK(producer.tail - tail == (result == QUEUE_OK), "the tail moves by itself");
        EXPLORE_CHECK(producer.tail - producer.head_seen <= CAPACITY,
                      "more places in use than there are");
        if (explore_choose(2) == 0 && queue_producer_publish(&producer)) {
            explore_signal(0);
        }
    }
    if (producer.poisoned) {
        explore_note("poisoned", 1);
        explore_forbid();
        EXPLORE_CHECK(queue_producer_put(&producer, &entry) == QUEUE_POISONED, "poison wears off");
        EXPLORE_CHECK(!queue_producer_publish(&producer), "a poisoned queue signals");
    }
}

static void lone_consumer_body(void)
{
    struct entry entry = {0};

    for (uint32_t i = 0; i < ENTRIES && !consumer.poisoned; i++) {
        const uint32_t head = consumer.head;
        enum queue_result result;

        explore_once_begin();
        result = queue_consumer_take(&consumer, &entry);
        explore_once_end();
        EXPLORE_CHECK((result == QUEUE_POISONED) == consumer.poisoned, "poison is not reported");
        EXPLORE_CHECK(consumer.head - head == (result == QUEUE_OK), "the head moves by itself");
        EXPLORE_CHECK(consumer.tail_seen - consumer.head <= CAPACITY,
                      "more entries than there are places");
        switch (explore_choose(3)) {
        case 0:
            queue_consumer_release(&consumer);
            break;
        case 1:
            result = queue_consumer_prepare_wait(&consumer);
            EXPLORE_CHECK((result == QUEUE_POISONED) == consumer.poisoned,
                          "poison is not reported");
            break;
        default:
            break;
        }
    }
    if (consumer.poisoned) {
        explore_note("poisoned", 1);
        explore_forbid();
        EXPLORE_CHECK(queue_consumer_take(&consumer, &entry) == QUEUE_POISONED, "poison wears off");
        EXPLORE_CHECK(queue_consumer_prepare_wait(&consumer) == QUEUE_POISONED, "poison wears off");
        queue_consumer_release(&consumer);
    }
}

static void hostile_consumer_setup(void)
{
    queue_setup();
    explore_thread("producer", lone_producer_body, false);
    explore_thread("hostile", hostile_body, true);
}

static void hostile_producer_setup(void)
{
    queue_setup();
    explore_thread("consumer", lone_consumer_body, false);
    explore_thread("hostile", hostile_body, true);
}

static void hostile_finish(void)
{
    EXPLORE_CHECK(explore_done(0), "the victim of a hostile peer hangs");
}

#define WRAP(before) (0u - (before))

#define PAIR(name, longer, ...)                                                                    \
    {                                                                                              \
        name,                                                                                      \
            "every entry arrives whole, once and in order; no race; no sleep with entries "        \
            "present",                                                                             \
            longer, pair_setup, pair_finish, {__VA_ARGS__}, 0                                      \
    }
#define HOSTILE(name, longer, setup, ...)                                                          \
    {                                                                                              \
        name, "no index makes the victim leave the region, read twice or go on after poison",      \
            longer, setup, hostile_finish, {__VA_ARGS__}, 0                                        \
    }

const struct explore_scenario queue_scenarios[] = {
    /*                        capacity entries batch first scribbles */
    PAIR("queue-1", false, 1, 3, 1, 0),
    PAIR("queue-1-wrap", false, 1, 3, 1, WRAP(1)),
    PAIR("queue-2", false, 2, 4, 1, 0),
    PAIR("queue-2-wrap", false, 2, 4, 1, WRAP(1)),
    PAIR("queue-2-batch", false, 2, 5, 2, WRAP(2)),
    PAIR("queue-4-wrap", false, 4, 5, 1, WRAP(2)),
    PAIR("queue-4-batch", false, 4, 6, 3, WRAP(4)),
    HOSTILE("queue-hostile-consumer", false, hostile_consumer_setup, 2, 4, 1, WRAP(1), 2),
    HOSTILE("queue-hostile-producer", false, hostile_producer_setup, 2, 3, 1, WRAP(1), 2),
    PAIR("queue-1-long", true, 1, 8, 1, WRAP(3)),
    PAIR("queue-2-long", true, 2, 6, 1, WRAP(3)),
    PAIR("queue-4-long", true, 4, 6, 1, WRAP(5)),
    HOSTILE("queue-hostile-consumer-long", true, hostile_consumer_setup, 2, 5, 1, WRAP(1), 3),
    HOSTILE("queue-hostile-producer-long", true, hostile_producer_setup, 2, 4, 1, WRAP(1), 3),
    {0},
};
