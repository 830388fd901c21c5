/* SPDX-License-Identifier: MIT */
#include "apps/rttest/rttest.h"

#include "apps/rttest/spinners.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/mutex.h"
#include "rt/thread.h"

#define THREADS 4u

/* ------------------------------------------------------------------------------------------
 * Creating and joining
 * ------------------------------------------------------------------------------------------ */

static uint64_t give_back(void *argument)
{
    return (uint64_t)(uintptr_t)argument * 3;
}

static uint64_t exit_early(void *argument)
{
    (void)argument;
    rt_thread_exit(77);
}

void group_threads(void)
{
    struct rt_thread *threads[THREADS];
    uint64_t code = 0, capability;

    for (unsigned round = 0; round < 8; round++) {
        for (uint64_t i = 0; i < THREADS; i++) {
            if (!EXPECT_STATUS(
                    rt_thread_create(give_back, (void *)(uintptr_t)(i + round), 0, &threads[i]),
                    STATUS_OK)) {
                return;
            }
        }
        for (uint64_t i = THREADS; i-- > 0;) {
            EXPECT_STATUS(rt_thread_join(threads[i], &code), STATUS_OK);
            EXPECT(code == (i + round) * 3);
        }
    }
    EXPECT_STATUS(rt_thread_create(exit_early, NULL, 4096, &threads[0]), STATUS_OK);
    rt_sleep(2 * RT_NS_PER_MS); /* so that it has, or may have, ended before anybody waits */
    capability = threads[0]->capability;
    EXPECT_STATUS(rt_thread_join(threads[0], &code), STATUS_OK);
    EXPECT(code == 77);
    EXPECT_STATUS(rt_ring_wait_for(rt_ring_self(), capability, 0, &code, NULL), STATUS_STALE);
    EXPECT_STATUS(rt_thread_create(give_back, NULL, 1ull << 40, &threads[0]), STATUS_BAD_RANGE);
    EXPECT_STATUS(rt_thread_create(give_back, NULL, 1u << 30, &threads[0]), STATUS_OVER_BUDGET);
}

/* ------------------------------------------------------------------------------------------
 * Thread-local storage
 * ------------------------------------------------------------------------------------------ */

static __thread uint64_t with_value = 42;
static __thread uint64_t without_value;
static __thread uint8_t aligned_to_line[64] __attribute__((aligned(64)));

static uint64_t use_storage(void *argument)
{
    const uint64_t own = (uint64_t)(uintptr_t)argument;

    EXPECT(with_value == 42 && without_value == 0);
    EXPECT((uintptr_t)aligned_to_line % 64 == 0);
    with_value = own;
    without_value = own + 1;
    rt_sleep(RT_NS_PER_MS);
    EXPECT(with_value == own && without_value == own + 1);
    return (uint64_t)(uintptr_t)&with_value;
}

void group_storage(void)
{
    struct rt_thread *threads[THREADS];
    uint64_t places[THREADS] = {0};

    with_value = 1000;
    aligned_to_line[63] = 9;
    EXPECT((uintptr_t)aligned_to_line % 64 == 0);
    for (uint64_t i = 0; i < THREADS; i++) {
        if (!EXPECT_STATUS(
                rt_thread_create(use_storage, (void *)(uintptr_t)(i + 100), 0, &threads[i]),
                STATUS_OK)) {
            return;
        }
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        EXPECT_STATUS(rt_thread_join(threads[i], &places[i]), STATUS_OK);
        EXPECT(places[i] != (uint64_t)(uintptr_t)&with_value);
        EXPECT(i == 0 || places[i] != places[i - 1]);
    }
    EXPECT(with_value == 1000 && aligned_to_line[63] == 9);
}

/* ------------------------------------------------------------------------------------------
 * Mutual exclusion
 * ------------------------------------------------------------------------------------------ */

#define MUTEX_ROUNDS 2000u

static struct rt_mutex mutex;
static uint64_t guarded;         /* by mutex */
static volatile uint64_t inside; /* by mutex: threads in the critical section */

static uint64_t use_mutex(void *argument)
{
    uint64_t violations = 0;

    (void)argument;
    for (unsigned i = 0; i < MUTEX_ROUNDS; i++) {
        rt_mutex_lock(&mutex);
        inside = inside + 1;
        violations += inside != 1;
        guarded++;
        if (i % 256 == 0) {
            rt_sleep(50 * RT_NS_PER_US); /* so that others have to wait */
        }
        inside = inside - 1;
        rt_mutex_unlock(&mutex);
    }
    return violations;
}

