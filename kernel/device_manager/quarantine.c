/* SPDX-License-Identifier: MIT */
/*
 * Quarantine: what a device may still reach, because nobody has seen it come to rest.
 *
 * In: the teardown ends without its evidence. Buffers, routes and the IOMMU's tables become the
 * charge of an account of the kernel's own (process_quarantine()), and memory does when its holder
 * is gone: as long as somebody holds it, it is his, pinned as all memory that a device reaches.
 * Nothing of it is given back. What is lost is counted and shown; when it is too much, no function
 * can be claimed any more.
 *
 * Out: DeviceManager.reset. Only a reset of the whole function counts, which its configuration
 * space tells of; then its bus mastering must read as off, and its transactions must be over. What
 * it could reach is given back then, whether the IOMMU works or not.
 *
 *   resetting   rung after rung of reset.c, without the class's own
 *   draining    its transactions are over
 *   masking     nothing of its vectors is pending at a CPU
 *   releasing   pages, tables, the function
 */
#include "device_manager/audit.h"
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "diag/log.h"
#include "ledger/ledger_teardown.h"
#include "mm/frames.h"
#include "object/process.h"

#define DRAIN_DEADLINE_NS (100ull * 1000 * 1000)
#define POLL_NS           (1ull * 1000 * 1000)

/* Of all memory, what may be lost before no function can be claimed any more. */
#define LOSS_SHARE 16u

void device_quarantine_count(struct device_quarantine *now)
{
    *now = (struct device_quarantine){.frame_limit = frames_total() / LOSS_SHARE};
    for (uint32_t i = 0; i < ledger.function_count; i++) {
        const struct ledger_function *record = &ledger.functions[i];

        if (record->state == FUNCTION_STATE_QUARANTINED) {
            now->function_count++;
            now->device_pages += record->pool_pages;
        }
    }
    if (now->function_count != 0) {
        now->frame_count = process_quarantine()->account.used[ACCOUNT_FRAMES];
    }
}

bool device_quarantine_is_full(void)
{
    struct device_quarantine now;

    device_quarantine_count(&now);
    return now.function_count != 0 && now.frame_count >= now.frame_limit;
}

/* ---- In ------------------------------------------------------------------------------------- */

static void take_object(struct object *object, struct process *heir)
{
    account_move(&object->payer->account, &heir->account, ACCOUNT_OBJECTS, 1);
    object->payer = heir;
}

/** The memory of a buffer and what that is a view of, as far as `process` pays for it. */
static void take_memory(struct memory *memory, const struct process *process, struct process *heir)
{
    for (; memory != NULL; memory = memory->parent) {
        if (memory->object.payer == process) {
            memory_bequeath(memory, heir);
        }
    }
}

/** The same for whoever pays and is gone. */
static void take_orphaned_memory(struct memory *memory, struct process *heir)
{
    for (; memory != NULL; memory = memory->parent) {
        struct process *payer = memory->object.payer;

        if (payer != NULL && payer->state == PROCESS_STATE_GONE) {
            memory_bequeath(memory, heir);
            process_account_changed(payer);
        }
    }
}

static void take_buffer(struct dma_buffer *buffer, struct process *heir)
{
    account_move(&buffer->payer->account, &heir->account, ACCOUNT_DMA_PAGES, buffer->page_count);
    buffer->payer = heir;
    take_object(&buffer->object, heir);
    take_orphaned_memory(buffer->memory, heir);
}

void device_quarantine_enter(struct device_function *function)
{
    struct process *heir = process_quarantine();

    LIST_FOR_EACH(node, &function->buffers)
    {
        take_buffer(CONTAINER_OF(node, struct dma_buffer, of_function), heir);
    }
    LIST_FOR_EACH(node, &function->routes)
    {
        struct object *object =
            &CONTAINER_OF(node, struct device_route, of_function)->interrupt->object;

        struct process *payer = object->payer;

        account_move(&payer->account, &heir->account, ACCOUNT_INTERRUPTS, 1);
        take_object(object, heir);
        process_account_changed(payer); /* perhaps who handed the claim on, and is gone */
    }
    if (function->has_domain) {
        iommu_domain_bequeath(&function->domain, &heir->account);
    }
    process_account_changed(heir); /* if there was nothing */
}

void device_quarantine_inherit(struct process *process)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    for (uint32_t i = 0; i < ledger.function_count; i++) {
        if (ledger.functions[i].state != FUNCTION_STATE_QUARANTINED) {
            continue;
        }
        LIST_FOR_EACH(node, &device_functions[i].buffers)
        {
            take_memory(CONTAINER_OF(node, struct dma_buffer, of_function)->memory, process,
                        process_quarantine());
        }
    }
}

/* ---- Out ------------------------------------------------------------------------------------ */

