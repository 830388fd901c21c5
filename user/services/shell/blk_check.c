/* SPDX-License-Identifier: MIT */
/*
 * `blk check`: reads much of a disk with many requests in flight, or writes a pattern over a range
 * that somebody named and reads it back.
 *
 * The range is cut into chunks. Each has a place in the memory that the device reads and writes;
 * answers come in any order, and are looked at in the order of the disk, so that the checksum is
 * that of the bytes as they stand there: CRC-32 as in ISO 3309, which other tools compute as well.
 */
#include "services/shell/blk.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "services/shell/shell.h"

#define CHUNK_PAGES      2u
#define CHUNK_BYTES      (CHUNK_PAGES * RT_PAGE_BYTES)
#define DEPTH            32u /* requests in flight; a power of two */
#define MEMORY_PAGES     (DEPTH * CHUNK_PAGES)

#define CRC32_POLYNOMIAL 0xedb88320u /* reflected */

struct check {
    struct block_disk disk;
    struct block_session session;
    uint64_t memory;
    uint8_t *bytes;
    uint64_t offset, length; /* of the range */
    uint64_t seed;           /* of the pattern */
    uint32_t chunk_bytes;
    bool answered[DEPTH];
    uint32_t checksum;
    uint64_t wrong_count; /* bytes that are not as written */
    uint64_t wrong_first; /* where the first one is */
    uint64_t requests;
};

static struct check check; /* too large for the stack */
static uint32_t crc_table[256];

static void crc_init(void)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(crc_table); i++) {
        uint32_t value = i;

        for (unsigned bit = 0; bit < 8; bit++) {
            value = value >> 1 ^ ((value & 1) != 0 ? CRC32_POLYNOMIAL : 0);
        }
        crc_table[i] = value;
    }
}

static uint32_t crc_add(uint32_t crc, const uint8_t *bytes, size_t length)
{
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc = crc >> 8 ^ crc_table[(crc ^ bytes[i]) & 0xff];
    }
    return ~crc;
}

/** The word of the pattern at a place of the disk: every place and every run has its own. */
static uint64_t pattern_word(uint64_t offset)
{
    uint64_t value = offset + check.seed;

    /* The finaliser of MurmurHash3: each bit of the place changes half of the word's. */
    value = (value ^ value >> 33) * 0xff51afd7ed558ccdull;
    value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53ull;
    return value ^ value >> 33;
}

/** Chunk number `number` of the range: its bytes and its place. */
static uint32_t chunk_length(uint64_t number)
{
    const uint64_t left = check.length - number * check.chunk_bytes;

    return (uint32_t)(left < check.chunk_bytes ? left : check.chunk_bytes);
}

static uint8_t *chunk_bytes(uint64_t number)
{
    return check.bytes + number % DEPTH * CHUNK_BYTES;
}

static void chunk_fill(uint64_t number)
{
    const uint64_t offset = check.offset + number * check.chunk_bytes;
    uint8_t *const bytes = chunk_bytes(number);

    for (uint32_t at = 0; at < chunk_length(number); at += (uint32_t)sizeof(uint64_t)) {
        const uint64_t word = pattern_word(offset + at);

        memcpy(bytes + at, &word, sizeof(word));
    }
}

static void chunk_compare(uint64_t number)
{
    const uint64_t offset = check.offset + number * check.chunk_bytes;
    const uint8_t *const bytes = chunk_bytes(number);

    for (uint32_t at = 0; at < chunk_length(number); at += (uint32_t)sizeof(uint64_t)) {
        const uint64_t word = pattern_word(offset + at);

        if (memcmp(bytes + at, &word, sizeof(word)) == 0) {
            continue;
        }
        for (uint32_t i = 0; i < sizeof(word); i++) {
            if (bytes[at + i] != (uint8_t)(word >> 8 * i)) {
                check.wrong_first = check.wrong_count++ == 0 ? offset + at + i : check.wrong_first;
            }
        }
    }
}

/** What a pass over the range does with each chunk. */
enum pass { PASS_READ, PASS_WRITE, PASS_COMPARE };

