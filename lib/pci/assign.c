/* SPDX-License-Identifier: MIT */
#include "pci/assign_steps.h"

const char *pci_misplacement_name(enum pci_misplacement misplacement)
{
    static const char *const names[PCI_MISPLACEMENT_COUNT] = {
        [PCI_PLACED_WELL] = "wellPlaced",         [PCI_PLACED_NOWHERE] = "unassigned",
        [PCI_PLACED_MISALIGNED] = "misaligned",   [PCI_PLACED_OUTSIDE] = "outsideWindow",
        [PCI_PLACED_ON_OTHERS] = "notForDevices", [PCI_PLACED_TWICE] = "overlap",
        [PCI_PLACED_TIGHT] = "windowTooSmall",
    };

    return (uint32_t)misplacement < PCI_MISPLACEMENT_COUNT ? names[misplacement] : "?";
}

static uint32_t add(struct pci_assignment *assignment, const struct pci_above *above,
                    struct pci_resource resource)
{
    if (assignment->count == assignment->capacity) {
        return PCI_NO_RESOURCE;
    }
    resource.is_on_root = above->is_root;
    resource.root = above->root;
    resource.container = PCI_NO_RESOURCE;
    resource.inside = PCI_NO_RESOURCE;
    resource.next = PCI_NO_RESOURCE;
    for (uint32_t i = 0; i < PCI_WINDOW_COUNT; i++) {
        resource.above[i] = above->is_root ? PCI_NO_RESOURCE : above->windows[i];
    }
    assignment->resources[assignment->count] = resource;
    return assignment->count++;
}

uint32_t pci_assign_bar(struct pci_assignment *assignment, const struct pci_above *above,
                        uint32_t function, uint32_t index, const struct pci_bar *bar)
{
    if ((bar->kind != PCI_BAR_MEMORY && bar->kind != PCI_BAR_IO) || bar->size == 0) {
        return PCI_NO_RESOURCE;
    }
    return add(assignment, above,
               (struct pci_resource){
                   .function = function,
                   .index = (uint8_t)index,
                   .is_io = bar->kind == PCI_BAR_IO,
                   .is_prefetchable = bar->is_prefetchable,
                   .is_wide = bar->is_64,
                   .address = bar->address,
                   .size = bar->size,
                   .alignment = bar->size,
               });
}

uint32_t pci_assign_window(struct pci_assignment *assignment, const struct pci_above *above,
                           uint32_t function, enum pci_window_kind kind,
                           const struct pci_window *window)
{
    /* A window that starts at 0 is one that nobody has set: its registers are 0 after a reset. */
    const bool is_set = window->is_open && window->first != 0 && window->last >= window->first;

    return add(
        assignment, above,
        (struct pci_resource){
            .function = function,
            .index = (uint8_t)kind,
            .is_window = true,
            .is_io = kind == PCI_WINDOW_IO,
            .is_prefetchable = kind == PCI_WINDOW_PREFETCHABLE,
            .is_wide = kind == PCI_WINDOW_PREFETCHABLE && window->is_wide,
            .address = is_set ? window->first : 0,
            .size = is_set ? window->last - window->first + 1 : 0,
            .alignment = kind == PCI_WINDOW_IO ? PCI_ASSIGN_IO_WINDOW : PCI_ASSIGN_MEMORY_WINDOW,
        });
}

void pci_assign_run(struct pci_assignment *assignment)
{
    assignment->moved_count = 0;
    assignment->refused_count = 0;
    pci_assign_check(assignment);
    pci_assign_pack(assignment);
    pci_assign_place(assignment);
}
