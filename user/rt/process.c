/* SPDX-License-Identifier: MIT */
/*
 * From the first instruction to main(): the ring, StartInfo, thread-local storage.
 */
#include "rt/process.h"

#include "base/memory.h"
#include "rt/heap.h"
#include "rt/kernel_objects.h"
#include "rt/panic.h"
#include "rt/print.h"
#include "rt/start_info.h"
#include "rt/thread_storage.h"

/* A StartInfo up to this size stays where the kernel put it; a longer one would take too much of
 * the message area and is moved to the heap. */
#define START_INFO_STAYS_BYTES (2u * RT_AREA_GRANULE_BYTES)

#define ARGUMENTS_MAX          64u
#define EXIT_BAD_START         135 /* StartInfo cannot be read: there is nobody to tell */

extern char rt_first_tls[]; /* user.ld */

static struct rt_thread first_thread;
static const void *start_info;                   /* [I] after rt_start */
static size_t start_info_length;                 /* [I] after rt_start */
static uint32_t capability_count;                /* [I] after rt_start */
static char *argument_vector[ARGUMENTS_MAX + 1]; /* main's */
static char empty_name[] = "?";

NORETURN void rt_start(struct ring_memory *ring, uint64_t argument);

/** Set the FS base of the first thread, from here on rt_arch_thread() works. */
static void start_thread_storage(void)
{
    const struct rt_tls_image image = rt_tls_image_get();
    struct virtual_memory_set_tls_params params;
    struct rt_words answer;

    params.base = (uint64_t)(uintptr_t)rt_tls_block_init(&image, rt_first_tls, &first_thread);
    if (rt_ring_call(&first_thread.ring, RT_VIRTUAL_MEMORY, VIRTUAL_MEMORY_SET_TLS,
                     RT_WORDS(params), &answer) != STATUS_OK) {
        rt_arch_exit(RT_EXIT_PROCESS, EXIT_BAD_START);
    }
}

/** Keep StartInfo: in its place if it is short, else on the heap. */
static void start_info_keep(struct ring_memory *ring)
{
    uint32_t offset;

    start_info = ring->message;
    capability_count = 0;
    if (start_info_length == 0) {
        return;
    }
    if (rt_area_allocate(&first_thread.ring, (uint32_t)start_info_length, &offset) != STATUS_OK ||
        offset != 0) {
        rt_arch_exit(RT_EXIT_PROCESS, EXIT_BAD_START);
    }
    if (start_info_length > START_INFO_STAYS_BYTES) {
        void *const copy = heap_allocate(start_info_length);

        if (copy == NULL) {
            return; /* then it stays after all */
        }
        memcpy(copy, ring->message, start_info_length);
        start_info = copy;
        rt_area_free(&first_thread.ring, 0, (uint32_t)start_info_length);
    }
}

void rt_start(struct ring_memory *ring, uint64_t argument)
{
    uint32_t argument_count = 0;
    struct wire_bytes text;

    (void)argument;
    rt_ring_init(&first_thread.ring, ring);
    start_info_length = rt_start_info_length(ring);
    if (start_info_length != 0 &&
        rt_start_info_check(ring->message, start_info_length) != WIRE_OK) {
        rt_arch_exit(RT_EXIT_PROCESS, EXIT_BAD_START);
    }
    start_thread_storage();
    start_info_keep(ring);
    if (start_info_length != 0) {
        rt_start_info_counts(start_info, start_info_length, &argument_count, &capability_count);
    }
    if (argument_count > ARGUMENTS_MAX) {
        rt_panic("started with %u arguments, at most %u are supported", argument_count,
                 ARGUMENTS_MAX);
    }
    for (uint32_t i = 0; i < argument_count; i++) {
        /* The text is checked to end with a zero byte, in memory that is this process's own. */
        RT_ASSERT(rt_start_info_argument(start_info, start_info_length, i, &text));
        argument_vector[i] = (char *)(uintptr_t)text.bytes;
    }
    argument_vector[argument_count] = NULL;
    rt_exit(main((int)argument_count, argument_vector));
}

size_t rt_capability_count(void)
{
    return capability_count;
}

const char *rt_capability_name(size_t index)
{
    struct wire_bytes name;

    if (index >= capability_count ||
        !rt_start_info_name(start_info, start_info_length, (uint32_t)index, &name)) {
        return NULL;
    }
    return (const char *)name.bytes;
}

uint64_t rt_capability(const char *name)
{
    for (uint32_t i = 0; i < capability_count; i++) {
        const char *const given = rt_capability_name(i);

        if (given != NULL && strlen(given) == strlen(name) &&
            memcmp(given, name, strlen(name)) == 0) {
            return RT_FIRST_GENERATION | (RT_FIRST_GIVEN + i);
        }
    }
    return 0;
}

uint64_t rt_capability_required(const char *name)
{
    const uint64_t capability = rt_capability(name);

    if (capability == 0) {
        rt_panic("started without the capability \"%s\"", name);
    }
    return capability;
}

const char *rt_program_name(void)
{
    return argument_vector[0] != NULL ? argument_vector[0] : empty_name;
}

void rt_exit(int code)
{
    rt_print_flush();
    rt_arch_exit(RT_EXIT_PROCESS, (uint64_t)(uint32_t)code);
}
