# SPDX-License-Identifier: MIT
"""Who runs when. The checks are groups of user/apps/rttest, which judges them from inside; here
they are run on machines with different numbers of CPUs."""

import os

import pytest
from shell import SERVICES, claim, ended, process_table

CPUS = [1, 2, 4]
# What measures time runs on one CPU, whose clock counts instructions. With several, virtual CPUs
# that the host lets stand still decide: ALL_CPUS=1 is for a host that does nothing else.
ALL = bool(os.environ.get("ALL_CPUS"))
EXACT = CPUS if ALL else [1]


def check(boot, group, cpus):
    # With one CPU guest time is counted in instructions: the host's load has no say.
    machine = boot(cpus=cpus, icount=0 if cpus == 1 else None)
    text = machine.shell(f"run rttest {group}", 50)
    claim(ended(text, "rttest") and "FAIL" not in text and " 0 passed" not in text,
          "no line with FAIL, exit code 0",
          "\n".join(line for line in text.splitlines() if "passed" not in line))
    claim(set(process_table(machine)) == SERVICES,
          "no process left but the four of boot", process_table(machine))
    machine.halt()


@pytest.mark.parametrize("cpus", EXACT)
def test_priorities(boot, cpus):
    """A woken thread runs at once while less urgent ones spin on every CPU, whether a timer or a
    signal wakes it and whichever CPU it was on; one that is made less urgent makes way. Else:
    spinners that give up, a signal that returns before the woken thread ran, one that waits behind
    its waker while another CPU spins for less, or no progress after the change."""
    check(boot, "priorities", cpus)


@pytest.mark.parametrize("cpus", EXACT)
def test_turns(boot, cpus):
    """Equal threads that spin take turns, also when something more urgent interrupts them every
    3 ms: none gets less than a third of its fair share. Else: fewer rounds, or none."""
    check(boot, "turns", cpus)


# A minute of counted instructions; test_spawn.py:test_cpu_budget is the short form.
if ALL:
    @pytest.mark.parametrize("cpus", EXACT)
    def test_budgets(boot, cpus):
        """A process with 2 ms of CPU time in 10 ms that spins, with one thread or three, gets that over
        one of several windows of 250 ms (on one CPU at least half and at most a quarter more, on several a quarter and twice as
        much), is not killed, and less urgent threads run meanwhile. Else: the CPU time it used, beside
        what was due."""
        check(boot, "budgets", cpus)


@pytest.mark.parametrize("cpus", EXACT)
def test_lending(boot, cpus):
    """An urgent call to a server of the lowest priority ends while middle priorities spin on every
    CPU: when the server waits, when it is busy with a less urgent call, and when it waits itself
    for another server. After RETURN, and after CANCEL, the server is as slow as before. Else:
    the call ends when the spinners give up, or the server goes on at once after RETURN."""
    check(boot, "lending", cpus)


@pytest.mark.parametrize("cpus", CPUS)
def test_wakeups(boot, cpus):
    """A thread that is woken for an idle CPU runs while its waker spins on; on a machine with one
    CPU a less urgent one does not. Else: it runs when the waker sleeps, or does not wait for it."""
    check(boot, "wakeups", cpus)


@pytest.mark.parametrize("cpus", EXACT)
def test_silence(boot, cpus):
    """For 300 ms in which all sleep, or one thread alone spins, a machine takes no more interrupts
    than waking up costs. Else: the number of interrupts, 30 and more with a tick."""
    check(boot, "silence", cpus)


@pytest.mark.parametrize("cpus", EXACT)
def test_deadlines(boot, cpus):
    """Deadlines of cap_enter, TIMEOUT and WAIT never pass early, and on one CPU the median passes
    within 3 ms. Else: a time before the deadline, or the median's lateness."""
    check(boot, "deadlines", cpus)


@pytest.mark.parametrize("cpus", CPUS)
def test_churn(boot, cpus):
    """After 500 threads were created, ended and joined, a process holds exactly the frames,
    capability slots and objects it held before. Else: other counts."""
    check(boot, "churn", cpus)


@pytest.mark.parametrize("cpus", EXACT)
def test_starvation(boot, cpus):
    """A thread gets on that is more urgent than the one it is made beside, that waits where the
    running one is made less urgent, or that is raised to its equal, while the thread that made
    them never gives up its own CPU. Else: no round within two seconds."""
    check(boot, "starvation", cpus)
