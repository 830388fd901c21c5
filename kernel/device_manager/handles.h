/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The device manager's records: for each function what the ledger (lib/ledger) cannot know, because
 * it is hardware or memory, and the objects behind the four kinds of capability.
 *
 * Indices are the ledger's: device_functions[i] goes with ledger.functions[i], device_routes[i]
 * with ledger.routes[i]. An object carries the handle that it was issued with, and every use of it
 * begins with ledger_check().
 *
 * Private to kernel/device_manager. Under the kernel lock.
 */

#include "device_manager/config_policy.h"
#include "device_manager/route_fence.h"
#include "intx/line.h"
#include "intx/routing.h"
#include "iommu/iommu.h"
#include "ledger/ledger.h"
#include "ledger/ledger_slots.h"
#include "lock.h"
#include "object/bequest.h"
#include "object/memory.h"
#include "object/notification.h"
#include "object/object.h"
#include "pci/inventory.h"
#include "sched/timer.h"
#include "types.h"

#define DEVICE_ROUTES_MAX   256u
#define DEVICE_BUFFERS_MAX  16384u
#define DEVICE_VECTORS_MAX  64u   /* of one function that are used */
#define DEVICE_BUFFER_PAGES 4096u /* of one buffer: bounds the time of a map */

struct device_line;
struct dma_buffer;
struct interrupt;
struct operation;

/** One interrupt from a function's vector to a CPU. */
struct device_route {
    struct interrupt *interrupt; /* a reference, until nothing can arrive any more */
    struct device_function *function;
    uint64_t generation;         /* of the ledger's slot, as programmed into hardware (L5) */
    uint32_t number;             /* of the vector within the function */
    uint32_t cpu;                /* index */
    uint8_t vector;              /* on that CPU */
    uint32_t remap_index;        /* in the IOMMU's table, or IOMMU_NO_ROUTE: none of its own */
    struct device_line *line;    /* that the function's pin leads to; NULL: it sends messages */
    struct intx_sharer share;    /* of the line */
    struct list of_line;         /* in line->sharers */
    bool is_ready;               /* hardware has what was programmed */
    bool is_masked;              /* at the function */
    bool is_ending;              /* taking apart has begun */
    bool wants_unmask;           /* as soon as it is ready */
    struct iommu_wait wait;      /* programming or clearing the remapping entry */
    struct route_fence fence;    /* nothing pending at the CPU */
    struct list of_function;     /* in function->routes */
} __attribute__((aligned(256))); /* a power of two: every interrupt finds one by its number */

/** What watch.c looks at. */
struct device_watch {
    uint16_t aer;           /* [I] offset of the capability; 0: none */
    bool has_slot;          /* [I] a port whose device can come and go */
    bool is_ejecting;       /* its button was pressed, and what is behind it is not at rest */
    uint32_t error_count;   /* looks that found uncorrectable errors */
    uint32_t window_faults; /* refused accesses before window_end_ns */
    uint64_t window_end_ns;
};

struct device_function {
    uint32_t index;                 /* [I] */
    struct pci_function *pci;       /* [I] */
    struct iommu_coverage coverage; /* [I] */
    enum dma_level possible;        /* [I] the strongest level */
    uint16_t source;                /* [I] requester id */
    uint32_t vector_count;          /* [I] messages that can be used */
    struct config_kept kept;        /* [I] what was where its owners may write */
    bool masks_pin;                 /* [I] it has PCI 2.3's interrupt disable and status bits */

    struct process *owner;      /* whose account pays, until the teardown is complete; or NULL */
    struct device_mmio *mmio;   /* or NULL; no reference: the object takes itself out */
    struct dma_pool *pool;      /* likewise */
    struct list routes;         /* struct device_route.of_function */
    uint64_t vectors_taken;     /* bit n: vector n has a route */
    bool uses_pin;              /* of this claim: it has a pin, and no vectors */
    struct list buffers;        /* struct dma_buffer.of_function: those that end come last */
    struct iommu_domain domain; /* if has_domain */
    bool has_domain;
    bool is_attached;
    bool is_attaching; /* and `attach_wait` is under way */
    bool is_lost;      /* hardware did not answer: something of it stays for good */
    bool is_started;   /* bus mastering is on */
    struct iommu_wait attach_wait;

