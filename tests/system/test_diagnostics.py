# SPDX-License-Identifier: MIT
"""Gate run-diagnostics: the early prompt on COM1 describes the machine before any process exists, and the
shell says the same afterwards. diagnostics.py says what each report is compared with."""

import mmap
import pathlib
import re
import subprocess
import time

import pytest
import qemu_command
from diagnostics import (COLUMNS, DIAG, DISK_VECTORS, ask, check_acpi, check_dma, check_interrupts, check_names,
                         check_pci, early, go_on, hardware, machine_devices, read_tables, same)
from harness import Unexpected
from oracle import acpi, pci
from shell import claim, fresh_prompt

CTRL_C, CTRL_D = "\x03", "\x04"
NO_LINE_S = 60
TOPICS = ["acpi", "pci", "irqs", "cpus", "mem", "iommu", "dma", "mmio", "devices", "caps", "budgets",
          "audit", "locks", "trace"]
SHELL_TOPICS = [topic for topic in TOPICS if topic != "audit"]  # which takes an AuditLog
KERNEL_ADDRESS = re.compile(r"\bf{4,}[0-9a-f]{8,}\b", re.IGNORECASE)


@pytest.mark.parametrize("cpus, memory", [(1, "128M"), (4, "512M")])
def test_describes_the_machine(boot, logs, cpus, memory):
    """Before any process exists the prompt names every function, BAR, capability, MSI-X table, ACPI
    table, interrupt input, IOMMU, CPU and byte of memory as the oracle and QEMU have them, and that no
    device reaches memory or interrupts anybody. Else: the line that differs."""
    devices = machine_devices(logs)
    machine = early(boot, cpus=cpus, memory=memory, devices=devices)
    claim("init: first instruction" not in machine.output, "no process has run", machine.tail())
    seen, tables = hardware(machine)
    rows = check_pci(machine, seen)
    # What this test put into the machine, by QEMU's own names for it.
    for name, ids, vectors in (("edu0", "1234:11e8", 0), ("pci0", "1b36:0005", 0),
                               ("entropy0", "1af4:1044", 2), ("disk0", "1af4:1042", DISK_VECTORS)):
        row = rows[pci.name_of(machine.bdf(name))]
        same(name, (row["id"], row["msixVectors"]), (ids, vectors))
    check_names(machine, rows)
    check_acpi(machine, tables)
    check_interrupts(machine, seen)
    check_dma(machine, seen, "confined")
    remapper, = acpi.remappers(tables)
    unit, = ask(machine, "iommu")["iommu"]
    same("IOMMU", (int(unit["registers"], 16), unit["segment"], unit["addressBits"], unit["translating"],
                   unit["remapping"], unit["domains"], unit["faults"]),
         (remapper.base, remapper.segment, 39, True, True, 0, 0))
    same("contexts of the IOMMU", [str(context) for unit in seen.units for context in unit.contexts], [])
    told = ask(machine, "cpus")["cpu"]
    same("CPUs", [(row["cpu"], row["apicId"], row["online"]) for row in told],
         [(number, number, True) for number in range(cpus)])
    told = ask(machine, "mem")
    size = int(memory[:-1]) << 20
    below = [row for row in told["memoryRange"] if int(row["first"], 16) < size]
    same("end of memory", max(int(row["last"], 16) for row in below) + 1, size)
    usable_end = max(int(row["last"], 16) for row in below if row["type"] == "usable") + 1
    same("frames", sum(row["frames"] for row in told["memoryUse"]), usable_end >> 12)
    for topic, words in (("caps", "no process exists"), ("caps 1", "no such process, or it has none"),
                         ("budgets", "no process exists"), ("audit", "no records: nobody has had a device"),
                         ("pci 1f:00.0", "there is no such function"),
                         ("trace", "no records; `trace on` begins to record")):
        same(topic, machine.shell(topic), words)
    go_on(machine)
    machine.halt()


