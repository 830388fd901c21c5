# SPDX-License-Identifier: MIT
"""What the kernel knows, out of its memory: processes, threads, CPUs, capabilities, the ledger.

Everything comes as plain Python values, whole or as far as it could be read: generators end with
a Damage where a structure is broken."""

import gdb

import memory
from memory import Damage, address_of

CPUS_MAX = 256
CAP_PAGES_MAX = 64
CAP_ENTRIES_PER_PAGE = 128
CAP_ENTRY_BYTES = 32
RING_DEPTH = 64
TABLE_MAX = 65536  # functions, routes or buffers that are believed


def processes():
    """struct process, in order of pid, each with its address: (address, value)."""
    for address in memory.nodes(memory.variable_address("processes", 16), "process", "all"):
        yield address, memory.structure("process", address)


def process_by(word):
    """The process with a pid or a name: (address, value)."""
    for address, process in processes():
        if word in (str(int(process["pid"])), memory.text(process["name"])):
            return address, process
    raise Damage(f"there is no process {word}")


def threads(process_address):
    """struct thread of a process: (address, value)."""
    head = process_address + memory.offset_of("process", "threads")
    for address in memory.nodes(head, "thread", "siblings"):
        yield address, memory.structure("thread", address)


def cpus():
    """struct cpu of each CPU that has started: (index, value)."""
    count = memory.number("cpu_count", 4)
    if count > CPUS_MAX:
        raise Damage(f"cpu_count is {count}")
    table = memory.variable_address("cpus")
    for index in range(count):
        pointer = int.from_bytes(memory.read(table + 8 * index, 8), "little")
        yield index, memory.structure("cpu", pointer)


def current_process():
    """(address, value) of the process whose tables the selected CPU uses, by CR3; or None.

    CR3 and not the kernel's `current`: it is right at any instruction, in user code too."""
    root = int(gdb.parse_and_eval("$cr3")) & 0x000F_FFFF_FFFF_F000
    for address, process in processes():
        if address_of(process["space"]["root"]["value"]) == root:
            return address, process
    return None


def carried():
    """{address of a thread: index of the CPU that carries it}"""
    return {address_of(cpu["current"]): index for index, cpu in cpus() if int(cpu["current"])}


def capabilities(process):
    """(index, generation, kind or None, object number, flags) of a process's table, in order.

    A kind of None is a stale capability. What cannot be read is a string instead of the tuple."""
    caps = process["caps"]
    count = int(caps["page_count"])
    if count > CAP_PAGES_MAX:
        raise Damage(f"the table has {count} pages, at most {CAP_PAGES_MAX} are possible")
    for page in range(count):
        try:
            data = memory.read(address_of(caps["pages"][page]),
                               CAP_ENTRY_BYTES * CAP_ENTRIES_PER_PAGE)
        except Damage as damage:
            yield f"entries {page * CAP_ENTRIES_PER_PAGE} and on: {damage}"
            continue
        for slot in range(CAP_ENTRIES_PER_PAGE):
            words = [int.from_bytes(data[slot * CAP_ENTRY_BYTES + 8 * i:][:8], "little")
                     for i in range(4)]
            if words[1] == 0:
                continue
            index = page * CAP_ENTRIES_PER_PAGE + slot
            try:
                place = memory.structure("cap_object_slot", words[1])
                if int(place["generation"]) != words[2]:
                    yield index, words[0], None, 0, words[3] >> 32
                    continue
                head = memory.follow(place["object"], f"the object of entry {index}")
                yield (index, words[0], memory.enumerator(head["kind"], "OBJECT_KIND_"),
                       int(head["number"]), words[3] >> 32)
            except Damage as damage:
                yield f"entry {index}: {damage}"


def table(ledger, name, struct_name):
    """(index, value) of one of the ledger's three tables."""
    count = int(ledger[f"{name}_count"])
    if count > TABLE_MAX:
        raise Damage(f"the ledger says that it has {count} {name}s")
    base = address_of(ledger[f"{name}s"])
    size = gdb.lookup_type(f"struct {struct_name}").sizeof
    for index in range(count):
        yield index, memory.structure(struct_name, base + index * size)


def function_place(index):
    """What `devices` calls a function: bus:device.function."""
    base = memory.number("device_functions", 8)
    size = gdb.lookup_type("struct device_function").sizeof
    function = memory.structure("device_function", base + index * size)
    source = int(function["source"])
    return f"{source >> 8:02x}:{source >> 3 & 31:02x}.{source & 7}"


def log_bytes():
    """(bytes of the kernel log that are still there, how many are overwritten)"""
    size = 32 * 1024
    start = memory.variable_address("ring", size)
    written = memory.number("written", 8)
    data = memory.read(start, size)
    if written <= size:
        return data[:written], 0
    at = written % size
    return data[at:] + data[:at], written - size
