/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Redirection entries of an I/O APIC, 64 bits for each input: where an interrupt of the input goes.
 *
 * Without remapping an entry names vector and CPU (82093AA data sheet, Intel 290566, §3.2.4). With
 * remapping it names an entry of the IOMMU's table (VT-d 4.1 §5.1.5.1), which names vector and CPU;
 * trigger mode and vector are the same as there, because the I/O APIC needs both to know its own
 * interrupt again when a CPU says that it ends.
 */

#include <stdbool.h>
#include <stdint.h>

#define IOAPIC_LEVEL_PENDING (1u << 14) /* "remote IRR": sent, and its end not seen; read only */
#define IOAPIC_MASKED        (1u << 16)

struct ioapic_redirection {
    uint8_t vector;
    bool is_masked;
    bool is_level;
    bool is_active_low;
    bool is_remapped;
    uint16_t remap_index; /* if is_remapped */
    uint8_t apic_id;      /* unless is_remapped: physical destination */
};

static inline uint64_t ioapic_redirection_encode(const struct ioapic_redirection *redirection)
{
    const uint64_t common = redirection->vector | (redirection->is_active_low ? 1ull << 13 : 0) |
                            (redirection->is_level ? 1ull << 15 : 0) |
                            (redirection->is_masked ? IOAPIC_MASKED : 0);
    const uint64_t index = redirection->remap_index;

    return redirection->is_remapped
               ? common | (index >> 15) << 11 | 1ull << 48 | (index & 0x7fff) << 49
               : common | (uint64_t)redirection->apic_id << 56;
}

static inline struct ioapic_redirection ioapic_redirection_decode(uint64_t entry)
{
    const bool is_remapped = (entry >> 48 & 1) != 0;

    return (struct ioapic_redirection){
        .vector = (uint8_t)entry,
        .is_masked = (entry & IOAPIC_MASKED) != 0,
        .is_level = (entry >> 15 & 1) != 0,
        .is_active_low = (entry >> 13 & 1) != 0,
        .is_remapped = is_remapped,
        .remap_index = is_remapped ? (uint16_t)(entry >> 49 | (entry >> 11 & 1) << 15) : 0,
        .apic_id = is_remapped ? 0 : (uint8_t)(entry >> 56),
    };
}