def test_no_iommu(boot, logs):
    """On a machine without an IOMMU the prompt says so, and that no function can be confined.
    Else: a level that the machine does not have."""
    machine = early(boot, devices=machine_devices(logs, iommu=False))
    seen, tables = hardware(machine)
    check_acpi(machine, tables)
    check_dma(machine, seen, "none")
    claim("no IOMMU" in machine.shell("iommu"), "no IOMMU", machine.tail())
    claim(all(row["level"] == "none" for row in ask(machine, "devices")["device"]), "level none",
          machine.tail())
    go_on(machine)
    machine.halt()


def test_reads_well(boot, logs):
    """Every report in text has lines of at most 79 printable columns, no address of the kernel's own, and
    the same rows as in JSON; the shell's `report` prints the same as the early prompt where nothing has
    changed. Else: the line."""
    machine = early(boot, devices=machine_devices(logs))
    before = {}
    for topic in [*TOPICS, "pci 00:04.0", "pci 00:1f.3"]:
        before[topic] = text = machine.shell(topic)
        for line in text.splitlines():
            claim(len(line) <= COLUMNS and line.isprintable(), f"at most {COLUMNS} columns in {topic}", line)
            claim(not KERNEL_ADDRESS.search(line), f"no kernel address in {topic}", line)
            claim("**" not in line, f"room for all numbers in {topic}", line)
        rows = sum(len(rows) for rows in ask(machine, topic).values())
        headings = sum(bool(re.match(r"\s*[A-Z][A-Z-]+( |$)", line)) for line in text.splitlines())
        claim(rows <= len(text.splitlines()) and (rows == 0 or headings > 0), f"rows of {topic}", text)
    go_on(machine)
    for words in ("serving entropy", "requests at once"):
        if words not in machine.output:
            machine.expect(words)
    fresh_prompt(machine)
    for topic in ("acpi", "pci 00:1f.3", "mmio"):
        same(topic, machine.shell(topic), before[topic])
    same("report acpi", machine.shell("report acpi"), before["acpi"])
    same("trace", machine.shell("trace on").split(";")[0], "the trace is on")
    for topic in SHELL_TOPICS:
        claim(read_tables(machine.shell(f"report {topic} -j")), f"report {topic} -j", machine.tail())
        told = read_tables(machine.shell(f"{topic} -j"))
        claim(told and all(told.values()), f"{topic} -j is JSON", machine.tail())
    machine.shell("trace off")
    for topic in [*TOPICS, "pci 00:1f.3", "caps 1", "report caps", "report mem", "report trace"]:
        if topic not in ("caps", "trace"):  # which want a word more, or a verb
            for line in machine.shell(topic).splitlines():
                claim(len(line) <= COLUMNS and line.isprintable(), f"80 columns in {topic}", line)
    told = read_tables(machine.shell("report dma -j"))
    claim(any(row["attached"] and row["busMaster"] for row in told["reach"]) and told["buffer"],
          "the disk's driver can be seen", told)
    names = {row["name"] for row in read_tables(machine.shell("budgets -j"))["budget"]}
    claim({"init", "shell"} <= names, "budgets of init and shell", names)
    for words, answer in (("report colour", 'there is no report "colour"'), ("acpi 3", "acpi takes no"),
                          ("pci 00:1f", "neither a number"), ("pci 1 2 3", "too many words")):
        claim(machine.shell(words).startswith(answer), answer, machine.tail())
    machine.halt()


# ---- The prompt itself

def check_pages(machine, prompt, command):
    """`page 5`, and what each key does."""
    whole = machine.shell(command).splitlines()
    same("page", machine.shell("page 5"), "")
    for keys, lines in (("q", 5), (CTRL_C, 5), ("\rq", 10), ("a", len(whole))):
        start = len(machine.output)
        machine.write(f"{command}\r")
        for key in keys:
            machine.expect("-- more: Enter, a for all, q to stop --")
            machine.write(key)
        machine.expect(re.compile(r"(?<=[\n\r])" + re.escape(prompt)))
        text = re.sub(r"-- more[^\n]*?--\r +\r", "", machine.output[start:]).replace("\r\n", "\n")
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        same(f"lines after {keys!r}", text.splitlines()[1:-1][:lines + 1] if lines == len(whole)
             else text.splitlines()[1:lines + 1], whole[:lines])
        claim(text.count("\n") == lines + 1, f"{lines} lines after {keys!r}", text)
    # A report of as many lines as a page has does not ask.
    claim("-- more" not in machine.shell(f"page {len(whole)}") + machine.shell(command), "no question",
          machine.tail())
    machine.shell("page 0")


