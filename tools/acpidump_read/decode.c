/* SPDX-License-Identifier: MIT */
#include "decode.h"

#include "bytes/bytes.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>

/* ACPI 6.5 §5.2.6: the header */
#define HEADER_LENGTH           4u
#define HEADER_REVISION         8u
#define HEADER_OEM              10u
#define HEADER_OEM_TABLE        16u
#define HEADER_OEM_REVISION     24u
#define HEADER_CREATOR          28u
#define HEADER_CREATOR_REVISION 32u

/* The table as the kernel finds it: physical memory from address 0, with nothing behind it. */
struct table_memory {
    struct acpi_memory memory;
    struct acpi_bytes bytes;
};

static const uint8_t *memory_at(const struct acpi_memory *memory, uint64_t address, uint64_t length)
{
    const struct acpi_bytes *bytes = &((const struct table_memory *)memory)->bytes;

    return address <= bytes->length && length <= bytes->length - address ? bytes->at + address
                                                                         : NULL;
}

static const char *reason_for(enum acpi_error error)
{
    switch (error) {
    case ACPI_OK:
        break;
    case ACPI_NOT_FOUND:
        return "nothing is in it";
    case ACPI_UNREADABLE:
        return "fewer bytes are there than the table says it has";
    case ACPI_BAD_SIGNATURE:
        return "not the table it should be";
    case ACPI_BAD_CHECKSUM:
        return "the checksum is wrong";
    case ACPI_BAD_LENGTH:
        return "too short for what it must have";
    case ACPI_BAD_ENTRY:
        return "an entry is shorter than its kind, leaves what it is in, or contradicts itself";
    case ACPI_BAD_ADDRESS:
        return "registers are where none can be";
    case ACPI_BAD_RANGE:
        return "a range ends before it starts, or overflows";
    }
    return "?";
}

/* What the table is called: by itself, or, if it is too short for that, by the text it is in. */
static void begin(struct report *report, const char *file, const struct input_table *table,
                  const char *status)
{
    const struct report_place place = {
        .file = file, .is_line = table->is_text, .number = table->place};
    const char *signature = table->length >= 4 ? (const char *)table->bytes : table->name;

    report_table_begin(report, &place, signature, table->length >= 4 ? 4 : table->name_length,
                       status);
}

static void report_fault(struct report *report, const char *file, const struct input_table *table,
                         const struct acpi_fault *fault, const char *reason)
{
    begin(report, file, table, "refused");
    report_u64(report, "offset", fault->offset);
    report_word(report, "error", acpi_error_name(fault->error));
    report_bytes(report, "reason", reason, strlen(reason));
    report_table_end(report);
}

static void report_header(struct report *report, const struct acpi_table *table)
{
    const uint8_t *at = table->bytes.at;

    report_u64(report, "length", table->bytes.length);
    report_u64(report, "revision", at[HEADER_REVISION]);
    report_word(report, "checksum", table->checksum_good ? "good" : "wrong");
    report_bytes(report, "oemId", at + HEADER_OEM, 6);
    report_bytes(report, "oemTableId", at + HEADER_OEM_TABLE, 8);
    report_hex(report, "oemRevision", bytes_u32(at + HEADER_OEM_REVISION));
    report_bytes(report, "creatorId", at + HEADER_CREATOR, 4);
    report_hex(report, "creatorRevision", bytes_u32(at + HEADER_CREATOR_REVISION));
}

static bool decode_rsdp(struct report *report, const char *file, const struct input_table *table,
                        const struct table_memory *memory)
{
    struct acpi_rsdp rsdp;
    struct acpi_fault fault;

    if (acpi_rsdp_read(&memory->memory, 0, &rsdp, &fault) != ACPI_OK) {
        report_fault(report, file, table, &fault, reason_for(fault.error));
        return false;
    }
    begin(report, file, table, "read");
    report_u64(report, "revision", rsdp.revision);
    report_word(report, "checksum", "good");
    report_hex(report, "rsdtAddress", rsdp.rsdt_address);
    report_hex(report, "xsdtAddress", rsdp.xsdt_address);
    report_table_end(report);
    return true;
}

/* The FACS (§5.2.10) has a header of its own, and nothing that the kernel reads. */
static bool decode_facs(struct report *report, const char *file, const struct input_table *table)
{
    begin(report, file, table, "read");
    report_u64(report, "length", bytes_u32(table->bytes + HEADER_LENGTH));
    report_table_end(report);
    return true;
}

static bool decode_common(struct report *report, const char *file, const struct input_table *table,
                          const struct table_memory *memory)
{
    const struct table_reader *reader;
    struct acpi_table opened;
    struct acpi_fault fault;
    union table_contents contents;

    if (acpi_table_at(&memory->memory, 0, &opened, &fault) != ACPI_OK) {
        report_fault(report, file, table, &fault, reason_for(fault.error));
        return false;
    }
    reader = table_reader_find(opened.signature);
    if (reader != NULL && reader->open(&opened, &contents, &fault) != ACPI_OK) {
        report_fault(report, file, table, &fault, reason_for(fault.error));
        return false;
    }
    begin(report, file, table, "read");
    report_header(report, &opened);
    report_bool(report, "decoded", reader != NULL);
    if (reader != NULL) {
        report_break(report);
        reader->show(report, &contents);
    }
    report_table_end(report);
    return true;
}

/* `bytes` are an exact copy of the table, so that a sanitizer sees a read beyond it. */
static bool decode_copy(struct report *report, const char *file, const struct input_table *table,
                        struct acpi_bytes bytes)
{
    const struct table_memory memory = {.memory = {.at = memory_at}, .bytes = bytes};

    if (table->has_gap) {
        const struct acpi_fault fault = {.error = ACPI_UNREADABLE, .offset = table->length};

        report_fault(report, file, table, &fault, "the text lacks bytes from here on");
        return false;
    }
    if (bytes.length >= 8 && memcmp(bytes.at, "RSD PTR ", 8) == 0) {
        return decode_rsdp(report, file, table, &memory);
    }
    if (bytes.length >= 8 && memcmp(bytes.at, "FACS", 4) == 0) {
        return decode_facs(report, file, table);
    }
    return decode_common(report, file, table, &memory);
}

bool decode_table(struct report *report, const char *file, const struct input_table *table)
{
    uint8_t *copy = malloc(table->length != 0 ? table->length : 1);
    bool good;

    if (copy == NULL) {
        decode_refuse_file(report, file, "unreadable", "out of memory");
        return false;
    }
    if (table->length != 0) {
        memcpy(copy, table->bytes, table->length);
    }
    good =
        decode_copy(report, file, table, (struct acpi_bytes){.at = copy, .length = table->length});
    free(copy);
    return good;
}

void decode_refuse_file(struct report *report, const char *file, const char *error,
                        const char *reason)
{
    const struct report_place place = {.file = file};

    report_table_begin(report, &place, "", 0, "refused");
    report_u64(report, "offset", 0);
    report_word(report, "error", error);
    report_bytes(report, "reason", reason, strlen(reason));
    report_table_end(report);
}
