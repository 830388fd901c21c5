/* SPDX-License-Identifier: MIT */
#include "wire/read.h"

/*
 * Following pointers. Three steps, each of which may refuse:
 *
 *   resolve()  load the pointer word, follow far pointers: what is claimed to be where
 *   claim()    the target lies inside its segment, and the traversal limit pays for it
 *   decode     the kind of target: struct, list, text, data, capability
 *
 * Positions are word indices in 64-bit arithmetic: no sum here can wrap, and a negative position
 * becomes a huge one, which claim() refuses. A pointer into the segment is formed only after it.
 */

/** Where a pointer leads, as the message claims. */
struct target {
    const struct wire_segment *segment;
    uint64_t word;    /* index of the first word in `segment`, unchecked */
    uint64_t pointer; /* the pointer with the target's kind and size */
    bool is_null;
    uint32_t segment_id;
    uint32_t from_segment; /* where `pointer` itself stands, for the fault record */
    uint32_t from_word;
};

static uint64_t load_word(const uint64_t *place)
{
    return *(const volatile wire_u64 *)place;
}

static enum wire_error refuse(struct wire_message *message, enum wire_error error, uint32_t segment,
                              uint32_t word)
{
    message->fault = (struct wire_fault){.error = error, .segment = segment, .word = word};
    return error;
}

static enum wire_error refuse_target(struct wire_message *message, enum wire_error error,
                                     const struct target *target)
{
    return refuse(message, error, target->from_segment, target->from_word);
}

static const struct wire_segment *find_segment(const struct wire_message *message, uint32_t id)
{
    if (id >= message->segment_count) {
        return NULL;
    }
    return message->segments == NULL ? &message->flat : &message->segments[id];
}

static uint32_t pointer_kind(uint64_t pointer)
{
    return (uint32_t)pointer & 3u;
}

/** The signed word offset of a struct or list pointer, ready to be added modulo 2^64. */
static uint64_t pointer_offset(uint64_t pointer)
{
    return (uint64_t)(int64_t)((int32_t)(uint32_t)pointer >> 2);
}

static bool far_is_double(uint64_t pointer)
{
    return (pointer & 4u) != 0;
}

static uint32_t far_word(uint64_t pointer)
{
    return (uint32_t)pointer >> 3;
}

static uint32_t pointer_high(uint64_t pointer)
{
    return (uint32_t)(pointer >> 32);
}

static bool in_segment(const struct wire_segment *segment, uint64_t word, uint64_t word_count)
{
    return word <= segment->word_count && word_count <= segment->word_count - word;
}

static bool charge(struct wire_message *message, uint64_t words)
{
    if (UNLIKELY(words > message->words_left)) {
        return false;
    }
    message->words_left -= words;
    return true;
}

/** Follow a far pointer: `target` holds it on entry, and what it leads to on success. */
static enum wire_error resolve_far(struct wire_message *message, struct target *target)
{
    const uint64_t far = target->pointer;
    const uint32_t pad_words = far_is_double(far) ? 2 : 1;
    const struct wire_segment *pad_segment = find_segment(message, pointer_high(far));

    if (pad_segment == NULL) {
        return refuse_target(message, WIRE_BAD_SEGMENT, target);
    }
    if (!in_segment(pad_segment, far_word(far), pad_words)) {
        return refuse_target(message, WIRE_OUT_OF_BOUNDS, target);
    }
    if (!charge(message, pad_words)) {
        return refuse_target(message, WIRE_TRAVERSAL_LIMIT, target);
    }
    target->from_segment = pointer_high(far);
    target->from_word = far_word(far);
    const uint64_t pad = load_word(pad_segment->words + far_word(far));

    if (!far_is_double(far)) {
        if (pad == 0 || pointer_kind(pad) == WIRE_POINTER_FAR) {
            return refuse_target(message, WIRE_BAD_FAR, target);
        }
        target->segment = pad_segment;
        target->segment_id = pointer_high(far);
        target->word = far_word(far) + UINT64_C(1) + pointer_offset(pad);
        target->pointer = pad;
        return WIRE_OK;
    }

