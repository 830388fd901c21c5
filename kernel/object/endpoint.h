/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Endpoints: how processes call each other.
 *
 * An endpoint is the receiving end. Clients hold client ends, each an object of its own with a
 * badge. A CALL meets a waiting RECV at once, or waits in its client end's queue; the endpoint
 * serves the client ends that have callers in turn, so no client can starve another.
 *
 * A message goes from the caller's message area into the receiver's in one copy, and capabilities
 * move from table to table at that moment: all of them or none. Between CALL and RETURN the two
 * operations point to each other; either side may die first. While it serves, the receiver has at
 * least its callers' priority, and whoever took the endpoint's latest call that of the callers who
 * still wait in the queue: with all receivers busy, it is one of those they wait for.
 *
 * Under the kernel lock.
 */

#include "arch/x86_64/cpu.h"
#include "object/notification.h"
#include "object/object.h"
#include "object/operation.h"
#include "object/sweep.h"

struct endpoint {
    struct object object;
    struct list receivers;    /* struct operation.link, OPERATION_RECEIVING */
    struct list clients;      /* struct endpoint_client.ready: those with queued callers */
    struct operation *latest; /* the RECV that last took a call; NULL if it is gone */
    uint32_t queued_mask;     /* bit p: queued_count[p] is not 0 */
    uint32_t queued_count[PRIORITY_COUNT]; /* queued calls by their callers' priority */
    bool closed;                           /* nobody can receive here any more */
    uint64_t epoch;       /* grows when it is closed or revoked: see struct operation.epoch */
    uint64_t revoker_pid; /* who has revoked it last, and may go on receiving */
    struct sweep sweep;   /* of those that wait, by a revocation or because it was closed */
    struct work matching; /* receivers and callers both wait; a reference while it is queued */
};

struct endpoint_client {
    struct object object;
    struct endpoint *endpoint; /* a reference */
    uint64_t badge;
    struct list callers;                   /* struct operation.link, OPERATION_QUEUED */
    struct list ready;                     /* in endpoint->clients while `callers` is not empty */
    struct sweep sweep;                    /* of the callers, by a revocation */
    struct notification_promise when_gone; /* kept when it is destroyed: no capability, no caller */
};

/** CALL on a client end. The submission's completion is reserved. */
enum status endpoint_call(struct endpoint_client *client, struct thread *caller,
                          const struct ring_sqe *sqe);

/** RECV on an endpoint. */
enum status endpoint_receive(struct endpoint *endpoint, struct thread *receiver,
                             const struct ring_sqe *sqe);

/**
 * RETURN: answer a call this thread has taken.
 *
 * `*posted` tells whether the answer used up the RETURN's own completion reservation (for the
 * re-armed RECV). On a refusal the call stays unanswered.
 */
enum status endpoint_return(struct thread *server, const struct ring_sqe *sqe, bool *rearmed);

/** The highest priority that the callers of a taken call and those behind it lend to its server. */
uint8_t endpoint_lent_priority(const struct operation *receive);

/** The priority of a caller has changed: the server that it waits for, or NULL, is lent another. */
struct thread *endpoint_caller_changed(struct operation *call);

/** The receiver of a call in progress, or the caller, ends. For operation_cancel(). */
void endpoint_operation_cancelled(struct operation *operation);

MUST_CHECK enum status endpoint_create(struct process *process, struct object **out);
/** A client end. The caller may fill in `when_gone` of it before anybody has it. */
MUST_CHECK enum status endpoint_mint(struct endpoint *endpoint, struct process *process,
                                     uint64_t badge, struct endpoint_client **out);

extern const struct object_type endpoint_type;
extern const struct object_type endpoint_client_type;
