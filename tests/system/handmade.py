# SPDX-License-Identifier: MIT
"""A machine whose VT-d and devices are programmed from outside, without a kernel: two owned devices,
each with memory and a vector, as a kernel would leave them.

For tests of the oracle: everything here can be spoiled, and set_up() makes it good again. The guest is
the probe image, which touches none of it."""

import struct

from oracle import pci, vtd
from oracle.devices import Buffer, Claim, Route

PAGE = 4096
ROOT, CONTEXT_0, CONTEXT_N, IRT, QUEUE = 0x800000, 0x801000, 0x802000, 0x808000, 0x809000
EDU_TABLES = (0x803000, 0x804000, 0x805000)
DISK_TABLES = (0x806000, 0x807000, 0x80A000)
EDU_FRAMES, DISK_FRAMES, FREE_FRAME = (0x900, 0x901), (0x910,), 0x920
EDU_IOVA, DISK_IOVA = 0x10000, 0x3000
EDU_HANDLE, DISK_HANDLE = 5, 6
EDU_OWNER, DISK_OWNER, STRANGER = 7, 8, 9
SRTP, SIRTP = 1 << 30, 1 << 24


class FakeMemory:
    def __init__(self, address, frames, pins=1):
        self.root, self.root_offset, self.pages = address, 0, len(frames)
        self.frames, self.pins = list(frames), pins


class FakeWalk:
    def __init__(self):
        self.leaves = []


class FakeProcess:
    def __init__(self, pid):
        self.pid, self.name, self.walk = pid, "", FakeWalk()

    def __str__(self):
        return f"process {self.pid}"


class FakeState:
    """As much of oracle.state.State as the checks of devices look at."""

    def __init__(self, ram):
        self._ram = ram
        self.tables = {page // PAGE for page in (ROOT, CONTEXT_0, CONTEXT_N, IRT, QUEUE,
                                                 *EDU_TABLES, *DISK_TABLES)}
        self.memories = {0x1000: FakeMemory(0x1000, EDU_FRAMES), 0x2000: FakeMemory(0x2000, DISK_FRAMES)}
        self.processes = [FakeProcess(EDU_OWNER), FakeProcess(DISK_OWNER), FakeProcess(STRANGER)]
        self.frames, self.kinds = [], {}   # records of frames: none
        self.kind_of = {}

    def kind(self, frame):
        if not self.is_memory(frame):
            return "outside memory"
        if frame in self.kind_of:
            return self.kind_of[frame]
        if frame in self.tables:
            return "slab"
        return "memory" if any(frame in memory.frames for memory in self.memories.values()) else "free"

    def owner_name(self, owner):
        return f"process {owner}" if owner else "kernel"

    def is_memory(self, frame):
        return frame * PAGE < self._ram.size


