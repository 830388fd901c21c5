/* SPDX-License-Identifier: MIT */
/*
 * The kernel's trace: `trace`, on, off, show and dump. A dump is lines of one form each, which
 * tools/trace-export finds in whatever a terminal has kept:
 *
 *   trace-begin 1 CPUS CAPACITY BOOT-TICKS TICKS-PER-SECOND
 *   trace-process PID NAME
 *   trace-lost CPU COUNT
 *   trace CPU NUMBER TICKS KIND PID 0xWORD 0xWORD 0xWORD
 *   trace-end RECORDS
 *
 * While the trace is read it stands still: reading would add to it without end.
 */
#include "services/shell/shell.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "text/text.h"

#define SHOWN_DEFAULT 20u
#define US_PER_S      1000000ull
#define NAMES_MAX     16u
#define PAGES_MAX     4096u /* of records: more come from no CPU */

struct trace_state {
    bool running;
    uint32_t cpu_count;
    uint32_t capacity;
    uint64_t boot_ticks;
    uint64_t ticks_per_second;
};

struct record {
    uint32_t cpu;
    uint64_t number;
    uint64_t ticks;
    uint64_t pid;
    uint64_t words[3];
    enum trace_kind kind;
};

static bool control(enum trace_command command, struct trace_state *state)
{
    const struct diagnostics_trace_control_params params = {.command = (uint16_t)command};
    struct rt_exchange exchange;
    struct wire_struct results;

    if (!inspect_call(&exchange, DIAGNOSTICS_TRACE_CONTROL, RT_WORDS(params), &results)) {
        return false;
    }
    *state = (struct trace_state){
        .running = diagnostics_trace_control_results_get_running(results),
        .cpu_count = diagnostics_trace_control_results_get_cpu_count(results),
        .capacity = diagnostics_trace_control_results_get_capacity(results),
        .boot_ticks = diagnostics_trace_control_results_get_boot_ticks(results),
        .ticks_per_second = diagnostics_trace_control_results_get_ticks_per_second(results),
    };
    rt_exchange_end(&exchange);
    return true;
}

/* ------------------------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------------------------ */

/** What is done with the records of one CPU. */
struct reader {
    void (*record)(const struct record *record, void *context);
    void (*lost)(uint32_t cpu, uint64_t count, void *context);
    void *context;
};

/** One page of a CPU's records from `*sequence` on, which moves. False: there is no more. */
static bool read_page(uint32_t cpu, uint64_t *sequence, const struct reader *reader)
{
    const struct diagnostics_trace_params params = {.cpu = cpu, .sequence = *sequence};
    struct rt_exchange exchange;
    struct wire_struct results, item;
    struct wire_list list;

    if (!inspect_call(&exchange, DIAGNOSTICS_TRACE, RT_WORDS(params), &results)) {
        return false;
    }
    const uint64_t next = diagnostics_trace_results_get_next(results);
    const uint64_t lost = diagnostics_trace_results_get_lost(results);

    if (diagnostics_trace_results_get_records(results, &list) != WIRE_OK || list.count > next) {
        list.count = 0;
    }
    if (lost != 0) {
        reader->lost(cpu, lost, reader->context);
    }
    for (uint32_t i = 0; i < list.count && wire_list_get_struct(&list, i, &item) == WIRE_OK; i++) {
        const struct record record = {
            .cpu = cpu,
            .number = next - list.count + i,
            .ticks = trace_record_get_ticks(item),
            .pid = trace_record_get_pid(item),
            .words = {trace_record_get_word0(item), trace_record_get_word1(item),
                      trace_record_get_word2(item)},
            .kind = trace_record_get_kind(item),
        };

        reader->record(&record, reader->context);
    }
    rt_exchange_end(&exchange);
    *sequence = next;
    return list.count != 0;
}

/** All records of a CPU from a number on. */
static void read_cpu(uint32_t cpu, uint64_t sequence, const struct reader *reader)
{
    for (uint32_t i = 0; i < PAGES_MAX && read_page(cpu, &sequence, reader); i++) {
    }
}

/* ------------------------------------------------------------------------------------------
 * For programs
 * ------------------------------------------------------------------------------------------ */

static void dump_record(const struct record *record, void *context)
{
    uint64_t *const count = context;

    rt_print("trace %u %llu %llu %s %llu 0x%llx 0x%llx 0x%llx\n", record->cpu,
             (unsigned long long)record->number, (unsigned long long)record->ticks,
             trace_kind_name(record->kind), (unsigned long long)record->pid,
             (unsigned long long)record->words[0], (unsigned long long)record->words[1],
             (unsigned long long)record->words[2]);
    (*count)++;
}

static void dump_lost(uint32_t cpu, uint64_t count, void *context)
{
    (void)context;
    rt_print("trace-lost %u %llu\n", cpu, (unsigned long long)count);
}

