/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The kernel's reports (lib/report): for the early prompt (diag/prompt.h) and for the Diagnostics
 * interface alike. Rows are made from live state while they are read, so that nothing is allocated
 * and nothing can be out of date; all of it under the kernel lock.
 *
 * They name no handle, no generation that a capability carries, and no address of the kernel's own.
 */

#include "bootinfo/bootinfo.h"
#include "report/report.h"
#include "syscall/methods.h"
#include "types.h"

/* diag/report_firmware.c */
extern const struct report acpi_report;
extern const struct report memory_report;

/* diag/report_pci.c */
extern const struct report pci_report;
extern const struct report pci_function_report; /* argument: segment << 16 | bdf */
extern const struct report mmio_report;

/* diag/report_system.c */
extern const struct report cpus_report;
extern const struct report caps_report;    /* how many each process has */
extern const struct report caps_of_report; /* argument: pid */
extern const struct report budgets_report;
extern const struct report locks_report;

/* diag/trace.c */
extern const struct report trace_report;

/* device_manager/reports.c: it alone knows its records */
extern const struct report devices_report;
extern const struct report irqs_report;
extern const struct report dma_report;
extern const struct report iommu_report;
extern const struct report audit_report;

/** Remember what the loader said, for `mem`. Boot CPU, once. */
void reports_init(const struct boot_info *info);

/** The report on a topic; NULL for a number that is none. */
const struct report *report_of_topic(uint16_t topic);

/** The report that a command of this name shows, with or without an argument; NULL: none. */
const struct report *report_of_command(const char *name, size_t length, bool has_argument);

/** The command's reports in the order of help; NULL behind the last. */
const struct report *report_in_help(uint32_t index);

/** Diagnostics.report: some lines, and where to go on. */
enum status diagnostics_report(struct method *method);
