/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/number: machines in which a bus is where its bridge's registers say, so that what is
 * behind an unnumbered bridge cannot be seen. After numbering, everything must be found, and at its
 * own place.
 */

#include "pci/number.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "pci_space.h"
#include "random.h"

#define NODES 200u

struct node {
    uint32_t parent; /* PCI_NOBODY: on root bus `root` */
    uint8_t root;
    uint8_t place; /* device << 3 | function */
    uint8_t bytes[PCI_EXPRESS_BYTES];
};

struct tree {
    struct pci_access access;
    struct node nodes[NODES];
    uint32_t count;
    bool is_ambiguous; /* two functions have answered at once */
    struct pci_enumeration enumeration;
    struct pci_found found[NODES];
    struct pci_numbering numbering;
    uint32_t numbered; /* in all rounds */
};

static uint32_t bus_of(const struct tree *tree, const struct node *node)
{
    return node->parent == PCI_NOBODY ? node->root : tree->nodes[node->parent].bytes[0x19];
}

/* Whether a request for the node's bus gets there: each bridge on the way forwards it. */
static bool is_reached(const struct tree *tree, const struct node *node, uint32_t bus)
{
    const struct node *above;

    if (bus_of(tree, node) != bus) {
        return false;
    }
    for (uint32_t up = node->parent; up != PCI_NOBODY; up = tree->nodes[up].parent) {
        above = &tree->nodes[up];
        if (above->bytes[0x19] == 0 || bus < above->bytes[0x19] || bus > above->bytes[0x1a]) {
            return false;
        }
    }
    return true;
}

static struct node *find_node(struct tree *tree, struct pci_address address)
{
    struct node *found = NULL;

    for (uint32_t i = 0; i < tree->count; i++) {
        struct node *node = &tree->nodes[i];

        if (node->place == (uint8_t)pci_address_id(address) &&
            is_reached(tree, node, address.bus)) {
            tree->is_ambiguous = tree->is_ambiguous || found != NULL;
            found = node;
        }
    }
    return found;
}

static uint32_t tree_read(const struct pci_access *access, struct pci_address address,
                          uint32_t offset, uint32_t width)
{
    struct tree *tree = (struct tree *)(uintptr_t)access;
    const struct node *node = find_node(tree, address);

    return node == NULL ? UINT32_MAX >> (32 - 8 * width) : get(node->bytes, offset, width);
}

static void tree_write(const struct pci_access *access, struct pci_address address, uint32_t offset,
                       uint32_t width, uint32_t value)
{
    struct tree *tree = (struct tree *)(uintptr_t)access;
    struct node *node = find_node(tree, address);

    assert_non_null(node);
    assert_true(node->bytes[PCI_HEADER_TYPE] == 0x81);
    assert_true((offset == PCI_BRIDGE_BUSES && width == 4) ||
                (offset == 0x40 + PCI_EXPRESS_DEVICE_CONTROL2 && width == 2));
    put(node->bytes, offset, width, value);
}

static struct tree *tree_create(void)
{
    struct tree *tree = calloc(1, sizeof(*tree));

    assert_non_null(tree);
    tree->access = (struct pci_access){tree_read, tree_write, PCI_EXPRESS_BYTES};
    tree->enumeration = (struct pci_enumeration){.access = &tree->access,
                                                 .last_bus = 255,
                                                 .roots = PCI_ROOTS_ALL,
                                                 .found = tree->found,
                                                 .capacity = NODES};
    return tree;
}

/* A device, or a bridge; the number of its node. */
static uint32_t add(struct tree *tree, uint32_t parent, uint8_t place, bool is_bridge)
{
    struct node *node = &tree->nodes[tree->count];

    assert_true(tree->count < NODES);
    node->parent = parent;
    node->place = place;
    put(node->bytes, PCI_VENDOR_ID, 4, 0x10000u * (tree->count + 1) + 0x1234);
    put(node->bytes, PCI_REVISION, 4, is_bridge ? 0x06040000 : 0x02000000);
    node->bytes[PCI_HEADER_TYPE] = is_bridge ? 0x81 : 0x80;
    put(node->bytes, 0x1b, 1, 0x40); /* the latency timer beside the bus numbers */
    return tree->count++;
}

static void set_buses(struct tree *tree, uint32_t node, uint8_t primary, uint8_t secondary,
                      uint8_t subordinate)
{
    tree->nodes[node].bytes[0x18] = primary;
    tree->nodes[node].bytes[0x19] = secondary;
    tree->nodes[node].bytes[0x1a] = subordinate;
}

static void enumerate(struct tree *tree)
{
    struct pci_address place;

    assert_int_equal(pci_enumerate(&tree->enumeration, &place), PCI_OK);
}

