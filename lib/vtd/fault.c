/* SPDX-License-Identifier: MIT */
#include "vtd/fault.h"

#include "base/compiler.h"

#include <stddef.h>

#define INTERRUPT_FIRST 0x20u
#define INTERRUPT_LAST  0x2fu

static const char *const names[] = {
    [0x01] = "no device of this bus has a domain",
    [0x02] = "the device has no domain",
    [0x03] = "context entry invalid",
    [0x04] = "address beyond the domain's",
    [0x05] = "no write right",
    [0x06] = "no read right",
    [0x07] = "table not readable",
    [0x08] = "root table not readable",
    [0x09] = "context table not readable",
    [0x0a] = "root entry reserved bits",
    [0x0b] = "context entry reserved bits",
    [0x0c] = "table entry reserved bits",
    [0x0d] = "translated request",
    [0x20] = "interrupt request reserved bits",
    [0x21] = "interrupt index beyond the table",
    [0x22] = "interrupt entry not present",
    [0x23] = "interrupt table not readable",
    [0x24] = "interrupt entry reserved bits",
    [0x25] = "compatibility format interrupt",
    [0x26] = "interrupt of another device",
};

bool vtd_fault_read(uint64_t low, uint64_t high, struct vtd_fault *fault)
{
    static const enum vtd_fault_kind kinds[] = {/* T1, T2 */
                                                VTD_FAULT_WRITE, VTD_FAULT_PAGE_REQUEST,
                                                VTD_FAULT_READ, VTD_FAULT_ATOMIC};
    const uint32_t type = (uint32_t)(high >> 61 & 2) | (uint32_t)(high >> 28 & 1);

    if ((high & VTD_FAULT_VALID) == 0) {
        return false;
    }
    fault->reason = (uint8_t)(high >> 32);
    fault->source = (uint16_t)high;
    if (fault->reason >= INTERRUPT_FIRST && fault->reason <= INTERRUPT_LAST) {
        fault->kind = VTD_FAULT_INTERRUPT;
        fault->address = low >> 48;
    } else {
        fault->kind = kinds[type];
        fault->address = low & ~0xfffull;
    }
    return true;
}

const char *vtd_fault_name(uint8_t reason)
{
    return reason < ARRAY_COUNT(names) && names[reason] != NULL ? names[reason] : "unknown reason";
}