    struct work teardown;
    enum teardown_step step;
    enum teardown_cause cause; /* of the last one; none while it is owned */
    bool is_silenced;          /* nobody has a capability, or waits */
    bool is_waiting;           /* `wait` is under way */
    bool is_handing_over;      /* in quarantine, which does not yet pay for all of it */
    struct bequest bequest;    /* of its buffers' memory */
    bool is_reset_started;     /* of the rung in hand */
    uint32_t rung;             /* of the reset ladder */
    struct iommu_wait wait;
    struct timer timer;   /* goes on with the teardown */
    uint64_t deadline_ns; /* of the step */
    struct list revokers; /* struct operation.link: DeviceManager.revoke */

    struct work answering; /* of those who have waited for the end of a teardown, */
    struct list answered;  /* struct operation.link, who are told */
    uint64_t end_state;    /* how the last one left the function */

    struct device_watch watch;
    uint32_t fault_count;
    uint32_t reset_count;
};

/** Behind DeviceMmio. */
struct device_mmio {
    struct object object;
    struct device_handle handle;
    struct device_function *function;
    struct memory *bars[PCI_BAR_ROM]; /* made when first mapped: a reference each, or NULL */
};

/** Behind DMAPool. */
struct dma_pool {
    struct object object;
    struct device_handle handle;
    struct device_function *function;
};

/** Behind DMABuffer. Keeps a reference to itself until the device cannot reach it any more. */
struct dma_buffer {
    struct object object;
    struct device_handle handle;
    struct device_function *function;
    struct memory *memory; /* pinned */
    struct process *payer; /* of its pages */
    uint64_t id;           /* its first capability */
    uint64_t iova;
    uint32_t page_count;
    enum dma_access access;
    bool is_mapped;              /* the device may be told of it */
    bool is_ending;              /* the unmapping has begun */
    struct iommu_wait wait;      /* mapping, then unmapping */
    struct operation *operation; /* that waits for it, or NULL */
    struct list of_function;     /* in function->buffers */
};

/** Behind Interrupt. */
struct interrupt {
    struct object object;
    struct device_handle handle;
    struct device_function *function;
    struct device_route *route;  /* NULL once it has ended */
    struct notification *target; /* a reference while bound, or NULL */
    struct cap_object_slot *via; /* what it was bound with: a notification or a signaller */
    uint64_t via_generation;     /* another one means that it was revoked or is gone */
    uint64_t bits;
    struct list waiters;  /* struct operation.link */
    uint64_t delivered;   /* since it was made */
    uint64_t reported;    /* to WAITs */
    uint32_t unseen;      /* delivered in a row that nobody has looked at */
    uint32_t storm_lines; /* said so in the log, that often */
};

/** WAITs for one interrupt at a time: its handler tells all of them. */
#define INTERRUPT_WAITERS_MAX WORK_STEP_UNITS

/** Deliveries that nobody looks at before the route is masked. */
#define INTERRUPT_UNSEEN_MAX 64u

/** Storms that are told of in the log: of each interrupt, of each line. Its owner makes them. */
#define STORM_LINES_MAX 16u

extern struct ledger ledger;
extern struct device_function *device_functions; /* ledger.function_count of them */
extern struct device_route device_routes[DEVICE_ROUTES_MAX];

static inline uint32_t route_slot(const struct device_route *route)
{
    return (uint32_t)(route - device_routes);
}

static inline struct ledger_function *device_record(const struct device_function *function)
{
    return &ledger.functions[function->index];
}

static inline struct device_mmio *mmio_of(struct object *object)
{
    return CONTAINER_OF(object, struct device_mmio, object);
}

static inline struct dma_pool *pool_of(struct object *object)
{
    return CONTAINER_OF(object, struct dma_pool, object);
}

static inline struct dma_buffer *buffer_of(struct object *object)
{
    return CONTAINER_OF(object, struct dma_buffer, object);
}

static inline struct interrupt *interrupt_of(struct object *object)
{
    return CONTAINER_OF(object, struct interrupt, object);
}

/** Debug builds: is the ledger sound, after a transaction? */
void device_ledger_verify(void);

/* refusal.c */
struct method;

/**
 * May the caller of a method use the handle of the object that it names? Each kind has an admit()
 * of its own over this, which gives the record: there is no other way to one. A refusal is in the
 * audit log, with `detail`.
 */
MUST_CHECK enum status device_admit(struct method *method, const struct device_function *function,
                                    const struct device_handle *handle, uint64_t detail);

/* slots.c */

/** The slots of the ledger that are free. */
extern struct ledger_slots device_route_slots;
extern struct ledger_slots device_buffer_slots;

