# SPDX-License-Identifier: MIT
"""Transfers that are under way in real hardware when a device's owner ends, or that name what the owner does
not have: QEMU's nvme with reads in flight, and edu, with the very frames given to somebody else."""

import contextlib
import pathlib
import re

import audit
import devtest
import disks
import image
import oracle
import pytest
from harness import Devices, Unexpected, disk_image
from oracle import pci
from outside_edu import OutsideEdu
from shell import claim, fresh_prompt, has_line, until, wait_processes

NVME = {"vendor": 0x1B36, "devices": [0x0010]}
PAGE = 4096
TRIES = 5


def start_nvme(boot, logs, limit):
    """A machine in which devtest can own an NVMe controller whose disk does `limit` requests a second. It
    starts from the image: with a controller, SeaBIOS 1.16 keeps memory to itself where QEMU puts the module of
    a kernel that it starts directly."""
    changed = image.Changed(logs)
    changed.replace(image.KERNEL, pathlib.Path("build/kernel/capos.elf").read_bytes())
    changed.replace(image.PACKAGE, pathlib.Path(devtest.package(logs, NVME)).read_bytes())
    disk_image.create(logs / "disk.img", 4 << 20)
    devices = Devices()
    name = devices.add("nvme", drive="slow", serial="slow", port=True)
    devices.boot_disk(changed.path)
    machine = boot(devices=devices, boot="bios", extra=[
        "-object", f"throttle-group,id=limit,x-iops-total={limit}",
        "-blockdev", f"driver=file,node-name=disk,filename={logs / 'disk.img'}",
        "-blockdev", "driver=throttle,node-name=slow,throttle-group=limit,file=disk"])
    machine.expect(machine.PROMPT)
    return machine, pci.name_of(machine.bdf(name))


@pytest.mark.deadline(150)
def test_nvme_killed_with_reads_in_flight(boot, logs):
    """An owner of an NVMe controller is killed with seven reads in flight. The controller is reset: none of
    them arrives anywhere, also not where the IOMMU would refuse it; the next owner, whose whole pool is
    mapped meanwhile, has its memory unchanged, and the machine is as after the last time. Else: a page
    that has changed, a refused access, a function that was not reset, or a difference."""
    machine, bdf = start_nvme(boot, logs, 4)
    before = None
    for _ in range(3):
        machine.write("run devtest nvme &\r")
        machine.expect(re.compile(r"devtest: reading into 0x[0-9a-f]+\r"), 20)
        fresh_prompt(machine)
        machine.shell("kill devtest")
        wait_processes(machine, devtest.SERVICES, 20)
        text = machine.shell("run devtest next")
        claim(re.search(r"devtest: next at 0x[0-9a-f]+, \d+ pages", text) and "FAILED" not in text,
              "a next owner whose memory is unchanged", text)
        row = " ".join(disks.device_row(machine, bdf))
        claim(" free " in row and "not reset" not in row, "free, and reset", row)
        after = oracle.Snapshot(machine)
        if before is not None:
            after.must_equal(before)
        before = after
    claim(" refused" not in machine.output and "FAILED" not in machine.output, "no access that is refused",
          machine.tail(30))
    machine.halt()


def reported(machine, bdf):
    """Addresses at which the IOMMU has refused an access of a function, as the kernel has said."""
    return set(re.findall(rf"iommu: 0000:{bdf} [a-z]+ (?:of|to) (?:IOVA )?([0-9a-f]+) refused", machine.output))


