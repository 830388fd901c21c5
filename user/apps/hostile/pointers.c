/* SPDX-License-Identifier: MIT */
#include "apps/hostile/hostile.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/kernel_objects.h"
#include "text/text.h"

static const uint64_t bad_addresses[] = {
    0,
    0x1000,                /* below the first user page */
    0x00007fffffff0000ull, /* the end of user space */
    0x00007ffffffff000ull,
    0x0000800000000000ull, /* not canonical */
    0x7fffffffffffffffull,
    0xffff800000000000ull, /* the kernel's */
    0xffffffff80000000ull,
    0xfffffffffffff000ull, /* wraps */
};

static uint64_t idle_thread(void *argument)
{
    (void)argument;
    return 0;
}

static void bad_rings(uint64_t memory)
{
    char what[64];
    uint64_t thread, stack = 0;

    if (rt_space_reserve(1, &stack) != STATUS_OK ||
        vm_map(memory, stack, 0, 1, ACCESS_READ_WRITE) != STATUS_OK) {
        attack_check(false, "preparing a stack", "refused");
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad_addresses); i++) {
        text_format(what, sizeof(what), "a thread with its ring at %llx",
                    (unsigned long long)bad_addresses[i]);
        attack_status(thread_create((uint64_t)(uintptr_t)idle_thread, stack + RT_PAGE_BYTES, 0,
                                    bad_addresses[i], &thread),
                      STATUS_BAD_RANGE, what);
    }
    attack_status(thread_create((uint64_t)(uintptr_t)idle_thread, stack, 0, 0x40000001, &thread),
                  STATUS_BAD_RANGE, "a thread with its ring at an odd address");
    attack_status(thread_create((uint64_t)(uintptr_t)idle_thread, stack, 0,
                                stack - 4 * RT_PAGE_BYTES, &thread),
                  STATUS_OCCUPIED, "a thread with its ring over something else");
    attack_status(thread_create((uint64_t)(uintptr_t)idle_thread, stack, 0,
                                (uint64_t)(uintptr_t)rt_ring_self()->user.memory, &thread),
                  STATUS_OCCUPIED, "a thread with its ring over another ring");
    (void)!vm_unmap(stack, 1);
    rt_space_release(stack, 1);
}

static void bad_mappings(uint64_t memory)
{
    char what[64];

    for (size_t i = 0; i < ARRAY_COUNT(bad_addresses); i++) {
        text_format(what, sizeof(what), "mapping at %llx", (unsigned long long)bad_addresses[i]);
        attack_status(vm_map(memory, bad_addresses[i], 0, 1, ACCESS_READ), STATUS_BAD_RANGE, what);
        text_format(what, sizeof(what), "unmapping at %llx", (unsigned long long)bad_addresses[i]);
        attack_status(vm_unmap(bad_addresses[i], 1), STATUS_BAD_RANGE, what);
    }
    attack_status(vm_map(memory, 0x40000000, 0, 0, ACCESS_READ), STATUS_BAD_RANGE,
                  "mapping no pages");
    attack_status(vm_map(memory, 0x40000000, UINT32_MAX, 1, ACCESS_READ), STATUS_BAD_RANGE,
                  "mapping from beyond the memory");
    attack_status(vm_map(memory, 0x40000000, 1, UINT32_MAX, ACCESS_READ), STATUS_BAD_RANGE,
                  "mapping to beyond the memory");
    attack_status(vm_unmap(0x40000000, UINT64_MAX), STATUS_BAD_RANGE, "unmapping everything");
    attack_status(vm_protect(0x400000, 1, ACCESS_READ_WRITE), STATUS_NOT_FOUND,
                  "making a page of the program's text writable");
    attack_status(vm_unmap((uint64_t)(uintptr_t)rt_ring_self()->user.memory, RING_PAGE_COUNT),
                  STATUS_PINNED, "unmapping the ring");
    attack_status(
        vm_protect((uint64_t)(uintptr_t)rt_ring_self()->user.memory, RING_PAGE_COUNT, ACCESS_READ),
        STATUS_PINNED, "protecting the ring");
}

static void bad_thread_pointers(void)
{
    char what[64];

    for (size_t i = 2; i < ARRAY_COUNT(bad_addresses); i++) {
        const struct virtual_memory_set_tls_params params = {.base = bad_addresses[i]};

        text_format(what, sizeof(what), "thread-local storage at %llx",
                    (unsigned long long)bad_addresses[i]);
        attack_status(
            rt_kernel_call_void(RT_VIRTUAL_MEMORY, VIRTUAL_MEMORY_SET_TLS, RT_WORDS(params)),
            STATUS_BAD_RANGE, what);
    }
}

