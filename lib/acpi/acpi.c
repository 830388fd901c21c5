/* SPDX-License-Identifier: MIT */
#include "acpi/acpi.h"

#include "acpi/fields.h"

/* §5.2.5.3: RSDP */
#define RSDP_REVISION 15u
#define RSDP_RSDT     16u
#define RSDP_V1_BYTES 20u
#define RSDP_LENGTH   20u
#define RSDP_XSDT     24u
#define RSDP_V2_BYTES 36u
#define RSDP_ALIGN    16u

/* §5.2.5.1: where it is on a PC */
#define EBDA_SEGMENT      0x40eu
#define EBDA_SEARCH_BYTES 1024u
#define BIOS_SEARCH_START 0xe0000u
#define BIOS_SEARCH_BYTES 0x20000u
#define EBDA_LOWEST       0x400u

/* §5.2.6: system description table header */
#define HEADER_LENGTH 4u

static bool has_signature(const uint8_t *at, const char *signature, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (at[i] != (uint8_t)signature[i]) {
            return false;
        }
    }
    return true;
}

/* Whether 20 readable bytes are an RSDP, as far as they say. */
static bool is_rsdp(const uint8_t *at)
{
    return has_signature(at, "RSD PTR ", 8) && acpi_sums_to_zero(at, RSDP_V1_BYTES);
}

static bool search(const struct acpi_memory *memory, uint64_t start, uint64_t length,
                   uint64_t *address)
{
    const uint8_t *bytes = memory->at(memory, start, length);

    if (bytes == NULL) {
        return false;
    }
    for (uint64_t offset = 0; offset + RSDP_V1_BYTES <= length; offset += RSDP_ALIGN) {
        if (is_rsdp(bytes + offset)) {
            *address = start + offset;
            return true;
        }
    }
    return false;
}

enum acpi_error acpi_rsdp_find(const struct acpi_memory *memory, uint64_t *address)
{
    const uint8_t *segment = memory->at(memory, EBDA_SEGMENT, sizeof(uint16_t));
    const uint64_t ebda = segment != NULL ? (uint64_t)bytes_u16(segment) << 4 : 0;

    if (ebda >= EBDA_LOWEST && search(memory, ebda, EBDA_SEARCH_BYTES, address)) {
        return ACPI_OK;
    }
    if (search(memory, BIOS_SEARCH_START, BIOS_SEARCH_BYTES, address)) {
        return ACPI_OK;
    }
    return ACPI_NOT_FOUND;
}

enum acpi_error acpi_table_at(const struct acpi_memory *memory, uint64_t address,
                              struct acpi_table *table, struct acpi_fault *fault)
{
    const uint8_t *header = memory->at(memory, address, ACPI_HEADER_BYTES);
    const uint8_t *bytes;
    uint32_t length;

    if (header == NULL) {
        return acpi_refuse(fault, ACPI_UNREADABLE, address);
    }
    length = bytes_u32(header + HEADER_LENGTH);
    if (length < ACPI_HEADER_BYTES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, address + HEADER_LENGTH);
    }
    bytes = memory->at(memory, address, length);
    if (bytes == NULL) {
        return acpi_refuse(fault, ACPI_UNREADABLE, address + HEADER_LENGTH);
    }
    for (size_t i = 0; i < 4; i++) {
        table->signature[i] = (char)bytes[i];
    }
    table->signature[4] = '\0';
    table->checksum_good = acpi_sums_to_zero(bytes, length);
    table->address = address;
    table->bytes = (struct acpi_bytes){.at = bytes, .length = length};
    return ACPI_OK;
}

enum acpi_error acpi_rsdp_read(const struct acpi_memory *memory, uint64_t address,
                               struct acpi_rsdp *rsdp, struct acpi_fault *fault)
{
    const uint8_t *at = memory->at(memory, address, RSDP_V1_BYTES);
    struct acpi_rsdp read = {0};

    if (at == NULL) {
        return acpi_refuse(fault, ACPI_UNREADABLE, address);
    }
    if (!has_signature(at, "RSD PTR ", 8)) {
        return acpi_refuse(fault, ACPI_BAD_SIGNATURE, address);
    }
    if (!acpi_sums_to_zero(at, RSDP_V1_BYTES)) {
        return acpi_refuse(fault, ACPI_BAD_CHECKSUM, address);
    }
    read.revision = at[RSDP_REVISION];
    read.rsdt_address = bytes_u32(at + RSDP_RSDT);
    if (read.revision >= 2) {
        at = memory->at(memory, address, RSDP_V2_BYTES);
        if (at == NULL) {
            return acpi_refuse(fault, ACPI_UNREADABLE, address + RSDP_LENGTH);
        }
        if (!acpi_sums_to_zero(at, RSDP_V2_BYTES)) {
            return acpi_refuse(fault, ACPI_BAD_CHECKSUM, address + RSDP_V1_BYTES);
        }
        read.xsdt_address = bytes_u64(at + RSDP_XSDT);
    }
    *rsdp = read;
    return ACPI_OK;
}

