/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The audit log of device authority: one record for each change and for each refusal, of a fixed
 * size, numbered without a gap (L10). A reader that comes late sees how many it has missed. It is
 * read through the AuditLog capability alone, and by the early prompt, before any process exists.
 *
 * Records say nothing of the kernel: no address of its own or of memory, and objects by the numbers
 * that `caps` shows. Under the kernel lock.
 */

#include "types.h"

struct device_function;

struct audit_entry {
    uint64_t sequence; /* from 0 */
    uint64_t nanoseconds;
    enum audit_event event;
    enum status status;
    enum teardown_cause cause; /* of a change that takes authority away */
    enum object_kind kind;     /* of the capability's object; none without one */
    uint32_t function;         /* index in the ledger, or LEDGER_NONE */
    uint32_t object;           /* the capability's, or 0 */
    uint16_t bdf;
    uint16_t segment;
    uint64_t object_generation; /* of its place */
    uint64_t pid;               /* who acted; 0: the kernel or the device */
    uint64_t owner;             /* pid, or DEVICE_NOBODY */
    uint64_t generation;        /* of the function */
    uint64_t detail;            /* by event: see the schema */
};

static_assert(sizeof(struct audit_entry) == 88, "records are of one size");

#define AUDIT_ENTRIES 1024u

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
