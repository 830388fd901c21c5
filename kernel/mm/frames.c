/* SPDX-License-Identifier: MIT */
#include "mm/frames.h"

#include "arch/x86_64/asm.h"
#include "diag/log.h"
#include "lock.h"
#include "mm/layout.h"
#include "refund.h"

/* Firmware, the AP trampoline and GRUB's leftovers live in the first MiB; it is never handed out.
 */
#define LOW_MEMORY_BYTES (1ull << 20)
#define RSDP_BYTES       36u
/* The boot page tables map 4 GiB; frames above are added once the direct map is complete. */
#define BOOT_MAPPED_FRAMES (1u << 20)
/* Half a table for 4 MiB is not worth trying. */
#define SMALLEST_TOTAL 1024u

static struct spinlock frame_lock = SPINLOCK_INIT(LOCK_RANK_FRAMES);
static struct buddy buddy;                     /* by frame_lock */
static uint64_t kind_counts[FRAME_KIND_COUNT]; /* by frame_lock: of those that are taken */
static uint32_t blocks_aside; /* by frame_lock: whole ones that are kept for threads to come */
static const struct boot_info *boot_memory; /* [I] */

struct frame_range {
    uint32_t first;
    uint32_t end;
};

/* Low memory, the image, the loader's structure, the RSDP, modules. */
#define RESERVED_MAX (4u + BOOT_MODULES_MAX)
static struct frame_range reserved[RESERVED_MAX]; /* [I] after find_reserved() */
static uint32_t reserved_count;

static uint32_t range_first(const struct boot_range *range)
{
    return (uint32_t)(page_round_up(range->start) >> PAGE_SHIFT);
}

static uint32_t range_end(const struct boot_range *range)
{
    const uint64_t end = range->end >> PAGE_SHIFT;

    return end > UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)end;
}

/** Bytes that are not to be handed out, though the loader calls them usable; none is none. */
static void reserve(uint64_t start, uint64_t bytes)
{
    const uint64_t end = page_round_up(start + bytes) >> PAGE_SHIFT;

    if (bytes == 0 || end > UINT32_MAX) {
        return; /* frames beyond have no number, so nobody gets them */
    }
    KVERIFY(reserved_count < RESERVED_MAX);
    reserved[reserved_count++] =
        (struct frame_range){.first = (uint32_t)(start >> PAGE_SHIFT), .end = (uint32_t)end};
}

static void find_reserved(const struct boot_info *info)
{
    const uint64_t image = image_paddr(kernel_image_start).value;

    reserve(0, LOW_MEMORY_BYTES);
    reserve(image, image_paddr(kernel_image_end).value - image);
    for (uint32_t i = 0; i < info->module_count; i++) {
        reserve(info->modules[i].address, info->modules[i].bytes);
    }
    /* The tables are read after the first frames are taken, and the RSDP may be the loader's copy.
     */
    reserve(info->loader_address, info->loader_bytes);
    reserve(info->rsdp_address, info->rsdp_address == 0 ? 0 : RSDP_BYTES);
}

/** The first frame at or after `frame` that is not reserved. */
static uint32_t skip_reserved(uint32_t frame)
{
    for (uint32_t i = 0; i < reserved_count;) {
        if (frame >= reserved[i].first && frame < reserved[i].end) {
            frame = reserved[i].end;
            i = 0; /* another one may begin there */
        } else {
            i++;
        }
    }
    return frame;
}

/** The first frame at or after `frame` that is reserved, at most `limit`. */
static uint32_t next_reserved(uint32_t frame, uint32_t limit)
{
    for (uint32_t i = 0; i < reserved_count; i++) {
        if (reserved[i].first >= frame && reserved[i].first < limit) {
            limit = reserved[i].first;
        }
    }
    return limit;
}

static uint32_t top_frame(void)
{
    uint32_t top = 0;

    for (uint32_t i = 0; i < boot_memory->range_count; i++) {
        const struct boot_range *range = &boot_memory->ranges[i];

        if (range->type == BOOT_MEMORY_USABLE && range_end(range) > top) {
            top = range_end(range);
        }
    }
    return top;
}

