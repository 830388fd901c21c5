/* SPDX-License-Identifier: MIT */

/* The modern PCI transport. See transport.h; sections are those of virtio 1.2. */

#include "virtio/transport.h"

/* Common configuration: §4.1.4.3. What lies behind the first 56 bytes is for features not used. */
#define DEVICE_FEATURE_SELECT 0u
#define DEVICE_FEATURE        4u
#define DRIVER_FEATURE_SELECT 8u
#define DRIVER_FEATURE        12u
#define CONFIG_VECTOR         16u
#define QUEUE_COUNT           18u
#define STATUS                20u
#define GENERATION            21u
#define QUEUE_SELECT          22u
#define QUEUE_SIZE            24u
#define QUEUE_VECTOR          26u
#define QUEUE_ENABLE          28u
#define QUEUE_NOTIFY          30u
#define QUEUE_DESCRIPTORS     32u
#define QUEUE_DRIVER          40u
#define QUEUE_DEVICE          48u
#define COMMON_BYTES          56u

#define DOORBELL_BYTES        2u
#define STATUS_GONE           0xffu

#define STATUS_SET_UP         (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER)
#define STATUS_AGREED         (STATUS_SET_UP | VIRTIO_STATUS_FEATURES_OK)
#define STATUS_RUNNING        (STATUS_AGREED | VIRTIO_STATUS_DRIVER_OK)

static uint32_t common_read(const struct virtio_transport *transport, uint32_t offset,
                            uint32_t width)
{
    return transport->access->read(transport->access, VIRTIO_WINDOW_COMMON, offset, width);
}

static void common_write(const struct virtio_transport *transport, uint32_t offset, uint32_t width,
                         uint32_t value)
{
    transport->access->write(transport->access, VIRTIO_WINDOW_COMMON, offset, width, value);
}

/* §4.1.3.1: 64-bit fields are written as two halves. */
static void common_write64(const struct virtio_transport *transport, uint32_t offset,
                           uint64_t value)
{
    common_write(transport, offset, 4, (uint32_t)value);
    common_write(transport, offset + 4, 4, (uint32_t)(value >> 32));
}

/* Whether the status has the bits that were written, and none that says otherwise. */
static enum virtio_error status_check(const struct virtio_transport *transport, uint32_t expected)
{
    const uint32_t status = common_read(transport, STATUS, 1);

    if (status == STATUS_GONE) {
        return VIRTIO_GONE;
    }
    if ((status & VIRTIO_STATUS_NEEDS_RESET) != 0) {
        return VIRTIO_NEEDS_RESET;
    }
    return status == expected ? VIRTIO_OK : VIRTIO_STATUS_LOST;
}

/* Give the device up. §3.1.1: it SHOULD be told. */
static enum virtio_error fail(struct virtio_transport *transport, enum virtio_error error)
{
    if (error != VIRTIO_GONE) {
        common_write(transport, STATUS, 1,
                     (common_read(transport, STATUS, 1) & STATUS_RUNNING) | VIRTIO_STATUS_FAILED);
    }
    transport->phase = VIRTIO_PHASE_UNKNOWN;
    return error;
}

enum virtio_error virtio_transport_init(struct virtio_transport *transport,
                                        const struct virtio_access *access)
{
    if (access->bytes[VIRTIO_WINDOW_COMMON] < COMMON_BYTES ||
        access->bytes[VIRTIO_WINDOW_NOTIFY] < DOORBELL_BYTES ||
        access->bytes[VIRTIO_WINDOW_INTERRUPT] < 1) {
        return VIRTIO_WINDOW_SHORT;
    }
    *transport = (struct virtio_transport){.access = access};
    return VIRTIO_OK;
}

/* ------------------------------------------------------------------------------------------
 * Reset, features, status
 * ------------------------------------------------------------------------------------------ */

void virtio_reset_begin(struct virtio_transport *transport, uint32_t polls)
{
    *transport = (struct virtio_transport){
        .access = transport->access,
        .phase = VIRTIO_PHASE_RESETTING,
        .polls_left = polls,
    };
    common_write(transport, STATUS, 1, 0);
}

