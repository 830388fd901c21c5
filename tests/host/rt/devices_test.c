/* SPDX-License-Identifier: MIT */
/*
 * init's side of the device manager: which function a grant means, when it can be claimed, what
 * has to be waited for, and what is given back when a claim cannot be completed. The ledger here
 * is an array that the tests write.
 */
#include "fake_kernel.h"

#include "rt/device_objects.h"
#include "rt/message.h"
#include "services/init/devices.h"
#include "wire/build.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MANAGER   0x5000001ull
#define FUNCTIONS 400u
#define PAGE_MAX  7u /* functions in one answer */

/** A function of the fake ledger. */
struct fake_function {
    uint16_t bdf, vendor, device;
    uint32_t group, vectors;
    uint64_t generation, owner;
    enum function_state state;
    enum claim_refusal refusal;
};

static struct fake_function ledger[FUNCTIONS];
static uint32_t ledger_count;
static bool stuck;            /* every page begins with function 0 */
static enum status listing;   /* what functions() is answered with */
static enum status claiming;  /* what claim() is answered with */
static unsigned more_allowed; /* calls of interrupt() that work */
static unsigned more_made;
static uint64_t first_interrupt; /* that a claim gives */
static struct device_manager_claim_params claimed;
static struct device_manager_revoke_params revoked;
static uint64_t released[8];
static unsigned released_count;
static uint64_t alive; /* the one process that runs */
static struct init_devices devices;
static struct device_state state;

static void answer_functions(const struct ring_sqe *sqe)
{
    const uint32_t from = stuck ? 0 : (uint32_t)sqe->payload[0];
    const uint32_t left = from < ledger_count ? ledger_count - from : 0;
    const uint32_t count = left < PAGE_MAX ? left : PAGE_MAX;
    struct wire_builder builder;
    struct wire_build_struct results, info;
    struct wire_build_list list;
    size_t length;

    wire_build_init(&builder, fake.memory->message + sqe->buffer_offset, sqe->buffer_length);
    device_manager_functions_results_init_root(&builder, &results);
    device_manager_functions_results_init_functions(&results, count, &list);
    for (uint32_t i = 0; i < count; i++) {
        const struct fake_function *const function = &ledger[from + i];

        wire_list_build_struct(&list, i, &info);
        function_info_set_index(&info, from + i);
        function_info_set_bdf(&info, function->bdf);
        function_info_set_vendor(&info, function->vendor);
        function_info_set_device(&info, function->device);
        function_info_set_group(&info, function->group);
        function_info_set_vector_count(&info, function->vectors);
        function_info_set_generation(&info, function->generation);
        function_info_set_owner_pid(&info, function->owner);
        function_info_set_state(&info, function->state);
        function_info_set_refusal(&info, function->refusal);
    }
    assert_int_equal(wire_build_finish(&builder, &length), WIRE_OK);
    fake_post_cqe(&(struct ring_cqe){
        .user_data = sqe->user_data, .exception = (uint8_t)listing, .payload = {length}});
}

static bool handler(const struct ring_sqe *sqe)
{
    if (sqe->operation == RING_OPERATION_RELEASE) {
        assert_in_range(released_count, 0, 7);
        released[released_count++] = sqe->target;
        return false;
    }
    if (sqe->operation != RING_OPERATION_CALL || sqe->target != MANAGER) {
        return false;
    }
    switch (sqe->method) {
    case DEVICE_MANAGER_FUNCTIONS:
        answer_functions(sqe);
        return true;
    case DEVICE_MANAGER_CLAIM:
        memcpy(&claimed, sqe->payload, sizeof(claimed));
        fake_post_cqe(&(struct ring_cqe){.user_data = sqe->user_data,
                                         .exception = (uint8_t)claiming,
                                         .flags = CQE_INLINE,
                                         .payload = {11, 12, first_interrupt}});
        return true;
    case DEVICE_MANAGER_INTERRUPT:
        assert_int_equal(sqe->payload[0], claimed.function);
        assert_int_equal(sqe->payload[1], claimed.generation);
        fake_post_cqe(
            &(struct ring_cqe){.user_data = sqe->user_data,
                               .exception = more_made < more_allowed ? 0 : STATUS_OVER_BUDGET,
                               .flags = CQE_INLINE,
                               .payload = {20 + more_made}});
        more_made++;
        return true;
    case DEVICE_MANAGER_REVOKE:
        memcpy(&revoked, sqe->payload, sizeof(revoked));
        fake_post(sqe->user_data, STATUS_OK, FUNCTION_STATE_FREE, 0);
        return true;
    default:
        return false;
    }
}

