/* SPDX-License-Identifier: MIT */

/*
 * The simulated machine; see explore.h for what it models and machine.h for its state.
 *
 * A thread runs natively on a stack of its own until its next operation that others can see or
 * that can see others; there it hands control back and search.c chooses. A store into the own
 * buffer and a plain access are neither, so they happen on the way.
 */

#include "machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct machine machine;
const struct explore_scenario *explore_scenario;

#define THIS_STATE    (&machine.state.thread[machine.current])
#define THIS_POSITION (&machine.position[machine.current])

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

static void machine_yield(void)
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
 * Log
 * ------------------------------------------------------------------------------------------ */

static struct log_entry *machine_log(int thread, enum event event, uint32_t granule, uint32_t value)
{
    struct log_entry *entry = &machine.log[machine.log_length % MACHINE_LOG];

    machine.log_length++;
    *entry = (struct log_entry){.thread = (uint8_t)thread,
                                .event = (uint8_t)event,
                                .granule = (uint16_t)granule,
                                .value = value};
    return entry;
}

static void machine_print_place(uint32_t granule)
{
    for (uint32_t i = 0; i < machine.range_count; i++) {
        const struct machine_range *range = &machine.range[i];

        if (granule >= range->granule && granule < range->granule + range->bytes / 4) {
            printf("%s", range->name);
            if (range->bytes > 4) {
                printf("+%u", (granule - range->granule) * 4);
            }
        }
    }
}

static void machine_print_entry(const struct log_entry *entry)
{
    static const char *const verbs[] = {
        [EVENT_LOAD] = "load",     [EVENT_FORWARD] = "load (own buffer)",
        [EVENT_STORE] = "store",   [EVENT_DRAIN] = "  buffered store reaches memory:",
        [EVENT_FENCE] = "fence",   [EVENT_READ] = "read",
        [EVENT_WRITE] = "write",   [EVENT_CHOOSE] = "choose",
        [EVENT_AWAIT] = "sees",    [EVENT_LOCK] = "lock",
        [EVENT_UNLOCK] = "unlock", [EVENT_SIGNAL] = "signal",
        [EVENT_WAIT] = "woken by", [EVENT_NOTE] = "note:",
        [EVENT_START] = "start",   [EVENT_END] = "end",
    };

    printf("    %-10s %s ", machine.thread_name[entry->thread], verbs[entry->event]);
    switch ((enum event)entry->event) {
    case EVENT_LOAD:
    case EVENT_FORWARD:
    case EVENT_STORE:
    case EVENT_DRAIN:
    case EVENT_AWAIT:
        if (entry->granule >= MACHINE_LOCK_STORE) {
            printf("unlock %u", entry->granule - MACHINE_LOCK_STORE);
            break;
        }
        machine_print_place(entry->granule);
        printf(" = 0x%x", entry->value);
        break;
    case EVENT_READ:
    case EVENT_WRITE:
        machine_print_place(entry->granule);
        printf(", %u bytes", entry->bytes);
        break;
    case EVENT_NOTE:
        printf("%s 0x%x", entry->text, entry->value);
        break;
    case EVENT_CHOOSE:
    case EVENT_LOCK:
    case EVENT_UNLOCK:
    case EVENT_SIGNAL:
    case EVENT_WAIT:
        printf("%u", entry->value);
        break;
    case EVENT_FENCE:
    case EVENT_START:
    case EVENT_END:
        break;
    }
    printf("\n");
}

void machine_print_log(void)
{
    const uint32_t first = machine.log_length > MACHINE_LOG ? machine.log_length - MACHINE_LOG : 0;

    for (uint32_t i = first; i < machine.log_length; i++) {
        machine_print_entry(&machine.log[i % MACHINE_LOG]);
    }
}

/* ------------------------------------------------------------------------------------------
 * Clocks
 * ------------------------------------------------------------------------------------------ */

static void clock_join(struct clock *into, const struct clock *from)
{
    for (uint32_t i = 0; i < EXPLORE_THREADS; i++) {
        if (from->at[i] > into->at[i]) {
            into->at[i] = from->at[i];
        }
    }
}

