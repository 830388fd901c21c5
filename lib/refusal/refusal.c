/* SPDX-License-Identifier: MIT */
#include "refusal/refusal.h"

void refusal_counts_init(struct refusal_counts *counts)
{
    *counts = (struct refusal_counts){0};
}

/** The class of a refusal, a new one if there is room. */
static uint32_t find_class(struct refusal_counts *counts, uint8_t kind, uint8_t reason)
{
    for (uint32_t i = 0; i < counts->class_count; i++) {
        if (counts->kinds[i] == kind && counts->reasons[i] == reason) {
            return i;
        }
    }
    if (counts->class_count == REFUSAL_CLASSES - 1) {
        return REFUSAL_CLASSES - 1;
    }
    counts->kinds[counts->class_count] = kind;
    counts->reasons[counts->class_count] = reason;
    return counts->class_count++;
}

/** 1, 4, 16, 64, ... */
static bool is_power_of_four(uint64_t number)
{
    return (number & (number - 1)) == 0 && (number & 0x5555555555555555ull) != 0;
}

bool refusal_count(struct refusal_counts *counts, uint8_t kind, uint8_t reason, uint64_t *count)
{
    const uint64_t so_far = ++counts->counts[find_class(counts, kind, reason)];

    *count = so_far;
    if (so_far <= REFUSALS_EACH || is_power_of_four(so_far)) {
        return true;
    }
    counts->omitted++;
    return false;
}
