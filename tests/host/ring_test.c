/* SPDX-License-Identifier: MIT */

/*
 * lib/ring in one thread: both sides' results, one by one and at the wrap of the indices, every
 * impossible index, and random operations of both sides against a naive model. The seed is
 * printed; CAPOS_SEED repeats a run. What two CPUs can do to each other is in tests/explore.
 */

#include "ring/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

struct fixture {
    struct ring_memory *memory;
    struct ring_kernel kernel;
    struct ring_user user;
};

/* Empty queues whose next indices are `sq` and `cq`. */
static void start(struct fixture *f, uint32_t sq, uint32_t cq)
{
    f->memory = aligned_alloc(RING_PAGE_BYTES, sizeof(struct ring_memory));
    assert_non_null(f->memory);
    memset(f->memory, 0, sizeof(*f->memory));
    ring_kernel_init(&f->kernel, f->memory);
    ring_user_init(&f->user, f->memory);
    f->kernel.sq_head = sq;
    f->kernel.cq_tail = cq;
    f->kernel.cq_head_seen = cq;
    f->user.sq_tail = sq;
    f->user.sq_published = sq;
    f->user.sq_head_seen = sq;
    f->user.cq_head = cq;
    f->user.cq_tail_seen = cq;
    f->memory->header.sq_head = sq;
    f->memory->header.sq_tail = sq;
    f->memory->header.cq_head = cq;
    f->memory->header.cq_tail = cq;
}

static void end(struct fixture *f)
{
    free(f->memory);
}

static const uint32_t interesting[] = {0,           1,           63,          64,
                                       0xffffffc0u, 0xffffffc1u, 0xffffffffu, 0x7fffffe0u};

#define INTERESTING (sizeof(interesting) / sizeof(interesting[0]))

/* ------------------------------------------------------------------------------------------
 * Submission
 * ------------------------------------------------------------------------------------------ */

static void test_submission_fill_and_drain(void **state)
{
    (void)state;
    for (size_t i = 0; i < INTERESTING; i++) {
        struct fixture f;
        struct ring_sqe taken;

        start(&f, interesting[i], 5);
        assert_int_equal(ring_kernel_pending(&f.kernel), 0);
        for (uint32_t n = 0; n < RING_DEPTH; n++) {
            struct ring_sqe *sqe = ring_user_next_sqe(&f.user);

            assert_non_null(sqe);
            *sqe = (struct ring_sqe){.user_data = n, .payload = {[3] = ~(uint64_t)n}};
        }
        assert_null(ring_user_next_sqe(&f.user));
        assert_int_equal(ring_kernel_pending(&f.kernel), 0); /* not published */
        assert_int_equal(ring_user_publish(&f.user), RING_DEPTH);
        assert_int_equal(ring_user_publish(&f.user), 0);
        for (uint32_t n = 0; n < RING_DEPTH; n++) {
            assert_int_equal(ring_kernel_pending(&f.kernel), RING_DEPTH - n);
            ring_kernel_take(&f.kernel, &taken);
            assert_int_equal(taken.user_data, n);
            assert_int_equal(taken.payload[3], ~(uint64_t)n);
        }
        assert_int_equal(ring_kernel_pending(&f.kernel), 0);
        assert_null(ring_user_next_sqe(&f.user)); /* not told yet */
        ring_kernel_publish_sq(&f.kernel);
        assert_non_null(ring_user_next_sqe(&f.user));
        assert_false(f.kernel.poisoned);
        end(&f);
    }
}

static void test_take_copies(void **state)
{
    struct fixture f;
    struct ring_sqe *sqe;
    struct ring_sqe taken;
    struct ring_sqe expected;
    (void)state;

    start(&f, 0, 0);
    sqe = ring_user_next_sqe(&f.user);
    assert_non_null(sqe);
    for (size_t i = 0; i < sizeof(*sqe); i++) {
        ((uint8_t *)sqe)[i] = (uint8_t)(i * 7 + 1);
    }
    expected = *sqe;
    assert_int_equal(ring_user_publish(&f.user), 1);
    ring_kernel_take(&f.kernel, &taken);
    memset(sqe, 0xff, sizeof(*sqe)); /* too late */
    assert_memory_equal(&taken, &expected, sizeof(taken));
    end(&f);
}

