/* SPDX-License-Identifier: MIT */
#include "pci/groups.h"

bool pci_is_isolating(const struct pci_found *function)
{
    /* Features that are not in the register are wired to be on (PCIe §7.7.8.2). */
    const bool redirects = function->has_acs && (function->acs.supported & PCI_GROUP_ACS &
                                                 ~(uint32_t)function->acs.enabled) == 0;

    if (!function->is_express) {
        return false;
    }
    switch (function->express_type) {
    case PCI_EXPRESS_TO_PCI:
    case PCI_EXPRESS_FROM_PCI:
    case PCI_EXPRESS_COLLECTOR:
        return false;
    case PCI_EXPRESS_ROOT_PORT:
    case PCI_EXPRESS_DOWNSTREAM:
        return redirects;
    case PCI_EXPRESS_ENDPOINT:
    case PCI_EXPRESS_LEGACY_ENDPOINT:
    case PCI_EXPRESS_UPSTREAM:
    case PCI_EXPRESS_INTEGRATED:
        break;
    }
    return !function->is_multifunction || redirects;
}

/* The first of a group, by following what leads to it; the way is shortened for the next time. */
static uint32_t first_of(struct pci_found *found, uint32_t index)
{
    while (found[index].group != index) {
        found[index].group = found[found[index].group].group;
        index = found[index].group;
    }
    return index;
}

static void join(struct pci_found *found, uint32_t a, uint32_t b)
{
    const uint32_t first_a = first_of(found, a);
    const uint32_t first_b = first_of(found, b);

    if (first_a < first_b) {
        found[first_b].group = first_a;
    } else {
        found[first_a].group = first_b;
    }
}

/* Whether a port and every one above it send all requests up to the root. */
static bool path_is_isolating(const struct pci_found *found, uint32_t port)
{
    while (port != PCI_NOBODY) {
        if (!pci_is_isolating(&found[port])) {
            return false;
        }
        port = found[port].parent;
    }
    return true;
}

static bool same_device(const struct pci_found *a, const struct pci_found *b)
{
    return a->address.bus == b->address.bus && a->parent == b->parent &&
           (a->address.device == b->address.device || (a->is_ari && b->is_ari));
}

/* Rules 1 and 2: with everything above, up to where the way to the root is isolated. */
static void join_upwards(struct pci_found *found, uint32_t index)
{
    for (uint32_t at = found[index].parent; at != PCI_NOBODY && !path_is_isolating(found, at);
         at = found[at].parent) {
        join(found, index, at);
    }
}

/* Rule 3: functions of a device lie side by side in the order of enumeration. */
static void join_device(struct pci_found *found, uint32_t count, uint32_t index)
{
    if (!found[index].is_multifunction || pci_is_isolating(&found[index])) {
        return;
    }
    for (uint32_t i = index + 1; i < count && same_device(&found[index], &found[i]); i++) {
        if (!pci_is_isolating(&found[i])) {
            join(found, index, i);
        }
    }
}

void pci_groups(struct pci_found *found, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        found[i].group = i;
    }
    for (uint32_t i = 0; i < count; i++) {
        join_upwards(found, i);
        join_device(found, count, i);
    }
    for (uint32_t i = 0; i < count; i++) {
        found[i].group = first_of(found, i);
    }
}
