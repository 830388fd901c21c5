/* SPDX-License-Identifier: MIT */
#include "pci/sizing.h"

#define DECODE       (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)
#define BAR_IO       0x1u
#define ROM_ENABLE   0x1u
#define ROM_ADDRESS  0xfffff800u
#define BAR_ALL_ONES 0xffffffffu

static struct pci_step step_read(uint32_t offset, uint32_t width)
{
    return (struct pci_step){.kind = PCI_STEP_READ, .offset = offset, .width = width};
}

static struct pci_step step_write(uint32_t offset, uint32_t width, uint32_t value)
{
    return (struct pci_step){
        .kind = PCI_STEP_WRITE, .offset = offset, .width = width, .value = value};
}

void pci_sizing_init(struct pci_sizing *sizing, const struct pci_header *header)
{
    *sizing = (struct pci_sizing){.header = *header, .phase = PCI_SIZING_START};
    sizing->values.is_sized = true;
}

/* Begin with the register at `index` or the next one that exists; behind the last, finish. */
static struct pci_step start_register(struct pci_sizing *sizing, uint32_t index)
{
    while (index < PCI_BAR_REGISTERS && !pci_bar_exists(&sizing->header, index)) {
        index++;
    }
    sizing->index = index;
    if (index < PCI_BAR_REGISTERS) {
        sizing->phase = PCI_SIZING_VALUE;
        return step_read(pci_bar_offset(&sizing->header, index), 4);
    }
    sizing->phase = PCI_SIZING_DONE;
    if (sizing->is_off && !sizing->not_restored) {
        return step_write(PCI_COMMAND, 2, sizing->command);
    }
    return (struct pci_step){.kind = PCI_STEP_DONE};
}

/*
 * Whether ones can be written though some decoding is stuck. A register of 0 cannot be an I/O BAR,
 * whose bit 0 is wired to 1; it may be memory that nobody assigned. A ROM decodes by its own bit.
 */
static bool is_quiet(const struct pci_sizing *sizing)
{
    const uint32_t value = sizing->values.value[sizing->index];

    if (sizing->index == PCI_BAR_ROM) {
        return (sizing->stuck & PCI_COMMAND_MEMORY) == 0 || (value & ROM_ENABLE) == 0;
    }
    if ((value & BAR_IO) != 0 && !pci_bar_is_upper(&sizing->values, sizing->index)) {
        return (sizing->stuck & PCI_COMMAND_IO) == 0;
    }
    return (sizing->stuck & PCI_COMMAND_MEMORY) == 0;
}

static struct pci_step have_value(struct pci_sizing *sizing, uint32_t value)
{
    const uint32_t index = sizing->index;

    sizing->values.value[index] = value;
    if (!is_quiet(sizing)) {
        /* Nothing can be told of a register of 0: most likely it is none. */
        sizing->values.error[index] = value == 0 ? PCI_OK : PCI_BAR_DECODING;
        return start_register(sizing, index + 1);
    }
    sizing->phase = PCI_SIZING_ONES;
    return step_write(pci_bar_offset(&sizing->header, index), 4,
                      index == PCI_BAR_ROM ? ROM_ADDRESS : BAR_ALL_ONES);
}

static struct pci_step have_check(struct pci_sizing *sizing, uint32_t value)
{
    /* Between the ROM's enable bit and its address is status, which may change by itself. */
    const uint32_t compared =
        sizing->index == PCI_BAR_ROM ? ROM_ADDRESS | ROM_ENABLE : BAR_ALL_ONES;

    if (((value ^ sizing->values.value[sizing->index]) & compared) != 0) {
        sizing->values.error[sizing->index] = PCI_BAR_NOT_RESTORED;
        sizing->not_restored = true;
    }
    return start_register(sizing, sizing->index + 1);
}

struct pci_step pci_sizing_next(struct pci_sizing *sizing, uint32_t value)
{
    const uint32_t offset = pci_bar_offset(&sizing->header, sizing->index);

    switch (sizing->phase) {
    case PCI_SIZING_START:
        sizing->phase = PCI_SIZING_COMMAND;
        return step_read(PCI_COMMAND, 2);
    case PCI_SIZING_COMMAND:
        sizing->command = (uint16_t)value;
        if ((value & DECODE) == 0) {
            return start_register(sizing, 0);
        }
        sizing->is_off = true;
        sizing->phase = PCI_SIZING_OFF;
        return step_write(PCI_COMMAND, 2, (uint16_t)(value & ~DECODE));
    case PCI_SIZING_OFF:
        sizing->phase = PCI_SIZING_SEEN;
        return step_read(PCI_COMMAND, 2);
    case PCI_SIZING_SEEN:
        sizing->stuck = (uint16_t)(value & DECODE);
        return start_register(sizing, 0);
    case PCI_SIZING_VALUE:
        return have_value(sizing, value);
    case PCI_SIZING_ONES:
        sizing->phase = PCI_SIZING_MASK;
        return step_read(offset, 4);
    case PCI_SIZING_MASK:
        sizing->values.mask[sizing->index] = value;
        sizing->phase = PCI_SIZING_RESTORE;
        return step_write(offset, 4, sizing->values.value[sizing->index]);
    case PCI_SIZING_RESTORE:
        sizing->phase = PCI_SIZING_CHECK;
        return step_read(offset, 4);
    case PCI_SIZING_CHECK:
        return have_check(sizing, value);
    case PCI_SIZING_DONE:
        break;
    }
    return (struct pci_step){.kind = PCI_STEP_DONE};
}

void pci_sizing_run(struct pci_sizing *sizing, const struct pci_config *config,
                    const struct pci_header *header)
{
    uint32_t value = 0;

    pci_sizing_init(sizing, header);
    for (;;) {
        const struct pci_step step = pci_sizing_next(sizing, value);

        switch (step.kind) {
        case PCI_STEP_READ:
            value =
                step.width == 2 ? pci_read16(config, step.offset) : pci_read32(config, step.offset);
            break;
        case PCI_STEP_WRITE:
            pci_write(config, step.offset, step.width, step.value);
            break;
        case PCI_STEP_DONE:
            return;
        }
    }
}
