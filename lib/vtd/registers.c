/* SPDX-License-Identifier: MIT */
#include "vtd/registers.h"

#define RECORD_BYTES       16u
#define REGISTERS_BYTES    0x100u /* those with fixed places end before this */

#define CAP_RWBF           (1ull << 4)
#define CAP_PLMR           (1ull << 5)
#define CAP_PHMR           (1ull << 6)
#define CAP_CM             (1ull << 7)
#define CAP_SAGAW_3_LEVELS (1ull << 9)
#define CAP_SAGAW_4_LEVELS (1ull << 10)
#define CAP_PSI            (1ull << 39)
#define CAP_DWD            (1ull << 54)
#define CAP_DRD            (1ull << 55)

#define ECAP_C             (1ull << 0)
#define ECAP_QI            (1ull << 1)
#define ECAP_IR            (1ull << 3)
#define ECAP_EIM           (1ull << 4)

static uint32_t field(uint64_t value, uint32_t shift, uint32_t bits)
{
    return (uint32_t)(value >> shift) & ((1u << bits) - 1);
}

const char *vtd_capabilities_read(uint32_t version, uint64_t capability, uint64_t extended,
                                  struct vtd_capabilities *out)
{
    const uint32_t domains = field(capability, 0, 3);
    const uint32_t guest_bits = field(capability, 16, 6) + 1;
    const uint32_t levels = (capability & CAP_SAGAW_4_LEVELS) != 0   ? 4
                            : (capability & CAP_SAGAW_3_LEVELS) != 0 ? 3
                                                                     : 0;

    if (version == UINT32_MAX || capability == UINT64_MAX || extended == UINT64_MAX) {
        return "its registers read as all ones";
    }
    if (field(version, 4, 4) == 0) {
        return "its version is 0";
    }
    if ((extended & ECAP_QI) == 0) {
        return "it has no invalidation queue";
    }
    if (levels == 0) {
        return "it has tables of neither 3 nor 4 levels";
    }
    if (domains == 7) {
        return "its number of domains is reserved";
    }
    if (guest_bits < 32) {
        return "it translates fewer than 32 address bits";
    }
    if (field(capability, 24, 10) * RECORD_BYTES < REGISTERS_BYTES) {
        return "its fault records overlap its registers";
    }
    const uint32_t table_bits = 12 + 9 * levels;

    *out = (struct vtd_capabilities){
        .domain_count = 1u << (4 + 2 * domains),
        .address_bits = guest_bits < table_bits ? guest_bits : table_bits,
        .levels = levels,
        .fault_offset = field(capability, 24, 10) * RECORD_BYTES,
        .fault_count = field(capability, 40, 8) + 1,
        .page_order_max = field(capability, 48, 6),
        .page_selective = (capability & CAP_PSI) != 0,
        .write_buffer = (capability & CAP_RWBF) != 0,
        .caching_mode = (capability & CAP_CM) != 0,
        .drains_reads = (capability & CAP_DRD) != 0,
        .drains_writes = (capability & CAP_DWD) != 0,
        .protects_memory = (capability & (CAP_PLMR | CAP_PHMR)) != 0,
        .coherent = (extended & ECAP_C) != 0,
        .interrupt_remapping = (extended & ECAP_IR) != 0,
        .extended_interrupts = (extended & (ECAP_IR | ECAP_EIM)) == (ECAP_IR | ECAP_EIM),
    };
    return NULL;
}
