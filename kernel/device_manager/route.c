/* SPDX-License-Identifier: MIT */
/*
 * Routes: what an interrupt needs between its function and a CPU, taken and given back.
 *
 *   message   a vector of the function, an entry of the IOMMU's table, a vector of a CPU
 *   pin       a share of the line that the function's pin leads to (line.c)
 *
 * A route is taken apart from the left: masked at the function, cleared in the IOMMU, and fenced at
 * the CPU, before vector and entry get a next owner.
 */
#include "apic/encoding.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "device_manager/audit.h"
#include "device_manager/handles.h"
#include "ledger/ledger_parts.h"
#include "object/process.h"
#include "refund.h"

static void route_programmed(struct iommu_wait *wait);
static void route_cleared(struct iommu_wait *wait);

/* ---- Vectors of messages -------------------------------------------------------------------- */

static uint32_t next_cpu;
static uint32_t next_vector;

static bool can_reach(const struct device_function *function, const struct cpu *cpu)
{
    return function->coverage.interrupt_remapping
               ? iommu_can_reach_cpu(function->coverage.unit, cpu->apic_id)
               : apic_id_fits(cpu->apic_id, false);
}

/** Routes of the function that lead to a CPU. */
static uint32_t routes_there(const struct device_function *function, uint32_t cpu)
{
    uint32_t count = 0;

    LIST_FOR_EACH(node, &function->routes)
    {
        count += CONTAINER_OF(node, struct device_route, of_function)->cpu == cpu;
    }
    return count;
}

/** A free vector of a CPU, another one each time; false if there is none. */
static bool free_vector(const struct cpu *cpu, uint8_t *vector)
{
    const uint32_t vector_count = ARRAY_COUNT(cpu->device_routes);

    for (uint32_t i = 0; i < vector_count; i++) {
        const uint32_t index = next_vector++ % vector_count;

        if (cpu->device_routes[index] == 0) {
            *vector = (uint8_t)(VECTOR_DEVICE_FIRST + index);
            return true;
        }
    }
    return false;
}

/**
 * A vector of the CPU that has the fewest of this function; of several such, another one each time.
 * False: no CPU that it can reach has one left.
 */
static bool find_vector(const struct device_function *function, uint32_t *cpu, uint8_t *vector)
{
    uint32_t fewest = UINT32_MAX;
    uint8_t candidate;

    for (uint32_t i = 0; i < cpu_count; i++) {
        const struct cpu *at = cpus[(next_cpu + i) % cpu_count];
        const uint32_t count = routes_there(function, at->index);

        if (count < fewest && can_reach(function, at) && free_vector(at, &candidate)) {
            fewest = count;
            *cpu = at->index;
            *vector = candidate;
        }
    }
    next_cpu++;
    return fewest != UINT32_MAX;
}

static uint16_t *vector_place(const struct device_route *route)
{
    return &cpus[route->cpu]->device_routes[route->vector - VECTOR_DEVICE_FIRST];
}

/* ---- Taking --------------------------------------------------------------------------------- */

/** Take vector and IOMMU's entry for a message. */
static enum status take_message(struct device_route *route, uint32_t slot)
{
    struct device_function *function = route->function;

    if (!find_vector(function, &route->cpu, &route->vector)) {
        return STATUS_QUEUE_FULL;
    }
    if (function->coverage.interrupt_remapping) {
        route->remap_index = iommu_route_alloc(function->coverage.unit);
        if (route->remap_index == IOMMU_NO_ROUTE) {
            return STATUS_QUEUE_FULL;
        }
    }
    *vector_place(route) = (uint16_t)(slot + 1);
    return STATUS_OK;
}

/** The lowest of the function's interrupts that has no route; false: all have. */
static bool find_number(const struct device_function *function, bool by_pin, uint32_t *number)
{
    const uint32_t count = by_pin ? 1 : function->vector_count;

    *number = 0;
    while (*number < count && (function->vectors_taken >> *number & 1) != 0) {
        ++*number;
    }
    return *number < count;
}

enum status interrupt_prepare(struct device_function *function, struct process *process,
                              bool by_pin, struct object **out)
{
    const uint32_t slot = device_route_slots.first;
    uint32_t number;

    if (!find_number(function, by_pin, &number)) {
        return STATUS_NOT_FOUND;
    }
    if (slot == LEDGER_NONE) {
        return STATUS_QUEUE_FULL;
    }
    if (!account_charge(&process->account, ACCOUNT_INTERRUPTS, 1)) {
        return STATUS_OVER_BUDGET;
    }
    struct object *object;
    enum status status = object_create(OBJECT_KIND_INTERRUPT, process, &object);

    if (status != STATUS_OK) {
        goto refund;
    }
    struct interrupt *interrupt = interrupt_of(object);
    struct device_route *route = &device_routes[slot];

    interrupt->function = function;
    list_init(&interrupt->waiters);
    *route = (struct device_route){
        .interrupt = interrupt,
        .function = function,
        .number = number,
        .remap_index = IOMMU_NO_ROUTE,
        .is_masked = true,
    };
    list_init(&route->of_function);
    list_init(&route->of_line);
    list_init(&route->fence.link);
    status = by_pin ? line_take(route) : take_message(route, slot);
    if (status != STATUS_OK) {
        object_put(object);
        goto refund;
    }
    interrupt->route = route;
    function->vectors_taken |= 1ull << number;
    *out = object;
    return STATUS_OK;

refund:
    refund(&process->account, ACCOUNT_INTERRUPTS, 1);
    return status;
}

