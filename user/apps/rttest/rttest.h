/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Checks of the runtime and of the kernel beneath it, from inside.
 *
 *   main.c        the list of groups and the sum
 *   threads.c     threads, thread-local storage, mutexes, registers
 *   memory.c      heap, mappings, views
 *   timing.c      sleep, timers, deadlines, cancelling
 *   calls.c       the ring under load, servers and their clients
 *   scheduling.c  priorities, turns, wake-ups, silence, deadlines, threads by the hundred
 *   lending.c     priority lent across calls
 *   budgets.c     CPU budgets of processes
 *   spinners.c    what those three share
 */

#include "capos.h"

/** Count a check; on failure say what and where. */
#define EXPECT(condition) rttest_expect((condition), #condition, __FILE__, __LINE__)

/** As above for a status, which is printed. */
#define EXPECT_STATUS(seen, expected)                                                              \
    rttest_expect_status((seen), (expected), #seen, __FILE__, __LINE__)

bool rttest_expect(bool condition, const char *text, const char *file, int line);
bool rttest_expect_status(enum status seen, enum status expected, const char *text,
                          const char *file, int line);

/** A number that explains a failed check. */
void rttest_note(const char *what, uint64_t value);

/** The time now; the checks stop if there is none. */
uint64_t rttest_now(void);

void group_threads(void);
void group_starvation(void);
void group_storage(void);
void group_mutex(void);
void group_registers(void);
void group_heap(void);
void group_mappings(void);
void group_sleep(void);
void group_timers(void);
void group_cancel(void);
void group_ring(void);
void group_server(void);
void group_priorities(void);
void group_turns(void);
void group_wakeups(void);
void group_silence(void);
void group_deadlines(void);
void group_churn(void);
void group_lending(void);
void group_budgets(void);

/** What the child that group_budgets() starts does: spin with several threads. */
int budgets_child(unsigned threads);
