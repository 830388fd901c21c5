/* SPDX-License-Identifier: MIT */
/*
 * What the device manager knows, as messages for people: functions, routes, buffers, quarantine and
 * IOMMUs. Each answer is a page of entries from an index on; a short one is the last.
 */
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "device_manager/lines.h"
#include "syscall/answer.h"

#define LIST_MAX 32u

static void put_function(const struct wire_build_struct *info, uint32_t index)
{
    const struct device_function *function = &device_functions[index];
    const struct pci_function *pci = function->pci;
    const struct ledger_function *record = &ledger.functions[index];

    function_info_set_index(info, index);
    function_info_set_bdf(info, function->source);
    function_info_set_segment(info, (uint16_t)pci->config.address.segment);
    function_info_set_vendor(info, pci->header.vendor);
    function_info_set_device(info, pci->header.device);
    function_info_set_subsystem_vendor(info, pci->header.subsystem_vendor);
    function_info_set_subsystem(info, pci->header.subsystem);
    function_info_set_class_code(info, pci->header.class_code);
    function_info_set_generation(info, record->generation);
    function_info_set_owner_pid(info, record->owner);
    function_info_set_state(info, record->state);
    function_info_set_refusal(
        info, record->state == FUNCTION_STATE_QUARANTINED ? CLAIM_REFUSAL_QUARANTINED
              : record->state == FUNCTION_STATE_RETIRED   ? CLAIM_REFUSAL_RETIRED
                                                          : record->refusal);
    function_info_set_coverage(info, function->possible);
    function_info_set_level(info, device_state_is_owned(record->state) ? function->possible
                                                                       : DMA_LEVEL_NONE);
    function_info_set_group(info, record->group);
    function_info_set_pool_pages(info, record->pool_pages);
    function_info_set_pool_limit(info, record->pool_limit);
    function_info_set_buffer_count(info, record->buffer_count);
    function_info_set_mmio_pages(info, record->mmio_pages);
    function_info_set_route_count(info, record->route_count);
    function_info_set_vector_count(info, function->vector_count);
    function_info_set_fault_count(info, function->fault_count);
    function_info_set_reset_count(info, function->reset_count);
    function_info_set_not_reset(info, record->not_reset);
    function_info_set_waiting_for(info, function->step);
}

/** How many of `total` entries from `from` on go into one answer. */
static uint32_t page_of(uint32_t from, uint32_t total)
{
    const uint32_t left = from < total ? total - from : 0;

    return left < LIST_MAX ? left : LIST_MAX;
}

enum status device_list_functions(struct method *method)
{
    static_assert(sizeof(struct device_manager_functions_params) ==
                      sizeof(struct diagnostics_functions_params),
                  "one method serves both interfaces");
    INLINE_PARAMETERS(parameters, diagnostics_functions_params)
    const uint32_t count = page_of(parameters->from_index, ledger.function_count);
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list list;

    answer_begin(method, &builder);
    (void)diagnostics_functions_results_init_root(&builder, &root);
    (void)diagnostics_functions_results_init_functions(&root, count, &list);
    for (uint32_t i = 0; i < count; i++) {
        struct wire_build_struct info;

        (void)wire_list_build_struct(&list, i, &info);
        put_function(&info, parameters->from_index + i);
    }
    return answer_finish(method, &builder);
}

static void put_interrupt(const struct wire_build_struct *info, uint32_t slot)
{
    const struct device_route *route = &device_routes[slot];

    interrupt_info_set_index(info, slot);
    interrupt_info_set_function(info, route->function->index);
    interrupt_info_set_number(info, route->number);
    interrupt_info_set_cpu(info, route->cpu);
    interrupt_info_set_vector(info, route->vector);
    interrupt_info_set_masked(info, route->is_masked);
    interrupt_info_set_remapped(info, route_is_remapped(route));
    interrupt_info_set_generation(info, route->generation);
    interrupt_info_set_delivered(info, route->interrupt->delivered);
    if (route->line != NULL) {
        interrupt_info_set_pin(info, route->function->pci->header.interrupt_pin);
        interrupt_info_set_input(info, route->line->interrupt);
    }
}

