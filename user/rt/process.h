/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a process was given when it was started: arguments and capabilities by name.
 */

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

/** The program. `arguments[0]` is its name; `arguments[count]` is NULL. Returns the exit code. */
int main(int count, char **arguments);

/** The capability that was given under `name`; 0, which names nothing, if there is none. */
uint64_t rt_capability(const char *name);

/** As above, for a program that is no use without it: panics if there is none. */
uint64_t rt_capability_required(const char *name);

/** Number of capabilities that were given. */
size_t rt_capability_count(void);

/** The name of the given capability number `index` (0-based); NULL beyond the last. */
const char *rt_capability_name(size_t index);

/** The program's name, for messages. */
const char *rt_program_name(void);

/** End the process, after writing out what it has printed. */
NORETURN void rt_exit(int code);
