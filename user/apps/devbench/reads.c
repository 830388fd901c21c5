/* SPDX-License-Identifier: MIT */
/*
 * Random reads of 4 KiB through the disk's driver, from submission until the answer is taken: one
 * at a time, and with 32 in flight. Where time is instructions, a spinner keeps the machine awake.
 */
#include "apps/devbench/devbench.h"

#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"

#define MANY_DEPTH   32u
#define MANY_SAMPLES 33u
#define MANY_READS   1024u /* of one sample */
#define MANY_WARM_UP 2u    /* samples */

static uint32_t random_state = 1;

/** A sector at which a read may begin. The constants: Numerical Recipes, 2nd edition, §7.1. */
static ALWAYS_INLINE uint64_t random_sector(uint64_t sector_count)
{
    random_state = random_state * 1664525u + 1013904223u;
    /* Scaled down without a division. */
    return (random_state * (sector_count / DEVBENCH_READ_SECTORS) >> 32) * DEVBENCH_READ_SECTORS;
}

enum status devbench_disk_init(struct devbench_disk *disk, uint32_t depth)
{
    *disk = (struct devbench_disk){.page_count = depth};
    return memory_create(depth, &disk->memory);
}

enum status devbench_disk_open(struct devbench_disk *disk, uint32_t depth)
{
    const uint64_t endpoint = rt_capability_required("disk");
    struct block_disk info;
    enum status status = block_info_get(endpoint, &info);

    if (status == STATUS_OK && info.sector_count < DEVBENCH_READ_SECTORS) {
        status = STATUS_BAD_RANGE;
    }
    if (status == STATUS_OK) {
        disk->sector_count = info.sector_count;
        status =
            block_session_open(&disk->session, endpoint, depth, disk->memory, disk->page_count);
    }
    return status;
}

/** Submit a read of one page into page `page` of the memory. */
static ALWAYS_INLINE enum status read_submit(struct devbench_disk *disk, uint64_t page)
{
    const struct block_request request = {
        .tag = page,
        .sector = random_sector(disk->sector_count),
        .data_offset = page * RT_PAGE_BYTES,
        .sector_count = DEVBENCH_READ_SECTORS,
        .operation = BLOCK_OPERATION_READ,
    };

    return block_submit(&disk->session, &request);
}

/** One read; the driver may take as long as it wants. */
static ALWAYS_INLINE bool read_single(struct devbench_disk *disk)
{
    struct block_answer answer;

    return read_submit(disk, 0) == STATUS_OK &&
           block_wait(&disk->session, RT_NO_DEADLINE, &answer) == STATUS_OK &&
           answer.status == BLOCK_STATUS_OK;
}

enum status devbench_disk_read(struct devbench_disk *disk)
{
    struct block_answer answer;
    uint64_t now_ns;
    enum status status = rt_clock_now(&now_ns);

    if (status == STATUS_OK) {
        status = read_submit(disk, 0);
    }
    if (status == STATUS_OK) {
        status = block_wait(&disk->session, now_ns + DEVBENCH_WAIT_NS, &answer);
    }
    if (status == STATUS_OK && answer.status != BLOCK_STATUS_OK) {
        status = STATUS_PEER_GONE;
    }
    return status;
}

void devbench_disk_fini(struct devbench_disk *disk)
{
    block_session_close(&disk->session);
    if (disk->memory != 0) {
        capability_release(disk->memory);
    }
}

static BENCH_MEASURED bool measure_single(struct devbench_disk *disk)
{
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = devbench_busy_now();
        const bool good = read_single(disk);

        bench_sample_keep(run, begin, devbench_busy_now());
        if (!good) {
            return false;
        }
    }
    return true;
}

/** Take `count` answers; for each a new read goes out. */
static ALWAYS_INLINE bool many_step(struct devbench_disk *disk, uint32_t count)
{
    struct block_answer answer;

    for (uint32_t i = 0; i < count; i++) {
        if (block_wait(&disk->session, RT_NO_DEADLINE, &answer) != STATUS_OK ||
            answer.status != BLOCK_STATUS_OK || read_submit(disk, answer.tag) != STATUS_OK) {
            return false;
        }
    }
    return true;
}

static BENCH_MEASURED bool measure_many(struct devbench_disk *disk)
{
    for (uint32_t page = 0; page < MANY_DEPTH; page++) {
        if (read_submit(disk, page) != STATUS_OK) {
            return false;
        }
    }
    for (uint32_t sample = 0; sample < MANY_WARM_UP + MANY_SAMPLES; sample++) {
        const uint64_t begin = devbench_busy_now();

        if (!many_step(disk, MANY_READS)) {
            return false;
        }
        if (sample >= MANY_WARM_UP) {
            bench_samples[sample - MANY_WARM_UP] = devbench_busy_now() - begin;
        }
    }
    return true;
}

/** Measure with `depth` reads in flight, and make sure that no processor was idle meanwhile. */
static void measure(uint32_t depth, struct bench_figure *figure)
{
    struct devbench_disk disk;
    uint64_t idle_before = 0, idle_after = 0, spun, total;
    bool good = false;
    enum status status = devbench_disk_init(&disk, depth);

    if (status == STATUS_OK) {
        status = devbench_disk_open(&disk, depth);
    }
    if (status == STATUS_OK) {
        status = devbench_spinner_start();
    }
    if (status != STATUS_OK) {
        rt_print("devbench: no session with the disk: %s\n", status_name(status));
        devbench_disk_fini(&disk);
        return;
    }
    if (devbench_idle_us(&idle_before)) {
        spun = __atomic_load_n(&devbench_spin_rounds, __ATOMIC_RELAXED);
        total = rt_arch_timestamp();
        good = depth == 1 ? measure_single(&disk) : measure_many(&disk);
        total = rt_arch_timestamp() - total;
        spun = (__atomic_load_n(&devbench_spin_rounds, __ATOMIC_RELAXED) - spun) *
               DEVBENCH_SPIN_INSTRUCTIONS;
        good = good && devbench_idle_us(&idle_after);
    }
    devbench_spinner_stop();
    if (good && bench_ticks_are_instructions()) {
        rt_print("devbench: depth %u: %llu%% of the time went by waiting for the host, and is not "
                 "counted\n",
                 depth, (unsigned long long)(spun * 100 / total));
        if (idle_after != idle_before) {
            rt_print("devbench: but a processor was idle for %llu us, which is\n",
                     (unsigned long long)(idle_after - idle_before));
            good = false;
        }
    }
    if (good) {
        bench_figure_take(figure, depth == 1 ? BENCH_RUNS : MANY_SAMPLES,
                          depth == 1 ? 1 : MANY_READS);
    } else {
        rt_print("devbench: depth %u: a read has failed\n", depth);
    }
    devbench_disk_fini(&disk);
}

void devbench_reads(struct bench_figure *single, struct bench_figure *many)
{
    measure(1, single);
    measure(MANY_DEPTH, many);
}