/** Give back what interrupt_prepare() took, but the object: nothing can arrive. */
static void route_release(struct device_route *route, struct process *payer)
{
    struct device_function *function = route->function;

    if (route->remap_index != IOMMU_NO_ROUTE) {
        iommu_route_free(function->coverage.unit, route->remap_index);
    }
    if (route->line != NULL) {
        line_give_up(route->line);
    } else {
        *vector_place(route) = 0;
    }
    function->vectors_taken &= ~(1ull << route->number);
    refund(&payer->account, ACCOUNT_INTERRUPTS, 1);
    route->interrupt->route = NULL;
    route->interrupt = NULL;
}

void interrupt_give_up(struct interrupt *interrupt)
{
    /* Now, and not with the object: the ledger has the slot as unused, for whoever asks next. */
    route_release(interrupt->route, interrupt->object.payer);
    object_put(&interrupt->object);
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

/** Have the function's message lead to the CPU, masked. */
static void program_message(struct device_route *route)
{
    struct device_function *function = route->function;
    struct iommu_message message = {
        .address = apic_message_address(cpus[route->cpu]->apic_id),
        .data = route->vector,
    };

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

void interrupt_commit(struct interrupt *interrupt)
{
    struct device_route *route = interrupt->route;
    struct device_function *function = interrupt->function;

    ledger_route_commit(&ledger, function->index, route_slot(route), &interrupt->handle);
    ledger_route_slot_take(&ledger, &device_route_slots);
    route->generation = interrupt->handle.part_generation;
    object_get(&interrupt->object);
    list_append(&function->routes, &route->of_function);
    if (route->line != NULL) {
        line_join(route);
    } else {
        program_message(route);
    }
}

/* ---- Masking -------------------------------------------------------------------------------- */

void route_unmask(struct device_route *route)
{
    if (!route->is_ready) {
        route->wants_unmask = true;
        return;
    }
    route->wants_unmask = false;
    route->is_masked = false;
    route->interrupt->unseen = 0;
    ledger_route_armed(&ledger, route_slot(route));
    device_start(route->function);
    if (route->line != NULL) {
        line_set(route, INTX_OPEN);
    } else {
        msi_set_mask(route->function, route->number, false);
    }
}

void route_mask(struct device_route *route)
{
    route->wants_unmask = false;
    if (route->line != NULL) {
        line_set(route, INTX_MASKED);
    } else if (!route->is_masked) {
        msi_set_mask(route->function, route->number, true);
    }
    route->is_masked = true;
}

void route_ready(struct device_route *route, bool has_failed)
{
    route->is_ready = true;
    if (ledger.routes[route_slot(route)].use == LEDGER_ENDING) {
        interrupt_end(route->interrupt);
    } else if (has_failed) {
        device_teardown_start(route->function, 0);
    } else if (route->wants_unmask) {
        route_unmask(route);
    }
}

/** The IOMMU's entry is in force. */
static void route_programmed(struct iommu_wait *wait)
{
    route_ready(CONTAINER_OF(wait, struct device_route, wait), wait->failed);
}

/* ---- Ending --------------------------------------------------------------------------------- */

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
    ledger_route_slot_give(&ledger, &device_route_slots, route_slot(route));
    list_remove(&route->of_function);
    route_release(route, payer);
    object_put(&interrupt->object);
    process_account_changed(payer);
    device_ledger_verify();
    device_teardown_continue(function);
}

void interrupt_recover(struct interrupt *interrupt)
{
    struct device_route *route = interrupt->route;

    if (route->line != NULL && !route->is_ending) {
        line_leave(route); /* its entry of the IOMMU never came into force */
    }
    route_fence_start(&route->fence, route->cpu, route_fenced);
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
    route_mask(route);
    ledger_route_end(&ledger, route_slot(route));
    if (!route->is_ready) {
        return; /* route_ready() comes back here */
    }
    route->is_ending = true;
    if (route->line != NULL) {
        line_leave(route);
    }
    if (route->remap_index == IOMMU_NO_ROUTE) {
        route_fence_start(&route->fence, route->cpu, route_fenced);
    } else if (iommu_route_clear(route->function->coverage.unit, route->remap_index, &route->wait,
                                 route_cleared)) {
        route_cleared(&route->wait);
    }
}