static bool runs(const struct device_owners *owners, uint64_t pid)
{
    (void)owners;
    return pid == alive;
}

static const struct device_owners owners = {.runs = runs};

/** Disks at 3 and 5, one of them transitional; function 4 shares the group of 3. */
static int setup(void **unused)
{
    (void)unused;
    fake_reset();
    fake.handler = handler;
    memset(ledger, 0, sizeof(ledger));
    memset(&devices, 0, sizeof(devices));
    memset(&claimed, 0, sizeof(claimed));
    memset(&revoked, 0, sizeof(revoked));
    ledger_count = 20;
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        ledger[i] = (struct fake_function){.bdf = (uint16_t)(i << 3),
                                           .vendor = 0x8086,
                                           .group = i,
                                           .vectors = 3,
                                           .generation = 100 + i};
    }
    ledger[3].vendor = ledger[5].vendor = 0x1af4;
    ledger[3].device = 0x1042;
    ledger[5].device = 0x1001;
    ledger[4].group = 3;
    stuck = false;
    listing = claiming = STATUS_OK;
    more_allowed = 16;
    more_made = released_count = 0;
    first_interrupt = 13;
    alive = 7;
    return 0;
}

static const struct manifest_device *disk(uint16_t nth)
{
    static struct manifest_device wanted;

    wanted = (struct manifest_device){.vendor = 0x1af4,
                                      .nth = nth,
                                      .interrupts = 1,
                                      .devices = {0x1042, 0x1001},
                                      .device_count = 2,
                                      .address_bits = 64,
                                      .pool_pages = 9};
    return &wanted;
}

static enum device_answer find(uint16_t nth)
{
    device_find(&devices, disk(nth), &owners, &state);
    return state.answer;
}

static void found_in_order(void **unused)
{
    (void)unused;
    devices_init(&devices, MANAGER);
    assert_int_equal(devices.count, 20); /* over three pages */
    assert_int_equal(find(0), DEVICE_READY);
    assert_int_equal(state.function, 3);
    assert_int_equal(state.generation, 103);
    assert_string_equal(state.place, "00:03.0");
    assert_int_equal(find(1), DEVICE_READY);
    assert_int_equal(state.function, 5);
    assert_int_equal(find(2), DEVICE_MISSING);
    assert_string_equal(state.reason, "1af4:1042 or 1af4:1001, number 3 of them");
    ledger[5].state = FUNCTION_STATE_FREE; /* the list was read once, the rest is asked for anew */
    ledger[5].generation = 500;
    assert_int_equal(find(1), DEVICE_READY);
    assert_int_equal(state.generation, 500);
}

static void no_devices(void **unused)
{
    (void)unused;
    devices_init(&devices, 0);
    assert_int_equal(find(0), DEVICE_MISSING);
    assert_string_equal(state.reason, "1af4:1042 or 1af4:1001");
    listing = STATUS_UNSUPPORTED;
    devices_init(&devices, MANAGER);
    assert_int_equal(devices.count, 0);
    assert_int_equal(find(0), DEVICE_MISSING);
    listing = STATUS_OK;
    ledger_count = 0;
    devices_init(&devices, MANAGER);
    assert_int_equal(devices.count, 0);
}

