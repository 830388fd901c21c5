/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Typed calls of the kernel's interfaces, on the calling thread's ring.
 *
 * One function per method, named after the schema; the schema says what each does. All of them
 * return STATUS_OK or the refusal: the transport's (say, STATUS_STALE for a capability that was
 * revoked) or the object's own. Results are written only on STATUS_OK. Those whose messages fit
 * the ring's entries are inline here; the others are in kernel_objects.c.
 */

#include "rt/thread.h"

/* The two capabilities that every process has: StartInfo in the schema. */
#define RT_FIRST_GENERATION (1ull << 20)
#define RT_FACTORY          (RT_FIRST_GENERATION | 1u)
#define RT_VIRTUAL_MEMORY   (RT_FIRST_GENERATION | 2u)
#define RT_FIRST_GIVEN      3u /* index of the first capability named in StartInfo */

/** The data section of a generated parameter struct as an inline message. */
#define RT_WORDS(params) rt_words_from(&(params), sizeof(params))

static ALWAYS_INLINE struct rt_words rt_words_from(const void *params, size_t size)
{
    struct rt_words words = {{0}};

    __builtin_memcpy(&words, params, size);
    return words;
}

/** A call of a kernel object whose message and answer are inline. */
static ALWAYS_INLINE MUST_CHECK enum status
rt_kernel_call(uint64_t target, uint16_t method, struct rt_words message, struct rt_words *answer)
{
    return rt_ring_call(rt_ring_self(), target, method, message, answer);
}

/** As above, for methods whose only result is the number in the answer's first word. */
static ALWAYS_INLINE MUST_CHECK enum status
rt_kernel_call_word(uint64_t target, uint16_t method, struct rt_words message, uint64_t *result)
{
    struct rt_words answer;
    const enum status status = rt_kernel_call(target, method, message, &answer);

    if (status == STATUS_OK) {
        *result = answer.word[0];
    }
    return status;
}

/** As above, for methods without results. */
static ALWAYS_INLINE MUST_CHECK enum status rt_kernel_call_void(uint64_t target, uint16_t method,
                                                                struct rt_words message)
{
    struct rt_words answer;

    return rt_kernel_call(target, method, message, &answer);
}

/* -------- Factory -------- */

static inline MUST_CHECK enum status memory_create(uint64_t page_count, uint64_t *memory)
{
    const struct factory_create_memory_params params = {.page_count = page_count};

    return rt_kernel_call_word(RT_FACTORY, FACTORY_CREATE_MEMORY, RT_WORDS(params), memory);
}

static inline MUST_CHECK enum status endpoint_create(uint64_t *endpoint)
{
    return rt_kernel_call_word(RT_FACTORY, FACTORY_CREATE_ENDPOINT, (struct rt_words){{0}},
                               endpoint);
}

static inline MUST_CHECK enum status notification_create(uint64_t *notification)
{
    return rt_kernel_call_word(RT_FACTORY, FACTORY_CREATE_NOTIFICATION, (struct rt_words){{0}},
                               notification);
}

static inline MUST_CHECK enum status timer_create(uint64_t *timer)
{
    return rt_kernel_call_word(RT_FACTORY, FACTORY_CREATE_TIMER, (struct rt_words){{0}}, timer);
}

/** The raw method; rt_thread_create() does everything around it. */
static inline MUST_CHECK enum status thread_create(uint64_t entry, uint64_t stack_top,
                                                   uint64_t argument, uint64_t ring,
                                                   uint64_t *thread)
{
    const struct factory_create_thread_params params = {
        .entry = entry, .stack_top = stack_top, .argument = argument, .ring = ring};

    return rt_kernel_call_word(RT_FACTORY, FACTORY_CREATE_THREAD, RT_WORDS(params), thread);
}

/* -------- VirtualMemory -------- */

static ALWAYS_INLINE MUST_CHECK enum status vm_map(uint64_t memory, uint64_t address,
                                                   uint32_t page_offset, uint32_t page_count,
                                                   enum access access)
{
    const struct virtual_memory_map_params params = {.memory = memory,
                                                     .address = address,
                                                     .page_offset = page_offset,
                                                     .page_count = page_count,
                                                     .access = (uint16_t)access};

    return rt_kernel_call_void(RT_VIRTUAL_MEMORY, VIRTUAL_MEMORY_MAP, RT_WORDS(params));
}

static ALWAYS_INLINE MUST_CHECK enum status vm_unmap(uint64_t address, uint64_t page_count)
{
    const struct virtual_memory_unmap_params params = {.address = address,
                                                       .page_count = page_count};

    return rt_kernel_call_void(RT_VIRTUAL_MEMORY, VIRTUAL_MEMORY_UNMAP, RT_WORDS(params));
}

static inline MUST_CHECK enum status vm_protect(uint64_t address, uint64_t page_count,
                                                enum access access)
{
    const struct virtual_memory_protect_params params = {
        .address = address, .page_count = page_count, .access = (uint16_t)access};

    return rt_kernel_call_void(RT_VIRTUAL_MEMORY, VIRTUAL_MEMORY_PROTECT, RT_WORDS(params));
}

/* -------- Memory -------- */

static inline MUST_CHECK enum status memory_size(uint64_t memory, struct memory_size_results *size)
{
    struct rt_words answer;
    const enum status status = rt_kernel_call(memory, MEMORY_SIZE, (struct rt_words){{0}}, &answer);

    if (status == STATUS_OK) {
        __builtin_memcpy(size, &answer, sizeof(*size));
    }
    return status;
}

