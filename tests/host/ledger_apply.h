/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One operation on the ledger and on its model, every answer compared. Returns NULL, or what is
 * wrong. An operation is anything that a caller may ask at any time: the checks decide.
 */

#include "ledger/ledger_audit.h"
#include "ledger/ledger_owner.h"
#include "ledger/ledger_parts.h"
#include "ledger/ledger_teardown.h"
#include "ledger_model.h"

struct model_copy {
    struct ledger_function functions[MODEL_FUNCTIONS];
    struct ledger_route routes[MODEL_SLOTS];
    struct ledger_buffer buffers[MODEL_SLOTS];
};

static inline void model_copy_ledger(struct model_copy *copy, const struct ledger *ledger)
{
    memset(copy, 0, sizeof(*copy));
    memcpy(copy->functions, ledger->functions, ledger->function_count * sizeof(copy->functions[0]));
    memcpy(copy->routes, ledger->routes, ledger->route_count * sizeof(copy->routes[0]));
    memcpy(copy->buffers, ledger->buffers, ledger->buffer_count * sizeof(copy->buffers[0]));
}

static inline bool model_is_state(const struct model_function *function, enum function_state state)
{
    switch (function->phase) {
    case MODEL_FREE:
        return state == (function->was_claimed ? FUNCTION_STATE_FREE : FUNCTION_STATE_DISCOVERED);
    case MODEL_OWNED:
        return state == (function->is_active ? FUNCTION_STATE_ACTIVE : FUNCTION_STATE_CLAIMED);
    case MODEL_TEARDOWN:
        return state ==
               (function->is_resetting ? FUNCTION_STATE_RESETTING : FUNCTION_STATE_REVOKING);
    case MODEL_QUARANTINED:
        return state == FUNCTION_STATE_QUARANTINED;
    case MODEL_RETIRED:
        return state == FUNCTION_STATE_RETIRED;
    }
    return false;
}

/** All that can be asked of the ledger, against the model; and the ledger's own audit. */
static inline const char *model_compare(struct model *model, const struct ledger *ledger)
{
    uint32_t place;

    if (ledger_audit(ledger, &place) != LEDGER_SOUND) {
        return "the audit finds a flaw";
    }
    for (uint32_t i = 0; i < model->function_count; i++) {
        const struct model_function *function = &model->functions[i];
        const struct ledger_function *record = &ledger->functions[i];
        uint32_t routes = 0, buffers = 0;

        for (uint32_t n = 0; n < MODEL_SLOTS; n++) {
            routes += model->routes[n].exists && model->routes[n].function == i;
            buffers += model->buffers[n].exists && model->buffers[n].function == i;
        }
        if (!model_is_state(function, record->state)) {
            return "another state";
        }
        if (record->owner != function->owner) {
            return "another owner (L1)";
        }
        if (record->generation != function->epoch ||
            record->owner_generation != function->owner_epoch) {
            return "another generation (L7)";
        }
        if (record->route_count != routes || record->buffer_count != buffers ||
            record->pool_pages != model_pages(model, i) ||
            record->mmio_pages != function->mmio_pages) {
            return "another sum (L6)";
        }
        if (ledger_is_released(ledger, i) != model_is_released(model, i)) {
            return "released, or not, against the evidence (L4)";
        }
        for (uint32_t n = 0; n < i; n++) {
            if (model->functions[n].group == function->group && ledger->functions[n].owner != 0 &&
                record->owner != 0 && ledger->functions[n].owner != record->owner) {
                return "two owners in a group (L1)";
            }
        }
    }
    for (uint32_t i = 0; i < model->buffer_count; i++) {
        const struct model_thing *buffer = &model->buffers[i];

        if (buffer->exists != (ledger->buffers[i].use != LEDGER_UNUSED) ||
            ledger->buffers[i].generation != model->buffer_epoch[i] ||
            (buffer->exists && (ledger->buffers[i].iova != buffer->iova ||
                                ledger->buffers[i].function != buffer->function))) {
            return "another buffer";
        }
        if (ledger_buffer_is_unreachable(ledger, i, buffer->is_invalidated) !=
            model_may_give_back(model, i)) {
            return "pages given back, or not, against the evidence (L4)";
        }
    }
    for (uint32_t i = 0; i < model->route_count; i++) {
        if (model->routes[i].exists != (ledger->routes[i].use != LEDGER_UNUSED) ||
            ledger->routes[i].generation != model->route_epoch[i]) {
            return "another route";
        }
    }
    for (uint32_t i = 0; i < model->issued_count; i++) {
        const struct model_issued *issued = &model->issued[i];
        const struct device_handle *handle = &issued->handle;

        for (uint64_t pid = 0; pid <= model->pid_count; pid++) {
            if (ledger_check(ledger, handle, pid) != model_resolve(model, handle, pid)) {
                return "a handle resolves, or does not, against its fate (L3)";
            }
        }
        if (handle->part == DEVICE_PART_ROUTE &&
            ledger_route_delivers(ledger, handle->slot, handle->part_generation) !=
                (issued->fate != MODEL_ENDED) &&
            !(issued->fate == MODEL_ENDED && /* renewed by a move: the same generation lives on */
              model->routes[handle->slot].exists && !model->routes[handle->slot].is_ending &&
              model->route_epoch[handle->slot] == handle->part_generation)) {
            return "an interrupt of an old generation is delivered, or one of today's is not (L5)";
        }
    }
    return NULL;
}

