/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The ledger of device authority: for each function of the machine's buses who owns it, and every
 * piece of authority that exists over it: register mappings, interrupt routes, and the addresses
 * that its device can reach.
 *
 *                claim                 first route or buffer
 *   discovered ---------> claimed -------------------------> active
 *        free -----^         |  revoke                          |
 *          ^                 v                                  |
 *          |              revoking <----------------------------+
 *          | finish          | reset_begin
 *          +------------- resetting ----> quarantined, retired
 *          +--------------------------- recover --+
 *
 * It decides and remembers; it does nothing. The kernel's device manager asks (`*_check` may
 * refuse and changes nothing, L8), does what has to be done to hardware, and records it (`*_commit`
 * and the others, which cannot fail). Time that hardware takes lies between two calls: a route or
 * buffer that is being taken away is `ending` until the kernel has seen it gone.
 *
 * What must be true at any time, whatever was called in whatever order, is in ledger_audit(): the
 * tests look at all states that can be reached, debug kernels look after each transaction.
 *
 * Pure: the caller brings the storage and holds a lock, and offers the slot that a route or buffer
 * is to have; nothing is searched for. Pids name owners; accounts are the caller's.
 */

#include "device_authority/device_authority.h"

#define LEDGER_NONE UINT32_MAX

/** One past the last generation: whoever gets there is retired (L7). */
#define LEDGER_GENERATION_END UINT64_MAX

#define LEDGER_PAGE_BYTES     4096ull

/** Addresses are given out upwards, in two regions, and never twice (L4). */
#define LEDGER_LOW_FIRST  0x0000000000100000ull /* 1 MiB: for devices with few address bits */
#define LEDGER_LOW_END    0x00000000fffff000ull /* a page before the others begin */
#define LEDGER_HIGH_FIRST 0x0000000100000000ull /* 4 GiB: for all others */

/** Nothing is given out from here on, whatever device and IOMMU can do: sums do not wrap. */
#define LEDGER_ADDRESS_END 0x8000000000000000ull

/** Where writes are interrupts and not memory (Intel SDM vol. 3A §11.11.1). */
#define LEDGER_MSI_FIRST 0x00000000fee00000ull
#define LEDGER_MSI_END   0x00000000fef00000ull

/** What a teardown has seen done. A function is free when all of it is there. */
enum ledger_evidence {
    LEDGER_UNMAPPED = 1u << 0, /* no CPU can reach the registers */
    LEDGER_STOPPED = 1u << 1,  /* bus mastering is off */
    LEDGER_MASKED = 1u << 2,   /* no vector of it can reach a CPU */
    LEDGER_DETACHED = 1u << 3, /* the IOMMU has forgotten its domain, and said so */
    LEDGER_RESET = 1u << 4,    /* the device was seen to have been reset */
    LEDGER_INERT = 1u << 5,    /* in quarantine: ledger_recover() */
};

/** Without these nothing that the device could reach is given back. */
#define LEDGER_UNREACHABLE (LEDGER_STOPPED | LEDGER_DETACHED)

/** Without these a function has no next owner. */
#define LEDGER_QUIET (LEDGER_UNMAPPED | LEDGER_MASKED | LEDGER_UNREACHABLE)

struct ledger_function {
    enum function_state state;
    enum claim_refusal refusal; /* why it cannot be claimed; none: it can */
    uint32_t group;             /* isolation group: functions of one have one owner (L1) */
    uint64_t generation;        /* grows with each revocation */
    uint64_t owner;             /* pid, or DEVICE_NOBODY */
    uint64_t former_owner;      /* who handed the claim on to `owner`, or DEVICE_NOBODY */
    uint64_t owner_generation;  /* grows with each change of owner */
    bool has_mmio;              /* the registers' capability exists */
    bool has_pool;              /* the pool's capability exists */
    uint64_t mmio_owner;        /* the owner's generation as of the registers' handle, */
    uint64_t pool_owner;        /* and the pool's: behind, until they follow a move */
    uint32_t pool_limit;        /* pages */
    uint32_t pool_pages;        /* in buffers, ending ones included */
    uint32_t buffer_count;      /* ending ones included */
    uint32_t route_count;       /* ending ones included */
    uint32_t mmio_pages;        /* mapped into processes */
    uint64_t low_next;          /* addresses from here on were never given out: below 4 GiB, */
    uint64_t high_next;         /* and from there on */
    uint64_t address_end;       /* of this claim: one past what device and IOMMU can address */
    bool is_exhausted;          /* ran out of addresses: it will be retired */
    bool not_reset;             /* its last owner's work may still be running */
    uint32_t evidence;          /* enum ledger_evidence of the teardown under way */
};

