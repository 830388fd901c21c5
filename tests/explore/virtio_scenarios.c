/* SPDX-License-Identifier: MIT */

/*
 * Scenarios for lib/virtio/queue.h: the driver, and a device that follows virtio 1.2 §2.7. Both
 * sleep when they find nothing, the device until it is notified, the driver until an interrupt;
 * both suppress what the other sends as the features say. The suppression is a handshake over two
 * words (§2.7.7, §2.7.10), which loses a wake-up if either side's fence is missing.
 *
 * queue.c is included, not linked, so that it is compiled against the explorer's base/atomic.h and
 * with the race instrumentation.
 */

#include "virtio/queue.c"

#include "explore.h"

#define MAX_SIZE   2u
#define TABLES     2u
#define INTERRUPT  0u
#define NOTIFY     1u
#define IOVA_DELTA 0x100000u

/* Parameters of a scenario. */
#define SIZE        ((uint16_t)explore_scenario->parameter[0])
#define REQUESTS    (explore_scenario->parameter[1])
#define BATCH       (explore_scenario->parameter[2]) /* add so many, then publish */
#define FIRST_INDEX ((uint16_t)explore_scenario->parameter[3])
#define EVENT_INDEX (explore_scenario->parameter[4])
#define INDIRECT    (explore_scenario->parameter[5])

static struct {
    uint8_t before[64];
    uint8_t driver[MAX_SIZE * 16 * (1 + TABLES) + 16];
    uint8_t device[32];
    uint8_t after[64];
} arena __attribute__((aligned(64)));

/* Private to the driver, and looked at by the checks. */
static struct virtqueue queue;
static struct virtqueue_slot slots[MAX_SIZE];

static struct {
    uint32_t added;
    uint32_t published;
    uint32_t taken;
} driver_record;

static struct {
    uint32_t fetched;
} device_record;

static void driver_body(void)
{
    while (driver_record.taken < REQUESTS) {
        bool full = false;
        uint64_t token;
        uint32_t written;

        while (driver_record.added < REQUESTS &&
               driver_record.added - driver_record.published < BATCH && !full) {
            const struct virtqueue_buffer buffers[2] = {
                {.iova = driver_record.added, .length = 16},
                {.iova = ~(uint64_t)driver_record.added, .length = 1},
            };
            const uint32_t out_count = INDIRECT != 0 ? 1 : 0;

            full =
                virtqueue_add(&queue, buffers, out_count, 1, driver_record.added) == VIRTQUEUE_FULL;
            driver_record.added += !full;
        }
        driver_record.published = driver_record.added;
        if (virtqueue_publish(&queue)) {
            explore_signal(NOTIFY);
        }
        switch (virtqueue_take(&queue, &token, &written)) {
        case VIRTQUEUE_OK:
            EXPLORE_CHECK(token == driver_record.taken, "token %u comes back, %u is due",
                          (uint32_t)token, driver_record.taken);
            EXPLORE_CHECK(written == 1, "%u bytes written", written);
            driver_record.taken++;
            break;
        case VIRTQUEUE_EMPTY:
            if ((full || driver_record.added == REQUESTS) && virtqueue_wait_prepare(&queue)) {
                explore_wait(INTERRUPT);
                virtqueue_wait_end(&queue);
            }
            break;
        case VIRTQUEUE_FULL:
        case VIRTQUEUE_BAD_BUFFERS:
        case VIRTQUEUE_BROKEN:
            explore_fail("an honest device is found lying: %d", (int)queue.broken);
        }
    }
}

/* Read the chain: plain memory, checked for races. */
static void device_fetch(uint16_t head)
{
    const volatile struct virtqueue_descriptor *descriptor = &queue.descriptors[head];
    uint64_t expected = device_record.fetched;

    EXPLORE_CHECK(head < SIZE, "head %u", head);
    if (INDIRECT != 0) {
        EXPLORE_CHECK(descriptor->shape == virtqueue_shape(32, VIRTQUEUE_INDIRECT, 0), "no table");
        descriptor = (const volatile void *)(uintptr_t)(descriptor->address - IOVA_DELTA);
        EXPLORE_CHECK(descriptor[1].address == ~expected, "chain %u is torn", (uint32_t)expected);
    }
    EXPLORE_CHECK(descriptor->address == expected, "chain %u is fetched where %u is due",
                  (uint32_t)descriptor->address, (uint32_t)expected);
    device_record.fetched++;
}

static void device_sleep(uint16_t seen)
{
    if (EVENT_INDEX != 0) {
        atomic_store_relaxed_u16((uint16_t *)(void *)&queue.used->ring[SIZE], seen);
    } else {
        atomic_store_relaxed_u16(&queue.used->flags, 0);
    }
    atomic_fence_seq_cst();
    if (atomic_load_relaxed_u16(&queue.available->index) == seen) {
        explore_wait(NOTIFY);
    }
    if (EVENT_INDEX == 0) {
        atomic_store_relaxed_u16(&queue.used->flags, VIRTQUEUE_NO_NOTIFY);
    }
}

