/* SPDX-License-Identifier: MIT */

/*
 * lib/virtio/transport.h against a model of the registers that behaves, and then lies in one way at
 * a time: each lie has its error.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio_registers.h"

struct memory {
    struct virtqueue_setup setup;
    struct virtqueue queue;
};

static void memory_init(struct memory *memory, uint16_t size, uint64_t features)
{
    memory->setup = (struct virtqueue_setup){
        .size = size,
        .table_entries = 2,
        .features = features,
        .driver_bytes = virtqueue_driver_bytes(size, 2),
        .device_bytes = virtqueue_device_bytes(size),
        .driver_iova = 0x123456789000,
        .device_iova = 0xabcdef0123450,
        .slots = calloc(size, sizeof(struct virtqueue_slot)),
    };
    memory->setup.driver_memory = malloc(memory->setup.driver_bytes);
    memory->setup.device_memory = malloc(memory->setup.device_bytes);
    assert_int_equal(virtqueue_init(&memory->queue, &memory->setup), VIRTIO_OK);
}

static void memory_fini(struct memory *memory)
{
    free(memory->setup.driver_memory);
    free(memory->setup.device_memory);
    free(memory->setup.slots);
}

static void test_whole_life(void **state)
{
    struct model model = model_make();
    struct virtio_transport transport;
    struct virtio_queue_info info;
    struct memory memory;
    uint32_t doorbell = 0;

    (void)state;
    model.reset_takes = 5;
    assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
    assert_int_equal(transport.features, FEATURES | VIRTIO_BLK_FEATURES);
    assert_int_equal(transport.features, model.accepted);
    assert_int_equal(transport.offered, model.offered);
    assert_int_equal(transport.queue_count, QUEUES);
    assert_int_equal(virtio_config_vector(&transport, 3), VIRTIO_OK);
    assert_int_equal(model.config_vector, 3);

    memory_init(&memory, 32, transport.features);
    assert_int_equal(virtio_queue_inspect(&transport, 2, &info), VIRTIO_OK);
    assert_int_equal(info.size_max, 64);
    assert_int_equal(info.notify_offset, 8);
    assert_int_equal(virtio_queue_enable(&transport, 2, &memory.queue, 1, &doorbell), VIRTIO_OK);
    assert_int_equal(doorbell, 8);
    assert_int_equal(model.queues[2].size, 32);
    assert_int_equal(model.queues[2].vector, 1);
    assert_int_equal(model.queues[2].enable, 1);
    assert_int_equal(model.queues[2].addresses[0], 0x123456789000);
    assert_int_equal(model.queues[2].addresses[1], 0x123456789000 + 32 * 48);
    assert_int_equal(model.queues[2].addresses[2], 0xabcdef0123450);
    assert_int_equal(virtio_queue_enable(&transport, 2, &memory.queue, 1, &doorbell),
                     VIRTIO_QUEUE_BUSY);
    assert_int_equal(virtio_queue_enable(&transport, 0, &memory.queue, VIRTIO_NO_VECTOR, &doorbell),
                     VIRTIO_OK);

    virtio_notify(&transport, 8, 2);
    assert_int_equal(model.doorbell, 0); /* not yet */
    assert_int_equal(virtio_start(&transport), VIRTIO_OK);
    assert_int_equal(model.status, 15);
    assert_int_equal(virtio_check(&transport), VIRTIO_OK);
    virtio_notify(&transport, 8, 2);
    assert_int_equal(model.doorbell, 2);
    assert_int_equal(model.doorbell_place, 8);
    virtio_notify(&transport, NOTIFY, 1); /* outside: the model would fail the test */
    virtio_notify(&transport, NOTIFY - 1, 1);
    virtio_notify(&transport, 3, 1);
    virtio_notify(&transport, UINT32_MAX, 1);
    model.interrupt = 0xff;
    assert_int_equal(virtio_interrupt_take(&transport), 3);
    assert_int_equal(virtio_interrupt_take(&transport), 0);

    model.status_forced = VIRTIO_STATUS_NEEDS_RESET;
    assert_int_equal(virtio_check(&transport), VIRTIO_NEEDS_RESET);
    model.status_forced = 0;
    model.status = 0;
    assert_int_equal(virtio_check(&transport), VIRTIO_STATUS_LOST);
    model.gone = true;
    assert_int_equal(virtio_check(&transport), VIRTIO_GONE);
    memory_fini(&memory);
}

static void test_windows(void **state)
{
    struct virtio_transport transport;

    (void)state;
    for (uint32_t i = 0; i < VIRTIO_WINDOW_CONFIG; i++) {
        struct model model = model_make();
        const uint32_t least[] = {56, 2, 1};

        model.access.bytes[i] = least[i] - 1;
        assert_int_equal(virtio_transport_init(&transport, &model.access), VIRTIO_WINDOW_SHORT);
        model.access.bytes[i] = least[i];
        assert_int_equal(virtio_transport_init(&transport, &model.access), VIRTIO_OK);
    }
}

