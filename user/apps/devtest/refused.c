/* SPDX-License-Identifier: MIT */
/*
 * What is refused before a device's object is asked, one thing of each sort: capabilities whose
 * object is gone, and requests that no object takes. What of it the audit log has to say
 * tests/system/test_hardware_audit.py knows; and what of a flood of it.
 */
#include "apps/devtest/devtest.h"

#include "base/compiler.h"
#include "ring/ring.h"
#include "rt/print.h"
#include "rt/process.h"

#define NO_METHOD    99u
#define NO_FLAG      0x80u
#define FLOOD_ROUNDS 1000u

enum status sqe_submit(const struct ring_sqe *entry)
{
    struct rt_ring *ring = rt_ring_self();
    struct ring_sqe *sqe = rt_ring_sqe(ring);
    enum status status;

    *sqe = *entry;
    sqe->user_data = RT_USER_DATA_SYNCHRONOUS;
    status = rt_cqe_outcome(rt_ring_transact(ring));
    ring_user_consume(&ring->user);
    return status;
}

struct ring_sqe sqe_of(enum ring_operation operation, uint64_t target)
{
    return (struct ring_sqe){.operation = (uint8_t)operation, .target = target};
}

static struct ring_sqe call_of(uint64_t target, uint16_t method)
{
    struct ring_sqe entry = sqe_of(RING_OPERATION_CALL, target);

    entry.flags = SQE_INLINE;
    entry.method = method;
    return entry;
}

enum status sqe_call(uint64_t target, uint16_t method)
{
    const struct ring_sqe entry = call_of(target, method);

    return sqe_submit(&entry);
}

enum status sqe_just(enum ring_operation operation, uint64_t target)
{
    const struct ring_sqe entry = sqe_of(operation, target);

    return sqe_submit(&entry);
}

static enum status take_back(uint64_t target)
{
    struct ring_sqe entry = sqe_of(RING_OPERATION_RELEASE, target);

    entry.flags = SQE_REVOKE;
    return sqe_submit(&entry);
}

bool capability_hand(uint64_t capability, uint32_t mode)
{
    const struct rt_grant grant = {
        .name = "it", .name_length = 2, .capability = capability, .mode = mode};
    const uint64_t child = child_start("child-keeps", &grant, 1);

    if (child != 0) {
        child_wait(child);
    }
    return child != 0;
}

/** The device is gone: every use of what is left of it. */
static void use_all(uint64_t buffer)
{
    struct dma_buffer_info_results info;
    uint64_t notification = 0;

    check_status(sqe_call(device.mmio, DEVICE_MMIO_READ), STATUS_STALE, "reading a register");
    check_status(sqe_call(device.mmio, NO_METHOD), STATUS_STALE, "no method");
    check_status(sqe_call(device.pool, DMA_POOL_MAP), STATUS_STALE, "mapping memory");
    check_status(sqe_call(device.interrupt, INTERRUPT_UNMASK), STATUS_STALE, "unmasking");
    check_status(sqe_just(RING_OPERATION_WAIT, device.interrupt), STATUS_STALE, "waiting");
    check_status(sqe_just(RING_OPERATION_RECV, device.pool), STATUS_STALE, "receiving");
    check_status(take_back(device.pool), STATUS_STALE, "taking back");
    check(!capability_hand(device.mmio, RING_TRANSFER_MOVE), "handing on", "refused");
    check_status(dma_buffer_info(buffer, &info), STATUS_STALE, "the buffer");
    /* Given up, and then used: known as long as nothing else is in its place. */
    check_status(capability_release(device.mmio), STATUS_OK, "giving it up");
    check_status(sqe_call(device.mmio, DEVICE_MMIO_INFO), STATUS_STALE, "what was given up");
    check_status(notification_create(&notification), STATUS_OK, "something in its place");
    check_status(sqe_call(device.mmio, DEVICE_MMIO_INFO), STATUS_STALE, "what is there no more");
    /* Never given out: of no device. */
    check_status(sqe_call(device.pool + (1ull << 20), DMA_POOL_INFO), STATUS_BAD_CAPABILITY,
                 "an id of its future");
}