    /* The first word of the pad says where the object starts, the second is its tag. */
    if (pointer_kind(pad) != WIRE_POINTER_FAR || far_is_double(pad)) {
        return refuse_target(message, WIRE_BAD_FAR, target);
    }
    const uint64_t tag = load_word(pad_segment->words + far_word(far) + 1);

    if (pointer_kind(tag) != WIRE_POINTER_STRUCT && pointer_kind(tag) != WIRE_POINTER_LIST) {
        return refuse_target(message, WIRE_BAD_FAR, target);
    }
    target->segment = find_segment(message, pointer_high(pad));
    if (target->segment == NULL) {
        return refuse_target(message, WIRE_BAD_SEGMENT, target);
    }
    target->segment_id = pointer_high(pad);
    target->word = far_word(pad);
    target->pointer = tag;
    return WIRE_OK;
}

/** Load the pointer word and find what it claims to lead to. */
static enum wire_error resolve(struct wire_pointer from, struct target *target)
{
    *target = (struct target){.is_null = true};
    if (from.place == NULL) {
        return WIRE_OK;
    }
    const uint64_t pointer = load_word(from.place);

    if (pointer == 0) {
        return WIRE_OK;
    }
    const struct wire_segment *segment = find_segment(from.message, from.segment);
    const uint32_t word = (uint32_t)(from.place - segment->words);

    *target = (struct target){
        .segment = segment,
        .word = word + UINT64_C(1) + pointer_offset(pointer),
        .pointer = pointer,
        .segment_id = from.segment,
        .from_segment = from.segment,
        .from_word = word,
    };
    return pointer_kind(pointer) == WIRE_POINTER_FAR ? resolve_far(from.message, target) : WIRE_OK;
}

/** Check that `word_count` words are there and may be visited. */
static enum wire_error claim(struct wire_message *message, const struct target *target,
                             uint64_t word_count)
{
    if (UNLIKELY(!in_segment(target->segment, target->word, word_count))) {
        return refuse_target(message, WIRE_OUT_OF_BOUNDS, target);
    }
    if (UNLIKELY(!charge(message, word_count))) {
        return refuse_target(message, WIRE_TRAVERSAL_LIMIT, target);
    }
    return WIRE_OK;
}

enum wire_error wire_read_struct(struct wire_pointer pointer, struct wire_struct *out)
{
    struct target target;
    enum wire_error error = resolve(pointer, &target);

    if (error != WIRE_OK) {
        return error;
    }
    if (target.is_null) {
        *out = (struct wire_struct){.message = pointer.message};
        return WIRE_OK;
    }
    if (pointer_kind(target.pointer) != WIRE_POINTER_STRUCT) {
        return refuse_target(pointer.message, WIRE_WRONG_KIND, &target);
    }
    if (pointer.depth_left == 0) {
        return refuse_target(pointer.message, WIRE_NESTING_LIMIT, &target);
    }
    const uint16_t data_words = (uint16_t)(target.pointer >> 32);
    const uint16_t pointer_count = (uint16_t)(target.pointer >> 48);

    error = claim(pointer.message, &target, (uint64_t)data_words + pointer_count);
    if (error != WIRE_OK) {
        return error;
    }
    const uint64_t *words = target.segment->words + target.word;

    *out = (struct wire_struct){
        .message = pointer.message,
        .data = (const uint8_t *)words,
        .pointers = words + data_words,
        .data_bytes = data_words * WIRE_WORD_BYTES,
        .segment = target.segment_id,
        .pointer_count = pointer_count,
        .depth_left = (uint16_t)(pointer.depth_left - 1),
    };
    return WIRE_OK;
}

