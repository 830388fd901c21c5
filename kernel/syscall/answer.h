/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Answers of kernel methods that are messages: built in the caller's message area, as long as they
 * fit there.
 *
 *     answer_begin(method, &builder);
 *     ... build ...
 *     return answer_finish(method, &builder);
 */

#include "syscall/methods.h"
#include "wire/build.h"

static inline void answer_begin(struct method *method, struct wire_builder *builder)
{
    wire_build_init(builder, method->answer, method->answer_capacity);
}

/** Returns: STATUS_OK; STATUS_TOO_LONG if the message did not fit. */
static inline MUST_CHECK enum status answer_finish(struct method *method,
                                                   const struct wire_builder *builder)
{
    size_t length;

    if (wire_build_finish(builder, &length) != WIRE_OK) {
        return STATUS_TOO_LONG;
    }
    method->answer_length = (uint32_t)length;
    return STATUS_OK;
}
