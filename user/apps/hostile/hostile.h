/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A program that attacks everything it can reach. It holds a console, a spawner and the boot
 * package; whatever it does, only it and the children it starts may come to harm.
 *
 *   main.c      the list of attacks, counting, children
 *   forge.c     capabilities, submissions and ring indices that cannot be
 *   pointers.c  addresses: of rings, stacks, mappings, messages; system calls that do not exist
 *   flood.c     everything until it is refused, and back again
 *   messages.c  malformed messages to every kernel method; spawn requests and images
 *   calls.c     death on either side of a call, in every phase
 *   faults.c    every kind of processor exception
 *   lifetimes.c things that end, are taken back or change while they are in use
 *   client_ends.c  client ends that are watched, gone in every way
 *   stale.c     pages that are unmapped or revoked while another CPU reads them
 *   races.c     threads against each other; processes started and killed by the thousand
 *   lenders.c   what can be done with the Factory of the dead
 *   views.c     races of their own: a revocation, what is unmapped below it, and what is made
 * meanwhile
 *
 * Each attack is a command of its own: `run hostile forge`. `run hostile` makes all of them.
 * Attacks that end the attacker are made by children, which are this program with the arguments
 * "child" and the name of what to do.
 */

#include "capos.h"
#include "rt/start_info.h"

#define CHILD_GIVEN_UP 99 /* exit code of a child that could not even begin */

/** Count an attack: print it, what the kernel answered, and whether that is as specified. */
bool attack_check(bool as_specified, const char *what, const char *answer);

/** An attack that must be answered with `expected`. */
bool attack_status(enum status seen, enum status expected, const char *what);

/** An attack that may be answered with anything but success. */
bool attack_refused(enum status seen, const char *what);

/** Pseudo-random, the same in every run. */
uint64_t random_next(void);

/** Start a child that does `what`. Returns its ProcessHandle; 0, and counts, if it cannot. */
uint64_t child_start(const char *what, const char *detail, const struct rt_grant *grants,
                     uint32_t grant_count);

/** Wait for a child's end and give its handle up. False, and counts, if it does not come. */
bool child_wait(uint64_t process, uint64_t *code, enum exit_reason *reason);

/** The CPU budget of children that are started from here on; 0: no limit. */
extern uint32_t child_budget_us, child_period_us;

/**
 * Start a child, wait for its end, check how it was. `reason` EXIT_REASON_COUNT: in any way;
 * `code` UINT64_MAX: with any code.
 */
bool child_check(const char *what, const char *detail, enum exit_reason reason, uint64_t code);

/* The attacks. */
void attack_forge(void);
void attack_sqe(void);
void attack_indices(void);
void attack_pointers(void);
void attack_flood(void);
void attack_messages(void);
void attack_spawn(void);
void attack_die(void);
void attack_faults(void);
void attack_lifetimes(void);
void attack_ends(void);
void attack_stale(void);
void attack_race(void);
void attack_cycles(void);
void attack_ticks(void);

/** Part of `lifetimes`. */
void lend_factory(void);
void view_meanwhile(void);

/** Part of `race`. */
void race_revoke_above(uint64_t memory, uint64_t address);

/** How many cycles: the argument of `cycles`. */
extern uint64_t cycle_count;

/* What children do. Each returns an exit code, or does not return. */
int child_sqe(const char *detail);
int child_indices(const char *detail);
int child_pointers(const char *detail);
int child_messages(const char *detail);
int child_caller(const char *detail);
int child_server(const char *detail);
int child_fault(const char *detail);
int child_lifetimes(const char *detail);
int child_receiver(const char *detail);
int child_minter(const char *detail);
int child_lender(const char *detail);
int child_race(const char *detail);
int child_exit(const char *detail);
