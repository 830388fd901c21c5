# SPDX-License-Identifier: MIT
"""The guest's physical memory, mapped into the test: what an oracle walks page tables in."""

import mmap
import struct

GIB = 1 << 30


def parse_size(text):
    """Bytes in a QEMU size such as 256M or 6G; a plain number counts MiB."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": GIB}
    text = str(text).upper()
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text) << 20


class GuestMemory:
    def __init__(self, path, size):
        self.size = size
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        # QEMU hw/i386/pc_q35.c: memory below 4 GiB ends at 2 GiB as soon as it would pass 2.75 GiB
        self.below_4g = 2 * GIB if size >= 0xB0000000 else size

    def _offset(self, address, length):
        if address + length <= self.below_4g:
            return address
        offset = address - 4 * GIB + self.below_4g
        if address >= 4 * GIB and offset + length <= self.size:
            return offset
        raise ValueError(f"no guest memory at {address:#x}, {length} bytes")

    def read(self, address, length):
        offset = self._offset(address, length)
        return self._map[offset:offset + length]

    def write(self, address, data):
        offset = self._offset(address, len(data))
        self._map[offset:offset + len(data)] = data

    def find_last(self, words, end):
        """The highest address below `end`, and below 4 GiB, at which these bytes start; -1 if none."""
        return self._map.rfind(words, 0, min(end, self.below_4g))

    def read_u64(self, address):
        return struct.unpack_from("<Q", self._map, self._offset(address, 8))[0]

    def read_table(self, address):
        """A page of 512 64-bit entries."""
        return struct.unpack_from("<512Q", self._map, self._offset(address, 4096))

    def close(self):
        self._map.close()
