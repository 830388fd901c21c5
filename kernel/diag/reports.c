/* SPDX-License-Identifier: MIT */
#include "diag/reports.h"

#include "arch/x86_64/cpu.h"
#include "sched/sched.h"
#include "wire/build.h"

/* Of one answer: what one entry of the kernel may spend on it. */
#define REPORT_CHUNK     2048u
#define REPORT_LINES_MAX 16u
static_assert(REPORT_CHUNK + REPORT_LINE_BYTES <= METHOD_MESSAGE_MAX, "a line more than full");

static const struct report *const topics[] = {
    [REPORT_TOPIC_ACPI] = &acpi_report,
    [REPORT_TOPIC_PCI] = &pci_report,
    [REPORT_TOPIC_PCI_FUNCTION] = &pci_function_report,
    [REPORT_TOPIC_IRQS] = &irqs_report,
    [REPORT_TOPIC_CPUS] = &cpus_report,
    [REPORT_TOPIC_MEM] = &memory_report,
    [REPORT_TOPIC_IOMMU] = &iommu_report,
    [REPORT_TOPIC_DMA] = &dma_report,
    [REPORT_TOPIC_MMIO] = &mmio_report,
    [REPORT_TOPIC_DEVICES] = &devices_report,
    [REPORT_TOPIC_CAPS] = &caps_report,
    [REPORT_TOPIC_CAPS_OF] = &caps_of_report,
    [REPORT_TOPIC_BUDGETS] = &budgets_report,
    [REPORT_TOPIC_AUDIT] = &audit_report,
    [REPORT_TOPIC_LOCKS] = &locks_report,
    [REPORT_TOPIC_TRACE] = &trace_report,
};

const struct report *report_of_topic(uint16_t topic)
{
    return topic < ARRAY_COUNT(topics) ? topics[topic] : NULL;
}

/** A topic of its own, or the form of another one with an argument? */
static bool takes_argument(const struct report *report)
{
    return report == &pci_function_report || report == &caps_of_report;
}

const struct report *report_of_command(const char *name, size_t length, bool has_argument)
{
    for (size_t i = 0; i < ARRAY_COUNT(topics); i++) {
        if (takes_argument(topics[i]) == has_argument && strlen(topics[i]->name) == length &&
            memcmp(topics[i]->name, name, length) == 0) {
            return topics[i];
        }
    }
    return NULL;
}

const struct report *report_in_help(uint32_t index)
{
    return index < ARRAY_COUNT(topics) ? topics[index] : NULL;
}

enum status diagnostics_report(struct method *method)
{
    INLINE_PARAMETERS(parameters, diagnostics_report_params)
    const struct report *report = report_of_topic(parameters->topic);
    uint64_t next = parameters->cursor;
    size_t length = 0;
    size_t line = 1;
    struct wire_builder builder;
    struct wire_build_struct root;

    if (report == NULL || parameters->format > 1) {
        return STATUS_NOT_FOUND;
    }
    if (parameters->topic == REPORT_TOPIC_AUDIT) {
        return STATUS_DENIED; /* that takes an AuditLog */
    }
    /* The message page of this CPU is free: this method's parameters are inline. */
    uint8_t *text = this_cpu()->message_scratch;

    sched_account_all();
    for (uint32_t i = 0; i < REPORT_LINES_MAX && line != 0 && length < REPORT_CHUNK; i++) {
        line = report_next(report, parameters->argument, parameters->format == 1, &next,
                           (char *)text + length);
        length += line;
    }
    wire_build_init(&builder, method->answer, method->answer_capacity);
    (void)diagnostics_report_results_init_root(&builder, &root);
    diagnostics_report_results_set_next(&root, next);
    diagnostics_report_results_set_ended(&root, line == 0);
    (void)diagnostics_report_results_set_text(&root, text, length);
    if (wire_build_finish(&builder, &length) != WIRE_OK) {
        return STATUS_TOO_LONG;
    }
    method->answer_length = (uint32_t)length;
    return STATUS_OK;
}
