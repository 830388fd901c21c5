/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A program that was granted a device and tries everything that its capabilities offer, as the
 * schema promises it and beyond: grant, use, refusal, staleness, release of each kind.
 *
 *   main.c       the list of tests, counting, the device
 *   mmio.c       DeviceMmio: windows, mapping, access through the kernel
 *   config.c     DeviceMmio: configuration space
 *   pool.c       DMAPool and DMABuffer
 *   interrupt.c  Interrupt
 *   owner.c      who may use a capability: other processes, copies, moves, the end of an owner
 *   life.c       how to be an owner that ends badly, and the one that comes after it
 *   stale.c      an owner that goes on after its device was taken
 *   refused.c    what is refused before an object is asked, and a flood of it
 *   misplaced.c  capabilities where they have no place, and ids that were given up
 *   budget.c     a device and a budget that is too small for it
 *   manage.c     the holder of the DeviceManager, who takes functions back
 *   rogue.c      the same, at the wrong moment
 *   early.c      a claim that is handed on before hardware is ready
 *   monkey.c     anything at all, by several threads
 *   lots.c       as much as can be, for quarantine
 *   nvme.c       commands of an NVMe controller in flight, and with addresses of others
 *   doorbell.c   the same with interrupts that come from outside at any moment
 *
 * The manifest grants the device as `dev`. The tests want QEMU's edu device (docs/specs/edu.txt of
 * QEMU), but for `table`, which wants one with MSI-X, and `small`, which wants a small BAR. What
 * this program cannot see itself (other memory, other processes, what the kernel says on its
 * console) tests/system looks at.
 */

#include "capos.h"
#include "ring/ring.h"
#include "rt/device_objects.h"
#include "rt/start_info.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u

/* In configuration space: means nothing, and can be written. */
#define CACHE_LINE_SIZE  0x0cu

#define EDU_IDENTITY     0x00u
#define EDU_LIVENESS     0x04u
#define EDU_STATUS       0x20u
#define EDU_PENDING      0x24u
#define EDU_RAISE        0x60u
#define EDU_ACKNOWLEDGE  0x64u
#define EDU_SOURCE       0x80u
#define EDU_DESTINATION  0x88u
#define EDU_COUNT        0x90u
#define EDU_COMMAND      0x98u

#define EDU_IS           0x010000edu /* EDU_IDENTITY */
#define EDU_BAR_BYTES    0x100000u
#define EDU_BUFFER       0x40000u /* its own memory, as its DMA engine addresses it */
#define EDU_MAX_TRANSFER 4095u
#define EDU_START        1u
#define EDU_TO_MEMORY    2u
#define EDU_INTERRUPT    4u

/** The device: capabilities, 0 if not granted, and registers, NULL until they are mapped. */
struct device_under_test {
    uint64_t mmio;
    uint64_t pool;
    uint64_t interrupt;
    volatile uint8_t *registers;
};

extern struct device_under_test device;

/** Count a check: print it, what was answered, and whether that is as specified. */
bool check(bool as_specified, const char *what, const char *answer);

/** A call that must be answered with `expected`. */
bool check_status(enum status seen, enum status expected, const char *what);

/** A call that may be answered with anything but success. */
bool check_refused(enum status seen, const char *what);

/** A number that must be as expected. */
bool check_number(uint64_t seen, uint64_t expected, const char *what);

/** Map the first page of edu's registers, unless they are. False, and counts, if that fails. */
bool device_map(void);

static inline uint32_t device_read32(uint32_t offset)
{
    return *(volatile uint32_t *)(device.registers + offset);
}

static inline void device_write32(uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(device.registers + offset) = value;
}

static inline uint64_t device_read64(uint32_t offset)
{
    return *(volatile uint64_t *)(device.registers + offset);
}

static inline void device_write64(uint32_t offset, uint64_t value)
{
    *(volatile uint64_t *)(device.registers + offset) = value;
}

/** Tell edu to move bytes between its buffer and `iova`. It begins 100 ms later. */
void edu_begin(uint64_t iova, uint32_t bytes, uint32_t flags);

