# SPDX-License-Identifier: MIT
"""Devices, buses and tables that are not as they should be: a claim is refused with the reason, a driver
says why it ends, and the rest of the system works."""

import re

import audit
import devtest
import disks
import oracle
import pytest
from harness import Devices
from oracle import pci
from oracle.state import State
from outside_edu import OutsideEdu
from packages import Package
from shell import claim, fresh_prompt, wait_said
from test_iommu import reserve

VTD, LOCAL_APIC, IO_APIC, MMCONFIG, MEMORY = 0xFED90000, 0xFEE00000, 0xFEC00000, 0xB0000000, 0x1000000
BAR = 0x10
LINES_PER_SECOND, FAULTS = 10, 24  # of kernel/iommu/vtd_fault.c; more than those


def refused(machine, why, program="devtest window"):
    """A start that must be refused for this reason; all others must be alive, and agree."""
    text = machine.shell(f"run {program}")
    claim("checks" not in text and "exit code" not in text and why in text, f"a refusal that says {why}", text)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())


def before_boot(boot, logs, change, devices, **options):
    """A machine that is stopped when the kernel begins, changed from outside, and goes on."""
    machine = boot(devices=devices, package=devtest.package(logs, devtest.EDU), qtest=True, paused=True,
                   **options)
    gdb = machine.stop_at_kernel()
    change(machine)
    gdb.resume()
    machine.expect(machine.PROMPT)
    return machine


@pytest.mark.parametrize("address", [MEMORY, VTD, LOCAL_APIC, IO_APIC, MMCONFIG, 0xE0000000],
                         ids=["memory", "vtd", "apic", "ioapic", "config", "nothing"])
def test_bar_moved_before_claim(boot, logs, address):
    """A BAR that is not any more where the kernel found it is refused at the claim, wherever it is now;
    put back, it stays refused. Else: a program that owns memory of others as registers."""
    machine, devices = devtest.start(boot, logs)
    edu = OutsideEdu(machine, devices.names[0])
    bar = edu.bar
    machine.qtest.store(edu.config + BAR, address)
    refused(machine, "cannot be claimed")
    machine.qtest.store(edu.config + BAR, bar)
    refused(machine, "badBar")
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.parametrize("address", [MEMORY, LOCAL_APIC, IO_APIC, MMCONFIG, 0],
                         ids=["memory", "apic", "ioapic", "config", "zero"])
def test_bar_misplaced_at_boot(boot, logs, address):
    """A BAR that firmware put over memory or over registers of the machine's own is moved to a place of its
    own, where its function answers, and nothing else is. Else: a BAR that is left there."""
    devices = Devices()
    devices.edu()
    devices.disk()
    machine = before_boot(boot, logs, lambda machine: machine.qtest.store(
        OutsideEdu(machine, devices.names[0]).config + BAR, address), devices)
    answers(machine, devices.names[0], address)
    disks.background(machine, disks.DRIVER)
    disks.wait_served(machine)
    machine.halt()


def answers(machine, name, not_at):
    """edu answers at the address in its BAR, which is another one; where that is."""
    bar = OutsideEdu(machine, name).bar
    claim(bar not in (0, not_at), f"another address than {not_at:#x}", f"{bar:#x}")
    claim(machine.qtest.load(bar) == 0x010000ED, f"edu at {bar:#x}", f"{machine.qtest.load(bar):#x}")
    return bar


def test_bars_of_two_functions_at_one_address(boot, logs):
    """Of two functions at one address one is moved, so that each answers alone. Else: two at one place."""
    devices = Devices()
    devices.edu()
    devices.edu()
    before = []

    def change(machine):
        one, other = (OutsideEdu(machine, name) for name in devices.names)
        before.append(other.bar)
        machine.qtest.store(one.config + BAR, other.bar)
    machine = before_boot(boot, logs, change, devices)
    bars = [answers(machine, name, 0) for name in devices.names]
    claim(bars[0] == before[0] != bars[1], "the first stays, the second is moved", (before, bars))
    machine.halt()


def test_bridge_is_not_claimed(boot, logs):
    """A bridge, which decides what reaches what, cannot be claimed. Else: a claim that succeeds."""
    machine, _ = devtest.start(boot, logs, {"vendor": 0x1B36, "devices": [0x000C]})
    refused(machine, "bridge")
    oracle.inspect(machine)
    machine.halt()


def test_behind_a_pci_bridge(boot, logs):
    """A function whose requests carry the name of the bridge above it, as those of conventional PCI do,
    cannot be claimed: the IOMMU could not tell it from its neighbours. Else: a claim that succeeds."""
    devices = Devices()
    devices.add("pcie-pci-bridge", name="bridge0")
    machine = boot(devices=devices, package=devtest.package(logs, devtest.EDU),
                   extra=["-device", "edu,id=below,bus=bridge0,addr=3"])
    machine.expect(machine.PROMPT)
    refused(machine, "sharedRequester")
    machine.halt()


def test_one_group_has_one_owner(boot, logs):
    """Two functions of one device, which nothing keeps from reaching each other, have one owner: while a
    program has the first, another cannot have the second. Else: a claim that succeeds."""
    devices = Devices()
    devices.add("edu", name="one", slot=5, multifunction="on", dma_mask="0xffffffffffffffff")
    made = Package()
    devtest.package(logs, {**devtest.EDU, "nth": 0}, base=made)
    devtest.package(logs, {**devtest.EDU, "nth": 1}, name="devtest2", base=made)
    made.programs["devtest2"]["grants"][-1]["source"]["device"]["nth"] = 1
    machine = boot(devices=devices, package=made.write(logs),
                   extra=["-device", "edu,id=two,bus=pcie.0,addr=5.1"])
    machine.expect(machine.PROMPT)
    devtest.hold(machine)
    refused(machine, "busy", "devtest2 window")
    disks.kill(machine, "devtest")
    text = machine.shell("run devtest2 window")
    claim("checks, 0 failed" in text, "the second alone", text)
    oracle.inspect(machine)
    machine.halt()


