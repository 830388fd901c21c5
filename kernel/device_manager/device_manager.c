/* SPDX-License-Identifier: MIT */
#include "device_manager/device_manager.h"

#include "device_manager/audit.h"
#include "device_manager/handles.h"
#include "diag/log.h"
#include "ledger/ledger_audit.h"
#include "ledger/ledger_owner.h"
#include "ledger/ledger_parts.h"
#include "mm/frames.h"
#include "object/operation.h"
#include "object/process.h"
#include "object/services.h"
#include "refund.h"
#include "sched/thread.h"

struct ledger ledger;
struct device_function *device_functions;
struct device_route device_routes[DEVICE_ROUTES_MAX];

void device_ledger_verify(void)
{
#ifdef CAPOS_DEBUG
    uint32_t place;
    const enum ledger_flaw flaw = ledger_audit(&ledger, &place);

    if (flaw != LEDGER_SOUND) {
        PANIC("ledger: flaw \"%s\" at %u", ledger_flaw_name(flaw), place);
    }
#endif
}

/* ---- Start ---------------------------------------------------------------------------------- */

/** Whether a bridge above makes the function's requests look like another's. */
static bool has_shared_requester(const struct pci_function *pci)
{
    for (uint32_t up = pci->found.parent; up != PCI_NOBODY; up = pci_functions[up].found.parent) {
        const struct pci_found *bridge = &pci_functions[up].found;

        if (!bridge->is_express || bridge->express_type == PCI_EXPRESS_TO_PCI) {
            return true;
        }
    }
    return false;
}

static enum claim_refusal find_refusal(const struct device_function *function)
{
    const struct pci_function *pci = function->pci;

    if (pci->refusal != CLAIM_REFUSAL_NONE) {
        return pci->refusal;
    }
    if (function->coverage.kind != IOMMU_COVERED) {
        return CLAIM_REFUSAL_NO_IOMMU;
    }
    if (iommu_has_firmware_memory((uint16_t)pci->config.address.segment, function->source)) {
        return CLAIM_REFUSAL_FIRMWARE_MEMORY;
    }
    if (has_shared_requester(pci)) {
        return CLAIM_REFUSAL_SHARED_REQUESTER;
    }
    return device_has_only_pin(function) ? CLAIM_REFUSAL_NO_INTERRUPT_ROUTE : CLAIM_REFUSAL_NONE;
}

static void init_function(struct device_function *function, uint32_t index)
{
    struct pci_function *pci = &pci_functions[index];
    struct vtd_path path;
    uint32_t vectors = 0;

    if (pci->has_msix) {
        vectors = pci->msix.count;
    } else if (pci->has_msi) {
        vectors = 1;
    }
    pci_function_path(pci, &path);
    function->index = index;
    function->pci = pci;
    function->coverage = iommu_find(&path);
    function->possible = function->coverage.kind != IOMMU_COVERED ? DMA_LEVEL_NONE
                         : function->coverage.interrupt_remapping ? DMA_LEVEL_CONFINED
                                                                  : DMA_LEVEL_DMA_CONFINED;
    function->source = pci_address_id(pci->config.address);
    function->vector_count = vectors < DEVICE_VECTORS_MAX ? vectors : DEVICE_VECTORS_MAX;
    /* The inventory has set the bit: PCI 2.2 had none, and reads 0. */
    function->masks_pin = (pci_read16(&pci->config, PCI_COMMAND) & PCI_COMMAND_NO_INTX) != 0;
    config_policy_keep(pci, &function->kept);
    list_init(&function->routes);
    list_init(&function->buffers);
    list_init(&function->revokers);
    list_init(&function->answered);
    list_init(&function->answering.link);
    list_init(&function->teardown.link);
    ledger.functions[index].group = pci->found.group;
    ledger.functions[index].refusal = find_refusal(function);
}

/** An access that the IOMMU has refused. */
static void note_fault(const struct iommu_fault *fault)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    for (uint32_t i = 0; i < ledger.function_count; i++) {
        struct device_function *function = &device_functions[i];

        if (function->source == fault->record.source &&
            function->pci->config.address.segment == fault->segment) {
            function->fault_count++;
            audit_write(AUDIT_EVENT_FAULTED, STATUS_FAULT, function, 0, 0, fault->record.address);
            device_watch_fault(function);
            return;
        }
    }
}

void device_manager_init(void)
{
    uint32_t claimable = 0;

    ledger = (struct ledger){
        .functions = frames_take_boot(pci_function_count * sizeof(struct ledger_function),
                                      "the ledger of devices"),
        .function_count = pci_function_count,
    };
    device_functions = frames_take_boot(pci_function_count * sizeof(struct device_function),
                                        "the functions of devices");
    ledger_init(&ledger);
    device_slots_init();
    for (uint32_t i = 0; i < pci_function_count; i++) {
        init_function(&device_functions[i], i);
        claimable += ledger.functions[i].refusal == CLAIM_REFUSAL_NONE ? 1 : 0;
    }
    iommu_watch_faults(note_fault);
    device_watch_init();
    log_info("devices",
             "%u functions, %u can be claimed (their confinement was shown on QEMU's VT-d, on no "
             "real hardware)",
             pci_function_count, claimable);
    device_ledger_verify();
}

