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
 *
 * Here are the records, and what resolves a handle. Operations: ledger_owner.h, ledger_parts.h,
 * ledger_teardown.h; ledger_audit.h looks at it all.
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