/** A claim's function by ids alone, as test programs ask. */
static void found_by_ids(void **unused)
{
    struct device_manager_claim_params claim = {.pool_pages = 9};

    (void)unused;
    ledger[5].device = 0x1042;
    assert_int_equal(device_manager_find(MANAGER, 0x1af4, 0x1042, 0, &claim), STATUS_OK);
    assert_int_equal(claim.function, 3);
    assert_int_equal(claim.generation, 103);
    assert_int_equal(device_manager_find(MANAGER, 0x1af4, 0x1042, 1, &claim), STATUS_OK);
    assert_int_equal(claim.function, 5);
    assert_int_equal(device_manager_find(MANAGER, 0x1af4, 0x1042, 2, &claim), STATUS_NOT_FOUND);
    assert_int_equal(device_manager_find(MANAGER, 0x1af4, 0x1043, 0, &claim), STATUS_NOT_FOUND);
    assert_int_equal(device_manager_find(MANAGER, 0x1af5, 0x1042, 0, &claim), STATUS_NOT_FOUND);
    listing = STATUS_UNSUPPORTED;
    assert_int_equal(device_manager_find(MANAGER, 0x1af4, 0x1042, 0, &claim), STATUS_UNSUPPORTED);
    assert_true(claim.function == 5 && claim.pool_pages == 9); /* as it was last found */
}

/** Lists that never end, and more functions than there is room for. */
static void odd_lists(void **unused)
{
    (void)unused;
    stuck = true;
    devices_init(&devices, MANAGER);
    assert_int_equal(devices.count, PAGE_MAX);
    memset(&devices, 0, sizeof(devices));
    stuck = false;
    ledger_count = FUNCTIONS;
    devices_init(&devices, MANAGER);
    assert_int_equal(devices.count, INIT_FUNCTIONS_MAX);
    ledger_count = 2; /* and now they are gone */
    assert_int_equal(find(0), DEVICE_REFUSED);
    assert_int_equal(state.status, STATUS_NOT_FOUND);
    ledger_count = 20;
    stuck = true; /* another one's state is none of this one's */
    assert_int_equal(find(0), DEVICE_REFUSED);
    assert_int_equal(state.status, STATUS_NOT_FOUND);
}

static void refused(void **unused)
{
    (void)unused;
    devices_init(&devices, MANAGER);
    ledger[3].refusal = CLAIM_REFUSAL_NO_IOMMU;
    assert_int_equal(find(0), DEVICE_REFUSED);
    assert_int_equal(state.status, STATUS_UNSUPPORTED);
    assert_string_equal(state.reason,
                        "00:03.0 cannot be claimed: noIommu (no working DMA remapping "
                        "covers it)");
    ledger[3].refusal = CLAIM_REFUSAL_NONE;
    ledger[3].state = FUNCTION_STATE_QUARANTINED;
    assert_int_equal(find(0), DEVICE_REFUSED);
}

/** A live owner keeps it; a dead one's teardown is waited for, also a neighbour's. */
static void owners_and_teardown(void **unused)
{
    static const enum function_state held[] = {FUNCTION_STATE_CLAIMED, FUNCTION_STATE_ACTIVE};
    static const enum function_state going[] = {FUNCTION_STATE_REVOKING, FUNCTION_STATE_RESETTING};

    (void)unused;
    devices_init(&devices, MANAGER);
    for (uint32_t at = 3; at <= 4; at++) { /* the function itself, and its group */
        for (unsigned i = 0; i < 2; i++) {
            ledger[at].state = held[i];
            ledger[at].owner = alive;
            assert_int_equal(find(0), DEVICE_REFUSED);
            assert_int_equal(state.status, STATUS_BUSY);
            ledger[at].owner = alive + 1;
            assert_int_equal(find(0), DEVICE_TEARDOWN);
            ledger[at].state = going[i];
            ledger[at].owner = alive;
            assert_int_equal(find(0), DEVICE_TEARDOWN);
            assert_int_equal(state.function, at);
            assert_int_equal(state.generation, 100 + at);
        }
        ledger[at].state = FUNCTION_STATE_FREE;
    }
    ledger[4].state = FUNCTION_STATE_ACTIVE; /* a bridge in the group is nobody's */
    ledger[4].owner = alive;
    ledger[4].refusal = CLAIM_REFUSAL_BRIDGE;
    assert_int_equal(find(0), DEVICE_READY);
}

