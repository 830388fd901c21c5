/* SPDX-License-Identifier: MIT */
/*
 * Quarantine: what a device may still reach, because nobody has seen it come to rest.
 */
#include "device_manager/handles.h"

void device_quarantine_count(struct device_quarantine *now)
{
    *now = (struct device_quarantine){0};
    for (uint32_t i = 0; i < ledger.function_count; i++) {
        const struct ledger_function *record = &ledger.functions[i];

        if (record->state == FUNCTION_STATE_QUARANTINED) {
            now->function_count++;
            now->device_pages += record->pool_pages;
        }
    }
}
