/* SPDX-License-Identifier: MIT */
/*
 * DeviceMmio: the registers of a function.
 *
 * Whole pages of its memory BARs can be mapped, uncached. A page that holds an MSI-X table or its
 * pending bits is never mapped, nor is one that a BAR shares with others: registers there are read
 * and written by the kernel, one at a time. Each BAR that is mapped has a memory object that nobody
 * can name, so that its mappings are found and removed like those of any memory.
 */
#include "device_manager/audit.h"
#include "device_manager/config_policy.h"
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "ledger/ledger_parts.h"
#include "mm/address_space.h"
#include "mm/kernel_map.h"
#include "object/process.h"
#include "range/range.h"
#include "refund.h"
#include "sched/thread.h"
#include "syscall/answer.h"

/* Memory objects count frames in 32 bits. */
#define MAPPABLE_END (1ull << (32 + PAGE_SHIFT))

enum status device_mmio_create(struct device_function *function, struct process *process,
                               struct object **out)
{
    const enum status status = object_create(OBJECT_KIND_DEVICE_MMIO, process, out);

    if (status == STATUS_OK) {
        mmio_of(*out)->function = function;
    }
    return status;
}

/** The registers that a method is called on, if its caller may use them. */
static enum status admit(struct method *method, struct device_mmio **mmio)
{
    *mmio = mmio_of(method->object);
    return device_admit(method, (*mmio)->function, &(*mmio)->handle, 0);
}

/** A refusal of something that the owner asked for. */
static enum status refuse(struct method *method, enum status status, uint64_t detail)
{
    return audit_refuse_method(method, status, mmio_of(method->object)->function, detail);
}

static const struct pci_bar *find_bar(const struct device_mmio *mmio, uint32_t index)
{
    const struct pci_bar *bar = index < PCI_BAR_ROM ? &mmio->function->pci->bars[index] : NULL;

    return bar != NULL && bar->kind == PCI_BAR_MEMORY && bar->size != 0 ? bar : NULL;
}

/** Whether bytes of a BAR belong to the MSI-X table or, if `with_pending`, its pending bits. */
static bool touches_msix(const struct pci_function *pci, uint32_t bar, struct range bytes,
                         bool with_pending)
{
    const struct pci_msix *msix = &pci->msix;
    struct range table;

    if (!pci->has_msix) {
        return false;
    }
    if (msix->table_bar == bar && range_make(msix->table_offset, msix->table_bytes, &table) &&
        range_overlaps(table, bytes)) {
        return true;
    }
    return with_pending && msix->pending_bar == bar &&
           range_make(msix->pending_offset, msix->pending_bytes, &table) &&
           range_overlaps(table, bytes);
}

/** Whether any page of a BAR may be mapped at all. */
static bool is_mappable(const struct pci_bar *bar)
{
    return bar->size >= PAGE_BYTES && is_page_aligned(bar->address) &&
           bar->address + bar->size <= MAPPABLE_END;
}

static enum status mmio_info(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_mmio_info_params)
    struct wire_builder builder;
    struct wire_build_struct root;
    struct device_mmio *mmio;
    const enum status status = admit(method, &mmio);

    if (status != STATUS_OK) {
        return status;
    }
    const struct pci_bar *bar = find_bar(mmio, parameters->bar);

    if (bar == NULL) {
        return refuse(method, STATUS_NOT_FOUND, parameters->bar);
    }
    answer_begin(method, &builder);
    (void)device_mmio_info_results_init_root(&builder, &root);
    device_mmio_info_results_set_bytes(&root, bar->size);
    device_mmio_info_results_set_mappable(&root, is_mappable(bar));
    device_mmio_info_results_set_prefetchable(&root, bar->is_prefetchable);
    return answer_finish(method, &builder);
}

/** The memory object of a BAR, made if it is not there. */
static enum status bar_memory(struct device_mmio *mmio, struct process *process, uint32_t index,
                              struct memory **out)
{
    const struct pci_bar *bar = &mmio->function->pci->bars[index];

    if (mmio->bars[index] == NULL) {
        struct memory *memory;
        const enum status status = memory_create_borrowed(
            process, paddr_frame((struct paddr){bar->address}), bar->size >> PAGE_SHIFT, &memory);

        if (status != STATUS_OK) {
            return status;
        }
        memory_set_device(memory, mmio->function);
        mmio->bars[index] = memory;
    }
    *out = mmio->bars[index];
    return STATUS_OK;
}

