/* SPDX-License-Identifier: MIT */
/*
 * The invalidation queue (VT-d 4.1 §6.5.2): operations go in, each followed by a wait descriptor
 * that has the unit write the operation's sequence number to memory. The fence in it keeps the
 * order, so one number says how far the unit is.
 *
 *      vtd_submit ── room? ──> sent ── number seen ──> complete
 *           └── no ──> unsent ──┘        └── deadline ──> all fail, the unit is dead
 *
 * A unit usually answers while the tail register is being written or soon after: vtd_submit looks
 * a few times. If it did not, a work item looks, with the lock released in between. Debug kernels
 * leave it to the work item always: what waits for an answer there waits nowhere else under QEMU.
 */

#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "diag/log.h"
#include "iommu/vtd_unit.h"
#include "mm/layout.h"

#ifdef CAPOS_DEBUG
#define INLINE_LOOKS 0u /* QEMU's unit is never late: here it seems always to be */
#else
#define INLINE_LOOKS 64u /* a few microseconds */
#endif

static bool is_done(const struct iommu *unit, uint32_t sequence)
{
    return (int32_t)(unit->done_sequence - sequence) >= 0;
}

/** Put a wait's descriptors into the queue; there is room. */
static void send(struct iommu *unit, struct iommu_wait *wait)
{
    const uint64_t status = image_paddr((const void *)&unit->done_sequence).value;
    struct vtd_descriptor *queue = unit->queue;
    const uint32_t first = unit->tail;
    uint32_t tail = first;

    wait->sequence = ++unit->last_sequence;
    for (uint32_t i = 0; i < wait->count; i++, tail++) {
        queue[tail % QUEUE_ENTRIES] = wait->descriptors[i];
    }
    queue[tail % QUEUE_ENTRIES] = vtd_wait(wait->sequence, status);
    unit->tail = (tail + 1) % QUEUE_ENTRIES;
    if (LIKELY(tail < QUEUE_ENTRIES)) {
        vtd_write_back(unit, &queue[first], (wait->count + 1u) * sizeof(*queue));
    } else {
        vtd_write_back(unit, queue, PAGE_BYTES);
    }
    unit->used += wait->count + 1u;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    vtd_write64(unit, VTD_QUEUE_TAIL, unit->tail * sizeof(struct vtd_descriptor));
}

static void set_deadline(struct iommu_wait *wait)
{
    wait->deadline_ticks = rdtsc() + clock_duration_ticks(IOMMU_DEADLINE_NS);
}

static bool has_room(const struct iommu *unit, const struct iommu_wait *wait)
{
    /* One entry stays free: a full queue would look empty (§6.5.2). */
    return unit->used + wait->count + 1u < QUEUE_ENTRIES;
}

static bool fail_now(struct iommu_wait *wait)
{
    wait->failed = true;
    vtd_settle(wait);
    return true;
}

bool vtd_complete_now(struct iommu_wait *wait)
{
    vtd_settle(wait);
    return true;
}

bool vtd_submit(struct iommu *unit, struct iommu_wait *wait, iommu_done *done)
{
    wait->failed = false;
    wait->unit = unit;
    wait->done = done;
    if (UNLIKELY(unit->is_dead)) {
        return fail_now(wait);
    }
    if (LIKELY(list_is_empty(&unit->unsent) && has_room(unit, wait))) {
        send(unit, wait);
        for (uint32_t looks = INLINE_LOOKS; looks != 0; looks--) {
            if (LIKELY(is_done(unit, wait->sequence))) {
                /* Those sent before it are done too; the work item tells them so. */
                unit->used -= wait->count + 1u;
                vtd_settle(wait);
                return true;
            }
            cpu_relax();
        }
        set_deadline(wait);
        list_append(&unit->sent, &wait->link);
    } else {
        list_append(&unit->unsent, &wait->link);
    }
    if (!list_is_linked(&unit->poll.link)) {
        work_start(&unit->poll);
    }
    return false;
}

bool vtd_submit_at_boot(struct iommu *unit, struct iommu_wait *wait)
{
    KVERIFY(list_is_empty(&unit->unsent) && has_room(unit, wait));
    send(unit, wait);
    set_deadline(wait);
    while (!is_done(unit, wait->sequence)) {
        if (rdtsc() > wait->deadline_ticks) {
            return false;
        }
        cpu_relax();
    }
    unit->used -= wait->count + 1u;
    return true;
}

static void finish(struct iommu_wait *wait, bool failed)
{
    list_remove(&wait->link);
    wait->failed = failed;
    vtd_settle(wait);
    wait->done(wait);
}

/** Complete up to a step's worth of what is done. */
static void finish_some(struct iommu *unit)
{
    for (uint32_t i = 0; i < WORK_STEP_UNITS && !list_is_empty(&unit->sent); i++) {
        struct iommu_wait *wait = LIST_FIRST(&unit->sent, struct iommu_wait, link);

        if (!unit->is_dead && !is_done(unit, wait->sequence)) {
            return;
        }
        unit->used -= wait->count + 1u;
        finish(wait, unit->is_dead);
    }
}

static void send_some(struct iommu *unit)
{
    for (uint32_t i = 0; i < WORK_STEP_UNITS && !list_is_empty(&unit->unsent); i++) {
        struct iommu_wait *wait = LIST_FIRST(&unit->unsent, struct iommu_wait, link);

        if (unit->is_dead) {
            finish(wait, true);
        } else if (has_room(unit, wait)) {
            send(unit, wait);
            set_deadline(wait);
            list_move(&unit->sent, &wait->link);
        } else {
            return;
        }
    }
}

static bool poll_step(struct work *work)
{
    struct iommu *unit = CONTAINER_OF(work, struct iommu, poll);

    if (!list_is_empty(&unit->sent) && !unit->is_dead) {
        const struct iommu_wait *wait = LIST_FIRST(&unit->sent, struct iommu_wait, link);

        if (!is_done(unit, wait->sequence) && rdtsc() > wait->deadline_ticks) {
            vtd_give_up(unit, "it did not complete an invalidation in time");
        }
    }
    finish_some(unit);
    send_some(unit);
    return list_is_empty(&unit->sent) && list_is_empty(&unit->unsent);
}

void vtd_give_up(struct iommu *unit, const char *problem)
{
    if (unit->is_dead) {
        return;
    }
    unit->is_dead = true;
    unit->problem = problem;
    log_info("iommu", "unit %u is given up: %s; whatever it may still reach is quarantined",
             iommu_number(unit), problem);
    /* The waits fail in the work item, which runs as long as there are any. */
}

void vtd_queue_init(struct iommu *unit)
{
    list_init(&unit->sent);
    list_init(&unit->unsent);
    list_init(&unit->poll.link);
    unit->poll.step = poll_step;
}
