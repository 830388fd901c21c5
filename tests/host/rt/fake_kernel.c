/* SPDX-License-Identifier: MIT */
#include "fake_kernel.h"

#include "rt/kernel_objects.h"
#include "rt/thread.h"
#include "rt/thread_storage.h"
#include "wire/build.h"
#include "wire/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

struct fake_kernel fake;
struct rt_thread *fake_thread;
jmp_buf fake_exit_place;
bool fake_exits;
int64_t fake_exit_code;

/* What user.ld and start.S would define. */
struct rt_tls_image rt_tls_image_get(void)
{
    static const uint64_t bytes[2] = {42, 43};

    return (struct rt_tls_image){bytes, sizeof(bytes), 24, 16};
}

char rt_first_tls[4096] __attribute__((aligned(64)));
void rt_thread_entry(void);
void rt_thread_entry(void)
{
}

/* process.o is compiled to call this in the place of main(). */
__attribute__((weak)) int rt_test_main(int count, char **arguments);
__attribute__((weak)) int rt_test_main(int count, char **arguments)
{
    (void)count;
    (void)arguments;
    return 0;
}

static struct rt_thread thread;

void fake_reset(void)
{
    free(fake.memory);
    memset(&fake, 0, sizeof(fake));
    fake.memory = aligned_alloc(PAGE, sizeof(*fake.memory));
    memset(fake.memory, 0, sizeof(*fake.memory));
    fake.page_limit = UINT64_MAX;
    ring_kernel_init(&fake.ring, fake.memory);
    memset(&thread, 0, sizeof(thread));
    rt_ring_init(&thread.ring, fake.memory);
    fake_thread = &thread;
}

void fake_post_cqe(const struct ring_cqe *cqe)
{
    *ring_kernel_next_cqe(&fake.ring) = *cqe;
    ring_kernel_post(&fake.ring);
}

void fake_post(uint64_t user_data, enum status status, uint64_t first, uint64_t second)
{
    for (unsigned i = 0; i < fake.post_before; i++) {
        const struct ring_cqe stray = {.user_data = fake.post_before_data};

        fake.ring.reserved++;
        fake_post_cqe(&stray);
    }
    fake_post_cqe(&(struct ring_cqe){.status = (uint8_t)status,
                                     .user_data = user_data,
                                     .flags = CQE_INLINE,
                                     .payload = {first, second}});
}

bool fake_complete(enum ring_operation operation, enum status status, uint64_t first)
{
    for (unsigned i = 0; i < fake.held_count; i++) {
        if (fake.held[i].operation == operation) {
            const uint64_t user_data = fake.held[i].user_data;

            memmove(&fake.held[i], &fake.held[i + 1],
                    (--fake.held_count - i) * sizeof(fake.held[0]));
            fake_post(user_data, status, first, 0);
            return true;
        }
    }
    return false;
}

/** VirtualMemory: real mappings where nothing is. */
static enum status map(const struct ring_sqe *sqe)
{
    struct virtual_memory_map_params params;
    void *seen;

