# SPDX-License-Identifier: MIT
"""Firmware's tables, broken in the machine's memory after firmware has made them and before the kernel
reads them: each is named with the place in it, done without, and the machine comes to its prompt.

tests/host has a broken table for every refusal of lib/acpi; here it is shown what the kernel makes of
them."""

import re
import struct

import pytest
from harness import Devices
from oracle import acpi
from shell import claim, report_rows

HEADER = acpi.HEADER
LENGTH, CHECKSUM = 4, 9  # in a table's header
RSDP_REVISION, RSDP_RSDT, RSDP_BYTES = 15, 16, 20


class Tables:
    """Those of a machine that stands still at the kernel's first instruction in C."""

    def __init__(self, ram):
        self.ram = ram
        self.pointer = next(at for at in range(0xE0000, 0x100000, 16)
                            if ram.read(at, 8) == acpi.ROOT_POINTER)
        self.root = struct.unpack("<I", ram.read(self.pointer + RSDP_RSDT, 4))[0]
        length = struct.unpack("<I", ram.read(self.root + LENGTH, 4))[0]
        self.entries = {}
        for at in range(self.root + HEADER, self.root + length, 4):
            address = struct.unpack("<I", ram.read(at, 4))[0]
            self.entries[ram.read(address, 4).decode()] = (at, address)

    def place(self, signature):
        return self.entries[signature][1]

    def patch(self, address, data):
        self.ram.write(address, data)

    def field(self, signature, offset, data):
        self.patch(self.place(signature) + offset, data)


def start(boot, change, **options):
    """A machine whose tables `change` has changed."""
    machine = boot(paused=True, **options)
    gdb = machine.stop_at_kernel()
    change(Tables(machine.ram))
    gdb.resume()
    return machine


def first_entry(kind):
    """Where the first MADT entry of a kind is (ACPI 6.5 section 5.2.12)."""
    def find(tables):
        place = tables.place("APIC")
        at = HEADER + 8
        while tables.ram.read(place + at, 1)[0] != kind:
            at += tables.ram.read(place + at + 1, 1)[0]
        return at
    return find


def madt_entry_empty(tables):
    tables.field("APIC", first_entry(1)(tables) + 1, b"\0")


BROKEN = {
    # name: (what is changed, line of the log, table or None, its `refused` column)
    "madt_short": (lambda t: t.field("APIC", LENGTH, struct.pack("<I", 40)),
                   "APIC: badLength at 28; doing without", "APIC", "badLength at 28"),
    "madt_entry": (madt_entry_empty, re.compile("APIC: badEntry at [0-9a-f]+; doing without"), "APIC",
                   "badEntry at "),
    "madt_shorter_than_a_header": (lambda t: t.field("APIC", LENGTH, struct.pack("<I", 35)),
                                   re.compile("table [0-9]: badLength at [0-9a-f]+; doing without"), "?",
                                   "badLength at "),
    "mcfg_range": (lambda t: t.field("MCFG", HEADER + 8 + 10, b"\x05\x01"),
                   re.compile(r"MCFG \(one entry\): badRange at [0-9a-f]+; doing without"), "MCFG",
                   "badRange at "),
    "fadt_short": (lambda t: t.field("FACP", LENGTH, struct.pack("<I", 40)),
                   re.compile("FACP: badLength at [0-9a-f]+; doing without"), "FACP", "badLength at "),
    "dsdt_elsewhere": (lambda t: (t.field("FACP", 40, struct.pack("<I", 0xFFFF_FFF0)),
                                  t.field("FACP", 140, bytes(8))),
                       re.compile(r"FACP \(its DSDT, for soft-off\): \w+ at [0-9a-f]+; doing without"),
                       "FACP", " at "),
    "dmar_unit": (lambda t: t.field("DMAR", HEADER + 12 + 2, b"\x00\x40"),
                  re.compile("DMAR: badEntry at [0-9a-f]+; doing without"), "DMAR", "badEntry at "),
    "dmar_empty": (lambda t: t.field("DMAR", HEADER + 12 + 2, b"\0\0"),  # the end, as Linux takes it
                   "DMAR: it names no remapping unit", "DMAR", ""),
    "table_without_end": (lambda t: t.field("WAET", LENGTH, struct.pack("<I", 0xFFFF_FFFF)),
                          re.compile("table [0-9]: unreadable at [0-9a-f]+; doing without"), "?",
                          "unreadable at "),
    "entry_leads_nowhere": (lambda t: t.patch(t.entries["WAET"][0], b"\xff\xff\xff\xff"),
                            re.compile(r"table [0-9]: \w+ at [0-9a-f]+; doing without"), "?", " at "),
    "checksum": (lambda t: t.field("WAET", CHECKSUM, b"\x55"), None, "WAET", ""),
}


