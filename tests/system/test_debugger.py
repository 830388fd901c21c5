# SPDX-License-Identifier: MIT
"""`make gdb`: stops in one process at source level, and tells what the kernel knows, also of a
machine whose structures are broken."""

import pathlib
import re
import subprocess
import tempfile

import pytest
from harness import Devices, Unexpected, disk_image
from shell import claim, fresh_prompt, process_table, report_rows

DEBUG = pathlib.Path("tools/gdb/debug")
DRIVER = "virtio-blk"
SECONDS = 200


def debug(logs, *options, execute=()):
    """What tools/gdb/debug prints when it is given gdb's commands."""
    command = [str(DEBUG), "--output", str(logs), *options]
    for words in execute:
        command += ["--execute", words]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unexpected(f"an end of {' '.join(command)}", error.stdout) from error
    with open(logs / "gdb.log", "a", encoding="utf-8") as file:
        file.write(f"$ {command}\n{done.stdout}")
    return done.stdout


class Attached:
    """gdb's commands on a machine of the harness, which stands still while they run."""

    def __init__(self, machine, logs):
        self.logs = logs
        # A short path: QEMU's addresses have room for some hundred characters.
        self.directory = tempfile.TemporaryDirectory(prefix="capos-gdb-")
        self.path = f"{self.directory.name}/gdb"
        machine.qmp.hmp(f"gdbserver unix:{self.path},server=on,wait=off")

    def run(self, *commands):
        return debug(self.logs, "--attach", self.path, execute=commands)


def section(text, command, following):
    """The lines that one of several commands printed, which `echo` fenced."""
    match = re.search(rf"<{command}>\n(.*?)<{following}>", text, re.S)
    claim(match, f"output of {command}", text)
    return match.group(1).splitlines()


def with_driver(boot, logs, **options):
    devices = Devices()
    devices.edu()
    disk_image.create(logs / "disk.img", 4 << 20)
    devices.disk(logs / "disk.img")
    machine = boot(devices=devices, **options)
    machine.expect(f"{DRIVER}: disk")
    fresh_prompt(machine)
    return machine


@pytest.mark.parametrize("cpus", ["1", "2"])
def test_stops_in_a_driver(logs, cpus):
    """gdb stops in the driver's main at its source line, and in a function of it, with the
    arguments of the frames, in the driver's process and not in init, whose code lies at the same
    addresses. Else: it stops elsewhere or in another process, or not at all."""
    text = debug(logs, "--process", DRIVER, "--smp", cpus, execute=[
        "capos where", "list serve", "next", f"capos break {DRIVER} serve", "continue", "backtrace",
        "capos where"])
    lines = pathlib.Path("user/drivers/virtio_blk/main.c").read_text(encoding="utf-8").splitlines()
    match = re.search(r"Breakpoint 1, main \(.*\) at (user/drivers/virtio_blk/main.c):(\d+)", text)
    claim(match, "a stop in main of user/drivers/virtio_blk/main.c", text)
    claim(f"{match.group(2)}\t{lines[int(match.group(2)) - 1]}" in text, "the line's text", text)
    claim("driver_require(rt_server_init" in lines[int(match.group(2)) - 1], "main's first line", text)
    claim(len(re.findall(rf"process \d+ \({DRIVER}\)", text)) == 2, "twice in the driver", text)
    claim(re.search(r"#0 +serve \(\) at .*\n#1 .* in main \(", text), "serve, called by main", text)


def test_others_run_on(logs):
    """A breakpoint in code that all programs have stops in the process that was named only.
    Else: the first to come by is init."""
    text = debug(logs, "--process", "shell", "--break", "rt_start", "--smp", "1",
                 execute=["capos where", "capos ps"])
    claim(re.search(r"process \d+ \(shell\)", text), "in the shell", text)
    claim(re.search(r"\d+ init +running", text), "init was there before", text)


def test_mistakes(logs):
    """A program that does not exist, a function that it has not, and wrong words are named, with
    a suggestion. Else: a traceback, or nothing."""
    text = debug(logs, "--process", "virtoi-blk", execute=["info breakpoints"])
    claim("did you mean virtio-blk?" in text, "a suggestion", text)
    text = debug(logs, "--process", "echo", "--break", "nonsense", execute=[
        "capos go echo", "capos caps", "capos caps nobody", "capos trace nothing", "capos frob", "help capos ledger"])
    for wanted in ("has no function nonsense", "usage: capos caps PID|NAME",
                   "there is no process nobody", "usage: capos trace", "Undefined capos command",
                   "usage: capos ledger"):
        claim(wanted in text, wanted, text)
    claim("Traceback" not in text, "no traceback", text)


