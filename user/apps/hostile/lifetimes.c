/* SPDX-License-Identifier: MIT */
/*
 * Things that end, are taken back or change while the kernel or somebody else still uses them.
 */
#include "apps/hostile/hostile.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/own_image.h"
#include "rt/process.h"
#include "rt/server.h"
#include "rt/thread.h"
#include "text/text.h"

#define FLIP_ROUNDS 400000u
#define ATTEMPTS    100u
#define SETTLE_NS   (20 * RT_NS_PER_MS)
#define PATIENCE_NS (60 * RT_NS_PER_S)

static bool same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

/* ------------------------------------------------------------------------------------------
 * A submission that changes while it is read
 * ------------------------------------------------------------------------------------------ */

static uint8_t *flipped; /* [a] the operation of the entry that is being submitted, or NULL */
static bool flip_stop;   /* [a] */

static uint64_t flip(void *argument)
{
    (void)argument;
    while (!__atomic_load_n(&flip_stop, __ATOMIC_RELAXED)) {
        uint8_t *place = __atomic_load_n(&flipped, __ATOMIC_ACQUIRE);

        if (place != NULL) {
            *(volatile uint8_t *)place = RING_OPERATION_TIMEOUT;
            *(volatile uint8_t *)place = RING_OPERATION_CANCEL;
        }
    }
    return 0;
}

/** Submit one entry and throw its completion away. */
static void submit_raw(const struct ring_sqe *entry)
{
    struct rt_ring *const ring = rt_ring_self();

    *rt_ring_sqe(ring) = *entry;
    (void)rt_arch_cap_enter(ring_user_publish(&ring->user), 0, 0);
    while (ring_user_peek(&ring->user) != NULL) {
        ring_user_consume(&ring->user);
    }
}

/**
 * With every operation in use, submit an entry that needs none and becomes one that does.
 *
 * A call that is served keeps two operations and reserves one completion, so there is still room.
 */
