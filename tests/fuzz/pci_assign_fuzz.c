/* SPDX-License-Identifier: MIT */

/*
 * Any machine for pci_assign_run(): each 8 bytes are a BAR or a bridge with a place that firmware
 * might have given it. The result must be sound by comparing everything with everything
 * (tests/host/pci_assign_check.h), and placing it once more must change nothing.
 */

#include "../host/pci_assign_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK     8u
#define FUNCTIONS 96u
#define RESOURCES (FUNCTIONS * PCI_WINDOW_COUNT)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pci_root_window windows[] = {
    {.first_root = 0, .last_root = 1, .first = 0x80000000, .last = 0x83ffffff},
    {.first_root = 1, .last_root = 2, .first = 0x90000000, .last = 0x9000ffff},
    {.last_root = 3, .is_prefetchable = true, .first = 0x1000000000, .last = 0x10ffffffff},
    {.last_root = 3, .first = 0xfffffffff0000000, .last = UINT64_MAX},
    {.is_io = true, .last_root = 3, .last = UINT64_MAX},
};

static const struct pci_taken taken[] = {
    {.first = 0, .last = 0x7fffffff},
    {.first = 0x81000000, .last = 0x81000fff},
    {.is_for_firmware = true, .first = 0x82000000, .last = 0x820fffff},
    {.is_io = true, .is_for_firmware = true, .last = 0xfff},
    {.first = UINT64_MAX, .last = UINT64_MAX},
};

struct world {
    struct pci_assignment assignment;
    struct pci_resource resources[RESOURCES];
    struct pci_resource before[RESOURCES];
    uint32_t order[RESOURCES];
    struct pci_above below[FUNCTIONS];
};

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static uint64_t address_of(const uint8_t *chunk)
{
    const uint64_t low =
        (uint64_t)chunk[4] << 24 | (uint64_t)chunk[5] << 16 | (uint64_t)chunk[6] << 8;

    return chunk[3] < 0x40 ? low : chunk[3] < 0x80 ? low | (uint64_t)chunk[7] << 32 : low << 36;
}

static void add_bridge(struct world *world, const struct pci_above *above, uint32_t number,
                       const uint8_t *chunk)
{
    struct pci_above below = {.root = above->root};

    for (uint32_t i = 0; i < PCI_WINDOW_COUNT; i++) {
        const uint64_t size = i == PCI_WINDOW_IO ? 0x1000 : 0x100000;
        const uint64_t first = (address_of(chunk) >> (i == PCI_WINDOW_IO ? 16 : 0)) & ~(size - 1);
        const struct pci_window window = {.is_open = (chunk[2] >> i & 1) != 0,
                                          .is_wide = (chunk[2] & 8) != 0,
                                          .first = first,
                                          .last = first + size * (chunk[2] >> 4) - 1};

        below.windows[i] = (chunk[3] >> i & 1) != 0 && i != PCI_WINDOW_MEMORY
                               ? PCI_NO_RESOURCE
                               : pci_assign_window(&world->assignment, above, number,
                                                   (enum pci_window_kind)i, &window);
    }
    world->below[number] = below;
}

static void run(struct world *world)
{
    const char *wrong;

    memcpy(world->before, world->resources, sizeof(world->before));
    pci_assign_run(&world->assignment);
    wrong = assign_check(&world->assignment, world->before);
    if (wrong != NULL) {
        fprintf(stderr, "%s\n", wrong);
        abort();
    }
}

/* As the hardware is now: what was refused does not decode. */
static void run_again(const struct world *world)
{
    struct world *again = malloc(sizeof(*again));

    check(again != NULL);
    memcpy(again, world, sizeof(*again));
    again->assignment.resources = again->resources;
    again->assignment.order = again->order;
    for (uint32_t i = 0; i < world->assignment.count; i++) {
        struct pci_resource *resource = &again->resources[i];
        const uint64_t address = resource->address;
        const uint64_t bytes = resource->size;

        *resource = world->before[i];
        resource->address = assign_is_placed(&world->resources[i]) ? address : 0;
        resource->size = assign_is_placed(&world->resources[i]) ? bytes : 0;
    }
    run(again);
    check(again->assignment.moved_count == 0 && again->assignment.refused_count == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *world = calloc(1, sizeof(*world));
    uint32_t count = 0;

    check(world != NULL);
    world->assignment = (struct pci_assignment){
        .resources = world->resources,
        .order = world->order,
        .capacity = RESOURCES,
        .windows = windows,
        .window_count = ARRAY_COUNT(windows),
        .taken = taken,
        .taken_count = ARRAY_COUNT(taken),
    };
    for (; count < FUNCTIONS && size >= CHUNK; data += CHUNK, size -= CHUNK) {
        const struct pci_above root = {.is_root = true, .root = data[1] & 3};
        const struct pci_above *above = count != 0 && data[0] >= 0x40 && data[1] % count < count
                                            ? &world->below[data[1] % count]
                                            : &root;

        if (data[0] % 4 == 0) {
            add_bridge(world, above, count++, data);
        } else {
            const struct pci_bar bar = {
                .kind = data[0] % 4 == 1 ? PCI_BAR_IO : PCI_BAR_MEMORY,
                .is_64 = (data[2] & 0x40) != 0 && data[0] % 4 != 1,
                .is_prefetchable = (data[2] & 0x80) != 0,
                .address = address_of(data) >> (data[0] % 4 == 1 ? 16 : 0),
                .size = 4ull << (data[2] % (data[0] % 4 == 1 ? 14 : 61)),
            };

            (void)pci_assign_bar(&world->assignment, above, count, 0, &bar);
        }
    }
    run(world);
    run_again(world);
    free(world);
    return 0;
}
