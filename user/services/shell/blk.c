/* SPDX-License-Identifier: MIT */
/*
 * `blk`: a disk, by hand. What looks at many blocks at once is in blk_check.c.
 *
 * All offsets and lengths are in bytes, so that there is one unit to know.
 */
#include "services/shell/blk.h"

#include "base/memory.h"
#include "rt/print.h"
#include "rt/process.h"
#include "services/shell/shell.h"

#define IO_PAGES        4u
#define READ_MAX        16384u /* bytes that one command shows */
#define WRITE_MAX       2048u  /* no line is that long */
#define BYTES_PER_LINE  16u
#define FIRST_PRINTABLE 0x20
#define LAST_PRINTABLE  0x7e

static struct block_io io; /* too large for the stack */

bool blk_size(const char *what, const char *word, uint64_t *number)
{
    const enum text_error error = words_size(word, number);

    if (error != TEXT_OK) {
        rt_print("\"%.40s\" is no %s in bytes, such as 512, 64K, 1M or 0x200: %s\n", word, what,
                 text_error_name(error));
    }
    return error == TEXT_OK;
}

bool blk_range(const struct block_disk *disk, uint64_t offset, uint64_t length)
{
    const uint64_t bytes = disk->sector_count * disk->sector_bytes;

    if (length == 0) {
        rt_print("a length of 0 is nothing to do\n");
    } else if (offset > bytes || length > bytes - offset) {
        rt_print("beyond the disk's end: it has %llu bytes\n", (unsigned long long)bytes);
    } else {
        return true;
    }
    return false;
}

bool blk_whole_sectors(uint64_t offset, uint64_t length)
{
    if ((offset | length) % BLOCK_SECTOR_BYTES != 0) {
        rt_print("offset and length must be multiples of %u\n", BLOCK_SECTOR_BYTES);
        return false;
    }
    return true;
}

bool blk_opened(const char *disk, enum status status)
{
    switch (status) {
    case STATUS_OK:
        return true;
    case STATUS_PEER_GONE:
        rt_print("no disk: nobody serves \"%s\". `run` lists the drivers, `devices` what there is "
                 "to drive\n",
                 disk);
        return false;
    case STATUS_QUEUE_FULL:
        rt_print("the disk's driver has no room for another session\n");
        return false;
    default:
        rt_print("the disk's answer: %s\n", status_name(status));
        return false;
    }
}

bool blk_done(enum block_status status)
{
    switch (status) {
    case BLOCK_STATUS_OK:
        return true;
    case BLOCK_STATUS_IO_ERROR:
        rt_print("the device reports an error there\n");
        return false;
    case BLOCK_STATUS_UNSUPPORTED:
        rt_print("this disk cannot do that; `blk info` says what it can\n");
        return false;
    case BLOCK_STATUS_BAD_RANGE:
        rt_print("beyond the disk's end\n");
        return false;
    case BLOCK_STATUS_BAD_REQUEST:
        rt_print("the driver does not understand the request\n");
        return false;
    case BLOCK_STATUS_READ_ONLY:
        rt_print("this disk is read-only\n");
        return false;
    case BLOCK_STATUS_GONE:
        rt_print("the disk's driver has ended or hangs; `ps` shows it, `run` starts it again\n");
        return false;
    case BLOCK_STATUS_COUNT:
        break;
    }
    rt_print("an answer that this shell does not know\n");
    return false;
}

/* ------------------------------------------------------------------------------------------
 * Subcommands; each has its words from the subcommand's name on
 * ------------------------------------------------------------------------------------------ */

static void blk_info(const struct blk_disk *disk, char *const *words, size_t count)
{
    struct block_disk info;
    uint64_t bytes;

    (void)words;
    (void)count;
    if (!blk_opened(disk->name, block_info_get(disk->endpoint, &info))) {
        return;
    }
    bytes = info.sector_count * info.sector_bytes;
    rt_print("%s: \"%s\", %llu bytes (%llu KiB)%s\n", disk->name, info.id,
             (unsigned long long)bytes, (unsigned long long)(bytes >> 10),
             info.read_only ? ", read-only" : "");
    rt_print("  sectors          %llu of %u bytes; it prefers to write %u bytes whole\n",
             (unsigned long long)info.sector_count, info.sector_bytes, info.block_bytes);
    rt_print("  one request      at most %u sectors\n", info.max_sectors);
    rt_print("  in flight        at most %u requests\n", info.depth);
    rt_print("  flush            %s\n", info.flush ? "yes" : "nothing to flush");
    if (info.max_discard_sectors != 0) {
        rt_print("  discard          at most %u sectors\n", info.max_discard_sectors);
    } else {
        rt_print("  discard          no\n");
    }
    if (info.max_zero_sectors != 0) {
        rt_print("  zero             at most %u sectors\n", info.max_zero_sectors);
    } else {
        rt_print("  zero             no\n");
    }
}

