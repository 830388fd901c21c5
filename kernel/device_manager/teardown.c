/* SPDX-License-Identifier: MIT */
/*
 * The one teardown, whatever the trigger (enum teardown_cause of the schema): a capability
 * released, the owner's end, a holder of the DeviceManager, a fault storm, a fatal error, a
 * removal, an IOMMU that stopped answering. Triggers that come while it runs change nothing.
 *
 *   start       epoch raised: no handle resolves, nobody waits any more
 *   unmapping   no CPU reaches the registers; then bus mastering off
 *   masking     no vector of it can arrive; vectors and remapping entries are free
 *   draining    its transactions are over, or their time is
 *   resetting   the device's own reset, rung after rung of reset.c
 *   detaching   the IOMMU has forgotten its domain
 *   releasing   pages unpinned, tables given back, accounts settled; free, or handed over to
 *               quarantine
 *
 * It is work in steps (object/reaper.h). Each step looks at what is there and may be entered any
 * number of times. While a step waits nothing is held; whatever it waits for calls
 * device_teardown_continue(). If hardware does not answer, the end is quarantine: what the device
 * may still reach is never given back.
 */
#include "device_manager/audit.h"
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "diag/log.h"
#include "ledger/ledger_teardown.h"
#include "object/operation.h"
#include "object/process.h"

#define DRAIN_DEADLINE_NS (100ull * 1000 * 1000)
#define DRAIN_POLL_NS     (100ull * 1000)

/* Pages after which a step unmaps no further buffer, which may have DEVICE_BUFFER_PAGES more. */
#define UNMAP_STEP_PAGES 512u

static bool teardown_step(struct work *work);

/** Have the step run, unless it is about to anyway. */
static void schedule(struct device_function *function)
{
    if (!list_is_linked(&function->teardown.link)) {
        work_start(&function->teardown);
    }
}

/** Take the capabilities back, which mean nothing any more, and wake whoever waits. */
static void silence(struct device_function *function)
{
    function->is_silenced = true;
    if (function->mmio != NULL) {
        object_revoke_all(&function->mmio->object);
    }
    if (function->pool != NULL) {
        object_revoke_all(&function->pool->object);
    }
    for (struct list *node = function->routes.next; node != &function->routes;) {
        struct interrupt *interrupt =
            CONTAINER_OF(node, struct device_route, of_function)->interrupt;

        node = node->next;
        LOCK_REGION(LOCK_RANK_DEVICE_INTERRUPT_ROUTES);
        object_get(&interrupt->object);
        object_revoke_all(&interrupt->object);
        interrupt_silence(interrupt);
        object_put(&interrupt->object);
    }
}

void device_take_back(struct device_function *function, enum teardown_cause cause, uint64_t pid)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    if (!ledger_revoke(&ledger, function->index)) {
        return;
    }
    function->cause = cause;
    audit_write(AUDIT_EVENT_REVOKED, STATUS_OK, function, pid, 0, 0);
    /* First of all: whatever the device does from here on, it does not begin. */
    pci_command_set(function->pci, 0, PCI_COMMAND_MASTER);
    function->step = TEARDOWN_STEP_UNMAPPING;
    function->is_silenced = false;
    function->rung = 0;
    function->is_reset_started = false;
    function->teardown.step = teardown_step;
    schedule(function);
}

void device_teardown_continue(struct device_function *function)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    if (function->step != TEARDOWN_STEP_NONE && !timer_is_armed(&function->timer)) {
        schedule(function);
    }
}

static void timer_fired(struct timer *timer)
{
    schedule(CONTAINER_OF(timer, struct device_function, timer));
}

void device_teardown_sleep(struct device_function *function, uint64_t delay_ns)
{
    timer_arm(&function->timer, ns_to_ticks(clock_ns() + delay_ns), timer_fired);
}

static void next_step(struct device_function *function, enum teardown_step step)
{
    function->step = step;
    function->deadline_ns = 0;
    function->is_waiting = false;
    schedule(function);
}

/* ---- Steps: each starts the next one, or waits ---------------------------------------------- */

