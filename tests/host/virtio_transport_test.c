/* SPDX-License-Identifier: MIT */

/*
 * lib/virtio/transport.h and blk.h against a model of the registers (virtio 1.2 §4.1.4.3) that
 * behaves, and then lies in one way at a time: each lie has its error. The model refuses, as a
 * failed test, any access outside of its windows or of a wrong width or alignment.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio/blk.h"

#include <stdlib.h>
#include <string.h>

#define QUEUES   3u
#define VECTORS  4u
#define COMMON   56u
#define NOTIFY   64u
#define CONFIG   60u
#define FEATURES (VIRTIO_FEATURES_DEMANDED | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

struct model_queue {
    uint16_t size_max;
    uint16_t size;
    uint16_t vector;
    uint16_t enable;
    uint16_t notify;
    uint64_t addresses[3];
};

struct model {
    struct virtio_access access;
    uint64_t offered;
    uint64_t accepted;
    uint32_t device_select;
    uint32_t driver_select;
    uint32_t status;
    uint32_t generation;
    uint16_t config_vector;
    uint16_t select;
    uint16_t queue_count;
    struct model_queue queues[QUEUES];
    uint8_t config[CONFIG];
    uint32_t doorbell; /* what was last written, and where */
    uint32_t doorbell_place;
    uint32_t interrupt;

    /* how it lies */
    uint32_t reset_takes;     /* reads of the status until it is 0; UINT32_MAX: for ever */
    uint32_t status_forced;   /* bits that are always set */
    uint32_t status_dropped;  /* bits that are not kept */
    uint16_t vector_room;     /* vectors that it takes */
    uint32_t generation_runs; /* reads of the generation that still see it change */
    bool size_stuck;
    bool enable_stuck;
    bool gone;
};

static struct model *model_of(const struct virtio_access *access)
{
    return CONTAINER_OF(access, struct model, access);
}

static void check_access(const struct model *model, enum virtio_window window, uint32_t offset,
                         uint32_t width)
{
    assert_true(window < VIRTIO_WINDOW_COUNT);
    assert_true(width == 1 || width == 2 || width == 4);
    assert_int_equal(offset % width, 0);
    assert_true(offset < model->access.bytes[window]);
    assert_true(width <= model->access.bytes[window] - offset);
}

/* §4.1.3.1: fields are read and written whole. */
static void check_width(uint32_t offset, uint32_t width)
{
    const uint32_t expected = offset < 16 || offset >= 32    ? 4
                              : offset == 20 || offset == 21 ? 1
                                                             : 2;

    assert_int_equal(width, expected);
}

static uint32_t common_read(struct model *model, uint32_t offset)
{
    struct model_queue absent = {0};
    struct model_queue *queue =
        model->select < model->queue_count ? &model->queues[model->select % QUEUES] : &absent;

    switch (offset) {
    case 0:
        return model->device_select;
    case 4:
        return model->device_select < 2 ? (uint32_t)(model->offered >> 32 * model->device_select)
                                        : 0;
    case 16:
        return model->config_vector;
    case 18:
        return model->queue_count;
    case 20:
        if (model->status == 0 && model->reset_takes != 0) {
            model->reset_takes -= model->reset_takes != UINT32_MAX;
            return 1;
        }
        return model->status | model->status_forced;
    case 21:
        if (model->generation_runs != 0) {
            model->generation_runs--;
            model->generation++;
        }
        return model->generation & 0xff;
    case 22:
        return model->select;
    case 24:
        return queue->size;
    case 26:
        return queue->vector;
    case 28:
        return queue->enable;
    case 30:
        return queue->notify;
    default:
        fail_msg("read of %u", offset);
        return 0;
    }
}

static uint32_t model_read(const struct virtio_access *access, enum virtio_window window,
                           uint32_t offset, uint32_t width)
{
    struct model *model = model_of(access);
    uint32_t value = 0;

    check_access(model, window, offset, width);
    if (model->gone) {
        return (uint32_t)((1ull << 8 * width) - 1);
    }
    switch (window) {
    case VIRTIO_WINDOW_COMMON:
        check_width(offset, width);
        return common_read(model, offset);
    case VIRTIO_WINDOW_INTERRUPT:
        value = model->interrupt;
        model->interrupt = 0;
        return value;
    case VIRTIO_WINDOW_CONFIG:
        memcpy(&value, model->config + offset, width);
        return value;
    case VIRTIO_WINDOW_NOTIFY:
    case VIRTIO_WINDOW_COUNT:
        break;
    }
    fail_msg("window %d", (int)window);
    return 0;
}

