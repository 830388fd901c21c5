/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the ledger has to do, said another way: a set of the handles that were given out, and what
 * became of each; lists of what exists; sums made by adding up. It shares no code and no
 * representation with lib/ledger. model_apply() does an operation on both and compares every
 * answer, that a refusal left the ledger as it was byte for byte (L8), and afterwards all that can
 * be asked of the ledger.
 *
 * The random test drives it with many handles, forged ones too; the explorer through every state.
 */

#include "base/compiler.h"
#include "ledger/ledger.h"

#include <stdlib.h>
#include <string.h>

#ifndef MODEL_ISSUED
#define MODEL_ISSUED 20
#endif
enum { MODEL_FUNCTIONS = 3, MODEL_SLOTS = 4, MODEL_PIDS = 3 }; /* pids 1 to 3 */

enum model_phase { MODEL_FREE, MODEL_OWNED, MODEL_TEARDOWN, MODEL_QUARANTINED, MODEL_RETIRED };

/** A handle that was given out: current; left behind by one move, or by two; or ended. */
enum model_fate { MODEL_CURRENT, MODEL_LEFT, MODEL_LOST, MODEL_ENDED };

struct model_issued {
    struct device_handle handle;
    enum model_fate fate;
};

struct model_function {
    enum model_phase phase;
    bool was_claimed, is_active, is_resetting, is_used_up, is_disabled;
    uint32_t group, seen, mmio_pages;
    uint64_t owner, former, epoch, owner_epoch;
    uint64_t given_low, given_high; /* past what was ever given out, with the page behind it */
};

/** A route or buffer that exists. */
struct model_thing {
    bool exists, is_ending, is_invalidated;
    uint32_t function, page_count;
    uint64_t iova;
};

struct model {
    uint32_t function_count, route_count, buffer_count, pid_count;
    uint32_t pool_limit;
    uint64_t address_end;
    bool keeps_all; /* of ended handles; else the last one of each place */
    struct model_function functions[MODEL_FUNCTIONS];
    struct model_thing routes[MODEL_SLOTS], buffers[MODEL_SLOTS];
    uint64_t route_epoch[MODEL_SLOTS], buffer_epoch[MODEL_SLOTS];
    uint32_t issued_count;
    struct model_issued issued[MODEL_ISSUED];
};

enum model_kind {
    MODEL_CLAIM,    /* place: function; value: generation; pid */
    MODEL_MOVE,     /* handle, pid, to */
    MODEL_MAP,      /* handle, pid */
    MODEL_UNMAP,    /* place: function */
    MODEL_PART_END, /* handle */
    MODEL_ROUTE,    /* place: function; pid; value: slot */
    MODEL_ARM,      /* place: slot, as in the three below */
    MODEL_ROUTE_END,
    MODEL_ROUTE_ENDED,
    MODEL_BUFFER,      /* handle, pid; place: slot; value: pages */
    MODEL_BUFFER_END,  /* place: slot, as in the two below */
    MODEL_INVALIDATED, /* the IOMMU has said that it forgot the buffer */
    MODEL_GIVE_BACK,   /* its pages, if that may be */
    MODEL_REVOKE,      /* place: function, as in all below */
    MODEL_WITNESS,     /* value: evidence */
    MODEL_RESET,
    MODEL_FINISH,
    MODEL_QUARANTINE,
    MODEL_RECOVER,
    MODEL_LEAVE, /* quarantine */
    MODEL_DISABLE,
    MODEL_ENABLE,
    MODEL_KINDS
};

struct model_operation {
    enum model_kind kind;
    uint32_t place;
    uint64_t pid, to, value;
    struct device_handle handle;
};

static const char *const model_kind_names[MODEL_KINDS] = {
    "claim",     "move",      "map",         "unmap",  "part end",   "route",
    "arm",       "route end", "route ended", "buffer", "buffer end", "invalidated",
    "give back", "revoke",    "witness",     "reset",  "finish",     "quarantine",
    "recover",   "leave",     "disable",     "enable",
};

/* ------------------------------------------------------------------------ the set of handles */

static inline bool model_same(const struct device_handle *one, const struct device_handle *other)
{
    return one->part == other->part && one->function == other->function &&
           one->slot == other->slot && one->generation == other->generation &&
           one->owner_generation == other->owner_generation &&
           one->part_generation == other->part_generation;
}