/** The list at `target`, of elements that are structs. */
static enum wire_error read_struct_list(struct wire_message *message, const struct target *target,
                                        enum wire_element expected, struct wire_list *list)
{
    const uint64_t body_words = target->pointer >> 35;
    const enum wire_error error = claim(message, target, body_words + 1);

    if (error != WIRE_OK) {
        return error;
    }
    const uint64_t *words = target->segment->words + target->word;
    const uint64_t tag = load_word(words);
    const uint32_t count = (uint32_t)tag >> 2;
    const uint16_t data_words = (uint16_t)(tag >> 32);
    const uint16_t pointer_count = (uint16_t)(tag >> 48);
    const uint64_t step_words = (uint64_t)data_words + pointer_count;

    if (pointer_kind(tag) != WIRE_POINTER_STRUCT || count * step_words > body_words) {
        return refuse(message, WIRE_BAD_TAG, target->segment_id, (uint32_t)target->word);
    }
    if (step_words == 0 && !charge(message, count)) {
        return refuse_target(message, WIRE_TRAVERSAL_LIMIT, target);
    }
    /* A list of structs may be read as a list of what their first field was, except Bool. */
    if (expected == WIRE_ELEMENT_BIT || (expected == WIRE_ELEMENT_POINTER && pointer_count == 0) ||
        (wire_element_bits(expected) != 0 && expected != WIRE_ELEMENT_POINTER && data_words == 0)) {
        return refuse_target(message, WIRE_WRONG_ELEMENT, target);
    }
    list->elements = (const uint8_t *)(words + 1);
    list->count = count;
    list->step_bytes = (uint32_t)step_words * WIRE_WORD_BYTES;
    list->data_bytes = data_words * WIRE_WORD_BYTES;
    list->pointer_count = pointer_count;
    return WIRE_OK;
}

/** The list at `target`, of elements that are scalars or pointers. */
static enum wire_error read_plain_list(struct wire_message *message, const struct target *target,
                                       enum wire_element expected, struct wire_list *list)
{
    const enum wire_element element = (enum wire_element)((target->pointer >> 32) & 7u);
    const uint32_t count = (uint32_t)(target->pointer >> 35);
    const uint32_t bits = wire_element_bits(element);
    const enum wire_error error = claim(message, target, ((uint64_t)count * bits + 63) / 64);

    if (error != WIRE_OK) {
        return error;
    }
    if (bits == 0 && !charge(message, count)) {
        return refuse_target(message, WIRE_TRAVERSAL_LIMIT, target);
    }
    /*
     * Any list but one of Bool may be read as a list of structs with that one field, and a list
     * of wider elements as one of narrower elements: that is how schemas grow.
     */
    const bool is_pointer = element == WIRE_ELEMENT_POINTER;
    const bool want_pointer = expected == WIRE_ELEMENT_POINTER;
    const uint32_t data_bits = is_pointer ? 0 : bits;
    const uint32_t want_bits = want_pointer ? 0 : wire_element_bits(expected);

    if ((element == WIRE_ELEMENT_BIT && expected != WIRE_ELEMENT_BIT) ||
        (expected == WIRE_ELEMENT_BIT && element != WIRE_ELEMENT_BIT) || want_bits > data_bits ||
        (want_pointer && !is_pointer)) {
        return refuse_target(message, WIRE_WRONG_ELEMENT, target);
    }
    list->elements = (const uint8_t *)(target->segment->words + target->word);
    list->count = count;
    list->step_bytes = bits / 8;
    list->data_bytes = data_bits / 8;
    list->pointer_count = is_pointer;
    list->bits = element == WIRE_ELEMENT_BIT;
    return WIRE_OK;
}

enum wire_error wire_read_list(struct wire_pointer pointer, enum wire_element expected,
                               struct wire_list *out)
{
    struct wire_list list = {.message = pointer.message};
    struct target target;
    enum wire_error error = resolve(pointer, &target);

