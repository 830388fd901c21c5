# SPDX-License-Identifier: MIT
"""`capos trace`: the kernel's trace rings (kernel/diag/trace.c) out of its memory.

`save` writes the lines that the shell's `trace dump` prints, for tools/trace-export."""

import os
import sys

import gdb

import kernel
import memory
from memory import Damage

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import trace_events  # noqa: E402

CAPACITY_MAX = 1 << 20
SHOWN_DEFAULT, SHOWN_MAX = 20, 1000


def rings():
    """(cpu, struct trace_ring) of each CPU."""
    size = gdb.lookup_type("struct trace_ring").sizeof
    base = memory.variable_address("trace_rings")
    for cpu in range(min(memory.number("cpu_count", 4), kernel.CPUS_MAX)):
        yield cpu, memory.structure("trace_ring", base + cpu * size)


def ring_records(cpu, ring):
    """(records of a CPU in order, how many were lost)"""
    capacity, first, written = (int(ring[key]) for key in ("capacity", "first", "written"))
    if capacity > CAPACITY_MAX or first > written:
        raise Damage(f"the trace ring of CPU {cpu} says: {capacity} records, from {first} "
                     f"to {written}")
    if capacity == 0:
        return [], 0
    start = max(first, written - capacity, 0)
    size = gdb.lookup_type("struct trace_record").sizeof
    data = memory.read(memory.address_of(ring["records"]), capacity * size)
    found = []
    for number in range(start, written):
        at = number % capacity * size
        words = [int.from_bytes(data[at + 8 * i:at + 8 * i + 8], "little") for i in range(5)]
        kind = memory.enumerator_of("trace_kind", words[1] & 0xFFFF, "TRACE_KIND_")
        found.append(trace_events.Record(cpu, number, words[0], kind if kind[0] != "?" else "?",
                                         words[1] >> 32, tuple(words[2:])))
    return found, start - first


def collect():
    """(the dump, lines about what could not be read)"""
    cpus = list(rings())
    trace = trace_events.Trace(trace_events.VERSION, len(cpus),
                               int(cpus[0][1]["capacity"]) if cpus else 0,
                               memory.number("clock_boot_ticks", 8),
                               memory.number("ticks_per_second", 8))
    trace.is_named = True
    damages = []
    try:
        for _, process in kernel.processes():
            trace.names[int(process["pid"])] = memory.text(process["name"])
    except Damage as damage:
        damages.append(str(damage))
    for cpu, ring in cpus:
        try:
            trace.records[cpu], lost = ring_records(cpu, ring)
            if lost:
                trace.lost[cpu] = lost
        except Damage as damage:
            damages.append(str(damage))
    trace_events.name_short_lived(trace)
    return trace, damages


def show(words):
    if words and words[0] == "save":
        if len(words) != 2:
            raise gdb.GdbError("usage: capos trace save FILE")
    elif len(words) > 1 or (words and not words[0].isdigit()):
        raise gdb.GdbError("usage: capos trace [RECORDS] | save FILE")
    trace, damages = collect()
    for damage in damages:
        gdb.write(f"damaged: {damage}\n")
    if words and words[0] == "save":
        lines = trace_events.lines(trace)
        with open(words[1], "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
        gdb.write(f"{words[1]}: {sum(map(len, trace.records.values()))} records; "
                  f"tools/trace-export {words[1]} FILE.json makes a file for trace viewers\n")
        return
    wanted = min(int(words[0]) if words else SHOWN_DEFAULT, SHOWN_MAX)
    for cpu, records in sorted(trace.records.items()):
        gdb.write(f"CPU {cpu}: {len(records)} records, {trace.lost.get(cpu, 0)} lost\n")
        for record in records[max(0, len(records) - wanted):]:
            title, arguments = trace_events.describe(trace, record)
            seconds, rest = divmod(max(trace.nanoseconds(record.ticks), 0), 1_000_000_000)
            gdb.write(f"{seconds:5}.{rest // 1000:06} cpu{cpu:<3} {record.kind:12} {title}  "
                      + " ".join(f"{key}={value}" for key, value in arguments.items()) + "\n")
