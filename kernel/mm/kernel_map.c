/* SPDX-License-Identifier: MIT */
#include "mm/kernel_map.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/paging.h"
#include "diag/log.h"
#include "mm/layout.h"

#define LARGE_BYTES    (2ull << 20)
#define GIGABYTE_BYTES (1ull << 30)

extern uint64_t boot_pml4[];
extern uint64_t boot_tables_end[];

static struct paddr root;    /* [I] after kernel_map_init() */
static uint64_t window_next; /* boot only */

static uint64_t global_bit(void)
{
    return cpu_features.global_pages ? PTE_GLOBAL : 0;
}

static void map_image(const char *start, const char *end, uint64_t bits)
{
    for (uint64_t at = (uint64_t)(uintptr_t)start; at < (uint64_t)(uintptr_t)end;
         at += PAGE_BYTES) {
        paging_map_kernel(root, at, (struct paddr){at - KERNEL_VIRTUAL_BASE}, 0,
                          bits | global_bit());
    }
}

/** Text and read-only data may not be written through the direct map either. */
static bool is_read_only_frame(uint64_t address)
{
    return address >= image_paddr(kernel_image_start).value &&
           address < image_paddr(kernel_rodata_end).value;
}

static bool overlaps_read_only(uint64_t address, uint64_t bytes)
{
    return address < image_paddr(kernel_rodata_end).value &&
           address + bytes > image_paddr(kernel_image_start).value;
}

static void map_direct(uint64_t start, uint64_t end)
{
    for (uint64_t at = start; at < end;) {
        uint64_t bits = PTE_WRITE | paging_no_execute() | global_bit();
        uint32_t level = 0;

        if (at % GIGABYTE_BYTES == 0 && end - at >= GIGABYTE_BYTES && cpu_features.gigabyte_pages &&
            !overlaps_read_only(at, GIGABYTE_BYTES)) {
            level = 2;
        } else if (at % LARGE_BYTES == 0 && end - at >= LARGE_BYTES &&
                   !overlaps_read_only(at, LARGE_BYTES)) {
            level = 1;
        }
        if (level == 0 && is_read_only_frame(at)) {
            bits &= ~PTE_WRITE;
        }
        paging_map_kernel(root, DIRECT_MAP_BASE + at, (struct paddr){at}, level, bits);
        at += PAGE_BYTES << (9 * level);
    }
}

struct wx_check {
    uint64_t pages;
};

static void check_leaf(void *context, uint64_t address, uint64_t bytes, uint64_t bits)
{
    struct wx_check *check = context;

    if ((bits & PTE_WRITE) != 0 && (bits & PTE_NO_EXECUTE) == 0 && cpu_features.nx) {
        PANIC("page tables: %p (%lu bytes) is writable and executable", (void *)address,
              (unsigned long)bytes);
    }
    if ((bits & PTE_USER) != 0) {
        PANIC("page tables: %p (%lu bytes) is open to user code", (void *)address,
              (unsigned long)bytes);
    }
    const bool is_image = address >= (uint64_t)(uintptr_t)kernel_image_start;
    const uint64_t physical = address - (is_image ? KERNEL_VIRTUAL_BASE : DIRECT_MAP_BASE);

    if ((bits & PTE_WRITE) != 0 && (address < WINDOW_BASE || is_image) &&
        overlaps_read_only(physical, bytes)) {
        PANIC("page tables: %p (%lu bytes) makes the kernel's text writable", (void *)address,
              (unsigned long)bytes);
    }
    check->pages += bytes / PAGE_BYTES;
}

/** The page through which a CPU sees single registers. */
static uint64_t register_window(uint32_t cpu)
{
    return WINDOW_END - (cpu + 1) * PAGE_BYTES;
}

static void make_register_windows(void)
{
    for (uint32_t cpu = 0; cpu < MAX_CPUS; cpu++) {
        paging_map_kernel(root, register_window(cpu), (struct paddr){0}, 0,
                          PTE_WRITE | paging_no_execute());
        *paging_find(root, register_window(cpu)) = 0;
    }
}

void kernel_map_init(const struct boot_info *info)
{
    uint32_t frame;

    KVERIFY(frames_take(0, FRAME_PAGE_TABLE, NULL, &frame) == STATUS_OK);
    frame_clear(frame);
    root = frame_paddr(frame);
    window_next = WINDOW_BASE;

    map_image(kernel_text_start, kernel_text_end, 0);
    map_image(kernel_text_end, kernel_rodata_end, paging_no_execute());
    map_image(kernel_data_start, kernel_image_end, PTE_WRITE | paging_no_execute());
    for (uint32_t i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];

        if (range->type == BOOT_MEMORY_USABLE) {
            const uint64_t limit = (uint64_t)frames_total() << PAGE_SHIFT;

            map_direct(range->start, range->end < limit ? range->end : limit);
        }
    }
    /* Every root copies the kernel's slots once, so every table below the root must exist now. */
    for (uint32_t slot = USER_ROOT_SLOTS; slot < PTES_PER_TABLE; slot++) {
        uint64_t *entries = direct_map(root);
        const uint64_t window_slot = (WINDOW_BASE >> 39) % PTES_PER_TABLE;

        if (slot == window_slot && (entries[slot] & PTE_PRESENT) == 0) {
            KVERIFY(frames_take(0, FRAME_PAGE_TABLE, NULL, &frame) == STATUS_OK);
            frame_clear(frame);
            entries[slot] = frame_paddr(frame).value | PTE_PRESENT | PTE_WRITE;
        }
    }
    make_register_windows();
    write_cr3(root.value);
}

