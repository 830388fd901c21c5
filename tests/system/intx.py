# SPDX-License-Identifier: MIT
"""Machines on which user/apps/intxtest declares where pins lead, and owns devices by their pins."""

import json
import pathlib
import re

from harness import Devices
from outside_edu import OutsideEdu
from packages import Package
from shell import claim, fresh_prompt, until

IMAGE = pathlib.Path("build/package/user/intxtest.elf")
EDU = {"vendor": 0x1234, "devices": [0x11E8]}
E1000 = {"vendor": 0x8086, "devices": [0x100E]}
CONSOLE = {"name": "console", "source": {"console": None}}
INTX_DISABLE = 1 << 10
BUDGET = {"frames": 256, "capSlots": 128, "objects": 128, "threads": 1, "dmaPages": 4, "mmioPages": 16,
          "interrupts": 64}


class OutsideEduPin(OutsideEdu):
    """edu, driven from outside, with its pin."""

    def raise_pin(self):
        self.command(on=2, off=INTX_DISABLE)
        self.qtest.store(self.bar + 0x60, 1)

    def drop_pin(self):
        self.qtest.store(self.bar + 0x64, 1)


def add_routing(made):
    """Add the program that declares to a package."""
    made.add("routing", IMAGE.read_bytes(), like="demo", budget=BUDGET, grants=[
        CONSOLE, {"name": "routing", "source": {"interruptRouting": None}}])
    made.images["intxtest"] = made.images.pop("routing")
    made.programs["routing"]["image"] = "intxtest"


def package(logs, owners, acpi=False):
    """The standard package without drivers, and without the acpi service unless it is wanted; `routing` may
    declare, and each of `owners`, {name: grant of a device}, owns one."""
    made = Package()
    if not acpi:
        del made.programs["acpi"]
    for program in made.programs.values():
        if program["start"] == "device":
            program["start"] = "demand"
    made.programs["edu"]["grants"][1]["source"]["device"]["byPin"] = True
    add_routing(made)
    program = made.add("owner", like="demo", budget={**BUDGET, "capSlots": 600, "objects": 600,
                                                     "interrupts": 300}, grants=[
        CONSOLE, {"name": "manager", "source": {"deviceManager": None}}])
    program["image"] = "intxtest"
    for name, device in owners.items():
        program = made.add(name, like="demo", budget=BUDGET, grants=[
            CONSOLE, {"name": "dev", "source": {"device": {"nth": 0, "poolPages": 0, "interrupts": 1,
                                                           "addressBits": 64, **device}}}])
        program["image"] = "intxtest"
    return made.write(logs)


def start(boot, logs, owners, place, cpus=2, declare=True, acpi=False, **options):
    """(machine, devices) at the prompt. `place` puts devices into a Devices."""
    devices = Devices(**options)
    place(devices)
    machine = boot(cpus=cpus, devices=devices, package=package(logs, owners, acpi), qtest=True)
    machine.expect(machine.PROMPT)
    if declare:
        run(machine, "routing declare")
    return machine, devices


def run(machine, what, seconds=60):
    """One program, whose checks must all pass."""
    text = machine.shell(f"run {what}", seconds)
    claim("exit code 0" in text and "FAILED" not in text and re.search(r"intxtest: \d+ checks, 0 failed", text),
          "no failed check, exit code 0", text)
    return text


def live(machine, what, sign):
    """Start a program that stays, and wait for its sign of life."""
    machine.write(f"run {what} &\r")
    machine.expect(re.compile(re.escape(sign) + r"\r"))
    fresh_prompt(machine)


def report(machine, topic, table):
    """Rows of one of the tables of `report TOPIC`."""
    rows = []
    for line in machine.shell(f"report {topic} -j").splitlines():
        start = line.find("{")
        if start >= 0:
            try:
                row = json.loads(line[start:])
            except ValueError:
                continue
            if row.get("kind") == table or row.get("table") == table:
                rows.append(row)
    return rows


def irqs(machine, table):
    return report(machine, "irqs", table)


def route(machine, name):
    """The one route of a function."""
    rows = [row for row in irqs(machine, "route") if row["bdf"] == name]
    claim(len(rows) == 1, f"one route of {name}", rows)
    return rows[0]


def goes_on(machine, name):
    """The owner of a function gets interrupts: at least three more than so far."""
    before = route(machine, name)["delivered"]
    until(machine, f"more interrupts of {name} than {before}", lambda: route(machine, name)["delivered"] >= before + 3)


def line(machine, number):
    """The one line that is input `number`."""
    rows = [row for row in irqs(machine, "line") if row["input"] == number]
    claim(len(rows) == 1, f"line {number} once", rows)
    return rows[0]