static void test_order(void **state)
{
    struct model model = model_make();
    struct virtio_transport transport;
    struct virtio_queue_info info;
    struct virtio_field field = {0, 4};
    uint64_t value;

    (void)state;
    assert_int_equal(virtio_transport_init(&transport, &model.access), VIRTIO_OK);
    assert_int_equal(virtio_reset_step(&transport), VIRTIO_BAD_STATE);
    assert_int_equal(virtio_negotiate(&transport, 0, 0), VIRTIO_BAD_STATE);
    assert_int_equal(reset(&model, &transport), VIRTIO_OK);
    assert_int_equal(virtio_reset_step(&transport), VIRTIO_BAD_STATE);
    assert_int_equal(virtio_config_vector(&transport, 0), VIRTIO_BAD_STATE);
    assert_int_equal(virtio_queue_inspect(&transport, 0, &info), VIRTIO_BAD_STATE);
    assert_int_equal(virtio_config_read(&transport, &field, 1, &value), VIRTIO_BAD_STATE);
    assert_int_equal(virtio_start(&transport), VIRTIO_BAD_STATE);
    assert_int_equal(virtio_check(&transport), VIRTIO_BAD_STATE);
    assert_int_equal(virtio_negotiate(&transport, VIRTIO_F_RING_PACKED, 0), VIRTIO_BAD_ARGUMENT);
    assert_int_equal(virtio_negotiate(&transport, 0, VIRTIO_F_RING_RESET), VIRTIO_BAD_ARGUMENT);
    assert_int_equal(virtio_negotiate(&transport, 0, 0), VIRTIO_OK);
    assert_int_equal(transport.features, VIRTIO_FEATURES_DEMANDED);
    assert_int_equal(virtio_negotiate(&transport, 0, 0), VIRTIO_BAD_STATE);
    assert_int_equal(virtio_start(&transport), VIRTIO_OK);
    assert_int_equal(virtio_config_vector(&transport, 0), VIRTIO_BAD_STATE);
}

static void test_reset_lies(void **state)
{
    struct virtio_transport transport;
    struct model model = model_make();

    (void)state;
    model.reset_takes = UINT32_MAX;
    assert_int_equal(reset(&model, &transport), VIRTIO_RESET_TIMEOUT);
    assert_int_equal(virtio_reset_step(&transport), VIRTIO_BAD_STATE);
    model = model_make();
    model.reset_takes = 6;
    assert_int_equal(reset(&model, &transport), VIRTIO_RESET_TIMEOUT);
    model = model_make();
    model.gone = true;
    assert_int_equal(reset(&model, &transport), VIRTIO_GONE);
}

static void test_feature_lies(void **state)
{
    struct virtio_transport transport;
    struct model model = model_make();

    (void)state;
    model.offered &= ~VIRTIO_F_VERSION_1;
    assert_int_equal(negotiate(&model, &transport), VIRTIO_NO_VERSION_1);
    assert_true(model.status & VIRTIO_STATUS_FAILED);
    model = model_make();
    model.offered &= ~VIRTIO_F_ACCESS_PLATFORM;
    assert_int_equal(negotiate(&model, &transport), VIRTIO_NO_PLATFORM);
    assert_true(model.status & VIRTIO_STATUS_FAILED);
    assert_int_equal(virtio_negotiate(&transport, 0, 0), VIRTIO_BAD_STATE);

    model = model_make();
    model.offered = UINT64_MAX; /* all there is, and more: only what was wanted is accepted */
    assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
    assert_int_equal(transport.features, FEATURES | VIRTIO_F_ORDER_PLATFORM | VIRTIO_BLK_FEATURES);

    model = model_make();
    model.offered &= ~VIRTIO_BLK_F_FLUSH;
    assert_int_equal(reset(&model, &transport), VIRTIO_OK);
    assert_int_equal(virtio_negotiate(&transport, 0, VIRTIO_BLK_F_FLUSH), VIRTIO_NO_FEATURE);

    model = model_make();
    model.status_dropped = VIRTIO_STATUS_FEATURES_OK;
    assert_int_equal(negotiate(&model, &transport), VIRTIO_FEATURES_REFUSED);
    assert_true(model.status & VIRTIO_STATUS_FAILED);

    model = model_make();
    model.status_dropped = VIRTIO_STATUS_DRIVER;
    assert_int_equal(negotiate(&model, &transport), VIRTIO_STATUS_LOST);

    model = model_make();
    assert_int_equal(reset(&model, &transport), VIRTIO_OK);
    model.status_forced = VIRTIO_STATUS_NEEDS_RESET;
    assert_int_equal(virtio_negotiate(&transport, 0, 0), VIRTIO_NEEDS_RESET);

    model = model_make();
    assert_int_equal(reset(&model, &transport), VIRTIO_OK);
    model.gone = true;
    assert_int_equal(virtio_negotiate(&transport, 0, 0), VIRTIO_GONE);

    model = model_make();
    assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
    model.status_dropped = VIRTIO_STATUS_DRIVER_OK;
    assert_int_equal(virtio_start(&transport), VIRTIO_STATUS_LOST);
    assert_int_equal(virtio_check(&transport), VIRTIO_BAD_STATE);
}

