# SPDX-License-Identifier: MIT
"""Just enough of AML (ACPI 6.5 section 20.2) to write tables that no firmware should have."""

import pathlib
import struct

ONE, ONES, NOOP = b"\x01", b"\xff", b"\xa3"
SYSTEM_MEMORY, SYSTEM_IO, PCI_CONFIG = 0, 1, 2
BYTE_ACCESS, WORD_ACCESS, DWORD_ACCESS, QWORD_ACCESS = 1, 2, 3, 4


def integer(value):
    for prefix, code, limit in ((b"\x0a", "<B", 1 << 8), (b"\x0b", "<H", 1 << 16), (b"\x0c", "<I", 1 << 32)):
        if value < limit:
            return prefix + struct.pack(code, value)
    return b"\x0e" + struct.pack("<Q", value)


def length(count, itself=True):
    """PkgLength of `count` bytes that follow; of a field's width it does not count itself."""
    for size in range(1, 5):
        total = count + (size if itself else 0)
        if size == 1 and total < 64:
            return bytes([total])
        if size > 1 and total < 1 << (4 + 8 * (size - 1)):
            return bytes([(size - 1) << 6 | total & 15]) + (total >> 4).to_bytes(size - 1, "little")
    raise ValueError(count)


def block(opcode, *parts):
    body = b"".join(parts)
    return opcode + length(len(body)) + body


def method(name, *terms, arguments=0):
    return block(b"\x14", name, bytes([arguments]), *terms)


def scope(name, *terms):
    return block(b"\x10", name, *terms)


def device(name, *terms):
    return block(b"\x5b\x82", name, *terms)


def named(name, value):
    return b"\x08" + name + value


def loop(*terms, condition=ONE):
    return block(b"\xa2", condition, *(terms or (NOOP,)))


def sleep(milliseconds):
    return b"\x5b\x22" + integer(milliseconds)


def store(value, name):
    return b"\x70" + value + name


def buffer(size):
    return block(b"\x11", integer(size))


def region(name, space, start, size, field, width, access):
    """An operation region, and one field that is all of it or its first `width` bits."""
    return (b"\x5b\x80" + name + bytes([space]) + integer(start) + integer(size) +
            block(b"\x5b\x81", name, bytes([access]), field, length(width, itself=False)))


def table(*terms, signature=b"SSDT"):
    body = b"".join(terms)
    head = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), 2, 0, b"CAPOS ", b"HOSTILE ", 1, b"TEST", 1)
    data = bytearray(head + body)
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def arguments(directory, *tables):
    """The arguments for QEMU by which a machine has these tables, too."""
    result = []
    for number, data in enumerate(tables):
        path = pathlib.Path(directory) / f"table{number}.aml"
        path.write_bytes(data)
        result += ["-acpitable", f"file={path}"]
    return result