enum ledger_use { LEDGER_UNUSED, LEDGER_LIVE, LEDGER_ENDING };

struct ledger_route {
    enum ledger_use use;
    uint32_t function;
    uint64_t generation; /* grows when it ends (L5) */
    uint64_t owner;      /* the owner's generation as of its handle */
    bool is_retired;     /* its generations are used up */
    uint32_t next_free;  /* the caller's: ledger_slots.h */
};

struct ledger_buffer {
    enum ledger_use use;
    uint32_t function;
    uint64_t generation; /* grows when it ends */
    bool is_retired;
    enum dma_access access;
    uint64_t iova;
    uint32_t page_count;
    uint32_t next_free; /* the caller's: ledger_slots.h */
};

struct ledger {
    struct ledger_function *functions;
    uint32_t function_count;
    struct ledger_route *routes;
    uint32_t route_count;
    struct ledger_buffer *buffers;
    uint32_t buffer_count;
};

/** Where a buffer would go. */
struct ledger_place {
    uint32_t slot;
    uint64_t iova;
};

#ifdef __FRAMAC__
#include "ledger/ledger_contracts.h"
#endif

/** Prepare storage that the caller has set in `ledger`; functions are discovered and claimable. */
/*@ requires ledger_stored(ledger);
    assigns ledger->functions[0 .. ledger->function_count - 1],
            ledger->routes[0 .. ledger->route_count - 1],
            ledger->buffers[0 .. ledger->buffer_count - 1];
    ensures functions_initial(ledger->functions, ledger->function_count);
    ensures records_initial(ledger->routes, ledger->route_count);
    ensures records_initial(ledger->buffers, ledger->buffer_count); */
void ledger_init(struct ledger *ledger);

/** What the ledger says of the place that a handle names; false, and nothing: there is none. */
/*@ requires ledger_stored(ledger) && \valid_read(handle) && \valid(identity);
    requires \separated(identity, handle) && ledger_apart(ledger, identity);
    assigns *identity;
    behavior said:
      assumes ledger_has_place(ledger, handle);
      ensures \result;
      ensures \old(ledger_resolves(ledger, handle)) <==> device_handle_current(handle, identity);
      ensures identity->owner == \old(ledger->functions[handle->function].owner);
    behavior refused:
      assumes !ledger_has_place(ledger, handle);
      assigns \nothing;
      ensures !\result;
    complete behaviors;
    disjoint behaviors; */
MUST_CHECK bool ledger_identify(const struct ledger *ledger, const struct device_handle *handle,
                                struct device_identity *identity);

/** May `pid` use the handle? As device_authority_check(); STATUS_STALE for an impossible place. */
/*@ requires ledger_stored(ledger) && \valid_read(handle);
    assigns \nothing;
    ensures \result == STATUS_OK || \result == STATUS_STALE || \result == STATUS_DENIED;
    ensures \result == STATUS_STALE <==> !\old(ledger_resolves(ledger, handle));
    ensures \result == STATUS_OK <==>
            \old(ledger_resolves(ledger, handle) &&
                 ledger->functions[handle->function].owner == pid) && pid != DEVICE_NOBODY; */
MUST_CHECK enum status ledger_check(const struct ledger *ledger, const struct device_handle *handle,
                                    uint64_t pid);

/* ------------------------------------------------------------------------ owners */

/**
 * May `pid` become the owner of a function, as it is since `generation`?
 *
 * Returns: STATUS_OK; STATUS_NOT_FOUND; STATUS_STALE; STATUS_DENIED for nobody; STATUS_UNSUPPORTED
 * if it has a refusal, or it or one of its group is in quarantine; STATUS_RETIRED; STATUS_BUSY if
 * it or one of its group has an owner (L1: that owner may be `pid` for the others of the group).
 */
/*@ requires ledger_stored(ledger);
    requires ledger_has_function(ledger, function) ==>
             function_sound(&ledger->functions[function]);
    assigns \nothing;
    ensures \result == STATUS_OK <==>
            ledger_claimable(ledger, function, pid) &&
            ledger->functions[function].generation == generation; */
MUST_CHECK enum status ledger_claim_check(const struct ledger *ledger, uint32_t function,
                                          uint64_t generation, uint64_t pid);

/**
 * Let nobody claim a function, or everybody again. One that nobody can claim for another reason
 * stays as it is. Who owns it goes on to: that is for the caller to take back.
 *
 * Returns: whether anything has changed.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    assigns ledger->functions[function].refusal;
    ensures !\result ==>
            ledger->functions[function].refusal == \old(ledger->functions[function].refusal);
    ensures \result && is_disabled ==>
            ledger->functions[function].refusal == CLAIM_REFUSAL_DISABLED;
    ensures \result && !is_disabled ==>
            ledger->functions[function].refusal == CLAIM_REFUSAL_NONE; */
