/* SPDX-License-Identifier: MIT */
/*
 * Interrupt: the capability, and the end of the way of an interrupt to whoever waits for it.
 *
 *   function -> its MSI-X entry -> IOMMU's entry -> CPU and vector -> route -> notification, WAIT
 *   function -> its pin -> I/O APIC -> IOMMU's entry -> CPU and vector -> line.c -> the same
 *
 * Each stage is programmed by the kernel alone (route.c, line.c). What arrives of an older
 * generation while it is taken apart is counted and dropped (L5).
 *
 * A route that nobody looks at is masked after INTERRUPT_UNSEEN_MAX deliveries: a device that does
 * nothing but interrupt gets no more of a CPU than that, until its driver unmasks it again.
 */
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "device_manager/audit.h"
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "diag/log.h"
#include "ledger/ledger_parts.h"
#include "object/notification_inline.h"
#include "object/operation.h"
#include "object/process.h"
#include "refund.h"
#include "sched/thread.h"
#include "syscall/fast_path.h"
#include "wire/build.h"

/* ---- Delivering ----------------------------------------------------------------------------- */

static void unbind(struct interrupt *interrupt)
{
    struct notification *target = interrupt->target;

    interrupt->target = NULL;
    if (target != NULL) {
        object_put(&target->object);
    }
}

/** Nobody has looked at the last one: count, and stop listening to a device that goes on. */
static void note_unseen(struct interrupt *interrupt)
{
    if (++interrupt->unseen == INTERRUPT_UNSEEN_MAX) {
        LOCK_REGION(LOCK_RANK_DEVICE_INTERRUPT_ROUTES);
        char name[PCI_NAME_BYTES];

        pci_function_name(interrupt->function->pci, name);
        route_mask(interrupt->route);
        if (interrupt->storm_lines++ < STORM_LINES_MAX) {
            log_info("irq", "%s vector %u: %u interrupts that nobody looks at; masked", name,
                     interrupt->route->number, INTERRUPT_UNSEEN_MAX);
        }
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

/**
 * `is_last`: the handler of the interrupt has nothing left to do, and no region of a lock is open:
 * the CPU may go to whoever waits, and not come back.
 */
static ALWAYS_INLINE void deliver(struct interrupt *interrupt, bool is_last)
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
        LOCK_REGION(LOCK_RANK_DEVICE_INTERRUPT_ROUTES);
        unbind(interrupt);
        route_mask(interrupt->route);
    } else if (UNLIKELY((target->bits & interrupt->bits) == interrupt->bits)) {
        note_unseen(interrupt);
    } else {
        interrupt->unseen = 0;
        if (is_last) {
            fast_path_interrupt(target, interrupt->bits);
        }
        notification_signal(target, interrupt->bits);
    }
}

void interrupt_deliver(struct interrupt *interrupt)
{
    deliver(interrupt, false);
}

void interrupt_arrived(uint32_t vector)
{
    struct cpu *cpu = this_cpu();
    const uint32_t number = cpu->device_routes[vector - VECTOR_DEVICE_FIRST];

    if (UNLIKELY(number == 0)) {
        cpu->unexpected_count++;
        return;
    }
    const struct device_route *route = &device_routes[number - 1];

    if (UNLIKELY(!ledger_route_delivers(&ledger, number - 1, route->generation))) {
        cpu->stale_interrupts++;
        return;
    }
    deliver(route->interrupt, true);
}

/** Whether as many wait as may. */
static bool is_crowded(const struct interrupt *interrupt)
{
    uint32_t count = 0;

    LIST_FOR_EACH(node, &interrupt->waiters)
    {
        count++;
    }
    return count >= INTERRUPT_WAITERS_MAX;
}

enum status interrupt_wait(struct object *object, struct thread *thread, const struct ring_sqe *sqe)
{
    struct interrupt *interrupt = interrupt_of(object);
    enum status status = ledger_check(&ledger, &interrupt->handle, thread->process->pid);

    if (status == STATUS_OK && UNLIKELY(is_crowded(interrupt))) {
        status = STATUS_QUEUE_FULL;
    }
    if (UNLIKELY(status != STATUS_OK)) {
        return status; /* and is told as any submission that is refused */
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

    KASSERT(interrupt->route == NULL);
    unbind(interrupt);
    return true;
}

/* ---- Methods -------------------------------------------------------------------------------- */

static enum status check(struct method *method)
{
    const struct interrupt *interrupt = interrupt_of(method->object);

    return device_admit(method, interrupt->function, &interrupt->handle, 0);
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
    status = parameters->bits == 0 ? STATUS_BAD_RANGE
                                   : object_find(method->process, parameters->notification, &via);
    if (status == STATUS_OK) {
        status = notification_target(via, parameters->bits, &target);
    }
    if (status != STATUS_OK) {
        device_argument_refused(method, parameters->notification, status);
        return audit_refuse_method(method, status, interrupt->function, 0);
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
    const enum status status = check(method);

    if (status == STATUS_OK) {
        route_unmask(interrupt_of(method->object)->route);
    }
    return status;
}

static enum status mask_method(struct method *method)
{
    const enum status status = check(method);

    if (status == STATUS_OK) {
        route_mask(interrupt_of(method->object)->route);
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
    interrupt_info_results_set_level(&root, interrupt->route->line != NULL);
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
