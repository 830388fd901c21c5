/* SPDX-License-Identifier: MIT */
/*
 * A page that is gone is gone on every CPU.
 *
 * Two memory objects take turns at one address. A reader on another CPU has used the old mapping,
 * so that its CPU knows the translation, and then reads through the address whenever it is told
 * that UNMAP of the old one and MAP of the new one have completed. What it must never see then is
 * the old page, which may be anybody's by now. (A revocation ends in the same steps of the kernel;
 * a revoker's own mappings stay.)
 *
 * A CPU takes the interrupt that makes it forget between two instructions, an emulator between two
 * runs of instructions without a jump. So asking and reading are behind slow instructions in one
 * such run: what was completed too early during those is seen.
 */
#include "apps/hostile/hostile.h"

#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/thread.h"
#include "text/text.h"

#define ROUNDS    200u
#define ATTACK_NS (2 * RT_NS_PER_S)  /* for as many rounds as it takes */
#define ROUND_NS  (60 * RT_NS_PER_S) /* for one, on a busy host */

/* What `step` says in round n: the old page is mapped, the new one is. */
#define STEP_OLD(round) (2 * (uint64_t)(round) + 1)
#define STEP_NEW(round) (2 * (uint64_t)(round) + 2)

static struct {
    uint64_t step;    /* [a] */
    uint64_t touched; /* [a] the last round in which the reader has used the old page */
    uint64_t read;    /* [a] the last round in which it has read the new one */
    uint64_t seen;    /* what was there */
    bool stop;        /* [a] */
    uint64_t *place;
} stale;

/**
 * Some tens of microseconds of work, then `step`, then the word at `place` if `step` is `wanted`:
 * one run of instructions, in one page. The word, or UINT64_MAX if it is not yet time.
 */
__attribute__((noinline, aligned(1024))) static uint64_t read_when(uint64_t wanted)
{
    static const uint64_t not_yet = UINT64_MAX;
    const uint64_t *from = &not_yet;
    uint64_t step, value;

    __asm__ volatile("fldpi\n\t"
                     ".rept 100\n\t"
                     "fldpi\n\t"
                     "fyl2x\n\t"
                     ".endr\n\t"
                     "fstp %%st(0)\n\t"
                     "movq %[shared], %[step]\n\t"
                     "cmpq %[wanted], %[step]\n\t"
                     "cmoveq %[place], %[from]\n\t"
                     "movq (%[from]), %[value]"
                     : [from] "+r"(from), [step] "=&r"(step), [value] "=&r"(value)
                     : [shared] "m"(stale.step), [wanted] "r"(wanted), [place] "r"(stale.place)
                     : "memory", "cc");
    return value;
}

static uint64_t reader(void *argument)
{
    (void)argument;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        uint64_t value = UINT64_MAX;

        while (__atomic_load_n(&stale.step, __ATOMIC_ACQUIRE) != STEP_OLD(round)) {
            if (__atomic_load_n(&stale.stop, __ATOMIC_RELAXED)) {
                return 0;
            }
        }
        (void)*(volatile uint64_t *)stale.place;
        __atomic_store_n(&stale.touched, round, __ATOMIC_RELEASE);
        while (value == UINT64_MAX && !__atomic_load_n(&stale.stop, __ATOMIC_RELAXED)) {
            value = read_when(STEP_NEW(round));
        }
        stale.seen = value;
        __atomic_store_n(&stale.read, round, __ATOMIC_RELEASE);
    }
    return 0;
}

static bool await(const uint64_t *word, uint64_t round)
{
    uint64_t begun = 0, now = 0;

    (void)!rt_clock_now(&begun);
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != round) {
        (void)!rt_clock_now(&now);
        if (now - begun > ROUND_NS) {
            return false;
        }
    }
    return true;
}

/** Rounds in which the reader saw the old page; `done`: how many there were. */
static unsigned run_rounds(const uint64_t memory[2], unsigned *done)
{
    const uint64_t address = (uint64_t)(uintptr_t)stale.place;
    unsigned old_seen = 0;
    uint64_t begun = 0, now = 0;

    (void)!rt_clock_now(&begun);
    for (uint64_t round = 1; round <= ROUNDS && now < begun + ATTACK_NS; round++) {
        const uint64_t old = memory[round % 2], new = memory[(round + 1) % 2];

        if (vm_map(old, address, 0, 1, ACCESS_READ) != STATUS_OK) {
            break;
        }
        __atomic_store_n(&stale.step, STEP_OLD(round), __ATOMIC_RELEASE);
        if (!await(&stale.touched, round)) {
            break;
        }
        if (vm_unmap(address, 1) != STATUS_OK ||
            vm_map(new, address, 0, 1, ACCESS_READ) != STATUS_OK) {
            break;
        }
        __atomic_store_n(&stale.step, STEP_NEW(round), __ATOMIC_RELEASE);
        if (!await(&stale.read, round)) {
            break;
        }
        old_seen += stale.seen != (round + 1) % 2;
        ++*done;
        (void)!vm_unmap(address, 1);
        (void)!rt_clock_now(&now);
    }
    return old_seen;
}

void attack_stale(void)
{
    uint64_t memory[2] = {0}, address = 0, result;
    struct rt_thread *thread;
    unsigned old_seen = 0, done = 0;
    char text[64];
    void *page;

    if (rt_space_reserve(1, &address) != STATUS_OK) {
        attack_check(false, "a place", "refused");
        return;
    }
    stale.place = (uint64_t *)(uintptr_t)address; /* NOLINT(performance-no-int-to-ptr) */
    stale.step = stale.touched = stale.read = 0;
    stale.stop = false;
    for (uint64_t i = 0; i < 2; i++) {
        if (memory_create(1, &memory[i]) != STATUS_OK ||
            rt_space_map(memory[i], 0, 1, ACCESS_READ_WRITE, &page) != STATUS_OK) {
            attack_check(false, "memory", "refused");
            return;
        }
        *(uint64_t *)page = i;
        rt_space_unmap(page, 1);
    }
    if (rt_thread_create(reader, NULL, 0, &thread) == STATUS_OK) {
        old_seen = run_rounds(memory, &done);
        __atomic_store_n(&stale.stop, true, __ATOMIC_RELAXED);
        (void)!rt_thread_join(thread, &result);
    }
    text_format(text, sizeof(text), "%u rounds, the old page seen in %u", done, old_seen);
    attack_check(done > 0 && old_seen == 0, "reading what was unmapped", text);
    (void)!vm_unmap(address, 1);
    capability_release(memory[0]);
    capability_release(memory[1]);
    rt_space_release(address, 1);
}