def test_firmware_memory(boot, logs):
    """A function for which firmware has reserved memory (RMRR) cannot be claimed: it may use that on its
    own. Else: a claim that succeeds."""
    devices = Devices()
    devices.edu(slot=5)

    def change(machine):
        memory = machine.ram.read(0, machine.ram.below_4g)
        start = next(match.start() for match in re.finditer(b"DMAR", memory)
                     if memory[match.start() + 8] == 1 and memory[match.start() + 10:match.start() + 15] == b"BOCHS")
        length = int.from_bytes(memory[start + 4:start + 8], "little")
        table = bytearray(memory[start:start + length] + reserve(0xE0000, 0xE1FFF, 5, 0))
        table[4:8] = len(table).to_bytes(4, "little")
        table[9] = 0
        table[9] = -sum(table) & 0xFF
        machine.ram.write(start, bytes(table))
    machine = before_boot(boot, logs, change, devices)
    refused(machine, "firmwareMemory")
    machine.halt()


@pytest.mark.parametrize("driver, vendor, device", [("e1000e", 0x8086, 0x10D3), ("edu", 0x1234, 0x11E8)],
                         ids=["e1000e", "edu"])
def test_bars_after_a_reset(boot, logs, driver, vendor, device):
    """A reset of a function, or of the bus below its port, clears the BARs; the kernel puts them back, so
    that the function can be claimed again, as often as wanted. Else: the second claim is refused."""
    devices = Devices()
    devices.add(driver, port=True)
    machine = boot(devices=devices, package=devtest.package(logs, {"vendor": vendor, "devices": [device]}))
    machine.expect(machine.PROMPT)
    for _ in range(3):
        devtest.run(machine, "release")
    rows = [line for line in machine.shell("devices").splitlines() if f"{vendor:04x}:{device:04x}" in line]
    claim(len(rows) == 1 and " free " in rows[0] and "not reset" not in rows[0], "free, and reset", rows)
    oracle.inspect(machine)
    machine.halt()


def begin_second(machine):
    """From here on the kernel tells of ten faults, until this is called again, whatever the time is."""
    machine.qmp.execute("stop")
    state = State(machine)
    for name, value in (("second_end", (1 << 64) - 1), ("second_lines", 0)):
        state.ram.write(state.physical(state.variable(name, "kernel/iommu/vtd_fault.c").at),
                        value.to_bytes(8 if name == "second_end" else 4, "little"))
    machine.qmp.execute("cont")


def fault_all(edus):
    """A refused transfer of each. How many of them VT-d notes depends on how fast the kernel is."""
    for edu in edus:
        edu.begin(0x10000, 64)
    for edu in edus:
        edu.wait()


@pytest.mark.deadline(90)
def test_storm_of_many_devices(boot, logs):
    """Of the faults of sixteen devices ten are told in a second, and all are counted; the system answers
    meanwhile. The second ends when the test says so. Else: other numbers, or a prompt that does not come."""
    devices = Devices()
    for _ in range(16):
        devices.edu()
    machine = boot(devices=devices, package=devtest.package(logs, devtest.EDU), qtest=True)
    machine.expect(machine.PROMPT)
    edus = [OutsideEdu(machine, name) for name in devices.names]
    for edu in edus:
        edu.command(on=pci.BUS_MASTER | pci.MEMORY_SPACE)
    for second in (1, 2):
        at = audit.end(machine)
        begin_second(machine)
        while machine.output.count(" refused: ") < second * LINES_PER_SECOND:
            fault_all(edus)
        while len([record for record in audit.read(machine, at) if record["event"] == "faulted"]) < FAULTS:
            fault_all(edus)
        lines = machine.output.count(" refused: ")
        claim(lines == second * LINES_PER_SECOND, f"{second * LINES_PER_SECOND} lines", lines)
    for edu in edus:
        edu.command(off=pci.BUS_MASTER)
    fresh_prompt(machine)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.parametrize("says, properties", [
    ("its interrupt is a pin", {"vectors": 0}),
    ("would go past the IOMMU", {"iommu_platform": "off"}),
    ("only the interface before virtio 1.0. Give it disable-legacy=on,disable-modern=off", {"disable-legacy": "off", "disable-modern": "on", "iommu_platform": "off"}),
    (disks.READY, {"queue_size": 4}),
], ids=["no-interrupts", "no-remapping", "legacy-only", "small-queue"])
def test_odd_disks(boot, logs, says, properties):
    """A disk that lacks what the driver needs is refused with a message, or works within its limits; the
    system is at its prompt either way, and agrees. Else: a panic, a hang, or silence."""
    devices = Devices()
    devices.disk(disks.image(logs), **properties)
    machine = boot(devices=devices)
    machine.expect(machine.PROMPT)
    wait_said(machine, says)
    if says == disks.READY:
        disks.run(machine, "depth 4 load 200 basic")
    else:
        claim("nobody serves" in machine.shell("blk info"), "no disk", machine.tail())
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    oracle.inspect(machine)
    machine.halt()
