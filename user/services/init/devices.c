/* SPDX-License-Identifier: MIT */
#include "services/init/devices.h"

#include "base/memory.h"
#include "rt/device_text.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "text/text.h"

/* ------------------------------------------------------------------------------------------
 * The list
 * ------------------------------------------------------------------------------------------ */

/** DeviceManager.functions from `from` on; `exchange` is open on STATUS_OK. */
static enum status functions_read(const struct init_devices *devices, uint32_t from,
                                  struct rt_exchange *exchange, struct wire_list *list)
{
    const struct device_manager_functions_params params = {.from_index = from};
    struct wire_struct results;
    enum status status = rt_exchange_begin(exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_exchange_call_inline(exchange, devices->manager, DEVICE_MANAGER_FUNCTIONS,
                                     RT_WORDS(params), &results);
    if (status == STATUS_OK &&
        device_manager_functions_results_get_functions(results, list) != WIRE_OK) {
        status = STATUS_BAD_MESSAGE;
    }
    if (status != STATUS_OK) {
        rt_exchange_end(exchange);
    }
    return status;
}

static void function_add(struct init_devices *devices, struct wire_struct info)
{
    if (devices->count < INIT_FUNCTIONS_MAX) {
        devices->functions[devices->count] = (struct init_function){
            .index = function_info_get_index(info),
            .group = function_info_get_group(info),
            .segment = function_info_get_segment(info),
            .bdf = function_info_get_bdf(info),
            .vendor = function_info_get_vendor(info),
            .device = function_info_get_device(info),
        };
    }
    devices->count++;
}

void devices_init(struct init_devices *devices, uint64_t manager)
{
    uint32_t from = 0, count = 1;

    devices->manager = manager;
    if (manager == 0) {
        rt_print("init: no devices: this kernel has no device manager\n");
        return;
    }
    while (count != 0) {
        struct rt_exchange exchange;
        struct wire_struct info;
        struct wire_list list;
        const enum status status = functions_read(devices, from, &exchange, &list);

        if (status != STATUS_OK) {
            rt_print("init: no devices%s: the device manager's answer: %s\n",
                     devices->count == 0 ? "" : " beyond the first", status_name(status));
            break;
        }
        count = list.count;
        for (uint32_t i = 0; i < count; i++) {
            if (wire_list_get_struct(&list, i, &info) != WIRE_OK ||
                function_info_get_index(info) < from) {
                count = 0; /* a list that does not grow would never end */
                break;
            }
            from = function_info_get_index(info) + 1;
            function_add(devices, info);
        }
        rt_exchange_end(&exchange);
    }
    if (devices->count > INIT_FUNCTIONS_MAX) {
        rt_print("init: %u functions in this machine; programs can have the first %u\n",
                 devices->count, INIT_FUNCTIONS_MAX);
        devices->count = INIT_FUNCTIONS_MAX;
    }
}

/* ------------------------------------------------------------------------------------------
 * Finding one
 * ------------------------------------------------------------------------------------------ */

static bool function_matches(const struct init_function *function,
                             const struct manifest_device *wanted)
{
    if (function->vendor == wanted->vendor) {
        for (uint32_t i = 0; i < wanted->device_count; i++) {
            if (function->device == wanted->devices[i]) {
                return true;
            }
        }
    }
    return false;
}

/** The function that a grant means, or NULL. */
static const struct init_function *function_find(const struct init_devices *devices,
                                                 const struct manifest_device *wanted)
{
    uint32_t seen = 0;

    for (uint32_t i = 0; i < devices->count; i++) {
        if (function_matches(&devices->functions[i], wanted) && seen++ == wanted->nth) {
            return &devices->functions[i];
        }
    }
    return NULL;
}

/** "1af4:1042 or 1af4:1001", and which of several. */
static void wanted_format(const struct manifest_device *wanted, char *out, size_t capacity)
{
    size_t length = 0;

    for (uint32_t i = 0; i < wanted->device_count && length < capacity; i++) {
        length += text_format(out + length, capacity - length, "%s%04x:%04x", i == 0 ? "" : " or ",
                              wanted->vendor, wanted->devices[i]);
    }
    if (wanted->nth != 0 && length < capacity) {
        text_format(out + length, capacity - length, ", number %u of them", wanted->nth + 1u);
    }
}

/** What of a FunctionInfo changes. */
struct function_now {
    uint32_t index, vector_count;
    uint64_t generation, owner_pid;
    enum function_state state;
    enum claim_refusal refusal;
};

/** Read function `index`, or else the first one behind it. */
static enum status function_now_read(const struct init_devices *devices, uint32_t index,
                                     struct function_now *now)
{
    struct rt_exchange exchange;
    struct wire_struct info;
    struct wire_list list;
    enum status status = functions_read(devices, index, &exchange, &list);