bool ledger_disable(struct ledger *ledger, uint32_t function, bool is_disabled);

/** The claim, with registers and a pool. `address_end` is one past the highest address. */
/*@ requires ledger_stored(ledger) && ledger_claimable(ledger, function, pid);
    requires function_sound(&ledger->functions[function]);
    requires ledger->functions[function].pool_pages == 0 && groups_sound(ledger);
    requires \valid(mmio) && \valid(pool) && \separated(mmio, pool);
    requires ledger_apart(ledger, mmio) && ledger_apart(ledger, pool);
    assigns ledger->functions[function], *mmio, *pool;
    ensures function_sound(&ledger->functions[function]);
    ensures ledger->functions[function].generation ==
            \old(ledger->functions[function].generation);
    ensures ledger->functions[function].low_next == \old(ledger->functions[function].low_next);
    ensures ledger->functions[function].high_next == \old(ledger->functions[function].high_next);
    ensures handle_issued(mmio, DEVICE_PART_MMIO, function, 0, &ledger->functions[function],
                          ledger->functions[function].generation);
    ensures handle_issued(pool, DEVICE_PART_POOL, function, 0, &ledger->functions[function],
                          ledger->functions[function].generation);
    ensures ledger->functions[function].owner == pid;
    ensures ledger->functions[function].owner_generation ==
            \old(ledger->functions[function].owner_generation) + 1; */
void ledger_claim_commit(struct ledger *ledger, uint32_t function, uint64_t pid,
                         uint32_t pool_limit, uint64_t address_end, struct device_handle *mmio,
                         struct device_handle *pool);

/**
 * May `from` hand the handle on to `to`? With the first handle of a claim the claim goes, and the
 * others may only follow. Only while nothing is mapped, unmasked or bound: state claimed.
 *
 * Returns: STATUS_OK; those of ledger_check(); STATUS_BUSY if the claim is in use, or others of its
 * group would stay behind, with `from` or in quarantine; STATUS_DENIED for a buffer, which moves
 * nowhere, or if `to` is nobody, or somebody else than the one whom the claim went to.
 */
/*@ requires ledger_stored(ledger) && \valid_read(handle);
    requires ledger_has_function(ledger, handle->function) ==>
             function_sound(&ledger->functions[handle->function]);
    assigns \nothing;
    ensures \result == STATUS_OK ==> to != DEVICE_NOBODY && ledger_has_place(ledger, handle);
    ensures \result == STATUS_OK ==>
            ledger->functions[handle->function].state == FUNCTION_STATE_CLAIMED &&
            ledger->functions[handle->function].generation == handle->generation;
    ensures \result == STATUS_OK && ledger_resolves(ledger, handle) ==>
            ledger->functions[handle->function].owner == from &&
            ledger->functions[handle->function].mmio_pages == 0 &&
            ledger->functions[handle->function].owner_generation < LEDGER_GENERATION_END - 1 &&
            (to == from || group_open(ledger, handle->function, to));
    ensures \result == STATUS_OK && !ledger_resolves(ledger, handle) ==>
            ledger->functions[handle->function].former_owner == from &&
            ledger->functions[handle->function].owner == to &&
            handle->owner_generation + 1 ==
                ledger->functions[handle->function].owner_generation; */
MUST_CHECK enum status ledger_move_check(const struct ledger *ledger,
                                         const struct device_handle *handle, uint64_t from,
                                         uint64_t to);

/** The move, as checked. Renews the handle. */
/*@ requires ledger_stored(ledger) && \valid(handle) && ledger_apart(ledger, handle);
    requires ledger_has_place(ledger, handle) && to != DEVICE_NOBODY;
    requires function_sound(&ledger->functions[handle->function]);
    requires ledger->functions[handle->function].state == FUNCTION_STATE_CLAIMED;
    requires ledger->functions[handle->function].owner_generation < LEDGER_GENERATION_END - 1 ||
             handle->owner_generation != ledger->functions[handle->function].owner_generation;
    assigns ledger->functions[handle->function], ledger->routes[handle->slot].owner, *handle;
    ensures function_sound(&ledger->functions[handle->function]);
    ensures ledger->functions[handle->function].owner_generation >=
            \old(ledger->functions[handle->function].owner_generation);
    ensures handle->owner_generation == ledger->functions[handle->function].owner_generation;
    ensures \old(handle->owner_generation ==
                 ledger->functions[handle->function].owner_generation) ==>
            ledger->functions[handle->function].owner == to &&
            handle->owner_generation == \old(handle->owner_generation) + 1; */