static enum block_status chunk_submit(enum pass pass, uint64_t number)
{
    const struct block_request request = {
        .tag = number,
        .sector = (check.offset + number * check.chunk_bytes) / BLOCK_SECTOR_BYTES,
        .data_offset = number % DEPTH * CHUNK_BYTES,
        .sector_count = chunk_length(number) / BLOCK_SECTOR_BYTES,
        .operation = pass == PASS_WRITE ? BLOCK_OPERATION_WRITE : BLOCK_OPERATION_READ,
    };

    if (pass == PASS_WRITE) {
        chunk_fill(number);
    } else {
        memset(chunk_bytes(number), 0, chunk_length(number)); /* no byte of an earlier chunk */
    }
    check.answered[number % DEPTH] = false;
    check.requests++;
    return block_submit(&check.session, &request) == STATUS_OK ? BLOCK_STATUS_OK
                                                               : BLOCK_STATUS_GONE;
}

/** Wait for one answer. `first` and `end` are the chunks that are in flight. */
static enum block_status answer_take(uint64_t first, uint64_t end)
{
    struct block_answer answer;
    uint64_t now_ns;

    if (rt_clock_now(&now_ns) != STATUS_OK ||
        block_wait(&check.session, now_ns + BLOCK_IO_DEADLINE_NS, &answer) != STATUS_OK) {
        return BLOCK_STATUS_GONE;
    }
    if (answer.status != BLOCK_STATUS_OK) {
        if (answer.tag >= first && answer.tag < end) {
            rt_print("at %llu: ",
                     (unsigned long long)(check.offset + answer.tag * check.chunk_bytes));
        }
        return answer.status < BLOCK_STATUS_COUNT ? (enum block_status)answer.status
                                                  : BLOCK_STATUS_COUNT;
    }
    if (answer.tag < first || answer.tag >= end ||
        answer.sector_count != chunk_length(answer.tag) / BLOCK_SECTOR_BYTES) {
        rt_print("an answer to what was not asked\n");
        return BLOCK_STATUS_COUNT;
    }
    check.answered[answer.tag % DEPTH] = true;
    return BLOCK_STATUS_OK;
}

/** One pass over the whole range. False: it was not finished, which has been said. */
static bool check_pass(enum pass pass, uint64_t *elapsed_ns)
{
    const uint64_t chunks = (check.length + check.chunk_bytes - 1) / check.chunk_bytes;
    uint64_t next = 0, seen = 0, begun_ns = 0, ended_ns = 0;

    (void)!rt_clock_now(&begun_ns);
    while (seen < chunks) {
        enum block_status status = BLOCK_STATUS_OK;

        while (next < chunks && next - seen < DEPTH && status == BLOCK_STATUS_OK) {
            status = chunk_submit(pass, next);
            next += status == BLOCK_STATUS_OK ? 1 : 0;
        }
        if (status == BLOCK_STATUS_OK) {
            status = answer_take(seen, next);
        }
        if (!blk_done(status)) {
            return false;
        }
        for (; seen < next && check.answered[seen % DEPTH]; seen++) {
            if (pass == PASS_READ) {
                check.checksum = crc_add(check.checksum, chunk_bytes(seen), chunk_length(seen));
            } else if (pass == PASS_COMPARE) {
                chunk_compare(seen);
            }
        }
        if (input_interrupted()) {
            rt_print("^C after %llu bytes\n", (unsigned long long)(seen * check.chunk_bytes));
            return false;
        }
    }
    (void)!rt_clock_now(&ended_ns);
    *elapsed_ns = ended_ns - begun_ns;
    return true;
}

static bool check_flush(void)
{
    const struct block_request request = {.operation = BLOCK_OPERATION_FLUSH};
    struct block_answer answer;
    uint64_t now_ns;

    if (!check.disk.flush) {
        return true;
    }
    if (block_submit(&check.session, &request) != STATUS_OK || rt_clock_now(&now_ns) != STATUS_OK ||
        block_wait(&check.session, now_ns + BLOCK_IO_DEADLINE_NS, &answer) != STATUS_OK) {
        return blk_done(BLOCK_STATUS_GONE);
    }
    return blk_done(answer.status < BLOCK_STATUS_COUNT ? (enum block_status)answer.status
                                                       : BLOCK_STATUS_COUNT);
}

