# SPDX-License-Identifier: MIT
"""Before any grant no device reaches memory, masters the bus or raises an interrupt; where nothing can
keep it from that, the system says so.

The attacks come from outside: QEMU's edu device is programmed through the test socket as if it had a
will of its own, and memory is compared from outside, too."""

import re
import time

import oracle
import pytest
from harness import Devices, disk_image
from oracle import pci, vtd
from outside_edu import MAX_BYTES, OutsideEdu
from packages import Package
from shell import claim, fresh_prompt, wait_said

PAGE = 4096


def start(boot, logs, cpus=2, **options):
    """A machine with one of each device, at its prompt: (machine, devices)."""
    devices = Devices(**options)
    disk_image.create(logs / "disk.img", 4 << 20)
    devices.edu()
    devices.disk(logs / "disk.img")
    devices.entropy()
    devices.testdev()
    package = Package()
    for program in package.programs.values():
        if program["start"] == "device":
            program["start"] = "demand"  # so that nobody owns anything
    machine = boot(cpus=cpus, devices=devices, package=package.write(logs), qtest=True)
    machine.expect(machine.PROMPT)
    return machine, devices


@pytest.mark.parametrize("bits", [39, 48])
def test_nothing_is_allowed_at_boot(boot, logs, bits):
    """After boot, translation and interrupt remapping are on, no function is attached to anything, none
    that nobody owns masters the bus, and no vector of it is unmasked. Else: a line of the oracle."""
    machine, _ = start(boot, logs, address_bits=bits)
    state = oracle.settle(machine)
    claim(oracle.complaints(state) == [], "no complaints", "\n".join(oracle.complaints(state)))
    unit, = state.hardware.units
    claim(unit.translating and unit.remapping and not unit.compatibility, "translating and remapping",
          f"GSTS {unit.status:#x}")
    machine.qmp.execute("cont")
    machine.halt()


def victims(state):
    """{name: physical address} of pages that a device must not touch, one of each kind."""
    found = {}
    for frame in range(len(state.frames) - 1, 255, -1):
        found.setdefault(state.kind(frame), frame * PAGE)
    shell = next(process for process in state.processes if process.name == "shell")
    found["page of the shell"] = next(leaf for leaf in shell.walk.leaves
                                      if leaf.access == "urw-").physical
    found["kernel text"] = state.image.symbols["kernel_text_start"] - \
        state.image.symbols["KERNEL_VIRTUAL_BASE"]
    unit = state.hardware.units[0]
    found["IOMMU's root table"] = unit.root & ~0xFFF
    return found


def wait_fault(machine, bdf, address):
    """The kernel reports the fault with BDF and address."""
    machine.expect(re.compile(rf"iommu: 0000:{pci.name_of(bdf)} [a-zA-Z ]+ {address:x} refused"), 10)


def test_device_reaches_nothing(boot, logs):
    """A device that nobody owns, with bus mastering forced on from outside, writes to and reads from
    every kind of memory: each access is refused and reported with BDF and address, and no byte of
    memory or of the device's buffer has changed. Else: the page that differs, or no report."""
    machine, devices = start(boot, logs)
    edu = OutsideEdu(machine, devices.names[0])
    state = oracle.settle(machine)
    pages = victims(state)
    machine.qmp.execute("cont")
    claim({"free", "page_table", "memory", "kernel_image"} <= set(pages), "pages of many kinds", pages)
    for name, address in pages.items():
        before = machine.ram.read(address, PAGE)
        edu.attack(address + 8, 1024)
        wait_fault(machine, edu.bdf, address)
        if name not in ("ring", "per_cpu", "page of the shell"):  # those change by themselves
            claim(machine.ram.read(address, PAGE) == before, f"{name} at {address:#x} unchanged", "changed")
    kept = machine.ram.read(pages["free"], PAGE)
    machine.ram.write(pages["free"], b"secret! " * 512)
    edu.attack(pages["free"], 1024, to_memory=False)
    wait_fault(machine, edu.bdf, pages["free"])
    machine.ram.write(pages["free"], kept)
    fresh_prompt(machine)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    oracle.inspect(machine)
    # What it read it did not get: with VT-d switched off from outside, its buffer can be seen.
    unit = state.hardware.units[0]
    machine.qtest.store(unit.base + vtd.GCMD, unit.status & ~vtd.TRANSLATING)
    machine.ram.write(pages["free"], b"\xA5" * PAGE)
    edu.attack(pages["free"], 1024)
    claim(machine.ram.read(pages["free"], PAGE) == bytes(1024) + b"\xA5" * (PAGE - 1024),
          "zeros in the device's buffer", machine.ram.read(pages["free"], 16))


@pytest.mark.deadline(90)
def test_fault_storm(boot, logs):
    """A device that faults without end is reported within bounds, and the system answers meanwhile.
    Else: thousands of lines, or a prompt that does not come."""
    machine, devices = start(boot, logs)
    edu = OutsideEdu(machine, devices.names[0])
    edu.command(on=pci.BUS_MASTER | pci.MEMORY_SPACE)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        edu.begin(0x10000, MAX_BYTES)
        edu.wait()
        machine.shell("echo still here", 5)
    wait_said(machine, "refused")
    lines = machine.output.count("refused")
    claim(lines < 400, "some reports, not thousands", f"{lines} lines")
    edu.command(off=pci.BUS_MASTER)
    time.sleep(1.5)  # a second in which reports are held back
    fresh_prompt(machine)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    oracle.inspect(machine)
    machine.halt()


def test_without_iommu(boot, logs):
    """On a machine without VT-d the system boots and works, says that nothing keeps devices from
    memory, and leaves every function's bus mastering off. Else: silence about it, or a bus master."""
    machine, _ = start(boot, logs, iommu=False)
    claim(re.search(r"iommu: .*(no|none)", machine.output), "a line about the missing IOMMU",
          machine.tail(30))
    oracle.inspect(machine)
    machine.halt()


def test_without_interrupt_remapping(boot, logs):
    """On a machine whose VT-d does not remap interrupts the system works, says what it cannot promise,
    and keeps DMA confined. Else: silence about it, or a complaint of the oracle."""
    machine, _ = start(boot, logs, intremap=False)
    claim(re.search(r"iommu: .*interrupt remapping (off|not|un|miss)", machine.output) or
          re.search(r"iommu: .*no interrupt remapping", machine.output), "a line about interrupts",
          machine.tail(30))
    oracle.inspect(machine)
    machine.halt()