static void waits(void **unused)
{
    struct rt_operation operation = {0};

    (void)unused;
    devices_init(&devices, MANAGER);
    ledger[4].state = FUNCTION_STATE_RESETTING;
    assert_int_equal(find(0), DEVICE_TEARDOWN);
    assert_int_equal(device_wait_start(&devices, &state, &operation), STATUS_OK);
    assert_ptr_equal(rt_ring_wait(rt_ring_self(), RT_NO_DEADLINE), &operation);
    assert_int_equal(revoked.function, 4);
    assert_int_equal(revoked.generation, 104);
}

static void claims(void **unused)
{
    struct manifest_device wanted;
    uint64_t capabilities[MANIFEST_GRANTS_MAX];
    uint32_t count = 77;

    (void)unused;
    devices_init(&devices, MANAGER);
    assert_int_equal(find(0), DEVICE_READY);
    wanted = *disk(0);
    wanted.interrupts = 8; /* the function has three */
    wanted.address_bits = 28;
    assert_int_equal(device_claim(&devices, &wanted, &state, capabilities, &count), STATUS_OK);
    assert_int_equal(claimed.function, 3);
    assert_int_equal(claimed.generation, 103);
    assert_int_equal(claimed.pool_pages, 9);
    assert_int_equal(claimed.address_bits, 28);
    assert_int_equal(count, 5);
    assert_int_equal(capabilities[MANIFEST_DEVICE_MMIO], 11);
    assert_int_equal(capabilities[MANIFEST_DEVICE_POOL], 12);
    assert_int_equal(capabilities[MANIFEST_DEVICE_INTERRUPT], 13);
    assert_int_equal(capabilities[MANIFEST_DEVICE_INTERRUPT + 2], 21);
    assert_int_equal(released_count, 0);

    wanted.interrupts = 0; /* one that nobody asked for is given up */
    assert_int_equal(device_claim(&devices, &wanted, &state, capabilities, &count), STATUS_OK);
    assert_int_equal(count, 2);
    assert_int_equal(released_count, 1);
    assert_int_equal(released[0], 13);

    wanted.interrupts = 1; /* it has none */
    first_interrupt = 0;
    assert_int_equal(device_claim(&devices, &wanted, &state, capabilities, &count), STATUS_OK);
    assert_int_equal(count, 2);
}

/** A claim that cannot be completed leaves nothing behind. */
static void claims_undone(void **unused)
{
    struct manifest_device wanted;
    uint64_t capabilities[MANIFEST_GRANTS_MAX];
    uint32_t count = 77;

    (void)unused;
    devices_init(&devices, MANAGER);
    assert_int_equal(find(0), DEVICE_READY);
    wanted = *disk(0);
    wanted.interrupts = 3;
    more_allowed = 1;
    assert_int_equal(device_claim(&devices, &wanted, &state, capabilities, &count),
                     STATUS_OVER_BUDGET);
    assert_int_equal(count, 77);
    assert_int_equal(released_count, 4);
    assert_int_equal(released[0], 20);
    assert_int_equal(released[3], 11);
    claiming = STATUS_STALE;
    assert_int_equal(device_claim(&devices, &wanted, &state, capabilities, &count), STATUS_STALE);
    assert_int_equal(released_count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(found_in_order, setup),
        cmocka_unit_test_setup(found_by_ids, setup),
        cmocka_unit_test_setup(no_devices, setup),
        cmocka_unit_test_setup(odd_lists, setup),
        cmocka_unit_test_setup(refused, setup),
        cmocka_unit_test_setup(owners_and_teardown, setup),
        cmocka_unit_test_setup(waits, setup),
        cmocka_unit_test_setup(claims, setup),
        cmocka_unit_test_setup(claims_undone, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