/** The ledger's tables of routes and buffers. Boot CPU, once, after ledger_init(). */
void device_slots_init(void);

/**
 * More slots for buffers.
 * Returns: STATUS_OK; STATUS_QUEUE_FULL if there are DEVICE_BUFFERS_MAX; STATUS_NO_MEMORY.
 */
MUST_CHECK enum status device_buffer_slots_grow(void);

/** The slot that was offered has its buffer, which the ledger has committed. */
void device_buffer_slot_take(void);

/** A slot's buffer has ended: it is offered again, unless it is retired. */
void device_buffer_slot_give(uint32_t slot);

/** The first slot from `slot` on that has a buffer, ending ones included; LEDGER_NONE. */
uint32_t device_buffer_next(uint32_t slot);

/** The slot to offer for a buffer. Returns as above. */
MUST_CHECK static inline enum status device_buffer_slot(uint32_t *slot)
{
    if (UNLIKELY(device_buffer_slots.first == LEDGER_NONE)) {
        const enum status status = device_buffer_slots_grow();

        if (status != STATUS_OK) {
            return status;
        }
    }
    *slot = device_buffer_slots.first;
    return STATUS_OK;
}

/**
 * A capability may not go to `to`, or if `object` is NULL, not all of them. The audit log has it.
 * `from` is NULL for the kernel. Returns the status.
 */
enum status device_transfer_refused(struct process *from, const struct process *to,
                                    struct object *object, enum status status);

/* owner.c */

/** Nobody can name the registers or the pool any more. */
void device_part_ended(struct device_function *function, const struct object *object,
                       const struct device_handle *handle);

/** A part of a claim has ended: with the last one the claim ends. */
void device_claim_shrunk(struct device_function *function);

/**
 * Let the device start transfers and interrupts: switches on bus mastering, for it and above.
 * Nothing happens if its function is being taken back.
 */
void device_start(struct device_function *function);

/* teardown.c */

/**
 * Take everything back, because of `cause`, which process `pid` has set off (0: none has).
 * Harmless if that is under way, or nothing is owned.
 */
void device_take_back(struct device_function *function, enum teardown_cause cause, uint64_t pid);

/** The same because the IOMMU did not do what it was asked to. */
static inline void device_teardown_start(struct device_function *function, uint64_t pid)
{
    device_take_back(function, TEARDOWN_CAUSE_IOMMU_FAILED, pid);
}

/** Something that a teardown may be waiting for has happened. */
void device_teardown_continue(struct device_function *function);

/** Come back to the step later. */
void device_teardown_sleep(struct device_function *function, uint64_t delay_ns);

/**
 * It is over: answer those who asked for the function to be taken back, a step's worth at once and
 * the others in steps. Who is still waiting for his answer when the next one is over is told of
 * that: nothing is left of what he asked about, either way.
 */
void device_answer_revokers(struct device_function *function);

/* watch.c */

/** Accesses that the IOMMU refuses before their function is taken from its owner, and in which
 * time. */
#define DEVICE_FAULTS_MAX      32u
#define DEVICE_FAULT_WINDOW_NS 4000000000ull

/** Begin to look for errors and removals. Boot CPU, once. */
void device_watch_init(void);

/** The IOMMU has refused an access of the function. */
void device_watch_fault(struct device_function *function);

/** Whether nobody answers for the function any more: it was removed, or its link is down. */
bool device_is_absent(const struct device_function *function);

/* quarantine.c */

/** Whether so much is lost that nothing can be claimed any more. */
bool device_quarantine_is_full(void);

/** Nobody has seen the function come to rest, and it is in quarantine: begin to hand it over. */
void device_quarantine_begin(struct device_function *function);

/** Have quarantine pay for a step's worth of what is left of the function; true: for all of it. */
MUST_CHECK bool device_quarantine_enter(struct device_function *function);

/**
 * Process `pid` wants a function out of quarantine: begin to reset it, and give back what it could
 * reach once that was seen. Harmless in other states, and if it is under way.
 */
void device_recover(struct device_function *function, uint64_t pid);

/* reset.c: one rung of the ladder after the other, without waiting. */

enum reset_progress {
    RESET_DONE,    /* the device was seen to have been reset */
    RESET_PENDING, /* ask again after *delay_ns */
    RESET_NONE,    /* no rung is left */
};

/** The first rung that resets more than what the registers of the function's class reach. */
#define RESET_WHOLE_FUNCTION 1u

