/* SPDX-License-Identifier: MIT */
#include "mm/address_space.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/paging.h"
#include "device_manager/device_manager.h"
#include "mm/kernel_map.h"
#include "mm/layout.h"
#include "mm/slab.h"
#include "object/memory.h"
#include "object/process.h"
#include "refund.h"
#include "ring/ring.h"

enum status address_space_create(struct address_space *space, struct process *process)
{
    uint32_t frame;
    const enum status status = frames_take(0, FRAME_PAGE_TABLE, &process->account, &frame);

    if (status != STATUS_OK) {
        return status;
    }
    frame_clear(frame);
    frame_record(frame)->next = 0;
    *space = (struct address_space){.root = frame_paddr(frame), .process = process};
    kernel_map_share(space->root);
    return STATUS_OK;
}

void address_space_destroy(struct address_space *space)
{
    KVERIFY(tree_is_empty(&space->mappings) && !address_space_is_loaded(space));
    frames_give(paddr_frame(space->root), 0, &space->process->account);
    space->root.value = 0;
}

static struct mapping *mapping_of(struct tree_node *node)
{
    return node == NULL ? NULL : CONTAINER_OF(node, struct mapping, node);
}

/**
 * Whether nothing is mapped in a range. If so, *before is the last mapping in front of it, or NULL.
 */
static ALWAYS_INLINE bool is_free_range(const struct address_space *space, uint64_t address,
                                        uint64_t page_count, struct tree_node **before)
{
    const uint64_t last = address + page_count * PAGE_BYTES - 1;
    struct tree_node *node = tree_find_at_or_below(&space->mappings, last);

    *before = node;
    return node == NULL || node->key + mapping_of(node)->page_count * PAGE_BYTES <= address;
}

/** paging_prepare(), remembering the leaf table that was used last: mappings come in bursts. */
static ALWAYS_INLINE enum status prepare_tables(struct address_space *space, uint64_t address,
                                                uint64_t page_count, uint64_t **leaf)
{
    const uint64_t place = address >> PAGE_SHIFT;
    const uint64_t index = place % PTES_PER_TABLE;

    if (LIKELY(space->recent_table != NULL && space->recent_number == place / PTES_PER_TABLE &&
               index + page_count <= PTES_PER_TABLE)) {
        *leaf = &space->recent_table[index];
        return STATUS_OK;
    }
    const enum status status =
        paging_prepare(space->root, address, page_count, &space->process->account, leaf);

    if (status == STATUS_OK) {
        space->recent_table = *leaf - index;
        space->recent_number = place / PTES_PER_TABLE;
    }
    return status;
}

/**
 * The record and the tables of a new mapping; on success only the leaf entries are missing, and
 * *leaf is the first of them.
 */
static ALWAYS_INLINE enum status mapping_create(struct address_space *space, uint64_t address,
                                                uint64_t page_count, struct mapping **out,
                                                uint64_t **leaf)
{
    struct account *account = &space->process->account;
    struct tree_node *before;

    /* is_user_range(), which for this few pages needs no division and no second comparison. */
    if (UNLIKELY(page_count - 1 >= MAPPING_MAX_PAGES || !is_page_aligned(address) ||
                 address - USER_BASE > USER_END - USER_BASE - page_count * PAGE_BYTES)) {
        return STATUS_BAD_RANGE;
    }
    if (UNLIKELY(!is_free_range(space, address, page_count, &before))) {
        return STATUS_OCCUPIED;
    }
    if (UNLIKELY(!account_charge(account, ACCOUNT_OBJECTS, 1))) {
        return STATUS_OVER_BUDGET;
    }
    struct mapping *mapping = slab_take_uncleared(&space->process->slabs, sizeof(*mapping));

    if (UNLIKELY(mapping == NULL)) {
        refund(account, ACCOUNT_OBJECTS, 1);
        return slab_refusal(&space->process->slabs);
    }
    mapping->space = space;
    mapping->memory = NULL;
    mapping->page_count = page_count;
    mapping->ring_frame = FRAME_NONE;
    mapping->table_chain = FRAME_NONE;
    mapping->removed = NULL;
    tree_insert_behind(&space->mappings, before, &mapping->node, address);
    const enum status status = prepare_tables(space, address, page_count, leaf);

    if (UNLIKELY(status != STATUS_OK)) {
        /* The new tables have no leaf, but a CPU may have walked them: through the flush. */
        (void)mapping_remove(mapping);
        return status;
    }
    *out = mapping;
    return STATUS_OK;
}

