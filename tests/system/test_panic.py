# SPDX-License-Identifier: MIT
"""A broken kernel stops at once, says why and where, and ends QEMU with a status of its own."""

import re
import struct

import oracle
import pytest
from harness import Machine
from harness.qmp import QmpError
from shell import claim

PAGE = 4096
UD2 = b"\x0f\x0b"


def epitaph(machine, reason):
    """Wait for the end; the epitaph, which must be the only one and the last thing said."""
    match = machine.expect(re.compile(r"\*\*\* kernel panic: (.*?)\*\*\* end of epitaph", re.S), 20)
    machine.wait_exit(Machine.EXIT_PANIC)
    text = match.group(1).replace("\r", "")
    claim(re.match(reason, text), f"an epitaph that begins with /{reason}/", text)
    claim(machine.output.count("kernel panic") == 1, "one epitaph", machine.tail())
    claim(machine.output.rstrip().endswith("*** end of epitaph"), "nothing after it", machine.tail())
    claim(re.search(r"on CPU \d+", text), "which CPU", text)
    claim("called from:" in text, "a backtrace", text)
    return text


def stop_in_kernel(machine):
    """Have the machine stand still in the middle of an interrupt; the debugger on it."""
    gdb = machine.gdb()
    entries = [machine.symbol("trap_from_kernel"), machine.symbol("trap_from_user")]
    for entry in entries:
        gdb.breakpoint(entry)
    gdb.resume()
    machine.write("x")
    gdb.wait_stop()
    for entry in entries:
        gdb.remove_breakpoint(entry)
    return gdb


def in_kernel(boot, **options):
    """A machine that stands so, and its debugger."""
    machine = boot(**options)
    machine.expect(machine.PROMPT)
    return machine, stop_in_kernel(machine)


@pytest.mark.parametrize("cpus", [1, 4])
def test_invalid_opcode(boot, cpus):
    """An invalid instruction in the kernel gives an epitaph with the trap's name, the place and the
    registers. Else: a hang, a reboot, or another exit status."""
    machine, gdb = in_kernel(boot, cpus=cpus)
    place = machine.symbol("kernel_main")  # not needed any more
    gdb.write_memory(place, UD2)
    gdb.write_register("rip", place)
    gdb.write_register("r12", 0x123456789)
    gdb.resume()
    text = epitaph(machine, "invalid opcode in the kernel")
    claim(f"{place:x}" in text, f"rip {place:#x}", text)
    claim("rax" in text and "rsp" in text, "registers", text)


def test_page_fault(boot):
    """A kernel that jumps to nowhere says which address. Else: a triple fault, or a wrong cr2."""
    machine, gdb = in_kernel(boot, cpus=2)
    gdb.write_register("rip", 0xFFFF_FEED_0000_1230)
    gdb.resume()
    text = epitaph(machine, "(page fault|general protection fault) in the kernel")
    claim("fffffeed00001230" in text, "the address", text)


def test_broken_page_table(boot):
    """A frame table that the kernel's own page tables have lost is a page fault with the address
    and the process on whose behalf it happened. Else: a hang or a reset."""
    machine = boot(cpus=1)
    machine.expect(machine.PROMPT)
    state = oracle.settle(machine)
    first, end = state.record_base, state.record_base + 16 * state.frame_count
    gdb = machine.gdb()
    gdb.physical(True)
    for leaf in state.kernel.leaves:
        if first <= leaf.virtual < end:
            gdb.write_memory(leaf.entry, struct.pack("<Q", 0))
    gdb.physical(False)
    gdb.resume()
    machine.write("run hello\r")
    text = epitaph(machine, "page fault in the kernel")
    address = int(re.search(r"cr2 0x([0-9a-f]+)", text).group(1), 16)
    claim(first <= address < end, f"an address between {first:#x} and {end:#x}", text)
    claim(re.search(r"thread \d+ of process \d+ \(init\)", text), "on init's behalf", text)


def test_stack_overflow(boot):
    """A kernel stack that runs into its guard page ends in a double fault on a stack of its own.
    Else: a triple fault, that is a reset without a word."""
    machine, gdb = in_kernel(boot, cpus=1)
    stack_top = gdb.read_u64(gdb.read_u64(machine.symbol("cpus")) + 16)  # cpus[0]->stack_top
    gdb.write_memory(machine.symbol("kernel_main"), b"\x50\xeb\xfd")  # push rax; jmp back to it
    gdb.write_register("rip", machine.symbol("kernel_main"))
    gdb.write_register("rsp", stack_top - 64)
    gdb.resume()
    epitaph(machine, "double fault in the kernel")


@pytest.mark.parametrize("cpu", [0, 1])
def test_machine_check(boot, cpu):
    """A machine check on any CPU gives an epitaph. Else: a reset without a word, because CR4.MCE is
    not set."""
    machine = boot(cpus=2)
    machine.expect(machine.PROMPT)
    try:
        machine.qmp.hmp(f"mce {cpu} 1 0xbe00000000000000 4 0 0")  # valid, uncorrected, in progress
    except (OSError, QmpError):
        pass  # QEMU ends before it answers
    text = epitaph(machine, "machine check in the kernel")
    claim(f"on CPU {cpu}" in text, f"on CPU {cpu}", text)


def test_end_of_init(boot):
    """When init dies nothing is left to run, and that is said with file and line. Else: a machine
    that idles for ever."""
    machine = boot(cpus=2)
    machine.expect(machine.PROMPT)
    state = oracle.settle(machine)
    init = state.by_pid[1]
    gdb = machine.gdb()
    gdb.physical(True)
    for leaf in init.walk.leaves:
        if leaf.execute:
            gdb.write_memory(leaf.physical, UD2 * (PAGE // 2))
    gdb.physical(False)
    gdb.resume()
    machine.write("run hello\r")
    machine.expect(re.compile(r"crash: process 1 \(init\) thread 1: invalid opcode at rip 0x[0-9a-f]+"))
    text = epitaph(machine, "init has ended")
    claim(re.search(r"at kernel/[\w/]+\.c:\d+", text), "file and line", text)


def test_panic_in_panic(boot):
    """A fault while the epitaph is written does not start a second one: the machine stops. Else:
    epitaph after epitaph, without end."""
    machine, gdb = in_kernel(boot, cpus=1)
    gdb.write_memory(machine.symbol("power_panic_exit"), UD2)
    gdb.write_memory(machine.symbol("kernel_main"), UD2)
    gdb.write_register("rip", machine.symbol("kernel_main"))
    gdb.resume()
    machine.expect("*** end of epitaph")
    machine.refuse("kernel panic", 1)


def test_power_off_is_no_panic(boot):
    """The exit statuses of a halt and of a panic differ, so that a test can tell. Else: one
    number for both."""
    machine = boot()
    machine.expect(machine.PROMPT)
    claim(Machine.EXIT_HALT != Machine.EXIT_PANIC, "two statuses", Machine.EXIT_HALT)
    machine.halt()
