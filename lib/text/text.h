/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text for people: formatted output and number parsing, for the kernel's console and log and for
 * user programs alike.
 *
 * The format language is the part of C's printf that a kernel needs. Compilers check calls
 * against it (PRINTF_LIKE), and it means what it means in C:
 *
 *   %[flags][width][.precision][length]conversion
 *   flags       - (left), 0 (zero padding), # (0x before hexadecimal)
 *   width       digits or *; beyond TEXT_FIELD_MAX it counts as TEXT_FIELD_MAX
 *   precision   digits or *; most bytes of a string, fewest digits of an integer (limited as above)
 *   length      hh h l ll z j t
 *   conversion  d i u x X c s p %
 *
 * Beyond C: %p is 0x and hexadecimal digits, also for NULL; a NULL string reads "(null)". Any
 * other directive, and all that follows it, is written out as it stands: its argument would
 * be of unknown size, and nothing behind it could be trusted.
 *
 * Pure: no locks, no allocation, no floating point, less than 512 bytes of stack besides the
 * sink's own.
 */

#include "base/compiler.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_FIELD_MAX 4096u

/**
 * Where text goes. Embed it in a struct of your own (CONTAINER_OF leads back) and set `write`;
 * it is called with pieces of any length, in order.
 */
struct text_sink {
    void (*write)(struct text_sink *sink, const char *bytes, size_t length);
};

/** Write formatted text to a sink. Returns the number of bytes. */
size_t text_vprint(struct text_sink *sink, const char *format, va_list arguments);
size_t text_print(struct text_sink *sink, const char *format, ...) PRINTF_LIKE(2, 3);

/**
 * Format into memory. At most `capacity` bytes are written, the last of them a zero byte, so the
 * text is terminated even when it is cut; with a capacity of 0, `out` may be NULL.
 *
 * Returns: the length of the whole text without its zero byte; it was cut if that is not less
 * than `capacity`.
 */
size_t text_vformat(char *out, size_t capacity, const char *format, va_list arguments);
size_t text_format(char *out, size_t capacity, const char *format, ...) PRINTF_LIKE(3, 4);

/** Exactly `digits` lower-case hexadecimal digits of `value`, the lowest ones, unterminated. */
void text_hex(char *out, uint64_t value, size_t digits);

enum text_error {
    TEXT_OK = 0,
    TEXT_EMPTY,       /* no digits at all */
    TEXT_BAD_DIGIT,   /* something that is no digit of the number's base */
    TEXT_OUT_OF_RANGE /* more than 64 bits */
};

const char *text_error_name(enum text_error error);

/**
 * Read a number that fills the whole range: decimal digits, or 0x and hexadecimal digits. No
 * sign, no white space, nothing behind it.
 *
 * Returns: TEXT_OK, and only then `*value` is written.
 */
MUST_CHECK enum text_error text_parse_u64(const char *bytes, size_t length, uint64_t *value);
