/* SPDX-License-Identifier: MIT */
/*
 * The audit log of device authority: `audit`, for people, and as JSON objects for other programs,
 * which tools/audit-export takes out of what a terminal kept. It is read through the shell's
 * AuditLog capability; Diagnostics has no part in it.
 */
#include "services/shell/shell.h"

#include "rt/device_text.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull
#define LINES_MAX 10000u /* of one command */
#define NOWHERE   UINT32_MAX

/** What is asked for, and how far it has been answered. */
struct audit_request {
    uint64_t sequence;
    uint64_t omitted; /* refusals without a record, as of the last answer */
    bool as_json;
};

static const char *place_format(char text[RT_BDF_BYTES], struct wire_struct record)
{
    if (audit_record_get_function(record) == NOWHERE) {
        return "-";
    }
    return rt_bdf_format(text, audit_record_get_segment(record), audit_record_get_bdf(record));
}

/** Why: what a refusal was answered with, or what a teardown followed from. */
static const char *why(struct wire_struct record)
{
    const enum status status = audit_record_get_status(record);
    const enum teardown_cause cause = audit_record_get_cause(record);

    return status != STATUS_OK            ? status_name(status)
           : cause != TEARDOWN_CAUSE_NONE ? teardown_cause_name(cause)
                                          : "";
}

/** What was refused, and how often so far if it was not the first time. */
static void print_refused(struct wire_struct record)
{
    const enum ring_operation operation = audit_record_get_operation(record);
    const uint64_t count = audit_record_get_count(record);
    const bool is_transfer =
        audit_record_get_event(record) == AUDIT_EVENT_REFUSED && operation == RING_OPERATION_NOP;

    rt_print(" %s %s", object_kind_name(audit_record_get_kind(record)),
             is_transfer ? "transfer" : ring_operation_name(operation));
    if (operation == RING_OPERATION_CALL) {
        rt_print(" %u", audit_record_get_method(record));
    }
    if (count > 1) {
        rt_print(" x%llu", (unsigned long long)count);
    }
}

static void print_row(struct wire_struct record)
{
    const uint64_t ns = audit_record_get_nanoseconds(record);
    char bdf[RT_BDF_BYTES];

    rt_print("%5llu %4llu.%03llu %-14s %-7s %4llu %5llu %3llu %4u %9llx %s",
             (unsigned long long)audit_record_get_sequence(record),
             (unsigned long long)(ns / NS_PER_S), (unsigned long long)(ns % NS_PER_S / NS_PER_MS),
             audit_event_name(audit_record_get_event(record)), place_format(bdf, record),
             (unsigned long long)audit_record_get_pid(record),
             (unsigned long long)audit_record_get_owner_pid(record),
             (unsigned long long)audit_record_get_generation(record),
             audit_record_get_object(record), (unsigned long long)audit_record_get_detail(record),
             why(record));
    if (audit_record_get_event(record) == AUDIT_EVENT_REFUSED ||
        audit_record_get_event(record) == AUDIT_EVENT_MISPLACED) {
        print_refused(record);
    }
    rt_print("\n");
}

/** Every field under its name in the schema; numbers of 64 bits that need not be small as text. */
static void print_json(struct wire_struct record)
{
    char bdf[RT_BDF_BYTES];

    rt_print("{\"sequence\":%llu,\"nanoseconds\":%llu,\"event\":\"%s\",\"status\":\"%s\","
             "\"cause\":\"%s\",\"function\":%d,\"bdf\":\"%s\",\"generation\":%llu,",
             (unsigned long long)audit_record_get_sequence(record),
             (unsigned long long)audit_record_get_nanoseconds(record),
             audit_event_name(audit_record_get_event(record)),
             status_name(audit_record_get_status(record)),
             teardown_cause_name(audit_record_get_cause(record)),
             (int)audit_record_get_function(record), place_format(bdf, record),
             (unsigned long long)audit_record_get_generation(record));
    rt_print("\"pid\":%llu,\"ownerPid\":%llu,\"kind\":\"%s\",\"object\":%u,"
             "\"objectGeneration\":%llu,\"detail\":\"0x%llx\",",
             (unsigned long long)audit_record_get_pid(record),
             (unsigned long long)audit_record_get_owner_pid(record),
             object_kind_name(audit_record_get_kind(record)), audit_record_get_object(record),
             (unsigned long long)audit_record_get_object_generation(record),
             (unsigned long long)audit_record_get_detail(record));
    rt_print("\"operation\":\"%s\",\"method\":%u,\"count\":%llu}\n",
             ring_operation_name(audit_record_get_operation(record)),
             audit_record_get_method(record), (unsigned long long)audit_record_get_count(record));
}

static void print_dropped(const struct audit_request *request, uint64_t count)
{
    if (count != 0) {
        rt_print(request->as_json ? "{\"dropped\":%llu}\n" : "(%llu records are lost)\n",
                 (unsigned long long)count);
    }
}

static void print_omitted(const struct audit_request *request)
{
    if (request->omitted != 0) {
        rt_print(request->as_json ? "{\"omitted\":%llu}\n"
                                  : "(%llu refusals are counted, and have no record)\n",
                 (unsigned long long)request->omitted);
    }
}

/** Print one answer; returns how many records were in it. */
static uint32_t print_some(struct audit_request *request)
{
    const struct audit_log_read_params params = {.sequence = request->sequence};
    struct rt_exchange exchange;
    struct wire_struct results, record;
    struct wire_list list = {0};
    uint32_t count = 0;
    enum status status = rt_exchange_begin(&exchange, 2 * RT_EXCHANGE_BYTES);

    if (status == STATUS_OK) {
        status = rt_exchange_call_inline(&exchange, rt_capability("auditLog"), AUDIT_LOG_READ,
                                         RT_WORDS(params), &results);
        if (status != STATUS_OK) {
            rt_exchange_end(&exchange);
        }
    }
    if (status != STATUS_OK) {
        rt_print("the kernel's answer: %s\n", status_name(status));
        return 0;
    }
    const uint64_t next = audit_log_read_results_get_next(results);

    request->omitted = audit_log_read_results_get_omitted(results);
    print_dropped(request, audit_log_read_results_get_dropped(results));
    if (audit_log_read_results_get_records(results, &list) == WIRE_OK && next > params.sequence) {
        while (count < list.count && wire_list_get_struct(&list, count, &record) == WIRE_OK) {
            (request->as_json ? print_json : print_row)(record);
            count++;
        }
    }
    request->sequence = next;
    rt_exchange_end(&exchange);
    return count;
}

void command_audit(struct words *words)
{
    struct audit_request request = {.sequence = 0};
    uint32_t lines = 0, count = 1;

    if (!command_words(words, 1, 3)) {
        return;
    }
    for (size_t i = 1; i < words->count; i++) {
        if (words_same(words->word[i], "-j")) {
            request.as_json = true;
        } else if (!command_number("record number", words->word[i], &request.sequence)) {
            return;
        }
    }
    if (!request.as_json) {
        rt_print("  NO.     TIME EVENT          BDF      PID OWNER GEN  OBJ    DETAIL WHY\n");
    }
    while (count != 0 && lines < LINES_MAX) {
        count = print_some(&request);
        lines += count;
    }
    print_omitted(&request);
    if (count != 0) {
        rt_print("there are more: audit %llu\n", (unsigned long long)request.sequence);
    }
}
