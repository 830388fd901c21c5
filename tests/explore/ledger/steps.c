/* SPDX-License-Identifier: MIT */

/*
 * All that can be asked in a state.
 */

#include <stdio.h>

#include "explore.h"

/** The slot that a caller would offer for a buffer, and all that are wrong: they are refused. */
static bool steps_buffer(const struct snapshot *from, uint8_t issued, uint8_t pid)
{
    const struct model *model = &from->model;
    const uint8_t offer =
        (uint8_t)model_offer(model->buffers, model->buffer_epoch, model->buffer_count);
    bool is_good = true;

    for (uint8_t pages = 0; pages <= model->pool_limit + 1 && is_good; pages++) {
        is_good = search_step((struct step){MODEL_BUFFER, offer, pid, 0, pages, issued});
    }
    for (uint8_t slot = 0; slot <= model->buffer_count && is_good; slot++) {
        if (slot != offer &&
            !model_is_open(model->buffers, model->buffer_epoch, model->buffer_count, slot)) {
            is_good = search_step((struct step){MODEL_BUFFER, slot, pid, 0, 1, issued});
        }
    }
    return is_good;
}

static bool steps_route(const struct snapshot *from, uint8_t function, uint8_t pid)
{
    const struct model *model = &from->model;
    const uint8_t offer =
        (uint8_t)model_offer(model->routes, model->route_epoch, model->route_count);
    bool is_good = search_step((struct step){MODEL_ROUTE, function, pid, 0, offer, 0});

    for (uint8_t slot = 0; slot <= model->route_count && is_good; slot++) {
        if (slot != offer &&
            !model_is_open(model->routes, model->route_epoch, model->route_count, slot)) {
            is_good = search_step((struct step){MODEL_ROUTE, function, pid, 0, slot, 0});
        }
    }
    return is_good;
}

/** Everything that can be done with a handle that was given out. */
static bool steps_handle(const struct snapshot *from, uint8_t issued, uint32_t without)
{
    const struct device_handle *handle = &from->model.issued[issued].handle;
    const uint8_t pids = (uint8_t)from->model.pid_count;
    bool is_good = true;

    for (uint8_t pid = 0; pid <= pids && is_good; pid++) {
        for (uint8_t to = 0; to <= pids && is_good; to++) {
            is_good = search_step((struct step){MODEL_MOVE, 0, pid, to, 0, issued});
        }
        is_good = is_good && steps_buffer(from, issued, pid);
        if (is_good && (without & STEPS_REGISTERS) == 0 &&
            from->model.functions[handle->function].mmio_pages == 0) {
            is_good = search_step((struct step){MODEL_MAP, 0, pid, 0, 0, issued});
        }
    }
    return is_good && search_step((struct step){.kind = MODEL_PART_END, .issued = issued});
}

/** One that was not, unless it is another that was: nothing that it is good for may be done. */
static bool forged_is_refused(const struct snapshot *from, const struct device_handle *handle)
{
    const char *flaw = NULL;

    for (uint64_t pid = 0; pid <= from->model.pid_count && flaw == NULL; pid++) {
        if (ledger_check(&ledger, handle, pid) != model_resolve(&now.model, handle, pid)) {
            flaw = "a forged handle resolves, or a current one does not (L3)";
        }
        for (uint64_t to = 1; to <= from->model.pid_count && flaw == NULL; to++) {
            search_count_refusal();
            if (ledger_move_check(&ledger, handle, pid, to) !=
                model_move(&now.model, handle, pid, to)) {
                flaw = "a forged handle moves, or a current one does not (L3)";
            }
        }
    }
    if (flaw != NULL) {
        printf("  violation: %s\n", flaw);
        search_print_trace();
    }
    return flaw == NULL;
}

static bool steps_handles(const struct snapshot *from, uint32_t without)
{
    bool is_good = true;

    for (uint8_t i = 0; i < from->model.issued_count && is_good; i++) {
        const struct device_handle handle = from->model.issued[i].handle;
        struct device_handle forged[10];

        for (uint32_t n = 0; n < ARRAY_COUNT(forged); n++) {
            forged[n] = handle;
        }
        forged[0].generation++;
        forged[1].generation--;
        forged[2].owner_generation++;
        forged[3].owner_generation--;
        forged[4].part_generation++;
        forged[5].part_generation--;
        forged[6].function ^= 1;
        forged[7].slot ^= 1;
        forged[8].part = (enum device_part)(handle.part ^ 1);
        forged[9].part = (enum device_part)(handle.part ^ 2);
        now = *from;
        for (uint32_t n = 0; n < ARRAY_COUNT(forged) && is_good; n++) {
            is_good = forged_is_refused(from, &forged[n]);
        }
        is_good = is_good && steps_handle(from, i, without);
    }
    return is_good;
}

/** What can be seen of a teardown, in pieces. */
static bool steps_witness(uint8_t function, uint32_t without)
{
    const bool are_apart = (without & STEPS_APART) == 0;
    const uint8_t pieces[] = {LEDGER_STOPPED, LEDGER_DETACHED,
                              are_apart ? LEDGER_UNMAPPED : LEDGER_UNMAPPED | LEDGER_MASKED,
                              are_apart ? LEDGER_MASKED : 0,
                              (without & STEPS_RESETS) == 0 ? LEDGER_RESET : 0};
    bool is_good = true;

    for (size_t n = 0; n < ARRAY_COUNT(pieces) && is_good; n++) {
        is_good = pieces[n] == 0 ||
                  search_step(
                      (struct step){.kind = MODEL_WITNESS, .place = function, .value = pieces[n]});
    }
    return is_good;
}

static bool steps_function(const struct snapshot *from, uint8_t function, uint32_t without)
{
    bool is_good = true;

    for (uint8_t pid = 0; pid <= from->model.pid_count && is_good; pid++) {
        is_good = search_step((struct step){MODEL_CLAIM, function, pid, 0, 0, 0}) &&
                  search_step((struct step){MODEL_CLAIM, function, pid, 0, 1, 0}) &&
                  steps_route(from, function, pid);
    }
    for (uint8_t kind = MODEL_REVOKE; kind < MODEL_KINDS && is_good; kind++) {
        const uint32_t group = kind == MODEL_RESET                             ? STEPS_RESETS
                               : kind == MODEL_DISABLE || kind == MODEL_ENABLE ? STEPS_DISABLING
                                                                               : 0;

        if (kind != MODEL_WITNESS && (without & group) == 0) {
            is_good = search_step((struct step){.kind = kind, .place = function});
        }
    }
    return is_good && steps_witness(function, without) &&
           search_step((struct step){.kind = MODEL_UNMAP, .place = function});
}

bool steps_all(const struct snapshot *from, uint32_t without)
{
    const struct model *model = &from->model;
    bool is_good = steps_handles(from, without);

    for (uint8_t i = 0; i < model->function_count && is_good; i++) {
        is_good = steps_function(from, i, without);
    }
    for (uint8_t kind = MODEL_ARM; kind <= MODEL_GIVE_BACK && is_good; kind++) {
        const uint32_t slots = kind <= MODEL_ROUTE_ENDED ? model->route_count : model->buffer_count;

        for (uint8_t i = 0; i < slots && is_good && kind != MODEL_BUFFER; i++) {
            is_good = search_step((struct step){.kind = kind, .place = i});
        }
    }
    return is_good;
}
