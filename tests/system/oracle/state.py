# SPDX-License-Identifier: MIT
"""Everything the oracle looks at, read once from a machine that stands still.

Two sources that are told apart: what the processor uses (control registers, page tables) and what
the kernel has written down (frame records, accounts, objects), found by its symbols and DWARF."""

import bisect
import re
import struct
from typing import NamedTuple

from . import debuginfo
from .debuginfo import Broken, Value
from .devices import Ledger
from .tables import KERNEL_SLOTS, USER_SLOTS, Walk

PAGE = 4096
NONE = 0xFFFF_FFFF  # FRAME_NONE
FRAME_RECORD = struct.Struct("<IIIBBBB")
CAP_ENTRY = struct.Struct("<QQQII")
CAP_PLACE = struct.Struct("<QQ")


class Frame(NamedTuple):
    """struct buddy_frame."""
    next: int
    previous: int
    owner: int
    kind: int
    order: int
    flags: int
    reserved: int


class Mapping(NamedTuple):
    """One struct mapping, with the frames that it says are mapped."""
    address: int
    pages: int
    frames: tuple
    memory: int       # the memory object's address, 0 for a ring
    may_write: bool


class Capability(NamedTuple):
    index: int
    generation: int
    kind: str   # "stale" if it names nothing any more
    object: int


class Process:
    """One struct process."""

    def __init__(self, value):
        self.value = value
        self.address = value.at
        self.pid = int(value.pid)
        self.name = value.name.text
        self.state = value.state.enumerator.removeprefix("PROCESS_STATE_").lower()
        self.parent = int(value.parent)
        self.root = int(value.space.root.value)
        self.walk = None
        self.mappings = []
        self.threads = []      # struct thread
        self.capabilities = []
        self.cap_frames = []   # of the table
        self.limit = [int(value.account.limit[i]) for i in range(len(value.account.limit))]
        self.used = [int(value.account.used[i]) for i in range(len(value.account.used))]

    def __str__(self):
        return f"process {self.pid} ({self.name})"


