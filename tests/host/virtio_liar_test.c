/* SPDX-License-Identifier: MIT */

/*
 * lib/virtio/queue.h and a device that lies: one test for each lie, with the error it is called,
 * and what the driver still has afterwards. Also what a caller can do wrong.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio/queue.h"

#include "virtio_device.h"

#define SIZE     8u
#define TABLES   4u
#define FEATURES (VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC)

static const struct virtqueue_buffer three[] = {
    {.iova = 0x1000, .length = 16},
    {.iova = 0x2000, .length = 4096},
    {.iova = 0x3000, .length = 1},
};

static void add(struct rig *rig, uint64_t token)
{
    assert_int_equal(virtqueue_add(&rig->queue, three, 1, 2, token), VIRTQUEUE_OK);
}

/* A queue with `count` published chains, tokens 100 and up. */
static void begin(struct rig *rig, uint32_t count, uint16_t first)
{
    rig_init(rig, SIZE, TABLES, FEATURES, first);
    for (uint32_t i = 0; i < count; i++) {
        add(rig, 100 + i);
    }
    assert_int_equal(virtqueue_publish(&rig->queue), count != 0);
    device_fetch(&rig->device);
    assert_int_equal(rig->device.pending_count, count);
}

static void lie(struct rig *rig, uint16_t place, uint32_t id, uint32_t length)
{
    uint8_t *element = rig->device.used + 4 + 8u * (place % SIZE);

    device_write(element, id, 4);
    device_write(element + 4, length, 4);
}

static void lie_index(struct rig *rig, uint16_t index)
{
    device_write(rig->device.used + 2, index, 2);
}

/* The queue is broken for this reason, touches the rings no more, and gives back each token. */
static void expect_broken(struct rig *rig, enum virtio_error reason, uint32_t left)
{
    uint8_t *driver = malloc(rig->setup.driver_bytes);
    uint8_t *device = malloc(rig->setup.device_bytes);
    uint64_t token = 77;
    uint32_t written = 88;
    uint64_t seen = 0;

    assert_non_null(driver);
    assert_non_null(device);
    memcpy(driver, rig->setup.driver_memory, rig->setup.driver_bytes);
    memcpy(device, rig->setup.device_memory, rig->setup.device_bytes);

    assert_int_equal(virtqueue_take(&rig->queue, &token, &written), VIRTQUEUE_BROKEN);
    assert_int_equal(rig->queue.broken, reason);
    assert_int_equal(token, 77);
    assert_int_equal(written, 88);
    assert_int_equal(virtqueue_add(&rig->queue, three, 1, 2, 5), VIRTQUEUE_BROKEN);
    assert_int_equal(virtqueue_add(&rig->queue, three, 1, 0, 5), VIRTQUEUE_BROKEN);
    assert_false(virtqueue_publish(&rig->queue));
    assert_false(virtqueue_wait_prepare(&rig->queue));
    virtqueue_wait_end(&rig->queue);
    virtqueue_stop(&rig->queue, VIRTIO_NEEDS_RESET);
    assert_int_equal(rig->queue.broken, reason);
    assert_int_equal(virtqueue_take(&rig->queue, &token, &written), VIRTQUEUE_BROKEN);
    assert_memory_equal(driver, rig->setup.driver_memory, rig->setup.driver_bytes);
    assert_memory_equal(device, rig->setup.device_memory, rig->setup.device_bytes);

    assert_int_equal(virtqueue_in_flight(&rig->queue), left);
    while (virtqueue_reclaim(&rig->queue, &token)) {
        assert_in_range(token, 100, 163);
        assert_int_equal(seen & 1ull << (token - 100), 0);
        seen |= 1ull << (token - 100);
        left--;
    }
    assert_int_equal(left, 0);
    assert_int_equal(virtqueue_in_flight(&rig->queue), 0);
    assert_false(virtqueue_reclaim(&rig->queue, &token));
    assert_int_equal(virtqueue_take(&rig->queue, &token, &written), VIRTQUEUE_BROKEN);
    free(driver);
    free(device);
    rig_fini(rig);
}

/* used.idx: more than there are, by one, by the queue's size, or back. */
static void test_index_jump(void **state)
{
    static const uint16_t jumps[] = {4, 5, SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff};
    uint64_t token;
    uint32_t written;

    (void)state;
    for (uint32_t first = 0; first < 65536; first += 65535 / 3) {
        for (uint32_t i = 0; i < ARRAY_COUNT(jumps); i++) {
            struct rig rig;

            begin(&rig, 3, (uint16_t)first);
            lie_index(&rig, (uint16_t)(first + jumps[i]));
            assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_BROKEN);
            expect_broken(&rig, VIRTIO_USED_INDEX_JUMP, 3);
        }
    }
}

