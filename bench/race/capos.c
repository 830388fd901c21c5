/* SPDX-License-Identifier: MIT */
/*
 * What race needs of a system: capOS. Round trips are CALLs of an endpoint, wake-ups and interrupts
 * notifications, reads go to the disk's driver, which is a process, through libblock.
 */
#include "race/system.h"

#include "libblock/block.h"
#include "libdriver/interrupt.h"
#include "rt/address_space.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/own_image.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/ring_batch.h"
#include "rt/server.h"

#define PROGRAM             "race"
#define BACKGROUND_PRIORITY 1
#define URGENT_PRIORITY     18
#define EDU_REGISTER_BYTES  0x100u
#define INTERRUPT_BIT       1ull
#define SECTORS_PER_PAGE    (RACE_PAGE_BYTES / 512u)

const char *const system_ways[RACE_TESTS][RACE_WAYS_MAX] = {
    [RACE_CALIBRATOR] = {"loop"},
    [RACE_NULL_CALL] = {"cap_enter"},
    [RACE_NOP_1] = {"ring"},
    [RACE_NOP_32] = {"ring"},
    [RACE_ROUND_TRIP] = {"endpoint"},
    [RACE_WAKE] = {"notification"},
    [RACE_INTERRUPT] = {"notification"},
    [RACE_READ_1] = {"block"},
    [RACE_READ_32] = {"block"},
};

/** False, and a line, if something was refused. */
static bool granted(enum status status, const char *what)
{
    if (LIKELY(status == STATUS_OK)) {
        return true;
    }
    rt_print("race: %s: %s\n", what, status_name(status));
    return false;
}

/* ------------------------------------------------------------------------------------------
 * Calls
 * ------------------------------------------------------------------------------------------ */

bool system_null_call(void)
{
    return rt_arch_cap_enter(0, 0, 0) == 0;
}

bool system_nops_open(uint32_t count_max)
{
    return count_max <= RING_DEPTH;
}

static ALWAYS_INLINE void nop_fill(struct ring_sqe *sqe)
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

/** One entry, as every synchronous call makes it. */
static ALWAYS_INLINE bool nop_single(struct rt_ring *ring)
{
    const struct ring_cqe *cqe;
    bool good;

    nop_fill(rt_ring_sqe(ring));
    cqe = rt_ring_transact(ring);
    good = cqe->status == STATUS_OK;
    ring_user_consume(&ring->user);
    return good;
}

static ALWAYS_INLINE bool nop_batch(struct rt_ring *ring, uint32_t count)
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
        return false;
    }
    reaper = rt_reaper_begin(ring);
    while ((cqe = rt_reaper_next(&reaper)) != NULL) {
        completed += cqe->status == STATUS_OK;
    }
    rt_reaper_end(ring, &reaper);
    return completed == count;
}

bool system_nops(uint32_t count)
{
    struct rt_ring *const ring = rt_ring_self();

    return count == 1 ? nop_single(ring) : nop_batch(ring, count);
}

void system_nops_close(void)
{
}

static struct {
    uint64_t client; /* end of the partner's endpoint */
    uint64_t process;
} partner;

int system_partner_main(void)
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

bool system_partner_start(unsigned way)
{
    const struct rt_text arguments[] = {{PROGRAM, sizeof(PROGRAM) - 1}, {"partner", 7}};
    struct rt_grant grants[2];
    struct rt_image image;
    struct rt_spawn spawn;
    uint64_t endpoint;

    (void)way;
    if (!granted(rt_image_find(PROGRAM, &image), "the partner's image") ||
        !granted(endpoint_create(&endpoint), "an endpoint") ||
        !granted(endpoint_mint(endpoint, 1, &partner.client), "a client end")) {
        return false;
    }
    grants[0] = (struct rt_grant){"endpoint", 8, endpoint, RING_TRANSFER_MOVE};
    grants[1] = (struct rt_grant){"console", 7, rt_capability("console"), RING_TRANSFER_COPY};
    rt_spawn_prepare(&spawn, &image, "race-partner");
    spawn.arguments = arguments;
    spawn.argument_count = ARRAY_COUNT(arguments);
    spawn.grants = grants;
    spawn.grant_count = ARRAY_COUNT(grants);
    return granted(process_spawn(rt_capability_required("spawner"), &spawn, &partner.process),
                   "the partner");
}

bool system_partner_call(void)
{
    struct rt_words answer;

    return granted(rt_ring_call(rt_ring_self(), partner.client, 0, (struct rt_words){{0}}, &answer),
                   "a call");
}

