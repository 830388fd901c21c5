/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For tests of lib/virtio: a model of the registers (virtio 1.2 §4.1.4.3) that behaves, and that
 * can be told to lie in one way at a time. It refuses, as a failed test, any access outside of its
 * windows or of a wrong width or alignment. Include after cmocka.h.
 */

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

static inline struct model *model_of(const struct virtio_access *access)
{
    return CONTAINER_OF(access, struct model, access);
}

static inline void check_access(const struct model *model, enum virtio_window window,
                                uint32_t offset, uint32_t width)
{
    assert_true(window < VIRTIO_WINDOW_COUNT);
    assert_true(width == 1 || width == 2 || width == 4);
    assert_int_equal(offset % width, 0);
    assert_true(offset < model->access.bytes[window]);
    assert_true(width <= model->access.bytes[window] - offset);
}

/* §4.1.3.1: fields are read and written whole. */
static inline void check_width(uint32_t offset, uint32_t width)
{
    const uint32_t expected = offset < 16 || offset >= 32    ? 4
                              : offset == 20 || offset == 21 ? 1
                                                             : 2;

    assert_int_equal(width, expected);
}

static inline uint32_t common_read(struct model *model, uint32_t offset)
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

static inline uint32_t model_read(const struct virtio_access *access, enum virtio_window window,
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

static inline void model_reset(struct model *model)
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

static inline void common_write(struct model *model, uint32_t offset, uint32_t value)
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

static inline void model_write(const struct virtio_access *access, enum virtio_window window,
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

static inline struct model model_make(void)
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

static inline enum virtio_error reset(struct model *model, struct virtio_transport *transport)
{
    enum virtio_error error;

    assert_int_equal(virtio_transport_init(transport, &model->access), VIRTIO_OK);
    virtio_reset_begin(transport, 5);
    while ((error = virtio_reset_step(transport)) == VIRTIO_AGAIN) {
    }
    return error;
}

static inline enum virtio_error negotiate(struct model *model, struct virtio_transport *transport)
{
    assert_int_equal(reset(model, transport), VIRTIO_OK);
    return virtio_negotiate(transport, VIRTIO_FEATURES_COMMON | VIRTIO_BLK_FEATURES, 0);
}
