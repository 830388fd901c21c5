/* SPDX-License-Identifier: MIT */
/*
 * Capabilities of a device where others are asked for, or none; and ids that were given up, whose
 * place in the table holds something else. All of it is refused; what of it the audit log has to
 * say tests/system/test_hardware_audit.py knows.
 */
#include "apps/devtest/devtest.h"

#include "base/compiler.h"
#include "cap/cap.h"
#include "rt/address_space.h"
#include "rt/arch.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/own_image.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/spawn.h"

#define NO_OPERATION   200u
#define GIVEN_UP_CALLS 40u

/** What takes a capability in a call gets one of devices. The buffer is given up on the way. */
static void misplace_arguments(uint64_t buffer, uint64_t memory, uint64_t notification)
{
    uint64_t timer = 0, endpoint = 0, made = 0, iova = 0;
    void *address = NULL;
    struct rt_image image = {0};
    struct rt_spawn spawn;

    check_status(interrupt_bind(device.interrupt, buffer, 1), STATUS_WRONG_TYPE,
                 "a buffer that is to be signalled");
    check_status(
        dma_pool_map(device.pool, device.interrupt, 0, 1, DMA_ACCESS_DEVICE_READS, &made, &iova),
        STATUS_WRONG_TYPE, "an interrupt as memory for the device");
    check_status(rt_space_map(device.mmio, 0, 1, ACCESS_READ, &address), STATUS_WRONG_TYPE,
                 "registers as memory");
    check_status(timer_create(&timer), STATUS_OK, "a timer");
    check_status(timer_arm(timer, device.pool, 1, 0, 0), STATUS_WRONG_TYPE, "a timer for a pool");
    check_status(endpoint_create(&endpoint), STATUS_OK, "an endpoint");
    check_status(endpoint_mint_watched(endpoint, 0, device.mmio, 1, &made), STATUS_WRONG_TYPE,
                 "registers that hear of a client's end");
    check_status(rt_image_find("devtest", &image), STATUS_OK, "an image");
    image.memory = buffer;
    rt_spawn_prepare(&spawn, &image, "devtest-child");
    check_status(process_spawn(rt_capability("spawner"), &spawn, &made), STATUS_WRONG_TYPE,
                 "a program in a buffer");
    check_status(dma_buffer_unmap(buffer), STATUS_OK, "the buffer's end");
    check_status(capability_release(buffer), STATUS_OK, "giving it up");
    check_status(rt_space_map(buffer, 0, 1, ACCESS_READ, &address), STATUS_STALE,
                 "what was a buffer, as memory");
    /* The methods' own refusals, and those of things that are no devices'. */
    check_status(interrupt_bind(device.interrupt, memory, 1), STATUS_WRONG_TYPE,
                 "memory that is to be signalled");
    check_status(interrupt_bind(device.interrupt, device.mmio, 0), STATUS_BAD_RANGE,
                 "registers that are told nothing");
    check_status(rt_space_map(notification, 0, 1, ACCESS_READ, &address), STATUS_WRONG_TYPE,
                 "a notification as memory");
    check_status(timer_arm(timer, memory, 1, 0, 0), STATUS_WRONG_TYPE, "a timer for memory");
}

/** Bad NOPs between good ones, some of them quiet: each is answered that is to be, in order. */
static void misplace_in_a_row(void)
{
    static const struct {
        uint8_t flags;
        bool is_bad;
    } row[] = {{0, false}, {SQE_QUIET, false}, {SQE_QUIET, true}, {SQE_QUIET, false}, {0, false},
               {0, true},  {0, true},          {0, false},        {SQE_QUIET, false}};
    struct rt_ring *ring = rt_ring_self();
    uint32_t wrong = 0, answers = 0;

    for (uint32_t i = 0; i < ARRAY_COUNT(row); i++) {
        struct ring_sqe *sqe = rt_ring_sqe(ring);

        *sqe = sqe_of(RING_OPERATION_NOP, row[i].is_bad ? device.interrupt : 0);
        sqe->flags = row[i].flags;
        sqe->user_data = i;
        answers += row[i].is_bad || row[i].flags == 0;
    }
    const uint64_t submitted = ring_user_publish(&ring->user);
    const uint64_t taken = rt_arch_cap_enter(submitted, answers, RT_NO_DEADLINE);

    for (uint32_t i = 0; i < ARRAY_COUNT(row); i++) {
        const struct ring_cqe *cqe;

        if (row[i].is_bad || row[i].flags == 0) {
            cqe = ring_user_peek(&ring->user);
            wrong += cqe == NULL || cqe->user_data != i ||
                     cqe->status != (row[i].is_bad ? STATUS_BAD_REQUEST : STATUS_OK);
            if (cqe != NULL) {
                ring_user_consume(&ring->user);
            }
        }
    }
    check_number(submitted, ARRAY_COUNT(row), "entries submitted");
    check_number(taken, submitted, "entries taken");
    check_number(wrong, 0, "wrong answers to them");
}

