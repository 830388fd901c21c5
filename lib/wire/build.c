/* SPDX-License-Identifier: MIT */
#include "wire/build.h"

#include "base/memory.h"

/*
 * Allocation is a counter that only grows, so every object lies after the pointer to it and all
 * offsets are zero or more, except -1 for a struct without any words, which must not look like
 * a null pointer.
 */

enum wire_error wire_build_fail(struct wire_builder *builder, enum wire_error error)
{
    if (builder->error == WIRE_OK) {
        builder->error = error;
    }
    return builder->error;
}

void wire_build_init(struct wire_builder *builder, void *buffer, size_t length)
{
    size_t capacity = length / WIRE_WORD_BYTES;

    if (capacity > WIRE_MAX_SEGMENT_WORDS) {
        capacity = WIRE_MAX_SEGMENT_WORDS;
    }
    *builder = (struct wire_builder){
        .words = (uint64_t *)buffer,
        .capacity_words = (uint32_t)capacity,
    };
    if ((uintptr_t)buffer % WIRE_WORD_BYTES != 0) {
        wire_build_fail(builder, WIRE_MISALIGNED);
    } else if (capacity == 0) {
        wire_build_fail(builder, WIRE_NO_SPACE);
    } else {
        *(wire_u64 *)builder->words = 0;
        builder->used_words = 1;
    }
}

enum wire_error wire_build_finish(const struct wire_builder *builder, size_t *length)
{
    if (builder->error == WIRE_OK) {
        *length = (size_t)builder->used_words * WIRE_WORD_BYTES;
    }
    return builder->error;
}

struct wire_build_pointer wire_build_root(struct wire_builder *builder)
{
    return (struct wire_build_pointer){
        .builder = builder,
        .place = builder->error == WIRE_OK ? builder->words : NULL,
    };
}

/**
 * Take `word_count` words, zeroed, and point to them.
 *
 * `pointer_bits` is the pointer word without its offset. NULL on failure, which is recorded.
 */
static uint64_t *allocate(struct wire_build_pointer pointer, uint64_t word_count,
                          uint64_t pointer_bits)
{
    struct wire_builder *builder = pointer.builder;

    if (builder == NULL) {
        return NULL;
    }
    if (pointer.place == NULL) {
        wire_build_fail(builder, WIRE_OUT_OF_BOUNDS);
    }
    if (word_count > builder->capacity_words - builder->used_words) {
        wire_build_fail(builder, WIRE_NO_SPACE);
    }
    if (builder->error != WIRE_OK) {
        return NULL;
    }
    uint64_t *words = builder->words + builder->used_words;
    const uint32_t offset = (uint32_t)(words - pointer.place - 1);

    builder->used_words += (uint32_t)word_count;
    memset(words, 0, word_count * WIRE_WORD_BYTES);
    *(wire_u64 *)pointer.place = pointer_bits | (uint32_t)(offset << 2);
    return words;
}

static enum wire_error outcome(const struct wire_builder *builder)
{
    return builder == NULL ? WIRE_OUT_OF_BOUNDS : builder->error;
}

enum wire_error wire_build_struct(struct wire_build_pointer pointer, uint16_t data_words,
                                  uint16_t pointer_count, struct wire_build_struct *out)
{
    const uint64_t size_bits = (uint64_t)data_words << 32 | (uint64_t)pointer_count << 48;
    uint64_t *words = allocate(pointer, (uint64_t)data_words + pointer_count, size_bits);

    *out = (struct wire_build_struct){.builder = pointer.builder};
    if (words == NULL) {
        return outcome(pointer.builder);
    }
    if (size_bits == 0) {
        *(wire_u64 *)pointer.place = (uint32_t)(UINT32_MAX << 2);
    }
    out->data = (uint8_t *)words;
    out->pointers = words + data_words;
    out->data_bytes = data_words * WIRE_WORD_BYTES;
    out->pointer_count = pointer_count;
    return WIRE_OK;
}

static uint64_t list_bits(enum wire_element element, uint64_t count)
{
    return WIRE_POINTER_LIST | (uint64_t)element << 32 | count << 35;
}

enum wire_error wire_build_list(struct wire_build_pointer pointer, enum wire_element element,
                                uint32_t count, struct wire_build_list *out)
{
    const uint32_t bits = wire_element_bits(element);
    uint64_t *words = NULL;

    *out = (struct wire_build_list){.builder = pointer.builder};
    if (count > WIRE_MAX_LIST_COUNT || element == WIRE_ELEMENT_STRUCT) {
        if (pointer.builder != NULL) {
            wire_build_fail(pointer.builder, WIRE_NO_SPACE);
        }
    } else {
        words = allocate(pointer, ((uint64_t)count * bits + 63) / 64, list_bits(element, count));
    }
    if (words == NULL) {
        return outcome(pointer.builder);
    }
    out->elements = (uint8_t *)words;
    out->count = count;
    out->step_bytes = bits / 8;
    out->data_bytes = element == WIRE_ELEMENT_POINTER ? 0 : bits / 8;
    out->pointer_count = element == WIRE_ELEMENT_POINTER;
    out->bits = element == WIRE_ELEMENT_BIT;
    return WIRE_OK;
}

