/* SPDX-License-Identifier: MIT */
/*
 * Translation tables of a domain (VT-d 4.1 §3.7, §9.8): 4 KiB pages, 3 or 4 levels.
 *
 * A table frame's record counts its non-empty entries in `next`, as page tables do (paging.h), so
 * that an empty table is found at once. It is unhooked then, but a unit may still hold it in its
 * caches: its frame goes on the chain of the wait, and is given back when that completes (L4).
 */

#include "arch/x86_64/asm.h"
#include "iommu/vtd_unit.h"

#define LEAF_SHIFT       21u /* what one table of pages translates */
#define LEVELS_MAX       IOMMU_LEVELS_MAX
#define INTERRUPTS_FIRST 0xfee00000ull /* VT-d 4.1 §3.15: never translated */
#define INTERRUPTS_END   0xfef00000ull
/* Beyond this order, forgetting the whole domain costs the unit less. */
#define PAGE_ORDER_LIMIT 9u
/* Entries of tables that a step of a walk over all of them looks at, besides what it finds. */
#define WALK_STEP_LOOKS 1024u

static uint64_t *table_of(uint64_t entry)
{
    return direct_map((struct paddr){entry & VTD_ADDRESS});
}

static struct buddy_frame *record_of(const uint64_t *table)
{
    return frame_record(pointer_frame(table));
}

/** Set an entry, keeping the table's count; the caller writes it back. */
static inline void set_entry(uint64_t *entry, uint64_t value)
{
    struct buddy_frame *record = record_of(entry);

    record->next += (value != 0) - (uint32_t)(*entry != 0);
    *(volatile uint64_t *)entry = value;
}

uint32_t iommu_domain_address_bits(const struct iommu *unit)
{
    return unit->can.address_bits;
}

enum status iommu_domain_init(struct iommu_domain *domain, struct iommu *unit,
                              struct account *account)
{
    const uint32_t ids =
        unit->can.domain_count < DOMAIN_ID_COUNT ? unit->can.domain_count : DOMAIN_ID_COUNT;
    const uint32_t id = vtd_bit_take(unit->domain_ids, ids);
    uint32_t frame;

    if (id == UINT32_MAX) {
        return STATUS_NO_MEMORY;
    }
    const enum status status = frames_take(0, FRAME_IOMMU, account, &frame);

    if (status != STATUS_OK) {
        vtd_bit_give(unit->domain_ids, id);
        return status;
    }
    frame_clear(frame);
    frame_record(frame)->next = 0;
    vtd_write_back(unit, frame_pointer(frame), PAGE_BYTES);
    unit->domain_count++;
    *domain = (struct iommu_domain){
        .unit = unit,
        .account = account,
        .root = frame_pointer(frame),
        .end = 1ull << unit->can.address_bits,
        .stranded = FRAME_NONE,
        .table_count = 1,
        .id = (uint16_t)id,
        .levels = (uint8_t)unit->can.levels,
    };
    return STATUS_OK;
}

bool iommu_domain_fini(struct iommu_domain *domain)
{
    if (domain->is_lost || domain->stranded != FRAME_NONE) {
        return false;
    }
    KVERIFY(domain->attached == 0 && domain->pending == 0);
    KVERIFY(record_of(domain->root)->next == 0);
    frames_give(pointer_frame(domain->root), 0, domain->account);
    vtd_bit_give(domain->unit->domain_ids, domain->id);
    domain->unit->domain_count--;
    domain->root = NULL;
    return true;
}

static void give_chain(struct iommu_domain *domain, uint32_t chain)
{
    while (chain != FRAME_NONE) {
        const uint32_t next = frame_record(chain)->next;

        frames_give(chain, 0, domain->account);
        domain->table_count--;
        chain = next;
    }
}

/**
 * The next frame of a domain, which is not looked at again: of its tables, those below one before
 * itself, and then of what is stranded. FRAME_NONE: there is none, or *looks at entries are over.
 */
static uint32_t walk_next(struct iommu_domain *domain, uint32_t *looks)
{
    struct iommu_walk *walk = &domain->walk;
    const uint32_t stranded = walk->stranded;

    if (walk->is_past_root) {
        walk->stranded = stranded == FRAME_NONE ? FRAME_NONE : frame_record(stranded)->next;
        return stranded;
    }
    while (walk->depth + 1 < domain->levels && walk->next[walk->depth] < VTD_TABLE_ENTRIES) {
        if (*looks == 0) {
            return FRAME_NONE;
        }
        --*looks;
        const uint64_t entry = walk->tables[walk->depth][walk->next[walk->depth]++];

        if (entry != 0) {
            walk->tables[++walk->depth] = table_of(entry);
            walk->next[walk->depth] = 0;
        }
    }
    const uint32_t frame = pointer_frame(walk->tables[walk->depth]);

    walk->is_past_root = walk->depth == 0;
    walk->depth -= walk->is_past_root ? 0 : 1;
    return frame;
}

