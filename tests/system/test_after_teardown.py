# SPDX-License-Identifier: MIT
"""What is left of a device's authority when it has been given up, or has never been given: looked for in
hardware, from outside."""

import re

import devtest
import disks
import intx
import oracle
from harness import Devices
from oracle import pci
from outside_edu import MMCONFIG, OutsideEdu
from packages import Package
from shell import claim, fresh_prompt, wait_processes


NO_DOMAIN = "the device has no domain"  # reason 02h of VT-d 4.1 section 7.1.3


def kill_holder(machine):
    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES)


def test_no_way_back(boot, logs):
    """After its owner's end a device that masters the bus all the same is refused because it has no
    domain, not because a page of some domain is missing: nothing remembers the one it had. The next owner
    has a new one. Else: another reason in the report."""
    machine, devices = devtest.start(boot, logs)
    edu = OutsideEdu(machine, devices.names[0])
    for _ in range(2):
        iova = devtest.hold(machine)
        edu.wait()
        edu.transfer(iova)  # so that its context is cached
        kill_holder(machine)
        edu.attack(iova)
        match = machine.expect(re.compile(rf"iommu: 0000:{pci.name_of(edu.bdf)} write to IOVA "
                                          rf"{iova:x} refused: (.*?)\r"), 10)
        claim(match.group(1) == NO_DOMAIN, NO_DOMAIN, match.group(1))
        fresh_prompt(machine)
        oracle.inspect(machine)
    machine.halt()


def test_access_of_buffers(boot, logs):
    """While a driver and its client are at work, the device has each page with the access that its buffer
    says, and each interrupt entry checks its source: by the oracle. Else: the page, or the entry."""
    machine, devices, _ = disks.start(boot, logs, limit=20)
    disks.background(machine, "blktest depth 16 load 100000")
    disks.wait_taken(machine, devices.names[0], 16)
    state = oracle.watch(machine)
    leaves = [leaf for unit in state.hardware.units for found in unit.leaves.values() for leaf in found]
    kinds = {(leaf.read, leaf.write) for leaf in leaves}
    claim(kinds == {(True, False), (False, True), (True, True)}, "pages of all three kinds", kinds)


def test_interrupt_released(boot, logs):
    """When an owner has released its interrupt, and goes on with the device, the device's own vector is
    masked, not only its way blocked. Else: a vector that is not masked."""
    machine, devices = devtest.start(boot, logs)
    edu = OutsideEdu(machine, devices.names[0])
    machine.write("run devtest quiet &\r")
    machine.expect("devtest: interrupt released")
    state = oracle.watch(machine)
    vectors = state.hardware.functions[edu.bdf].vectors
    claim(not any(vector.active for vector in vectors), "no active vector", vectors)
    claim(not any(irte.source == edu.bdf for unit in state.hardware.units for irte in unit.irtes),
          "no interrupt-remapping entry", state.hardware.units[0].irtes)
    fresh_prompt(machine)
    kill_holder(machine)
    oracle.inspect(machine)
    machine.halt()


def test_registers_go_with_their_capability(boot, logs):
    """An owner that releases its registers' capability while they are mapped has a page fault at the next
    touch, and the device is free. Else: "still there"."""
    machine, devices = devtest.start(boot, logs)
    bdf = pci.name_of(machine.bdf(devices.names[0]))
    for _ in range(2):
        machine.shell("run devtest cling")
        claim("still there" not in machine.output and "crash: process" in machine.output, "a crash",
              machine.tail())
        wait_processes(machine, devtest.SERVICES)
        claim(disks.device_row(machine, bdf)[4] == "free", "a free function", machine.tail())
    oracle.inspect(machine)
    machine.halt()


def test_small_bar(boot, logs):
    """A BAR smaller than a page, which shares its page with others', is not mapped; its registers are read
    through the kernel. Else: a mapping that succeeds."""
    devices = Devices()
    devices.add("sdhci-pci")  # 256 bytes, and a pin for interrupts
    made = Package()
    intx.add_routing(made)
    devtest.package(logs, {"vendor": 0x1B36, "devices": [7]}, base=made)
    machine = boot(devices=devices, package=made.write(logs))
    machine.expect(machine.PROMPT)
    intx.run(machine, "routing declare")
    devtest.run_twice(machine, "small")
    machine.halt()