/** Begin, or go on with, the reset of a function that has no owner any more. */
enum reset_progress device_reset_step(struct device_function *function, uint64_t *delay_ns);

/** Whether transfers of the function are still under way, as far as it says. */
bool device_is_draining(const struct device_function *function);

/* mmio.c */
MUST_CHECK enum status device_mmio_create(struct device_function *function, struct process *process,
                                          struct object **out);
/** Remove every mapping of the registers; ledger mmio_pages gets to 0 when they are gone. */
void device_mmio_unmap_all(struct device_mmio *mmio);

/** Forget the memory objects of BARs, of which nothing is mapped. */
void device_mmio_drop_bars(struct device_mmio *mmio);

/* dma_pool.c */
MUST_CHECK enum status dma_pool_create(struct device_function *function, struct process *process,
                                       struct object **out);

/* dma_buffer.c */

/**
 * Make pages of a memory object reachable, in the domain of the pool's function.
 * Returns: STATUS_OK: then `*pending` says whether the IOMMU is still at it, and
 * buffer->operation is to be completed later. A refusal has changed nothing.
 */
MUST_CHECK enum status dma_buffer_create(struct dma_pool *pool, struct process *process,
                                         struct memory *memory, uint64_t page_offset,
                                         uint32_t page_count, enum dma_access access,
                                         struct dma_buffer **out, uint64_t *id, bool *pending);

/** Begin to take a buffer back; harmless if that is under way. */
void dma_buffer_end(struct dma_buffer *buffer);

/** Give the pages of a buffer back that its recovered function cannot reach any more. */
void dma_buffer_recover(struct dma_buffer *buffer);

/* interrupt.c */

/** Wake whoever waits; nobody hears of this interrupt any more. */
void interrupt_silence(struct interrupt *interrupt);

/** It has come: tell whoever is bound or waits. */
void interrupt_deliver(struct interrupt *interrupt);

/* route.c */

/**
 * An interrupt of the function with everything it needs, of which nobody knows yet: one of its
 * messages, or its pin's. To be committed or given up before anybody else asks for one.
 * Returns: STATUS_OK; STATUS_NOT_FOUND if all of them are taken; STATUS_QUEUE_FULL if routes,
 * remapping entries or CPU vectors are; STATUS_UNSUPPORTED if nobody knows where the pin leads;
 * those of object_create().
 */
MUST_CHECK enum status interrupt_prepare(struct device_function *function, struct process *process,
                                         bool by_pin, struct object **out);

/** The function is claimed by the payer: record the route, and program it, masked. */
void interrupt_commit(struct interrupt *interrupt);

/** Begin to take a route back. */
void interrupt_end(struct interrupt *interrupt);

/** Give a route back that no message of its recovered function can take any more. */
void interrupt_recover(struct interrupt *interrupt);

/** Nobody gets what interrupt_prepare() has made: all that it took is free again. */
void interrupt_give_up(struct interrupt *interrupt);

/** Let it interrupt, as soon as hardware is programmed; keep it from that. */
void route_unmask(struct device_route *route);
void route_mask(struct device_route *route);

/** Hardware has what was programmed, or will never have. */
void route_ready(struct device_route *route, bool has_failed);

/* line.c */

/** Find or make the line of the function's pin. Returns as interrupt_prepare(). */
MUST_CHECK enum status line_take(struct device_route *route);

/** Nobody joined: give back what making the line took, if it was made for this. */
void line_give_up(struct device_line *line);

/** The function shares the line from here on, masked. */
void line_join(struct device_route *route);

/** It does not any more: nothing that comes is told to it. Masked before. */
void line_leave(struct device_route *route);

/** Its driver masks, unmasks or acknowledges. */
void line_set(struct device_route *route, enum intx_state state);

/* routing.c */

/** Where the function's pin leads, or NULL if that is not known. */
const struct intx_declaration *device_pin_find(const struct device_function *function);

/** Whether the function can interrupt by its pin alone. */
bool device_has_only_pin(const struct device_function *function);

/* msi.c: the function's own half of an interrupt. The kernel alone writes these registers. */
void msi_enable(const struct device_function *function);
void msi_disable(const struct device_function *function);
void msi_program(const struct device_function *function, uint32_t number, uint64_t address,
                 uint32_t data);
void msi_set_mask(const struct device_function *function, uint32_t number, bool is_masked);
/** Whether the function holds back an interrupt of a masked vector. */
bool msi_is_pending(const struct device_function *function, uint32_t number);