/** A page for the device, and then wait until the device is taken away. 0 if that fails. */
static uint64_t lose(void)
{
    struct pages pages;
    uint64_t buffer = 0, iova = 0, count;

    if (!pages_make(&pages, 1) ||
        !check_status(
            dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova),
            STATUS_OK, "a buffer")) {
        return 0;
    }
    rt_print("devtest: mapped 0x%llx\n", (unsigned long long)iova);
    rt_print_flush();
    /* Registers, pool and interrupt are taken back before whoever waits is told. */
    check_status(interrupt_wait(device.interrupt, 0, &count), STATUS_STALE, "the wait");
    return buffer;
}

int life_gone(void)
{
    const uint64_t buffer = lose();

    if (buffer != 0) {
        use_all(buffer);
    }
    rt_print("devtest: all tried\n");
    return 0;
}

/** Requests to one object, each with something wrong. */
static void malform(uint64_t target, uint16_t method)
{
    struct ring_sqe entry = call_of(target, NO_METHOD);

    check_status(sqe_submit(&entry), STATUS_BAD_METHOD, "no method");
    entry = call_of(target, method);
    entry.flags |= SQE_QUIET;
    check_status(sqe_submit(&entry), STATUS_BAD_REQUEST, "quietly");
    entry = call_of(target, method);
    entry.flags |= NO_FLAG;
    check_status(sqe_submit(&entry), STATUS_BAD_REQUEST, "a flag that is none");
    entry = call_of(target, method);
    entry.reserved = 1;
    check_status(sqe_submit(&entry), STATUS_BAD_REQUEST, "something reserved");
    entry = call_of(target, method);
    entry.buffer_offset = RING_MESSAGE_BYTES;
    entry.buffer_length = 8;
    check_status(sqe_submit(&entry), STATUS_BAD_RANGE, "room outside the message area");
    entry = call_of(target, method);
    entry.flags = 0;
    entry.payload[0] = (RING_MESSAGE_BYTES - 8) | 64ull << 32;
    check_status(sqe_submit(&entry), STATUS_BAD_RANGE, "a message that ends outside of it");
    entry.payload[0] = 8192ull << 32;
    check_status(sqe_submit(&entry), STATUS_TOO_LONG, "a long message");
    check_status(sqe_just(RING_OPERATION_RECV, target), STATUS_WRONG_TYPE, "receiving");
    check_status(take_back(target), STATUS_DENIED, "taking back");
}

/** All that is malformed, of registers and pool; and nothing has come of it. */
void try_malformed(void)
{
    struct ring_sqe entry;

    malform(device.mmio, DEVICE_MMIO_READ);
    entry = sqe_of(RING_OPERATION_CALL, device.mmio);
    entry.method = DEVICE_MMIO_READ;
    check_status(sqe_submit(&entry), STATUS_BAD_MESSAGE, "reading, without saying what");
    check_status(sqe_call(device.mmio, DEVICE_MMIO_INFO), STATUS_TOO_LONG,
                 "no room for the answer");
    check_status(sqe_just(RING_OPERATION_WAIT, device.mmio), STATUS_WRONG_TYPE, "waiting");
    check(!capability_hand(device.mmio, RING_TRANSFER_MOVE + 1), "handing on, in no way",
          "refused");
    malform(device.pool, DMA_POOL_INFO);
    entry = sqe_of(RING_OPERATION_CALL, device.pool);
    entry.method = DMA_POOL_MAP;
    check_status(sqe_submit(&entry), STATUS_BAD_MESSAGE, "mapping, without saying what");
}

