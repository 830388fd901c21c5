/* SPDX-License-Identifier: MIT */
/*
 * Which slots of the ledger new routes and buffers get: the first of a list of free ones, so that
 * it makes no difference how many there are.
 *
 * The table of buffers grows by a page when it is full, up to DEVICE_BUFFERS_MAX, in addresses that
 * are set aside at boot. Its pages are the kernel's own and are never given back: a slot's
 * generation outlives its buffers (L7).
 */
#include "device_manager/handles.h"
#include "mm/frames.h"
#include "mm/kernel_map.h"

#define TABLE_BYTES (DEVICE_BUFFERS_MAX * sizeof(struct ledger_buffer))
#define TABLE_PAGES ((uint32_t)((TABLE_BYTES + PAGE_BYTES - 1) / PAGE_BYTES))
#define BOOT_PAGES  8u
#define BITS        64u

struct ledger_slots device_route_slots = {LEDGER_NONE};
struct ledger_slots device_buffer_slots = {LEDGER_NONE};

static struct ledger_route routes[DEVICE_ROUTES_MAX];
static uint64_t table;       /* [I] address of the buffers' */
static uint32_t table_pages; /* of it that are there */

/** A bit for each slot that has a buffer: lists of them pass over thousands that have none. */
static uint64_t taken[DEVICE_BUFFERS_MAX / BITS];

/** How many buffers there is room for. */
static uint32_t buffer_room(void)
{
    const uint64_t count = table_pages * PAGE_BYTES / sizeof(struct ledger_buffer);

    return count < DEVICE_BUFFERS_MAX ? (uint32_t)count : DEVICE_BUFFERS_MAX;
}

enum status device_buffer_slots_grow(void)
{
    if (table_pages == TABLE_PAGES) {
        return STATUS_QUEUE_FULL;
    }
    const enum status status =
        kernel_map_fill(table + table_pages * (uint64_t)PAGE_BYTES, FRAME_TABLE);

    if (status == STATUS_OK) {
        table_pages++;
        ledger_buffer_slots_add(&ledger, &device_buffer_slots, buffer_room() - ledger.buffer_count);
    }
    return status;
}

void device_buffer_slot_take(void)
{
    const uint32_t slot = device_buffer_slots.first;

    taken[slot / BITS] |= 1ull << slot % BITS;
    ledger_buffer_slot_take(&ledger, &device_buffer_slots);
}

void device_buffer_slot_give(uint32_t slot)
{
    taken[slot / BITS] &= ~(1ull << slot % BITS);
    ledger_buffer_slot_give(&ledger, &device_buffer_slots, slot);
}

uint32_t device_buffer_next(uint32_t slot)
{
    if (slot >= DEVICE_BUFFERS_MAX) {
        return LEDGER_NONE;
    }
    uint32_t word = slot / BITS;
    uint64_t bits = taken[word] >> slot % BITS << slot % BITS;

    while (bits == 0) {
        if (++word == ARRAY_COUNT(taken)) {
            return LEDGER_NONE;
        }
        bits = taken[word];
    }
    return word * BITS + (uint32_t)__builtin_ctzll(bits);
}

void device_slots_init(void)
{
    table = kernel_map_reserve(TABLE_PAGES);
    ledger.buffers = (struct ledger_buffer *)(uintptr_t)table;
    for (uint32_t i = 0; i < BOOT_PAGES; i++) {
        if (device_buffer_slots_grow() != STATUS_OK) {
            PANIC("memory: too little for the ledger of devices");
        }
    }
    ledger.routes = routes;
    ledger.route_count = DEVICE_ROUTES_MAX;
    for (uint32_t i = DEVICE_ROUTES_MAX; i-- > 0;) {
        routes[i] = (struct ledger_route){.use = LEDGER_UNUSED, .generation = 1};
        ledger_route_slot_give(&ledger, &device_route_slots, i);
    }
}