/* What the running thread passes on by a release; its own time moves on. */
static struct clock clock_release(void)
{
    struct clock *now = &THIS_STATE->now;
    const struct clock result = *now;

    if (++now->at[machine.current] == 0xff) {
        explore_fail("the explorer's clock is too small for this scenario");
    }
    return result;
}

/* ------------------------------------------------------------------------------------------
 * Memory
 * ------------------------------------------------------------------------------------------ */

const struct machine_range *machine_find(const void *address)
{
    const uint8_t *byte = address;

    for (uint32_t i = 0; i < machine.range_count; i++) {
        const struct machine_range *range = &machine.range[i];

        if (byte >= range->start && byte < range->start + range->bytes) {
            return range;
        }
    }
    return NULL;
}

static bool machine_in_arena(const void *address)
{
    const uint8_t *byte = address;

    return byte >= machine.arena && byte < machine.arena + machine.arena_bytes;
}

static uint32_t machine_granule(const struct machine_range *range, const void *address)
{
    return range->granule + (uint32_t)((const uint8_t *)address - range->start) / 4;
}

static uint32_t *machine_place(uint32_t granule)
{
    for (uint32_t i = 0; i < machine.range_count; i++) {
        const struct machine_range *range = &machine.range[i];

        if (granule < range->granule + range->bytes / 4) {
            return (uint32_t *)(void *)(range->start + (granule - range->granule) * 4);
        }
    }
    abort();
}

/* The granule of an atomic access, checked. */
static uint32_t machine_atomic(const uint32_t *place)
{
    const struct machine_range *range = machine_find(place);

    if (THIS_POSITION->forbidden && machine_in_arena(place)) {
        explore_fail("%s touches shared memory after it found it poisoned",
                     machine.thread_name[machine.current]);
    }
    if (range == NULL) {
        explore_fail("%s makes an atomic access outside of the shared indices",
                     machine.thread_name[machine.current]);
    }
    if (range->kind != EXPLORE_ATOMIC) {
        explore_fail("%s makes an atomic access to plain memory, %s",
                     machine.thread_name[machine.current], range->name);
    }
    return machine_granule(range, place);
}

/* Reading plain memory: the last write must have happened before. */
static void machine_check_read(const struct machine_range *range, uint32_t index)
{
    struct granule_state *granule = &machine.granule[index];
    struct clock *now = &THIS_STATE->now;

    if (machine.hostile[machine.current]) {
        return;
    }
    if (granule->written > now->at[granule->writer]) {
        explore_fail("race: %s reads %s+%u, which %s writes at the same time",
                     machine.thread_name[machine.current], range->name,
                     (index - range->granule) * 4, machine.thread_name[granule->writer]);
    }
    granule->read.at[machine.current] = now->at[machine.current];
}

/* Writing plain memory: every last access must have happened before. */
static void machine_check_write(const struct machine_range *range, uint32_t index)
{
    struct granule_state *granule = &machine.granule[index];
    struct clock *now = &THIS_STATE->now;

    if (machine.hostile[machine.current]) {
        return;
    }
    if (granule->written > now->at[granule->writer]) {
        explore_fail("race: %s writes %s+%u, which %s writes at the same time",
                     machine.thread_name[machine.current], range->name,
                     (index - range->granule) * 4, machine.thread_name[granule->writer]);
    }
    for (uint32_t i = 0; i < machine.thread_count; i++) {
        if (granule->read.at[i] > now->at[i]) {
            explore_fail("race: %s writes %s+%u, which %s reads at the same time",
                         machine.thread_name[machine.current], range->name,
                         (index - range->granule) * 4, machine.thread_name[i]);
        }
    }
    *granule = (struct granule_state){.writer = (uint8_t)machine.current,
                                      .written = now->at[machine.current]};
}

