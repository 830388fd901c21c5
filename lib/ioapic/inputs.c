/* SPDX-License-Identifier: MIT */
#include "ioapic/inputs.h"

bool ioapic_inputs_add(struct ioapic_inputs *inputs, uint8_t id, uint32_t first, uint32_t count)
{
    if (inputs->range_count == IOAPIC_RANGES_MAX || count == 0 || count > IOAPIC_PINS_MAX ||
        first > UINT32_MAX - count) {
        return false;
    }
    for (uint32_t i = 0; i < inputs->range_count; i++) {
        const struct ioapic_range *other = &inputs->ranges[i];

        if (first < other->first + other->count && other->first < first + count) {
            return false;
        }
    }
    inputs->ranges[inputs->range_count++] =
        (struct ioapic_range){.id = id, .first = first, .count = count};
    return true;
}

bool ioapic_rules_add(struct ioapic_inputs *inputs, const struct ioapic_rule *rule)
{
    if (inputs->rule_count == IOAPIC_RULES_MAX) {
        return false;
    }
    inputs->rules[inputs->rule_count++] = *rule;
    return true;
}

bool ioapic_find(const struct ioapic_inputs *inputs, uint32_t interrupt, struct ioapic_place *place)
{
    for (uint32_t i = 0; i < inputs->range_count; i++) {
        const struct ioapic_range *range = &inputs->ranges[i];

        if (interrupt >= range->first && interrupt - range->first < range->count) {
            *place = (struct ioapic_place){.io_apic = i, .pin = interrupt - range->first};
            return true;
        }
    }
    return false;
}

/** Whether a rule has nothing against it. */
static bool allows(const struct ioapic_rule *rule, bool is_level, bool is_active_low)
{
    return rule->user == IOAPIC_USER_NONE &&
           (rule->input.polarity == ACPI_POLARITY_BUS ||
            is_active_low == (rule->input.polarity == ACPI_POLARITY_LOW)) &&
           (rule->input.trigger == ACPI_TRIGGER_BUS ||
            is_level == (rule->input.trigger == ACPI_TRIGGER_LEVEL));
}

enum status ioapic_check(const struct ioapic_inputs *inputs, uint32_t interrupt, bool is_level,
                         bool is_active_low)
{
    struct ioapic_place place;

    if (!ioapic_find(inputs, interrupt, &place)) {
        return STATUS_BAD_RANGE;
    }
    for (uint32_t i = 0; i < inputs->rule_count; i++) {
        const struct ioapic_rule *rule = &inputs->rules[i];

        if (rule->interrupt == interrupt && !allows(rule, is_level, is_active_low)) {
            return STATUS_DENIED;
        }
    }
    return STATUS_OK;
}