void system_partner_stop(void)
{
    uint64_t code;
    enum exit_reason reason;

    (void)!process_kill(partner.process);
    (void)!process_wait(partner.process, 0, &code, &reason);
    capability_release(partner.process);
    capability_release(partner.client);
}

/* ------------------------------------------------------------------------------------------
 * Threads and wake-ups
 * ------------------------------------------------------------------------------------------ */

static struct rt_thread *thread;
static void (*thread_function)(void);

static uint64_t thread_main(void *argument)
{
    (void)argument;
    thread_function();
    return 0;
}

bool system_thread_start(void (*function)(void), enum system_priority priority)
{
    thread_function = function;
    return granted(rt_thread_create(thread_main, NULL, 0, &thread), "a second thread") &&
           granted(thread_set_priority(thread->capability, priority == SYSTEM_URGENT
                                                               ? URGENT_PRIORITY
                                                               : BACKGROUND_PRIORITY),
                   "its priority");
}

bool system_thread_join(void)
{
    uint64_t code;

    return granted(rt_thread_join(thread, &code), "the second thread");
}

static uint64_t notification;

bool system_wake_open(unsigned way)
{
    (void)way;
    return granted(notification_create(&notification), "a notification");
}

bool system_wake_wait(void)
{
    uint64_t bits;

    return granted(notification_wait(notification, 0, &bits), "waiting");
}

bool system_wake(void)
{
    return granted(notification_signal(notification, 1), "a signal");
}

void system_wake_close(void)
{
    capability_release(notification);
}

/* ------------------------------------------------------------------------------------------
 * Devices
 * ------------------------------------------------------------------------------------------ */

volatile uint32_t *system_interrupt_open(void)
{
    static struct driver_device device;
    static struct driver_window window;

    driver_device_open(&device);
    driver_window_open(&device, 0, 0, EDU_REGISTER_BYTES, &window);
    if (!granted(notification_create(&notification), "a notification")) {
        return NULL;
    }
    driver_interrupt_start(&device, 0, notification, INTERRUPT_BIT);
    return (volatile uint32_t *)window.registers;
}

bool system_interrupt_wait(void)
{
    uint64_t bits;

    return granted(notification_wait(notification, 0, &bits), "waiting") && bits == INTERRUPT_BIT;
}

void system_interrupt_close(void)
{
    /* The device goes back with the process. */
}

static struct {
    struct block_session session;
    uint64_t memory;
    void *buffers; /* its mapping */
    uint32_t depth;
} disk;

bool system_disk_open(unsigned way, uint32_t depth, uint64_t *page_count)
{
    const uint64_t endpoint = rt_capability_required("disk");
    struct block_disk info;

    (void)way;
    disk.depth = depth;
    if (!granted(block_info_get(endpoint, &info), "the disk") ||
        !granted(memory_create(depth, &disk.memory), "memory for the disk") ||
        !granted(rt_space_map(disk.memory, 0, depth, ACCESS_READ_WRITE, &disk.buffers),
                 "mapping it") ||
        !granted(block_session_open(&disk.session, endpoint, depth, disk.memory, depth),
                 "a session with the disk")) {
        return false;
    }
    *page_count = info.sector_count / SECTORS_PER_PAGE;
    return true;
}

bool system_disk_submit(uint32_t buffer, uint64_t page)
{
    const struct block_request request = {
        .tag = buffer,
        .sector = page * SECTORS_PER_PAGE,
        .data_offset = (uint64_t)buffer * RACE_PAGE_BYTES,
        .sector_count = SECTORS_PER_PAGE,
        .operation = BLOCK_OPERATION_READ,
    };

    return granted(block_submit(&disk.session, &request), "a read");
}

bool system_disk_wait(uint32_t *buffer)
{
    struct block_answer answer;

    if (!granted(block_wait(&disk.session, RT_NO_DEADLINE, &answer), "a read's answer")) {
        return false;
    }
    *buffer = (uint32_t)answer.tag;
    return answer.status == BLOCK_STATUS_OK;
}

uint8_t *system_disk_buffer(uint32_t buffer)
{
    return (uint8_t *)disk.buffers + (size_t)buffer * RACE_PAGE_BYTES;
}

void system_disk_close(void)
{
    block_session_close(&disk.session);
    rt_space_unmap(disk.buffers, disk.depth);
    capability_release(disk.memory);
}