static void test_queue_lies(void **state)
{
    static const uint16_t absurd[] = {3, 63, 65, 0x8001, 0xffff};
    struct virtio_transport transport;
    struct virtio_queue_info info = {.size_max = 7};
    struct model model = model_make();
    struct memory memory;
    uint32_t doorbell = 99;

    (void)state;
    assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
    memory_init(&memory, 32, transport.features);
    assert_int_equal(virtio_queue_inspect(&transport, QUEUES, &info), VIRTIO_QUEUE_ABSENT);
    assert_int_equal(virtio_queue_inspect(&transport, 0xffff, &info), VIRTIO_QUEUE_ABSENT);
    transport.queue_count = 1; /* it has registers for more than it says */
    assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_QUEUE_ABSENT);
    transport.queue_count = QUEUES;
    model.queues[1].size = 0;
    assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_QUEUE_ABSENT);
    for (uint32_t i = 0; i < ARRAY_COUNT(absurd); i++) {
        model.queues[1].size = absurd[i];
        assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_QUEUE_BAD_SIZE);
    }
    model.queues[1].size = 0x8000;
    model.queues[1].enable = 2;
    assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_QUEUE_BUSY);
    assert_int_equal(info.size_max, 7);
    model.queues[1].enable = 0;
    assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_OK);
    assert_int_equal(info.size_max, 0x8000);

    /* The doorbell: inside its window, and not across its end. */
    model.queues[1].notify = NOTIFY / 4;
    assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_NOTIFY_OUTSIDE);
    model.queues[1].notify = NOTIFY / 4 - 1;
    assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_OK);
    model.queues[1].notify = 0xffff;
    model.access.notify_multiplier = 0x10001; /* the product wraps in 32 bits */
    assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_NOTIFY_OUTSIDE);
    model.access.notify_multiplier = 1;
    model.queues[1].notify = 3;
    assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_NOTIFY_OUTSIDE);
    model.queues[1].notify = NOTIFY - 1;
    assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_NOTIFY_OUTSIDE);
    model.access.notify_multiplier = 0; /* one doorbell for all */
    assert_int_equal(virtio_queue_inspect(&transport, 1, &info), VIRTIO_OK);
    assert_int_equal(info.notify_offset, 0);

    model.queues[1].size = 16;
    assert_int_equal(virtio_queue_enable(&transport, 1, &memory.queue, 0, &doorbell),
                     VIRTIO_QUEUE_TOO_SMALL);
    model.queues[1].size = 64;
    assert_int_equal(virtio_queue_enable(&transport, 1, &memory.queue, VECTORS, &doorbell),
                     VIRTIO_VECTOR_REFUSED);
    assert_int_equal(virtio_config_vector(&transport, VECTORS), VIRTIO_VECTOR_REFUSED);
    assert_int_equal(virtio_config_vector(&transport, VIRTIO_NO_VECTOR), VIRTIO_OK);
    model.size_stuck = true;
    assert_int_equal(virtio_queue_enable(&transport, 1, &memory.queue, 0, &doorbell),
                     VIRTIO_QUEUE_REFUSED);
    model.size_stuck = false;
    model.enable_stuck = true;
    assert_int_equal(virtio_queue_enable(&transport, 1, &memory.queue, 0, &doorbell),
                     VIRTIO_QUEUE_REFUSED);
    model.enable_stuck = false;
    assert_int_equal(doorbell, 99);
    memory.queue.published = 1;
    assert_int_equal(virtio_queue_enable(&transport, 1, &memory.queue, 0, &doorbell),
                     VIRTIO_BAD_ARGUMENT);
    memory.queue.published = 0;
    memory.queue.taken = 1;
    assert_int_equal(virtio_queue_enable(&transport, 1, &memory.queue, 0, &doorbell),
                     VIRTIO_BAD_ARGUMENT);
    memory_fini(&memory);

    /* A queue that was made for other features. */
    memory_init(&memory, 32, transport.features & ~VIRTIO_F_EVENT_IDX);
    assert_int_equal(virtio_queue_enable(&transport, 1, &memory.queue, 0, &doorbell),
                     VIRTIO_BAD_ARGUMENT);
    memory_fini(&memory);
    transport.features &= ~VIRTIO_F_INDIRECT_DESC;
    memory_init(&memory, 32, FEATURES);
    assert_int_equal(virtio_queue_enable(&transport, 1, &memory.queue, 0, &doorbell),
                     VIRTIO_BAD_ARGUMENT);
    virtqueue_stop(&memory.queue, VIRTIO_NEEDS_RESET);
    transport.features |= VIRTIO_F_INDIRECT_DESC;
    assert_int_equal(virtio_queue_enable(&transport, 1, &memory.queue, 0, &doorbell),
                     VIRTIO_BAD_ARGUMENT);
    memory_fini(&memory);
}

