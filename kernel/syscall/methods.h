/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * CALL on a kernel object: the methods of the kernel's own interfaces in schema/capos.capnp.
 *
 * A method either answers at once or keeps an operation and answers later. A refusal by a method
 * is an exception in the completion; only a malformed request is a transport status.
 *
 * methods.c finds the method and answers; the methods are in files by what they are about, each
 * with the tables of its interfaces, which are listed below. Under the kernel lock.
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

/* ---- For those who write methods ------------------------------------------------------------ */

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
    bool is_told;           /* its refusal is in the audit log, or is not for it */
};

/** A method. What it returns is the exception in the completion, unless it answers later. */
typedef enum status method_function(struct method *method);

/** Longest area message that a kernel method takes. */
#define METHOD_MESSAGE_MAX 4096u

/** Inline parameters as the schema's native struct; NULL and *status set if they are not inline. */
const void *method_inline(const struct method *method, enum status *status);

/** As method_inline(), in a method function: returns the refusal from there. */
#define INLINE_PARAMETERS(name, type)                                                              \
    enum status form = STATUS_OK;                                                                  \
    const struct type *name = method_inline(method, &form);                                        \
    if (UNLIKELY(name == NULL)) {                                                                  \
        return form;                                                                               \
    }

/** Room for an inline answer, cleared; `bytes` is the size of the schema's native struct. */
void *method_results(struct method *method, size_t bytes);

/**
 * Answer with the capability for an object that the method has just made, as its origin. Takes over
 * the caller's reference: the object is destroyed if the capability is refused.
 */
enum status method_grant_new(struct method *method, struct object *object);

/** The operation of a method that answers later. Sets method->later. */
struct operation *method_keep(struct method *method);

/* ---- The interfaces: the index is the schema's method number ----------------------------------
 */

/* factory_methods.c */
extern method_function *const factory_methods[FACTORY_METHOD_COUNT];

/* memory_methods.c */
extern method_function *const virtual_memory_methods[VIRTUAL_MEMORY_METHOD_COUNT];
extern method_function *const memory_methods[MEMORY_METHOD_COUNT];

/* ipc_methods.c */
extern method_function *const endpoint_methods[ENDPOINT_METHOD_COUNT];
extern method_function *const notification_methods[NOTIFICATION_METHOD_COUNT];
extern method_function *const signaller_methods[SIGNALLER_METHOD_COUNT];
extern method_function *const timer_methods[TIMER_METHOD_COUNT];

/* process_methods.c */
extern method_function *const thread_methods[THREAD_METHOD_COUNT];
extern method_function *const process_handle_methods[PROCESS_HANDLE_METHOD_COUNT];
extern method_function *const power_methods[POWER_METHOD_COUNT];

/* spawner_methods.c */
extern method_function *const spawner_methods[PROCESS_SPAWNER_METHOD_COUNT];

/* object/console.c, diag/diagnostics.c */
extern method_function *const console_methods[CONSOLE_METHOD_COUNT];
extern method_function *const diagnostics_methods[DIAGNOSTICS_METHOD_COUNT];