void group_mutex(void)
{
    struct rt_thread *threads[THREADS];
    uint64_t violations;

    guarded = 0;
    for (uint64_t i = 0; i < THREADS; i++) {
        if (!EXPECT_STATUS(rt_thread_create(use_mutex, NULL, 0, &threads[i]), STATUS_OK)) {
            return;
        }
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        EXPECT_STATUS(rt_thread_join(threads[i], &violations), STATUS_OK);
        EXPECT(violations == 0);
    }
    EXPECT(guarded == THREADS * MUTEX_ROUNDS);
    rt_mutex_fini(&mutex);
}

/* ------------------------------------------------------------------------------------------
 * Registers
 * ------------------------------------------------------------------------------------------ */

#define COMPUTE_ROUNDS 300000u
#define SWITCH_ROUNDS  200u

/** A chaotic sequence: one wrong bit anywhere, and the result is another. */
static double compute(double x, unsigned rounds)
{
    double y = 0.5;

    for (unsigned i = 0; i < rounds; i++) {
        x = 3.99 * x * (1.0 - x);
        y = y * 0.999 + x / (1.0 + y);
    }
    return x + y;
}

struct computation {
    double seed;
    double result;
    uint32_t mxcsr; /* rounding mode, which belongs to the thread too */
};

static uint64_t run_computation(void *argument)
{
    struct computation *const computation = argument;
    uint32_t seen;

    __asm__ volatile("ldmxcsr %0" : : "m"(computation->mxcsr));
    computation->result = compute(computation->seed, COMPUTE_ROUNDS);
    __asm__ volatile("stmxcsr %0" : "=m"(seen));
    return (seen & 0x6000) == (computation->mxcsr & 0x6000);
}

/** Fill the SSE registers, burn time in other threads' company, look whether they are the same. */
static uint64_t hold_vectors(void *argument)
{
    uint64_t pattern[2] = {(uint64_t)(uintptr_t)argument * 0x0101010101010101ull,
                           ~(uint64_t)(uintptr_t)argument};
    uint64_t seen[32];
    uint64_t wrong = 0;

    for (unsigned round = 0; round < SWITCH_ROUNDS; round++) {
        uint64_t spin = 20000;

        __asm__ volatile("movdqu (%1), %%xmm0\n\tmovdqu (%1), %%xmm7\n\t"
                         "movdqu (%1), %%xmm8\n\tmovdqu (%1), %%xmm15\n"
                         "1:\tdecq %0\n\tjnz 1b\n\t"
                         "movdqu %%xmm0, (%2)\n\tmovdqu %%xmm7, 16(%2)\n\t"
                         "movdqu %%xmm8, 32(%2)\n\tmovdqu %%xmm15, 48(%2)"
                         : "+r"(spin)
                         : "r"(pattern), "r"(seen)
                         : "memory", "cc", "xmm0", "xmm7", "xmm8", "xmm15");
        for (unsigned i = 0; i < 8; i++) {
            wrong += seen[i] != pattern[i % 2];
        }
    }
    return wrong;
}

/** The registers that a C function keeps, across a kernel entry. */
static bool system_call_keeps_registers(void)
{
    uint64_t kept = 0;

    __asm__ volatile("pushq %%rbp\n\t"
                     "movq $0x1111, %%rbx\n\tmovq $0x2222, %%rbp\n\tmovq $0x3333, %%r12\n\t"
                     "movq $0x4444, %%r13\n\tmovq $0x5555, %%r14\n\tmovq $0x6666, %%r15\n\t"
                     "xorl %%eax, %%eax\n\txorl %%edi, %%edi\n\txorl %%esi, %%esi\n\t"
                     "xorl %%edx, %%edx\n\t"
                     "syscall\n\t"
                     "movq %%rbp, %%rcx\n\t"
                     "popq %%rbp\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "cmpq $0x1111, %%rbx\n\tjne 1f\n\tcmpq $0x2222, %%rcx\n\tjne 1f\n\t"
                     "cmpq $0x3333, %%r12\n\tjne 1f\n\tcmpq $0x4444, %%r13\n\tjne 1f\n\t"
                     "cmpq $0x5555, %%r14\n\tjne 1f\n\tcmpq $0x6666, %%r15\n\tjne 1f\n\t"
                     "incl %%eax\n"
                     "1:"
                     : "=a"(kept)
                     :
                     : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
                       "r14", "r15", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
                       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
                       "xmm15");
    return kept == 1;
}

