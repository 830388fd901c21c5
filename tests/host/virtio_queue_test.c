/* SPDX-License-Identifier: MIT */

/*
 * lib/virtio/queue.h against the device of virtio_device.h: random requests and answers for every
 * size from 1 to 256 and every combination of features, over the wrap of the indices. Each chain
 * must arrive as it was added and come back once with its token; nobody may sleep while there is
 * something for him.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio/queue.h"

#include "random.h"
#include "virtio_device.h"

#define ARENA_IOVA 0x100000000ull
#define MAX_TOKENS DEVICE_MAX_SIZE
#define FRAME_IOVA 0x10000ull /* far below the arena */

struct request {
    bool open;
    uint32_t out_count;
    uint32_t in_count;
    uint32_t writable;
    uint32_t answered; /* what the device said it wrote, after clamping */
    bool lied;         /* it said more */
    bool done;         /* the device has given it back */
    struct virtqueue_buffer buffers[DEVICE_MAX_SIZE];
};

struct world {
    struct rig rig;
    struct request *requests; /* a token is an index of these, plus `era` << 32 */
    uint64_t era;
    uint32_t open_count;
    uint64_t finished;
    bool driver_asleep;
    uint64_t notifications;
    uint64_t lies; /* used lengths that were too large, of those taken */
};

static const uint64_t feature_sets[] = {
    0,
    VIRTIO_F_EVENT_IDX,
    VIRTIO_F_INDIRECT_DESC,
    VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC,
};

/* The token's number is in every buffer's address: whose it is can be seen by the device. */
static void make_request(struct world *world, uint32_t number)
{
    struct request *request = &world->requests[number];
    const uint32_t size = world->rig.setup.size;
    const uint32_t most = size < 6 || random_below(20) == 0 ? size : 6;
    const uint32_t count = 1 + random_below(most);

    request->out_count = random_below(count + 1);
    request->in_count = count - request->out_count;
    request->writable = 0;
    request->done = false;
    request->lied = false;
    for (uint32_t i = 0; i < count; i++) {
        request->buffers[i] = (struct virtqueue_buffer){
            .iova = ARENA_IOVA + ((uint64_t)number << 32) + random_below(1u << 30),
            .length = 1 + random_below(random_below(4) == 0 ? 1u << 23 : 4096),
        };
        request->writable += i >= request->out_count ? request->buffers[i].length : 0;
    }
}

/* A chain whose ends are those of the descriptor that it begins with. */
static void make_framed_request(struct world *world, uint32_t number)
{
    struct request *request = &world->requests[number];
    const uint16_t first = virtqueue_next(&world->rig.queue);

    make_request(world, number);
    request->buffers[1] = (struct virtqueue_buffer){
        .iova = ARENA_IOVA + ((uint64_t)number << 32) + random_below(1u << 30),
        .length = 1 + random_below(1u << 20),
    };
    request->buffers[0] = (struct virtqueue_buffer){FRAME_IOVA + first * 64u, 1u + first % 16};
    request->buffers[2] = (struct virtqueue_buffer){FRAME_IOVA + first * 64u + 32, 1u + first % 5};
    request->out_count = 1 + random_below(2);
    request->in_count = 3 - request->out_count;
    request->writable =
        request->buffers[2].length + (request->in_count == 2 ? request->buffers[1].length : 0);
}

/* How many descriptors such a chain takes. */
static uint32_t cost(const struct world *world, const struct request *request)
{
    const uint32_t count = request->out_count + request->in_count;
    const bool tables = (world->rig.setup.features & VIRTIO_F_INDIRECT_DESC) != 0;

    return tables && count >= 2 && request->in_count != 0 && count <= world->rig.setup.table_entries
               ? 1
               : count;
}

static void driver_add(struct world *world)
{
    const uint32_t number = random_below(MAX_TOKENS);
    struct request *request = &world->requests[number];
    const struct virtqueue before = world->rig.queue;
    const uint64_t token = world->era << 32 | number;
    enum virtqueue_result result;
    uint32_t needed;

    if (request->open) {
        return;
    }
    if (world->rig.setup.size >= 3 && random_below(3) != 0) {
        make_framed_request(world, number);
        result = virtqueue_add_framed(&world->rig.queue, request->buffers, request->in_count == 2,
                                      token);
    } else {
        make_request(world, number);
        result = virtqueue_add(&world->rig.queue, request->buffers, request->out_count,
                               request->in_count, token);
    }
    needed = cost(world, request);
    if (needed > before.free_count) {
        assert_int_equal(result, VIRTQUEUE_FULL);
        assert_memory_equal(&before, &world->rig.queue, sizeof(before));
        return;
    }
    assert_int_equal(result, VIRTQUEUE_OK);
    assert_int_equal(world->rig.queue.free_count, before.free_count - needed);
    request->open = true;
    world->open_count++;
}

static void driver_publish(struct world *world)
{
    const bool nothing = world->rig.queue.added == world->rig.queue.published;
    const bool notify = virtqueue_publish(&world->rig.queue);

    assert_int_equal(device_available_index(&world->rig.device), (uint16_t)world->rig.queue.added);
    assert_false(nothing && notify);
    /* Whoever sleeps is woken. */
    assert_true(!world->rig.device.asleep || nothing || notify);
    if (notify) {
        world->notifications++;
        device_notified(&world->rig.device);
    }
}

