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

static enum status endpoint_mint_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, endpoint_mint_params)
    struct object *object;
    const enum status status = endpoint_mint(CONTAINER_OF(method->object, struct endpoint, object),
                                             method->process, parameters->badge, &object);

    return status != STATUS_OK ? status : method_grant_new(method, object);
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
    enum status status = object_find(method->process, parameters->notification, &object);

    if (status == STATUS_OK) {
        status = notification_target(object, parameters->bits, &target);
    }
    if (status != STATUS_OK) {
        return status;
    }
    /* A shorter period would be a way to keep a CPU in interrupts. */
    if (parameters->period != 0 && parameters->period < 100 * 1000) {
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
