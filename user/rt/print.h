/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Output for people, on the capability named "console". The format language is lib/text's.
 *
 * Text is collected in one buffer for the whole process and written out at the end of a line,
 * when the buffer is full, by rt_print_flush(), and at rt_exit(). A process without a console
 * prints nothing. Context: any thread; takes a lock of its own.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/** Print formatted text. */
void rt_print(const char *format, ...) PRINTF_LIKE(1, 2);

/** Print bytes as they are. */
void rt_print_bytes(const char *bytes, size_t length);

/** Write out what is buffered. */
void rt_print_flush(void);

/**
 * Have `line_begins` called before the first byte of each line is taken: it may wait, for a person
 * say, but not print through this file. When it returns false, what is printed is thrown away from
 * there on, until this is called again. NULL: nobody is called. One thread prints meanwhile.
 */
void rt_print_watch(bool (*line_begins)(void));