static void step_unmapping(struct device_function *function)
{
    if (!function->is_silenced) {
        silence(function);
    }
    if (device_record(function)->mmio_pages != 0) {
        return; /* device_mmio_unmapped() goes on */
    }
    ledger_witness(&ledger, function->index, LEDGER_UNMAPPED);
    /* The answer to a read comes behind all that the function has sent before (PCIe §2.4.1). */
    const uint16_t command = pci_read16(&function->pci->config, PCI_COMMAND);

    /* All ones: it is not there any more, and starts nothing. */
    if ((command & PCI_COMMAND_MASTER) == 0 || command == UINT16_MAX) {
        ledger_witness(&ledger, function->index, LEDGER_STOPPED);
    }
    function->is_started = false;
    next_step(function, TEARDOWN_STEP_MASKING);
}

static void step_masking(struct device_function *function)
{
    for (struct list *node = function->routes.next; node != &function->routes;) {
        struct device_route *route = CONTAINER_OF(node, struct device_route, of_function);

        node = node->next;
        LOCK_REGION(LOCK_RANK_DEVICE_INTERRUPT_ROUTES);
        interrupt_end(route->interrupt);
    }
    msi_disable(function);
    if (!list_is_empty(&function->routes) && !function->is_lost) {
        return; /* route_fenced() goes on */
    }
    if (list_is_empty(&function->routes)) {
        ledger_witness(&ledger, function->index, LEDGER_MASKED);
    }
    next_step(function, TEARDOWN_STEP_DRAINING);
}

static void step_draining(struct device_function *function)
{
    const uint64_t now = clock_ns();

    if (function->deadline_ns == 0) {
        function->deadline_ns = now + DRAIN_DEADLINE_NS;
    }
    if (device_is_draining(function) && now < function->deadline_ns) {
        device_teardown_sleep(function, DRAIN_POLL_NS);
        return;
    }
    ledger_reset_begin(&ledger, function->index);
    next_step(function, TEARDOWN_STEP_RESETTING);
}

static void step_resetting(struct device_function *function)
{
    uint64_t delay_ns;

    switch (device_reset_step(function, &delay_ns)) {
    case RESET_PENDING:
        device_teardown_sleep(function, delay_ns);
        return;
    case RESET_DONE:
        function->reset_count++;
        ledger_witness(&ledger, function->index, LEDGER_RESET);
        audit_write(AUDIT_EVENT_RESET, STATUS_OK, function, 0, 0, function->rung);
        break;
    case RESET_NONE:
        break;
    }
    next_step(function, TEARDOWN_STEP_DETACHING);
}

static void detached(struct iommu_wait *wait)
{
    struct device_function *function = CONTAINER_OF(wait, struct device_function, wait);

    function->is_attached = false;
    if (wait->failed) {
        function->is_lost = true;
    } else {
        ledger_witness(&ledger, function->index, LEDGER_DETACHED);
    }
    next_step(function, TEARDOWN_STEP_RELEASING);
}

static void step_detaching(struct device_function *function)
{
    if (function->is_attaching || function->is_waiting) {
        return; /* attached() or detached() goes on */
    }
    if (!function->is_attached) {
        ledger_witness(&ledger, function->index, LEDGER_DETACHED);
        next_step(function, TEARDOWN_STEP_RELEASING);
        return;
    }
    function->is_waiting = true;
    if (iommu_detach(&function->domain, &function->source, 1, &function->wait, detached)) {
        detached(&function->wait);
    }
}

static bool answer_step(struct work *work)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    struct device_function *function = CONTAINER_OF(work, struct device_function, answering);

    for (uint32_t i = 0; i < WORK_STEP_UNITS && !list_is_empty(&function->answered); i++) {
        operation_complete_words(LIST_FIRST(&function->answered, struct operation, link),
                                 &function->end_state, 1);
    }
    return list_is_empty(&function->answered);
}

void device_answer_revokers(struct device_function *function)
{
    list_splice(&function->answered, &function->revokers);
    function->end_state = device_record(function)->state;
    function->answering.step = answer_step;
    if (!list_is_linked(&function->answering.link) && !answer_step(&function->answering)) {
        work_start(&function->answering);
    }
}

