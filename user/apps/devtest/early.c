/* SPDX-License-Identifier: MIT */
/*
 * An interrupt that is unmasked, and then handed on, before the IOMMU has answered: all of it in
 * one entry of the kernel. `manage hand FUNCTION` claims a function, unmasks its interrupt and
 * moves the claim to a child, which tells how it finds the interrupt once hardware is ready.
 *
 * The capabilities of a claim are known before it is made: it gets the slots of the last one, which
 * was given up.
 */
#include "apps/devtest/devtest.h"

#include "base/compiler.h"
#include "base/memory.h"
#include "rt/clock.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/server.h"

#define NEXT_GENERATION (1ull << 20) /* in a CapId */
#define PARTS           3u
#define MESSAGE_BYTES   8u
#define CODE_TOLD       42
#define PATIENCE_MS     60000u
#define ATTEMPTS        30u

/* ---- The child ------------------------------------------------------------------------------ */

/** How the new owner finds its interrupt, when the IOMMU has done what came before. */
static void tell(void)
{
    struct interrupt_state state = {0};
    struct pages pages;
    uint64_t buffer, iova;

    /* The IOMMU answers in the order in which it was asked. */
    if (!pages_make(&pages, 1) ||
        !check_status(
            dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova),
            STATUS_OK, "a buffer of the new owner") ||
        !check_status(interrupt_info(device.interrupt, &state), STATUS_OK, "its interrupt")) {
        return;
    }
    rt_print("devtest: the interrupt was handed on %s\n", state.masked ? "masked" : "unmasked");
    rt_print_flush();
}

int life_takes(void)
{
    struct rt_server server;
    bool is_over = false;

    if (rt_server_init(&server, rt_capability("in"), RT_EXCHANGE_BYTES) != STATUS_OK) {
        return 1;
    }
    for (;;) {
        const struct ring_cqe *const request = rt_server_receive(&server);

        if (request == NULL) {
            return 1;
        }
        if (request->transfer_count == PARTS) {
            device.mmio = rt_server_capability(&server, 0);
            device.pool = rt_server_capability(&server, 1);
            device.interrupt = rt_server_capability(&server, 2);
            tell();
            is_over = true;
        }
        rt_server_reply_words(&server, (struct rt_words){{0}});
        if (is_over) {
            rt_ring_flush(server.ring);
            return CODE_TOLD;
        }
    }
}

/* ---- The holder of the DeviceManager -------------------------------------------------------- */

/** The slot that is given up last is taken first. */
static void give_up(const uint64_t parts[PARTS])
{
    for (uint32_t i = PARTS; i > 0; i--) {
        capability_release(parts[i - 1]);
    }
}

/** Claim and give up: what the next claim's capabilities will be, if it is made at once. */
static bool foresee(uint64_t with, const struct device_manager_claim_params *claim,
                    uint64_t parts[PARTS])
{
    struct device_manager_claim_results results = {0};

    if (!check_status(device_manager_claim(with, claim, &results), STATUS_OK, "a claim")) {
        return false;
    }
    parts[0] = results.mmio;
    parts[1] = results.pool;
    parts[2] = results.interrupt;
    give_up(parts);
    for (uint32_t i = 0; i < PARTS; i++) {
        parts[i] += NEXT_GENERATION;
    }
    return true;
}

/** A CALL that hands parts of a claim on, with its message at `offset`. False: no room for it. */
static bool hand_on(struct rt_ring *ring, struct rt_operation *operation, uint64_t client,
                    uint32_t offset, const uint64_t parts[PARTS])
{
    struct ring_transfer transfers[PARTS];

    for (uint32_t i = 0; i < PARTS; i++) {
        transfers[i] = (struct ring_transfer){.capability = parts[i], .mode = RING_TRANSFER_MOVE};
    }
    memset(rt_area_at(ring, offset), 0, MESSAGE_BYTES);
    memcpy(rt_area_at(ring, offset + rt_transfers_offset(MESSAGE_BYTES)), transfers,
           sizeof(transfers));
    const struct rt_call call = {.target = client,
                                 .transfer_count = PARTS,
                                 .message_offset = offset,
                                 .message_length = MESSAGE_BYTES,
                                 .answer_offset = offset,
                                 .answer_length = RT_EXCHANGE_BYTES};

    return rt_ring_start_call(ring, operation, &call) == STATUS_OK;
}

