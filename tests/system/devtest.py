# SPDX-License-Identifier: MIT
"""Machines on which user/apps/devtest owns a device, for the tests of grants."""

import pathlib
import re

import oracle
from harness import Devices, disk_image
from packages import Package
from shell import SERVICES, claim, ended, fresh_prompt  # noqa: F401 (SERVICES: for tests)

IMAGE = pathlib.Path("build/package/user/devtest.elf")
EDU = {"vendor": 0x1234, "devices": [0x11E8]}
ENTROPY = {"vendor": 0x1AF4, "devices": [0x1044]}
POOL_PAGES = 64


def package(logs, device, name="devtest", pool_pages=POOL_PAGES, base=None):
    """The standard package without drivers, with devtest owning a device of these ids: its file; or, for
    more of them, what was made of `base`."""
    made = base or Package()
    made.programs.pop("acpi", None)  # where pins lead would be in the audit log
    for program in made.programs.values():
        if program["start"] == "device":
            program["start"] = "demand"
    made.add(name, IMAGE.read_bytes() if "devtest" not in made.images else None, like="demo", grants=[
        {"name": "console", "source": {"console": None}},
        {"name": "spawner", "source": {"spawner": None}},
        {"name": "bootPackage", "source": {"bootPackage": None}},
        {"name": "dev", "source": {"device": {**device, "nth": 0, "poolPages": pool_pages,
                                              "interrupts": 1, "addressBits": 64}}},
    ], budget={"frames": 1024, "capSlots": 256, "objects": 512, "threads": 2, "dmaPages": 4 * pool_pages,
               "mmioPages": 1024, "interrupts": 4})
    made.programs[name]["image"] = "devtest"
    if "manage" not in made.programs:
        made.add("manage", like="demo", grants=[
            {"name": "console", "source": {"console": None}},
            {"name": "deviceManager", "source": {"deviceManager": None}}],
                 budget={"frames": 160, "capSlots": 32, "objects": 32, "threads": 2, "interrupts": 1})
        made.programs["manage"]["image"] = "devtest"
    return made.write(logs) if base is None else made


def start(boot, logs, device=None, cpus=2, **options):
    """(machine, devices) at the prompt, with edu, entropy and a disk, none of them owned."""
    devices = Devices(**options)
    devices.edu()
    devices.entropy()
    if not (logs / "disk.img").exists():
        disk_image.create(logs / "disk.img", 4 << 20)
    devices.disk(logs / "disk.img")
    machine = boot(cpus=cpus, devices=devices, package=package(logs, device or EDU), qtest=True)
    machine.expect(machine.PROMPT)
    return machine, devices


def hold(machine):
    """Start an owner that holds everything, with a transfer under way; the address of its buffer."""
    machine.write("run devtest hold &\r")
    match = machine.expect(re.compile(r"devtest: holding 0x([0-9a-f]+)\r"))
    fresh_prompt(machine)
    return int(match.group(1), 16)


def run(machine, test, seconds=60):
    """One test of devtest, which must pass."""
    text = machine.shell(f"run devtest {test}", seconds)
    wrong = [line for line in text.splitlines() if "FAILED" in line or "panic" in line or "exit" in line]
    claim(ended(text, "devtest") and "FAILED" not in text, "no failed check, exit code 0",
          "\n".join(wrong[:12]))
    claim(int(re.search(r"devtest: (\d+) checks, 0 failed", text).group(1)) > 0, "some checks", text)
    return text


def run_twice(machine, test):
    """As run(); after the second time the machine is as after the first, by the oracle."""
    run(machine, test)
    before = oracle.Snapshot(machine)
    run(machine, test)
    oracle.Snapshot(machine).must_equal(before)
