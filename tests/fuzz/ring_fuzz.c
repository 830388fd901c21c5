/* SPDX-License-Identifier: MIT */

/*
 * lib/ring with the fuzzer as the peer. As the thread, it writes anything anywhere in the ring
 * between the kernel's calls: the kernel must stay inside the ring (allocated exactly, under
 * ASan), judge indices as the plain rule does, copy what it validates, and promise no completion
 * that has no place. As the kernel, it answers the thread's side with anything.
 */

#include "ring/ring.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static uint8_t next_byte(struct input *input)
{
    if (input->size == 0) {
        return 0;
    }
    input->size--;
    return *input->data++;
}

/* A number near `near`, or a full queue away from it, or any. */
static uint32_t next_index(struct input *input, uint32_t near)
{
    const uint8_t byte = next_byte(input);
    uint32_t value = 0;

    if (byte < 120) {
        return near + byte % 16 - 4;
    }
    if (byte < 240) {
        return near + RING_DEPTH + byte % 16 - 4;
    }
    for (int i = 0; i < 4; i++) {
        value = value << 8 | next_byte(input);
    }
    return value;
}

static void scribble(struct ring_memory *memory, struct input *input, uint32_t near)
{
    switch (next_byte(input) % 5) {
    case 0:
        memory->header.sq_tail = next_index(input, near);
        break;
    case 1:
        memory->header.cq_head = next_index(input, near);
        break;
    case 2:
        memory->header.sq_head = next_index(input, near);
        break;
    case 3:
        memory->header.cq_tail = next_index(input, near);
        break;
    default:
        ((uint8_t *)memory->sq)[next_byte(input) * 16u] = next_byte(input);
        break;
    }
}

static void run_kernel(struct ring_memory *memory, struct input *input, uint32_t first)
{
    struct ring_kernel kernel;
    uint32_t promised = 0;

    ring_kernel_init(&kernel, memory);
    kernel.sq_head = first;
    kernel.cq_tail = first;
    kernel.cq_head_seen = first;
    memory->header.sq_tail = first;
    memory->header.cq_head = first;
    while (input->size != 0 && !kernel.poisoned) {
        const struct ring_kernel old = kernel;
        const uint32_t tail = memory->header.sq_tail;
        const uint32_t head = memory->header.cq_head;

        switch (next_byte(input) % 8) {
        case 0: {
            const uint32_t pending = ring_kernel_pending(&kernel);
            const bool possible = (uint64_t)(tail - old.sq_head) <= RING_DEPTH;

            check(kernel.poisoned == !possible);
            check(pending == (possible ? tail - old.sq_head : 0));
            if (pending != 0) {
                struct ring_sqe sqe;

                ring_kernel_take(&kernel, &sqe);
                check(memcmp(&sqe, &memory->sq[old.sq_head % RING_DEPTH], sizeof(sqe)) == 0);
                check(kernel.sq_head == old.sq_head + 1);
            }
            break;
        }
        case 1:
            ring_kernel_publish_sq(&kernel);
            check(memory->header.sq_head == kernel.sq_head);
            break;
        case 2: {
            const uint32_t unread = ring_kernel_unread(&kernel);
            const bool possible = (uint64_t)(old.cq_tail - head) <= RING_DEPTH;

            check(kernel.poisoned == !possible);
            check(unread == (possible ? old.cq_tail - head : 0));
            break;
        }
        case 3:
        case 4:
            if (ring_kernel_reserve(&kernel)) {
                promised++;
                check(!kernel.poisoned);
                check(kernel.cq_tail - kernel.cq_head_seen + promised <= RING_DEPTH);
            } else {
                /* Refused only if what the thread says leaves no room. */
                check(kernel.poisoned || old.cq_tail - head + promised >= RING_DEPTH);
            }
            break;
        case 5:
            if (promised != 0 && next_byte(input) % 4 == 0) {
                ring_kernel_unreserve(&kernel);
                promised--;
            } else if (promised != 0) {
                struct ring_cqe *cqe = ring_kernel_next_cqe(&kernel);

                check(cqe >= memory->cq && cqe < memory->cq + RING_DEPTH);
                memset(cqe, 0x5a, sizeof(*cqe));
                ring_kernel_post(&kernel);
                promised--;
                check(memory->header.cq_tail == old.cq_tail + 1);
            }
            break;
        default:
            scribble(memory, input, kernel.sq_head);
            break;
        }
        check(kernel.reserved == promised);
    }
}

static void run_user(struct ring_memory *memory, struct input *input, uint32_t first)
{
    struct ring_user user;

    ring_user_init(&user, memory);
    user.sq_tail = first;
    user.sq_published = first;
    user.sq_head_seen = first;
    user.cq_head = first;
    user.cq_tail_seen = first;
    memory->header.sq_head = first;
    memory->header.cq_tail = first;
    while (input->size != 0) {
        /* The kernel's indices are looked at when the last look is used up. */
        const bool looks = user.sq_tail - user.sq_head_seen >= RING_DEPTH;
        const uint32_t head = looks ? memory->header.sq_head : user.sq_head_seen;
        const bool seen = user.cq_head != user.cq_tail_seen;
        const uint32_t unread = (seen ? user.cq_tail_seen : memory->header.cq_tail) - user.cq_head;

        switch (next_byte(input) % 6) {
        case 0: {
            struct ring_sqe *sqe = ring_user_next_sqe(&user);

            if (sqe != NULL) {
                check(user.sq_tail - head <= RING_DEPTH);
                memset(sqe, 0xa5, sizeof(*sqe));
            } else {
                check(user.sq_tail - head >= RING_DEPTH);
            }
            break;
        }
        case 1: {
            const uint32_t unpublished = user.sq_tail - user.sq_published;

            check(ring_user_publish(&user) == unpublished);
            check(memory->header.sq_tail == user.sq_tail);
            break;
        }
        case 2:
        case 3: {
            const struct ring_cqe *cqe = ring_user_peek(&user);

            check((cqe != NULL) == (unread != 0 && unread <= RING_DEPTH));
            if (cqe != NULL) {
                check(cqe == &memory->cq[user.cq_head % RING_DEPTH]);
                ring_user_consume(&user);
                check(memory->header.cq_head == user.cq_head);
            }
            break;
        }
        default:
            scribble(memory, input, user.cq_head);
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct ring_memory *memory = calloc(1, sizeof(*memory));
    const uint8_t side = next_byte(&input);
    const uint32_t first = next_index(&input, 0);

    check(memory != NULL);
    if (side % 2 == 0) {
        run_kernel(memory, &input, first);
    } else {
        run_user(memory, &input, first);
    }
    free(memory);
    return 0;
}
