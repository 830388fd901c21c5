/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Small kernel objects: one-page slabs of equal pieces. An empty slab's frame goes back at once,
 * so what the kernel holds depends only on what is alive.
 *
 * Each account has slabs of its own and pays for them, so that nobody's objects, however they are
 * made and freed, can leave others without memory. What nobody pays for is the kernel's. Under the
 * kernel lock.
 */

#include "account/account.h"
#include "list.h"
#include "types.h"

#define SLAB_MAX_BYTES 1984u

#define SLAB_CLASSES   8u

/** Whose slabs these are. */
struct slab_owner {
    struct account *account;             /* NULL: the kernel's own */
    struct list with_room[SLAB_CLASSES]; /* struct slab.link */
    /** Told when a slab has gone back, if that may be the last thing charged; or NULL. */
    void (*shrunk)(struct slab_owner *owner);
};

extern struct slab_owner slab_kernel;

void slab_owner_init(struct slab_owner *owner, struct account *account);

struct slab_piece {
    struct slab_piece *next;
};

/** At the start of each slab's page. */
struct slab {
    struct list link; /* on its owner's list of its class while it has room */
    struct slab_owner *owner;
    struct slab_piece *free;
    uint32_t used;
    uint32_t frame;
};

/** Which size serves `bytes`; a constant where `bytes` is one. */
static ALWAYS_INLINE uint32_t slab_class_of(size_t bytes)
{
    return bytes <= 64     ? 0
           : bytes <= 128  ? 1
           : bytes <= 192  ? 2
           : bytes <= 256  ? 3
           : bytes <= 384  ? 4
           : bytes <= 512  ? 5
           : bytes <= 1024 ? 6
                           : 7;
}

/** Memory of a class, with whatever is in it; NULL without memory: slab_refusal() says why. */
void *slab_take_class(struct slab_owner *owner, uint32_t class_index);
void slab_give_class(void *piece, uint32_t class_index);

/** Memory for one object of `bytes` (at most SLAB_MAX_BYTES), not cleared; NULL without memory. */
static ALWAYS_INLINE void *slab_take_uncleared(struct slab_owner *owner, size_t bytes)
{
    return slab_take_class(owner, slab_class_of(bytes));
}

/** The same, cleared. */
static inline void *slab_take(struct slab_owner *owner, size_t bytes)
{
    void *piece = slab_take_uncleared(owner, bytes);

    if (piece != NULL) {
        memset(piece, 0, bytes);
    }
    return piece;
}

/** Why there was none a moment ago: STATUS_OVER_BUDGET or STATUS_NO_MEMORY. */
static inline enum status slab_refusal(const struct slab_owner *owner)
{
    return owner->account != NULL && account_left(owner->account, ACCOUNT_FRAMES) == 0
               ? STATUS_OVER_BUDGET
               : STATUS_NO_MEMORY;
}

/** Give back what was taken for the same size. */
static ALWAYS_INLINE void slab_give(void *piece, size_t bytes)
{
    slab_give_class(piece, slab_class_of(bytes));
}

/** Have `heir` pay for a piece that `from` pays for, and for all others in its slab. */
void slab_bequeath(void *piece, size_t bytes, const struct slab_owner *from,
                   struct slab_owner *heir);
