/* SPDX-License-Identifier: MIT */
#include "device_manager/audit.h"

#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "diag/trace.h"
#include "object/process.h"
#include "syscall/answer.h"

#define READ_MAX 32u /* records of one answer */

static struct audit_entry entries[AUDIT_ENTRIES];
static uint64_t next_sequence;
static uint64_t omitted_count;

/** The next record, of no object and no refusal as yet. */
static ALWAYS_INLINE struct audit_entry *add(enum audit_event event, enum status status,
                                             const struct device_function *function, uint64_t pid,
                                             uint64_t detail)
{
    struct audit_entry *entry = &entries[next_sequence % AUDIT_ENTRIES];

    *entry = (struct audit_entry){
        .sequence = next_sequence,
        .nanoseconds = clock_ns(),
        .event = (uint8_t)event,
        .status = (uint8_t)status,
        .function = LEDGER_NONE,
        .pid = pid,
        .detail = detail,
    };
    if (function != NULL) {
        entry->function = function->index;
        entry->bdf = function->source;
        entry->segment = (uint16_t)function->pci->config.address.segment;
        entry->generation = device_record(function)->generation;
        entry->owner = function->owner == NULL ? DEVICE_NOBODY : function->owner->pid;
        if (event != AUDIT_EVENT_FAULTED) {
            entry->cause = (uint8_t)function->cause;
        }
    }
    next_sequence++;
    trace_event(TRACE_KIND_LEDGER,
                (uint64_t)event | (uint64_t)status << 8 | (uint64_t)entry->bdf << 32 |
                    (function == NULL ? 255ull : (uint64_t)device_record(function)->state) << 16,
                pid, detail);
    return entry;
}

void audit_write(enum audit_event event, enum status status, const struct device_function *function,
                 uint64_t pid, uint32_t object, uint64_t detail)
{
    struct audit_entry *entry = add(event, status, function, pid, detail);
    const struct object *named = object == 0 ? NULL : object_at(object);

    entry->object = object;
    if (named != NULL) {
        entry->kind = (uint8_t)named->kind;
        entry->object_generation = named->place->generation;
    }
}

enum status audit_refuse(struct process *process, const struct audit_refusal *refusal)
{
    uint64_t count = 1;

    if (process != NULL && !refusal_count(&process->refusals, (uint8_t)refusal->used.kind,
                                          (uint8_t)refusal->status, &count)) {
        omitted_count++;
        return refusal->status;
    }
    struct audit_entry *entry =
        add(refusal->is_misplaced ? AUDIT_EVENT_MISPLACED : AUDIT_EVENT_REFUSED, refusal->status,
            refusal->function, process == NULL ? 0 : process->pid, refusal->detail);

    entry->cause = TEARDOWN_CAUSE_NONE;
    if (refusal->is_gone) {
        entry->owner = DEVICE_NOBODY;
    }
    entry->kind = (uint8_t)refusal->used.kind;
    entry->object = refusal->used.number;
    entry->object_generation = refusal->used.generation;
    entry->operation = (uint8_t)refusal->operation;
    entry->method = refusal->method;
    entry->count = count;
    return refusal->status;
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

/* ---- AuditLog ------------------------------------------------------------------------------- */

static void put_record(const struct wire_build_struct *record, const struct audit_entry *entry)
{
    audit_record_set_sequence(record, entry->sequence);
    audit_record_set_nanoseconds(record, entry->nanoseconds);
    audit_record_set_event(record, entry->event);
    audit_record_set_status(record, entry->status);
    audit_record_set_function(record, entry->function);
    audit_record_set_bdf(record, entry->bdf);
    audit_record_set_segment(record, entry->segment);
    audit_record_set_pid(record, entry->pid);
    audit_record_set_generation(record, entry->generation);
    audit_record_set_detail(record, entry->detail);
    audit_record_set_object(record, entry->object);
    audit_record_set_kind(record, entry->kind);
    audit_record_set_cause(record, entry->cause);
    audit_record_set_owner_pid(record, entry->owner);
    audit_record_set_object_generation(record, entry->object_generation);
    audit_record_set_count(record, entry->count);
    audit_record_set_operation(record, entry->operation);
    audit_record_set_method(record, entry->method);
}

static enum status read_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, audit_log_read_params)
    const struct audit_entry *first = audit_read(parameters->sequence);
    const uint64_t start = first == NULL ? next_sequence : first->sequence;
    const uint64_t left = next_sequence - start;
    const uint32_t count = left < READ_MAX ? (uint32_t)left : READ_MAX;
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list list;

    answer_begin(method, &builder);
    (void)audit_log_read_results_init_root(&builder, &root);
    audit_log_read_results_set_next(&root, start + count);
    audit_log_read_results_set_dropped(
        &root, start > parameters->sequence ? start - parameters->sequence : 0);
    audit_log_read_results_set_omitted(&root, omitted_count);
    (void)audit_log_read_results_init_records(&root, count, &list);
    for (uint32_t i = 0; i < count; i++) {
        struct wire_build_struct record;

        (void)wire_list_build_struct(&list, i, &record);
        put_record(&record, audit_read(start + i));
    }
    return answer_finish(method, &builder);
}

method_function *const audit_log_methods[] = {
    [AUDIT_LOG_READ] = read_method,
};