/** Find `count` frames in one piece of usable memory that the boot page tables map; 0: none. */
static uint32_t find_boot_space(uint32_t count)
{
    for (uint32_t i = 0; i < boot_memory->range_count; i++) {
        const struct boot_range *range = &boot_memory->ranges[i];
        const uint32_t end =
            range_end(range) < BOOT_MAPPED_FRAMES ? range_end(range) : BOOT_MAPPED_FRAMES;
        uint32_t frame = range_first(range);

        if (range->type != BOOT_MEMORY_USABLE) {
            continue;
        }
        for (;;) {
            frame = skip_reserved(frame);
            if (frame >= end) {
                break;
            }
            const uint32_t stop = next_reserved(frame, end);

            if (stop - frame >= count) {
                return frame;
            }
            frame = stop;
        }
    }
    return 0;
}

static void add_usable(uint32_t table_first, uint32_t table_end, uint32_t low, uint32_t high)
{
    for (uint32_t i = 0; i < boot_memory->range_count; i++) {
        const struct boot_range *range = &boot_memory->ranges[i];
        uint32_t frame = range_first(range);
        uint32_t end = range_end(range);

        if (range->type != BOOT_MEMORY_USABLE) {
            continue;
        }
        frame = frame < low ? low : frame;
        end = end > high ? high : end;
        while (frame < end) {
            frame = skip_reserved(frame);
            if (frame >= table_first && frame < table_end) {
                frame = table_end;
                continue;
            }
            if (frame >= end) {
                break;
            }
            uint32_t stop = next_reserved(frame, end);

            if (table_first >= frame && table_first < stop) {
                stop = table_first;
            }
            buddy_add_range(&buddy, frame, stop - frame);
            frame = stop;
        }
    }
}

static uint32_t table_frames_for(uint32_t total)
{
    return (uint32_t)(page_round_up((uint64_t)total * sizeof(struct buddy_frame)) >> PAGE_SHIFT);
}

void frames_init(const struct boot_info *info)
{
    boot_memory = info;

    find_reserved(info);

    uint32_t total = top_frame();
    uint32_t table_frames = table_frames_for(total);
    uint32_t table_first = find_boot_space(table_frames);

    /* The table covers holes too. Where it would be too large, what lies highest is done without.
     */
    while (table_first == 0 && total > SMALLEST_TOTAL) {
        total /= 2;
        table_frames = table_frames_for(total);
        table_first = find_boot_space(table_frames);
    }
    if (table_first == 0) {
        PANIC("memory: no %u KiB in one piece below 4 GiB for the frame table; give the machine "
              "more memory",
              table_frames * 4);
    }
    if (total < top_frame()) {
        log_info("memory", "only what lies below %u MiB is used: no room for a larger frame table",
                 total >> 8);
    }
    buddy_init(&buddy, direct_map(frame_paddr(table_first)), total, FRAME_RESERVED);
    for (uint32_t i = 0; i < table_frames; i++) {
        buddy.frames[table_first + i].kind = FRAME_TABLE;
        kind_counts[FRAME_TABLE]++;
    }
    for (uint32_t i = paddr_frame(image_paddr(kernel_image_start));
         i < paddr_frame(image_paddr(kernel_image_end)); i++) {
        buddy.frames[i].kind = FRAME_KERNEL_IMAGE;
        kind_counts[FRAME_KERNEL_IMAGE]++;
    }
    add_usable(table_first, table_first + table_frames, 0,
               total < BOOT_MAPPED_FRAMES ? total : BOOT_MAPPED_FRAMES);
}

void frames_add_high_memory(void)
{
    add_usable(0, 0, BOOT_MAPPED_FRAMES, buddy.frame_count);
}

/** One less than the whole blocks that a block of an order takes or breaks. */
static inline uint32_t whole_blocks_in(uint32_t order)
{
    return order <= BUDDY_WHOLE_ORDER ? 0 : (1u << (order - BUDDY_WHOLE_ORDER)) - 1;
}

enum status frames_take(uint32_t order, enum frame_kind kind, struct account *account,
                        uint32_t *first)
{
    if (account != NULL && !account_charge(account, ACCOUNT_FRAMES, 1u << order)) {
        return STATUS_OVER_BUDGET;
    }
    spin_lock(&frame_lock);
    const bool is_kept = UNLIKELY(buddy.whole_count <= blocks_aside + whole_blocks_in(order)) &&
                         buddy_would_break(&buddy, order);
    const uint32_t found =
        is_kept ? BUDDY_NONE
                : buddy_take(&buddy, order, (uint8_t)kind, account == NULL ? 0 : account->id);
    if (LIKELY(found != BUDDY_NONE)) {
        kind_counts[kind] += 1u << order;
    }
    spin_unlock(&frame_lock);

    if (UNLIKELY(found == BUDDY_NONE)) {
        if (account != NULL) {
            refund(account, ACCOUNT_FRAMES, 1u << order);
        }
        return STATUS_NO_MEMORY;
    }
    *first = found;
    return STATUS_OK;
}

