/* SPDX-License-Identifier: MIT */
#include "acpi/viot.h"

#include "acpi/fields.h"

#define VIOT_COUNT  36u
#define VIOT_FIRST  38u
#define VIOT_NODES  48u

#define NODE_TYPE   0u
#define NODE_LENGTH 2u
#define NODE_BYTES  4u

/* Bytes that a node of this type must have; 0 for a type that is passed over. */
static uint32_t bytes_needed(uint8_t type)
{
    switch (type) {
    case ACPI_VIOT_PCI_RANGE:
    case ACPI_VIOT_MMIO:
        return 24;
    case ACPI_VIOT_IOMMU_PCI:
    case ACPI_VIOT_IOMMU_MMIO:
        return 16;
    default:
        return 0;
    }
}

/* Whether an IOMMU's node is at `offset`. */
static bool is_iommu(const struct acpi_viot *viot, uint16_t offset)
{
    const uint8_t *at;

    if (offset < viot->first || !acpi_has(viot->table, offset, NODE_BYTES)) {
        return false;
    }
    at = viot->table.at + offset;
    return (at[NODE_TYPE] == ACPI_VIOT_IOMMU_PCI || at[NODE_TYPE] == ACPI_VIOT_IOMMU_MMIO) &&
           bytes_u16(at + NODE_LENGTH) >= bytes_needed(at[NODE_TYPE]);
}

/* Describe the node at `offset`, whose length has been checked. False: pass it over. */
static bool read_node(const struct acpi_viot *viot, uint64_t offset, struct acpi_viot_node *node)
{
    const uint8_t *at = viot->table.at + offset;

    *node = (struct acpi_viot_node){.offset = (uint32_t)offset};
    switch (at[NODE_TYPE]) {
    case ACPI_VIOT_PCI_RANGE:
        node->kind = ACPI_VIOT_PCI_RANGE;
        node->endpoint = bytes_u32(at + 4);
        node->first_segment = bytes_u16(at + 8);
        node->last_segment = bytes_u16(at + 10);
        node->first_id = bytes_u16(at + 12);
        node->last_id = bytes_u16(at + 14);
        node->iommu_offset = bytes_u16(at + 16);
        break;
    case ACPI_VIOT_MMIO:
        node->kind = ACPI_VIOT_MMIO;
        node->endpoint = bytes_u32(at + 4);
        node->base = bytes_u64(at + 8);
        node->iommu_offset = bytes_u16(at + 16);
        break;
    case ACPI_VIOT_IOMMU_PCI:
        node->kind = ACPI_VIOT_IOMMU_PCI;
        node->first_segment = bytes_u16(at + 4);
        node->first_id = bytes_u16(at + 6);
        return true;
    case ACPI_VIOT_IOMMU_MMIO:
        node->kind = ACPI_VIOT_IOMMU_MMIO;
        node->base = bytes_u64(at + 8);
        return true;
    default:
        return false;
    }
    node->iommu_known = is_iommu(viot, node->iommu_offset);
    return true;
}

enum acpi_error acpi_viot_open(struct acpi_bytes table, struct acpi_viot *viot,
                               struct acpi_fault *fault)
{
    struct acpi_viot opened = {.table = table};
    struct acpi_viot_node node;
    uint64_t offset;
    uint32_t count;

    if (table.length < VIOT_NODES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    count = bytes_u16(table.at + VIOT_COUNT);
    opened.first = bytes_u16(table.at + VIOT_FIRST);
    if (count != 0 && opened.first < VIOT_NODES) {
        return acpi_refuse(fault, ACPI_BAD_ENTRY, VIOT_FIRST);
    }
    for (offset = opened.first; count > 0; count--) {
        uint16_t length;

        if (!acpi_has(table, offset, NODE_BYTES)) {
            return acpi_refuse(fault, ACPI_BAD_ENTRY, offset < table.length ? offset : VIOT_COUNT);
        }
        length = bytes_u16(table.at + offset + NODE_LENGTH);
        if (length < NODE_BYTES || length < bytes_needed(table.at[offset + NODE_TYPE]) ||
            !acpi_has(table, offset, bytes_needed(table.at[offset + NODE_TYPE]))) {
            return acpi_refuse(fault, ACPI_BAD_ENTRY, offset);
        }
        if (read_node(&opened, offset, &node)) {
            opened.iommu_count +=
                node.kind == ACPI_VIOT_IOMMU_PCI || node.kind == ACPI_VIOT_IOMMU_MMIO ? 1 : 0;
        }
        offset += length;
    }
    opened.end = (uint32_t)offset;
    *viot = opened;
    return ACPI_OK;
}

bool acpi_viot_next(const struct acpi_viot *viot, uint32_t *cursor, struct acpi_viot_node *node)
{
    uint64_t offset = *cursor != 0 ? *cursor : viot->first;

    while (offset < viot->end) {
        const uint64_t here = offset;

        offset += bytes_u16(viot->table.at + offset + NODE_LENGTH);
        *cursor = (uint32_t)offset;
        if (read_node(viot, here, node)) {
            return true;
        }
    }
    return false;
}
