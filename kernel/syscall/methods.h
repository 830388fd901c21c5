/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * CALL on a kernel object: the methods of the kernel's own interfaces in schema/capos.capnp.
 *
 * A method either answers at once or keeps an operation and answers later. A refusal by a method
 * is an exception in the completion; only a malformed request is a transport status.
 * Under the kernel lock.
 */

#include "object/operation.h"
#include "types.h"

struct memory;
struct object;
struct thread;

/**
 * Carry out a CALL. Posts the completion, now or later, unless it returns something else than
 * STATUS_OK: then the caller posts that status.
 */
enum status method_call(struct object *object, struct thread *thread, const struct ring_sqe *sqe);

/** Complete `operation` when the memory object's running work (fill, revoke) is done. */
void method_await_memory(struct memory *memory, struct operation *operation);

/** What a method gets, and where it leaves its answer. */
struct method {
    struct thread *thread;
    struct process *process;
    struct object *object;
    const struct ring_sqe *sqe;
    const uint8_t *message; /* area form: a private copy of the message; else NULL */
    uint32_t message_length;
    uint64_t results[RING_PAYLOAD_WORDS]; /* inline answer */
    uint32_t result_words;                /* of it */
    uint8_t *answer;                      /* the caller's buffer, for an answer in the area */
    uint32_t answer_capacity;
    uint32_t answer_length; /* not 0: the answer is in the area */
    bool later;             /* an operation was kept */
};

/** Inline parameters as the schema's native struct; NULL and *status set if they are not inline. */
const void *method_inline(const struct method *method, enum status *status);

typedef enum status method_function(struct method *method);

/** Longest area message that a kernel method takes. */
#define METHOD_MESSAGE_MAX 4096u

/* Interfaces that have files of their own; the index is the schema's method number. */
extern method_function *const spawner_methods[];
extern method_function *const console_methods[];
extern method_function *const diagnostics_methods[];

/** The operation of a method that answers later. Sets method->later. */
struct operation *method_keep(struct method *method);
