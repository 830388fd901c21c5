/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/nmi.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap_offsets.h"
#include "diag/log.h"

/* More lines would say nothing new, and whoever raises them must not fill the log. */
#define LINES_MAX 16u

static_assert(sizeof(struct nmi_words) == NMI_WORDS_BYTES && NMI_WORDS_BYTES % 16 == 0, "trap.S");
static_assert(offsetof(struct nmi_words, count) == NMI_WORDS_COUNT, "trap.S");
static_assert(offsetof(struct nmi_words, error_bits) == NMI_WORDS_ERROR_BITS, "trap.S");

static bool is_initialized;
static uint8_t error_bits; /* [I] */

/**
 * What says nothing now can say something later. Where there is no such port all bits read as ones
 * (reduced hardware, microvm); one that firmware has left set would end the machine at the first
 * NMI, whatever that one was.
 */
static void find_error_bits(void)
{
    const uint8_t status = nmi_status();

    error_bits = (uint8_t)~status & (NMI_SERR | NMI_IOCHK);
    is_initialized = true;
    if (status != UINT8_MAX && error_bits != (NMI_SERR | NMI_IOCHK)) {
        log_info("irq", "port 61h reads %02x: an error from before the start, ignored from here on",
                 status);
    }
}

uint8_t nmi_status(void)
{
    return inb(NMI_STATUS_PORT);
}

static struct nmi_words *words_of(uint64_t top)
{
    return (struct nmi_words *)(uintptr_t)top;
}

uint64_t nmi_prepare_stack(uint64_t stack_top)
{
    const uint64_t top = stack_top - sizeof(struct nmi_words);

    if (!is_initialized) {
        find_error_bits();
    }
    *words_of(top) = (struct nmi_words){.error_bits = error_bits};
    return top;
}

uint64_t nmi_count(const struct cpu *cpu)
{
    return __atomic_load_n(&words_of(cpu->tss.ist[TRAP_IST_NMI - 1])->count, __ATOMIC_RELAXED);
}

void nmi_tell(void)
{
    static uint64_t told; /* how many there were at the last call */
    static bool is_burst;
    static uint32_t lines;
    uint64_t count = 0;

    for (uint32_t i = 0; i < cpu_count; i++) {
        count += nmi_count(cpus[i]);
    }
    if (count != told && !is_burst && lines++ < LINES_MAX) {
        log_info("irq", "%lu NMIs without an error of hardware so far; irqs counts them",
                 (unsigned long)count);
    }
    is_burst = count != told;
    told = count;
}
