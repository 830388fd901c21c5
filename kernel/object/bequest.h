/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Handing on memory that a device in quarantine may still reach: once its payer is leaving, the
 * kernel's own account (process_quarantine()) pays for it.
 *
 * That takes time by frame and by view, so it is done in steps by whoever comes upon such memory:
 * the function that goes into quarantine, and each process that leaves. They may come upon the same
 * memory: how far it is stands in the memory, each of them goes on from there, and keeps a
 * reference until it is done. A process that has said it leaves has its memory taken by all who
 * come by.
 *
 * Under the kernel lock.
 */

#include "types.h"

struct memory;
struct process;

/** The way of one that hands on. All zero: nothing is in hand. */
struct bequest {
    struct memory *at; /* a reference: to be handed on, then what it is a view of; or NULL */
    uint32_t function; /* of a process: the next device function to look at */
    uint32_t left;     /* of the function in hand: buffers to look at, the first of them next */
};

/** From here on nothing is paid for by the process that can be handed on. */
void bequest_leave(struct process *process);

/** Take an object in hand, and all that it is a view of. Nothing is in hand. */
void bequest_begin(struct bequest *bequest, struct memory *memory);

/**
 * Hand on what is in hand as far as its payers are leaving: up to *units frames and objects, which
 * are counted off. True: nothing is in hand any more.
 */
MUST_CHECK bool bequest_go_on(struct bequest *bequest, uint32_t *units);
