/* SPDX-License-Identifier: MIT */
/*
 * Owners: how a claim goes from one process to another, and how it ends with its owner or with its
 * last capability. What begins here is the transaction's decision alone; taking apart is
 * teardown.c's.
 */
#include "device_manager/audit.h"
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "ledger/ledger_owner.h"
#include "ledger/ledger_parts.h"
#include "object/process.h"
#include "refund.h"

static const struct device_handle *handle_of(struct object *object)
{
    switch (object->kind) {
    case OBJECT_KIND_DEVICE_MMIO:
        return &mmio_of(object)->handle;
    case OBJECT_KIND_DMA_POOL:
        return &pool_of(object)->handle;
    case OBJECT_KIND_DMA_BUFFER:
        return &buffer_of(object)->handle;
    default:
        return &interrupt_of(object)->handle;
    }
}

enum status device_transfer_check(struct object *const *objects, const bool *moves, uint32_t count,
                                  struct process *from, const struct process *to)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    uint32_t object_count = 0;
    uint32_t interrupt_count = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (!device_is_authority(objects[i]->kind)) {
            continue;
        }
        enum status status = STATUS_DENIED;

        const struct device_handle *handle = handle_of(objects[i]);

        if (moves[i] && from != NULL) {
            status = ledger_move_check(&ledger, handle, from->pid, to->pid);
        }
        if (status != STATUS_OK) {
            return device_transfer_refused(from, to, objects[i], status);
        }
        object_count++;
        interrupt_count += objects[i]->kind == OBJECT_KIND_INTERRUPT ? 1 : 0;
    }
    if (object_count > account_left(&to->account, ACCOUNT_OBJECTS) ||
        interrupt_count > account_left(&to->account, ACCOUNT_INTERRUPTS)) {
        return device_transfer_refused(from, to, NULL, STATUS_OVER_BUDGET);
    }
    return STATUS_OK;
}

/** A function's account is the new owner's from here on. */
static void set_owner(struct device_function *function, const struct object *object,
                      struct process *from, struct process *to)
{
    if (function->owner == to) {
        return;
    }
    function->owner = to;
    from->claim_count--;
    to->claim_count++;
    audit_write(AUDIT_EVENT_MOVED, STATUS_OK, function, from->pid, object->number, from->pid);
}

static void move_object(struct object *object, struct process *from, struct process *to)
{
    struct device_function *function;

    switch (object->kind) {
    case OBJECT_KIND_DEVICE_MMIO:
        function = mmio_of(object)->function;
        ledger_move_commit(&ledger, &mmio_of(object)->handle, to->pid);
        /* Made for mappings of the former owner, of which there are none. */
        device_mmio_drop_bars(mmio_of(object));
        break;
    case OBJECT_KIND_DMA_POOL:
        function = pool_of(object)->function;
        ledger_move_commit(&ledger, &pool_of(object)->handle, to->pid);
        break;
    default:
        function = interrupt_of(object)->function;
        ledger_move_commit(&ledger, &interrupt_of(object)->handle, to->pid);
        interrupt_silence(interrupt_of(object));
        route_mask(interrupt_of(object)->route); /* unmasked before hardware was programmed */
        KVERIFY(account_charge(&to->account, ACCOUNT_INTERRUPTS, 1));
        refund(&from->account, ACCOUNT_INTERRUPTS, 1);
        break;
    }
    KVERIFY(account_charge(&to->account, ACCOUNT_OBJECTS, 1));
    refund(&from->account, ACCOUNT_OBJECTS, 1);
    object->payer = to;
    set_owner(function, object, from, to);
}

void device_transfer_commit(struct object *const *objects, uint32_t count, struct process *from,
                            struct process *to)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    for (uint32_t i = 0; i < count; i++) {
        if (device_is_authority(objects[i]->kind)) {
            move_object(objects[i], from, to);
        }
    }
    device_ledger_verify();
}

void device_owner_ended(struct process *process)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    static const enum teardown_cause causes[EXIT_REASON_COUNT] = {
        [EXIT_REASON_EXITED] = TEARDOWN_CAUSE_EXITED,
        [EXIT_REASON_CRASHED] = TEARDOWN_CAUSE_CRASHED,
        [EXIT_REASON_KILLED] = TEARDOWN_CAUSE_KILLED,
    };

    for (uint32_t i = 0; i < ledger.function_count && process->claim_count > 0; i++) {
        if (device_functions[i].owner == process) {
            device_take_back(&device_functions[i], causes[process->exit_reason], process->pid);
        }
    }
}

void device_part_ended(struct device_function *function, const struct object *object,
                       const struct device_handle *handle)
{
    const struct ledger_function *record = device_record(function);

    ledger_part_end(&ledger, handle);
    if (device_state_is_owned(record->state) && (record->has_mmio || record->has_pool)) {
        audit_write(AUDIT_EVENT_PART_RELEASED, STATUS_OK, function, record->owner, object->number,
                    0);
    }
    device_claim_shrunk(function);
}

void device_claim_shrunk(struct device_function *function)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    const struct ledger_function *record = device_record(function);

    if (!device_state_is_owned(record->state) || record->has_mmio || record->has_pool) {
        return;
    }
    LIST_FOR_EACH(node, &function->routes)
    {
        if (!CONTAINER_OF(node, struct device_route, of_function)->is_ending) {
            return;
        }
    }
    device_take_back(function, TEARDOWN_CAUSE_RELEASED, record->owner);
}

void device_start(struct device_function *function)
{
    /* A teardown may have begun in the very call that maps or unmasks: hardware did not answer. */
    if (function->is_started || !device_state_is_owned(device_record(function)->state)) {
        return;
    }
    function->is_started = true;
    audit_write(AUDIT_EVENT_ACTIVATED, STATUS_OK, function, device_record(function)->owner, 0, 0);
    for (uint32_t up = function->pci->found.parent; up != PCI_NOBODY;
         up = pci_functions[up].found.parent) {
        pci_command_set(&pci_functions[up], PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 0);
    }
    pci_command_set(function->pci, PCI_COMMAND_MASTER, 0);
}
