/* SPDX-License-Identifier: MIT */
/*
 * The reset ladder: the ways to bring a device back to a known state, quickest first. All of it is
 * the kernel's own; no driver takes part. A rung counts when the device was seen to have been
 * reset: its own registers say so, or its configuration space answers again after the time that
 * the specification gives it.
 *
 *   class       the registers of a known class: virtio status 0, NVMe CC.EN 0. Microseconds.
 *   FLR         function-level reset of PCI Express (PCIe 5.0 §6.6.2), or of AF. 100 ms.
 *   power       D3hot to D0 (PCI PM 1.2 §5.4.1), unless the function keeps its state. 20 ms.
 *   bus         reset of the bus below a port, if nobody else is there (PCIe §6.6.1). 100 ms.
 *
 * The class's own comes first because the IOMMU, not the reset, keeps the device from memory that
 * is no longer its owner's: a device that only pretends to have been reset harms nobody but those
 * who claim it next (docs/design/0014-device-manager.md).
 */
#include "device_manager/handles.h"
#include "mm/kernel_map.h"
#include "pci/bridge.h"

#define MICROSECOND_NS     1000ull
#define MILLISECOND_NS     (1000ull * 1000)

#define CLASS_DEADLINE_NS  (50 * MILLISECOND_NS)
#define CLASS_POLL_NS      (20 * MICROSECOND_NS)
#define FLR_WAIT_NS        (100 * MILLISECOND_NS)
#define POWER_WAIT_NS      (10 * MILLISECOND_NS)
#define BUS_RESET_NS       (1 * MILLISECOND_NS)
#define ANSWER_DEADLINE_NS (1000 * MILLISECOND_NS)
#define ANSWER_POLL_NS     (1 * MILLISECOND_NS)

#define VIRTIO_STATUS      20u /* virtio 1.2 §4.1.4.3: device_status */
#define NVME_CLASS         0x010802u
#define NVME_CC            0x14u /* NVMe 1.4 §3.1.5: EN is bit 0 */
#define NVME_CSTS          0x1cu /* §3.1.6: RDY is bit 0 */
#define PM_STATE_MASK      3u
#define AF_START           1u

enum rung { RUNG_CLASS, RUNG_FLR, RUNG_POWER, RUNG_BUS, RUNG_COUNT };

static_assert(RUNG_FLR == RESET_WHOLE_FUNCTION, "handles.h");

/** What to do next in a rung. */
struct rung_step {
    enum reset_progress progress;
    uint64_t delay_ns;
};

static struct rung_step wait_for(uint64_t delay_ns)
{
    return (struct rung_step){RESET_PENDING, delay_ns};
}

static const struct rung_step done = {RESET_DONE, 0};
static const struct rung_step failed = {RESET_NONE, 0};

static volatile void *bar_register(const struct pci_function *pci, uint32_t bar, uint32_t offset)
{
    return kernel_map_register((struct paddr){pci->bars[bar].address + offset});
}

static bool is_nvme(const struct pci_function *pci)
{
    return pci->header.class_code == NVME_CLASS && pci->bars[0].kind == PCI_BAR_MEMORY &&
           pci->bars[0].size >= PAGE_BYTES;
}

/** Ask the device, by the registers of its class, to forget everything. */
static void class_start(const struct pci_function *pci)
{
    if (pci->virtio_common.value != 0) {
        *(volatile uint8_t *)kernel_map_register(
            (struct paddr){pci->virtio_common.value + VIRTIO_STATUS}) = 0;
    } else {
        const uint32_t control = *(volatile uint32_t *)bar_register(pci, 0, NVME_CC);

        *(volatile uint32_t *)bar_register(pci, 0, NVME_CC) = control & ~1u;
    }
}

static bool class_is_done(const struct pci_function *pci)
{
    if (pci->virtio_common.value != 0) {
        return *(volatile uint8_t *)kernel_map_register(
                   (struct paddr){pci->virtio_common.value + VIRTIO_STATUS}) == 0;
    }
    return (*(volatile uint32_t *)bar_register(pci, 0, NVME_CSTS) & 1u) == 0;
}

static struct rung_step class_step(struct device_function *function)
{
    const struct pci_function *pci = function->pci;

    /* Behind a fatal error its registers are not to be trusted (PCIe 5.0 §6.2.2.2.1). */
    if ((pci->virtio_common.value == 0 && !is_nvme(pci)) ||
        function->cause == TEARDOWN_CAUSE_FATAL_ERROR) {
        return failed;
    }
    if (!function->is_reset_started) {
        /* The owner may not have touched these; somebody with a debugger has. */
        pci_command_set(pci, PCI_COMMAND_MEMORY, 0);
        class_start(pci);
        function->deadline_ns = clock_ns() + CLASS_DEADLINE_NS;
    }
    if (class_is_done(pci)) {
        return done;
    }
    return clock_ns() < function->deadline_ns ? wait_for(CLASS_POLL_NS) : failed;
}

/** After a reset of the whole function: it is there again when its ids can be read. */
static struct rung_step await_answer(const struct device_function *function)
{
    const uint32_t ids = pci_read32(&function->pci->config, PCI_VENDOR_ID);

