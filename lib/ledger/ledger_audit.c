/* SPDX-License-Identifier: MIT */
#include "ledger/ledger_audit.h"

const char *ledger_flaw_name(enum ledger_flaw flaw)
{
    static const char *const names[LEDGER_FLAW_COUNT] = {
        [LEDGER_SOUND] = "sound",          [LEDGER_FLAW_OWNER] = "owner",
        [LEDGER_FLAW_GROUP] = "group",     [LEDGER_FLAW_UNOWNED] = "unowned",
        [LEDGER_FLAW_SUM] = "sum",         [LEDGER_FLAW_LIMIT] = "limit",
        [LEDGER_FLAW_ADDRESS] = "address", [LEDGER_FLAW_LIVE] = "live",
    };

    return (uint32_t)flaw < LEDGER_FLAW_COUNT ? names[flaw] : "?";
}

/** Whether a function in this state has an owner, or had one whose things are still there. */
static bool state_has_owner(enum function_state state)
{
    return device_state_is_owned(state) || state == FUNCTION_STATE_REVOKING ||
           state == FUNCTION_STATE_RESETTING;
}

static enum ledger_flaw audit_function(const struct ledger *ledger, uint32_t index)
{
    const struct ledger_function *function = &ledger->functions[index];
    uint32_t pages = 0;
    uint32_t buffers = 0;
    uint32_t routes = 0;

    if (state_has_owner(function->state) != (function->owner != DEVICE_NOBODY)) {
        return LEDGER_FLAW_OWNER;
    }
    for (uint32_t i = 0; i < index; i++) {
        const struct ledger_function *other = &ledger->functions[i];

        if (other->group == function->group && other->owner != DEVICE_NOBODY &&
            function->owner != DEVICE_NOBODY && other->owner != function->owner) {
            return LEDGER_FLAW_GROUP;
        }
    }
    for (uint32_t i = 0; i < ledger->buffer_count; i++) {
        if (ledger->buffers[i].use != LEDGER_UNUSED && ledger->buffers[i].function == index) {
            pages += ledger->buffers[i].page_count;
            buffers++;
        }
    }
    for (uint32_t i = 0; i < ledger->route_count; i++) {
        if (ledger->routes[i].use != LEDGER_UNUSED && ledger->routes[i].function == index) {
            routes++;
        }
    }
    if (pages != function->pool_pages || buffers != function->buffer_count ||
        routes != function->route_count) {
        return LEDGER_FLAW_SUM;
    }
    if (pages > function->pool_limit) {
        return LEDGER_FLAW_LIMIT;
    }
    if (!state_has_owner(function->state) && function->state != FUNCTION_STATE_QUARANTINED &&
        (pages != 0 || buffers != 0 || routes != 0 || function->mmio_pages != 0 ||
         function->has_mmio || function->has_pool)) {
        return LEDGER_FLAW_UNOWNED;
    }
    if (!device_state_is_owned(function->state) && (function->has_mmio || function->has_pool)) {
        return LEDGER_FLAW_LIVE;
    }
    return LEDGER_SOUND;
}

static enum ledger_flaw audit_buffer(const struct ledger *ledger, uint32_t index)
{
    const struct ledger_buffer *buffer = &ledger->buffers[index];

    if (buffer->use == LEDGER_UNUSED) {
        return LEDGER_SOUND;
    }
    const struct ledger_function *function = &ledger->functions[buffer->function];
    const uint64_t end = buffer->iova + buffer->page_count * LEDGER_PAGE_BYTES;
    const uint64_t next =
        buffer->iova >= LEDGER_HIGH_FIRST ? function->high_next : function->low_next;

    /* A teardown has not got to it yet, or it came from one. */
    if (buffer->use == LEDGER_LIVE && function->state == FUNCTION_STATE_CLAIMED) {
        return LEDGER_FLAW_LIVE;
    }
    if (end <= buffer->iova || end > function->address_end || end >= next ||
        buffer->iova < LEDGER_LOW_FIRST ||
        (buffer->iova < LEDGER_MSI_END && end > LEDGER_MSI_FIRST)) {
        return LEDGER_FLAW_ADDRESS;
    }
    for (uint32_t i = 0; i < index; i++) {
        const struct ledger_buffer *other = &ledger->buffers[i];

        if (other->use != LEDGER_UNUSED && other->function == buffer->function &&
            buffer->iova <= other->iova + other->page_count * LEDGER_PAGE_BYTES &&
            other->iova <= end) {
            return LEDGER_FLAW_ADDRESS; /* they share a page, or there is none between them */
        }
    }
    return LEDGER_SOUND;
}

static enum ledger_flaw audit_route(const struct ledger *ledger, uint32_t index)
{
    const struct ledger_route *route = &ledger->routes[index];

    return route->use == LEDGER_LIVE &&
                   !device_state_is_owned(ledger->functions[route->function].state)
               ? LEDGER_FLAW_LIVE
               : LEDGER_SOUND;
}

enum ledger_flaw ledger_audit(const struct ledger *ledger, uint32_t *place)
{
    enum ledger_flaw flaw = LEDGER_SOUND;

    for (uint32_t i = 0; i < ledger->function_count && flaw == LEDGER_SOUND; i++) {
        *place = i;
        flaw = audit_function(ledger, i);
    }
    for (uint32_t i = 0; i < ledger->buffer_count && flaw == LEDGER_SOUND; i++) {
        *place = i;
        flaw = audit_buffer(ledger, i);
    }
    for (uint32_t i = 0; i < ledger->route_count && flaw == LEDGER_SOUND; i++) {
        *place = i;
        flaw = audit_route(ledger, i);
    }
    return flaw;
}
