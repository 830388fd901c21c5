/* SPDX-License-Identifier: MIT */
#include "apps/rttest/spinners.h"

#include "apps/rttest/rttest.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/process.h"

uint32_t machine_cpus;

static uint64_t ticks_per_us;

/* ------------------------------------------------------------------------------------------
 * Time
 * ------------------------------------------------------------------------------------------ */

uint64_t spin_now_us(void)
{
    return rt_arch_timestamp() / ticks_per_us;
}

bool spin_until(const uint64_t *word, uint64_t value, uint64_t limit_us)
{
    const uint64_t end = spin_now_us() + limit_us;

    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value) {
        if (spin_now_us() >= end) {
            return false;
        }
        rt_arch_pause();
    }
    return true;
}

bool sleep_until(const uint64_t *word, uint64_t value)
{
    const uint64_t end = rttest_now() + PATIENCE_US * RT_NS_PER_US;

    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value) {
        if (rttest_now() >= end) {
            return false;
        }
        rt_sleep(RT_NS_PER_MS);
    }
    return true;
}

bool holds_once(unsigned rounds, bool (*check)(void))
{
    for (unsigned round = 0; round < rounds; round++) {
        if (check()) {
            return true;
        }
    }
    return false;
}

unsigned rounds_of_order(void)
{
    return machine_cpus == 1 ? 1 : ROUNDS_OF_TIME;
}

uint64_t median_of(uint64_t *values, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        const uint64_t value = values[i];
        unsigned place = i;

        for (; place > 0 && values[place - 1] > value; place--) {
            values[place] = values[place - 1];
        }
        values[place] = value;
    }
    return values[count / 2];
}

/* ------------------------------------------------------------------------------------------
 * What the kernel says
 * ------------------------------------------------------------------------------------------ */

static bool ask(struct rt_exchange *exchange, uint16_t method, struct rt_words words,
                struct wire_struct *results)
{
    if (!EXPECT_STATUS(rt_exchange_begin(exchange, 2 * RT_EXCHANGE_BYTES), STATUS_OK)) {
        return false;
    }
    if (!EXPECT_STATUS(
            rt_exchange_call_inline(exchange, rt_capability("diagnostics"), method, words, results),
            STATUS_OK)) {
        rt_exchange_end(exchange);
        return false;
    }
    return true;
}

/** Of the time stamp counter, as the kernel has measured it: here, what this CPU stands still
 * between two looks would count as time that one of the clocks has missed. */
static uint64_t machine_ticks_per_us(void)
{
    const struct diagnostics_trace_control_params params = {.command = TRACE_COMMAND_LOOK};
    struct rt_exchange exchange;
    struct wire_struct results;
    uint64_t ticks;

    if (!ask(&exchange, DIAGNOSTICS_TRACE_CONTROL, RT_WORDS(params), &results)) {
        return 0;
    }
    ticks = diagnostics_trace_control_results_get_ticks_per_second(results);
    rt_exchange_end(&exchange);
    return ticks / 1000000;
}

uint64_t machine_interrupts(void)
{
    struct rt_exchange exchange;
    struct wire_struct results, cpu;
    struct wire_list list;
    uint64_t sum = 0;

    machine_cpus = 0;
    if (!ask(&exchange, DIAGNOSTICS_CPUS, (struct rt_words){{0}}, &results)) {
        return 0;
    }
    if (diagnostics_cpus_results_get_cpus(results, &list) == WIRE_OK) {
        for (uint32_t i = 0; i < list.count; i++) {
            if (wire_list_get_struct(&list, i, &cpu) == WIRE_OK) {
                sum += cpu_info_get_interrupts(cpu);
                machine_cpus++;
            }
        }
    }
    rt_exchange_end(&exchange);
    return sum;
}

/** Look at processes in order; the test machines have fewer than one answer holds. */
static bool find_process(bool (*wanted)(struct wire_struct process, const void *key),
                         const void *key, uint64_t *pid, struct process_facts *facts)
{
    const struct diagnostics_processes_params params = {.after_pid = 0};
    struct rt_exchange exchange;
    struct wire_struct results, process;
    struct wire_list list;
    bool found = false;

    if (!ask(&exchange, DIAGNOSTICS_PROCESSES, RT_WORDS(params), &results)) {
        return false;
    }
    if (diagnostics_processes_results_get_processes(results, &list) == WIRE_OK) {
        for (uint32_t i = 0; i < list.count; i++) {
            if (wire_list_get_struct(&list, i, &process) == WIRE_OK && wanted(process, key)) {
                found = true;
                *pid = process_info_get_pid(process);
                *facts = (struct process_facts){
                    .cpu_us = process_info_get_cpu_micros(process),
                    .frames = process_info_get_frames(process),
                    .cap_slots = process_info_get_cap_slots(process),
                    .objects = process_info_get_objects(process),
                    .threads = process_info_get_threads(process),
                    .state = process_info_get_state(process),
                };
            }
        }
    }
    rt_exchange_end(&exchange);
    return found;
}