/** Whether all frames were seen. */
static bool walk_is_over(const struct iommu_walk *walk)
{
    return walk->is_past_root && walk->stranded == FRAME_NONE;
}

/** Have `heir` pay for a step's worth of frames, or give them back if there is none. True: all. */
static bool walk_step(struct iommu_domain *domain, struct account *heir)
{
    struct iommu_walk *walk = &domain->walk;
    uint32_t looks = WALK_STEP_LOOKS;

    KVERIFY(domain->pending == 0);
    if (!walk->is_begun) {
        *walk = (struct iommu_walk){
            .tables = {domain->root}, .stranded = domain->stranded, .is_begun = true};
    }
    for (uint32_t i = 0; i < WORK_STEP_UNITS && !walk_is_over(walk); i++) {
        const uint32_t frame = walk_next(domain, &looks);

        if (frame == FRAME_NONE) {
            return false;
        }
        if (heir != NULL) {
            frames_move(frame, domain->account, heir);
        } else {
            frames_give(frame, 0, domain->account);
            domain->table_count--;
        }
    }
    walk->is_begun = !walk_is_over(walk);
    return !walk->is_begun;
}

bool iommu_domain_bequeath(struct iommu_domain *domain, struct account *account)
{
    if (!walk_step(domain, account)) {
        return false;
    }
    domain->account = account;
    return true;
}

bool iommu_domain_forget(struct iommu_domain *domain)
{
    if (!walk_step(domain, NULL)) {
        return false;
    }
    vtd_bit_give(domain->unit->domain_ids, domain->id);
    domain->unit->domain_count--;
    domain->root = NULL;
    return true;
}

uint32_t iommu_domain_table_frames(const struct iommu_domain *domain)
{
    return domain->table_count;
}

bool iommu_range_is_valid(const struct iommu_domain *domain, struct iova iova, uint64_t page_count)
{
    const uint64_t start = iova.value;

    if (!is_page_aligned(start) || start == 0 || start >= domain->end || page_count == 0 ||
        page_count > (domain->end - start) / PAGE_BYTES) {
        return false;
    }
    return start >= INTERRUPTS_END || start + page_count * PAGE_BYTES <= INTERRUPTS_FIRST;
}

/** The table of pages for an address, or NULL and, in *level, that of the table that is missing. */
static uint64_t *find_leaf(const struct iommu_domain *domain, uint64_t address, uint32_t *level)
{
    uint64_t *table = domain->root;

    for (uint32_t at = domain->levels - 1u; at > 0; at--) {
        const uint64_t entry = table[vtd_table_index(address, at)];

        if (entry == 0) {
            *level = at - 1;
            return NULL;
        }
        table = table_of(entry);
    }
    return table;
}

static inline uint64_t *leaf_of(struct iommu_domain *domain, uint64_t address)
{
    uint32_t level;

    if (UNLIKELY(domain->leaf == NULL || domain->leaf_number != address >> LEAF_SHIFT)) {
        domain->leaf = find_leaf(domain, address, &level);
        domain->leaf_number = address >> LEAF_SHIFT;
    }
    return domain->leaf;
}

/** Number of tables that a range needs and that are not there. */
static uint64_t count_missing(const struct iommu_domain *domain, uint64_t start, uint64_t last)
{
    uint64_t missing = 0;
    uint64_t counted[LEVELS_MAX] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};

    for (uint64_t leaf = start >> LEAF_SHIFT; leaf <= last >> LEAF_SHIFT; leaf++) {
        const uint64_t address = leaf << LEAF_SHIFT;
        uint32_t highest = 0;

        if (find_leaf(domain, address, &highest) != NULL) {
            continue;
        }
        for (uint32_t level = 0; level <= highest; level++) {
            const uint64_t number = address >> (LEAF_SHIFT + 9 * level);

            missing += number != counted[level];
            counted[level] = number;
        }
    }
    return missing;
}