static void test_impossible_sq_tail(void **state)
{
    static const uint32_t distances[] = {RING_DEPTH + 1, RING_DEPTH + 2, 0x7fffffffu, 0x80000000u,
                                         0xffffffffu};
    (void)state;

    for (size_t i = 0; i < INTERESTING; i++) {
        for (size_t k = 0; k < sizeof(distances) / sizeof(distances[0]); k++) {
            struct fixture f;

            start(&f, interesting[i], 0);
            f.memory->header.sq_tail = interesting[i] + distances[k];
            assert_int_equal(ring_kernel_pending(&f.kernel), 0);
            assert_true(f.kernel.poisoned);
            f.memory->header.sq_tail = interesting[i];
            assert_int_equal(ring_kernel_pending(&f.kernel), 0);
            assert_true(f.kernel.poisoned);
            end(&f);
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * Completion
 * ------------------------------------------------------------------------------------------ */

static void post(struct fixture *f, uint64_t user_data)
{
    struct ring_cqe *cqe = ring_kernel_next_cqe(&f->kernel);

    cqe->user_data = user_data;
    cqe->payload[3] = ~user_data;
    ring_kernel_post(&f->kernel);
}

static void test_completion_fill_and_drain(void **state)
{
    (void)state;
    for (size_t i = 0; i < INTERESTING; i++) {
        struct fixture f;

        start(&f, 9, interesting[i]);
        assert_null(ring_user_peek(&f.user));
        for (uint32_t n = 0; n < RING_DEPTH; n++) {
            assert_true(ring_kernel_reserve(&f.kernel));
        }
        assert_false(ring_kernel_reserve(&f.kernel));
        ring_kernel_unreserve(&f.kernel);
        assert_true(ring_kernel_reserve(&f.kernel));
        for (uint32_t n = 0; n < RING_DEPTH; n++) {
            post(&f, n);
            assert_false(ring_kernel_reserve(&f.kernel)); /* posted, but unread */
            assert_int_equal(ring_kernel_unread(&f.kernel), n + 1);
            assert_int_equal(ring_user_unread(&f.user), n + 1);
        }
        assert_int_equal(f.kernel.reserved, 0);
        for (uint32_t n = 0; n < RING_DEPTH; n++) {
            const struct ring_cqe *cqe = ring_user_peek(&f.user);

            assert_non_null(cqe);
            assert_int_equal(cqe->user_data, n);
            assert_int_equal(cqe->payload[3], ~(uint64_t)n);
            assert_false(ring_kernel_reserve(&f.kernel));
            ring_user_consume(&f.user);
            assert_true(ring_kernel_reserve(&f.kernel));
        }
        assert_null(ring_user_peek(&f.user));
        assert_false(f.kernel.poisoned);
        end(&f);
    }
}

static void test_impossible_cq_head(void **state)
{
    (void)state;
    for (size_t i = 0; i < INTERESTING; i++) {
        /* Three unread: an honest head is at 0 to 3. */
        static const struct {
            uint32_t head;
            bool honest;
        } cases[] = {{0, true},
                     {3, true},
                     {4, false},
                     {5, false},
                     {0x80000000u, false},
                     {0u - (RING_DEPTH - 2), false},
                     {0u - (RING_DEPTH - 3), true}};

        for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
            struct fixture f;

            start(&f, 0, interesting[i]);
            for (uint32_t n = 0; n < 3; n++) {
                assert_true(ring_kernel_reserve(&f.kernel));
                post(&f, n);
            }
            f.memory->header.cq_head = interesting[i] + cases[k].head;
            (void)ring_kernel_unread(&f.kernel);
            assert_int_equal(f.kernel.poisoned, !cases[k].honest);
            if (!cases[k].honest) {
                assert_int_equal(ring_kernel_unread(&f.kernel), 0);
                assert_int_equal(f.kernel.cq_head_seen, interesting[i]);
                f.memory->header.cq_head = interesting[i];
                (void)ring_kernel_unread(&f.kernel);
                assert_true(f.kernel.poisoned);
            }
            end(&f);
        }
    }
}

/* The head is looked at only when the queue seems full; then an impossible one refuses. */
static void test_reserve_finds_impossible_head(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 0, 0);
    for (uint32_t n = 0; n < RING_DEPTH; n++) {
        assert_true(ring_kernel_reserve(&f.kernel));
        post(&f, n);
    }
    f.memory->header.cq_head = RING_DEPTH + 1;
    assert_false(ring_kernel_reserve(&f.kernel));
    assert_true(f.kernel.poisoned);
    assert_int_equal(f.kernel.reserved, 0);
    end(&f);
}

/*
 * Room is what neither unread nor promised completions need, and never more than that, also for a
 * thread that takes its index back: every promise and every read is tried with every index.
 */
static void test_room(void **state)
{
    (void)state;
    for (uint32_t promised = 0; promised <= RING_DEPTH; promised++) {
        for (uint32_t posted = 0; posted <= RING_DEPTH - promised; posted++) {
            for (uint32_t unread = 0; unread <= RING_DEPTH + 1; unread++) {
                struct ring_kernel kernel;
                static struct ring_memory memory;
                const bool full = promised + posted >= RING_DEPTH;
                uint32_t room;

                ring_kernel_init(&kernel, &memory);
                kernel.reserved = promised;
                kernel.cq_tail = 7;
                kernel.cq_head_seen = 7u - posted;
                memory.header.cq_head = 7u - unread;
                room = ring_kernel_room(&kernel);
                if (!full) {
                    assert_int_equal(room, RING_DEPTH - promised - posted); /* did not look */
                } else if (promised + unread >= RING_DEPTH) {
                    assert_int_equal(room, 0);
                } else {
                    assert_int_equal(room, RING_DEPTH - promised - unread);
                }
                assert_int_equal(kernel.poisoned, full && unread > RING_DEPTH);

                /* Somebody else looked, and believed it: still no more room than there is. */
                if (!kernel.poisoned && unread <= RING_DEPTH) {
                    (void)ring_kernel_unread(&kernel);
                    room = ring_kernel_room(&kernel);
                    assert_true(room <= RING_DEPTH &&
                                (room == 0 || room + promised + unread <= RING_DEPTH));
                    assert_int_equal(ring_kernel_reserve(&kernel), room != 0);
                }
            }
        }
    }
}

static void test_broken_kernel(void **state)
{
    struct fixture f;
    (void)state;

    start(&f, 0, 0);
    f.memory->header.cq_tail = RING_DEPTH + 1;
    assert_true(ring_user_unread(&f.user) > RING_DEPTH);
    assert_null(ring_user_peek(&f.user));
    f.memory->header.cq_tail = 0xffffffffu;
    assert_null(ring_user_peek(&f.user));
    /* The kernel's index is looked at only when the queue seems full. */
    for (uint32_t n = 0; n < RING_DEPTH; n++) {
        assert_non_null(ring_user_next_sqe(&f.user));
    }
    f.memory->header.sq_head = RING_DEPTH + 1; /* beyond the tail */
    assert_null(ring_user_next_sqe(&f.user));
    f.memory->header.sq_head = 0u - 1;
    assert_null(ring_user_next_sqe(&f.user));
    f.memory->header.sq_head = 1;
    assert_non_null(ring_user_next_sqe(&f.user));
    assert_null(ring_user_next_sqe(&f.user));
    end(&f);
}

/* The first word of an entry: the layout that the kernel and the schema's numbers agree on. */
static void test_heads(void **state)
{
    struct ring_sqe sqe = {.operation = 0x11,
                           .flags = 0x22,
                           .method = 0x3344,
                           .transfer_count = 0x5566,
                           .reserved = 0x7788,
                           .user_data = UINT64_MAX};
    struct ring_cqe cqe;
    (void)state;

    assert_int_equal(ring_sqe_head(&sqe), 0x7788556633442211u);
    memset(&cqe, 0xff, sizeof(cqe));
    ring_cqe_set_head(&cqe, 1, 2, 3, 4, 0xabcd);
    assert_int_equal(cqe.status, 1);
    assert_int_equal(cqe.exception, 2);
    assert_int_equal(cqe.flags, 3);
    assert_int_equal(cqe.transfer_count, 4);
    assert_int_equal(cqe.method, 0xabcd);
    assert_int_equal(cqe.reserved, 0);
    assert_int_equal(cqe.user_data, UINT64_MAX);
}

/* ------------------------------------------------------------------------------------------
 * Random operations against a naive model: counters that only grow
 * ------------------------------------------------------------------------------------------ */

struct model {
    uint64_t written;
    uint64_t submitted;
    uint64_t taken;
    uint64_t told; /* how much of `taken` the thread knows */
    uint64_t reserved;
    uint64_t posted;
    uint64_t consumed;
};

static void random_step(struct fixture *f, struct model *m)
{
    switch (random_next() % 9) {
    case 0:
    case 1: {
        struct ring_sqe *sqe = ring_user_next_sqe(&f->user);

        assert_int_equal(sqe != NULL, m->written - m->told < RING_DEPTH);
        if (sqe != NULL) {
            *sqe = (struct ring_sqe){.user_data = m->written++};
        }
        break;
    }
    case 2:
        assert_int_equal(ring_user_publish(&f->user), m->written - m->submitted);
        m->submitted = m->written;
        break;
    case 3:
    case 4: {
        struct ring_sqe sqe;

        assert_int_equal(ring_kernel_pending(&f->kernel), m->submitted - m->taken);
        if (m->submitted != m->taken) {
            ring_kernel_take(&f->kernel, &sqe);
            assert_int_equal(sqe.user_data, m->taken);
            m->taken++;
        }
        break;
    }
    case 5:
        ring_kernel_publish_sq(&f->kernel);
        m->told = m->taken;
        break;
    case 6: {
        const bool room = m->posted - m->consumed + m->reserved < RING_DEPTH;

        assert_int_equal(ring_kernel_reserve(&f->kernel), room);
        m->reserved += room;
        break;
    }
    case 7:
        if (m->reserved != 0 && random_next() % 8 == 0) {
            ring_kernel_unreserve(&f->kernel);
            m->reserved--;
        } else if (m->reserved != 0) {
            post(f, m->posted);
            m->reserved--;
            m->posted++;
        }
        break;
    default: {
        const struct ring_cqe *cqe = ring_user_peek(&f->user);

        assert_int_equal(cqe != NULL, m->posted != m->consumed);
        if (cqe != NULL) {
            assert_int_equal(cqe->user_data, m->consumed);
            assert_int_equal(cqe->payload[3], ~m->consumed);
            ring_user_consume(&f->user);
            m->consumed++;
        }
        break;
    }
    }
    assert_int_equal(f->kernel.reserved, m->reserved);
    assert_false(f->kernel.poisoned);
}

static void test_random(void **state)
{
    (void)state;
    random_seed();
    for (uint32_t run = 0; run < 100; run++) {
        struct fixture f;
        struct model model = {0};

        start(&f, 0u - (uint32_t)(random_next() % 300), 0u - (uint32_t)(random_next() % 300));
        for (uint32_t i = 0; i < 4000; i++) {
            random_step(&f, &model);
        }
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_submission_fill_and_drain),
        cmocka_unit_test(test_take_copies),
        cmocka_unit_test(test_impossible_sq_tail),
        cmocka_unit_test(test_completion_fill_and_drain),
        cmocka_unit_test(test_impossible_cq_head),
        cmocka_unit_test(test_reserve_finds_impossible_head),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_broken_kernel),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
