# SPDX-License-Identifier: MIT
"""DMA and interrupt remapping: VT-d comes up with everything blocked, or is done without."""

import re

import oracle
import pytest
from shell import claim

REGISTERS = 0xFED90000
STATUS = 0x1C
ROOT_TABLE = 0x20
FAULT_STATUS = 0x34
FAULT_CONTROL = 0x38
INTERRUPT_TABLE = 0xB8
TRANSLATION, QUEUE, REMAPPING, COMPATIBILITY = 1 << 31, 1 << 26, 1 << 25, 1 << 23


def registers(machine, offset, size):
    """A register of the unit, read past the guest."""
    letter = {4: "w", 8: "g"}[size]
    text = machine.qmp.hmp(f"xp /1{letter}x {REGISTERS + offset:#x}")
    return int(text.split(":")[1], 16)


def iommu(*options):
    return ["-device", ",".join(["intel-iommu", *options]),
            "-d", "guest_errors", "-trace", "vtd_ir_remap"]


def qemu_words(logs):
    return "".join(path.read_text(errors="replace") for path in logs.glob("*qemu.log"))


@pytest.mark.parametrize("bits", [39, 48])
@pytest.mark.parametrize("caching", ["on", "off"])
def test_blocked_by_default(boot, logs, bits, caching):
    """With VT-d the unit is up before init runs: translation, queue and interrupt remapping on,
    compatibility interrupts off, an empty root table (every function is blocked), and nothing
    refused by the unit. The console takes input through the remapping table. Else: a bit missing,
    an entry that is present, QEMU's complaint, or a shell that does not answer."""
    machine = boot(extra=iommu("intremap=on", f"caching-mode={caching}", f"aw-bits={bits}"))
    machine.expect(re.compile(rf"iommu: unit 0 at fed90000: .* {bits} address bits.*"
                              "DMA remapping on, interrupt remapping on"))
    machine.expect("boot: starting init")
    machine.expect(machine.PROMPT)
    claim("reboot" in machine.shell("help"), "an answer to what was typed", machine.tail())
    status = registers(machine, STATUS, 4)
    wanted = TRANSLATION | QUEUE | REMAPPING
    claim(status & (wanted | COMPATIBILITY) == wanted, f"status with {wanted:#x} alone", hex(status))
    root = registers(machine, ROOT_TABLE, 8)
    claim(root & 0xFFF == 0 and root != 0, "a root table in legacy mode", hex(root))
    entries = machine.ram.read(root, 4096)
    claim(entries == bytes(4096), "a root table without entries", entries.hex())
    claim(registers(machine, FAULT_STATUS, 4) & 0xFF == 0, "no fault pending", "one")
    claim(registers(machine, FAULT_CONTROL, 4) == 0, "fault events unmasked", "masked")
    table = registers(machine, INTERRUPT_TABLE, 8)
    present = [index for index in range(1 << ((table & 0xF) + 1))
               if machine.ram.read_u64((table & ~0xFFF) + 16 * index) & 1]
    claim(present == [0], "one entry: the console's", present)
    low, high = (machine.ram.read_u64((table & ~0xFFF) + at) for at in (0, 8))
    claim(high == 0x4FF00 and low >> 16 & 0xFF == 0x30,
          "the I/O APIC's requester id compared in full, vector 30", f"{high:x} {low:x}")
    oracle.inspect(machine)
    machine.halt()
    words = qemu_words(logs)
    claim("vtd_" not in words.replace("vtd_ir_remap ", "") and "nvalid" not in words,
          "nothing that QEMU complains about", words)
    claim("vtd_ir_remap index 0 " in words, "interrupts through entry 0", words)


def test_without_interrupt_remapping(boot):
    """Where firmware says that interrupts cannot be remapped, DMA remapping is on all the same, the
    boot log says what is missing, and the console works. Else: a hang, or a log that is silent."""
    machine = boot(extra=iommu("intremap=off"))
    machine.expect("DMA remapping on, interrupt remapping off: firmware says no")
    machine.expect(machine.PROMPT)
    claim("reboot" in machine.shell("help"), "an answer to what was typed", machine.tail())
    status = registers(machine, STATUS, 4)
    claim(status & (TRANSLATION | REMAPPING) == TRANSLATION, "translation alone", hex(status))
    machine.halt()


def test_without_unit(boot):
    """A machine without an IOMMU runs as before. Else: no prompt, or a unit in the log."""
    machine = boot()
    machine.expect(machine.PROMPT)
    claim("reboot" in machine.shell("help"), "an answer to what was typed", machine.tail())
    log = machine.tail(1000)
    claim("iommu:" not in log, "no word about units", log)
    machine.halt()
