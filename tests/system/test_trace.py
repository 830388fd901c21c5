# SPDX-License-Identifier: MIT
"""The kernel's trace: what is recorded is what happened, in order, without gaps that are not
counted, and makes a file that trace viewers open."""

import collections
import json
import pathlib
import re
import subprocess

import pytest
import trace_events
from harness import Devices, Machine, disk_image
from shell import claim, fresh_prompt, process_table, report_rows
from test_debugger import Attached
from test_panic import stop_in_kernel

DRIVER = "virtio-blk"
CONSOLE_VECTOR = 0x30


def start(boot, logs, **options):
    devices = Devices()
    disk_image.create(logs / "disk.img", 4 << 20)
    devices.disk(logs / "disk.img")
    machine = boot(devices=devices, **options)
    machine.expect(f"{DRIVER}: disk")
    fresh_prompt(machine)
    return machine


def dump(machine):
    """The last dump of the machine's trace, which must be sound and complete."""
    text = machine.shell("trace dump")
    found = trace_events.parse(text)
    claim(len(found) == 1 and found[0].count is not None, "one whole dump", text[-400:])
    wrong = trace_events.problems(found[0])
    claim(not wrong, "a dump that does not contradict itself", wrong[:5])
    return found[0]


def every(trace, kind):
    return [record for records in trace.records.values() for record in records if record.kind == kind]


def titles(trace, kind):
    return [trace_events.describe(trace, record)[0] for record in every(trace, kind)]


def record_commands(machine, *commands):
    """The dump of what commands at the prompt do."""
    machine.shell("trace on")
    for command in commands:
        machine.shell(command)
    machine.shell("trace off")
    return dump(machine)


def deliveries(machine):
    """{(route, vector): how often delivered}"""
    return {(row["route"], int(row["vector"], 16)): row["delivered"]
            for row in report_rows(machine, "irqs", "route")}


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_work(boot, logs, cpus):
    """A program's start, its calls, its end, and a read of the disk are in the trace of the CPUs
    that did it: processes by name, switches that follow each other, submissions, and as many
    interrupts of each route as the kernel has counted. Else: one of them is missing, or a switch does not begin where the last one
    ended."""
    machine = start(boot, logs, cpus=cpus)
    pids = {name: row["pid"] for name, row in process_table(machine).items()}
    before = deliveries(machine)
    trace = record_commands(machine, "run hello", "blk read 0 16", "blk check 64K")
    after = deliveries(machine)
    claim(trace.cpus == cpus and not trace.lost, f"{cpus} CPUs, nothing lost", vars(trace).keys())
    claim(pids.items() <= {name: pid for pid, name in trace.names.items()}.items(),
          "the names of all processes", trace.names)
    claim(titles(trace, "processStart") == ["start hello"], "hello begins",
          titles(trace, "processStart"))
    claim(titles(trace, "processEnd") == ["end hello"], "and ends", titles(trace, "processEnd"))
    calls = {(record.pid, trace_events.describe(trace, record)[0])
             for record in every(trace, "submission")}
    for name, operation in (("shell", "call"), ("init", "return"), (DRIVER, "return")):
        claim((pids[name], operation) in calls, f"{name}: {operation}", sorted(calls))
    ran = {record.words[1] >> 32 for record in every(trace, "switch")}
    claim({pids["shell"], pids["init"], pids[DRIVER]} <= ran, "the CPUs went to each", ran)
    claim(f"interrupt {CONSOLE_VECTOR:#x}" in titles(trace, "interrupt"), "the console's interrupts",
          titles(trace, "interrupt")[:20])
    seen = collections.Counter((record.words[1] - 1, record.words[0])
                               for record in every(trace, "interrupt") if record.words[1])
    claim(dict(seen) == {key: count - before[key] for key, count in after.items()
                         if count != before[key]},
          f"as many of each route and vector as were delivered: {before}, {after}", dict(seen))
    claim(machine.shell("run demo").count("everything as specified") == 1, "IPC works", machine.tail())
    machine.halt()


def rttest_passes(machine, group):
    text = machine.shell(f"run rttest {group}", 50)
    claim(re.search(r"rttest: [1-9]\d* passed, 0 failed", text), f"rttest {group} passes", machine.tail())


@pytest.mark.parametrize("kernel", ["kernel-debug", "kernel-clang"])
def test_traced_lending(boot, kernel):
    """With the fast path of IPC left out, priorities are lent as well: on one CPU, whose clock counts
    instructions, for this is about time. Else: a failed check."""
    machine = boot(cpus=1, icount=0, kernel=f"build/{kernel}/capos.elf")
    machine.expect(machine.PROMPT)
    machine.shell("trace on")
    rttest_passes(machine, "lending")
    machine.halt()


