/* SPDX-License-Identifier: MIT */
#include "acpi/hpet.h"

#include "acpi/fields.h"

#define HPET_BLOCK_ID     36u
#define HPET_REGISTER     40u
#define HPET_ADDRESS      44u
#define HPET_NUMBER       52u
#define HPET_MINIMUM_TICK 53u
#define HPET_BYTES        56u

/* Some firmware writes the address into the upper half of the field. */
#define ADDRESS_WRONG_HALF  0xfed0000000000000u
#define ADDRESS_WRONG_SHIFT 32u

enum acpi_error acpi_hpet_open(struct acpi_bytes table, struct acpi_hpet *hpet,
                               struct acpi_fault *fault)
{
    struct acpi_register registers;
    uint32_t block_id;

    if (table.length < HPET_BYTES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    registers = acpi_register_read(table.at + HPET_REGISTER);
    if (registers.space != ACPI_SPACE_MEMORY) {
        return acpi_refuse(fault, ACPI_BAD_ADDRESS, HPET_REGISTER);
    }
    if (registers.address == 0) {
        return acpi_refuse(fault, ACPI_BAD_ADDRESS, HPET_ADDRESS);
    }
    if (registers.address == ADDRESS_WRONG_HALF) {
        registers.address >>= ADDRESS_WRONG_SHIFT;
    }
    block_id = bytes_u32(table.at + HPET_BLOCK_ID);
    *hpet = (struct acpi_hpet){
        .address = registers.address,
        .block_id = block_id,
        .comparator_count = (uint8_t)((block_id >> 8 & 31) + 1),
        .is_64_bit = (block_id & 1u << 13) != 0,
        .number = table.at[HPET_NUMBER],
        .minimum_tick = bytes_u16(table.at + HPET_MINIMUM_TICK),
    };
    return ACPI_OK;
}
