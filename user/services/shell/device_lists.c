/* SPDX-License-Identifier: MIT */
/*
 * What devices hold: `dma`, `iommu`.
 */
#include "services/shell/shell.h"

#include "base/memory.h"
#include "rt/device_text.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "text/text.h"

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

static void print_quarantine(void)
{
    struct rt_exchange exchange;
    struct wire_struct results, info;

    if (!inspect_call(&exchange, DIAGNOSTICS_QUARANTINE, (struct rt_words){{0}}, &results)) {
        return;
    }
    if (diagnostics_quarantine_results_get_info(results, &info) == WIRE_OK &&
        quarantine_info_get_functions(info) != 0) {
        rt_print("%u functions in quarantine may still reach %u pages; %u frames of memory and "
                 "tables\nare lost with them, of %u before no function can be claimed\n",
                 quarantine_info_get_functions(info), quarantine_info_get_device_pages(info),
                 quarantine_info_get_frames(info), quarantine_info_get_frame_limit(info));
    }
    rt_exchange_end(&exchange);
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
        print_quarantine();
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
