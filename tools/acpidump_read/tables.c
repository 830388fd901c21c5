/* SPDX-License-Identifier: MIT */
#include "tables.h"

#include <string.h>

static enum acpi_error open_xsdt(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    (void)fault;
    acpi_root_from_table(table, 8, &contents->root);
    return ACPI_OK;
}

static enum acpi_error open_rsdt(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    (void)fault;
    acpi_root_from_table(table, 4, &contents->root);
    return ACPI_OK;
}

static enum acpi_error open_madt(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_madt_open(table->bytes, &contents->madt, fault);
}

static enum acpi_error open_fadt(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_fadt_open(table->bytes, &contents->fadt, fault);
}

/* The first entry that the kernel would refuse refuses the table, though it would use the rest. */
static enum acpi_error open_mcfg(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    contents->mcfg.table = table->bytes;
    if (acpi_mcfg_open(table->bytes, &contents->mcfg.count, fault) != ACPI_OK) {
        return fault->error;
    }
    for (uint32_t i = 0; i < contents->mcfg.count; i++) {
        struct acpi_mcfg_entry entry;

        if (acpi_mcfg_get(table->bytes, i, &entry, fault) != ACPI_OK) {
            return fault->error;
        }
    }
    return ACPI_OK;
}

static enum acpi_error open_hpet(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_hpet_open(table->bytes, &contents->hpet, fault);
}

static enum acpi_error open_dmar(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_dmar_open(table->bytes, &contents->dmar, fault);
}

static enum acpi_error open_ivrs(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_ivrs_open(table->bytes, &contents->ivrs, fault);
}

static enum acpi_error open_srat(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_srat_open(table->bytes, &contents->srat, fault);
}

static enum acpi_error open_slit(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_slit_open(table->bytes, &contents->slit, fault);
}

static enum acpi_error open_spcr(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_spcr_open(table->bytes, &contents->spcr, fault);
}

static enum acpi_error open_dbg2(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_dbg2_open(table->bytes, &contents->dbg2, fault);
}

static enum acpi_error open_waet(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_waet_open(table->bytes, &contents->waet, fault);
}

static enum acpi_error open_viot(const struct acpi_table *table, union table_contents *contents,
                                 struct acpi_fault *fault)
{
    return acpi_viot_open(table->bytes, &contents->viot, fault);
}

/* A program without \_S5 is no worse for it: another has it, or the machine cannot be turned off.
 */
static enum acpi_error open_aml(const struct acpi_table *table, union table_contents *contents,
                                struct acpi_fault *fault)
{
    contents->aml.has_soft_off =
        acpi_soft_off_find(table->bytes, &contents->aml.soft_off, fault) == ACPI_OK;
    return ACPI_OK;
}

const struct table_reader *table_reader_find(const char *signature)
{
    static const struct table_reader readers[] = {
        {"APIC", open_madt, show_madt}, {"DBG2", open_dbg2, show_dbg2},
        {"DMAR", open_dmar, show_dmar}, {"DSDT", open_aml, show_aml},
        {"FACP", open_fadt, show_fadt}, {"HPET", open_hpet, show_hpet},
        {"IVRS", open_ivrs, show_ivrs}, {"MCFG", open_mcfg, show_mcfg},
        {"RSDT", open_rsdt, show_root}, {"SLIT", open_slit, show_slit},
        {"SPCR", open_spcr, show_spcr}, {"SRAT", open_srat, show_srat},
        {"SSDT", open_aml, show_aml},   {"VIOT", open_viot, show_viot},
        {"WAET", open_waet, show_waet}, {"XSDT", open_xsdt, show_root},
    };

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (memcmp(readers[i].signature, signature, 4) == 0) {
            return &readers[i];
        }
    }
    return NULL;
}
