# SPDX-License-Identifier: MIT
"""The two ACPI tables that say where devices' registers are, read from guest memory.

ACPI specification 6.4 sections 5.2.5 (RSDP), 5.2.7 and 5.2.8 (RSDT, XSDT); PCI Firmware
Specification 3.2 table 4-3 (MCFG); VT-d 4.1 section 8.3 (DMAR, DRHD)."""

import struct
from typing import NamedTuple

from .debuginfo import Broken

LOW_END = 0x10_0000
SEARCHED = 0xE_0000
ROOT_POINTER = b"RSD PTR "
HEADER = 36


class Window(NamedTuple):
    """Configuration space of some buses of a segment."""
    base: int
    segment: int
    first_bus: int
    last_bus: int


class Remapper(NamedTuple):
    """A DMA remapping unit: where its registers are, and whether it takes all that no other does."""
    base: int
    segment: int
    include_all: bool
    io_apics: dict   # I/O APIC's id: its source id


SCOPE_IO_APIC = 3


def _checked(ram, address, length, what):
    data = ram.read(address, length)
    if sum(data) & 0xFF:
        raise Broken(f"{what} at {address:#x} has a wrong checksum")
    return data


def _root_pointers(ram):
    """The RSDPs there are: first that of a BIOS (5.2.5.1), then any, from the end of memory down, as
    UEFI puts it anywhere and tells only who asks its boot services (5.2.5.2)."""
    for place in range(SEARCHED, LOW_END, 16):
        if ram.read(place, len(ROOT_POINTER)) == ROOT_POINTER:
            yield ram.read(place, HEADER)
    place = ram.find_last(ROOT_POINTER, ram.below_4g - HEADER)
    while place >= 0:
        yield ram.read(place, HEADER)
        place = ram.find_last(ROOT_POINTER, place)


def _root_table(ram):
    """(bytes of the XSDT or RSDT, struct code of its entries, bytes of an entry)"""
    for pointer in _root_pointers(ram):
        revision, rsdt = struct.unpack_from("<BI", pointer, 15)
        xsdt = struct.unpack_from("<Q", pointer, 24)[0] if revision >= 2 else 0
        root, code, width = (xsdt, "Q", 8) if xsdt else (rsdt, "I", 4)
        if sum(pointer[:20]) & 0xFF == 0:
            try:
                signature, length = struct.unpack("<4sI", ram.read(root, 8))
                if signature == (b"XSDT" if xsdt else b"RSDT"):
                    return _checked(ram, root, length, "the ACPI root table"), code, width
            except (Broken, ValueError):
                pass  # a copy that the firmware left behind
    raise Broken("there is no ACPI RSDP that leads to a table")


def tables(ram):
    """{signature: bytes} of every table; of several with one signature the first."""
    data, code, width = _root_table(ram)
    length = len(data)
    found = {}
    for (address,) in struct.iter_unpack("<" + code, data[HEADER:HEADER + (length - HEADER) // width * width]):
        signature, length = struct.unpack("<4sI", ram.read(address, 8))
        name = signature.decode("latin-1")
        if name not in found:
            found[name] = _checked(ram, address, length, f"the ACPI table {name}")
    return found


def windows(found):
    """The windows to configuration space, from the MCFG."""
    data = found.get("MCFG", bytes(HEADER + 8))[HEADER + 8:]
    return [Window(base, segment, first, last)
            for base, segment, first, last, _ in struct.iter_unpack("<QHBBI", data)]


def remappers(found):
    """The VT-d units, from the DMAR; none if there is no such table."""
    data, at, units = found.get("DMAR", b""), HEADER + 12, []
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        if length < 4:
            raise Broken(f"the DMAR has a structure of {length} bytes")
        if kind == 0:
            flags, _, segment, base = struct.unpack_from("<BBHQ", data, at + 4)
            units.append(Remapper(base, segment, bool(flags & 1),
                                  _io_apics(data[at + 16:at + length])))
        at += length
    return units


def _io_apics(scopes):
    """Of a unit's device scopes (8.3.1) those that are I/O APICs; a path of one step is its place."""
    found, at = {}, 0
    while at + 8 <= len(scopes):
        kind, length, identity, bus, device, function = struct.unpack_from("<BBxxBBBB", scopes, at)
        if length < 6:
            raise Broken(f"the DMAR has a device scope of {length} bytes")
        if kind == SCOPE_IO_APIC:
            found[identity] = bus << 8 | device << 3 | function
        at += length
    return found


def firmware_memory(found):
    """{bdf: [(first, last)]} of the memory that firmware reserved for functions of bus 0 (RMRR, 8.4)."""
    data, at, reserved = found.get("DMAR", b""), HEADER + 12, {}
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        if length < 4:
            raise Broken(f"the DMAR has a structure of {length} bytes")
        if kind == 1:
            first, last = struct.unpack_from("<QQ", data, at + 8)
            scope, end = at + 24, at + length
            while scope + 8 <= end:
                _, size, _, bus, device, function = struct.unpack_from("<BBxxBBBB", data, scope)
                if size < 6:
                    raise Broken(f"the DMAR has a device scope of {size} bytes")
                if size == 8:  # a path of one step
                    reserved.setdefault(bus << 8 | device << 3 | function, []).append((first, last))
                scope += size
        at += length
    return reserved