    memcpy(&params, sqe->payload, sizeof(params));
    seen = mmap((void *)(uintptr_t)params.address, params.page_count * PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return seen == (void *)(uintptr_t)params.address ? STATUS_OK : STATUS_OCCUPIED;
}

static void answer_call(const struct ring_sqe *sqe)
{
    enum status exception = STATUS_OK;
    uint64_t result = 0;

    if (sqe->target == RT_FACTORY && sqe->method == FACTORY_CREATE_MEMORY) {
        if (fake.pages + sqe->payload[0] > fake.page_limit) {
            exception = STATUS_OVER_BUDGET;
        } else {
            fake.pages += sqe->payload[0];
            result = (1ull << 20) + 100 + fake.created++;
        }
    } else if (sqe->target == RT_FACTORY) {
        result = (1ull << 20) + 100 + fake.created++;
    } else if (sqe->target == RT_VIRTUAL_MEMORY && sqe->method == VIRTUAL_MEMORY_MAP) {
        exception = map(sqe);
    } else if (sqe->target == RT_VIRTUAL_MEMORY && sqe->method == VIRTUAL_MEMORY_UNMAP) {
        munmap((void *)(uintptr_t)sqe->payload[0], sqe->payload[1] * PAGE);
    } else if (sqe->target == RT_VIRTUAL_MEMORY && sqe->method == VIRTUAL_MEMORY_SET_TLS) {
        fake.tls_base = sqe->payload[0];
        fake_thread = ((const struct rt_thread_pointer *)(uintptr_t)fake.tls_base)->thread;
    } else if (sqe->method == CONSOLE_WRITE && (sqe->flags & SQE_INLINE) == 0) {
        struct wire_message message;
        struct wire_struct params;
        struct wire_bytes text;

        if (wire_message_init_flat(&message, fake.memory->message + (uint32_t)sqe->payload[0],
                                   sqe->payload[0] >> 32) == WIRE_OK &&
            wire_read_root(&message, &params) == WIRE_OK &&
            console_write_params_get_text(params, &text) == WIRE_OK &&
            text.length <= sizeof(fake.output) - fake.output_length) {
            memcpy(fake.output + fake.output_length, text.bytes, text.length);
            fake.output_length += text.length;
        } else {
            exception = STATUS_BAD_MESSAGE;
        }
    }
    for (unsigned i = 0; i < fake.post_before; i++) {
        fake.ring.reserved++;
        fake_post_cqe(&(struct ring_cqe){.user_data = fake.post_before_data});
    }
    fake_post_cqe(&(struct ring_cqe){.exception = (uint8_t)exception,
                                     .user_data = sqe->user_data,
                                     .flags = CQE_INLINE,
                                     .payload = {result}});
}

static void take(const struct ring_sqe *sqe)
{
    if (fake.handler != NULL && fake.handler(sqe)) {
        return;
    }
    if (fake.refuse_all != STATUS_OK) {
        fake_post(sqe->user_data, fake.refuse_all, 0, 0);
        return;
    }
    switch ((enum ring_operation)sqe->operation) {
    case RING_OPERATION_CALL:
        answer_call(sqe);
        return;
    case RING_OPERATION_NOP:
    case RING_OPERATION_RELEASE:
    case RING_OPERATION_CANCEL:
    case RING_OPERATION_TIMEOUT:
        fake_post(sqe->user_data, STATUS_OK, 0, 0);
        return;
    case RING_OPERATION_RETURN: /* quiet */
        ring_kernel_unreserve(&fake.ring);
        return;
    case RING_OPERATION_RECV:
    case RING_OPERATION_WAIT:
        fake.held[fake.held_count++] = *sqe;
        return;
    case RING_OPERATION_COUNT:
        break;
    }
    fake_post(sqe->user_data, STATUS_BAD_REQUEST, 0, 0);
}

uint64_t rt_arch_cap_enter(uint64_t submit, uint64_t min_complete, uint64_t deadline_ns)
{
    uint64_t taken = 0;

    fake.entries++;
    if (fake.entry_result != 0) {
        return fake.entry_result;
    }
    if (fake.refuse_entries != 0) {
        fake.refuse_entries--;
        return (uint64_t)STATUS_QUEUE_FULL << 32;
    }
    while (taken < submit && ring_kernel_pending(&fake.ring) != 0 &&
           ring_kernel_reserve(&fake.ring)) {
        struct ring_sqe sqe;

        ring_kernel_take(&fake.ring, &sqe);
        take(&sqe);
        taken++;
    }
    ring_kernel_publish_sq(&fake.ring);
    if (fake.break_tail) {
        fake.memory->header.cq_tail += RING_DEPTH + 1;
    }
    while (!fake.break_tail && ring_kernel_unread(&fake.ring) < min_complete &&
           deadline_ns == RT_NO_DEADLINE) {
        if (fake.idle == NULL) {
            fprintf(stderr, "the runtime sleeps for ever\n");
            abort();
        }
        fake.idle();
    }
    return taken;
}

void rt_arch_exit(enum rt_exit_scope scope, uint64_t code)
{
    (void)scope;
    if (!fake_exits) {
        fprintf(stderr, "unexpected exit with code %llu: %.*s\n", (unsigned long long)code,
                (int)fake.output_length, fake.output);
        abort();
    }
    fake_exit_code = (int64_t)code;
    longjmp(fake_exit_place, 1);
}