static inline const char *model_do_claim(struct model *model, struct ledger *ledger,
                                         const struct model_operation *op, bool *is_refused)
{
    const enum status expected = model_claim(model, op->place, op->value, op->pid);

    if (ledger_claim_check(ledger, op->place, op->value, op->pid) != expected) {
        return "another answer to a claim";
    }
    *is_refused = expected != STATUS_OK;
    if (!*is_refused) {
        struct model_function *function = &model->functions[op->place];
        struct device_handle mmio, pool;

        ledger_claim_commit(ledger, op->place, op->pid, model->pool_limit, model->address_end,
                            &mmio, &pool);
        function->phase = MODEL_OWNED;
        function->is_active = false;
        function->seen = 0;
        function->owner = op->pid;
        function->owner_epoch++;
        if (model_find(model, &mmio) != NULL || model_find(model, &pool) != NULL) {
            return "a handle was given out twice (L7)";
        }
        model_issue(model, &mmio);
        model_issue(model, &pool);
    }
    return NULL;
}

static inline const char *model_do_move(struct model *model, struct ledger *ledger,
                                        const struct model_operation *op, bool *is_refused)
{
    const enum status expected = model_move(model, &op->handle, op->pid, op->to);

    if (ledger_move_check(ledger, &op->handle, op->pid, op->to) != expected) {
        return "another answer to a move";
    }
    *is_refused = expected != STATUS_OK;
    if (!*is_refused) {
        struct device_handle renewed = op->handle;

        ledger_move_commit(ledger, &renewed, op->to);
        if (model_find(model, &renewed) != NULL) {
            return "a handle was given out twice (L7)";
        }
        model_did_move(model, &op->handle, &renewed, op->to);
    }
    return NULL;
}

static inline const char *model_do_route(struct model *model, struct ledger *ledger,
                                         const struct model_operation *op, bool *is_refused)
{
    struct device_handle handle;
    const uint32_t slot = (uint32_t)op->value;
    const enum status expected = model_route(model, op->place, op->pid, slot);

    if (ledger_route_check(ledger, op->place, op->pid, slot) != expected) {
        return "another answer about a route";
    }
    *is_refused = expected != STATUS_OK;
    if (!*is_refused) {
        ledger_route_commit(ledger, op->place, slot, &handle);
        if (model_find(model, &handle) != NULL) {
            return "a handle was given out twice (L7)";
        }
        model->routes[slot] = (struct model_thing){.exists = true, .function = op->place};
        model_issue(model, &handle);
    }
    return NULL;
}

static inline const char *model_do_buffer(struct model *model, struct ledger *ledger,
                                          const struct model_operation *op, bool *is_refused)
{
    struct device_handle handle;
    struct ledger_place place = {0, 0};
    uint64_t iova = 0;
    const uint32_t pages = (uint32_t)op->value;
    const enum status expected = model_buffer(model, &op->handle, op->pid, op->place, pages, &iova);

    if (ledger_buffer_check(ledger, &op->handle, op->pid, op->place, pages, &place) != expected) {
        return "another answer about a buffer";
    }
    *is_refused = expected != STATUS_OK;
    if (expected == STATUS_RETIRED) {
        ledger_exhausted(ledger, op->handle.function);
        model->functions[op->handle.function].is_used_up = true;
        *is_refused = false;
    }
    if (expected == STATUS_OK) {
        struct model_function *function = &model->functions[op->handle.function];
        uint64_t *const given =
            place.iova < 0x100000000 ? &function->given_low : &function->given_high;

        if (place.iova < *given) {
            return "an address was given out twice (L4)";
        }
        if (place.slot != op->place || place.iova != iova) {
            return "another place for a buffer";
        }
        ledger_buffer_commit(ledger, &op->handle, &place, pages, DMA_ACCESS_DEVICE_READS, &handle);
        if (model_find(model, &handle) != NULL) {
            return "a handle was given out twice (L7)";
        }
        *given = place.iova + (pages + 1) * 4096ull;
        model->buffers[place.slot] = (struct model_thing){.exists = true,
                                                          .function = op->handle.function,
                                                          .page_count = pages,
                                                          .iova = place.iova};
        model_did_activate(model, op->handle.function);
        model_issue(model, &handle);
    }
    return NULL;
}