/** Hook the tables that are missing for an address, from a chain that has enough of them. */
static void add_tables(struct iommu_domain *domain, uint64_t address, uint32_t *chain)
{
    uint64_t *table = domain->root;

    for (uint32_t level = domain->levels - 1u; level > 0; level--) {
        uint64_t *entry = &table[vtd_table_index(address, level)];

        if (*entry == 0) {
            const uint32_t frame = *chain;

            *chain = frame_record(frame)->next;
            frame_record(frame)->next = 0;
            set_entry(entry, vtd_table_entry(frame_paddr(frame).value));
            vtd_write_back(domain->unit, entry, sizeof(*entry));
        }
        table = table_of(*entry);
    }
}

/** Nothing is hooked before all that is needed is there: a unit may be walking. */
static NOINLINE enum status prepare_slowly(struct iommu_domain *domain, uint64_t start,
                                           uint64_t last)
{
    uint64_t missing = count_missing(domain, start, last);
    uint32_t chain = FRAME_NONE;

    for (; missing > 0; missing--) {
        uint32_t frame;
        const enum status status = frames_take(0, FRAME_IOMMU, domain->account, &frame);

        if (status != STATUS_OK) {
            give_chain(domain, chain);
            return status;
        }
        domain->table_count++;
        frame_clear(frame);
        vtd_write_back(domain->unit, frame_pointer(frame), PAGE_BYTES);
        frame_record(frame)->next = chain;
        chain = frame;
    }
    for (uint64_t leaf = start >> LEAF_SHIFT; leaf <= last >> LEAF_SHIFT; leaf++) {
        add_tables(domain, leaf << LEAF_SHIFT, &chain);
    }
    domain->leaf = NULL;
    return STATUS_OK;
}

enum status iommu_map_prepare(struct iommu_domain *domain, struct iova iova, uint64_t page_count)
{
    if (!iommu_range_is_valid(domain, iova, page_count)) {
        return STATUS_BAD_RANGE;
    }
    const uint64_t last = iova.value + (page_count - 1) * PAGE_BYTES;

    if (LIKELY(iova.value >> LEAF_SHIFT == last >> LEAF_SHIFT &&
               leaf_of(domain, iova.value) != NULL)) {
        return STATUS_OK;
    }
    return prepare_slowly(domain, iova.value, last);
}

void iommu_map_page(struct iommu_domain *domain, struct iova iova, struct paddr page,
                    uint32_t access)
{
    uint64_t *entry = &leaf_of(domain, iova.value)[vtd_table_index(iova.value, 0)];

    static_assert(IOMMU_READ == VTD_READ && IOMMU_WRITE == VTD_WRITE, "VT-d 4.1 §9.8");
    KVERIFY(*entry == 0 && access != 0 && access <= (IOMMU_READ | IOMMU_WRITE));
    set_entry(entry, page.value | access);
}

/** Write back the entries of a range that have tables. */
static void write_back_range(struct iommu_domain *domain, uint64_t start, uint64_t page_count)
{
    for (uint64_t page = 0; page < page_count;) {
        const uint64_t address = start + page * PAGE_BYTES;
        const uint32_t index = vtd_table_index(address, 0);
        const uint64_t left = page_count - page;
        const uint64_t here = left < VTD_TABLE_ENTRIES - index ? left : VTD_TABLE_ENTRIES - index;
        const uint64_t *leaf = leaf_of(domain, address);

        if (leaf != NULL) {
            vtd_write_back(domain->unit, &leaf[index], here * sizeof(*leaf));
        }
        page += here;
    }
}

/** VT-d 4.1 §6.5.2.3: by pages if the unit can and they are few, otherwise the whole domain. */
static struct vtd_descriptor invalidation(const struct iommu_domain *domain, uint64_t start,
                                          uint64_t page_count, uint64_t drain)
{
    const struct vtd_capabilities *can = &domain->unit->can;
    const uint32_t order = vtd_page_order(start >> PAGE_SHIFT, page_count);

    if (!can->page_selective || order > can->page_order_max || order > PAGE_ORDER_LIMIT) {
        return vtd_invalidate_domain(domain->id, drain);
    }
    return vtd_invalidate_pages(domain->id, start & ~((PAGE_BYTES << order) - 1), order, drain);
}

/** Whether the unit can have anything of the domain in its caches. */
static bool is_exposed(const struct iommu_domain *domain)
{
    return domain->attached > 0 || domain->detaching > 0 || domain->is_lost;
}

void vtd_begin(struct iommu_wait *wait, struct iommu_domain *domain)
{
    wait->failed = false;
    wait->is_detach = false;
    wait->count = 0;
    wait->tables = FRAME_NONE;
    wait->domain = domain;
    domain->pending++;
}

