/* SPDX-License-Identifier: MIT */
/*
 * What devices hold and what they did: `dma`, `iommu`, `audit`.
 */
#include "services/shell/shell.h"

#include "base/memory.h"
#include "rt/device_text.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "text/text.h"

#define NS_PER_S        1000000000ull
#define NS_PER_MS       1000000ull
#define AUDIT_LINES_MAX 10000u /* of one command */

/** The place of one function of the ledger; the last one asked for is remembered. */
struct function_place {
    bool known;
    uint32_t index;
    char text[RT_BDF_BYTES];
};

static const char *function_place(struct function_place *place, uint32_t index)
{
    const struct diagnostics_functions_params params = {.from_index = index};
    struct rt_exchange exchange;
    struct wire_struct results, function;
    struct wire_list list;

    if (place->known && place->index == index) {
        return place->text;
    }
    place->known = true;
    place->index = index;
    text_format(place->text, sizeof(place->text), "#%u", index);
    if (inspect_call(&exchange, DIAGNOSTICS_FUNCTIONS, RT_WORDS(params), &results)) {
        if (diagnostics_functions_results_get_functions(results, &list) == WIRE_OK &&
            list.count != 0 && wire_list_get_struct(&list, 0, &function) == WIRE_OK &&
            function_info_get_index(function) == index) {
            rt_bdf_format(place->text, function_info_get_segment(function),
                          function_info_get_bdf(function));
        }
        rt_exchange_end(&exchange);
    }
    return place->text;
}

/* ------------------------------------------------------------------------------------------
 * Buffers
 * ------------------------------------------------------------------------------------------ */

static void print_buffer(struct wire_struct buffer, void *context)
{
    rt_print("%6u %-8s %14llx %8u %10llu %-17s %10llu\n", dma_info_get_index(buffer),
             function_place(context, dma_info_get_function(buffer)),
             (unsigned long long)dma_info_get_iova(buffer), dma_info_get_page_count(buffer),
             4ull * dma_info_get_page_count(buffer), dma_access_name(dma_info_get_access(buffer)),
             (unsigned long long)dma_info_get_generation(buffer));
}

static uint32_t buffer_index(struct wire_struct buffer)
{
    return dma_info_get_index(buffer);
}

void command_dma(struct words *words)
{
    static const struct inspect_list list = {
        .method = DIAGNOSTICS_DMA,
        .get = diagnostics_dma_results_get_buffers,
        .index = buffer_index,
        .print = print_buffer,
    };
    struct function_place place = {.known = false};

    if (command_words(words, 1, 1)) {
        rt_print("BUFFER FUNCTION           IOVA    PAGES        KIB ACCESS            "
                 "GENERATION\n");
        (void)inspect_walk(&list, &place);
    }
}

/* ------------------------------------------------------------------------------------------
 * IOMMUs
 * ------------------------------------------------------------------------------------------ */

void command_iommu(struct words *words)
{
    struct rt_exchange exchange;
    struct wire_struct results, iommu;
    struct wire_list list;

    if (!command_words(words, 1, 1) ||
        !inspect_call(&exchange, DIAGNOSTICS_IOMMUS, (struct rt_words){{0}}, &results)) {
        return;
    }
    if (diagnostics_iommus_results_get_iommus(results, &list) != WIRE_OK) {
        list.count = 0;
    }
    if (list.count == 0) {
        rt_print("no IOMMU: devices cannot be kept from memory, so none can be claimed\n");
    } else {
        rt_print(
            "   REGISTERS  SEG       CAPABILITY         EXTENDED DMA INT STATE  DOM   FAULTS\n");
    }
    for (uint32_t i = 0; i < list.count && wire_list_get_struct(&list, i, &iommu) == WIRE_OK; i++) {
        rt_print("%12llx %4x %016llx %016llx %-3s %-3s %-5s %4u %8llu\n",
                 (unsigned long long)iommu_info_get_registers(iommu), iommu_info_get_segment(iommu),
                 (unsigned long long)iommu_info_get_capability(iommu),
                 (unsigned long long)iommu_info_get_extended_capability(iommu),
                 iommu_info_get_translating(iommu) ? "yes" : "no",
                 iommu_info_get_remapping(iommu) ? "yes" : "no",
                 iommu_info_get_dead(iommu) ? "dead" : "ok", iommu_info_get_domain_count(iommu),
                 (unsigned long long)iommu_info_get_fault_count(iommu));
    }
    rt_exchange_end(&exchange);
}

/* ------------------------------------------------------------------------------------------
 * The audit log
 * ------------------------------------------------------------------------------------------ */

static void print_record(struct wire_struct record)
{
    const uint64_t ns = audit_record_get_nanoseconds(record);
    const enum status status = audit_record_get_status(record);
    char bdf[RT_BDF_BYTES];

    rt_print("%6llu %5llu.%03llu %-14s %-7s %4llu %4llu %5u %10llx %s\n",
             (unsigned long long)audit_record_get_sequence(record),
             (unsigned long long)(ns / NS_PER_S), (unsigned long long)(ns % NS_PER_S / NS_PER_MS),
             audit_event_name(audit_record_get_event(record)),
             rt_bdf_format(bdf, audit_record_get_segment(record), audit_record_get_bdf(record)),
             (unsigned long long)audit_record_get_pid(record),
             (unsigned long long)audit_record_get_generation(record),
             audit_record_get_object(record), (unsigned long long)audit_record_get_detail(record),
             status == STATUS_OK ? "" : status_name(status));
}

void command_audit(struct words *words)
{
    struct diagnostics_audit_params params = {.sequence = 0};
    uint32_t count = 1, lines = 0;

    if (!command_words(words, 1, 2) ||
        (words->count == 2 && !command_number("record number", words->word[1], &params.sequence))) {
        return;
    }
    rt_print("RECORD      TIME EVENT          BDF      PID  GEN   OBJ     DETAIL STATUS\n");
    while (count != 0 && lines < AUDIT_LINES_MAX) {
        struct rt_exchange exchange;
        struct wire_struct results, record;
        struct wire_list list;
        uint64_t next;

        if (!inspect_call(&exchange, DIAGNOSTICS_AUDIT, RT_WORDS(params), &results)) {
            return;
        }
        next = diagnostics_audit_results_get_next(results);
        if (diagnostics_audit_results_get_lost(results) != 0) {
            rt_print("(%llu records are lost)\n",
                     (unsigned long long)diagnostics_audit_results_get_lost(results));
        }
        count = 0;
        if (diagnostics_audit_results_get_records(results, &list) == WIRE_OK &&
            next > params.sequence) {
            count = list.count;
        }
        for (uint32_t i = 0; i < count && wire_list_get_struct(&list, i, &record) == WIRE_OK; i++) {
            print_record(record);
        }
        lines += count;
        params.sequence = next;
        rt_exchange_end(&exchange);
    }
    if (count != 0) {
        rt_print("there are more: audit %llu\n", (unsigned long long)params.sequence);
    }
}
