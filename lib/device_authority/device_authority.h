/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The validator: does a handle of device authority still mean what it was issued for?
 *
 * A handle is what a capability's object carries: which function, which part of its authority, and
 * every generation as of its making. An identity is what the ledger says of the same place now.
 * They agree in everything, or the handle is refused (L3). There is no other way to use a device,
 * and no other place where generations are compared.
 *
 *   generation         of the function: grows when its authority is taken back (the epoch)
 *   owner_generation   grows whenever the function gets another owner
 *   part_generation    of the registers, the pool, the route or the buffer: grows when it ends
 *
 * Generations only grow and never repeat (L7).
 */

#include "base/compiler.h"
#include "capos.h"

#include <stdbool.h>
#include <stdint.h>

enum device_part {
    DEVICE_PART_MMIO,   /* the registers of a function */
    DEVICE_PART_POOL,   /* what its device may reach, as a whole */
    DEVICE_PART_ROUTE,  /* one interrupt */
    DEVICE_PART_BUFFER, /* one range of addresses */
    DEVICE_PART_COUNT
};

/** Owner of a function that has none. Pids start at 1. */
#define DEVICE_NOBODY 0ull

struct device_handle {
    enum device_part part;
    uint32_t function; /* index in the ledger */
    uint32_t slot;     /* of a route or buffer in the ledger; 0 for the other parts */
    uint64_t generation;
    uint64_t owner_generation;
    uint64_t part_generation;
};

/** The ledger's word on the place that a handle names. */
struct device_identity {
    enum function_state state;
    uint32_t function; /* that the slot belongs to */
    uint64_t generation;
    uint64_t owner; /* pid, or DEVICE_NOBODY */
    uint64_t owner_generation;
    bool is_live; /* the part exists */
    uint64_t part_generation;
};

/*@ predicate device_state_owned(enum function_state state) =
        state == FUNCTION_STATE_CLAIMED || state == FUNCTION_STATE_ACTIVE;

    // L3: nothing else makes a handle current than that all of it is what the ledger says now.
    predicate device_handle_current(struct device_handle *handle, struct device_identity *now) =
        device_state_owned(now->state) && now->is_live && handle->function == now->function &&
        handle->generation == now->generation &&
        handle->owner_generation == now->owner_generation &&
        handle->part_generation == now->part_generation; */

/** Whether a function in this state has an owner whose authority can be used. */
/*@ assigns \nothing;
    ensures \result <==> device_state_owned(state); */
static inline bool device_state_is_owned(enum function_state state)
{
    return state == FUNCTION_STATE_CLAIMED || state == FUNCTION_STATE_ACTIVE;
}

/**
 * May process `pid` use the handle?
 *
 * Returns: STATUS_OK; STATUS_STALE if any generation differs, the part has ended or the function is
 * not owned; STATUS_DENIED if all is current, but the owner is somebody else.
 */
/*@ requires \valid_read(handle) && \valid_read(now);
    assigns \nothing;
    ensures \result == STATUS_OK || \result == STATUS_STALE || \result == STATUS_DENIED;
    ensures \result == STATUS_STALE <==> !device_handle_current(handle, now);
    ensures \result == STATUS_OK <==>
            device_handle_current(handle, now) && now->owner == pid && pid != DEVICE_NOBODY; */
MUST_CHECK enum status device_authority_check(const struct device_handle *handle,
                                              const struct device_identity *now, uint64_t pid);