static void model_reset(struct model *model)
{
    model->status = 0;
    model->accepted = 0;
    model->config_vector = VIRTIO_NO_VECTOR;
    for (uint32_t i = 0; i < QUEUES; i++) {
        model->queues[i].size = model->queues[i].size_max;
        model->queues[i].vector = VIRTIO_NO_VECTOR;
        model->queues[i].enable = 0;
    }
}

static void common_write(struct model *model, uint32_t offset, uint32_t value)
{
    struct model_queue *queue = &model->queues[model->select % QUEUES];

    switch (offset) {
    case 0:
        model->device_select = value;
        break;
    case 8:
        model->driver_select = value;
        break;
    case 12:
        assert_true(model->driver_select < 2);
        assert_int_equal(model->status & VIRTIO_STATUS_FEATURES_OK, 0);
        model->accepted |= (uint64_t)value << 32 * model->driver_select;
        break;
    case 16:
        model->config_vector = value < model->vector_room ? (uint16_t)value : VIRTIO_NO_VECTOR;
        break;
    case 20:
        if (value == 0) {
            model_reset(model);
            break;
        }
        /* §2.1.1: the driver clears no bit; nothing is accepted that was not offered. */
        assert_int_equal(model->status & ~value, 0);
        model->status = value & ~model->status_dropped;
        if ((model->accepted & ~model->offered) != 0) {
            model->status &= ~VIRTIO_STATUS_FEATURES_OK;
        }
        break;
    case 22:
        model->select = (uint16_t)value;
        break;
    case 24:
        assert_int_equal(queue->enable, 0);
        queue->size = model->size_stuck ? queue->size : (uint16_t)value;
        break;
    case 26:
        queue->vector = value < model->vector_room ? (uint16_t)value : VIRTIO_NO_VECTOR;
        break;
    case 28:
        assert_int_equal(value, 1); /* §4.1.4.3.2: never 0 */
        queue->enable = !model->enable_stuck;
        break;
    default:
        assert_in_range(offset, 32, 55);
        assert_int_equal(queue->enable, 0);
        memcpy((uint8_t *)queue->addresses + (offset - 32), &value, 4);
    }
}

static void model_write(const struct virtio_access *access, enum virtio_window window,
                        uint32_t offset, uint32_t width, uint32_t value)
{
    struct model *model = model_of(access);

    check_access(model, window, offset, width);
    if (model->gone) {
        return;
    }
    if (window == VIRTIO_WINDOW_COMMON) {
        check_width(offset, width);
        common_write(model, offset, value);
        return;
    }
    assert_int_equal(window, VIRTIO_WINDOW_NOTIFY);
    assert_int_equal(width, 2);
    model->doorbell = value;
    model->doorbell_place = offset;
}

static struct model model_make(void)
{
    struct model model = {
        .access = {.read = model_read,
                   .write = model_write,
                   .bytes = {COMMON, NOTIFY, 1, CONFIG},
                   .notify_multiplier = 4},
        .offered = FEATURES | VIRTIO_BLK_FEATURES | 1ull << 40 | 1ull << 34,
        .status = VIRTIO_STATUS_DRIVER_OK, /* as firmware left it */
        .queue_count = QUEUES,
        .vector_room = VECTORS,
    };

    for (uint32_t i = 0; i < QUEUES; i++) {
        model.queues[i] = (struct model_queue){.size_max = 64, .notify = (uint16_t)i, .enable = 1};
    }
    return model;
}

static enum virtio_error reset(struct model *model, struct virtio_transport *transport)
{
    enum virtio_error error;

    assert_int_equal(virtio_transport_init(transport, &model->access), VIRTIO_OK);
    virtio_reset_begin(transport, 5);
    while ((error = virtio_reset_step(transport)) == VIRTIO_AGAIN) {
    }
    return error;
}

static enum virtio_error negotiate(struct model *model, struct virtio_transport *transport)
{
    assert_int_equal(reset(model, transport), VIRTIO_OK);
    return virtio_negotiate(transport, VIRTIO_FEATURES_COMMON | VIRTIO_BLK_FEATURES, 0);
}

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