/** Forget the memory object of a BAR, of which nothing is mapped. */
static void drop_bar(struct device_mmio *mmio, uint32_t index)
{
    if (mmio->bars[index] != NULL) {
        object_put(&mmio->bars[index]->object);
        mmio->bars[index] = NULL;
    }
}

static enum status mmio_map(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_mmio_map_params)
    struct process *process = method->process;
    const uint64_t bytes = parameters->page_count * PAGE_BYTES;
    struct memory *memory;
    struct range span;
    struct device_mmio *mmio;
    enum status status = admit(method, &mmio);

    if (status != STATUS_OK) {
        return status;
    }
    const struct pci_bar *bar = find_bar(mmio, parameters->bar);

    if (bar == NULL) {
        return refuse(method, STATUS_NOT_FOUND, parameters->bar);
    }
    if (!is_mappable(bar)) {
        return refuse(method, STATUS_DENIED, parameters->offset);
    }
    if (!is_page_aligned(parameters->offset) || parameters->page_count == 0 ||
        !range_make(parameters->offset, bytes, &span) || span.end > bar->size) {
        return refuse(method, STATUS_BAD_RANGE, parameters->offset);
    }
    struct range wide = span;

    /* The whole pages of a table, not only its bytes. */
    wide.start = range_align_down(wide.start, PAGE_BYTES);
    if (touches_msix(mmio->function->pci, parameters->bar, wide, true)) {
        return refuse(method, STATUS_DENIED, parameters->offset);
    }
    if (!account_charge(&process->account, ACCOUNT_MMIO_PAGES, parameters->page_count)) {
        return refuse(method, STATUS_OVER_BUDGET, parameters->page_count);
    }
    const bool is_first = mmio->bars[parameters->bar] == NULL;

    status = bar_memory(mmio, process, parameters->bar, &memory);
    if (status == STATUS_OK) {
        status =
            address_space_map(&process->space, memory, parameters->address,
                              span.start >> PAGE_SHIFT, parameters->page_count, ACCESS_READ_WRITE);
        if (status != STATUS_OK && is_first) {
            drop_bar(mmio, parameters->bar); /* made for this alone */
        }
    }
    if (status != STATUS_OK) {
        refund(&process->account, ACCOUNT_MMIO_PAGES, parameters->page_count);
        return refuse(method, status, parameters->offset);
    }
    ledger_mmio_mapped(&ledger, mmio->function->index, parameters->page_count);
    audit_write(AUDIT_EVENT_MMIO_MAPPED, STATUS_OK, mmio->function, process->pid,
                method->object->number, (uint64_t)parameters->bar << 60 | parameters->offset);
    device_ledger_verify();
    return STATUS_OK;
}

void device_mmio_unmapped(struct device_function *function, struct process *process,
                          uint64_t page_count)
{
    LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);
    refund(&process->account, ACCOUNT_MMIO_PAGES, (uint32_t)page_count);
    ledger_mmio_unmapped(&ledger, function->index, (uint32_t)page_count);
    audit_write(AUDIT_EVENT_MMIO_UNMAPPED, STATUS_OK, function, process->pid, 0, page_count);
    device_teardown_continue(function);
}

/** Where one access goes; 0 if it is refused with *status. */
static uint64_t register_address(struct method *method, const struct device_mmio *mmio,
                                 uint64_t offset, uint32_t index, uint32_t width,
                                 enum status *status)
{
    const struct pci_bar *bar = find_bar(mmio, index);
    struct range span;

    *status = STATUS_BAD_RANGE;
    if (bar == NULL) {
        *status = STATUS_NOT_FOUND;
    } else if ((width == 1 || width == 2 || width == 4 || width == 8) && offset % width == 0 &&
               range_make(offset, width, &span) && span.end <= bar->size) {
        *status = touches_msix(mmio->function->pci, index, span, false) ? STATUS_DENIED : STATUS_OK;
    }
    if (*status != STATUS_OK) {
        (void)refuse(method, *status, offset);
        return 0;
    }
    return bar->address + offset;
}