def test_stopped_at_boot(boot, logs):
    """What firmware left on is off when the system is up: bus mastering, MSI, MSI-X, and INTx. Else: the
    function, and what of it is on."""
    devices = Devices()
    devices.edu()
    devices.disk()
    package = devtest.package(logs, devtest.EDU)
    machine = boot(devices=devices, package=package, qtest=True, paused=True)
    gdb = machine.stop_at_kernel()
    edu = OutsideEdu(machine, devices.names[0])
    bdf = machine.bdf(devices.names[1])
    disk = MMCONFIG + (bdf << 12)
    msi = pci.Function(edu.bdf, edu.config, machine.read_registers).capabilities[pci.CAP_MSI]
    msix = pci.Function(bdf, disk, machine.read_registers).capabilities[pci.CAP_MSIX]
    machine.qtest.store(edu.config + 4, 0x0107, 2)
    machine.qtest.store(edu.config + msi + 4, 0xFEE00000)
    machine.qtest.store(edu.config + msi + 2, 1, 2)
    machine.qtest.store(disk + msix + 2, 0x8000, 2)
    gdb.resume()
    machine.expect(machine.PROMPT)
    state = oracle.settle(machine)
    claim(oracle.complaints(state) == [], "no complaints", "\n".join(oracle.complaints(state)))
    functions = [state.hardware.functions[bdf] for bdf in (edu.bdf, bdf)]
    claim(functions[0].u16(msi + 2) & 1 == 0, "MSI of edu off", hex(functions[0].u16(msi + 2)))
    claim(functions[1].u16(msix + 2) & 0x8000 == 0, "MSI-X of the disk off", hex(functions[1].u16(msix + 2)))
    machine.qmp.execute("cont")
    machine.halt()


def test_bus_master_is_off(boot, logs):
    """After its owner's end no device masters the bus. Else: the function, by the oracle."""
    machine, devices = devtest.start(boot, logs)
    edu = OutsideEdu(machine, devices.names[0])
    devtest.hold(machine)
    claim(machine.qtest.load(edu.config + 4, 2) & pci.BUS_MASTER, "a bus master while it is owned", "none")
    kill_holder(machine)
    oracle.inspect(machine)
    claim(not machine.qtest.load(edu.config + 4, 2) & pci.BUS_MASTER, "no bus master", "one")
    machine.halt()


def test_marks_in_configuration_space(boot, logs):
    """What an owner writes into configuration space of a device that cannot be reset, the next owner does
    not read. Else: bytes of the last one's."""
    machine, _ = devtest.start(boot, logs)
    found = []
    for _ in range(2):
        found.append(re.search(r"devtest: found (.*)", devtest.run(machine, "marks")).group(1))
        wait_processes(machine, devtest.SERVICES)
    claim(found[0] == found[1], f"{found[0]}, twice", found)
    machine.halt()


def test_errors_in_configuration_space(boot, logs):
    """Errors that a function has noted for one owner are forgotten for the next. Else: bits that stay."""
    devices = Devices()
    name = devices.entropy(port=True, aer="on")
    machine = boot(devices=devices, package=devtest.package(logs, devtest.ENTROPY), qtest=True)
    machine.expect(machine.PROMPT)
    machine.write("run devtest wait &\r")
    machine.expect("devtest: waiting for an interrupt")
    fresh_prompt(machine)
    bdf = machine.bdf(name)
    config = MMCONFIG + (bdf << 12)
    express = pci.Function(bdf, config, machine.read_registers).capabilities[pci.CAP_EXPRESS]
    machine.inject_error(name, "BAD_TLP")
    status = machine.qtest.load(config + express + 10, 2)
    claim(status & 1, "a correctable error", f"{status:#x}")
    kill_holder(machine)
    status = machine.qtest.load(config + express + 10, 2)
    claim(status & 0xF == 0, "no error", f"{status:#x}")
    machine.halt()


def test_not_reset_is_shown(boot, logs):
    """edu cannot be reset: after its first owner `devices` says so, and it can be claimed again all the
    same, at addresses of its own. Else: a line that does not say it."""
    machine, devices = devtest.start(boot, logs)
    bdf = pci.name_of(machine.bdf(devices.names[0]))
    claim("not reset" not in " ".join(disks.device_row(machine, bdf)), "nothing yet", machine.tail())
    devtest.run(machine, "release")
    wait_processes(machine, devtest.SERVICES)
    row = " ".join(disks.device_row(machine, bdf))
    claim("free" in row and "not reset" in row, "free, not reset", row)
    devtest.run(machine, "release")
    machine.halt()
