# SPDX-License-Identifier: MIT
"""DMA and interrupt remapping: VT-d comes up with everything blocked, or is done without."""

import re
import struct

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


def boot_with_table(boot, change, **options):
    """A machine whose DMAR table is changed before the kernel reads it: change(table) -> bytes. What
    is behind the table (WAET, which nobody reads) may be overwritten."""
    machine = boot(paused=True, extra=iommu("intremap=on"), **options)
    gdb = machine.stop_at_kernel()
    memory = machine.ram.read(0, 256 << 20)
    start = memory.index(b"DMAR")
    while memory[start + 8] != 1 or memory[start + 10:start + 15] != b"BOCHS":
        start = memory.index(b"DMAR", start + 1)
    length = int.from_bytes(memory[start + 4:start + 8], "little")
    table = bytearray(change(memory[start:start + length]))
    table[4:8] = len(table).to_bytes(4, "little")
    table[9] = 0
    table[9] = -sum(table) & 0xFF
    machine.ram.write(start, bytes(table))
    gdb.resume()
    return machine


def reserve(first, last, device, function):
    """An RMRR for a function of bus 0."""
    scope = bytes([1, 8, 0, 0, 0, 0, device, function])
    return struct.pack("<HHHHQQ", 1, 24 + len(scope), 0, 0, first, last) + scope


def walk(machine, source, address):
    """(page, access bits) that a function's request finds, by the unit's own tables; None: blocked."""
    root = machine.ram.read_u64((registers(machine, ROOT_TABLE, 8) & ~0xFFF) + 16 * (source >> 8))
    if not root & 1:
        return None
    low, high = (machine.ram.read_u64((root & ~0xFFF) + 16 * (source & 0xFF) + at) for at in (0, 8))
    if not low & 1:
        return None
    entry, access = low, 3
    for level in range((high & 7) + 1, -1, -1):
        index = address >> (12 + 9 * level) & 511
        entry = machine.ram.read_u64((entry & 0xFFFFFFFFFF000) + 8 * index)
        access &= entry
        if not access:
            return None
    return entry & 0xFFFFFFFFFF000, access


def test_firmware_memory(boot):
    """A function that firmware reserved memory for reaches those pages, at their own addresses, and
    no other; other functions stay blocked. Else: another page, or one more."""
    machine = boot_with_table(boot, lambda table: table + reserve(0xE0000, 0xE1FFF, 0x1F, 0))
    machine.expect("iommu: firmware's memory e0000 to e1fff for a device on bus 0: mapped")
    machine.expect(machine.PROMPT)
    for page in (0xE0000, 0xE1000):
        claim(walk(machine, 0xF8, page) == (page, 3), f"{page:#x}", walk(machine, 0xF8, page))
    for page in (0, 0xDF000, 0xE2000, 0x1000000, 0x40000000 + 0xE0000):
        claim(walk(machine, 0xF8, page) is None, f"{page:#x} blocked", walk(machine, 0xF8, page))
    claim(walk(machine, 0xFB, 0xE0000) is None, "00:1f.3 blocked", walk(machine, 0xFB, 0xE0000))
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.parametrize("first, last, why", [
    (0x1000000, 0x1000FFF, "it is memory of the kernel's"),
    (0xE0000, 0x10000FFF, "it is memory of the kernel's"),
    (0xE0000, 0xE07FF, "not whole pages"),
    (0x100000000, 0x1FFFFFFFF, "too large"),
    (0x7FFFFFF000, 0x8000000FFF, "no memory, or out of reach"),
    (0, 0xFFFFFFFFFFFFFFFF, "too large"),
], ids=["kernel", "across", "pieces", "large", "beyond", "all"])
def test_firmware_memory_refused(boot, first, last, why):
    """A range that firmware must not give away, or that is nonsense, is refused with the reason, and
    the function stays blocked. Else: "mapped", a context entry, or a panic."""
    machine = boot_with_table(boot, lambda table: table + reserve(first, last, 0x1F, 0))
    machine.expect(re.compile(f"iommu: firmware's memory .*: {why}"))
    machine.expect(machine.PROMPT)
    for page in (0xE0000, first & ~0xFFF, last & ~0xFFF):
        claim(walk(machine, 0xF8, page) is None, f"{page:#x} blocked", walk(machine, 0xF8, page))
    machine.halt()


@pytest.mark.parametrize("base, why", [
    (0x1000000, "its registers are where none can be"),
    (1 << 60, "its registers are where none can be"),
    (REGISTERS + 8, "its registers are where none can be"),
    (0xFEB00000, "its (version is 0|registers read as all ones)"),
], ids=["memory", "beyond", "inside", "nothing"])
def test_broken_unit(boot, base, why):
    """A unit that is not where the table says is done without, with the reason; the console works
    through interrupts that are not remapped. Else: a panic, a hang, or memory written to."""
    machine = boot_with_table(
        boot, lambda table: table[:56] + base.to_bytes(8, "little") + table[64:])
    machine.expect(re.compile(f"iommu: unit 0 at [0-9a-f]+ does not work: {why}; what is behind it"))
    machine.expect(machine.PROMPT)
    claim("reboot" in machine.shell("help"), "an answer to what was typed", machine.tail())
    claim(registers(machine, STATUS, 4) & (TRANSLATION | REMAPPING) == 0, "nothing on", "something")
    machine.halt()


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
    """A machine without an IOMMU runs, and says that it has none. Else: no prompt, or a unit."""
    machine = boot()
    machine.expect(machine.PROMPT)
    claim("reboot" in machine.shell("help"), "an answer to what was typed", machine.tail())
    log = machine.tail(1000)
    claim("iommu: none" in log and "iommu: unit" not in log, "that there is none", log)
    machine.halt()
