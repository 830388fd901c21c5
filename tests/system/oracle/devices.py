# SPDX-License-Identifier: MIT
"""What the kernel has written down about devices: the one file of the oracle that knows the names in
its ledger.

Everything else compares these claims with the tables that hardware uses (device_checks.py)."""

from typing import NamedTuple

from .debuginfo import Broken

PAGE = 4096
NO_ROUTE = 0xFFFF_FFFF  # IOMMU_NO_ROUTE
MANAGER = "kernel/device_manager/device_manager.c"
ACCESS = {"READS": (True, False), "WRITES": (False, True), "READS_WRITES": (True, True)}


class Buffer(NamedTuple):
    """Pages that the ledger says a device may reach."""
    iova: int
    pages: int
    frames: tuple  # of the memory object, in order; a run of them is mapped
    read: bool
    write: bool
    memory: int    # address of the memory object


class Route(NamedTuple):
    """A vector that the ledger says is given to an owner."""
    number: int    # of the vector within the function
    handle: int    # index of the interrupt-remapping entry
    vector: int
    destination: int


class Claim:
    """One owned function."""

    def __init__(self, bdf, owner, state="claimed", buffers=(), routes=(), windows=(), lines=()):
        self.bdf = bdf
        self.owner = owner            # pid
        self.state = state            # as in FunctionState
        self.buffers = list(buffers)
        self.routes = list(routes)
        self.windows = list(windows)  # (first physical page, pages) of mapped registers
        self.lines = list(lines)      # inputs of I/O APICs that its pin is given


class Ledger:
    """The records of a kernel that has them; empty for one that has not."""

    def __init__(self, state):
        self.claims = {}       # bdf: Claim, of every owned function
        self.references = []   # (address of an object, by what), beside capabilities
        self.frames = {}       # frame: what table of the kernel's it is part of
        self.dma_pages = {}    # address of a process: pages that devices can reach
        self.routes = {}       # address of a process: interrupts
        if not state.image.has_variable("device_functions"):
            return
        ledger = state.variable("ledger", MANAGER)
        functions = state.variable("device_functions")
        count = int(ledger.function_count)
        self._table(state, state.variable("pci_functions"), int(state.variable("pci_function_count")),
                    "PCI functions")
        self._table(state, functions, count, "device functions")
        self._table(state, ledger.functions, count, "the ledger")
        for index in range(count):
            self._read(state, functions[index], ledger.functions[index])
        self._read_objects(state)

    def _table(self, state, pointer, count, what):
        length = max(PAGE, count * pointer.c_type.target.size)
        first = state.physical(int(pointer)) // PAGE
        for frame in range(first, first + (1 << ((length - 1) // PAGE).bit_length())):
            self.frames[frame] = what

    def _read(self, state, function, record):
        owner = int(record.owner)
        buffers, routes, lines = [], [], []
        for buffer in function.buffers.nodes("dma_buffer", "of_function"):
            self.references.append((buffer.at, "a buffer of a device"))
            payer = int(buffer.payer)
            self.dma_pages[payer] = self.dma_pages.get(payer, 0) + int(buffer.page_count)
            memory = state.memories.get(int(buffer.memory))
            if memory is None:
                raise Broken(f"the buffer at {int(buffer.iova):#x} is of no memory object")
            frames = state.memories[memory.root].frames[memory.root_offset:memory.root_offset + memory.pages]
            read, write = ACCESS[buffer.access.enumerator.removeprefix("DMA_ACCESS_DEVICE_")]
            buffers.append(Buffer(int(buffer.iova), int(buffer.page_count), tuple(frames), read, write,
                                  int(buffer.memory)))
        for route in function.routes.nodes("device_route", "of_function"):
            self.references.append((int(route.interrupt), "a route"))
            if int(route.line):
                lines.append(int(state.struct("device_line", int(route.line)).interrupt))
            if int(route.remap_index) != NO_ROUTE:
                routes.append(Route(int(route.number), int(route.remap_index), int(route.vector),
                                    int(route.cpu)))
        bdf = int(function.source)
        if owner:
            self.claims[bdf] = Claim(
                bdf, owner, record.state.enumerator.removeprefix("FUNCTION_STATE_").lower(), buffers,
                routes, lines=lines)
        elif (buffers or routes or lines) and not record.state.enumerator.endswith("_QUARANTINED"):
            raise Broken(f"function {bdf:#06x} has {len(buffers)} buffers and {len(routes) + len(lines)} routes, "
                         "but no owner")

    def _read_objects(self, state):
        for found in state.objects.values():
            if found.kind == "device_mmio":
                value = state.struct("object", found.address).container("device_mmio", "object")
                self.references += [(int(value.bars[bar]), "registers") for bar in range(len(value.bars))]
            elif found.kind == "interrupt":
                value = state.struct("object", found.address).container("interrupt", "object")
                self.references.append((int(value.target), "an interrupt"))
                if int(value.route):
                    self.routes[found.payer] = self.routes.get(found.payer, 0) + 1


def is_device_memory(memory):
    """Whether a memory object stands for a device's registers."""
    return "device" in memory.value.c_type.members and int(memory.value.device) != 0
