/* SPDX-License-Identifier: MIT */
#include "sched/sched.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "diag/trace.h"
#include "mm/address_space.h"
#include "object/process.h"
#include "object/reaper.h"
#include "sched/switch.h"
#include "sched/thread.h"

struct spinlock kernel_lock = SPINLOCK_INIT(LOCK_RANK_KERNEL);

static struct cpu_mask idle_cpus; /* by kernel_lock */
static struct cpu *idle_worker; /* by kernel_lock: the idle CPU that does deferred work, or NULL */
static uint64_t slice_ticks;    /* [I] after the first CPU started */

/* ---- Queues --------------------------------------------------------------------------------- */

static void enqueue(struct cpu *cpu, struct thread *thread, bool first)
{
    struct list *list = &cpu->ready[thread->priority];

    thread->state = THREAD_READY;
    thread->cpu = cpu;
    if (first) {
        list_prepend(list, &thread->queue);
    } else {
        list_append(list, &thread->queue);
    }
    cpu->ready_mask |= 1u << thread->priority;
    thread->is_queued = true;
}

static void dequeue(struct thread *thread)
{
    struct list *list = &thread->cpu->ready[thread->priority];

    list_remove(&thread->queue);
    thread->is_queued = false;
    if (list_is_empty(list)) {
        thread->cpu->ready_mask &= ~(1u << thread->priority);
    }
}

static int32_t top_priority(const struct cpu *cpu)
{
    return cpu->ready_mask == 0 ? -1 : 31 - __builtin_clz(cpu->ready_mask);
}

static void kick(struct cpu *cpu)
{
    if (cpu != this_cpu() && !cpu->reschedule_sent) {
        cpu->reschedule_sent = true;
        apic_send_ipi(cpu->apic_id, VECTOR_RESCHEDULE);
    }
}

static struct cpu *find_idle_cpu(void)
{
    for (uint32_t word = 0; word < CPU_MASK_WORDS; word++) {
        if (idle_cpus.words[word] != 0) {
            return cpus[word * 64 + (uint32_t)__builtin_ctzll(idle_cpus.words[word])];
        }
    }
    return NULL;
}

/** The most urgent of what a CPU runs and has queued; -1 if there is nothing. */
static int32_t urgency(const struct cpu *cpu)
{
    const int32_t queued = top_priority(cpu);

    return cpu->current != NULL && cpu->current->priority > queued ? cpu->current->priority
                                                                   : queued;
}

/** The CPU with the least urgent work, if that is less urgent than `priority`; else NULL. */
static struct cpu *find_less_urgent_cpu(int32_t priority)
{
    struct cpu *found = NULL;

    for (uint32_t i = 0; i < cpu_count; i++) {
        if (cpus[i]->online && urgency(cpus[i]) < priority) {
            priority = urgency(cpus[i]);
            found = cpus[i];
        }
    }
    return found;
}

/** The CPU where a ready thread will run soonest; the last one it was on, unless that is busy. */
static struct cpu *choose_cpu(const struct thread *thread)
{
    struct cpu *last = thread->cpu;
    struct cpu *other;

    if (last->idle) {
        return last;
    }
    other = find_idle_cpu();
    if (other == NULL && urgency(last) >= thread->priority) {
        other = find_less_urgent_cpu(thread->priority);
    }
    return other != NULL ? other : last;
}

/** Queue a thread on a CPU, and make sure that the CPU knows. */
static void hand_over(struct cpu *cpu, struct thread *thread)
{
    enqueue(cpu, thread, false);
    if (cpu->idle) {
        /* One thread per idle CPU: the next one looks elsewhere. */
        cpu->idle = false;
        cpu_mask_clear(&idle_cpus, cpu->index);
        kick(cpu);
    } else if (cpu->current == NULL || cpu->current->priority <= thread->priority) {
        /* An equal too: that CPU has no timer set for a slice that nobody waited for. */
        kick(cpu);
    }
}

void sched_place(struct thread *thread)
{
    hand_over(choose_cpu(thread), thread);
}

/** The same with other CPUs, one of which may be better for it, or with equals that wait. */
static NOINLINE void preempt_slowly(struct cpu *cpu, struct thread *current)
{
    struct cpu *other = find_less_urgent_cpu(current->priority);
    const uint64_t now = rdtsc();

    if (other != NULL) {
        hand_over(other, current);
        return;
    }
    /* It keeps what is left of its turn. Were it given a whole slice each time it comes back, its
     * equals might wait for ever. */
    current->slice_left = cpu->slice_end > now ? cpu->slice_end - now : 0;
    enqueue(cpu, current, current->slice_left != 0);
}

NOINLINE void sched_preempt(struct cpu *cpu, struct thread *current)
{
    const uint32_t priority = current->priority;
    const uint32_t mask = cpu->ready_mask;

    if (UNLIKELY(((mask >> priority) & 1) != 0)) {
        preempt_slowly(cpu, current);
        return;
    }
    /* enqueue(), for a thread that is on its own CPU and will be alone in its list. */
    struct list *list = &cpu->ready[priority];

    current->state = THREAD_READY;
    current->queue = (struct list){list, list};
    *list = (struct list){&current->queue, &current->queue};
    cpu->ready_mask = mask | 1u << priority;
    current->is_queued = true;
}

