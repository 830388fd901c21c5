# SPDX-License-Identifier: MIT
"""A process that forges, floods, races and dies in every phase of a call harms only itself.

The attacks are user/apps/hostile; what it sees itself it judges itself. Here is judged what it
cannot: that the kernel and its neighbours go on, and that nothing it had is left."""

import re

import oracle
import pytest
from shell import SERVICES, claim, ended, process_table, until

ATTACKS = ["forge", "sqe", "indices", "pointers", "flood", "messages", "spawn", "die", "faults",
           "lifetimes", "ends", "stale", "race", "ticks", "cycles"]


def attack(machine, name):
    """Make an attack twice: after the second the machine is as after the first."""
    machine.expect(machine.PROMPT)
    machine.shell(f"run hostile {name}", 60)
    before = oracle.Snapshot(machine)
    text = machine.shell(f"run hostile {name}", 60)
    claim(ended(text, "hostile") and "BREACH" not in text,
          "no breach, exit code 0", "\n".join(line for line in text.splitlines()
                                            if "BREACH" in line or "exit" in line or "panic" in line))
    claim(set(process_table(machine)) == SERVICES, "the neighbours, alive",
          process_table(machine))
    oracle.Snapshot(machine).must_equal(before)
    text = machine.shell("run demo", 30)
    claim(ended(text, "demo"), "services that still answer", text)
    machine.halt()


def test_attacks_are_all_tried(boot):
    """Every attack that the hostile program knows is in the list of this file. Else: its usage
    names others."""
    machine = boot()
    text = machine.shell("run hostile nonsense")
    known = re.search(r"attacks: (.*)", text)
    claim(known and known.group(1).split() == ATTACKS, ATTACKS, text)
    machine.halt()


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(boot, name):
    """The attack is refused in each of its forms, the kernel and the services go on, and the
    oracle finds what it found before. Else: a line with BREACH, a panic, a missing process, or a
    difference."""
    attack(boot(cpus=2), name)


@pytest.mark.parametrize("name", ["flood", "die", "stale", "race"])
@pytest.mark.parametrize("cpus", [1, 4])
def test_attack_with_other_cpus(boot, name, cpus):
    """The attacks that depend on timing fail on one CPU and on four as well. Else: as above."""
    attack(boot(cpus=cpus), name)


def test_timers_take_little(boot):
    """Four hundred timers that each fire as often as any may leave a program nine tenths of its CPU, counted
    in instructions. Else: what they leave, or a machine that does nothing but fire."""
    machine = boot(cpus=1, icount=0)
    text = machine.shell("run hostile ticks", 50)
    match = re.search(r"400 timers: (\d+) rounds, (\d+) before", text)
    claim(match and int(match.group(1)) > 0.9 * int(match.group(2)), "nine tenths", text)
    machine.halt()


def test_neighbours_during_attacks(boot):
    """While attacks run, a service answers its clients correctly and within seconds. Else: demo
    fails, or does not end in time."""
    machine = boot(cpus=2)
    machine.expect(machine.PROMPT)
    machine.shell("run demo")
    for name in ("flood", "race"):
        machine.write(f"run hostile {name} &\r")
        machine.expect(re.compile(r"hostile: process \d+"))
        for _ in range(2):
            machine.write("run demo\r")
            code = machine.expect(re.compile(r"demo: exit code (\d+)"), 20).group(1)
            claim(code == "0", "demo: exit code 0", machine.tail())
        breaches = re.compile(rf"hostile: {name}: \d+ attacks, (\d+) breaches")
        found = until(machine, f"the end of {name}", lambda: breaches.search(machine.output), 60)
        claim(found.group(1) == "0", "0 breaches", machine.tail())
    oracle.inspect(machine)
