/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A kernel for one thread of the user runtime, in one object of the test binary.
 *
 * It takes submissions through the kernel side of lib/ring and answers them. Memory objects are
 * real memory, mapped where the runtime asks for it. Waits stay pending until a test completes
 * them. And it can be told to misbehave.
 */

#include "capos.h"
#include "ring/ring.h"

#include <setjmp.h>

#define FAKE_HELD_MAX 128

struct fake_kernel {
    struct ring_memory *memory;
    struct ring_kernel ring;

    struct ring_sqe held[FAKE_HELD_MAX]; /* submissions that were not answered at once */
    unsigned held_count;
    unsigned entries;    /* calls of cap_enter */
    uint64_t created;    /* capabilities given out */
    uint64_t page_limit; /* createMemory beyond this many pages is over budget */
    uint64_t pages;      /* created so far */
    uint64_t tls_base;

    char output[65536]; /* Console.write */
    size_t output_length;

    /* Misbehaviour. */
    unsigned post_before;      /* this many completions of nothing before each real one */
    uint64_t post_before_data; /* with this user data */
    unsigned refuse_entries;   /* this many entries take nothing: queueFull */
    uint64_t entry_result;     /* if not 0, what cap_enter returns */
    bool break_tail;           /* publish an impossible completion tail */
    enum status refuse_all;    /* answer everything with this, unless ok */

    /* If set: sees every submission first. True: it has been dealt with. */
    bool (*handler)(const struct ring_sqe *sqe);
    /* If set: runs when the runtime would sleep for ever. */
    void (*idle)(void);
};

extern struct fake_kernel fake;

/** Start afresh: an empty ring, and the runtime's thread on it. */
void fake_reset(void);

/** Post a completion. */
void fake_post(uint64_t user_data, enum status status, uint64_t first, uint64_t second);

/** Post a completion that is given whole. */
void fake_post_cqe(const struct ring_cqe *cqe);

/** Complete the oldest held submission of `operation`. False: there is none. */
bool fake_complete(enum ring_operation operation, enum status status, uint64_t first);

/** Run `code`; -1 if it returned, else the code the process exited with. */
#define FAKE_EXIT_CODE(code)                                                                       \
    (__extension__({                                                                               \
        int64_t exit_code_seen;                                                                    \
        fake_exits = true;                                                                         \
        if (setjmp(fake_exit_place) == 0) {                                                        \
            code;                                                                                  \
            exit_code_seen = -1;                                                                   \
        } else {                                                                                   \
            exit_code_seen = fake_exit_code;                                                       \
        }                                                                                          \
        fake_exits = false;                                                                        \
        exit_code_seen;                                                                            \
    }))

extern jmp_buf fake_exit_place;
extern bool fake_exits;
extern int64_t fake_exit_code;
