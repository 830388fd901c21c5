/* SPDX-License-Identifier: MIT */
/*
 * Tests a disk as its clients see it, on the service granted as "disk". Writes to the disk: its
 * last MiB. Arguments, in order: `basic`, `depth N` (of what follows), `load [REQUESTS]`,
 * `bench [REQUESTS]`, `hostile`, `outlive [DRIVERS]`, `die`; none is basic and load. Each line of
 * output is one claim; exits 0 only if all hold.
 */
#include "apps/blktest/blktest.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/panic.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define LOAD_DEPTH   32u
#define LOAD_ROUNDS  4000u
#define BENCH_ROUNDS 10000u
#define TEST_BYTES   20000u

static unsigned failures;
static uint8_t written[TEST_BYTES], seen[TEST_BYTES];

void blktest_claim(bool holds, const char *claim)
{
    rt_print("blktest: %s %s\n", holds ? "PASS" : "FAIL", claim);
    failures += holds ? 0 : 1;
}

void blktest_status(enum block_status status, enum block_status expected, const char *claim)
{
    rt_print("blktest: %s %s: %s\n", status == expected ? "PASS" : "FAIL", claim,
             block_status_name(status));
    failures += status == expected ? 0 : 1;
}

uint64_t blktest_now_ns(void)
{
    uint64_t now_ns;

    if (rt_clock_now(&now_ns) != STATUS_OK) {
        rt_panic("no clock");
    }
    return now_ns;
}

uint64_t blktest_memory(uint32_t page_count, void **address)
{
    uint64_t memory;

    if (memory_create(page_count, &memory) != STATUS_OK ||
        rt_space_map(memory, 0, page_count, ACCESS_READ_WRITE, address) != STATUS_OK) {
        rt_panic("no memory for %u pages", page_count);
    }
    return memory;
}

