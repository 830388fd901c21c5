# SPDX-License-Identifier: MIT
"""Gate run-devicemmio-grant: DeviceMmio is granted, used, refused, stale and released as the schema
says. What the holder sees user/apps/devtest judges; what it cannot see is judged here."""

import re

import audit
import devtest
import oracle
import pytest
from harness import Devices
from oracle import pci
from packages import Package
from shell import claim, process_table, wait_processes


@pytest.mark.parametrize("test", ["window", "config"])
def test_grant(boot, logs, test):
    """The owner of edu can map and read its registers and what of configuration space is its own, and
    nothing more; when it ends, the machine is as before. Else: a line FAILED of devtest, or a
    difference that the oracle finds."""
    machine, _ = devtest.start(boot, logs)
    devtest.run_twice(machine, test)
    machine.halt()


def test_msix_table_is_the_kernels(boot, logs):
    """The owner of a device with MSI-X can neither map the page of its table nor write to it. Else: a
    line FAILED of devtest, or a vector that the oracle finds changed."""
    machine, _ = devtest.start(boot, logs, devtest.ENTROPY)
    devtest.run_twice(machine, "table")
    machine.halt()


@pytest.mark.parametrize("test", ["owner", "hand", "part", "release"])
def test_ownership(boot, logs, test):
    """A claim has one owner: its capabilities cannot be copied, can be handed on only while it is
    unused, are of no use to whom they have left, and end with their release. Else: a line FAILED of
    devtest, or something that is left by the oracle's count."""
    machine, _ = devtest.start(boot, logs)
    devtest.run_twice(machine, test)
    machine.halt()


def test_refused_mapping_is_not_charged(boot, logs):
    """A first mapping of registers that is refused leaves nothing charged. Else: an object less that the
    owner can make."""
    base = Package()
    devtest.package(logs, devtest.EDU, base=base)
    base.programs["devtest"]["budget"]["objects"] = 48
    devices = Devices()
    devices.edu()
    machine = boot(devices=devices, package=base.write(logs))
    machine.expect(machine.PROMPT)
    devtest.run_twice(machine, "charge")
    machine.halt()


def test_unmapped_registers_are_gone(boot, logs):
    """When unmap has returned, a touch of the registers is a page fault of the process, and the device
    is torn down and free for the next. Else: an exit code instead of a crash, or a claim refused."""
    machine, _ = devtest.start(boot, logs)
    for _ in range(3):
        machine.shell("run devtest touch")
        claim(re.search(r"crash: process \d+", machine.output), "a crash", machine.tail())
    wait_processes(machine, devtest.SERVICES)
    devtest.run(machine, "window")
    oracle.inspect(machine)
    machine.halt()


def test_second_claim_is_refused(boot, logs):
    """While a program owns a device, another that wants it does not start, and says why. Else: it
    runs, or the first one loses its device."""
    machine, _ = devtest.start(boot, logs)
    devtest.hold(machine)
    text = machine.shell("run devtest window")
    claim("checks" not in text and re.search("busy|owne|taken|in use", text), "a refusal", text)
    claim("devtest" in process_table(machine), "the first owner, alive", process_table(machine))
    oracle.inspect(machine)
    machine.halt()


def test_strange_claims(boot, logs):
    """A claim with address bits or a kind of interrupt that cannot be is refused, as is one more interrupt of
    a claim that was, or will be. Else: the number of those that were done."""
    machine, devices = devtest.start(boot, logs)
    edu = audit.function_index(machine, pci.name_of(machine.bdf(devices.names[0])))
    for _ in range(2):
        text = machine.shell(f"run manage strange {edu}")
        claim("manage: 0 of what is strange was done" in text and "exit code 0" in text, "refusals", text)
    oracle.inspect(machine)
    machine.halt()


def test_claim_without_iommu(boot, logs):
    """Without an IOMMU a claim is refused, and the reason is told; the rest of the system runs. Else:
    the program starts, or the message names another reason."""
    machine, _ = devtest.start(boot, logs, iommu=False)
    text = machine.shell("run devtest window")
    claim("checks" not in text and re.search("noIommu", text), "a refusal that says noIommu", text)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    oracle.inspect(machine)
    machine.halt()
