/* SPDX-License-Identifier: MIT */
#include "mm/slab.h"

#include "list.h"
#include "mm/frames.h"

struct slab_piece {
    struct slab_piece *next;
};

/** At the start of each slab's page. */
struct slab {
    struct list link; /* on its class's list while it has room */
    struct slab_piece *free;
    uint32_t used;
    uint32_t frame;
};

struct slab_class {
    uint32_t bytes;
    struct list with_room;
};

#define SLAB_FIRST_PIECE 64u
static_assert(sizeof(struct slab) <= SLAB_FIRST_PIECE, "the slab's head is before its pieces");

/* Sizes are multiples of 64, so that no two objects share a cache line. */
static struct slab_class classes[] = {
    {.bytes = 64},  {.bytes = 128}, {.bytes = 192}, {.bytes = 256},
    {.bytes = 384}, {.bytes = 512}, {.bytes = 1024}, {.bytes = SLAB_MAX_BYTES},
};

static struct slab_class *class_for(size_t bytes)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(classes); i++) {
        if (bytes <= classes[i].bytes) {
            return &classes[i];
        }
    }
    PANIC("slab: %zu bytes is more than a slab serves", bytes);
}

static struct slab *add_slab(struct slab_class *class)
{
    uint32_t frame;

    if (frames_take(0, FRAME_SLAB, NULL, &frame) != STATUS_OK) {
        return NULL;
    }
    uint8_t *page = frame_pointer(frame);
    struct slab *slab = (struct slab *)(void *)page;

    *slab = (struct slab){.frame = frame};
    for (uint32_t at = SLAB_FIRST_PIECE; at + class->bytes <= PAGE_BYTES; at += class->bytes) {
        struct slab_piece *piece = (struct slab_piece *)(void *)(page + at);

        piece->next = slab->free;
        slab->free = piece;
    }
    list_append(&class->with_room, &slab->link);
    return slab;
}

void *slab_take(size_t bytes)
{
    struct slab_class *class = class_for(bytes);

    if (class->with_room.next == NULL) {
        list_init(&class->with_room);
    }
    struct slab *slab = list_is_empty(&class->with_room)
                            ? add_slab(class)
                            : LIST_FIRST(&class->with_room, struct slab, link);

    if (slab == NULL) {
        return NULL;
    }
    struct slab_piece *piece = slab->free;

    slab->free = piece->next;
    slab->used++;
    if (slab->free == NULL) {
        list_remove(&slab->link);
    }
    memset(piece, 0, class->bytes);
    return piece;
}

void slab_give(void *pointer, size_t bytes)
{
    struct slab_class *class = class_for(bytes);
    struct slab_piece *piece = pointer;
    struct slab *slab = (struct slab *)((uintptr_t)pointer & ~(uintptr_t)(PAGE_BYTES - 1));

    if (slab->free == NULL) {
        list_append(&class->with_room, &slab->link);
    }
    piece->next = slab->free;
    slab->free = piece;
    slab->used--;
    if (slab->used == 0) {
        list_remove(&slab->link);
        frames_give(slab->frame, 0, NULL);
    }
}
