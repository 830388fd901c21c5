# SPDX-License-Identifier: MIT
"""A judge of the kernel's memory that shares no code with it.

It stops the machine, maps its RAM, walks page tables as the processor does and reads the kernel's
records by their DWARF, then compares the two (checks.py) or two moments (Snapshot):

    before = oracle.Snapshot(machine)
    ...
    oracle.Snapshot(machine).must_equal(before)

On a machine that was given devices, it also reads their registers, walks the IOMMU's tables and
compares those with the kernel's claims (device_checks.py).

Whatever is wrong is raised as Unexpected, one line for each thing. tests/system/test_oracle.py
breaks the guest's memory on purpose and shows that each check notices."""

import re
import time
from collections import Counter

from harness import Unexpected

from . import checks, device_checks
from .debuginfo import Broken
from .hardware import Hardware
from .state import PAGE, State

SETTLE_S = 10
SHOWN = 12
IRR = re.compile(r"^IRR\t(.*)$", re.MULTILINE)
FIRST_VECTOR = 0x20  # the task priority holds those below back: Intel SDM volume 3A section 11.8.3.1

__all__ = ["Snapshot", "complaints", "device_complaints", "inspect", "settle", "unrest", "watch"]


def _cpus(state):
    """struct cpu of each."""
    records = state.variable("cpus")
    return [state.struct("cpu", int(records[number])) for number in range(int(state.variable("cpu_count")))]


def _not_taken(machine, state):
    """An interrupt that a CPU has not taken; None if there is none. A CPU whose thread the host lets stand still
    looks idle meanwhile."""
    for cpu in _cpus(state):
        requests = IRR.search(machine.qmp.hmp(f"info lapic {int(cpu.apic_id)}"))
        vectors = [vector for vector in map(int, re.findall(r"\d+", requests.group(1))) if vector >= FIRST_VECTOR]
        if vectors:
            return f"CPU {int(cpu.index)} has not taken vector {vectors[0]:#x}"
    return None


def unrest(machine, state, ghosts=(), all_taken=False):
    """What shows that kernel code is at work, or has put some work off; None if nothing does. As settle()."""
    for name in ("kernel_lock", "frame_lock"):
        if state.variable(name).held:
            return f"{name} is held"
    for name, file in (("work_queue", "kernel/object/reaper.c"), ("doomed", "kernel/object/reaper.c"),
                       ("waits", "kernel/object/flush.c")):
        head = state.variable(name, file)
        if int(head.next) != head.at:
            return f"there is work in {name}"
    for process in state.processes:
        if process.state != "running" and process.name not in ghosts:
            return (f"{process} stays in state {process.state}, charged for "
                    + ", ".join(f"{count} {what}" for count, what in
                                zip(process.used, checks.RESOURCES) if count))
    for cpu in _cpus(state):
        if int(cpu.ready_mask) != 0:
            return f"CPU {int(cpu.index)} has a thread to go to"
    return _not_taken(machine, state) if all_taken else None


def settle(machine, seconds=SETTLE_S, ghosts=(), all_taken=False):
    """Stop the machine at a moment at which all CPUs idle and the kernel has nothing put off.

    ghosts     names of processes that may have ended without being gone: something holds their memory
    all_taken  nor is any interrupt to be taken; but a device at work ends that work when the machine stops"""
    end = time.monotonic() + machine.deadline.left(seconds)
    reason = "some CPU is at work all the time"
    while True:
        machine.qmp.execute("stop")
        try:
            if "HLT=0" not in machine.qmp.hmp("info registers -a"):
                state = State(machine)
                if machine.devices is not None:
                    state.hardware = Hardware(machine)
                reason = unrest(machine, state, ghosts, all_taken)
                if reason is None:
                    return state
        except Broken as error:  # in the middle of a change, or really broken
            reason = str(error)
        if time.monotonic() > end:
            raise Unexpected("a machine at rest", reason)
        machine.qmp.execute("cont")
        time.sleep(0.02)