/** Operations on what exists. */
static inline const char *model_do_part(struct model *model, struct ledger *ledger,
                                        const struct model_operation *op, bool *is_refused)
{
    struct model_thing *route = &model->routes[op->place % MODEL_SLOTS];
    struct model_thing *buffer = &model->buffers[op->place % MODEL_SLOTS];
    struct model_issued *issued;

    switch (op->kind) {
    case MODEL_MAP:
        *is_refused = model_resolve(model, &op->handle, op->pid) != STATUS_OK;
        if (*is_refused != (ledger_check(ledger, &op->handle, op->pid) != STATUS_OK)) {
            return "another answer about registers (L3)";
        }
        if (!*is_refused && op->handle.part == DEVICE_PART_MMIO) {
            ledger_mmio_mapped(ledger, op->handle.function, 1);
            model->functions[op->handle.function].mmio_pages++;
        }
        return NULL;
    case MODEL_UNMAP:
        if (model->functions[op->place].mmio_pages != 0) {
            ledger_mmio_unmapped(ledger, op->place, 1);
            model->functions[op->place].mmio_pages--;
        }
        return NULL;
    case MODEL_PART_END:
        /* A capability that there is; what a move has renewed is not another one. */
        issued = model_find(model, &op->handle);
        if (issued == NULL ||
            (issued->fate == MODEL_ENDED &&
             op->handle.generation == model->functions[op->handle.function].epoch)) {
            return NULL;
        }
        *is_refused = issued->fate == MODEL_ENDED || op->handle.part > DEVICE_PART_POOL;
        ledger_part_end(ledger, &op->handle);
        if (!*is_refused) {
            model_end(model, issued);
        }
        return NULL;
    case MODEL_ARM:
        *is_refused = !route->exists || route->is_ending;
        ledger_route_armed(ledger, op->place);
        if (!*is_refused) {
            model_did_activate(model, route->function);
        }
        return NULL;
    case MODEL_ROUTE_END:
        *is_refused = !route->exists || route->is_ending;
        ledger_route_end(ledger, op->place);
        model_did_end(model, DEVICE_PART_ROUTE, op->place);
        return NULL;
    case MODEL_ROUTE_ENDED:
        *is_refused = !route->exists || !route->is_ending;
        ledger_route_ended(ledger, op->place);
        if (!*is_refused) {
            *route = (struct model_thing){.exists = false};
        }
        return NULL;
    case MODEL_BUFFER_END:
        *is_refused = !buffer->exists || buffer->is_ending;
        ledger_buffer_end(ledger, op->place);
        model_did_end(model, DEVICE_PART_BUFFER, op->place);
        return NULL;
    case MODEL_INVALIDATED:
        *is_refused = true;
        buffer->is_invalidated = buffer->exists && buffer->is_ending;
        return NULL;
    case MODEL_GIVE_BACK:
        *is_refused = !ledger_buffer_is_unreachable(ledger, op->place, buffer->is_invalidated);
        if (*is_refused == model_may_give_back(model, op->place)) {
            return "pages given back, or not, against the evidence (L4)";
        }
        if (!*is_refused) {
            ledger_buffer_ended(ledger, op->place);
            *buffer = (struct model_thing){.exists = false};
        }
        return NULL;
    default:
        return "no such operation";
    }
}

