/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's basic operations cost.
 *
 * Time is the processor's time stamp counter. Where the machine counts instructions (QEMU with
 * -icount shift=0), one tick is one instruction of the guest; the program finds out by timing two
 * loops of known length. From each sample the cost of taking the time, the least of many empty
 * measurements, is subtracted.
 *
 *   bench       a table
 *   bench -j    one record a line: bench: {"name":"ring-nop-1",...}
 */
#include "base/memory.h"
#include "libbench/figure.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/own_image.h"
#include "rt/panic.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/ring_batch.h"
#include "rt/server.h"

#define NOP_BATCH      32u
#define WAKER_PRIORITY 18

static struct bench_figure figures[] = {
    {.name = "calibrator", .title = "empty loop, per round"},
    {.name = "ring-nop-1", .title = "ring NOP, batch of 1"},
    {.name = "ring-nop-32", .title = "ring NOP, batch of 32, each"},
    {.name = "call-return", .title = "CALL + RETURN, two processes"},
    {.name = "notify-blocked", .title = "notification to a blocked thread"},
    {.name = "map-page", .title = "map one page"},
};

enum figure_index { CALIBRATOR, RING_NOP_1, RING_NOP_32, CALL_RETURN, NOTIFY_BLOCKED, MAP_PAGE };

/** Turn the samples of `each` operations into a figure. */
static void figure_take(enum figure_index index, uint32_t each)
{
    bench_figure_take(&figures[index], BENCH_RUNS, each);
}

static BENCH_MEASURED void measure_calibrator(void)
{
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();

        bench_empty_loop(BENCH_LOOP_ROUNDS);
        bench_sample_keep(run, begin, rt_arch_timestamp());
    }
    figure_take(CALIBRATOR, BENCH_LOOP_ROUNDS);
}

/* ------------------------------------------------------------------------------------------
 * The ring
 * ------------------------------------------------------------------------------------------ */

static inline void nop_fill(struct ring_sqe *sqe)
{
    rt_sqe_set_head(sqe, RING_OPERATION_NOP, 0, 0, 0);
    sqe->user_data = RT_USER_DATA_SYNCHRONOUS;
    sqe->target = 0;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    sqe->payload[0] = 0;
    sqe->payload[1] = 0;
    sqe->payload[2] = 0;
    sqe->payload[3] = 0;
}

/** One NOP, as a synchronous call is made. */
static inline void nop_single(struct rt_ring *ring)
{
    const struct ring_cqe *cqe;

    nop_fill(rt_ring_sqe(ring));
    cqe = rt_ring_transact(ring);
    if (cqe->status != STATUS_OK) {
        rt_panic("a NOP has failed");
    }
    ring_user_consume(&ring->user);
}

/** Submit `count` NOPs, enter once, read their completions. */
static inline void nop_batch(struct rt_ring *ring, uint32_t count)
{
    struct rt_batch batch = rt_batch_begin(ring, count);
    const struct ring_cqe *cqe;
    struct rt_reaper reaper;
    uint32_t completed = 0;
    uint64_t submitted;

    for (uint32_t i = 0; i < count; i++) {
        nop_fill(rt_batch_next(&batch));
    }
    rt_batch_end(ring, &batch);
    submitted = ring_user_publish(&ring->user);
    if (rt_arch_cap_enter(submitted, count, RT_NO_DEADLINE) != submitted) {
        rt_panic("the kernel did not take %u NOPs", count);
    }
    reaper = rt_reaper_begin(ring);
    while ((cqe = rt_reaper_next(&reaper)) != NULL) {
        completed += cqe->status == STATUS_OK;
    }
    rt_reaper_end(ring, &reaper);
    if (completed != count) {
        rt_panic("%u of %u NOPs have completed", completed, count);
    }
}

static BENCH_MEASURED void measure_nops(void)
{
    struct rt_ring *const ring = rt_ring_self();

    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();

        nop_single(ring);
        bench_sample_keep(run, begin, rt_arch_timestamp());
    }
    figure_take(RING_NOP_1, 1);
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();

        nop_batch(ring, NOP_BATCH);
        bench_sample_keep(run, begin, rt_arch_timestamp());
    }
    figure_take(RING_NOP_32, NOP_BATCH);
}

/* ------------------------------------------------------------------------------------------
 * CALL and RETURN
 * ------------------------------------------------------------------------------------------ */

/** The second process: answers until its endpoint is gone. */
static BENCH_MEASURED int serve(void)
{
    static struct rt_server server;

    if (rt_server_init(&server, rt_capability_required("endpoint"), RT_EXCHANGE_BYTES) !=
        STATUS_OK) {
        return 1;
    }
    while (rt_server_receive(&server) != NULL) {
        rt_server_reply_words(&server, (struct rt_words){{0}});
    }
    return 0;
}