static bool has_pid(struct wire_struct process, const void *key)
{
    return process_info_get_pid(process) == *(const uint64_t *)key;
}

static bool has_name(struct wire_struct process, const void *key)
{
    struct wire_bytes name;

    return process_info_get_name(process, &name) == WIRE_OK && rt_bytes_equal(name, key);
}

bool process_facts_get(uint64_t pid, struct process_facts *facts)
{
    uint64_t same;

    return EXPECT(find_process(has_pid, &pid, &same, facts));
}

uint64_t process_find(const char *name)
{
    struct process_facts facts;
    uint64_t pid = 0;

    return find_process(has_name, name, &pid, &facts) ? pid : 0;
}

/* ------------------------------------------------------------------------------------------
 * Threads
 * ------------------------------------------------------------------------------------------ */

static struct {
    struct rt_thread *thread;
    uint64_t rounds; /* [a] */
} spinners[SPINNERS_MAX];
static unsigned spinner_count;
static uint64_t spin_stop;   /* [a] */
static uint64_t spin_end_us; /* [a] when they give up */
static uint64_t gave_up;     /* [a] */

void spinners_renew(void)
{
    __atomic_store_n(&spin_end_us, spin_now_us() + SPIN_LIMIT_MS * 1000, __ATOMIC_RELAXED);
}

static uint64_t spin(void *argument)
{
    uint64_t *const rounds = argument;

    while (__atomic_load_n(&spin_stop, __ATOMIC_RELAXED) == 0) {
        const uint64_t done = *rounds + 1;

        __atomic_store_n(rounds, done, __ATOMIC_RELAXED);
        if (done % 256 == 0 && spin_now_us() > __atomic_load_n(&spin_end_us, __ATOMIC_RELAXED)) {
            __atomic_fetch_add(&gave_up, 1, __ATOMIC_RELAXED);
            break;
        }
    }
    return 0;
}

bool worker_start(uint64_t (*function)(void *argument), void *argument, uint8_t priority,
                  struct rt_thread **thread)
{
    return EXPECT_STATUS(rt_thread_create(function, argument, 0, thread), STATUS_OK) &&
           EXPECT_STATUS(thread_set_priority((*thread)->capability, priority), STATUS_OK);
}

bool spinners_start(unsigned count, uint8_t priority)
{
    if (spinner_count == 0) {
        __atomic_store_n(&spin_stop, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&gave_up, 0, __ATOMIC_RELAXED);
    }
    spinners_renew();
    for (unsigned i = 0; i < count; i++) {
        const unsigned index = spinner_count;

        if (!EXPECT(index < SPINNERS_MAX)) {
            return false;
        }
        spinners[index].rounds = 0;
        if (!worker_start(spin, &spinners[index].rounds, priority, &spinners[index].thread)) {
            return false;
        }
        spinner_count++;
    }
    return true;
}

bool spinners_begun(unsigned count)
{
    bool all = true;

    for (unsigned i = 0; i < count; i++) {
        all = all && EXPECT(sleep_until(&spinners[i].rounds, 1));
    }
    return all;
}

uint64_t spinners_rounds(unsigned index)
{
    return __atomic_load_n(&spinners[index].rounds, __ATOMIC_RELAXED);
}

bool spinners_pass(unsigned index, uint64_t rounds)
{
    return sleep_until(&spinners[index].rounds, rounds + 1);
}

struct rt_thread *spinners_thread(unsigned index)
{
    return spinners[index].thread;
}

bool spinners_stop(void)
{
    const bool all_spun = __atomic_load_n(&gave_up, __ATOMIC_RELAXED) == 0;
    uint64_t code;

    __atomic_store_n(&spin_stop, 1, __ATOMIC_RELAXED);
    while (spinner_count > 0) {
        EXPECT_STATUS(rt_thread_join(spinners[--spinner_count].thread, &code), STATUS_OK);
    }
    return all_spun;
}

bool spinners_prepare(void)
{
    ticks_per_us = machine_ticks_per_us();
    (void)machine_interrupts();
    return EXPECT(ticks_per_us > 0 && machine_cpus > 0 && machine_cpus + 1 <= SPINNERS_MAX);
}