void ledger_move_commit(struct ledger *ledger, struct device_handle *handle, uint64_t to);

/* ------------------------------------------------------------------------ registers */

/** Pages of registers were mapped through a handle that has been checked. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires ledger->functions[function].mmio_pages + page_count <= UINT32_MAX;
    assigns ledger->functions[function].mmio_pages;
    ensures ledger->functions[function].mmio_pages ==
            \old(ledger->functions[function].mmio_pages) + page_count; */
void ledger_mmio_mapped(struct ledger *ledger, uint32_t function, uint32_t page_count);

/** They are gone from every CPU. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires page_count <= ledger->functions[function].mmio_pages;
    assigns ledger->functions[function].mmio_pages;
    ensures ledger->functions[function].mmio_pages ==
            \old(ledger->functions[function].mmio_pages) - page_count; */
void ledger_mmio_unmapped(struct ledger *ledger, uint32_t function, uint32_t page_count);

/** The capability of registers or pool is gone. */
/*@ requires ledger_stored(ledger) && \valid_read(handle) && ledger_apart(ledger, handle);
    requires ledger_has_function(ledger, handle->function);
    requires function_sound(&ledger->functions[handle->function]);
    assigns ledger->functions[handle->function].has_mmio,
            ledger->functions[handle->function].has_pool;
    behavior refused:
      assumes handle->generation != ledger->functions[handle->function].generation ||
              (handle->part != DEVICE_PART_MMIO && handle->part != DEVICE_PART_POOL);
      assigns \nothing;
    behavior ended:
      assumes handle->generation == ledger->functions[handle->function].generation;
      assumes handle->part == DEVICE_PART_MMIO || handle->part == DEVICE_PART_POOL;
      ensures !ledger_resolves(ledger, handle);
      ensures function_sound(&ledger->functions[handle->function]);
    complete behaviors;
    disjoint behaviors; */
void ledger_part_end(struct ledger *ledger, const struct device_handle *handle);

/* ------------------------------------------------------------------------ routes */

/** Whether a slot can have a route: it is one, free, and not retired. */
/*@ requires ledger_stored(ledger);
    assigns \nothing;
    ensures \result <==> route_slot_open(ledger, slot); */
MUST_CHECK bool ledger_route_slot_is_open(const struct ledger *ledger, uint32_t slot);

/**
 * May `pid` have one more route of its function, in the slot that is offered?
 *
 * Returns: STATUS_OK; STATUS_NOT_FOUND, STATUS_STALE, STATUS_DENIED; STATUS_QUEUE_FULL if the slot
 * is none, taken, ending or retired: the caller has no other, or it would have offered that.
 */
/*@ requires ledger_stored(ledger);
    assigns \nothing;
    ensures \result == STATUS_OK <==>
            ledger_has_function(ledger, function) &&
            device_state_owned(ledger->functions[function].state) &&
            ledger->functions[function].owner == pid && route_slot_open(ledger, slot); */
MUST_CHECK enum status ledger_route_check(const struct ledger *ledger, uint32_t function,
                                          uint64_t pid, uint32_t slot);

/*@ requires ledger_stored(ledger) && route_sound(&ledger->routes[slot]);
    requires ledger_has_function(ledger, function);
    requires device_state_owned(ledger->functions[function].state);
    requires route_slot_open(ledger, slot);
    requires ledger->functions[function].route_count < UINT32_MAX;
    requires \valid(handle) && ledger_apart(ledger, handle);
    assigns ledger->routes[slot], ledger->functions[function].route_count, *handle;
    ensures route_sound(&ledger->routes[slot]);
    ensures handle_issued(handle, DEVICE_PART_ROUTE, function, slot, &ledger->functions[function],
                          ledger->routes[slot].generation);
    ensures ledger->routes[slot].use == LEDGER_LIVE && ledger->routes[slot].function == function;
    ensures ledger->functions[function].route_count ==
            \old(ledger->functions[function].route_count) + 1; */
void ledger_route_commit(struct ledger *ledger, uint32_t function, uint32_t slot,
                         struct device_handle *handle);

/**
 * The device may raise it from here on: the function is active. Not if the route has ended
 * meanwhile: then nothing changes.
 */
