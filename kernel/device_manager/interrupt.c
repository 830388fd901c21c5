/* SPDX-License-Identifier: MIT */
/*
 * Interrupt: the way of one vector of a function to whoever waits for it.
 *
 *   function -> its MSI-X entry -> IOMMU's entry -> CPU and vector -> route -> notification, WAIT
 *
 * Each stage is programmed by the kernel alone, and taken apart from the left: masked at the
 * function, cleared in the IOMMU, and fenced at the CPU, before vector and entry get a next owner.
 * What arrives of an older generation meanwhile is counted and dropped (L5).
 *
 * A route that nobody looks at is masked after INTERRUPT_UNSEEN_MAX deliveries: a device that does
 * nothing but interrupt gets no more of a CPU than that, until its driver unmasks it again.
 */
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "device_manager/audit.h"
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "diag/log.h"
#include "object/notification_inline.h"
#include "object/operation.h"
#include "object/process.h"
#include "refund.h"
#include "sched/thread.h"
#include "syscall/fast_path.h"
#include "wire/build.h"

/* Without remapping: Intel SDM vol. 3A §11.11.1, fixed delivery to one CPU. */
#define MESSAGE_BASE      0xfee00000ull
#define MESSAGE_CPU_SHIFT 12u

static void route_programmed(struct iommu_wait *wait);
static void route_cleared(struct iommu_wait *wait);

/* ---- Vectors -------------------------------------------------------------------------------- */

static uint32_t next_cpu;
static uint32_t next_vector;

static bool can_reach(const struct device_function *function, const struct cpu *cpu)
{
    return function->coverage.interrupt_remapping
               ? iommu_can_reach_cpu(function->coverage.unit, cpu->apic_id)
               : cpu->apic_id <= 0xff;
}

/** A free vector of some CPU, another one each time. False if there is none. */
static bool find_vector(const struct device_function *function, uint32_t *cpu, uint8_t *vector)
{
    const uint32_t vector_count = ARRAY_COUNT(this_cpu()->device_routes);

    for (uint32_t i = 0; i < cpu_count; i++) {
        struct cpu *candidate = cpus[next_cpu++ % cpu_count];

        if (!can_reach(function, candidate)) {
            continue;
        }
        for (uint32_t j = 0; j < vector_count; j++) {
            const uint32_t index = next_vector++ % vector_count;

            if (candidate->device_routes[index] == 0) {
                *cpu = candidate->index;
                *vector = (uint8_t)(VECTOR_DEVICE_FIRST + index);
                return true;
            }
        }
    }
    return false;
}

static uint16_t *vector_place(const struct device_route *route)
{
    return &cpus[route->cpu]->device_routes[route->vector - VECTOR_DEVICE_FIRST];
}

/* ---- Making --------------------------------------------------------------------------------- */

enum status interrupt_prepare(struct device_function *function, struct process *process,
                              struct object **out)
{
    const uint32_t slot = ledger_route_find(&ledger);
    uint32_t number = 0;
    uint32_t remap_index = IOMMU_NO_ROUTE;
    uint32_t cpu;
    uint8_t vector;

    while (number < function->vector_count && (function->vectors_taken >> number & 1) != 0) {
        number++;
    }
    if (number == function->vector_count) {
        return STATUS_NOT_FOUND;
    }
    if (slot == LEDGER_NONE || !find_vector(function, &cpu, &vector)) {
        return STATUS_QUEUE_FULL;
    }
    if (!account_charge(&process->account, ACCOUNT_INTERRUPTS, 1)) {
        return STATUS_OVER_BUDGET;
    }
    enum status status = object_create(OBJECT_KIND_INTERRUPT, process, out);

    if (status != STATUS_OK) {
        goto refund;
    }
    if (function->coverage.interrupt_remapping) {
        remap_index = iommu_route_alloc(function->coverage.unit);
        if (remap_index == IOMMU_NO_ROUTE) {
            object_put(*out);
            status = STATUS_QUEUE_FULL;
            goto refund;
        }
    }
    struct interrupt *interrupt = interrupt_of(*out);
    struct device_route *route = &device_routes[slot];

    interrupt->function = function;
    interrupt->route = route;
    list_init(&interrupt->waiters);
    *route = (struct device_route){
        .interrupt = interrupt,
        .function = function,
        .number = number,
        .cpu = cpu,
        .vector = vector,
        .remap_index = remap_index,
        .is_masked = true,
    };
    list_init(&route->of_function);
    list_init(&route->fence.link);
    *vector_place(route) = (uint16_t)(slot + 1);
    function->vectors_taken |= 1ull << number;
    return STATUS_OK;

refund:
    refund(&process->account, ACCOUNT_INTERRUPTS, 1);
    return status;
}

