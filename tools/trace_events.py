# SPDX-License-Identifier: MIT
"""The kernel's trace as text lines, and as events for trace viewers.

The lines are what the shell's `trace dump`, the epitaph of a panic and gdb's `capos trace save`
write; user/services/shell/trace.c says what each is, enum TraceKind in schema/capos.capnp what a
record's words are. Whatever else is in the text is passed over.

The events are Chrome's Trace Event Format (JSON object form), which Perfetto and Chrome open: each
CPU is a track with the thread it carries, each thread one with when it ran and what it asked for,
each buffer that a device can reach a span from map to unmap."""

import collections
import re

VERSION = 1
KINDS = ("begin", "systemCall", "submission", "switch", "interrupt", "dmaMap", "dmaUnmap", "ledger",
         "fault", "processStart", "processEnd")
STATES = ("blocked", "ready", "running", "ended")
OPERATIONS = ("nop", "call", "recv", "return", "release", "wait", "timeout", "cancel")
AUDIT_EVENTS = ("claimed", "moved", "mmioMapped", "mmioUnmapped", "routeBound", "routeReleased",
                "bufferMapped", "bufferUnmapped", "revoked", "reset", "freed", "quarantined",
                "retired", "refused", "faulted", "activated", "partReleased", "routeMade", "disabled",
                "recovering", "recovered", "pinDeclared", "unrecorded", "misplaced")
FUNCTION_STATES = ("discovered", "claimed", "active", "revoking", "resetting", "free", "quarantined",
                   "retired")
ACCESSES = ("deviceReads", "deviceWrites", "deviceReadsWrites")
EXIT_REASONS = ("exited", "crashed", "killed")

CPUS_PID, DEVICES_PID = 1_000_000, 1_000_001  # of the tracks that belong to no process

LINE = re.compile(
    r"^(?:trace-begin (?P<version>\d+) (?P<cpus>\d+) (?P<capacity>\d+) (?P<boot>\d+) (?P<rate>\d+)"
    r"|trace-process (?P<pid>\d+) (?P<name>\S.*?)"
    r"|trace-lost (?P<lost_cpu>\d+) (?P<lost>\d+)"
    r"|trace-end (?P<end>\d+)"
    r"|trace (?P<cpu>\d+) (?P<number>\d+) (?P<ticks>\d+) (?P<kind>[A-Za-z?]+) (?P<carried>\d+)"
    r" 0x(?P<word0>[0-9a-f]{1,16}) 0x(?P<word1>[0-9a-f]{1,16}) 0x(?P<word2>[0-9a-f]{1,16}))\s*$")

Record = collections.namedtuple("Record", "cpu number ticks kind pid words")


class Trace:
    """One dump: `records` of each CPU by number, `names` of processes, what was `lost` before."""

    def __init__(self, version, cpus, capacity, boot, rate):
        self.version, self.cpus, self.capacity = version, cpus, capacity
        self.boot, self.rate = boot, rate
        self.names = {}
        self.is_named = False  # it lists the processes that there are; an epitaph does not
        self.lost = {}
        self.records = {cpu: [] for cpu in range(cpus)}
        self.count = None  # that the dump says it has; None: its end is missing

    def nanoseconds(self, ticks):
        """Since boot."""
        return (ticks - self.boot) * 1_000_000_000 // max(self.rate, 1)

    def name(self, pid):
        return self.names.get(pid, f"process {pid}")

    def thread(self, identity):
        """virtio-blk/1"""
        return f"{self.name(identity >> 32)}/{identity & 0xFFFFFFFF}" if identity else "idle"


def parse(text):
    """All dumps in a text, in order."""
    dumps = []
    for line in text.replace("\r", "").split("\n"):
        match = LINE.match(line)
        if not match:
            continue
        field = match.groupdict()
        if field["version"]:
            dumps.append(Trace(*(int(field[key])
                                 for key in ("version", "cpus", "capacity", "boot", "rate"))))
        elif not dumps:
            continue  # the beginning has scrolled away
        elif field["pid"]:
            dumps[-1].names[int(field["pid"])] = field["name"]
            dumps[-1].is_named = True
        elif field["lost_cpu"]:
            dumps[-1].lost[int(field["lost_cpu"])] = int(field["lost"])
        elif field["end"]:
            dumps[-1].count = int(field["end"])
        else:
            record = Record(*(int(field[key]) for key in ("cpu", "number", "ticks")), field["kind"],
                            int(field["carried"]),
                            tuple(int(field[f"word{i}"], 16) for i in range(3)))
            dumps[-1].records.setdefault(record.cpu, []).append(record)
    for trace in dumps:
        name_short_lived(trace)
    return dumps