static void driver_take(struct world *world)
{
    uint64_t token = 0;
    uint32_t written = 0;

    while (random_below(8) != 0) {
        enum virtqueue_result result = virtqueue_take(&world->rig.queue, &token, &written);
        struct request *request;

        if (result == VIRTQUEUE_EMPTY) {
            assert_int_equal((uint16_t)world->rig.queue.taken, world->rig.device.used_index);
            return;
        }
        assert_int_equal(result, VIRTQUEUE_OK);
        assert_int_equal(token >> 32, world->era);
        assert_true((uint32_t)token < MAX_TOKENS);
        request = &world->requests[(uint32_t)token];
        assert_true(request->open && request->done);
        assert_int_equal(written, request->answered);
        request->open = false;
        world->lies += request->lied;
        world->open_count--;
        world->finished++;
    }
}

static void driver_wait(struct world *world)
{
    if (virtqueue_wait_prepare(&world->rig.queue)) {
        assert_int_equal((uint16_t)world->rig.queue.taken, world->rig.device.used_index);
        world->driver_asleep = true;
    }
}

/* The chain must be the one that was added. */
static uint32_t check_chain(struct world *world, const struct device_chain *chain)
{
    const bool framed = chain->buffers[0].iova < ARENA_IOVA;
    const uint32_t number = (uint32_t)((chain->buffers[framed].iova - ARENA_IOVA) >> 32);
    const struct request *request;

    assert_true(number < MAX_TOKENS);
    request = &world->requests[number];
    assert_true(request->open && !request->done);
    assert_int_equal(chain->count, request->out_count + request->in_count);
    assert_int_equal(chain->writable, request->writable);
    for (uint32_t i = 0; i < chain->count; i++) {
        assert_int_equal(chain->buffers[i].iova, request->buffers[i].iova);
        assert_int_equal(chain->buffers[i].length, request->buffers[i].length);
        assert_int_equal(chain->buffers[i].write, i >= request->out_count);
    }
    return number;
}

static void device_run(struct world *world)
{
    struct device *device = &world->rig.device;
    const uint16_t old = device->used_index;

    device_fetch(device);
    for (uint32_t n = random_below(8); n > 0 && device->pending_count > 0; n--) {
        const uint32_t which = random_below(device->pending_count);
        const uint32_t number = check_chain(world, &device->pending[which]);
        struct request *request = &world->requests[number];
        uint32_t length = random_below(request->writable + 1);

        request->answered = length;
        if (random_below(50) == 0) {
            length = request->writable + 1 + random_below(1u << 30);
            request->answered = request->writable;
            request->lied = true;
        }
        request->done = true;
        device_use(device, which, length);
    }
    if (device->used_index != old) {
        device_publish(device, old);
    }
    if (device->interrupted) {
        device->interrupted = false;
        world->driver_asleep = false;
        virtqueue_wait_end(&world->rig.queue);
    } else {
        /* Whoever sleeps is woken. */
        assert_false(world->driver_asleep && device->used_index != old);
    }
    if (device->pending_count == 0 && random_below(2) == 0) {
        device_sleep(device);
    }
}

static void world_check(const struct world *world)
{
    const struct virtqueue *queue = &world->rig.queue;
    uint32_t free_count = 0;
    uint16_t at = queue->free_first;

    for (; free_count < queue->free_count; free_count++) {
        assert_true(at < queue->size);
        assert_int_equal(queue->slots[at].count, 0);
        at = queue->slots[at].next;
    }
    assert_int_equal(virtqueue_in_flight(queue), world->open_count);
    assert_int_equal(queue->clamped_count, world->lies);
}

static void run_world(uint16_t size, uint16_t tables, uint64_t features, uint32_t steps)
{
    struct world *world = calloc(1, sizeof(*world));
    uint32_t idle = 0;

    assert_non_null(world);
    world->requests = calloc(MAX_TOKENS, sizeof(struct request));
    assert_non_null(world->requests);
    world->era = random_below(1000);
    rig_init(&world->rig, size, tables, features,
             random_below(3) == 0 ? 0 : (uint16_t)(65535 - random_below(size * 8u)));

    for (uint32_t step = 0; step < steps || world->open_count > 0; step++) {
        switch (random_below(6)) {
        case 0:
        case 1:
            if (step < steps) {
                driver_add(world);
                break;
            }
            /* fallthrough */
        case 2:
            driver_publish(world);
            break;
        case 3:
            if (!world->driver_asleep) {
                driver_take(world);
            }
            break;
        case 4:
            if (!world->driver_asleep) {
                driver_wait(world);
            }
            break;
        default:
            if (!world->rig.device.asleep) {
                device_run(world);
            }
            break;
        }
        /* Publishing is up to the driver, but then one of the two must be awake. */
        if (world->rig.queue.published != world->rig.queue.taken) {
            assert_false(world->rig.device.asleep && world->driver_asleep);
        }
        if (step % 64 == 0) {
            world_check(world);
        }
        idle = step < steps ? 0 : idle + 1;
        assert_true(idle < 1000000);
    }
    world_check(world);
    assert_int_equal(world->rig.queue.free_count, size);
    assert_true(world->finished > 0 && world->notifications > 0);
    rig_fini(&world->rig);
    free(world->requests);
    free(world);
}

static void test_random(void **state)
{
    (void)state;
    for (uint16_t size = 1; size <= DEVICE_MAX_SIZE; size = (uint16_t)(size * 2)) {
        for (uint32_t set = 0; set < ARRAY_COUNT(feature_sets); set++) {
            const uint16_t tables = (uint16_t)random_below(size + 1u);

            run_world(size, tables < 16 ? tables : 16, feature_sets[set], 40000);
        }
    }
}

/* All 65536 values of the indices, more than once, at one size. */
static void test_long(void **state)
{
    (void)state;
    run_world(64, 3, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC, 900000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_long),
    };

    random_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