static void device_body(void)
{
    uint16_t seen = FIRST_INDEX;

    while (device_record.fetched < REQUESTS) {
        const uint16_t place = seen & (uint16_t)(SIZE - 1);
        bool wanted;
        uint16_t head;

        if (atomic_load_acquire_u16(&queue.available->index) == seen) {
            device_sleep(seen);
            continue;
        }
        head = atomic_load_relaxed_u16(&queue.available->ring[place]);
        device_fetch(head);
        atomic_store_relaxed_u32(&queue.used->ring[place].id, head);
        atomic_store_relaxed_u32(&queue.used->ring[place].length, 1);
        seen++;
        atomic_store_release_u16(&queue.used->index, seen);
        atomic_fence_seq_cst();
        wanted =
            EVENT_INDEX != 0
                ? atomic_load_relaxed_u16(&queue.available->ring[SIZE]) == (uint16_t)(seen - 1)
                : (atomic_load_relaxed_u16(&queue.available->flags) & VIRTQUEUE_NO_INTERRUPT) == 0;
        if (wanted) {
            explore_signal(INTERRUPT);
        }
    }
}

static void virtqueue_setup(void)
{
    const struct virtqueue_setup setup = {
        .size = SIZE,
        .table_entries = INDIRECT != 0 && SIZE == 2 ? TABLES : 0,
        .features = VIRTIO_F_INDIRECT_DESC | (EVENT_INDEX != 0 ? VIRTIO_F_EVENT_IDX : 0),
        .driver_memory = arena.driver,
        .driver_iova = (uintptr_t)arena.driver + IOVA_DELTA,
        .driver_bytes = sizeof(arena.driver),
        .device_memory = arena.device,
        .device_iova = 0x1000,
        .device_bytes = sizeof(arena.device),
        .slots = slots,
    };
    const uint16_t first = FIRST_INDEX;

    memset(&arena, 0, sizeof(arena));
    memset(&driver_record, 0, sizeof(driver_record));
    memset(&device_record, 0, sizeof(device_record));
    memset(slots, 0, sizeof(slots));
    if (virtqueue_init(&queue, &setup) != VIRTIO_OK) {
        explore_fail("a good queue is refused");
    }
    /* As if FIRST_INDEX chains had gone through already. */
    queue.added = FIRST_INDEX;
    queue.published = FIRST_INDEX;
    queue.taken = FIRST_INDEX;
    queue.used_seen = FIRST_INDEX;
    queue.available->index = FIRST_INDEX;
    queue.available->ring[SIZE] = FIRST_INDEX;
    queue.used->index = FIRST_INDEX;
    memcpy(&queue.used->ring[SIZE], &first, sizeof(first));

    explore_arena(&arena, sizeof(arena));
    explore_memory("descriptors", arena.driver, (size_t)((uint8_t *)queue.available - arena.driver),
                   EXPLORE_DATA);
    explore_memory("available", queue.available, 12, EXPLORE_ATOMIC);
    explore_memory("used", queue.used, 4 + 8u * SIZE + 4, EXPLORE_ATOMIC);
    explore_memory("queue", &queue, sizeof(queue), EXPLORE_RECORD);
    explore_memory("slots", slots, sizeof(slots), EXPLORE_RECORD);
    explore_memory("driver record", &driver_record, sizeof(driver_record), EXPLORE_RECORD);
    explore_memory("device record", &device_record, sizeof(device_record), EXPLORE_RECORD);
    explore_thread("driver", driver_body, false);
    explore_thread("device", device_body, false);
}

static void virtqueue_finish(void)
{
    EXPLORE_CHECK(explore_done(1), "lost notification: the device sleeps, %u published, %u fetched",
                  driver_record.published, device_record.fetched);
    EXPLORE_CHECK(explore_done(0), "lost interrupt: the driver sleeps, %u fetched, %u taken",
                  device_record.fetched, driver_record.taken);
    EXPLORE_CHECK(driver_record.taken == REQUESTS, "%u of %u came back", driver_record.taken,
                  REQUESTS);
}

#define VIRTQUEUE(name, longer, ...)                                                               \
    {                                                                                              \
        name, "every chain arrives whole and comes back once; no race; no sleep with work left",   \
            longer, virtqueue_setup, virtqueue_finish, {__VA_ARGS__}, 0                            \
    }

const struct explore_scenario virtqueue_scenarios[] = {
    /*                                    size requests batch first event indirect */
    VIRTQUEUE("virtqueue-event", false, 2, 3, 1, 0, 1, 0),
    VIRTQUEUE("virtqueue-event-wrap", false, 2, 3, 1, 65535, 1, 0),
    VIRTQUEUE("virtqueue-event-batch", false, 2, 3, 2, 65535, 1, 0),
    VIRTQUEUE("virtqueue-flags", false, 2, 2, 2, 65535, 0, 0),
    VIRTQUEUE("virtqueue-indirect", false, 2, 3, 1, 65535, 1, 1),
    VIRTQUEUE("virtqueue-event-long", true, 2, 4, 2, 65534, 1, 0),
    VIRTQUEUE("virtqueue-flags-long", true, 2, 2, 1, 65535, 0, 1),
    {0},
};
