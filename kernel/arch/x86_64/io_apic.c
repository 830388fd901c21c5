/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/io_apic.h"

#include "arch/x86_64/firmware.h"
#include "diag/log.h"
#include "iommu/iommu.h"
#include "mm/kernel_map.h"

#define SELECT_REGISTER   0u /* in 32-bit words */
#define WINDOW_REGISTER   4u
#define REGISTER_VERSION  0x01u
#define REGISTER_REDIRECT 0x10u /* two words an input */

#define ISA_TIMER         0u
#define ISA_COM1          4u

static_assert(FIRMWARE_MAX_IO_APICS <= IOAPIC_RANGES_MAX, "each has a range");
static_assert(ISA_IRQ_COUNT + FIRMWARE_MAX_NMIS <= IOAPIC_RULES_MAX, "each has a rule");

static volatile uint32_t *registers[IOAPIC_RANGES_MAX]; /* [I] after io_apic_init(), as inputs */
static struct ioapic_inputs inputs;

static uint32_t read_register(uint32_t io_apic, uint32_t number)
{
    registers[io_apic][SELECT_REGISTER] = number;
    return registers[io_apic][WINDOW_REGISTER];
}

static void write_register(uint32_t io_apic, uint32_t number, uint32_t value)
{
    registers[io_apic][SELECT_REGISTER] = number;
    registers[io_apic][WINDOW_REGISTER] = value;
}

static void write_low(const struct ioapic_place *place, uint32_t value)
{
    write_register(place->io_apic, REGISTER_REDIRECT + 2 * place->pin, value);
}

static uint64_t read_entry(const struct ioapic_place *place)
{
    const uint32_t low = read_register(place->io_apic, REGISTER_REDIRECT + 2 * place->pin);

    return (uint64_t)read_register(place->io_apic, REGISTER_REDIRECT + 2 * place->pin + 1) << 32 |
           low;
}

static void add_io_apic(const struct firmware_io_apic *found)
{
    const uint32_t at = inputs.range_count;

    registers[at] = kernel_map_registers(found->address, PAGE_BYTES);
    const uint32_t count = ((read_register(at, REGISTER_VERSION) >> 16) & 0xff) + 1;

    for (uint32_t pin = 0; pin < count && pin < IOAPIC_PINS_MAX; pin++) {
        io_apic_program(&(struct ioapic_place){at, pin},
                        &(struct ioapic_redirection){.is_masked = true});
    }
    if (!ioapic_inputs_add(&inputs, found->id, found->interrupt_base, count)) {
        log_info("irq", "I/O APIC %u: inputs %u to %u make no sense; doing without it", found->id,
                 found->interrupt_base, found->interrupt_base + count - 1);
    }
}

/** What the MADT says of inputs, and which ones are the kernel's. */
static void add_rules(void)
{
    for (uint32_t irq = 0; irq < ISA_IRQ_COUNT; irq++) {
        const struct ioapic_rule rule = {
            .interrupt = firmware.isa[irq].interrupt,
            .input = firmware.isa[irq].input,
            .user = irq == ISA_TIMER  ? IOAPIC_USER_TIMER
                    : irq == ISA_COM1 ? IOAPIC_USER_CONSOLE
                                      : IOAPIC_USER_NONE,
        };

        KVERIFY(ioapic_rules_add(&inputs, &rule));
    }
    for (uint32_t i = 0; i < firmware.nmi_count; i++) {
        const struct ioapic_rule rule = {.interrupt = firmware.nmis[i].input,
                                         .user = IOAPIC_USER_NMI};

        KVERIFY(firmware.nmis[i].is_local || ioapic_rules_add(&inputs, &rule));
    }
}

void io_apic_init(void)
{
    for (uint32_t i = 0; i < firmware.io_apic_count; i++) {
        add_io_apic(&firmware.io_apics[i]);
    }
    add_rules();
}

const struct ioapic_inputs *io_apic_inputs(void)
{
    return &inputs;
}

void io_apic_program(const struct ioapic_place *place, const struct ioapic_redirection *redirection)
{
    const uint64_t entry = ioapic_redirection_encode(redirection);

    write_low(place, (uint32_t)entry | IOAPIC_MASKED);
    write_register(place->io_apic, REGISTER_REDIRECT + 2 * place->pin + 1, (uint32_t)(entry >> 32));
    if (!redirection->is_masked) {
        write_low(place, (uint32_t)entry);
    }
}

void io_apic_set_mask(const struct ioapic_place *place, bool is_masked)
{
    const uint32_t low = (uint32_t)read_entry(place);

    write_low(place, is_masked ? low | IOAPIC_MASKED : low & ~IOAPIC_MASKED);
}

bool io_apic_route_isa(uint32_t irq, uint32_t vector, uint32_t apic_id)
{
    const struct firmware_isa_irq *isa = &firmware.isa[irq];
    const struct iommu_route route = {
        .vector = (uint8_t)vector, .is_level = isa->level, .apic_id = apic_id};
    struct ioapic_redirection redirection = {
        .vector = (uint8_t)vector,
        .is_level = isa->level,
        .is_active_low = isa->active_low,
        .apic_id = (uint8_t)apic_id,
    };
    struct ioapic_place place;

    if (!ioapic_find(&inputs, isa->interrupt, &place)) {
        return false;
    }
    redirection.is_remapped =
        iommu_route_at_boot(inputs.ranges[place.io_apic].id, &route, &redirection.remap_index);
    io_apic_program(&place, &redirection);
    return true;
}

bool io_apic_read_input(uint32_t number, struct io_apic_input *input)
{
    for (uint32_t i = 0; i < inputs.range_count; i++) {
        const struct ioapic_range *range = &inputs.ranges[i];

        if (number < range->count) {
            const struct ioapic_place place = {i, number};

            *input = (struct io_apic_input){
                .io_apic = range->id,
                .interrupt = range->first + number,
                .entry = ioapic_redirection_decode(read_entry(&place)),
            };
            return true;
        }
        number -= range->count;
    }
    return false;
}
