/* SPDX-License-Identifier: MIT */
/*
 * What takes a device away without any process asking for it: too many refused accesses, a fatal
 * error, its slot's button, and its absence.
 *
 * NMIs are looked at here, too: where there are devices is who can raise one (nmi.h).
 *
 * Refused accesses come by the IOMMU's interrupt. The rest is looked at twice a second: ports
 * could interrupt for it, but what they would save is a few reads of configuration space, and what
 * they would cost is routes of the kernel's own and bus mastering of every port from boot on
 * (docs/design/0014-device-manager.md). A hot-plug slot is driven as PCIe says (5.0 §6.7.1): the
 * button's press has everything below the port taken back, and when that is done the slot's power
 * goes off.
 */
#include "arch/x86_64/nmi.h"
#include "device_manager/audit.h"
#include "device_manager/handles.h"
#include "diag/log.h"
#include "pci/extended.h"

/* In the log, of each function: one that errs all the time says nothing new. */
#define ERROR_LINES_MAX   16u

#define WATCH_NS          (500ull * 1000 * 1000)

#define AER_STATUS        0x04u /* offsets in the capability, PCIe 5.0 §7.8.4 */
#define AER_MASK          0x08u
#define AER_SEVERITY      0x0cu
#define AER_ROOT_STATUS   0x30u

#define SLOT_CAPABILITIES 0x14u /* offsets in the capability, PCIe 5.0 §7.5.3.9 to .11 */
#define SLOT_CONTROL      0x18u
#define SLOT_STATUS       0x1au
#define SLOT_HAS_POWER    0x00000002u
#define SLOT_POWER_LIGHT  0x0300u
#define SLOT_LIGHT_BLINKS 0x0200u
#define SLOT_LIGHT_OFF    0x0300u
#define SLOT_POWER_OFF    0x0400u
#define SLOT_BUTTON       0x0001u
#define SLOT_PRESENCE     0x0008u

static struct timer watch_timer;

/** Whether a function is `above`, or behind that bridge. */
static bool is_below(uint32_t index, uint32_t above)
{
    while (index != above && index != PCI_NOBODY) {
        index = pci_functions[index].found.parent;
    }
    return index == above;
}

/** Take back what is behind a bridge, and the function itself. */
static void take_back_below(uint32_t above, enum teardown_cause cause)
{
    for (uint32_t i = 0; i < ledger.function_count; i++) {
        if (is_below(i, above)) {
            device_take_back(&device_functions[i], cause, 0);
        }
    }
}

/* ---- Refused accesses ----------------------------------------------------------------------- */

void device_watch_fault(struct device_function *function)
{
    struct device_watch *watch = &function->watch;
    const uint64_t now = clock_ns();
    char name[PCI_NAME_BYTES];

    if (now >= watch->window_end_ns) {
        watch->window_end_ns = now + DEVICE_FAULT_WINDOW_NS;
        watch->window_faults = 0;
    }
    if (++watch->window_faults >= DEVICE_FAULTS_MAX &&
        device_state_is_owned(device_record(function)->state)) {
        pci_function_name(function->pci, name);
        log_info("devices", "%s: %u refused accesses in a short time; taken from its owner", name,
                 watch->window_faults);
        device_take_back(function, TEARDOWN_CAUSE_FAULT_STORM, 0);
    }
}

/* ---- Errors --------------------------------------------------------------------------------- */

/** Look at a function's uncorrectable errors; what is fatal ends all authority behind it. */
static void look_at_errors(struct device_function *function)
{
    const struct pci_config *config = &function->pci->config;
    const uint32_t at = function->watch.aer;
    const uint32_t status = pci_read32(config, at + AER_STATUS);
    char name[PCI_NAME_BYTES];

    if (status == 0 || status == UINT32_MAX) {
        return; /* none; or nobody is there, which others notice */
    }
    const uint32_t fatal =
        status & pci_read32(config, at + AER_SEVERITY) & ~pci_read32(config, at + AER_MASK);

    pci_write(config, at + AER_STATUS, 4, status); /* cleared by ones */
    if (function->pci->express.type == PCI_EXPRESS_ROOT_PORT) {
        pci_write(config, at + AER_ROOT_STATUS, 4, pci_read32(config, at + AER_ROOT_STATUS));
    }
    if (function->watch.error_count++ < ERROR_LINES_MAX) {
        pci_function_name(function->pci, name);
        log_info("devices", "%s: uncorrectable errors %08x%s", name, status,
                 fatal != 0 ? ", fatal" : "");
    }
    if (fatal != 0) {
        take_back_below(function->index, TEARDOWN_CAUSE_FATAL_ERROR);
    }
}

/* ---- Slots ---------------------------------------------------------------------------------- */