/*@ requires ledger_stored(ledger) && ledger_has_route(ledger, slot);
    requires ledger_has_function(ledger, ledger->routes[slot].function);
    assigns ledger->functions[ledger->routes[slot].function].state;
    behavior armed:
      assumes ledger->routes[slot].use == LEDGER_LIVE;
      ensures ledger->functions[ledger->routes[slot].function].state == FUNCTION_STATE_ACTIVE;
    behavior refused:
      assumes ledger->routes[slot].use != LEDGER_LIVE;
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_route_armed(struct ledger *ledger, uint32_t slot);

/** Take a route back: no handle names it any more, deliveries are of an old generation (L5). */
/*@ requires ledger_stored(ledger) && ledger_has_route(ledger, slot);
    requires route_sound(&ledger->routes[slot]);
    assigns ledger->routes[slot].use, ledger->routes[slot].generation,
            ledger->routes[slot].is_retired;
    ensures route_sound(&ledger->routes[slot]);
    behavior ended:
      assumes ledger->routes[slot].use == LEDGER_LIVE;
      ensures ledger->routes[slot].use == LEDGER_ENDING;
      ensures ledger->routes[slot].generation == \old(ledger->routes[slot].generation) + 1;
    behavior refused:
      assumes ledger->routes[slot].use != LEDGER_LIVE;
      ensures ledger->routes[slot].use == \old(ledger->routes[slot].use);
      ensures ledger->routes[slot].generation == \old(ledger->routes[slot].generation);
      ensures ledger->routes[slot].is_retired == \old(ledger->routes[slot].is_retired);
    complete behaviors;
    disjoint behaviors; */
void ledger_route_end(struct ledger *ledger, uint32_t slot);

/**
 * An ending route was seen gone: entry invalidated, nothing pending. The slot is free. Nothing
 * changes if it is not ending.
 */
/*@ requires ledger_stored(ledger) && ledger_has_route(ledger, slot);
    requires ledger_has_function(ledger, ledger->routes[slot].function);
    requires ledger->routes[slot].use == LEDGER_ENDING ==>
             0 < ledger->functions[ledger->routes[slot].function].route_count;
    assigns ledger->routes[slot].use,
            ledger->functions[ledger->routes[slot].function].route_count;
    behavior ended:
      assumes ledger->routes[slot].use == LEDGER_ENDING;
      ensures ledger->routes[slot].use == LEDGER_UNUSED;
      ensures ledger->functions[ledger->routes[slot].function].route_count ==
              \old(ledger->functions[ledger->routes[slot].function].route_count) - 1;
    behavior refused:
      assumes ledger->routes[slot].use != LEDGER_ENDING;
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_route_ended(struct ledger *ledger, uint32_t slot);

/** Is an interrupt of this generation of the slot to be delivered? (L5) */
/*@ requires ledger_stored(ledger) && ledger_has_route(ledger, slot);
    assigns \nothing;
    ensures \result <==> ledger->routes[slot].use == LEDGER_LIVE &&
                         ledger->routes[slot].generation == generation; */
static inline bool ledger_route_delivers(const struct ledger *ledger, uint32_t slot,
                                         uint64_t generation)
{
    return ledger->routes[slot].use == LEDGER_LIVE && ledger->routes[slot].generation == generation;
}

/* ------------------------------------------------------------------------ buffers */

/** Whether a slot can have a buffer: as for a route. */
/*@ requires ledger_stored(ledger);
    assigns \nothing;
    ensures \result <==> buffer_slot_open(ledger, slot); */
MUST_CHECK bool ledger_buffer_slot_is_open(const struct ledger *ledger, uint32_t slot);

/**
 * May `pid` have `page_count` more pages in the pool of the handle, as the buffer of the slot that
 * is offered?
 *
 * Returns: STATUS_OK with the *place; those of ledger_check(); STATUS_WRONG_TYPE for a handle of
 * another part; STATUS_OVER_BUDGET beyond the pool's limit; STATUS_BAD_RANGE for no pages, or for
 * more than the device could address if nothing had been given out; STATUS_QUEUE_FULL if the slot
 * is none, taken, ending or retired; STATUS_RETIRED if the addresses are used up.
 */
/*@ requires ledger_stored(ledger) && \valid_read(pool) && \valid(place);
    requires ledger_has_function(ledger, pool->function) ==>
             function_sound(&ledger->functions[pool->function]);
    requires ledger_apart(ledger, place) && \separated(pool, place);
    assigns *place;
    ensures \result != STATUS_OK ==> *place == \old(*place);
    ensures \result == STATUS_OK ==>
            ledger_resolves(ledger, pool) && pool->part == DEVICE_PART_POOL &&
            ledger->functions[pool->function].owner == pid && page_count != 0;
    ensures \result == STATUS_OK ==> place->slot == slot && buffer_slot_open(ledger, slot);
    ensures \result == STATUS_OK ==>
            buffer_fits(ledger, &ledger->functions[pool->function], place, page_count); */
