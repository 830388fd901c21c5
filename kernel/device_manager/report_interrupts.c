/* SPDX-License-Identifier: MIT */
/*
 * What interrupts, where, and how often, one line for each source, as /proc/interrupts has it in
 * Linux: the console's line, the routes of devices, and what CPUs tell themselves and each other.
 * A route goes to one CPU, so there is no column for each of them; `cpus` has each one's sum.
 */
#include "device_manager/report_interrupts.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/firmware.h"
#include "arch/x86_64/nmi.h"
#include "device_manager/handles.h"
#include "device_manager/lines.h"
#include "object/process.h"

#define COM1_ISA_IRQ 4u

/** What is not a device's, in the order of the lines; names as in Linux where it has them. */
static const struct {
    const char *irq;
    const char *what;
    enum cpu_interrupt kind;
} own[] = {
    {"LOC", "local timer", CPU_INTERRUPT_TIMER},
    {"RES", "wake-ups of CPUs", CPU_INTERRUPT_RESCHEDULE},
    {"TLB", "mappings that are gone", CPU_INTERRUPT_FLUSH},
    {"FEN", "ends of routes", CPU_INTERRUPT_FENCE},
    {"IOM", "the IOMMU's faults", CPU_INTERRUPT_IOMMU},
};

/* Places: 0 is the console, then the routes, then `own`, then what was nobody's. */
#define PLACE_ROUTES   1u
#define PLACE_OWN      (PLACE_ROUTES + DEVICE_ROUTES_MAX)
#define PLACE_NMI      (PLACE_OWN + ARRAY_COUNT(own))
#define PLACE_SPURIOUS (PLACE_NMI + 1)

const struct report_column interrupt_columns[INTERRUPT_COLUMNS] = {
    {"IRQ", "irq", 5, REPORT_TEXT},         {"COUNT", "count", 12, REPORT_DECIMAL},
    {"CPU", "cpu", 4, REPORT_DECIMAL},      {"BY", "by", 9, REPORT_TEXT},
    {"TRIGGER", "trigger", 7, REPORT_TEXT}, {"STATE", "state", 6, REPORT_TEXT},
    {"WHAT", "what", 0, REPORT_TEXT},
};

static uint64_t sum(enum cpu_interrupt kind)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < cpu_count; i++) {
        count += __atomic_load_n(&cpus[i]->own_interrupts[kind], __ATOMIC_RELAXED);
    }
    return count;
}

static uint64_t sum_nmis(void)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < cpu_count; i++) {
        count += nmi_count(cpus[i]);
    }
    return count;
}

static uint64_t sum_spurious(void)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < cpu_count; i++) {
        count += __atomic_load_n(&cpus[i]->spurious_count, __ATOMIC_RELAXED);
    }
    return count;
}

/** Neither of a CPU nor of a controller. */
static void set_sum(struct report_row *row, const char *irq, uint64_t count, const char *what)
{
    report_set_text(row, 0, irq);
    report_set_number(row, 1, count);
    for (uint32_t column = 2; column < 6; column++) {
        report_set_absent(row, column);
    }
    report_set_text(row, 6, what);
}

static void set_console(struct report_row *row)
{
    const struct firmware_isa_irq *irq = &firmware.isa[COM1_ISA_IRQ];

    report_set_made(row, 0, "%u", irq->interrupt);
    report_set_number(row, 1, sum(CPU_INTERRUPT_COM1));
    report_set_number(row, 2, 0); /* the boot CPU */
    report_set_text(row, 3, "IO-APIC");
    report_set_text(row, 4, irq->level ? "level" : "edge");
    report_set_text(row, 5, "open");
    report_set_text(row, 6, "COM1, the console");
}

static void set_route(struct report_row *row, uint32_t index)
{
    const struct device_route *route = &device_routes[index];
    const struct device_line *line = route->line;
    const struct pci_function *pci = route->function->pci;
    const struct process *owner = route->function->owner;
    char name[PCI_NAME_BYTES];

    pci_function_name(pci, name);
    report_set_made(row, 0, "R%u", index);
    report_set_number(row, 1, route->interrupt->delivered);
    report_set_number(row, 2, line == NULL ? route->cpu : line->cpu);
    report_set_text(row, 3, line != NULL ? "IO-APIC" : pci->has_msix ? "MSI-X" : "MSI");
    report_set_text(row, 4, line == NULL ? "edge" : "level");
    report_set_text(row, 5, route->is_masked ? "masked" : "open");
    report_set_long(row, 6, "%s-%u %s", name, route->number, owner == NULL ? "-" : owner->name);
}

bool interrupt_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    for (uint32_t at = *place; at <= PLACE_SPURIOUS; at++) {
        *place = at + 1;
        if (at == PLACE_SPURIOUS) {
            set_sum(row, "SPU", sum_spurious(), "nobody's");
            return true;
        }
        if (at == PLACE_NMI) {
            set_sum(row, "NMI", sum_nmis(), "without an error of hardware");
            return true;
        }
        if (at >= PLACE_OWN) {
            set_sum(row, own[at - PLACE_OWN].irq, sum(own[at - PLACE_OWN].kind),
                    own[at - PLACE_OWN].what);
            return true;
        }
        if (at < PLACE_ROUTES) {
            if (firmware.io_apic_count != 0) {
                set_console(row);
                return true;
            }
        } else if (at - PLACE_ROUTES < ledger.route_count &&
                   ledger.routes[at - PLACE_ROUTES].use != LEDGER_UNUSED) {
            set_route(row, at - PLACE_ROUTES);
            return true;
        }
    }
    return false;
}
