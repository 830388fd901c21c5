/* SPDX-License-Identifier: MIT */
#include "intx/routing.h"

static bool is_same_pin(const struct intx_declaration *a, const struct intx_declaration *b)
{
    return a->segment == b->segment && a->bus == b->bus && a->device == b->device &&
           a->pin == b->pin;
}

static bool is_same_trigger(const struct intx_declaration *a, const struct intx_declaration *b)
{
    return a->is_level == b->is_level && a->is_active_low == b->is_active_low;
}

enum status intx_declare_check(const struct intx_routing *routing,
                               const struct ioapic_inputs *inputs,
                               const struct intx_declaration *declaration, bool *is_known)
{
    if (declaration->pin == 0 || declaration->pin > INTX_PINS ||
        declaration->device >= INTX_DEVICES_BUS) {
        return STATUS_BAD_RANGE;
    }
    if (!declaration->is_level) {
        return STATUS_UNSUPPORTED;
    }
    const enum status status = ioapic_check(inputs, declaration->interrupt, declaration->is_level,
                                            declaration->is_active_low);

    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < routing->count; i++) {
        const struct intx_declaration *other = &routing->entries[i];

        if (other->interrupt == declaration->interrupt && !is_same_trigger(other, declaration)) {
            return STATUS_BUSY;
        }
        if (is_same_pin(other, declaration)) {
            *is_known = other->interrupt == declaration->interrupt;
            return *is_known ? STATUS_OK : STATUS_BUSY;
        }
    }
    *is_known = false;
    return routing->count < routing->capacity ? STATUS_OK : STATUS_QUEUE_FULL;
}

void intx_declare_commit(struct intx_routing *routing, const struct intx_declaration *declaration)
{
    routing->entries[routing->count++] = *declaration;
}

static const struct intx_declaration *find_pin(const struct intx_routing *routing,
                                               const struct intx_declaration *wanted)
{
    for (uint32_t i = 0; i < routing->count; i++) {
        if (is_same_pin(&routing->entries[i], wanted)) {
            return &routing->entries[i];
        }
    }
    return NULL;
}

const struct intx_declaration *intx_find(const struct intx_routing *routing,
                                         const struct vtd_path *path, uint8_t pin)
{
    if (pin == 0 || pin > INTX_PINS) {
        return NULL;
    }
    for (uint32_t i = path->count; i > 0; i--) {
        const struct vtd_hop *hop = &path->hops[i - 1];
        const struct intx_declaration wanted = {
            .segment = path->segment, .bus = hop->bus, .device = hop->device, .pin = pin};
        const struct intx_declaration *found = find_pin(routing, &wanted);

        if (found != NULL) {
            return found;
        }
        pin = (uint8_t)((pin - 1u + hop->device) % INTX_PINS + 1u);
    }
    return NULL;
}