/** Messages and buffers outside the message area. */
static void bad_places(void)
{
    static const struct {
        uint32_t offset, length;
        const char *what;
    } places[] = {
        {RING_MESSAGE_BYTES, 8, "a message behind the area"},
        {0, RING_MESSAGE_BYTES + 8, "a message longer than the area"},
        {UINT32_MAX - 7, 16, "a message that wraps"},
        {RING_MESSAGE_BYTES - 8, 16, "a message over the area's end"},
        {4, 8, "a message at an odd place"},
        {0, UINT32_MAX, "a message of 4 GiB"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        const struct rt_call message = {.target = RT_FACTORY,
                                        .message_offset = places[i].offset,
                                        .message_length = places[i].length};
        const struct rt_call buffer = {.target = RT_FACTORY,
                                       .method = FACTORY_CREATE_TIMER,
                                       .message_inline = true,
                                       .answer_offset = places[i].offset,
                                       .answer_length = places[i].length};
        struct ring_cqe completion;

        attack_refused(rt_ring_call_message(rt_ring_self(), &message, &completion), places[i].what);
        attack_refused(rt_ring_call_message(rt_ring_self(), &buffer, &completion),
                       "the same place for the answer");
    }
}

/** System calls that do not exist, and arguments out of all proportion. */
static void bad_system_calls(void)
{
    uint64_t result = 2;
    uint64_t first = 5, second = 6, third = 7;

    __asm__ volatile("syscall"
                     : "+a"(result), "+D"(first), "+S"(second), "+d"(third)
                     :
                     : "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
    attack_status((enum status)(result >> 32), STATUS_BAD_METHOD, "system call 2");
    result = UINT64_MAX;
    __asm__ volatile("syscall"
                     : "+a"(result), "+D"(first), "+S"(second), "+d"(third)
                     :
                     : "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
    attack_status((enum status)(result >> 32), STATUS_BAD_METHOD, "system call 2^64 - 1");
    result = 1;
    first = 77;
    __asm__ volatile("syscall"
                     : "+a"(result), "+D"(first), "+S"(second), "+d"(third)
                     :
                     : "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
    attack_status((enum status)(result >> 32), STATUS_BAD_REQUEST, "exit of scope 77");
    attack_refused((enum status)(rt_arch_cap_enter(0, UINT64_MAX, RT_NO_DEADLINE) >> 32),
                   "waiting for 2^64 - 1 completions");
    attack_check(rt_arch_cap_enter(UINT64_MAX, 0, 0) == 0, "submitting 2^64 - 1 entries of none",
                 "nothing taken");
}

void attack_pointers(void)
{
    uint64_t memory;

    if (memory_create(4, &memory) != STATUS_OK) {
        attack_check(false, "preparing memory", "refused");
        return;
    }
    bad_rings(memory);
    bad_mappings(memory);
    bad_thread_pointers();
    bad_places();
    bad_system_calls();
    capability_release(memory);
    child_check("pointers", "entry", EXIT_REASON_CRASHED, UINT64_MAX);
    child_check("pointers", "kernel-entry", EXIT_REASON_CRASHED, UINT64_MAX);
    child_check("pointers", "stack", EXIT_REASON_CRASHED, UINT64_MAX);
    child_check("pointers", "kernel-stack", EXIT_REASON_CRASHED, UINT64_MAX);
    child_check("pointers", "syscall-stack", EXIT_REASON_EXITED, 0);
}

/** Writes to its stack, wherever that is. */
static uint64_t use_stack(void *argument)
{
    volatile char frame[256];

    frame[128] = (char)(uintptr_t)argument;
    return (uint64_t)frame[128];
}

/** A system call with the stack pointer in the kernel's half: nobody may look at it. */
static NORETURN void enter_with_kernel_stack(void)
{
    __asm__ volatile("movq $0xffffffff80000000, %%rsp\n\t"
                     "xorl %%eax, %%eax\n\txorl %%edi, %%edi\n\txorl %%esi, %%esi\n\t"
                     "xorl %%edx, %%edx\n\tsyscall\n\t"
                     "movl $1, %%eax\n\tmovl $1, %%edi\n\txorl %%esi, %%esi\n\tsyscall"
                     :
                     :
                     : "memory");
    __builtin_unreachable();
}

int child_pointers(const char *detail)
{
    uint64_t entry = (uint64_t)(uintptr_t)use_stack, stack = 0x50000000, thread, code;

    if (detail[0] == 'e') {
        entry = 0x12345000;
    } else if (memcmp(detail, "kernel-e", 8) == 0) {
        entry = 0xffffffff80000000ull;
    } else if (memcmp(detail, "kernel-s", 8) == 0) {
        stack = 0xffffffff80100000ull;
    } else if (memcmp(detail, "sys", 3) == 0) {
        enter_with_kernel_stack();
    }
    /* A refusal is as good an answer as a crash. */
    if (thread_create(entry, stack, 0, 0x60000000, &thread) != STATUS_OK) {
        __asm__ volatile("ud2");
    }
    (void)!rt_ring_wait_for(rt_ring_self(), thread, 0, &code, NULL);
    return 0;
}