MUST_CHECK enum status ledger_buffer_check(const struct ledger *ledger,
                                           const struct device_handle *pool, uint64_t pid,
                                           uint32_t slot, uint32_t page_count,
                                           struct ledger_place *place);

/** Addresses that `place` names are given out; never again. The function is active. */
/*@ requires ledger_stored(ledger) && \valid_read(pool) && \valid_read(place) && \valid(handle);
    requires ledger_apart(ledger, handle) && \separated(handle, pool, place);
    requires ledger_apart(ledger, pool) && ledger_apart(ledger, place);
    requires ledger_has_function(ledger, pool->function) && page_count != 0;
    requires function_sound(&ledger->functions[pool->function]);
    requires buffer_sound(&ledger->buffers[place->slot]);
    requires device_state_owned(ledger->functions[pool->function].state);
    requires buffer_fits(ledger, &ledger->functions[pool->function], place, page_count);
    requires ledger->functions[pool->function].buffer_count < UINT32_MAX;
    assigns ledger->functions[pool->function], ledger->buffers[place->slot], *handle;
    ensures function_sound(&ledger->functions[\old(pool->function)]);
    ensures buffer_sound(&ledger->buffers[\old(place->slot)]);
    ensures handle_issued(handle, DEVICE_PART_BUFFER, \old(pool->function), \old(place->slot),
                          &ledger->functions[\old(pool->function)],
                          ledger->buffers[\old(place->slot)].generation);
    ensures ledger->buffers[\old(place->slot)].use == LEDGER_LIVE;
    ensures ledger->functions[\old(pool->function)].state == FUNCTION_STATE_ACTIVE;
    // L4: what was given out, and a page behind it, is never given out again.
    ensures \old(place->iova) < LEDGER_HIGH_FIRST ==>
            ledger->functions[\old(pool->function)].low_next ==
                \old(place->iova) + (page_count + 1) * LEDGER_PAGE_BYTES;
    ensures LEDGER_HIGH_FIRST <= \old(place->iova) ==>
            ledger->functions[\old(pool->function)].high_next ==
                \old(place->iova) + (page_count + 1) * LEDGER_PAGE_BYTES;
    ensures ledger->functions[\old(pool->function)].pool_pages ==
            \old(ledger->functions[pool->function].pool_pages) + page_count; */
void ledger_buffer_commit(struct ledger *ledger, const struct device_handle *pool,
                          const struct ledger_place *place, uint32_t page_count,
                          enum dma_access access, struct device_handle *handle);

/** A check said that addresses are used up: the function is retired when its owner leaves it. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    assigns ledger->functions[function].is_exhausted;
    ensures ledger->functions[function].is_exhausted; */
void ledger_exhausted(struct ledger *ledger, uint32_t function);

/** Take a buffer back: no handle names it any more. Its pages stay counted. */
/*@ requires ledger_stored(ledger) && ledger_has_buffer(ledger, slot);
    requires buffer_sound(&ledger->buffers[slot]);
    assigns ledger->buffers[slot].use, ledger->buffers[slot].generation,
            ledger->buffers[slot].is_retired;
    ensures buffer_sound(&ledger->buffers[slot]);
    behavior ended:
      assumes ledger->buffers[slot].use == LEDGER_LIVE;
      ensures ledger->buffers[slot].use == LEDGER_ENDING;
      ensures ledger->buffers[slot].generation == \old(ledger->buffers[slot].generation) + 1;
    behavior refused:
      assumes ledger->buffers[slot].use != LEDGER_LIVE;
      ensures ledger->buffers[slot].use == \old(ledger->buffers[slot].use);
      ensures ledger->buffers[slot].generation == \old(ledger->buffers[slot].generation);
      ensures ledger->buffers[slot].is_retired == \old(ledger->buffers[slot].is_retired);
    complete behaviors;
    disjoint behaviors; */
void ledger_buffer_end(struct ledger *ledger, uint32_t slot);

/**
 * Whether an ending buffer's pages may be given back: it was unmapped and the IOMMU has said that
 * it forgot them (`is_invalidated`), or the whole function can reach nothing (L4): it was detached,
 * or recovered from quarantine.
 */
/*@ requires ledger_stored(ledger) && ledger_has_buffer(ledger, slot);
    requires ledger_has_function(ledger, ledger->buffers[slot].function);
    assigns \nothing;
    ensures \result <==>
            ledger->buffers[slot].use == LEDGER_ENDING &&
            (is_invalidated ||
             (ledger->functions[ledger->buffers[slot].function].evidence & LEDGER_UNREACHABLE) ==
                 LEDGER_UNREACHABLE ||
             (ledger->functions[ledger->buffers[slot].function].evidence & LEDGER_INERT) != 0); */