/* Chains that were added, but that the device was not told of, are not in flight. */
static void test_index_unpublished(void **state)
{
    struct rig rig;
    uint64_t token;
    uint32_t written;

    (void)state;
    begin(&rig, 1, 0);
    add(&rig, 101);
    lie(&rig, 0, rig.device.pending[0].head, 0);
    lie(&rig, 1, (uint32_t)device_read(rig.device.available + 4 + 2, 2), 0);
    lie_index(&rig, 2);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_BROKEN);
    expect_broken(&rig, VIRTIO_USED_INDEX_JUMP, 2);
}

/* The index goes back while some of what it promised has not been taken: nothing is taken twice. */
static void test_index_back(void **state)
{
    struct rig rig;
    uint64_t token;
    uint32_t written;

    (void)state;
    begin(&rig, 3, 0);
    device_use(&rig.device, 0, 1);
    device_use(&rig.device, 0, 1);
    device_publish(&rig.device, 0);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
    lie_index(&rig, 0);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_BROKEN);
    expect_broken(&rig, VIRTIO_USED_INDEX_JUMP, 1);
}

static void test_id_range(void **state)
{
    static const uint32_t ids[] = {SIZE, SIZE + 1, 0x10000, 0x10001, 0x80000000, 0xffffffff};
    uint64_t token;
    uint32_t written;

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(ids); i++) {
        struct rig rig;

        begin(&rig, 2, 65535);
        lie(&rig, 65535, ids[i], 1);
        lie_index(&rig, 0);
        assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_BROKEN);
        expect_broken(&rig, VIRTIO_USED_ID_RANGE, 2);
    }
}

/* An id of a descriptor that is free, or the middle of a chain. */
static void test_id_idle(void **state)
{
    struct rig rig;
    uint64_t token;
    uint32_t written;

    (void)state;
    begin(&rig, 2, 0);
    lie(&rig, 0, 7, 1);
    lie_index(&rig, 1);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_BROKEN);
    expect_broken(&rig, VIRTIO_USED_ID_IDLE, 2);

    rig_init(&rig, SIZE, 0, FEATURES, 0);
    add(&rig, 100);
    assert_true(virtqueue_publish(&rig.queue));
    device_fetch(&rig.device);
    lie(&rig, 0, rig.device.pending[0].head + 1u, 1);
    lie_index(&rig, 1);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_BROKEN);
    expect_broken(&rig, VIRTIO_USED_ID_IDLE, 1);
}

static void test_id_twice(void **state)
{
    struct rig rig;
    uint64_t token = 0;
    uint32_t written;
    uint16_t head;

    (void)state;
    begin(&rig, 3, 0);
    head = rig.device.pending[1].head;
    lie(&rig, 0, head, 1);
    lie(&rig, 1, head, 1);
    lie_index(&rig, 2);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
    assert_int_equal(token, 101);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_BROKEN);
    expect_broken(&rig, VIRTIO_USED_ID_IDLE, 2);
}

/* As many as it has, but one of them was added only and not published. */
static void test_id_unpublished(void **state)
{
    struct rig rig;
    uint64_t token;
    uint32_t written;

    (void)state;
    begin(&rig, 1, 0);
    add(&rig, 101);
    lie(&rig, 0, (uint32_t)device_read(rig.device.available + 4 + 2, 2), 0);
    lie_index(&rig, 1);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_BROKEN);
    expect_broken(&rig, VIRTIO_USED_ID_IDLE, 2);
}

static void test_length(void **state)
{
    struct rig rig;
    uint64_t token;
    uint32_t written = 0;

    (void)state;
    begin(&rig, 3, 0);
    device_use(&rig.device, 0, 4097);
    device_use(&rig.device, 0, 4098);
    device_use(&rig.device, 0, 0xffffffff);
    device_publish(&rig.device, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
        assert_int_equal(written, 4097);
        assert_int_equal(rig.queue.clamped_count, i);
    }
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_EMPTY);
    /* A chain with nothing to write. */
    assert_int_equal(virtqueue_add(&rig.queue, three, 3, 0, 9), VIRTQUEUE_OK);
    (void)!virtqueue_publish(&rig.queue);
    device_fetch(&rig.device);
    device_use(&rig.device, 0, 1);
    device_publish(&rig.device, 3);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
    assert_int_equal(written, 0);
    assert_int_equal(rig.queue.clamped_count, 3);
    rig_fini(&rig);
}

