/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/paging.h"

#include "arch/x86_64/cpu.h"
#include "mm/layout.h"

#define LEVELS 4u /* level 3 is the root */

static ALWAYS_INLINE uint32_t table_index(uint64_t address, uint32_t level)
{
    return (uint32_t)(address >> (PAGE_SHIFT + 9 * level)) & (PTES_PER_TABLE - 1);
}

static ALWAYS_INLINE uint64_t *table_of(uint64_t entry)
{
    return direct_map((struct paddr){entry & PTE_ADDRESS});
}

uint64_t paging_no_execute(void)
{
    return cpu_features.nx ? PTE_NO_EXECUTE : 0;
}

uint64_t paging_user_bits(enum access access)
{
    switch (access) {
    case ACCESS_READ:
        return PTE_PRESENT | PTE_USER | paging_no_execute();
    case ACCESS_READ_WRITE:
        return PTE_PRESENT | PTE_USER | PTE_WRITE | paging_no_execute();
    case ACCESS_READ_EXECUTE:
        return PTE_PRESENT | PTE_USER;
    case ACCESS_COUNT:
        break;
    }
    PANIC("access %d was not validated", (int)access);
}

uint64_t *paging_find(struct paddr root, uint64_t address)
{
    uint64_t *table = direct_map(root);

    for (uint32_t level = LEVELS - 1; level > 0; level--) {
        const uint64_t entry = table[table_index(address, level)];

        if ((entry & PTE_PRESENT) == 0) {
            return NULL;
        }
        table = table_of(entry);
    }
    return &table[table_index(address, 0)];
}

/** Make sure that `address` has a leaf table; *leaf is its entry there. */
static ALWAYS_INLINE enum status prepare_one(struct paddr root, uint64_t address,
                                             struct account *account, uint64_t **leaf)
{
    uint64_t *table = direct_map(root);

    for (uint32_t level = LEVELS - 1; level > 0; level--) {
        uint64_t *entry = &table[table_index(address, level)];

        if (UNLIKELY((*entry & PTE_PRESENT) == 0)) {
            uint32_t frame;
            const enum status status = frames_take(0, FRAME_PAGE_TABLE, account, &frame);

            if (status != STATUS_OK) {
                return status;
            }
            frame_clear(frame);
            frame_record(frame)->next = 0;
            paging_set(entry, frame_paddr(frame).value | PTE_PRESENT | PTE_WRITE | PTE_USER);
        }
        table = table_of(*entry);
    }
    *leaf = &table[table_index(address, 0)];
    return STATUS_OK;
}

static void prune_one(struct paddr root, uint64_t address, uint32_t *chain)
{
    uint64_t *entries[LEVELS];
    uint64_t *table = direct_map(root);
    uint32_t lowest = LEVELS;

    for (uint32_t level = LEVELS - 1; level > 0; level--) {
        entries[level] = &table[table_index(address, level)];
        if ((*entries[level] & PTE_PRESENT) == 0) {
            break;
        }
        lowest = level;
        table = table_of(*entries[level]);
    }
    for (uint32_t level = lowest; level < LEVELS; level++) {
        const uint32_t frame = paddr_frame((struct paddr){*entries[level] & PTE_ADDRESS});

        if (frame_record(frame)->next != 0) {
            return;
        }
        paging_set(entries[level], 0);
        frame_record(frame)->next = *chain;
        *chain = frame;
    }
}

#define LEAF_TABLE_BYTES (PTES_PER_TABLE * PAGE_BYTES)

enum status paging_prepare(struct paddr root, uint64_t address, uint64_t page_count,
                           struct account *account, uint64_t **first)
{
    const uint64_t end = address + page_count * PAGE_BYTES;
    enum status status = prepare_one(root, address, account, first);
    uint64_t at = (address + LEAF_TABLE_BYTES) & ~(LEAF_TABLE_BYTES - 1);

    for (; UNLIKELY(at < end) && status == STATUS_OK; at += LEAF_TABLE_BYTES) {
        uint64_t *leaf;

        status = prepare_one(root, at, account, &leaf);
    }
    return status;
}

void paging_prune(struct paddr root, uint64_t address, uint64_t page_count, uint32_t *chain)
{
    const uint64_t end = address + page_count * PAGE_BYTES;

    for (uint64_t at = address; at < end; at = (at + LEAF_TABLE_BYTES) & ~(LEAF_TABLE_BYTES - 1)) {
        prune_one(root, at, chain);
    }
}

void paging_give_chain(uint32_t chain, struct account *account)
{
    while (chain != FRAME_NONE) {
        const uint32_t next = frame_record(chain)->next;

        frames_give(chain, 0, account);
        chain = next;
    }
}

void paging_map_kernel(struct paddr root, uint64_t address, struct paddr target, uint32_t level,
                       uint64_t bits)
{
    uint64_t *table = direct_map(root);

    for (uint32_t at = LEVELS - 1; at > level; at--) {
        uint64_t *entry = &table[table_index(address, at)];

        if ((*entry & PTE_PRESENT) == 0) {
            uint32_t frame;

            if (frames_take(0, FRAME_PAGE_TABLE, NULL, &frame) != STATUS_OK) {
                PANIC("memory: no frame for the kernel's page tables; give the machine more "
                      "memory");
            }
            frame_clear(frame);
            *entry = frame_paddr(frame).value | PTE_PRESENT | PTE_WRITE;
        }
        KVERIFY((*entry & PTE_LARGE) == 0);
        table = table_of(*entry);
    }
    uint64_t *leaf = &table[table_index(address, level)];

    KVERIFY((*leaf & PTE_PRESENT) == 0);
    *leaf = target.value | bits | PTE_PRESENT | (level > 0 ? PTE_LARGE : 0);
}

static uint64_t canonical(uint64_t address)
{
    return (address & (1ull << 47)) != 0 ? address | 0xffff000000000000ull : address;
}

void paging_visit(struct paddr root, paging_visitor *visitor, void *context)
{
    /* Depth first with an explicit position per level: bounded stack, no recursion. */
    uint64_t *tables[LEVELS];
    uint32_t positions[LEVELS] = {0};
    uint64_t bits[LEVELS]; /* inherited: WRITE as "all", NX as "any" */
    uint64_t base[LEVELS];
    uint32_t level = LEVELS - 1;

    tables[level] = direct_map(root);
    bits[level] = PTE_WRITE | PTE_USER;
    base[level] = 0;
    for (;;) {
        if (positions[level] == PTES_PER_TABLE) {
            if (level == LEVELS - 1) {
                return;
            }
            level++;
            continue;
        }
        const uint32_t position = positions[level]++;
        const uint64_t entry = tables[level][position];
        const uint64_t address = base[level] + ((uint64_t)position << (PAGE_SHIFT + 9 * level));
        const uint64_t combined = (bits[level] & entry & (PTE_WRITE | PTE_USER)) |
                                  ((bits[level] | entry) & PTE_NO_EXECUTE);

        if ((entry & PTE_PRESENT) == 0) {
            continue;
        }
        if (level == 0 || (entry & PTE_LARGE) != 0) {
            visitor(context, canonical(address), PAGE_BYTES << (9 * level), combined);
            continue;
        }
        level--;
        tables[level] = table_of(entry);
        positions[level] = 0;
        bits[level] = combined;
        base[level] = address;
    }
}