MUST_CHECK bool ledger_buffer_is_unreachable(const struct ledger *ledger, uint32_t slot,
                                             bool is_invalidated);

/**
 * An unreachable buffer's pages have been given back. The slot is free. Nothing changes if it is
 * not ending.
 */
/*@ requires ledger_stored(ledger) && ledger_has_buffer(ledger, slot);
    requires ledger_has_function(ledger, ledger->buffers[slot].function);
    requires ledger->buffers[slot].use == LEDGER_ENDING ==>
             0 < ledger->functions[ledger->buffers[slot].function].buffer_count &&
             ledger->buffers[slot].page_count <=
                 ledger->functions[ledger->buffers[slot].function].pool_pages;
    assigns ledger->buffers[slot].use,
            ledger->functions[ledger->buffers[slot].function].pool_pages,
            ledger->functions[ledger->buffers[slot].function].buffer_count;
    behavior ended:
      assumes ledger->buffers[slot].use == LEDGER_ENDING;
      ensures ledger->buffers[slot].use == LEDGER_UNUSED;
      ensures ledger->functions[ledger->buffers[slot].function].pool_pages ==
              \old(ledger->functions[ledger->buffers[slot].function].pool_pages) -
                  ledger->buffers[slot].page_count;
      ensures ledger->functions[ledger->buffers[slot].function].buffer_count ==
              \old(ledger->functions[ledger->buffers[slot].function].buffer_count) - 1;
    behavior refused:
      assumes ledger->buffers[slot].use != LEDGER_ENDING;
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_buffer_ended(struct ledger *ledger, uint32_t slot);

/* ------------------------------------------------------------------------ teardown */

/**
 * Raise the epoch: no handle resolves from here on. All routes are ending. Buffers, of which there
 * can be ten thousand, stay as they are: the teardown ends them one after the other, and there is
 * no next owner before it has (ledger_is_released()).
 *
 * Returns: true if this call did it; false if a teardown is under way or there is no owner.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    requires routes_sound(ledger);
    behavior revoked:
      assumes device_state_owned(ledger->functions[function].state);
      assigns ledger->functions[function], ledger->routes[0 .. ledger->route_count - 1];
      ensures \result && ledger->functions[function].state == FUNCTION_STATE_REVOKING;
      // Whatever it says, no handle of the function is current now...
      ensures \forall integer part, slot, generation, owner, part_generation;
                  !ledger_current(ledger, part, function, slot, generation, owner,
                                  part_generation);
      // ... and none of those that there were will ever be again (L7).
      ensures ledger->functions[function].generation ==
              \old(ledger->functions[function].generation) + 1;
      ensures ledger->functions[function].evidence == 0;
      ensures function_sound(&ledger->functions[function]);
    behavior refused:
      assumes !device_state_owned(ledger->functions[function].state);
      assigns \nothing;
      ensures !\result;
    complete behaviors;
    disjoint behaviors; */
MUST_CHECK bool ledger_revoke(struct ledger *ledger, uint32_t function);

/** The teardown has seen something done: enum ledger_evidence. Ignored while there is none. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    assigns ledger->functions[function].evidence;
    ensures function_sound(&ledger->functions[function]);
    behavior noted:
      assumes state_torn_down(ledger->functions[function].state);
      ensures ledger->functions[function].evidence ==
              (uint32_t)(\old(ledger->functions[function].evidence) | evidence);
    behavior refused:
      assumes !state_torn_down(ledger->functions[function].state);
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_witness(struct ledger *ledger, uint32_t function, uint32_t evidence);

/** Its device is being reset. Ignored while there is no teardown. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    assigns ledger->functions[function].state;
    ensures function_sound(&ledger->functions[function]);
    behavior begun:
      assumes state_torn_down(ledger->functions[function].state);
      ensures ledger->functions[function].state == FUNCTION_STATE_RESETTING;
    behavior refused:
      assumes !state_torn_down(ledger->functions[function].state);
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_reset_begin(struct ledger *ledger, uint32_t function);

/**
 * Whether a teardown is under way and nothing of the owner is left, so that ledger_finish() may be
 * called. Never in quarantine.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    assigns \nothing;
    ensures \result <==> function_released(&ledger->functions[function]); */
MUST_CHECK bool ledger_is_released(const struct ledger *ledger, uint32_t function);