/* ---- Claims --------------------------------------------------------------------------------- */

/** The parts of a new claim, made before it is one. */
struct claim_parts {
    struct object *mmio;
    struct object *pool;
    struct object *interrupt; /* NULL: the function has no interrupts */
};

static void put_parts(const struct claim_parts *parts)
{
    if (parts->mmio != NULL) {
        object_put(parts->mmio);
    }
    if (parts->pool != NULL) {
        object_put(parts->pool);
    }
    if (parts->interrupt != NULL) {
        interrupt_give_up(interrupt_of(parts->interrupt));
    }
}

static enum status prepare_parts(struct device_function *function, struct process *process,
                                 bool by_pin, struct claim_parts *parts)
{
    const bool has_interrupt = by_pin || function->vector_count != 0;
    const uint32_t slots = has_interrupt ? 3 : 2;
    const struct account *account = &process->account;
    enum status status;

    *parts = (struct claim_parts){0};
    if (process->state != PROCESS_STATE_RUNNING) {
        return STATUS_PEER_GONE; /* ended while it waited for the kernel lock: nobody owns by it */
    }
    if (account->limit[ACCOUNT_CAP_SLOTS] - account->used[ACCOUNT_CAP_SLOTS] < slots) {
        return STATUS_OVER_BUDGET;
    }
    status = object_reserve_slots(process, slots);
    if (status == STATUS_OK) {
        status = device_mmio_create(function, process, &parts->mmio);
    }
    if (status == STATUS_OK) {
        status = dma_pool_create(function, process, &parts->pool);
    }
    if (status == STATUS_OK && has_interrupt) {
        LOCK_REGION(LOCK_RANK_DEVICE_INTERRUPT_ROUTES);
        status = interrupt_prepare(function, process, by_pin, &parts->interrupt);
    }
    if (status != STATUS_OK) {
        put_parts(parts);
    }
    return status;
}

/** Room for it was made before. */
static uint64_t grant_prepared(struct object *object, struct process *process)
{
    uint64_t id;

    KVERIFY(object_grant(object, process, 0, &id) == STATUS_OK);
    object_put(object);
    return id;
}

/** The interrupt is the owner's from here on. */
static void make_route(struct interrupt *interrupt, const struct process *process)
{
    audit_write(AUDIT_EVENT_ROUTE_MADE, STATUS_OK, interrupt->function, process->pid,
                interrupt->object.number, interrupt->route->number);
    LOCK_REGION(LOCK_RANK_DEVICE_INTERRUPT_ROUTES);
    interrupt_commit(interrupt);
}

static void commit_claim(struct device_function *function, struct process *process,
                         const struct claim_parts *parts, uint32_t pool_pages, uint32_t bits,
                         bool by_pin)
{
    struct device_mmio *mmio = mmio_of(parts->mmio);
    struct dma_pool *pool = pool_of(parts->pool);
    const uint32_t reach = iommu_domain_address_bits(function->coverage.unit);

    ledger_claim_commit(&ledger, function->index, process->pid, pool_pages,
                        1ull << (bits < reach ? bits : reach), &mmio->handle, &pool->handle);
    function->owner = process;
    function->mmio = mmio;
    function->pool = pool;
    function->is_lost = false;
    function->cause = TEARDOWN_CAUSE_NONE;
    function->watch.window_faults = 0; /* those of its former owner */
    process->claim_count++;
    pci_command_set(function->pci, PCI_COMMAND_MEMORY, 0);
    function->uses_pin = by_pin;
    if (!by_pin) {
        msi_enable(function);
    }
    audit_write(AUDIT_EVENT_CLAIMED, STATUS_OK, function, process->pid, parts->mmio->number,
                pool_pages);
    if (parts->interrupt != NULL) {
        make_route(interrupt_of(parts->interrupt), process);
    }
    device_ledger_verify();
}

/** The function that a request names, or NULL. */
static struct device_function *find_function(uint32_t index)
{
    return index < ledger.function_count ? &device_functions[index] : NULL;
}

