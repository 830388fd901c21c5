# SPDX-License-Identifier: MIT
"""Boot packages made to order: the standard one, changed.

The real `capnp` tool takes the package apart into JSON and puts it together again, so whatever a test
writes into it is encoded as any other tool would do it."""

import copy
import functools
import json
import pathlib
import struct
import subprocess

STANDARD = pathlib.Path("build/capos.pkg")


def _convert(direction, data):
    return subprocess.run(["capnp", "convert", direction, "schema/capos.capnp", "BootPackage"],
                          input=data, capture_output=True, check=True).stdout


@functools.lru_cache(maxsize=1)
def _standard(_mtime_ns):
    return json.loads(_convert("binary:json", STANDARD.read_bytes()))


class Package:
    """The standard package as a tree that may be changed: .programs, .images by name."""

    def __init__(self, *keep):
        """With the programs named, in the standard order; all of them if none is."""
        tree = copy.copy(_standard(STANDARD.stat().st_mtime_ns))
        self.abi_level = tree["abiLevel"]
        self.programs = {program["name"]: copy.deepcopy(program)
                         for program in tree["manifest"]["programs"]
                         if not keep or program["name"] in keep}
        if keep:
            self._drop_unserved()
        used = {program["image"] for program in self.programs.values()}
        self.images = {image["name"]: bytes(image["elf"]) for image in tree["images"]
                       if image["name"] in used}

    def _drop_unserved(self):
        """Programs that were left out serve nobody: take their services out of the grants."""
        served = {grant["source"]["serves"] for program in self.programs.values()
                  for grant in program.get("grants", ()) if "serves" in grant["source"]}
        for program in self.programs.values():
            program["grants"] = [grant for grant in program.get("grants", ())
                                 if grant["source"].get("uses", None) in served | {None}]

    def add(self, name, image=None, like="hello", start="demand", **changes):
        """A further program; `image` is ELF bytes of its own, or None for those of `like`."""
        program = copy.deepcopy(self.programs[like])
        program.update(name=name, image=name if image is not None else like, start=start, **changes)
        self.programs[name] = program
        if image is not None:
            self.images[name] = image
        return program

    def encode(self):
        return _convert("json:binary", json.dumps({
            "abiLevel": self.abi_level,
            "manifest": {"programs": list(self.programs.values())},
            "images": [{"name": name, "elf": list(elf)} for name, elf in self.images.items()],
        }).encode())

    def write(self, directory):
        """Write it down; the file's name."""
        return write(directory, self.encode())


def write(directory, data):
    path = pathlib.Path(directory) / f"{len(list(pathlib.Path(directory).glob('*.pkg')))}.pkg"
    path.write_bytes(data)
    return str(path)


# ---- ELF (gABI figures 4-3 and 5-1)

HEADER = {"class": (4, "B"), "data": (5, "B"), "ident_version": (6, "B"), "type": (16, "H"),
          "machine": (18, "H"), "entry": (24, "Q"), "phoff": (32, "Q"), "ehsize": (52, "H"),
          "phentsize": (54, "H"), "phnum": (56, "H")}
SEGMENT = {"type": (0, "I"), "flags": (4, "I"), "offset": (8, "Q"), "vaddr": (16, "Q"),
           "filesz": (32, "Q"), "memsz": (40, "Q"), "align": (48, "Q")}


def patched(elf, segment=None, **fields):
    """The ELF file with fields of its header, or of a program header, replaced."""
    data = bytearray(elf)
    for name, value in fields.items():
        if segment is None:
            offset, code = HEADER[name]
        else:
            offset, code = SEGMENT[name]
            offset += 64 + 56 * segment
        struct.pack_into("<" + code, data, offset, value)
    return bytes(data)


def spinning(elf):
    """The program, computing for ever from its first instruction on."""
    data = bytearray(elf)
    entry = struct.unpack_from("<Q", data, 24)[0]
    offset = entry - struct.unpack_from("<Q", data, 64 + 16)[0] + struct.unpack_from("<Q", data, 64 + 8)[0]
    data[offset:offset + 2] = b"\xeb\xfe"  # jmp to itself
    return bytes(data)