def name_short_lived(trace):
    """Processes that began or ended while recording tell their names, 16 bytes of them."""
    for records in trace.records.values():
        for record in records:
            if record.kind in ("processStart", "processEnd"):
                data = b"".join(word.to_bytes(8, "little") for word in record.words[1:])
                name = data.split(b"\0")[0].decode("ascii", "replace")
                trace.names.setdefault(record.words[0] & 0xFFFFFFFF, name)


def lines(trace):
    """A dump as text: what parse() reads."""
    yield f"trace-begin {trace.version} {trace.cpus} {trace.capacity} {trace.boot} {trace.rate}"
    for pid, name in sorted(trace.names.items()) if trace.is_named else ():
        yield f"trace-process {pid} {name}"
    for cpu, records in sorted(trace.records.items()):
        if cpu in trace.lost:
            yield f"trace-lost {cpu} {trace.lost[cpu]}"
        for record in records:
            words = " ".join(f"{word:#x}" for word in record.words)
            yield f"trace {cpu} {record.number} {record.ticks} {record.kind} {record.pid} {words}"
    yield f"trace-end {sum(len(records) for records in trace.records.values())}"


def problems(trace):
    """What contradicts itself in a dump: lines for people; none if it is sound."""
    found = []
    if trace.version != VERSION:
        found.append(f"version {trace.version}, this is for {VERSION}")
    total = sum(len(records) for records in trace.records.values())
    if trace.count is not None and trace.count != total:
        found.append(f"the end says {trace.count} records, there are {total}")
    for cpu, records in sorted(trace.records.items()):
        if cpu >= trace.cpus:
            found.append(f"CPU {cpu} of {trace.cpus}")
        found += cpu_problems(trace, cpu, records)
    return found


def cpu_problems(trace, cpu, records):
    before, current = None, None
    for record in records:
        where = f"CPU {cpu} record {record.number}"
        if before is not None and record.number != before.number + 1:
            yield f"{where}: follows {before.number}"
        if before is not None and record.ticks < before.ticks:
            yield f"{where}: {before.ticks - record.ticks} ticks before the last one"
        if record.kind not in KINDS:
            yield f"{where}: unknown kind {record.kind}"
        if trace.is_named and record.pid and record.pid not in trace.names:
            yield f"{where}: process {record.pid} has no name"
        if current is not None and record.kind != "begin" and record.pid != current >> 32 & 0xFFFFFFFF:
            yield f"{where}: of process {record.pid}, but the CPU carries {trace.thread(current)}"
        if record.kind == "begin":
            current = record.words[0]
        elif record.kind == "switch":
            if current is not None and record.words[0] != current:
                yield (f"{where}: a switch from {trace.thread(record.words[0])}, but the CPU carries "
                       f"{trace.thread(current)}")
            current = record.words[1]
        before = record


def of(names, number):
    return names[number] if number < len(names) else f"?{number}"


def place(bdf):
    return f"{bdf >> 8 & 0xFF:02x}:{bdf >> 3 & 31:02x}.{bdf & 7}"


def describe(trace, record):
    """(title, arguments) of a record."""
    first, second, third = record.words
    kind = record.kind
    if kind == "systemCall":
        return {0: "cap_enter", 1: "exit"}.get(first, f"system call {first}"), \
            {"first": second, "second": third}
    if kind == "submission":
        operation = of(OPERATIONS, second & 0xFF)
        return operation, {"index": first, "method": second >> 16 & 0xFFFF,
                           "flags": second >> 8 & 0xFF, "target": f"{third:#x}"}
    if kind == "switch":
        return f"{trace.thread(first)} -> {trace.thread(second)}", {
            "state": of(STATES, third & 0xFF), "priority": third >> 8 & 0xFF}
    if kind == "interrupt":
        return f"interrupt {first:#x}", {"route": second - 1} if second else {}
    if kind in ("dmaMap", "dmaUnmap"):
        title = "map" if kind == "dmaMap" else "unmap"
        return f"{title} {place(first >> 32)}", {
            "pages": first & 0xFFFFFFFF, "iova": f"{second:#x}",
            **({"access": of(ACCESSES, third)} if kind == "dmaMap" else {})}
    if kind == "ledger":
        return f"{of(AUDIT_EVENTS, first & 0xFF)} {place(first >> 32)}", {
            "status": first >> 8 & 0xFF, "process": trace.name(second), "detail": f"{third:#x}",
            **({"state": of(FUNCTION_STATES, first >> 16 & 0xFF)}
               if first >> 16 & 0xFF != 255 else {})}
    if kind == "fault":
        return f"fault {first & 0xFFFFFFFF}", {"error": first >> 32, "rip": f"{second:#x}",
                                               "address": f"{third:#x}"}
    if kind == "processStart":
        return f"start {trace.name(first)}", {"pid": first}
    if kind == "processEnd":
        pid = first & 0xFFFFFFFF
        return f"end {trace.name(pid)}", {"pid": pid, "reason": of(EXIT_REASONS, first >> 32)}
    return kind, {"words": [f"{word:#x}" for word in record.words]}