/** The teardown is over: the owner has nothing of the function any more. */
static void end(struct device_function *function)
{
    struct process *owner = function->owner;

    function->step = TEARDOWN_STEP_NONE;
    function->owner = NULL;
    device_ledger_verify();
    device_answer_revokers(function);
    owner->claim_count--;
    process_claims_changed(owner);
}

/** What of the function has ended without evidence becomes quarantine's, in steps. */
static void quarantine(struct device_function *function)
{
    /* A reset of the function or its bus has cleared the command register. */
    pci_command_set(function->pci, PCI_COMMAND_NO_INTX, PCI_COMMAND_MASTER);
    ledger_quarantine(&ledger, function->index);
    device_quarantine_begin(function);
    schedule(function);
}

static void step_handing_over(struct device_function *function)
{
    char name[PCI_NAME_BYTES];

    if (!device_quarantine_enter(function)) {
        schedule(function);
        return;
    }
    pci_function_name(function->pci, name);
    log_info("devices", "%s: nobody has seen it come to rest; quarantined, with %u pages", name,
             device_record(function)->pool_pages);
    audit_write(AUDIT_EVENT_QUARANTINED, STATUS_FAULT, function, 0, 0,
                device_record(function)->pool_pages);
    end(function);
}

/** End up to a step's worth of buffers and their pages; true: all of them are ending. */
static bool end_buffers(struct device_function *function)
{
    uint32_t pages = 0;

    for (uint32_t i = 0; i < WORK_STEP_UNITS && pages < UNMAP_STEP_PAGES; i++) {
        if (list_is_empty(&function->buffers)) {
            return true;
        }
        struct dma_buffer *buffer = LIST_FIRST(&function->buffers, struct dma_buffer, of_function);

        if (buffer->is_ending) {
            return true; /* so are those behind it */
        }
        pages += buffer->page_count;
        dma_buffer_end(buffer);
    }
    return false;
}

static void step_releasing(struct device_function *function)
{
    if (!end_buffers(function)) {
        schedule(function);
        return;
    }
    if (function->is_lost) {
        /* Operations that are under way fail, or succeed, one after the other, and go on here. */
        if (!function->has_domain || !iommu_domain_is_busy(&function->domain)) {
            quarantine(function);
        }
        return;
    }
    if (!list_is_empty(&function->buffers)) {
        return; /* buffer_unmapped() goes on */
    }
    if (function->has_domain) {
        if (!iommu_domain_fini(&function->domain)) {
            quarantine(function);
            return;
        }
        function->has_domain = false;
    }
    if (!ledger_is_released(&ledger, function->index)) {
        quarantine(function);
        return;
    }
    pci_bars_restore(function->pci);
    config_policy_restore(function->pci, &function->kept);
    /* As in quarantine(). */
    pci_command_set(function->pci, PCI_COMMAND_NO_INTX, PCI_COMMAND_MASTER);
    if (ledger_finish(&ledger, function->index) == FUNCTION_STATE_RETIRED) {
        audit_write(AUDIT_EVENT_RETIRED, STATUS_RETIRED, function, 0, 0, 0);
    } else {
        audit_write(AUDIT_EVENT_FREED, STATUS_OK, function, 0, 0, 0);
    }
    end(function);
}

static bool teardown_step(struct work *work)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    struct device_function *function = CONTAINER_OF(work, struct device_function, teardown);

    switch (function->step) {
    case TEARDOWN_STEP_UNMAPPING:
        step_unmapping(function);
        break;
    case TEARDOWN_STEP_MASKING:
        step_masking(function);
        break;
    case TEARDOWN_STEP_DRAINING:
        step_draining(function);
        break;
    case TEARDOWN_STEP_RESETTING:
        step_resetting(function);
        break;
    case TEARDOWN_STEP_DETACHING:
        step_detaching(function);
        break;
    case TEARDOWN_STEP_RELEASING:
        if (function->is_handing_over) {
            step_handing_over(function);
        } else {
            step_releasing(function);
        }
        break;
    case TEARDOWN_STEP_NONE:
    case TEARDOWN_STEP_COUNT:
        break;
    }
    return true;
}