/**
 * The end of a teardown: free, or retired if generations or addresses are used up.
 * Only after ledger_is_released() and with all of LEDGER_QUIET witnessed.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    requires function_released(&ledger->functions[function]);
    requires ledger->functions[function].pool_pages == 0;
    assigns ledger->functions[function];
    ensures function_sound(&ledger->functions[function]);
    ensures ledger->functions[function].generation ==
            \old(ledger->functions[function].generation);
    ensures \result == ledger->functions[function].state;
    ensures \result == FUNCTION_STATE_FREE || \result == FUNCTION_STATE_RETIRED;
    ensures ledger->functions[function].owner == DEVICE_NOBODY;
    // L7: whoever is claimed again has generations left for a claim and a revoke.
    ensures \result == FUNCTION_STATE_FREE ==>
            !ledger->functions[function].is_exhausted &&
            ledger->functions[function].generation < LEDGER_GENERATION_END - 1 &&
            ledger->functions[function].owner_generation < LEDGER_GENERATION_END - 1; */
enum function_state ledger_finish(struct ledger *ledger, uint32_t function);

/**
 * The other end: it was not seen to come to rest. What it could reach stays its own, routes and
 * buffers included, until it is recovered. Ignored while it is owned: it is revoked first.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    assigns ledger->functions[function].state, ledger->functions[function].owner,
            ledger->functions[function].former_owner;
    ensures function_sound(&ledger->functions[function]);
    behavior quarantined:
      assumes !device_state_owned(ledger->functions[function].state);
      ensures ledger->functions[function].state == FUNCTION_STATE_QUARANTINED;
      ensures ledger->functions[function].owner == DEVICE_NOBODY;
    behavior refused:
      assumes device_state_owned(ledger->functions[function].state);
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_quarantine(struct ledger *ledger, uint32_t function);

/* ------------------------------------------------------------------------ quarantine */

/**
 * The way out of quarantine: the whole function, not only what its class's registers reach, was
 * reset by the kernel and seen to be; it masters no bus, no transaction of it is pending, no vector
 * of it can arrive. So it reaches nothing, whatever the IOMMU does. Ignored in other states.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    assigns ledger->functions[function].evidence;
    ensures function_sound(&ledger->functions[function]);
    behavior noted:
      assumes ledger->functions[function].state == FUNCTION_STATE_QUARANTINED;
      ensures ledger->functions[function].evidence ==
              (uint32_t)(\old(ledger->functions[function].evidence) | LEDGER_INERT);
    behavior refused:
      assumes ledger->functions[function].state != FUNCTION_STATE_QUARANTINED;
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_recover(struct ledger *ledger, uint32_t function);

/**
 * An inert function in quarantine, of which nothing is left, becomes free, or retired as in
 * ledger_finish(). Returns: whether it did.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    requires ledger->functions[function].buffer_count == 0 ==>
             ledger->functions[function].pool_pages == 0;
    behavior left:
      assumes function_recovered(&ledger->functions[function]);
      assigns ledger->functions[function];
      ensures \result && function_sound(&ledger->functions[function]);
      ensures ledger->functions[function].state == FUNCTION_STATE_FREE ||
              ledger->functions[function].state == FUNCTION_STATE_RETIRED;
      ensures ledger->functions[function].generation ==
              \old(ledger->functions[function].generation);
    behavior refused:
      assumes !function_recovered(&ledger->functions[function]);
      assigns \nothing;
      ensures !\result;
    complete behaviors;
    disjoint behaviors; */
bool ledger_leave_quarantine(struct ledger *ledger, uint32_t function);

/* ------------------------------------------------------------------------ audit */

/** Names of what can be wrong; `place` is the index of a function, route or buffer. */
enum ledger_flaw {
    LEDGER_SOUND = 0,
    LEDGER_FLAW_OWNER,   /* an owned function without owner, or the reverse */
    LEDGER_FLAW_GROUP,   /* two owners in one group (L1) */
    LEDGER_FLAW_UNOWNED, /* authority over a function nobody owns (L2) */
    LEDGER_FLAW_SUM,     /* a count is not the sum of its parts (L6) */
    LEDGER_FLAW_LIMIT,   /* a pool above its limit */
    LEDGER_FLAW_ADDRESS, /* a buffer at addresses not given out, or two at one (L4) */
    LEDGER_FLAW_LIVE,    /* a part or route live without owner, or a buffer of a mere claim */
    LEDGER_FLAW_COUNT
};

const char *ledger_flaw_name(enum ledger_flaw flaw);

/** Look at everything. Takes time by the square of buffers: for tests and debug builds. */
MUST_CHECK enum ledger_flaw ledger_audit(const struct ledger *ledger, uint32_t *place);
