/* SPDX-License-Identifier: MIT */
#include "apps/intxtest/intxtest.h"

#include "base/compiler.h"
#include "rt/process.h"
#include "text/text.h"

#define SLOTS      32u
#define PINS       4u
#define GSI_PIRQA  16u
#define GSI_PIRQE  20u
#define GSI_BEHIND 24u /* q35 has one I/O APIC with 24 inputs */
#define GSI_TIMER  2u  /* ISA 0 by its override */
#define GSI_COM1   4u
#define GSI_HIGH   9u /* ISA 9: by its override level-triggered, active high */

static enum status declare(struct interrupt_routing_declare_params declaration)
{
    return interrupt_routing_declare(rt_capability("routing"), &declaration);
}

/**
 * What QEMU's _PRT of q35 says (hw/i386/acpi-build.c): slots below 19h, and 1Eh, go round PIRQE to
 * PIRQH beginning with their number, the others use PIRQA to PIRQD.
 */
static struct interrupt_routing_declare_params wiring(uint32_t slot, uint32_t pin)
{
    const bool goes_round = slot < 0x19 || slot == 0x1e;
    const uint32_t first = slot == 0x1e ? 0 : slot;

    return (struct interrupt_routing_declare_params){
        .device = (uint8_t)slot,
        .pin = (uint8_t)(pin + 1),
        .level_triggered = 1,
        .gsi = goes_round ? GSI_PIRQE + (first + pin) % PINS : GSI_PIRQA + pin,
    };
}

void do_declare(void)
{
    uint32_t there = 0;
    char text[32];

    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        for (uint32_t pin = 0; pin < PINS; pin++) {
            const enum status status = declare(wiring(slot, pin));

            if (status == STATUS_OK) {
                there++;
            } else if (status != STATUS_NOT_FOUND) {
                check_status(status, STATUS_OK, "declaring a pin");
            }
        }
    }
    text_format(text, sizeof(text), "%u", there);
    check(there != 0 && there % PINS == 0, "pins of functions that are there", text);
}

/** Of slot 1Fh, which q35 always has, and before anything is declared. */
void do_refusals(void)
{
    struct interrupt_routing_declare_params bad;
    const struct interrupt_routing_declare_params good = wiring(0x1f, 0);

    bad = good, bad.pin = 0;
    check_status(declare(bad), STATUS_BAD_RANGE, "pin 0");
    bad = good, bad.pin = 5;
    check_status(declare(bad), STATUS_BAD_RANGE, "pin 5");
    bad = good, bad.device = 32;
    check_status(declare(bad), STATUS_BAD_RANGE, "device 32");
    bad = good, bad.level_triggered = 2;
    check_status(declare(bad), STATUS_BAD_RANGE, "a trigger that is neither");
    bad = good, bad.active_low = 2;
    check_status(declare(bad), STATUS_BAD_RANGE, "a polarity that is neither");
    bad = good, bad.gsi = GSI_BEHIND;
    check_status(declare(bad), STATUS_BAD_RANGE, "an input that no I/O APIC has");
    bad.gsi = UINT32_MAX;
    check_status(declare(bad), STATUS_BAD_RANGE, "the last number of all");
    bad = good, bad.level_triggered = 0;
    check_status(declare(bad), STATUS_UNSUPPORTED, "edge-triggered");
    bad = good, bad.gsi = GSI_COM1;
    check_status(declare(bad), STATUS_DENIED, "the console's input");
    bad = good, bad.gsi = GSI_TIMER;
    check_status(declare(bad), STATUS_DENIED, "the timer's input");
    bad = good, bad.gsi = GSI_HIGH, bad.active_low = 1;
    check_status(declare(bad), STATUS_DENIED, "otherwise than an override says");
    bad = good, bad.device = 0x1d;
    check_status(declare(bad), STATUS_NOT_FOUND, "a place without a function");
    bad = good, bad.segment = 1;
    check_status(declare(bad), STATUS_NOT_FOUND, "another segment");
    bad = good, bad.bus = 0xff;
    check_status(declare(bad), STATUS_NOT_FOUND, "another bus");

    check_status(declare(good), STATUS_OK, "the truth");
    check_status(declare(good), STATUS_OK, "the truth again");
    bad = good, bad.gsi++;
    check_status(declare(bad), STATUS_BUSY, "the same pin elsewhere");
    bad = good, bad.pin = 2, bad.active_low = 1;
    check_status(declare(bad), STATUS_BUSY, "another pin there, with another polarity");
}