void acpi_root_from_table(const struct acpi_table *table, uint32_t entry_bytes,
                          struct acpi_root *root)
{
    const size_t count = (table->bytes.length - ACPI_HEADER_BYTES) / entry_bytes;

    root->table = *table;
    root->entry_bytes = entry_bytes;
    root->entry_count = count < ACPI_ROOT_ENTRIES_MAX ? (uint32_t)count : ACPI_ROOT_ENTRIES_MAX;
}

/* The root table at `address`. As in Linux, its own signature does not matter. */
static enum acpi_error open_root(const struct acpi_memory *memory, uint64_t address,
                                 uint32_t entry_bytes, struct acpi_root *root,
                                 struct acpi_fault *fault)
{
    struct acpi_table table;

    if (acpi_table_at(memory, address, &table, fault) != ACPI_OK) {
        return fault->error;
    }
    acpi_root_from_table(&table, entry_bytes, root);
    return ACPI_OK;
}

enum acpi_error acpi_root_open(const struct acpi_memory *memory, uint64_t rsdp_address,
                               struct acpi_root *root, struct acpi_fault *fault)
{
    struct acpi_rsdp rsdp;

    if (acpi_rsdp_read(memory, rsdp_address, &rsdp, fault) != ACPI_OK) {
        return fault->error;
    }
    if (rsdp.xsdt_address != 0 && open_root(memory, rsdp.xsdt_address, 8, root, fault) == ACPI_OK) {
        return ACPI_OK;
    }
    if (rsdp.xsdt_address != 0 && rsdp.rsdt_address == 0) {
        return fault->error;
    }
    return open_root(memory, rsdp.rsdt_address, 4, root, fault);
}

uint64_t acpi_root_address(const struct acpi_root *root, uint32_t index)
{
    const uint8_t *at =
        root->table.bytes.at + ACPI_HEADER_BYTES + (size_t)index * root->entry_bytes;

    return root->entry_bytes == 8 ? bytes_u64(at) : bytes_u32(at);
}

enum acpi_error acpi_root_get(const struct acpi_memory *memory, const struct acpi_root *root,
                              uint32_t index, struct acpi_table *table, struct acpi_fault *fault)
{
    const uint64_t offset = ACPI_HEADER_BYTES + (uint64_t)index * root->entry_bytes;
    uint64_t address;

    if (index >= root->entry_count) {
        return acpi_refuse(fault, ACPI_NOT_FOUND, root->table.address + offset);
    }
    address = acpi_root_address(root, index);
    if (address == 0) {
        return acpi_refuse(fault, ACPI_NOT_FOUND, root->table.address + offset);
    }
    return acpi_table_at(memory, address, table, fault);
}

enum acpi_error acpi_root_find(const struct acpi_memory *memory, const struct acpi_root *root,
                               const char *signature, uint32_t instance, struct acpi_table *table)
{
    for (uint32_t index = 0; index < root->entry_count; index++) {
        struct acpi_table candidate;
        struct acpi_fault fault;

        if (acpi_root_get(memory, root, index, &candidate, &fault) == ACPI_OK &&
            has_signature(candidate.bytes.at, signature, 4) && instance-- == 0) {
            *table = candidate;
            return ACPI_OK;
        }
    }
    return ACPI_NOT_FOUND;
}

const char *acpi_error_name(enum acpi_error error)
{
    switch (error) {
    case ACPI_OK:
        return "ok";
    case ACPI_NOT_FOUND:
        return "notFound";
    case ACPI_UNREADABLE:
        return "unreadable";
    case ACPI_BAD_SIGNATURE:
        return "badSignature";
    case ACPI_BAD_CHECKSUM:
        return "badChecksum";
    case ACPI_BAD_LENGTH:
        return "badLength";
    case ACPI_BAD_ENTRY:
        return "badEntry";
    case ACPI_BAD_ADDRESS:
        return "badAddress";
    case ACPI_BAD_RANGE:
        return "badRange";
    }
    return "?";
}
