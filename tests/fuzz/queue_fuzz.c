/* SPDX-License-Identifier: MIT */

/*
 * Either side of lib/queue with the fuzzer as its peer: between any two calls it writes any index,
 * flag or entry. Nothing may be touched outside of the region (which is exactly as large as it
 * says, under ASan), every index must be judged as the plain rule in expect_*() judges it, and a
 * poisoned queue must leave the region alone.
 */

#include "queue/queue.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static uint8_t next_byte(struct input *input)
{
    if (input->size == 0) {
        return 0;
    }
    input->size--;
    return *input->data++;
}

/* A number near `near`, or any. */
static uint32_t next_index(struct input *input, uint32_t near)
{
    const uint8_t byte = next_byte(input);
    uint32_t value = 0;

    if (byte < 240) {
        return near + byte % 16 - 4;
    }
    for (int i = 0; i < 4; i++) {
        value = value << 8 | next_byte(input);
    }
    return value;
}

struct victim {
    struct queue_memory *memory;
    size_t bytes;
    uint32_t capacity;
    uint32_t words;
    struct queue_memory *before; /* a copy, made when the queue was found poisoned */
};

static void snapshot(struct victim *v)
{
    memcpy(v->before, v->memory, v->bytes);
}

static void check_untouched(const struct victim *v)
{
    check(memcmp(v->before, v->memory, v->bytes) == 0);
}

static void scribble(struct victim *v, struct input *input, uint32_t near)
{
    switch (next_byte(input) % 4) {
    case 0:
        v->memory->header.tail = next_index(input, near);
        break;
    case 1:
        v->memory->header.head = next_index(input, near);
        break;
    case 2:
        v->memory->header.consumer_signalled = next_byte(input) % 3;
        break;
    default:
        v->memory->entries[next_byte(input) % (v->capacity * v->words)] = next_byte(input);
        break;
    }
}

/* True if `value` lies in the interval that begins at `low` and has `count` + 1 members. */
static bool within(uint32_t value, uint32_t low, uint64_t count)
{
    for (uint64_t i = 0; i <= count; i++) {
        if ((uint32_t)(low + i) == value) {
            return true;
        }
    }
    return false;
}

static void run_producer(struct victim *v, struct input *input, uint32_t first)
{
    struct queue_producer producer;
    uint64_t *entry = calloc(v->words, 8);

    check(entry != NULL);
    check(queue_producer_init(&producer, v->memory, v->bytes, v->capacity, v->words * 8));
    producer.tail = first;
    producer.published = first;
    producer.head_seen = first;
    v->memory->header.head = first;
    while (input->size != 0) {
        const struct queue_producer old = producer;
        const uint32_t head = v->memory->header.head;
        enum queue_result result;

        switch (next_byte(input) % 4) {
        case 0:
        case 1:
            snapshot(v);
            entry[0] = next_byte(input);
            result = queue_producer_put(&producer, entry);
            if (old.poisoned) {
                check(result == QUEUE_POISONED);
            } else if (old.tail - old.head_seen < v->capacity) {
                check(result == QUEUE_OK);
            } else if (!within(head, old.head_seen, old.published - old.head_seen)) {
                check(result == QUEUE_POISONED);
            } else {
                check(result == (old.tail - head == v->capacity ? QUEUE_FULL : QUEUE_OK));
            }
            check(producer.poisoned == (result == QUEUE_POISONED));
            check(producer.tail == old.tail + (result == QUEUE_OK));
            if (result == QUEUE_OK) {
                check(memcmp(&v->memory->entries[old.tail % v->capacity * v->words], entry,
                             v->words * 8) == 0);
            } else {
                check_untouched(v);
            }
            break;
        case 2: {
            const bool clear = v->memory->header.consumer_signalled == 0;
            const bool signal = queue_producer_publish(&producer);

            snapshot(v);
            check(signal == (!old.poisoned && old.published != old.tail && clear));
            check(!old.poisoned || producer.published == old.published);
            break;
        }
        default:
            scribble(v, input, producer.tail);
            break;
        }
        check(producer.poisoned || producer.tail - producer.head_seen <= v->capacity);
        check(producer.poisoned >= old.poisoned);
    }
    free(entry);
}

static void run_consumer(struct victim *v, struct input *input, uint32_t first)
{
    struct queue_consumer consumer;
    uint64_t *entry = calloc(v->words, 8);

    check(entry != NULL);
    check(queue_consumer_init(&consumer, v->memory, v->bytes, v->capacity, v->words * 8));
    consumer.head = first;
    consumer.released = first;
    consumer.tail_seen = first;
    v->memory->header.tail = first;
    while (input->size != 0) {
        const struct queue_consumer old = consumer;
        const uint32_t tail = v->memory->header.tail;
        const bool looks = old.tail_seen == old.head;
        enum queue_result result;

        snapshot(v);
        switch (next_byte(input) % 5) {
        case 0:
        case 1:
            result = queue_consumer_take(&consumer, entry);
            if (old.poisoned || (looks && !within(tail, old.tail_seen,
                                                  v->capacity - (old.tail_seen - old.released)))) {
                check(result == QUEUE_POISONED);
            } else {
                check(result == (looks && tail == old.head ? QUEUE_EMPTY : QUEUE_OK));
            }
            check(consumer.poisoned == (result == QUEUE_POISONED));
            check(consumer.head == old.head + (result == QUEUE_OK));
            check_untouched(v);
            if (result == QUEUE_OK) {
                check(memcmp(&v->memory->entries[old.head % v->capacity * v->words], entry,
                             v->words * 8) == 0);
            }
            break;
        case 2:
            queue_consumer_release(&consumer);
            if (old.poisoned) {
                check_untouched(v);
            } else if (old.released != old.head) {
                check(v->memory->header.head == consumer.head);
            }
            break;
        case 3:
            result = queue_consumer_prepare_wait(&consumer);
            if (old.poisoned || (looks && !within(tail, old.tail_seen, v->capacity))) {
                check(result == QUEUE_POISONED);
            } else {
                check(result == (looks && tail == old.head ? QUEUE_EMPTY : QUEUE_OK));
            }
            check(consumer.poisoned == (result == QUEUE_POISONED));
            if (old.poisoned) {
                check_untouched(v);
            }
            if (result == QUEUE_EMPTY) {
                check(v->memory->header.consumer_signalled == 0);
            }
            break;
        default:
            scribble(v, input, consumer.head);
            break;
        }
        check(consumer.poisoned || consumer.tail_seen - consumer.released <= v->capacity);
        check(consumer.poisoned >= old.poisoned);
    }
    free(entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct victim v;
    uint32_t first;
    const uint8_t side = next_byte(&input);

    v.capacity = 1u << next_byte(&input) % 5;
    v.words = 1 + next_byte(&input) % 4;
    v.bytes = (size_t)queue_memory_bytes(v.capacity, v.words * 8);
    first = next_index(&input, 0);
    v.memory = malloc(v.bytes);
    v.before = malloc(v.bytes);
    check(v.memory != NULL && v.before != NULL);
    memset(v.memory, 0, v.bytes);
    queue_memory_init(v.memory);
    if (side % 2 == 0) {
        run_producer(&v, &input, first);
    } else {
        run_consumer(&v, &input, first);
    }
    free(v.memory);
    free(v.before);
    return 0;
}
