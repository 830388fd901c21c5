# SPDX-License-Identifier: MIT
"""The early prompt, its reports as JSON lines, and what each must say of a machine.

What is there is known from three places that share no code with the kernel: the test's own command line
for QEMU, what QEMU says of itself, and the oracle's reading of tables and configuration space."""

import json
import pathlib
import re
import struct

from harness import Devices, disk_image
from oracle import acpi, pci
from oracle.hardware import Hardware
from shell import claim

DIAG = "diag> "
DISK_VECTORS = 5
PCI_IDS = pathlib.Path("/usr/share/misc/pci.ids")
COLUMNS = 79


def machine_devices(logs, **options):
    devices = Devices(**options)
    devices.edu()
    devices.entropy()
    devices.testdev()
    disk_image.create(logs / "disk.img", 4 << 20)
    devices.disk(logs / "disk.img", vectors=DISK_VECTORS)
    return devices


def early_prompt(machine):
    """Wait for the early prompt, from where the machine's shell() is that, without pages."""
    machine.expect(DIAG)
    machine.PROMPT = DIAG
    machine.shell("page 0")


def early(boot, append="diag=1", **options):
    """A machine at its early prompt."""
    machine = boot(append=append, **options)
    early_prompt(machine)
    return machine


def go_on(machine):
    """From the early prompt to the shell's."""
    del machine.PROMPT
    machine.write("continue\r")
    machine.expect(machine.PROMPT)


def read_tables(text):
    """{table: [row]} of a report in JSON lines."""
    found = {}
    for line in text.splitlines():
        row = json.loads(line)
        found.setdefault(row.pop("table"), []).append(row)
    return found


def ask(machine, command):
    return read_tables(machine.shell(f"{command} -j"))


def hardware(machine):
    """The oracle's reading of the devices, while the machine stands still."""
    machine.qmp.execute("stop")
    try:
        seen = Hardware(machine)
        claim(seen.complaints == [], "the oracle and QEMU agree", "\n".join(seen.complaints))
        return seen, acpi.tables(machine.ram)
    finally:
        machine.qmp.execute("cont")


def same(what, told, there):
    claim(told == there, f"{what}: {there}", told)


# ---- What there is

def check_pci(machine, seen):
    rows = {row["bdf"]: row for row in ask(machine, "pci")["pci"]}
    same("functions", sorted(rows), sorted(pci.name_of(bdf) for bdf in seen.functions))
    for bdf, function in seen.functions.items():
        row, name = rows[pci.name_of(bdf)], pci.name_of(bdf)
        same(f"id of {name}", row["id"], f"{function.vendor:04x}:{function.device:04x}")
        same(f"class of {name}", row["class"], f"{function.config[11]:02x}{function.config[10]:02x}")
        same(f"revision of {name}", row["revision"], f"{function.config[8]:02x}")
        at = function.capabilities.get(pci.CAP_MSIX)
        same(f"MSI-X vectors of {name}", row["msixVectors"],
             0 if at is None else (function.u16(at + 2) & 0x7FF) + 1)
        check_function(machine, name, function)
    return rows


def check_function(machine, name, function):
    """`pci BDF`: BARs with their sizes, capabilities, the MSI-X table's place."""
    tables = ask(machine, f"pci {name}")
    same(f"memory BARs of {name}",
         sorted((row["bar"], int(row["address"], 16), int(row["bytes"], 16))
                for row in tables.get("pciBar", []) if row["kind"].startswith("memory")),
         sorted((bar.index, bar.address, bar.size) for bar in function.bars))
    first = {}
    for row in tables.get("pciCapability", []):
        if not row["extended"]:
            first.setdefault(int(row["id"], 16), int(row["offset"], 16))
    same(f"capabilities of {name}", first, function.capabilities)
    facts = {row["fact"]: row["value"] for row in tables["pciFact"]}
    same(f"bus mastering of {name}", "master" in facts["command"], False)
    at = function.capabilities.get(pci.CAP_MSIX)
    if at is not None:
        where, count = function.u32(at + 4), (function.u16(at + 2) & 0x7FF) + 1
        same(f"MSI-X table of {name}", facts["MSI-X table"],
             f"BAR {where & 7} at {where & ~7:x}, {16 * count} bytes")


