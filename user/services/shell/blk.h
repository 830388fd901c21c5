/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Between blk.c and blk_check.c.
 */

#include "libblock/block_io.h"

/** The disk that a command is about. */
struct blk_disk {
    const char *name; /* of the capability */
    uint64_t endpoint;
};

/** Read a number of bytes from a word; on failure say so and return false. */
bool blk_size(const char *what, const char *word, uint64_t *number);

/** Complain and return false unless the range, in bytes, has a length and lies on the disk. */
bool blk_range(const struct block_disk *disk, uint64_t offset, uint64_t length);

/** Complain and return false unless a range is of whole sectors. */
bool blk_whole_sectors(uint64_t offset, uint64_t length);

/** True if a disk could be asked or opened; else say what to do. */
bool blk_opened(const char *disk, enum status status);

/** True if a request was carried out; else say what is the matter. */
bool blk_done(enum block_status status);

/** check [LENGTH] and check write OFFSET LENGTH; `words` begin with "check". */
void blk_check(const struct blk_disk *disk, char *const *words, size_t count);
