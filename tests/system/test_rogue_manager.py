# SPDX-License-Identifier: MIT
"""Who holds the DeviceManager may take every device of the machine; it may not break the kernel. Claims at
moments that nobody who means well would choose, and claims that have to be undone half-way."""

import audit
import devtest
import oracle
import pytest
from harness import Devices
from oracle import pci
from packages import Package
from shell import claim, ended, fresh_prompt, wait_processes

DYING_ROUNDS = 6


def package(logs):
    """That of devtest, which is granted edu, or entropy as devtest-b, with a richer holder of the
    DeviceManager."""
    base = Package()
    base.add("manage", devtest.IMAGE.read_bytes(), like="demo", grants=[
        {"name": "console", "source": {"console": None}},
        {"name": "deviceManager", "source": {"deviceManager": None}}],
             budget={"frames": 2048, "capSlots": 200, "objects": 400, "threads": 32, "interrupts": 4,
                     "dmaPages": 64, "mmioPages": 16})
    devtest.package(logs, devtest.EDU, base=base)
    return devtest.package(logs, devtest.ENTROPY, "devtest-b", base=base).write(logs)


def start(boot, logs, cpus=2, **options):
    """(machine, the place of a function with five vectors, its number in the ledger)"""
    devices = Devices()
    name = devices.add("e1000e", port=True)
    machine = boot(cpus=cpus, devices=devices, package=package(logs), **options)
    machine.expect(machine.PROMPT)
    bdf = pci.name_of(machine.bdf(name))
    return machine, bdf, audit.function_index(machine, bdf)


@pytest.mark.parametrize("kernel", ["kernel", "kernel-debug"])
def test_interrupt_without_room(boot, logs, kernel):
    """An interrupt that is refused for want of a capability slot has taken nothing: the next one, asked for
    in the same entry of the kernel, is the vector that the first would have been, works, and ends. Else:
    another status or number, or a kernel that follows a pointer of the first into the second."""
    machine, bdf, index = start(boot, logs, kernel=f"build/{kernel}/capos.elf")
    text = machine.shell(f"run manage slots {index}")
    claim("interrupts: overBudget, ok, number 1" in text, "interrupts: overBudget, ok, number 1", text)
    audit.wait(machine, bdf, "freed")
    wait_processes(machine, devtest.SERVICES)
    fresh_prompt(machine)
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.parametrize("kernel", ["kernel", "kernel-debug"])
def test_handed_on_before_it_is_ready(boot, logs, kernel):
    """An interrupt that was to be unmasked as soon as hardware is ready, and is somebody else's by then, is
    masked. On the debug kernel hardware is never ready at once, on the other one always. Else: "unmasked"."""
    base = Package()
    base.add("manage", devtest.IMAGE.read_bytes(), like="demo", grants=[
        {"name": "console", "source": {"console": None}},
        {"name": "spawner", "source": {"spawner": None}},
        {"name": "bootPackage", "source": {"bootPackage": None}},
        {"name": "deviceManager", "source": {"deviceManager": None}}],
             budget={"frames": 2048, "capSlots": 200, "objects": 400, "threads": 8, "interrupts": 4,
                     "dmaPages": 256, "mmioPages": 64})
    base.programs["manage"]["image"] = "devtest"
    devtest.package(logs, devtest.EDU, base=base)
    devices = Devices()
    name = devices.edu()
    machine = boot(cpus=1, devices=devices, package=base.write(logs),
                   kernel=f"build/{kernel}/capos.elf")
    machine.expect(machine.PROMPT)
    bdf = pci.name_of(machine.bdf(name))
    index = audit.function_index(machine, bdf)
    for _ in range(3):
        text = machine.shell(f"run manage hand {index}")
        wait_processes(machine, devtest.SERVICES)
        if kernel == "kernel" and "it was always ready" in text:
            break
        claim("handed on masked" in text and "FAILED" not in text, "handed on masked", text)
    else:
        handed = [record for record in audit.of(audit.read(machine), bdf) if record["event"] == "moved"]
        claim(len(handed) == 3, "three claims that were handed on", handed)
    oracle.inspect(machine)
    machine.halt()


def test_pin_that_leads_nowhere(boot, logs):
    """A claim by a pin of which nobody has said where it leads is undone: the Interrupt that was made for it
    goes once. Else: an assertion of the debug kernel, or something left in the accounts."""
    machine, _, index = start(boot, logs, kernel="build/kernel-debug/capos.elf")
    machine.shell(f"run manage pin {index}")
    before = oracle.Snapshot(machine)
    text = machine.shell(f"run manage pin {index}")
    claim("claim by pin: unsupported" in text, "claim by pin: unsupported", text)
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()


@pytest.mark.parametrize("cpus", [2, 4])
def test_claim_of_the_dying(boot, logs, cpus):
    """A process that is ended while one of its threads is on its way to claim a function owns nothing after
    that. Else: a function that the dead own, or a kernel that finds no place for their capabilities."""
    machine, bdf, index = start(boot, logs, cpus=cpus)
    for _ in range(DYING_ROUNDS):
        text = machine.shell(f"run manage dying {index}")
        claim(ended(text, "manage"), "an end as any other", text)
        wait_processes(machine, devtest.SERVICES)
    records = audit.of(audit.read(machine), bdf)
    claim(len([record for record in records if record["event"] == "claimed"])
          == len([record for record in records if record["event"] == "freed"]),
          "as many ends as claims", "\n".join(map(audit.shown, records)))
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.parametrize("kernel", ["kernel", "kernel-debug"])
def test_monkeys(boot, logs, kernel):
    """Four threads that claim, map, move to themselves, revoke and call at random, some calls cancelled
    half-way, while one function is reset and the other cannot be: each operation is answered, the debug
    kernel's ledger is sound after each, and nothing is left. Else: an assertion, a thread that is stuck, or
    a difference that the oracle finds."""
    devices = Devices()
    names = [devices.edu(), devices.entropy()]
    machine = boot(cpus=4, devices=devices, package=package(logs), kernel=f"build/{kernel}/capos.elf")
    machine.expect(machine.PROMPT)
    both = " ".join(str(audit.function_index(machine, pci.name_of(machine.bdf(name)))) for name in names)
    for owner in ("devtest", "devtest-b"):  # the first owners make tables that stay
        claim("exit code 0" in machine.shell(f"run {owner} next"), "an owner", machine.tail())
    wait_processes(machine, devtest.SERVICES)
    before = oracle.Snapshot(machine)
    text = machine.shell(f"run manage monkeys {both} 1500", 50)
    claim(ended(text, "manage") and " 0 stuck" in text, "0 stuck, exit code 0", text)
    wait_processes(machine, devtest.SERVICES)
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()