static void test_config_lies(void **state)
{
    static const struct virtio_field bad[] = {{0, 0}, {0, 3}, {0, 16}, {1, 2}, {2, 4}, {2, 8}};
    static const struct virtio_field outside[] = {{CONFIG, 1}, {CONFIG - 4, 8}, {0xfffc, 4}};
    struct virtio_field fields[] = {{0, 8}, {12, 4}, {34, 2}, {59, 1}};
    struct virtio_transport transport;
    struct model model = model_make();
    uint64_t values[4] = {0};

    (void)state;
    assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
    for (uint32_t i = 0; i < CONFIG; i++) {
        model.config[i] = (uint8_t)i;
    }
    assert_int_equal(virtio_config_read(&transport, fields, 4, values), VIRTIO_OK);
    assert_int_equal(values[0], 0x0706050403020100);
    assert_int_equal(values[1], 0x0f0e0d0c);
    assert_int_equal(values[2], 0x2322);
    assert_int_equal(values[3], 59);
    for (uint32_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(virtio_config_read(&transport, &bad[i], 1, values), VIRTIO_BAD_ARGUMENT);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(outside); i++) {
        assert_int_equal(virtio_config_read(&transport, &outside[i], 1, values),
                         VIRTIO_CONFIG_OUTSIDE);
    }
    model.generation_runs = 2 * VIRTIO_CONFIG_ATTEMPTS - 2;
    model.generation = 250;
    assert_int_equal(virtio_config_read(&transport, fields, 4, values), VIRTIO_OK);
    model.generation_runs = UINT32_MAX;
    assert_int_equal(virtio_config_read(&transport, fields, 4, values), VIRTIO_CONFIG_UNSTABLE);
    model.access.bytes[VIRTIO_WINDOW_CONFIG] = 0;
    assert_int_equal(virtio_config_read(&transport, fields, 4, values), VIRTIO_CONFIG_OUTSIDE);
}

static void test_names(void **state)
{
    (void)state;
    for (int error = 0; error < VIRTIO_ERROR_COUNT; error++) {
        const char *name = virtio_error_name((enum virtio_error)error);

        assert_true(name != NULL && name[0] >= 'a' && name[0] <= 'z');
        for (int other = 0; other < error; other++) {
            assert_string_not_equal(name, virtio_error_name((enum virtio_error)other));
        }
    }
    assert_string_equal(virtio_error_name(VIRTIO_ERROR_COUNT), "?");
    assert_string_equal(virtio_error_name(VIRTIO_USED_ID_IDLE), "usedIdIdle");

    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1042), VIRTIO_DEVICE_BLK);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1001), VIRTIO_DEVICE_BLK);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1000), VIRTIO_DEVICE_NET);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1002), VIRTIO_DEVICE_BALLOON);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1003), VIRTIO_DEVICE_CONSOLE);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1004), VIRTIO_DEVICE_SCSI);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1005), VIRTIO_DEVICE_RNG);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1009), VIRTIO_DEVICE_9P);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1044), VIRTIO_DEVICE_RNG);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1057), VIRTIO_DEVICE_IOMMU);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1006), VIRTIO_DEVICE_NONE);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x103f), VIRTIO_DEVICE_NONE);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1040), VIRTIO_DEVICE_NONE);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x1080), VIRTIO_DEVICE_NONE);
    assert_int_equal(virtio_device_of_pci(0x1af4, 0x0fff), VIRTIO_DEVICE_NONE);
    assert_int_equal(virtio_device_of_pci(0x8086, 0x1042), VIRTIO_DEVICE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_life),   cmocka_unit_test(test_windows),
        cmocka_unit_test(test_order),        cmocka_unit_test(test_reset_lies),
        cmocka_unit_test(test_feature_lies), cmocka_unit_test(test_queue_lies),
        cmocka_unit_test(test_config_lies),  cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
