/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/io_apic.h"

#include "arch/x86_64/firmware.h"
#include "iommu/iommu.h"
#include "mm/kernel_map.h"

#define SELECT_REGISTER     0u /* in 32-bit words */
#define WINDOW_REGISTER     4u
#define REGISTER_VERSION    0x01u
#define REGISTER_REDIRECT   0x10u /* two words an input */

#define REDIRECT_MASKED     (1u << 16)
#define REDIRECT_LEVEL      (1u << 15)
#define REDIRECT_ACTIVE_LOW (1u << 13)
#define REDIRECT_REMAPPED   (1u << 16) /* in the upper word */

struct io_apic {
    volatile uint32_t *registers;
    uint8_t id;
    uint32_t interrupt_base;
    uint32_t input_count;
};

static struct io_apic io_apics[FIRMWARE_MAX_IO_APICS]; /* [I] after io_apic_init() */

static uint32_t read_register(const struct io_apic *io_apic, uint32_t number)
{
    io_apic->registers[SELECT_REGISTER] = number;
    return io_apic->registers[WINDOW_REGISTER];
}

static void write_register(const struct io_apic *io_apic, uint32_t number, uint32_t value)
{
    io_apic->registers[SELECT_REGISTER] = number;
    io_apic->registers[WINDOW_REGISTER] = value;
}

void io_apic_init(void)
{
    for (uint32_t i = 0; i < firmware.io_apic_count; i++) {
        struct io_apic *io_apic = &io_apics[i];

        io_apic->registers = kernel_map_registers(firmware.io_apics[i].address, PAGE_BYTES);
        io_apic->id = firmware.io_apics[i].id;
        io_apic->interrupt_base = firmware.io_apics[i].interrupt_base;
        io_apic->input_count = ((read_register(io_apic, REGISTER_VERSION) >> 16) & 0xff) + 1;
        for (uint32_t input = 0; input < io_apic->input_count; input++) {
            write_register(io_apic, REGISTER_REDIRECT + 2 * input, REDIRECT_MASKED);
            write_register(io_apic, REGISTER_REDIRECT + 2 * input + 1, 0);
        }
    }
}

/** The redirection entry of an input: what goes through a remapping unit has another format. */
static uint64_t redirection(const struct io_apic *io_apic, const struct firmware_isa_irq *isa,
                            uint32_t vector, uint32_t apic_id)
{
    const struct iommu_route route = {
        .vector = (uint8_t)vector, .is_level = isa->level, .apic_id = apic_id};
    uint64_t entry;

    if (iommu_route_io_apic(io_apic->id, &route, isa->active_low, &entry)) {
        return entry;
    }
    return (uint64_t)apic_id << 56 | vector | (isa->active_low ? REDIRECT_ACTIVE_LOW : 0) |
           (isa->level ? REDIRECT_LEVEL : 0);
}

bool io_apic_route_isa(uint32_t irq, uint32_t vector, uint32_t apic_id)
{
    const struct firmware_isa_irq *isa = &firmware.isa[irq];

    for (uint32_t i = 0; i < firmware.io_apic_count; i++) {
        const struct io_apic *io_apic = &io_apics[i];
        const uint32_t input = isa->interrupt - io_apic->interrupt_base;

        if (input < io_apic->input_count) {
            const uint64_t entry = redirection(io_apic, isa, vector, apic_id);

            write_register(io_apic, REGISTER_REDIRECT + 2 * input + 1, (uint32_t)(entry >> 32));
            write_register(io_apic, REGISTER_REDIRECT + 2 * input, (uint32_t)entry);
            return true;
        }
    }
    return false;
}

bool io_apic_read_input(uint32_t number, struct io_apic_input *input)
{
    for (uint32_t i = 0; i < firmware.io_apic_count; i++) {
        const struct io_apic *io_apic = &io_apics[i];

        if (number < io_apic->input_count) {
            const uint32_t low = read_register(io_apic, REGISTER_REDIRECT + 2 * number);
            const uint32_t high = read_register(io_apic, REGISTER_REDIRECT + 2 * number + 1);

            *input = (struct io_apic_input){
                .io_apic = io_apic->id,
                .interrupt = io_apic->interrupt_base + number,
                .vector = (uint8_t)low,
                .is_masked = (low & REDIRECT_MASKED) != 0,
                .is_level = (low & REDIRECT_LEVEL) != 0,
                .is_active_low = (low & REDIRECT_ACTIVE_LOW) != 0,
                .is_remapped = (high & REDIRECT_REMAPPED) != 0,
            };
            return true;
        }
        number -= io_apic->input_count;
    }
    return false;
}
