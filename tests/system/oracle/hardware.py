# SPDX-License-Identifier: MIT
"""All of a machine's devices at one moment: PCI functions, and the IOMMUs' tables.

Where they are is taken from ACPI tables in guest memory; what they say, from their registers."""

from . import acpi, pci, vtd


class Hardware:
    def __init__(self, machine):
        found = acpi.tables(machine.ram)
        self.windows = acpi.windows(found)
        self.functions = pci.find(self.windows, machine.read_registers)
        self.complaints = list(pci.compare(self.functions, machine.qmp.execute("query-pci")))
        self.units = [vtd.Unit(machine.ram, unit.base, machine.read_registers)
                      for unit in acpi.remappers(found)]

    def count(self, things):
        """Add to a Counter what is to be the same again later: by function, without the numbers
        that are never used twice."""
        for function in self.functions.values():
            name = pci.name_of(function.bdf)
            things[f"device {name}: masters the bus"] += function.masters_bus
            things[f"device {name}: vectors unmasked"] += sum(v.active for v in function.vectors)
            for bar in function.bars:
                things[f"device {name}: BAR {bar.index} at"] += bar.address
        for unit in self.units:
            for context in unit.contexts:
                name = pci.name_of(context.bdf)
                things[f"device {name}: attached"] += 1
                things[f"device {name}: reachable pages"] += \
                    sum(leaf.size // 4096 for leaf in unit.leaves.get(context.table, ()))
            for irte in unit.irtes:
                things[f"device {pci.name_of(irte.source)}: interrupt-remapping entries"] += 1
