/* SPDX-License-Identifier: MIT */

/*
 * lib/buddy: where blocks come from, how they split and merge, by table; and random takes and
 * gives over memory with holes, against a model that knows the owner of each frame. After every
 * step the whole table is walked (buddy.h's rules). The seed is printed; CAPOS_SEED repeats a run.
 */

#include "buddy/buddy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

#define ORDER_TOP  (BUDDY_ORDER_COUNT - 1)
#define TOP_FRAMES (1u << ORDER_TOP)

enum { KIND_HOLE = 1, KIND_USED = 2 };

/* Records on the heap, exactly as many as there are frames: the sanitizer sees the next one. */
static void table_start(struct buddy *buddy, uint32_t frame_count)
{
    struct buddy_frame *frames = malloc(frame_count * sizeof(*frames));

    assert_non_null(frames);
    memset(frames, 0xa5, frame_count * sizeof(*frames));
    memset(buddy, 0xa5, sizeof(*buddy));
    buddy_init(buddy, frames, frame_count, KIND_HOLE);
}

static void table_end(struct buddy *buddy)
{
    free(buddy->frames);
}

static bool is_head(const struct buddy_frame *frame)
{
    return frame->kind == BUDDY_FREE && (frame->flags & BUDDY_HEAD) != 0;
}

/** Walk one list; mark its blocks in `covered`. Returns the frames on it. */
static uint32_t check_list(const struct buddy *buddy, uint32_t order, uint8_t *covered)
{
    const uint32_t size = 1u << order;
    uint32_t previous = BUDDY_NONE;
    uint32_t total = 0;

    for (uint32_t at = buddy->head[order]; at != BUDDY_NONE; at = buddy->frames[at].next) {
        assert_true(at < buddy->frame_count && size <= buddy->frame_count - at);
        assert_true(is_head(&buddy->frames[at]));
        assert_int_equal(buddy->frames[at].order, order);
        assert_int_equal(buddy->frames[at].previous, previous);
        assert_int_equal(at % size, 0);
        for (uint32_t i = at; i < at + size; i++) {
            assert_int_equal(covered[i], 0); /* in one block only; ends a circular list too */
            covered[i] = 1;
            assert_int_equal(buddy->frames[i].kind, BUDDY_FREE);
            assert_int_equal(buddy->frames[i].owner, 0);
            assert_true(i == at || !is_head(&buddy->frames[i]));
        }
        if (order < ORDER_TOP) {
            const uint32_t other = at ^ size;

            assert_false(other < buddy->frame_count && is_head(&buddy->frames[other]) &&
                         buddy->frames[other].order == order);
        }
        previous = at;
        total += size;
    }
    return total;
}

/** Every rule of buddy.h. */
static void check_table(const struct buddy *buddy)
{
    uint8_t *covered = calloc(buddy->frame_count, 1);
    uint32_t total = 0;

    assert_non_null(covered);
    for (uint32_t order = 0; order < BUDDY_ORDER_COUNT; order++) {
        total += check_list(buddy, order, covered);
    }
    assert_int_equal(total, buddy->free_count);
    for (uint32_t i = 0; i < buddy->frame_count; i++) {
        assert_int_equal(covered[i], buddy->frames[i].kind == BUDDY_FREE);
        assert_int_equal(buddy->frames[i].flags & ~BUDDY_HEAD, 0);
        assert_true(covered[i] || buddy->frames[i].flags == 0);
    }
    free(covered);
}

static uint32_t list_length(const struct buddy *buddy, uint32_t order)
{
    uint32_t length = 0;

    for (uint32_t at = buddy->head[order]; at != BUDDY_NONE; at = buddy->frames[at].next) {
        length++;
    }
    return length;
}

/* ------------------------------------------------------------------------------------------
 * Tables
 * ------------------------------------------------------------------------------------------ */

static void test_init(void **state)
{
    struct buddy buddy;
    (void)state;

    table_start(&buddy, 37);
    assert_int_equal(buddy.frame_count, 37);
    assert_int_equal(buddy.free_count, 0);
    for (uint32_t i = 0; i < 37; i++) {
        assert_int_equal(buddy.frames[i].kind, KIND_HOLE);
        assert_int_equal(buddy.frames[i].owner, 0);
    }
    for (uint32_t order = 0; order < BUDDY_ORDER_COUNT; order++) {
        assert_int_equal(buddy_take(&buddy, order, KIND_USED, 1), BUDDY_NONE);
    }
    check_table(&buddy);
    table_end(&buddy);
}

