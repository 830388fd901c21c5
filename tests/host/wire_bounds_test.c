/* SPDX-License-Identifier: MIT */

/*
 * The reader's bounds: what a message may cost, memory that changes under it, and what is read
 * beyond the end of a struct, a list or an element.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire_pointer.h"
#include "wire_walk.h"

/* ------------------------------------------------------------------------------------------
 * Limits
 * ------------------------------------------------------------------------------------------ */

/** `as` may be read with `words_left` words in the account, and not with one less. */
static void check_cost(const struct read_case *c, uint64_t words_left)
{
    struct fixture fixture;
    uint32_t segment_count = 0;
    uint64_t count = 0;
    uint64_t first = 0;

    while (segment_count < MAX_SEGMENTS && c->sizes[segment_count] != 0) {
        segment_count++;
    }
    fixture_init(&fixture, c->words, c->sizes, segment_count);
    fixture.message.words_left = words_left;
    assert_int_equal(read_one(c, fixture_pointer(&fixture), &count, &first), WIRE_OK);
    assert_int_equal(fixture.message.words_left, 0);
    fixture.message.words_left = words_left - 1;
    assert_int_equal(read_one(c, fixture_pointer(&fixture), &count, &first), WIRE_TRAVERSAL_LIMIT);
    assert_int_equal(fixture.message.fault.error, WIRE_TRAVERSAL_LIMIT);
    fixture_fini(&fixture);
}