enum virtio_error virtio_reset_step(struct virtio_transport *transport)
{
    uint32_t status;

    if (transport->phase != VIRTIO_PHASE_RESETTING) {
        return VIRTIO_BAD_STATE;
    }
    status = common_read(transport, STATUS, 1);
    if (status == 0) {
        transport->phase = VIRTIO_PHASE_RESET;
        return VIRTIO_OK;
    }
    if (status == STATUS_GONE) {
        transport->phase = VIRTIO_PHASE_UNKNOWN;
        return VIRTIO_GONE;
    }
    if (transport->polls_left == 0) {
        transport->phase = VIRTIO_PHASE_UNKNOWN;
        return VIRTIO_RESET_TIMEOUT;
    }
    transport->polls_left--;
    return VIRTIO_AGAIN;
}

static uint64_t features_offered(const struct virtio_transport *transport)
{
    uint64_t low;

    common_write(transport, DEVICE_FEATURE_SELECT, 4, 0);
    low = common_read(transport, DEVICE_FEATURE, 4);
    common_write(transport, DEVICE_FEATURE_SELECT, 4, 1);
    return low | (uint64_t)common_read(transport, DEVICE_FEATURE, 4) << 32;
}

static void features_accept(const struct virtio_transport *transport, uint64_t features)
{
    common_write(transport, DRIVER_FEATURE_SELECT, 4, 0);
    common_write(transport, DRIVER_FEATURE, 4, (uint32_t)features);
    common_write(transport, DRIVER_FEATURE_SELECT, 4, 1);
    common_write(transport, DRIVER_FEATURE, 4, (uint32_t)(features >> 32));
}

enum virtio_error virtio_negotiate(struct virtio_transport *transport, uint64_t wanted,
                                   uint64_t needed)
{
    const uint64_t demanded = needed | VIRTIO_FEATURES_DEMANDED;
    enum virtio_error error;
    uint64_t offered;
    uint64_t features;

    if (transport->phase != VIRTIO_PHASE_RESET) {
        return VIRTIO_BAD_STATE;
    }
    if (((wanted | needed) & ~(VIRTIO_FEATURES_OF_TYPE | VIRTIO_FEATURES_COMMON)) != 0) {
        return VIRTIO_BAD_ARGUMENT;
    }
    common_write(transport, STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE);
    common_write(transport, STATUS, 1, STATUS_SET_UP);
    offered = features_offered(transport);
    error = status_check(transport, STATUS_SET_UP);
    if (error != VIRTIO_OK) {
        return fail(transport, error);
    }
    if ((offered & VIRTIO_F_VERSION_1) == 0) {
        return fail(transport, VIRTIO_NO_VERSION_1);
    }
    if ((offered & VIRTIO_F_ACCESS_PLATFORM) == 0) {
        return fail(transport, VIRTIO_NO_PLATFORM);
    }
    if ((offered & demanded) != demanded) {
        return fail(transport, VIRTIO_NO_FEATURE);
    }
    features = offered & (wanted | demanded | VIRTIO_F_ORDER_PLATFORM);
    features_accept(transport, features);
    common_write(transport, STATUS, 1, STATUS_AGREED);
    error = status_check(transport, STATUS_AGREED);
    if (error != VIRTIO_OK) {
        /* §3.1.1: FEATURES_OK is not kept by a device that does not agree. */
        return fail(transport, error == VIRTIO_STATUS_LOST ? VIRTIO_FEATURES_REFUSED : error);
    }
    transport->offered = offered;
    transport->features = features;
    transport->queue_count = (uint16_t)common_read(transport, QUEUE_COUNT, 2);
    transport->phase = VIRTIO_PHASE_NEGOTIATED;
    return VIRTIO_OK;
}

enum virtio_error virtio_start(struct virtio_transport *transport)
{
    enum virtio_error error;

