/* SPDX-License-Identifier: MIT */
#include "mm/slab.h"

#include "list.h"
#include "mm/frames.h"

#define SLAB_FIRST_PIECE 64u
static_assert(sizeof(struct slab) <= SLAB_FIRST_PIECE, "the slab's head is before its pieces");

/* Sizes are multiples of 64, so that no two objects share a cache line. */
static const uint32_t class_bytes[SLAB_CLASSES] = {64,  128, 192,  256,
                                                   384, 512, 1024, SLAB_MAX_BYTES};

#define EMPTY(index) LIST_INIT(slab_kernel.with_room[index])
struct slab_owner slab_kernel = {
    .with_room = {EMPTY(0), EMPTY(1), EMPTY(2), EMPTY(3), EMPTY(4), EMPTY(5), EMPTY(6), EMPTY(7)},
};

void slab_owner_init(struct slab_owner *owner, struct account *account)
{
    *owner = (struct slab_owner){.account = account};
    for (uint32_t i = 0; i < SLAB_CLASSES; i++) {
        list_init(&owner->with_room[i]);
    }
}

static struct slab *slab_of(void *piece)
{
    return (struct slab *)((uintptr_t)piece & ~(uintptr_t)(PAGE_BYTES - 1));
}

static struct slab *add_slab(struct slab_owner *owner, uint32_t class_index)
{
    const uint32_t bytes = class_bytes[class_index];
    uint32_t frame;

    if (frames_take(0, FRAME_SLAB, owner->account, &frame) != STATUS_OK) {
        return NULL;
    }
    uint8_t *page = frame_pointer(frame);
    struct slab *slab = (struct slab *)(void *)page;

    *slab = (struct slab){.frame = frame, .owner = owner};
    for (uint32_t at = SLAB_FIRST_PIECE; at + bytes <= PAGE_BYTES; at += bytes) {
        struct slab_piece *piece = (struct slab_piece *)(void *)(page + at);

        piece->next = slab->free;
        slab->free = piece;
    }
    list_append(&owner->with_room[class_index], &slab->link);
    return slab;
}

void *slab_take_class(struct slab_owner *owner, uint32_t class_index)
{
    struct list *with_room = &owner->with_room[class_index];
    struct slab *slab = list_is_empty(with_room) ? add_slab(owner, class_index)
                                                 : LIST_FIRST(with_room, struct slab, link);

    if (slab == NULL) {
        return NULL;
    }
    struct slab_piece *piece = slab->free;

    slab->free = piece->next;
    slab->used++;
    if (slab->free == NULL) {
        list_remove(&slab->link);
    }
    return piece;
}

void slab_give_class(void *pointer, uint32_t class_index)
{
    struct slab_piece *piece = pointer;
    struct slab *slab = slab_of(pointer);
    struct slab_owner *owner = slab->owner;

    if (slab->free == NULL) {
        list_append(&owner->with_room[class_index], &slab->link);
    }
    piece->next = slab->free;
    slab->free = piece;
    slab->used--;
    if (slab->used == 0) {
        list_remove(&slab->link);
        frames_give(slab->frame, 0, owner->account);
        if (UNLIKELY(owner->shrunk != NULL)) {
            owner->shrunk(owner);
        }
    }
}

void slab_bequeath(void *piece, size_t bytes, const struct slab_owner *from,
                   struct slab_owner *heir)
{
    struct slab *slab = slab_of(piece);

    if (slab->owner != from) {
        return; /* the kernel's, or the heir's by another piece */
    }
    frames_move(slab->frame, from->account, heir->account);
    slab->owner = heir;
    if (slab->free != NULL) {
        list_move(&heir->with_room[slab_class_of(bytes)], &slab->link);
    }
}
