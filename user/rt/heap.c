/* SPDX-License-Identifier: MIT */
/*
 * Boundary tags: every block of an arena starts with a header that knows its own size and that of
 * the block below, so freeing merges with both neighbours in constant time. Free blocks hang in
 * bins by the power of two of their size.
 *
 *   arena    | struct arena | block | block | ... | end mark (a header alone, never free) |
 *   block    | struct block | payload, 16-aligned; while free: struct free_links          |
 *   large    | struct large | struct block | payload |           a mapping of its own
 */
#include "rt/heap.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/kernel_objects.h"
#include "rt/mutex.h"
#include "rt/panic.h"

#define BIN_COUNT       12u /* 32 bytes to 64 KiB and more */
#define BIN_SHIFT       5u
#define BLOCK_MIN_BYTES 32u
#define ARENA_MAX_PAGES 15u /* with its guard page, one granule of the address space */

enum block_state {
    BLOCK_FREE = 0x46524545,  /* in a bin */
    BLOCK_USED = 0x55534544,  /* the program's */
    BLOCK_END = 0x454e4421,   /* the end mark of an arena */
    BLOCK_LARGE = 0x4c415247, /* the program's, in a mapping of its own */
};

struct block {
    uint32_t size;       /* bytes, header included; 0 for large blocks */
    uint32_t below_size; /* of the block below; 0 for the first of an arena */
    uint32_t state;      /* enum block_state */
    uint32_t seal;       /* block_seal(): a header that was written over does not fit it */
};

struct free_links {
    struct block *next;
    struct block *previous; /* NULL: first of its bin */
};

struct arena {
    struct arena *next;
    size_t bytes;
};

struct large {
    uint64_t memory; /* capability */
    uint64_t page_count;
};

static_assert(sizeof(struct block) == RT_HEAP_ALIGNMENT, "headers keep payloads aligned");
static_assert(sizeof(struct arena) == RT_HEAP_ALIGNMENT, "so does the arena's");
static_assert(sizeof(struct large) == RT_HEAP_ALIGNMENT, "and that of a large block");

static struct rt_mutex heap_mutex;
static struct block *heap_bins[BIN_COUNT];  /* by heap_mutex */
static struct arena *heap_arenas;           /* by heap_mutex */
static uint32_t heap_arena_count;           /* by heap_mutex */
static struct heap_statistics heap_current; /* by heap_mutex */

static uint32_t block_seal(const struct block *block)
{
    const uint64_t mixed =
        ((uint64_t)(uintptr_t)block >> 4) * 0x9e3779b97f4a7c15ull +
        ((uint64_t)block->size << 32 | block->below_size) * 0xff51afd7ed558ccdull + block->state;

    return (uint32_t)(mixed >> 32) ^ (uint32_t)mixed;
}

static void block_set(struct block *block, uint32_t size, uint32_t below_size,
                      enum block_state state)
{
    block->size = size;
    block->below_size = below_size;
    block->state = (uint32_t)state;
    block->seal = block_seal(block);
}

/** Panic unless the header is one that this file wrote here. */
static void block_check(const struct block *block, const char *doing)
{
    if (UNLIKELY(block->seal != block_seal(block))) {
        rt_panic("heap: the header of block %p was overwritten (seen in %s)",
                 (const void *)(block + 1), doing);
    }
}

static struct block *block_above(struct block *block)
{
    return (struct block *)(void *)((char *)block + block->size);
}

static struct block *block_below(struct block *block)
{
    return block->below_size == 0 ? NULL
                                  : (struct block *)(void *)((char *)block - block->below_size);
}

static struct free_links *block_links(struct block *block)
{
    return (struct free_links *)(void *)(block + 1);
}

static uint32_t bin_of(uint32_t size)
{
    const uint32_t bin = 31u - (uint32_t)__builtin_clz(size) - BIN_SHIFT;

    return bin < BIN_COUNT ? bin : BIN_COUNT - 1;
}

static void bin_add(struct block *block)
{
    struct block **const first = &heap_bins[bin_of(block->size)];

    *block_links(block) = (struct free_links){.next = *first, .previous = NULL};
    if (*first != NULL) {
        block_links(*first)->previous = block;
    }
    *first = block;
}

static void bin_remove(struct block *block)
{
    const struct free_links *const links = block_links(block);

    if (links->previous != NULL) {
        block_links(links->previous)->next = links->next;
    } else {
        heap_bins[bin_of(block->size)] = links->next;
    }
    if (links->next != NULL) {
        block_links(links->next)->previous = links->previous;
    }
}

