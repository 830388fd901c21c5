/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/user_copy.h"

#include "arch/x86_64/cpu.h"
#include "mm/layout.h"

/** One instruction that may fault, and where to go on then. Collected by linker.ld. */
struct fixup {
    uint64_t instruction;
    uint64_t resume;
};

extern const struct fixup kernel_fixups_start[];
extern const struct fixup kernel_fixups_end[];

static bool is_user_bytes(uint64_t address, uint64_t length)
{
    return address < USER_END && length <= USER_END - address;
}

/** Copy; returns the number of bytes that were not. SMAP is lifted for the copy alone. */
static uint64_t copy(void *to, const void *from, uint64_t length)
{
    if (cpu_features.smap) {
        __asm__ volatile("stac" : : : "memory", "cc");
    }
    __asm__ volatile("1: rep movsb\n"
                     "2:\n\t"
                     ".pushsection .fixups, \"a\"\n\t"
                     ".quad 1b, 2b\n\t"
                     ".popsection"
                     : "+D"(to), "+S"(from), "+c"(length)
                     :
                     : "memory");
    if (cpu_features.smap) {
        __asm__ volatile("clac" : : : "memory", "cc");
    }
    return length;
}

bool user_copy_in(void *out, struct user_ptr from, uint64_t length)
{
    return is_user_bytes(from.value, length) &&
           copy(out, (const void *)(uintptr_t)from.value, length) == 0;
}

bool user_copy_fix_up(struct trap_frame *frame)
{
    for (const struct fixup *fixup = kernel_fixups_start; fixup < kernel_fixups_end; fixup++) {
        if (fixup->instruction == frame->rip) {
            frame->rip = fixup->resume;
            return true;
        }
    }
    return false;
}