/* Number, and look that everything is found once, below the bridge that it is behind. */
static void number(struct tree *tree)
{
    uint32_t rounds = 0;

    tree->numbered = 0;
    enumerate(tree);
    while (pci_number_buses(&tree->numbering, &tree->enumeration)) {
        assert_true(++rounds < PCI_NUMBERING_ROUNDS);
        tree->numbered += tree->numbering.numbered_count;
        tree->is_ambiguous = false;
        enumerate(tree);
    }
    assert_true(rounds == 0 || !tree->is_ambiguous);
    for (uint32_t i = 0; i < tree->enumeration.count; i++) {
        const struct pci_found *found = &tree->found[i];
        const uint32_t parent = tree->nodes[found->device - 1u].parent;

        if (parent == PCI_NOBODY) {
            assert_int_equal(found->parent, PCI_NOBODY);
        } else {
            assert_int_equal(tree->found[found->parent].device, parent + 1);
        }
        if (found->is_bridge) {
            assert_int_equal(tree->nodes[found->device - 1u].bytes[0x1b], 0x40);
        }
    }
}

static void test_nothing_numbered(void **state)
{
    struct tree *tree = tree_create();
    uint32_t port, upstream, below;

    (void)state;
    (void)add(tree, PCI_NOBODY, 0, false);
    port = add(tree, PCI_NOBODY, 8, true);
    upstream = add(tree, port, 0, true);
    for (uint8_t i = 0; i < 4; i++) {
        below = add(tree, upstream, (uint8_t)(i << 3), true);
        (void)add(tree, below, 0, false);
        (void)add(tree, below, 1, false);
    }
    (void)add(tree, add(tree, PCI_NOBODY, 16, true), 31 << 3, false);
    number(tree);
    assert_int_equal(tree->enumeration.count, tree->count);
    assert_int_equal(tree->numbered, 7);
    assert_int_equal(tree->numbering.refused_count, 0);
    assert_int_equal(tree->nodes[port].bytes[0x19], 1);
    assert_int_equal(tree->nodes[port].bytes[0x1a], 6);
    number(tree); /* and it stays */
    assert_int_equal(tree->numbered, 0);
    free(tree);
}

static void test_good_numbers_stay(void **state)
{
    struct tree *tree = tree_create();
    const uint32_t good = add(tree, PCI_NOBODY, 8, true);
    const uint32_t bad = add(tree, PCI_NOBODY, 16, true);
    const uint32_t inner = add(tree, good, 0, true);
    const uint32_t second = add(tree, PCI_NOBODY, 0, false);

    (void)state;
    set_buses(tree, good, 0, 3, 6);
    set_buses(tree, bad, 7, 3, 4); /* a wrong primary bus, and another's numbers */
    tree->nodes[second].root = 8;  /* another root: only bus 7 is left */
    (void)add(tree, bad, 0, false);
    (void)add(tree, inner, 0, false);
    number(tree);
    assert_int_equal(tree->enumeration.count, tree->count);
    assert_int_equal(tree->nodes[good].bytes[0x19], 3);
    assert_int_equal(tree->nodes[good].bytes[0x1a], 6);
    assert_int_equal(tree->nodes[inner].bytes[0x19], 4);
    assert_int_equal(tree->nodes[bad].bytes[0x19], 7);
    assert_int_equal(tree->nodes[bad].bytes[0x1a], 7);
    free(tree);
}

static void test_no_numbers_left(void **state)
{
    struct tree *tree = tree_create();
    const uint32_t first = add(tree, PCI_NOBODY, 8, true);
    const uint32_t inner = add(tree, first, 0, true);
    const uint32_t last = add(tree, PCI_NOBODY, 16, true);

    (void)state;
    (void)add(tree, inner, 0, false);
    (void)add(tree, last, 0, false);
    tree->enumeration.last_bus = 1; /* one number for three bridges */
    number(tree);
    assert_int_equal(tree->numbered, 1);
    assert_int_equal(tree->numbering.refused_count, 2);
    assert_int_equal(tree->enumeration.count, 3);
    assert_int_equal(tree->nodes[inner].bytes[0x19], 0);
    assert_int_equal(tree->nodes[last].bytes[0x19], 0);
    free(tree);
}

/* As deep as there are buses, and one more. */
static void test_deep(void **state)
{
    struct tree *tree = tree_create();
    uint32_t above = PCI_NOBODY;

    (void)state;
    for (uint32_t i = 0; i < 150; i++) {
        above = add(tree, above, 0, true);
    }
    tree->enumeration.last_bus = 149;
    number(tree);
    assert_int_equal(tree->enumeration.count, 150);
    assert_int_equal(tree->numbered, 149);
    assert_int_equal(tree->numbering.refused_count, 1);
    free(tree);
}

