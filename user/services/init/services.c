/* SPDX-License-Identifier: MIT */
/*
 * Endpoints of services.
 *
 * A service whose program has no device ends with its program: its endpoint goes, and callers get
 * STATUS_PEER_GONE. One whose program has a device keeps its endpoint, so that sending ends stay
 * good when a driver dies and another takes its place. While nobody serves such an endpoint init
 * answers calls itself, with STATUS_PEER_GONE; while a driver is being started it does not, and
 * calls wait for the driver. docs/design/0013-services-of-devices.md has the reasons.
 */
#include "services/init/init.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"

/* Of the message area for a call that init refuses: nobody reads it, but the capabilities that
 * came with it are given up. Longer calls get STATUS_TOO_LONG. */
#define STAND_IN_BYTES RT_AREA_GRANULE_BYTES

static bool bytes_equal(struct wire_bytes a, struct wire_bytes b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

struct init_service *service_find(struct init *init, struct wire_bytes name)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(init->services); i++) {
        if (init->services[i].name.length != 0 && bytes_equal(init->services[i].name, name)) {
            return &init->services[i];
        }
    }
    return NULL;
}

void service_add(struct init *init, struct wire_bytes name, uint32_t program)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(init->services); i++) {
        if (init->services[i].name.length == 0) {
            init->services[i] = (struct init_service){.name = name, .program = program};
            return;
        }
    }
    rt_print("init: too many services; \"%.*s\" is not available\n", (int)name.length,
             (const char *)name.bytes);
}

static enum status service_open(struct init_service *service)
{
    return service->endpoint == 0 ? endpoint_create(&service->endpoint) : STATUS_OK;
}

enum status service_serve(struct init *init, struct wire_bytes name, uint64_t *endpoint)
{
    struct init_service *const service = service_find(init, name);
    enum status status = STATUS_NOT_FOUND;

    if (service != NULL) {
        status = service_open(service);
        *endpoint = service->endpoint;
    }
    return status;
}

enum status service_use(struct init *init, struct wire_bytes name, uint64_t badge, uint64_t *client)
{
    struct init_service *const service = service_find(init, name);
    enum status status;

    if (service == NULL ||
        (service->endpoint == 0 && !init->programs[service->program].has_device)) {
        return STATUS_PEER_GONE;
    }
    status = service_open(service);
    return status == STATUS_OK ? endpoint_mint(service->endpoint, badge, client) : status;
}

/* ------------------------------------------------------------------------------------------
 * Standing in
 * ------------------------------------------------------------------------------------------ */

/** Refuse the call that a completed RECV has brought. */
static void stand_in_refuse(struct init_service *service)
{
    struct rt_ring *const ring = rt_ring_self();
    const struct ring_cqe *const request = &service->receive.cqe;
    const uint32_t length = (request->flags & CQE_INLINE) != 0 ? 0 : (uint32_t)request->payload[0];
    struct ring_sqe *sqe;

    if (request->status != STATUS_OK) {
        return;
    }
    for (uint32_t i = 0; i < request->transfer_count; i++) {
        const uint32_t offset = rt_transfers_offset(length) + i * (uint32_t)sizeof(uint64_t);
        uint64_t capability;

        if (offset + sizeof(capability) <= STAND_IN_BYTES) {
            memcpy(&capability, rt_area_at(ring, service->offset + offset), sizeof(capability));
            capability_release(capability);
        }
    }
    sqe = rt_ring_sqe(ring);
    rt_sqe_set_head(sqe, RING_OPERATION_RETURN, SQE_INLINE | SQE_QUIET, STATUS_PEER_GONE, 0);
    sqe->user_data = RT_USER_DATA_QUIET;
    sqe->target = request->call_id;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    memset(sqe->payload, 0, sizeof(sqe->payload));
}

static void stand_in_start(struct init_service *service)
{
    struct rt_ring *const ring = rt_ring_self();

    if (!service->has_block) {
        service->has_block = rt_area_allocate(ring, STAND_IN_BYTES, &service->offset) == STATUS_OK;
    }
    if (!service->has_block ||
        rt_ring_start_receive(ring, &service->receive, service->endpoint, service->offset,
                              STAND_IN_BYTES) != STATUS_OK) {
        rt_print("init: no room to answer for \"%.*s\": calls to it will wait\n",
                 (int)service->name.length, (const char *)service->name.bytes);
    }
}

static void stand_in_end(struct init_service *service)
{
    struct rt_ring *const ring = rt_ring_self();

    if (service->receive.state != RT_OPERATION_IDLE) {
        rt_ring_flush(ring);
        (void)rt_ring_cancel(ring, &service->receive);
        rt_ring_await(ring, &service->receive);
        stand_in_refuse(service); /* a call that was quicker */
    }
}

void services_settle(struct init *init)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < ARRAY_COUNT(init->services); i++) {
        struct init_service *const service = &init->services[i];
        const struct init_program *const program = &init->programs[service->program];

        if (service->endpoint == 0 || !program->has_device || program->instance != 0 ||
            program->starting != 0 || ++count > INIT_STAND_INS_MAX ||
            service->receive.state != RT_OPERATION_IDLE) {
            continue;
        }
        stand_in_start(service);
    }
}

bool service_handle(struct init *init, const struct rt_operation *operation)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(init->services); i++) {
        if (operation == &init->services[i].receive) {
            stand_in_refuse(&init->services[i]);
            return true;
        }
    }
    return false;
}

void services_hand_over(struct init *init, uint32_t program)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(init->services); i++) {
        struct init_service *const service = &init->services[i];

        if (service->name.length != 0 && service->program == program) {
            stand_in_end(service);
        }
    }
}

void services_end(struct init *init, uint32_t program)
{
    if (init->programs[program].has_device) {
        return; /* services_settle() stands in */
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(init->services); i++) {
        struct init_service *const service = &init->services[i];

        if (service->name.length != 0 && service->program == program && service->endpoint != 0) {
            /* The last holder of the receiving end: callers get STATUS_PEER_GONE. */
            capability_revoke(service->endpoint);
            capability_release(service->endpoint);
            service->endpoint = 0;
        }
    }
}
