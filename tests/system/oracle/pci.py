# SPDX-License-Identifier: MIT
"""Every PCI function of the machine, as its configuration space and its tables say it.

PCI Express Base Specification 5.0 section 7.5 (configuration space), 7.7.1 (MSI), 7.7.2 (MSI-X).
Read from outside, from the bus that firmware or the kernel has numbered; QEMU is asked what there
really is, so that a function that cannot be found is noticed."""

import struct
from typing import NamedTuple

from .debuginfo import Broken

BUS_MASTER, MEMORY_SPACE, INTX_DISABLE = 1 << 2, 1 << 1, 1 << 10
CAP_MSI, CAP_EXPRESS, CAP_MSIX = 0x05, 0x10, 0x11
CONFIG_BYTES = 4096


class Vector(NamedTuple):
    """One message-signalled interrupt of a function."""
    index: int
    address: int
    data: int
    active: bool   # neither it, nor its function, nor the capability keeps it from being sent
    place: int     # physical address of the entry in the MSI-X table; 0 for MSI


class Bar(NamedTuple):
    index: int
    address: int
    size: int


def name_of(bdf):
    return f"{bdf >> 8:02x}:{bdf >> 3 & 31:02x}.{bdf & 7}"


class Function:
    """One function's configuration space and MSI-X table."""

    def __init__(self, bdf, config_address, read):
        self.bdf = bdf
        self.config_address = config_address
        self.config = read(config_address, CONFIG_BYTES)
        self.vendor, self.device, self.command, self.status = struct.unpack_from("<4H", self.config)
        self.header_type = self.config[14] & 0x7F
        self.is_bridge = self.header_type == 1
        self.secondary, self.subordinate = (self.config[0x19], self.config[0x1A]) if self.is_bridge \
            else (0, 0)
        self.capabilities = self._capabilities()
        self.bars = []          # Bar; sizes come from QEMU
        self.msix_pages = set()  # physical pages that hold an MSI-X table or its pending bits
        self.vectors = self._vectors(read)

    def __str__(self):
        return f"function {name_of(self.bdf)} ({self.vendor:04x}:{self.device:04x})"

    @property
    def masters_bus(self):
        return bool(self.command & BUS_MASTER)

    @property
    def may_raise_line(self):
        return self.config[0x3D] != 0 and not self.command & INTX_DISABLE

    def u16(self, offset):
        return struct.unpack_from("<H", self.config, offset)[0]

    def u32(self, offset):
        return struct.unpack_from("<I", self.config, offset)[0]

    def _capabilities(self):
        """{id: offset}, of several with one id the first."""
        found, seen = {}, set()
        if not self.status & 1 << 4:
            return found
        at = self.config[0x34] & 0xFC
        while at >= 0x40 and at not in seen:
            seen.add(at)
            found.setdefault(self.config[at], at)
            at = self.config[at + 1] & 0xFC
        return found

    def bar_address(self, index):
        """Where a memory BAR is, 0 if nowhere."""
        low = self.u32(0x10 + 4 * index)
        if low & 1:
            return 0
        high = self.u32(0x14 + 4 * index) if low & 6 == 4 else 0
        return high << 32 | low & ~0xF

    def _vectors(self, read):
        vectors = []
        if CAP_MSIX in self.capabilities:
            at = self.capabilities[CAP_MSIX]
            control = self.u16(at + 2)
            count = (control & 0x7FF) + 1
            place = self._table_place(at + 4, 16 * count)
            self._table_place(at + 8, (count + 63) // 64 * 8)
            live = bool(control & 1 << 15) and not control & 1 << 14
            if place and self.command & MEMORY_SPACE:
                data = read(place, 16 * count)
                for index in range(count):
                    address, word, mask = struct.unpack_from("<QII", data, 16 * index)
                    vectors.append(Vector(index, address, word, live and not mask & 1,
                                          place + 16 * index))
            elif live:
                raise Broken(f"{self}: MSI-X is enabled, and its table cannot be read")
        if CAP_MSI in self.capabilities:
            at = self.capabilities[CAP_MSI]
            control = self.u16(at + 2)
            wide = bool(control & 1 << 7)
            address = self.u32(at + 4) | (self.u32(at + 8) << 32 if wide else 0)
            word = self.u16(at + (12 if wide else 8))
            mask = self.u32(at + (16 if wide else 12)) if control & 1 << 8 else 0
            if control & 1 or address:
                for index in range(1 << (control >> 4 & 7)):
                    vectors.append(Vector(index, address, word + index,
                                          bool(control & 1) and not mask >> index & 1, 0))
        return vectors

    def _table_place(self, at, length):
        where = self.u32(at)
        base = self.bar_address(where & 7) if where & 7 < 6 else 0
        if base == 0:
            return 0
        first = base + (where & ~7)
        self.msix_pages.update(range(first >> 12, (first + length - 1 >> 12) + 1))
        return first


def find(windows, read):
    """{bdf: Function}, from each window's first bus down through the bridges."""
    functions = {}
    for window in windows:
        pending, seen = [window.first_bus], set()
        while pending:
            bus = pending.pop()
            if bus in seen or not window.first_bus <= bus <= window.last_bus:
                continue
            seen.add(bus)
            for slot in range(32):
                for number in range(8):
                    bdf = bus << 8 | slot << 3 | number
                    place = window.base + ((bdf - (window.first_bus << 8)) << 12)
                    head = read(place, 16)
                    if head[:2] == b"\xff\xff":
                        if number == 0:
                            break
                        continue
                    functions[bdf] = Function(bdf, place, read)
                    if functions[bdf].is_bridge and functions[bdf].secondary:
                        pending.append(functions[bdf].secondary)
                    if number == 0 and not head[14] & 0x80:
                        break
    return functions


def compare(functions, buses):
    """Take the BARs' sizes from QEMU's own list (query-pci); complaints about what differs."""
    there = set()
    pending = [device for bus in buses for device in bus["devices"]]
    while pending:
        device = pending.pop()
        pending += device.get("pci_bridge", {}).get("devices", [])
        bdf = device["bus"] << 8 | device["slot"] << 3 | device["function"]
        there.add(bdf)
        function = functions.get(bdf)
        if function is None:
            yield f"function {name_of(bdf)} is in the machine, but in no configuration space"
            continue
        function.bars = [Bar(region["bar"], region["address"], region["size"])
                         for region in device["regions"]
                         if region["type"] == "memory" and region["address"] not in (-1, (1 << 64) - 1)]
    for bdf in functions.keys() - there:
        yield f"{functions[bdf]} is in configuration space, but not in the machine"