/** How many of the pages from `address` on have their entries in the same table. */
static ALWAYS_INLINE uint64_t pages_in_table(uint64_t address, uint64_t page_count)
{
    const uint64_t left = PTES_PER_TABLE - (address >> PAGE_SHIFT) % PTES_PER_TABLE;

    return page_count < left ? page_count : left;
}

/** Write the entries of several pages that are in one table. */
static NOINLINE void fill_table(const struct memory *memory, uint64_t page, uint64_t count,
                                volatile uint64_t *entry, uint64_t bits)
{
    while (count > 0) {
        struct memory_run run;
        const uint64_t length = memory_run(memory, page, count, &run);

        if (run.numbers != NULL) {
            for (uint64_t i = 0; i < length; i++) {
                entry[i] = (uint64_t)run.numbers[i] << PAGE_SHIFT | bits;
            }
        } else {
            for (uint64_t i = 0; i < length; i++) {
                entry[i] = (run.first + i) << PAGE_SHIFT | bits;
            }
        }
        entry += length;
        page += length;
        count -= length;
    }
}

/** Write the leaf entries of a new mapping, table by table; `entry` is the first. */
static ALWAYS_INLINE void fill_pages(struct address_space *space, const struct memory *memory,
                                     uint64_t address, uint64_t page_offset, uint64_t page_count,
                                     uint64_t *entry, uint64_t bits)
{
    if (LIKELY(page_count == 1)) {
        *(volatile uint64_t *)entry = memory_frame(memory, page_offset).value | bits;
        frame_record(pointer_frame(entry))->next++;
        return;
    }
    for (;;) {
        const uint64_t count = pages_in_table(address, page_count);

        if (LIKELY(count == 1)) {
            *(volatile uint64_t *)entry = memory_frame(memory, page_offset).value | bits;
        } else {
            fill_table(memory, page_offset, count, entry, bits);
        }
        frame_record(pointer_frame(entry))->next += (uint32_t)count;
        page_count -= count;
        if (LIKELY(page_count == 0)) {
            return;
        }
        page_offset += count;
        address += count * PAGE_BYTES;
        entry = paging_find(space->root, address);
    }
}

enum status address_space_map(struct address_space *space, struct memory *memory, uint64_t address,
                              uint64_t page_offset, uint64_t page_count, enum access access)
{
    if (UNLIKELY(page_offset > memory->page_count ||
                 page_count > memory->page_count - page_offset)) {
        return STATUS_BAD_RANGE;
    }
    if (UNLIKELY(!memory_allows(memory, access))) {
        return STATUS_DENIED;
    }
    struct mapping *mapping;
    uint64_t *entry;
    const enum status status = mapping_create(space, address, page_count, &mapping, &entry);

    if (UNLIKELY(status != STATUS_OK)) {
        return status;
    }
    fill_pages(space, memory, address, page_offset, page_count, entry,
               paging_user_bits(access) | memory->page_bits);
    mapping->memory = memory;
    mapping->page_offset = page_offset;
    mapping->generation = memory->object.place->generation;
    list_append(&memory->mappings, &mapping->in_memory);
    memory->mapping_count++;
    object_get(&memory->object);
    return STATUS_OK;
}

enum status address_space_map_ring(struct address_space *space, uint32_t ring_frame,
                                   uint64_t address, struct mapping **out)
{
    struct mapping *mapping;
    uint64_t *entry;
    const enum status status = mapping_create(space, address, RING_PAGE_COUNT, &mapping, &entry);

    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t page = 0; page < RING_PAGE_COUNT; page++) {
        paging_set(paging_find(space->root, address + page * PAGE_BYTES),
                   frame_paddr(ring_frame + page).value | paging_user_bits(ACCESS_READ_WRITE));
    }
    mapping->ring_frame = ring_frame;
    *out = mapping;
    return STATUS_OK;
}

