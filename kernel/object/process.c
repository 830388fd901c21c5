/* SPDX-License-Identifier: MIT */
#include "object/process.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "device_manager/device_manager.h"
#include "diag/trace.h"
#include "mm/frames.h"
#include "mm/slab.h"
#include "object/object.h"
#include "object/services.h"
#include "refund.h"
#include "sched/sched.h"
#include "sched/thread.h"

struct account root_account;

static struct list processes = LIST_INIT(processes); /* by kernel_lock */
static uint64_t last_pid;

/* By kernel_lock. Its limits grow and shrink with what it is charged. */
static struct process quarantine;

static bool teardown_step(struct work *work);

enum status process_create(struct process *parent, const char *name,
                           const struct process_limits *limits, struct process **out)
{
    struct account *parent_account = parent == NULL ? &root_account : &parent->account;

    if (!account_charge(parent_account, ACCOUNT_OBJECTS, 1)) {
        return STATUS_OVER_BUDGET;
    }
    enum status status = STATUS_NO_MEMORY;
    struct slab_owner *slabs = parent == NULL ? &slab_kernel : &parent->slabs;
    struct process *process = slab_take(slabs, sizeof(*process));

    if (process == NULL) {
        status = slab_refusal(slabs);
        goto refund;
    }
    if (!account_open(&process->account, parent_account, (uint32_t)(last_pid + 1),
                      limits->resources)) {
        status = STATUS_OVER_BUDGET;
        goto free_process;
    }
    slab_owner_init(&process->slabs, &process->account);
    status = address_space_create(&process->space, process);
    if (status != STATUS_OK) {
        goto close_account;
    }
    process->pid = ++last_pid;
    process->parent = parent;
    process->state = PROCESS_STATE_STARTING;
    for (uint32_t i = 0; i + 1 < PROCESS_NAME_BYTES && name[i] != '\0'; i++) {
        process->name[i] = name[i];
    }
    cap_table_init(&process->caps);
    list_init(&process->threads);
    list_init(&process->throttled_threads);
    list_init(&process->teardown.link);
    process->teardown.step = teardown_step;
    process->max_priority = limits->max_priority;
    process->budget_ticks = limits->budget_ticks;
    process->period_ticks = limits->period_ticks;
    process->budget_left = limits->budget_ticks;
    list_append(&processes, &process->all);
    trace_process(TRACE_KIND_PROCESS_START, process);
    *out = process;
    return STATUS_OK;

close_account:
    account_close(&process->account);
free_process:
    slab_give(process, sizeof(*process));
refund:
    refund(parent_account, ACCOUNT_OBJECTS, 1);
    return status;
}

/** Have the threads that run stop when they next leave the kernel. */
static void stop_running(struct process *process)
{
    for (uint32_t i = 0; i < cpu_count; i++) {
        struct thread *thread = cpus[i]->current;

        if (thread != NULL && thread->process == process && (thread->watch & WATCH_STOP) == 0) {
            thread->exit_code = process->exit_code;
            thread->watch |= WATCH_STOP;
        }
        if (cpus[i]->space == &process->space && cpus[i] != this_cpu()) {
            apic_send_ipi(cpus[i]->apic_id, VECTOR_RESCHEDULE);
        }
    }
}

/**
 * End up to a step's worth of threads that no CPU carries; true: there are none. The others end
 * when they leave the kernel, whatever state they are in by then.
 */
static bool end_threads(struct process *process)
{
    uint32_t running = 0; /* in a row */

    for (uint32_t i = 0; i < PROCESS_STEP_THREADS;) {
        if (list_is_empty(&process->threads) || running > cpu_count) {
            return true;
        }
        struct thread *thread = LIST_FIRST(&process->threads, struct thread, siblings);

        if (thread->cpu->current == thread) {
            list_move(&process->threads, &thread->siblings);
            running++;
        } else {
            thread->exit_code = process->exit_code;
            thread_finish(thread);
            running = 0;
            i++;
        }
    }
    return false;
}

void process_end(struct process *process, enum exit_reason reason, uint64_t code)
{
    if (process->state == PROCESS_STATE_ENDING || process->state == PROCESS_STATE_GONE) {
        return;
    }
    if (process->parent == NULL && process->state == PROCESS_STATE_RUNNING) {
        PANIC("init has ended (code %lu); nothing is left to run", (unsigned long)code);
    }
    process->state = PROCESS_STATE_ENDING;
    process->exit_reason = reason;
    process->exit_code = code;
    trace_process(TRACE_KIND_PROCESS_END, process);
    /* Threads that are ready, or made so, do not run again: while work is queued, whoever is to run
     * next is looked at closely. The teardown is queued until no thread is left to be ended. */
    process->throttled = true;
    timer_disarm(&process->refill);
    stop_running(process);
    (void)end_threads(process);
    device_owner_ended(process);
    work_start(&process->teardown);
}

static void resume_teardown(struct process *process)
{
    if (process->teardown_paused) {
        process->teardown_paused = false;
        work_start(&process->teardown);
    }
}

/** Whether nothing runs in the process and no CPU has its tables loaded. */
static bool is_still(const struct process *process)
{
    return process->thread_count == 0 && !address_space_is_loaded(&process->space);
}

