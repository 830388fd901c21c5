/* SPDX-License-Identifier: MIT */
#include "rt/message.h"

#include "base/memory.h"
#include "rt/panic.h"

enum status rt_exchange_begin(struct rt_exchange *exchange, uint32_t capacity)
{
    struct rt_ring *const ring = rt_ring_self();
    const enum status status = rt_area_allocate(ring, capacity, &exchange->offset);

    if (status == STATUS_OK) {
        exchange->ring = ring;
        exchange->capacity = capacity;
        exchange->transfer_count = 0;
        exchange->completion.transfer_count = 0;
        wire_build_init(&exchange->builder, rt_area_at(ring, exchange->offset),
                        capacity - RING_MAX_TRANSFERS * sizeof(struct ring_transfer));
    }
    return status;
}

void rt_exchange_transfer(struct rt_exchange *exchange, uint64_t capability, uint32_t mode)
{
    RT_ASSERT(exchange->transfer_count < RING_MAX_TRANSFERS);
    exchange->transfer[exchange->transfer_count++] =
        (struct ring_transfer){.capability = capability, .mode = mode};
}

/** Begin reading what the completion says is the answer. */
static enum status exchange_read(struct rt_exchange *exchange, struct wire_struct *results)
{
    const struct ring_cqe *const cqe = &exchange->completion;

    if (results == NULL) {
        return STATUS_OK;
    }
    if ((cqe->flags & CQE_INLINE) != 0) {
        *results = wire_struct_inline(cqe->payload, RING_PAYLOAD_WORDS);
        return STATUS_OK;
    }
    if (cqe->payload[0] > exchange->capacity ||
        wire_message_init_flat(&exchange->answer, rt_area_at(exchange->ring, exchange->offset),
                               cqe->payload[0]) != WIRE_OK ||
        wire_read_root(&exchange->answer, results) != WIRE_OK) {
        return STATUS_BAD_MESSAGE;
    }
    return STATUS_OK;
}

static enum status exchange_perform(struct rt_exchange *exchange, struct rt_call *call,
                                    struct wire_struct *results)
{
    enum status status;

    call->transfer_count = exchange->transfer_count;
    call->answer_offset = exchange->offset;
    call->answer_length = exchange->capacity;
    status = rt_ring_call_message(exchange->ring, call, &exchange->completion);
    if (status != STATUS_OK) {
        exchange->completion.transfer_count = 0;
        return status;
    }
    return exchange_read(exchange, results);
}

enum status rt_exchange_call(struct rt_exchange *exchange, uint64_t target, uint16_t method,
                             struct wire_struct *results)
{
    struct rt_call call = {.target = target, .method = method, .message_offset = exchange->offset};
    size_t length;

    if (wire_build_finish(&exchange->builder, &length) != WIRE_OK) {
        return STATUS_TOO_LONG;
    }
    call.message_length = (uint32_t)length;
    memcpy(rt_area_at(exchange->ring, exchange->offset + rt_transfers_offset(call.message_length)),
           exchange->transfer, exchange->transfer_count * sizeof(exchange->transfer[0]));
    return exchange_perform(exchange, &call, results);
}

enum status rt_exchange_call_inline(struct rt_exchange *exchange, uint64_t target, uint16_t method,
                                    struct rt_words words, struct wire_struct *results)
{
    struct rt_call call = {
        .target = target, .method = method, .message_inline = true, .words = words};

    RT_ASSERT(exchange->transfer_count == 0);
    return exchange_perform(exchange, &call, results);
}

uint64_t rt_exchange_capability(const struct rt_exchange *exchange, uint32_t index)
{
    const struct ring_cqe *const cqe = &exchange->completion;
    const uint32_t length = (cqe->flags & CQE_INLINE) != 0 ? 0 : (uint32_t)cqe->payload[0];
    uint64_t capability = 0;

    if (index < cqe->transfer_count) {
        const uint32_t offset = rt_transfers_offset(length) + index * 8u;

        RT_ASSERT(offset + sizeof(capability) <= exchange->capacity);
        memcpy(&capability, rt_area_at(exchange->ring, exchange->offset + offset),
               sizeof(capability));
    }
    return capability;
}

void rt_exchange_end(struct rt_exchange *exchange)
{
    rt_area_free(exchange->ring, exchange->offset, exchange->capacity);
}

bool rt_bytes_equal(struct wire_bytes bytes, const char *text)
{
    return bytes.length == strlen(text) && memcmp(bytes.bytes, text, bytes.length) == 0;
}
