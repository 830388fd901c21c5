/* SPDX-License-Identifier: MIT */
#include "rt/start_info.h"

#include "base/memory.h"
#include "capos.h"
#include "wire/build.h"

size_t rt_start_info_length(const struct ring_memory *ring)
{
    uint64_t length;

    memcpy(&length, &ring->message[RT_START_INFO_LENGTH_OFFSET], sizeof(length));
    return length <= RT_START_INFO_LENGTH_OFFSET ? (size_t)length : 0;
}

/** Both lists of a message. Empty ones if it cannot be read. */
static enum wire_error start_info_open(struct wire_message *reader, const void *message,
                                       size_t length, struct wire_list *arguments,
                                       struct wire_list *capabilities)
{
    struct wire_struct info;
    enum wire_error error = wire_message_init_flat(reader, message, length);

    *arguments = *capabilities = (struct wire_list){0};
    if (error == WIRE_OK) {
        error = wire_read_root(reader, &info);
    }
    if (error == WIRE_OK) {
        error = start_info_get_arguments(info, arguments);
    }
    if (error == WIRE_OK) {
        error = start_info_get_capabilities(info, capabilities);
    }
    return error;
}

enum wire_error rt_start_info_check(const void *message, size_t length)
{
    struct wire_message reader;
    struct wire_list arguments, capabilities;
    struct wire_bytes text;
    enum wire_error error = start_info_open(&reader, message, length, &arguments, &capabilities);

    for (uint32_t i = 0; error == WIRE_OK && i < arguments.count; i++) {
        error = wire_list_get_text(&arguments, i, &text);
    }
    for (uint32_t i = 0; error == WIRE_OK && i < capabilities.count; i++) {
        error = wire_list_get_text(&capabilities, i, &text);
    }
    return error;
}

void rt_start_info_counts(const void *message, size_t length, uint32_t *arguments,
                          uint32_t *capabilities)
{
    struct wire_message reader;
    struct wire_list argument_list, capability_list;

    if (start_info_open(&reader, message, length, &argument_list, &capability_list) != WIRE_OK) {
        argument_list.count = capability_list.count = 0;
    }
    *arguments = argument_list.count;
    *capabilities = capability_list.count;
}

bool rt_start_info_argument(const void *message, size_t length, uint32_t index,
                            struct wire_bytes *out)
{
    struct wire_message reader;
    struct wire_list arguments, capabilities;

    return start_info_open(&reader, message, length, &arguments, &capabilities) == WIRE_OK &&
           wire_list_get_text(&arguments, index, out) == WIRE_OK;
}

bool rt_start_info_name(const void *message, size_t length, uint32_t index, struct wire_bytes *out)
{
    struct wire_message reader;
    struct wire_list arguments, capabilities;

    return start_info_open(&reader, message, length, &arguments, &capabilities) == WIRE_OK &&
           wire_list_get_text(&capabilities, index, out) == WIRE_OK;
}

enum wire_error rt_start_info_build(void *buffer, size_t capacity, const struct rt_text *arguments,
                                    uint32_t argument_count, const struct rt_grant *grants,
                                    uint32_t grant_count, size_t *length)
{
    struct wire_builder builder;
    struct wire_build_struct info;
    struct wire_build_list list;

    wire_build_init(&builder, buffer, capacity);
    start_info_init_root(&builder, &info);
    start_info_init_arguments(&info, argument_count, &list);
    for (uint32_t i = 0; i < argument_count; i++) {
        wire_list_set_text(&list, i, arguments[i].bytes, arguments[i].length);
    }
    start_info_init_capabilities(&info, grant_count, &list);
    for (uint32_t i = 0; i < grant_count; i++) {
        wire_list_set_text(&list, i, grants[i].name, grants[i].name_length);
    }
    return wire_build_finish(&builder, length);
}
