/* SPDX-License-Identifier: MIT */

/*
 * The driver's side of a virtqueue with the fuzzer as the device: between any two calls it writes
 * anything into device memory, and into driver memory too. Both are exactly as large as they say,
 * under ASan. Whatever it does: each token comes back at most once, and with virtqueue_reclaim()
 * exactly once; no more is written than the chain allows; free descriptors and those of chains in
 * flight add up to the size; a broken queue leaves the rings alone and stays broken.
 */

#include "virtio/queue.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_CHAINS 4096u
#define MAX_COUNT  6u

struct input {
    const uint8_t *data;
    size_t size;
};

struct fuzz {
    struct virtqueue_setup setup;
    struct virtqueue queue;
    uint32_t next;                 /* token */
    uint8_t state[MAX_CHAINS];     /* of a token: 1 added, 2 published, 3 came back */
    uint32_t writable[MAX_CHAINS]; /* bytes */
    uint8_t cost[MAX_CHAINS];      /* descriptors */
    uint32_t descriptors_out;
    uint32_t open_count;
    uint8_t *before; /* device memory, then driver memory, when the queue was found broken */
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

static uint64_t next_word(struct input *input, uint32_t bytes)
{
    uint64_t word = 0;

    for (uint32_t i = 0; i < bytes; i++) {
        word = word << 8 | next_byte(input);
    }
    return word;
}

static void snapshot(struct fuzz *fuzz)
{
    memcpy(fuzz->before, fuzz->setup.device_memory, fuzz->setup.device_bytes);
    memcpy(fuzz->before + fuzz->setup.device_bytes, fuzz->setup.driver_memory,
           fuzz->setup.driver_bytes);
}

static void check_untouched(const struct fuzz *fuzz)
{
    check(memcmp(fuzz->before, fuzz->setup.device_memory, fuzz->setup.device_bytes) == 0);
    check(memcmp(fuzz->before + fuzz->setup.device_bytes, fuzz->setup.driver_memory,
                 fuzz->setup.driver_bytes) == 0);
}

static void came_back(struct fuzz *fuzz, uint64_t token, uint8_t state)
{
    check(token < fuzz->next);
    check(fuzz->state[token] == state || (state == 1 && fuzz->state[token] == 2));
    fuzz->state[token] = 3;
    fuzz->descriptors_out -= fuzz->cost[token];
    fuzz->open_count--;
}

static void add(struct fuzz *fuzz, struct input *input)
{
    struct virtqueue_buffer buffers[MAX_COUNT];
    const uint32_t out_count = next_byte(input) % 4;
    const uint32_t in_count = next_byte(input) % (MAX_COUNT + 1 - out_count);
    const uint32_t count = out_count + in_count;
    const struct virtqueue old = fuzz->queue;
    enum virtqueue_result result;
    uint64_t writable = 0;
    uint64_t total = 0;
    bool valid = count != 0 && count <= old.size;
    uint32_t cost = count;

    for (uint32_t i = 0; i < count; i++) {
        buffers[i] = (struct virtqueue_buffer){
            .iova = next_word(input, 2),
            .length = (uint32_t)next_word(input, 1 + next_byte(input) % 4),
        };
        valid = valid && buffers[i].length != 0;
        total += buffers[i].length;
        writable += i >= out_count ? buffers[i].length : 0;
    }
    if (fuzz->next == MAX_CHAINS) {
        return;
    }
    valid = valid && total <= UINT32_MAX;
    if (in_count != 0 && count >= 2 && fuzz->setup.table_entries >= count &&
        (fuzz->setup.features & VIRTIO_F_INDIRECT_DESC) != 0) {
        cost = 1;
    }
    result = virtqueue_add(&fuzz->queue, buffers, out_count, in_count, fuzz->next);
    if (old.broken != VIRTIO_OK) {
        check(result == VIRTQUEUE_BROKEN);
        check_untouched(fuzz);
    } else if (!valid) {
        check(result == VIRTQUEUE_BAD_BUFFERS);
    } else if (cost > old.size - fuzz->descriptors_out) {
        check(result == VIRTQUEUE_FULL);
    } else {
        check(result == VIRTQUEUE_OK);
        fuzz->state[fuzz->next] = 1;
        fuzz->cost[fuzz->next] = (uint8_t)cost;
        fuzz->writable[fuzz->next] = (uint32_t)writable;
        fuzz->descriptors_out += cost;
        fuzz->open_count++;
        fuzz->next++;
        return;
    }
    check(memcmp(&old, &fuzz->queue, sizeof(old)) == 0);
}

static void publish(struct fuzz *fuzz)
{
    const bool nothing = fuzz->queue.added == fuzz->queue.published;
    const bool notify = virtqueue_publish(&fuzz->queue);

    check(!nothing || !notify);
    if (fuzz->queue.broken != VIRTIO_OK) {
        check(!notify);
        check_untouched(fuzz);
        return;
    }
    for (uint32_t token = 0; token < fuzz->next; token++) {
        fuzz->state[token] = fuzz->state[token] == 1 ? 2 : fuzz->state[token];
    }
    check(nothing || fuzz->queue.available->index == (uint16_t)fuzz->queue.added);
}

static void take(struct fuzz *fuzz)
{
    const enum virtio_error broken = fuzz->queue.broken;
    uint64_t token = UINT64_MAX;
    uint32_t written = 0;

    switch (virtqueue_take(&fuzz->queue, &token, &written)) {
    case VIRTQUEUE_OK:
        check(broken == VIRTIO_OK);
        came_back(fuzz, token, 2);
        check(written <= fuzz->writable[token]);
        break;
    case VIRTQUEUE_EMPTY:
        check(broken == VIRTIO_OK && fuzz->queue.broken == VIRTIO_OK);
        break;
    case VIRTQUEUE_BROKEN:
        check(fuzz->queue.broken != VIRTIO_OK);
        if (broken == VIRTIO_OK) {
            snapshot(fuzz);
        } else {
            check(fuzz->queue.broken == broken);
            check_untouched(fuzz);
        }
        break;
    case VIRTQUEUE_FULL:
    case VIRTQUEUE_BAD_BUFFERS:
        abort();
    }
}

/* What a device can write, often near what an honest one would. */
static void scribble(struct fuzz *fuzz, struct input *input)
{
    struct virtqueue_used *used = fuzz->setup.device_memory;
    uint8_t *driver = fuzz->setup.driver_memory;
    const uint32_t place = ((uint32_t)fuzz->queue.taken + next_byte(input) % 4) & fuzz->queue.mask;
    const uint8_t kind = next_byte(input);

    switch (kind % 8) {
    case 0:
    case 1:
        used->index = (uint16_t)(fuzz->queue.taken + next_byte(input) % 8);
        break;
    case 2:
    case 3:
        used->ring[place].id = next_byte(input) % (fuzz->queue.size + 1u);
        used->ring[place].length = (uint32_t)next_word(input, 1);
        break;
    case 4:
        used->ring[place].id = (uint32_t)next_word(input, 4);
        used->ring[place].length = (uint32_t)next_word(input, 4);
        break;
    case 5:
        used->index = (uint16_t)next_word(input, 2);
        break;
    case 6:
        ((uint8_t *)used)[next_word(input, 2) % fuzz->setup.device_bytes] = next_byte(input);
        break;
    default:
        driver[next_word(input, 2) % fuzz->setup.driver_bytes] = next_byte(input);
        break;
    }
    if (fuzz->queue.broken != VIRTIO_OK) {
        snapshot(fuzz);
    }
}

static void check_accounts(const struct fuzz *fuzz)
{
    uint16_t at = fuzz->queue.free_first;

    check(virtqueue_in_flight(&fuzz->queue) == fuzz->open_count);
    if (fuzz->queue.broken != VIRTIO_OK) {
        return;
    }
    check(fuzz->queue.free_count + fuzz->descriptors_out == fuzz->queue.size);
    for (uint32_t i = 0; i < fuzz->queue.free_count; i++) {
        check(at < fuzz->queue.size && fuzz->queue.slots[at].count == 0);
        at = fuzz->queue.slots[at].next;
    }
}

static void run(struct fuzz *fuzz, struct input *input)
{
    const uint8_t shape = next_byte(input);
    const uint16_t size = (uint16_t)(1u << shape % 7);
    const uint16_t first = (uint16_t)next_word(input, 2);
    uint64_t token;

    fuzz->setup = (struct virtqueue_setup){
        .size = size,
        .table_entries = (uint16_t)(size < 4 ? size : 4),
        .features = ((shape & 0x40) != 0 ? VIRTIO_F_EVENT_IDX : 0) |
                    ((shape & 0x80) != 0 ? VIRTIO_F_INDIRECT_DESC : 0),
        .driver_iova = 0x10000,
        .device_iova = 0x20000,
        .driver_bytes =
            virtqueue_driver_bytes(size, (shape & 0x80) != 0 ? (size < 4 ? size : 4) : 0),
        .device_bytes = virtqueue_device_bytes(size),
        .slots = calloc(size, sizeof(struct virtqueue_slot)),
    };
    fuzz->setup.driver_memory = malloc(fuzz->setup.driver_bytes);
    fuzz->setup.device_memory = malloc(fuzz->setup.device_bytes);
    fuzz->before = malloc(fuzz->setup.driver_bytes + fuzz->setup.device_bytes);
    check(fuzz->setup.slots != NULL && fuzz->setup.driver_memory != NULL &&
          fuzz->setup.device_memory != NULL && fuzz->before != NULL);
    memset(fuzz->setup.driver_memory, 0, fuzz->setup.driver_bytes);
    check(virtqueue_init(&fuzz->queue, &fuzz->setup) == VIRTIO_OK);
    fuzz->queue.added = first;
    fuzz->queue.published = first;
    fuzz->queue.taken = first;
    fuzz->queue.used_seen = first;
    fuzz->queue.used->index = first;
    fuzz->queue.available->index = first;

    while (input->size != 0) {
        switch (next_byte(input) % 8) {
        case 0:
        case 1:
            add(fuzz, input);
            break;
        case 2:
            publish(fuzz);
            break;
        case 3:
        case 4:
            take(fuzz);
            break;
        case 5:
            (void)!virtqueue_wait_prepare(&fuzz->queue);
            virtqueue_wait_end(&fuzz->queue);
            if (fuzz->queue.broken != VIRTIO_OK) {
                check_untouched(fuzz);
            }
            break;
        default:
            scribble(fuzz, input);
            break;
        }
        check_accounts(fuzz);
    }

    check(fuzz->queue.broken != VIRTIO_OK || !virtqueue_reclaim(&fuzz->queue, &token));
    virtqueue_stop(&fuzz->queue, VIRTIO_NEEDS_RESET);
    while (virtqueue_reclaim(&fuzz->queue, &token)) {
        came_back(fuzz, token, 1);
    }
    for (uint32_t i = 0; i < fuzz->next; i++) {
        check(fuzz->state[i] == 3);
    }
    check(fuzz->open_count == 0 && fuzz->descriptors_out == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz *fuzz = calloc(1, sizeof(*fuzz));
    struct input input = {.data = data, .size = size};

    check(fuzz != NULL);
    run(fuzz, &input);
    free(fuzz->setup.slots);
    free(fuzz->setup.driver_memory);
    free(fuzz->setup.device_memory);
    free(fuzz->before);
    free(fuzz);
    return 0;
}