/** Everything that interrupt_prepare() took, but the object. */
static void release_route(struct device_route *route, struct process *payer)
{
    struct device_function *function = route->function;

    if (route->remap_index != IOMMU_NO_ROUTE) {
        iommu_route_free(function->coverage.unit, route->remap_index);
    }
    *vector_place(route) = 0;
    function->vectors_taken &= ~(1ull << route->number);
    refund(&payer->account, ACCOUNT_INTERRUPTS, 1);
    route->interrupt->route = NULL;
    route->interrupt = NULL;
}

static uint32_t route_slot(const struct device_route *route)
{
    return (uint32_t)(route - device_routes);
}

/**
 * Have the function forget what it holds back since before this route: a masked vector that is
 * pending is sent when it is unmasked (PCI 3.0 §6.8.3.4), whoever owns it by then, and not every
 * function can be reset. It is sent now, while the IOMMU's entry is not present and refuses it.
 */
static void forget_pending(struct device_route *route)
{
    struct device_function *function = route->function;
    const bool was_started = function->is_started;

    if (!msi_is_pending(function, route->number)) {
        return;
    }
    device_start(function); /* a function that is no bus master sends none */
    msi_set_mask(function, route->number, false);
    msi_set_mask(function, route->number, true);
    if (!was_started) {
        pci_command_set(function->pci, 0, PCI_COMMAND_MASTER);
        function->is_started = false;
    }
}

void interrupt_commit(struct interrupt *interrupt)
{
    struct device_route *route = interrupt->route;
    struct device_function *function = interrupt->function;
    struct iommu_message message = {
        .address = MESSAGE_BASE | (uint64_t)cpus[route->cpu]->apic_id << MESSAGE_CPU_SHIFT,
        .data = route->vector,
    };

    ledger_route_commit(&ledger, function->index, route_slot(route), &interrupt->handle);
    route->generation = interrupt->handle.part_generation;
    object_get(&interrupt->object);
    list_append(&function->routes, &route->of_function);
    msi_set_mask(function, route->number, true);
    if (route->remap_index == IOMMU_NO_ROUTE) {
        msi_program(function, route->number, message.address, message.data);
        route->is_ready = true;
        return;
    }
    const struct iommu_route entry = {
        .source = function->source,
        .vector = route->vector,
        .apic_id = cpus[route->cpu]->apic_id,
    };

    message = iommu_route_message(function->coverage.unit, route->remap_index);
    msi_program(function, route->number, message.address, message.data);
    forget_pending(route);
    if (iommu_route_set(function->coverage.unit, route->remap_index, &entry, &route->wait,
                        route_programmed)) {
        route_programmed(&route->wait);
    }
}

static void unmask(struct device_route *route)
{
    route->wants_unmask = false;
    route->is_masked = false;
    route->interrupt->unseen = 0;
    ledger_route_armed(&ledger, route_slot(route));
    device_start(route->function);
    msi_set_mask(route->function, route->number, false);
}

/** The IOMMU's entry is in force. */
static void route_programmed(struct iommu_wait *wait)
{
    struct device_route *route = CONTAINER_OF(wait, struct device_route, wait);

    route->is_ready = true;
    if (ledger.routes[route_slot(route)].use == LEDGER_ENDING) {
        interrupt_end(route->interrupt);
    } else if (wait->failed) {
        device_teardown_start(route->function, 0);
    } else if (route->wants_unmask) {
        unmask(route);
    }
}

/* ---- Delivering ----------------------------------------------------------------------------- */

static void unbind(struct interrupt *interrupt)
{
    struct notification *target = interrupt->target;

    interrupt->target = NULL;
    if (target != NULL) {
        object_put(&target->object);
    }
}

static void mask(struct device_route *route)
{
    route->wants_unmask = false;
    if (!route->is_masked) {
        route->is_masked = true;
        msi_set_mask(route->function, route->number, true);
    }
}

/** Nobody has looked at the last one: count, and stop listening to a device that goes on. */
static void note_unseen(struct interrupt *interrupt)
{
    if (++interrupt->unseen == INTERRUPT_UNSEEN_MAX) {
        char name[PCI_NAME_BYTES];

        pci_function_name(interrupt->function->pci, name);
        mask(interrupt->route);
        log_info("irq", "%s vector %u: %u interrupts that nobody looks at; masked", name,
                 interrupt->route->number, INTERRUPT_UNSEEN_MAX);
    }
}

