/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the parts of this program have of each other: children that hold an object, in one way or
 * another, until something happens to it.
 */

#include "capos.h"
#include "rt/ring_client.h"

/** How often the first page is mapped where a revocation is to last: each takes it a step. */
#define LONGEST_MAPPINGS 800u

/** The last child that was started, and a notification that it may wait for. */
extern uint64_t child, go;

bool same(const char *a, const char *b);

/** Whether it went well; if not, what did not is said. */
bool good(enum status status, const char *what);

/**
 * Start a child that holds `capability`, by RING_TRANSFER_COPY or MOVE, and wait until all its
 * operations wait.
 */
bool child_start_with(const char *kind, uint64_t capability, uint32_t mode);

static inline bool child_start(const char *kind, uint64_t capability)
{
    return child_start_with(kind, capability, RING_TRANSFER_COPY);
}

/** Wait for the last child's end, and give its handle up. False, and said, if it is another. */
bool child_ends(uint64_t expected_code, enum exit_reason expected);

/* Of revocations.c. */
bool map_meanwhile(void);
bool revoke_within(void);

/** What the child of revoke_within() does; its exit code. */
int hold_within(uint64_t view);

/* Of revokers.c. */
bool revoke_function(void);

/** What a child is to ask of the DeviceManager. False: there is no edu. */
bool revoker_prepare(uint64_t manager, struct device_manager_revoke_params *params);