def test_pages(boot):
    """A long report stops after a page: Enter goes on, `a` prints the rest, q and ^C stop it; in between
    nothing is lost. So it is at the shell, for every command. Else: a prompt too early, rows that are
    missing, or a question behind the last line."""
    machine = early(boot)
    check_pages(machine, DIAG, "irqs")
    same("page", machine.shell("page 2001"), "usage: page [LINES]")
    go_on(machine)
    for command in ("help", "report acpi"):
        check_pages(machine, machine.PROMPT, command)
    claim("at most 2000" in machine.shell("page 2001"), "a limit", machine.tail())
    machine.halt()


def test_hostile_input(boot):
    """Bytes of every kind, escape sequences that never end, lines of 10,000 bytes and words that mean
    nothing do no more than be refused; the prompt answers afterwards, and the machine boots.
    Else: a panic, a hang, or a command that nobody typed."""
    machine = early(boot)
    for piece in range(0, 10000, 500):
        machine.write("halt " * 100)
    machine.write("\r")
    machine.expect("the line is too long")
    every = "".join(chr(byte) for byte in range(256) if byte not in (3, 10, 13, 21))
    for _ in range(8):
        machine.write(every)
    machine.write("\r")
    machine.expect("the line is too long")
    machine.write("\x1b[" + "9;" * 300 + "\r")
    machine.expect(DIAG)
    machine.write("half a line" + CTRL_C)
    machine.expect("^C")
    for words, answer in (("pcix", "no such command; help lists them"),
                          ("halt_", "no such command; help lists them"),
                          ("acpi 1", "no such command; help lists them"),
                          ("pci zz", "neither a number nor the place of a function, as 00:1f.2 is one"),
                          ("pci 18446744073709551615", "there is no such function"),
                          ("caps 18446744073709551615", "no such process, or it has none"),
                          ("pci -j -j -j -j", "too many words"), ("", "")):
        same(f"answer to {words!r}", machine.shell(words), answer)
    claim("panic" not in machine.output, "no panic", machine.tail())
    claim("continue" in machine.shell("help"), "help", machine.tail())
    for words, start in (("help pci", "  pci  "), ("help halt", "  halt      stop"),
                         ("help pcix", "no such command; help lists them")):
        text = machine.shell(words)
        claim(text.startswith(start) and "\n" not in text, f"{words}: one line", text)
    go_on(machine)
    machine.halt()


def test_called_by_key(boot):
    """^D within diag_wait brings the prompt; whatever else is typed then is the shell's, flooding the line
    does not keep the machine from booting; without diag_wait nothing is waited for.
    Else: no prompt, a prompt that nobody wanted, or lost words."""
    machine = boot(append="diag_wait=10000")
    machine.expect("^D within 10000 ms")
    machine.write("ab" + CTRL_D)
    machine.expect(DIAG, 5)
    machine.write("\rcontinue\r")
    machine.expect(machine.PROMPT)
    machine.write("\x15")
    machine.halt()

    machine = boot(append="diag_wait=1500")
    machine.expect("^D within 1500 ms")
    machine.write("echo I was early\r")
    machine.expect(re.compile(r"\nI was early\r?\n"))
    machine.halt()

    machine = boot(append="diag_wait=10000")
    machine.expect("^D within 10000 ms")
    for _ in range(40):
        machine.write("x" * 50)
    machine.expect("boot: starting init")
    opened, ended = (float(re.search(rf"^\[ *([0-9.]+)\] {words}", machine.output, re.MULTILINE).group(1))
                     for words in (r"diag: \^D within", "boot: starting init"))
    claim(ended - opened < 9, "booted before the window ended, by the machine's own clock", (opened, ended))
    machine.expect(machine.PROMPT)

    machine = boot(append="diag=0")
    machine.expect(machine.PROMPT)
    claim(DIAG not in machine.output and "^D within" not in machine.output, "no prompt", machine.tail())
    machine.halt()