static enum status mmio_read(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_mmio_read_params)
    struct device_mmio *mmio;
    enum status status = admit(method, &mmio);

    if (status != STATUS_OK) {
        return status;
    }
    const uint64_t address = register_address(method, mmio, parameters->offset, parameters->bar,
                                              parameters->width, &status);

    if (status != STATUS_OK) {
        return status;
    }
    const volatile void *place = kernel_map_register((struct paddr){address});
    struct device_mmio_read_results *results = method_results(method, sizeof(*results));

    switch (parameters->width) {
    case 1:
        results->value = *(const volatile uint8_t *)place;
        break;
    case 2:
        results->value = *(const volatile uint16_t *)place;
        break;
    case 4:
        results->value = *(const volatile uint32_t *)place;
        break;
    default:
        results->value = *(const volatile uint64_t *)place;
        break;
    }
    return STATUS_OK;
}

static enum status mmio_write(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_mmio_write_params)
    struct device_mmio *mmio;
    enum status status = admit(method, &mmio);

    if (status != STATUS_OK) {
        return status;
    }
    const uint64_t address = register_address(method, mmio, parameters->offset, parameters->bar,
                                              parameters->width, &status);

    if (status != STATUS_OK) {
        return status;
    }
    volatile void *place = kernel_map_register((struct paddr){address});

    switch (parameters->width) {
    case 1:
        *(volatile uint8_t *)place = (uint8_t)parameters->value;
        break;
    case 2:
        *(volatile uint16_t *)place = (uint16_t)parameters->value;
        break;
    case 4:
        *(volatile uint32_t *)place = (uint32_t)parameters->value;
        break;
    default:
        *(volatile uint64_t *)place = parameters->value;
        break;
    }
    return STATUS_OK;
}

static enum status mmio_read_config(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_mmio_read_config_params)
    struct device_mmio *mmio;
    uint32_t value;
    enum status status = admit(method, &mmio);

    if (status == STATUS_OK) {
        status =
            config_policy_read(mmio->function->pci, parameters->offset, parameters->width, &value);
        if (status != STATUS_OK) {
            return refuse(method, status, parameters->offset);
        }
        struct device_mmio_read_config_results *results = method_results(method, sizeof(*results));

        results->value = value;
    }
    return status;
}

static enum status mmio_write_config(struct method *method)
{
    INLINE_PARAMETERS(parameters, device_mmio_write_config_params)
    struct device_mmio *mmio;
    enum status status = admit(method, &mmio);

    if (status == STATUS_OK) {
        status = config_policy_write(mmio->function->pci, parameters->offset, parameters->width,
                                     parameters->value);
        if (status != STATUS_OK) {
            return refuse(method, status, parameters->offset);
        }
    }
    return status;
}

void device_mmio_unmap_all(struct device_mmio *mmio)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(mmio->bars); i++) {
        if (mmio->bars[i] != NULL) {
            memory_remove_mappings(mmio->bars[i]);
        }
    }
}

void device_mmio_drop_bars(struct device_mmio *mmio)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(mmio->bars); i++) {
        drop_bar(mmio, i);
    }
}

static void mmio_unnamed(struct object *object)
{
    struct device_mmio *mmio = mmio_of(object);
    struct device_function *function = mmio->function;

    if (function->mmio == mmio) {
        function->mmio = NULL;
        device_mmio_unmap_all(mmio);
        device_part_ended(function, object, &mmio->handle);
    }
}

static bool mmio_destroy(struct object *object)
{
    device_mmio_drop_bars(mmio_of(object));
    return true;
}

method_function *const device_mmio_methods[] = {
    [DEVICE_MMIO_INFO] = mmio_info,
    [DEVICE_MMIO_MAP] = mmio_map,
    [DEVICE_MMIO_READ] = mmio_read,
    [DEVICE_MMIO_WRITE] = mmio_write,
    [DEVICE_MMIO_READ_CONFIG] = mmio_read_config,
    [DEVICE_MMIO_WRITE_CONFIG] = mmio_write_config,
};

const struct object_type device_mmio_type = {
    .bytes = sizeof(struct device_mmio),
    .unnamed = mmio_unnamed,
    .destroy = mmio_destroy,
};
