/* SPDX-License-Identifier: MIT */
#include "sched/thread.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "diag/log.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "object/endpoint.h"
#include "object/process.h"
#include "object/services.h"
#include "refund.h"
#include "sched/sched.h"

#define FPU_ALIGN     64u
#define LENDING_DEPTH 8u /* servers that call servers, as far as lent priority reaches */

static void init_frame(struct thread *thread, const struct thread_start *start)
{
    thread->frame = (struct trap_frame){
        .rip = start->entry,
        .rsp = start->stack_top,
        .rdi = start->ring_address,
        .rsi = start->argument,
        .cs = USER_CODE_SELECTOR,
        .ss = USER_DATA_SELECTOR,
        .rflags = RFLAGS_IF,
    };
    thread->entry = ENTRY_FULL;
}

static void init_operations(struct thread *thread)
{
    thread->operations = frame_pointer(thread->block + OPERATIONS_FRAME);
    memset(thread->operations, 0, sizeof(struct operation) * RING_DEPTH);
    for (uint32_t i = 0; i < RING_DEPTH; i++) {
        struct operation *operation = &thread->operations[RING_DEPTH - 1 - i];

        operation->thread = thread;
        operation->index = RING_DEPTH - 1 - i;
        list_init(&operation->link);
        operation_give_quickly(operation);
    }
}

static bool finish_step(struct work *work);

enum status thread_create(struct process *process, const struct thread_start *start,
                          struct thread **out)
{
    struct account *account = &process->account;
    uint32_t block;
    struct mapping *ring_mapping;
    enum status status;

    if (start->entry < USER_BASE || start->entry >= USER_END || start->stack_top > USER_END ||
        start->stack_top % 16 != 0) {
        return STATUS_BAD_RANGE;
    }
    if (!account_charge(account, ACCOUNT_THREADS, 1)) {
        return STATUS_OVER_BUDGET;
    }
    status = frames_take_thread(account, &block);
    if (status != STATUS_OK) {
        goto refund_thread;
    }
    for (uint32_t i = 0; i < RING_FRAMES; i++) {
        frame_clear(block + i);
    }
    status = address_space_map_ring(&process->space, block, start->ring_address, &ring_mapping);
    if (status != STATUS_OK) {
        goto give_block;
    }

    struct thread *thread = frame_pointer(block + THREAD_FRAME);

    memset(thread, 0, sizeof(*thread));
    thread->process = process;
    thread->state = THREAD_BLOCKED;
    thread->block = block;
    thread->ring_mapping = ring_mapping;
    thread->cpu = this_cpu();
    thread->number = ++process->threads_created;
    thread->base_priority =
        start->priority < process->max_priority ? start->priority : process->max_priority;
    thread->priority = thread->base_priority;
    thread->watch = process->budget_ticks != 0 ? WATCH_BUDGET : 0;
    thread->fpu_area = (void *)(((uintptr_t)(thread + 1) + FPU_ALIGN - 1) & ~(FPU_ALIGN - 1ull));
    KVERIFY((uintptr_t)thread->fpu_area + cpu_features.xsave_bytes <=
            (uintptr_t)thread + PAGE_BYTES);
    fpu_init_area(thread->fpu_area);
    list_init(&thread->queue);
    list_init(&thread->serving);
    list_init(&thread->finishing.link);
    thread->finishing.step = finish_step;
    list_append(&process->threads, &thread->siblings);
    process->thread_count++;
    ring_kernel_init(&thread->ring, frame_pointer(block));
    init_operations(thread);
    init_frame(thread, start);
    *out = thread;
    return STATUS_OK;

give_block:
    frames_give_thread(block);
refund_thread:
    refund(account, ACCOUNT_THREADS, 1);
    return status;
}

void thread_end(struct thread *thread, uint64_t code)
{
    if (thread->state == THREAD_ENDED || (thread->watch & WATCH_STOP) != 0) {
        return;
    }
    thread->exit_code = code;
    if (thread->state == THREAD_RUNNING) {
        thread->watch |= WATCH_STOP;
        sched_interrupt(thread);
        return;
    }
    thread_finish(thread);
}

