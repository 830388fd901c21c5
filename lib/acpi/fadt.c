/* SPDX-License-Identifier: MIT */
#include "acpi/fadt.h"

#include "acpi/fields.h"

/* Table 5.9: offsets */
#define FADT_REVISION        8u
#define FADT_DSDT            40u
#define FADT_LEAST_BYTES     44u
#define FADT_SCI_INTERRUPT   46u
#define FADT_SMI_COMMAND     48u
#define FADT_ACPI_ENABLE     52u
#define FADT_ACPI_DISABLE    53u
#define FADT_PM1A_EVENT      56u
#define FADT_PM1B_EVENT      60u
#define FADT_PM1A_CONTROL    64u
#define FADT_PM1B_CONTROL    68u
#define FADT_TIMER           76u
#define FADT_PM1_EVENT_BYTES 88u
#define FADT_PM1_CTRL_BYTES  89u
#define FADT_TIMER_BYTES     91u
#define FADT_CENTURY         108u
#define FADT_BOOT_FLAGS      109u
#define FADT_FLAGS           112u
#define FADT_RESET           116u
#define FADT_RESET_VALUE     128u
#define FADT_V2_BYTES        132u
#define FADT_X_DSDT          140u
#define FADT_X_PM1A_EVENT    148u
#define FADT_X_PM1B_EVENT    160u
#define FADT_X_PM1A_CONTROL  172u
#define FADT_X_PM1B_CONTROL  184u
#define FADT_X_TIMER         208u
#define FADT_SLEEP_CONTROL   244u
#define FADT_SLEEP_STATUS    256u

static uint8_t field_u8(struct acpi_bytes table, uint32_t offset)
{
    return acpi_has(table, offset, 1) ? table.at[offset] : 0;
}

static uint16_t field_u16(struct acpi_bytes table, uint32_t offset)
{
    return acpi_has(table, offset, 2) ? bytes_u16(table.at + offset) : 0;
}

static uint32_t field_u32(struct acpi_bytes table, uint32_t offset)
{
    return acpi_has(table, offset, 4) ? bytes_u32(table.at + offset) : 0;
}

static uint64_t field_u64(struct acpi_bytes table, uint32_t offset)
{
    return acpi_has(table, offset, 8) ? bytes_u64(table.at + offset) : 0;
}

static struct acpi_register field_register(struct acpi_bytes table, uint32_t offset)
{
    return acpi_has(table, offset, ACPI_REGISTER_BYTES) ? acpi_register_read(table.at + offset)
                                                        : (struct acpi_register){0};
}

/* A register block in its new form, else the I/O port and length of the old one. */
static struct acpi_register block(struct acpi_bytes table, uint32_t new_offset, uint32_t old_offset,
                                  uint32_t length_offset)
{
    const struct acpi_register new = field_register(table, new_offset);
    const uint32_t port = field_u32(table, old_offset);
    const uint8_t length = field_u8(table, length_offset);

    if (new.address != 0) {
        return new;
    }
    if (port == 0) {
        return (struct acpi_register){0};
    }
    return (struct acpi_register){
        .space = ACPI_SPACE_IO,
        .bit_width = length < 32 ? (uint8_t)(length * 8) : 0,
        .address = port,
    };
}

enum acpi_error acpi_fadt_open(struct acpi_bytes table, struct acpi_fadt *fadt,
                               struct acpi_fault *fault)
{
    struct acpi_fadt opened = {0};

    if (table.length < FADT_LEAST_BYTES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    opened.revision = table.at[FADT_REVISION];
    opened.dsdt_address = field_u64(table, FADT_X_DSDT);
    if (opened.dsdt_address == 0) {
        opened.dsdt_address = bytes_u32(table.at + FADT_DSDT);
    }
    opened.flags = field_u32(table, FADT_FLAGS);
    /* In tables of ACPI 1.0 length these bytes are reserved, and not zero on some machines. */
    opened.boot_flags = table.length > FADT_V2_BYTES ? field_u16(table, FADT_BOOT_FLAGS) : 0;
    opened.sci_interrupt = field_u16(table, FADT_SCI_INTERRUPT);
    opened.smi_command_port = field_u16(table, FADT_SMI_COMMAND);
    opened.acpi_enable = field_u8(table, FADT_ACPI_ENABLE);
    opened.acpi_disable = field_u8(table, FADT_ACPI_DISABLE);
    opened.century_register = field_u8(table, FADT_CENTURY);
    opened.pm1a_event = block(table, FADT_X_PM1A_EVENT, FADT_PM1A_EVENT, FADT_PM1_EVENT_BYTES);
    opened.pm1b_event = block(table, FADT_X_PM1B_EVENT, FADT_PM1B_EVENT, FADT_PM1_EVENT_BYTES);
    opened.pm1a_control = block(table, FADT_X_PM1A_CONTROL, FADT_PM1A_CONTROL, FADT_PM1_CTRL_BYTES);
    opened.pm1b_control = block(table, FADT_X_PM1B_CONTROL, FADT_PM1B_CONTROL, FADT_PM1_CTRL_BYTES);
    opened.timer = block(table, FADT_X_TIMER, FADT_TIMER, FADT_TIMER_BYTES);
    opened.timer_is_32_bit = (opened.flags & ACPI_FADT_TIMER_32_BIT) != 0;
    if ((opened.flags & ACPI_FADT_RESET_SUPPORTED) != 0) {
        opened.reset = field_register(table, FADT_RESET);
        opened.reset_value = field_u8(table, FADT_RESET_VALUE);
    }
    opened.sleep_control = field_register(table, FADT_SLEEP_CONTROL);
    opened.sleep_status = field_register(table, FADT_SLEEP_STATUS);
    *fadt = opened;
    return ACPI_OK;
}
