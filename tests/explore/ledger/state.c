/* SPDX-License-Identifier: MIT */

/*
 * The state that is being looked at, where bounds begin, and steps as they are kept.
 */

#include <inttypes.h>
#include <stdio.h>

#include "explore.h"

struct snapshot now;
struct ledger ledger = {now.functions, 0, now.routes, 0, now.buffers, 0};

void state_begin(const struct bounds *bounds)
{
    memset(&now, 0, sizeof(now));
    ledger.function_count = now.model.function_count = bounds->functions;
    ledger.route_count = now.model.route_count = bounds->routes;
    ledger.buffer_count = now.model.buffer_count = bounds->buffers;
    ledger_init(&ledger);
    now.model.pid_count = bounds->pids;
    now.model.pool_limit = bounds->pool_pages != 0 ? bounds->pool_pages : 2;
    now.model.address_end = bounds->address_end != 0 ? bounds->address_end : 1ull << 39;
    for (uint32_t i = 0; i < bounds->functions; i++) {
        struct ledger_function *function = &now.functions[i];

        function->group = bounds->one_group ? 0 : i;
        function->generation = bounds->epoch != 0 ? bounds->epoch : function->generation;
        function->owner_generation = bounds->owner_epoch;
        function->low_next = bounds->low_first != 0 ? bounds->low_first : function->low_next;
        now.model.functions[i] = (struct model_function){.group = function->group,
                                                         .epoch = function->generation,
                                                         .owner_epoch = function->owner_generation,
                                                         .given_low = function->low_next,
                                                         .given_high = function->high_next};
    }
    for (uint32_t i = 0; i < 2; i++) {
        now.routes[i].generation = now.buffers[i].generation =
            bounds->slot_epoch != 0 ? bounds->slot_epoch : 1;
        now.model.route_epoch[i] = now.routes[i].generation;
        now.model.buffer_epoch[i] = now.buffers[i].generation;
    }
}

struct model_operation step_operation(const struct step *step)
{
    struct model_operation operation = {
        .kind = (enum model_kind)step->kind,
        .place = step->place,
        .pid = step->pid,
        .to = step->to,
        .value = step->value,
    };

    if (operation.kind == MODEL_CLAIM) {
        operation.value = now.model.functions[step->place].epoch - step->value;
    }
    if (operation.kind == MODEL_MOVE || operation.kind == MODEL_MAP ||
        operation.kind == MODEL_PART_END || operation.kind == MODEL_BUFFER) {
        operation.handle = now.model.issued[step->issued].handle;
    }
    return operation;
}

void step_print(const struct step *step)
{
    static const char *const parts[] = {"mmio", "pool", "route", "buffer"};
    const struct model_operation operation = step_operation(step);
    const struct device_handle *handle = &operation.handle;

    printf("    %-11s place %u, pid %" PRIu64 " to %" PRIu64 ", value %" PRIu64,
           model_kind_names[operation.kind], operation.place, operation.pid, operation.to,
           operation.value);
    if (handle->generation != 0) {
        printf(", %s of %u slot %u generations %" PRIx64 " %" PRIx64 " %" PRIx64,
               parts[handle->part], handle->function, handle->slot, handle->generation,
               handle->owner_generation, handle->part_generation);
    }
    putchar('\n');
}