/** 00000200  6e 6f 20 64 ...  |no d...| */
static void print_dump(uint64_t offset, const uint8_t *bytes, size_t length)
{
    for (size_t line = 0; line < length; line += BYTES_PER_LINE) {
        char text[BYTES_PER_LINE + 1];
        size_t i;

        rt_print("%010llx ", (unsigned long long)(offset + line));
        for (i = 0; i < BYTES_PER_LINE; i++) {
            const bool there = line + i < length;
            const uint8_t byte = there ? bytes[line + i] : ' ';

            text[i] = (char)(byte >= FIRST_PRINTABLE && byte <= LAST_PRINTABLE ? byte : '.');
            if (there) {
                rt_print(" %02x", byte);
            } else {
                rt_print("   ");
            }
        }
        text[i] = '\0';
        rt_print("  |%s|\n", text);
    }
}

static void blk_read(const struct blk_disk *disk, char *const *words, size_t count)
{
    static uint8_t bytes[READ_MAX];
    uint64_t offset, length;

    (void)count;
    if (!blk_size("offset", words[1], &offset) || !blk_size("length", words[2], &length)) {
        return;
    }
    if (length > READ_MAX) {
        rt_print("at most %u bytes can be shown at a time; `blk check` reads without showing\n",
                 READ_MAX);
        return;
    }
    if (!blk_opened(disk->name, block_io_open(&io, disk->endpoint, IO_PAGES))) {
        return;
    }
    if (blk_range(&io.disk, offset, length) && blk_done(block_read(&io, offset, bytes, length))) {
        print_dump(offset, bytes, (size_t)length);
    }
    block_io_close(&io);
}

/** The bytes that a person wants written: 0xHEX words, or words with spaces between. */
static bool write_bytes(char *const *words, size_t count, uint8_t *bytes, size_t *length)
{
    const bool hex = words[0][0] == '0' && (words[0][1] == 'x' || words[0][1] == 'X');

    *length = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t text_length = strlen(words[i]);
        size_t added = 0;

        if (hex) {
            const bool prefix = words[i][0] == '0' && (words[i][1] == 'x' || words[i][1] == 'X');

            if (!words_hex_bytes(words[i] + (prefix ? 2 : 0), bytes + *length, WRITE_MAX - *length,
                                 &added)) {
                rt_print("\"%.40s\" is no row of bytes: write two hexadecimal digits for each\n",
                         words[i]);
                return false;
            }
        } else if (text_length + 1 > WRITE_MAX - *length) {
            rt_print("more than %u bytes\n", WRITE_MAX);
            return false;
        } else {
            if (i != 0) {
                bytes[(*length)++] = ' ';
            }
            memcpy(bytes + *length, words[i], text_length);
            added = text_length;
        }
        *length += added;
    }
    return true;
}

static void blk_write(const struct blk_disk *disk, char *const *words, size_t count)
{
    static uint8_t bytes[WRITE_MAX];
    uint64_t offset;
    size_t length;

    if (!blk_size("offset", words[1], &offset) ||
        !write_bytes(words + 2, count - 2, bytes, &length) ||
        !blk_opened(disk->name, block_io_open(&io, disk->endpoint, IO_PAGES))) {
        return;
    }
    if (blk_range(&io.disk, offset, length) && blk_done(block_write(&io, offset, bytes, length))) {
        rt_print("%llu bytes written at %llu; `blk flush` makes them last\n",
                 (unsigned long long)length, (unsigned long long)offset);
    }
    block_io_close(&io);
}

static void blk_flush(const struct blk_disk *disk, char *const *words, size_t count)
{
    (void)words;
    (void)count;
    if (!blk_opened(disk->name, block_io_open(&io, disk->endpoint, IO_PAGES))) {
        return;
    }
    if (blk_done(block_flush(&io))) {
        rt_print("all that was written is on the medium\n");
    }
    block_io_close(&io);
}

