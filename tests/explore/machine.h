/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The simulated machine: threads, store buffers, locks, notifications, clocks. machine.c moves it
 * one step at a time; search.c decides which step, and copies the state back and forth.
 */

#include "explore.h"

#define MACHINE_BUFFER      12u   /* stores that wait in one thread's buffer */
#define MACHINE_RANGES      24u   /* explore_memory() calls */
#define MACHINE_GRANULES    1024u /* 4-byte units of named memory */
#define MACHINE_STACK_BYTES 65536u
#define MACHINE_LOCK_STORE  MACHINE_GRANULES /* plus a lock: the buffered store that unlocks it */
#define MACHINE_LOG         4096u

/** How far into each thread's life somebody has seen. */
struct clock {
    uint8_t at[EXPLORE_THREADS];
};

struct buffered_store {
    uint16_t granule;
    uint16_t unused;
    uint32_t value;
    struct clock clock; /* what whoever acquires this store has seen */
};

enum operation {
    OPERATION_START, /* has not run yet */
    OPERATION_LOAD,
    OPERATION_FENCE,
    OPERATION_CHOOSE,
    OPERATION_AWAIT,
    OPERATION_LOCK,
    OPERATION_SIGNAL,
    OPERATION_WAIT,
    OPERATION_END, /* has returned */
};

/** A thread as the others see it. */
struct thread_state {
    struct clock now;     /* what it has seen, and its own time */
    struct clock fence;   /* what its relaxed stores pass on: seen at its last fence */
    struct clock pending; /* what its next fence acquires from earlier relaxed loads */
    uint32_t buffered;    /* stores in the buffer, oldest first; the rest is zero */
    struct buffered_store buffer[MACHINE_BUFFER];
};

/** Where a thread stands. Its locals are on its stack, from the stack pointer up. */
struct thread_position {
    void *stack_pointer;
    enum operation operation; /* what it does when it runs next */
    uint32_t argument;        /* granule, lock, notification, number of choices */
    uint32_t old;             /* OPERATION_AWAIT */
    bool forbidden;
    bool once;
    uint64_t once_read[MACHINE_GRANULES / 64];
};

/** Who has accessed four bytes of plain memory last; for atomic memory, what a reader acquires. */
struct granule_state {
    uint8_t writer;
    uint8_t written; /* the writer's time, 0: before the start */
    uint8_t unused[2];
    struct clock read; /* atomic memory: the clock of the store it holds */
};

struct lock_state {
    uint8_t held;
    uint8_t unused[3];
    struct clock clock;
};

/** What the threads share besides memory. */
struct machine_state {
    struct thread_state thread[EXPLORE_THREADS];
    struct lock_state lock[EXPLORE_LOCKS];
    struct lock_state notification[EXPLORE_NOTIFICATIONS];
};

struct machine_range {
    const char *name;
    uint8_t *start;
    size_t bytes;
    enum explore_kind kind;
    uint32_t granule; /* of the first four bytes */
};

enum event {
    EVENT_LOAD,
    EVENT_FORWARD, /* a load served by the own buffer */
    EVENT_STORE,
    EVENT_DRAIN,
    EVENT_FENCE,
    EVENT_READ,
    EVENT_WRITE,
    EVENT_CHOOSE,
    EVENT_AWAIT,
    EVENT_LOCK,
    EVENT_UNLOCK,
    EVENT_SIGNAL,
    EVENT_WAIT,
    EVENT_NOTE,
    EVENT_START,
    EVENT_END,
};

struct log_entry {
    uint8_t thread;
    uint8_t event;
    uint16_t granule;
    uint32_t value;
    uint32_t bytes;
    const char *text;
};

struct machine {
    /* fixed by setup() */
    uint32_t thread_count;
    uint32_t range_count;
    uint32_t granule_count;
    const uint8_t *arena;
    size_t arena_bytes;
    struct machine_range range[MACHINE_RANGES];
    const char *thread_name[EXPLORE_THREADS];
    void (*thread_body[EXPLORE_THREADS])(void);
    bool hostile[EXPLORE_THREADS];
    uint8_t *stack[EXPLORE_THREADS];

    /* the state: copied by search.c */
    struct machine_state state;
    struct thread_position position[EXPLORE_THREADS];
    struct granule_state granule[MACHINE_GRANULES];
    uint32_t log_length;

    /* while a thread runs */
    int current; /* -1: none */
    uint32_t choice;
    void *scheduler_stack_pointer;
    bool judging; /* finish() runs: its accesses are not the protocol's */
    bool failed;
    char failure[512];
    struct log_entry log[MACHINE_LOG];
};

extern struct machine machine;

/** A step: drain one store of a thread's buffer, or let the thread go on to its next operation. */
struct step {
    uint8_t thread;
    uint8_t drain;
    uint8_t choice;
};

/** Forget everything and build the start of the scenario. False: setup() itself failed. */
bool machine_begin(const struct explore_scenario *scenario);
/** All steps possible now; `steps` has room for 64. */
uint32_t machine_steps(struct step *steps);
/** False: a violation; machine.failure says which. */
bool machine_step(struct step step);
/** Let the scenario judge a final state. */
bool machine_finish(void);
void machine_print_log(void);

/** The range that holds `address`, or NULL. */
const struct machine_range *machine_find(const void *address);
/** A plain access by the running thread, about to happen. */
void machine_access(const void *address, size_t bytes, bool write);
