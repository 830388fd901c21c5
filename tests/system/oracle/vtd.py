# SPDX-License-Identifier: MIT
"""VT-d tables as the remapping hardware walks them, from its registers on.

Intel Virtualization Technology for Directed I/O 4.1: 11.4 (registers), 9.1 and 9.3 (root and context
entries, legacy mode), 9.8 (second-stage tables), 9.10 (interrupt-remapping entries), 5.1.2.2 (the
remappable format of a message)."""

import struct
from typing import NamedTuple

from .debuginfo import Broken

REGISTERS = 0x100
VER, CAP, ECAP, GCMD, GSTS, RTADDR, FSTS, IQA, IRTA = \
    0x00, 0x08, 0x10, 0x18, 0x1C, 0x20, 0x34, 0x90, 0xB8
TRANSLATING, QUEUED, REMAPPING, COMPATIBILITY = 1 << 31, 1 << 26, 1 << 25, 1 << 23
ADDRESS = 0x000F_FFFF_FFFF_F000
READ, WRITE, LARGE = 1, 2, 1 << 7
PAGE = 4096


class DmaLeaf(NamedTuple):
    """Pages that a device can reach."""
    iova: int
    size: int
    physical: int
    read: bool
    write: bool
    entry: int    # physical address of the entry


class Context(NamedTuple):
    """A present context entry."""
    bdf: int
    place: int    # physical address of the entry
    kind: int     # translation type; 0: through the tables, 2: none
    table: int
    levels: int
    domain: int


class Irte(NamedTuple):
    """A present interrupt-remapping entry."""
    index: int
    place: int
    vector: int
    destination: int
    source: int       # source id: a BDF
    qualifier: int    # 0: all of its bits count
    validation: int   # 1: the source id is checked
    posted: bool
    level: bool = False


class Unit:
    """One remapping unit, with all that its tables say at this moment."""

    def __init__(self, ram, base, read):
        data = read(base, REGISTERS)

        def register(offset, code="<Q"):
            return struct.unpack_from(code, data, offset)[0]

        self.base = base
        self.capability, self.extended = register(CAP), register(ECAP)
        self.status = register(GSTS, "<I")
        self.faults = register(FSTS, "<I")
        self.root = register(RTADDR)
        self.queue = register(IQA)
        self.irta = register(IRTA)
        self.translating = bool(self.status & TRANSLATING)
        self.remapping = bool(self.status & REMAPPING)
        self.compatibility = bool(self.status & COMPATIBILITY)
        self.contexts = []    # of all functions
        self.leaves = {}      # root of second-stage tables: [DmaLeaf]
        self.tables = {}      # physical address of a table in use: what it is
        self.irtes = []
        self.complaints = []
        self._ram = ram
        if self.translating:
            self._walk_roots()
        if self.remapping:
            self._read_irtes()
        if self.status & QUEUED:
            for page in range(1 << (self.queue & 7)):
                self._use((self.queue & ADDRESS) + page * PAGE, "the invalidation queue")

    def _use(self, physical, what):
        """False if the table is in use for something else already."""
        if physical in self.tables:
            self.complaints.append(f"frame {physical // PAGE:#x} is {what} and also {self.tables[physical]}")
            return False
        self.tables[physical] = what
        return True

    def _table(self, physical, what):
        try:
            return self._ram.read_table(physical)
        except ValueError as error:
            raise Broken(f"{what} is at {physical:#x}, where there is no memory") from error

    def _walk_roots(self):
        if self.root >> 10 & 3:
            self.complaints.append(f"RTADDR {self.root:#x} asks for another mode than legacy")
        entries = self._table(self.root & ADDRESS, "the root table")
        self._use(self.root & ADDRESS, "the root table")
        for bus in range(256):
            low, high = entries[2 * bus:2 * bus + 2]
            if low & ~(ADDRESS | 1) or high:
                self.complaints.append(f"the root entry of bus {bus:#x} has reserved bits")
            if not low & 1:
                if low:
                    self.complaints.append(f"the root entry of bus {bus:#x} is neither empty nor present")
                continue
            what = f"the context table of bus {bus:#x}"
            if self._use(low & ADDRESS, what):
                self._walk_contexts(bus, low & ADDRESS, self._table(low & ADDRESS, what))

    def _walk_contexts(self, bus, place, entries):
        for devfn in range(256):
            low, high = entries[2 * devfn:2 * devfn + 2]
            bdf = bus << 8 | devfn
            if not low & 1:
                continue
            context = Context(bdf, place + 16 * devfn, low >> 2 & 3, low & ADDRESS, (high & 7) + 2,
                              high >> 8 & 0xFFFF)
            self.contexts.append(context)
            if low & 0xFF0 or high & ~0xFFFF7F:
                self.complaints.append(f"the context entry of {bdf:#06x} has reserved bits")
            if context.kind == 0 and context.table not in self.leaves:
                self.leaves[context.table] = []
                self._walk_second(context.table, context.levels - 1, 0, READ | WRITE,
                                  self.leaves[context.table], context.table)

    def _walk_second(self, table, level, base, access, leaves, referrer):
        if not self._use(table, "a second-stage table"):
            return
        shift = 12 + 9 * level
        entries = self._table(table, f"the second-stage table that {referrer:#x} leads to")
        for slot, entry in enumerate(entries):
            if not entry & (READ | WRITE):
                if entry:
                    self.complaints.append(f"the second-stage entry at {table + 8 * slot:#x} is neither "
                                           f"empty nor present: {entry:#x}")
                continue
            iova, allowed = base + (slot << shift), access & entry
            if level == 0 or entry & LARGE:
                leaves.append(DmaLeaf(iova, 1 << shift, entry & ADDRESS & ~((1 << shift) - 1),
                                      bool(allowed & READ), bool(allowed & WRITE), table + 8 * slot))
            else:
                self._walk_second(entry & ADDRESS, level - 1, iova, allowed, leaves, table + 8 * slot)

    def _read_irtes(self):
        first, size = self.irta & ADDRESS, 16 << (self.irta & 0xF) + 1
        try:
            data = self._ram.read(first, size)
        except ValueError as error:
            raise Broken(f"the interrupt-remapping table is at {first:#x}, "
                         "where there is no memory") from error
        for page in range(first, first + size, PAGE):
            self._use(page, "the interrupt-remapping table")
        for index, (low, high) in enumerate(struct.iter_unpack("<QQ", data)):
            if low & 1:
                self.irtes.append(Irte(index, first + 16 * index, low >> 16 & 0xFF, low >> 32,
                                       high & 0xFFFF, high >> 16 & 3, high >> 18 & 3,
                                       bool(low & 1 << 15), bool(low & 1 << 4)))

    def reach(self, bdf):
        """What a function can reach, as [DmaLeaf]; None if everything."""
        if not self.translating:
            return None
        for context in self.contexts:
            if context.bdf == bdf:
                return None if context.kind else self.leaves[context.table]
        return []


def handle_of_input(entry):
    """As below, of a redirection entry of an I/O APIC (5.1.5.1)."""
    if not entry >> 48 & 1:
        return None
    return entry >> 49 & 0x7FFF | (entry >> 11 & 1) << 15


def handle_of(address, data):
    """The interrupt-remapping entry that a message of this address and data names, None if it is in
    the format that names a processor."""
    if address >> 20 != 0xFEE or not address & 1 << 4:
        return None
    handle = address >> 5 & 0x7FFF | (address >> 2 & 1) << 15
    return handle + (data & 0xFFFF) if address & 1 << 3 else handle
