/* SPDX-License-Identifier: MIT */

/*
 * Fuzz target: the reader, on whatever bytes. Byte 0 of the input chooses how it is taken:
 *
 *   even  a framed message; its segments are moved apart, each into an allocation of exactly its
 *         size, so that ASan sees a step from one segment into the next
 *   odd   a flat message
 *
 * Everything reachable is then read in every way (tests/host/wire_walk.h).
 */

#include "../host/wire_walk.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SEGMENTS 8u
#define WALK_WORDS   4096u
#define WALK_FUEL    4096u

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static volatile uint64_t sink; /* keeps the compiler from dropping the loads */

static void walk_message(struct wire_message *message)
{
    struct walk walk = {.fuel = WALK_FUEL};
    struct wire_struct root;

    if (message->words_left > WALK_WORDS) {
        message->words_left = WALK_WORDS;
    }
    if (wire_read_root(message, &root) == WIRE_OK) {
        walk_struct(&walk, &root);
    }
    /* Every refusal names a place inside the message. */
    if (message->fault.error != WIRE_OK) {
        const struct wire_segment *segments =
            message->segments == NULL ? &message->flat : message->segments;

        if (message->fault.segment >= message->segment_count ||
            message->fault.word >= segments[message->fault.segment].word_count) {
            abort();
        }
    }
    sink = walk.sum;
}

static void *copy_exactly(const void *bytes, size_t size)
{
    void *copy = malloc(size);

    if (copy == NULL) {
        abort();
    }
    if (size != 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

static void try_framed(const uint8_t *input, size_t size)
{
    struct wire_segment segments[MAX_SEGMENTS];
    struct wire_message message;
    size_t used = 0;
    uint8_t *bytes = copy_exactly(input, size);

    if (wire_message_init_framed(&message, bytes, size, segments, MAX_SEGMENTS, &used) == WIRE_OK) {
        if (used > size) {
            abort();
        }
        for (uint32_t i = 0; i < message.segment_count; i++) {
            segments[i].words =
                copy_exactly(segments[i].words, segments[i].word_count * sizeof(uint64_t));
        }
        walk_message(&message);
        for (uint32_t i = 0; i < message.segment_count; i++) {
            free((void *)(uintptr_t)segments[i].words);
        }
    }
    free(bytes);
}

static void try_flat(const uint8_t *input, size_t size)
{
    struct wire_message message;
    uint8_t *bytes = copy_exactly(input, size);

    if (wire_message_init_flat(&message, bytes, size) == WIRE_OK) {
        walk_message(&message);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (input[0] % 2 == 0) {
        try_framed(input + 1, size - 1);
    } else {
        try_flat(input + 1, size - 1);
    }
    return 0;
}
