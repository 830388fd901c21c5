/* SPDX-License-Identifier: MIT */
#include "pci/error.h"

#include <assert.h>

const char *pci_error_name(enum pci_error error)
{
    static const char *const names[] = {
        [PCI_OK] = "ok",
        [PCI_ABSENT] = "absent",
        [PCI_NOT_READY] = "notReady",
        [PCI_UNKNOWN_HEADER] = "unknownHeader",
        [PCI_TRUNCATED] = "truncated",
        [PCI_CAPABILITY_BAD_POINTER] = "capabilityBadPointer",
        [PCI_CAPABILITY_LOOP] = "capabilityLoop",
        [PCI_CAPABILITY_UNREADABLE] = "capabilityUnreadable",
        [PCI_NOT_FOUND] = "notFound",
        [PCI_CAPABILITY_CUT] = "capabilityCut",
        [PCI_CAPABILITY_SHORT] = "capabilityShort",
        [PCI_MSI_BAD_COUNT] = "msiBadCount",
        [PCI_BAD_BAR] = "badBar",
        [PCI_OUTSIDE_BAR] = "outsideBar",
        [PCI_MSIX_OVERLAP] = "msixOverlap",
        [PCI_EXPRESS_BAD_TYPE] = "expressBadType",
        [PCI_SRIOV_BAD_COUNT] = "sriovBadCount",
        [PCI_BAR_CUT] = "barCut",
        [PCI_BAR_UNREADABLE] = "barUnreadable",
        [PCI_BAR_DECODING] = "barDecoding",
        [PCI_BAR_NOT_RESTORED] = "barNotRestored",
        [PCI_BUS_UNASSIGNED] = "busUnassigned",
        [PCI_BUS_MISMATCH] = "busMismatch",
        [PCI_BUS_BACKWARDS] = "busBackwards",
        [PCI_BUS_REVERSED] = "busReversed",
        [PCI_BUS_OUTSIDE] = "busOutside",
        [PCI_BUS_TAKEN] = "busTaken",
        [PCI_ARI_BAD_NEXT] = "ariBadNext",
        [PCI_FULL] = "full",
    };

    static_assert(ARRAY_COUNT(names) == PCI_ERROR_COUNT, "every error has a name");
    return (unsigned)error < PCI_ERROR_COUNT ? names[error] : "?";
}
