/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The inputs of all I/O APICs of a machine, by global system interrupt (ACPI 6.5 §5.2.13), and what
 * the MADT says of some of them: where ISA interrupts arrive and how they are triggered
 * (§5.2.12.5), which ones are NMIs (§5.2.12.6).
 */

#include "acpi/madt.h"
#include "base/compiler.h"
#include "capos.h"

#define IOAPIC_RANGES_MAX 16u
#define IOAPIC_RULES_MAX  48u

/** Of one I/O APIC: two registers each, from 10h to FFh (82093AA §3.2). */
#define IOAPIC_PINS_MAX 120u

/** Who has an input for good, so that no function's pin can be there. */
enum ioapic_user {
    IOAPIC_USER_NONE,
    IOAPIC_USER_TIMER,   /* the PC's interval timer, ISA 0 */
    IOAPIC_USER_CONSOLE, /* COM1 */
    IOAPIC_USER_NMI,
};

/** The inputs of one I/O APIC. */
struct ioapic_range {
    uint8_t id;
    uint32_t first; /* global system interrupt of its input 0 */
    uint32_t count;
};

/** What firmware says of an input. */
struct ioapic_rule {
    uint32_t interrupt;
    enum ioapic_user user;
    struct acpi_input input; /* ..._BUS says nothing */
};

struct ioapic_inputs {
    struct ioapic_range ranges[IOAPIC_RANGES_MAX];
    uint32_t range_count;
    struct ioapic_rule rules[IOAPIC_RULES_MAX];
    uint32_t rule_count;
};

/** An input: of I/O APIC `ranges[io_apic]`, number `pin` there. */
struct ioapic_place {
    uint32_t io_apic;
    uint32_t pin;
};

/**
 * Add an I/O APIC. False, and nothing has changed: it has no inputs or more than an I/O APIC can
 * have, a number of another one's, numbers beyond 32 bits, or there are too many.
 */
MUST_CHECK bool ioapic_inputs_add(struct ioapic_inputs *inputs, uint8_t id, uint32_t first,
                                  uint32_t count);

/** Add what firmware says of an input; false: too many. */
MUST_CHECK bool ioapic_rules_add(struct ioapic_inputs *inputs, const struct ioapic_rule *rule);

/** Where an interrupt arrives; false: at no I/O APIC. */
MUST_CHECK bool ioapic_find(const struct ioapic_inputs *inputs, uint32_t interrupt,
                            struct ioapic_place *place);

/**
 * May an input be used for something triggered like this?
 *
 * Returns: STATUS_OK; STATUS_BAD_RANGE: there is none; STATUS_DENIED: it has a user, or firmware
 * says that it is triggered otherwise.
 */
MUST_CHECK enum status ioapic_check(const struct ioapic_inputs *inputs, uint32_t interrupt,
                                    bool is_level, bool is_active_low);