enum wire_error wire_build_struct_list(struct wire_build_pointer pointer, uint16_t data_words,
                                       uint16_t pointer_count, uint32_t count,
                                       struct wire_build_list *out)
{
    const uint32_t step_words = (uint32_t)data_words + pointer_count;
    const uint64_t body_words = (uint64_t)count * step_words;
    uint64_t *words = NULL;

    *out = (struct wire_build_list){.builder = pointer.builder};
    if (count > WIRE_MAX_LIST_COUNT || body_words > WIRE_MAX_LIST_COUNT) {
        if (pointer.builder != NULL) {
            wire_build_fail(pointer.builder, WIRE_NO_SPACE);
        }
    } else {
        words = allocate(pointer, body_words + 1, list_bits(WIRE_ELEMENT_STRUCT, body_words));
    }
    if (words == NULL) {
        return outcome(pointer.builder);
    }
    *(wire_u64 *)words =
        (uint64_t)count << 2 | (uint64_t)data_words << 32 | (uint64_t)pointer_count << 48;
    out->elements = (uint8_t *)(words + 1);
    out->count = count;
    out->step_bytes = step_words * WIRE_WORD_BYTES;
    out->data_bytes = data_words * WIRE_WORD_BYTES;
    out->pointer_count = pointer_count;
    return WIRE_OK;
}

/** A list of `length` bytes. */
static uint8_t *allocate_bytes(struct wire_build_pointer pointer, size_t length)
{
    if (length > WIRE_MAX_LIST_COUNT) {
        if (pointer.builder != NULL) {
            wire_build_fail(pointer.builder, WIRE_NO_SPACE);
        }
        return NULL;
    }
    return (uint8_t *)allocate(pointer, (length + 7) / 8, list_bits(WIRE_ELEMENT_BYTE, length));
}

enum wire_error wire_build_text(struct wire_build_pointer pointer, const void *bytes, size_t length)
{
    /* SIZE_MAX + 1 would be an empty list; SIZE_MAX is refused as too long. */
    uint8_t *text = allocate_bytes(pointer, length == SIZE_MAX ? SIZE_MAX : length + 1);

    if (text == NULL) {
        return outcome(pointer.builder);
    }
    if (length != 0) {
        memcpy(text, bytes, length);
    }
    return WIRE_OK;
}

enum wire_error wire_build_data_space(struct wire_build_pointer pointer, size_t length,
                                      uint8_t **out)
{
    *out = allocate_bytes(pointer, length);
    return *out == NULL ? outcome(pointer.builder) : WIRE_OK;
}

enum wire_error wire_build_data(struct wire_build_pointer pointer, const void *bytes, size_t length)
{
    uint8_t *data;
    const enum wire_error error = wire_build_data_space(pointer, length, &data);

    if (error == WIRE_OK && length != 0) {
        memcpy(data, bytes, length);
    }
    return error;
}

enum wire_error wire_build_capability(struct wire_build_pointer pointer, uint32_t index)
{
    /* An allocation of nothing; the offset of a capability pointer must be zero. */
    if (allocate(pointer, 0, 0) == NULL) {
        return outcome(pointer.builder);
    }
    *(wire_u64 *)pointer.place = WIRE_POINTER_CAPABILITY | (uint64_t)index << 32;
    return WIRE_OK;
}

void *wire_build_list_place(const struct wire_build_list *list, uint32_t index, uint32_t bytes)
{
    if (index < list->count && bytes <= list->data_bytes) {
        return list->elements + (size_t)index * list->step_bytes;
    }
    if (list->builder != NULL) {
        wire_build_fail(list->builder, WIRE_BAD_INDEX);
    }
    return NULL;
}

void wire_list_set_bit(const struct wire_build_list *list, uint32_t index, bool value)
{
    if (index < list->count && list->bits) {
        const uint8_t mask = (uint8_t)(1u << (index % 8));
        uint8_t *byte = &list->elements[index / 8];

        *byte = (uint8_t)(value ? *byte | mask : *byte & ~mask);
    } else if (list->builder != NULL) {
        wire_build_fail(list->builder, WIRE_BAD_INDEX);
    }
}

enum wire_error wire_list_build_struct(const struct wire_build_list *list, uint32_t index,
                                       struct wire_build_struct *out)
{
    *out = (struct wire_build_struct){.builder = list->builder};
    if (index >= list->count) {
        if (list->builder != NULL) {
            wire_build_fail(list->builder, WIRE_BAD_INDEX);
        }
        return WIRE_BAD_INDEX;
    }
    out->data = list->elements + (size_t)index * list->step_bytes;
    out->pointers = (uint64_t *)(void *)(out->data + list->data_bytes);
    out->data_bytes = list->data_bytes;
    out->pointer_count = list->pointer_count;
    return WIRE_OK;
}

struct wire_build_pointer wire_list_build_pointer(const struct wire_build_list *list,
                                                  uint32_t index)
{
    uint64_t *place = NULL;

    /* Only lists of pointers: in a list of structs a pointer belongs to its struct. */
    if (index < list->count && list->pointer_count == 1 && list->step_bytes == WIRE_WORD_BYTES) {
        place = (uint64_t *)(void *)list->elements + index;
    }
    return (struct wire_build_pointer){.builder = list->builder, .place = place};
}
