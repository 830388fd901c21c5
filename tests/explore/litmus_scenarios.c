/* SPDX-License-Identifier: MIT */

/*
 * Litmus tests of the explorer itself: does its machine show every outcome that x86-TSO allows,
 * and no other? (Intel SDM vol. 3A, 9.2; Owens, Sarkar, Sewell: "A better x86 memory model:
 * x86-TSO", 2009.) A machine that cannot reorder a store and a later load would find no missing
 * fence; these would fail first.
 */

#include "base/atomic.h"

#include "explore.h"

#define FENCES (explore_scenario->parameter[0] != 0)

static uint32_t x;
static uint32_t y;
static uint32_t plain;
static uint32_t seen[4];

static void litmus_memory(void)
{
    x = 0;
    y = 0;
    plain = 0;
    for (uint32_t i = 0; i < 4; i++) {
        seen[i] = 0;
    }
    explore_memory("x", &x, sizeof(x), EXPLORE_ATOMIC);
    explore_memory("y", &y, sizeof(y), EXPLORE_ATOMIC);
    explore_memory("plain", &plain, sizeof(plain), EXPLORE_DATA);
    explore_memory("seen", seen, sizeof(seen), EXPLORE_RECORD);
}

static void fence(void)
{
    if (FENCES) {
        atomic_fence_seq_cst();
    }
}

/* Store buffering: without fences both may miss the other's store. */
static void sb_0(void)
{
    atomic_store_relaxed_u32(&x, 1);
    fence();
    seen[0] = atomic_load_relaxed_u32(&y);
}

static void sb_1(void)
{
    atomic_store_relaxed_u32(&y, 1);
    fence();
    seen[1] = atomic_load_relaxed_u32(&x);
}

static void sb_setup(void)
{
    litmus_memory();
    explore_thread("left", sb_0, false);
    explore_thread("right", sb_1, false);
}

/* Message passing: who sees the second store sees the first. */
static void mp_0(void)
{
    atomic_store_relaxed_u32(&x, 1);
    atomic_store_relaxed_u32(&y, 1);
}

static void mp_1(void)
{
    seen[0] = atomic_load_relaxed_u32(&y);
    seen[1] = atomic_load_relaxed_u32(&x);
}

static void mp_setup(void)
{
    litmus_memory();
    explore_thread("sender", mp_0, false);
    explore_thread("receiver", mp_1, false);
}

/* A thread sees its own store before anybody else does, and two stores of one place in order. */
static void forward_0(void)
{
    atomic_store_relaxed_u32(&x, 1);
    atomic_store_relaxed_u32(&x, 2);
    seen[0] = atomic_load_relaxed_u32(&x);
    seen[1] = atomic_load_relaxed_u32(&y);
}

static void forward_1(void)
{
    atomic_store_relaxed_u32(&y, 1);
    seen[2] = atomic_load_relaxed_u32(&y);
    seen[3] = atomic_load_relaxed_u32(&x);
}

static void forward_setup(void)
{
    litmus_memory();
    explore_thread("left", forward_0, false);
    explore_thread("right", forward_1, false);
}

/* Independent reads of independent writes: all see the stores in one order. */
static void iriw_x(void)
{
    atomic_store_relaxed_u32(&x, 1);
}

static void iriw_y(void)
{
    atomic_store_relaxed_u32(&y, 1);
}

static void iriw_xy(void)
{
    seen[0] = atomic_load_relaxed_u32(&x);
    seen[1] = atomic_load_relaxed_u32(&y);
}

static void iriw_yx(void)
{
    seen[2] = atomic_load_relaxed_u32(&y);
    seen[3] = atomic_load_relaxed_u32(&x);
}

static void iriw_setup(void)
{
    litmus_memory();
    explore_thread("writes x", iriw_x, false);
    explore_thread("writes y", iriw_y, false);
    explore_thread("reads x y", iriw_xy, false);
    explore_thread("reads y x", iriw_yx, false);
}

/* Plain memory handed over by relaxed accesses and two fences is no race. */
static void handover_0(void)
{
    plain = 7;
    atomic_fence_seq_cst();
    atomic_store_relaxed_u32(&x, 1);
}

static void handover_1(void)
{
    if (atomic_load_relaxed_u32(&x) == 1) {
        atomic_fence_seq_cst();
        seen[0] = plain;
    }
}

static void handover_setup(void)
{
    litmus_memory();
    explore_thread("sender", handover_0, false);
    explore_thread("receiver", handover_1, false);
}

static void litmus_finish(void)
{
    EXPLORE_CHECK(explore_done(0) && explore_done(1), "stuck");
}

#define LITMUS(name, setup, fences, outcomes)                                                      \
    {                                                                                              \
        name, "x86-TSO allows so many outcomes, no more and no fewer", false, setup,               \
            litmus_finish, {fences}, outcomes                                                      \
    }

const struct explore_scenario litmus_scenarios[] = {
    LITMUS("litmus-store-buffering", sb_setup, 0, 4),
    LITMUS("litmus-store-buffering-fence", sb_setup, 1, 3),
    LITMUS("litmus-message-passing", mp_setup, 0, 3),
    LITMUS("litmus-forwarding", forward_setup, 0, 6),
    LITMUS("litmus-independent-reads", iriw_setup, 0, 15),
    LITMUS("litmus-handover", handover_setup, 0, 2),
    {0},
};