@pytest.mark.no_last_look("the oracle reads those tables")
@pytest.mark.parametrize("case", BROKEN)
def test_broken(boot, case):
    """A broken table is named with the offset in the log and in `acpi`, the others are used, and the
    machine comes to a prompt that works: with COM1 polled where no I/O APIC is known. (A wrong checksum
    is shown and refuses nothing, as in Linux.) Else: a panic, a hang, or silence about it."""
    change, line, signature, refused = BROKEN[case]
    machine = start(boot, change, devices=Devices())
    if line is not None:
        machine.expect(line)
    machine.expect(machine.PROMPT)
    rows = [row for row in report_rows(machine, "acpi", "acpiTable") if row["signature"] == signature]
    claim(len(rows) == 1 and refused in rows[0]["refused"], f"{signature}: {refused}", rows)
    if case == "checksum":
        claim(not rows[0]["checksumGood"] and not rows[0]["refused"], "a wrong checksum", rows)
    good = [row["signature"] for row in report_rows(machine, "acpi", "acpiTable")
            if row["used"] and row["signature"] != signature]
    claim(len(good) >= 2, "the others are used", good)
    claim("demo: exit code 0" in machine.shell("run demo", 40), "demo: exit code 0", machine.tail())
    machine.halt()


def rsdp_sum(tables):
    tables.patch(tables.pointer + 8, b"\xff")


def root_short(tables):
    tables.patch(tables.root + LENGTH, struct.pack("<I", HEADER - 1))


def root_nowhere(tables):
    tables.patch(tables.pointer + RSDP_RSDT, b"\xf0\xff\xff\xff")
    mend(tables, RSDP_BYTES)


def mend(tables, length, place=8):
    """Give the RSDP's first bytes a right checksum."""
    data = bytearray(tables.ram.read(tables.pointer, length))
    data[place] = (data[place] - sum(data)) & 0xFF
    tables.patch(tables.pointer, bytes(data))


@pytest.mark.parametrize("change, error", [(rsdp_sum, "badChecksum"), (root_short, "badLength"),
                                           (root_nowhere, "unreadable")])
def test_no_tables(boot, change, error):
    """With no root table to go by, one CPU, no I/O APIC and configuration space through ports are what
    there is: the machine comes to its prompt, and says what was wrong where. Else: a panic, or a
    shell that nobody can type at."""
    machine = start(boot, change)
    machine.expect(re.compile(rf"acpi: root table: {error} at [0-9a-f]+; doing without"))
    machine.expect("COM1 has no I/O APIC input: its input is polled")
    machine.expect(machine.PROMPT)
    claim("no ACPI tables" in machine.shell("acpi"), "no ACPI tables", machine.tail())
    claim(len(report_rows(machine, "cpus", "cpu")) == 1, "one CPU", machine.tail())
    functions = report_rows(machine, "pci", "pci")
    claim({"8086:29c0", "8086:2918"} <= {row["id"] for row in functions}, "functions by ports", functions)
    claim("demo: exit code 0" in machine.shell("run demo", 40), "demo: exit code 0", machine.tail())
    machine.halt()


def build(signature, body, revision=1):
    table = bytearray(struct.pack("<4sIBB6s8sI4sI", signature, HEADER + len(body), revision, 0, b"CAPOS ",
                                  b"TEST    ", 1, b"TEST", 1) + body)
    table[CHECKSUM] = -sum(table) & 0xFF
    return bytes(table)


FREE = 0x9_0000  # low memory that firmware leaves alone and the kernel keeps out of


