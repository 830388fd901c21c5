/* SPDX-License-Identifier: MIT */
#pragma once

/* The first table of `irqs`: what interrupts, where, and how often. reports.c has the others. */

#include "report/report.h"

#define INTERRUPT_COLUMNS 7u
extern const struct report_column interrupt_columns[INTERRUPT_COLUMNS];

bool interrupt_row(uint64_t argument, uint32_t *place, struct report_row *row);
