# SPDX-License-Identifier: MIT
"""All of a machine's devices at one moment: PCI functions, and the IOMMUs' tables.

Where they are is taken from ACPI tables in guest memory; what they say, from their registers."""

import re
from typing import NamedTuple

from . import acpi, pci, vtd


class Input(NamedTuple):
    """An input of an I/O APIC."""
    io_apic: int
    number: int
    entry: int    # redirection entry

    @property
    def active(self):
        return not self.entry >> 16 & 1


def read_inputs(text):
    """From the monitor's `info pic`: reading the registers themselves would disturb the kernel."""
    inputs, io_apic = [], None
    for line in text.splitlines():
        head = re.match(r"ioapic\d+: .*\bid=0x([0-9a-f]+)", line)
        pin = re.match(r"\s+pin\s+(\d+)\s+0x([0-9a-f]{16})", line)
        if head:
            io_apic = int(head.group(1), 16)
        elif pin:
            inputs.append(Input(io_apic, int(pin.group(1)), int(pin.group(2), 16)))
    return inputs


class Hardware:
    def __init__(self, machine):
        found = acpi.tables(machine.ram)
        self.windows = acpi.windows(found)
        self.functions = pci.find(self.windows, machine.read_registers)
        self.complaints = list(pci.compare(self.functions, machine.qmp.execute("query-pci")))
        self.firmware_memory = acpi.firmware_memory(found)
        remappers = acpi.remappers(found)
        self.io_apic_sources = {io_apic: source for unit in remappers
                                for io_apic, source in unit.io_apics.items()}
        self.inputs = read_inputs(machine.qmp.hmp("info pic"))
        self.units = [vtd.Unit(machine.ram, unit.base, machine.read_registers) for unit in remappers]

    def count(self, things):
        """Add to a Counter what is to be the same again later: by function, without the numbers
        that are never used twice."""
        for function in self.functions.values():
            name = pci.name_of(function.bdf)
            things[f"device {name}: masters the bus"] += function.masters_bus
            things[f"device {name}: vectors unmasked"] += sum(v.active for v in function.vectors)
            for bar in function.bars:
                things[f"device {name}: BAR {bar.index} at"] += bar.address
        things["I/O APIC inputs unmasked"] += sum(pin.active for pin in self.inputs)
        for unit in self.units:
            for context in unit.contexts:
                name = pci.name_of(context.bdf)
                things[f"device {name}: attached"] += 1
                things[f"device {name}: reachable pages"] += \
                    sum(leaf.size // 4096 for leaf in unit.leaves.get(context.table, ()))
            for irte in unit.irtes:
                things[f"device {pci.name_of(irte.source)}: interrupt-remapping entries"] += 1