class HandMade:
    """`machine` has VT-d, edu and a virtio disk behind a root port, and a test socket."""

    def __init__(self, machine, edu, disk):
        self.machine, self.ram, self.qtest = machine, machine.ram, machine.qtest
        self.edu, self.disk = machine.bdf(edu), machine.bdf(disk)
        self.vtd, self.config = 0xFED90000, 0xB0000000

    # ---- Stores

    def entry(self, table, slot, *words):
        self.ram.write(table + 8 * slot, struct.pack(f"<{len(words)}Q", *words))

    def context(self, bdf, table, domain, kind=0, present=1):
        page = CONTEXT_0 if bdf >> 8 == 0 else CONTEXT_N
        self.entry(page, 2 * (bdf & 0xFF), table | kind << 2 | present, domain << 8 | 1)

    def irte(self, handle, vector, source, validation=1, present=1, destination=0):
        self.entry(IRT, 2 * handle, destination << 32 | vector << 16 | present,
                   validation << 18 | source)

    def second(self, tables, iova, frame, access=vtd.READ | vtd.WRITE):
        top, middle, bottom = tables
        self.entry(top, iova >> 30 & 511, middle | 3)
        self.entry(middle, iova >> 21 & 511, bottom | 3)
        self.entry(bottom, iova >> 12 & 511, frame * PAGE | access)

    def store_config(self, bdf, offset, value, width=4):
        self.qtest.store(self.config + (bdf << 12) + offset, value, width)

    def load_config(self, bdf, offset, width=4):
        return self.qtest.load(self.config + (bdf << 12) + offset, width)

    def command(self, bdf, on=0, off=0):
        self.store_config(bdf, 4, (self.load_config(bdf, 4, 2) | on) & ~off, 2)

    def global_command(self, bits):
        """Switch VT-d: GCMD takes what GSTS has, with changes."""
        self.qtest.store(self.vtd + 0x18, bits)

    def message(self, handle):
        return 0xFEE00010 | handle << 5

    def capability(self, bdf, number):
        return pci.Function(bdf, self.config + (bdf << 12), self.machine.read_registers).capabilities[number]

    def msi(self, bdf, address, enable=1):
        at = self.capability(bdf, pci.CAP_MSI)
        self.store_config(bdf, at + 4, address)
        self.store_config(bdf, at + 8, 0)
        self.store_config(bdf, at + 12, 0, 2)
        self.store_config(bdf, at + 2, self.load_config(bdf, at + 2, 2) & ~0x71 | enable, 2)

    def msix(self, bdf, index, address, masked, enable=1, data=0):
        at = self.capability(bdf, pci.CAP_MSIX)
        self.store_config(bdf, at + 2, enable << 15, 2)
        function = pci.Function(bdf, self.config + (bdf << 12), self.machine.read_registers)
        place = function.vectors[index].place
        for offset, value in ((0, address), (4, 0), (8, data), (12, masked)):
            self.qtest.store(place + offset, value)

    # ---- A good state

    def set_up(self):
        """(state, claims), and hardware to match."""
        self.global_command(0)
        self.ram.write(ROOT, bytes(0x10000))
        self.entry(ROOT, 0, CONTEXT_0 | 1)
        self.entry(ROOT, 2 * (self.disk >> 8), CONTEXT_N | 1)
        self.context(self.edu, EDU_TABLES[0], 1)
        self.context(self.disk, DISK_TABLES[0], 2)
        for page, frame in enumerate(EDU_FRAMES):
            self.second(EDU_TABLES, EDU_IOVA + page * PAGE, frame)
        self.second(DISK_TABLES, DISK_IOVA, DISK_FRAMES[0], vtd.READ)
        self.irte(EDU_HANDLE, 0x41, self.edu)
        self.irte(DISK_HANDLE, 0x42, self.disk)
        for offset, value in ((vtd.RTADDR, ROOT), (vtd.IRTA, IRT | 7), (vtd.IQA, QUEUE)):
            self.qtest.store(self.vtd + offset, value, 8)
        self.global_command(SRTP)
        self.global_command(SIRTP)
        self.global_command(vtd.QUEUED)
        self.global_command(vtd.QUEUED | vtd.TRANSLATING)
        self.global_command(vtd.QUEUED | vtd.TRANSLATING | vtd.REMAPPING)
        for bdf in (self.edu, self.disk):
            self.command(bdf, on=pci.BUS_MASTER | pci.MEMORY_SPACE)
        self.msi(self.edu, self.message(EDU_HANDLE))
        self.msix(self.disk, 0, self.message(DISK_HANDLE), masked=0)
        claims = {
            self.edu: Claim(self.edu, EDU_OWNER,
                            buffers=[Buffer(EDU_IOVA, 2, EDU_FRAMES, True, True, 0x1000)],
                            routes=[Route(0, EDU_HANDLE, 0x41, 0)]),
            self.disk: Claim(self.disk, DISK_OWNER,
                             buffers=[Buffer(DISK_IOVA, 1, DISK_FRAMES, True, False, 0x2000)],
                             routes=[Route(0, DISK_HANDLE, 0x42, 0)]),
        }
        return FakeState(self.ram), claims
