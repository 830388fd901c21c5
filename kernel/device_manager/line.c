/* SPDX-License-Identifier: MIT */
/*
 * Lines: inputs of I/O APICs that the pins of functions lead to, shared by owners who know nothing
 * of each other.
 *
 * What a line does is decided in lib/intx/line.h; here are the registers. An interrupt of a line
 * ends (EOI) after every function that asserts it has been kept from its pin, so it comes once. A
 * line gets vector, CPU and remapping entry with the first function that is claimed by its pin, and
 * keeps them: with no sharers it is masked. docs/design/0016-intx.md.
 */
#include "apic/encoding.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/io_apic.h"
#include "arch/x86_64/trap.h"
#include "device_manager/device_manager.h"
#include "device_manager/lines.h"
#include "diag/log.h"
#include "ledger/ledger_parts.h"

#define LINES_MAX    64u
#define LINE_POLL_NS (10ull * 1000 * 1000)

static struct device_line lines[LINES_MAX];
static uint32_t next_cpu;

const struct device_line *line_get(uint32_t index)
{
    return index < LINES_MAX ? &lines[index] : NULL;
}

/* ---- Making --------------------------------------------------------------------------------- */

static uint8_t *line_at(uint32_t cpu, uint32_t index)
{
    return &cpus[cpu]->device_lines[index];
}

static bool is_used_anywhere(uint32_t index)
{
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (*line_at(i, index) != 0) {
            return true;
        }
    }
    return false;
}

/**
 * A free vector of a CPU. The end of an interrupt names a vector and no CPU, and every I/O APIC
 * takes it for its own (SDM vol. 3A §11.8.5): one that no other CPU uses is better, but any will
 * do, since a line that is asserted still only comes again.
 */