static inline MUST_CHECK enum status memory_view(uint64_t memory, uint64_t page_offset,
                                                 uint64_t page_count, enum access access,
                                                 uint64_t *view)
{
    const struct memory_view_params params = {
        .page_offset = page_offset, .page_count = page_count, .access = (uint16_t)access};

    return rt_kernel_call_word(memory, MEMORY_VIEW, RT_WORDS(params), view);
}

/* -------- Endpoint, Notification, Signaller -------- */

static inline MUST_CHECK enum status endpoint_mint(uint64_t endpoint, uint64_t badge,
                                                   uint64_t *client)
{
    const struct endpoint_mint_params params = {.badge = badge};

    return rt_kernel_call_word(endpoint, ENDPOINT_MINT, RT_WORDS(params), client);
}

/**
 * A client end whose maker hears of its end: `bits` of the notification are signalled when nobody
 * has a capability for it. The one that this gives counts: move it to the client, or release it
 * after the client has a copy.
 */
static inline MUST_CHECK enum status endpoint_mint_watched(uint64_t endpoint, uint64_t badge,
                                                           uint64_t notification, uint64_t bits,
                                                           uint64_t *client)
{
    const struct endpoint_mint_params params = {
        .badge = badge, .notification = notification, .bits = bits};

    return rt_kernel_call_word(endpoint, ENDPOINT_MINT, RT_WORDS(params), client);
}

static ALWAYS_INLINE MUST_CHECK enum status notification_signal(uint64_t notification,
                                                                uint64_t bits)
{
    const struct notification_signal_params params = {.bits = bits};

    return rt_kernel_call_void(notification, NOTIFICATION_SIGNAL, RT_WORDS(params));
}

static inline MUST_CHECK enum status notification_mint(uint64_t notification, uint64_t mask,
                                                       uint64_t *signaller)
{
    const struct notification_mint_params params = {.mask = mask};

    return rt_kernel_call_word(notification, NOTIFICATION_MINT, RT_WORDS(params), signaller);
}

static inline MUST_CHECK enum status signaller_signal(uint64_t signaller, uint64_t bits)
{
    const struct signaller_signal_params params = {.bits = bits};

    return rt_kernel_call_void(signaller, SIGNALLER_SIGNAL, RT_WORDS(params));
}

/** Wait for bits of a notification and clear them; `deadline_ns` 0 is for ever. */
static inline MUST_CHECK enum status notification_wait(uint64_t notification, uint64_t deadline_ns,
                                                       uint64_t *bits)
{
    return rt_ring_wait_for(rt_ring_self(), notification, deadline_ns, bits, NULL);
}

/* -------- Timer -------- */

static inline MUST_CHECK enum status timer_now(uint64_t timer, uint64_t *nanoseconds)
{
    return rt_kernel_call_word(timer, TIMER_NOW, (struct rt_words){{0}}, nanoseconds);
}

static inline MUST_CHECK enum status timer_arm(uint64_t timer, uint64_t notification, uint64_t bits,
                                               uint64_t deadline_ns, uint64_t period_ns)
{
    const struct timer_arm_params params = {
        .notification = notification, .bits = bits, .deadline = deadline_ns, .period = period_ns};

    return rt_kernel_call_void(timer, TIMER_ARM, RT_WORDS(params));
}

static inline MUST_CHECK enum status timer_disarm(uint64_t timer)
{
    return rt_kernel_call_void(timer, TIMER_DISARM, (struct rt_words){{0}});
}

/* -------- Thread, ProcessHandle, Power -------- */

static inline MUST_CHECK enum status thread_set_priority(uint64_t thread, uint8_t priority)
{
    const struct thread_set_priority_params params = {.priority = priority};

    return rt_kernel_call_void(thread, THREAD_SET_PRIORITY, RT_WORDS(params));
}

static inline MUST_CHECK enum status process_kill(uint64_t process)
{
    return rt_kernel_call_void(process, PROCESS_HANDLE_KILL, (struct rt_words){{0}});
}

static inline MUST_CHECK enum status process_info(uint64_t process,
                                                  struct process_handle_info_results *info)
{
    struct rt_words answer;
    const enum status status =
        rt_kernel_call(process, PROCESS_HANDLE_INFO, (struct rt_words){{0}}, &answer);

    if (status == STATUS_OK) {
        __builtin_memcpy(info, &answer, sizeof(*info));
    }
    return status;
}

/** Wait until a process is gone: its exit code and how it ended. */
static inline MUST_CHECK enum status process_wait(uint64_t process, uint64_t deadline_ns,
                                                  uint64_t *code, enum exit_reason *reason)
{
    uint64_t word;
    const enum status status = rt_ring_wait_for(rt_ring_self(), process, deadline_ns, code, &word);

    if (status == STATUS_OK) {
        *reason = (enum exit_reason)word;
    }
    return status;
}

static inline MUST_CHECK enum status power_halt(uint64_t power)
{
    return rt_kernel_call_void(power, POWER_HALT, (struct rt_words){{0}});
}

static inline MUST_CHECK enum status power_reboot(uint64_t power)
{
    return rt_kernel_call_void(power, POWER_REBOOT, (struct rt_words){{0}});
}

/* -------- any capability -------- */

/** Give up a capability. */
static inline enum status capability_release(uint64_t capability)
{
    return rt_ring_release(rt_ring_self(), capability);
}

/** Take back all other capabilities for the same object. */
static inline enum status capability_revoke(uint64_t capability)
{
    return rt_ring_revoke(rt_ring_self(), capability);
}

/* -------- with messages in the message area: kernel_objects.c -------- */

/** Write all of `text` to a console, in as many calls as it takes. */
MUST_CHECK enum status console_write(uint64_t console, const char *text, size_t length);

/** Read 1 to `limit` bytes of input, waiting for the first. */
MUST_CHECK enum status console_read(uint64_t console, char *bytes, uint32_t limit, size_t *length);