/** Change a block's size and tell the block above, which must exist. */
static void block_resize(struct block *block, uint32_t size, enum block_state state)
{
    struct block *above;

    block_set(block, size, block->below_size, state);
    above = block_above(block);
    block_check(above, "resize");
    block_set(above, above->size, size, (enum block_state)above->state);
}

/** Make a free block out of `block`, merged with its free neighbours. */
static void block_release(struct block *block)
{
    struct block *const above = block_above(block);
    struct block *const below = block_below(block);
    struct block *merged = block;
    uint32_t size = block->size;

    block_check(above, "free");
    if (above->state == BLOCK_FREE) {
        bin_remove(above);
        size += above->size;
    }
    if (below != NULL) {
        block_check(below, "free");
        if (below->state == BLOCK_FREE) {
            bin_remove(below);
            size += below->size;
            merged = below;
        }
    }
    block_set(merged, size, merged->below_size, BLOCK_FREE);
    block_resize(merged, size, BLOCK_FREE);
    bin_add(merged);
}

/** Cut `block` (in no bin) down to `size`; what is left over becomes a free block. */
static void block_trim(struct block *block, uint32_t size)
{
    const uint32_t rest = block->size - size;
    struct block *upper;

    if (rest < BLOCK_MIN_BYTES) {
        block_resize(block, block->size, BLOCK_USED);
        return;
    }
    block_set(block, size, block->below_size, BLOCK_USED);
    upper = block_above(block);
    block_set(upper, rest, size, BLOCK_USED);
    block_release(upper);
}

/** A free block of at least `size`, taken out of its bin; NULL if there is none. */
static struct block *bin_find(uint32_t size)
{
    for (uint32_t bin = bin_of(size); bin < BIN_COUNT; bin++) {
        for (struct block *block = heap_bins[bin]; block != NULL;
             block = block_links(block)->next) {
            block_check(block, "allocate");
            if (block->size >= size) {
                bin_remove(block);
                return block;
            }
        }
    }
    return NULL;
}

/** Get an arena with room for a block of `size`. False: the kernel refused. */
static bool arena_add(uint32_t size)
{
    const size_t needed = sizeof(struct arena) + size + sizeof(struct block);
    uint64_t pages = (uint64_t)RT_HEAP_ARENA_PAGES << (heap_arena_count < 2 ? heap_arena_count : 2);
    uint64_t memory;
    void *place;
    struct arena *arena;
    struct block *block;

    if (pages > ARENA_MAX_PAGES) {
        pages = ARENA_MAX_PAGES;
    }
    if (pages * RT_PAGE_BYTES < needed) {
        pages = (needed + RT_PAGE_BYTES - 1) / RT_PAGE_BYTES;
    }
    if (memory_create(pages, &memory) != STATUS_OK) {
        return false;
    }
    if (rt_space_map(memory, 0, (uint32_t)pages, ACCESS_READ_WRITE, &place) != STATUS_OK) {
        capability_release(memory);
        return false;
    }
    /* The mapping keeps the memory alive; arenas are never given back. */
    capability_release(memory);
    arena = place;
    arena->bytes = pages * RT_PAGE_BYTES;
    arena->next = heap_arenas;
    heap_arenas = arena;
    heap_arena_count++;
    heap_current.arena_bytes += arena->bytes;
    block = (struct block *)(void *)(arena + 1);
    block_set(block, (uint32_t)(arena->bytes - sizeof(*arena) - sizeof(*block)), 0, BLOCK_FREE);
    block_set(block_above(block), sizeof(*block), block->size, BLOCK_END);
    bin_add(block);
    return true;
}

static void *large_allocate(size_t size)
{
    const uint64_t pages =
        (size + sizeof(struct large) + sizeof(struct block) + RT_PAGE_BYTES - 1) / RT_PAGE_BYTES;
    uint64_t memory;
    void *place;
    struct large *large;
    struct block *block;

    if (size > UINT32_MAX - 2 * RT_PAGE_BYTES || memory_create(pages, &memory) != STATUS_OK) {
        return NULL;
    }
    if (rt_space_map(memory, 0, (uint32_t)pages, ACCESS_READ_WRITE, &place) != STATUS_OK) {
        capability_release(memory);
        return NULL;
    }
    large = place;
    *large = (struct large){.memory = memory, .page_count = pages};
    block = (struct block *)(void *)(large + 1);
    block_set(block, 0, 0, BLOCK_LARGE);
    rt_mutex_lock(&heap_mutex);
    heap_current.large_bytes += pages * RT_PAGE_BYTES;
    heap_current.used_bytes += pages * RT_PAGE_BYTES;
    heap_current.block_count++;
    rt_mutex_unlock(&heap_mutex);
    return block + 1;
}

static struct large *large_of(struct block *block)
{
    return (struct large *)(void *)block - 1;
}

