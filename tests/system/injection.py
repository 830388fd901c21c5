# SPDX-License-Identifier: MIT
"""Making one allocation of the kernel fail, whichever it is, from outside.

The two functions that everything in the kernel allocates with are stopped at by the debugger; the
chosen call returns the function's own failure without having run. Nothing in the kernel is built
for this. Single CPU only: a second one could run past a breakpoint that is lifted for a step."""

import fcntl
import os
import pathlib
import subprocess
import time

from elftools.elf.elffile import ELFFile
from harness import Unexpected

FAILURES = {"frames_take": 12, "slab_take_class": 0}  # STATUS_NO_MEMORY; NULL


PLAIN_DIRECTORY = "build/kernel-plain"


def plain_kernel():
    """A kernel from the same sources without link-time optimisation, which copies the beginnings of
    these functions into some of their callers; here each call can be stopped at."""
    lock_file = pathlib.Path("build/kernel-plain.lock")
    lock_file.parent.mkdir(exist_ok=True)
    with open(lock_file, "w", encoding="ascii") as lock:  # tests run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "-s", "DEPS=no", "KERNEL_LTO=", f"KERNEL_DIR={PLAIN_DIRECTORY}",
                               "kernel"], capture_output=True, text=True, check=False,
                              env={key: value for key, value in os.environ.items()
                                   if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")})
        path = f"{PLAIN_DIRECTORY}/capos.elf"
        copies = inlined(path, FAILURES) if done.returncode == 0 else []
    if done.returncode != 0 or copies:
        raise Unexpected("a kernel in which every allocation can be stopped at",
                         done.stderr or f"copies of {copies}")
    return path


def inlined(kernel, names):
    """Those of the functions whose code was copied into a caller."""
    found = set()
    with open(kernel, "rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for die in unit.iter_DIEs():
                if die.tag == "DW_TAG_inlined_subroutine":
                    name = die.get_DIE_from_attribute("DW_AT_abstract_origin").attributes.get("DW_AT_name")
                    if name and name.value.decode() in names:
                        found.add(name.value.decode())
    return found


class Injection:
    """with Injection(machine, n) as injection: the n-th allocation (from 1) inside fails.

    `.place` is the function that failed, None if there were fewer calls; `.caller` where it was to
    return to."""

    def __init__(self, machine, number):
        self.machine = machine
        self.number = number
        self.calls = 0
        self.place = None
        self.caller = 0

    def __enter__(self):
        self.gdb = self.machine.gdb()
        self.machine.qmp.execute("stop")
        self.gdb.command("qC")  # its answer comes behind the tellings of all stops so far
        self.addresses = {self.machine.symbol(name): name for name in FAILURES}
        for address in self.addresses:
            self.gdb.breakpoint(address)
        return self

    def __exit__(self, kind, *_):
        """The machine runs on, unless something went wrong."""
        if kind is None:
            for address in self.addresses:
                self.gdb.remove_breakpoint(address)
            self.gdb.resume()

    def run(self, is_over, seconds=20):
        """Let the machine run until the n-th call has failed, or is_over(). It is stopped then."""
        end = time.monotonic() + self.machine.deadline.left(seconds)
        self.gdb.resume()
        while True:
            try:
                self.gdb.wait_stop(0.05)
            except TimeoutError:
                if is_over():
                    self.gdb.interrupt()
                    return
                if time.monotonic() > end:
                    raise Unexpected("the n-th allocation, or the end of the command",
                                     self.machine.tail()) from None
                continue
            registers = self.gdb.registers()
            name = self.addresses.get(registers["rip"])
            if name is None:
                raise Unexpected("a stop at an allocation", f"rip {registers['rip']:#x}")
            self.calls += 1
            if self.calls == self.number:
                self.place = name
                self._fail(registers, FAILURES[name])
                return
            self.gdb.remove_breakpoint(registers["rip"])
            self.gdb.step()
            self.gdb.breakpoint(registers["rip"])
            self.gdb.resume()

    def _fail(self, registers, value):
        """Return from the function that is about to begin."""
        self.caller = self.gdb.read_u64(registers["rsp"])
        self.gdb.write_register("rax", value)
        self.gdb.write_register("rip", self.caller)
        self.gdb.write_register("rsp", registers["rsp"] + 8)