    if (ids == ((uint32_t)function->pci->header.device << 16 | function->pci->header.vendor)) {
        return done;
    }
    return clock_ns() < function->deadline_ns ? wait_for(ANSWER_POLL_NS) : failed;
}

static struct rung_step flr_step(struct device_function *function)
{
    const struct pci_function *pci = function->pci;

    if (function->is_reset_started) {
        return await_answer(function);
    }
    if (pci->has_express && pci->express.has_flr) {
        const uint32_t offset = pci->express.offset + PCI_EXPRESS_DEVICE_CONTROL;

        pci_write(&pci->config, offset, 2,
                  pci_read16(&pci->config, offset) | PCI_EXPRESS_START_FLR);
    } else if (pci->has_af && pci->af.has_flr) {
        pci_write(&pci->config, pci->af.offset + PCI_AF_CONTROL, 1, AF_START);
    } else {
        return failed;
    }
    function->deadline_ns = clock_ns() + ANSWER_DEADLINE_NS;
    return wait_for(FLR_WAIT_NS);
}

static void set_power(const struct pci_function *pci, uint16_t state)
{
    const uint32_t offset = pci->pm.offset + PCI_PM_CONTROL;
    const uint16_t control = pci_read16(&pci->config, offset) & (uint16_t)~PM_STATE_MASK;

    pci_write(&pci->config, offset, 2, control | state);
}

static struct rung_step power_step(struct device_function *function)
{
    const struct pci_function *pci = function->pci;

    if (!pci->has_pm || pci->pm.keeps_state) {
        return failed;
    }
    if (!function->is_reset_started) {
        function->deadline_ns = clock_ns() + ANSWER_DEADLINE_NS;
        set_power(pci, PM_STATE_MASK);
        return wait_for(POWER_WAIT_NS);
    }
    if ((pci_read16(&pci->config, pci->pm.offset + PCI_PM_CONTROL) & PM_STATE_MASK) != 0) {
        set_power(pci, 0);
        return clock_ns() < function->deadline_ns ? wait_for(POWER_WAIT_NS) : failed;
    }
    return await_answer(function);
}

/** The port above, if the bus below it has this one function and nothing else. */
static const struct pci_function *port_of_its_own(const struct device_function *function)
{
    const uint32_t parent = function->pci->found.parent;

    if (parent == PCI_NOBODY) {
        return NULL;
    }
    for (uint32_t i = 0; i < pci_function_count; i++) {
        if (i != function->index && pci_functions[i].found.parent == parent) {
            return NULL;
        }
    }
    return &pci_functions[parent];
}

static struct rung_step bus_step(struct device_function *function)
{
    const struct pci_function *port = port_of_its_own(function);

    if (port == NULL) {
        return failed;
    }
    const uint16_t control = pci_read16(&port->config, PCI_BRIDGE_CONTROL);

    if (!function->is_reset_started) {
        function->deadline_ns = clock_ns() + ANSWER_DEADLINE_NS;
        pci_write(&port->config, PCI_BRIDGE_CONTROL, 2, control | PCI_BRIDGE_RESET);
        return wait_for(BUS_RESET_NS);
    }
    if ((control & PCI_BRIDGE_RESET) != 0) {
        pci_write(&port->config, PCI_BRIDGE_CONTROL, 2, control & (uint16_t)~PCI_BRIDGE_RESET);
        return wait_for(FLR_WAIT_NS);
    }
    return await_answer(function);
}

enum reset_progress device_reset_step(struct device_function *function, uint64_t *delay_ns)
{
    static struct rung_step (*const rungs[RUNG_COUNT])(struct device_function *) = {
        [RUNG_CLASS] = class_step,
        [RUNG_FLR] = flr_step,
        [RUNG_POWER] = power_step,
        [RUNG_BUS] = bus_step,
    };

    if (function->rung == 0 && !function->is_reset_started && device_is_absent(function)) {
        return RESET_NONE;
    }
    while (function->rung < RUNG_COUNT) {
        const struct rung_step step = rungs[function->rung](function);

        if (step.progress == RESET_DONE) {
            return RESET_DONE;
        }
        if (step.progress == RESET_PENDING) {
            function->is_reset_started = true;
            *delay_ns = step.delay_ns;
            return RESET_PENDING;
        }
        function->rung++;
        function->is_reset_started = false;
    }
    return RESET_NONE;
}

bool device_is_draining(const struct device_function *function)
{
    const struct pci_function *pci = function->pci;

    if (pci->has_express) {
        const uint16_t status =
            pci_read16(&pci->config, pci->express.offset + PCI_EXPRESS_DEVICE_STATUS);

        return status != UINT16_MAX && (status & PCI_EXPRESS_PENDING) != 0;
    }
    if (pci->has_af && pci->af.has_pending) {
        const uint8_t status = pci_read8(&pci->config, pci->af.offset + PCI_AF_STATUS);

        return status != UINT8_MAX && (status & 1u) != 0;
    }
    return false;
}
