# SPDX-License-Identifier: MIT
"""Interrupts that are pending in real hardware when a device changes its owner: raised from the host, by
QEMU's ivshmem-doorbell, at the moment that hurts most. The next owner, with the same vector of the same CPU
and the same remapping entry, must not hear them."""

import contextlib
import re
import threading

import devtest
import doorbell
import oracle
import pytest
from harness import Devices
from shell import claim, fresh_prompt, wait_processes

MANAGER = "kernel/device_manager/device_manager.c"
INTERRUPTS = "kernel/device_manager/route.c"
STEPS = ["unmapping", "masking", "draining", "resetting", "detaching", "releasing", "none"]


@pytest.fixture
def start(boot, logs):
    """start(port=..., cpus=...): (machine, doorbell, MSI-X table) at the prompt."""
    with contextlib.ExitStack() as ends:
        def started(port=False, cpus=2):
            bell = doorbell.Doorbell()
            ends.callback(bell.close)
            devices = Devices()
            name = bell.add(devices, port=port)
            machine = boot(cpus=cpus, devices=devices, package=devtest.package(logs, doorbell.IDS),
                           qtest=True, extra=bell.arguments())
            machine.expect(machine.PROMPT)
            return machine, bell, doorbell.Table(machine, name)
        yield started


def owner(machine, life, says):
    """Start an owner, and wait until it is set up."""
    machine.write(f"run devtest {life} &\r")
    machine.expect(f"devtest: {says}\r")
    fresh_prompt(machine)


def kill(machine):
    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES, 20)


def enumerator(gdb, value):
    """The step's name, read from the machine that stands still now."""
    number = int.from_bytes(gdb.read_memory(value.at, value.c_type.size), "little")
    return value.c_type.enumerators[number].removeprefix("TEARDOWN_STEP_").lower()


class Places:
    """Which vector of which CPU is the next: taken in turns, so that a route gets an old one only after
    all others. Set back from outside, it gets the same at once."""

    def __init__(self, machine):
        self.machine = machine
        state = oracle.settle(machine)
        self.kept = {value.at - state.image.symbols["KERNEL_VIRTUAL_BASE"]: int(value)
                     for name in ("next_cpu", "next_vector")
                     for value in [state.variable(name, INTERRUPTS)]}
        machine.qmp.execute("cont")

    def again(self):
        oracle.settle(self.machine)
        for physical, value in self.kept.items():
            self.machine.ram.write(physical, value.to_bytes(4, "little"))
        self.machine.qmp.execute("cont")


def route(machine, table):
    """(message address, message data, vector, destination) of the device's route, which there must be."""
    state = oracle.settle(machine)
    found = [irte for unit in state.hardware.units for irte in unit.irtes if irte.source == table.bdf]
    machine.qmp.execute("cont")
    claim(len(found) == 1, "one interrupt-remapping entry", found)
    return (*table.entry()[:2], found[0])


def heir_hears_nothing(machine, bell, wanted=None, table=None):
    """The next owner hears nothing of before, and then what is rung for it. Left alive."""
    machine.write("run devtest heir &\r")
    match = machine.expect(re.compile(r"devtest: heir\r|FAILED [^\r]*"), 20)
    claim("FAILED" not in match.group(), "an owner that hears nothing of the last one's", match.group())
    fresh_prompt(machine)
    if wanted is not None:
        claim(route(machine, table) == wanted, f"the same vector and entry as before, {wanted}",
              route(machine, table))
    bell.ring(machine)
    machine.expect("devtest: heir has heard", 20)
    fresh_prompt(machine)
    claim("FAILED" not in machine.output, "no failed check", machine.tail())


@pytest.mark.deadline(150)
@pytest.mark.parametrize("port", [False, True], ids=["root", "port"])
def test_pending_at_the_owners_end(start, port):
    """Interrupts that the function holds back, because its owner has its vector masked, go with that
    owner, whether the function can be reset (below a port) or not (on the root bus): the next one hears
    none of them, and all of its own. Else: a count that is not 0, or silence."""
    machine, bell, table = start(port)
    places = Places(machine)
    for _ in range(2):
        places.again()
        owner(machine, "deaf", "deaf")
        bell.ring(machine, times=3)
        claim(table.is_enabled() and table.pending(), "a vector that is pending at the function", table.entry())
        was = route(machine, table)
        kill(machine)
        bell.ring(machine, times=2)  # to nobody
        places.again()
        heir_hears_nothing(machine, bell, was, table)
        kill(machine)
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.deadline(150)
@pytest.mark.parametrize("life", ["listen", "deaf"])
@pytest.mark.parametrize("port", [False, True], ids=["root", "port"])
def test_at_each_step_of_the_teardown(start, port, life):
    """An interrupt is raised while the kernel stands at each step of the teardown of its owner, from the
    first to the one behind the last: the next owner, with the same vector and entry, hears none. Else: a
    count that is not 0, or a step at which the kernel was not seen."""
    machine, bell, table = start(port)
    places = Places(machine)
    owner(machine, life, {"listen": "listening", "deaf": "deaf"}[life])
    was = route(machine, table)
    if life == "listen":
        bell.ring(machine)
        machine.expect("devtest: heard 1\r", 20)
        fresh_prompt(machine)
    state = oracle.settle(machine)
    functions = state.variable("device_functions")
    record = next(functions[index] for index in range(int(state.variable("ledger", MANAGER).function_count))
                  if int(functions[index].source) == table.bdf)
    step = record.step
    places.again()
    gdb = machine.gdb()
    gdb.watch(step.at, step.c_type.size)
    gdb.resume()
    machine.write("kill devtest\r")
    seen = []
    while seen[-1:] != ["none"]:
        gdb.wait_stop()
        seen.append(enumerator(gdb, step))
        bell.ring(machine)
        if seen[-1] == "none":
            gdb.unwatch(step.at, step.c_type.size)
        gdb.resume()
    claim(seen == STEPS, STEPS, seen)
    machine.expect(machine.PROMPT)
    wait_processes(machine, devtest.SERVICES, 20)
    heir_hears_nothing(machine, bell, was, table)
    kill(machine)
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.deadline(180)
@pytest.mark.parametrize("cpus", [1, 4])
def test_ringing_through_the_end(start, cpus):
    """A device that raises interrupts without pause while its owner is killed, and until it has gone, does
    not make the next owner hear one. Else: a count that is not 0, or a difference that the oracle finds."""
    machine, bell, table = start(cpus=cpus)
    places = Places(machine)
    before = None
    for _ in range(4):
        places.again()
        owner(machine, "listen", "listening")
        was = route(machine, table)
        silence = threading.Event()

        def ring():
            while not silence.wait(0.0002):
                bell.ring_unseen()
        ringer = threading.Thread(target=ring)
        ringer.start()
        try:
            machine.expect(re.compile(r"devtest: heard \d+\r"), 20)
            fresh_prompt(machine)
            kill(machine)
        finally:
            silence.set()
            ringer.join()
        bell.ring(machine)
        places.again()
        heir_hears_nothing(machine, bell, was, table)
        kill(machine)
        after = oracle.Snapshot(machine)
        if before is not None:
            after.must_equal(before)
        before = after
    machine.halt()