/** Tell everybody who waits how many there were since the last time. */
static void wake_waiters(struct interrupt *interrupt)
{
    const uint64_t count = interrupt->delivered - interrupt->reported;

    interrupt->reported = interrupt->delivered;
    interrupt->unseen = 0;
    while (!list_is_empty(&interrupt->waiters)) {
        operation_complete_words(LIST_FIRST(&interrupt->waiters, struct operation, link), &count,
                                 1);
    }
}

static void deliver(struct interrupt *interrupt)
{
    struct notification *target = interrupt->target;

    interrupt->delivered++;
    if (target == NULL) {
        if (list_is_empty(&interrupt->waiters)) {
            note_unseen(interrupt);
        } else {
            wake_waiters(interrupt);
        }
        return;
    }
    interrupt->reported = interrupt->delivered;
    if (UNLIKELY(interrupt->via->generation != interrupt->via_generation)) {
        unbind(interrupt);
        mask(interrupt->route);
    } else if (UNLIKELY((target->bits & interrupt->bits) == interrupt->bits)) {
        note_unseen(interrupt);
    } else {
        interrupt->unseen = 0;
        fast_path_interrupt(target, interrupt->bits);
        notification_signal(target, interrupt->bits);
    }
}

void interrupt_arrived(uint32_t vector)
{
    struct cpu *cpu = this_cpu();
    const uint32_t number = cpu->device_routes[vector - VECTOR_DEVICE_FIRST];

    if (UNLIKELY(number == 0)) {
        cpu->spurious_count++;
        return;
    }
    const struct device_route *route = &device_routes[number - 1];

    if (UNLIKELY(!ledger_route_delivers(&ledger, number - 1, route->generation))) {
        cpu->stale_interrupts++;
        return;
    }
    deliver(route->interrupt);
}

enum status interrupt_wait(struct object *object, struct thread *thread, const struct ring_sqe *sqe)
{
    struct interrupt *interrupt = interrupt_of(object);
    const enum status status = ledger_check(&ledger, &interrupt->handle, thread->process->pid);

    if (status != STATUS_OK) {
        return status;
    }
    struct operation *operation = operation_take(thread, sqe, OPERATION_WAITING);

    operation->object = object;
    object_get(object);
    list_append(&interrupt->waiters, &operation->link);
    if (interrupt->delivered != interrupt->reported) {
        wake_waiters(interrupt);
    } else {
        operation_set_deadline(operation, sqe->payload[0]);
    }
    return STATUS_OK;
}

/* ---- Ending --------------------------------------------------------------------------------- */

void interrupt_silence(struct interrupt *interrupt)
{
    unbind(interrupt);
    while (!list_is_empty(&interrupt->waiters)) {
        operation_cancel(LIST_FIRST(&interrupt->waiters, struct operation, link), STATUS_STALE);
    }
}

/** Nothing of the route is pending anywhere: vector and entry may be used again. */
static void route_fenced(struct route_fence *fence)
{
    struct device_route *route = CONTAINER_OF(fence, struct device_route, fence);
    struct interrupt *interrupt = route->interrupt;
    struct device_function *function = route->function;
    struct process *payer = interrupt->object.payer;

    audit_write(AUDIT_EVENT_ROUTE_RELEASED, STATUS_OK, function, payer->pid,
                interrupt->object.number, route->number);
    ledger_route_ended(&ledger, route_slot(route));
    list_remove(&route->of_function);
    release_route(route, payer);
    object_put(&interrupt->object);
    process_account_changed(payer);
    device_ledger_verify();
    device_teardown_continue(function);
}

static void route_cleared(struct iommu_wait *wait)
{
    struct device_route *route = CONTAINER_OF(wait, struct device_route, wait);

    if (wait->failed) {
        /* Perhaps it still lets interrupts through: entry and vector stay taken for good. */
        route->function->is_lost = true;
        device_teardown_start(route->function, 0);
        device_teardown_continue(route->function);
        return;
    }
    route_fence_start(&route->fence, route->cpu, route_fenced);
}