/* A range becomes the fewest aligned blocks. */
static void test_add_range(void **state)
{
    static const struct {
        uint32_t frame_count, first, count;
        uint32_t blocks[BUDDY_ORDER_COUNT]; /* of each order */
    } cases[] = {
        {8, 0, 0, {0}},
        {8, 3, 0, {0}},
        {1, 0, 1, {1}},
        {8, 0, 8, {0, 0, 0, 1}},
        {8, 1, 7, {1, 1, 1}},
        {8, 0, 7, {1, 1, 1}},
        {8, 1, 6, {2, 2}},
        {8, 3, 2, {2}}, /* neighbours, not buddies */
        {8, 7, 1, {1}},
        {TOP_FRAMES, 0, TOP_FRAMES, {[ORDER_TOP] = 1}},
        {TOP_FRAMES, 1, TOP_FRAMES - 1, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}},
        {4 * TOP_FRAMES, 0, 4 * TOP_FRAMES, {[ORDER_TOP] = 4}}, /* no block is larger than that */
        {2 * TOP_FRAMES, TOP_FRAMES / 2, TOP_FRAMES, {[ORDER_TOP - 1] = 2}},
        {2 * TOP_FRAMES + 1, 0, 2 * TOP_FRAMES + 1, {1, [ORDER_TOP] = 2}},
    };
    (void)state;

    for (size_t n = 0; n < ARRAY_COUNT(cases); n++) {
        struct buddy buddy;

        table_start(&buddy, cases[n].frame_count);
        buddy_add_range(&buddy, cases[n].first, cases[n].count);
        check_table(&buddy);
        assert_int_equal(buddy.free_count, cases[n].count);
        for (uint32_t i = 0; i < cases[n].frame_count; i++) {
            assert_int_equal(buddy.frames[i].kind == BUDDY_FREE,
                             i >= cases[n].first && i - cases[n].first < cases[n].count);
        }
        for (uint32_t order = 0; order < BUDDY_ORDER_COUNT; order++) {
            assert_int_equal(list_length(&buddy, order), cases[n].blocks[order]);
        }
        table_end(&buddy);
    }
}

/* Ranges that are added one by one merge with what is free already. */
static void test_add_range_merges(void **state)
{
    struct buddy buddy;
    (void)state;

    table_start(&buddy, 16);
    buddy_add_range(&buddy, 5, 6);
    buddy_add_range(&buddy, 11, 5);
    buddy_add_range(&buddy, 0, 4);
    check_table(&buddy);
    assert_int_equal(list_length(&buddy, 4), 0);
    buddy_add_range(&buddy, 4, 1);
    check_table(&buddy);
    assert_int_equal(list_length(&buddy, 4), 1);
    table_end(&buddy);
}

/* One block of each order out of one large block: split as far as needed, given back whole. */
static void test_take_splits_and_give_merges(void **state)
{
    (void)state;
    for (uint32_t order = 0; order < BUDDY_ORDER_COUNT; order++) {
        struct buddy buddy;

        table_start(&buddy, TOP_FRAMES);
        buddy_add_range(&buddy, 0, TOP_FRAMES);

        const uint32_t first = buddy_take(&buddy, order, KIND_USED, 77);

        assert_int_not_equal(first, BUDDY_NONE);
        assert_int_equal(first % (1u << order), 0);
        assert_int_equal(buddy.free_count, TOP_FRAMES - (1u << order));
        for (uint32_t i = 0; i < TOP_FRAMES; i++) {
            const bool taken = i >= first && i - first < 1u << order;

            assert_int_equal(buddy.frames[i].kind, taken ? KIND_USED : BUDDY_FREE);
            assert_int_equal(buddy.frames[i].owner, taken ? 77 : 0);
        }
        check_table(&buddy);
        /* The smallest splits leave one block of each order between. */
        for (uint32_t i = 0; i < BUDDY_ORDER_COUNT; i++) {
            assert_int_equal(list_length(&buddy, i), i >= order && i < ORDER_TOP ? 1 : 0);
        }
        buddy_give(&buddy, first, order);
        check_table(&buddy);
        assert_int_equal(list_length(&buddy, ORDER_TOP), 1);
        assert_int_equal(buddy.free_count, TOP_FRAMES);
        table_end(&buddy);
    }
}