/** A thread that was taken from a queue gets a slice, or what was left of it. */
static void start_slice(struct cpu *cpu, struct thread *thread)
{
    cpu->slice_end = rdtsc() + (thread->slice_left != 0 ? thread->slice_left : slice_ticks);
    thread->slice_left = 0;
}

void sched_wake_slowly(struct thread *thread)
{
    struct cpu *cpu = this_cpu();

    timer_disarm(&thread->deadline);
    thread->state = THREAD_READY;
    if (thread->process->throttled) {
        list_append(&thread->process->throttled_threads, &thread->queue);
        return;
    }
    if (cpu->current != NULL) {
        struct thread *displaced = cpu->handoff;

        if (displaced == NULL) {
            cpu->handoff = thread;
            return;
        }
        if (displaced->priority < thread->priority) {
            cpu->handoff = thread;
            thread = displaced;
        }
    }
    sched_place(thread);
}

void sched_forget(struct thread *thread)
{
    if (this_cpu()->handoff == thread) {
        this_cpu()->handoff = NULL;
    }
    if (thread->is_queued) {
        dequeue(thread);
    } else {
        list_remove(&thread->queue); /* perhaps of its throttled process */
    }
}

void sched_set_priority(struct thread *thread, uint8_t priority)
{
    struct cpu *cpu = thread->cpu;

    if (!thread->is_queued) {
        const bool makes_way = thread->state == THREAD_RUNNING && priority < thread->priority;

        thread->priority = priority;
        if (makes_way && top_priority(cpu) >= priority) {
            kick(cpu); /* its timer is not set for those that wait */
        }
        return;
    }

    dequeue(thread);
    thread->priority = priority;
    sched_place(thread); /* perhaps another CPU is the better one now */
}

void sched_interrupt(struct thread *thread)
{
    kick(thread->cpu);
}

void sched_kick_for_work(void)
{
    struct cpu *idle = idle_worker == NULL ? find_idle_cpu() : NULL;

    if (idle != NULL) {
        idle->idle = false;
        cpu_mask_clear(&idle_cpus, idle->index);
        kick(idle);
    }
}

/** Have the timer interrupt when something other than a timer's deadline must end the run. */
static void program_timer(struct cpu *cpu, const struct thread *thread)
{
    if (cpu->ready_mask >> thread->priority != 0) {
        timer_program(cpu, cpu->slice_end);
    }
    if (thread->process->budget_ticks != 0) {
        timer_program(cpu, cpu->charged_until + thread->process->budget_left);
    }
    if (work_is_pending()) {
        /* Work goes on at kernel exits; do not leave it to a thread that never enters. */
        timer_program(cpu, cpu->charged_until + slice_ticks / 8);
    }
}

/* ---- Choosing ------------------------------------------------------------------------------- */

/** The most urgent queued thread of a CPU that may run, dequeued; NULL if there is none. */
static struct thread *take_top(struct cpu *cpu)
{
    while (cpu->ready_mask != 0) {
        struct thread *thread =
            LIST_FIRST(&cpu->ready[31 - __builtin_clz(cpu->ready_mask)], struct thread, queue);

        dequeue(thread);
        if (LIKELY(!thread->process->throttled)) {
            return thread;
        }
        list_append(&thread->process->throttled_threads, &thread->queue);
    }
    return NULL;
}

static struct thread *steal(const struct cpu *thief)
{
    for (;;) {
        struct cpu *victim = NULL;

        for (uint32_t i = 0; i < cpu_count; i++) {
            if (cpus[i] != thief && cpus[i]->online && cpus[i]->ready_mask != 0 &&
                (victim == NULL || top_priority(cpus[i]) > top_priority(victim))) {
                victim = cpus[i];
            }
        }
        struct thread *thread = victim == NULL ? NULL : take_top(victim);

        if (victim == NULL || thread != NULL) {
            return thread;
        }
        /* Only throttled threads were there, and now they are not: look again. */
    }
}

NORETURN static void run(struct cpu *cpu, struct thread *thread)
{
    thread->state = THREAD_RUNNING;
    if (cpu->current != thread) {
        trace_switch(cpu, cpu->current, thread);
        sched_switch_to(cpu, cpu->current, thread);
    }
    program_timer(cpu, thread);
    sched_leave(thread);
}

/** This CPU has no current thread any more. */
static void leave_current(struct cpu *cpu)
{
    if (cpu->current == NULL) {
        return;
    }
    sched_account();
    trace_switch(cpu, cpu->current, NULL);
    if (cpu->current->state != THREAD_ENDED) {
        fpu_save(cpu->current->fpu_area);
    }
    cpu->current = NULL;
    cpu->tss.rsp0 = cpu->stack_top;
}

static void idle_loop(void);

NO_LOCK_ANALYSIS NORETURN static void go_idle(struct cpu *cpu)
{
    leave_current(cpu);
    spin_unlock(&kernel_lock);
    trap_restart_on_stack(cpu->stack_top, idle_loop);
}

