/* SPDX-License-Identifier: MIT */
#include "device_manager/audit.h"

#include "device_manager/handles.h"
#include "diag/trace.h"

static struct audit_entry entries[AUDIT_ENTRIES];
static uint64_t next_sequence;

void audit_write(enum audit_event event, enum status status, const struct device_function *function,
                 uint64_t pid, uint32_t object, uint64_t detail)
{
    struct audit_entry *entry = &entries[next_sequence % AUDIT_ENTRIES];

    *entry = (struct audit_entry){
        .sequence = next_sequence,
        .nanoseconds = clock_ns(),
        .event = event,
        .status = status,
        .function = LEDGER_NONE,
        .object = object,
        .pid = pid,
        .detail = detail,
    };
    if (function != NULL) {
        entry->function = function->index;
        entry->bdf = function->source;
        entry->segment = (uint16_t)function->pci->config.address.segment;
        entry->generation = device_record(function)->generation;
    }
    next_sequence++;
    trace_event(TRACE_KIND_LEDGER,
                (uint64_t)event | (uint64_t)status << 8 | (uint64_t)entry->bdf << 32 |
                    (function == NULL ? 255ull : (uint64_t)device_record(function)->state) << 16,
                pid, detail);
}

enum status audit_refuse(enum status status, const struct device_function *function, uint64_t pid,
                         uint32_t object, uint64_t detail)
{
    audit_write(AUDIT_EVENT_REFUSED, status, function, pid, object, detail);
    return status;
}

const struct audit_entry *audit_read(uint64_t sequence)
{
    const uint64_t oldest = next_sequence > AUDIT_ENTRIES ? next_sequence - AUDIT_ENTRIES : 0;
    const uint64_t wanted = sequence < oldest ? oldest : sequence;

    return wanted < next_sequence ? &entries[wanted % AUDIT_ENTRIES] : NULL;
}

uint64_t audit_next(void)
{
    return next_sequence;
}
