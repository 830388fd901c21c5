/* SPDX-License-Identifier: MIT */
#include "rt/kernel_objects.h"

#include "base/memory.h"
#include "rt/message.h"

/* One console call: text, and four words around it, in one granule of the message area. */
#define CONSOLE_CALL_BYTES RT_AREA_GRANULE_BYTES
#define CONSOLE_TEXT_BYTES 480u

/**
 * One Console.write. Not an rt_exchange: this is on the way of every panic, and of init's first
 * line, and should need as little as possible.
 */
static enum status console_write_piece(struct rt_ring *ring, uint64_t console, const char *text,
                                       size_t length)
{
    struct rt_call call = {.target = console, .method = CONSOLE_WRITE};
    struct wire_builder builder;
    struct wire_build_struct params;
    struct ring_cqe completion;
    size_t message_length;
    enum status status;

    status = rt_area_allocate(ring, CONSOLE_CALL_BYTES, &call.message_offset);
    if (status != STATUS_OK) {
        return status;
    }
    wire_build_init(&builder, rt_area_at(ring, call.message_offset), CONSOLE_CALL_BYTES);
    console_write_params_init_root(&builder, &params);
    console_write_params_set_text(&params, text, length);
    status = STATUS_TOO_LONG;
    if (wire_build_finish(&builder, &message_length) == WIRE_OK) {
        call.message_length = (uint32_t)message_length;
        status = rt_ring_call_message(ring, &call, &completion);
    }
    rt_area_free(ring, call.message_offset, CONSOLE_CALL_BYTES);
    return status;
}

enum status console_write(uint64_t console, const char *text, size_t length)
{
    enum status status = STATUS_OK;

    while (length != 0 && status == STATUS_OK) {
        const size_t piece = length < CONSOLE_TEXT_BYTES ? length : CONSOLE_TEXT_BYTES;

        status = console_write_piece(rt_ring_self(), console, text, piece);
        text += piece;
        length -= piece;
    }
    return status;
}

enum status console_read(uint64_t console, char *bytes, uint32_t limit, size_t *length)
{
    const struct console_read_params params = {.limit = limit};
    struct rt_exchange exchange;
    struct wire_struct results;
    struct wire_bytes read;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_exchange_call_inline(&exchange, console, CONSOLE_READ, RT_WORDS(params), &results);
    if (status == STATUS_OK) {
        if (console_read_results_get_bytes(results, &read) == WIRE_OK && read.length <= limit) {
            memcpy(bytes, read.bytes, read.length);
            *length = read.length;
        } else {
            status = STATUS_BAD_MESSAGE;
        }
    }
    rt_exchange_end(&exchange);
    return status;
}
