/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Capabilities of the extended list: who may talk to whom (ACS), functions beyond eight (ARI),
 * address translation by the device (ATS), errors (AER), virtual functions (SR-IOV), and the
 * serial number. Each returns PCI_OK or PCI_CAPABILITY_CUT, and what else is said.
 */

#include "pci/capability.h"

/** Access control services, PCIe §7.7.8: bits of both registers. */
#define PCI_ACS_SOURCE_VALIDATION   0x01u
#define PCI_ACS_TRANSLATION_BLOCK   0x02u
#define PCI_ACS_REQUEST_REDIRECT    0x04u
#define PCI_ACS_COMPLETION_REDIRECT 0x08u
#define PCI_ACS_UPSTREAM_FORWARD    0x10u
#define PCI_ACS_EGRESS_CONTROL      0x20u
#define PCI_ACS_DIRECT_TRANSLATED   0x40u
#define PCI_ACS_CONTROL             6u /* offset in the capability, 16 bits */

struct pci_acs {
    uint16_t offset;
    uint16_t supported;
    uint16_t enabled;
};

MUST_CHECK enum pci_error pci_acs_read(const struct pci_config *config,
                                       const struct pci_capability *capability, struct pci_acs *acs,
                                       struct pci_fault *fault);

/** Alternative routing-id interpretation, PCIe §7.8.7. */
struct pci_ari {
    uint16_t offset;
    uint8_t next_function; /* 0 to 255; 0 ends the list */
};

MUST_CHECK enum pci_error pci_ari_read(const struct pci_config *config,
                                       const struct pci_capability *capability, struct pci_ari *ari,
                                       struct pci_fault *fault);

/** Address translation services, PCIe §10.5.1. */
struct pci_ats {
    uint16_t offset;
    uint8_t queue_depth; /* invalidations it can hold: 1 to 32 */
    bool is_page_aligned;
    bool is_enabled;
};

MUST_CHECK enum pci_error pci_ats_read(const struct pci_config *config,
                                       const struct pci_capability *capability, struct pci_ats *ats,
                                       struct pci_fault *fault);

/** Advanced error reporting, PCIe §7.8.4. */
struct pci_aer {
    uint16_t offset;
    uint32_t uncorrectable; /* status: bits stay until 1 is written to them */
    uint32_t uncorrectable_mask;
    uint32_t severity; /* uncorrectable errors that are fatal */
    uint32_t correctable;
    uint32_t correctable_mask;
};

MUST_CHECK enum pci_error pci_aer_read(const struct pci_config *config,
                                       const struct pci_capability *capability, struct pci_aer *aer,
                                       struct pci_fault *fault);

/** Device serial number, PCIe §7.9.3. */
MUST_CHECK enum pci_error pci_serial_read(const struct pci_config *config,
                                          const struct pci_capability *capability, uint64_t *serial,
                                          struct pci_fault *fault);

/** Single-root I/O virtualization, PCIe §9.3.3. */
#define PCI_SRIOV_BARS 0x24u /* offset in the capability of six registers as in a header */
struct pci_sriov {
    uint16_t offset;
    bool is_enabled;     /* virtual functions exist */
    bool is_decoding;    /* and answer memory requests */
    bool ari_hierarchy;  /* they were told that ARI is in use */
    uint16_t initial;    /* virtual functions at the start */
    uint16_t total;      /* that can be */
    uint16_t count;      /* that were asked for */
    uint16_t first;      /* from this function's number to the first one's */
    uint16_t stride;     /* from one to the next */
    uint16_t device;     /* their device id */
    uint32_t page_sizes; /* bit n: pages of 2^(n + 12) bytes can be set */
    uint32_t page_size;  /* that is set, likewise */
};

/** PCI_SRIOV_BAD_COUNT: more than in total, or enabled ones do not have numbers of their own. */
MUST_CHECK enum pci_error pci_sriov_read(const struct pci_config *config,
                                         const struct pci_capability *capability,
                                         struct pci_sriov *sriov, struct pci_fault *fault);
