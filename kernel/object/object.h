/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Kernel objects: the common head, their place in the object table, how they die.
 *
 * An object lives at one place of the object table. Capabilities name the place and the generation
 * it had (lib/cap), so all of them are taken back by one increment. An object counts two things:
 *
 *   handles  valid capabilities, in anybody's table. At zero nobody can name the object: its kind
 *            hears of it (`unnamed`), so that an endpoint nobody receives on can refuse callers.
 *   refs     handles, plus what the kernel itself keeps (a client end refers to its endpoint).
 *            At zero the object is destroyed.
 *
 * Destruction may be long (pages to give back, waiters to wake), so it is work for the reaper
 * (reaper.h): `destroy` runs in bounded steps. Capabilities in messages are never in flight: they
 * stay in the sender's table until the receiver takes the message, so no queue holds a reference
 * and no cycle of references can keep anything alive (docs/design/0004-object-lifetime.md).
 *
 * Everything here is under the kernel lock.
 */

#include "account/account.h"
#include "cap/cap.h"
#include "list.h"
#include "object/reaper.h"
#include "types.h"

struct process;

struct object {
    enum object_kind kind;
    uint32_t number; /* place in the object table, for people */
    uint32_t handles;
    uint32_t refs;
    struct cap_object_slot *place;
    struct process *payer; /* charged for this object; kept until the object is gone */
    struct list reap;      /* on the reaper's list while being destroyed */
};

/** What one kind of object does. Everything but `name` may be NULL. */
struct object_type {
    size_t bytes;
    /** The last capability is gone; other references may remain. */
    void (*unnamed)(struct object *object);
    /** All capabilities but the revoker's have been taken back. */
    void (*revoked)(struct object *object, struct process *revoker);
    /** Whether those whom a revocation takes something from have not all lost it yet. */
    bool (*is_revoking)(const struct object *object);
    /** One bounded step of taking apart; true once the object can be freed. */
    bool (*destroy)(struct object *object);
};

extern const struct object_type *const object_types[];

/**
 * Make an object of `kind`, cleared behind its head, with no handles and one reference (the
 * maker's, to be dropped with object_put() or turned into a handle with object_grant()).
 *
 * Charged to `payer`: one object, and its slab if that is a new one.
 * Returns: STATUS_OK, STATUS_OVER_BUDGET, STATUS_NO_MEMORY, STATUS_RETIRED (no place left).
 */
MUST_CHECK enum status object_create(enum object_kind kind, struct process *payer,
                                     struct object **out);

static inline void object_get(struct object *object)
{
    KASSERT(object->refs > 0); /* or it is the reaper's */
    object->refs++;
}

/** Drop a reference; the last one sends the object to the reaper. */
static inline void object_put(struct object *object)
{
    KASSERT(object->refs > 0);
    if (UNLIKELY(--object->refs == 0)) {
        reap_object(object);
    }
}

/**
 * Put a new capability for the object into a process's table; `flags` as in lib/cap.
 * Returns: STATUS_OK with *id, STATUS_OVER_BUDGET, STATUS_NO_MEMORY.
 */
MUST_CHECK enum status object_grant(struct object *object, struct process *process, uint32_t flags,
                                    uint64_t *id);

/** The object that a CapId means now, or NULL; object_refusal() says why. */
static ALWAYS_INLINE struct object *object_lookup(const struct cap_table *caps, uint64_t id)
{
    const struct cap_entry *entry = cap_table_find(caps, id);

    return UNLIKELY(entry == NULL) ? NULL : cap_entry_object(entry);
}

/** What a capability was made for. */
struct object_memory {
    enum object_kind kind;
    uint32_t number;
    uint32_t function;   /* of device authority: in the ledger */
    uint64_t generation; /* of its place */
};

/**
 * What `id` names, or named before it was revoked or given up, as far as its slot still knows. No
 * way to the object, which may be gone.
 */
MUST_CHECK bool object_recall(const struct cap_table *caps, uint64_t id, struct object_memory *out);

/** Why object_lookup() found nothing: STATUS_BAD_CAPABILITY or STATUS_STALE. */
enum status object_refusal(const struct cap_table *caps, uint64_t id);

/** What a CapId of a process means now: STATUS_OK, STATUS_BAD_CAPABILITY or STATUS_STALE. */
MUST_CHECK enum status object_find(const struct process *process, uint64_t id, struct object **out);

/** As object_find() over a table, and STATUS_WRONG_TYPE unless it is of `kind`. */
static ALWAYS_INLINE MUST_CHECK enum status object_find_kind(const struct cap_table *caps,
                                                             uint64_t id, enum object_kind kind,
                                                             struct object **out)
{
    struct object *object = object_lookup(caps, id);

    if (UNLIKELY(object == NULL || object->kind != kind)) {
        return object != NULL                                      ? STATUS_WRONG_TYPE
               : object_refusal(caps, id) == STATUS_BAD_CAPABILITY ? STATUS_BAD_CAPABILITY
                                                                   : STATUS_STALE;
    }
    *out = object;
    return STATUS_OK;
}

/** Empty one slot of a process's table, which may be stale. */
void object_ungrant(struct process *process, uint32_t index);

/**
 * Take back every capability of the object but the one in `entry`, which must be an origin. A
 * bounded time; the kind's `revoked` may start longer work, and then object_is_revoking() is true
 * until it is done. It is not now.
 */
void object_revoke(struct object *object, struct cap_entry *entry, struct process *revoker);

/** Whether an earlier revocation is still under way; another one has to wait. */
bool object_is_revoking(const struct object *object);

/**
 * A capability outside any table: what a half-started process will get. Like an entry it counts
 * as a handle and goes stale when the object is revoked.
 */
struct object_hold {
    struct cap_object_slot *place;
    uint64_t generation;
};

void object_hold(struct object_hold *hold, struct object *object);

/** The object, or NULL if it has been revoked since. */
struct object *object_held(const struct object_hold *hold);

void object_hold_drop(struct object_hold *hold);

/** Take back every capability of the object, without exception. */
void object_revoke_all(struct object *object);

/** Free the memory and the place of a destroyed object. For the reaper. */
void object_free(struct object *object);

/** Places in the object table: no more objects than this can be alive. */
#define OBJECT_COUNT_MAX 65536u

/** Make sure that a process can take `count` more capabilities without a further allocation. */
MUST_CHECK enum status object_reserve_slots(struct process *process, uint32_t count);

/**
 * The first slot from `index` on of a process's table that has a capability, revoked or not;
 * CAP_NO_INDEX. Of the pages in between it looks at slots of those two alone that it begins and
 * ends in: others are passed.
 */
uint32_t object_next_slot(const struct process *process, uint32_t index);

/** The object at a place of the object table, or NULL. For the audit log. */
const struct object *object_at(uint32_t number);

/** Live objects, for the diagnostics. */
uint32_t object_count(void);
