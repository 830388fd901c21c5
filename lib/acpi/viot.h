/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * VIOT (ACPI 6.5 §5.2.34): the paravirtual IOMMUs (virtio-iommu), and the endpoints behind them.
 *
 * acpi_viot_open() checks every node, acpi_viot_next() then delivers them without further
 * refusals. Nodes of other kinds are passed over.
 */

#include "acpi/acpi.h"

struct acpi_viot {
    struct acpi_bytes table;
    uint32_t first; /* offset of the first node */
    uint32_t end;   /* offset behind the last one */
    uint32_t iommu_count;
};

enum acpi_viot_kind {
    ACPI_VIOT_PCI_RANGE = 1, /* PCI functions behind an IOMMU */
    ACPI_VIOT_MMIO = 2,      /* a memory-mapped device behind one */
    ACPI_VIOT_IOMMU_PCI = 3, /* an IOMMU that is a PCI function */
    ACPI_VIOT_IOMMU_MMIO = 4 /* a memory-mapped one */
};

struct acpi_viot_node {
    enum acpi_viot_kind kind;
    uint32_t offset;        /* in the table: what iommu_offset of others refers to */
    uint32_t endpoint;      /* PCI_RANGE: of the first function; MMIO */
    uint16_t first_segment; /* PCI_RANGE; IOMMU_PCI: its segment */
    uint16_t last_segment;  /* PCI_RANGE */
    uint16_t first_id;      /* PCI_RANGE: bus, device, function; IOMMU_PCI: its own */
    uint16_t last_id;       /* PCI_RANGE */
    uint64_t base;          /* MMIO, IOMMU_MMIO: physical */
    uint16_t iommu_offset;  /* PCI_RANGE, MMIO */
    bool iommu_known;       /* PCI_RANGE, MMIO: there is an IOMMU at iommu_offset */
};

/**
 * Returns: ACPI_OK, and `*viot` is written; ACPI_BAD_LENGTH; ACPI_BAD_ENTRY for a node that is
 * too short, or leaves the table.
 */
MUST_CHECK enum acpi_error acpi_viot_open(struct acpi_bytes table, struct acpi_viot *viot,
                                          struct acpi_fault *fault);

/** The next node. `*cursor` is 0 at the start. Returns: false behind the last one. */
bool acpi_viot_next(const struct acpi_viot *viot, uint32_t *cursor, struct acpi_viot_node *node);