void process_thread_gone(struct process *process)
{
    if (is_still(process)) {
        resume_teardown(process);
    }
}

void process_space_unloaded(struct process *process)
{
    if (is_still(process)) {
        resume_teardown(process);
    }
}

void process_mappings_gone(struct process *process)
{
    resume_teardown(process);
}

void process_claims_changed(struct process *process)
{
    resume_teardown(process);
    process_account_changed(process);
}

/** Empty up to a step's worth of capability slots; true when the table is empty. */
static bool empty_caps(struct process *process)
{
    const uint32_t end = process->caps.page_count * CAP_ENTRIES_PER_PAGE;

    for (uint32_t i = 0; i < WORK_STEP_UNITS && process->teardown_index < end; i++) {
        const uint32_t index = process->teardown_index++;

        if (cap_table_at(&process->caps, index)->place != NULL) {
            object_ungrant(process, index);
        }
    }
    return process->teardown_index == end;
}

static bool teardown_step(struct work *work)
{
    struct process *process = CONTAINER_OF(work, struct process, teardown);

    if (!end_threads(process)) {
        return false;
    }
    if (!is_still(process)) {
        process->teardown_paused = true;
        return true; /* process_thread_gone() or process_space_unloaded() goes on */
    }
    struct tree_node *first = tree_first(&process->space.mappings);

    if (first != NULL) {
        (void)mapping_remove(CONTAINER_OF(first, struct mapping, node));
        return false;
    }
    if (process->space.removals > 0) {
        process->teardown_paused = true;
        return true; /* process_mappings_gone() goes on */
    }
    if (!empty_caps(process)) {
        return false;
    }
    if (process->claim_count > 0) {
        process->teardown_paused = true;
        return true; /* process_claims_changed() goes on */
    }
    device_quarantine_inherit(process);
    if (process->doomed_count > 0) {
        return false; /* whoever waits for the end may want to use what it held at once */
    }
    for (uint32_t i = 0; i < process->caps.page_count; i++) {
        frames_give(pointer_frame(process->caps.pages[i]), 0, &process->account);
    }
    cap_table_init(&process->caps);
    timer_disarm(&process->refill);
    address_space_destroy(&process->space);
    process->state = PROCESS_STATE_GONE;
    device_user_gone(process);
    if (process->handle != NULL) {
        process_handle_gone(process->handle, process->exit_reason, process->exit_code);
    }
    process_account_changed(process);
    return true;
}

static void settle_quarantine(void);

static void quarantine_shrunk(struct slab_owner *owner)
{
    (void)owner;
    settle_quarantine();
}

struct process *process_quarantine(void)
{
    static const uint32_t nothing[ACCOUNT_RESOURCE_COUNT];
    static const char name[] = "quarantine";

    if (quarantine.pid == 0) {
        quarantine.pid = ++last_pid;
        quarantine.state = PROCESS_STATE_RUNNING;
        memcpy(quarantine.name, name, sizeof(name));
        cap_table_init(&quarantine.caps);

        list_init(&quarantine.threads);
        list_init(&quarantine.throttled_threads);
        list_init(&quarantine.all);
        KVERIFY(
            account_open(&quarantine.account, &root_account, (uint32_t)quarantine.pid, nothing));
        slab_owner_init(&quarantine.slabs, &quarantine.account);
        quarantine.slabs.shrunk = quarantine_shrunk;
    }
    if (!list_is_linked(&quarantine.all)) {
        struct list *behind = processes.next;

        while (behind != &processes &&
               CONTAINER_OF(behind, struct process, all)->pid < quarantine.pid) {
            behind = behind->next;
        }
        list_append(behind, &quarantine.all);
    }
    return &quarantine;
}

/** Quarantine has less: init may give it out again. */
static void settle_quarantine(void)
{
    struct process *init = process_next(NULL);

    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        account_move_limit(&quarantine.account, &init->account, i,
                           account_left(&quarantine.account, i));
    }
    if (account_is_empty(&quarantine.account) && list_is_linked(&quarantine.all)) {
        list_remove(&quarantine.all);
    }
}

void process_account_changed(struct process *process)
{
    if (UNLIKELY(process == &quarantine)) {
        settle_quarantine();
        return;
    }
    /* A parent that is gone itself may have been kept by this child alone, and so on. */
    while (process != NULL && process->state == PROCESS_STATE_GONE &&
           account_is_empty(&process->account)) {
        struct process *parent = process->parent;

        account_close(&process->account);
        refund(parent == NULL ? &root_account : &parent->account, ACCOUNT_OBJECTS, 1);
        list_remove(&process->all);
        slab_give(process, sizeof(*process));
        process = parent;
    }
}

struct process *process_next(const struct process *process)
{
    struct list *node = process == NULL ? processes.next : process->all.next;

    return node == &processes ? NULL : CONTAINER_OF(node, struct process, all);
}

struct process *process_find(uint64_t pid)
{
    for (struct process *process = process_next(NULL); process != NULL;
         process = process_next(process)) {
        if (process->pid == pid) {
            return process;
        }
    }
    return NULL;
}