static void large_free(struct block *block)
{
    const struct large large = *large_of(block);

    rt_mutex_lock(&heap_mutex);
    heap_current.large_bytes -= large.page_count * RT_PAGE_BYTES;
    heap_current.used_bytes -= large.page_count * RT_PAGE_BYTES;
    heap_current.block_count--;
    rt_mutex_unlock(&heap_mutex);
    rt_space_unmap(large_of(block), (uint32_t)large.page_count);
    capability_release(large.memory);
}

/** Size of the block that a request of `size` bytes needs. */
static uint32_t block_bytes(size_t size)
{
    const size_t rounded =
        (size + sizeof(struct block) + RT_HEAP_ALIGNMENT - 1) & ~(size_t)(RT_HEAP_ALIGNMENT - 1);

    return rounded < BLOCK_MIN_BYTES ? BLOCK_MIN_BYTES : (uint32_t)rounded;
}

void *heap_allocate(size_t size)
{
    struct block *block;
    uint32_t bytes;

    if (size >= RT_HEAP_LARGE_BYTES) {
        return large_allocate(size);
    }
    bytes = block_bytes(size);
    rt_mutex_lock(&heap_mutex);
    block = bin_find(bytes);
    if (block == NULL && arena_add(bytes)) {
        block = bin_find(bytes);
    }
    if (block != NULL) {
        block_trim(block, bytes);
        heap_current.used_bytes += block->size;
        heap_current.block_count++;
    }
    rt_mutex_unlock(&heap_mutex);
    return block == NULL ? NULL : block + 1;
}

void *heap_allocate_zeroed(size_t count, size_t size)
{
    size_t total;
    void *block;

    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    block = heap_allocate(total);
    if (block != NULL) {
        memset(block, 0, total);
    }
    return block;
}

/** The header of a block that the program holds; panics if it holds no such block. */
static struct block *block_of(void *payload, const char *doing)
{
    struct block *const block = (struct block *)payload - 1;

    if ((uintptr_t)payload % RT_HEAP_ALIGNMENT != 0) {
        rt_panic("heap: %p is no block (seen in %s)", payload, doing);
    }
    block_check(block, doing);
    if (block->state != BLOCK_USED && block->state != BLOCK_LARGE) {
        rt_panic("heap: block %p is not allocated (seen in %s)", payload, doing);
    }
    return block;
}

void heap_free(void *payload)
{
    struct block *block;

    if (payload == NULL) {
        return;
    }
    rt_mutex_lock(&heap_mutex);
    block = block_of(payload, "free");
    if (block->state == BLOCK_USED) {
        heap_current.used_bytes -= block->size;
        heap_current.block_count--;
        block_release(block);
        block = NULL;
    }
    rt_mutex_unlock(&heap_mutex);
    if (block != NULL) {
        large_free(block);
    }
}

void *heap_reallocate(void *payload, size_t size)
{
    struct block *block;
    size_t capacity;
    void *moved;

    if (payload == NULL) {
        return heap_allocate(size);
    }
    /* The header says how large the block below is: whoever gives that back writes here. */
    rt_mutex_lock(&heap_mutex);
    block = block_of(payload, "reallocate");
    capacity = block->state == BLOCK_LARGE
                   ? large_of(block)->page_count * RT_PAGE_BYTES - sizeof(struct large)
                   : block->size;
    rt_mutex_unlock(&heap_mutex);
    capacity -= sizeof(*block);
    if (size <= capacity && size >= capacity / 4) {
        return payload;
    }
    moved = heap_allocate(size);
    if (moved != NULL) {
        memcpy(moved, payload, size < capacity ? size : capacity);
        heap_free(payload);
    }
    return moved;
}

void heap_statistics_get(struct heap_statistics *statistics)
{
    rt_mutex_lock(&heap_mutex);
    *statistics = heap_current;
    rt_mutex_unlock(&heap_mutex);
}

size_t heap_check(void)
{
    size_t count = 0;

    rt_mutex_lock(&heap_mutex);
    for (struct arena *arena = heap_arenas; arena != NULL; arena = arena->next) {
        struct block *block = (struct block *)(void *)(arena + 1);
        const char *const end = (const char *)arena + arena->bytes - sizeof(*block);
        uint32_t below_size = 0;

        for (; (const char *)block < end; block = block_above(block)) {
            block_check(block, "check");
            RT_ASSERT(block->below_size == below_size && block->size >= BLOCK_MIN_BYTES);
            below_size = block->size;
            count++;
        }
        RT_ASSERT((const char *)block == end && block->state == BLOCK_END);
    }
    rt_mutex_unlock(&heap_mutex);
    return count;
}