void frames_give(uint32_t first, uint32_t order, struct account *account)
{
    KASSERT(buddy.frames[first].kind != FRAME_FREE);
    KASSERT(buddy.frames[first].owner == (account == NULL ? 0 : account->id));
    spin_lock(&frame_lock);
    kind_counts[buddy.frames[first].kind] -= 1u << order;
    buddy_give(&buddy, first, order);
    spin_unlock(&frame_lock);
    if (account != NULL) {
        refund(account, ACCOUNT_FRAMES, 1u << order);
    }
}

/* One in so many blocks' worth of memory is for threads: an eighth of it, if all are made. */
#define MEMORY_PER_THREAD_FRAMES (8 * THREAD_BLOCK_FRAMES)

uint32_t frames_threads_max(void)
{
    const uint32_t count = buddy.free_count / MEMORY_PER_THREAD_FRAMES;

    return count < buddy.whole_count ? count : buddy.whole_count;
}

void frames_set_aside(uint32_t thread_count)
{
    spin_lock(&frame_lock);
    blocks_aside = thread_count;
    spin_unlock(&frame_lock);
}

static void set_ring_kind(uint32_t first)
{
    for (uint32_t i = 0; i < RING_FRAMES; i++) {
        buddy.frames[first + i].kind = FRAME_RING;
    }
    kind_counts[FRAME_RING] += RING_FRAMES;
    kind_counts[FRAME_THREAD] += THREAD_BLOCK_FRAMES - RING_FRAMES;
}

enum status frames_take_thread(const struct account *owner, uint32_t *first)
{
    enum status status = STATUS_NO_MEMORY;

    spin_lock(&frame_lock);
    if (blocks_aside > 0) {
        *first = buddy_take(&buddy, THREAD_BLOCK_ORDER, FRAME_THREAD, owner->id);
        KVERIFY(*first != BUDDY_NONE);
        set_ring_kind(*first);
        blocks_aside--;
        status = STATUS_OK;
    }
    spin_unlock(&frame_lock);
    return status;
}

void frames_give_thread(uint32_t first)
{
    spin_lock(&frame_lock);
    kind_counts[FRAME_RING] -= RING_FRAMES;
    kind_counts[FRAME_THREAD] -= THREAD_BLOCK_FRAMES - RING_FRAMES;
    buddy_give(&buddy, first, THREAD_BLOCK_ORDER);
    blocks_aside++;
    spin_unlock(&frame_lock);
}

static uint32_t order_of(uint64_t bytes)
{
    uint32_t order = 0;

    while ((PAGE_BYTES << order) < bytes) {
        order++;
    }
    return order;
}

void *frames_take_boot(uint64_t bytes, const char *what)
{
    const uint32_t order = order_of(bytes);
    uint32_t frame;

    if (frames_take(order, FRAME_TABLE, NULL, &frame) != STATUS_OK) {
        PANIC("memory: too little for %s", what);
    }
    memset(frame_pointer(frame), 0, PAGE_BYTES << order);
    return frame_pointer(frame);
}

void frames_give_boot(void *pointer, uint64_t bytes)
{
    frames_give(pointer_frame(pointer), order_of(bytes), NULL);
}

void frames_move(uint32_t frame, struct account *from, struct account *to)
{
    KASSERT(buddy.frames[frame].owner == from->id);
    buddy.frames[frame].owner = to->id;
    account_move(from, to, ACCOUNT_FRAMES, 1);
}

struct buddy_frame *frame_record(uint32_t frame)
{
    return &buddy.frames[frame];
}

void frames_count(uint64_t counts[FRAME_KIND_COUNT])
{
    uint64_t others = 0;

    for (uint32_t kind = 0; kind < FRAME_KIND_COUNT; kind++) {
        counts[kind] = kind == FRAME_FREE ? buddy.free_count : kind_counts[kind];
        others += counts[kind];
    }
    counts[FRAME_RESERVED] = buddy.frame_count - others;
}

uint32_t frames_total(void)
{
    return buddy.frame_count;
}

uint32_t frames_free(void)
{
    return buddy.free_count;
}

void frame_clear(uint32_t frame)
{
    clear_words(frame_pointer(frame), PAGE_BYTES / 8);
}
