#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Takes the ACPI tables of QEMU machines, as SeaBIOS leaves them in memory, into data/acpi.

    tests/host/data/dump_acpi.py [SHAPE...]

Writes one text per shape, in acpidump's format. The tables depend on the version of QEMU alone,
so the texts are kept; afterwards renew the golden files, as acpidump_read_test.py says."""

import json
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time

DATA = pathlib.Path(__file__).resolve().parent / "acpi"
RAM = "memory-backend-ram,size=64M,id="
SHAPES = {
    "intel_iommu": ["-M", "q35,kernel-irqchip=split", "-smp", "2",
                    "-device", "intel-iommu,intremap=on"],
    "amd_iommu": ["-M", "q35", "-smp", "2", "-device", "amd-iommu"],
    "virtio_iommu": ["-M", "q35", "-device", "virtio-iommu-pci"],
    "numa": ["-M", "q35", "-smp", "2", "-object", RAM + "a", "-object", RAM + "b",
             "-numa", "node,nodeid=0,memdev=a,cpus=0", "-numa", "node,nodeid=1,memdev=b,cpus=1",
             "-numa", "dist,src=0,dst=1,val=21"],
    "no_hpet": ["-M", "q35", "-no-hpet"],
}
# Long and the same everywhere but in names: kept in one shape.
LONG = {b"DSDT": "intel_iommu"}


class Machine:
    """A running QEMU whose physical memory can be read."""

    def __init__(self, arguments, directory):
        self.file = pathlib.Path(directory) / "memory"
        path = str(pathlib.Path(directory) / "qmp")
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-m", "128M", "-display", "none", "-nodefaults",
             "-qmp", f"unix:{path},server=on,wait=off", *arguments])
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        self.stream = self.socket.makefile("rw")
        self.stream.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "return" in answer or "error" in answer:
                return

    def memory(self, address, size):
        self.command("pmemsave", val=address, size=size, filename=str(self.file))
        return self.file.read_bytes()

    def table(self, address):
        length = struct.unpack("<I", self.memory(address + 4, 4))[0]
        return self.memory(address, length)

    def rsdp(self):
        """Address and bytes of the RSDP, when the firmware has written it."""
        for _ in range(100):
            area = self.memory(0xe0000, 0x20000)
            for offset in range(0, len(area), 16):
                if area[offset:offset + 8] == b"RSD PTR " and sum(area[offset:offset + 20]) % 256 == 0:
                    return 0xe0000 + offset, area[offset:offset + 20]
            time.sleep(0.1)
        sys.exit("no RSDP in memory")


def tables(machine):
    """(address, bytes) of all tables that lead from the RSDP."""
    address, rsdp = machine.rsdp()
    yield address, rsdp
    root = struct.unpack("<I", rsdp[16:20])[0]
    table = machine.table(root)
    yield root, table
    for (address,) in struct.iter_unpack("<I", table[36:]):
        table = machine.table(address)
        yield address, table
        if table[:4] == b"FACP":
            for address in struct.unpack("<II", table[36:44]):
                yield address, machine.table(address)


def text(address, table):
    """A table as acpidump writes it."""
    lines = [f"{table[:4].decode()} @ 0x{address:016X}"]
    for offset in range(0, len(table), 16):
        part = table[offset:offset + 16]
        characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{offset:04X}: ".rjust(10) + "".join(f"{byte:02X} " for byte in part).ljust(48) +
                     f" {characters}")
    return "\n".join(lines) + "\n\n"


def main():
    for name in sys.argv[1:] or SHAPES:
        with tempfile.TemporaryDirectory() as directory:
            machine = Machine(SHAPES[name], directory)
            found = [(address, table) for address, table in tables(machine)
                     if LONG.get(table[:4], name) == name]
            machine.command("quit")
            machine.process.wait()
        (DATA / f"{name}.hex").write_text(
            f"# SPDX-License-Identifier: MIT\n# QEMU 7.2, {' '.join(SHAPES[name])}\n\n" +
            "".join(text(*each) for each in found))
        print(name, *(table[:4].decode() for _, table in found))


if __name__ == "__main__":
    main()
