# SPDX-License-Identifier: MIT
"""Gate run-dmapool-grant: DMAPool and DMABuffer are granted, used, refused, stale and released as the
schema says, and the device reaches nothing else. What the holder sees user/apps/devtest judges; memory
is compared, and VT-d's tables are walked, from outside."""

import re
import time

import devtest
import oracle
import pytest
from harness import Devices
from oracle import pci
from outside_edu import MAX_BYTES, OutsideEdu
from shell import claim, fresh_prompt, wait_processes

PAGE = 4096


@pytest.mark.deadline(120)
@pytest.mark.parametrize("test", ["pool", "buffer", "poor"])
def test_grant(boot, logs, test):
    """The owner of edu can let its device reach its memory, up to the pool's limit, in the ways that it
    may itself, at addresses that are never used twice; when a buffer has ended the device reaches it no
    more. When the owner ends the machine is as before. Else: a line FAILED of devtest, or a difference
    that the oracle finds."""
    machine, _ = devtest.start(boot, logs)
    devtest.run_twice(machine, test)
    machine.halt()


@pytest.mark.parametrize("kernel", ["kernel", "kernel-debug"])
def test_unmapped_before_it_is_mapped(boot, logs, kernel):
    """A buffer whose map the IOMMU has not answered cannot be unmapped by who guesses its capability, and the
    map is answered; a debug kernel waits for that answer, mostly until after the unmap. Else: a call without an
    answer, or a kernel that writes to an operation that is gone."""
    devices = Devices()
    devices.edu()
    machine = boot(devices=devices, package=devtest.package(logs, devtest.EDU),
                   kernel=f"build/{kernel}/capos.elf")
    machine.expect(machine.PROMPT)
    for _ in range(20):
        text = devtest.run(machine, "hasty")
        seen = re.search(r"unmapping what is being mapped: (\w+)", text).group(1)
        if kernel == "kernel" or seen == "busy":
            break
    claim(kernel == "kernel" or seen == "busy", "busy once, on the debug kernel", text)
    oracle.inspect(machine)
    machine.halt()


def test_buffer_is_the_owners_frame(boot, logs):
    """The address that a buffer has leads through VT-d's tables to the very frame that the owner has
    mapped, and to nothing else. Else: the frames that the device reaches."""
    machine, devices = devtest.start(boot, logs)
    iova = devtest.hold(machine)
    state = oracle.settle(machine)
    claim(oracle.complaints(state) == [], "no complaints", "\n".join(oracle.complaints(state)))
    owner = next(process for process in state.processes if process.name == "devtest")
    unit, = state.hardware.units
    leaves = unit.reach(machine.bdf(devices.names[0]))
    claim([leaf.iova for leaf in leaves] == [iova + page * PAGE for page in range(4)], "four pages",
          leaves)
    mapped = {leaf.physical for leaf in owner.walk.leaves}
    claim(all(leaf.physical in mapped for leaf in leaves), "frames that the owner has mapped", leaves)
    machine.qmp.execute("cont")
    machine.halt()


def test_outside_the_buffers(boot, logs):
    """With an owner alive, its device writes outside its buffers: in front, behind, at physical
    addresses of the owner and of others. Each is refused and reported with BDF and address, and no
    page of memory but the buffer's has changed. Else: the page, or no report."""
    machine, devices = devtest.start(boot, logs)
    iova = devtest.hold(machine)
    edu = OutsideEdu(machine, devices.names[0])
    edu.wait()
    state = oracle.settle(machine)
    buffer = state.hardware.units[0].reach(edu.bdf)[0].physical
    free = next(frame for frame in range(len(state.frames) - 1, 0, -1) if state.kind(frame) == "free")
    shell = next(process for process in state.processes if process.name == "shell")
    text = next(leaf.physical for leaf in shell.walk.leaves if leaf.access == "ur-x")
    machine.qmp.execute("cont")
    for target in (iova - PAGE, iova + 4 * PAGE, buffer, free * PAGE, text, 0x100000, 1 << 38):
        pages = {place: machine.ram.read(place, PAGE) for place in (buffer, free * PAGE, text)}
        edu.transfer(target, MAX_BYTES)
        machine.expect(re.compile(rf"iommu: 0000:{pci.name_of(edu.bdf)} write to (IOVA )?{target:x} refused"), 10)
        for place, before in pages.items():
            claim(machine.ram.read(place, PAGE) == before, f"{place:#x} unchanged after {target:#x}",
                  "changed")
    fresh_prompt(machine)
    machine.halt()


@pytest.mark.deadline(120)
@pytest.mark.parametrize("end", ["crash", "leave", "kill"])
def test_transfer_at_the_owners_end(boot, logs, end):
    """A transfer under way when its owner crashes, exits or is killed reaches nobody: not the next
    owner of the device, whose whole pool is mapped while it would arrive, and not the old frames,
    which others have by then. Else: a page of the next owner that has changed, an address that was
    used before, or a claim that is refused."""
    machine, _ = devtest.start(boot, logs)
    addresses = []
    for _ in range(3):
        if end == "kill":
            addresses.append(devtest.hold(machine))
            machine.shell("kill devtest")
        else:
            machine.write(f"run devtest {end}\r")
            match = machine.expect(re.compile(r"devtest: holding 0x([0-9a-f]+)\r"))
            addresses.append(int(match.group(1), 16))
            machine.expect(machine.PROMPT)
        text = machine.shell("run devtest next")
        match = re.search(r"devtest: next at 0x([0-9a-f]+), (\d+) pages", text)
        claim(match and "FAILED" not in text, "a next owner whose memory is unchanged", text)
        addresses.append(int(match.group(1), 16))
    claim(addresses == sorted(set(addresses)), "addresses that only grow", [hex(a) for a in addresses])
    wait_processes(machine, devtest.SERVICES)
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.deadline(120)
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_killed_under_load(boot, logs, cpus):
    """An owner that maps, transfers and takes interrupts without pause is killed at random moments: the
    oracle finds the same machine each time. Else: the difference."""
    machine, _ = devtest.start(boot, logs, cpus=cpus)
    before = None
    for count in range(8):
        machine.write("run devtest load &\r")
        machine.expect("devtest: loading")
        fresh_prompt(machine)
        time.sleep(0.05 + 0.037 * count)
        machine.shell("kill devtest")
        wait_processes(machine, devtest.SERVICES, 10)
        after = oracle.Snapshot(machine)
        if before is not None:
            after.must_equal(before)
        before = after
    machine.halt()
