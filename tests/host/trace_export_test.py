# SPDX-License-Identifier: MIT
"""tools/trace-export without a machine: what it reads, what it refuses, what it makes of it, and
that its tables are the schema's."""

import json
import pathlib
import random
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPORT = ROOT / "tools/trace-export"
sys.path.insert(0, str(ROOT / "tools"))

import trace_events  # noqa: E402

HEAD = ["trace-begin 1 2 100 1000 1000000000", "trace-process 1 init", "trace-process 4 virtio-blk"]
INIT, DISK = "0x100000001", "0x400000002"
BODY = [
    f"trace 0 7 2000 begin 1 {INIT} 0x0 0x0",
    f"trace 0 8 2100 systemCall 1 0x0 0x1 0x1",
    f"trace 0 9 2200 submission 1 0x0 0x30001 0x100005",
    f"trace 0 10 3000 switch 1 {INIT} {DISK} 0x1500",
    f"trace 0 11 3500 dmaMap 4 0x10000000003 0x100000000 0x1",
    f"trace 0 12 4000 switch 4 {DISK} 0x0 0x0",
    "trace-lost 1 5",
    "trace 1 20 2500 begin 0 0x0 0x0 0x0",
    "trace 1 21 2600 interrupt 0 0x30 0x2 0x0",
]
END = ["trace-end 8"]


def parse(lines):
    found = trace_events.parse("\n".join(lines))
    assert len(found) == 1
    return found[0]


