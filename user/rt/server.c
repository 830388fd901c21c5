/* SPDX-License-Identifier: MIT */
#include "rt/server.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/panic.h"

enum status rt_server_init(struct rt_server *server, uint64_t endpoint, uint32_t capacity)
{
    struct rt_ring *const ring = rt_ring_self();
    uint32_t offset;
    const enum status status = rt_area_allocate(ring, capacity, &offset);

    if (status == STATUS_OK) {
        *server = (struct rt_server){
            .ring = ring, .endpoint = endpoint, .offset = offset, .capacity = capacity};
    }
    return status;
}

void rt_server_fini(struct rt_server *server)
{
    struct rt_ring *const ring = server->ring;

    RT_ASSERT(server->state != RT_SERVER_SERVING);
    rt_ring_flush(ring);
    if (server->receive.state == RT_OPERATION_PENDING && server->state != RT_SERVER_DISARMED) {
        (void)rt_ring_cancel(ring, &server->receive);
        rt_ring_await(ring, &server->receive);
    }
    rt_ring_forget(ring, &server->receive);
    rt_ring_forget(ring, &server->answer);
    rt_area_free(ring, server->offset, server->capacity);
}

/* The two operations keep their slots in the ring from the first arming on: `receive` is armed
 * again by each answer, `answer` completes only when the kernel refuses one. Most completions of
 * `receive` are taken straight from the queue and never change its state. */

enum status rt_server_arm(struct rt_server *server)
{
    struct rt_ring *const ring = server->ring;
    enum status status = STATUS_OK;

    if (server->state != RT_SERVER_DISARMED) {
        return STATUS_OK;
    }
    if (server->answer.state == RT_OPERATION_IDLE) {
        server->answer.keeps_slot = true;
        status = rt_ring_hold(ring, &server->answer);
    }
    rt_ring_forget(ring, &server->receive);
    server->receive.keeps_slot = true;
    if (status == STATUS_OK) {
        status = rt_ring_start_receive(ring, &server->receive, server->endpoint, server->offset,
                                       server->capacity);
    }
    if (status == STATUS_OK) {
        server->state = RT_SERVER_ARMED;
    }
    return status;
}

/** Take the request out of a completed RECV. False: the RECV has ended without one. */
static bool server_accept(struct rt_server *server)
{
    if (server->receive.cqe.status != STATUS_OK) {
        server->state = RT_SERVER_DISARMED;
        return false;
    }
    server->request = server->receive.cqe;
    server->state = RT_SERVER_SERVING;
    return true;
}

/** The kernel has refused the answer: whatever is wrong with it, an exception can be sent. */
static void server_answer_refused(struct rt_server *server)
{
    const enum status status = (enum status)server->answer.cqe.status;

    rt_ring_rearm(server->ring, &server->answer);
    if (server->state == RT_SERVER_REPLYING) {
        server->refused_count++;
        rt_server_return(server, SQE_INLINE, (uint16_t)status, 0, (struct rt_words){{0}});
    } else if (server->state == RT_SERVER_REFUSING) {
        /* There is no such call any more: its RECV waits for the next. */
        server->state = RT_SERVER_ARMED;
    }
}

const struct ring_cqe *rt_server_receive_slowly(struct rt_server *server)
{
    struct rt_ring *const ring = server->ring;

    RT_ASSERT(server->state != RT_SERVER_SERVING);
    for (;;) {
        uint64_t submitted;

        if (server->state == RT_SERVER_DISARMED) {
            RT_ASSERT(rt_server_arm(server) == STATUS_OK);
        }
        if (server->answer.state == RT_OPERATION_DONE) {
            rt_ring_await(ring, &server->answer);
            server_answer_refused(server);
        } else if (server->receive.state == RT_OPERATION_DONE) {
            rt_ring_await(ring, &server->receive);
            rt_ring_rearm(ring, &server->receive);
            return server_accept(server) ? &server->request : NULL;
        } else {
            submitted = ring_user_publish(&ring->user);
            rt_ring_settle(ring, submitted, rt_arch_cap_enter(submitted, 1, RT_NO_DEADLINE));
        }
    }
}

const struct ring_cqe *rt_server_take(struct rt_server *server,
                                      const struct rt_operation *operation)
{
    if (operation == &server->answer) {
        server_answer_refused(server);
        return NULL;
    }
    rt_ring_rearm(server->ring, &server->receive);
    return server_accept(server) ? &server->request : NULL;
}

enum status rt_server_read(struct rt_server *server, struct wire_struct *params)
{
    const struct ring_cqe *const request = &server->request;

    if ((request->flags & CQE_INLINE) != 0) {
        *params = wire_struct_inline(request->payload, RING_PAYLOAD_WORDS);
        return STATUS_OK;
    }
    if (request->payload[0] > server->capacity ||
        wire_message_init_flat(&server->reader, rt_area_at(server->ring, server->offset),
                               request->payload[0]) != WIRE_OK ||
        wire_read_root(&server->reader, params) != WIRE_OK) {
        return STATUS_BAD_MESSAGE;
    }
    return STATUS_OK;
}

uint64_t rt_server_capability(const struct rt_server *server, uint32_t index)
{
    const struct ring_cqe *const request = &server->request;
    const uint32_t length = (request->flags & CQE_INLINE) != 0 ? 0 : (uint32_t)request->payload[0];
    uint64_t capability = 0;

    if (index < request->transfer_count) {
        const uint32_t offset = rt_transfers_offset(length) + index * 8u;

        RT_ASSERT(offset + sizeof(capability) <= server->capacity);
        memcpy(&capability, rt_area_at(server->ring, server->offset + offset), sizeof(capability));
    }
    return capability;
}

void rt_server_drop_capabilities(struct rt_server *server)
{
    for (uint32_t i = 0; i < server->request.transfer_count; i++) {
        capability_release(rt_server_capability(server, i));
    }
}

void rt_server_refuse(struct rt_server *server, enum status exception)
{
    rt_server_return(server, SQE_INLINE, (uint16_t)exception, 0, (struct rt_words){{0}});
}

struct wire_builder *rt_server_reply_begin(struct rt_server *server)
{
    server->transfer_count = 0;
    wire_build_init(&server->builder, rt_area_at(server->ring, server->offset),
                    server->capacity - RING_MAX_TRANSFERS * sizeof(struct ring_transfer));
    return &server->builder;
}

void rt_server_transfer(struct rt_server *server, uint64_t capability, uint32_t mode)
{
    RT_ASSERT(server->transfer_count < RING_MAX_TRANSFERS);
    server->transfer[server->transfer_count++] =
        (struct ring_transfer){.capability = capability, .mode = mode};
}

void rt_server_reply_end(struct rt_server *server)
{
    size_t length;

    if (wire_build_finish(&server->builder, &length) != WIRE_OK) {
        rt_server_refuse(server, STATUS_TOO_LONG);
        return;
    }
    memcpy(rt_area_at(server->ring, server->offset + rt_transfers_offset((uint32_t)length)),
           server->transfer, server->transfer_count * sizeof(server->transfer[0]));
    rt_server_return(server, 0, 0, server->transfer_count,
                     (struct rt_words){{rt_message_place(server->offset, (uint32_t)length)}});
}
