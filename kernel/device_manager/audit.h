/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The audit log of device authority: one record for each change and for each class of refusals, of
 * a fixed size, numbered without a gap (L10). A reader that comes late sees how many it has missed.
 * It is read through the AuditLog capability alone, and by the early prompt, before any process
 * exists.
 *
 * Refusals cost their process nothing, so it could push all other records out with them: of each
 * class only some have a record of their own, and the others are counted (lib/refusal).
 *
 * Records say nothing of the kernel: no address of its own or of memory, and objects by the numbers
 * that `caps` shows. Under the kernel lock.
 */

#include "object/object.h"
#include "types.h"

struct device_function;
struct method;
struct process;

struct audit_entry {
    uint64_t sequence; /* from 0 */
    uint64_t nanoseconds;
    uint64_t pid;               /* who acted; 0: the kernel or the device */
    uint64_t owner;             /* pid, or DEVICE_NOBODY */
    uint64_t generation;        /* of the function */
    uint64_t detail;            /* by event: see the schema */
    uint64_t object_generation; /* of its place */
    uint64_t count;             /* of a refusal: those of its class so far */
    uint32_t function;          /* index in the ledger, or LEDGER_NONE */
    uint32_t object;            /* the capability's, or 0 */
    uint16_t bdf;
    uint16_t segment;
    uint16_t method;   /* of a refused call */
    uint8_t event;     /* enum audit_event */
    uint8_t status;    /* enum status */
    uint8_t cause;     /* enum teardown_cause, of a change that takes authority away */
    uint8_t kind;      /* enum object_kind, of the capability's object; none without one */
    uint8_t operation; /* enum ring_operation, of a refusal */
};

static_assert(sizeof(struct audit_entry) == 88, "records are of one size");
static_assert(AUDIT_EVENT_COUNT <= 256 && STATUS_COUNT <= 256 && TEARDOWN_CAUSE_COUNT <= 256 &&
                  OBJECT_KIND_COUNT <= 256 && RING_OPERATION_COUNT <= 256,
              "names fit in a byte");

#define AUDIT_ENTRIES 1024u

/** Write a record; `function` may be NULL if none is known. */
void audit_write(enum audit_event event, enum status status, const struct device_function *function,
                 uint64_t pid, uint32_t object, uint64_t detail);

/** What was refused. */
struct audit_refusal {
    enum status status;                     /* why */
    enum ring_operation operation;          /* nop: the capability was to go to another process */
    uint16_t method;                        /* of a call */
    struct object_memory used;              /* the capability */
    const struct device_function *function; /* NULL: none is meant */
    bool is_gone;      /* the capability is nobody's authority any more, whoever has the function */
    bool is_misplaced; /* it was no target, and should not have been there */
    uint64_t detail;
};

/**
 * Count a refusal, and write a record if it is one of those that have one. `process` is NULL for
 * the kernel. Returns the status.
 */
enum status audit_refuse(struct process *process, const struct audit_refusal *refusal);

/** A refusal by a method, once; `detail` is what was asked for. Returns the status. */
enum status audit_refuse_method(struct method *method, enum status status,
                                const struct device_function *function, uint64_t detail);

/** Record number `sequence`, or the oldest there is after it; NULL at the end. */
const struct audit_entry *audit_read(uint64_t sequence);

/** The number that the next record will have. */
uint64_t audit_next(void);
