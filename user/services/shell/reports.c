/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own reports, the same that its early prompt shows: `acpi`, `pci`, `mmio`, `budgets`,
 * `locks`, and `report` for any of them. The lines come from the kernel as they are printed.
 */
#include "services/shell/shell.h"

#include "base/memory.h"
#include "report/words.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"

#define LINES_MAX 10000u /* of one command */

/** A topic of Diagnostics.report, and of the same name with an argument, if there is one. */
struct topic {
    const char *name;
    enum report_topic plain;
    enum report_topic with_argument; /* or `plain` */
};

static const struct topic topics[] = {
    {"acpi", REPORT_TOPIC_ACPI, REPORT_TOPIC_ACPI},
    {"pci", REPORT_TOPIC_PCI, REPORT_TOPIC_PCI_FUNCTION},
    {"irqs", REPORT_TOPIC_IRQS, REPORT_TOPIC_IRQS},
    {"cpus", REPORT_TOPIC_CPUS, REPORT_TOPIC_CPUS},
    {"mem", REPORT_TOPIC_MEM, REPORT_TOPIC_MEM},
    {"iommu", REPORT_TOPIC_IOMMU, REPORT_TOPIC_IOMMU},
    {"dma", REPORT_TOPIC_DMA, REPORT_TOPIC_DMA},
    {"mmio", REPORT_TOPIC_MMIO, REPORT_TOPIC_MMIO},
    {"devices", REPORT_TOPIC_DEVICES, REPORT_TOPIC_DEVICES},
    {"caps", REPORT_TOPIC_CAPS, REPORT_TOPIC_CAPS_OF},
    {"budgets", REPORT_TOPIC_BUDGETS, REPORT_TOPIC_BUDGETS},
    {"locks", REPORT_TOPIC_LOCKS, REPORT_TOPIC_LOCKS},
    {"trace", REPORT_TOPIC_TRACE, REPORT_TOPIC_TRACE},
};

static const struct topic *topic_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(topics); i++) {
        if (words_same(name, topics[i].name)) {
            return &topics[i];
        }
    }
    return NULL;
}

/** Print one answer, and where the next begins; false at the end, or if something is wrong. */
static bool print_answer(struct diagnostics_report_params *params, uint32_t *lines)
{
    struct rt_exchange exchange;
    struct wire_struct results;
    struct wire_bytes text;

    if (!inspect_call(&exchange, DIAGNOSTICS_REPORT, RT_WORDS(*params), &results)) {
        return false;
    }
    const bool is_last = diagnostics_report_results_get_ended(results);

    params->cursor = diagnostics_report_results_get_next(results);
    if (diagnostics_report_results_get_text(results, &text) == WIRE_OK) {
        for (size_t i = 0; i < text.length; i++) {
            *lines += text.bytes[i] == '\n' ? 1 : 0;
        }
        rt_print_bytes((const char *)text.bytes, text.length);
    }
    rt_exchange_end(&exchange);
    return !is_last;
}

static void print_report(const struct topic *topic, const struct report_request *request)
{
    struct diagnostics_report_params params = {
        .topic = (uint16_t)(request->has_argument ? topic->with_argument : topic->plain),
        .format = request->as_json ? 1 : 0,
        .argument = request->argument,
    };
    uint32_t lines = 0;

    while (print_answer(&params, &lines)) {
        if (input_interrupted()) {
            rt_print("^C\n");
            return;
        }
        if (lines >= LINES_MAX) {
            rt_print("-- cut: there is more than one command prints --\n");
            return;
        }
    }
}

/** The words from number `first` on, which is the topic. */
static void show(const struct words *words, size_t first)
{
    const struct topic *topic = topic_find(words->word[first]);
    struct report_words given = {.count = 0};
    struct report_request request;

    if (topic == NULL) {
        rt_print("there is no report \"%.40s\"; `help report` lists them\n", words->word[first]);
        return;
    }
    for (size_t i = first; i < words->count; i++, given.count++) {
        if (given.count < REPORT_WORDS_MAX) {
            given.word[given.count] = words->word[i];
            given.length[given.count] = strlen(words->word[i]);
        }
    }
    switch (report_request_read(&given, &request)) {
    case REPORT_REQUEST_OK:
        if (request.has_argument && topic->with_argument == topic->plain) {
            rt_print("%s takes no argument but -j\n", topic->name);
        } else {
            print_report(topic, &request);
        }
        return;
    case REPORT_REQUEST_BAD_ARGUMENT:
        rt_print("neither a number nor the place of a function, as 00:1f.2 is one\n");
        return;
    case REPORT_REQUEST_TOO_MANY:
        rt_print("too many words\n");
        return;
    }
}

bool report_is_asked(const struct words *words)
{
    return words->count >= 2 && words_same(words->word[words->count - 1], "-j") &&
           topic_find(words->word[0]) != NULL;
}

void command_report(struct words *words)
{
    show(words, 0);
}

void command_any_report(struct words *words)
{
    if (command_words(words, 2, WORDS_MAX)) {
        show(words, 1);
    }
}
