/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Memory objects: resident frames that can be mapped, shared by capability, and pinned.
 *
 * A root owns its frames, or borrows a contiguous piece of physical memory (the boot package). A
 * view is a narrower object over a root's frames, made from the root or from another view, and
 * keeps that one alive: a tree. Every object lists its own mappings (the reverse map). Revoking an
 * object revokes what lies below it too, and finds and removes exactly the mappings made through
 * the capabilities that are taken back.
 *
 * A pin says that the kernel or a device is using the frames: they are not given back before the
 * last pin goes, whoever has died meanwhile. Under the kernel lock.
 */

#include "mm/frames.h"
#include "object/object.h"
#include "object/reaper.h"
#include "types.h"

struct device_function;

struct memory {
    struct object object;
    struct memory *root;   /* itself, unless it is a view */
    struct memory *parent; /* of a view: what it was made from, a reference; else NULL */
    uint64_t root_offset;  /* of a view: first page within the root */
    uint64_t generation;   /* of a view: of its parent's capabilities when it was made */
    uint64_t page_count;
    enum access access;   /* the most that a mapping may allow */
    struct list mappings; /* struct mapping.in_memory */
    uint32_t mapping_count;
    uint32_t removing_count; /* mappings taken off the list that other CPUs may still use */
    uint32_t pin_count;      /* of a root */
    struct list views;       /* made from this object: struct memory.view_link */
    struct list view_link;   /* of a view: in parent->views */

    uint32_t contiguous_first; /* borrowed frames, or FRAME_NONE */
    uint64_t filled;           /* own frames that are there; page_count once created */
    uint32_t index_frame;      /* own frames: page of 1024 numbers of index pages */
    uint32_t single_frame;     /* own frames, page_count == 1: the frame itself */

    struct work work;            /* filling or revoking */
    struct operation *operation; /* that waits for it, or NULL */
    struct memory *walker;       /* whose walk is here: one at a time */
    struct list
        waiting_walks; /* struct memory.walk.link: until it goes on, or a removal is through */

    /* The revocation in progress: a walk over this object and all views below, in steps. */
    struct {
        struct list link;    /* in waiting_walks of `at` */
        struct memory *at;   /* a reference; NULL: there is no revocation */
        uint32_t left;       /* mappings of `at` to look at, the first of them next */
        uint64_t spared_pid; /* the revoker, whose mappings stay; 0: none stays, old or new */
    } walk;

    uint64_t page_bits;             /* more bits for the page-table entries of its mappings */
    struct device_function *device; /* whose registers these are; NULL: it is memory */
};

/** Largest memory object: what two levels of index reach. */
#define MEMORY_MAX_PAGES (1024u * 1024u)

/**
 * Create an object of zeroed frames, charged to `process`. Small ones are complete on return;
 * larger ones (`*filling` set) are filled by the reaper, which then completes `memory->operation`.
 */
MUST_CHECK enum status memory_create(struct process *process, uint64_t page_count,
                                     struct memory **out, bool *filling);

/** Create an object whose pages are added one by one; it is not to be mapped before the last. */
MUST_CHECK enum status memory_create_unfilled(struct process *process, uint64_t page_count,
                                              struct memory **out);

/** Add a zeroed page. */
MUST_CHECK enum status memory_add_page(struct memory *memory);

/** Create a read-only object over physical memory that is not the frame allocator's. */
MUST_CHECK enum status memory_create_borrowed(struct process *process, uint32_t first_frame,
                                              uint64_t page_count, struct memory **out);

/** Create a view. STATUS_BAD_RANGE, STATUS_DENIED, and those of object_create(). */
MUST_CHECK enum status memory_create_view(struct memory *memory, struct process *process,
                                          uint64_t page_offset, uint64_t page_count,
                                          enum access access, struct memory **out);

#define MEMORY_NUMBERS_PER_PAGE (PAGE_BYTES / sizeof(uint32_t))

/** The frame of a page; `page` is inside the object. */
static inline struct paddr memory_frame(const struct memory *memory, uint64_t page)
{
    const struct memory *root = memory->root;
    const uint64_t index = memory->root_offset + page;

    if (root->contiguous_first != FRAME_NONE) {
        return frame_paddr(root->contiguous_first + (uint32_t)index);
    }
    if (root->page_count == 1) {
        return frame_paddr(root->single_frame);
    }
    const uint32_t *top = frame_pointer(root->index_frame);
    const uint32_t *leaf = frame_pointer(top[index / MEMORY_NUMBERS_PER_PAGE]);

    return frame_paddr(leaf[index % MEMORY_NUMBERS_PER_PAGE]);
}

/** Frames of pages that follow each other: a list of numbers, or if that is NULL, from `first` on.
 */
struct memory_run {
    const uint32_t *numbers;
    uint64_t first;
};

/** The frames of `page` and of those behind it; how many of `count` pages, at least one. */
static inline uint64_t memory_run(const struct memory *memory, uint64_t page, uint64_t count,
                                  struct memory_run *run)
{
    const struct memory *root = memory->root;
    const uint64_t index = memory->root_offset + page;

    if (root->contiguous_first != FRAME_NONE || root->page_count == 1) {
        *run = (struct memory_run){.first = paddr_frame(memory_frame(memory, page))};
        return count;
    }
    const uint32_t *top = frame_pointer(root->index_frame);
    const uint32_t *leaf = frame_pointer(top[index / MEMORY_NUMBERS_PER_PAGE]);
    const uint64_t left = MEMORY_NUMBERS_PER_PAGE - index % MEMORY_NUMBERS_PER_PAGE;

    *run = (struct memory_run){.numbers = &leaf[index % MEMORY_NUMBERS_PER_PAGE]};
    return count < left ? count : left;
}

/**
 * Whether mappings and views of the object may have this access.
 *
 * What can be written may be made executable instead: W^X is a rule of mappings, so code can be
 * prepared through one mapping and run through another.
 */
static inline bool memory_allows(const struct memory *memory, enum access access)
{
    return access == ACCESS_READ || memory->access == ACCESS_READ_WRITE ||
           (access == ACCESS_READ_EXECUTE && memory->access == ACCESS_READ_EXECUTE);
}

/** Borrowed frames are a device's registers: mapped uncached, never executable. */
void memory_set_device(struct memory *memory, struct device_function *device);

/** Remove every mapping of an object that has no views. Harmless if that is under way. */
void memory_remove_mappings(struct memory *memory);

/** No CPU can use a removed mapping of the object any more. */
void memory_mapping_removed(struct memory *memory);

/** Keep the object and its frames, whatever happens to capabilities and mappings. */
void memory_pin(struct memory *memory);
void memory_unpin(struct memory *memory);

/**
 * Have `heir` pay for an object, and for the frames of a root. Takes time by frame: for what is in
 * quarantine.
 */
void memory_bequeath(struct memory *memory, struct process *heir);

/** Whether a revocation is still removing mappings; a second one has to wait. */
bool memory_is_revoking(const struct memory *memory);

/** For object_types[]. */
extern const struct object_type memory_type;
