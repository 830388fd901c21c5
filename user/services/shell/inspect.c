/* SPDX-License-Identifier: MIT */
/*
 * What the kernel knows about itself, in tables of at most 80 columns.
 */
#include "services/shell/shell.h"

#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define KIB_PER_FRAME 4u
#define US_PER_MS     1000u
#define NO_LIMIT      1000000u /* counts above are as good as none, and would not fit the table */

bool inspect_call(struct rt_exchange *exchange, uint16_t method, struct rt_words words,
                  struct wire_struct *results)
{
    enum status status = rt_exchange_begin(exchange, 2 * RT_EXCHANGE_BYTES);

    if (status == STATUS_OK) {
        status =
            rt_exchange_call_inline(exchange, rt_capability("diagnostics"), method, words, results);
        if (status == STATUS_OK) {
            return true;
        }
        rt_exchange_end(exchange);
    }
    if (status == STATUS_BAD_METHOD || status == STATUS_UNSUPPORTED) {
        rt_print("this kernel has no device manager\n");
    } else {
        rt_print("the kernel's answer: %s\n", status_name(status));
    }
    return false;
}

bool inspect_walk(const struct inspect_list *list, void *context)
{
    /* All lists of this kind begin with their index. */
    struct diagnostics_functions_params params = {.from_index = 0};
    uint32_t count = 1;

    while (count != 0) {
        struct rt_exchange exchange;
        struct wire_struct results, item;
        struct wire_list items;

        if (!inspect_call(&exchange, list->method, RT_WORDS(params), &results)) {
            return false;
        }
        count = list->get(results, &items) == WIRE_OK ? items.count : 0;
        for (uint32_t i = 0; i < count; i++) {
            if (wire_list_get_struct(&items, i, &item) != WIRE_OK ||
                list->index(item) < params.from_index) {
                count = 0; /* a list that does not grow would never end */
                break;
            }
            params.from_index = list->index(item) + 1;
            list->print(item, context);
        }
        rt_exchange_end(&exchange);
    }
    return true;
}

void inspect_process_name(uint64_t pid, char *name, size_t capacity)
{
    const struct diagnostics_processes_params params = {.after_pid = pid - 1};
    struct rt_exchange exchange;
    struct wire_struct results, process;
    struct wire_list list;
    struct wire_bytes text;

    text_format(name, capacity, "?");
    if (pid == 0 || !inspect_call(&exchange, DIAGNOSTICS_PROCESSES, RT_WORDS(params), &results)) {
        return;
    }
    if (diagnostics_processes_results_get_processes(results, &list) == WIRE_OK && list.count != 0 &&
        wire_list_get_struct(&list, 0, &process) == WIRE_OK &&
        process_info_get_pid(process) == pid && process_info_get_name(process, &text) == WIRE_OK) {
        text_format(name, capacity, "%.*s", (int)text.length, (const char *)text.bytes);
    }
    rt_exchange_end(&exchange);
}

/** "12/345" */
static const char *used_of(char text[16], uint32_t used, uint32_t limit)
{
    text_format(text, 16, limit < NO_LIMIT ? "%u/%u" : "%u/-", used, limit);
    return text;
}

static void print_process(struct wire_struct process)
{
    char frames[16], caps[16], objects[16];
    struct wire_bytes name;

    if (process_info_get_name(process, &name) != WIRE_OK) {
        name = (struct wire_bytes){(const uint8_t *)"?", 1};
    }
    rt_print(
        "%5u %-14.*s %-8s %3u %3u %8u %10s %9s %9s\n", (unsigned)process_info_get_pid(process),
        (int)name.length, (const char *)name.bytes,
        process_state_name(process_info_get_state(process)), process_info_get_priority(process),
        process_info_get_threads(process),
        (unsigned)(process_info_get_cpu_micros(process) / US_PER_MS),
        used_of(frames, process_info_get_frames(process), process_info_get_frame_limit(process)),
        used_of(caps, process_info_get_cap_slots(process),
                process_info_get_cap_slot_limit(process)),
        used_of(objects, process_info_get_objects(process),
                process_info_get_object_limit(process)));
}

void command_ps(struct words *words)
{
    struct diagnostics_processes_params params = {.after_pid = 0};
    uint32_t count = 1;

    if (!command_words(words, 1, 1)) {
        return;
    }
    rt_print("  PID NAME           STATE    PRI THR   CPU ms     FRAMES      CAPS   OBJECTS\n");
    while (count != 0) {
        struct rt_exchange exchange;
        struct wire_struct results, process;
        struct wire_list list;

        if (!inspect_call(&exchange, DIAGNOSTICS_PROCESSES, RT_WORDS(params), &results)) {
            return;
        }
        count = 0;
        if (diagnostics_processes_results_get_processes(results, &list) == WIRE_OK) {
            count = list.count;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (wire_list_get_struct(&list, i, &process) != WIRE_OK ||
                process_info_get_pid(process) <= params.after_pid) {
                count = 0; /* a list that does not grow would never end */
                break;
            }
            params.after_pid = process_info_get_pid(process);
            print_process(process);
        }
        rt_exchange_end(&exchange);
    }
}

