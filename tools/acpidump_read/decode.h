/* SPDX-License-Identifier: MIT */
#pragma once

/* One table through lib/acpi, and what it says into a report. */

#include "input.h"
#include "report.h"

/**
 * Report what a kernel with lib/acpi would believe of the table, or why it would refuse it.
 *
 * Returns: false if it is refused.
 */
bool decode_table(struct report *report, const char *file, const struct input_table *table);

/** Report a file that no table could be taken from; `error` and `reason` as of a table. */
void decode_refuse_file(struct report *report, const char *file, const char *error,
                        const char *reason);