/* A chain that stays with the device for more than 65536 others is still known. */
static void test_left_behind(void **state)
{
    struct rig rig;
    uint64_t token = 0;
    uint32_t written;

    (void)state;
    begin(&rig, 1, 0);
    for (uint32_t i = 0; i < 70000; i++) {
        const uint16_t old = rig.device.used_index;

        add(&rig, i + 1000);
        (void)!virtqueue_publish(&rig.queue);
        device_fetch(&rig.device);
        device_use(&rig.device, 1, 0);
        device_publish(&rig.device, old);
        assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
        assert_int_equal(token, i + 1000);
    }
    device_use(&rig.device, 0, 0);
    device_publish(&rig.device, (uint16_t)(rig.device.used_index - 1));
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
    assert_int_equal(token, 100);
    rig_fini(&rig);
}

/* False hints cost a notification or an interrupt, and nothing else: who looks, finds. */
static void test_event(void **state)
{
    struct rig rig;
    uint64_t token;
    uint32_t written;

    (void)state;
    for (uint32_t event = 0; event < 65536; event += 257) {
        begin(&rig, 0, 100);
        add(&rig, 100);
        add(&rig, 101);
        device_write(rig.device.used + 4 + 8 * SIZE, event, 2);
        device_write(rig.device.used, event, 2);
        /* §2.7.10.1: with the event index the flags count for nothing. */
        assert_int_equal(virtqueue_publish(&rig.queue), event == 100 || event == 101);
        assert_true(virtqueue_wait_prepare(&rig.queue));
        device_fetch(&rig.device);
        device_use(&rig.device, 0, 0);
        device_write(rig.device.used + 2, 101, 2); /* without an interrupt */
        assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
        assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_EMPTY);
        rig_fini(&rig);
    }
    /* Two at once: any of them may be the one that is waited for. */
    for (uint16_t event = 96; event < 106; event++) {
        begin(&rig, 0, 100);
        add(&rig, 100);
        add(&rig, 101);
        device_write(rig.device.used + 4 + 8 * SIZE, event, 2);
        assert_int_equal(virtqueue_publish(&rig.queue), event == 100 || event == 101);
        rig_fini(&rig);
    }
    begin(&rig, 0, 100);
    device_write(rig.device.used + 4 + 8 * SIZE, 100, 2);
    add(&rig, 100);
    assert_true(virtqueue_publish(&rig.queue));
    add(&rig, 101);
    assert_false(virtqueue_publish(&rig.queue));
    assert_false(virtqueue_publish(&rig.queue));
    device_write(rig.device.used + 4 + 8 * SIZE, 102, 2);
    add(&rig, 102);
    assert_true(virtqueue_publish(&rig.queue));
    rig_fini(&rig);
}

/* Without the event index: flags, both ways. */
static void test_flags(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig, SIZE, TABLES, VIRTIO_F_INDIRECT_DESC, 0);
    add(&rig, 100);
    assert_true(virtqueue_publish(&rig.queue));
    device_write(rig.device.used, 1, 2);
    add(&rig, 101);
    assert_false(virtqueue_publish(&rig.queue));
    virtqueue_wait_end(&rig.queue);
    assert_int_equal(device_read(rig.device.available, 2), VIRTQUEUE_NO_INTERRUPT);
    assert_true(virtqueue_wait_prepare(&rig.queue));
    assert_int_equal(device_read(rig.device.available, 2), 0);
    virtqueue_stop(&rig.queue, VIRTIO_GONE);
    expect_broken(&rig, VIRTIO_GONE, 2);
}

/* What the device can write is never read back: a scribbled ring changes nothing. */
static void test_scribble(void **state)
{
    struct rig rig;
    uint64_t token = 0;
    uint32_t written = 0;

    (void)state;
    begin(&rig, 3, 0);
    memset(rig.setup.driver_memory, 0xff, rig.setup.driver_bytes);
    lie(&rig, 0, rig.device.pending[2].head, 10);
    lie_index(&rig, 1);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
    assert_int_equal(token, 102);
    assert_int_equal(written, 10);
    add(&rig, 103);
    (void)!virtqueue_publish(&rig.queue);
    assert_int_equal(device_available_index(&rig.device), 4);
    virtqueue_stop(&rig.queue, VIRTIO_STATUS_LOST);
    expect_broken(&rig, VIRTIO_STATUS_LOST, 3);
}

