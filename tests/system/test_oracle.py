# SPDX-License-Identifier: MIT
"""The oracle itself: on a healthy machine it has nothing to say, and every kind of damage that it
is there to notice, done to the guest's memory on purpose, is noticed and named."""

import re

import comparisons
import oracle
import pytest
from harness import Unexpected
from oracle.state import State
from oracle_faults import FAULTS, u32
from shell import claim


@pytest.mark.deadline(240)
def test_faults_are_noticed(boot):
    """Each seeded fault is named by the oracle, and without it there is no complaint; no comparison is left
    that none of them makes fail. Else: the faults that went unnoticed, with what the oracle said instead, or
    the comparisons that never failed."""
    machine = boot(cpus=2)
    machine.expect(machine.PROMPT)
    state = oracle.settle(machine)
    claim(oracle.complaints(state) == [], "no complaints about a healthy machine",
          oracle.complaints(state))
    unnoticed, said = [], set()
    for fault in FAULTS:
        pokes, pattern = fault(state)
        before = [(at, state.ram.read(at, len(data))) for at, data in pokes]
        for at, data in pokes:
            state.ram.write(at, data)
        try:
            found = oracle.complaints(State(machine))
        except oracle.Broken as error:
            found = [str(error)]
        said.update(found)
        if not any(re.search(pattern, line) for line in found):
            unnoticed.append(f"{fault.__name__}: /{pattern}/, instead: {found[:3]}")
        for at, data in reversed(before):
            state.ram.write(at, data)
    claim(not unnoticed, "every fault is named", "\n".join(unnoticed))
    claim(oracle.complaints(State(machine)) == [], "no complaints once all is repaired", "some")
    never = [line for line in comparisons.never_failed(["checks", "tables"], said)
             if not re.search(r"/CPU", line)]  # test_processor_state shows those
    claim(not never, "every comparison fails once", "\n".join(never))
    machine.qmp.execute("cont")
    machine.halt()


def test_processor_state(boot):
    """A CPU that uses strange page tables, or writes to read-only pages, is named. Else: no
    complaint about registers that were changed through the debugger."""
    machine = boot(cpus=2)
    machine.expect(machine.PROMPT)
    state = oracle.settle(machine)
    for registers, pattern in (("cr3", r"CPU 1 uses page tables at .* nobody's"),
                               ("cr0", r"CPU 1 writes to read-only pages"),
                               ("cr4", r"CPU 1 has other protections than CPU 0"),
                               ("efer", r"CPU 1 and CPU 0 differ in no-execute")):
        values = list(getattr(state, registers))
        changed = list(values)
        changed[1] = {"cr3": 0x5000, "cr0": values[1] & ~(1 << 16),
                      "cr4": values[1] ^ (1 << 20), "efer": values[1] ^ 0x800}[registers]
        setattr(state, registers, changed)
        found = oracle.complaints(state)
        claim(any(re.search(pattern, line) for line in found), pattern, found)
        setattr(state, registers, values)


def test_baseline_is_compared(boot):
    """Two snapshots of the same state are equal; one more process, and one more page of an
    existing one, make them differ by name. Else: no difference is reported."""
    machine = boot(cpus=2)
    machine.expect(machine.PROMPT)
    before = oracle.Snapshot(machine)
    oracle.Snapshot(machine).must_equal(before)
    machine.shell("run echo &")
    after = oracle.Snapshot(machine)
    with pytest.raises(Unexpected) as caught:
        after.must_equal(before)
    claim("processes: echo: 1 before, 2 now" in "\n".join(after.differences(before)),
          "one more echo", caught.value.seen)
    seen = after.differences(before)
    for wanted in ("frames: memory, echo", "frames: page_table, echo", "capabilities of init",
                   "account of init: frames", "pages of echo"):
        claim(any(line.startswith(wanted) for line in seen), f"a difference in {wanted}",
              "\n".join(seen[:12]))
    pid = re.search(r"process (\d+)", machine.output[-200:]).group(1)
    machine.shell(f"kill {pid}")
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()


def test_unrest_is_reported(boot):
    """A machine whose kernel holds its lock for ever is not judged, but reported. Else: settle()
    returns, or does not end."""
    machine = boot(cpus=2)
    machine.expect(machine.PROMPT)
    state = oracle.settle(machine)
    lock = state.variable("kernel_lock")
    state.ram.write(state.physical(lock.held.at), u32(1))
    machine.qmp.execute("cont")
    with pytest.raises(Unexpected) as caught:
        oracle.settle(machine, 1)
    claim("at rest" in caught.value.expected, "a complaint about unrest", caught.value)


def test_what_waits_is_unrest(boot):
    """A machine whose CPUs all halt is not at rest while one of them has a thread to go to, or an interrupt to
    take. Else: nothing is reported of a thread that was queued, or of a message that was sent, meanwhile."""
    machine = boot(cpus=2, qtest=True)
    machine.expect(machine.PROMPT)
    state = oracle.settle(machine, all_taken=True)
    mask = state.struct("cpu", int(state.variable("cpus")[1])).ready_mask
    state.ram.write(state.physical(mask.at), u32(1 << 20))
    claim(oracle.unrest(machine, State(machine)) == "CPU 1 has a thread to go to", "a thread",
          oracle.unrest(machine, State(machine)))
    state.ram.write(state.physical(mask.at), u32(0))
    machine.qtest.store(0xFEE00000, 0x77)  # a message for CPU 0: Intel SDM volume 3A section 11.11
    seen = oracle.unrest(machine, State(machine), all_taken=True)
    claim(seen == "CPU 0 has not taken vector 0x77", "a vector", seen)
    claim(oracle.unrest(machine, State(machine)) is None, "devices may be at work", "unrest")
    machine.qmp.execute("cont")
    oracle.inspect(machine)
    machine.halt()