void interrupt_end(struct interrupt *interrupt)
{
    struct device_route *route = interrupt->route;

    if (route == NULL || route->is_ending) {
        return;
    }
    interrupt_silence(interrupt);
    mask(route);
    ledger_route_end(&ledger, route_slot(route));
    if (!route->is_ready) {
        return; /* route_programmed() comes back here */
    }
    route->is_ending = true;
    if (route->remap_index == IOMMU_NO_ROUTE) {
        route_fence_start(&route->fence, route->cpu, route_fenced);
    } else if (iommu_route_clear(route->function->coverage.unit, route->remap_index, &route->wait,
                                 route_cleared)) {
        route_cleared(&route->wait);
    }
}

static void interrupt_unnamed(struct object *object)
{
    struct interrupt *interrupt = interrupt_of(object);

    if (interrupt->route != NULL && list_is_linked(&interrupt->route->of_function)) {
        interrupt_end(interrupt);
        device_claim_shrunk(interrupt->function);
    }
}

static bool interrupt_destroy(struct object *object)
{
    struct interrupt *interrupt = interrupt_of(object);

    unbind(interrupt);
    if (interrupt->route != NULL) {
        release_route(interrupt->route, object->payer); /* prepared, and never committed */
    }
    return true;
}

/* ---- Methods -------------------------------------------------------------------------------- */

static enum status check(const struct method *method)
{
    const struct interrupt *interrupt = interrupt_of(method->object);
    const enum status status = ledger_check(&ledger, &interrupt->handle, method->process->pid);

    return status == STATUS_OK ? STATUS_OK
                               : audit_refuse(status, interrupt->function, method->process->pid,
                                              method->object->number, method->sqe->method);
}

static enum status bind_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, interrupt_bind_params)
    struct interrupt *interrupt = interrupt_of(method->object);
    struct notification *target;
    struct object *via;
    enum status status = check(method);

    if (status != STATUS_OK) {
        return status;
    }
    if (parameters->bits == 0) {
        return STATUS_BAD_RANGE;
    }
    status = object_find(method->process, parameters->notification, &via);
    if (status == STATUS_OK) {
        status = notification_target(via, parameters->bits, &target);
    }
    if (status != STATUS_OK) {
        return audit_refuse(status, interrupt->function, method->process->pid,
                            method->object->number, method->sqe->method);
    }
    object_get(&target->object);
    unbind(interrupt);
    interrupt->target = target;
    interrupt->via = via->place;
    interrupt->via_generation = via->place->generation;
    interrupt->bits = parameters->bits;
    audit_write(AUDIT_EVENT_ROUTE_BOUND, STATUS_OK, interrupt->function, method->process->pid,
                method->object->number, interrupt->route->number);
    if (interrupt->delivered != interrupt->reported) {
        interrupt->reported = interrupt->delivered;
        notification_signal(target, interrupt->bits);
    }
    return STATUS_OK;
}

static enum status unmask_method(struct method *method)
{
    struct interrupt *interrupt = interrupt_of(method->object);
    const enum status status = check(method);

    if (status == STATUS_OK) {
        if (interrupt->route->is_ready) {
            unmask(interrupt->route);
        } else {
            interrupt->route->wants_unmask = true;
        }
    }
    return status;
}

static enum status mask_method(struct method *method)
{
    const enum status status = check(method);

    if (status == STATUS_OK) {
        mask(interrupt_of(method->object)->route);
    }
    return status;
}

static enum status info_method(struct method *method)
{
    const struct interrupt *interrupt = interrupt_of(method->object);
    struct wire_builder builder;
    struct wire_build_struct root;
    size_t length;
    const enum status status = check(method);

    if (status != STATUS_OK) {
        return status;
    }
    wire_build_init(&builder, method->answer, method->answer_capacity);
    (void)interrupt_info_results_init_root(&builder, &root);
    interrupt_info_results_set_delivered(&root, interrupt->delivered);
    interrupt_info_results_set_index(&root, interrupt->route->number);
    interrupt_info_results_set_masked(&root, interrupt->route->is_masked);
    if (wire_build_finish(&builder, &length) != WIRE_OK) {
        return STATUS_TOO_LONG;
    }
    method->answer_length = (uint32_t)length;
    return STATUS_OK;
}

method_function *const interrupt_methods[] = {
    [INTERRUPT_BIND] = bind_method,
    [INTERRUPT_UNMASK] = unmask_method,
    [INTERRUPT_MASK] = mask_method,
    [INTERRUPT_INFO] = info_method,
};

const struct object_type interrupt_type = {
    .bytes = sizeof(struct interrupt),
    .unnamed = interrupt_unnamed,
    .destroy = interrupt_destroy,
};