/* Stopped for a reason of the driver's, with answers that were not looked at: they count no more.
 */
static void test_stop(void **state)
{
    struct rig rig;
    uint64_t token;
    uint32_t written;

    (void)state;
    begin(&rig, 3, 0);
    assert_false(virtqueue_reclaim(&rig.queue, &token));
    device_use(&rig.device, 0, 1);
    device_use(&rig.device, 0, 1);
    device_publish(&rig.device, 0);
    assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
    virtqueue_stop(&rig.queue, VIRTIO_OK);
    expect_broken(&rig, VIRTIO_NEEDS_RESET, 2);
}

/* A caller's bad chains are refused, and change nothing. */
static void test_bad_buffers(void **state)
{
    const uint64_t sets[] = {0, FEATURES};

    (void)state;
    for (uint32_t set = 0; set < ARRAY_COUNT(sets); set++) {
        struct virtqueue_buffer many[SIZE + 1];
        struct virtqueue before;
        struct rig rig;

        rig_init(&rig, SIZE, TABLES, sets[set], 0);
        before = rig.queue;
        for (uint32_t bad = 0; bad < 3; bad++) {
            memcpy(many, three, sizeof(three));
            many[bad].length = 0;
            assert_int_equal(virtqueue_add(&rig.queue, many, 1, 2, 0), VIRTQUEUE_BAD_BUFFERS);
            assert_int_equal(virtqueue_add(&rig.queue, many, 2, 1, 0), VIRTQUEUE_BAD_BUFFERS);
            assert_int_equal(virtqueue_add(&rig.queue, many, 3, 0, 0), VIRTQUEUE_BAD_BUFFERS);
            /* §2.7.5.2. */
            memcpy(many, three, sizeof(three));
            many[bad].length = UINT32_MAX;
            assert_int_equal(virtqueue_add(&rig.queue, many, 1, 2, 0), VIRTQUEUE_BAD_BUFFERS);
            assert_int_equal(virtqueue_add(&rig.queue, many, 3, 0, 0), VIRTQUEUE_BAD_BUFFERS);
        }
        for (uint32_t i = 0; i <= SIZE; i++) {
            many[i] = three[0];
        }
        assert_int_equal(virtqueue_add(&rig.queue, many, 0, 0, 0), VIRTQUEUE_BAD_BUFFERS);
        assert_int_equal(virtqueue_add(&rig.queue, many, 0, SIZE + 1, 0), VIRTQUEUE_BAD_BUFFERS);
        assert_int_equal(virtqueue_add(&rig.queue, many, UINT32_MAX, 4, 0), VIRTQUEUE_BAD_BUFFERS);
        assert_memory_equal(&before, &rig.queue, sizeof(before));
        assert_false(virtqueue_publish(&rig.queue));
        /* The largest chains that there can be. */
        assert_int_equal(virtqueue_add(&rig.queue, many, 0, SIZE, 0), VIRTQUEUE_OK);
        assert_int_equal(virtqueue_add(&rig.queue, many, 0, 1, 0), VIRTQUEUE_FULL);
        assert_int_equal(virtqueue_add(&rig.queue, many, 1, 2, 0), VIRTQUEUE_FULL);
        rig_fini(&rig);
    }
}