static void test_take_refuses(void **state)
{
    struct buddy buddy;
    struct buddy before;
    struct buddy_frame frames[24];
    (void)state;

    /* 8 to 23 are free: a block of 8 and a block of 8, no buddies, nothing larger. */
    table_start(&buddy, 24);
    buddy_add_range(&buddy, 8, 16);
    before = buddy;
    memcpy(frames, buddy.frames, sizeof(frames));
    for (uint32_t order = 4; order < 40; order++) {
        assert_int_equal(buddy_take(&buddy, order, KIND_USED, 1), BUDDY_NONE);
    }
    assert_int_equal(buddy_take(&buddy, UINT32_MAX, KIND_USED, 1), BUDDY_NONE);
    assert_memory_equal(&buddy, &before, sizeof(buddy));
    assert_memory_equal(frames, buddy.frames, sizeof(frames));

    assert_int_not_equal(buddy_take(&buddy, 3, KIND_USED, 1), BUDDY_NONE);
    assert_int_not_equal(buddy_take(&buddy, 3, KIND_USED, 1), BUDDY_NONE);
    for (uint32_t order = 0; order < BUDDY_ORDER_COUNT; order++) {
        assert_int_equal(buddy_take(&buddy, order, KIND_USED, 1), BUDDY_NONE);
    }
    assert_int_equal(buddy.free_count, 0);
    check_table(&buddy);
    table_end(&buddy);
}

/* A small block that fits is taken before a large one is split. */
static void test_take_prefers_the_smallest(void **state)
{
    struct buddy buddy;
    (void)state;

    table_start(&buddy, 32);
    buddy_add_range(&buddy, 0, 16);
    buddy_add_range(&buddy, 18, 2);
    buddy_add_range(&buddy, 24, 8);
    assert_int_equal(buddy_take(&buddy, 0, KIND_USED, 1) & ~1u, 18);
    assert_int_equal(buddy_take(&buddy, 0, KIND_USED, 1) & ~1u, 18);
    assert_int_equal(buddy_take(&buddy, 2, KIND_USED, 1) & ~7u, 24);
    assert_int_equal(list_length(&buddy, 4), 1);
    check_table(&buddy);
    table_end(&buddy);
}

/* What keeps a given block from merging: each case has its buddy in another condition. */
static void test_give_does_not_merge(void **state)
{
    struct buddy buddy;
    uint32_t first, second;
    (void)state;

    /* The buddy would lie behind the end of the table. */
    table_start(&buddy, 3);
    buddy_add_range(&buddy, 2, 1);
    check_table(&buddy);
    assert_int_equal(buddy_take(&buddy, 1, KIND_USED, 1), BUDDY_NONE);
    table_end(&buddy);

    /* The buddy begins in the table, and its free part is a smaller block. */
    table_start(&buddy, 6);
    buddy_add_range(&buddy, 4, 2);
    buddy_add_range(&buddy, 0, 4);
    check_table(&buddy);
    assert_int_equal(list_length(&buddy, 2), 1);
    assert_int_equal(list_length(&buddy, 1), 1);
    table_end(&buddy);

    /* The buddy is taken, though its record still says what it said when it was free: order, and
     * links that the owner uses as it likes. */
    table_start(&buddy, 2);
    buddy_add_range(&buddy, 0, 2);
    first = buddy_take(&buddy, 0, KIND_USED, 1);
    second = buddy_take(&buddy, 0, KIND_USED, 2);
    assert_int_equal(first ^ 1, second);
    buddy.frames[first].next = 0;
    buddy.frames[first].previous = 12345;
    buddy_give(&buddy, second, 0);
    check_table(&buddy);
    assert_int_equal(buddy.free_count, 1);
    assert_int_equal(buddy.frames[first].owner, 1);
    buddy_give(&buddy, first, 0);
    check_table(&buddy);
    assert_int_equal(list_length(&buddy, 1), 1);
    table_end(&buddy);
}

/* ------------------------------------------------------------------------------------------
 * Random operations against a model
 * ------------------------------------------------------------------------------------------ */

enum { FRAMES = 3 * 1024 + 700, STEPS = 6000, BLOCKS_MAX = FRAMES };

struct block {
    uint32_t first, order, owner;
};

/* Of each frame: a hole, or free (owner 0), or taken by `owner`. */
static uint32_t model_owner[FRAMES];
static bool model_hole[FRAMES];
static struct block blocks[BLOCKS_MAX];
static uint32_t block_count;