/** The entry of a handle, whatever its fate; NULL: it was never given out, or long ago. */
static inline struct model_issued *model_find(struct model *model,
                                              const struct device_handle *handle)
{
    for (uint32_t i = 0; i < model->issued_count; i++) {
        if (model_same(&model->issued[i].handle, handle)) {
            return &model->issued[i];
        }
    }
    return NULL;
}

static inline void model_forget(struct model *model, uint32_t index)
{
    model->issued_count--;
    memmove(&model->issued[index], &model->issued[index + 1],
            (model->issued_count - index) * sizeof(model->issued[0]));
    memset(&model->issued[model->issued_count], 0, sizeof(model->issued[0]));
}

/** A handle means nothing from here on; of its place, this is the last such one. */
static inline void model_end(struct model *model, struct model_issued *ended)
{
    const struct device_handle handle = ended->handle;

    ended->fate = MODEL_ENDED;
    for (uint32_t i = model->issued_count; i-- > 0 && !model->keeps_all;) {
        const struct device_handle *other = &model->issued[i].handle;

        if (model->issued[i].fate == MODEL_ENDED && other->part == handle.part &&
            other->slot == handle.slot &&
            (handle.part >= DEVICE_PART_ROUTE || other->function == handle.function) &&
            !model_same(other, &handle)) {
            model_forget(model, i);
        }
    }
}

static inline void model_issue(struct model *model, const struct device_handle *handle)
{
    for (uint32_t i = 0; i < model->issued_count && model->issued_count == MODEL_ISSUED; i++) {
        if (model->issued[i].fate == MODEL_ENDED) {
            model_forget(model, i);
        }
    }
    if (model->issued_count == MODEL_ISSUED) {
        abort(); /* MODEL_ISSUED is too small for what can be live at once */
    }
    memset(&model->issued[model->issued_count], 0, sizeof(model->issued[0]));
    model->issued[model->issued_count].handle = *handle;
    model->issued[model->issued_count++].fate = MODEL_CURRENT;
}

/** All handles of a function, or those of one of its slots: `part` DEVICE_PART_COUNT means all. */
static inline void model_end_all(struct model *model, uint32_t function, enum device_part part,
                                 uint32_t slot)
{
    for (bool again = true; again;) {
        again = false;
        for (uint32_t i = 0; i < model->issued_count && !again; i++) {
            const struct device_handle *handle = &model->issued[i].handle;

            if (model->issued[i].fate != MODEL_ENDED && handle->function == function &&
                (part == DEVICE_PART_COUNT || (handle->part == part && handle->slot == slot))) {
                model_end(model, &model->issued[i]); /* moves entries: look from the start */
                again = true;
            }
        }
    }
}

/** L3: a handle that was given out, is current, and nothing else. */
static inline enum status model_resolve(struct model *model, const struct device_handle *handle,
                                        uint64_t pid)
{
    const struct model_issued *issued = model_find(model, handle);

    if (issued == NULL || issued->fate != MODEL_CURRENT) {
        return STATUS_STALE;
    }
    return model->functions[handle->function].owner == pid ? STATUS_OK : STATUS_DENIED;
}

/* ------------------------------------------------------------------------ predictions */

static inline enum status model_group(const struct model *model, uint32_t function, uint64_t pid)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < model->function_count; i++) {
        const struct model_function *other = &model->functions[i];

        if (i != function && other->group == model->functions[function].group) {
            if (other->phase == MODEL_QUARANTINED) {
                return STATUS_UNSUPPORTED;
            }
            if ((other->phase == MODEL_OWNED || other->phase == MODEL_TEARDOWN) &&
                other->owner != pid) {
                status = STATUS_BUSY;
            }
        }
    }
    return status;
}

static inline enum status model_claim(const struct model *model, uint32_t function,
                                      uint64_t generation, uint64_t pid)
{
    static const enum status by_phase[] = {STATUS_OK, STATUS_BUSY, STATUS_BUSY, STATUS_UNSUPPORTED,
                                           STATUS_RETIRED};

    if (function >= model->function_count) {
        return STATUS_NOT_FOUND;
    }
    if (pid == DEVICE_NOBODY) {
        return STATUS_DENIED;
    }
    if (model->functions[function].phase != MODEL_FREE) {
        return by_phase[model->functions[function].phase];
    }
    return generation != model->functions[function].epoch ? STATUS_STALE
           : model->functions[function].is_disabled       ? STATUS_UNSUPPORTED
                                                          : model_group(model, function, pid);
}