    if (error != WIRE_OK) {
        return error;
    }
    if (target.is_null) {
        *out = list;
        return WIRE_OK;
    }
    if (pointer_kind(target.pointer) != WIRE_POINTER_LIST) {
        return refuse_target(pointer.message, WIRE_WRONG_KIND, &target);
    }
    if (pointer.depth_left == 0) {
        return refuse_target(pointer.message, WIRE_NESTING_LIMIT, &target);
    }
    list.segment = target.segment_id;
    list.depth_left = (uint16_t)(pointer.depth_left - 1);
    if (((target.pointer >> 32) & 7u) == WIRE_ELEMENT_STRUCT) {
        error = read_struct_list(pointer.message, &target, expected, &list);
    } else {
        error = read_plain_list(pointer.message, &target, expected, &list);
    }
    if (error == WIRE_OK) {
        *out = list;
    }
    return error;
}

/** The list of bytes that a text or data pointer leads to. */
static enum wire_error read_bytes(struct wire_pointer pointer, struct target *target,
                                  struct wire_bytes *bytes)
{
    enum wire_error error = resolve(pointer, target);

    *bytes = (struct wire_bytes){.bytes = (const uint8_t *)"", .length = 0};
    if (error != WIRE_OK || target->is_null) {
        return error;
    }
    if (pointer_kind(target->pointer) != WIRE_POINTER_LIST) {
        return refuse_target(pointer.message, WIRE_WRONG_KIND, target);
    }
    if (((target->pointer >> 32) & 7u) != WIRE_ELEMENT_BYTE) {
        return refuse_target(pointer.message, WIRE_WRONG_ELEMENT, target);
    }
    const size_t length = target->pointer >> 35;

    error = claim(pointer.message, target, (length + 7) / 8);
    if (error == WIRE_OK) {
        bytes->bytes = (const uint8_t *)(target->segment->words + target->word);
        bytes->length = length;
    }
    return error;
}

enum wire_error wire_read_text(struct wire_pointer pointer, struct wire_bytes *out)
{
    struct target target;
    struct wire_bytes text;
    const enum wire_error error = read_bytes(pointer, &target, &text);

    if (error != WIRE_OK) {
        return error;
    }
    if (!target.is_null) {
        if (text.length == 0 || text.bytes[text.length - 1] != 0) {
            return refuse_target(pointer.message, WIRE_NO_TERMINATOR, &target);
        }
        text.length--;
    }
    *out = text;
    return WIRE_OK;
}

enum wire_error wire_read_data(struct wire_pointer pointer, struct wire_bytes *out)
{
    struct target target;
    struct wire_bytes data;
    const enum wire_error error = read_bytes(pointer, &target, &data);

    if (error == WIRE_OK) {
        *out = data;
    }
    return error;
}

enum wire_error wire_read_capability(struct wire_pointer pointer, uint32_t *out)
{
    struct target target;
    const enum wire_error error = resolve(pointer, &target);

    if (error != WIRE_OK) {
        return error;
    }
    if (target.is_null) {
        *out = WIRE_NO_CAPABILITY;
        return WIRE_OK;
    }
    if ((uint32_t)target.pointer != WIRE_POINTER_CAPABILITY) {
        return refuse_target(pointer.message, WIRE_WRONG_KIND, &target);
    }
    *out = pointer_high(target.pointer);
    return WIRE_OK;
}

enum wire_error wire_list_get_struct(const struct wire_list *list, uint32_t index,
                                     struct wire_struct *out)
{
    if (index >= list->count) {
        return WIRE_BAD_INDEX;
    }
    const uint8_t *element = (const uint8_t *)wire_list_place(list, index);

    *out = (struct wire_struct){
        .message = list->message,
        .data = element,
        .pointers = (const uint64_t *)(const void *)(element + list->data_bytes),
        .data_bytes = list->data_bytes,
        .segment = list->segment,
        .pointer_count = list->pointer_count,
        .depth_left = list->depth_left,
    };
    return WIRE_OK;
}
