/* SPDX-License-Identifier: MIT */
#include "apps/intxtest/intxtest.h"

#include "rt/clock.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define EDU_RAISE       0x60u
#define EDU_ACKNOWLEDGE 0x64u

/* 8254x family: PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual
 * (Intel 317453) §13.4.17 and on. */
#define E1000_ICR   0x0c0u /* causes; reading clears them */
#define E1000_ICS   0x0c8u /* sets causes */
#define E1000_IMS   0x0d0u /* enables causes */
#define E1000_IMC   0x0d8u /* disables causes */
#define E1000_CAUSE 0x4u   /* LSC: the link's state has changed */

#define ROUNDS      5u
#define PAUSE_NS    (20 * RT_NS_PER_MS)

void do_grant(void)
{
    struct interrupt_state state;

    if (!device_map()) {
        return;
    }
    state = interrupt_now();
    check_number(state.masked, 1, "masked at first");
    check_number(state.level, 1, "a level");
    check_number(state.delivered, 0, "delivered so far");
    device_write32(EDU_RAISE, 1);
    none_comes("waiting for one that is masked");

    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking");
    one_comes("the device asserts it still");
    state = interrupt_now();
    check_number(state.masked, 1, "masked by its delivery");
    none_comes("no other before it is unmasked");

    check_status(interrupt_unmask(device.interrupt), STATUS_OK,
                 "unmasking what the device asserts");
    one_comes("it comes again");
    device_write32(EDU_ACKNOWLEDGE, 1);
    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "acknowledging");
    none_comes("none of a device that asserts nothing");
    check_number(interrupt_now().masked, 0, "masked");

    for (uint32_t i = 0; i < ROUNDS; i++) {
        device_write32(EDU_RAISE, 1);
        one_comes("one more");
        device_write32(EDU_ACKNOWLEDGE, 1);
        check_status(interrupt_unmask(device.interrupt), STATUS_OK, "acknowledging");
    }
    check_status(interrupt_mask(device.interrupt), STATUS_OK, "masking");
    device_write32(EDU_RAISE, 1);
    none_comes("waiting for one that is masked again");
    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking once more");
    one_comes("it has not been lost");
    check_number(interrupt_now().delivered, ROUNDS + 3, "delivered in all");
    /* The device asserts its pin at the end. */
}

void do_e1000(void)
{
    if (!device_map()) {
        return;
    }
    (void)device_read32(E1000_ICR);
    device_write32(E1000_IMC, UINT32_MAX);
    device_write32(E1000_IMS, E1000_CAUSE);
    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking");
    for (uint32_t i = 0; i < ROUNDS; i++) {
        device_write32(E1000_ICS, E1000_CAUSE);
        one_comes("one that it was told to raise");
        check_number(device_read32(E1000_ICR) & E1000_CAUSE, E1000_CAUSE, "and its cause");
        check_status(interrupt_unmask(device.interrupt), STATUS_OK, "acknowledging");
    }
    none_comes("none more than that");
    device_write32(E1000_IMC, UINT32_MAX);
}

/** The next owner of a device whose last one left it asserting its pin. */
void do_clean(void)
{
    check_number(interrupt_now().masked, 1, "masked");
    check_number(interrupt_now().delivered, 0, "delivered to the new owner");
    none_comes("nothing of what was before");
    check_number(interrupt_now().delivered, 0, "delivered to the new owner");
}

/** One interrupt of edu after the other, with a pause in which all is at rest, until it is killed.
 */
void live_count(void)
{
    if (!device_map() ||
        !check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking")) {
        return;
    }
    for (uint64_t count = 1;; count++) {
        uint64_t seen;

        device_write32(EDU_RAISE, 1);
        if (interrupt_wait(device.interrupt, UINT64_MAX, &seen) != STATUS_OK) {
            return;
        }
        device_write32(EDU_ACKNOWLEDGE, 1);
        if (interrupt_unmask(device.interrupt) != STATUS_OK) {
            return;
        }
        rt_sleep(PAUSE_NS);
        if (count == ROUNDS) {
            rt_print("intxtest: counting\n");
        }
    }
}

/** Wait for one that does not come. */
void live_wait(void)
{
    uint64_t count;

    if (check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking")) {
        rt_print("intxtest: waiting\n");
        (void)!interrupt_wait(device.interrupt, UINT64_MAX, &count);
    }
}

/** Take one interrupt of edu, and leave it at that. */
void live_cling(void)
{
    uint64_t count;

    if (!device_map() ||
        !check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking")) {
        return;
    }
    device_write32(EDU_RAISE, 1);
    if (!one_comes("one")) {
        return;
    }
    rt_print("intxtest: clinging\n");
    /* The next one never comes. */
    (void)!interrupt_wait(device.interrupt, UINT64_MAX, &count);
}
