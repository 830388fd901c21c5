/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What race's measured loops need of capOS (apps/bench/system.h), and the objects that it works on.
 * Calls between processes are CALLs of an endpoint, wake-ups and interrupts notifications; reads go
 * to the disk's driver, which is a process, through libblock.
 */

#include "apps/bench/system.h"
#include "libblock/block.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/ring_batch.h"

#define CAPOS_INTERRUPT_BIT    1ull
#define CAPOS_SECTORS_PER_PAGE (RACE_PAGE_BYTES / 512u)

struct capos_disk {
    struct block_session session;
    uint64_t memory;
    void *buffers; /* its mapping; NULL: not mapped */
    uint32_t depth;
};

/** Read the start of the disk as soon as it is there, and print the text in it. */
MUST_CHECK bool capos_first_read(void);

extern uint64_t capos_partner;      /* client end of the partner's endpoint */
extern uint64_t capos_notification; /* of the wake-up or the interrupt */
extern uint64_t capos_page_memory;
extern uint64_t capos_page_address;
extern struct capos_disk capos_disk;

/** False, and a line, if something was refused. */
static ALWAYS_INLINE MUST_CHECK bool capos_granted(enum status status, const char *what)
{
    if (LIKELY(status == STATUS_OK)) {
        return true;
    }
    rt_print("bench: %s: %s\n", what, status_name(status));
    return false;
}

static ALWAYS_INLINE bool system_null_call(void)
{
    return rt_arch_cap_enter(0, 0, 0) == 0;
}

static ALWAYS_INLINE void capos_nop_fill(struct ring_sqe *sqe)
{
    rt_sqe_set_head(sqe, RING_OPERATION_NOP, 0, 0, 0);
    sqe->user_data = RT_USER_DATA_SYNCHRONOUS;
    sqe->target = 0;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    sqe->payload[0] = 0;
    sqe->payload[1] = 0;
    sqe->payload[2] = 0;
    sqe->payload[3] = 0;
}

/** One NOP, as every synchronous call is made. */
static ALWAYS_INLINE bool capos_nop_single(struct rt_ring *ring)
{
    const struct ring_cqe *cqe;
    bool good;

    capos_nop_fill(rt_ring_sqe(ring));
    cqe = rt_ring_transact(ring);
    good = cqe->status == STATUS_OK;
    ring_user_consume(&ring->user);
    return good;
}

/** Submit `count` NOPs, enter once, read their completions. */
static ALWAYS_INLINE bool capos_nop_batch(struct rt_ring *ring, uint32_t count)
{
    struct rt_batch batch = rt_batch_begin(ring, count);
    const struct ring_cqe *cqe;
    struct rt_reaper reaper;
    uint32_t completed = 0;
    uint64_t submitted;

    for (uint32_t i = 0; i < count; i++) {
        capos_nop_fill(rt_batch_next(&batch));
    }
    rt_batch_end(ring, &batch);
    submitted = ring_user_publish(&ring->user);
    if (rt_arch_cap_enter(submitted, count, RT_NO_DEADLINE) != submitted) {
        return false;
    }
    reaper = rt_reaper_begin(ring);
    while ((cqe = rt_reaper_next(&reaper)) != NULL) {
        completed += cqe->status == STATUS_OK;
    }
    rt_reaper_end(ring, &reaper);
    return completed == count;
}

static ALWAYS_INLINE bool system_nops(uint32_t count)
{
    struct rt_ring *const ring = rt_ring_self();

    return count == 1 ? capos_nop_single(ring) : capos_nop_batch(ring, count);
}

static ALWAYS_INLINE bool system_partner_call(void)
{
    struct rt_words answer;

    return capos_granted(
        rt_ring_call(rt_ring_self(), capos_partner, 0, (struct rt_words){{0}}, &answer), "a call");
}

static ALWAYS_INLINE int system_page_map(void)
{
    return (int)vm_map(capos_page_memory, capos_page_address, 0, 1, ACCESS_READ_WRITE);
}

static ALWAYS_INLINE bool system_wake_wait(void)
{
    uint64_t bits;

    return capos_granted(notification_wait(capos_notification, 0, &bits), "waiting");
}

static ALWAYS_INLINE bool system_wake(void)
{
    return capos_granted(notification_signal(capos_notification, 1), "a signal");
}

static ALWAYS_INLINE bool system_interrupt_wait(void)
{
    uint64_t bits;

    return capos_granted(notification_wait(capos_notification, 0, &bits), "waiting") &&
           bits == CAPOS_INTERRUPT_BIT;
}

static ALWAYS_INLINE bool system_disk_submit(uint32_t buffer, uint64_t page)
{
    const struct block_request request = {
        .tag = buffer,
        .sector = page * CAPOS_SECTORS_PER_PAGE,
        .data_offset = (uint64_t)buffer * RACE_PAGE_BYTES,
        .sector_count = CAPOS_SECTORS_PER_PAGE,
        .operation = BLOCK_OPERATION_READ,
    };

    return capos_granted(block_submit(&capos_disk.session, &request), "a read");
}

static ALWAYS_INLINE bool system_disk_wait(uint32_t *buffer)
{
    struct block_answer answer;

    if (!capos_granted(block_wait(&capos_disk.session, RT_NO_DEADLINE, &answer),
                       "a read's answer")) {
        return false;
    }
    *buffer = (uint32_t)answer.tag;
    return answer.status == BLOCK_STATUS_OK;
}
