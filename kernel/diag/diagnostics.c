/* SPDX-License-Identifier: MIT */
/*
 * The Diagnostics interface: what the kernel knows about itself, as messages. Each answer is
 * bounded by the caller's buffer and by a page of entries; lists go on at a cursor.
 * Under the kernel lock.
 */

#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "device_manager/device_manager.h"
#include "diag/log.h"
#include "diag/reports.h"
#include "diag/trace.h"
#include "mm/frames.h"
#include "object/object.h"
#include "object/process.h"
#include "sched/sched.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "syscall/answer.h"

#define LIST_MAX  32u
#define LOG_CHUNK 1024u

static void put_process(const struct wire_build_struct *info, const struct process *process)
{
    uint8_t priority = 0;

    LIST_FOR_EACH(node, &process->threads)
    {
        const struct thread *thread = CONTAINER_OF(node, struct thread, siblings);

        priority = thread->priority > priority ? thread->priority : priority;
    }
    process_info_set_pid(info, process->pid);
    (void)process_info_set_name(info, process->name, strlen(process->name));
    process_info_set_state(info, process->state);
    process_info_set_priority(info, priority);
    process_info_set_threads(info, process->thread_count);
    process_info_set_cpu_micros(info, clock_duration_ns(process->cpu_ticks) / 1000);
    process_info_set_frames(info, process->account.used[ACCOUNT_FRAMES]);
    process_info_set_frame_limit(info, process->account.limit[ACCOUNT_FRAMES]);
    process_info_set_cap_slots(info, process->account.used[ACCOUNT_CAP_SLOTS]);
    process_info_set_cap_slot_limit(info, process->account.limit[ACCOUNT_CAP_SLOTS]);
    process_info_set_objects(info, process->account.used[ACCOUNT_OBJECTS]);
    process_info_set_object_limit(info, process->account.limit[ACCOUNT_OBJECTS]);
}

static enum status diagnostics_processes(struct method *method)
{
    enum status status = STATUS_OK;
    const struct diagnostics_processes_params *parameters = method_inline(method, &status);
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list list;
    uint32_t count = 0;

    if (parameters == NULL) {
        return status;
    }
    const struct process *process = process_next(NULL);

    while (process != NULL && process->pid <= parameters->after_pid) {
        process = process_next(process);
    }
    for (const struct process *p = process; p != NULL && count < LIST_MAX; p = process_next(p)) {
        count++;
    }
    sched_account_all();
    answer_begin(method, &builder);
    (void)diagnostics_processes_results_init_root(&builder, &root);
    (void)diagnostics_processes_results_init_processes(&root, count, &list);
    for (uint32_t i = 0; i < count; i++, process = process_next(process)) {
        struct wire_build_struct info;

        (void)wire_list_build_struct(&list, i, &info);
        put_process(&info, process);
    }
    return answer_finish(method, &builder);
}

static enum status diagnostics_capabilities(struct method *method)
{
    enum status status = STATUS_OK;
    const struct diagnostics_capabilities_params *parameters = method_inline(method, &status);
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list list;
    uint32_t indexes[LIST_MAX];
    uint32_t count = 0;

    if (parameters == NULL) {
        return status;
    }
    const struct process *process = process_find(parameters->pid);

    if (process == NULL) {
        return STATUS_NOT_FOUND;
    }
    for (uint32_t slot = parameters->after_index; count < LIST_MAX && slot != CAP_NO_INDEX;) {
        slot = object_next_slot(process, slot + 1);
        if (slot != CAP_NO_INDEX) {
            indexes[count++] = slot;
        }
    }
    answer_begin(method, &builder);
    (void)diagnostics_capabilities_results_init_root(&builder, &root);
    (void)diagnostics_capabilities_results_init_capabilities(&root, count, &list);
    for (uint32_t i = 0; i < count; i++) {
        const struct cap_entry *entry = cap_table_at(&process->caps, indexes[i]);
        const struct object *object = cap_entry_object(entry);
        struct wire_build_struct info;

        (void)wire_list_build_struct(&list, i, &info);
        capability_info_set_index(&info, indexes[i]);
        capability_info_set_generation(&info, entry->generation);
        capability_info_set_kind(&info, object == NULL ? OBJECT_KIND_NONE : object->kind);
        capability_info_set_stale(&info, object == NULL);
        capability_info_set_object(&info, object == NULL ? 0 : object->number);
    }
    return answer_finish(method, &builder);
}

static enum status diagnostics_memory(struct method *method)
{
    uint64_t counts[FRAME_KIND_COUNT];
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_struct info;
    struct device_quarantine quarantine;

    frames_count(counts);
    device_quarantine_count(&quarantine);
    answer_begin(method, &builder);
    (void)diagnostics_memory_results_init_root(&builder, &root);
    (void)diagnostics_memory_results_init_info(&root, &info);
    memory_info_set_total(&info, frames_total());
    memory_info_set_free(&info, counts[FRAME_FREE]);
    memory_info_set_reserved(&info, counts[FRAME_RESERVED]);
    memory_info_set_kernel_image(&info, counts[FRAME_KERNEL_IMAGE]);
    memory_info_set_frame_table(&info, counts[FRAME_TABLE]);
    memory_info_set_slabs(&info, counts[FRAME_SLAB] + counts[FRAME_THREAD]);
    memory_info_set_page_tables(&info, counts[FRAME_PAGE_TABLE] + counts[FRAME_IOMMU]);
    memory_info_set_rings(&info, counts[FRAME_RING]);
    memory_info_set_memory_objects(&info, counts[FRAME_MEMORY]);
    memory_info_set_cap_tables(&info, counts[FRAME_CAP_TABLE]);
    memory_info_set_per_cpu(&info, counts[FRAME_PER_CPU]);
    memory_info_set_quarantined(&info, quarantine.frame_count);
    return answer_finish(method, &builder);
}