static BENCH_MEASURED void measure_call(void)
{
    const struct rt_text arguments[] = {{"bench", 5}, {"serve", 5}};
    struct rt_ring *const ring = rt_ring_self();
    struct rt_image image;
    struct rt_spawn spawn;
    struct rt_grant grants[2];
    struct rt_words answer;
    uint64_t endpoint, client, process, code;
    enum exit_reason reason;
    enum status status = rt_image_find("bench", &image);

    if (status != STATUS_OK || (status = endpoint_create(&endpoint)) != STATUS_OK) {
        rt_print("bench: no second process: %s\n", status_name(status));
        return;
    }
    status = endpoint_mint(endpoint, 1, &client);
    if (status == STATUS_OK) {
        grants[0] = (struct rt_grant){"endpoint", 8, endpoint, RING_TRANSFER_MOVE};
        grants[1] = (struct rt_grant){"console", 7, rt_capability("console"), RING_TRANSFER_COPY};
        rt_spawn_prepare(&spawn, &image, "bench-server");
        spawn.arguments = arguments;
        spawn.argument_count = ARRAY_COUNT(arguments);
        spawn.grants = grants;
        spawn.grant_count = ARRAY_COUNT(grants);
        status = process_spawn(rt_capability("spawner"), &spawn, &process);
    }
    if (status != STATUS_OK) {
        rt_print("bench: no second process: %s\n", status_name(status));
        return;
    }
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();
        const enum status called = rt_ring_call(ring, client, 0, (struct rt_words){{0}}, &answer);

        bench_sample_keep(run, begin, rt_arch_timestamp());
        if (called != STATUS_OK) {
            rt_print("bench: a call has failed: %s\n", status_name(called));
            return;
        }
    }
    figure_take(CALL_RETURN, 1);
    (void)!process_kill(process);
    (void)!process_wait(process, 0, &code, &reason);
    capability_release(process);
    capability_release(client);
}

/* ------------------------------------------------------------------------------------------
 * Notifications
 * ------------------------------------------------------------------------------------------ */

static struct {
    uint64_t notification; /* the waker signals, the sleeper waits */
    uint64_t signalled_at; /* time stamp right before the signal */
    uint64_t done;         /* runs that the sleeper has seen */
} wake;

/** A thread of higher priority: sleeps until signalled, takes the time when it wakes. */
static BENCH_MEASURED uint64_t sleeper(void *argument)
{
    (void)argument;
    BENCH_FOR_EACH_RUN(run)
    {
        uint64_t bits;
        const enum status status = notification_wait(wake.notification, 0, &bits);
        const uint64_t end = rt_arch_timestamp();

        bench_sample_keep(run, __atomic_load_n(&wake.signalled_at, __ATOMIC_ACQUIRE), end);
        if (status != STATUS_OK) {
            return status;
        }
        __atomic_store_n(&wake.done, run + 1, __ATOMIC_RELEASE);
    }
    return 0;
}

static BENCH_MEASURED void measure_notification(void)
{
    struct rt_thread *thread;
    uint64_t code;
    enum status status = notification_create(&wake.notification);

    if (status == STATUS_OK) {
        status = rt_thread_create(sleeper, NULL, 0, &thread);
    }
    if (status == STATUS_OK) {
        status = thread_set_priority(thread->capability, WAKER_PRIORITY);
    }
    if (status != STATUS_OK) {
        rt_print("bench: no second thread: %s\n", status_name(status));
        return;
    }
    rt_sleep(RT_NS_PER_MS); /* it goes to sleep */
    BENCH_FOR_EACH_RUN(run)
    {
        __atomic_store_n(&wake.signalled_at, rt_arch_timestamp(), __ATOMIC_RELEASE);
        if (notification_signal(wake.notification, 1) != STATUS_OK) {
            return;
        }
        /* On one CPU this is so already. On several, it must also have gone to sleep again, which
         * takes it less than this. */
        if (__atomic_load_n(&wake.done, __ATOMIC_ACQUIRE) != run + 1) {
            while (__atomic_load_n(&wake.done, __ATOMIC_ACQUIRE) != run + 1) {
                rt_arch_pause();
            }
        }
        bench_empty_loop(BENCH_LOOP_ROUNDS);
    }
    if (rt_thread_join(thread, &code) == STATUS_OK && code == 0) {
        figure_take(NOTIFY_BLOCKED, 1);
    }
    capability_release(wake.notification);
}

/* ------------------------------------------------------------------------------------------
 * Memory
 * ------------------------------------------------------------------------------------------ */

static BENCH_MEASURED void measure_map(void)
{
    uint64_t memory, address, warm;
    enum status status = memory_create(2, &memory);

    if (status == STATUS_OK) {
        status = rt_space_reserve(2, &address);
    }
    if (status == STATUS_OK) {
        /* One page stays mapped beside it, so that no page table comes and goes with the other. */
        warm = address + RT_PAGE_BYTES;
        status = vm_map(memory, warm, 1, 1, ACCESS_READ_WRITE);
    }
    if (status != STATUS_OK) {
        rt_print("bench: no page to map: %s\n", status_name(status));
        return;
    }
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();
        const enum status mapped = vm_map(memory, address, 0, 1, ACCESS_READ_WRITE);

        bench_sample_keep(run, begin, rt_arch_timestamp());
        if (mapped != STATUS_OK || vm_unmap(address, 1) != STATUS_OK) {
            rt_print("bench: mapping a page: %s\n", status_name(mapped));
            return;
        }
    }
    figure_take(MAP_PAGE, 1);
    (void)!vm_unmap(warm, 1);
    rt_space_release(address, 2);
    capability_release(memory);
}

/* ------------------------------------------------------------------------------------------ */

int main(int count, char **arguments)
{
    const bool records =
        count == 2 && strlen(arguments[1]) == 2 && memcmp(arguments[1], "-j", 2) == 0;

    if (count == 2 && strlen(arguments[1]) == 5 && memcmp(arguments[1], "serve", 5) == 0) {
        return serve();
    }
    if (count != 1 && !records) {
        rt_print("usage: bench [-j]\n");
        return 2;
    }
    bench_overhead_measure();
    measure_calibrator();
    measure_nops();
    measure_call();
    measure_notification();
    measure_map();
    bench_figures_print(figures, ARRAY_COUNT(figures), records);
    return bench_figures_missing(figures, ARRAY_COUNT(figures)) == 0 ? 0 : 1;
}