static void print_rate(const char *what, uint64_t bytes, uint64_t elapsed_ns)
{
    const uint64_t us = elapsed_ns / RT_NS_PER_US == 0 ? 1 : elapsed_ns / RT_NS_PER_US;
    const uint64_t kib_per_s = bytes * 1000 / us * 1000 / 1024;

    rt_print("%s %llu bytes in %llu.%03llu ms: %llu.%llu MiB/s, up to %u requests at once\n", what,
             (unsigned long long)bytes, (unsigned long long)(us / 1000),
             (unsigned long long)(us % 1000), (unsigned long long)(kib_per_s / 1024),
             (unsigned long long)(kib_per_s % 1024 * 10 / 1024), DEPTH);
}

static void check_read(void)
{
    uint64_t elapsed_ns;

    if (check_pass(PASS_READ, &elapsed_ns)) {
        print_rate("read", check.length, elapsed_ns);
        rt_print("checksum %08x (CRC-32) of bytes %llu to %llu, in %llu requests\n", check.checksum,
                 (unsigned long long)check.offset,
                 (unsigned long long)(check.offset + check.length - 1),
                 (unsigned long long)check.requests);
    }
}

static void check_write(void)
{
    uint64_t write_ns, read_ns;

    if (!check_pass(PASS_WRITE, &write_ns)) {
        return;
    }
    print_rate("wrote", check.length, write_ns);
    if (!check_flush() || !check_pass(PASS_COMPARE, &read_ns)) {
        return;
    }
    print_rate("read", check.length, read_ns);
    if (check.wrong_count == 0) {
        rt_print("every byte is as it was written\n");
    } else {
        rt_print("%llu bytes are not as they were written; the first is at %llu\n",
                 (unsigned long long)check.wrong_count, (unsigned long long)check.wrong_first);
    }
}

/** Open a session with memory of its own. False: said why not. */
static bool check_open(const struct blk_disk *disk)
{
    void *bytes;
    enum status status = memory_create(MEMORY_PAGES, &check.memory);

    if (status != STATUS_OK) {
        rt_print("no memory for %u requests: %s\n", DEPTH, status_name(status));
        return false;
    }
    status = rt_space_map(check.memory, 0, MEMORY_PAGES, ACCESS_READ_WRITE, &bytes);
    if (status == STATUS_OK) {
        check.bytes = bytes;
        status =
            block_session_open(&check.session, disk->endpoint, DEPTH, check.memory, MEMORY_PAGES);
        if (status == STATUS_OK) {
            return true;
        }
        rt_space_unmap(bytes, MEMORY_PAGES);
    }
    capability_release(check.memory);
    return blk_opened(disk->name, status);
}

static void check_close(void)
{
    block_session_close(&check.session);
    rt_space_unmap(check.bytes, MEMORY_PAGES);
    capability_release(check.memory);
}

static bool is_write(const char *word)
{
    return strlen(word) == 5 && memcmp(word, "write", 5) == 0;
}

void blk_check(const struct blk_disk *disk, char *const *words, size_t count)
{
    const bool write = count > 1 && is_write(words[1]);

    if (write ? count != 4 : count > 2) {
        rt_print("usage: blk check [LENGTH] | blk check write OFFSET LENGTH\n");
        return;
    }
    memset(&check, 0, sizeof(check));
    if (!blk_opened(disk->name, block_info_get(disk->endpoint, &check.disk))) {
        return;
    }
    check.length = check.disk.sector_count * BLOCK_SECTOR_BYTES;
    if ((write && !blk_size("offset", words[2], &check.offset)) ||
        (count > 1 && !blk_size("length", words[count - 1], &check.length)) ||
        !blk_whole_sectors(check.offset, check.length) ||
        !blk_range(&check.disk, check.offset, check.length)) {
        return;
    }
    if (write && check.disk.read_only) {
        (void)blk_done(BLOCK_STATUS_READ_ONLY);
        return;
    }
    check.chunk_bytes = check.disk.max_sectors < CHUNK_BYTES / BLOCK_SECTOR_BYTES
                            ? check.disk.max_sectors * BLOCK_SECTOR_BYTES
                            : CHUNK_BYTES;
    if (!check_open(disk)) {
        return;
    }
    crc_init();
    (void)!rt_clock_now(&check.seed);
    if (write) {
        check_write();
    } else {
        check_read();
    }
    check_close();
}