static void dump_processes(void)
{
    struct diagnostics_processes_params params = {.after_pid = 0};
    uint32_t count = 1;

    while (count != 0) {
        struct rt_exchange exchange;
        struct wire_struct results, process;
        struct wire_bytes name;
        struct wire_list list;

        if (!inspect_call(&exchange, DIAGNOSTICS_PROCESSES, RT_WORDS(params), &results)) {
            return;
        }
        count =
            diagnostics_processes_results_get_processes(results, &list) == WIRE_OK ? list.count : 0;
        for (uint32_t i = 0; i < count; i++) {
            if (wire_list_get_struct(&list, i, &process) != WIRE_OK ||
                process_info_get_pid(process) <= params.after_pid ||
                process_info_get_name(process, &name) != WIRE_OK) {
                count = 0; /* a list that does not grow would never end */
                break;
            }
            params.after_pid = process_info_get_pid(process);
            rt_print("trace-process %llu %.*s\n", (unsigned long long)params.after_pid,
                     (int)name.length, (const char *)name.bytes);
        }
        rt_exchange_end(&exchange);
    }
}

static void dump(const struct trace_state *state)
{
    uint64_t count = 0;
    const struct reader reader = {dump_record, dump_lost, &count};

    rt_print("trace-begin 1 %u %u %llu %llu\n", state->cpu_count, state->capacity,
             (unsigned long long)state->boot_ticks, (unsigned long long)state->ticks_per_second);
    dump_processes();
    for (uint32_t cpu = 0; cpu < state->cpu_count; cpu++) {
        read_cpu(cpu, 0, &reader);
    }
    rt_print("trace-end %llu\n", (unsigned long long)count);
}

/* ------------------------------------------------------------------------------------------
 * For people
 * ------------------------------------------------------------------------------------------ */

/** What is needed to show records: rates, and names that were asked for already. */
struct show {
    const struct trace_state *state;
    uint64_t records; /* of the CPU in hand, counted first */
    uint64_t last;    /* its last number */
    uint64_t lost;
    struct {
        uint64_t pid;
        char text[24];
    } names[NAMES_MAX];
    uint32_t name_count;
};

static const char *process_name(struct show *show, uint64_t pid)
{
    uint32_t i = 0;

    while (i < show->name_count && show->names[i].pid != pid) {
        i++;
    }
    if (i == show->name_count) {
        i = show->name_count < NAMES_MAX ? show->name_count++ : (uint32_t)(pid % NAMES_MAX);
        show->names[i].pid = pid;
        inspect_process_name(pid, show->names[i].text, sizeof(show->names[i].text));
        if (strlen(show->names[i].text) == 1 && show->names[i].text[0] == '?') {
            text_format(show->names[i].text, sizeof(show->names[i].text), "process %llu",
                        (unsigned long long)pid);
        }
    }
    return show->names[i].text;
}

/** "shell/1", or "idle". */
static const char *thread_name(struct show *show, uint64_t identity, char text[40])
{
    if (identity == 0) {
        return "idle";
    }
    text_format(text, 40, "%s/%u", process_name(show, identity >> 32), (unsigned)identity);
    return text;
}

static void bdf_text(uint64_t bdf, char text[16])
{
    text_format(text, 16, "%02x:%02x.%x", (unsigned)(bdf >> 8 & 0xff), (unsigned)(bdf >> 3 & 31),
                (unsigned)(bdf & 7));
}

static void show_words(struct show *show, const struct record *record)
{
    static const char *const states[] = {"blocked", "ready", "running", "ended"};
    const uint64_t *words = record->words;
    char from[40], to[40], place[16];

    switch (record->kind) {
    case TRACE_KIND_BEGIN:
        rt_print("%s", thread_name(show, words[0], from));
        break;
    case TRACE_KIND_SYSTEM_CALL:
        rt_print(words[0] == 0 ? "cap_enter(%llu, %llu)" : "exit(%llu, %llu)",
                 (unsigned long long)words[1], (unsigned long long)words[2]);
        break;
    case TRACE_KIND_SUBMISSION:
        rt_print("%s method %u on %llx",
                 ring_operation_name((enum ring_operation)(uint8_t)words[1]),
                 (unsigned)(uint16_t)(words[1] >> 16), (unsigned long long)words[2]);
        break;
    case TRACE_KIND_SWITCH:
        rt_print("%s -> %s", thread_name(show, words[0], from), thread_name(show, words[1], to));
        if (words[0] != 0) {
            rt_print(" (%s)",
                     (uint8_t)words[2] < ARRAY_COUNT(states) ? states[(uint8_t)words[2]] : "?");
        }
        break;
    case TRACE_KIND_INTERRUPT:
        rt_print("vector 0x%02llx", (unsigned long long)words[0]);
        if (words[1] != 0) {
            rt_print(", route %llu", (unsigned long long)(words[1] - 1));
        }
        break;
    case TRACE_KIND_DMA_MAP:
    case TRACE_KIND_DMA_UNMAP:
        bdf_text(words[0] >> 32, place);
        rt_print("%s: %u pages at %llx", place, (unsigned)words[0], (unsigned long long)words[1]);
        break;
    case TRACE_KIND_LEDGER:
        bdf_text(words[0] >> 32, place);
        rt_print("%s: %s, %s, process %llu, %llx", place,
                 audit_event_name((enum audit_event)(uint8_t)words[0]),
                 status_name((enum status)(uint8_t)(words[0] >> 8)), (unsigned long long)words[1],
                 (unsigned long long)words[2]);
        break;
    case TRACE_KIND_FAULT:
        rt_print("vector %u at %llx, address %llx", (unsigned)words[0],
                 (unsigned long long)words[1], (unsigned long long)words[2]);
        break;
    case TRACE_KIND_PROCESS_START:
        rt_print("%u: %.16s", (unsigned)words[0], (const char *)&words[1]);
        break;
    case TRACE_KIND_PROCESS_END:
        rt_print("%u: %.16s, %s", (unsigned)words[0], (const char *)&words[1],
                 exit_reason_name((enum exit_reason)(words[0] >> 32)));
        break;
    case TRACE_KIND_COUNT:
    default:
        rt_print("%llx %llx %llx", (unsigned long long)words[0], (unsigned long long)words[1],
                 (unsigned long long)words[2]);
        break;
    }
}

