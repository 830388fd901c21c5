/* SPDX-License-Identifier: MIT */
#include "apps/devtest/devtest.h"

#include "rt/print.h"

#define VENDOR_AND_DEVICE 0x00u
#define COMMAND           0x04u
#define CACHE_LINE_SIZE   0x0cu
#define BAR_0             0x10u
#define INTERRUPT_LINE    0x3cu
#define MSI               0x40u /* of edu */
#define CONFIG_BYTES      4096u

#define EXTENDED_FIRST    0x100u
#define EXTENDED_MAX      48u
#define EXTENDED_ATS      0x000fu

#define EDU_IDS           0x11e81234u
#define BUS_MASTER        0x4u
#define MSI_ENABLE        (1u << 16)

static uint32_t config_word(uint32_t offset)
{
    uint32_t value = 0;

    if (device_mmio_read_config(device.mmio, offset, 4, &value) != STATUS_OK) {
        check(false, "reading configuration space", "refused");
    }
    return value;
}

/** A write that asks for what an owner may not have: denied, and the register keeps its value. */
static void deny(uint32_t offset, uint32_t value, const char *what)
{
    const uint32_t before = config_word(offset);

    check_status(device_mmio_write_config(device.mmio, offset, 4, value), STATUS_DENIED, what);
    check_number(config_word(offset), before, "and it is as it was");
}

static void refuse_places(void)
{
    static const struct {
        uint32_t offset, width;
        const char *what;
    } places[] = {
        {0, 0, "configuration space, no byte of it"},
        {0, 3, "three bytes of it"},
        {0, 8, "eight bytes of it"},
        {1, 2, "two bytes at an odd offset"},
        {2, 4, "four bytes at an odd offset"},
        {CONFIG_BYTES, 1, "a byte behind it: another function's"},
        {CONFIG_BYTES - 2, 4, "four bytes across its end"},
        {UINT32_MAX - 3, 4, "four bytes at the last offset"},
    };
    uint32_t value;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        check_refused(
            device_mmio_read_config(device.mmio, places[i].offset, places[i].width, &value),
            places[i].what);
        check_refused(device_mmio_write_config(device.mmio, places[i].offset, places[i].width, 0),
                      "and writing there");
    }
}

/**
 * Address translation services: a device that has it would pass the IOMMU with what it translated
 * itself (PCIe 5.0 §10.5.1: capability 000fh, enable is bit 15 of the control at 6).
 */
void try_ats(void)
{
    uint32_t at = EXTENDED_FIRST, header = 0;

    for (unsigned i = 0; i < EXTENDED_MAX && at >= EXTENDED_FIRST; i++, at = header >> 20) {
        header = config_word(at);
        if ((header & 0xffff) == EXTENDED_ATS) {
            check_number(config_word(at + 4) >> 31, 0, "translation by the device, at first");
            deny(at + 4, config_word(at + 4) | 1u << 31, "switching it on");
            return;
        }
    }
    check(false, "a device with ATS", "it has none");
}

void try_config(void)
{
    const uint32_t bar = config_word(BAR_0), command = config_word(COMMAND) & 0xffff;
    uint32_t value = 0;

    check_number(config_word(VENDOR_AND_DEVICE), EDU_IDS, "vendor and device");
    check_status(device_mmio_read_config(device.mmio, 2, 2, &value), STATUS_OK, "two bytes");
    check_number(value, EDU_IDS >> 16, "the device alone");
    check_status(device_mmio_read_config(device.mmio, 1, 1, &value), STATUS_OK, "one byte");
    check_number(value, EDU_IDS >> 8 & 0xff, "the second byte");
    refuse_places();
    check_number(bar & ~0xfu, 0, "the address in BAR 0, which is the kernel's affair");
    check_number(config_word(MSI + 4), 0, "the address of the interrupt's message");

    deny(VENDOR_AND_DEVICE, 0x12345678, "changing the vendor");
    deny(BAR_0, 0xfed90000, "moving a BAR over the IOMMU");
    deny(BAR_0, 0xfee00000, "moving a BAR over the local APIC");
    deny(BAR_0, UINT32_MAX, "sizing a BAR");
    deny(COMMAND, command ^ BUS_MASTER, "switching bus mastering");
    deny(COMMAND, command & ~2u, "switching the BARs off");
    deny(MSI + 4, 0xfee00000, "aiming the interrupt");
    deny(MSI, config_word(MSI) ^ MSI_ENABLE, "switching MSI");
    check_status(device_mmio_write_config(device.mmio, BAR_0, 4, bar), STATUS_OK,
                 "writing what is there");
    check_status(device_mmio_write_config(device.mmio, COMMAND, 2, command), STATUS_OK,
                 "writing the command that is there");
    check_number(config_word(BAR_0), bar, "the BAR at the end");
}

/** Tells what is where an owner may write, and leaves the opposite to the next one. */
void try_marks(void)
{
    static const uint32_t offsets[] = {CACHE_LINE_SIZE, INTERRUPT_LINE};
    uint32_t found[2] = {0}, now = 0;

    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        check_status(device_mmio_read_config(device.mmio, offsets[i], 1, &found[i]), STATUS_OK,
                     "reading");
        check_status(device_mmio_write_config(device.mmio, offsets[i], 1, found[i] ^ 0xff),
                     STATUS_OK, "writing the opposite");
        check_status(device_mmio_read_config(device.mmio, offsets[i], 1, &now), STATUS_OK,
                     "reading again");
        check_number(now, found[i] ^ 0xff, "what was written");
    }
    rt_print("devtest: found %02x %02x\n", found[0], found[1]);
}