static void machine_check_once(const struct machine_range *range, uint32_t index)
{
    uint64_t *word = &THIS_POSITION->once_read[index / 64];
    const uint64_t bit = 1ull << (index % 64);

    if (range->kind != EXPLORE_ENTRIES || !THIS_POSITION->once) {
        return;
    }
    if ((*word & bit) != 0) {
        explore_fail("%s reads %s+%u twice: the peer can change it in between",
                     machine.thread_name[machine.current], range->name,
                     (index - range->granule) * 4);
    }
    *word |= bit;
}

void machine_access(const void *address, size_t bytes, bool write)
{
    const struct machine_range *range;
    uint32_t first;
    uint32_t last;
    struct log_entry *entry;

    if (machine.current < 0 || machine.judging) {
        return;
    }
    range = machine_find(address);
    if (range == NULL) {
        if (machine_in_arena(address)) {
            explore_fail("%s %s shared memory where it has no business, at offset %td",
                         machine.thread_name[machine.current], write ? "writes" : "reads",
                         (const uint8_t *)address - machine.arena);
        }
        return;
    }
    if (range->kind == EXPLORE_RECORD) {
        return;
    }
    if (THIS_POSITION->forbidden && machine_in_arena(address)) {
        explore_fail("%s touches shared memory after it found it poisoned",
                     machine.thread_name[machine.current]);
    }
    if (range->kind == EXPLORE_ATOMIC) {
        explore_fail("%s makes a plain access to %s, which is shared",
                     machine.thread_name[machine.current], range->name);
    }
    if ((const uint8_t *)address + bytes > range->start + range->bytes) {
        explore_fail("%s reaches beyond the end of %s", machine.thread_name[machine.current],
                     range->name);
    }

    first = machine_granule(range, address);
    last = machine_granule(range, (const uint8_t *)address + bytes - 1);
    for (uint32_t index = first; index <= last; index++) {
        if (write) {
            machine_check_write(range, index);
        } else {
            machine_check_once(range, index);
            machine_check_read(range, index);
        }
    }

    /* Neighbouring accesses make one line of the log. */
    entry = &machine.log[(machine.log_length - 1) % MACHINE_LOG];
    if (machine.log_length != 0 && entry->thread == machine.current &&
        entry->event == (write ? EVENT_WRITE : EVENT_READ) &&
        entry->granule + (entry->bytes + 3) / 4 == first) {
        entry->bytes += (uint32_t)bytes;
    } else {
        machine_log(machine.current, write ? EVENT_WRITE : EVENT_READ, first, 0)->bytes =
            (uint32_t)bytes;
    }
}

/* ------------------------------------------------------------------------------------------
 * Operations, on the thread's side: say what comes next, let search.c choose, do it
 * ------------------------------------------------------------------------------------------ */

static void machine_next(enum operation operation, uint32_t argument)
{
    THIS_POSITION->operation = operation;
    THIS_POSITION->argument = argument;
    machine_yield();
}

uint32_t machine_load(const uint32_t *place, bool acquire)
{
    struct thread_state *state;
    uint32_t granule;

    if (machine.current < 0) {
        return *place;
    }
    granule = machine_atomic(place);
    machine_next(OPERATION_LOAD, granule);

    state = THIS_STATE;
    for (uint32_t i = state->buffered; i-- > 0;) {
        if (state->buffer[i].granule == granule) {
            machine_log(machine.current, EVENT_FORWARD, granule, state->buffer[i].value);
            return state->buffer[i].value;
        }
    }
    clock_join(acquire ? &state->now : &state->pending, &machine.granule[granule].read);
    machine_log(machine.current, EVENT_LOAD, granule, *place);
    return *place;
}

static void machine_buffer(struct buffered_store store)
{
    struct thread_state *state = THIS_STATE;

    if (state->buffered == MACHINE_BUFFER) {
        explore_fail("the explorer's store buffer is too small for this scenario");
    }
    state->buffer[state->buffered++] = store;
}

