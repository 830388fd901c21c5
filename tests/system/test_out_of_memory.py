# SPDX-License-Identifier: MIT
"""Out of memory at any single allocation is survived: whoever asked is refused, nobody else
notices, and nothing is lost."""

import re

import devtest
import oracle
import pytest
from harness import Devices, Machine, Unexpected
from injection import Injection, plain_kernel
from oracle import pci
from shell import SERVICES, claim, process_table, wait_processes

KERNEL = "build/kernel/capos.elf"
MOST_CALLS = 400


def count_allocations(machine, command):
    """How many there are when none is refused."""
    at_prompt = re.compile(r"(?<=\n)" + re.escape(machine.PROMPT))
    start = len(machine.output)
    with Injection(machine, MOST_CALLS) as injection:
        machine.write(command + "\r")
        injection.run(lambda: at_prompt.search(machine.output, start), 60)
    machine.expect(at_prompt)
    return injection.calls


def each_allocation(machine, command, check, numbers=range(1, MOST_CALLS)):
    """Run a command with its first allocation refused, then the second, and so on until it runs
    through; check(machine) after each. [(number, function, what was said)]"""
    at_prompt = re.compile(r"(?<=\n)" + re.escape(machine.PROMPT))
    seen = []
    for number in numbers:
        start = len(machine.output)
        with Injection(machine, number) as injection:
            machine.write(command + "\r")
            injection.run(lambda: at_prompt.search(machine.output, start), 60)
        if injection.place is None:
            machine.expect(at_prompt)
            return seen
        where = f"allocation {number}, {injection.place}() called from {injection.caller:#x}"
        try:
            machine.expect(at_prompt, 20)
        except Unexpected as error:
            raise Unexpected(f"the prompt after {where}", error.seen) from None
        said = machine.output[start:].replace("\r", "").split("\n", 1)[1]
        seen.append((number, injection.place, said))
        try:
            check(machine)
        except Unexpected as error:
            raise Unexpected(f"{error.expected} after {where}, which ended with {said[-200:]!r}",
                             error.seen) from None
    if len(numbers) < MOST_CALLS - 1:
        return seen
    raise Unexpected(f"at most {MOST_CALLS} allocations", "more")


@pytest.mark.deadline(150)
@pytest.mark.parametrize("image", ["plain", "shipped"])
def test_every_allocation_of_a_start(boot, image):
    """Each single allocation that starting and ending a program needs may fail: the shell hears of
    it, and page tables, frames, accounts and objects are exactly as before. Else: a panic, no
    prompt, or a difference to the baseline, with the allocation's number and caller."""
    machine = boot(cpus=1, memory="64M", kernel=plain_kernel() if image == "plain" else KERNEL)
    machine.expect(machine.PROMPT)
    machine.shell("run hello")  # what is kept after the first time is kept from here on
    before = oracle.Snapshot(machine)
    seen = each_allocation(machine, "run hello",
                           lambda machine: oracle.Snapshot(machine).must_equal(before))
    claim(all(re.search("noMemory|hello: exit code 0", said) for _, _, said in seen),
          "a refusal, or success all the same", seen)
    refused = [number for number, _, said in seen if "not started: noMemory" in said]
    claim(len(seen) > 40 and len(refused) > len(seen) // 2, "most of some 50 allocations matter",
          [(number, said) for number, _, said in seen if number not in refused])
    claim({place for _, place, _ in seen} == {"frames_take", "slab_take_class"}, "both functions", seen)
    machine.halt()


@pytest.mark.deadline(150)
def test_every_allocation_of_messages_and_memory(boot):
    """The same for a program that makes threads, endpoints and memory, transfers capabilities and
    shares memory with a service: it ends, the service hears that its client is gone, and everything
    is as before each time. Else: as above."""
    machine = boot(cpus=1, memory="64M", kernel=plain_kernel())
    machine.expect(machine.PROMPT)

    def baseline():
        claim("demo: exit code 0" in machine.shell("run demo", 30), "demo: exit code 0", machine.tail())
        return oracle.Snapshot(machine)

    baseline()
    before = baseline()
    seen = each_allocation(machine, "run demo",
                           lambda machine: oracle.Snapshot(machine).must_equal(before))
    claim(all(re.search(r"demo: (not started|exit code|crashed)", said) for _, _, said in seen),
          "an end of demo each time", [said[-200:] for _, _, said in seen])
    claim(len(seen) > 80, "more than eighty allocations", len(seen))
    baseline().must_equal(before)
    machine.halt()


