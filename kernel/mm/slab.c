/* SPDX-License-Identifier: MIT */
#include "mm/slab.h"

#include "list.h"
#include "mm/frames.h"

struct slab_class {
    uint32_t bytes;
    struct list with_room;
};

#define SLAB_FIRST_PIECE 64u
static_assert(sizeof(struct slab) <= SLAB_FIRST_PIECE, "the slab's head is before its pieces");

/* Sizes are multiples of 64, so that no two objects share a cache line. */
#define SLAB_CLASS(index, size)                                                                    \
    [index] = {.bytes = (size), .with_room = LIST_INIT(classes[index].with_room)}

static struct slab_class classes[] = {
    SLAB_CLASS(0, 64),  SLAB_CLASS(1, 128), SLAB_CLASS(2, 192),  SLAB_CLASS(3, 256),
    SLAB_CLASS(4, 384), SLAB_CLASS(5, 512), SLAB_CLASS(6, 1024), SLAB_CLASS(7, SLAB_MAX_BYTES),
};

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

void *slab_take_class(uint32_t class_index)
{
    struct slab_class *class = &classes[class_index];
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
    return piece;
}

void slab_give_class(void *pointer, uint32_t class_index)
{
    struct slab_class *class = &classes[class_index];
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