void command_caps(struct words *words)
{
    struct diagnostics_capabilities_params params = {.after_index = 0};
    uint32_t count = 1;

    if (!command_words(words, 2, 2) ||
        !command_number("process number", words->word[1], &params.pid)) {
        return;
    }
    rt_print("  INDEX        GENERATION  KIND             OBJECT  STATE\n");
    while (count != 0) {
        struct rt_exchange exchange;
        struct wire_struct results, capability;
        struct wire_list list;

        if (!inspect_call(&exchange, DIAGNOSTICS_CAPABILITIES, RT_WORDS(params), &results)) {
            return;
        }
        count = 0;
        if (diagnostics_capabilities_results_get_capabilities(results, &list) == WIRE_OK) {
            count = list.count;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (wire_list_get_struct(&list, i, &capability) != WIRE_OK ||
                capability_info_get_index(capability) <= params.after_index) {
                count = 0;
                break;
            }
            params.after_index = capability_info_get_index(capability);
            rt_print("%7u %17llu  %-15s %7u  %s\n", capability_info_get_index(capability),
                     (unsigned long long)capability_info_get_generation(capability),
                     object_kind_name(capability_info_get_kind(capability)),
                     capability_info_get_object(capability),
                     capability_info_get_stale(capability) ? "stale" : "live");
        }
        rt_exchange_end(&exchange);
    }
}

void command_mem(struct words *words)
{
    struct rt_exchange exchange;
    struct wire_struct results, info;

    if (!command_words(words, 1, 1) ||
        !inspect_call(&exchange, DIAGNOSTICS_MEMORY, (struct rt_words){{0}}, &results)) {
        return;
    }
    if (diagnostics_memory_results_get_info(results, &info) == WIRE_OK) {
        const struct {
            const char *name;
            uint64_t frames;
        } rows[] = {
            {"free", memory_info_get_free(info)},
            {"memory objects", memory_info_get_memory_objects(info)},
            {"page tables", memory_info_get_page_tables(info)},
            {"rings", memory_info_get_rings(info)},
            {"capability tables", memory_info_get_cap_tables(info)},
            {"kernel objects", memory_info_get_slabs(info)},
            {"kernel image", memory_info_get_kernel_image(info)},
            {"boot-time tables", memory_info_get_frame_table(info)},
            {"per CPU", memory_info_get_per_cpu(info)},
            {"reserved", memory_info_get_reserved(info)},
        };
        const uint64_t total = memory_info_get_total(info);
        uint64_t sum = 0;

        rt_print("USE                     FRAMES          KiB      %%\n");
        for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
            const uint64_t permille = total == 0 ? 0 : rows[i].frames * 1000 / total;

            sum += rows[i].frames;
            rt_print("%-19s %10llu %12llu %4llu.%llu\n", rows[i].name,
                     (unsigned long long)rows[i].frames,
                     (unsigned long long)(rows[i].frames * KIB_PER_FRAME),
                     (unsigned long long)(permille / 10), (unsigned long long)(permille % 10));
        }
        rt_print("%-19s %10llu %12llu\n", "total", (unsigned long long)total,
                 (unsigned long long)(total * KIB_PER_FRAME));
        if (memory_info_get_quarantined(info) != 0) {
            rt_print("%-19s %10llu %12llu\n", "of it in quarantine",
                     (unsigned long long)memory_info_get_quarantined(info),
                     (unsigned long long)(memory_info_get_quarantined(info) * KIB_PER_FRAME));
        }
        if (sum != total) {
            rt_print("the kinds add up to %llu: the kernel's accounts are wrong\n",
                     (unsigned long long)sum);
        }
    }
    rt_exchange_end(&exchange);
}

void command_cpus(struct words *words)
{
    struct rt_exchange exchange;
    struct wire_struct results, cpu;
    struct wire_list list;

    if (!command_words(words, 1, 1) ||
        !inspect_call(&exchange, DIAGNOSTICS_CPUS, (struct rt_words){{0}}, &results)) {
        return;
    }
    rt_print(" CPU  APIC       BUSY ms       IDLE ms  LOAD     SWITCHES   INTERRUPTS\n");
    if (diagnostics_cpus_results_get_cpus(results, &list) == WIRE_OK) {
        for (uint32_t i = 0; i < list.count; i++) {
            uint64_t busy, idle;

            if (wire_list_get_struct(&list, i, &cpu) != WIRE_OK) {
                break;
            }
            busy = cpu_info_get_busy_micros(cpu);
            idle = cpu_info_get_idle_micros(cpu);
            rt_print("%4u %5u %13llu %13llu %4llu%% %12llu %12llu\n", cpu_info_get_index(cpu),
                     cpu_info_get_apic_id(cpu), (unsigned long long)(busy / US_PER_MS),
                     (unsigned long long)(idle / US_PER_MS),
                     (unsigned long long)(busy + idle == 0 ? 0 : busy * 100 / (busy + idle)),
                     (unsigned long long)cpu_info_get_switches(cpu),
                     (unsigned long long)cpu_info_get_interrupts(cpu));
        }
    }
    rt_exchange_end(&exchange);
}

void command_log(struct words *words)
{
    struct diagnostics_log_params params = {.sequence = 0};
    size_t length = 1;

    if (!command_words(words, 1, 1)) {
        return;
    }
    while (length != 0) {
        struct rt_exchange exchange;
        struct wire_struct results;
        struct wire_bytes text;
        uint64_t next;

        if (!inspect_call(&exchange, DIAGNOSTICS_LOG, RT_WORDS(params), &results)) {
            return;
        }
        length = 0;
        next = diagnostics_log_results_get_next(results);
        if (diagnostics_log_results_get_lost(results) != 0) {
            rt_print("(%llu bytes are lost)\n",
                     (unsigned long long)diagnostics_log_results_get_lost(results));
        }
        if (diagnostics_log_results_get_text(results, &text) == WIRE_OK && next > params.sequence) {
            length = text.length;
            rt_print_bytes((const char *)text.bytes, text.length);
        }
        params.sequence = next;
        rt_exchange_end(&exchange);
    }
}
