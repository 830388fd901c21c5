/* SPDX-License-Identifier: MIT */
/*
 * InterruptRouting: where the pins of functions lead, as declared by whoever has read firmware's
 * AML.
 *
 * The decisions are in lib/intx/routing.h. A function that has nothing but a pin cannot be claimed
 * before that is declared.
 */
#include "arch/x86_64/io_apic.h"
#include "device_manager/audit.h"
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "object/process.h"

#define DECLARATIONS_MAX 1024u

static struct intx_declaration entries[DECLARATIONS_MAX];
static struct intx_routing routing = {.entries = entries, .capacity = DECLARATIONS_MAX};

/** Some function of a device, or NULL. */
static struct device_function *find_device(uint16_t segment, uint8_t bus, uint8_t device)
{
    for (uint32_t i = 0; i < ledger.function_count; i++) {
        const struct pci_address address = device_functions[i].pci->config.address;

        if (address.segment == segment && address.bus == bus && address.device == device) {
            return &device_functions[i];
        }
    }
    return NULL;
}

const struct intx_declaration *device_pin_find(const struct device_function *function)
{
    struct vtd_path path;

    pci_function_path(function->pci, &path);
    return intx_find(&routing, &path, function->pci->header.interrupt_pin);
}

bool device_has_only_pin(const struct device_function *function)
{
    const struct pci_function *pci = function->pci;

    return !pci->has_msix && !pci->has_msi && pci->header.interrupt_pin >= 1 &&
           pci->header.interrupt_pin <= INTX_PINS;
}

/** Functions that could not be claimed for want of what has just been declared. */
static void allow_claims(void)
{
    for (uint32_t i = 0; i < ledger.function_count; i++) {
        if (ledger.functions[i].refusal == CLAIM_REFUSAL_NO_INTERRUPT_ROUTE &&
            device_pin_find(&device_functions[i]) != NULL) {
            ledger.functions[i].refusal = CLAIM_REFUSAL_NONE;
        }
    }
}

static enum status declare_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, interrupt_routing_declare_params)
    const struct intx_declaration declaration = {
        .segment = parameters->segment,
        .bus = parameters->bus,
        .device = parameters->device,
        .pin = parameters->pin,
        .is_level = parameters->level_triggered != 0,
        .is_active_low = parameters->active_low != 0,
        .interrupt = parameters->gsi,
    };
    const uint64_t detail = (uint64_t)declaration.pin << 32 | declaration.interrupt;
    const uint64_t pid = method->process->pid;
    bool is_known = false;
    enum status status = intx_declare_check(&routing, io_apic_inputs(), &declaration, &is_known);
    const struct device_function *function =
        find_device(declaration.segment, declaration.bus, declaration.device);

    if (parameters->level_triggered > 1 || parameters->active_low > 1) {
        status = STATUS_BAD_RANGE;
    } else if (status == STATUS_OK && function == NULL) {
        method->is_told = true; /* no record: firmware speaks of every slot, empty ones too */
        return STATUS_NOT_FOUND;
    }
    if (status != STATUS_OK) {
        return audit_refuse_method(method, status, function, detail);
    }
    if (!is_known) {
        intx_declare_commit(&routing, &declaration);
        audit_write(AUDIT_EVENT_PIN_DECLARED, STATUS_OK, function, pid, method->object->number,
                    detail);
        allow_claims();
    }
    return STATUS_OK;
}

method_function *const interrupt_routing_methods[] = {
    [INTERRUPT_ROUTING_DECLARE] = declare_method,
};
