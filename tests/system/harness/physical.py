# SPDX-License-Identifier: MIT
"""Reading physical addresses through QEMU's human monitor: device registers, which are no memory.

The monitor's `xp` goes through the CPU's address space as a load does, in lines of 16 bytes that QEMU
splits as the device wants them. Reading must not disturb what is read: VT-d, configuration space and
MSI-X tables are so; not everything is."""

import re

CHUNK = 4096


def read_physical(qmp, address, length):
    """Bytes; the address is rounded down and the end up to words of 4."""
    first, end = address & ~3, (address + length + 3) & ~3
    data = bytearray()
    while first + len(data) < end:
        at = first + len(data)
        words = min(CHUNK, end - at) // 4
        text = qmp.hmp(f"xp /{words}xw {at:#x}")
        found = [word for line in text.splitlines()
                 for word in re.findall(r"0x([0-9a-f]{8})\b", line.split(":", 1)[-1])]
        if len(found) != words:
            raise ValueError(f"xp at {at:#x}: {text[:200]!r}")
        for word in found:
            data += int(word, 16).to_bytes(4, "little")
    return bytes(data[address - first:address - first + length])
