# SPDX-License-Identifier: MIT
"""Making one allocation of the kernel fail, whichever it is, from outside.

The two functions that everything in the kernel allocates with are stopped at by the debugger; the
chosen call returns the function's own failure without having run. Nothing in the kernel is built
for this. Single CPU only: a second one could run past a breakpoint that is lifted for a step."""

import re
import subprocess
import time

from harness import Unexpected

FAILURES = {"frames_take": 12, "slab_take_class": 0}  # STATUS_NO_MEMORY; NULL


def check_image(kernel):
    """The functions are really called: a compiler that inlines one would hide allocations."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", kernel], capture_output=True,
                             text=True, check=True).stdout
    function, callers = None, {}
    for line in listing.splitlines():
        head = re.match(r"[0-9a-f]+ <(.*)>:", line)
        if head:
            function = head.group(1)
        call = re.search(r"(?:call|jmp)\s+[0-9a-f]+ <(buddy_take|frames_take|slab_take_class)>", line)
        if call and call.group(1) != function:
            callers.setdefault(call.group(1), set()).add(function)
    if callers.get("buddy_take", {"frames_take"}) != {"frames_take"}:  # or inlined there
        raise Unexpected("frames only come from frames_take()", f"callers: {callers}")
    if len(callers.get("slab_take_class", ())) < 2 or len(callers["frames_take"]) < 5:
        raise Unexpected("calls of slab_take_class() and frames_take() that can be stopped at",
                         f"callers: {callers}")


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
