# SPDX-License-Identifier: MIT
"""Programs: their symbols, and breakpoints that stop in one process only.

All programs are linked at one address, so an address alone names no place in a program. QEMU's
stub knows nothing of address spaces: it stops whoever comes to the address. A ProcessBreakpoint
then asks whose page tables the CPU uses, by CR3, and lets others run on. It is a hardware
breakpoint: a software one would be written into whatever page lies at the address when it is set
(under KVM; TCG writes none), and the program may not be loaded yet."""

import difflib
import os
import re

import gdb

import kernel
import memory
from memory import Damage

TEXT_START = 0x400000  # user/rt/user.ld


def build_directory():
    """build/, from the kernel image build/kernel*/capos.elf."""
    return os.path.dirname(os.path.dirname(os.path.abspath(memory.kernel_image())))


def image_of(process):
    """The ELF file with the symbols of a process: virtio-blk1 is build/user/virtio_blk.elf."""
    directory = os.path.join(build_directory(), "user")
    stem = process.replace("-", "_")
    for name in (stem, re.sub(r"\d+$", "", stem)):
        path = os.path.join(directory, name + ".elf")
        if os.path.exists(path):
            return path
    try:
        known = sorted(name[:-4] for name in os.listdir(directory) if name.endswith(".elf"))
    except OSError:
        known = []
    near = difflib.get_close_matches(stem, known, 1)
    raise Damage(f"no program {process} in {directory}"
                 + (f"; did you mean {near[0].replace('_', '-')}?" if near else ""))


class Program:
    """The program whose symbols are loaded: one at a time, because all have the same addresses."""

    loaded = None

    @classmethod
    def load(cls, process):
        path = image_of(process)
        if cls.loaded != path:
            if cls.loaded:
                gdb.execute(f"remove-symbol-file -a {TEXT_START:#x}", to_string=True)
            gdb.execute(f"add-symbol-file {path}", to_string=True)
            cls.loaded = path
        return path


def location(path, where):
    """A breakpoint's arguments for a function or FILE:LINE of one image."""
    if ":" in where:
        source, line = where.rsplit(":", 1)
        if not line.isdigit():
            raise Damage(f"{where}: neither a function nor FILE:LINE")
        return {"source": source, "line": int(line)}
    for objfile in gdb.objfiles():
        if os.path.realpath(objfile.filename or "") == os.path.realpath(path):
            symbol = objfile.lookup_global_symbol(where) or objfile.lookup_static_symbol(where)
            if symbol is not None:
                return {"source": symbol.symtab.filename, "function": where}
    raise Damage(f"{os.path.basename(path)} has no function {where}")


class ProcessBreakpoint(gdb.Breakpoint):
    """Stops where it says, in the process of one name."""

    def __init__(self, process, where, temporary=False):
        path = Program.load(process)
        super().__init__(type=gdb.BP_HARDWARE_BREAKPOINT, temporary=temporary,
                         **location(path, where))
        self.process = process
        self.others = 0  # times that somebody else came by

    def stop(self):
        try:
            found = kernel.current_process()
            ours = found is not None and memory.text(found[1]["name"]) == self.process
        except (Damage, gdb.error):
            ours = True  # better once too often, when the list of processes is broken
        if not ours:
            self.others += 1
        return ours