static bool free_index(uint32_t cpu, uint32_t *index)
{
    for (uint32_t i = 0; i < VECTOR_LINE_END - VECTOR_LINE_FIRST; i++) {
        if (!is_used_anywhere(i)) {
            *index = i;
            return true;
        }
    }
    for (uint32_t i = 0; i < VECTOR_LINE_END - VECTOR_LINE_FIRST; i++) {
        if (*line_at(cpu, i) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool can_reach(const struct device_line *line, const struct cpu *cpu)
{
    return line->unit != NULL ? iommu_can_reach_cpu(line->unit, cpu->apic_id)
                              : apic_id_fits(cpu->apic_id, false);
}

/** A CPU and a vector there, another CPU each time; false: none is free. */
static bool find_vector(struct device_line *line)
{
    uint32_t index;

    for (uint32_t i = 0; i < cpu_count; i++) {
        const struct cpu *cpu = cpus[next_cpu++ % cpu_count];

        if (can_reach(line, cpu) && free_index(cpu->index, &index)) {
            line->cpu = cpu->index;
            line->vector = (uint8_t)(VECTOR_LINE_FIRST + index);
            return true;
        }
    }
    return false;
}

static struct device_line *find_line(uint32_t interrupt)
{
    for (uint32_t i = 0; i < LINES_MAX; i++) {
        if (lines[i].stage != LINE_UNUSED && lines[i].interrupt == interrupt) {
            return &lines[i];
        }
    }
    return NULL;
}

static struct device_line *find_unused(void)
{
    for (uint32_t i = 0; i < LINES_MAX; i++) {
        if (lines[i].stage == LINE_UNUSED) {
            return &lines[i];
        }
    }
    return NULL;
}

static enum status make_line(const struct intx_declaration *declaration, struct device_line **out)
{
    struct device_line *line = find_unused();

    if (line == NULL) {
        return STATUS_QUEUE_FULL;
    }
    *line = (struct device_line){
        .interrupt = declaration->interrupt,
        .is_active_low = declaration->is_active_low,
        .remap_index = IOMMU_NO_ROUTE,
    };
    list_init(&line->sharers);
    if (!ioapic_find(io_apic_inputs(), line->interrupt, &line->place)) {
        return STATUS_UNSUPPORTED;
    }
    if (!iommu_io_apic(io_apic_inputs()->ranges[line->place.io_apic].id, &line->unit,
                       &line->source)) {
        line->unit = NULL;
    }
    if (!find_vector(line)) {
        return STATUS_QUEUE_FULL;
    }
    if (line->unit != NULL) {
        line->remap_index = iommu_route_alloc(line->unit);
        if (line->remap_index == IOMMU_NO_ROUTE) {
            return STATUS_QUEUE_FULL;
        }
    }
    line->stage = LINE_MADE;
    *line_at(line->cpu, line->vector - VECTOR_LINE_FIRST) = (uint8_t)(line - lines + 1);
    *out = line;
    return STATUS_OK;
}

enum status line_take(struct device_route *route)
{
    const struct intx_declaration *declaration = device_pin_find(route->function);
    enum status status = STATUS_OK;

    static_assert(LINES_MAX < UINT8_MAX, "a CPU notes a line in a byte");
    if (declaration == NULL) {
        return STATUS_UNSUPPORTED;
    }
    struct device_line *line = find_line(declaration->interrupt);

    if (line == NULL) {
        status = make_line(declaration, &line);
    } else if (line->stage == LINE_FAILED) {
        status = STATUS_UNSUPPORTED;
    }
    if (status == STATUS_OK) {
        route->line = line;
        route->cpu = line->cpu;
        route->vector = line->vector;
    }
    return status;
}

void line_give_up(struct device_line *line)
{
    if (line->stage != LINE_MADE) {
        return;
    }
    if (line->remap_index != IOMMU_NO_ROUTE) {
        iommu_route_free(line->unit, line->remap_index);
    }
    *line_at(line->cpu, line->vector - VECTOR_LINE_FIRST) = 0;
    line->stage = LINE_UNUSED;
}

/* ---- Masking -------------------------------------------------------------------------------- */

static void poll(struct timer *timer);

/** Have the I/O APIC, and the timer, do what the line's state asks for. */
static void apply(struct device_line *line)
{
    const bool is_unmasked = line->stage == LINE_READY && intx_is_unmasked(&line->state);

    if (is_unmasked != line->is_unmasked) {
        line->is_unmasked = is_unmasked;
        io_apic_set_mask(&line->place, !is_unmasked);
    }
    if (line->stage == LINE_READY && intx_is_polled(&line->state)) {
        if (!timer_is_armed(&line->timer)) {
            timer_arm(&line->timer, ns_to_ticks(clock_ns() + LINE_POLL_NS), poll);
        }
    } else {
        timer_disarm(&line->timer);
    }
}

/** Let the function drive its pin, or keep it from that, as far as it can be kept. */
static void set_pin(const struct device_route *route, bool is_on)
{
    pci_command_set(route->function->pci, is_on ? 0 : PCI_COMMAND_NO_INTX,
                    is_on ? PCI_COMMAND_NO_INTX : 0);
}

void line_set(struct device_route *route, enum intx_state state)
{
    intx_set(&route->line->state, &route->share, state);
    set_pin(route, state == INTX_OPEN);
    apply(route->line);
}

/* ---- Arriving ------------------------------------------------------------------------------- */

static bool asserts(const struct device_route *route)
{
    const uint16_t status = pci_read16(&route->function->pci->config, PCI_STATUS);

    return (status & PCI_STATUS_INTERRUPT) != 0 && status != UINT16_MAX; /* ones: it is gone */
}

/** Its owner gets it, if that is whom it was programmed for (L5). */
static void tell(struct device_route *route)
{
    route->is_masked = true;
    if (ledger_route_delivers(&ledger, route_slot(route), route->generation)) {
        interrupt_deliver(route->interrupt);
    } else {
        this_cpu()->stale_interrupts++;
    }
}

/** Tell each sharer that says it asserts the line; whether there is one. */
static bool ask(struct device_line *line)
{
    bool is_admitted = false;

    LIST_FOR_EACH(node, &line->sharers)
    {
        struct device_route *route = CONTAINER_OF(node, struct device_route, of_line);

        if (route->share.admits && intx_offer(&line->state, &route->share, asserts(route))) {
            set_pin(route, false);
            tell(route);
            is_admitted = true;
        }
    }
    return is_admitted;
}

/** Tell all that cannot say it. */
static bool blame(struct device_line *line)
{
    bool is_admitted = false;

    LIST_FOR_EACH(node, &line->sharers)
    {
        struct device_route *route = CONTAINER_OF(node, struct device_route, of_line);

        if (intx_blame(&line->state, &route->share)) {
            tell(route);
            is_admitted = true;
        }
    }
    return is_admitted;
}

static void poll(struct timer *timer)
{
    struct device_line *line = CONTAINER_OF(timer, struct device_line, timer);

    line->polls++;
    (void)ask(line);
    apply(line);
}

/* Not inlined: the way of messages through irq_dispatch() is the hot one. */
NOINLINE void line_arrived(uint32_t vector)
{
    struct cpu *cpu = this_cpu();
    const uint32_t number = cpu->device_lines[vector - VECTOR_LINE_FIRST];

    if (number == 0) {
        cpu->unexpected_count++;
        return;
    }
    struct device_line *line = &lines[number - 1];
    const bool is_admitted = ask(line) || blame(line);

    line->arrived++;
    line->unadmitted += is_admitted ? 0 : 1;
    if (intx_arrived(&line->state, is_admitted, clock_ns())) {
        if (line->storms++ < STORM_LINES_MAX) {
            log_info("irq",
                     "line %u: %u interrupts that none of its %u functions admits to; masked",
                     line->interrupt, INTX_STORM_COUNT, line->state.sharer_count);
        }
    }
    apply(line);
}

/* ---- Sharing -------------------------------------------------------------------------------- */

/** The line's entry in the IOMMU is in force, or will never be. */
static void programmed(struct iommu_wait *wait)
{
    struct device_line *line = CONTAINER_OF(wait, struct device_line, wait);
    const struct ioapic_redirection redirection = {
        .vector = line->vector,
        .is_masked = true,
        .is_level = true,
        .is_active_low = line->is_active_low,
        .is_remapped = line->unit != NULL,
        .remap_index = line->unit != NULL ? (uint16_t)line->remap_index : 0,
        .apic_id = line->unit != NULL ? 0 : (uint8_t)cpus[line->cpu]->apic_id,
    };

    line->stage = wait->failed ? LINE_FAILED : LINE_READY;
    if (!wait->failed) {
        io_apic_program(&line->place, &redirection);
    }
    for (struct list *node = line->sharers.next; node != &line->sharers;) {
        struct device_route *route = CONTAINER_OF(node, struct device_route, of_line);

        node = node->next;
        route_ready(route, wait->failed);
    }
}

static void program(struct device_line *line)
{
    const struct iommu_route entry = {
        .source = line->source,
        .vector = line->vector,
        .is_level = true,
        .apic_id = cpus[line->cpu]->apic_id,
    };

    line->stage = LINE_PROGRAMMING;
    line->wait.failed = false;
    if (line->unit == NULL ||
        iommu_route_set(line->unit, line->remap_index, &entry, &line->wait, programmed)) {
        programmed(&line->wait);
    }
}

void line_join(struct device_route *route)
{
    struct device_line *line = route->line;

    intx_join(&line->state, &route->share, route->function->masks_pin);
    list_append(&line->sharers, &route->of_line);
    set_pin(route, false);
    if (line->stage == LINE_MADE) {
        program(line);
    } else if (line->stage == LINE_READY) {
        route_ready(route, false);
    }
    apply(line);
}

void line_leave(struct device_route *route)
{
    struct device_line *line = route->line;

    list_remove(&route->of_line);
    intx_leave(&line->state, &route->share);
    apply(line);
}
