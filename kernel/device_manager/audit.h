/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The audit log of device authority: one record for each change and for each refusal, of a fixed
 * size, numbered without a gap (L10). A reader that comes late sees how many it has missed.
 * Under the kernel lock.
 */

#include "types.h"

struct device_function;

struct audit_entry {
    uint64_t sequence; /* from 0 */
    uint64_t nanoseconds;
    enum audit_event event;
    enum status status;
    uint32_t function; /* index in the ledger */
    uint32_t object;   /* the capability's, or 0 */
    uint16_t bdf;
    uint16_t segment;
    uint64_t pid;
    uint64_t generation;
    uint64_t detail;
};

#define AUDIT_ENTRIES 512u

/** Write a record; `function` may be NULL if none is known. */
void audit_write(enum audit_event event, enum status status, const struct device_function *function,
                 uint64_t pid, uint32_t object, uint64_t detail);

/** A refusal: writes a record, and returns the status. */
enum status audit_refuse(enum status status, const struct device_function *function, uint64_t pid,
                         uint32_t object, uint64_t detail);

/** Record number `sequence`, or the oldest there is after it; NULL at the end. */
const struct audit_entry *audit_read(uint64_t sequence);

/** The number that the next record will have. */
uint64_t audit_next(void);