static enum status diagnostics_cpus(struct method *method)
{
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list list;

    sched_account_all();
    answer_begin(method, &builder);
    (void)diagnostics_cpus_results_init_root(&builder, &root);
    (void)diagnostics_cpus_results_init_cpus(&root, cpu_count, &list);
    for (uint32_t i = 0; i < cpu_count; i++) {
        struct wire_build_struct info;

        (void)wire_list_build_struct(&list, i, &info);
        cpu_info_set_index(&info, i);
        cpu_info_set_apic_id(&info, cpus[i]->apic_id);
        cpu_info_set_idle_micros(&info, clock_duration_ns(cpus[i]->idle_ticks) / 1000);
        cpu_info_set_busy_micros(&info, clock_duration_ns(cpus[i]->busy_ticks) / 1000);
        cpu_info_set_switches(&info, cpus[i]->switch_count);
        cpu_info_set_interrupts(&info, cpus[i]->interrupt_count);
    }
    return answer_finish(method, &builder);
}

static enum status diagnostics_log(struct method *method)
{
    enum status status = STATUS_OK;
    const struct diagnostics_log_params *parameters = method_inline(method, &status);
    struct wire_builder builder;
    struct wire_build_struct root;
    uint64_t next;
    uint64_t lost;

    if (parameters == NULL) {
        return status;
    }
    /* The message page of this CPU is free: this method's parameters are inline. */
    uint8_t *text = this_cpu()->message_scratch;
    const size_t length = log_read(parameters->sequence, text, LOG_CHUNK, &next, &lost);

    answer_begin(method, &builder);
    (void)diagnostics_log_results_init_root(&builder, &root);
    diagnostics_log_results_set_next(&root, next);
    diagnostics_log_results_set_lost(&root, lost);
    (void)diagnostics_log_results_set_text(&root, text, length);
    return answer_finish(method, &builder);
}

static enum status diagnostics_trace_control(struct method *method)
{
    INLINE_PARAMETERS(parameters, diagnostics_trace_control_params)
    if (parameters->command >= TRACE_COMMAND_COUNT) {
        return STATUS_BAD_REQUEST;
    }
    trace_control((enum trace_command)parameters->command);
    struct wire_builder builder;
    struct wire_build_struct root;

    answer_begin(method, &builder);
    (void)diagnostics_trace_control_results_init_root(&builder, &root);
    diagnostics_trace_control_results_set_running(&root, trace_is_on);
    diagnostics_trace_control_results_set_cpu_count(&root, cpu_count);
    diagnostics_trace_control_results_set_capacity(&root, trace_capacity());
    diagnostics_trace_control_results_set_boot_ticks(&root, clock_boot_ticks);
    diagnostics_trace_control_results_set_ticks_per_second(&root, clock_ticks_per_second());
    return answer_finish(method, &builder);
}

static enum status diagnostics_trace(struct method *method)
{
    INLINE_PARAMETERS(parameters, diagnostics_trace_params)
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list list;
    uint64_t start, lost, found, none;
    uint32_t count = 0;

    if (parameters->cpu >= cpu_count) {
        return STATUS_NOT_FOUND;
    }
    (void)trace_read(parameters->cpu, parameters->sequence, &start, &lost);
    while (count < LIST_MAX && trace_read(parameters->cpu, start + count, &found, &none) != NULL) {
        count++;
    }
    answer_begin(method, &builder);
    (void)diagnostics_trace_results_init_root(&builder, &root);
    diagnostics_trace_results_set_next(&root, start + count);
    diagnostics_trace_results_set_lost(&root, lost);
    (void)diagnostics_trace_results_init_records(&root, count, &list);
    for (uint32_t i = 0; i < count; i++) {
        const struct trace_record *from = trace_read(parameters->cpu, start + i, &found, &none);
        struct wire_build_struct record;

        (void)wire_list_build_struct(&list, i, &record);
        trace_record_set_ticks(&record, from->ticks);
        trace_record_set_pid(&record, from->pid);
        trace_record_set_word0(&record, from->words[0]);
        trace_record_set_word1(&record, from->words[1]);
        trace_record_set_word2(&record, from->words[2]);
        trace_record_set_kind(&record, (enum trace_kind)from->kind);
    }
    return answer_finish(method, &builder);
}

method_function *const diagnostics_methods[] = {
    [DIAGNOSTICS_PROCESSES] = diagnostics_processes,
    [DIAGNOSTICS_CAPABILITIES] = diagnostics_capabilities,
    [DIAGNOSTICS_MEMORY] = diagnostics_memory,
    [DIAGNOSTICS_CPUS] = diagnostics_cpus,
    [DIAGNOSTICS_LOG] = diagnostics_log,
    [DIAGNOSTICS_FUNCTIONS] = device_list_functions,
    [DIAGNOSTICS_INTERRUPTS] = device_list_interrupts,
    [DIAGNOSTICS_DMA] = device_list_dma,
    [DIAGNOSTICS_QUARANTINE] = device_list_quarantine,
    [DIAGNOSTICS_IOMMUS] = device_list_iommus,
    [DIAGNOSTICS_TRACE_CONTROL] = diagnostics_trace_control,
    [DIAGNOSTICS_TRACE] = diagnostics_trace,
    [DIAGNOSTICS_REPORT] = diagnostics_report,
};
