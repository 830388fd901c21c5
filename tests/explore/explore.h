/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a scenario sees of the explorer: it names the memory, starts two to four threads that run
 * the shipped protocol code, and says what must hold. The explorer then runs every interleaving.
 *
 * How it works. The threads are coroutines of one host thread. The protocol source is compiled
 * unchanged, but against include/base/atomic.h, so that every atomic access enters the machine,
 * and with the compiler's race instrumentation (-fsanitize=thread, without its run time), so that
 * every plain access calls instrument.c. Two models run side by side:
 *
 *   x86-TSO        An atomic store goes into its thread's FIFO buffer and reaches memory at a
 *                  time of its own; a load sees its own thread's newest buffered store, else
 *                  memory; a fence, a lock or a system call waits for the buffer to drain.
 *   happens-before Plain accesses are ordered by release and acquire alone (vector clocks). A
 *                  conflict that is not so ordered is a race, even where TSO would forgive it,
 *                  because the compiler need not. Plain memory that is free of races needs no
 *                  store buffer: every order of it looks the same.
 *
 * search.c goes depth first through all choices: which thread goes on, which buffer drains. A
 * state that was met before is not entered again. A state is everything the future depends on:
 * named memory, buffers, clocks, and every thread's registers and stack. States are compared by a
 * 128-bit hash.
 *
 * Rules for scenario code. Threads share nothing but named memory; an EXPLORE_RECORD is written
 * by one of them only. EXPLORE_CHECK may look at everything.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLORE_THREADS       4u
#define EXPLORE_LOCKS         2u
#define EXPLORE_NOTIFICATIONS 2u

enum explore_kind {
    EXPLORE_ATOMIC,  /* indices and flags: only through base/atomic.h */
    EXPLORE_DATA,    /* plain memory, checked for races */
    EXPLORE_ENTRIES, /* the same, and read at most once between explore_once_begin() and _end() */
    EXPLORE_RECORD,  /* what the scenario notes about itself: part of the state, not checked */
};

struct explore_scenario {
    const char *name;
    const char *claim;     /* what is shown if the scenario passes */
    bool long_only;        /* only with --long: takes more than a few seconds */
    void (*setup)(void);   /* names memory, starts threads */
    void (*finish)(void);  /* judges each final state */
    uint32_t parameter[6]; /* meaning is the scenario's own */
    uint32_t outcomes;     /* different final states there have to be; 0: any number */
};

/** The scenario being explored, for setup() and the threads. */
extern const struct explore_scenario *explore_scenario;

/* ---- setup() only ---- */

/** An address range that protocol code may touch only where explore_memory() says so. */
void explore_arena(const void *start, size_t bytes);
/** Memory that is part of the state. At a multiple of four bytes. */
void explore_memory(const char *name, void *start, size_t bytes, enum explore_kind kind);
/** Start a thread. A hostile one may race with everybody. */
void explore_thread(const char *name, void (*body)(void), bool hostile);

/* ---- threads ---- */

/** Every value below `count` is tried. */
uint32_t explore_choose(uint32_t count);
/** Wait, as a spinning thread would, until memory holds another value than `old` at `place`. */
void explore_await_change(const uint32_t *place, uint32_t old);
/** A spin lock of the kernel's. */
void explore_lock(uint32_t lock);
void explore_unlock(uint32_t lock);
/** System calls on a notification: signals merge, waiting takes what is there. */
void explore_signal(uint32_t notification);
void explore_wait(uint32_t notification);
/** Between these two, the calling thread may read each word of EXPLORE_ENTRIES once. */
void explore_once_begin(void);
void explore_once_end(void);
/** From now on the calling thread may not touch the arena at all. */
void explore_forbid(void);
/** A line for the schedule that is printed with a violation. */
void explore_note(const char *text, uint32_t value);

/* ---- anywhere ---- */

/** What memory holds at `place` now, buffers aside. For checks. */
uint32_t explore_visible(const uint32_t *place);
/** finish(): has the thread (in order of explore_thread()) come to its end? */
bool explore_done(uint32_t thread);

/** Report a violation and end this execution. */
_Noreturn void explore_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define EXPLORE_CHECK(condition, ...)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            explore_fail(__VA_ARGS__);                                                             \
        }                                                                                          \
    } while (0)

/* The scenarios, by file. Each table ends with a null name. */
extern const struct explore_scenario litmus_scenarios[];
extern const struct explore_scenario queue_scenarios[];
extern const struct explore_scenario ring_scenarios[];
extern const struct explore_scenario virtqueue_scenarios[];