struct mapping *address_space_find(const struct address_space *space, uint64_t address,
                                   uint64_t page_count)
{
    struct mapping *mapping = mapping_of(tree_find(&space->mappings, address));

    return mapping != NULL && mapping->page_count == page_count ? mapping : NULL;
}

static void mapping_finish(struct mapping *mapping)
{
    struct process *process = mapping->space->process;
    void (*removed)(void *) = mapping->removed;
    void *context = mapping->removed_context;

    paging_give_chain(mapping->table_chain, &process->account);
    if (mapping->ring_frame != FRAME_NONE) {
        frames_give_thread(mapping->ring_frame);
        refund(&process->account, ACCOUNT_THREADS, 1);
    }
    if (mapping->memory != NULL) {
        if (UNLIKELY(mapping->memory->device != NULL)) {
            device_mmio_unmapped(mapping->memory->device, process, mapping->page_count);
        }
        memory_mapping_removed(mapping->memory);
        object_put(&mapping->memory->object);
    }
    slab_give(mapping, sizeof(*mapping));
    refund(&process->account, ACCOUNT_OBJECTS, 1);
    if (removed != NULL) {
        removed(context);
    }
}

static void mapping_flushed(struct flush_wait *wait)
{
    struct mapping *mapping = CONTAINER_OF(wait, struct mapping, flush);
    struct process *process = mapping->space->process;

    mapping_finish(mapping);
    if (--process->space.removals == 0) {
        process_mappings_gone(process);
    }
    process_account_changed(process);
}

/** Clear the leaf entries of a range, table by table. Tables and entries may be missing. */
static ALWAYS_INLINE void clear_pages(struct address_space *space, uint64_t address,
                                      uint64_t page_count)
{
    while (page_count > 0) {
        uint64_t *entry = paging_find(space->root, address);
        const uint64_t count = pages_in_table(address, page_count);

        if (LIKELY(entry != NULL)) {
            uint32_t there = 0;

            for (uint64_t i = 0; i < count; i++) {
                there += entry[i] != 0;
                *(volatile uint64_t *)&entry[i] = 0;
            }
            frame_record(pointer_frame(entry))->next -= there;
        }
        address += count * PAGE_BYTES;
        page_count -= count;
    }
}

bool mapping_remove(struct mapping *mapping)
{
    struct address_space *space = mapping->space;
    const uint64_t address = mapping->node.key;

    clear_pages(space, address, mapping->page_count);
    tree_remove(&space->mappings, &mapping->node);
    if (mapping->memory != NULL) {
        list_remove(&mapping->in_memory);
        mapping->memory->mapping_count--;
        mapping->memory->removing_count++;
    }
    paging_prune(space->root, address, mapping->page_count, &mapping->table_chain);
    if (mapping->table_chain != FRAME_NONE) {
        space->recent_table = NULL; /* perhaps it has gone */
    }
    space->removals++;
    if (flush_start(space, address, mapping->page_count, &mapping->flush, mapping_flushed)) {
        space->removals--;
        mapping_finish(mapping);
        return true;
    }
    return false;
}

bool mapping_protect(struct mapping *mapping, enum access access, struct flush_wait *wait,
                     void (*done)(struct flush_wait *wait))
{
    struct address_space *space = mapping->space;
    const uint64_t bits = paging_user_bits(access);

    uint64_t address = mapping->node.key;
    uint64_t left = mapping->page_count;

    while (left > 0) {
        uint64_t *entry = paging_find(space->root, address);
        const uint64_t count = pages_in_table(address, left);

        for (uint64_t i = 0; i < count; i++) {
            *(volatile uint64_t *)&entry[i] = (entry[i] & PTE_ADDRESS) | bits;
        }
        address += count * PAGE_BYTES;
        left -= count;
    }
    return flush_start(space, mapping->node.key, mapping->page_count, wait, done);
}

bool address_space_is_loaded(const struct address_space *space)
{
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (cpus[i]->space == space) {
            return true;
        }
    }
    return false;
}

void address_space_load_kernel(void)
{
    struct cpu *cpu = this_cpu();
    struct address_space *old = cpu->space;

    if (old == NULL) {
        return;
    }
    write_cr3(kernel_map_root().value);
    cpu->space = NULL;
    if (old->process->state == PROCESS_STATE_ENDING) {
        process_space_unloaded(old->process);
    }
}
