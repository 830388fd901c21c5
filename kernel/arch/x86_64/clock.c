/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/clock.h"

#include "arch/x86_64/asm.h"
#include "diag/log.h"

/* 8254 programmable interval timer, Intel 231164-005; port 61h gates channel 2. */
#define PIT_HZ           1193182ull
#define PIT_CHANNEL0     0x40
#define PIT_CHANNEL2     0x42
#define PIT_COMMAND      0x43
#define PIT_LATCH        0x00 /* channel 0 */
#define PIT_RATE         0x34 /* channel 0, both bytes, mode 2 */
#define PIT_ONE_SHOT     0xb0 /* channel 2, both bytes, mode 0 */
#define PORT_SYSTEM_B    0x61
#define SYSTEM_B_GATE    0x01
#define SYSTEM_B_SPEAKER 0x02
#define SYSTEM_B_OUTPUT  0x20

#define NS_PER_SECOND    1000000000ull
#define MEASURE_US       2000u
#define MEASURE_COUNT    3u
#define MEASURE_GIVE_UP  (1ull << 34)
#define READS_GIVE_UP    (1u << 18)
#define RATE_LEAST       1000000ull /* below, something was not measured */

uint64_t clock_boot_ticks;

static uint64_t ticks_per_second;
static uint64_t ns_per_tick_32; /* nanoseconds per tick, 32.32 fixed point */

/** Ticks that pass while channel 2 counts down, or 0 if it never does. */
static uint64_t measure(uint32_t micros)
{
    const uint64_t count = PIT_HZ * micros / 1000000;

    outb(PORT_SYSTEM_B, (uint8_t)((inb(PORT_SYSTEM_B) & ~SYSTEM_B_SPEAKER) | SYSTEM_B_GATE));
    outb(PIT_COMMAND, PIT_ONE_SHOT);
    outb(PIT_CHANNEL2, (uint8_t)count);
    const uint64_t start = rdtsc();

    outb(PIT_CHANNEL2, (uint8_t)(count >> 8)); /* it counts from here on */
    while ((inb(PORT_SYSTEM_B) & SYSTEM_B_OUTPUT) == 0) {
        if (rdtsc() - start > MEASURE_GIVE_UP) {
            return 0;
        }
    }
    return rdtsc() - start;
}

/** What channel 0 counts down from 65536 again and again; all ones if there is no timer. */
static uint16_t read_channel0(void)
{
    outb(PIT_COMMAND, PIT_LATCH);
    const uint16_t low = inb(PIT_CHANNEL0);

    return (uint16_t)(low | inb(PIT_CHANNEL0) << 8);
}

/**
 * Likewise by channel 0, for machines without port 61h (QEMU's microvm). It may interrupt, but
 * nobody listens.
 */
static uint64_t measure_channel0(uint32_t micros)
{
    const uint64_t count = PIT_HZ * micros / 1000000;

    outb(PIT_COMMAND, PIT_RATE);
    outb(PIT_CHANNEL0, 0);
    outb(PIT_CHANNEL0, 0);
    const uint16_t first = read_channel0();
    const uint64_t start = rdtsc();

    for (uint32_t i = 0; i < READS_GIVE_UP; i++) {
        const uint16_t passed = (uint16_t)(first - read_channel0());

        if (passed >= count) {
            return (rdtsc() - start) * count / passed;
        }
    }
    return 0;
}

/** The least of a few: a host that takes the CPU away meanwhile only makes a measurement longer. */
static uint64_t measure_best(bool by_channel0)
{
    uint64_t best = UINT64_MAX;

    for (uint32_t i = 0; i < MEASURE_COUNT; i++) {
        const uint64_t ticks = by_channel0 ? measure_channel0(MEASURE_US) : measure(MEASURE_US);

        best = ticks < best ? ticks : best;
    }
    return best * (1000000 / MEASURE_US);
}

/** The rate that CPUID tells: leaf 15h (SDM vol. 2A), or a hypervisor's leaf 40000010h. */
static uint64_t rate_from_cpuid(void)
{
    if (cpuid(0, 0).eax >= 0x15) {
        const struct cpuid_result leaf = cpuid(0x15, 0);

        if (leaf.eax != 0 && leaf.ebx != 0 && leaf.ecx != 0) {
            return (uint64_t)leaf.ecx * leaf.ebx / leaf.eax;
        }
    }
    if ((cpuid(1, 0).ecx >> 31) & 1 && cpuid(0x40000000u, 0).eax >= 0x40000010u) {
        return (uint64_t)cpuid(0x40000010u, 0).eax * 1000;
    }
    return 0;
}

void clock_init(void)
{
    clock_boot_ticks = rdtsc();
    ticks_per_second = rate_from_cpuid();
    if (ticks_per_second == 0) {
        ticks_per_second = measure_best(false);
    }
    if (ticks_per_second < RATE_LEAST) {
        ticks_per_second = measure_best(true);
    }
    if (ticks_per_second < RATE_LEAST) {
        /* No timer to measure against: assume 1 GHz, so that time passes at all, and say so. */
        ticks_per_second = 1000000000;
        log_info("clock", "cannot measure the TSC; times are guesses");
    }
    ns_per_tick_32 = (NS_PER_SECOND << 32) / ticks_per_second;
}

uint64_t clock_ticks_per_second(void)
{
    return ticks_per_second;
}

uint64_t clock_duration_ns(uint64_t ticks)
{
    const unsigned __int128 product = (unsigned __int128)ticks * ns_per_tick_32;

    return product >> 96 != 0 ? UINT64_MAX : (uint64_t)(product >> 32);
}

uint64_t clock_duration_ticks(uint64_t ns)
{
    /* The inverse of clock_duration_ns(), not another factor: two roundings would drift apart with
     * the time since boot, and deadlines come early. (ns << 32) / ns_per_tick_32, rounded up. */
    const uint64_t high = ns >> 32;
    uint64_t quotient;
    uint64_t remainder;

    if (high >= ns_per_tick_32) {
        return UINT64_MAX;
    }
    __asm__("divq %4"
            : "=a"(quotient), "=d"(remainder)
            : "a"(ns << 32), "d"(high), "r"(ns_per_tick_32)
            : "cc");
    return quotient + (remainder != 0 && quotient != UINT64_MAX);
}

void clock_spin_us(uint32_t micros)
{
    const uint64_t end = rdtsc() + clock_duration_ticks((uint64_t)micros * 1000);

    while (rdtsc() < end) {
        cpu_relax();
    }
}
