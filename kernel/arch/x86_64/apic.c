/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/apic.h"

#include "apic/encoding.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/firmware.h"
#include "arch/x86_64/trap.h"
#include "mm/kernel_map.h"

/* Registers by xAPIC offset; the x2APIC MSR is 800h + offset / 16 (table 11-6). */
#define APIC_ID            0x020u
#define APIC_TASK_PRIORITY 0x080u
#define APIC_EOI           0x0b0u
#define APIC_SPURIOUS      0x0f0u
#define APIC_IN_SERVICE    0x100u /* a register for each 32 vectors */
#define APIC_COMMAND_LOW   0x300u
#define APIC_COMMAND_HIGH  0x310u
#define APIC_LVT_TIMER     0x320u
#define APIC_LVT_LINT0     0x350u
#define APIC_LVT_LINT1     0x360u
#define APIC_LVT_ERROR     0x370u
#define APIC_TIMER_INITIAL 0x380u
#define APIC_TIMER_CURRENT 0x390u
#define APIC_TIMER_DIVIDE  0x3e0u

#define APIC_ENABLE        (1u << 8)
#define LVT_MASKED         (1u << 16)
#define LVT_NMI            (4u << 8)
#define LVT_ACTIVE_LOW     (1u << 13)
#define LVT_TSC_DEADLINE   (2u << 17)
#define TIMER_DIVIDE_BY_1  0xbu
#define COMMAND_PENDING    (1u << 12)
#define COMMAND_INIT       0x4500u
#define COMMAND_STARTUP    0x4600u
#define COMMAND_FIXED      0x4000u
#define COMMAND_ALL_OTHERS 0xc0000u

/* Holds back what is of this class and below, vectors 0 to 31 (11.8.3): they are the exceptions'.
 * No APIC is told to send one, but a message that a device has forged may have any. */
#define PRIORITY_EXCEPTIONS 0x10u

#define APIC_BASE_X2APIC    (1ull << 10)
#define APIC_BASE_ENABLE    (1ull << 11)
#define APIC_BASE_ADDRESS   0x000ffffffffff000ull

#define MEASURE_US          1000u

static volatile uint32_t *registers; /* [I] xAPIC page; NULL with x2APIC */
static uint64_t timer_per_tick_32;   /* [I] timer counts per TSC tick, 32.32 */
static bool is_stop_sent;            /* [a] */

static uint32_t apic_read(uint32_t offset)
{
    return registers == NULL ? (uint32_t)rdmsr(apic_register_msr(offset)) : registers[offset / 4];
}

static void apic_write(uint32_t offset, uint32_t value)
{
    if (registers == NULL) {
        wrmsr(apic_register_msr(offset), value);
    } else {
        registers[offset / 4] = value;
    }
}

void apic_init(struct paddr base)
{
    if (cpu_features.x2apic) {
        return;
    }
    if (base.value == 0) {
        base.value = rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;
    }
    registers = kernel_map_registers(base, PAGE_BYTES);
}

/** What the MADT says of a pin of this CPU: an NMI (11.5.1), or nothing that is let in. */
static uint32_t pin_entry(uint32_t pin)
{
    const struct firmware_nmi *nmi = firmware_local_nmi(apic_this_id(), pin);

    if (nmi == NULL) {
        return LVT_MASKED;
    }
    return LVT_NMI | (nmi->flags.polarity == ACPI_POLARITY_LOW ? LVT_ACTIVE_LOW : 0);
}

void apic_init_cpu(void)
{
    const uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    /* In two steps: from disabled straight to x2APIC is a fault (11.12.5). */
    wrmsr(MSR_APIC_BASE, base);
    if (cpu_features.x2apic) {
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    }
    apic_write(APIC_TASK_PRIORITY, PRIORITY_EXCEPTIONS);
    apic_write(APIC_LVT_LINT0, pin_entry(0));
    apic_write(APIC_LVT_LINT1, pin_entry(1));
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_SPURIOUS, APIC_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (cpu_features.tsc_deadline ? LVT_TSC_DEADLINE : 0));
}

void apic_measure_timer(void)
{
    if (cpu_features.tsc_deadline) {
        return;
    }
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_MASKED);
    /* Interruptions by the host at either end make the timer look slow: it fires early then, and is
     * programmed again. */
    const uint64_t start = rdtsc();

    apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
    clock_spin_us(MEASURE_US);
    const uint64_t counted = UINT32_MAX - apic_read(APIC_TIMER_CURRENT);
    const uint64_t ticks = rdtsc() - start;

    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    timer_per_tick_32 = (counted << 32) / ticks;
    if (timer_per_tick_32 == 0) {
        PANIC("the local APIC timer does not count");
    }
}

uint32_t apic_this_id(void)
{
    return apic_id_read(apic_read(APIC_ID), registers == NULL);
}

bool apic_can_address(uint32_t apic_id)
{
    return apic_id_fits(apic_id, registers == NULL);
}

bool apic_is_in_service(uint32_t vector)
{
    return (apic_read(APIC_IN_SERVICE + vector / 32 * 0x10) >> vector % 32 & 1) != 0;
}

void apic_end_of_interrupt(void)
{
    apic_write(APIC_EOI, 0);
}

static void send_command(uint32_t apic_id, uint32_t command)
{
    if (registers == NULL) {
        wrmsr(apic_register_msr(APIC_COMMAND_LOW), apic_command_wide(apic_id, command));
        return;
    }
    /* The APIC takes a command at a time; delivery never takes long (11.6.1). */
    while ((apic_read(APIC_COMMAND_LOW) & COMMAND_PENDING) != 0) {
        cpu_relax();
    }
    apic_write(APIC_COMMAND_HIGH, apic_command_high(apic_id));
    apic_write(APIC_COMMAND_LOW, command);
}

void apic_send_ipi(uint32_t apic_id, uint32_t vector)
{
    send_command(apic_id, COMMAND_FIXED | vector);
}

void apic_send_init(uint32_t apic_id)
{
    send_command(apic_id, COMMAND_INIT);
}

void apic_send_startup(uint32_t apic_id, uint32_t page)
{
    send_command(apic_id, COMMAND_STARTUP | page);
}

void apic_stop_others(void)
{
    __atomic_store_n(&is_stop_sent, true, __ATOMIC_RELEASE);
    if (cpu_count > 1) {
        send_command(0, COMMAND_ALL_OTHERS | COMMAND_FIXED | VECTOR_STOP);
    }
}

bool apic_is_stop_sent(void)
{
    return __atomic_load_n(&is_stop_sent, __ATOMIC_ACQUIRE);
}

void apic_timer_program(uint64_t deadline_ticks)
{
    if (cpu_features.tsc_deadline) {
        /* 0 disarms (11.5.4.1), so NO_DEADLINE needs no special value: it never comes. */
        wrmsr(MSR_TSC_DEADLINE, deadline_ticks);
        return;
    }
    const uint64_t now = rdtsc();
    uint64_t count = 1;

    if (deadline_ticks > now) {
        const unsigned __int128 product =
            (unsigned __int128)(deadline_ticks - now) * timer_per_tick_32;

        /* A deadline beyond the counter's reach: it fires early, and is programmed again. */
        count = product >> 64 != 0 ? UINT32_MAX : (uint64_t)(product >> 32);
        count = count > UINT32_MAX ? UINT32_MAX : count + 1;
        count = count > UINT32_MAX ? UINT32_MAX : count;
    }
    apic_write(APIC_TIMER_INITIAL, (uint32_t)count);
}