/** Discard or zero a range of whole sectors. */
static void blk_clear(const struct blk_disk *disk, char *const *words,
                      enum block_status (*clear)(struct block_io *io, uint64_t sector,
                                                 uint64_t sector_count),
                      const char *what)
{
    uint64_t offset, length;

    if (!blk_size("offset", words[1], &offset) || !blk_size("length", words[2], &length) ||
        !blk_whole_sectors(offset, length) ||
        !blk_opened(disk->name, block_io_open(&io, disk->endpoint, IO_PAGES))) {
        return;
    }
    if (blk_range(&io.disk, offset, length) &&
        blk_done(clear(&io, offset / BLOCK_SECTOR_BYTES, length / BLOCK_SECTOR_BYTES))) {
        rt_print("%llu bytes %s at %llu\n", (unsigned long long)length, what,
                 (unsigned long long)offset);
    }
    block_io_close(&io);
}

static void blk_discard(const struct blk_disk *disk, char *const *words, size_t count)
{
    (void)count;
    blk_clear(disk, words, block_discard, "discarded");
}

static void blk_zero(const struct blk_disk *disk, char *const *words, size_t count)
{
    (void)count;
    blk_clear(disk, words, block_write_zeroes, "zeroed");
}

/* ------------------------------------------------------------------------------------------
 * The command
 * ------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    size_t least, most; /* words, the name included */
    const char *usage;
    const char *details; /* whole lines */
    void (*run)(const struct blk_disk *disk, char *const *words, size_t count);
} subcommands[] = {
    {"info", 1, 1, "", "Size, identity, limits, and what the disk can do.\n", blk_info},
    {"read", 3, 3, " OFFSET LENGTH", "Shows bytes, at most 16K of them at a time.\n", blk_read},
    {"write", 3, WORDS_MAX, " OFFSET TEXT|0xHEX...",
     "Changes the disk: words, with one space between, or bytes as pairs of digits.\n", blk_write},
    {"check", 1, 4, " [LENGTH] | check write OFFSET LENGTH",
     "Reads all of the disk, or so much from its start; prints rate and CRC-32. With `write`\n"
     "it overwrites that range with a pattern and reads it back.\n",
     blk_check},
    {"flush", 1, 1, "", "What was written before outlives a power failure.\n", blk_flush},
    {"discard", 3, 3, " OFFSET LENGTH",
     "Gives up whole sectors; what they hold then is anything.\n", blk_discard},
    {"zero", 3, 3, " OFFSET LENGTH", "Fills whole sectors with zeroes.\n", blk_zero},
};

/** Say that there is no such subcommand, and which one may have been meant. */
static void blk_unknown(const char *word)
{
    struct words_nearest nearest;

    words_nearest_init(&nearest, word);
    for (size_t i = 0; i < ARRAY_COUNT(subcommands); i++) {
        words_nearest_offer(&nearest, subcommands[i].name);
    }
    words_nearest_offer(&nearest, "disk1");
    rt_print("blk has no \"%.40s\"", word);
    command_suggest(&nearest, "blk ", "`help blk` lists what it has");
}

void blk_help(const char *subcommand)
{
    for (size_t i = 0; i < ARRAY_COUNT(subcommands); i++) {
        if (words_same(subcommand, subcommands[i].name)) {
            rt_print("blk [disk1] %s%s\n%s", subcommands[i].name, subcommands[i].usage,
                     subcommands[i].details);
            return;
        }
    }
    blk_unknown(subcommand);
}

void command_blk(struct words *words)
{
    struct blk_disk disk = {.name = "disk"};
    char *const *word = words->word + 1;
    size_t count = words->count - 1;

    if (count != 0 && (words_same(*word, "disk") || words_same(*word, "disk1"))) {
        disk.name = *word++;
        count--;
    }
    for (size_t i = 0; count != 0 && i < ARRAY_COUNT(subcommands); i++) {
        if (!words_same(*word, subcommands[i].name)) {
            continue;
        }
        if (count < subcommands[i].least || count > subcommands[i].most) {
            rt_print("usage: blk %s%s\n", subcommands[i].name, subcommands[i].usage);
            return;
        }
        disk.endpoint = rt_capability(disk.name);
        if (disk.endpoint == 0) {
            rt_print("no disk: the manifest gives this shell no \"%s\"\n", disk.name);
            return;
        }
        subcommands[i].run(&disk, word, count);
        return;
    }
    if (count != 0) {
        blk_unknown(*word);
    } else {
        rt_print(
            "usage: blk [disk1] info|read|write|check|flush|discard|zero; `help blk` says more\n");
    }
}
