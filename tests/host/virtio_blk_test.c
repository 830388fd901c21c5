/* SPDX-License-Identifier: MIT */

/*
 * lib/virtio/blk.h: the block device's configuration, good and lying, its requests and answers.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio_registers.h"

static void put(struct model *model, uint32_t offset, uint64_t value, uint32_t bytes)
{
    memcpy(model->config + offset, &value, bytes);
}

static void blk_fill(struct model *model)
{
    put(model, 0, 1000, 8);
    put(model, 8, 65536, 4);
    put(model, 12, 254, 4);
    put(model, 20, 512, 4);
    put(model, 24, 3, 1);
    put(model, 28, 128, 4);
    put(model, 34, 2, 2);
    put(model, 36, 8192, 4);
    put(model, 40, 1, 4);
    put(model, 44, 8, 4);
    put(model, 48, 4096, 4);
    put(model, 52, 2, 4);
    put(model, 56, 1, 1);
}

static void test_blk_config(void **state)
{
    struct virtio_transport transport;
    struct virtio_blk_config config;
    struct model model = model_make();

    (void)state;
    blk_fill(&model);
    assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
    assert_int_equal(virtio_blk_config_read(&transport, &config), VIRTIO_OK);
    assert_int_equal(config.capacity, 1000);
    assert_int_equal(config.segment_bytes_max, 65536);
    assert_int_equal(config.segments_max, 254);
    assert_int_equal(config.block_bytes, 512);
    assert_int_equal(config.physical_bytes, 4096);
    assert_int_equal(config.optimal_bytes, 65536);
    assert_int_equal(config.queue_count, 2);
    assert_true(config.read_only && config.flush && config.write_zeroes_unmaps);
    assert_int_equal(config.discard.sectors_max, 8192);
    assert_int_equal(config.discard.ranges_max, 1);
    assert_int_equal(config.discard.alignment, 8);
    assert_int_equal(config.write_zeroes.sectors_max, 4096);
    assert_int_equal(config.write_zeroes.ranges_max, 2);

    assert_true(virtio_blk_inside(&config, 0, 1000));
    assert_true(virtio_blk_inside(&config, 999, 1));
    assert_false(virtio_blk_inside(&config, 999, 2));
    assert_false(virtio_blk_inside(&config, 1000, 1));
    assert_false(virtio_blk_inside(&config, 5, 0));
    assert_false(virtio_blk_inside(&config, UINT64_MAX, 2));
    assert_false(virtio_blk_inside(&config, 2, UINT64_MAX));

    /* Features that are not in force: the fields are not looked at, nor need they be there. */
    model.offered = FEATURES;
    model.access.bytes[VIRTIO_WINDOW_CONFIG] = 8;
    assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
    assert_int_equal(virtio_blk_config_read(&transport, &config), VIRTIO_OK);
    assert_int_equal(config.segments_max, 1);
    assert_int_equal(config.segment_bytes_max, UINT32_MAX);
    assert_int_equal(config.block_bytes, 512);
    assert_int_equal(config.queue_count, 1);
    assert_false(config.read_only || config.flush || config.write_zeroes_unmaps);
    assert_int_equal(config.discard.sectors_max, 0);
    assert_int_equal(config.write_zeroes.sectors_max, 0);
    model.access.bytes[VIRTIO_WINDOW_CONFIG] = 4;
    assert_int_equal(virtio_blk_config_read(&transport, &config), VIRTIO_CONFIG_OUTSIDE);
}