static enum status claim_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_manager_claim_params)
    struct device_function *function = find_function(parameters->function);
    struct process *process = method->process;
    const uint32_t bits = parameters->address_bits == 0 ? 64 : parameters->address_bits;
    struct claim_parts parts;
    bool by_pin = false;
    enum status status =
        ledger_claim_check(&ledger, parameters->function, parameters->generation, process->pid);

    if (status == STATUS_OK && (bits < 21 || bits > 64 || parameters->by_pin > 1)) {
        status = STATUS_BAD_RANGE;
    }
    if (status == STATUS_OK && device_quarantine_is_full()) {
        status = STATUS_OVER_BUDGET;
    }
    if (status == STATUS_OK && iommu_is_dead(function->coverage.unit)) {
        ledger.functions[function->index].refusal = CLAIM_REFUSAL_NO_IOMMU;
        status = STATUS_UNSUPPORTED;
    }
    if (status == STATUS_OK && device_is_absent(function)) {
        ledger.functions[function->index].refusal = CLAIM_REFUSAL_ABSENT;
        status = STATUS_UNSUPPORTED;
    }
    if (status == STATUS_OK && !pci_bars_are_unchanged(function->pci)) {
        ledger.functions[function->index].refusal = CLAIM_REFUSAL_BAD_BAR;
        status = STATUS_UNSUPPORTED;
    }
    if (status == STATUS_OK) {
        by_pin = parameters->by_pin != 0 || device_has_only_pin(function);
        status = prepare_parts(function, process, by_pin, &parts);
    }
    if (status != STATUS_OK) {
        return audit_refuse_method(method, status, function, parameters->generation);
    }
    commit_claim(function, process, &parts, parameters->pool_pages, bits, by_pin);

    struct device_manager_claim_results *results = method_results(method, sizeof(*results));

    results->mmio = grant_prepared(parts.mmio, process);
    results->pool = grant_prepared(parts.pool, process);
    if (parts.interrupt != NULL) {
        results->interrupt = grant_prepared(parts.interrupt, process);
    }
    return STATUS_OK;
}

/** One more vector. */
static enum status interrupt_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_manager_interrupt_params)
    struct device_function *function = find_function(parameters->function);
    struct process *process = method->process;
    struct object *interrupt;
    enum status status =
        ledger_route_check(&ledger, parameters->function, process->pid, device_route_slots.first);

    if (status == STATUS_OK && device_record(function)->generation != parameters->generation) {
        status = STATUS_STALE;
    }
    if (status == STATUS_OK) {
        status = interrupt_prepare(function, process, function->uses_pin, &interrupt);
    }
    if (status == STATUS_OK) {
        uint64_t id;

        status = object_grant(interrupt, process, 0, &id);
        if (status == STATUS_OK) {
            make_route(interrupt_of(interrupt), process);
            method->results[0] = id;
            method->result_words = 1;
            object_put(interrupt);
        } else {
            interrupt_give_up(interrupt_of(interrupt));
        }
    }
    return status == STATUS_OK
               ? STATUS_OK
               : audit_refuse_method(method, status, function, parameters->generation);
}

/** Answer with the function's state: when its teardown is over, if there is one. */
static enum status answer_state(struct method *method, struct device_function *function)
{
    const struct ledger_function *record = device_record(function);

    if (function->step != TEARDOWN_STEP_NONE) {
        list_append(&function->revokers, &method_keep(method)->link);
        return STATUS_OK;
    }
    method->results[0] = record->state;
    method->result_words = 1;
    return STATUS_OK;
}

/** Revoke and reset: what their caller names, taken back. */
static enum status take_back(struct method *method, uint32_t index, uint64_t generation,
                             enum teardown_cause cause)
{
    struct device_function *function = find_function(index);
    const uint64_t pid = method->process->pid;

    if (function == NULL) {
        return audit_refuse_method(method, STATUS_NOT_FOUND, NULL, index);
    }
    /* While it is being torn down the generation is that of the next owner, and welcome as well. */
    if (device_state_is_owned(device_record(function)->state)) {
        if (generation != device_record(function)->generation) {
            return audit_refuse_method(method, STATUS_STALE, function, generation);
        }
        device_take_back(function, cause, pid);
    } else if (cause == TEARDOWN_CAUSE_RESET) {
        device_recover(function, pid);
    }
    return answer_state(method, function);
}

static enum status revoke_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_manager_revoke_params)
    return take_back(method, parameters->function, parameters->generation, TEARDOWN_CAUSE_REVOKED);
}

static enum status reset_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_manager_reset_params)
    return take_back(method, parameters->function, parameters->generation, TEARDOWN_CAUSE_RESET);
}

/** Whether anybody may claim a function. */
static enum status set_disabled(struct method *method, uint32_t index, bool is_disabled)
{
    struct device_function *function = find_function(index);
    const uint64_t pid = method->process->pid;

    if (function == NULL) {
        return audit_refuse_method(method, STATUS_NOT_FOUND, NULL, index);
    }
    if (ledger_disable(&ledger, index, is_disabled)) {
        audit_write(AUDIT_EVENT_DISABLED, STATUS_OK, function, pid, 0, is_disabled);
    }
    if (is_disabled) {
        device_take_back(function, TEARDOWN_CAUSE_DISABLED, pid);
    }
    return answer_state(method, function);
}

static enum status disable_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_manager_disable_params)
    return set_disabled(method, parameters->function, true);
}

static enum status enable_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_manager_enable_params)
    return set_disabled(method, parameters->function, false);
}

method_function *const device_manager_methods[] = {
    [DEVICE_MANAGER_FUNCTIONS] = device_list_functions,
    [DEVICE_MANAGER_CLAIM] = claim_method,
    [DEVICE_MANAGER_INTERRUPT] = interrupt_method,
    [DEVICE_MANAGER_REVOKE] = revoke_method,
    [DEVICE_MANAGER_RESET] = reset_method,
    [DEVICE_MANAGER_DISABLE] = disable_method,
    [DEVICE_MANAGER_ENABLE] = enable_method,
};
