/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the checks of the scheduler share: threads that only spin, time without entering the
 * kernel, and what the kernel says about itself.
 *
 * The first thread of rttest has priority 16; between PRIORITY_LOW and PRIORITY_HIGH there is room
 * for all roles. A thread that spins gives up after SPIN_LIMIT_MS without spinners_renew(), so that
 * a kernel that lets it starve the others makes a check fail, and not the machine hang.
 *
 * The host may let a virtual CPU, or the machine, stand still between any two instructions, while
 * all other threads run. Checks therefore wait for what they need, and never for its time; what
 * should come is waited for much longer than the host takes; and what must not come is claimed
 * only of what the kernel decides alone.
 */

#include "rt/clock.h"
#include "rt/thread.h"

#define PRIORITY_LOWEST 6
#define PRIORITY_LOW    8
#define PRIORITY_MIDDLE 12
#define PRIORITY_OWN    16 /* of the first thread: config/default.capnp */
#define PRIORITY_HIGH   18

#define SPIN_LIMIT_MS   5000u

/** How long what should come is waited for: much longer than a virtual CPU stands still, and less
 * than spinners spin. */
#define PATIENCE_US 2000000u

/** How often lateness, or a share of time, is measured before it is called wrong: a kernel that is
 * wrong is so each time, the host is not. */
#define ROUNDS_OF_TIME 6u

/** Most spinners at once: two for each CPU of the largest machine that is tested. */
#define SPINNERS_MAX 9u

/** Prepare, once for each group. False, and counts, if the kernel does not tell what it must. */
bool spinners_prepare(void);

/** Start threads that spin; one more than there are CPUs at most SPINNERS_MAX. False: counts. */
bool spinners_start(unsigned count, uint8_t priority);

/** They are needed: they give up that much later. For loops whose every round shows that the kernel
 * does not let them starve the caller. */
void spinners_renew(void);

/** Sleep until the first `count` spinners have begun to spin. False: counts. */
bool spinners_begun(unsigned count);

/** How far spinner `index` has come. */
uint64_t spinners_rounds(unsigned index);

/** Sleep until spinner `index` has come further than that. False: not within PATIENCE_US. */
bool spinners_pass(unsigned index, uint64_t rounds);

/** The thread of spinner `index`. */
struct rt_thread *spinners_thread(unsigned index);

/** Stop all spinners. True if none had given up before. */
bool spinners_stop(void);

/** Microseconds by the time stamp counter, without entering the kernel. */
uint64_t spin_now_us(void);

/** Spin until `*word` is at least `value`, without entering the kernel. False: not in time. */
bool spin_until(const uint64_t *word, uint64_t value, uint64_t limit_us);

/** Sleep until `*word` is at least `value`. False: not within PATIENCE_US. */
bool sleep_until(const uint64_t *word, uint64_t value);

/** Whether a check holds in one of so many rounds. */
bool holds_once(unsigned rounds, bool (*check)(void));

/** Rounds for a check of who runs and who does not: one on a machine with one CPU, where the kernel
 * alone decides. Strict order across CPUs it does not promise (docs/design/0009-scheduling.md), and
 * has none if a CPU that it has just given a thread stands still. */
unsigned rounds_of_order(void);

/** A thread of a given priority. */
bool worker_start(uint64_t (*function)(void *argument), void *argument, uint8_t priority,
                  struct rt_thread **thread);

/** Sort, and give the middle one. */
uint64_t median_of(uint64_t *values, unsigned count);

/** CPUs of the machine, as of spinners_prepare(). */
extern uint32_t machine_cpus;

/** Interrupts that all CPUs have taken. */
uint64_t machine_interrupts(void);

/** What the kernel says about one process. */
struct process_facts {
    uint64_t cpu_us;
    uint32_t frames, cap_slots, objects, threads;
    enum process_state state;
};

/** False, and counts: there is no such process. */
bool process_facts_get(uint64_t pid, struct process_facts *facts);

/** The pid of the newest process that is called `name`; 0: none. */
uint64_t process_find(const char *name);
