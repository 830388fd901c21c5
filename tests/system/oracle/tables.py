# SPDX-License-Identifier: MIT
"""Page tables as the processor walks them.

Intel SDM vol. 3A section 4.5 (4-level paging): which entries are leaves, what each bit allows, how
the levels combine. The kernel's code for the same purpose is not looked at."""

from typing import NamedTuple

PRESENT, WRITE, USER, LARGE = 1 << 0, 1 << 1, 1 << 2, 1 << 7
NO_EXECUTE = 1 << 63
ADDRESS = 0x000F_FFFF_FFFF_F000
RESERVED = 0x7FF0_0000_0000_0000  # bits 52 to 62 are free for software, and must be unused here


class Leaf(NamedTuple):
    """One mapped page of any size, with what all levels together allow."""
    virtual: int
    size: int
    physical: int
    write: bool
    user: bool
    execute: bool
    entry: int  # physical address of the entry itself

    @property
    def access(self):
        return ("u" if self.user else "-") + "r" + ("w" if self.write else "-") + \
            ("x" if self.execute else "-")


class Table(NamedTuple):
    physical: int
    level: int      # 3 is the root
    virtual: int    # start of what it maps
    non_empty: int  # entries that are not zero, of the slots walked
    referrer: int   # physical address of the entry that leads to it, 0 for the root


class Walk:
    """All leaves and tables below some slots of a root."""

    def __init__(self, ram, root, slots, no_execute=True):
        self.leaves = []
        self.tables = []
        self.complaints = []
        self._ram = ram
        self._no_execute = no_execute  # EFER.NXE
        self._visited = set()
        self._table(root, 3, 0, slots, True, True, True, 0)

    def _table(self, physical, level, base, slots, write, user, execute, referrer):
        if physical in self._visited:
            self.complaints.append(f"page table {physical:#x} is reached a second time, by the "
                                   f"entry at {referrer:#x}")
            return
        self._visited.add(physical)
        try:
            entries = self._ram.read_table(physical)
        except ValueError:
            self.complaints.append(f"the entry at {referrer:#x} names a page table at "
                                   f"{physical:#x}, where there is no memory")
            return
        shift = 12 + 9 * level
        non_empty = 0
        for slot in slots:
            entry = entries[slot]
            if entry == 0:
                continue
            non_empty += 1
            virtual = base + (slot << shift)
            if virtual >> 47 == 1:
                virtual |= 0xFFFF_0000_0000_0000
            place = physical + 8 * slot
            if not entry & PRESENT:
                self.complaints.append(f"the entry at {place:#x}, for {virtual:#x}, is neither "
                                       f"empty nor present: {entry:#x}")
                continue
            if entry & RESERVED:
                self.complaints.append(f"the entry at {place:#x}, for {virtual:#x}, has reserved "
                                       f"bits: {entry:#x}")
            may_write = write and bool(entry & WRITE)
            for_user = user and bool(entry & USER)
            may_execute = execute and not (self._no_execute and entry & NO_EXECUTE)
            if level == 0 or (entry & LARGE and level < 3):
                size = 1 << shift
                self.leaves.append(Leaf(virtual, size, entry & ADDRESS & ~(size - 1), may_write,
                                        for_user, may_execute, place))
            else:
                self._table(entry & ADDRESS, level - 1, virtual, range(512), may_write, for_user,
                            may_execute, place)
        self.tables.append(Table(physical, level, base, non_empty, referrer))


USER_SLOTS = range(256)
KERNEL_SLOTS = range(256, 512)