/** Operations on a function. */
static inline const char *model_do_teardown(struct model *model, struct ledger *ledger,
                                            const struct model_operation *op, bool *is_refused)
{
    struct model_function *function = &model->functions[op->place];
    const bool is_torn_down = function->phase == MODEL_TEARDOWN;

    *is_refused = !is_torn_down;
    switch (op->kind) {
    case MODEL_REVOKE:
        *is_refused = function->phase != MODEL_OWNED;
        if (ledger_revoke(ledger, op->place) == *is_refused) {
            return "another answer to a revoke";
        }
        if (!*is_refused) {
            model_did_revoke(model, op->place);
        }
        return NULL;
    case MODEL_WITNESS:
        ledger_witness(ledger, op->place, (uint32_t)op->value);
        function->seen |= is_torn_down ? (uint32_t)op->value : 0;
        return NULL;
    case MODEL_RESET:
        ledger_reset_begin(ledger, op->place);
        function->is_resetting = is_torn_down;
        return NULL;
    case MODEL_FINISH:
        *is_refused = !ledger_is_released(ledger, op->place);
        if (*is_refused == model_is_released(model, op->place)) {
            return "released, or not, against the evidence (L4)";
        }
        if (!*is_refused) {
            model_did_leave(function, model_is_retired(function) ? MODEL_RETIRED : MODEL_FREE);
            if (!model_is_state(function, ledger_finish(ledger, op->place)) ||
                ledger->functions[op->place].not_reset != ((function->seen & LEDGER_RESET) == 0)) {
                return "another end of a teardown";
            }
        }
        return NULL;
    case MODEL_QUARANTINE:
        *is_refused = function->phase == MODEL_OWNED || function->phase == MODEL_QUARANTINED;
        ledger_quarantine(ledger, op->place);
        if (!*is_refused) {
            model_did_leave(function, MODEL_QUARANTINED);
        }
        return NULL;
    case MODEL_RECOVER:
        *is_refused = function->phase != MODEL_QUARANTINED;
        ledger_recover(ledger, op->place);
        function->seen |= *is_refused ? 0 : LEDGER_INERT;
        return NULL;
    case MODEL_LEAVE:
        *is_refused = function->phase != MODEL_QUARANTINED ||
                      (function->seen & LEDGER_INERT) == 0 || !model_has_nothing(model, op->place);
        if (ledger_leave_quarantine(ledger, op->place) == *is_refused) {
            return "out of quarantine, or not, against the evidence (L4)";
        }
        if (!*is_refused) {
            model_did_leave(function, model_is_retired(function) ? MODEL_RETIRED : MODEL_FREE);
        }
        return NULL;
    case MODEL_DISABLE:
    case MODEL_ENABLE:
        *is_refused = function->is_disabled == (op->kind == MODEL_DISABLE);
        if (ledger_disable(ledger, op->place, op->kind == MODEL_DISABLE) == *is_refused) {
            return "disabled or enabled twice, or not at all";
        }
        function->is_disabled = op->kind == MODEL_DISABLE;
        return NULL;
    default:
        return "no such operation";
    }
}

static inline const char *model_apply(struct model *model, struct ledger *ledger,
                                      const struct model_operation *op)
{
    static struct model_copy before, after;
    bool is_refused = false;
    const char *flaw;

    model_copy_ledger(&before, ledger);
    switch (op->kind) {
    case MODEL_CLAIM:
        flaw = model_do_claim(model, ledger, op, &is_refused);
        break;
    case MODEL_MOVE:
        flaw = model_do_move(model, ledger, op, &is_refused);
        break;
    case MODEL_ROUTE:
        flaw = model_do_route(model, ledger, op, &is_refused);
        break;
    case MODEL_BUFFER:
        flaw = model_do_buffer(model, ledger, op, &is_refused);
        break;
    case MODEL_REVOKE:
    case MODEL_WITNESS:
    case MODEL_RESET:
    case MODEL_FINISH:
    case MODEL_QUARANTINE:
    case MODEL_RECOVER:
    case MODEL_LEAVE:
    case MODEL_DISABLE:
    case MODEL_ENABLE:
        flaw = model_do_teardown(model, ledger, op, &is_refused);
        break;
    default:
        flaw = model_do_part(model, ledger, op, &is_refused);
        break;
    }
    if (flaw == NULL && is_refused) {
        model_copy_ledger(&after, ledger);
        if (memcmp(&before, &after, sizeof(before)) != 0) {
            return "a refused operation changed something (L8)";
        }
        if (op->kind != MODEL_INVALIDATED) {
            return NULL; /* nothing has changed in the model either */
        }
    }
    return flaw != NULL ? flaw : model_compare(model, ledger);
}