def check_acpi(machine, tables):
    told = ask(machine, "acpi")
    same("ACPI tables", sorted((row["signature"], row["bytes"]) for row in told["acpiTable"]),
         sorted((name, len(data)) for name, data in tables.items()))
    claim(all(row["checksumGood"] and not row["refused"] for row in told["acpiTable"]),
          "good tables", told["acpiTable"])
    same("tables that are used", sorted(row["signature"] for row in told["acpiTable"] if row["used"]),
         sorted({"APIC", "FACP", "MCFG", "DMAR"} & set(tables)))
    same("configuration space",
         [(row["segment"], int(row["address"], 16), row["firstBus"], row["lastBus"])
          for row in told["configurationSpace"]],
         [(window.segment, window.base, window.first_bus, window.last_bus)
          for window in acpi.windows(tables)])
    io_apics, overrides, at = [], [], acpi.HEADER + 8
    while at < len(tables["APIC"]):  # ACPI 6.4 section 5.2.12
        kind, length = tables["APIC"][at:at + 2]
        if kind == 1:
            io_apics.append(struct.unpack_from("<BxII", tables["APIC"], at + 2))
        elif kind == 2:
            source, target, flags = struct.unpack_from("<BIH", tables["APIC"], at + 3)
            overrides.append((source, target, "level" if flags >> 2 & 3 == 3 else "edge",
                              "low" if flags & 3 == 3 else "high"))
        at += length
    same("I/O APICs", [(row["ioApic"], int(row["address"], 16), row["firstInterrupt"])
                       for row in told["ioApic"]], io_apics)
    same("overrides", [(row["isaIrq"], row["input"], row["trigger"], row["active"])
                       for row in told["isaOverride"]], sorted(overrides))


def check_interrupts(machine, seen):
    told = ask(machine, "irqs")
    same("inputs", [(row["ioApic"], row["input"], row["masked"]) for row in told["input"]],
         [(pin.io_apic, pin.number, not pin.active) for pin in seen.inputs])
    live = [(row["input"], int(row["vector"], 16)) for row in told["input"] if not row["masked"]]
    same("inputs that are open", live, [(pin.number, pin.entry & 0xFF) for pin in seen.inputs if pin.active])
    same("the only open input", [row["use"] for row in told["input"] if not row["masked"]],
         ["ISA 4, COM1"])
    sources = {row["irq"]: row for row in told["interrupt"]}
    same("the console's interrupt", (sources["4"]["what"], sources["4"]["by"], sources["4"]["trigger"]),
         ("COM1, the console", "IO-APIC", "edge"))
    same("sources of interrupts", set(sources), {"4", "LOC", "RES", "TLB", "FEN", "IOM", "NMI", "SPU"})
    same("nobody's", (sources["SPU"]["count"], sources["NMI"]["count"]), (0, 0))
    vectors = {row["bdf"]: row for row in told["messageInterrupts"]}
    same("functions with messages", sorted(vectors),
         sorted(pci.name_of(bdf) for bdf, function in seen.functions.items()
                if {pci.CAP_MSI, pci.CAP_MSIX} & set(function.capabilities)))
    claim(not any(row["enabled"] or row["routes"] for row in vectors.values()),
          "nobody may send one", vectors)
    claim(not any(vector.active for function in seen.functions.values() for vector in function.vectors),
          "no vector is unmasked", "one that the kernel says is not")
    same("routes", told.get("route", []), [])


def pci_names():
    """{"8086:29c0": (vendor, device)} from Debian's pci.ids, read here and not by the tool."""
    names, vendor, vendor_name = {}, None, None
    for line in PCI_IDS.read_text(encoding="utf-8", errors="replace").splitlines():
        if re.match(r"[0-9a-f]{4}  ", line):
            vendor, vendor_name = line[:4], line[6:]
        elif re.match(r"\t[0-9a-f]{4}  ", line):
            names[f"{vendor}:{line[1:5]}"] = (vendor_name, line[7:])
    return names


def check_names(machine, rows):
    """What lspci would say: kind, vendor, device and revision; numbers for what has no name."""
    names = pci_names()
    lines = {line[:7]: line for line in machine.shell("pci").splitlines()[1:]}
    same("lines of pci", sorted(lines), sorted(rows))
    for bdf, row in rows.items():
        vendor, device = names.get(row["id"], ("device", row["id"]))
        if "device" in row or "vendor" in row:
            same(f"name of {bdf}", (row["vendor"], row["device"]), (vendor, device))
        whole = f"{bdf} {row['kind']}: {vendor} {device} (rev {row['revision']})"
        same(f"line of {bdf}", lines[bdf], whole if len(whole) <= COLUMNS else whole[:COLUMNS - 1] + "+")
    for ids in ("8086:29c0", "8086:2918", "1af4:1042"):
        claim(any(row["id"] == ids and "device" in row for row in rows.values()), f"a name for {ids}", rows)


def check_dma(machine, seen, level):
    told = ask(machine, "dma")
    same("functions", sorted(row["bdf"] for row in told["reach"]),
         sorted(pci.name_of(bdf) for bdf in seen.functions))
    for row in told["reach"]:
        same(f"DMA of {row['bdf']}",
             (row["level"], row["busMaster"], row["attached"], row["pages"], row["buffers"]),
             (level, False, False, 0, 0))
    claim(not any(function.masters_bus for function in seen.functions.values()), "nobody masters the bus",
          [str(function) for function in seen.functions.values() if function.masters_bus])
    same("buffers", told.get("buffer", []), [])
