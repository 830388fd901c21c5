/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A program that owns a function by its interrupt pin, or declares where pins lead, and tries what
 * the schema promises of either.
 *
 *   main.c     the list of what it can do, counting, the device
 *   routing.c  InterruptRouting: q35's real wiring, and every refusal
 *   vectors.c  every vector of messages that there is
 *   pin.c      Interrupt of a pin: QEMU's edu (docs/specs/edu.txt of QEMU) and e1000
 *
 * The manifest grants the device as `dev`, by its pin, and the InterruptRouting as `routing`.
 */

#include "capos.h"
#include "rt/device_objects.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The device: capabilities, 0 if not granted, and registers once device_map() has been called. */
struct device_under_test {
    uint64_t mmio;
    uint64_t interrupt;
    volatile uint8_t *registers;
};

extern struct device_under_test device;

/** The arguments: the program, what to do, and what that wants to know. */
extern int word_count;
extern char **words;

/** Count a check: print it, what was answered, and whether that is as specified. */
bool check(bool as_specified, const char *what, const char *answer);
bool check_status(enum status seen, enum status expected, const char *what);
bool check_number(uint64_t seen, uint64_t expected, const char *what);

/** Map the first page of the registers. False, and counts, if that fails. */
bool device_map(void);

static inline uint32_t device_read32(uint32_t offset)
{
    return *(volatile uint32_t *)(device.registers + offset);
}

static inline void device_write32(uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(device.registers + offset) = value;
}

/** A time `milliseconds` from now, for waits. */
uint64_t soon(uint32_t milliseconds);

/** Wait for an interrupt; false, and counts, if none comes in a time that is more than enough. */
bool one_comes(const char *what);

/** See that none comes. */
void none_comes(const char *what);

/** What the interrupt says of itself. */
struct interrupt_state interrupt_now(void);

/* What it can do. */
void do_declare(void);
void do_refusals(void);
void do_grant(void);
void do_e1000(void);
void do_clean(void);
void do_vectors(void);

/* Ways to live until somebody ends it. */
void live_count(void);
void live_wait(void);
void live_cling(void);
