/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Device authority: who owns which function of the machine's buses, and all that an owner can do.
 *
 *   device_manager.c  claims, and DeviceManager        owner.c   whose they are, and no more
 *   handles.h         the records behind it all
 *   mmio.c            registers
 *   interrupt.c       interrupts: route.c, msi.c, line.c, route_fence.c; routing.c: where pins lead
 *   dma_pool.c, dma_buffer.c               memory that a device can reach
 *   teardown.c        taking it all back               reset.c   the device's share in that
 *   watch.c           what takes devices away by itself quarantine.c  what could not be taken back
 *   config_policy.c   configuration space as an owner sees it
 *   audit.c           the log, as a capability of its own    refusal.c   what of refusals is in it
 *   listing.c, reports.c   for people
 *
 * It takes the decisions of lib/ledger, does what they mean to hardware, and tells the ledger what
 * was seen. Everything here is under the kernel lock (docs/design/0014-device-manager.md).
 */

#include "bootinfo/bootinfo.h"
#include "lock.h"
#include "object/object.h"
#include "syscall/methods.h"
#include "types.h"

struct device_function;
struct process;
struct ring_sqe;
struct thread;

/** Make the ledger of the functions in the inventory. Boot CPU, once, after iommu_init(). */
void device_manager_init(void);

/** Whether objects of this kind are device authority: moved, never copied. */
static inline bool device_is_authority(enum object_kind kind)
{
    return kind >= OBJECT_KIND_DEVICE_MMIO && kind <= OBJECT_KIND_DMA_BUFFER;
}

/** Whether what is refused to capabilities of this kind is in the audit log. */
static inline bool device_is_audited(enum object_kind kind)
{
    return device_is_authority(kind) || kind == OBJECT_KIND_DEVICE_MANAGER ||
           kind == OBJECT_KIND_INTERRUPT_ROUTING || kind == OBJECT_KIND_ACPI_FIRMWARE;
}

/** The place in the ledger of the function that an object of device authority is about. */
uint32_t device_index_of(struct object *object);

/** Where methods of objects of this kind are at work. */
static inline enum lock_rank device_region_of(enum object_kind kind)
{
    return device_is_authority(kind) || kind == OBJECT_KIND_DEVICE_MANAGER
               ? LOCK_RANK_PCI_DEVICE_MANAGER
               : LOCK_RANK_COUNT;
}

/**
 * Capabilities are about to go from one process to another, all or none: may those of devices?
 *
 * Returns: STATUS_OK; STATUS_DENIED for a copy, and as ledger_move_check(); STATUS_OVER_BUDGET if
 * the receiver cannot pay. `from` is NULL for the kernel, which has none to give.
 */
MUST_CHECK enum status device_transfer_check(struct object *const *objects, const bool *moves,
                                             uint32_t count, struct process *from,
                                             const struct process *to);

/** They have gone. As checked, in the same entry of the kernel. */
void device_transfer_commit(struct object *const *objects, uint32_t count, struct process *from,
                            struct process *to);

/** A process is ending: its devices are stopped, and torn down. */
void device_owner_ended(struct process *process);

/* refusal.c: for the audit log. Nothing happens if no capability of a device was used. */

/** A method has refused what it was called for; once for each call. */
void device_method_refused(struct method *method, enum status status);

/** A submission was refused before any method was called, or was none. */
void device_submission_refused(struct thread *thread, const struct ring_sqe *sqe,
                               enum status status);

/**
 * A method was given a capability as an argument, and cannot use it: it is of another kind, or
 * gone. If it was one of devices, its record is the one of the call. For methods of devices, and
 * those that take capabilities in messages; of others device_method_refused() knows.
 */
void device_argument_refused(struct method *method, uint64_t id, enum status status);

/** A capability was to go from `process` to another one, and cannot. Returns the status. */
enum status device_handing_refused(struct process *process, uint64_t id, enum status status);

/** A process has ended: how many of its refusals have no record. */
void device_user_gone(const struct process *process);

/**
 * A process is about to be gone: quarantine is to pay for what devices in it may still reach of it.
 * A step's worth; true: for all. From the first step on, whoever comes by does so, too.
 */
MUST_CHECK bool device_quarantine_inherit(struct process *process);

/** What is in quarantine: counts of 4 KiB pages. */
struct device_quarantine {
    uint32_t function_count;
    uint32_t device_pages; /* that a device may still reach */
    uint32_t frame_count;  /* of memory and tables that are nobody's to use again */
    uint32_t frame_limit;  /* of them before claims are refused */
};

void device_quarantine_count(struct device_quarantine *now);

/** Pages of registers are gone from every CPU; `device` is the memory object's. */
void device_mmio_unmapped(struct device_function *device, struct process *process,
                          uint64_t page_count);

/** A device's vector has arrived at this CPU. */
void interrupt_arrived(uint32_t vector);

/** A line's vector has arrived at this CPU. Its end is to be told to the APIC after this. */
void line_arrived(uint32_t vector);

/** WAIT on an Interrupt. */
enum status interrupt_wait(struct object *object, struct thread *thread,
                           const struct ring_sqe *sqe);

extern method_function *const device_manager_methods[DEVICE_MANAGER_METHOD_COUNT];
extern method_function *const device_mmio_methods[DEVICE_MMIO_METHOD_COUNT];
extern method_function *const interrupt_methods[INTERRUPT_METHOD_COUNT];
extern method_function *const dma_pool_methods[DMA_POOL_METHOD_COUNT];
extern method_function *const dma_buffer_methods[DMA_BUFFER_METHOD_COUNT];
extern method_function *const audit_log_methods[AUDIT_LOG_METHOD_COUNT];
extern method_function *const interrupt_routing_methods[INTERRUPT_ROUTING_METHOD_COUNT];

/* listing.c: for Diagnostics. */
enum status device_list_functions(struct method *method);
enum status device_list_interrupts(struct method *method);
enum status device_list_dma(struct method *method);
enum status device_list_quarantine(struct method *method);
enum status device_list_iommus(struct method *method);

extern const struct object_type device_mmio_type;
extern const struct object_type interrupt_type;
extern const struct object_type dma_pool_type;
extern const struct object_type dma_buffer_type;
