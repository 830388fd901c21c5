/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is written to a local APIC, or to memory in its place, to interrupt a CPU (Intel SDM vol. 3A
 * chapter 11): in xAPIC mode with ids of 8 bits, in x2APIC mode with 32.
 */

#include <stdbool.h>
#include <stdint.h>

/** The id that is everybody's in 8 bits (§11.6.1). */
#define APIC_EVERYONE 0xffu

/** §11.12.1.2: the x2APIC's register for an offset in the xAPIC's page. */
static inline uint32_t apic_register_msr(uint32_t offset)
{
    return 0x800u + offset / 16;
}

/** §11.12.9: the x2APIC's interrupt command, one write of 64 bits. */
static inline uint64_t apic_command_wide(uint32_t apic_id, uint32_t command)
{
    return (uint64_t)apic_id << 32 | command;
}

/** §11.6.1: the upper half of the xAPIC's, written first; the lower half is the command. */
static inline uint32_t apic_command_high(uint32_t apic_id)
{
    return apic_id << 24;
}

/** §11.4.6, §11.12.5.1: an id, from the APIC's id register. */
static inline uint32_t apic_id_read(uint32_t value, bool is_wide)
{
    return is_wide ? value : value >> 24;
}

/** Whether an id fits the commands, and means one CPU. */
static inline bool apic_id_fits(uint32_t apic_id, bool is_wide)
{
    return is_wide ? apic_id != UINT32_MAX : apic_id < APIC_EVERYONE;
}

/** §11.11.1: a message in the format without remapping, fixed delivery; its data is the vector. */
static inline uint64_t apic_message_address(uint32_t apic_id)
{
    return 0xfee00000u | (apic_id & 0xff) << 12;
}
