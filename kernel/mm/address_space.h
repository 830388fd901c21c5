/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The user half of a process's address space, as a set of mappings.
 *
 * A mapping is one contiguous piece of one memory object at one place. It is in two indexes: the
 * space's tree by address, and the memory object's list (the reverse map), so that revoking memory
 * finds every place it is mapped. A mapping refers to its memory and so keeps it alive.
 *
 * Removing is in two steps, because other CPUs may have the translation cached: page-table entries
 * go at once, the record, the memory reference and empty tables only when every CPU has flushed.
 *
 * Under the kernel lock.
 */

#include "account/account.h"
#include "object/flush.h"
#include "tree/tree.h"
#include "types.h"

struct memory;
struct process;

struct address_space {
    struct paddr root;         /* 0 until created */
    struct process *process;   /* whose account pays for tables and mappings */
    struct tree_root mappings; /* struct mapping.node by address */
    uint32_t removals;         /* mappings that wait for flushes */
    uint64_t *recent_table;    /* the leaf table used last, or NULL */
    uint64_t recent_number;    /* which 2 MiB it maps */
};

/** Largest single mapping: bounds the time of MAP and UNMAP. */
#define MAPPING_MAX_PAGES 4096u

struct mapping {
    struct tree_node node; /* key: address */
    struct address_space *space;
    struct memory *memory; /* NULL: a ring, see ring_frame */
    struct list in_memory; /* memory->mappings */
    uint64_t generation; /* of the memory's capabilities when it was made: see struct memory.walk */
    uint64_t page_offset; /* within `memory` */
    uint64_t page_count;
    uint32_t ring_frame;  /* FRAME_NONE, or the ring that goes with this mapping */
    uint32_t table_chain; /* page tables to give back after the flush */
    struct flush_wait flush;
    void (*removed)(void *context); /* told when everything is given back, or NULL */
    void *removed_context;
};

/** An empty address space with the kernel's half shared. Charges one frame. */
MUST_CHECK enum status address_space_create(struct address_space *space, struct process *process);

/** Give the root back. No mapping is left and no CPU has it loaded. */
void address_space_destroy(struct address_space *space);

/**
 * Map pages of a memory object.
 *
 * Returns: STATUS_OK; STATUS_BAD_RANGE (alignment, limits), STATUS_DENIED (more access than the
 * capability gives), STATUS_OCCUPIED, STATUS_OVER_BUDGET, STATUS_NO_MEMORY.
 */
MUST_CHECK enum status address_space_map(struct address_space *space, struct memory *memory,
                                         uint64_t address, uint64_t page_offset,
                                         uint64_t page_count, enum access access);

/** Map a ring, kernel-owned: the process cannot unmap it. Same errors. */
MUST_CHECK enum status address_space_map_ring(struct address_space *space, uint32_t ring_frame,
                                              uint64_t address, struct mapping **out);

/** The mapping that is exactly [address, address + page_count pages), or NULL. */
struct mapping *address_space_find(const struct address_space *space, uint64_t address,
                                   uint64_t page_count);

/**
 * Take a mapping away. True: it is gone. False: it will be, when other CPUs have flushed; then
 * `mapping->removed` is called.
 */
bool mapping_remove(struct mapping *mapping);

/** Change what a mapping allows; true if no other CPU must flush. */
bool mapping_protect(struct mapping *mapping, enum access access, struct flush_wait *wait,
                     void (*done)(struct flush_wait *wait));

/** Whether any CPU has the space loaded (struct cpu.space). */
bool address_space_is_loaded(const struct address_space *space);

/** Leave whatever space this CPU has loaded for the kernel's own tables. */
void address_space_load_kernel(void);