def static_objects(path, *names):
    """{name: (address, bytes)} of objects that only their own file knows."""
    found = {}
    for line in subprocess.run(["nm", "-S", path], check=True, capture_output=True, text=True).stdout.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[2] in "bBdD" and fields[3].split(".")[0] in names:
            found[fields[3].split(".")[0]] = (int(fields[0], 16), int(fields[1], 16))
    claim(set(found) == set(names), f"{names} in {path}", found)
    return found


def test_without_a_heap(boot):
    """With the allocators of frames and of objects overwritten, every command of the early prompt still
    answers, and the machine can be halted. Else: a panic, a hang, or an empty report."""
    machine = early(boot)
    gdb = machine.gdb()
    for address, length in static_objects(qemu_command.KERNEL, "buddy", "slab_kernel").values():
        gdb.write_memory(address, b"\xa5" * length)
    gdb.resume()
    for topic in [*TOPICS, "pci 00:1f.3", "caps 1", "help", "trace on", "trace -j", "mem -j"]:
        claim(machine.shell(topic), f"an answer to {topic}", machine.tail())
    claim("panic" not in machine.output, "no panic", machine.tail())
    machine.write("halt\r")
    machine.wait_exit(machine.EXIT_HALT)


def test_trace_from_the_start(boot):
    """`trace on` at the early prompt records how the first process starts; the shell reads it afterwards.
    Else: no record of init's start."""
    machine = early(boot)
    same("trace on", machine.shell("trace on"), "recording")
    same("CPUs", {row["kind"] for row in ask(machine, "trace")["trace"]}, {"begin"})
    go_on(machine)
    machine.shell("trace off")
    records = read_tables(machine.shell("trace -j"))["trace"]
    name = "0x" + b"init"[::-1].hex()
    claim(any(row["kind"] == "processStart" and row["word1"] == name for row in records),
          "the start of init", records[:5])
    same("order", records, sorted(records, key=lambda row: (row["cpu"], row["number"])))
    machine.halt()


@pytest.mark.parametrize("command, status", [("halt", qemu_command.EXIT_HALT), ("reboot", 0)])
def test_ends_the_machine(boot, command, status):
    """halt and reboot work before any process exists. Else: the machine runs on."""
    machine = early(boot)
    machine.write(command + "\r")
    machine.wait_exit(status, 10)


def test_command_line(boot):
    """Options that are none are named and ignored. Else: a prompt, or no line about them."""
    machine = boot(append="diag=2 diag_wait=10001 diag=")
    machine.expect("diag: neither 0 nor 1: diag=2")
    machine.expect("diag_wait: not milliseconds up to 10000: diag_wait=10001")
    machine.expect("diag: neither 0 nor 1: diag=")
    machine.expect(machine.PROMPT)
    machine.halt()


def test_no_serial_line(logs):
    """diag=1 on a machine without a COM1 keeps it from nothing: it says in its log that nobody could ask,
    and starts init. Else: the log in its memory ends before that."""
    ram = logs / "ram"
    accelerator = qemu_command.choose_accelerator()[0]
    arguments = qemu_command.command(accelerator, cpus=1, memory="64M", append="diag=1", extra=[
        "-object", f"memory-backend-file,id=ram,size=64M,mem-path={ram},share=on",
        "-machine", "memory-backend=ram", "-serial", "none", "-monitor", "none"])
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + NO_LINE_S
        while True:
            text = read_ram(ram)
            if b"diag: diag=1: no COM1" in text and b"starting init" in text:
                break
            if time.monotonic() > end or process.poll() is not None:
                raise Unexpected("a log that goes on to init", f"QEMU: {process.poll()}")
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
        ram.unlink(missing_ok=True)


def read_ram(path):
    if not pathlib.Path(path).exists() or pathlib.Path(path).stat().st_size == 0:
        return b""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        return bytes(memory)