/** Targets of entries that have none. `given_up` was the buffer. */
static void misplace_targets(uint64_t given_up, uint64_t notification)
{
    static const enum ring_operation none = (enum ring_operation)NO_OPERATION;

    check_status(sqe_just(RING_OPERATION_NOP, device.mmio), STATUS_BAD_REQUEST,
                 "a NOP to registers");
    check_status(sqe_just(none, device.pool), STATUS_BAD_REQUEST, "no operation, to a pool");
    check_status(sqe_just(RING_OPERATION_TIMEOUT, device.interrupt), STATUS_BAD_REQUEST,
                 "a timeout of an interrupt");
    check_status(sqe_just(RING_OPERATION_NOP, given_up), STATUS_BAD_REQUEST, "a NOP to the buffer");
    misplace_in_a_row();
    /* To what is no device's; and where numbers stand that are no capabilities. */
    check_status(sqe_just(RING_OPERATION_NOP, notification), STATUS_BAD_REQUEST,
                 "to a notification");
    check_status(sqe_just(none, notification), STATUS_BAD_REQUEST, "no operation, to that");
    check_status(sqe_just(RING_OPERATION_CANCEL, device.mmio), STATUS_NOT_FOUND,
                 "a number as that");
    check_refused(sqe_just(RING_OPERATION_RETURN, device.mmio), "an answer to such a number");
}

/** The id of a notification that was given up, and whose place another one has; 0: it has not. */
static uint64_t lose_place(void)
{
    uint64_t first = 0, second = 0;

    check_status(notification_create(&first), STATUS_OK, "a notification");
    check_status(capability_release(first), STATUS_OK, "giving it up");
    check_status(notification_create(&second), STATUS_OK, "another one");
    return check(cap_id_index(first) == cap_id_index(second), "in its place", "it is") ? first : 0;
}

/** Uses of an id that nobody knows any more. */
static void use_given_up(uint64_t id)
{
    void *address;

    check_status(sqe_call(id, NOTIFICATION_MINT), STATUS_STALE, "calling it");
    check_status(sqe_just(RING_OPERATION_WAIT, id), STATUS_STALE, "waiting for it");
    check_status(sqe_just(RING_OPERATION_RELEASE, id), STATUS_STALE, "giving it up again");
    check_status(rt_space_map(id, 0, 1, ACCESS_READ, &address), STATUS_STALE, "mapping it");
    check_status(sqe_just(RING_OPERATION_NOP, id), STATUS_BAD_REQUEST, "a NOP to it");
}

/** Without a device: of this the audit log has nothing. */
int child_given_up(void)
{
    const uint64_t id = lose_place();

    use_given_up(id);
    return 0;
}

/** All of that, and then stay, so that others can look what objects there are. */
int life_misplaced(void)
{
    const uint64_t child = child_start("child-given-up", NULL, 0);
    uint64_t notification = 0, buffer = 0, iova = 0, count = 0;
    struct pages pages;

    check(child != 0 && child_wait(child) == 0, "a child without a device", "refused the same");
    check_status(notification_create(&notification), STATUS_OK, "a notification");
    if (!pages_make(&pages, 1) ||
        !check_status(
            dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova),
            STATUS_OK, "a buffer")) {
        return 1;
    }
    misplace_arguments(buffer, pages.memory, notification);
    misplace_targets(buffer, notification);

    const uint64_t id = lose_place();

    use_given_up(id);
    check(!capability_hand(id, RING_TRANSFER_MOVE), "handing it on", "refused");
    check_status(interrupt_bind(device.interrupt, id, 1), STATUS_STALE, "signalling it");
    for (uint32_t i = 0; i < GIVEN_UP_CALLS; i++) {
        count += sqe_call(id, NOTIFICATION_MINT) == STATUS_STALE;
    }
    check_number(count, GIVEN_UP_CALLS, "calls of it, again and again");
    rt_print("devtest: all tried\n");
    rt_print_flush();
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}