@pytest.mark.deadline(240)
def test_every_allocation_of_a_device(boot, logs):
    """The same for a program that is granted a device: claim, gift, registers, interrupt, buffers with the
    IOMMU's tables, and the teardown, which needs none. The function is free each time, and accounts,
    ledger and the IOMMU's tables are exactly as before. Else: as above."""
    command = "run devtest leave"
    devices = Devices()
    devices.edu()
    machine = boot(cpus=1, memory="64M", kernel=plain_kernel(), devices=devices, qtest=True,
                   package=devtest.package(logs, devtest.EDU))
    machine.expect(machine.PROMPT)
    bdf = pci.name_of(machine.bdf(devices.names[0]))

    def must_be_free(machine):
        wait_processes(machine, devtest.SERVICES)
        rows = [line.split() for line in machine.shell("devices").splitlines()]
        row = next(row for row in rows if row[1:2] == [bdf])
        claim(row[4] == "free" and row[5] == "-", "a function that nobody owns", row)
        claim("IOVA" in machine.shell("dma").splitlines()[-1], "no buffer", machine.tail())
        oracle.Snapshot(machine).must_equal(before)

    for _ in range(2):
        machine.shell(command)
        wait_processes(machine, devtest.SERVICES)
    before = oracle.Snapshot(machine)
    count = count_allocations(machine, command)
    must_be_free(machine)
    # The claim comes first, what the program does last; what is between is any program's start.
    numbers = [*range(1, 13), *range(13, count - 25, 8), *range(max(13, count - 25), count + 1)]
    seen = each_allocation(machine, command, must_be_free, numbers)
    claim(len(seen) == len(numbers) > 35, "more than 35 allocations", (count, len(seen)))
    failed = [said for _, _, said in seen if "FAILED" in said]
    claim(failed and all("noMemory" in said for said in failed), "some refused to the owner itself", failed)
    must_be_free(machine)
    machine.halt()


@pytest.mark.deadline(100)
def test_allocations_while_init_starts_the_rest(boot):
    """Refused memory while init starts its children costs one child, which is named; the system
    comes up with the others. Else: a panic, or no prompt and no word about it."""
    seen = set()
    for number in (1, 2, 5, 14, 27, 41, 52, 60, 68, 76, 80, 84, 92):
        machine = boot(cpus=1, memory="64M", paused=True)
        gdb = machine.gdb()
        gdb.run_to(machine.symbol("sched_start_cpu"))  # init's process exists; nothing ran yet
        start = len(machine.output)
        with Injection(machine, number) as injection:
            injection.run(lambda: re.search(machine.PROMPT, machine.output[start:]))
        match = machine.expect(re.compile(
            r"capos> |kernel panic: .*?\n|program \"shell\" not started: \w+"), 10)
        claim("kernel panic" not in match.group() or re.search("cannot start init|memory", match.group()),
              f"no panic but for lack of memory for init, after allocation {number}", match.group())
        seen.add(match.group())
        if match.group() == "capos> ":
            machine.shell("help")
            failed = re.findall(r"program \"(\w+)\" not started: (\w+)", machine.output)
            claim(all(status in ("noMemory", "overBudget") for _, status in failed),
                  "noMemory", failed)
            lost = {name for name, _ in failed}
            claim(set(process_table(machine)) == SERVICES - lost,
                  f"all but {lost}", process_table(machine))
            oracle.inspect(machine)
        elif "panic" in match.group():
            machine.wait_exit(Machine.EXIT_PANIC)
        machine.close()
    claim("capos> " in seen, "prompts", seen)