void blktest_fill(void *memory, size_t length, uint32_t seed)
{
    uint8_t *const bytes = memory;
    uint32_t state = seed * 2654435761u + 1;

    for (size_t i = 0; i < length; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

bool blktest_is_filled(const void *memory, size_t length, uint32_t seed)
{
    const uint8_t *const bytes = memory;
    uint32_t state = seed * 2654435761u + 1;

    for (size_t i = 0; i < length; i++) {
        state = state * 1664525u + 1013904223u;
        if (bytes[i] != (uint8_t)(state >> 24)) {
            return false;
        }
    }
    return true;
}

/** Write at one place, read around it, and look at what is there and what is beside it. */
static void check_unaligned(struct block_io *io, uint64_t at, uint32_t length)
{
    const uint64_t before = at - 700;
    uint8_t edges[2][16];

    blktest_fill(written, length, (uint32_t)at);
    blktest_status(block_read(io, at - 16, edges[0], 16), BLOCK_STATUS_OK, "read before the range");
    blktest_status(block_read(io, at + length, edges[1], 16), BLOCK_STATUS_OK,
                   "read behind the range");
    blktest_status(block_write(io, at, written, length), BLOCK_STATUS_OK, "unaligned write");
    memset(seen, 0xee, sizeof(seen));
    blktest_status(block_read(io, before, seen, length + 1400), BLOCK_STATUS_OK, "unaligned read");
    blktest_claim(memcmp(seen + 700, written, length) == 0, "what was written is read");
    blktest_claim(memcmp(seen + 700 - 16, edges[0], 16) == 0 &&
                      memcmp(seen + 700 + length, edges[1], 16) == 0,
                  "what is beside it is unchanged");
}

static void check_basics(uint64_t endpoint)
{
    struct block_io io;
    uint64_t end;
    const enum status status = block_io_open(&io, endpoint, 4);

    if (status != STATUS_OK) {
        rt_print("blktest: FAIL open: %s\n", status_name(status));
        failures++;
        return;
    }
    end = io.disk.sector_count * BLOCK_SECTOR_BYTES;
    rt_print("blktest: disk \"%s\", %llu sectors, blocks of %u bytes, %u requests at once\n",
             io.disk.id, (unsigned long long)io.disk.sector_count, io.disk.block_bytes,
             io.disk.depth);
    check_unaligned(&io, end - 100000 + 13, 5000);
    check_unaligned(&io, end - 60000, 512);
    check_unaligned(&io, end - 50000 + 511, 2);
    blktest_fill(written, BLOCK_SECTOR_BYTES, 77);
    blktest_status(block_write(&io, end - BLOCK_SECTOR_BYTES, written, BLOCK_SECTOR_BYTES),
                   BLOCK_STATUS_OK, "write the last sector");
    blktest_status(block_read(&io, end - 5, seen, 5), BLOCK_STATUS_OK, "read the last bytes");
    blktest_claim(memcmp(seen, written + BLOCK_SECTOR_BYTES - 5, 5) == 0, "they are the last");
    blktest_status(block_read(&io, end - 5, seen, 6), BLOCK_STATUS_BAD_RANGE, "read beyond");
    blktest_status(block_write(&io, end, seen, 1), BLOCK_STATUS_BAD_RANGE, "write beyond");
    blktest_status(block_read(&io, UINT64_MAX - 3, seen, 8), BLOCK_STATUS_BAD_RANGE,
                   "read where the sum wraps");
    blktest_status(block_flush(&io), BLOCK_STATUS_OK, "flush");
    if (io.disk.max_zero_sectors != 0) {
        blktest_status(block_write_zeroes(&io, io.disk.sector_count - 2, 2), BLOCK_STATUS_OK,
                       "write zeroes");
        memset(written, 0, 1024);
        blktest_status(block_read(&io, end - 1024, seen, 1024), BLOCK_STATUS_OK, "read them");
        blktest_claim(memcmp(seen, written, 1024) == 0, "they are zeroes");
    }
    if (io.disk.max_discard_sectors != 0) {
        blktest_status(block_discard(&io, io.disk.sector_count - 64, 32), BLOCK_STATUS_OK,
                       "discard");
    }
    block_io_close(&io);
}

static bool is(const char *argument, const char *name)
{
    return strlen(argument) == strlen(name) && memcmp(argument, name, strlen(name)) == 0;
}

/** The number behind argument `*i`, which it then names; `otherwise` if there is none. */
static uint32_t number_take(char **arguments, int *i, uint32_t otherwise)
{
    const char *const next = arguments[*i + 1];
    uint64_t number;

    if (next == NULL || text_parse_u64(next, strlen(next), &number) != TEXT_OK || number == 0 ||
        number > UINT32_MAX) {
        return otherwise;
    }
    ++*i;
    return (uint32_t)number;
}

int main(int count, char **arguments)
{
    const uint64_t disk = rt_capability_required("disk");
    uint32_t depth = LOAD_DEPTH;

    if (count < 2) {
        check_basics(disk);
        blktest_load(disk, depth, LOAD_ROUNDS);
    }
    for (int i = 1; i < count; i++) {
        if (is(arguments[i], "basic")) {
            check_basics(disk);
        } else if (is(arguments[i], "depth")) {
            depth = number_take(arguments, &i, LOAD_DEPTH);
            depth = depth < BLOCK_DEPTH_MAX / 4 ? depth : BLOCK_DEPTH_MAX / 4;
        } else if (is(arguments[i], "load")) {
            blktest_load(disk, depth, number_take(arguments, &i, LOAD_ROUNDS));
        } else if (is(arguments[i], "bench")) {
            blktest_bench(disk, depth, number_take(arguments, &i, BENCH_ROUNDS));
        } else if (is(arguments[i], "hostile")) {
            blktest_hostile(disk);
        } else if (is(arguments[i], "outlive")) {
            blktest_outlive(disk, number_take(arguments, &i, 1));
        } else if (is(arguments[i], "die")) {
            blktest_die(disk);
        } else {
            rt_print(
                "blktest: \"%s\" is none of basic, depth, load, bench, hostile, outlive, die\n",
                arguments[i]);
            return 2;
        }
    }
    rt_print("blktest: %u claims failed\n", failures);
    return failures == 0 ? 0 : 1;
}
