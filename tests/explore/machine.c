/* SPDX-License-Identifier: MIT */

/*
 * The simulated machine; see explore.h for what it models and machine.h for its state.
 *
 * A thread runs natively on a stack of its own until its next operation that others can see or
 * that can see others; there it hands control back and search.c chooses. A store into the own
 * buffer and a plain access are neither, so they happen on the way.
 */

#include "machine_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct machine machine;
const struct explore_scenario *explore_scenario;

/* ------------------------------------------------------------------------------------------
 * Stacks
 * ------------------------------------------------------------------------------------------ */

/* Push what a function call must keep, leave the stack pointer at *save, go on at `resume`. */
void machine_switch(void **save, void *resume);
__asm__(".text\n"
        ".globl machine_switch\n"
        ".type machine_switch, @function\n"
        "machine_switch:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size machine_switch, . - machine_switch\n");

/* A stack that machine_switch() leaves for `entry`, with the alignment a function expects. */
static void *machine_stack(uint8_t *stack, void (*entry)(void))
{
    uint64_t *top = (uint64_t *)(void *)(stack + MACHINE_STACK_BYTES);

    *--top = 0;
    *--top = 0;
    *--top = 0; /* where `entry` would return to */
    *--top = (uint64_t)(uintptr_t)entry;
    for (uint32_t i = 0; i < 6; i++) {
        *--top = 0;
    }
    return top;
}

void machine_yield(void)
{
    machine_switch(&THIS_POSITION->stack_pointer, machine.scheduler_stack_pointer);
}

_Noreturn void explore_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(machine.failure, sizeof(machine.failure), format, arguments);
    va_end(arguments);
    machine.failed = true;
    if (machine.current < 0) {
        fprintf(stderr, "explore: %s\n", machine.failure);
        exit(2);
    }
    for (;;) {
        machine_yield();
    }
}

/* ------------------------------------------------------------------------------------------
 * Steps, on the search's side
 * ------------------------------------------------------------------------------------------ */

static bool machine_can_run(uint32_t thread)
{
    const struct thread_position *position = &machine.position[thread];
    const bool drained = machine.state.thread[thread].buffered == 0;

    switch (position->operation) {
    case OPERATION_START:
    case OPERATION_LOAD:
    case OPERATION_CHOOSE:
        return true;
    case OPERATION_FENCE:
        return drained;
    case OPERATION_AWAIT:
        return *machine_place(position->argument) != position->old;
    case OPERATION_LOCK:
        return drained && machine.state.lock[position->argument].held == 0;
    case OPERATION_SIGNAL:
        return drained;
    case OPERATION_WAIT:
        return drained && machine.state.notification[position->argument].held != 0;
    case OPERATION_END:
        return false;
    }
    return false;
}

uint32_t machine_steps(struct step *steps)
{
    uint32_t count = 0;

    /* Starting a thread and making a choice concern nobody else: no need to try them later. */
    for (uint32_t i = 0; i < machine.thread_count; i++) {
        if (machine.position[i].operation == OPERATION_START) {
            steps[0] = (struct step){.thread = (uint8_t)i};
            return 1;
        }
        if (machine.position[i].operation == OPERATION_CHOOSE) {
            for (count = 0; count < machine.position[i].argument && count < 64; count++) {
                steps[count] = (struct step){.thread = (uint8_t)i, .choice = (uint8_t)count};
            }
            return count;
        }
    }
    for (uint32_t i = 0; i < machine.thread_count; i++) {
        if (machine_can_run(i)) {
            steps[count++] = (struct step){.thread = (uint8_t)i};
        }
        if (machine.state.thread[i].buffered != 0) {
            steps[count++] = (struct step){.thread = (uint8_t)i, .drain = 1};
        }
    }
    return count;
}

bool machine_step(struct step step)
{
    if (step.drain) {
        machine_drain(step.thread);
        return true;
    }
    machine.choice = step.choice;
    machine.current = step.thread;
    machine_switch(&machine.scheduler_stack_pointer, machine.position[step.thread].stack_pointer);
    machine.current = -1;
    return !machine.failed;
}

/* ------------------------------------------------------------------------------------------
 * Beginning and end
 * ------------------------------------------------------------------------------------------ */

static void machine_thread_main(void)
{
    machine.thread_body[machine.current]();
    machine_log(machine.current, EVENT_END, 0, 0);
    for (;;) {
        machine_next(OPERATION_END, 0);
    }
}

static void machine_setup_fail(const char *what)
{
    fprintf(stderr, "explore: scenario %s: %s\n", explore_scenario->name, what);
    exit(2);
}

void explore_arena(const void *start, size_t bytes)
{
    machine.arena = start;
    machine.arena_bytes = bytes;
}

void explore_memory(const char *name, void *start, size_t bytes, enum explore_kind kind)
{
    if (machine.range_count == MACHINE_RANGES ||
        machine.granule_count + bytes / 4 > MACHINE_GRANULES) {
        machine_setup_fail("too much memory named");
    }
    if ((uintptr_t)start % 4 != 0 || bytes % 4 != 0) {
        machine_setup_fail("memory is not made of 4-byte units");
    }
    machine.range[machine.range_count++] = (struct machine_range){.name = name,
                                                                  .start = start,
                                                                  .bytes = bytes,
                                                                  .kind = kind,
                                                                  .granule = machine.granule_count};
    machine.granule_count += (uint32_t)(bytes / 4);
}

void explore_thread(const char *name, void (*body)(void), bool hostile)
{
    const uint32_t index = machine.thread_count++;

    if (index >= EXPLORE_THREADS) {
        machine_setup_fail("too many threads");
    }
    if (machine.stack[index] == NULL) {
        machine.stack[index] = aligned_alloc(4096, MACHINE_STACK_BYTES);
        if (machine.stack[index] == NULL) {
            machine_setup_fail("no memory for a stack");
        }
    }
    machine.thread_name[index] = name;
    machine.thread_body[index] = body;
    machine.hostile[index] = hostile;
    machine.state.thread[index].now.at[index] = 1;

    machine.position[index].stack_pointer =
        machine_stack(machine.stack[index], machine_thread_main);
}

bool machine_begin(const struct explore_scenario *scenario)
{
    uint8_t *stacks[EXPLORE_THREADS];

    memcpy(stacks, machine.stack, sizeof(stacks));
    memset(&machine, 0, sizeof(machine));
    memcpy(machine.stack, stacks, sizeof(stacks));
    machine.current = -1;
    explore_scenario = scenario;
    scenario->setup();
    return machine.thread_count != 0;
}

/* finish() runs as if it were the last step of thread 0, so that explore_fail() has a way out. */
static void machine_finish_main(void)
{
    explore_scenario->finish();
    for (;;) {
        machine_yield();
    }
}

bool machine_finish(void)
{
    static uint8_t stack[MACHINE_STACK_BYTES] __attribute__((aligned(16)));
    void *const keep = machine.position[0].stack_pointer;

    machine.current = 0;
    machine.judging = true;
    machine_switch(&machine.scheduler_stack_pointer, machine_stack(stack, machine_finish_main));
    machine.judging = false;
    machine.current = -1;
    machine.position[0].stack_pointer = keep;
    return !machine.failed;
}
