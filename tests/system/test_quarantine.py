# SPDX-License-Identifier: MIT
"""Devices that nobody has seen come to rest: what they may still reach is set aside, and counted."""

import re

import devtest
import disks
from oracle import pci
from outside_edu import OutsideEdu
from shell import claim, fresh_prompt

VTD = 0xFED90000
QUEUE_TAIL = VTD + 0x88  # VT-d 4.1 section 11.4.9.2
BEYOND = 0x7FFF0  # no entry of the queue: the unit reports an error of its queue, and takes no more
CACHE_LINE_SIZE = 0x0C


def break_unit(machine):
    """Make the IOMMU refuse its queue from here on; the kernel gives it up at once."""
    machine.qtest.store(QUEUE_TAIL, BEYOND, 8)
    machine.expect("unit 0 is given up", 10)
    fresh_prompt(machine)


def test_unit_dies_before_the_first_map(boot, logs):
    """An owner's first map on an IOMMU that has stopped answering takes the device back in that same call:
    its bus mastering stays off, in quarantine as well. Else: a device in quarantine that masters the
    bus."""
    machine, devices = devtest.start(boot, logs)
    edu = OutsideEdu(machine, devices.names[0])
    machine.write("run devtest late &\r")
    machine.expect("devtest: waiting")
    fresh_prompt(machine)
    break_unit(machine)
    machine.qtest.store(edu.config + CACHE_LINE_SIZE, 8, 1)
    machine.expect(re.compile(r"nobody has seen it come to rest"), 20)
    fresh_prompt(machine)
    row = disks.device_row(machine, pci.name_of(edu.bdf))
    claim(row[4] == "quarantined", "quarantine", row)
    command = machine.qtest.load(edu.config + 4, 2)
    claim(not command & pci.BUS_MASTER, "no bus master", f"command {command:#x}")
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    machine.halt()
