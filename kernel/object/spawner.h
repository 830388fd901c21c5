/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Loading programs: from an ELF image in memory to a running process, in bounded steps.
 *
 * What can be refused at once is refused before anything exists. Then the process, its first
 * thread and its account are made, and the image is copied page by page by the reaper's work; what
 * is never written of an image that may be executed is not copied but mapped. Any failure ends the
 * half-made process like any other; so does a revocation of the image or of the ProcessSpawner.
 * Under the kernel lock.
 */

#include "object/message.h"
#include "object/object.h"
#include "object/process.h"
#include "types.h"

struct memory;
struct operation;

/** What to start. Everything is copied or referenced by spawn_start(). */
struct spawn_request {
    const char *name;       /* terminated */
    struct object *spawner; /* the ProcessSpawner that is asked; NULL: none is, at boot */
    struct memory *image;
    uint64_t image_offset; /* bytes into `image` */
    uint64_t image_length;
    struct process_limits limits;
    uint8_t priority;
    const uint8_t *start_message;
    uint32_t start_message_length;
    struct message_parcels grants; /* for the child, in order */
};

struct spawn;

/**
 * Begin a spawn whose budget comes out of `parent`'s account (NULL: the root's).
 *
 * Returns: STATUS_OK with *out; STATUS_BAD_IMAGE, STATUS_BAD_RANGE, STATUS_TOO_LONG,
 * STATUS_OVER_BUDGET, STATUS_NO_MEMORY: nothing has happened.
 */
MUST_CHECK enum status spawn_start(struct process *parent, const struct spawn_request *request,
                                   struct spawn **out);

/** Answer this operation when the process runs, or could not be made. */
void spawn_await(struct spawn *spawn, struct process *payer, struct operation *operation);
