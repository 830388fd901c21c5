/* SPDX-License-Identifier: MIT */
#include "object/object.h"

#include "device_manager/device_manager.h"
#include "mm/frames.h"
#include "mm/slab.h"
#include "object/process.h"
#include "object/reaper.h"
#include "pci/inventory.h"
#include "refund.h"

#define PLACES_PER_PAGE (PAGE_BYTES / sizeof(struct cap_object_slot))
#define PLACE_PAGES     (OBJECT_COUNT_MAX / PLACES_PER_PAGE)
#define FREE_WORDS      (PLACES_PER_PAGE / 64)

/** One page of the object table. Pages are never given back: places outlive their objects. */
struct place_page {
    struct cap_object_slot *places;
    uint64_t free[FREE_WORDS]; /* bit set: place is free */
};

static_assert(PLACE_PAGES % 64 == 0, "whole words");

static struct place_page place_pages[PLACE_PAGES];
static uint64_t with_room[PLACE_PAGES / 64]; /* bit set: the page has a free place */
static uint32_t place_page_count;
static uint32_t live_count;

static enum status add_place_page(void)
{
    uint32_t frame;

    if (place_page_count == PLACE_PAGES) {
        return STATUS_RETIRED;
    }
    const enum status status = frames_take(0, FRAME_CAP_TABLE, NULL, &frame);

    if (status != STATUS_OK) {
        return status;
    }
    struct place_page *page = &place_pages[place_page_count++];

    page->places = frame_pointer(frame);
    for (uint32_t i = 0; i < PLACES_PER_PAGE; i++) {
        page->places[i] = (struct cap_object_slot){.generation = 1};
    }
    for (uint32_t i = 0; i < FREE_WORDS; i++) {
        page->free[i] = UINT64_MAX;
    }
    with_room[(place_page_count - 1) / 64] |= 1ull << ((place_page_count - 1) % 64);
    return STATUS_OK;
}

/** The lowest bit that is set, or UINT32_MAX. */
static inline uint32_t lowest_bit(const uint64_t *words, uint32_t count)
{
    for (uint32_t word = 0; word < count; word++) {
        if (words[word] != 0) {
            return word * 64 + (uint32_t)__builtin_ctzll(words[word]);
        }
    }
    return UINT32_MAX;
}

/** Take a free place: its number, or UINT32_MAX. */
static uint32_t take_place(void)
{
    const uint32_t page = lowest_bit(with_room, ARRAY_COUNT(with_room));

    if (page == UINT32_MAX) {
        return UINT32_MAX;
    }
    uint64_t *free = place_pages[page].free;
    const uint32_t place = lowest_bit(free, FREE_WORDS);

    free[place / 64] &= free[place / 64] - 1;
    if (free[place / 64] == 0 && lowest_bit(free, FREE_WORDS) == UINT32_MAX) {
        with_room[page / 64] &= ~(1ull << (page % 64));
    }
    return page * (uint32_t)PLACES_PER_PAGE + place;
}

static struct cap_object_slot *place_at(uint32_t number)
{
    return &place_pages[number / PLACES_PER_PAGE].places[number % PLACES_PER_PAGE];
}

/** The next generation of a place; a place that has used its last is never free again (L7). */
static bool advance(struct cap_object_slot *place)
{
    place->generation++;
    return place->generation != UINT64_MAX;
}

static void give_place(uint32_t number)
{
    struct cap_object_slot *place = place_at(number);

    place->object = NULL;
    if (advance(place)) {
        const uint32_t page = number / (uint32_t)PLACES_PER_PAGE;

        place_pages[page].free[number % PLACES_PER_PAGE / 64] |= 1ull << (number % 64);
        with_room[page / 64] |= 1ull << (page % 64);
    }
}

/**
 * Whose memory an object lies in: its payer's, unless it can be handed on to another payer while
 * both live. Those are few, and the kernel has set memory aside for what is its own.
 */
static struct slab_owner *slabs_for(enum object_kind kind, struct process *payer)
{
    const bool is_handed_on = kind == OBJECT_KIND_DEVICE_MMIO || kind == OBJECT_KIND_INTERRUPT ||
                              kind == OBJECT_KIND_DMA_POOL || kind == OBJECT_KIND_DMA_BUFFER;

    return payer == NULL || is_handed_on ? &slab_kernel : &payer->slabs;
}

