/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading and writing StartInfo, the message that a new process finds in its ring.
 */

#include "ring/ring.h"
#include "wire/read.h"

/** Bytes at the end of the message area that hold the length of StartInfo. */
#define RT_START_INFO_LENGTH_OFFSET (RING_MESSAGE_BYTES - 8u)

/** One capability for a new process. */
struct rt_grant {
    const char *name;
    size_t name_length;
    uint64_t capability; /* of the giver */
    uint32_t mode;       /* RING_TRANSFER_COPY or RING_TRANSFER_MOVE */
};

/** Text of the caller's. */
struct rt_text {
    const char *bytes;
    size_t length;
};

/**
 * Find the message in a fresh ring.
 *
 * Returns: its length in bytes; 0 if what is there cannot be one.
 */
size_t rt_start_info_length(const struct ring_memory *ring);

/** Check that every name and argument can be read. Returns: WIRE_OK; what is wrong. */
MUST_CHECK enum wire_error rt_start_info_check(const void *message, size_t length);

/** Number of arguments and of capabilities in a checked message. */
void rt_start_info_counts(const void *message, size_t length, uint32_t *arguments,
                          uint32_t *capabilities);

/** Argument number `index` of a checked message. False: there is none. */
bool rt_start_info_argument(const void *message, size_t length, uint32_t index,
                            struct wire_bytes *out);

/** Name number `index` of a checked message. False: there is none. */
bool rt_start_info_name(const void *message, size_t length, uint32_t index, struct wire_bytes *out);

/** Write a message. Returns: WIRE_OK and its length; WIRE_NO_SPACE. */
MUST_CHECK enum wire_error rt_start_info_build(void *buffer, size_t capacity,
                                               const struct rt_text *arguments,
                                               uint32_t argument_count,
                                               const struct rt_grant *grants, uint32_t grant_count,
                                               size_t *length);