@pytest.mark.parametrize("kernel", ["kernel", "kernel-clang"])
def test_agrees_with_the_shell(boot, logs, kernel):
    """What gdb reads out of memory of a machine that runs is what the shell is told: processes and
    their accounts, a capability table, functions, routes and buffers, the log; and the machine runs
    on. Else: a difference, or a shell that does not answer."""
    machine = with_driver(boot, logs, kernel=f"build/{kernel}/capos.elf")
    table = process_table(machine)
    caps = machine.shell(f"caps {table[DRIVER]['pid']}").splitlines()[1:]
    devices = machine.shell("devices").splitlines()
    buffers = machine.shell("dma").splitlines()[1:]
    routes = report_rows(machine, "irqs", "route")
    machine.shell("echo quiet")
    attached = Attached(machine, logs)
    commands = ["ps", f"caps {DRIVER}", "ledger", "log 400", "rings shell", "cpus"]
    fenced = [words for number, command in enumerate(commands)
              for words in (f"echo <{number}>\\n", f"capos {command}")]
    text = debug(logs, "--attach", attached.path, "--kernel", f"build/{kernel}/capos.elf",
                 execute=[*fenced, f"echo <{len(commands)}>\\n"])
    claim("damaged" not in text, "nothing damaged", text)

    seen = {line.split()[1]: line.split() for line in section(text, 0, 1)[1:]}
    claim(set(seen) == set(table), sorted(table), sorted(seen))
    for name, row in table.items():
        pid, _, state, priority, threads, frames, slots, objects = seen[name][:8]
        claim((int(pid), state, int(threads)) == (row["pid"], row["state"], row["threads"]),
              row, seen[name])
        claim(name != DRIVER or (int(priority), [int(part) for part in frames.split("/")]) == (
            row["priority"], list(row["frames"])), row, seen[name])
        claim(name != DRIVER or [int(part.split("/")[0]) for part in (slots, objects)] == [
            row["caps"][0], row["objects"][0]], row, seen[name])

    found = [line.split(",")[0].split() for line in section(text, 1, 2)[1:]]
    claim(found == [line.split() for line in caps], caps, found)

    ledger = section(text, 2, 3)
    owned = [line.split() for line in ledger
             if ":" in line.split()[0] and line.split()[3] == str(table[DRIVER]["pid"])]
    claim(len(owned) == 1 and owned[0][2] == "active", "one active function of the driver", ledger)
    claim(any(line.split()[0] == owned[0][0] or line.split()[1] == owned[0][0] for line in devices),
          f"{owned[0][0]} in the list of devices", devices)
    for kind, told in (("buffer", [int(line.split()[0]) for line in buffers]),
                       ("route", [row["route"] for row in routes])):
        there = [int(line.split()[1]) for line in ledger if line.startswith(kind)]
        claim(there == told, told, ledger)
    for line in buffers:
        claim(any(line.split()[2] in part for part in ledger), line, ledger)

    log = section(text, 3, 4)
    claim([line for line in machine.output.replace("\r", "").split("\n") if "] boot:" in line]
          == [line for line in log if "] boot:" in line], "the log as it was printed", log)
    claim(any("blocked" in line for line in section(text, 4, 5)), "the shell waits", text)
    claim(machine.shell("echo and on") == "and on", "the machine runs on", machine.tail())
    machine.halt()


def test_broken_structures(boot, logs):
    """With a list that never ends, one that leads nowhere, an impossible count and a wild pointer
    every command ends soon, says what is damaged, and shows the rest. Else: gdb hangs, prints
    without end, or a traceback."""
    machine = with_driver(boot, logs)
    attached = Attached(machine, logs)
    every = ["ps", "cpus", "where", f"caps {DRIVER}", f"rings {DRIVER}", "ledger", "log", "trace"]
    ledger = machine.symbol("ledger")
    broken = [
        ("a process that leads back to another", "of('shell', 'all')", "at['echo']", 8,
         "is broken"),
        ("a process that leads nowhere", "of('shell', 'all')", 0x123456789000, 8, "cannot be read"),
        ("no threads, but a wild pointer", f"of('{DRIVER}', 'threads')", 1, 8, "cannot be read"),
        ("too many pages of capabilities",
         f"of('{DRIVER}', 'caps') + memory.offset_of('cap_table', 'page_count')", 1 << 31, 4,
         "has 2147483648 pages"),
        ("too many CPUs", machine.symbol("cpu_count"), 0xFFFFFFFF, 4, "cpu_count is 4294967295"),
        ("too many functions", ledger + 8, 0xFFFFFFFF, 4, "4294967295 functions"),
        ("functions nowhere", ledger, 0xDEAD0000, 8, "8 bytes|bytes at 0xdead0000 cannot be read"),
        ("a log of more bytes than there are", "memory.variable_address('written', 8)", (1 << 64) - 1, 8,
         "bytes are lost"),
        ("a trace that began after it ended", "memory.variable_address('trace_rings') + 16", 1 << 60, 8,
         "the trace ring of CPU 0 says"),
    ]
    commands = [
        "python import memory, kernel; machine = gdb.selected_inferior()",
        "python at = {memory.text(p['name']): a for a, p in kernel.processes()}",
        "python of = lambda name, field: at[name] + memory.offset_of('process', field)"]
    for number, (_, address, value, size, _) in enumerate(broken):
        commands += [f"echo <{number}>\\n", f"python place = {address}",
                     f"python old = bytes(machine.read_memory(place, {size}))",
                     f"python machine.write_memory(place, ({value}).to_bytes({size}, 'little'))",
                     *(f"capos {command}" for command in every),
                     "python machine.write_memory(place, old)"]
    text = attached.run(*commands, f"echo <{len(broken)}>\\n", "python memory.LIST_LIMIT = 3",
                        "capos ps")
    claim("has more than 3 members" in text, "a limit to lists", text)
    claim("Traceback" not in text, "no traceback", text)
    for number, (what, _, _, _, wanted) in enumerate(broken):
        lines = section(text, number, number + 1)
        claim(re.search(wanted, "\n".join(lines)), f"{what}: /{wanted}/", lines)
        claim(20 < len(lines) < 600, f"{what}: the rest, within bounds", lines)
    claim(machine.shell("echo whole") == "whole", "repaired, the machine runs on", machine.tail())
    machine.halt()