@pytest.mark.parametrize("kernel", ["kernel-debug", "kernel-clang"])
def test_traced_ipc(boot, logs, kernel):
    """With the fast path of IPC left out, all that demo and rttest check still holds, in the other
    builds of the kernel, too. Else: a failed check, or a panic."""
    machine = start(boot, logs, kernel=f"build/{kernel}/capos.elf")
    machine.shell("trace on")
    claim("everything as specified" in machine.shell("run demo"), "demo passes", machine.tail())
    rttest_passes(machine, "threads")
    trace = dump(machine)
    claim(len(every(trace, "switch")) > 50, "many switches", trace.count)
    claim("the trace is on" in machine.shell("trace"), "it goes on after a dump", machine.tail())
    machine.halt()


def test_teardown(boot, logs):
    """The end of a driver is in the trace as it is in the audit log: the same changes of authority in
    the same order, and each of its buffers unmapped. Else: they differ."""
    machine = start(boot, logs)
    buffers = [line.split() for line in machine.shell("dma").splitlines()[1:]]
    before = max(int(number) for number in re.findall(r"^ *(\d+) ", machine.shell("audit"), re.MULTILINE))
    machine.shell("trace on")
    machine.shell(f"kill {DRIVER}")
    while "freed" not in machine.shell(f"audit {before + 1}"):
        pass  # the teardown goes on when the process is gone; the test has a deadline
    machine.shell("trace off")
    trace = dump(machine)
    audit = [line.split() for line in machine.shell(f"audit {before + 1}").splitlines()
             if line.split()[0].isdigit()]  # init's word about the end may stand between
    recorded = sorted(every(trace, "ledger"), key=lambda record: record.ticks)
    seen = [trace_events.describe(trace, record)[0].split() for record in recorded]
    claim(len(seen) > 3 and seen == [[line[2], line[3]] for line in audit], audit, seen)
    unmapped = sorted(f"{record.words[1]:x}" for record in every(trace, "dmaUnmap"))
    claim(unmapped == sorted(line[2] for line in buffers if line[1] == seen[0][1]),
          buffers, unmapped)
    claim(titles(trace, "processEnd") == [f"end {DRIVER}"], "its end", titles(trace, "processEnd"))
    machine.halt()


def test_faults(boot, logs):
    """A fault of user code is in the trace with the instruction that the crash report names.
    Else: another address, or no record."""
    machine = start(boot, logs)
    machine.shell("trace on")
    machine.shell("run hostile faults", 30)
    machine.shell("trace off")
    trace = dump(machine)
    faults = sorted(every(trace, "fault"), key=lambda record: record.ticks)
    reported = re.findall(r"crash: process (\d+) .* at rip 0x([0-9a-f]+)", machine.output)
    claim(faults, "faults", trace.count)
    claim([(str(record.pid), f"{record.words[1]:x}") for record in faults]
          == [(pid, rip.lstrip("0") or "0") for pid, rip in reported[-len(faults):]], reported[-3:],
          faults[-3:])
    machine.halt()


def test_loss_and_off(boot, logs):
    """Off, nothing is recorded. On, a ring that is full keeps the newest records, numbered without a
    gap, and says how many it has lost. `trace on` forgets what there was. Else: a record of the time
    when it was off, or a number that does not fit."""
    machine = start(boot, logs, cpus=1)
    claim("the trace is off" in machine.shell("trace"), "off at first", machine.tail())
    machine.shell("run demo")
    claim(dump(machine).count == 0, "nothing recorded", "records")
    machine.shell("trace on")
    while not dump(machine).lost:
        machine.shell("run demo")
    machine.shell("trace off")
    trace = dump(machine)
    records = trace.records[0]
    claim(len(records) == trace.capacity, f"{trace.capacity} records", len(records))
    claim(records[0].number == trace.lost[0] or records[0].number > trace.lost[0], "numbers go on",
          (records[0].number, trace.lost))
    last = records[-1].number
    machine.shell("run demo")
    claim(dump(machine).records[0][-1].number == last, "nothing after `off`", last)
    trace = record_commands(machine, "echo")
    claim(trace.records[0][0].number == last + 1 and trace.records[0][0].kind == "begin",
          f"begins with {last + 1}", trace.records[0][0])
    claim(not trace.lost, "and nothing is lost", trace.lost)
    text = machine.shell("trace show 3").splitlines()
    claim(len(text) == 4 and re.match(r" +\d+\.\d{6} cpu0 ", text[1]), "a heading and three lines", text)
    for typed in ("trace what", "trace on off", "trace show x", "trace dump 1"):
        claim(re.match("usage: trace|.* is no number of records", machine.shell(typed)),
              f"a refusal of {typed!r}", machine.tail())
    machine.halt()


