# SPDX-License-Identifier: MIT
"""The capOS image, taken apart and changed: what a test needs to damage one.

Its partition table is read here, and not taken from the tool that wrote it."""

import pathlib
import shutil
import struct
import subprocess
import uuid
import zlib

IMAGE = pathlib.Path("build/capos.img")
SECTOR = 512
SYSTEM_TYPE = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")

KERNEL = "capos/kernel.elf"
PACKAGE = "capos/boot.pkg"
SCRIPT = "boot/grub/grub.cfg"


def make(directory, name="made.img", **options):
    """tools/make-image into the directory; the path."""
    path = pathlib.Path(directory) / name
    parts = {"kernel": "build/kernel/capos.elf", "package": "build/capos.pkg", **options}
    subprocess.run(["tools/make-image", path, *(f"--{key}={value}" for key, value in parts.items())],
                   check=True)
    return path


def partitions(data):
    """[(type, id, first sector, last sector)] of a disk, after the checks that UEFI 2.10 §5.3.2 asks of
    whoever reads the table or its copy. ValueError if one fails."""
    last = len(data) // SECTOR - 1
    found = []
    for here, other in ((1, last), (last, 1)):
        header = data[here * SECTOR:][:92]
        signature, _, size, checksum, _, mine, alternate, usable, usable_end = \
            struct.unpack_from("<8sIIIIQQQQ", header)
        place, count, entry_bytes, entries_checksum = struct.unpack_from("<QIII", header, 72)
        entries = data[place * SECTOR:][:count * entry_bytes]
        if (signature, size, mine, alternate) != (b"EFI PART", 92, here, other):
            raise ValueError(f"sector {here} is no header of a table: {header.hex()}")
        if zlib.crc32(header[:16] + bytes(4) + header[20:]) != checksum:
            raise ValueError(f"the header in sector {here} has a wrong checksum")
        if zlib.crc32(entries) != entries_checksum:
            raise ValueError(f"the entries of the header in sector {here} have a wrong checksum")
        rows = [struct.unpack_from("<16s16sQQ", entries, at)
                for at in range(0, len(entries), entry_bytes)]
        found.append([(uuid.UUID(bytes_le=kind), uuid.UUID(bytes_le=identity), first, end)
                      for kind, identity, first, end in rows if kind != bytes(16)])
        if any(first < usable or end > usable_end or first > end for _, _, first, end in found[-1]):
            raise ValueError(f"a partition leaves sectors {usable} to {usable_end}: {found[-1]}")
    if found[0] != found[1]:
        raise ValueError(f"table and copy differ: {found}")
    return found[0]


class Ends:
    """The start and the end of a large disk, as `partitions` wants to see it."""

    def __init__(self, start, end, size):
        self.start, self.end, self.size = start, end, size

    def __len__(self):
        return self.size

    def __getitem__(self, part):
        first = part.start
        if first < len(self.start):
            return self.start[part]
        behind = self.size - len(self.end)
        return self.end[first - behind:None if part.stop is None else part.stop - behind]


class Changed:
    """A copy of the standard image whose files can be replaced and removed."""

    def __init__(self, directory):
        self.path = pathlib.Path(directory) / "changed.img"
        shutil.copyfile(IMAGE, self.path)
        start = next(first for kind, _, first, _ in partitions(self.path.read_bytes())
                     if kind == SYSTEM_TYPE)
        self._place = f"{self.path}@@{start * SECTOR}"

    def read(self, name):
        return subprocess.run(["mtype", "-i", self._place, f"::{name}"], check=True,
                              capture_output=True).stdout

    def remove(self, name):
        subprocess.run(["mdel", "-i", self._place, f"::{name}"], check=True)

    def replace(self, name, data):
        subprocess.run(["mcopy", "-o", "-i", self._place, "-", f"::{name}"], check=True, input=data)