/* ------------------------------------------------------------------------------------------
 * The transport
 * ------------------------------------------------------------------------------------------ */

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

/* ------------------------------------------------------------------------------------------
 * The block device
 * ------------------------------------------------------------------------------------------ */

static void put(struct model *model, uint32_t offset, uint64_t value, uint32_t bytes)
{
    memcpy(model->config + offset, &value, bytes);
}

static void blk_fill(struct model *model)
{
    put(model, 0, 1000, 8);
    put(model, 8, 65536, 4);
    put(model, 12, 254, 4);
    put(model, 20, 512, 4);
    put(model, 24, 3, 1);
    put(model, 28, 128, 4);
    put(model, 34, 2, 2);
    put(model, 36, 8192, 4);
    put(model, 40, 1, 4);
    put(model, 44, 8, 4);
    put(model, 48, 4096, 4);
    put(model, 52, 2, 4);
    put(model, 56, 1, 1);
}

static void test_blk_config(void **state)
{
    struct virtio_transport transport;
    struct virtio_blk_config config;
    struct model model = model_make();

    (void)state;
    blk_fill(&model);
    assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
    assert_int_equal(virtio_blk_config_read(&transport, &config), VIRTIO_OK);
    assert_int_equal(config.capacity, 1000);
    assert_int_equal(config.segment_bytes_max, 65536);
    assert_int_equal(config.segments_max, 254);
    assert_int_equal(config.block_bytes, 512);
    assert_int_equal(config.physical_bytes, 4096);
    assert_int_equal(config.optimal_bytes, 65536);
    assert_int_equal(config.queue_count, 2);
    assert_true(config.read_only && config.flush && config.write_zeroes_unmaps);
    assert_int_equal(config.discard.sectors_max, 8192);
    assert_int_equal(config.discard.ranges_max, 1);
    assert_int_equal(config.discard.alignment, 8);
    assert_int_equal(config.write_zeroes.sectors_max, 4096);
    assert_int_equal(config.write_zeroes.ranges_max, 2);

    assert_true(virtio_blk_inside(&config, 0, 1000));
    assert_true(virtio_blk_inside(&config, 999, 1));
    assert_false(virtio_blk_inside(&config, 999, 2));
    assert_false(virtio_blk_inside(&config, 1000, 1));
    assert_false(virtio_blk_inside(&config, 5, 0));
    assert_false(virtio_blk_inside(&config, UINT64_MAX, 2));
    assert_false(virtio_blk_inside(&config, 2, UINT64_MAX));

    /* Features that are not in force: the fields are not looked at, nor need they be there. */
    model.offered = FEATURES;
    model.access.bytes[VIRTIO_WINDOW_CONFIG] = 8;
    assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
    assert_int_equal(virtio_blk_config_read(&transport, &config), VIRTIO_OK);
    assert_int_equal(config.segments_max, 1);
    assert_int_equal(config.segment_bytes_max, UINT32_MAX);
    assert_int_equal(config.block_bytes, 512);
    assert_int_equal(config.queue_count, 1);
    assert_false(config.read_only || config.flush || config.write_zeroes_unmaps);
    assert_int_equal(config.discard.sectors_max, 0);
    assert_int_equal(config.write_zeroes.sectors_max, 0);
    model.access.bytes[VIRTIO_WINDOW_CONFIG] = 4;
    assert_int_equal(virtio_blk_config_read(&transport, &config), VIRTIO_CONFIG_OUTSIDE);
}