static inline enum status model_move(struct model *model, const struct device_handle *handle,
                                     uint64_t from, uint64_t to)
{
    const struct model_issued *issued = model_find(model, handle);

    if (handle->part == DEVICE_PART_BUFFER || to == DEVICE_NOBODY) {
        return STATUS_DENIED;
    }
    if (issued == NULL || issued->fate == MODEL_LOST || issued->fate == MODEL_ENDED) {
        return STATUS_STALE;
    }
    const struct model_function *function = &model->functions[handle->function];

    if (issued->fate == MODEL_LEFT) {
        return from != function->former ? STATUS_STALE
               : to == function->owner  ? STATUS_OK
                                        : STATUS_DENIED;
    }
    if (from != function->owner) {
        return STATUS_DENIED;
    }
    return function->is_active || function->mmio_pages != 0 ||
                   function->owner_epoch >= LEDGER_GENERATION_END - 1 ||
                   (to != from && model_group(model, handle->function, to) != STATUS_OK)
               ? STATUS_BUSY
               : STATUS_OK;
}

static inline bool model_is_open(const struct model_thing *things, const uint64_t *epochs,
                                 uint32_t count, uint32_t slot)
{
    return slot < count && !things[slot].exists && epochs[slot] != LEDGER_GENERATION_END;
}

/** The slot that a caller would offer: the lowest that is open, or the one past all. */
static inline uint32_t model_offer(const struct model_thing *things, const uint64_t *epochs,
                                   uint32_t count)
{
    uint32_t slot = 0;

    while (slot < count && !model_is_open(things, epochs, count, slot)) {
        slot++;
    }
    return slot;
}

static inline enum status model_route(const struct model *model, uint32_t function, uint64_t pid,
                                      uint32_t slot)
{
    if (function >= model->function_count) {
        return STATUS_NOT_FOUND;
    }
    if (model->functions[function].phase != MODEL_OWNED) {
        return STATUS_STALE;
    }
    if (model->functions[function].owner != pid) {
        return STATUS_DENIED;
    }
    return model_is_open(model->routes, model->route_epoch, model->route_count, slot)
               ? STATUS_OK
               : STATUS_QUEUE_FULL;
}

/** The lowest page from `at` on where so many bytes fit, looked for page by page; 0: none. */
static inline uint64_t model_fit(uint64_t at, uint64_t end, uint64_t bytes)
{
    for (; at < end && end - at >= bytes; at += 4096) {
        if (at + bytes <= 0xfee00000 || at >= 0xfef00000) {
            return at;
        }
    }
    return 0;
}

static inline uint64_t model_place(const struct model *model, uint64_t low, uint64_t high,
                                   uint64_t bytes)
{
    const uint64_t end = model->address_end;
    const uint64_t iova = model_fit(high, end, bytes);

    return iova != 0 ? iova : model_fit(low, end < 0xfffff000 ? end : 0xfffff000, bytes);
}

static inline uint32_t model_pages(const struct model *model, uint32_t function)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < model->buffer_count; i++) {
        if (model->buffers[i].exists && model->buffers[i].function == function) {
            sum += model->buffers[i].page_count;
        }
    }
    return sum;
}

static inline enum status model_buffer(struct model *model, const struct device_handle *pool,
                                       uint64_t pid, uint32_t slot, uint32_t pages, uint64_t *iova)
{
    const enum status status = model_resolve(model, pool, pid);

    if (status != STATUS_OK) {
        return status;
    }
    if (pool->part != DEVICE_PART_POOL) {
        return STATUS_WRONG_TYPE;
    }
    const struct model_function *function = &model->functions[pool->function];

    if ((uint64_t)pages + model_pages(model, pool->function) > model->pool_limit) {
        return STATUS_OVER_BUDGET;
    }
    if (pages == 0 || model_place(model, 0x100000, 0x100000000, pages * 4096ull) == 0) {
        return STATUS_BAD_RANGE;
    }
    if (!model_is_open(model->buffers, model->buffer_epoch, model->buffer_count, slot)) {
        return STATUS_QUEUE_FULL;
    }
    *iova = model_place(model, function->given_low, function->given_high, pages * 4096ull);
    return *iova == 0 ? STATUS_RETIRED : STATUS_OK;
}