void kernel_map_check(void)
{
    struct wx_check check = {0};

    paging_visit(root, check_leaf, &check);
    if (cpu_features.nx) {
        log_info("memory", "W^X holds for all %lu kernel pages", (unsigned long)check.pages);
    } else {
        log_info("memory", "W^X cannot hold: this CPU has no NX, every page is executable");
    }
}

struct paddr kernel_map_root(void)
{
    return root;
}

void kernel_map_share(struct paddr other)
{
    const uint64_t *from = direct_map(root);
    uint64_t *to = direct_map(other);

    for (uint32_t slot = USER_ROOT_SLOTS; slot < PTES_PER_TABLE; slot++) {
        to[slot] = from[slot];
    }
}

static uint64_t map_window(struct paddr address, uint64_t bytes, uint64_t bits)
{
    const uint64_t first = address.value & ~(PAGE_BYTES - 1);
    const uint64_t end = page_round_up(address.value + bytes);
    const uint64_t at = window_next;

    KVERIFY(end > first && end - first < GIGABYTE_BYTES && window_next < WINDOW_END);
    for (uint64_t page = first; page < end; page += PAGE_BYTES) {
        paging_map_kernel(root, window_next, (struct paddr){page}, 0, bits | global_bit());
        window_next += PAGE_BYTES;
    }
    window_next += PAGE_BYTES;
    return at + (address.value - first);
}

volatile void *kernel_map_registers(struct paddr address, uint64_t bytes)
{
    return (volatile void *)(uintptr_t)map_window(
        address, bytes, PTE_WRITE | PTE_NO_CACHE | PTE_WRITE_THRU | paging_no_execute());
}

const void *kernel_map_table(struct paddr address, uint64_t bytes)
{
    return (const void *)(uintptr_t)map_window(address, bytes, paging_no_execute());
}

volatile void *kernel_map_register(struct paddr address)
{
    const uint64_t window = register_window(this_cpu()->index);
    uint64_t *entry = paging_find(root, window);
    const uint64_t page = address.value & ~(PAGE_BYTES - 1);

    *(volatile uint64_t *)entry =
        page | PTE_PRESENT | PTE_WRITE | PTE_NO_CACHE | PTE_WRITE_THRU | paging_no_execute();
    invlpg(window);
    return (volatile void *)(uintptr_t)(window + (address.value - page));
}

uint64_t kernel_map_stack(uint32_t page_count)
{
    window_next += PAGE_BYTES; /* the guard */
    for (uint32_t page = 0; page < page_count; page++) {
        uint32_t frame;

        KVERIFY(frames_take(0, FRAME_PER_CPU, NULL, &frame) == STATUS_OK);
        frame_clear(frame);
        paging_map_kernel(root, window_next, frame_paddr(frame), 0,
                          PTE_WRITE | paging_no_execute() | global_bit());
        window_next += PAGE_BYTES;
    }
    return window_next;
}

uint64_t kernel_map_reserve(uint32_t page_count)
{
    const uint64_t first = window_next;

    for (uint32_t page = 0; page < page_count; page++) {
        paging_map_kernel(root, window_next, (struct paddr){0}, 0, PTE_WRITE | paging_no_execute());
        *paging_find(root, window_next) = 0;
        window_next += PAGE_BYTES;
    }
    window_next += PAGE_BYTES;
    KVERIFY(window_next < WINDOW_END);
    return first;
}

enum status kernel_map_fill(uint64_t address, enum frame_kind kind)
{
    uint64_t *entry = paging_find(root, address);
    uint32_t frame;

    KVERIFY(*entry == 0);
    const enum status status = frames_take(0, kind, NULL, &frame);

    if (status != STATUS_OK) {
        return status;
    }
    frame_clear(frame);
    /* It was not present, so no CPU has it in its TLB (Intel SDM vol. 3A §4.10.2.3). */
    *(volatile uint64_t *)entry =
        frame_paddr(frame).value | PTE_PRESENT | PTE_WRITE | paging_no_execute() | global_bit();
    return STATUS_OK;
}

void kernel_map_retire_boot_tables(void)
{
    memset(boot_pml4, 0, (size_t)((char *)boot_tables_end - (char *)boot_pml4));
}