/** The same of interrupt and buffer: all together would be of too many classes. */
void try_malformed_rest(void)
{
    struct ring_sqe entry;
    struct pages pages;
    uint64_t buffer = 0, iova = 0;

    if (!pages_make(&pages, 1) ||
        !check_status(
            dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova),
            STATUS_OK, "a buffer")) {
        return;
    }
    malform(device.interrupt, INTERRUPT_UNMASK);
    entry = sqe_of(RING_OPERATION_CALL, device.interrupt);
    entry.method = INTERRUPT_BIND;
    check_status(sqe_submit(&entry), STATUS_BAD_MESSAGE, "binding, without saying what");
    check_status(sqe_call(device.interrupt, INTERRUPT_INFO), STATUS_TOO_LONG,
                 "no room for the answer");
    entry = sqe_of(RING_OPERATION_WAIT, device.interrupt);
    entry.payload[1] = 1;
    check_status(sqe_submit(&entry), STATUS_BAD_REQUEST, "waiting for something");
    malform(buffer, DMA_BUFFER_INFO);
    check_status(dma_buffer_unmap(buffer), STATUS_OK, "the buffer's end");
}

/** As much as possible of what is refused, of as many classes as there are. */
int life_flood(void)
{
    static const uint16_t methods[] = {DEVICE_MMIO_READ, DEVICE_MMIO_MAP, NO_METHOD, UINT16_MAX};
    static const enum ring_operation operations[] = {RING_OPERATION_WAIT, RING_OPERATION_RECV};
    const uint64_t targets[] = {device.mmio, device.pool, device.interrupt};
    uint64_t count = 0;

    for (uint32_t i = 0; i < FLOOD_ROUNDS; i++) {
        const uint64_t target = targets[i % ARRAY_COUNT(targets)];
        struct ring_sqe entry = call_of(target, NO_METHOD);

        entry.flags |= i % 2 == 0 ? NO_FLAG : SQE_QUIET;
        count += sqe_submit(&entry) != STATUS_OK;
        count += take_back(target) != STATUS_OK;
        count += sqe_just(RING_OPERATION_RECV, target) != STATUS_OK;
        entry = call_of(target, (uint16_t)(NO_METHOD + i));
        count += sqe_submit(&entry) != STATUS_OK;
        entry.buffer_offset = RING_MESSAGE_BYTES + i;
        count += sqe_submit(&entry) != STATUS_OK;
    }
    rt_print("devtest: %llu refusals\n", (unsigned long long)count);
    rt_print_flush();
    if (lose() == 0) {
        return 1;
    }
    count = 0;
    for (uint32_t i = 0; i < FLOOD_ROUNDS; i++) {
        for (uint32_t j = 0; j < ARRAY_COUNT(targets); j++) {
            count += sqe_call(targets[j], methods[i % ARRAY_COUNT(methods)]) == STATUS_STALE;
            count += sqe_just(operations[i % ARRAY_COUNT(operations)], targets[j]) == STATUS_STALE;
        }
    }
    rt_print("devtest: %llu stale\n", (unsigned long long)count);
    return count == 2 * FLOOD_ROUNDS * ARRAY_COUNT(targets) ? 0 : 1;
}

/** The manager's requests, malformed, and of one that was given up. */
int manage_malformed(uint64_t manager)
{
    struct ring_sqe entry;

    malform(manager, DEVICE_MANAGER_FUNCTIONS);
    entry = sqe_of(RING_OPERATION_CALL, manager);
    entry.method = DEVICE_MANAGER_CLAIM;
    check_status(sqe_submit(&entry), STATUS_BAD_MESSAGE, "claiming, without saying what");
    check_status(sqe_call(manager, DEVICE_MANAGER_FUNCTIONS), STATUS_TOO_LONG,
                 "no room for the answer");
    check_status(capability_release(manager), STATUS_OK, "giving it up");
    check_status(sqe_call(manager, DEVICE_MANAGER_CLAIM), STATUS_STALE, "what was given up");
    rt_print("manage: all tried\n");
    return 0;
}