/**
 * L4: the buffer alone was unmapped and forgotten, or its device neither asks nor is translated, or
 * it was brought to rest in quarantine.
 */
static inline bool model_may_give_back(const struct model *model, uint32_t slot)
{
    const struct model_thing *buffer = &model->buffers[slot];
    const uint32_t seen = model->functions[buffer->function].seen;

    return buffer->exists && buffer->is_ending &&
           (buffer->is_invalidated ||
            ((seen & LEDGER_STOPPED) != 0 && (seen & LEDGER_DETACHED) != 0) ||
            (seen & LEDGER_INERT) != 0);
}

static inline bool model_has_nothing(const struct model *model, uint32_t index)
{
    bool has_nothing = model->functions[index].mmio_pages == 0;

    for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
        has_nothing = has_nothing &&
                      !(model->routes[i].exists && model->routes[i].function == index) &&
                      !(model->buffers[i].exists && model->buffers[i].function == index);
    }
    return has_nothing;
}

static inline bool model_is_retired(const struct model_function *function)
{
    return function->is_used_up || function->epoch >= LEDGER_GENERATION_END - 1 ||
           function->owner_epoch >= LEDGER_GENERATION_END - 1;
}

static inline bool model_is_released(const struct model *model, uint32_t index)
{
    static const uint32_t wanted[] = {LEDGER_UNMAPPED, LEDGER_STOPPED, LEDGER_MASKED,
                                      LEDGER_DETACHED};
    const struct model_function *function = &model->functions[index];
    bool is_released = function->phase == MODEL_TEARDOWN && model_has_nothing(model, index);

    for (uint32_t i = 0; i < ARRAY_COUNT(wanted); i++) {
        is_released = is_released && (function->seen & wanted[i]) != 0;
    }
    return is_released;
}

/* ------------------------------------------------------------------------ effects */

static inline void model_did_move(struct model *model, const struct device_handle *old,
                                  const struct device_handle *renewed, uint64_t to)
{
    struct model_function *function = &model->functions[old->function];

    if (model_find(model, old)->fate == MODEL_CURRENT) {
        for (uint32_t i = 0; i < model->issued_count; i++) {
            struct model_issued *issued = &model->issued[i];

            if (issued->handle.function == old->function && issued->fate != MODEL_ENDED) {
                issued->fate = issued->fate == MODEL_CURRENT ? MODEL_LEFT : MODEL_LOST;
            }
        }
        function->former = function->owner;
        function->owner = to;
        function->owner_epoch++;
    }
    model_end(model, model_find(model, old));
    model_issue(model, renewed);
}

/** From here on nothing that was left behind may follow. */
static inline void model_did_activate(struct model *model, uint32_t function)
{
    model->functions[function].is_active = true;
    for (uint32_t i = 0; i < model->issued_count; i++) {
        if (model->issued[i].handle.function == function && model->issued[i].fate == MODEL_LEFT) {
            model->issued[i].fate = MODEL_LOST;
        }
    }
}

static inline void model_did_end(struct model *model, enum device_part part, uint32_t slot)
{
    struct model_thing *thing =
        part == DEVICE_PART_ROUTE ? &model->routes[slot] : &model->buffers[slot];

    if (thing->exists && !thing->is_ending) {
        thing->is_ending = true;
        (part == DEVICE_PART_ROUTE ? model->route_epoch : model->buffer_epoch)[slot]++;
        model_end_all(model, thing->function, part, slot);
    }
}

static inline void model_did_revoke(struct model *model, uint32_t index)
{
    struct model_function *function = &model->functions[index];

    function->phase = MODEL_TEARDOWN;
    function->is_active = false;
    function->epoch++;
    function->seen = 0;
    for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
        if (model->routes[i].exists && model->routes[i].function == index) {
            model_did_end(model, DEVICE_PART_ROUTE, i);
        }
    }
    model_end_all(model, index, DEVICE_PART_COUNT, 0);
}

static inline void model_did_leave(struct model_function *function, enum model_phase phase)
{
    function->phase = phase;
    function->owner = DEVICE_NOBODY;
    function->former = DEVICE_NOBODY;
    function->is_resetting = false;
    function->was_claimed = true;
}
