/* SPDX-License-Identifier: MIT */
/*
 * The functions of the machine and who has them: `devices`.
 */
#include "services/shell/shell.h"

#include "rt/device_text.h"
#include "rt/print.h"
#include "text/text.h"

#define OWNER_BYTES 13u
#define NOTE_BYTES  24u

/** "7 virtio-blk", cut to what the table has room for. */
static const char *owner_format(char text[OWNER_BYTES], uint64_t pid)
{
    char name[32];

    if (pid == 0) {
        return "-";
    }
    inspect_process_name(pid, name, sizeof(name));
    text_format(text, OWNER_BYTES, "%llu %s", (unsigned long long)pid, name);
    return text;
}

/** What a person should know first: why not, what it waits for, what is left over. */
static const char *note_format(char text[NOTE_BYTES], struct wire_struct function)
{
    const enum claim_refusal refusal = function_info_get_refusal(function);
    const enum teardown_step step = function_info_get_waiting_for(function);

    if (step != TEARDOWN_STEP_NONE) {
        text_format(text, NOTE_BYTES, "waits: %s", teardown_step_name(step));
    } else if (refusal != CLAIM_REFUSAL_NONE) {
        text_format(text, NOTE_BYTES, "%s", claim_refusal_name(refusal));
    } else if (function_info_get_not_reset(function)) {
        text_format(text, NOTE_BYTES, "not reset");
    } else if (function_info_get_fault_count(function) != 0) {
        text_format(text, NOTE_BYTES, "%u faults", function_info_get_fault_count(function));
    } else {
        text[0] = '\0';
    }
    return text;
}

static void print_function(struct wire_struct function, void *context)
{
    const uint64_t owner = function_info_get_owner_pid(function);
    char bdf[RT_BDF_BYTES], owner_text[OWNER_BYTES], note[NOTE_BYTES];

    (void)context;
    rt_print(
        "%3u %-7s %04x:%04x  %04x %-11s %-12s %-11s %s\n", function_info_get_index(function),
        rt_bdf_format(bdf, function_info_get_segment(function), function_info_get_bdf(function)),
        function_info_get_vendor(function), function_info_get_device(function),
        function_info_get_class_code(function) >> 8,
        function_state_name(function_info_get_state(function)), owner_format(owner_text, owner),
        owner == 0 ? "-" : dma_level_name(function_info_get_level(function)),
        note_format(note, function));
}

static uint32_t function_index(struct wire_struct function)
{
    return function_info_get_index(function);
}

static const struct inspect_list functions_list = {
    .method = DIAGNOSTICS_FUNCTIONS,
    .get = diagnostics_functions_results_get_functions,
    .index = function_index,
    .print = print_function,
};

/* ------------------------------------------------------------------------------------------
 * One function
 * ------------------------------------------------------------------------------------------ */

/** The function that a person asks for. */
struct wanted {
    bool by_index;
    uint64_t index;
    uint16_t segment, bdf;
    bool found;
};

static bool is_wanted(const struct wanted *wanted, struct wire_struct function)
{
    return wanted->by_index ? function_info_get_index(function) == wanted->index
                            : function_info_get_segment(function) == wanted->segment &&
                                  function_info_get_bdf(function) == wanted->bdf;
}

static void print_authority(struct wire_struct function)
{
    rt_print("  mapped for it    %u of %u pages in %u buffers\n",
             function_info_get_pool_pages(function), function_info_get_pool_limit(function),
             function_info_get_buffer_count(function));
    rt_print("  registers        %u pages mapped\n", function_info_get_mmio_pages(function));
    rt_print("  interrupts       %u of %u routed\n", function_info_get_route_count(function),
             function_info_get_vector_count(function));
    rt_print("  faults           %u accesses refused by the IOMMU\n",
             function_info_get_fault_count(function));
    rt_print("  resets           %u%s\n", function_info_get_reset_count(function),
             function_info_get_not_reset(function)
                 ? "; not reset after its last owner, whose work may still be running"
                 : "");
}

static void print_details(struct wire_struct function, void *context)
{
    struct wanted *const wanted = context;
    const enum claim_refusal refusal = function_info_get_refusal(function);
    const uint64_t owner = function_info_get_owner_pid(function);
    char bdf[RT_BDF_BYTES], name[32];

    if (!is_wanted(wanted, function)) {
        return;
    }
    wanted->found = true;
    rt_print(
        "%s: function %u of the ledger\n",
        rt_bdf_format(bdf, function_info_get_segment(function), function_info_get_bdf(function)),
        function_info_get_index(function));
    rt_print("  ids              %04x:%04x, subsystem %04x:%04x, class %06x\n",
             function_info_get_vendor(function), function_info_get_device(function),
             function_info_get_subsystem_vendor(function), function_info_get_subsystem(function),
             function_info_get_class_code(function));
    rt_print("  state            %s, generation %llu\n",
             function_state_name(function_info_get_state(function)),
             (unsigned long long)function_info_get_generation(function));
    if (function_info_get_waiting_for(function) != TEARDOWN_STEP_NONE) {
        rt_print("  teardown         waits: %s\n",
                 teardown_step_name(function_info_get_waiting_for(function)));
    }
    if (refusal != CLAIM_REFUSAL_NONE) {
        rt_print("  cannot be had    %s: %s\n", claim_refusal_name(refusal),
                 rt_claim_refusal_text(refusal));
    }
    if (owner == 0) {
        rt_print("  owner            none\n");
    } else {
        inspect_process_name(owner, name, sizeof(name));
        rt_print("  owner            process %llu, %s\n", (unsigned long long)owner, name);
    }
    rt_print("  protection       %s in force; the machine has %s\n",
             dma_level_name(function_info_get_level(function)),
             dma_level_name(function_info_get_coverage(function)));
    rt_print("  isolation group  that of function %u\n", function_info_get_group(function));
    print_authority(function);
}

static bool has_colon(const char *word)
{
    while (*word != '\0' && *word != ':') {
        word++;
    }
    return *word != '\0';
}

static void devices_details(const char *word)
{
    struct wanted wanted = {.found = false};
    struct inspect_list list = functions_list;

    if (!has_colon(word)) {
        wanted.by_index = true;
        if (!command_number("index or place such as 00:03.0", word, &wanted.index)) {
            return;
        }
    } else if (!words_bdf(word, &wanted.segment, &wanted.bdf)) {
        rt_print("\"%.40s\" is no place of a function: write it as 00:03.0\n", word);
        return;
    }
    list.print = print_details;
    if (inspect_walk(&list, &wanted) && !wanted.found) {
        rt_print("no function %.40s; `devices` lists them\n", word);
    }
}

void command_devices(struct words *words)
{
    if (words->count == 3 && words_same(words->word[1], "-v")) {
        devices_details(words->word[2]);
        return;
    }
    if (!command_words(words, 1, 1)) {
        return;
    }
    rt_print("IDX BDF     IDS       CLASS STATE       OWNER        LEVEL       NOTE\n");
    (void)inspect_walk(&functions_list, NULL);
}
