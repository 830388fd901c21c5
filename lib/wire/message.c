/* SPDX-License-Identifier: MIT */
#include "wire/read.h"

/*
 * The outside of a message: its segments. What is inside is read.c's business.
 */

static enum wire_error refuse_frame(struct wire_message *message, enum wire_error error)
{
    message->fault = (struct wire_fault){.error = error};
    return error;
}

static void set_limits(struct wire_message *message, uint64_t word_count)
{
    message->words_left = word_count * WIRE_TRAVERSAL_FACTOR;
    message->depth_left = WIRE_NESTING_DEFAULT;
}

static bool is_aligned(const void *bytes)
{
    return (uintptr_t)bytes % WIRE_WORD_BYTES == 0;
}

enum wire_error wire_message_init_flat(struct wire_message *message, const void *bytes,
                                       size_t length)
{
    *message = (struct wire_message){0};
    if (!is_aligned(bytes)) {
        return refuse_frame(message, WIRE_MISALIGNED);
    }
    if (length == 0 || length % WIRE_WORD_BYTES != 0 ||
        length / WIRE_WORD_BYTES > WIRE_MAX_SEGMENT_WORDS) {
        return refuse_frame(message, WIRE_BAD_LENGTH);
    }
    message->flat.words = (const uint64_t *)bytes;
    message->flat.word_count = (uint32_t)(length / WIRE_WORD_BYTES);
    message->segment_count = 1;
    set_limits(message, message->flat.word_count);
    return WIRE_OK;
}

/*
 * The frame: number of segments less one, then the words in each segment, all 32 bits wide,
 * padded to a whole number of words; then the segments.
 */
enum wire_error wire_message_init_framed(struct wire_message *message, const void *bytes,
                                         size_t length, struct wire_segment *segments,
                                         uint32_t segment_capacity, size_t *used_bytes)
{
    const volatile wire_u32 *frame = (const volatile wire_u32 *)bytes;
    const uint64_t length_words = length / WIRE_WORD_BYTES;

    *message = (struct wire_message){0};
    if (!is_aligned(bytes)) {
        return refuse_frame(message, WIRE_MISALIGNED);
    }
    if (length_words == 0) {
        return refuse_frame(message, WIRE_BAD_LENGTH);
    }
    const uint64_t count = (uint64_t)frame[0] + 1;

    if (count > segment_capacity) {
        return refuse_frame(message, WIRE_TOO_MANY_SEGMENTS);
    }
    const uint64_t frame_words = count / 2 + 1;

    if (frame_words > length_words) {
        return refuse_frame(message, WIRE_BAD_LENGTH);
    }
    uint64_t at = frame_words;

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t word_count = frame[1 + i];

        if (word_count > length_words - at || word_count > WIRE_MAX_SEGMENT_WORDS) {
            return refuse_frame(message, WIRE_BAD_LENGTH);
        }
        segments[i] = (struct wire_segment){
            .words = (const uint64_t *)bytes + at,
            .word_count = word_count,
        };
        at += word_count;
    }
    if (segments[0].word_count == 0) {
        return refuse_frame(message, WIRE_BAD_LENGTH);
    }
    message->segments = segments;
    message->segment_count = (uint32_t)count;
    set_limits(message, at - frame_words);
    if (used_bytes != NULL) {
        *used_bytes = at * WIRE_WORD_BYTES;
    }
    return WIRE_OK;
}

enum wire_error wire_read_root(struct wire_message *message, struct wire_struct *out)
{
    const struct wire_segment *first =
        message->segments == NULL ? &message->flat : &message->segments[0];
    const struct wire_pointer root = {
        .message = message,
        .place = first->words,
        .segment = 0,
        .depth_left = message->depth_left,
    };

    return wire_read_struct(root, out);
}
