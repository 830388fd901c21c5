/* SPDX-License-Identifier: MIT */
/*
 * ProcessSpawner: what a request may ask for. object/spawner.h does it.
 */

#include "arch/x86_64/clock.h"
#include "device_manager/device_manager.h"
#include "object/memory.h"
#include "object/message.h"
#include "object/services.h"
#include "object/spawner.h"
#include "sched/thread.h"
#include "syscall/methods.h"
#include "wire/read.h"

/** Microseconds of a budget in TSC ticks. */
static uint64_t micros(uint32_t value)
{
    return clock_duration_ticks((uint64_t)value * 1000);
}

static enum status read_request(struct method *method, struct wire_struct root,
                                struct spawn_request *request, char *name)
{
    struct wire_bytes text;
    struct wire_bytes start;
    struct wire_struct budget;
    struct object *image;

    if (spawn_request_get_name(root, &text) != WIRE_OK ||
        spawn_request_get_start_message(root, &start) != WIRE_OK ||
        spawn_request_get_budget(root, &budget) != WIRE_OK) {
        return STATUS_BAD_MESSAGE;
    }
    if (text.length == 0 || text.length >= PROCESS_NAME_BYTES) {
        return STATUS_TOO_LONG;
    }
    for (size_t i = 0; i < text.length; i++) {
        /* Names go into logs and tables: nothing that moves a terminal's cursor. */
        name[i] = text.bytes[i] > ' ' && text.bytes[i] < 127 ? (char)text.bytes[i] : '?';
    }
    name[text.length] = '\0';
    const uint64_t image_id = spawn_request_get_image(root);
    const enum status status =
        object_find_kind(&method->process->caps, image_id, OBJECT_KIND_MEMORY, &image);

    if (status != STATUS_OK) {
        device_argument_refused(method, image_id, status);
        return status;
    }
    request->name = name;
    request->spawner = method->object;
    request->image = CONTAINER_OF(image, struct memory, object);
    request->image_offset = spawn_request_get_image_offset(root);
    request->image_length = spawn_request_get_image_length(root);
    request->priority = spawn_request_get_priority(root);
    request->limits.max_priority = spawn_request_get_max_priority(root);
    request->limits.budget_ticks = micros(spawn_request_get_cpu_budget_micros(root));
    request->limits.period_ticks = micros(spawn_request_get_cpu_period_micros(root));
    request->limits.resources[ACCOUNT_FRAMES] = budget_get_frames(budget);
    request->limits.resources[ACCOUNT_CAP_SLOTS] = budget_get_cap_slots(budget);
    request->limits.resources[ACCOUNT_OBJECTS] = budget_get_objects(budget);
    request->limits.resources[ACCOUNT_THREADS] = budget_get_threads(budget);
    request->limits.resources[ACCOUNT_DMA_PAGES] = budget_get_dma_pages(budget);
    request->limits.resources[ACCOUNT_MMIO_PAGES] = budget_get_mmio_pages(budget);
    request->limits.resources[ACCOUNT_INTERRUPTS] = budget_get_interrupts(budget);
    request->start_message = start.bytes;
    request->start_message_length = (uint32_t)start.length;
    return STATUS_OK;
}

static enum status check_request(const struct method *method, const struct spawn_request *request)
{
    const struct process *parent = permission_of(method->object)->process;

    if (request->limits.max_priority >= PRIORITY_COUNT ||
        request->priority > request->limits.max_priority) {
        return STATUS_BAD_RANGE;
    }
    /* Nobody lifts a child above himself. */
    if (request->limits.max_priority > parent->max_priority) {
        return STATUS_DENIED;
    }
    if (request->limits.budget_ticks != 0 &&
        request->limits.period_ticks < request->limits.budget_ticks) {
        return STATUS_BAD_RANGE;
    }
    return parent->state == PROCESS_STATE_RUNNING ? STATUS_OK : STATUS_PEER_GONE;
}

static enum status spawner_spawn(struct method *method)
{
    struct spawn_request request;
    struct wire_message message;
    struct wire_struct root;
    struct spawn *spawn;
    char name[PROCESS_NAME_BYTES];
    enum status status;

    if (method->message == NULL ||
        wire_message_init_flat(&message, method->message, method->message_length) != WIRE_OK) {
        return STATUS_BAD_MESSAGE;
    }
    struct wire_struct parameters;

    if (wire_read_root(&message, &parameters) != WIRE_OK ||
        process_spawner_spawn_params_get_request(parameters, &root) != WIRE_OK) {
        return STATUS_BAD_MESSAGE;
    }
    status = read_request(method, root, &request, name);
    if (status == STATUS_OK) {
        status = check_request(method, &request);
    }
    if (status == STATUS_OK) {
        status = message_resolve(method->thread, method->sqe->transfer_count, method->sqe->payload,
                                 &request.grants);
    }
    if (status == STATUS_OK) {
        status = spawn_start(permission_of(method->object)->process, &request, &spawn);
    }
    if (status != STATUS_OK) {
        return status;
    }
    spawn_await(spawn, method->process, method_keep(method));
    return STATUS_OK;
}

method_function *const spawner_methods[] = {
    [PROCESS_SPAWNER_SPAWN] = spawner_spawn,
};
