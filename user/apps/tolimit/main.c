/* SPDX-License-Identifier: MIT */
/*
 * Uses its whole budget, in ways that leave memory in pieces: inside a budget nothing is refused
 * for want of memory, so the only refusal here is overBudget.
 *
 *   frames    pages until there is no budget for more; then every other one is given back
 *   threads   as many as the budget has, from what is left between the pages
 *   objects   of each kind as many as the budget has; of each, one in six is kept, so that no
 *             slab becomes empty
 *
 * tests/system/test_budgets.py gives it nearly everything that the machine has.
 */
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/thread.h"

#define CAPABILITIES_MAX 16384u
#define KEPT             6u /* one in so many: slabs have room for no fewer */
#define THINNINGS        5u
#define FRAMES_MAX       16384u
#define STEP_PAGES       64u
#define PAGES_APART      6000u /* in as many objects */
#define OBJECT_PAGES     200u  /* for slabs */

static uint64_t capabilities[CAPABILITIES_MAX];
static uint32_t count;
static uint32_t made;
static uint64_t notification;
static uint64_t gone;            /* signalled when one of these is destroyed */
static uint64_t ends[THINNINGS]; /* client ends that nobody uses */
static uint32_t ends_used;

/** Say how it ended; false unless it ended for the one reason that is right. */
static bool ended(const char *what, uint32_t number, enum status status)
{
    rt_print("tolimit: %u %s, then %s\n", number, what, status_name(status));
    return status == STATUS_OVER_BUDGET && number > 0;
}

static enum status make_page(uint64_t *capability)
{
    return memory_create(1, capability);
}

static enum status make_signaller(uint64_t *capability)
{
    return notification_mint(notification, 1, capability);
}

static enum status make_view(uint64_t *capability)
{
    return memory_view(capabilities[0], 0, 1, ACCESS_READ, capability);
}

/** Make objects until that is refused. */
static bool make(const char *what, enum status (*one)(uint64_t *capability))
{
    enum status status = STATUS_OK;
    const uint32_t before = count;

    while (count < CAPABILITIES_MAX && (status = one(&capabilities[count])) == STATUS_OK) {
        count++;
    }
    made = count - before;
    return ended(what, made, status);
}

static bool prepare(void)
{
    uint64_t endpoint;

    if (notification_create(&notification) != STATUS_OK ||
        notification_create(&gone) != STATUS_OK || endpoint_create(&endpoint) != STATUS_OK) {
        return false;
    }
    for (uint32_t i = 0; i < THINNINGS; i++) {
        if (endpoint_mint_watched(endpoint, 1, gone, 1, &ends[i]) != STATUS_OK) {
            return false;
        }
    }
    return true;
}

/** Of the last `made` objects, keep one in `kept`; wait until the others are destroyed. */
static void thin_out(uint32_t kept)
{
    uint32_t end = count - made;

    for (uint32_t i = 0; i < made; i++) {
        const uint64_t capability = capabilities[count - made + i];

        if (i % kept == 0) {
            capabilities[end++] = capability;
        } else {
            capability_release(capability);
        }
    }
    made -= count - end;
    count = end;
    /* Objects are destroyed in the order in which they were released. */
    uint64_t bits;

    capability_release(ends[ends_used++]);
    (void)!notification_wait(gone, 0, &bits);
}

static uint64_t wait_for_ever(void *argument)
{
    uint64_t bits;

    (void)argument;
    return notification_wait(notification, 0, &bits) == STATUS_OK;
}

static bool make_threads(void)
{
    struct rt_thread *thread;
    enum status status;
    uint32_t number = 0;

    do {
        status = rt_thread_create(wait_for_ever, NULL, 4096, &thread);
        number += status == STATUS_OK;
    } while (status == STATUS_OK);
    return ended("threads", number, status);
}

/** Take all frames there are but about `rest`, in objects that stay. */
static bool fill(uint32_t rest)
{
    static uint64_t large[FRAMES_MAX / STEP_PAGES];
    enum status status = STATUS_OK;
    uint32_t number = 0;

    while (number < ARRAY_COUNT(large) &&
           (status = memory_create(STEP_PAGES, &large[number])) == STATUS_OK) {
        number++;
    }
    for (uint32_t i = 0; i < rest / STEP_PAGES && number > 0; i++) {
        capability_release(large[--number]);
    }
    return ended("large objects", number, status);
}

static bool use_everything(void)
{
    if (!prepare() || !fill(PAGES_APART) || !make("pages", make_page)) {
        return false;
    }
    thin_out(2);
    if (!make_threads()) {
        return false;
    }
    thin_out(made);
    if (!fill(OBJECT_PAGES) || !make("endpoints", endpoint_create)) {
        return false;
    }
    thin_out(KEPT);
    if (!make("views", make_view)) {
        return false;
    }
    thin_out(KEPT);
    if (!make("notifications", notification_create)) {
        return false;
    }
    thin_out(KEPT);
    return make("signallers", make_signaller);
}

int main(int argument_count, char **arguments)
{
    (void)argument_count;
    (void)arguments;
    const bool good = use_everything();

    rt_print("tolimit: %s\n", good ? "never refused within its budget" : "refused");
    return good ? 0 : 1; /* with everything that it has */
}
