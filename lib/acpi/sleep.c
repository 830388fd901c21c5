/* SPDX-License-Identifier: MIT */
#include "acpi/sleep.h"

#include "acpi/fields.h"

/* ACPI 6.5 §20.2: AML encoding */
#define AML_ZERO         0x00u
#define AML_ONE          0x01u
#define AML_NAME         0x08u
#define AML_BYTE         0x0au
#define AML_WORD         0x0bu
#define AML_DWORD        0x0cu
#define AML_PACKAGE      0x12u
#define AML_ROOT         0x5cu

#define OBJECT_NAME_SIZE 4u

/* A place in the table; reading moves on, and never beyond the end. */
struct reader {
    struct acpi_bytes table;
    size_t at;
};

static bool take(struct reader *reader, uint8_t *byte)
{
    if (reader->at >= reader->table.length) {
        return false;
    }
    *byte = reader->table.at[reader->at++];
    return true;
}

/* §20.2.4: the top two bits of the first byte count the bytes that follow. The value is unused. */
static bool skip_package_length(struct reader *reader)
{
    uint8_t byte;
    uint8_t more;

    if (!take(reader, &byte)) {
        return false;
    }
    for (more = byte >> 6; more > 0; more--) {
        if (!take(reader, &byte)) {
            return false;
        }
    }
    return true;
}

/* An integer constant of at most 32 bits, §20.2.3. */
static bool take_integer(struct reader *reader, uint32_t *value)
{
    uint32_t bytes;
    uint8_t byte;

    if (!take(reader, &byte)) {
        return false;
    }
    switch (byte) {
    case AML_ZERO:
    case AML_ONE:
        *value = byte;
        return true;
    case AML_BYTE:
        bytes = 1;
        break;
    case AML_WORD:
        bytes = 2;
        break;
    case AML_DWORD:
        bytes = 4;
        break;
    default:
        return false;
    }
    *value = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        if (!take(reader, &byte)) {
            return false;
        }
        *value |= (uint32_t)byte << (8 * i);
    }
    return true;
}

/* What follows the name: a package of two integers or more, or of one that holds both. */
static bool take_sleep_types(struct reader *reader, struct acpi_soft_off *off)
{
    uint8_t operation;
    uint8_t count;
    uint32_t a;
    uint32_t b;

    if (!take(reader, &operation) || operation != AML_PACKAGE || !skip_package_length(reader) ||
        !take(reader, &count) || count == 0 || !take_integer(reader, &a)) {
        return false;
    }
    if (count == 1) {
        b = a >> 8 & 0xff;
        a &= 0xff;
    } else if (!take_integer(reader, &b)) {
        return false;
    }
    if (a > ACPI_SLEEP_TYPE_LAST || b > ACPI_SLEEP_TYPE_LAST) {
        return false;
    }
    *off = (struct acpi_soft_off){.type_a = (uint8_t)a, .type_b = (uint8_t)b};
    return true;
}

/* Whether a definition of the name _S5_ has its name at `at`: Name (_S5_ or Name (\_S5_. */
static bool is_definition(struct acpi_bytes table, size_t at)
{
    const uint8_t *name = table.at + at;

    if (name[0] != '_' || name[1] != 'S' || name[2] != '5' || name[3] != '_') {
        return false;
    }
    return name[-1] == AML_NAME || (name[-1] == AML_ROOT && name[-2] == AML_NAME);
}

enum acpi_error acpi_soft_off_find(struct acpi_bytes table, struct acpi_soft_off *off,
                                   struct acpi_fault *fault)
{
    if (table.length < ACPI_HEADER_BYTES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    for (size_t at = ACPI_HEADER_BYTES + 1; acpi_has(table, at, OBJECT_NAME_SIZE); at++) {
        struct reader reader = {.table = table, .at = at + OBJECT_NAME_SIZE};

        if (is_definition(table, at) && take_sleep_types(&reader, off)) {
            return ACPI_OK;
        }
    }
    return acpi_refuse(fault, ACPI_NOT_FOUND, table.length);
}
