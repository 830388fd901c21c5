/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Changing the thread that a CPU carries: the part of the scheduler that every IPC pays for, so it
 * is inline. Deciding who runs is sched.c's business. Under the kernel lock.
 */

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "mm/address_space.h"
#include "object/process.h"
#include "object/reaper.h"
#include "sched/thread.h"

/** Take time out of a limited process's budget; without any left it waits for the next period. */
void sched_spend(struct process *process, uint64_t now, uint64_t ticks);

/** Charge the time since the last call to the thread that this CPU carries (NULL: idle). */
static ALWAYS_INLINE void sched_account_time(struct cpu *cpu, const struct thread *current)
{
    const uint64_t now = rdtsc();
    const uint64_t ticks = now - cpu->charged_until;

    cpu->charged_until = now;
    if (LIKELY(current != NULL)) {
        struct process *process = current->process;

        cpu->busy_ticks += ticks;
        process->cpu_ticks += ticks;
        if (UNLIKELY(process->budget_ticks != 0)) {
            sched_spend(process, now, ticks);
        }
    } else {
        cpu->idle_ticks += ticks;
    }
}

/** Make this CPU use a process's address space. */
static ALWAYS_INLINE void sched_load_space(struct cpu *cpu, struct address_space *space)
{
    struct address_space *old = cpu->space;

    if (old == space) {
        return;
    }
    write_cr3(space->root.value);
    cpu->space = space;
    if (UNLIKELY(old != NULL && old->process->state == PROCESS_STATE_ENDING)) {
        process_space_unloaded(old->process);
    }
}

/** Load a thread's registers into this CPU, which carries `previous` or, if that is NULL, none. */
static ALWAYS_INLINE void sched_switch_to(struct cpu *cpu, struct thread *previous,
                                          struct thread *next)
{
    sched_account_time(cpu, previous);
    if (LIKELY(previous != NULL)) {
        fpu_save(previous->fpu_area);
    }
    fpu_restore(next->fpu_area);
    cpu->current = next;
    cpu->switch_count++;
    cpu->tss.rsp0 = (uint64_t)(uintptr_t)(&next->frame + 1);
    /* Always: a thread changes the base unseen when it loads the FS selector. */
    set_thread_base_from(&next->fs_base);
    next->cpu = cpu;
    sched_load_space(cpu, &next->process->space);
}

/** Whether nothing has happened that could make anybody else run here. */
static ALWAYS_INLINE bool sched_can_stay(const struct cpu *cpu, const struct thread *current)
{
    return LIKELY(cpu->handoff == NULL && current->state == THREAD_RUNNING && current->watch == 0 &&
                  cpu->ready_mask >> current->priority == 0 && !work_is_pending());
}

/** Leave the kernel to the current thread. */
NO_LOCK_ANALYSIS NORETURN static ALWAYS_INLINE void sched_leave(const struct thread *thread)
{
    spin_unlock(&kernel_lock);
    if (LIKELY(thread->entry == ENTRY_SYSCALL)) {
        trap_return_syscall();
    }
    trap_return_full();
}