void machine_store(uint32_t *place, uint32_t value, bool release)
{
    uint32_t granule;

    if (machine.current < 0) {
        *place = value;
        return;
    }
    granule = machine_atomic(place);
    machine_buffer((struct buffered_store){.granule = (uint16_t)granule,
                                           .value = value,
                                           .clock = release ? clock_release() : THIS_STATE->fence});
    machine_log(machine.current, EVENT_STORE, granule, value);
}

void machine_fence(void)
{
    if (machine.current < 0) {
        return;
    }
    machine_next(OPERATION_FENCE, 0);
    clock_join(&THIS_STATE->now, &THIS_STATE->pending);
    THIS_STATE->fence = clock_release();
    machine_log(machine.current, EVENT_FENCE, 0, 0);
}

uint32_t explore_choose(uint32_t count)
{
    machine_next(OPERATION_CHOOSE, count);
    machine_log(machine.current, EVENT_CHOOSE, 0, machine.choice);
    return machine.choice;
}

void explore_await_change(const uint32_t *place, uint32_t old)
{
    const uint32_t granule = machine_atomic(place);

    THIS_POSITION->old = old;
    machine_next(OPERATION_AWAIT, granule);
    machine_log(machine.current, EVENT_AWAIT, granule, *place);
}

void explore_lock(uint32_t lock)
{
    machine_next(OPERATION_LOCK, lock);
    machine.state.lock[lock].held = 1;
    clock_join(&THIS_STATE->now, &machine.state.lock[lock].clock);
    machine_log(machine.current, EVENT_LOCK, 0, lock);
}

void explore_unlock(uint32_t lock)
{
    /* An ordinary store, as on the real machine: the thread may run ahead of it. */
    machine_buffer((struct buffered_store){.granule = (uint16_t)(MACHINE_LOCK_STORE + lock),
                                           .clock = clock_release()});
    machine_log(machine.current, EVENT_UNLOCK, 0, lock);
}

void explore_signal(uint32_t notification)
{
    struct lock_state *state = &machine.state.notification[notification];

    machine_next(OPERATION_SIGNAL, notification);
    state->held = 1;
    clock_join(&THIS_STATE->now, &state->clock);
    state->clock = clock_release();
    machine_log(machine.current, EVENT_SIGNAL, 0, notification);
}

void explore_wait(uint32_t notification)
{
    struct lock_state *state = &machine.state.notification[notification];

    machine_next(OPERATION_WAIT, notification);
    state->held = 0;
    clock_join(&THIS_STATE->now, &state->clock);
    machine_log(machine.current, EVENT_WAIT, 0, notification);
}

void explore_once_begin(void)
{
    THIS_POSITION->once = true;
}

void explore_once_end(void)
{
    THIS_POSITION->once = false;
    memset(THIS_POSITION->once_read, 0, sizeof(THIS_POSITION->once_read));
}

void explore_forbid(void)
{
    THIS_POSITION->forbidden = true;
}

void explore_note(const char *text, uint32_t value)
{
    machine_log(machine.current, EVENT_NOTE, 0, value)->text = text;
}

uint32_t explore_visible(const uint32_t *place)
{
    return *place;
}

bool explore_done(uint32_t thread)
{
    return machine.position[thread].operation == OPERATION_END;
}

bool explore_signal_pending(uint32_t notification)
{
    return machine.state.notification[notification].held != 0;
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

static void machine_drain(uint32_t thread)
{
    struct thread_state *state = &machine.state.thread[thread];
    const struct buffered_store store = state->buffer[0];

    if (store.granule >= MACHINE_LOCK_STORE) {
        machine.state.lock[store.granule - MACHINE_LOCK_STORE].held = 0;
        machine.state.lock[store.granule - MACHINE_LOCK_STORE].clock = store.clock;
    } else {
        *machine_place(store.granule) = store.value;
        machine.granule[store.granule].read = store.clock;
    }
    state->buffered--;
    memmove(&state->buffer[0], &state->buffer[1], state->buffered * sizeof(store));
    memset(&state->buffer[state->buffered], 0, sizeof(store));
    machine_log((int)thread, EVENT_DRAIN, store.granule, store.value);
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