class Exporter:
    """Builds the list of events of one dump."""

    def __init__(self, trace):
        self.trace = trace
        self.events = []
        self.tracks = {}  # (pid, key): tid, unique over all processes, as some viewers want it
        self.last = max((records[-1].ticks for records in trace.records.values() if records),
                        default=trace.boot)

    def microseconds(self, ticks):
        return self.trace.nanoseconds(ticks) / 1000

    def name_track(self, pid, process, key, thread):
        """The tid of a track; named on first use."""
        if (pid, key) not in self.tracks:
            if all(known != pid for known, _ in self.tracks):
                self.metadata("process_name", pid, 0, {"name": process})
                order = {CPUS_PID: -2, DEVICES_PID: -1}.get(pid, pid)
                self.metadata("process_sort_index", pid, 0, {"sort_index": order})
            self.tracks[pid, key] = len(self.tracks) + 1
            self.metadata("thread_name", pid, self.tracks[pid, key], {"name": thread})
        return self.tracks[pid, key]

    def metadata(self, name, pid, tid, arguments):
        self.events.append({"ph": "M", "name": name, "pid": pid, "tid": tid, "ts": 0,
                            "args": arguments})

    def cpu_track(self, cpu):
        return {"pid": CPUS_PID, "tid": self.name_track(CPUS_PID, "CPUs", cpu, f"CPU {cpu}")}

    def thread_track(self, identity):
        pid = identity >> 32
        return {"pid": pid, "tid": self.name_track(pid, self.trace.name(pid), identity,
                                                   self.trace.thread(identity))}

    def span(self, cpu, identity, begin, end, state):
        """A thread ran on a CPU."""
        if identity == 0:
            return
        start = self.microseconds(begin)
        times = {"ph": "X", "ts": start, "dur": round(self.microseconds(end) - start, 3)}
        self.events.append({**times, **self.cpu_track(cpu), "cat": "switch",
                            "name": self.trace.thread(identity), "args": {"then": state}})
        self.events.append({**times, **self.thread_track(identity), "cat": "switch",
                            "name": "running", "args": {"cpu": cpu, "then": state}})

    def instant(self, record, track):
        title, arguments = describe(self.trace, record)
        self.events.append({"ph": "i", "s": "t", "ts": self.microseconds(record.ticks),
                            "cat": record.kind, "name": title, "args": arguments, **track})

    def dma(self, record):
        """A buffer's span on the devices' track, by its address, which is never used twice."""
        where = place(record.words[0] >> 32)
        track = self.name_track(DEVICES_PID, "devices", where, where)
        self.events.append({"ph": "b" if record.kind == "dmaMap" else "e", "cat": "dma",
                            "id": f"{where} {record.words[1]:#x}", "pid": DEVICES_PID, "tid": track,
                            "ts": self.microseconds(record.ticks),
                            "name": f"{record.words[0] & 0xFFFFFFFF} pages at {record.words[1]:#x}"})

    def cpu(self, cpu, records):
        current, since = None, None
        for record in records:
            if record.kind in ("begin", "switch"):
                if record.kind == "switch":
                    if current is None:  # the beginning is lost: it ran since before the first
                        current, since = record.words[0], records[0].ticks
                    self.span(cpu, current, since, record.ticks, of(STATES, record.words[2] & 0xFF))
                elif current is not None:
                    self.span(cpu, current, since, record.ticks, "recording stopped")
                current, since = record.words[record.kind == "switch"], record.ticks
                continue
            of_thread = record.kind in ("systemCall", "submission", "fault")
            self.instant(record, self.thread_track(current) if of_thread and current
                         else self.cpu_track(cpu))
            if record.kind in ("dmaMap", "dmaUnmap"):
                self.dma(record)
        if current is not None:
            self.span(cpu, current, since, max(self.last, since), "the trace ends")


def export(trace):
    """A dump as the JSON object of the Trace Event Format."""
    exporter = Exporter(trace)
    for cpu, records in sorted(trace.records.items()):
        exporter.cpu_track(cpu)
        if records:
            exporter.cpu(cpu, records)
    exporter.events.sort(key=lambda event: (event["ph"] != "M", event["ts"]))
    return {"traceEvents": exporter.events, "displayTimeUnit": "ns",
            "otherData": {"system": "capOS", "version": trace.version, "cpus": trace.cpus,
                          "lost": {str(cpu): lost for cpu, lost in sorted(trace.lost.items())}}}
