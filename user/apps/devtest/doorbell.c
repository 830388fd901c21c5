/* SPDX-License-Identifier: MIT */
/*
 * Owners of a device whose interrupts come from outside at any moment (QEMU's ivshmem-doorbell):
 * one that listens, one that does not, and the one that comes after, who must hear nothing of what
 * was meant for the others. The registers of the device are not used.
 */
#include "apps/devtest/devtest.h"

#include "rt/clock.h"
#include "rt/print.h"

#define BITS     0x5ull
#define QUIET_MS 200u

static void say(const char *what)
{
    rt_print("devtest: %s\n", what);
    rt_print_flush();
}

static _Noreturn void stay(void)
{
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}

/** Takes each interrupt as it comes. */
int life_listen(void)
{
    uint64_t count;

    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking the interrupt");
    say("listening");
    for (;;) {
        if (interrupt_wait(device.interrupt, soon(60000), &count) == STATUS_OK) {
            rt_print("devtest: heard %llu\n", (unsigned long long)count);
            rt_print_flush();
        }
    }
}

/** Has its vector unmasked once, so that the device is set up, and then masked. */
int life_deaf(void)
{
    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking the interrupt");
    check_status(interrupt_mask(device.interrupt), STATUS_OK, "masking the interrupt");
    say("deaf");
    stay();
}

/** The next owner: looks whether anything comes, by notification and by the count; then listens. */
int life_heir(void)
{
    struct interrupt_state state = {0};
    uint64_t notification, bits = 0;

    if (notification_create(&notification) != STATUS_OK) {
        return 1;
    }
    check_status(interrupt_bind(device.interrupt, notification, BITS), STATUS_OK, "binding");
    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking the interrupt");
    check_status(notification_wait(notification, soon(QUIET_MS), &bits), STATUS_TIMED_OUT,
                 "waiting for an interrupt of the last owner's");
    check_status(interrupt_info(device.interrupt, &state), STATUS_OK, "the interrupt");
    check_number(state.delivered, 0, "delivered to this owner");
    say("heir");
    for (;;) {
        if (notification_wait(notification, soon(60000), &bits) == STATUS_OK) {
            check_number(bits, BITS, "bits of one of its own");
            say("heir has heard");
        }
    }
}