static void show_record(const struct record *record, void *context)
{
    struct show *show = context;
    const uint64_t rate = show->state->ticks_per_second;
    const uint64_t ticks = record->ticks - show->state->boot_ticks;
    const uint64_t micros =
        rate == 0 ? 0 : ticks / rate * US_PER_S + ticks % rate * US_PER_S / rate;

    rt_print("%5llu.%06llu cpu%-3u %-12s ", (unsigned long long)(micros / US_PER_S),
             (unsigned long long)(micros % US_PER_S), record->cpu, trace_kind_name(record->kind));
    show_words(show, record);
    rt_print("\n");
}

static void count_record(const struct record *record, void *context)
{
    struct show *show = context;

    show->records++;
    show->last = record->number;
}

static void count_lost(uint32_t cpu, uint64_t count, void *context)
{
    struct show *show = context;

    (void)cpu;
    show->lost += count;
}

/** The last records of each CPU. */
static void show_last(const struct trace_state *state, uint64_t wanted)
{
    static struct show show;

    show = (struct show){.state = state};
    for (uint32_t cpu = 0; cpu < state->cpu_count; cpu++) {
        const struct reader counter = {count_record, count_lost, &show};
        const struct reader printer = {show_record, count_lost, &show};

        show.records = show.lost = 0;
        read_cpu(cpu, 0, &counter);
        rt_print("CPU %u: %llu records, %llu lost\n", cpu, (unsigned long long)show.records,
                 (unsigned long long)show.lost);
        if (show.records != 0 && wanted != 0) {
            read_cpu(cpu, show.last + 1 - (wanted < show.records ? wanted : show.records),
                     &printer);
        }
    }
}

static bool is_word(const char *word, const char *wanted)
{
    return strlen(word) == strlen(wanted) && memcmp(word, wanted, strlen(wanted)) == 0;
}

/** Stop the trace while `show` or `dump` reads it, then let it run on if it did. */
static void while_stopped(const struct words *words)
{
    uint64_t wanted = SHOWN_DEFAULT;
    struct trace_state before, state;

    if (words->count == 3 && !command_number("number of records", words->word[2], &wanted)) {
        return;
    }
    if (!control(TRACE_COMMAND_LOOK, &before) || !control(TRACE_COMMAND_STOP, &state)) {
        return;
    }
    if (is_word(words->word[1], "dump")) {
        dump(&state);
    } else {
        show_last(&state, wanted);
    }
    if (before.running) {
        (void)control(TRACE_COMMAND_RESUME, &state);
    }
}

void command_trace(struct words *words)
{
    enum trace_command command = TRACE_COMMAND_LOOK;
    struct trace_state state;

    if (!command_words(words, 1, 3)) {
        return;
    }
    const char *const word = words->count > 1 ? words->word[1] : "";

    if (is_word(word, "show") || (is_word(word, "dump") && words->count == 2)) {
        while_stopped(words);
        return;
    }
    if (is_word(word, "on") && words->count == 2) {
        command = TRACE_COMMAND_START;
    } else if (is_word(word, "off") && words->count == 2) {
        command = TRACE_COMMAND_STOP;
    } else if (words->count != 1) {
        (void)command_words(words, 1, 1);
        return;
    }
    if (control(command, &state)) {
        rt_print("the trace is %s; %u CPUs keep %u records each\n", state.running ? "on" : "off",
                 state.cpu_count, state.capacity);
    }
}
