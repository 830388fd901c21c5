# SPDX-License-Identifier: MIT
"""A GUID partition table, and the protective MBR before it, as bytes: UEFI 2.10 §5.2.3 and §5.3.

All ids are the caller's, so that the same partitions give the same bytes."""

import struct
import uuid
import zlib

SECTOR = 512
ENTRIES = 128
ENTRY_BYTES = 128
ENTRY_SECTORS = ENTRIES * ENTRY_BYTES // SECTOR
FIRST_USABLE = 2 + ENTRY_SECTORS
HEADER_BYTES = 92

TYPE_EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")  # UEFI 2.10 table 5.7
TYPE_BIOS_BOOT = uuid.UUID("21686148-6449-6e6f-744e-656564454649")   # GRUB 2.06 manual §3.4


class Partition:
    def __init__(self, name, kind, identity, first, count):
        """name: at most 36 characters; kind, identity: UUIDs; first, count: in sectors"""
        self.name = name
        self.kind = kind
        self.identity = identity
        self.first = first
        self.count = count

    def entry(self):
        return struct.pack("<16s16sQQQ72s", self.kind.bytes_le, self.identity.bytes_le, self.first,
                           self.first + self.count - 1, 0, self.name.encode("utf-16-le"))


def protective_record(sectors):
    """The one entry of the MBR's table, which covers the whole disk, and the signature after it."""
    last = min(sectors - 1, 0xFFFF_FFFF)
    entry = struct.pack("<B3sB3sII", 0, b"\x00\x02\x00", 0xEE, b"\xff\xff\xff", 1, last)
    return entry + bytes(48) + b"\x55\xaa"


def _header(sectors, disk, entries, here, other, table):
    def pack(checksum):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x0001_0000, HEADER_BYTES, checksum, 0,
                           here, other, FIRST_USABLE, sectors - FIRST_USABLE, disk.bytes_le, table,
                           ENTRIES, ENTRY_BYTES, zlib.crc32(entries))

    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


def tables(sectors, disk, partitions):
    """(from sector 1 on, from sector `sectors` - 33 on): the table and its copy.

    ValueError if a partition overlaps its neighbour or the table."""
    end = FIRST_USABLE
    for partition in partitions:
        if partition.first < end or partition.count < 1:
            raise ValueError(f"partition {partition.name} starts before sector {end}, or is empty")
        end = partition.first + partition.count
    if end > sectors - FIRST_USABLE + 1:
        raise ValueError(f"the partitions end at sector {end} of {sectors}")
    entries = b"".join(partition.entry() for partition in partitions)
    entries = entries.ljust(ENTRIES * ENTRY_BYTES, b"\0")
    last = sectors - 1
    return (_header(sectors, disk, entries, 1, last, 2) + entries,
            entries + _header(sectors, disk, entries, last, 1, last - ENTRY_SECTORS))