@pytest.mark.deadline(120)
def test_nvme_told_strange_addresses(boot, logs):
    """An NVMe controller that is told to answer into memory of the kernel's or of others, into the IOMMU's
    registers, or to look for its doorbells there, is refused by the IOMMU and reported; nothing there changes, and
    the system goes on. Else: no report, a page that has changed, or a difference that the oracle finds."""
    machine, bdf = start_nvme(boot, logs, 1000)
    state = oracle.settle(machine)
    victims = [0x100000, 0x1000000]
    kept = {address: machine.ram.read(address, PAGE) for address in victims
            if state.kind(address // PAGE) in ("free", "kernel_image")}
    machine.qmp.execute("cont")
    claim(kept, "pages that do not change by themselves", [state.kind(address // PAGE) for address in victims])
    wanted = {f"{address:x}" for address in victims}
    for _ in range(TRIES):  # the unit has one record: of what comes before the last was read nobody hears
        devtest.run(machine, "nvme-strange")
        with contextlib.suppress(Unexpected):  # reports come when the unit's interrupt does
            until(machine, f"reports of {wanted}", lambda: wanted <= reported(machine, bdf), 1)
            break
    claim(wanted <= reported(machine, bdf), f"reports of {wanted}", reported(machine, bdf))
    fresh_prompt(machine)
    for address, bytes_before in kept.items():
        claim(machine.ram.read(address, PAGE) == bytes_before, f"{address:#x} unchanged", "changed")
    wait_processes(machine, devtest.SERVICES, 20)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    machine.halt()


def keep(machine, edu):
    """Start an owner with its whole pool mapped: (IOVA, {frame: its bytes})."""
    machine.write("run devtest keep &\r")
    iova = int(machine.expect(re.compile(r"devtest: keeping 0x([0-9a-f]+)\r"), 20).group(1), 16)
    fresh_prompt(machine)
    leaves = oracle.watch(machine).hardware.units[0].reach(edu.bdf)
    frames = sorted((leaf.iova, leaf.physical // PAGE) for leaf in leaves)
    return iova, [frame for _, frame in frames]


def contents(machine, frames):
    return {frame: machine.ram.read(frame * PAGE, PAGE) for frame in frames}


@pytest.mark.deadline(150)
def test_same_frames_at_once(boot, logs):
    """The next owner of a device has the very frames of the last one, at once; a transfer of the last one's
    that the device makes now, to its old address, changes none of them, and one of the new owner's does.
    Else: a frame that has changed, or no frame that is the same."""
    devices = Devices()
    name = devices.edu()
    machine = boot(cpus=1, devices=devices, qtest=True,
                   package=devtest.package(logs, devtest.EDU, pool_pages=64))
    machine.expect(machine.PROMPT)
    edu = OutsideEdu(machine, name)
    before = []
    for _ in range(3):
        iova, frames = keep(machine, edu)
        if before:
            claim(set(frames) & set(before[-1][1]), "frames of the last owner's", (frames, before[-1][1]))
        kept = contents(machine, frames)
        for old, _ in before:
            edu.attack(old + 5 * PAGE)
        claim(contents(machine, frames) == kept, "no byte of the new owner's has changed",
              [hex(frame) for frame, data in contents(machine, frames).items() if data != kept[frame]])
        edu.transfer(iova + 5 * PAGE)
        changed = [frame for frame, data in contents(machine, frames).items() if data != kept[frame]]
        claim(changed == [frames[5]], "the frame of a transfer of its own", changed)
        before.append((iova, frames))
        disks.kill(machine, "devtest")
    machine.halt()


@pytest.mark.deadline(120)
def test_attacks_of_an_owner(boot):
    """edu's driver tells its device what no owner may have: memory behind its buffer, across its end, of the kernel's,
    memory to be read only, memory that was taken from it a moment ago. It is refused, and that is in the audit log; a
    driver that then ends with a transfer under way leaves a device that serves the next one. Else: a claim of the
    driver's that fails, no record, a complaint of the oracle's."""
    devices = Devices()
    devices.edu()
    machine = boot(devices=devices)
    machine.expect(machine.PROMPT)
    for attack in ("dma-outside", "dma-kernel", "dma-cross", "dma-readonly", "dma-after-unmap"):
        at = audit.end(machine)
        text = machine.shell(f"run edu {attack}", 60)
        claim(has_line(text, "edu: 0 of its claims failed"), f"edu {attack}", text)
        until(machine, f"{attack}: a refused access in the audit log",
              lambda: any(record["event"] == "faulted" for record in audit.read(machine, at)))
    machine.shell("run edu dma-die", 60)
    text = machine.shell("run edu", 60)
    claim(has_line(text, "edu: 0 of its claims failed"), "the next owner at work", text)
    oracle.inspect(machine)
    machine.halt()


def test_translation_by_the_device(boot, logs):
    """A device that could translate addresses itself (ATS), and so pass the IOMMU, has that switched off, and
    its owner cannot switch it on. Else: a line FAILED of devtest."""
    devices = Devices()
    devices.disk(ats="on")
    machine = boot(devices=devices, package=devtest.package(logs, {"vendor": 0x1AF4, "devices": [0x1042]}))
    machine.expect(machine.PROMPT)
    devtest.run_twice(machine, "ats")
    machine.halt()