static void check_against_model(const struct buddy *buddy)
{
    for (uint32_t i = 0; i < FRAMES; i++) {
        const uint8_t kind = model_hole[i]         ? KIND_HOLE
                             : model_owner[i] == 0 ? BUDDY_FREE
                                                   : KIND_USED;

        assert_int_equal(buddy->frames[i].kind, kind);
        assert_int_equal(buddy->frames[i].owner, model_owner[i]);
    }
}

/** Whether the model has a free aligned block of that order. Slow, and sure. */
static bool model_has_block(uint32_t order)
{
    const uint32_t size = order < BUDDY_ORDER_COUNT ? 1u << order : UINT32_MAX;

    for (uint32_t first = 0; first < FRAMES && size <= FRAMES - first; first += size) {
        uint32_t i = first;

        while (i < first + size && !model_hole[i] && model_owner[i] == 0) {
            i++;
        }
        if (i == first + size) {
            return true;
        }
    }
    return false;
}

static void step_take(struct buddy *buddy, uint32_t owner)
{
    /* Small ones more often, impossible ones now and then. */
    const uint32_t order = random_below(random_below(BUDDY_ORDER_COUNT + 1) + 1);
    const bool possible = model_has_block(order);
    const uint32_t first = buddy_take(buddy, order, KIND_USED, owner);

    assert_int_equal(first != BUDDY_NONE, possible);
    if (!possible) {
        return;
    }
    assert_int_equal(first % (1u << order), 0);
    assert_true(first + (1u << order) <= FRAMES);
    for (uint32_t i = first; i < first + (1u << order); i++) {
        assert_false(model_hole[i]);
        assert_int_equal(model_owner[i], 0); /* overlaps nobody's */
        model_owner[i] = owner;
        /* The owner's to use. */
        buddy->frames[i].next = (uint32_t)random_next();
        buddy->frames[i].previous = (uint32_t)random_next();
    }
    blocks[block_count++] = (struct block){first, order, owner};
}

static void step_give(struct buddy *buddy)
{
    const uint32_t which = random_below(block_count);
    const struct block block = blocks[which];

    for (uint32_t i = block.first; i < block.first + (1u << block.order); i++) {
        assert_int_equal(model_owner[i], block.owner);
        model_owner[i] = 0;
    }
    buddy_give(buddy, block.first, block.order);
    blocks[which] = blocks[--block_count];
}

/** Usable memory in a few pieces with holes between, as firmware reports it. */
static void add_memory(struct buddy *buddy)
{
    uint32_t at = random_below(20);

    memset(model_owner, 0, sizeof(model_owner));
    memset(model_hole, 1, sizeof(model_hole));
    while (at < FRAMES) {
        const uint32_t length = 1 + random_below(random_below(2) == 0 ? 3000 : 40);
        const uint32_t count = length < FRAMES - at ? length : FRAMES - at;

        buddy_add_range(buddy, at, count);
        memset(&model_hole[at], 0, count);
        at += count + 1 + random_below(30);
    }
}

static void test_random(void **state)
{
    (void)state;
    random_seed();
    for (uint32_t round = 0; round < 3; round++) {
        struct buddy buddy;
        uint32_t free_before;
        uint32_t lists_before[BUDDY_ORDER_COUNT];

        table_start(&buddy, FRAMES);
        add_memory(&buddy);
        free_before = buddy.free_count;
        for (uint32_t order = 0; order < BUDDY_ORDER_COUNT; order++) {
            lists_before[order] = list_length(&buddy, order);
        }
        for (uint32_t n = 0; n < STEPS / 3; n++) {
            /* Fills up for a while, then empties for a while. */
            const uint32_t takes_of_eight = n / 250 % 2 == 0 ? 6 : 2;

            if (block_count == 0 || random_below(8) < takes_of_eight) {
                step_take(&buddy, n + 1);
            } else {
                step_give(&buddy);
            }
            check_table(&buddy);
            check_against_model(&buddy);
        }
        /* All back: the blocks are those of the beginning, whatever the order of gives. */
        while (block_count > 0) {
            step_give(&buddy);
        }
        check_table(&buddy);
        assert_int_equal(buddy.free_count, free_before);
        for (uint32_t order = 0; order < BUDDY_ORDER_COUNT; order++) {
            assert_int_equal(list_length(&buddy, order), lists_before[order]);
        }
        table_end(&buddy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_add_range),
        cmocka_unit_test(test_add_range_merges),
        cmocka_unit_test(test_take_splits_and_give_merges),
        cmocka_unit_test(test_take_refuses),
        cmocka_unit_test(test_take_prefers_the_smallest),
        cmocka_unit_test(test_give_does_not_merge),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