enum status object_create(enum object_kind kind, struct process *payer, struct object **out)
{
    if (payer != NULL && !account_charge(&payer->account, ACCOUNT_OBJECTS, 1)) {
        return STATUS_OVER_BUDGET;
    }
    enum status status = STATUS_OK;
    struct slab_owner *slabs = slabs_for(kind, payer);
    struct object *object = slab_take(slabs, object_types[kind]->bytes);

    if (object == NULL) {
        status = slab_refusal(slabs);
        goto refund;
    }
    uint32_t number = take_place();

    if (number == UINT32_MAX) {
        status = add_place_page();
        if (status != STATUS_OK) {
            goto free_memory;
        }
        number = take_place();
    }
    object->kind = kind;
    object->number = number;
    object->refs = 1;
    object->place = place_at(number);
    object->place->object = object;
    object->payer = payer;
    list_init(&object->reap);
    live_count++;
    *out = object;
    return STATUS_OK;

free_memory:
    slab_give(object, object_types[kind]->bytes);
refund:
    if (payer != NULL) {
        refund(&payer->account, ACCOUNT_OBJECTS, 1);
    }
    return status;
}

void object_free(struct object *object)
{
    struct process *payer = object->payer;

    give_place(object->number);
    live_count--;
    slab_give(object, object_types[object->kind]->bytes);
    if (payer != NULL) {
        payer->doomed_count--;
        refund(&payer->account, ACCOUNT_OBJECTS, 1);
        process_account_changed(payer);
    }
}

static void drop_handle(struct object *object)
{
    KASSERT(object->handles > 0);
    if (--object->handles == 0 && object_types[object->kind]->unnamed != NULL) {
        object_types[object->kind]->unnamed(object);
    }
    object_put(object);
}

enum status object_reserve_slots(struct process *process, uint32_t count)
{
    while (cap_table_free_slots(&process->caps) < count) {
        uint32_t frame;
        const enum status status = frames_take(0, FRAME_CAP_TABLE, &process->account, &frame);

        if (status != STATUS_OK) {
            return status;
        }
        if (!cap_table_add_page(&process->caps, frame_pointer(frame))) {
            frames_give(frame, 0, &process->account);
            return STATUS_OVER_BUDGET;
        }
    }
    return STATUS_OK;
}

/* In a slot's flags, for object_recall(): kind, number, and device of its object. */
#define NOTE_KIND_BITS     5u
#define NOTE_FUNCTION_BITS 10u
#define NOTE_FUNCTION      (CAP_NOTE_SHIFT + NOTE_KIND_BITS)
#define NOTE_NUMBER        (NOTE_FUNCTION + NOTE_FUNCTION_BITS)

static_assert(OBJECT_KIND_COUNT <= 1u << NOTE_KIND_BITS, "any kind");
static_assert(PCI_FUNCTIONS_MAX <= 1u << NOTE_FUNCTION_BITS, "any function");
static_assert(OBJECT_COUNT_MAX - 1 <= UINT32_MAX >> NOTE_NUMBER, "any number");

/** What a slot of the process remembers of the object, and the process itself. */
static inline uint32_t take_note(struct process *process, struct object *object)
{
    const uint32_t note = (uint32_t)object->kind << CAP_NOTE_SHIFT | object->number << NOTE_NUMBER;

    if (LIKELY(!device_is_audited(object->kind))) {
        return note;
    }
    process->has_had_devices = true;
    return device_is_authority(object->kind) ? note | device_index_of(object) << NOTE_FUNCTION
                                             : note;
}

enum status object_grant(struct object *object, struct process *process, uint32_t flags,
                         uint64_t *id)
{
    if (UNLIKELY(process->state != PROCESS_STATE_RUNNING &&
                 process->state != PROCESS_STATE_STARTING)) {
        return STATUS_PEER_GONE;
    }
    if (!account_charge(&process->account, ACCOUNT_CAP_SLOTS, 1)) {
        return STATUS_OVER_BUDGET;
    }
    if (UNLIKELY(process->caps.first_free == CAP_NO_INDEX)) {
        const enum status status = object_reserve_slots(process, 1);

        if (status != STATUS_OK) {
            refund(&process->account, ACCOUNT_CAP_SLOTS, 1);
            return status;
        }
    }
    *id = cap_table_insert(&process->caps, object->place,
                           (flags & CAP_ORIGIN) | take_note(process, object));
    process->used_in_page[cap_id_index(*id) / CAP_ENTRIES_PER_PAGE]++;
    object->handles++;
    object->refs++;
    return STATUS_OK;
}