/** Wait until edu's transfer is over. False, and counts, if that takes seconds. */
bool edu_wait(void);

/** Memory of this process. */
struct pages {
    uint64_t memory;
    uint8_t *bytes;
    uint32_t count;
};

/** Make zeroed pages and map them. False, and counts, if that fails. */
bool pages_make(struct pages *pages, uint32_t count);
void pages_give(struct pages *pages);

/** Fill with a pattern that depends on seed and place; compare with it. */
void pages_fill(const struct pages *pages, uint8_t seed);
bool pages_hold(const struct pages *pages, uint8_t seed);

/** A time `milliseconds` from now, for waits. */
uint64_t soon(uint32_t milliseconds);

/** A child of this program that does `what`, holding the named capabilities; 0, and counts. */
uint64_t child_start(const char *what, const struct rt_grant *grants, uint32_t grant_count);

/** The same with more than a modest budget. */
struct child_budget {
    uint32_t frames;
    uint32_t slots; /* capabilities, and as many objects */
    uint32_t dma_pages;
};
uint64_t child_start_with(const char *what, const struct rt_grant *grants, uint32_t grant_count,
                          const struct child_budget *budget);

/** Wait for a child's end; its exit code, UINT64_MAX if it did not exit by itself. */
uint64_t child_wait(uint64_t process);

/** An entry of the ring with nothing but these in it. */
struct ring_sqe sqe_of(enum ring_operation operation, uint64_t target);

/** Submit an entry as it is, and wait for what comes of it. */
enum status sqe_submit(const struct ring_sqe *entry);

/** The same of an entry as above, and of a call without parameters. */
enum status sqe_just(enum ring_operation operation, uint64_t target);
enum status sqe_call(uint64_t target, uint16_t method);

/** Whether a capability goes to a child, in such a way (RING_TRANSFER_COPY, ...). */
bool capability_hand(uint64_t capability, uint32_t mode);

/* The tests. */
void try_window(void);
void try_table(void);
void try_small(void);
void try_config(void);
void try_marks(void);
void try_ats(void);
void try_pool(void);
void try_buffer(void);
void try_hasty(void);
void try_interrupt(void);
void try_stormy(void);
void try_owner(void);
void try_hand(void);
void try_part(void);
void try_release(void);
void try_poor(void);
void try_charge(void);
void try_malformed(void);
void try_malformed_rest(void);

/** With the DeviceManager instead of a device. Returns an exit code. */
int manage(int count, char **arguments);

/** Claims of a function that nobody has, as `claim` says. Each prints what came of it. */
int rogue_pin(uint64_t with, const struct device_manager_claim_params *claim);
int rogue_slots(uint64_t with, const struct device_manager_claim_params *claim);
int rogue_dying(uint64_t with, const struct device_manager_claim_params *claim);

/** Hand a claim on before hardware is ready. `is_free` tells when, and with which generation. */
int early_hand(uint64_t with, const struct device_manager_claim_params *claim,
               bool (*is_free)(uint32_t index, uint64_t *generation));

/** Have threads do anything with two functions for a while. Returns an exit code. */
int monkeys(uint64_t manager, const struct device_manager_claim_params functions[2],
            uint32_t milliseconds);
void try_nvme(void);

/** Requests to the DeviceManager that are malformed. Returns an exit code. */
int manage_malformed(uint64_t manager);

/* What children do. Each returns an exit code. */
int child_uses(void);
int child_holds(void);
int child_keeps(void);
int child_lots(void);
int child_given_up(void);

/* Ways to live and to end. Each returns an exit code, or does not return. */
int life_hold(void);
int life_load(void);
int life_crash(void);
int life_leave(void);
int life_next(void);
int life_keep(void);
int life_touch(void);
int life_quiet(void);
int life_cling(void);
int life_late(void);
int life_listen(void);
int life_deaf(void);
int life_heir(void);
int life_wait(void);
int life_stale(void);
int life_gone(void);
int life_misplaced(void);
int life_flood(void);
int life_nvme(void);
int life_hoard(void);
int life_parted(void);
int life_lots(void);
int life_silent(void);
int life_behind(void);
int life_donor(void);
int life_takes(void);