    if (transport->phase != VIRTIO_PHASE_NEGOTIATED) {
        return VIRTIO_BAD_STATE;
    }
    common_write(transport, STATUS, 1, STATUS_RUNNING);
    error = status_check(transport, STATUS_RUNNING);
    if (error != VIRTIO_OK) {
        return fail(transport, error);
    }
    transport->phase = VIRTIO_PHASE_RUNNING;
    return VIRTIO_OK;
}

enum virtio_error virtio_check(const struct virtio_transport *transport)
{
    if (transport->phase != VIRTIO_PHASE_RUNNING) {
        return VIRTIO_BAD_STATE;
    }
    return status_check(transport, STATUS_RUNNING);
}

/* ------------------------------------------------------------------------------------------
 * Vectors and queues
 * ------------------------------------------------------------------------------------------ */

/* §4.1.5.1.2.2: a device without room for the vector reads back as NO_VECTOR. */
static enum virtio_error vector_set(const struct virtio_transport *transport, uint32_t offset,
                                    uint16_t vector)
{
    common_write(transport, offset, 2, vector);
    return common_read(transport, offset, 2) == vector ? VIRTIO_OK : VIRTIO_VECTOR_REFUSED;
}

enum virtio_error virtio_config_vector(struct virtio_transport *transport, uint16_t vector)
{
    if (transport->phase != VIRTIO_PHASE_NEGOTIATED) {
        return VIRTIO_BAD_STATE;
    }
    return vector_set(transport, CONFIG_VECTOR, vector);
}

enum virtio_error virtio_queue_inspect(const struct virtio_transport *transport, uint16_t index,
                                       struct virtio_queue_info *info)
{
    uint64_t notify_offset;
    uint32_t size;

    if (transport->phase != VIRTIO_PHASE_NEGOTIATED) {
        return VIRTIO_BAD_STATE;
    }
    if (index >= transport->queue_count) {
        return VIRTIO_QUEUE_ABSENT;
    }
    common_write(transport, QUEUE_SELECT, 2, index);
    size = common_read(transport, QUEUE_SIZE, 2);
    if (size == 0) {
        return VIRTIO_QUEUE_ABSENT;
    }
    if (size > VIRTQUEUE_MAX_SIZE || (size & (size - 1)) != 0) {
        return VIRTIO_QUEUE_BAD_SIZE;
    }
    if (common_read(transport, QUEUE_ENABLE, 2) != 0) {
        return VIRTIO_QUEUE_BUSY;
    }
    /* 16 bits times 32: no overflow. */
    notify_offset =
        (uint64_t)common_read(transport, QUEUE_NOTIFY, 2) * transport->access->notify_multiplier;
    if (notify_offset > transport->access->bytes[VIRTIO_WINDOW_NOTIFY] - DOORBELL_BYTES ||
        notify_offset % DOORBELL_BYTES != 0) {
        return VIRTIO_NOTIFY_OUTSIDE;
    }
    info->size_max = (uint16_t)size;
    info->notify_offset = (uint32_t)notify_offset;
    return VIRTIO_OK;
}

enum virtio_error virtio_queue_enable(struct virtio_transport *transport, uint16_t index,
                                      const struct virtqueue *queue, uint16_t vector,
                                      uint32_t *notify_offset)
{
    struct virtio_queue_info info;
    enum virtio_error error = virtio_queue_inspect(transport, index, &info);

    if (error != VIRTIO_OK) {
        return error;
    }
    if (queue->published != 0 || queue->taken != 0 || queue->broken != VIRTIO_OK ||
        queue->event_index != ((transport->features & VIRTIO_F_EVENT_IDX) != 0) ||
        (queue->table_span != 0 && (transport->features & VIRTIO_F_INDIRECT_DESC) == 0)) {
        return VIRTIO_BAD_ARGUMENT;
    }
    if (queue->size > info.size_max) {
        return VIRTIO_QUEUE_TOO_SMALL;
    }
    error = vector_set(transport, QUEUE_VECTOR, vector);
    if (error != VIRTIO_OK) {
        return error;
    }
    common_write(transport, QUEUE_SIZE, 2, queue->size);
    if (common_read(transport, QUEUE_SIZE, 2) != queue->size) {
        return VIRTIO_QUEUE_REFUSED;
    }
    common_write64(transport, QUEUE_DESCRIPTORS, queue->iovas[0]);
    common_write64(transport, QUEUE_DRIVER, queue->iovas[1]);
    common_write64(transport, QUEUE_DEVICE, queue->iovas[2]);
    common_write(transport, QUEUE_ENABLE, 2, 1);
    if (common_read(transport, QUEUE_ENABLE, 2) != 1) {
        return VIRTIO_QUEUE_REFUSED;
    }
    *notify_offset = info.notify_offset;
    return VIRTIO_OK;
}