def spans(events, pid):
    """{tid: [(begin, end, name)] in order} of one process's tracks."""
    found = {}
    for event in events:
        if event["ph"] == "X" and event["pid"] == pid:
            found.setdefault(event["tid"], []).append(
                (round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000), event["name"]))
    return {tid: sorted(times) for tid, times in found.items()}


def test_export(boot, logs):
    """tools/trace-export makes JSON of what a terminal has kept in which every track has a name, time
    does not go back, no CPU carries two threads at once, and each thread runs just when a CPU says
    so. Else: spans that overlap or differ."""
    machine = start(boot, logs)
    record_commands(machine, "run hello", "blk check 4K")
    output = logs / "trace.json"
    done = subprocess.run(["tools/trace-export", logs / "serial.log", output], capture_output=True,
                          text=True, check=False)
    claim(done.returncode == 0, "exported", done.stderr)
    events = json.loads(output.read_text(encoding="utf-8"))["traceEvents"]
    names = {(event["pid"], event["tid"]): event["args"]["name"] for event in events
             if event["ph"] == "M" and event["name"] == "thread_name"}
    processes = {event["pid"]: event["args"]["name"] for event in events
                 if event["ph"] == "M" and event["name"] == "process_name"}
    table = process_table(machine)
    claim({(row["pid"], name) for name, row in table.items()} & set(processes.items()),
          "processes by name", processes)
    times = [event["ts"] for event in events if event["ph"] != "M"]
    claim(times == sorted(times) and times[0] > 0, "time goes on", times[:5])
    for event in events:
        claim((event["pid"], event["tid"]) in names or event["ph"] == "M", "a named track", event)
    carried = []
    for tid, found in spans(events, trace_events.CPUS_PID).items():
        claim(names[trace_events.CPUS_PID, tid].startswith("CPU "), "a CPU's track", tid)
        for before, after in zip(found, found[1:]):
            claim(before[1] <= after[0], "one thread at a time", (before, after))
        carried += found
    ran = [(begin, end, names[pid, tid]) for pid in processes if pid < trace_events.CPUS_PID
           for tid, found in spans(events, pid).items() for begin, end, _ in found]
    claim(sorted(carried) == sorted(ran) and len(ran) > 10, sorted(carried)[:5], sorted(ran)[:5])
    machine.halt()


def test_gdb_reads_the_same(boot, logs):
    """gdb saves the very records that the shell prints. Else: a line differs."""
    machine = start(boot, logs)
    trace = record_commands(machine, "run hello")
    saved = logs / "saved.txt"
    text = Attached(machine, logs).run(f"capos trace save {saved}", "capos trace 3")
    claim(saved.exists(), f"{saved}", text)
    found = trace_events.parse(saved.read_text(encoding="utf-8"))[0]
    claim(found.records == trace.records, "the same records", "others")
    claim((found.names, found.boot, found.rate, found.lost) == (
        trace.names, trace.boot, trace.rate, trace.lost), "the same heading", vars(found).keys())
    shown = machine.shell("trace show 3")
    for line in shown.splitlines():
        if " switch " in line:
            # A process that has gone meanwhile has no name any more, but its thread has its number.
            title = re.sub(r"process \d+/", "/", line.split(" switch ")[1].split(" (")[0].strip())
            claim(title in text, title, text)
    machine.halt()


def test_panic(boot, logs):
    """The epitaph of a kernel that traced ends with what its CPUs did last, in lines that
    trace-export takes. Else: none, or lines that contradict each other."""
    machine = start(boot, logs)
    machine.shell("trace on")
    machine.shell("run hello")
    gdb = stop_in_kernel(machine)
    gdb.write_memory(machine.symbol("kernel_main"), b"\x0f\x0b")
    gdb.write_register("rip", machine.symbol("kernel_main"))
    gdb.resume()
    match = machine.expect(re.compile(r"\*\*\* kernel panic(.*?)\*\*\* end of epitaph", re.S), 20)
    machine.wait_exit(Machine.EXIT_PANIC)
    found = trace_events.parse(match.group(1))
    claim(len(found) == 1 and not trace_events.problems(found[0]), "a dump", match.group(1))
    claim(any(len(records) == 8 for records in found[0].records.values()), "eight of a CPU",
          match.group(1))
    pathlib.Path(logs / "epitaph.txt").write_text(match.group(1), encoding="latin-1")
    done = subprocess.run(["tools/trace-export", logs / "epitaph.txt", logs / "trace.json"],
                          capture_output=True, text=True, check=False)
    claim(done.returncode == 0, "exported", done.stderr)