static void test_traversal_limit(void **state)
{
    static const struct {
        uint64_t cost;
        struct read_case c;
    } cases[] = {
        {3, {"struct", AS_STRUCT, 0, {4}, {STRUCT(0, 2, 1), 5, 6, 0}, OK(0, 0)}},
        {2, {"list", AS_LIST, TWO, {3}, {LIST(0, TWO, 5), 5, 6}, OK(0, 0)}},
        {2, {"text", AS_TEXT, 0, {3}, {LIST(0, BYTE, 9), 5, 0}, OK(0, 0)}},
        {2, {"data", AS_DATA, 0, {3}, {LIST(0, BYTE, 9), 5, 6}, OK(0, 0)}},
        {3,
         {"structs", AS_LIST, STRUCTS, {4}, {LIST(0, STRUCTS, 2), TAG(2, 1, 0), 5, 6}, OK(0, 0)}},
        {0x1fffffff, {"void", AS_LIST, VOID, {1}, {LIST(0, VOID, 0x1fffffff)}, OK(0, 0)}},
        {0x3fffffff + 1,
         {"empty", AS_LIST, STRUCTS, {2}, {LIST(0, STRUCTS, 0), TAG(0x3fffffff, 0, 0)}, OK(0, 0)}},
        {2, {"far", AS_STRUCT, 0, {1, 2}, {FAR(1, 0), STRUCT(0, 1, 0), 5}, OK(0, 0)}},
        {3,
         {"double far",
          AS_STRUCT,
          0,
          {1, 2, 1},
          {FAR2(1, 0), FAR(2, 0), STRUCT(0, 1, 0), 5},
          OK(0, 0)}},
        {1, {"far capability", AS_CAPABILITY, 0, {1, 1}, {FAR(1, 0), CAPABILITY(3)}, OK(0, 0)}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        check_cost(&cases[i].c, cases[i].cost);
    }
}

/** A chain of structs, each pointing to the next, and the list or struct at its end. */
static void test_nesting_limit(void **state)
{
    uint64_t words[] = {STRUCT(0, 0, 1), STRUCT(0, 0, 1), LIST(-1, EIGHT, 0)};
    const uint32_t size = ARRAY_COUNT(words);
    struct fixture fixture;
    struct wire_struct s;
    struct wire_list list;

    (void)state;
    fixture_init(&fixture, words, &size, 1);
    for (uint16_t depth = 0; depth <= 3; depth++) {
        struct wire_pointer pointer = fixture_pointer(&fixture);
        uint32_t level = 0;

        pointer.depth_left = depth;
        while (level < 2 && wire_read_struct(pointer, &s) == WIRE_OK) {
            pointer = wire_pointer_at(&s, 0);
            level++;
        }
        assert_int_equal(level, depth < 2 ? depth : 2);
        if (level == 2) {
            assert_int_equal(wire_read_list(pointer, WIRE_ELEMENT_EIGHT_BYTES, &list),
                             depth == 2 ? WIRE_NESTING_LIMIT : WIRE_OK);
        }
        assert_int_equal(fixture.message.fault.error, depth == 3 ? WIRE_OK : WIRE_NESTING_LIMIT);
        fixture.message.fault.error = WIRE_OK;
    }
    fixture_fini(&fixture);
}

/** A struct that contains itself ends at the nesting limit. */
static void test_cycle(void **state)
{
    const uint64_t words[] = {STRUCT(-1, 0, 1)};
    uint64_t *copy = malloc(sizeof(words));
    struct wire_message message;
    struct wire_struct s;
    uint32_t depth = 0;

    (void)state;
    memcpy(copy, words, sizeof(words));
    assert_int_equal(wire_message_init_flat(&message, copy, sizeof(words)), WIRE_OK);
    message.words_left = 1000;
    enum wire_error error = wire_read_root(&message, &s);

    while (error == WIRE_OK) {
        depth++;
        error = wire_read_struct(wire_pointer_at(&s, 0), &s);
    }
    assert_int_equal(error, WIRE_NESTING_LIMIT);
    assert_int_equal(depth, WIRE_NESTING_DEFAULT);

    /* With the default limits a cycle cannot even cost that much. */
    assert_int_equal(wire_message_init_flat(&message, copy, sizeof(words)), WIRE_OK);
    for (error = wire_read_root(&message, &s); error == WIRE_OK;) {
        error = wire_read_struct(wire_pointer_at(&s, 0), &s);
    }
    assert_int_equal(error, WIRE_TRAVERSAL_LIMIT);
    free(copy);
}

/** A list that contains itself does, too. */
static void test_cycle_of_lists(void **state)
{
    const uint64_t words[] = {LIST(0, POINTER, 1), LIST(-1, POINTER, 1)};
    const uint32_t size = ARRAY_COUNT(words);
    struct fixture fixture;
    struct wire_list list;
    uint32_t depth = 0;

    (void)state;
    fixture_init(&fixture, words, &size, 1);
    enum wire_error error = wire_read_list(fixture_pointer(&fixture), WIRE_ELEMENT_POINTER, &list);

    while (error == WIRE_OK) {
        depth++;
        error = wire_list_get_list(&list, 0, WIRE_ELEMENT_POINTER, &list);
    }
    assert_int_equal(error, WIRE_NESTING_LIMIT);
    assert_int_equal(depth, fixture.message.depth_left);
    fixture_fini(&fixture);
}

/* ------------------------------------------------------------------------------------------
 * A message that changes while it is read
 * ------------------------------------------------------------------------------------------ */

/** One word that another thread keeps changing between something good and something bad. */
struct changing {
    uint64_t *word;
    uint64_t good;
    uint64_t bad;
    bool stop;
};

static void *change_word(void *argument)
{
    struct changing *changing = argument;

    while (!__atomic_load_n(&changing->stop, __ATOMIC_RELAXED)) {
        __atomic_store_n(changing->word, changing->bad, __ATOMIC_RELAXED);
        __atomic_store_n(changing->word, changing->good, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void read_changing_message(const uint64_t *words, size_t length)
{
    for (uint32_t i = 0; i < 20000; i++) {
        struct wire_message message;
        struct walk walk = {.fuel = 100};
        struct wire_struct root;

        assert_int_equal(wire_message_init_flat(&message, words, length), WIRE_OK);
        if (wire_read_root(&message, &root) == WIRE_OK) {
            walk_struct(&walk, &root);
        }
    }
}

/** Whatever the reader hands out is inside the message, because it loads each word once. */
static void test_changing_memory(void **state)
{
    static const uint64_t good[] = {
        STRUCT(0, 0, 2), LIST(1, STRUCTS, 2), LIST(2, BYTE, 8), TAG(2, 1, 0), 5, 0,
    };
    static const uint64_t bad[] = {
        STRUCT(0, 9, 9), LIST(1, STRUCTS, 90), LIST(2, BYTE, 800), TAG(90, 9, 9), 6, UINT64_MAX,
    };
    uint64_t *words = malloc(sizeof(good));

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(good); i++) {
        struct changing changing = {.word = words + i, .good = good[i], .bad = bad[i]};
        pthread_t thread;

        memcpy(words, good, sizeof(good));
        assert_int_equal(pthread_create(&thread, NULL, change_word, &changing), 0);
        read_changing_message(words, sizeof(good));
        __atomic_store_n(&changing.stop, true, __ATOMIC_RELAXED);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    free(words);
}

/* ------------------------------------------------------------------------------------------
 * Elements and fields beyond the end
 * ------------------------------------------------------------------------------------------ */

static void test_fields_beyond_the_end(void **state)
{
    const uint64_t words[] = {UINT64_MAX};
    const struct wire_struct s = wire_struct_inline(words, 1);
    struct wire_bytes text;

    (void)state;
    assert_int_equal(wire_get_u8(&s, 7), 0xff);
    assert_int_equal(wire_get_u8(&s, 8), 0);
    assert_int_equal(wire_get_u16(&s, 6), 0xffff);
    assert_int_equal(wire_get_u16(&s, 8), 0);
    assert_int_equal(wire_get_u32(&s, 4), 0xffffffff);
    assert_int_equal(wire_get_u32(&s, 8), 0);
    assert_int_equal(wire_get_u64(&s, 0), UINT64_MAX);
    assert_int_equal(wire_get_u64(&s, 8), 0);
    assert_true(wire_get_bit(&s, 63));
    assert_false(wire_get_bit(&s, 64));
    assert_true(wire_pointer_is_null(wire_pointer_at(&s, 0)));
    assert_int_equal(wire_read_text(wire_pointer_at(&s, 0), &text), WIRE_OK);
    assert_int_equal(text.length, 0);
    assert_int_equal(text.bytes[0], 0);
}

static void test_elements_beyond_the_end(void **state)
{
    static const struct read_case lists[] = {
        {"bits", AS_LIST, BIT, {2}, {LIST(0, BIT, 3), UINT64_MAX}, OK(3, 1)},
        {"bytes", AS_LIST, BYTE, {2}, {LIST(0, BYTE, 8), UINT64_MAX}, OK(8, 1)},
        {"twos", AS_LIST, TWO, {2}, {LIST(0, TWO, 4), UINT64_MAX}, OK(4, 1)},
        {"fours", AS_LIST, FOUR, {2}, {LIST(0, FOUR, 2), UINT64_MAX}, OK(2, 1)},
        {"words", AS_LIST, EIGHT, {2}, {LIST(0, EIGHT, 1), UINT64_MAX}, OK(1, 1)},
        {"pointers", AS_LIST, POINTER, {2}, {LIST(0, POINTER, 1), STRUCT(-1, 0, 0)}, OK(1, 0)},
        {"structs",
         AS_LIST,
         STRUCTS,
         {3},
         {LIST(0, STRUCTS, 1), TAG(1, 1, 0), UINT64_MAX},
         OK(1, 1)},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        struct fixture fixture;
        struct wire_list list = {0};
        struct wire_list inner;
        struct wire_struct s;
        struct wire_bytes bytes;
        uint32_t capability;

        fixture_init(&fixture, lists[i].words, lists[i].sizes, 1);
        assert_int_equal(
            wire_read_list(fixture_pointer(&fixture), (enum wire_element)lists[i].element, &list),
            WIRE_OK);
        const uint32_t end = list.count;

        for (uint32_t index = end; index != end + 3; index = index == end ? UINT32_MAX : end + 3) {
            assert_int_equal(wire_list_get_bit(&list, index), 0);
            assert_int_equal(wire_list_get_u8(&list, index), 0);
            assert_int_equal(wire_list_get_u16(&list, index), 0);
            assert_int_equal(wire_list_get_u32(&list, index), 0);
            assert_int_equal(wire_list_get_u64(&list, index), 0);
            assert_int_equal(wire_list_get_struct(&list, index, &s), WIRE_BAD_INDEX);
            assert_int_equal(wire_list_get_text(&list, index, &bytes), WIRE_BAD_INDEX);
            assert_int_equal(wire_list_get_data(&list, index, &bytes), WIRE_BAD_INDEX);
            assert_int_equal(wire_list_get_list(&list, index, WIRE_ELEMENT_BYTE, &inner),
                             WIRE_BAD_INDEX);
            assert_int_equal(wire_list_get_capability(&list, index, &capability), WIRE_BAD_INDEX);
            assert_true(wire_pointer_is_null(wire_list_pointer_at(&list, index)));
        }
        fixture_fini(&fixture);
    }
}

/** An element read wider than it is gives zero, never its neighbour. */
static void test_narrow_elements(void **state)
{
    const uint64_t words[] = {LIST(0, BYTE, 8), UINT64_MAX};
    const uint32_t size = ARRAY_COUNT(words);
    struct fixture fixture;
    struct wire_list list;
    struct wire_struct s;

    (void)state;
    fixture_init(&fixture, words, &size, 1);
    assert_int_equal(wire_read_list(fixture_pointer(&fixture), WIRE_ELEMENT_STRUCT, &list),
                     WIRE_OK);
    assert_int_equal(wire_list_get_u8(&list, 7), 0xff);
    assert_int_equal(wire_list_get_u16(&list, 0), 0);
    assert_int_equal(wire_list_get_u32(&list, 0), 0);
    assert_int_equal(wire_list_get_u64(&list, 0), 0);
    assert_false(wire_list_get_bit(&list, 0));
    assert_int_equal(wire_list_get_struct(&list, 7, &s), WIRE_OK);
    assert_int_equal(wire_get_u8(&s, 0), 0xff);
    assert_int_equal(wire_get_u16(&s, 0), 0);
    assert_int_equal(wire_get_u32(&s, 0), 0);
    assert_int_equal(wire_get_u64(&s, 0), 0);
    assert_int_equal(s.pointer_count, 0);
    assert_true(wire_pointer_is_null(wire_list_pointer_at(&list, 7)));
    fixture_fini(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traversal_limit),
        cmocka_unit_test(test_nesting_limit),
        cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_cycle_of_lists),
        cmocka_unit_test(test_changing_memory),
        cmocka_unit_test(test_fields_beyond_the_end),
        cmocka_unit_test(test_elements_beyond_the_end),
        cmocka_unit_test(test_narrow_elements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