/* The same of a frame that is in its table already. Refused, it is written anew. */
static void test_bad_frame(void **state)
{
    const uint32_t frame_bytes = three[0].length + three[2].length;
    struct virtqueue_buffer buffers[3];
    struct virtqueue before;
    struct rig rig;

    (void)state;
    rig_init(&rig, SIZE, TABLES, FEATURES, 0);
    memcpy(buffers, three, sizeof(three));
    for (uint64_t round = 0; round < 4; round++) {
        const uint32_t bad[] = {0, UINT32_MAX, UINT32_MAX - frame_bytes + 1};
        uint64_t token = 0;
        uint32_t written = 0;

        buffers[1].length = UINT32_MAX - frame_bytes; /* the most */
        assert_int_equal(virtqueue_add_framed(&rig.queue, buffers, true, round), VIRTQUEUE_OK);
        assert_true(virtqueue_publish(&rig.queue) || round != 0);
        device_fetch(&rig.device);
        assert_int_equal(rig.device.pending[0].count, 3);
        assert_int_equal(rig.device.pending[0].buffers[1].length, buffers[1].length);
        device_use(&rig.device, 0, 1);
        device_publish(&rig.device, (uint16_t)round);
        assert_int_equal(virtqueue_take(&rig.queue, &token, &written), VIRTQUEUE_OK);
        assert_int_equal(token, round);

        before = rig.queue;
        buffers[1].length = bad[round % ARRAY_COUNT(bad)];
        assert_int_equal(virtqueue_add_framed(&rig.queue, buffers, round % 2 == 0, 0),
                         VIRTQUEUE_BAD_BUFFERS);
        assert_memory_equal(&before, &rig.queue, sizeof(before));
    }
    virtqueue_stop(&rig.queue, VIRTIO_NEEDS_RESET);
    buffers[1].length = 1;
    assert_int_equal(virtqueue_add_framed(&rig.queue, buffers, true, 0), VIRTQUEUE_BROKEN);
    rig_fini(&rig);
}

static void test_init(void **state)
{
    struct rig rig;
    struct virtqueue queue;
    struct virtqueue_setup bad;

    (void)state;
    rig_init(&rig, SIZE, TABLES, FEATURES, 0);
#define REFUSED(error, field, value)                                                               \
    bad = rig.setup;                                                                               \
    bad.field = (value);                                                                           \
    assert_int_equal(virtqueue_init(&queue, &bad), error)

    REFUSED(VIRTIO_BAD_ARGUMENT, size, 0);
    REFUSED(VIRTIO_BAD_ARGUMENT, size, 7);
    REFUSED(VIRTIO_BAD_ARGUMENT, size, 0xffff);
    REFUSED(VIRTIO_BAD_ARGUMENT, table_entries, SIZE + 1);
    REFUSED(VIRTIO_BAD_ARGUMENT, slots, NULL);
    REFUSED(VIRTIO_BAD_ARGUMENT, driver_memory, NULL);
    REFUSED(VIRTIO_BAD_ARGUMENT, device_memory, NULL);
    REFUSED(VIRTIO_BAD_ARGUMENT, driver_memory, (uint8_t *)rig.setup.driver_memory + 8);
    REFUSED(VIRTIO_BAD_ARGUMENT, driver_iova, 0x1008);
    REFUSED(VIRTIO_BAD_ARGUMENT, device_iova, 0x1001);
    REFUSED(VIRTIO_BAD_ARGUMENT, device_iova, UINT64_MAX - 15);
    REFUSED(VIRTIO_NO_MEMORY, driver_bytes, rig.setup.driver_bytes - 1);
    REFUSED(VIRTIO_NO_MEMORY, device_bytes, rig.setup.device_bytes - 1);
    REFUSED(VIRTIO_NO_MEMORY, size, SIZE * 2);
    REFUSED(VIRTIO_OK, size, SIZE / 2);
#undef REFUSED
    rig_fini(&rig);

    /* §2.7: 16, 6 + 2 and 6 + 8 bytes for each. */
    assert_int_equal(virtqueue_driver_bytes(256, 0), 256 * 16 + 6 + 2 * 256);
    assert_int_equal(virtqueue_driver_bytes(256, 3), 256 * 64 + 6 + 2 * 256);
    assert_int_equal(virtqueue_device_bytes(256), 6 + 8 * 256);
    assert_int_equal(virtqueue_driver_bytes(32768, 32768), 16ull * 32768 * 32769 + 6 + 65536);
    assert_int_equal(virtqueue_driver_bytes(65536, 0), 0);
    assert_int_equal(virtqueue_driver_bytes(4, 5), 0);
    assert_int_equal(virtqueue_device_bytes(3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_jump),     cmocka_unit_test(test_index_unpublished),
        cmocka_unit_test(test_index_back),     cmocka_unit_test(test_id_range),
        cmocka_unit_test(test_id_idle),        cmocka_unit_test(test_id_twice),
        cmocka_unit_test(test_id_unpublished), cmocka_unit_test(test_length),
        cmocka_unit_test(test_left_behind),    cmocka_unit_test(test_event),
        cmocka_unit_test(test_flags),          cmocka_unit_test(test_scribble),
        cmocka_unit_test(test_bad_buffers),    cmocka_unit_test(test_init),
        cmocka_unit_test(test_stop),           cmocka_unit_test(test_bad_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
