/* SPDX-License-Identifier: MIT */
#pragma once

/* The tables that lib/acpi reads: for each, its reader and how its contents are shown. */

#include "acpi/dbg2.h"
#include "acpi/dmar.h"
#include "acpi/fadt.h"
#include "acpi/hpet.h"
#include "acpi/ivrs.h"
#include "acpi/madt.h"
#include "acpi/mcfg.h"
#include "acpi/sleep.h"
#include "acpi/slit.h"
#include "acpi/spcr.h"
#include "acpi/srat.h"
#include "acpi/viot.h"
#include "acpi/waet.h"
#include "report.h"

/** DSDT and SSDT. */
struct definition_block {
    bool has_soft_off;
    struct acpi_soft_off soft_off;
};

struct config_spaces {
    struct acpi_bytes table;
    uint32_t count;
};

union table_contents {
    struct acpi_root root;
    struct acpi_madt madt;
    struct acpi_fadt fadt;
    struct config_spaces mcfg;
    struct acpi_hpet hpet;
    struct acpi_dmar dmar;
    struct acpi_ivrs ivrs;
    struct acpi_srat srat;
    struct acpi_slit slit;
    struct acpi_spcr spcr;
    struct acpi_dbg2 dbg2;
    struct acpi_waet waet;
    struct acpi_viot viot;
    struct definition_block aml;
};

struct table_reader {
    const char *signature;
    enum acpi_error (*open)(const struct acpi_table *table, union table_contents *contents,
                            struct acpi_fault *fault);
    void (*show)(struct report *report, const union table_contents *contents);
};

/** NULL for a signature that the kernel does not know. */
const struct table_reader *table_reader_find(const char *signature);

/* Their parts. tables_iommu.c: */
void show_dmar(struct report *report, const union table_contents *contents);
void show_ivrs(struct report *report, const union table_contents *contents);
void show_viot(struct report *report, const union table_contents *contents);
/* tables_machine.c: processors, memory, buses, power */
void show_root(struct report *report, const union table_contents *contents);
void show_madt(struct report *report, const union table_contents *contents);
void show_fadt(struct report *report, const union table_contents *contents);
void show_mcfg(struct report *report, const union table_contents *contents);
void show_srat(struct report *report, const union table_contents *contents);
void show_slit(struct report *report, const union table_contents *contents);
void show_aml(struct report *report, const union table_contents *contents);
/* tables_device.c: single devices */
void show_hpet(struct report *report, const union table_contents *contents);
void show_spcr(struct report *report, const union table_contents *contents);
void show_dbg2(struct report *report, const union table_contents *contents);
void show_waet(struct report *report, const union table_contents *contents);