    if (status != STATUS_OK) {
        return status;
    }
    if (list.count == 0) {
        status = STATUS_NOT_FOUND;
    } else if (wire_list_get_struct(&list, 0, &info) != WIRE_OK) {
        status = STATUS_BAD_MESSAGE;
    } else {
        *now = (struct function_now){
            .index = function_info_get_index(info),
            .vector_count = function_info_get_vector_count(info),
            .generation = function_info_get_generation(info),
            .owner_pid = function_info_get_owner_pid(info),
            .state = function_info_get_state(info),
            .refusal = function_info_get_refusal(info),
        };
    }
    rt_exchange_end(&exchange);
    return status;
}

/** How a function, or one that cannot be told from it, stands. */
static enum device_answer function_judge(const struct function_now *now,
                                         const struct device_owners *owners)
{
    switch (now->state) {
    case FUNCTION_STATE_DISCOVERED:
    case FUNCTION_STATE_FREE:
        return DEVICE_READY;
    case FUNCTION_STATE_REVOKING:
    case FUNCTION_STATE_RESETTING:
        return DEVICE_TEARDOWN;
    case FUNCTION_STATE_CLAIMED:
    case FUNCTION_STATE_ACTIVE:
        /* An owner that has ended, and whose end has not yet come this far. */
        return owners->runs(owners, now->owner_pid) ? DEVICE_REFUSED : DEVICE_TEARDOWN;
    case FUNCTION_STATE_QUARANTINED:
    case FUNCTION_STATE_RETIRED:
    case FUNCTION_STATE_COUNT:
        break;
    }
    return DEVICE_REFUSED;
}

static void refuse(struct device_state *state, enum status status, const char *place,
                   const char *why)
{
    state->answer = DEVICE_REFUSED;
    state->status = status;
    text_format(state->reason, sizeof(state->reason), "%s cannot be claimed: %s", place, why);
}

/** Judge one function; false if it settles the matter. */
static bool function_examine(const struct function_now *now, const char *place,
                             const struct device_owners *owners, struct device_state *state)
{
    char why[INIT_REASON_BYTES];

    if (now->refusal != CLAIM_REFUSAL_NONE) {
        text_format(why, sizeof(why), "%s (%s)", claim_refusal_name(now->refusal),
                    rt_claim_refusal_text(now->refusal));
        refuse(state, STATUS_UNSUPPORTED, place, why);
        return false;
    }
    switch (function_judge(now, owners)) {
    case DEVICE_READY:
        return true;
    case DEVICE_TEARDOWN:
        state->answer = DEVICE_TEARDOWN;
        state->function = now->index;
        state->generation = now->generation;
        return false;
    case DEVICE_MISSING:
    case DEVICE_REFUSED:
        text_format(why, sizeof(why), "%s (process %llu has it)", function_state_name(now->state),
                    (unsigned long long)now->owner_pid);
        refuse(state, STATUS_BUSY, place, why);
        return false;
    }
    return false;
}

void device_find(const struct init_devices *devices, const struct manifest_device *wanted,
                 const struct device_owners *owners, struct device_state *state)
{
    const struct init_function *const function = function_find(devices, wanted);
    char neighbour[RT_BDF_BYTES];
    struct function_now now, other;
    enum status status;

    *state = (struct device_state){.answer = DEVICE_MISSING};
    if (function == NULL) {
        wanted_format(wanted, state->reason, sizeof(state->reason));
        return;
    }
    rt_bdf_format(state->place, function->segment, function->bdf);
    status = function_now_read(devices, function->index, &now);
    if (status != STATUS_OK || now.index != function->index) {
        refuse(state, status == STATUS_OK ? STATUS_NOT_FOUND : status, state->place,
               "the device manager does not list it any more");
        return;
    }
    if (!function_examine(&now, state->place, owners, state)) {
        return;
    }
    /* The unit of a claim is the isolation group: a neighbour's owner is in the way, too. */
    for (uint32_t i = 0; i < devices->count; i++) {
        const struct init_function *const candidate = &devices->functions[i];

        if (candidate == function || candidate->group != function->group ||
            function_now_read(devices, candidate->index, &other) != STATUS_OK ||
            other.index != candidate->index || other.refusal != CLAIM_REFUSAL_NONE) {
            continue;
        }
        rt_bdf_format(neighbour, candidate->segment, candidate->bdf);
        if (!function_examine(&other, neighbour, owners, state)) {
            return;
        }
    }
    state->answer = DEVICE_READY;
    state->function = now.index;
    state->generation = now.generation;
    state->vector_count = now.vector_count;
}

/* ------------------------------------------------------------------------------------------
 * Claims
 * ------------------------------------------------------------------------------------------ */

static enum status interrupt_add(const struct init_devices *devices,
                                 const struct device_state *state, uint64_t *interrupt)
{
    const struct device_manager_interrupt_params params = {.function = state->function,
                                                           .generation = state->generation};

    return rt_kernel_call_word(devices->manager, DEVICE_MANAGER_INTERRUPT, RT_WORDS(params),
                               interrupt);
}

enum status device_claim(const struct init_devices *devices, const struct manifest_device *wanted,
                         const struct device_state *state, uint64_t *capabilities, uint32_t *count)
{
    const struct device_manager_claim_params params = {.function = state->function,
                                                       .pool_pages = wanted->pool_pages,
                                                       .generation = state->generation,
                                                       .address_bits = wanted->address_bits,
                                                       .by_pin = wanted->by_pin};
    struct device_manager_claim_results results;
    struct rt_words answer;
    enum status status =
        rt_kernel_call(devices->manager, DEVICE_MANAGER_CLAIM, RT_WORDS(params), &answer);
    uint32_t made = 0;

    if (status != STATUS_OK) {
        return status;
    }
    memcpy(&results, &answer, sizeof(results));
    capabilities[made++] = results.mmio;
    capabilities[made++] = results.pool;
    if (results.interrupt != 0 && wanted->interrupts == 0) {
        capability_release(results.interrupt);
    } else if (results.interrupt != 0) {
        capabilities[made++] = results.interrupt;
    }
    for (uint32_t i = 1; i < wanted->interrupts && i < state->vector_count; i++) {
        status = interrupt_add(devices, state, &capabilities[made]);
        if (status != STATUS_OK) {
            while (made != 0) {
                capability_release(capabilities[--made]);
            }
            return status;
        }
        made++;
    }
    *count = made;
    return STATUS_OK;
}

enum status device_wait_start(const struct init_devices *devices, const struct device_state *state,
                              struct rt_operation *operation)
{
    const struct device_manager_revoke_params params = {.function = state->function,
                                                        .generation = state->generation};
    const struct rt_call call = {.target = devices->manager,
                                 .method = DEVICE_MANAGER_REVOKE,
                                 .message_inline = true,
                                 .words = RT_WORDS(params)};

    return rt_ring_start_call(rt_ring_self(), operation, &call);
}