static void test_blk_lies(void **state)
{
    static const struct {
        uint32_t offset;
        uint32_t bytes;
        uint64_t value;
        enum virtio_error error;
    } lies[] = {
        {0, 8, UINT64_MAX, VIRTIO_CONFIG_BAD},
        {0, 8, VIRTIO_BLK_CAPACITY_MAX + 1, VIRTIO_CONFIG_BAD},
        {0, 8, VIRTIO_BLK_CAPACITY_MAX, VIRTIO_OK},
        {0, 8, 0, VIRTIO_OK},
        {8, 4, 0, VIRTIO_CONFIG_BAD},
        {8, 4, 511, VIRTIO_CONFIG_BAD},
        {8, 4, 512, VIRTIO_OK},
        {12, 4, 0, VIRTIO_CONFIG_BAD},
        {12, 4, UINT32_MAX, VIRTIO_OK},
        {20, 4, 0, VIRTIO_CONFIG_BAD},
        {20, 4, 256, VIRTIO_CONFIG_BAD},
        {20, 4, 513, VIRTIO_CONFIG_BAD},
        {20, 4, 131072, VIRTIO_CONFIG_BAD},
        {20, 4, 65536, VIRTIO_OK},
        {34, 2, 0, VIRTIO_CONFIG_BAD},
        {34, 2, QUEUES + 1, VIRTIO_CONFIG_BAD},
        {34, 2, QUEUES, VIRTIO_OK},
    };
    struct virtio_transport transport;
    struct virtio_blk_config config;

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(lies); i++) {
        struct model model = model_make();

        blk_fill(&model);
        put(&model, lies[i].offset, lies[i].value, lies[i].bytes);
        assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
        config.capacity = 77;
        assert_int_equal(virtio_blk_config_read(&transport, &config), lies[i].error);
        assert_int_equal(config.capacity == 77, lies[i].error != VIRTIO_OK);
    }
    /* Hints: ignored. */
    {
        struct model model = model_make();

        blk_fill(&model);
        put(&model, 24, 16, 1);
        put(&model, 28, UINT32_MAX, 4);
        put(&model, 40, 0, 4);
        put(&model, 44, 0, 4);
        put(&model, 48, 0, 4);
        assert_int_equal(negotiate(&model, &transport), VIRTIO_OK);
        assert_int_equal(virtio_blk_config_read(&transport, &config), VIRTIO_OK);
        assert_int_equal(config.physical_bytes, 512);
        assert_int_equal(config.optimal_bytes, 0);
        assert_int_equal(config.discard.sectors_max, 0);
        assert_int_equal(config.discard.alignment, 1);
        assert_int_equal(config.write_zeroes.sectors_max, 0);
        model.generation_runs = UINT32_MAX;
        assert_int_equal(virtio_blk_config_read(&transport, &config), VIRTIO_CONFIG_UNSTABLE);
    }
}

static void test_blk_requests(void **state)
{
    const uint8_t raw[VIRTIO_BLK_ID_BYTES] = {'d', 'i', 's', 'k', ' ', 1, 0x80, '~', 0, 'x'};
    uint8_t full[VIRTIO_BLK_ID_BYTES];
    char text[VIRTIO_BLK_ID_BYTES + 1];

    (void)state;
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_READ, 9).sector, 9);
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_WRITE, 9).type, 1);
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_WRITE, 9).sector, 9);
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_FLUSH, 9).sector, 0);
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_DISCARD, 9).sector, 0);
    assert_int_equal(virtio_blk_header(VIRTIO_BLK_WRITE_ZEROES, 9).reserved, 0);

    assert_int_equal(virtio_blk_outcome(0, 4097, 4096), VIRTIO_BLK_DONE);
    assert_int_equal(virtio_blk_outcome(0, 4096, 4096), VIRTIO_BLK_SHORT);
    assert_int_equal(virtio_blk_outcome(0, 0, 4096), VIRTIO_BLK_SHORT);
    assert_int_equal(virtio_blk_outcome(0, 0, 0), VIRTIO_BLK_SHORT);
    assert_int_equal(virtio_blk_outcome(0, 1, 0), VIRTIO_BLK_DONE);
    assert_int_equal(virtio_blk_outcome(1, 4097, 4096), VIRTIO_BLK_FAILED);
    assert_int_equal(virtio_blk_outcome(2, 1, 0), VIRTIO_BLK_UNSUPPORTED);
    assert_int_equal(virtio_blk_outcome(3, 1, 0), VIRTIO_BLK_NONSENSE);
    assert_int_equal(virtio_blk_outcome(VIRTIO_BLK_PENDING, 1, 0), VIRTIO_BLK_NONSENSE);

    virtio_blk_id_copy(text, raw);
    assert_string_equal(text, "disk ??~");
    memset(full, 'y', sizeof(full));
    virtio_blk_id_copy(text, full);
    assert_string_equal(text, "yyyyyyyyyyyyyyyyyyyy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blk_config),
        cmocka_unit_test(test_blk_lies),
        cmocka_unit_test(test_blk_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
