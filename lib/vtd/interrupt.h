/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Interrupt remapping (VT-d 4.1 §5.1, §9.10): entries of the remapping table, and what a function
 * or an I/O APIC has to send to be looked up there.
 */

#include "vtd/entries.h"

#include <stdbool.h>
#include <stdint.h>

/** Fields of a remapping table entry, §9.10. */
struct vtd_interrupt {
    uint16_t source; /* requester id: all 16 bits must match */
    uint8_t vector;
    bool is_level;
    uint32_t apic_id;
};

/**
 * §9.10: fixed delivery to one CPU in physical mode. Source validation type 1 with qualifier 0:
 * the whole requester id is compared. In extended mode the APIC id has 32 bits, otherwise its 8
 * bits are 15:8 of the destination field.
 */
static inline struct vtd_entry vtd_interrupt_entry(const struct vtd_interrupt *interrupt,
                                                   bool extended)
{
    const uint64_t destination =
        extended ? interrupt->apic_id : (uint64_t)(interrupt->apic_id & 0xff) << 8;

    return (struct vtd_entry){
        .low = VTD_PRESENT | (interrupt->is_level ? 1ull << 4 : 0) |
               (uint64_t)interrupt->vector << 16 | destination << 32,
        .high = interrupt->source | 1ull << 18,
    };
}

/** The requester id that an entry accepts. */
static inline uint16_t vtd_interrupt_source(const struct vtd_entry *entry)
{
    return (uint16_t)entry->high;
}

/** §5.1.2.2, §5.1.5.2: address of a remappable MSI without subhandle; its data is 0. */
static inline uint32_t vtd_message_address(uint16_t index)
{
    return 0xfee00000u | (uint32_t)(index & 0x7fff) << 5 | 1u << 4 | (uint32_t)(index >> 15) << 2;
}

/** SDM vol. 3A §11.11: an MSI in compatibility format: what a unit's own fault event uses. */
static inline uint32_t vtd_event_address(uint32_t apic_id)
{
    return 0xfee00000u | (apic_id & 0xff) << 12;
}

/** VT-d 4.1 §11.4.7.5: bits 31:8 of an APIC id, for the upper address of the event. */
static inline uint32_t vtd_event_upper_address(uint32_t apic_id)
{
    return apic_id & 0xffffff00u;
}
