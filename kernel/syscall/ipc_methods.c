/* SPDX-License-Identifier: MIT */
/*
 * Endpoint, Notification, Signaller and Timer: client ends, signallers, and when to signal. Calls
 * are not here: RECV and RETURN are operations of the ring (object/endpoint.h).
 */

#include "object/endpoint.h"
#include "object/notification_inline.h"
#include "object/object.h"
#include "object/services.h"
#include "syscall/methods.h"

/** What the caller names to be signalled later: a notification, or a signaller that may. */
static enum status find_target(const struct method *method, uint64_t id, uint64_t bits,
                               struct object **via, struct notification **target)
{
    const enum status status = object_find(method->process, id, via);

    return status != STATUS_OK ? status : notification_target(*via, bits, target);
}

static enum status endpoint_mint_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, endpoint_mint_params)
    const bool is_watched = parameters->notification != 0 || parameters->bits != 0;
    struct endpoint_client *client;
    struct object *via = NULL;
    struct notification *target = NULL;
    enum status status = STATUS_OK;

    if (is_watched) {
        status = find_target(method, parameters->notification, parameters->bits, &via, &target);
    }
    if (status == STATUS_OK) {
        status = endpoint_mint(CONTAINER_OF(method->object, struct endpoint, object),
                               method->process, parameters->badge, &client);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = method_grant_new(method, &client->object);
    if (status == STATUS_OK && is_watched) {
        notification_promise_make(&client->when_gone, via, target, parameters->bits);
    }
    return status;
}

method_function *const endpoint_methods[] = {
    [ENDPOINT_MINT] = endpoint_mint_method,
};

/** Reached only by a signal in area form: signal_now() has taken the inline ones. */
static enum status signal_method(struct method *method)
{
    (void)method;
    return STATUS_BAD_MESSAGE;
}

static enum status notification_mint_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, notification_mint_params)
    struct object *object;
    const enum status status =
        notification_mint(CONTAINER_OF(method->object, struct notification, object),
                          method->process, parameters->mask, &object);

    return status != STATUS_OK ? status : method_grant_new(method, object);
}

method_function *const notification_methods[] = {
    [NOTIFICATION_SIGNAL] = signal_method,
    [NOTIFICATION_MINT] = notification_mint_method,
};

method_function *const signaller_methods[] = {
    [SIGNALLER_SIGNAL] = signal_method,
};

static enum status timer_now(struct method *method)
{
    struct timer_now_results *results = method_results(method, sizeof(*results));

    results->nanoseconds = clock_ns();
    return STATUS_OK;
}

static enum status timer_arm_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, timer_arm_params)
    struct object *object;
    struct notification *target;
    const enum status status =
        find_target(method, parameters->notification, parameters->bits, &object, &target);

    if (status != STATUS_OK) {
        return status;
    }
    if (parameters->period != 0 && parameters->period < TIMER_PERIOD_LEAST_NS) {
        return STATUS_BAD_RANGE;
    }
    timer_object_arm(CONTAINER_OF(method->object, struct timer_object, object), object, target,
                     parameters->bits, parameters->deadline, parameters->period);
    return STATUS_OK;
}

static enum status timer_disarm_method(struct method *method)
{
    timer_object_disarm(CONTAINER_OF(method->object, struct timer_object, object));
    return STATUS_OK;
}

method_function *const timer_methods[] = {
    [TIMER_NOW] = timer_now,
    [TIMER_ARM] = timer_arm_method,
    [TIMER_DISARM] = timer_disarm_method,
};