static int flip_operations(void)
{
    struct rt_ring *const ring = rt_ring_self();
    struct rt_thread *thread;
    uint64_t endpoint, client, notification;

    if (endpoint_create(&endpoint) != STATUS_OK ||
        endpoint_mint(endpoint, 1, &client) != STATUS_OK ||
        notification_create(&notification) != STATUS_OK ||
        rt_thread_create(flip, NULL, 0, &thread) != STATUS_OK) {
        return CHILD_GIVEN_UP;
    }
    submit_raw(
        &(struct ring_sqe){.operation = RING_OPERATION_RECV, .user_data = 1, .target = endpoint});
    submit_raw(&(struct ring_sqe){
        .operation = RING_OPERATION_CALL, .flags = SQE_INLINE, .user_data = 1, .target = client});
    for (unsigned i = 2; i < RING_DEPTH; i++) {
        submit_raw(&(struct ring_sqe){
            .operation = RING_OPERATION_WAIT, .user_data = 1, .target = notification});
    }
    for (unsigned round = 0; round < FLIP_ROUNDS; round++) {
        struct ring_sqe *const sqe = rt_ring_sqe(ring);

        *sqe = (struct ring_sqe){.operation = RING_OPERATION_CANCEL};
        __atomic_store_n(&flipped, &sqe->operation, __ATOMIC_RELEASE);
        while ((rt_arch_cap_enter(ring_user_publish(&ring->user) | 1, 0, 0) & 1) == 0) {
            /* It was a TIMEOUT, for which there is no operation left: offered again. */
        }
        __atomic_store_n(&flipped, NULL, __ATOMIC_RELEASE);
        while (ring_user_peek(&ring->user) != NULL) {
            ring_user_consume(&ring->user);
        }
    }
    __atomic_store_n(&flip_stop, true, __ATOMIC_RELAXED);
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * Spawning
 * ------------------------------------------------------------------------------------------ */

/** A NOP: answered as soon as all that was submitted before it has been taken. */
static bool start_marker(struct rt_ring *ring, struct rt_operation *marker)
{
    struct ring_sqe *const sqe = rt_ring_begin(ring, marker);

    if (sqe == NULL) {
        return false;
    }
    *sqe = (struct ring_sqe){.operation = RING_OPERATION_NOP, .user_data = sqe->user_data};
    return true;
}

/**
 * A request for `image`, and in the same breath the release of `given`, with `flags`: of the image,
 * or of what it is a view of. `*late`: the request was answered before the kernel had taken all
 * that came behind it, perhaps before the release. The kernel may stop in the middle of a batch.
 */
static enum status spawn_and_release(struct rt_exchange *exchange, uint64_t image,
                                     const struct rt_image *own, uint64_t given, uint8_t flags,
                                     bool *late)
{
    struct wire_build_struct params, request, budget;
    struct rt_operation operation = {0}, marker = {0};
    enum exit_reason reason;
    uint64_t other, code;
    size_t length;

    process_spawner_spawn_params_init_root(&exchange->builder, &params);
    process_spawner_spawn_params_init_request(&params, &request);
    spawn_request_set_name(&request, "released", 8);
    spawn_request_set_image(&request, image);
    spawn_request_set_image_offset(&request, own->offset);
    spawn_request_set_image_length(&request, own->length);
    spawn_request_init_budget(&request, &budget);
    budget_set_frames(&budget, 128);
    budget_set_cap_slots(&budget, 8);
    budget_set_objects(&budget, 32);
    budget_set_threads(&budget, 1);
    if (wire_build_finish(&exchange->builder, &length) != WIRE_OK) {
        return STATUS_TOO_LONG;
    }
    const struct rt_call call = {.target = rt_capability("spawner"),
                                 .method = PROCESS_SPAWNER_SPAWN,
                                 .message_offset = exchange->offset,
                                 .message_length = (uint32_t)length,
                                 .answer_offset = exchange->offset,
                                 .answer_length = exchange->capacity};
    enum status status = notification_create(&other);

    /* What is taken apart already makes the kernel come to the image before it loads it. */
    *rt_ring_sqe(exchange->ring) =
        (struct ring_sqe){.operation = RING_OPERATION_RELEASE, .flags = SQE_QUIET, .target = other};
    if (status == STATUS_OK) {
        status = rt_ring_start_call(exchange->ring, &operation, &call);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *rt_ring_sqe(exchange->ring) = (struct ring_sqe){
        .operation = RING_OPERATION_RELEASE, .flags = SQE_QUIET | flags, .target = given};
    if (!start_marker(exchange->ring, &marker)) {
        return STATUS_QUEUE_FULL;
    }
    *late = rt_ring_wait(exchange->ring, RT_NO_DEADLINE) == &operation;
    rt_ring_await(exchange->ring, &marker);
    rt_ring_await(exchange->ring, &operation);
    status = rt_cqe_outcome(&operation.cqe);
    if (status == STATUS_OK) {
        (void)!process_kill(operation.cqe.payload[0]);
        (void)child_wait(operation.cqe.payload[0], &code, &reason);
    }
    return status;
}

static void release_image(const struct rt_image *own)
{
    struct memory_size_results size;
    struct rt_exchange exchange;
    uint64_t view;
    bool late;

    if (memory_size(own->memory, &size) != STATUS_OK ||
        memory_view(own->memory, 0, size.page_count, ACCESS_READ, &view) != STATUS_OK ||
        rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK) {
        attack_check(false, "a view of the image", "refused");
        return;
    }
    attack_status(spawn_and_release(&exchange, view, own, view, 0, &late), STATUS_OK,
                  "releasing the image while it is loaded");
    rt_exchange_end(&exchange);
}

/** A copy of the program, in memory of its own. */
static enum status copy_image(const struct rt_image *own, uint64_t *memory)
{
    const uint32_t first = (uint32_t)(own->offset / RT_PAGE_BYTES);
    const uint32_t last = (uint32_t)((own->offset + own->length - 1) / RT_PAGE_BYTES);
    const uint32_t pages = (uint32_t)((own->length + RT_PAGE_BYTES - 1) / RT_PAGE_BYTES);
    void *from, *to;
    enum status status = memory_create(pages, memory);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_space_map(*memory, 0, pages, ACCESS_READ_WRITE, &to);
    if (status == STATUS_OK) {
        status = rt_space_map(own->memory, first, last - first + 1, ACCESS_READ, &from);
        if (status == STATUS_OK) {
            memcpy(to, (const uint8_t *)from + own->offset % RT_PAGE_BYTES, own->length);
            rt_space_unmap(from, last - first + 1);
        }
        rt_space_unmap(to, pages);
    }
    return status;
}

/** revoke_image(), once: how the request ends, and whether that was too early to say anything. */
static enum status revoke_image_once(const struct rt_image *own, enum access access, bool *late)
{
    struct rt_image copy = {.length = own->length};
    struct memory_size_results size;
    struct rt_exchange exchange;
    uint64_t given = 0;

    if (copy_image(own, &given) != STATUS_OK || memory_size(given, &size) != STATUS_OK ||
        memory_view(given, 0, size.page_count, access, &copy.memory) != STATUS_OK ||
        rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK) {
        attack_check(false, "a copy of the image", "refused");
        return STATUS_NO_MEMORY;
    }
    const enum status status =
        spawn_and_release(&exchange, copy.memory, &copy, given, SQE_REVOKE, late);

    rt_exchange_end(&exchange);
    capability_release(copy.memory);
    capability_release(given);
    return status;
}

/**
 * Memory that was given for a program is taken back while that is loaded: what is not yet copied,
 * or mapped because it is only executed, stays out of the child's reach. On a busy host the program
 * may be there before the memory is taken back: then once more.
 */
static void revoke_image(const struct rt_image *own, enum access access, const char *what)
{
    enum status status = STATUS_OK;
    bool late = true;

    for (unsigned i = 0; i < ATTEMPTS && status == STATUS_OK && late; i++) {
        status = revoke_image_once(own, access, &late);
    }
    attack_status(status, STATUS_STALE, what);
}

/** A spawn that is refused, at once or late, takes nothing. */
static void refused_move(const struct rt_image *own, uint32_t frames, uint32_t slots,
                         const char *what)
{
    struct rt_grant grant = {"memory", 6, 0, RING_TRANSFER_MOVE};
    struct memory_size_results size;
    struct rt_spawn spawn;
    uint64_t process;

    if (memory_create(1, &grant.capability) != STATUS_OK) {
        attack_check(false, "memory to move", "refused");
        return;
    }
    rt_spawn_prepare(&spawn, own, "refused");
    spawn.frames = frames;
    spawn.cap_slots = slots;
    spawn.grants = &grant;
    spawn.grant_count = 1;
    attack_status(process_spawn(rt_capability("spawner"), &spawn, &process), STATUS_OVER_BUDGET,
                  what);
    attack_status(memory_size(grant.capability, &size), STATUS_OK, "what it was to be given");
    capability_release(grant.capability);
}

/* ------------------------------------------------------------------------------------------
 * Revocation
 * ------------------------------------------------------------------------------------------ */

static void revoke_views(void)
{
    struct memory_size_results size;
    uint64_t root, view, inner, other;

    if (memory_create(4, &root) != STATUS_OK ||
        memory_view(root, 0, 4, ACCESS_READ_WRITE, &view) != STATUS_OK ||
        memory_view(view, 0, 2, ACCESS_READ_WRITE, &inner) != STATUS_OK ||
        memory_view(root, 2, 2, ACCESS_READ_WRITE, &other) != STATUS_OK) {
        attack_check(false, "views", "refused");
        return;
    }
    attack_status(rt_ring_revoke(rt_ring_self(), view), STATUS_OK, "revoking a view");
    attack_status(memory_size(view, &size), STATUS_OK, "  itself");
    attack_status(memory_size(inner, &size), STATUS_STALE, "  a view of it");
    attack_status(memory_size(other, &size), STATUS_OK, "  its sibling");
    capability_release(view);
    capability_release(inner);
    attack_status(rt_ring_revoke(rt_ring_self(), root), STATUS_OK, "revoking what it is a view of");
    attack_status(memory_size(other, &size), STATUS_STALE, "  the sibling");
    capability_release(other);
    capability_release(root);
}

/** Serves one call, and when its parent wants it goes on serving whatever has happened meanwhile.
 */
int child_receiver(const char *detail)
{
    struct rt_ring *const ring = rt_ring_self();
    const uint64_t endpoint = rt_capability("endpoint");
    struct ring_sqe entry = {.operation = RING_OPERATION_RECV, .target = endpoint};
    uint64_t answer = 0, bits;

    (void)detail;
    for (;;) {
        const struct ring_cqe *cqe;

        *rt_ring_sqe(ring) = entry;
        (void)rt_arch_cap_enter(ring_user_publish(&ring->user), 1, RT_NO_DEADLINE);
        cqe = ring_user_peek(&ring->user);
        if (cqe->status != STATUS_OK) {
            return cqe->status;
        }
        entry = (struct ring_sqe){.operation = RING_OPERATION_RETURN,
                                  .flags = SQE_INLINE | SQE_QUIET | SQE_REARM,
                                  .target = cqe->call_id,
                                  .payload = {++answer}};
        ring_user_consume(&ring->user);
        if (notification_signal(rt_capability("serving"), 1) != STATUS_OK ||
            notification_wait(rt_capability("go"), 0, &bits) != STATUS_OK) {
            return CHILD_GIVEN_UP;
        }
    }
}

static void revoke_receiver(void)
{
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation operation = {0};
    struct rt_call call = {.message_inline = true};
    uint64_t endpoint, serving, go, process, now = 0, bits, code = 0;
    enum exit_reason reason;

    if (endpoint_create(&endpoint) != STATUS_OK ||
        endpoint_mint(endpoint, 1, &call.target) != STATUS_OK ||
        notification_create(&serving) != STATUS_OK || notification_create(&go) != STATUS_OK ||
        rt_clock_now(&now) != STATUS_OK) {
        attack_check(false, "an endpoint", "refused");
        return;
    }
    const struct rt_grant grants[] = {{"endpoint", 8, endpoint, RING_TRANSFER_COPY},
                                      {"serving", 7, serving, RING_TRANSFER_COPY},
                                      {"go", 2, go, RING_TRANSFER_COPY}};

    process = child_start("receiver", "", grants, ARRAY_COUNT(grants));
    if (process == 0 || rt_ring_start_call(ring, &operation, &call) != STATUS_OK) {
        return;
    }
    rt_ring_flush(ring);
    attack_status(notification_wait(serving, now + PATIENCE_NS, &bits), STATUS_OK,
                  "a child that serves");
    attack_status(rt_ring_revoke(ring, endpoint), STATUS_OK,
                  "revoking an endpoint whose holder serves");
    (void)!notification_signal(go, 1);
    rt_ring_await(ring, &operation);
    attack_status(rt_cqe_outcome(&operation.cqe), STATUS_OK, "  the call that it serves");
    if (child_wait(process, &code, &reason)) {
        attack_status((enum status)code, STATUS_STALE, "  its RECV, re-armed");
    }
    capability_release(call.target);
    capability_release(endpoint);
    capability_release(serving);
    capability_release(go);
}

/* ------------------------------------------------------------------------------------------
 * Timers
 * ------------------------------------------------------------------------------------------ */

static void timer_periods(void)
{
    static const uint64_t periods[] = {UINT64_MAX, UINT64_MAX - 1000, 1ull << 63};
    uint64_t timer, notification, now, bits;
    unsigned fired = 0;

    if (timer_create(&timer) != STATUS_OK || notification_create(&notification) != STATUS_OK) {
        attack_check(false, "a timer", "refused");
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(periods); i++) {
        (void)!rt_clock_now(&now);
        (void)!timer_arm(timer, notification, 1, now, periods[i]);
        (void)!notification_wait(notification, now + PATIENCE_NS, &bits);
        fired += notification_wait(notification, now + SETTLE_NS, &bits) == STATUS_OK;
        (void)!timer_disarm(timer);
        (void)!notification_wait(notification, 1, &bits);
    }
    attack_check(fired == 0, "periods of centuries", fired == 0 ? "fire once" : "fire at once");
    capability_release(timer);
    capability_release(notification);
}

void attack_lifetimes(void)
{
    struct rt_image own;

    if (rt_image_find("hostile", &own) != STATUS_OK) {
        attack_check(false, "the image", "not found");
        return;
    }
    timer_periods();
    revoke_views();
    view_meanwhile();
    revoke_receiver();
    refused_move(&own, 40, 32, "moving to a process that runs out of frames");
    refused_move(&own, 128, 2, "moving to a process without a slot");
    release_image(&own);
    revoke_image(&own, ACCESS_READ, "revoking the image while it is copied");
    revoke_image(&own, ACCESS_READ_EXECUTE, "revoking the image while it is mapped");
    lend_factory();
    child_check("lifetimes", "flip", EXIT_REASON_EXITED, 0);
}

int child_lifetimes(const char *detail)
{
    return same(detail, "flip") ? flip_operations() : CHILD_GIVEN_UP;
}
