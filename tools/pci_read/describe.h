/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One function in words: what the kernel would believe of it, or why it is refused.
 */

#include "emit.h"
#include "machine.h"

/** Write a record about a dump. Returns whether the function was accepted. */
bool describe_dump(struct emit *emit, const char *path, const struct dump *dump,
                   const struct machine_place *place);

/** Write a record about a file that has no dumps. */
void describe_refused_file(struct emit *emit, const char *path, enum dump_error error,
                           uint64_t place);
