/* SPDX-License-Identifier: MIT */

/*
 * What the simulated machine did, step by step, for a person.
 */

#include "machine_parts.h"

#include <stdio.h>

struct log_entry *machine_log(int thread, enum event event, uint32_t granule, uint32_t value)
{
    struct log_entry *entry = &machine.log[machine.log_length % MACHINE_LOG];

    machine.log_length++;
    *entry = (struct log_entry){.thread = (uint8_t)thread,
                                .event = (uint8_t)event,
                                .granule = (uint16_t)granule,
                                .value = value};
    return entry;
}

static void machine_print_place(uint32_t granule)
{
    for (uint32_t i = 0; i < machine.range_count; i++) {
        const struct machine_range *range = &machine.range[i];

        if (granule >= range->granule && granule < range->granule + range->bytes / 4) {
            printf("%s", range->name);
            if (range->bytes > 4) {
                printf("+%u", (granule - range->granule) * 4);
            }
        }
    }
}

static void machine_print_entry(const struct log_entry *entry)
{
    static const char *const verbs[] = {
        [EVENT_LOAD] = "load",     [EVENT_FORWARD] = "load (own buffer)",
        [EVENT_STORE] = "store",   [EVENT_DRAIN] = "  buffered store reaches memory:",
        [EVENT_FENCE] = "fence",   [EVENT_READ] = "read",
        [EVENT_WRITE] = "write",   [EVENT_CHOOSE] = "choose",
        [EVENT_AWAIT] = "sees",    [EVENT_LOCK] = "lock",
        [EVENT_UNLOCK] = "unlock", [EVENT_SIGNAL] = "signal",
        [EVENT_WAIT] = "woken by", [EVENT_NOTE] = "note:",
        [EVENT_START] = "start",   [EVENT_END] = "end",
    };

    printf("    %-10s %s ", machine.thread_name[entry->thread], verbs[entry->event]);
    switch ((enum event)entry->event) {
    case EVENT_LOAD:
    case EVENT_FORWARD:
    case EVENT_STORE:
    case EVENT_DRAIN:
    case EVENT_AWAIT:
        if (entry->granule >= MACHINE_LOCK_STORE) {
            printf("unlock %u", entry->granule - MACHINE_LOCK_STORE);
            break;
        }
        machine_print_place(entry->granule);
        printf(" = 0x%x", entry->value);
        break;
    case EVENT_READ:
    case EVENT_WRITE:
        machine_print_place(entry->granule);
        printf(", %u bytes", entry->bytes);
        break;
    case EVENT_NOTE:
        printf("%s 0x%x", entry->text, entry->value);
        break;
    case EVENT_CHOOSE:
    case EVENT_LOCK:
    case EVENT_UNLOCK:
    case EVENT_SIGNAL:
    case EVENT_WAIT:
        printf("%u", entry->value);
        break;
    case EVENT_FENCE:
    case EVENT_START:
    case EVENT_END:
        break;
    }
    printf("\n");
}

void machine_print_log(void)
{
    const uint32_t first = machine.log_length > MACHINE_LOG ? machine.log_length - MACHINE_LOG : 0;

    for (uint32_t i = first; i < machine.log_length; i++) {
        machine_print_entry(&machine.log[i % MACHINE_LOG]);
    }
}