/** Whoever waits for the thread may make another one in its place. */
static void block_gone(void *context)
{
    thread_object_gone(context);
}

/** Nothing waits for the thread any more: give back what it had. */
static void give_back(struct thread *thread)
{
    struct process *process = thread->process;
    const uint64_t code = thread->exit_code;

    if (thread->object != NULL && thread->object->object.refs == 0) {
        thread->object->thread = NULL; /* it waits to be destroyed */
    } else if (thread->object != NULL) {
        thread_object_ended(thread->object, code);
        thread->ring_mapping->removed = block_gone;
        thread->ring_mapping->removed_context = thread->object;
    }
    process->thread_count--;
    /* The thread's block goes with its ring, after the flush: mapping_finish(). */
    (void)mapping_remove(thread->ring_mapping);
    if (process->thread_count == 0) {
        process_end(process, EXIT_REASON_EXITED, code);
        process_thread_gone(process);
    }
}

static bool finish_step(struct work *work)
{
    struct thread *thread = CONTAINER_OF(work, struct thread, finishing);

    for (uint32_t units = 0; thread->finished_count < RING_DEPTH; units++) {
        struct operation *operation = &thread->operations[thread->finished_count];

        if (units == WORK_STEP_UNITS) {
            return false;
        }
        thread->finished_count++;
        if (operation->state != OPERATION_FREE) {
            operation_cancel(operation, STATUS_CANCELLED);
        }
    }
    give_back(thread);
    return true;
}

void thread_finish(struct thread *thread)
{
    sched_forget(thread);
    timer_disarm(&thread->deadline);
    thread->state = THREAD_ENDED;
    list_remove(&thread->siblings);
    if (!finish_step(&thread->finishing)) {
        work_start(&thread->finishing);
    }
}

void thread_post_status(struct thread *thread, uint64_t user_data, enum status status)
{
    struct ring_cqe *cqe = ring_kernel_next_cqe(&thread->ring);

    ring_cqe_set_head(cqe, (uint8_t)status, STATUS_OK, 0, 0, 0);
    cqe->user_data = user_data;
    thread_post(thread);
}

static uint8_t effective_priority(const struct thread *thread)
{
    uint8_t priority = thread->base_priority;

    LIST_FOR_EACH(node, &thread->serving)
    {
        const uint8_t lent = endpoint_lent_priority(CONTAINER_OF(node, struct operation, link));

        priority = lent > priority ? lent : priority;
    }
    return priority;
}

/** A call that a blocked thread waits for, or NULL. */
static struct operation *pending_call(const struct thread *thread)
{
    for (uint32_t i = 0; thread->state == THREAD_BLOCKED && i < RING_DEPTH; i++) {
        struct operation *operation = &thread->operations[i];

        if (operation->state == OPERATION_TAKEN || operation->state == OPERATION_QUEUED) {
            return operation;
        }
    }
    return NULL;
}

void thread_update_priority(struct thread *thread)
{
    /* A server that waits for another server's answer passes on what it is lent. */
    for (uint32_t i = 0; thread != NULL && i < LENDING_DEPTH; i++) {
        const uint8_t priority = effective_priority(thread);

        if (priority == thread->priority) {
            return;
        }
        sched_set_priority(thread, priority);
        struct operation *call = pending_call(thread);

        thread = call != NULL ? endpoint_caller_changed(call) : NULL;
    }
}

void thread_load_tls(const struct thread *thread)
{
    if (this_cpu()->current == thread) {
        set_thread_base(thread->fs_base);
    }
}

void thread_poisoned(struct thread *thread)
{
    const struct ring_header *header = &thread->ring.memory->header;

    if (!thread->poison_reported) {
        thread->poison_reported = true;
        log_info("ring",
                 "process %lu (%s) thread %lu: ring poisoned: submission tail %u with "
                 "head %u, completion head %u with tail %u",
                 (unsigned long)thread->process->pid, thread->process->name,
                 (unsigned long)thread->number, atomic_load_relaxed_u32(&header->sq_tail),
                 thread->ring.sq_head, atomic_load_relaxed_u32(&header->cq_head),
                 thread->ring.cq_tail);
    }
}