/* A port leads to device 0 alone: what answers everywhere is not asked again. */
static void test_link(void **state)
{
    struct tree *tree = tree_create();
    const uint32_t port = add(tree, PCI_NOBODY, 8, true);

    (void)state;
    make_express(tree->nodes[port].bytes, PCI_EXPRESS_ROOT_PORT);
    (void)add(tree, port, 0, true);
    (void)add(tree, port, 1 << 3, true); /* an echo */
    enumerate(tree);
    assert_true(pci_number_buses(&tree->numbering, &tree->enumeration));
    assert_int_equal(tree->numbering.numbered_count, 2);
    free(tree);
}

static void test_ari(void **state)
{
    struct tree *tree = tree_create();
    const uint32_t port = add(tree, PCI_NOBODY, 8, true);
    uint32_t first;

    (void)state;
    set_buses(tree, port, 0, 1, 1);
    make_express(tree->nodes[port].bytes, PCI_EXPRESS_ROOT_PORT);
    put(tree->nodes[port].bytes, 0x40 + 36, 4, 0x20); /* it can forward */
    first = tree->count;
    for (uint32_t i = 0; i < 3; i++) {
        static const uint8_t numbers[] = {0, 9, 255};
        uint8_t *bytes = tree->nodes[add(tree, port, numbers[i], false)].bytes;

        make_express(bytes, PCI_EXPRESS_ENDPOINT);
        put_extended(bytes, 256, PCI_CAP_ARI, 0);
        bytes[256 + 5] = i < 2 ? numbers[i + 1] : 0;
    }
    enumerate(tree);
    assert_int_equal(tree->enumeration.count, 2);
    assert_true(pci_forward_ari(&tree->enumeration));
    enumerate(tree);
    assert_int_equal(tree->enumeration.count, 4);
    assert_int_equal(pci_address_id(tree->found[3].address), 0x1ff);
    assert_false(pci_forward_ari(&tree->enumeration));
    /* Not for a device that does not list its functions, nor through a port that cannot. */
    put(tree->nodes[port].bytes, 0x40 + 40, 2, 0);
    put(tree->nodes[first].bytes, 256, 4, 0);
    enumerate(tree);
    assert_false(pci_forward_ari(&tree->enumeration));
    put_extended(tree->nodes[first].bytes, 256, PCI_CAP_ARI, 0);
    put(tree->nodes[port].bytes, 0x40 + 36, 4, 0);
    enumerate(tree);
    assert_false(pci_forward_ari(&tree->enumeration));
    free(tree);
}

static void test_random(void **state)
{
    (void)state;
    random_seed();
    for (uint32_t round = 0; round < 60; round++) {
        struct tree *tree = tree_create();
        const uint32_t nodes = random_below(60) + 1;
        uint32_t bridges[NODES];
        uint32_t bridge_count = 0;
        bool is_sane;

        (void)add(tree, PCI_NOBODY, 0, false);
        for (uint32_t i = 0; i < nodes; i++) {
            const uint32_t pick = random_below(bridge_count + 2);
            const uint32_t parent = pick < bridge_count ? bridges[pick] : PCI_NOBODY;
            const bool is_bridge = random_below(2) == 0;
            uint32_t place = 0;

            for (uint32_t j = 0; j < tree->count; j++) {
                place += tree->nodes[j].parent == parent ? 1 : 0;
            }
            if (place < 30) {
                const uint32_t node = add(tree, parent, (uint8_t)(place << 3), is_bridge);

                if (is_bridge) {
                    bridges[bridge_count++] = node;
                }
            }
        }
        is_sane = random_below(2) == 0;
        for (uint32_t i = 0; i < bridge_count && !is_sane; i++) {
            if (random_below(3) == 0) {
                set_buses(tree, bridges[i], (uint8_t)random_below(4), (uint8_t)random_below(90),
                          (uint8_t)random_below(90));
            }
        }
        if (is_sane) {
            number(tree);
            assert_int_equal(tree->enumeration.count, tree->count);
            assert_int_equal(tree->numbering.refused_count, 0);
        } else {
            /* Two bridges may both forward a bus: it has to end, and write to bridges only. */
            enumerate(tree);
            for (uint32_t i = 0; i < PCI_NUMBERING_ROUNDS; i++) {
                (void)pci_number_buses(&tree->numbering, &tree->enumeration);
                enumerate(tree);
            }
        }
        free(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_numbered),
        cmocka_unit_test(test_good_numbers_stay),
        cmocka_unit_test(test_no_numbers_left),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_ari),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