enum status object_refusal(const struct cap_table *caps, uint64_t id)
{
    const struct cap_entry *slot = cap_table_at(caps, cap_id_index(id));
    const uint64_t generation = cap_id_generation(id);

    if (slot == NULL || generation == 0) {
        return STATUS_BAD_CAPABILITY;
    }
    /* Given out once: an earlier generation, or the present one of a revoked object. */
    return generation < slot->generation || (generation == slot->generation && slot->place != NULL)
               ? STATUS_STALE
               : STATUS_BAD_CAPABILITY;
}

bool object_recall(const struct cap_table *caps, uint64_t id, struct object_memory *out)
{
    const struct cap_entry *entry = cap_table_recall(caps, id);

    if (entry == NULL) {
        return false;
    }
    out->kind = (enum object_kind)(entry->flags >> CAP_NOTE_SHIFT & ((1u << NOTE_KIND_BITS) - 1));
    out->function = entry->flags >> NOTE_FUNCTION & ((1u << NOTE_FUNCTION_BITS) - 1);
    out->number = entry->flags >> NOTE_NUMBER;
    out->generation = entry->object_generation;
    return true;
}

enum status object_find(const struct process *process, uint64_t id, struct object **out)
{
    struct object *object = object_lookup(&process->caps, id);

    if (UNLIKELY(object == NULL)) {
        return object_refusal(&process->caps, id);
    }
    *out = object;
    return STATUS_OK;
}

void object_ungrant(struct process *process, uint32_t index)
{
    struct object *object = cap_entry_object(cap_table_at(&process->caps, index));

    cap_table_remove(&process->caps, index);
    KASSERT(process->used_in_page[index / CAP_ENTRIES_PER_PAGE] != 0);
    process->used_in_page[index / CAP_ENTRIES_PER_PAGE]--;
    refund(&process->account, ACCOUNT_CAP_SLOTS, 1);
    if (object != NULL) {
        drop_handle(object);
    }
}

void object_hold(struct object_hold *hold, struct object *object)
{
    *hold = (struct object_hold){object->place, object->place->generation};
    object->handles++;
    object->refs++;
}

struct object *object_held(const struct object_hold *hold)
{
    return hold->place->generation == hold->generation ? hold->place->object : NULL;
}

void object_hold_drop(struct object_hold *hold)
{
    struct object *object = object_held(hold);

    if (object != NULL) {
        drop_handle(object);
    }
}

void object_revoke(struct object *object, struct cap_entry *entry, struct process *revoker)
{
    const uint32_t others = object->handles - 1;

    KVERIFY(advance(object->place));
    entry->object_generation = object->place->generation;
    object->handles = 1;
    object->refs -= others;
    if (object_types[object->kind]->revoked != NULL) {
        object_types[object->kind]->revoked(object, revoker);
    }
}

bool object_is_revoking(const struct object *object)
{
    const struct object_type *type = object_types[object->kind];

    return type->is_revoking != NULL && type->is_revoking(object);
}

void object_revoke_all(struct object *object)
{
    const uint32_t count = object->handles;

    KVERIFY(advance(object->place));
    if (count == 0) {
        return;
    }
    object->handles = 0;
    if (object_types[object->kind]->unnamed != NULL) {
        object_types[object->kind]->unnamed(object);
    }
    object->refs -= count - 1;
    object_put(object);
}

uint32_t object_next_slot(const struct process *process, uint32_t index)
{
    uint32_t at = index % CAP_ENTRIES_PER_PAGE;

    for (uint32_t page = index / CAP_ENTRIES_PER_PAGE; page < process->caps.page_count; page++) {
        const struct cap_entry *entries = process->caps.pages[page];

        while (process->used_in_page[page] != 0 && at < CAP_ENTRIES_PER_PAGE) {
            if (entries[at].place != NULL) {
                return page * CAP_ENTRIES_PER_PAGE + at;
            }
            at++;
        }
        at = 0;
    }
    return CAP_NO_INDEX;
}

const struct object *object_at(uint32_t number)
{
    return number < place_page_count * PLACES_PER_PAGE ? place_at(number)->object : NULL;
}

uint32_t object_count(void)
{
    return live_count;
}
