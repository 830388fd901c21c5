/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where BARs and bridge windows go. Firmware may have placed all of them, some, or none; what it
 * placed well stays. The rest gets a place, or is refused and says why.
 *
 * A resource is a BAR or a window of a bridge. It lies in a container, the window of the bridge
 * above, or on the root bus. Well placed is what has an address that its size divides, is inside
 * its container, and meets neither what is not for devices nor another resource of its container.
 * Where two meet, windows win over BARs, then the one that comes first.
 *
 *       check      each resource, parents first: kept, or wanted
 *       pack       windows, the innermost first: what is wanted goes between what is kept; if there
 *                  is no room the window is made anew, large enough for all that is in it
 *       place      what is wanted on root buses, the largest first, into the host bridge's windows
 *
 * Offsets are relative to the container, so a window that moves takes along what is in it. Nothing
 * is read or written here: pci/place.h does that.
 */

#include "pci/bar.h"
#include "pci/bridge.h"
#include "pci/enumerate.h"

#define PCI_NO_RESOURCE UINT32_MAX

enum pci_placement {
    PCI_PLACEMENT_NONE,   /* a closed window that nothing needs */
    PCI_PLACEMENT_KEPT,   /* as firmware left it */
    PCI_PLACEMENT_WANTED, /* inside pci_assign_run() only */
    PCI_PLACEMENT_MOVED,  /* it has a new address, or size */
    PCI_PLACEMENT_REFUSED /* it has no address that is good */
};

/** Why something did not stay where it was. */
enum pci_misplacement {
    PCI_PLACED_WELL = 0,
    PCI_PLACED_NOWHERE,    /* firmware gave it no address */
    PCI_PLACED_MISALIGNED, /* its size does not divide its address */
    PCI_PLACED_OUTSIDE,    /* the bridge above does not forward it */
    PCI_PLACED_ON_OTHERS,  /* memory, or registers that belong to no bus */
    PCI_PLACED_TWICE,      /* another function or bridge answers there */
    PCI_PLACED_TIGHT,      /* a window that is too small for what must be in it */
    PCI_MISPLACEMENT_COUNT
};

/** The name in camelCase, "?" for a number that is none. */
const char *pci_misplacement_name(enum pci_misplacement misplacement);

struct pci_resource {
    uint32_t function; /* the caller's number */
    uint8_t index;     /* BAR register, or enum pci_window_kind */
    bool is_window;
    bool is_io;
    bool is_prefetchable;
    bool is_wide;    /* takes addresses of 64 bits; of a window: can be made to */
    bool is_low;     /* a window with something in it that takes 32 bits only */
    bool is_remade;  /* inside pci_assign_run() only */
    bool is_on_root; /* there is no bridge above */
    uint32_t root;   /* whose windows it gets: the caller's number of a root bus */
    enum pci_placement placement;
    enum pci_misplacement why;        /* unless it was well placed */
    uint32_t above[PCI_WINDOW_COUNT]; /* windows of the bridge above */
    uint32_t container;               /* the one that it is in; PCI_NO_RESOURCE: the root bus */
    uint32_t inside;                  /* of a window: the first that is in it; PCI_NO_RESOURCE */
    uint32_t next;                    /* in the same container */
    uint64_t address; /* of a BAR or open window as firmware left it; afterwards the good one */
    uint64_t size;
    uint64_t alignment; /* a power of two */
    uint64_t offset;    /* inside */
};

/** What a root bus forwards. */
struct pci_root_window {
    bool is_io;
    bool is_prefetchable; /* nothing else may be in it */
    uint32_t first_root;  /* which root buses */
    uint32_t last_root;
    uint64_t first;
    uint64_t last;
};

/** What is not for devices. */
struct pci_taken {
    bool is_io;
    bool is_for_firmware; /* firmware may have put a BAR there on purpose; nobody else does */
    uint64_t first;
    uint64_t last;
};

struct pci_assignment {
    /* Set by the caller. */
    struct pci_resource *resources; /* storage */
    uint32_t *order;                /* as many, for sorting */
    uint32_t capacity;
    const struct pci_root_window *windows;
    uint32_t window_count;
    const struct pci_taken *taken;
    uint32_t taken_count;

    /* Results. */
    uint32_t count;
    uint32_t moved_count; /* BARs */
    uint32_t refused_count;
};

/** The three windows of the bridge above; all PCI_NO_RESOURCE on a root bus. */
struct pci_above {
    uint32_t windows[PCI_WINDOW_COUNT];
    uint32_t root;
    bool is_root;
};

/**
 * Add a memory or I/O BAR with its size. ROMs have no place here: nobody turns them on.
 * Returns: its number; PCI_NO_RESOURCE if there is no room left, or nothing to place.
 */
uint32_t pci_assign_bar(struct pci_assignment *assignment, const struct pci_above *above,
                        uint32_t function, uint32_t index, const struct pci_bar *bar);

/**
 * Add a window that a bridge has, open or not; before anything that is behind the bridge.
 * `is_wide`: it can be given addresses of 64 bits (32 of I/O).
 * Returns: its number; PCI_NO_RESOURCE if there is no room left.
 */
uint32_t pci_assign_window(struct pci_assignment *assignment, const struct pci_above *above,
                           uint32_t function, enum pci_window_kind kind,
                           const struct pci_window *window);

/** Find places. Each resource's `placement` and `address` are good afterwards. */
void pci_assign_run(struct pci_assignment *assignment);