void group_registers(void)
{
    struct computation computations[THREADS];
    struct rt_thread *threads[THREADS];
    uint64_t good, wrong;

    EXPECT(system_call_keeps_registers());
    for (unsigned i = 0; i < THREADS; i++) {
        /* Rounding to nearest and downwards by turns; all exceptions masked. */
        computations[i] = (struct computation){.seed = 0.1 + 0.1 * (double)(i / 2),
                                               .mxcsr = 0x1f80 | (i % 2 != 0 ? 0x2000 : 0)};
        if (!EXPECT_STATUS(rt_thread_create(run_computation, &computations[i], 0, &threads[i]),
                           STATUS_OK)) {
            return;
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        EXPECT_STATUS(rt_thread_join(threads[i], &good), STATUS_OK);
        EXPECT(good == 1);
    }
    for (unsigned i = 0; i < THREADS; i += 2) {
        EXPECT(computations[i].result == compute(computations[i].seed, COMPUTE_ROUNDS));
        EXPECT(computations[i].result != computations[i + 1].result);
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        EXPECT_STATUS(rt_thread_create(hold_vectors, (void *)(uintptr_t)(i + 1), 0, &threads[i]),
                      STATUS_OK);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        EXPECT_STATUS(rt_thread_join(threads[i], &wrong), STATUS_OK);
        EXPECT(wrong == 0);
    }
}

/* ------------------------------------------------------------------------------------------
 * Priorities: who runs when there are more threads than CPUs
 * ------------------------------------------------------------------------------------------ */

#define CONTROL_PRIORITY 18u /* the most that this program may have */
#define RUN_LIMIT_NS     (2 * RT_NS_PER_S)

struct runner {
    struct rt_thread *thread;
    uint64_t rounds; /* [a] */
    bool stop;       /* [a] */
};

static uint64_t run_on(void *argument)
{
    struct runner *const runner = argument;

    while (!__atomic_load_n(&runner->stop, __ATOMIC_RELAXED)) {
        __atomic_fetch_add(&runner->rounds, 1, __ATOMIC_RELAXED);
    }
    return 0;
}

/** Whether a runner gets on: beside the caller, who goes on too, or, on one CPU, while it sleeps.
 */
static bool runs(const struct runner *runner, bool one_cpu, uint64_t limit_ns)
{
    const uint64_t end = rttest_now() + limit_ns;
    const uint64_t before = __atomic_load_n(&runner->rounds, __ATOMIC_RELAXED);

    do {
        if (one_cpu) {
            rt_sleep(RT_NS_PER_MS);
        }
        if (__atomic_load_n(&runner->rounds, __ATOMIC_RELAXED) != before) {
            return true;
        }
    } while (rttest_now() < end);
    return false;
}

static bool start_runner(struct runner *runner, uint8_t priority)
{
    return EXPECT_STATUS(rt_thread_create(run_on, runner, 0, &runner->thread), STATUS_OK) &&
           EXPECT_STATUS(thread_set_priority(runner->thread->capability, priority), STATUS_OK);
}

static void stop_runner(struct runner *runner)
{
    uint64_t code;

    __atomic_store_n(&runner->stop, true, __ATOMIC_RELAXED);
    EXPECT_STATUS(rt_thread_join(runner->thread, &code), STATUS_OK);
}

/** Never gives its CPU away, if there is another one: nothing but priorities decides there. */
static uint64_t control_priorities(void *argument)
{
    const bool one_cpu = machine_cpus == 1;
    struct runner low = {0}, high = {0};

    (void)argument;
    if (!start_runner(&low, 16)) {
        return 0;
    }
    EXPECT(runs(&low, one_cpu, RUN_LIMIT_NS));
    if (start_runner(&high, 17)) {
        /* More urgent than `low`: it does not wait for the CPU where it was made. */
        EXPECT(runs(&high, one_cpu, RUN_LIMIT_NS));
        /* Less urgent while it runs: its CPU is for `low`, which waits there. */
        EXPECT_STATUS(thread_set_priority(high.thread->capability, 15), STATUS_OK);
        EXPECT(runs(&low, one_cpu, RUN_LIMIT_NS));
        /* Equal while it waits: they take turns. */
        EXPECT_STATUS(thread_set_priority(high.thread->capability, 16), STATUS_OK);
        EXPECT(runs(&high, one_cpu, RUN_LIMIT_NS));
        EXPECT(runs(&low, one_cpu, RUN_LIMIT_NS));
        stop_runner(&high);
    }
    stop_runner(&low);
    return 1;
}

void group_starvation(void)
{
    struct rt_thread *control;
    uint64_t ran = 0;

    if (!spinners_prepare() ||
        !EXPECT_STATUS(rt_thread_create(control_priorities, NULL, 0, &control), STATUS_OK)) {
        return;
    }
    EXPECT_STATUS(thread_set_priority(control->capability, CONTROL_PRIORITY), STATUS_OK);
    EXPECT_STATUS(rt_thread_join(control, &ran), STATUS_OK);
    EXPECT(ran == 1);
}
