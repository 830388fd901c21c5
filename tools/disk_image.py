# SPDX-License-Identifier: MIT
"""Disk images whose every sector says which one it is, and the check of such images.

A patterned sector is sixteen records of 32 bytes, each a line of text:

    <sector, 16 hex digits>.<record, 1> <seed, 8> cap\\n

so that a sector in the wrong place, a torn one, and one of another image are told apart by eye in
a hex dump, and by `find_differences`. Sector 0 is the header, which says what the rest holds. The
middle of a large image is a hole: it reads as zeros and takes no space on the host."""

import os
import pathlib
import re

SECTOR = 512
RECORD = 32
HEADER_WORDS = "capOS disk image 1"
DEFAULT_BYTES = 64 << 20
# Patterned: so much at the start, and at the end. Between them is the hole.
HEAD_SECTORS = 2048
TAIL_SECTORS = 128


def sector_bytes(sector, seed=0):
    """What a patterned sector holds."""
    return b"".join(b"%016x.%x %08x cap\n" % (sector, record, seed)
                    for record in range(SECTOR // RECORD))


def pattern(first, count, seed=0):
    """Several patterned sectors, as bytes."""
    return b"".join(sector_bytes(sector, seed) for sector in range(first, first + count))


def header_bytes(sectors, head, tail, seed):
    """Sector 0: text, then zeros."""
    words = (f"{HEADER_WORDS}\nsectors {sectors}\nhead {head}\ntail {tail}\nseed {seed:08x}\n"
             "Sectors 1 to head - 1, and the last `tail`, hold their own numbers. "
             "Between them are zeros.\n")
    return words.encode("ascii").ljust(SECTOR, b"\0")


def create(path, size=DEFAULT_BYTES, seed=0, whole=False):
    """Make an image; FileExistsError if there is anything of that name. `whole`: without a hole.

    It appears under its name complete or not at all."""
    if size % SECTOR or size < SECTOR:
        raise ValueError(f"{size} bytes are not a number of sectors")
    path = pathlib.Path(path)
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    sectors = size // SECTOR
    head = sectors if whole else min(sectors, HEAD_SECTORS)
    tail = min(sectors - head, TAIL_SECTORS)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.new-{os.getpid()}")
    try:
        with open(unfinished, "xb") as file:
            file.write(header_bytes(sectors, head, tail, seed))
            file.write(pattern(1, head - 1, seed))
            file.seek((sectors - tail) * SECTOR)
            file.write(pattern(sectors - tail, tail, seed))
            file.truncate(size)
        os.link(unfinished, path)  # unlike rename, refuses to replace
    finally:
        unfinished.unlink(missing_ok=True)


class Header:
    """What sector 0 of an image says. ValueError if it is not one of ours."""

    def __init__(self, data):
        words = data[:SECTOR].split(b"\0")[0].decode("ascii", "replace")
        match = re.match(re.escape(HEADER_WORDS) +
                         r"\nsectors (\d+)\nhead (\d+)\ntail (\d+)\nseed ([0-9a-f]{8})\n", words)
        if not match:
            raise ValueError("this is no capOS disk image")
        self.sectors, self.head, self.tail = (int(word) for word in match.groups()[:3])
        self.seed = int(match.group(4), 16)

    def sector(self, number):
        """What a sector held when the image was made."""
        if number == 0:
            return header_bytes(self.sectors, self.head, self.tail, self.seed)
        if number < self.head or number >= self.sectors - self.tail:
            return sector_bytes(number, self.seed)
        return bytes(SECTOR)


def find_differences(path, seed=None):
    """The sectors that no longer hold what the image was made with, as [(first, count)].

    Reads what QEMU has written so far: it writes through the host's page cache, so a request that
    the device has completed is seen here, flushed or not."""
    ranges = []
    with open(path, "rb") as file:
        header = Header(file.read(SECTOR))
        if seed is not None and header.seed != seed:
            raise ValueError(f"{path} has seed {header.seed:08x}, not {seed:08x}")
        size = os.fstat(file.fileno()).st_size
        if size != header.sectors * SECTOR:
            raise ValueError(f"{path} has {size} bytes, its header says {header.sectors} sectors")
        file.seek(0)
        for number in range(header.sectors):
            if file.read(SECTOR) == header.sector(number):
                continue
            if ranges and sum(ranges[-1]) == number:
                ranges[-1] = (ranges[-1][0], ranges[-1][1] + 1)
            else:
                ranges.append((number, 1))
    return ranges