def test_xsdt(boot):
    """An RSDP of revision 2 leads to the XSDT, whose entries have 8 bytes, and a MADT with every kind of
    entry is understood: a CPU as x2APIC, one listed twice, one disabled, a second I/O APIC, an override
    of COM1's interrupt, NMIs, the local APIC's address in 64 bits. Else: another number of CPUs, or
    another place of them."""
    def change(tables):
        old = tables.ram.read(tables.place("APIC"), 0x200)
        length = struct.unpack_from("<I", old, LENGTH)[0]
        madt = build(b"APIC", old[HEADER:length]
                     + struct.pack("<BBHIII", 9, 16, 0, 1, 1, 1)         # CPU 1 once more, as x2APIC
                     + struct.pack("<BBHIII", 9, 16, 0, 77, 0, 9)        # disabled
                     + struct.pack("<BBBBII", 1, 12, 9, 0, 0xFEC1_0000, 24)
                     + struct.pack("<BBBBIH", 2, 10, 0, 4, 4, 0x5)       # ISA 4 as it is: high, edge
                     + struct.pack("<BBHI", 3, 8, 0xF, 23)               # NMI source
                     + struct.pack("<BBHIBBBB", 10, 12, 0x5, 1, 0, 0, 0, 0)  # LINT0 of processor 1
                     + struct.pack("<BBHQ", 5, 12, 0, 0xFEE0_0000)
                     + struct.pack("<BB6s", 0x80, 8, b"vendor"))         # somebody's own
        tables.patch(FREE, madt)
        entries = [FREE] + [address for name, (_, address) in tables.entries.items() if name != "APIC"]
        xsdt = build(b"XSDT", b"".join(struct.pack("<Q", entry) for entry in entries))
        tables.patch(FREE + 0x800, xsdt)
        pointer = bytearray(acpi.ROOT_POINTER + b"\0CAPOS \2" + struct.pack("<IIQ4x", 0xFFFF_FFF0, 36,
                                                                         FREE + 0x800))
        pointer[8] = -sum(pointer[:20]) & 0xFF
        pointer[32] = -sum(pointer) & 0xFF
        tables.patch(tables.pointer, bytes(pointer))

    machine = start(boot, change, cpus=2)
    machine.expect("cpu: 2 online")
    machine.expect(machine.PROMPT)
    claim("doing without" not in machine.output, "nothing refused", machine.output)
    rows = {row["signature"]: row for row in report_rows(machine, "acpi", "acpiTable")}
    claim(int(rows["APIC"]["address"], 16) == FREE and rows["APIC"]["used"], "the new MADT", rows["APIC"])
    claim({"FACP", "MCFG"} <= {name for name, row in rows.items() if row["used"]}, "the others", rows)
    claim([row["address"] for row in report_rows(machine, "acpi", "ioApic")] == ["0xfec00000", "0xfec10000"],
          "two I/O APICs", machine.tail())
    overrides = {row["isaIrq"]: row for row in report_rows(machine, "acpi", "isaOverride")}
    claim(4 not in overrides or overrides[4]["trigger"] == "edge", "COM1 as it was", overrides)
    nmis = [(row["at"], row["input"], row["processor"], row["trigger"], row["active"])
            for row in report_rows(machine, "acpi", "nmi")]
    claim({("I/O APIC", 23, "", "level", "low"), ("LINT", 0, "1", "edge", "high"),
           ("LINT", 1, "all", "bus", "bus")} <= set(nmis), "three NMIs", nmis)
    claim("demo: exit code 0" in machine.shell("run demo", 40), "demo: exit code 0", machine.tail())
    machine.halt()


def test_more_tables(boot, logs):
    """Tables that are none of QEMU's, broken ones among them, are listed; the first of a signature counts.
    Else: a machine that goes by the second MADT, or does not list them."""
    for name, body in (("empty", b""), ("zeros", bytes(200)), ("madt", b"\0\0\xe0\xfe\1\0\0\0" + b"\0\1" * 20)):
        (logs / name).write_bytes(body)
    machine = boot(extra=["-acpitable", f"sig=SPCR,data={logs}/empty", "-acpitable", f"sig=IVRS,data={logs}/zeros",
                          "-acpitable", f"sig=APIC,data={logs}/madt", "-acpitable", f"sig=XYZQ,data={logs}/zeros"])
    machine.expect("cpu: 2 online")
    machine.expect(machine.PROMPT)
    signatures = [row["signature"] for row in report_rows(machine, "acpi", "acpiTable")]
    claim(signatures.count("APIC") == 2 and {"SPCR", "IVRS", "XYZQ"} <= set(signatures), "all of them", signatures)
    machine.halt()