/* Flattened: the calls would be a fifth of it, for whoever waits for a device. */
__attribute__((flatten)) void sched_run_next(struct cpu *cpu)
{
    struct thread *next = take_top(cpu);

    if (next == NULL) {
        next = steal(cpu);
    }
    if (next == NULL) {
        go_idle(cpu);
    }
    start_slice(cpu, next);
    run(cpu, next);
}

NORETURN static void exit_slowly(struct cpu *cpu)
{
    struct thread *current = cpu->current;

    work_run_step();
    if (current != NULL && (current->watch & WATCH_STOP) != 0) {
        leave_current(cpu);
        thread_finish(current);
        current = NULL;
    }
    if (current != NULL && current->process->throttled && current->state == THREAD_RUNNING) {
        current->state = THREAD_READY;
        list_append(&current->process->throttled_threads, &current->queue);
    }
    struct thread *handoff = cpu->handoff;

    cpu->handoff = NULL;
    if (handoff != NULL) {
        if (handoff->process->throttled) {
            list_append(&handoff->process->throttled_threads, &handoff->queue);
        } else if (current != NULL && current->state == THREAD_RUNNING &&
                   (handoff->priority <= current->priority || find_idle_cpu() != NULL)) {
            sched_place(handoff);
        } else {
            /* Behind its equals: whoever is woken often must not overtake those who wait. */
            enqueue(cpu, handoff, false);
        }
    }
    if (current != NULL && current->state == THREAD_RUNNING) {
        const int32_t top = top_priority(cpu);
        const bool slice_over = top == current->priority && rdtsc() >= cpu->slice_end;

        if (top <= current->priority && !slice_over) {
            run(cpu, current);
        }
        if (slice_over) {
            enqueue(cpu, current, false);
        } else {
            preempt_slowly(cpu, current);
        }
    }
    sched_run_next(cpu);
}

void sched_exit(void)
{
    struct cpu *cpu = this_cpu();
    struct thread *current = cpu->current;
    struct thread *handoff = cpu->handoff;

    /* The usual cases without detours: nothing has changed, or the CPU goes to the one thread that
     * was woken. Nothing needs the timer then: deadlines program it when they are armed, and a
     * thread with a CPU budget is watched. */
    if (UNLIKELY(current == NULL || current->watch != 0 || work_is_pending())) {
        exit_slowly(cpu);
    }
    if (handoff == NULL) {
        if (sched_can_stay(cpu, current)) {
            sched_leave(current);
        }
        exit_slowly(cpu);
    }
    if (UNLIKELY(handoff->watch != 0 || cpu->ready_mask >> handoff->priority != 0)) {
        exit_slowly(cpu);
    }
    if (current->state == THREAD_RUNNING) {
        if (handoff->priority <= current->priority || sched_has_choice()) {
            exit_slowly(cpu);
        }
        sched_preempt(cpu, current);
    }
    cpu->handoff = NULL;
    handoff->state = THREAD_RUNNING;
    trace_switch(cpu, current, handoff);
    sched_switch_to(cpu, current, handoff);
    sched_leave(handoff);
}

static void idle_loop(void)
{
    struct cpu *cpu = this_cpu();

    for (;;) {
        spin_lock(&kernel_lock);
        sched_account();
        work_run_step();
        struct thread *next = take_top(cpu);

        if (next == NULL) {
            next = steal(cpu);
        }
        if (next != NULL) {
            if (idle_worker == cpu) {
                idle_worker = NULL;
                if (work_is_pending()) {
                    sched_kick_for_work(); /* another idle CPU goes on with it */
                }
            }
            start_slice(cpu, next);
            run(cpu, next);
        }
        if (cpu->space != NULL && cpu->space->process->state == PROCESS_STATE_ENDING) {
            address_space_load_kernel();
        }
        /* One idle CPU is enough for the work; more would only fight over the lock. */
        if (work_is_pending() && (idle_worker == NULL || idle_worker == cpu)) {
            idle_worker = cpu;
            spin_unlock(&kernel_lock);
            interrupts_window();
            continue;
        }
        if (idle_worker == cpu) {
            idle_worker = NULL;
        }
        cpu->idle = true;
        cpu_mask_set(&idle_cpus, cpu->index);
        spin_unlock(&kernel_lock);
        trap_sleep();
        spin_lock(&kernel_lock);
        cpu->idle = false;
        cpu_mask_clear(&idle_cpus, cpu->index);
        spin_unlock(&kernel_lock);
    }
}

/** On the CPU's own stack: the one it started on is the next CPU's from here on. */
static void arrive(void)
{
    struct cpu *cpu = this_cpu();

    __atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
    /* No lock and no work before the boot CPU counts on this one: it may have given it up. */
    while (__atomic_load_n(&cpu_count, __ATOMIC_ACQUIRE) <= cpu->index) {
        cpu_relax();
    }
    idle_loop();
}

void sched_start_cpu(void)
{
    struct cpu *cpu = this_cpu();

    slice_ticks = clock_duration_ticks(SLICE_NS);
    cpu->charged_until = rdtsc();
    trap_restart_on_stack(cpu->stack_top, arrive);
}