/**
 * Claim, unmask, hand on, in one entry of the kernel. Returns what came of handing it on:
 * STATUS_BUSY if the IOMMU had answered by then, and the device was active.
 */
static enum status rush(uint64_t with, const struct device_manager_claim_params *params,
                        uint64_t client, const uint64_t parts[PARTS])
{
    const struct rt_call claim = {.target = with,
                                  .method = DEVICE_MANAGER_CLAIM,
                                  .message_inline = true,
                                  .words = RT_WORDS(*params)};
    const struct rt_call unmask = {
        .target = parts[2], .method = INTERRUPT_UNMASK, .message_inline = true};
    struct rt_operation claiming = {0}, unmasking = {0}, handing = {0};
    struct rt_ring *const ring = rt_ring_self();
    uint32_t offset;

    if (rt_area_allocate(ring, RT_EXCHANGE_BYTES, &offset) != STATUS_OK ||
        rt_ring_start_call(ring, &claiming, &claim) != STATUS_OK ||
        rt_ring_start_call(ring, &unmasking, &unmask) != STATUS_OK ||
        !hand_on(ring, &handing, client, offset, parts)) {
        return STATUS_NO_MEMORY;
    }
    rt_ring_flush(ring);
    rt_ring_await(ring, &claiming);
    rt_ring_await(ring, &unmasking);
    rt_ring_await(ring, &handing);
    rt_area_free(ring, offset, RT_EXCHANGE_BYTES);
    const enum status status = rt_cqe_outcome(&claiming.cqe) == STATUS_OK
                                   ? rt_cqe_outcome(&unmasking.cqe)
                                   : rt_cqe_outcome(&claiming.cqe);

    return status == STATUS_OK ? rt_cqe_outcome(&handing.cqe) : status;
}

static bool wait_free(uint32_t index, uint64_t *generation,
                      bool (*is_free)(uint32_t index, uint64_t *generation))
{
    const uint64_t end = soon(PATIENCE_MS);

    while (!is_free(index, generation)) {
        if (soon(0) >= end) {
            return check(false, "a function that is free again", "it is not");
        }
        rt_sleep(5 * RT_NS_PER_MS);
    }
    return true;
}

/** Try until a claim was handed on before the IOMMU's answer, which may come first. */
static bool race(uint64_t with, const struct device_manager_claim_params *claim, uint64_t client,
                 bool (*is_free)(uint32_t index, uint64_t *generation))
{
    struct device_manager_claim_params params = *claim;
    enum status status = STATUS_BUSY;
    uint64_t parts[PARTS];

    for (unsigned i = 0; i < ATTEMPTS && status == STATUS_BUSY; i++) {
        if (!wait_free(claim->function, &params.generation, is_free) ||
            !foresee(with, &params, parts) ||
            !wait_free(claim->function, &params.generation, is_free)) {
            return false;
        }
        status = rush(with, &params, client, parts);
        if (status == STATUS_BUSY) {
            give_up(parts);
        }
    }
    if (status == STATUS_BUSY) {
        rt_print("devtest: it was always ready\n");
        return false;
    }
    return check_status(status, STATUS_OK, "handing on what is not ready");
}

int early_hand(uint64_t with, const struct device_manager_claim_params *claim,
               bool (*is_free)(uint32_t index, uint64_t *generation))
{
    uint64_t endpoint, client, child;
    struct rt_words answer;

    if (endpoint_create(&endpoint) != STATUS_OK ||
        endpoint_mint(endpoint, 1, &client) != STATUS_OK) {
        return 1;
    }
    const struct rt_grant grants[] = {
        {.name = "console", .name_length = 7, .capability = rt_capability("console")},
        {.name = "in", .name_length = 2, .capability = endpoint, .mode = RING_TRANSFER_MOVE},
    };

    child = child_start("takes", grants, ARRAY_COUNT(grants));
    /* Answered: from here on the child waits for the next call. */
    if (child == 0 ||
        !check_status(rt_ring_call(rt_ring_self(), client, 0, (struct rt_words){{0}}, &answer),
                      STATUS_OK, "a child that listens") ||
        !race(with, claim, client, is_free)) {
        (void)!process_kill(child);
        return 1;
    }
    return check_number(child_wait(child), CODE_TOLD, "how the child ended") ? 0 : 1;
}