def export(tmp_path, lines, *options):
    source = tmp_path / "input.txt"
    source.write_text("\n".join(lines), encoding="latin-1")
    done = subprocess.run([EXPORT, source, *options], capture_output=True, text=True, timeout=100,
                          check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_what_it_makes():
    """Spans of threads on CPUs and of buffers, instants of the rest, in microseconds since boot."""
    trace = parse(HEAD + BODY + END)
    assert trace_events.problems(trace) == []
    events = trace_events.export(trace)["traceEvents"]
    spans = [(event["name"], event["ts"], event["dur"]) for event in events
             if event["ph"] == "X" and event["pid"] == trace_events.CPUS_PID]
    assert spans == [("init/1", 1.0, 1.0), ("virtio-blk/2", 2.0, 1.0)]
    instants = {event["name"]: event for event in events if event["ph"] == "i"}
    assert instants["cap_enter"]["ts"] == 1.1 and instants["cap_enter"]["pid"] == 1
    assert instants["call"]["args"]["method"] == 3
    assert instants["interrupt 0x30"]["args"]["route"] == 1
    begun = [event for event in events if event["ph"] == "b"]
    assert [event["id"] for event in begun] == ["01:00.0 0x100000000"]
    assert all(isinstance(event["ts"], (int, float)) for event in events)


def test_round_trip():
    """lines() writes what parse() reads."""
    trace = parse(HEAD + BODY + END)
    again = parse(list(trace_events.lines(trace)))
    assert vars(again) == vars(trace)


def test_finds_dumps_in_a_terminal_log(tmp_path):
    """Other lines, carriage returns and older dumps do not matter; --dump takes an older one."""
    noise = ["capos> trace dump\r", "[  0.1] boot: x", "trace me", "trace 0 x", "\x1b[K"]
    second = [line.replace(" 7 ", " 7 ") for line in HEAD + BODY[:3] + ["trace-end 3"]]
    text = noise + [line + "\r" for line in HEAD + BODY + END] + noise + second + noise
    assert len(trace_events.parse("\n".join(text))) == 2
    newest = json.loads(export(tmp_path, text).stdout)
    oldest = json.loads(export(tmp_path, text, "--dump", "1").stdout)
    assert len(newest["traceEvents"]) < len(oldest["traceEvents"])
    assert oldest["otherData"]["lost"] == {"1": 5}
    assert export(tmp_path, text, "--dump", "3").returncode == 1


@pytest.mark.parametrize("name, before, after, says", [
    ("back in time", "trace 0 9 2200", "trace 0 9 2050", "50 ticks before"),
    ("a gap", "trace 0 9 2200", "trace 0 19 2200", "follows 8"),
    ("from another thread", f"switch 4 {DISK} 0x0", f"switch 4 {INIT} 0x0", "a switch from init/1"),
    ("of another process", "dmaMap 4 ", "dmaMap 1 ", "of process 1, but"),
    ("an unknown kind", "dmaMap 4", "dmaMup 4", "unknown kind dmaMup"),
    ("an unknown process", "trace-process 4 virtio-blk", "", "process 4 has no name"),
    ("a lost line", "trace-end 8", "trace-end 9", "the end says 9 records, there are 8"),
    ("another CPU", "trace 1 2", "trace 7 2", "CPU 7 of 2"),
    ("another version", "trace-begin 1", "trace-begin 2", "version 2"),
])
def test_refuses_contradictions(tmp_path, name, before, after, says):
    """Each contradiction is named and refused, unless forced."""
    text = "\n".join(HEAD + BODY + END)
    assert before in text, name
    lines = text.replace(before, after).split("\n")
    done = export(tmp_path, lines)
    assert done.returncode == 1 and says in done.stderr and done.stdout == "", (name, done.stderr)
    done = export(tmp_path, lines, "--force")
    assert done.returncode == 0 and json.loads(done.stdout)["traceEvents"], name


def test_epitaph_round_trip(tmp_path):
    """What an epitaph's records tell of names is no list of them when it is written and read again."""
    lines = [HEAD[0], *BODY[:2], "trace 0 9 2200 processEnd 1 0x7 0x6f6c6c6568 0x0", BODY[3], "trace-end 4"]
    trace = parse(lines)
    assert trace.names == {7: "hello"} and vars(parse(list(trace_events.lines(trace)))) == vars(trace)
    assert export(tmp_path, lines).returncode == 0


def test_beginning_lost():
    """Without a begin record the first switch says who ran until then."""
    trace = parse(HEAD + BODY[2:6])
    assert trace_events.problems(trace) == []
    spans = [(event["name"], event["ts"]) for event in trace_events.export(trace)["traceEvents"]
             if event["ph"] == "X" and event["pid"] == trace_events.CPUS_PID]
    assert spans == [("init/1", 1.2), ("virtio-blk/2", 2.0)]


def test_names_of_short_lives():
    """A process that began or ended meanwhile has the name in its own record."""
    words = [f"{int.from_bytes(part, 'little'):#x}" for part in (b"hello\0\0\0", bytes(8))]
    for kind in ("processStart", "processEnd"):
        trace = parse(HEAD + [f"trace 0 0 5000 {kind} 1 0x200000009 {' '.join(words)}"])
        assert trace.names[9] == "hello"


def test_epitaph_has_no_list_of_names():
    """The few records of an epitaph may name one process, and have others beside it."""
    records = ["trace 0 32 2000 systemCall 6 0x0 0x1 0x1", "trace 1 10 3000 processEnd 7 0x7 0x6f6c6c6568 0x0"]
    assert trace_events.problems(parse([HEAD[0], *records])) == []
    assert trace_events.problems(parse([*HEAD[:2], *records])) == ["CPU 0 record 32: process 6 has no name"]


def test_no_dump(tmp_path):
    """A text without a dump, a file that is not there, and a dump whose begin is cut off."""
    assert "holds no dump" in export(tmp_path, ["nothing"]).stderr
    assert "holds no dump" in export(tmp_path, BODY).stderr
    done = subprocess.run([EXPORT, tmp_path / "none"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "No such file" in done.stderr


def test_never_crashes(tmp_path):
    """Whatever a line is changed to, there is an answer in words or a valid file."""
    chance = random.Random(1)
    lines = HEAD + BODY + END
    for _ in range(300):
        text = bytearray("\n".join(lines).encode())
        for _ in range(chance.randrange(1, 6)):
            text[chance.randrange(len(text))] = chance.choice(b"0123456789abcdefx \n-~")
        for trace in trace_events.parse(text.decode("latin-1")):
            trace_events.problems(trace)
            json.loads(json.dumps(trace_events.export(trace)))


def test_tables_are_the_schema():
    """The names of kinds, operations, events, states and accesses are those of the schema."""
    schema = (ROOT / "schema/capos.capnp").read_text(encoding="utf-8")
    for enum, names in {"TraceKind": trace_events.KINDS, "RingOperation": trace_events.OPERATIONS,
                        "AuditEvent": trace_events.AUDIT_EVENTS, "DmaAccess": trace_events.ACCESSES,
                        "FunctionState": trace_events.FUNCTION_STATES,
                        "ExitReason": trace_events.EXIT_REASONS}.items():
        body = re.search(rf"^enum {enum} {{(.*?)}}", re.sub("#.*", "", schema), re.S | re.M).group(1)
        assert tuple(re.findall(r"(\w+) @\d+;", body)) == names, enum