def watch(machine, seconds=SETTLE_S, ghosts=()):
    """As settle(), without stopping: QEMU finishes a device's requests when it stops.

    The guest must have nothing to do but wait; what it changes meanwhile looks broken, so that
    another look is taken. Complaints that stay are raised."""
    end = time.monotonic() + machine.deadline.left(seconds)
    while True:
        found = ["some CPU is at work all the time"]
        try:
            if "HLT=0" not in machine.qmp.hmp("info registers -a"):
                state = State(machine)
                state.hardware = Hardware(machine) if machine.devices is not None else None
                reason = unrest(machine, state, ghosts)
                found = [reason] if reason else complaints(state)
                if not found:
                    machine.looked_at = len(machine.output)
                    return state
        except Broken as error:
            found = [str(error)]
        if time.monotonic() > end:
            _refuse("a machine at rest, without complaints", found)
        time.sleep(0.02)


def complaints(state):
    """Everything that is wrong, by all checks."""
    found = []
    for check in checks.ALL:
        try:
            found += check(state)
        except (Broken, ValueError, KeyError, IndexError) as error:
            found.append(f"{check.__name__}: cannot be checked: {error}")
    if state.hardware is not None:
        found += device_complaints(state, state.hardware, state.ledger.claims)
    return found


def device_complaints(state, hardware, claims):
    """Everything that is wrong with devices, by all checks of those."""
    found = []
    for check in device_checks.ALL:
        try:
            found += check(state, hardware, claims)
        except (Broken, ValueError, KeyError, IndexError) as error:
            found.append(f"{check.__name__}: cannot be checked: {error}")
    return found


def _refuse(expected, found):
    if found:
        more = [f"... and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        raise Unexpected(expected, "\n".join(found[:SHOWN] + more))


def inspect(machine):
    """Stop, check everything, go on; Unexpected with what is wrong."""
    state = settle(machine)
    found = complaints(state)
    machine.qmp.execute("cont")
    _refuse("page tables, frames, accounts and objects that agree", found)
    machine.looked_at = len(machine.output)


class Snapshot:
    """What a machine's memory is used for, as counts that can be compared.

    Processes go by name, because numbers are never used again; of frames only kind and payer
    count, because which one is taken is chance."""

    def __init__(self, machine):
        """Stop, check everything, count, go on."""
        state = settle(machine, all_taken=True)
        found = complaints(state)
        self.counts = self._count(state) if not found else Counter()
        machine.qmp.execute("cont")
        _refuse("page tables, frames, accounts and objects that agree", found)
        machine.looked_at = len(machine.output)

    @staticmethod
    def _count(state):
        things = Counter()
        for (kind, owner), count in Counter((frame.kind, frame.owner) for frame in state.frames).items():
            things[f"frames: {state.kinds[kind]}, {state.owner_name(owner)}"] += count
        for process in state.processes:
            things[f"processes: {process.name}"] += 1
            for leaf in process.walk.leaves:
                things[f"pages of {process.name}: {leaf.virtual:#x} {leaf.access} "
                       f"{state.kind(leaf.physical // PAGE)}"] += 1
            for capability in process.capabilities:
                things[f"capabilities of {process.name}: {capability.kind}"] += 1
            for resource, what in enumerate(checks.RESOURCES[:len(process.used)]):
                things[f"account of {process.name}: {what}"] += process.used[resource]
        for found in state.objects.values():
            payer = state.by_address.get(found.payer)
            things[f"objects: {found.kind}, paid by {payer.name if payer else 'kernel'}"] += 1
        if state.hardware is not None:
            state.hardware.count(things)
        for leaf in state.kernel.leaves:
            if not state.is_memory(leaf.physical // PAGE):
                continue  # registers: each CPU has a window of its own from its first use on
            things[f"kernel pages: {leaf.access}"] += leaf.size // PAGE
        return things

    def differences(self, other):
        """Lines `what: then, now`, for what has changed since `other`."""
        return [f"{what}: {other.counts[what]} before, {self.counts[what]} now"
                for what in sorted(self.counts.keys() | other.counts.keys())
                if self.counts[what] != other.counts[what]]

    def must_equal(self, other):
        _refuse("exactly the baseline", self.differences(other))