bool iommu_map_finish(struct iommu_domain *domain, struct iova iova, uint64_t page_count,
                      struct iommu_wait *wait, iommu_done *done)
{
    if (UNLIKELY(!domain->unit->can.coherent)) {
        write_back_range(domain, iova.value, page_count);
    }
    if (!domain->unit->invalidates_on_map || !is_exposed(domain)) {
        wait->failed = domain->unit->is_dead;
        return true;
    }
    vtd_begin(wait, domain);
    wait->count = 1;
    wait->descriptors[0] = invalidation(domain, iova.value, page_count, 0);
    return vtd_submit(domain->unit, wait, done);
}

/** Unhook the tables above an address that are empty. */
static void prune(struct iommu_domain *domain, uint64_t address, uint32_t *chain)
{
    uint64_t *entries[LEVELS_MAX];
    uint64_t *table = domain->root;
    uint32_t lowest = domain->levels;

    for (uint32_t level = domain->levels - 1u; level > 0; level--) {
        entries[level] = &table[vtd_table_index(address, level)];
        if (*entries[level] == 0) {
            break;
        }
        lowest = level;
        table = table_of(*entries[level]);
    }
    for (uint32_t level = lowest; level < domain->levels; level++) {
        const uint32_t frame = paddr_frame((struct paddr){*entries[level] & VTD_ADDRESS});

        if (frame_record(frame)->next != 0) {
            return;
        }
        set_entry(entries[level], 0);
        vtd_write_back(domain->unit, entries[level], sizeof(uint64_t));
        frame_record(frame)->next = *chain;
        *chain = frame;
        domain->leaf = NULL;
    }
}

static void clear_range(struct iommu_domain *domain, uint64_t start, uint64_t page_count,
                        uint32_t *chain)
{
    for (uint64_t page = 0; page < page_count;) {
        const uint64_t address = start + page * PAGE_BYTES;
        const uint32_t index = vtd_table_index(address, 0);
        const uint64_t left = page_count - page;
        const uint64_t here = left < VTD_TABLE_ENTRIES - index ? left : VTD_TABLE_ENTRIES - index;
        uint64_t *leaf = leaf_of(domain, address);

        page += here;
        if (leaf == NULL) {
            continue;
        }
        for (uint64_t i = 0; i < here; i++) {
            set_entry(&leaf[index + i], 0);
        }
        vtd_write_back(domain->unit, &leaf[index], here * sizeof(*leaf));
        if (record_of(leaf)->next == 0) {
            prune(domain, address, chain);
        }
    }
}

bool iommu_unmap(struct iommu_domain *domain, struct iova iova, uint64_t page_count,
                 struct iommu_wait *wait, iommu_done *done)
{
    KVERIFY(iommu_range_is_valid(domain, iova, page_count));
    vtd_begin(wait, domain);
    clear_range(domain, iova.value, page_count, &wait->tables);
    if (!is_exposed(domain)) {
        return vtd_complete_now(wait); /* nothing was attached since the last invalidation */
    }
    wait->count = 1;
    wait->descriptors[0] = invalidation(domain, iova.value, page_count, domain->unit->drain);
    return vtd_submit(domain->unit, wait, done);
}

static void strand(struct iommu_domain *domain, uint32_t chain)
{
    while (chain != FRAME_NONE) {
        const uint32_t next = frame_record(chain)->next;

        frame_record(chain)->next = domain->stranded;
        domain->stranded = chain;
        chain = next;
    }
}

void vtd_settle(struct iommu_wait *wait)
{
    struct iommu_domain *domain = wait->domain;

    if (domain == NULL) {
        return;
    }
    domain->pending--;
    if (wait->is_detach) {
        domain->detaching--;
    }
    if (LIKELY(!wait->failed)) {
        if (UNLIKELY(wait->tables != FRAME_NONE)) {
            give_chain(domain, wait->tables);
        }
        return;
    }
    domain->is_lost = true;
    strand(domain, wait->tables);
}

uint32_t iommu_translate(const struct iommu_domain *domain, struct iova iova, struct paddr *page)
{
    uint32_t level;
    const uint64_t *leaf = iova.value < domain->end ? find_leaf(domain, iova.value, &level) : NULL;
    const uint64_t entry = leaf == NULL ? 0 : leaf[vtd_table_index(iova.value, 0)];

    if (entry != 0) {
        page->value = entry & VTD_ADDRESS;
    }
    return (uint32_t)entry & (IOMMU_READ | IOMMU_WRITE);
}