/** The next slots from `from` on that are in use; returns how many. */
static uint32_t used_routes(uint32_t from, uint32_t slots[LIST_MAX])
{
    uint32_t count = 0;

    for (uint32_t i = from; i < ledger.route_count && count < LIST_MAX; i++) {
        if (ledger.routes[i].use != LEDGER_UNUSED) {
            slots[count++] = i;
        }
    }
    return count;
}

enum status device_list_interrupts(struct method *method)
{
    INLINE_PARAMETERS(parameters, diagnostics_interrupts_params)
    uint32_t slots[LIST_MAX];
    const uint32_t count = used_routes(parameters->from_index, slots);
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list list;

    answer_begin(method, &builder);
    (void)diagnostics_interrupts_results_init_root(&builder, &root);
    (void)diagnostics_interrupts_results_init_interrupts(&root, count, &list);
    for (uint32_t i = 0; i < count; i++) {
        struct wire_build_struct info;

        (void)wire_list_build_struct(&list, i, &info);
        put_interrupt(&info, slots[i]);
    }
    return answer_finish(method, &builder);
}

enum status device_list_dma(struct method *method)
{
    INLINE_PARAMETERS(parameters, diagnostics_dma_params)
    uint32_t slots[LIST_MAX];
    uint32_t count = 0;
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list list;

    for (uint32_t slot = device_buffer_next(parameters->from_index);
         slot != LEDGER_NONE && count < LIST_MAX; slot = device_buffer_next(slot + 1)) {
        slots[count++] = slot;
    }
    answer_begin(method, &builder);
    (void)diagnostics_dma_results_init_root(&builder, &root);
    (void)diagnostics_dma_results_init_buffers(&root, count, &list);
    for (uint32_t i = 0; i < count; i++) {
        const struct ledger_buffer *buffer = &ledger.buffers[slots[i]];
        struct wire_build_struct info;

        (void)wire_list_build_struct(&list, i, &info);
        dma_info_set_index(&info, slots[i]);
        dma_info_set_function(&info, buffer->function);
        dma_info_set_generation(&info, buffer->generation);
        dma_info_set_iova(&info, buffer->iova);
        dma_info_set_page_count(&info, buffer->page_count);
        dma_info_set_access(&info, buffer->access);
    }
    return answer_finish(method, &builder);
}

enum status device_list_quarantine(struct method *method)
{
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_struct info;
    struct device_quarantine now;

    device_quarantine_count(&now);
    answer_begin(method, &builder);
    (void)diagnostics_quarantine_results_init_root(&builder, &root);
    (void)diagnostics_quarantine_results_init_info(&root, &info);
    quarantine_info_set_functions(&info, now.function_count);
    quarantine_info_set_device_pages(&info, now.device_pages);
    quarantine_info_set_frames(&info, now.frame_count);
    quarantine_info_set_frame_limit(&info, now.frame_limit);
    return answer_finish(method, &builder);
}

enum status device_list_iommus(struct method *method)
{
    const uint32_t total = iommu_unit_count();
    const uint32_t count = total < LIST_MAX ? total : LIST_MAX;
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list list;

    answer_begin(method, &builder);
    (void)diagnostics_iommus_results_init_root(&builder, &root);
    (void)diagnostics_iommus_results_init_iommus(&root, count, &list);
    for (uint32_t i = 0; i < count; i++) {
        struct iommu_info unit;
        struct wire_build_struct info;

        iommu_describe(i, &unit);
        (void)wire_list_build_struct(&list, i, &info);
        iommu_info_set_registers(&info, unit.registers.value);
        iommu_info_set_segment(&info, unit.segment);
        iommu_info_set_capability(&info, unit.capability);
        iommu_info_set_extended_capability(&info, unit.extended_capability);
        iommu_info_set_translating(&info, unit.works && !unit.is_dead);
        iommu_info_set_remapping(&info, unit.interrupt_remapping);
        iommu_info_set_dead(&info, unit.is_dead);
        iommu_info_set_domain_count(&info, unit.domain_count);
        iommu_info_set_fault_count(&info, unit.fault_count);
    }
    return answer_finish(method, &builder);
}