/** Whether a refusal is there for good: neither DeviceManager.enable nor a pin's route ends it. */
static bool is_final(enum claim_refusal refusal)
{
    return refusal != CLAIM_REFUSAL_NONE && refusal != CLAIM_REFUSAL_DISABLED &&
           refusal != CLAIM_REFUSAL_NO_INTERRUPT_ROUTE;
}

/** Nobody can claim what is behind a port any more. */
static void set_absent(uint32_t port)
{
    for (uint32_t i = 0; i < ledger.function_count; i++) {
        if (i != port && is_below(i, port) && !is_final(ledger.functions[i].refusal)) {
            ledger.functions[i].refusal = CLAIM_REFUSAL_ABSENT;
        }
    }
}

static bool is_at_rest_below(uint32_t port)
{
    for (uint32_t i = 0; i < ledger.function_count; i++) {
        if (is_below(i, port) && device_functions[i].owner != NULL) {
            return false;
        }
    }
    return true;
}

static void set_slot(const struct pci_function *port, uint16_t light, uint16_t power)
{
    const uint32_t at = port->express.offset + SLOT_CONTROL;
    const uint16_t control = pci_read16(&port->config, at) & (uint16_t)~SLOT_POWER_LIGHT;

    pci_write(&port->config, at, 2, (uint32_t)(control | light | power));
}

static void look_at_slot(struct device_function *function)
{
    const struct pci_function *port = function->pci;
    const uint32_t at = port->express.offset;
    const uint16_t status = pci_read16(&port->config, at + SLOT_STATUS);
    char name[PCI_NAME_BYTES];

    if (status == UINT16_MAX) {
        return;
    }
    if ((status & (SLOT_BUTTON | SLOT_PRESENCE)) != 0) {
        pci_write(&port->config, at + SLOT_STATUS, 2, status & (SLOT_BUTTON | SLOT_PRESENCE));
    }
    if ((status & SLOT_BUTTON) != 0 && !function->watch.is_ejecting) {
        function->watch.is_ejecting = true;
        set_slot(port, SLOT_LIGHT_BLINKS, 0);
        set_absent(function->index);
        take_back_below(function->index, TEARDOWN_CAUSE_EJECTED);
    }
    if (function->watch.is_ejecting && is_at_rest_below(function->index)) {
        const bool has_power =
            (pci_read32(&port->config, at + SLOT_CAPABILITIES) & SLOT_HAS_POWER) != 0;

        function->watch.is_ejecting = false;
        set_slot(port, SLOT_LIGHT_OFF, has_power ? SLOT_POWER_OFF : 0);
        pci_function_name(port, name);
        log_info("devices", "%s: what is in slot %u can be removed", name, port->express.slot);
    }
}

/* ---- Absence -------------------------------------------------------------------------------- */

bool device_is_absent(const struct device_function *function)
{
    return pci_read32(&function->pci->config, PCI_VENDOR_ID) == UINT32_MAX;
}

static void look_for(struct device_function *function)
{
    char name[PCI_NAME_BYTES];

    if (device_state_is_owned(device_record(function)->state) && device_is_absent(function)) {
        pci_function_name(function->pci, name);
        log_info("devices", "%s: does not answer any more", name);
        ledger.functions[function->index].refusal = CLAIM_REFUSAL_ABSENT;
        device_take_back(function, TEARDOWN_CAUSE_VANISHED, 0);
    }
}

/* --------------------------------------------------------------------------------------------- */

static void look(struct timer *timer)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    for (uint32_t i = 0; i < ledger.function_count; i++) {
        struct device_function *function = &device_functions[i];

        if (function->watch.has_slot) {
            look_at_slot(function);
        }
        look_for(function);
        if (function->watch.aer != 0) {
            look_at_errors(function);
        }
    }
    nmi_tell();
    timer_arm(timer, ns_to_ticks(clock_ns() + WATCH_NS), look);
}

void device_watch_init(void)
{
    bool has_any = false;

    for (uint32_t i = 0; i < ledger.function_count; i++) {
        struct device_function *function = &device_functions[i];
        const struct pci_function *pci = function->pci;
        struct pci_capability aer;

        function->watch.has_slot = pci->has_express && pci->express.has_slot &&
                                   pci->express.can_hotplug &&
                                   pci_express_is_downstream(pci->express.type);
        if (pci->has_express && pci_extended_find(&pci->config, PCI_CAP_AER, &aer) &&
            pci_config_has(&pci->config, aer.offset, AER_ROOT_STATUS + 4)) {
            function->watch.aer = aer.offset;
        }
        has_any = has_any || ledger.functions[i].refusal == CLAIM_REFUSAL_NONE;
    }
    if (has_any) {
        timer_arm(&watch_timer, ns_to_ticks(clock_ns() + WATCH_NS), look);
    }
}
