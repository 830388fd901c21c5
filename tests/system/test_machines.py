# SPDX-License-Identifier: MIT
"""Machines of every size that the system is for, and some that it is not for."""

import re

import oracle
import pytest
from harness import Machine, Unexpected
from packages import Package, spinning
from shell import SERVICES, claim, ended, memory_table, process_table, until, wait_processes


def use(machine, cpus):
    """Everything that a person does in the first minute, and the oracle's opinion of it."""
    machine.expect(re.compile(rf"cpu: {cpus} online"))
    machine.expect(machine.PROMPT)
    rows = machine.shell("cpus").splitlines()[1:]
    claim(len(rows) == cpus, f"{cpus} CPUs in the list", rows)
    text = machine.shell("run demo", 40)
    claim(ended(text, "demo"), "demo: exit code 0", text)
    claim(set(process_table(machine)) == SERVICES, "four processes",
          process_table(machine))
    oracle.inspect(machine)


@pytest.mark.parametrize("cpus", [1, 2, 4, 16])
def test_cpus(boot, logs, cpus):
    """The system uses every CPU of the machine: programs that never rest spread over them. Else:
    another number online, fewer lines in `cpus`, or one that ran nothing while another had two."""
    package = Package("init", "echo", "share", "shell", "demo", "hello")
    package.add("spin", spinning(package.images["hello"]))
    machine = boot(cpus=cpus, package=package.write(logs))
    use(machine, cpus)
    used = min(cpus, 4)  # more would only wear the host out
    numbers = [re.search(r"process (\d+)", machine.shell("run spin &")).group(1) for _ in range(used)]
    until(machine, f"programs on {used} CPUs", lambda: sum(
        int(line.split()[5]) > 0 for line in machine.shell("cpus").splitlines()[1:]) >= used)
    for number in numbers:
        machine.shell(f"kill {number}")
    wait_processes(machine, SERVICES, 20)
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.parametrize("memory, frames", [("64M", 16384), ("6G", 6 * 262144)])
def test_memory(boot, memory, frames):
    """The whole memory of a small and of a large machine is accounted for and usable, that above
    4 GiB too. Else: fewer frames, or an oracle that finds pages of no kind."""
    machine = boot(cpus=2, memory=memory)
    use(machine, 2)
    counts = memory_table(machine)
    if memory == "64M":
        claim(frames - 64 <= counts["total"] <= frames, f"{frames} frames", counts)
        claim(counts["free"] > counts["total"] * 8 // 10, "four fifths free", counts)
    else:
        # The frame table goes up to 8 GiB, and the hole below 4 GiB in it is reserved.
        claim(counts["free"] > frames * 97 // 100, "almost all of 6 GiB free", counts)
    machine.halt()


@pytest.mark.parametrize("model", [
    "qemu64", "max", "max,-smep,-smap,-umip", "max,-xsave", "max,-pdpe1gb,-pge", "Nehalem"])
def test_cpu_models(boot, model):
    """The system runs with and without what CPUs may lack, and uses what is there, on all CPUs the
    same. Else: a panic, protections that the CPU has and CR4 does not switch on, or a CPU whose
    control registers differ (CR0 e0010033: its caches are off)."""
    machine = boot(cpus=2, cpu_model=model)
    use(machine, 2)
    machine.qmp.execute("stop")
    registers = machine.qmp.hmp("info registers -a")
    cr4 = [int(value, 16) for value in re.findall(r"CR4=([0-9a-f]+)", registers)]
    machine.qmp.execute("cont")
    cr0 = set(re.findall(r"CR0=([0-9a-f]+)", registers))
    claim(cr0 == {"80010033"}, "CR0 80010033 on every CPU", cr0)
    for name in ("CR4", "EFER"):
        values = re.findall(rf"{name}=([0-9a-f]+)", registers)
        claim(len(values) == 2 and values[0] == values[1], f"two CPUs with one {name}", values)
    has = model.startswith("max") and "-smep" not in model
    for value in cr4:
        claim(bool(value & 1 << 20) == has and bool(value & 1 << 21) == has,
              f"SMEP and SMAP {'on' if has else 'off'}", f"CR4 {value:#x}")
    claim("rttest: exit code 0" in machine.shell("run rttest registers threads", 40),
          "FPU and SSE state survives", machine.tail())
    machine.halt()


def test_silent_cpu(boot):
    """A CPU that does not answer is said so, put back to sleep and done without; those behind it
    start. Else: a hang, a reset, fewer CPUs than answer, or one that runs and that nobody counts."""
    machine = boot(cpus=3, paused=True)
    gdb = machine.gdb()
    place = machine.symbol("kernel_main")  # its first instructions: not needed any more
    gdb.breakpoint(machine.symbol("smp_ap_main"), hardware=True)
    gdb.resume()
    gdb.wait_stop()
    gdb.remove_breakpoint(machine.symbol("smp_ap_main"), hardware=True)
    gdb.select_cpu(1)
    gdb.write_memory(place, b"\xeb\xfe")  # jmp to itself
    gdb.write_register("rip", place)
    gdb.resume()
    machine.expect("CPU with APIC id 1 does not answer")
    machine.expect("cpu: 2 online")
    until(machine, "CPU 1 waits for a start", lambda: {"HLT=1", "CR0=60000010"} <= set(
        machine.qmp.hmp("info registers -a").split("CPU#")[2].split()))
    claim("demo: exit code 0" in machine.shell("run demo", 40), "demo: exit code 0", machine.tail())
    machine.halt()


def test_no_execute_missing(boot):
    """On a CPU without NX the system runs, and says what it cannot promise there. Else: a panic,
    or a boot log that keeps quiet about it."""
    machine = boot(cpus=2, cpu_model="qemu64,-nx")
    machine.expect("memory: W^X cannot hold: this CPU has no NX")
    machine.expect(machine.PROMPT)
    claim("demo: exit code 0" in machine.shell("run demo", 40), "demo: exit code 0", machine.tail())
    machine.halt()


def test_icount(boot):
    """With a clock that counts instructions the system boots and its timers work, twice the same
    way. Else: a timer test fails, or the two boots take different instruction counts."""
    seen = []
    for _ in range(2):
        machine = boot(cpus=1, icount=0)
        seen.append(machine.expect(re.compile(r"\[ *([0-9.]+)\] boot: starting init")).group(1))
        machine.expect(machine.PROMPT)
        text = machine.shell("run rttest timers sleep", 30)
        claim("rttest: exit code 0" in text, "rttest: exit code 0", text)
        machine.halt()
    claim(seen[0] == seen[1], f"init started at {seen[0]} again", seen[1])


# With less, QEMU 7.2 loads the package over the whole kernel.
@pytest.mark.parametrize("kib", [4096, 5120, 6144, 8192])
def test_too_little_memory(boot, kib):
    """On a machine with next to no memory the system runs, or says that memory is what it lacks;
    it never hangs. Else: silence, a fault in the kernel, or an ending without an epitaph."""
    try:
        machine = boot(cpus=1, memory=f"{kib}K")
    except Unexpected as error:
        claim("too large" in error.seen or "could not" in error.seen, "QEMU's own refusal", error.seen)
        return
    match = machine.expect(re.compile(
        r"kernel panic: (.*)\n|capos> |init: program \"shell\" not started: (\w+)\r?\n"), 20)
    if match.group(1):
        claim(re.search("memory|too little|usable", match.group(1)), "a word about memory",
              match.group(1))
        machine.wait_exit(Machine.EXIT_PANIC)
    elif match.group(2):
        claim(match.group(2) in ("overBudget", "noMemory"), "overBudget or noMemory", match.group(2))