void virtio_notify(const struct virtio_transport *transport, uint32_t notify_offset, uint16_t index)
{
    const struct virtio_access *access = transport->access;

    if (transport->phase == VIRTIO_PHASE_RUNNING && notify_offset % DOORBELL_BYTES == 0 &&
        notify_offset <= access->bytes[VIRTIO_WINDOW_NOTIFY] - DOORBELL_BYTES) {
        access->write(access, VIRTIO_WINDOW_NOTIFY, notify_offset, DOORBELL_BYTES, index);
    }
}

uint32_t virtio_interrupt_take(const struct virtio_transport *transport)
{
    return transport->access->read(transport->access, VIRTIO_WINDOW_INTERRUPT, 0, 1) &
           (VIRTIO_INTERRUPT_QUEUE | VIRTIO_INTERRUPT_CONFIG);
}

/* ------------------------------------------------------------------------------------------
 * Configuration
 * ------------------------------------------------------------------------------------------ */

static enum virtio_error field_check(const struct virtio_access *access,
                                     const struct virtio_field *field)
{
    const uint32_t bytes = access->bytes[VIRTIO_WINDOW_CONFIG];
    const uint32_t width = field->width;

    /* A 64-bit field is read in halves: four bytes are alignment enough. */
    if (width == 0 || width > 8 || (width & (width - 1)) != 0 ||
        field->offset % (width < 4 ? width : 4) != 0) {
        return VIRTIO_BAD_ARGUMENT;
    }
    return field->offset <= bytes && width <= bytes - field->offset ? VIRTIO_OK
                                                                    : VIRTIO_CONFIG_OUTSIDE;
}

static uint64_t field_read(const struct virtio_access *access, const struct virtio_field *field)
{
    const uint32_t width = field->width < 4 ? field->width : 4;
    uint64_t value = access->read(access, VIRTIO_WINDOW_CONFIG, field->offset, width);

    if (field->width == 8) {
        value |= (uint64_t)access->read(access, VIRTIO_WINDOW_CONFIG, field->offset + 4u, 4) << 32;
    }
    return value;
}

enum virtio_error virtio_config_read(const struct virtio_transport *transport,
                                     const struct virtio_field *fields, uint32_t count,
                                     uint64_t *values)
{
    if (transport->phase != VIRTIO_PHASE_NEGOTIATED && transport->phase != VIRTIO_PHASE_RUNNING) {
        return VIRTIO_BAD_STATE;
    }
    for (uint32_t i = 0; i < count; i++) {
        const enum virtio_error error = field_check(transport->access, &fields[i]);

        if (error != VIRTIO_OK) {
            return error;
        }
    }
    for (uint32_t attempt = 0; attempt < VIRTIO_CONFIG_ATTEMPTS; attempt++) {
        const uint32_t before = common_read(transport, GENERATION, 1);

        for (uint32_t i = 0; i < count; i++) {
            values[i] = field_read(transport->access, &fields[i]);
        }
        if (common_read(transport, GENERATION, 1) == before) {
            return VIRTIO_OK;
        }
    }
    return VIRTIO_CONFIG_UNSTABLE;
}