static void test_blk_lies(void **state)
{
    static const struct {
        uint32_t offset;
        uint32_t bytes;
        uint64_t value;
        enum virtio_error error;
    } lies[] = {
        {0, 8, UINT64_MAX, VIRTIO_CONFIG_BAD},
        {0, 8, VIRTIO_BLK_CAPACITY_MAX + 1, VIRTIO_CONFIG_BAD},
        {0, 8, VIRTIO_BLK_CAPACITY_MAX, VIRTIO_OK},
        {0, 8, 0, VIRTIO_OK},
        {8, 4, 0, VIRTIO_CONFIG_BAD},
        {8, 4, 511, VIRTIO_CONFIG_BAD},
        {8, 4, 512, VIRTIO_OK},
        {12, 4, 0, VIRTIO_CONFIG_BAD},
        {12, 4, UINT32_MAX, VIRTIO_OK},
        {20, 4, 0, VIRTIO_CONFIG_BAD},
        {20, 4, 256, VIRTIO_CONFIG_BAD},
        {20, 4, 513, VIRTIO_CONFIG_BAD},
        {20, 4, 131072, VIRTIO_CONFIG_BAD},
        {20, 4, 65536, VIRTIO_OK},
        {34, 2, 0, VIRTIO_CONFIG_BAD},
        {34, 2, QUEUES + 1, VIRTIO_CONFIG_BAD},
        {34, 2, QUEUES, VIRTIO_OK},
    };
    struct virtio_transport transport;
    struct virtio_blk_config config;

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(lies); i++) {
        struct model model = model_make();

        blk_fill(&model);
        put(&model, lies[i].offset, lies[i].value, lies[i].bytes);
        assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
        config.capacity = 77;
        assert_int_equal(virtio_blk_config_read(&transport, &config), lies[i].error);
        assert_int_equal(config.capacity == 77, lies[i].error != VIRTIO_OK);
    }
    /* Hints: ignored. */
    {
        struct model model = model_make();

        blk_fill(&model);
        put(&model, 24, 16, 1);
        put(&model, 28, UINT32_MAX, 4);
        put(&model, 40, 0, 4);
        put(&model, 44, 0, 4);
        put(&model, 48, 0, 4);
        assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
        assert_int_equal(virtio_blk_config_read(&transport, &config), VIRTIO_OK);
        assert_int_equal(config.physical_bytes, 512);
        assert_int_equal(config.optimal_bytes, 0);
        assert_int_equal(config.discard.sectors_max, 0);
        assert_int_equal(config.discard.alignment, 1);
        assert_int_equal(config.write_zeroes.sectors_max, 0);
        model.generation_runs = UINT32_MAX;
        assert_int_equal(virtio_blk_config_read(&transport, &config), VIRTIO_CONFIG_UNSTABLE);
    }
}

static void test_blk_requests(void **state)
{
    const uint8_t raw[VIRTIO_BLK_ID_BYTES] = {'d', 'i', 's', 'k', ' ', 1, 0x80, '~', 0, 'x'};
    uint8_t full[VIRTIO_BLK_ID_BYTES];
    char text[VIRTIO_BLK_ID_BYTES + 1];

    (void)state;
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_READ, 9).sector, 9);
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_WRITE, 9).type, 1);
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_WRITE, 9).sector, 9);
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_FLUSH, 9).sector, 0);
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_DISCARD, 9).sector, 0);
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_WRITE_ZEROES, 9).reserved, 0);

    assert_int_equal(virtio_blk_outcome(0, 4097, 4096), VIRTIO_BLK_DONE);
    assert_int_equal(virtio_blk_outcome(0, 4096, 4096), VIRTIO_BLK_SHORT);
    assert_int_equal(virtio_blk_outcome(0, 0, 4096), VIRTIO_BLK_SHORT);
    assert_int_equal(virtio_blk_outcome(0, 0, 0), VIRTIO_BLK_SHORT);
    assert_int_equal(virtio_blk_outcome(0, 1, 0), VIRTIO_BLK_DONE);
    assert_int_equal(virtio_blk_outcome(1, 4097, 4096), VIRTIO_BLK_FAILED);
    assert_int_equal(virtio_blk_outcome(2, 1, 0), VIRTIO_BLK_UNSUPPORTED);
    assert_int_equal(virtio_blk_outcome(3, 1, 0), VIRTIO_BLK_NONSENSE);
    assert_int_equal(virtio_blk_outcome(VIRTIO_BLK_PENDING, 1, 0), VIRTIO_BLK_NONSENSE);

    virtio_blk_id_copy(text, raw);
    assert_string_equal(text, "disk ??~");
    memset(full, 'y', sizeof(full));
    virtio_blk_id_copy(text, full);
    assert_string_equal(text, "yyyyyyyyyyyyyyyyyyyy");
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
        cmocka_unit_test(test_config_lies),  cmocka_unit_test(test_blk_config),
        cmocka_unit_test(test_blk_lies),     cmocka_unit_test(test_blk_requests),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