class State:
    """A machine's state. Raises Broken where the guest's pointers lead nowhere."""

    def __init__(self, machine):
        self.ram = machine.ram
        self.hardware = None  # Hardware, if the machine was given devices
        self.image = debuginfo.image(machine.kernel)
        self._pages = {}
        self._read_processors(machine.qmp.hmp("info registers -a"))
        self._read_kernel_half()
        self._read_frames()
        self._read_processes()
        self._read_objects()
        for process in self.processes:
            self._read_process(process)
        self.ledger = Ledger(self)

    # ---- Guest memory by virtual address, through the kernel's page tables

    def physical(self, virtual):
        leaves, starts = self.kernel.leaves, self._starts
        place = bisect.bisect_right(starts, virtual) - 1
        if place < 0 or virtual >= leaves[place].virtual + leaves[place].size:
            raise Broken(f"{virtual:#x} is not mapped for the kernel")
        return leaves[place].physical + virtual - leaves[place].virtual

    def read_virtual(self, virtual, length):
        parts = []
        while length > 0:
            page = virtual & ~(PAGE - 1)
            if page not in self._pages:
                try:
                    self._pages[page] = self.ram.read(self.physical(page), PAGE)
                except ValueError as error:
                    raise Broken(f"{page:#x} is mapped for the kernel, but {error}") from error
            part = min(length, page + PAGE - virtual)
            parts.append(self._pages[page][virtual - page:virtual - page + part])
            virtual += part
            length -= part
        return b"".join(parts)

    def variable(self, name, file=None):
        address, kind = self.image.variable(name, file)
        return Value(self, kind, address)

    def struct(self, struct_name, address):
        return Value(self, self.image.struct(struct_name), address)

    # ---- What the processor uses

    def _read_processors(self, registers):
        def every(name):
            return [int(value, 16) for value in re.findall(rf"\b{name}=([0-9a-f]+)", registers)]

        self.cr0, self.cr3, self.cr4, self.efer = map(every, ("CR0", "CR3", "CR4", "EFER"))

    def _read_kernel_half(self):
        """The kernel's own root is a variable of the kernel image, whose bytes are read by their
        load address: the only place where an address is computed instead of walked to."""
        address, _ = self.image.variable("root", "kernel/mm/kernel_map.c")
        physical = address - self.image.symbols["KERNEL_VIRTUAL_BASE"]
        self.kernel_root = self.ram.read_u64(physical)
        self.kernel = Walk(self.ram, self.kernel_root, KERNEL_SLOTS,
                           all(value & 0x800 for value in self.efer))
        self.kernel.leaves.sort()
        self._starts = [leaf.virtual for leaf in self.kernel.leaves]

    # ---- What the kernel has written down

    def _read_frames(self):
        buddy = self.variable("buddy", "kernel/mm/frames.c")
        self.frame_count = int(buddy.frame_count)
        self.free_count = int(buddy.free_count)
        self.free_heads = [int(buddy.head[order]) for order in range(len(buddy.head))]
        self.kinds = {value: name.removeprefix("FRAME_").lower()
                      for value, name in self.image.enum("frame_kind").items()
                      if name != "FRAME_KIND_COUNT"}
        self.record_base = int(buddy.frames)
        length = self.frame_count * FRAME_RECORD.size
        data, at = [], self.record_base
        while length > 0:
            part = min(length, PAGE - at % PAGE)
            data.append(self.ram.read(self.physical(at), part))
            at += part
            length -= part
        self.frames = list(map(Frame._make, FRAME_RECORD.iter_unpack(b"".join(data))))

    def record_address(self, frame):
        """Physical address of a frame's record: for tests that break it."""
        return self.physical(self.record_base + frame * FRAME_RECORD.size)

    def kind(self, frame):
        """The kind of a frame in words."""
        if frame >= self.frame_count:
            return "outside memory"
        return self.kinds.get(self.frames[frame].kind, f"kind {self.frames[frame].kind}")

    def is_memory(self, frame):
        """Whether there is memory at all; else it is registers, or nothing."""
        try:
            self.ram.read(frame * PAGE, 1)
        except ValueError:
            return False
        return True

    def _read_processes(self):
        self.processes = [Process(value) for value in
                          self.variable("processes", "kernel/object/process.c").nodes("process", "all")]
        self.by_pid = {process.pid: process for process in self.processes}
        self.by_address = {process.address: process for process in self.processes}

    def owner_name(self, owner):
        if owner == 0:
            return "kernel"
        return self.by_pid[owner].name if owner in self.by_pid else f"nobody (account {owner})"

    def _read_process(self, process):
        value = process.value
        if process.root != 0:
            process.walk = Walk(self.ram, process.root, USER_SLOTS,
                                all(register & 0x800 for register in self.efer))
        self._read_mappings(process, int(value.space.mappings.root))
        process.threads = list(value.threads.nodes("thread", "siblings"))
        caps = value.caps
        pages = int(caps.page_count)
        for page in range(pages):
            at = int(caps.pages[page])
            process.cap_frames.append(self.physical(at) // PAGE)
            data = self.read_virtual(at, PAGE)
            for index in range(PAGE // CAP_ENTRY.size):
                generation, place, object_generation, _, _ = CAP_ENTRY.unpack_from(
                    data, index * CAP_ENTRY.size)
                if place == 0:
                    continue
                target, place_generation = CAP_PLACE.unpack(self.read_virtual(place, 16))
                live = place_generation == object_generation and target != 0
                kind = self.objects[target].kind if live and target in self.objects else "stale"
                process.capabilities.append(Capability(
                    page * (PAGE // CAP_ENTRY.size) + index, generation, kind,
                    target if live else 0))

    def _read_mappings(self, process, place):
        """The tree of mappings, in order; links are followed, their balance is not our business."""
        pending, seen = [], set()
        while place or pending:
            while place:
                if place in seen:
                    raise Broken(f"{process}: the tree of mappings is no tree at {place:#x}")
                seen.add(place)
                pending.append(place)
                place = int(self.struct("tree_node", place).left)
            node = self.struct("tree_node", pending.pop())
            process.mappings.append(self._mapping(node.container("mapping", "node")))
            place = int(node.right)

    def _mapping(self, value):
        pages = int(value.page_count)
        memory = int(value.memory)
        ring = int(value.ring_frame)
        if memory == 0:
            frames = tuple(range(ring, ring + pages)) if ring != NONE else ()
            return Mapping(int(value.node.key), pages, frames, 0, True)
        record = self.memories.get(memory)
        if record is None:
            raise Broken(f"the mapping at {int(value.node.key):#x} is of a memory object at "
                         f"{memory:#x}, which is not in the object table")
        first = record.root_offset + int(value.page_offset)
        frames = self.memories[record.root].frames[first:first + pages]
        return Mapping(int(value.node.key), pages, tuple(frames), memory, record.may_write)

    # ---- Objects

    def _read_objects(self):
        self.objects = {}    # address: Object
        self.memories = {}   # address: Memory, of those objects that are memory
        self.object_frames = []
        self.places = []     # (number, place's object address, its number by the free bits)
        place_type = self.image.struct("place_page")
        table = self.variable("place_pages", "kernel/object/object.c")
        for page in range(int(self.variable("place_page_count", "kernel/object/object.c"))):
            entry = Value(self, place_type, table.at + page * place_type.size)
            at = int(entry.places)
            self.object_frames.append(self.physical(at) // PAGE)
            free = [int(entry.free[word]) for word in range(len(entry.free))]
            data = self.read_virtual(at, PAGE)
            for index in range(PAGE // CAP_PLACE.size):
                target, _ = CAP_PLACE.unpack_from(data, index * CAP_PLACE.size)
                number = page * (PAGE // CAP_PLACE.size) + index
                self.places.append((number, target, bool(free[index // 64] >> (index % 64) & 1)))
                if target != 0:
                    self.objects[target] = Object(self, target)
        for found in self.objects.values():
            if found.kind == "memory":
                self.memories[found.address] = Memory(self, found.address)


class Object:
    """One kernel object's head."""

    def __init__(self, state, address):
        value = state.struct("object", address)
        self.address = address
        self.kind = value.kind.enumerator.removeprefix("OBJECT_KIND_").lower()
        self.number = int(value.number)
        self.handles = int(value.handles)
        self.refs = int(value.refs)
        self.payer = int(value.payer)  # address of the process, 0: the kernel

    def __str__(self):
        return f"object {self.number} ({self.kind})"


class Memory:
    """One memory object, with the frames it consists of (a root) or is a part of (a view)."""

    def __init__(self, state, address):
        value = state.struct("object", address).container("memory", "object")
        self.value = value
        self.root = int(value.root)
        self.root_offset = int(value.root_offset)
        self.pages = int(value.page_count)
        self.may_write = value.access.enumerator == "ACCESS_READ_WRITE"
        self.mapping_count = int(value.mapping_count)
        self.pins = int(value.pin_count)
        self.filled = int(value.filled)
        self.borrowed = int(value.contiguous_first) != NONE
        self.frames = []        # own or borrowed, in order
        self.index_frames = []  # that hold the numbers of those
        if self.root != address:
            return
        if self.borrowed:
            first = int(value.contiguous_first)
            self.frames = list(range(first, first + self.pages))
        elif self.pages == 1:
            if int(value.single_frame) != NONE:
                self.frames = [int(value.single_frame)]
        elif int(value.index_frame) != NONE:
            self._read_index(state, int(value.index_frame))

    def _read_index(self, state, frame):
        numbers = struct.Struct("<1024I")

        def page(number):
            try:
                return numbers.unpack(state.ram.read(number * PAGE, PAGE))
            except ValueError as error:
                raise Broken(f"an index of a memory object names frame {number:#x}") from error

        self.index_frames.append(frame)
        for leaf in page(frame):
            if leaf == NONE:
                break
            self.index_frames.append(leaf)
            self.frames += page(leaf)
        del self.frames[self.filled:]
