/* SPDX-License-Identifier: MIT */

/*
 * Where ACPI starts under UEFI, for a loader that hands over the system table and no copy of the
 * RSDP: one of the configuration tables, told apart by GUIDs (UEFI 2.10 §4.3, §4.6; ACPI 6.5
 * §5.2.5.2). What cannot be read is no reason not to boot: then nothing is found.
 */
#include "bootinfo/reading.h"

#include "bytes/bytes.h"

/* EFI_SYSTEM_TABLE of 64-bit firmware */
#define SYSTEM_SIGNATURE   0x5453595320494249ull /* "IBI SYST" */
#define SYSTEM_TABLE_COUNT 104u
#define SYSTEM_TABLES      112u
#define SYSTEM_BYTES       120u

/* EFI_CONFIGURATION_TABLE */
#define TABLE_GUID    0u
#define TABLE_ADDRESS 16u
#define TABLE_BYTES   24u

#define TABLES_MAX    1024u /* real firmware has a dozen */
#define GUID_BYTES    16u

static const uint8_t acpi_20_guid[GUID_BYTES] = {0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                                                 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};
static const uint8_t acpi_10_guid[GUID_BYTES] = {0x30, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11,
                                                 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d};

static bool is_guid(const uint8_t *at, const uint8_t guid[GUID_BYTES])
{
    for (uint32_t i = 0; i < GUID_BYTES; i++) {
        if (at[i] != guid[i]) {
            return false;
        }
    }
    return true;
}

uint64_t boot_rsdp_from_efi(const struct boot_window *window, uint64_t system_table)
{
    const uint8_t *system = boot_window_at(window, system_table, SYSTEM_BYTES);
    uint64_t found = 0;

    if (system == NULL || bytes_u64(system) != SYSTEM_SIGNATURE) {
        return 0;
    }
    const uint64_t count = bytes_u64(system + SYSTEM_TABLE_COUNT);
    const uint64_t place = bytes_u64(system + SYSTEM_TABLES);

    for (uint64_t i = 0; i < count && i < TABLES_MAX; i++) {
        const uint8_t *table = boot_window_at(window, place, (i + 1) * TABLE_BYTES);

        if (table == NULL) {
            break;
        }
        table += i * TABLE_BYTES;
        if (is_guid(table + TABLE_GUID, acpi_20_guid)) {
            return bytes_u64(table + TABLE_ADDRESS);
        }
        if (found == 0 && is_guid(table + TABLE_GUID, acpi_10_guid)) {
            found = bytes_u64(table + TABLE_ADDRESS);
        }
    }
    return found;
}