static void end(struct device_function *function)
{
    function->step = TEARDOWN_STEP_NONE;
    device_ledger_verify();
    device_answer_revokers(function);
}

/** It stays where it is. */
static void give_up(struct device_function *function, const char *why)
{
    char name[PCI_NAME_BYTES];

    pci_function_name(function->pci, name);
    log_info("devices", "%s: stays in quarantine: %s", name, why);
    end(function);
}

static void next_step(struct device_function *function, enum teardown_step step)
{
    function->step = step;
    function->deadline_ns = 0;
    device_teardown_continue(function);
}

static void step_resetting(struct device_function *function)
{
    uint64_t delay_ns;

    switch (device_reset_step(function, &delay_ns)) {
    case RESET_PENDING:
        device_teardown_sleep(function, delay_ns);
        return;
    case RESET_NONE:
        give_up(function, "it cannot be reset");
        return;
    case RESET_DONE:
        break;
    }
    function->reset_count++;
    audit_write(AUDIT_EVENT_RESET, STATUS_OK, function, 0, 0, function->rung);
    next_step(function, TEARDOWN_STEP_DRAINING);
}

static void step_draining(struct device_function *function)
{
    const uint64_t now = clock_ns();
    const uint16_t command = pci_read16(&function->pci->config, PCI_COMMAND);

    if (function->deadline_ns == 0) {
        function->deadline_ns = now + DRAIN_DEADLINE_NS;
    }
    if (device_is_draining(function) || iommu_domain_is_busy(&function->domain)) {
        if (now < function->deadline_ns) {
            device_teardown_sleep(function, POLL_NS);
        } else {
            give_up(function, "its transactions do not end");
        }
        return;
    }
    if (command == UINT16_MAX || (command & PCI_COMMAND_MASTER) != 0) {
        give_up(function, "its bus mastering does not go off");
        return;
    }
    msi_disable(function);
    ledger_recover(&ledger, function->index);
    LIST_FOR_EACH(node, &function->routes)
    {
        LOCK_REGION(LOCK_RANK_DEVICE_INTERRUPT_ROUTES);
        interrupt_recover(CONTAINER_OF(node, struct device_route, of_function)->interrupt);
    }
    next_step(function, TEARDOWN_STEP_MASKING);
}

static void step_releasing(struct device_function *function)
{
    uint32_t units = 0;

    while (!list_is_empty(&function->buffers)) {
        if (++units > WORK_STEP_UNITS) {
            device_teardown_continue(function);
            return;
        }
        dma_buffer_recover(LIST_FIRST(&function->buffers, struct dma_buffer, of_function));
    }
    if (function->has_domain) {
        iommu_domain_forget(&function->domain);
        function->has_domain = false;
        process_account_changed(process_quarantine());
    }
    if (!ledger_leave_quarantine(&ledger, function->index)) {
        give_up(function, "something of it is left");
        return;
    }
    pci_bars_restore(function->pci);
    config_policy_restore(function->pci, &function->kept);
    pci_command_set(function->pci, PCI_COMMAND_NO_INTX, PCI_COMMAND_MASTER);
    function->is_lost = false;
    audit_write(AUDIT_EVENT_RECOVERED, STATUS_OK, function, 0, 0, 0);
    end(function);
}

static bool recover_step(struct work *work)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    struct device_function *function = CONTAINER_OF(work, struct device_function, teardown);

    switch (function->step) {
    case TEARDOWN_STEP_RESETTING:
        step_resetting(function);
        break;
    case TEARDOWN_STEP_DRAINING:
        step_draining(function);
        break;
    case TEARDOWN_STEP_MASKING:
        if (list_is_empty(&function->routes)) { /* else: the last fence goes on */
            next_step(function, TEARDOWN_STEP_RELEASING);
        }
        break;
    case TEARDOWN_STEP_RELEASING:
        step_releasing(function);
        break;
    case TEARDOWN_STEP_UNMAPPING:
    case TEARDOWN_STEP_DETACHING:
    case TEARDOWN_STEP_NONE:
    case TEARDOWN_STEP_COUNT:
        break;
    }
    return true;
}

void device_recover(struct device_function *function, uint64_t pid)
{
    if (device_record(function)->state != FUNCTION_STATE_QUARANTINED ||
        function->step != TEARDOWN_STEP_NONE) {
        return;
    }
    audit_write(AUDIT_EVENT_RECOVERING, STATUS_OK, function, pid, 0,
                device_record(function)->pool_pages);
    pci_command_set(function->pci, 0, PCI_COMMAND_MASTER);
    function->rung = RESET_WHOLE_FUNCTION;
    function->is_reset_started = false;
    function->teardown.step = recover_step;
    next_step(function, TEARDOWN_STEP_RESETTING);
}
