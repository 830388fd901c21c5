/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Threads of the own process.
 *
 * A thread has one mapping of its own, from low to high: an unmapped guard page, the stack, its
 * thread-local storage and struct rt_thread; and a ring, which the kernel maps. The first thread
 * has its stack and ring from the kernel and the rest in the program's data.
 */

#include "rt/ring_client.h"

#define RT_THREAD_STACK_BYTES_DEFAULT 16384u

/** One thread. Belongs to it alone, but for the fields that its creator reads after joining. */
struct rt_thread {
    struct rt_ring ring;
    uint64_t capability;                  /* [I] Thread; 0 for the first thread */
    uint64_t (*function)(void *argument); /* [I] what it runs */
    void *argument;                       /* [I] */
    uint64_t memory;                      /* [I] Memory of stack and thread-local storage */
    uint64_t stack_address;               /* [I] of the mapping */
    uint64_t stack_pages;                 /* [I] of the mapping */
    uint64_t reserved_address;            /* [I] of the address range with the guard page */
    uint64_t ring_address;                /* [I] */
};

/** The calling thread's ring. */
static ALWAYS_INLINE struct rt_ring *rt_ring_self(void)
{
    return &rt_arch_thread()->ring;
}

/**
 * Start a thread that runs `function(argument)`.
 *
 * `stack_bytes` is rounded up to pages; 0 means RT_THREAD_STACK_BYTES_DEFAULT.
 * Returns: STATUS_OK and the thread, to be joined by rt_thread_join(); the kernel's refusal if
 * the process's budget or address space cannot carry it, with nothing left behind.
 */
MUST_CHECK enum status rt_thread_create(uint64_t (*function)(void *argument), void *argument,
                                        uint64_t stack_bytes, struct rt_thread **thread);

/** Wait until `thread` has ended, take its exit code and everything it occupied. */
MUST_CHECK enum status rt_thread_join(struct rt_thread *thread, uint64_t *code);

/** End the calling thread. */
NORETURN void rt_thread_exit(uint64_t code);

/** Where rt_thread_entry (start.S) goes on. */
NORETURN void rt_thread_main(struct ring_memory *ring, struct rt_thread *thread);
