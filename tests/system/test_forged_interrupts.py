# SPDX-License-Identifier: MIT
"""Interrupts that nobody was given: NMIs, and messages that a device makes up.

QEMU 7.2 delivers what a device writes to 0xFEExxxxx in the format from before interrupt remapping, also
when VT-d is told to block that. So the kernel must live with any of them, as far as software can. They come
from edu, told by its owner, and faster from ivshmem-doorbell, whose MSI-X table is written from outside."""

import contextlib
import re
import subprocess
import threading

import devtest
import doorbell
import oracle
import pytest
from harness import Devices, Machine, Unexpected, disk_image
from harness.qmp import QmpError
from packages import Package
from shell import claim, fresh_prompt, process_table, report_rows, until, wait_processes, wait_said

FIXED, LOWEST, SMI, RESERVED, NMI, INIT, STARTUP, EXTINT = (mode << 8 for mode in range(8))
LEVEL = 0xC000
ROUTE_FENCE, TIMER, RESCHEDULE, FLUSH, STOP, IOMMU, SPURIOUS = 0x20, 0xE0, 0xE1, 0xE2, 0xE3, 0xE4, 0xFF
EXCEPTIONS = (3, 8, 13, 14, 18)  # with an error code, without, and on a stack of its own
TOLD = "NMIs without an error of hardware so far"
STORM = 300


def counts(machine, column):
    """What each CPU has counted."""
    return [row[column] for row in report_rows(machine, "irqs", "arrivals")]


def works(machine):
    fresh_prompt(machine)
    claim("demo: exit code 0" in machine.shell("run demo", 60), "services that answer", machine.tail())


def end(machine, name):
    """Kill a program; it has gone when this returns."""
    machine.shell(f"kill {name}", 20)
    wait_processes(machine, set(process_table(machine)) - {name}, 20)


class Forger:
    """A device that sends any message, with an owner that knows nothing of it."""

    def __init__(self, machine, bell, table):
        self.machine, self.bell, self.table = machine, bell, table
        machine.write("run devtest listen &\r")
        machine.expect("devtest: listening\r", 20)
        fresh_prompt(machine)
        self.entry = table.entry()

    def aim(self, data, cpu=0):
        """What it sends from here on, whenever it is rung."""
        self.table.set(0xFEE00000 | cpu << 12, data)

    def send(self, data, cpu=0, times=1):
        self.aim(data, cpu)
        self.bell.ring(self.machine, times=times)

    def stop(self):
        """As the kernel has written it."""
        self.table.set(*self.entry[:2])


@pytest.fixture
def start(boot, logs):
    """start(cpus): a Forger on a machine at its prompt, with all drivers and an edu."""
    with contextlib.ExitStack() as ends:
        def started(cpus):
            bell = doorbell.Doorbell()
            ends.callback(bell.close)
            devices = Devices()
            devices.edu()
            disk_image.create(logs / "disk.img", 4 << 20)
            devices.disk(logs / "disk.img")
            name = bell.add(devices)
            package = devtest.package(logs, doorbell.IDS, base=Package())
            machine = boot(cpus=cpus, devices=devices, package=package.write(logs), qtest=True,
                           extra=bell.arguments())
            machine.expect(machine.PROMPT)
            return Forger(machine, bell, doorbell.Table(machine, name))
        yield started


def edu_machine(boot, logs, cpus=2):
    devices = Devices()
    devices.edu()
    package = Package()
    package.programs.pop("acpi", None)
    machine = boot(cpus=cpus, devices=devices, package=package.write(logs))
    machine.expect(machine.PROMPT)
    return machine


def forge(machine, *messages):
    """Have edu's owner send them, which must live."""
    text = machine.shell("run edu " + " ".join(f"forge={message:#x}" for message in messages), 40)
    claim(text.count("edu: PASS") == len(messages) and "edu: exit code 0" in text, "messages that were sent", text)


def test_nmi_by_its_owner(boot, logs):
    """An owner that has its device send NMIs to each CPU does not end the machine: they are counted, and
    the log says so. Else: an epitaph, or another count."""
    machine = edu_machine(boot, logs)
    for cpu, expected in ((0, [1, 0]), (1, [1, 1]), (0, [2, 1])):
        forge(machine, cpu << 16 | NMI)
        until(machine, f"NMIs of each CPU: {expected}", lambda: counts(machine, "nmi") == expected)
    row = next(row for row in report_rows(machine, "irqs", "interrupt") if row["irq"] == "NMI")
    claim(row["count"] == 3, "three NMIs in `irqs`", row)
    wait_said(machine, TOLD)
    works(machine)
    machine.halt()


@pytest.mark.deadline(150)
@pytest.mark.parametrize("cpus", [1, 2])
def test_storm_of_nmis(start, cpus):
    """Hundreds of NMIs while programs run, on each CPU, cost none of them its work, and the log is not
    filled with them. Else: an epitaph, a program that fails or waits for ever, a line for each."""
    forger = start(cpus)
    machine = forger.machine
    for cpu in range(cpus):
        forger.aim(NMI, cpu)
        silence = threading.Event()

        def ring():
            while not silence.wait(0.001):
                forger.bell.ring_unseen()
        ringer = threading.Thread(target=ring)
        ringer.start()
        try:
            works(machine)
            while counts(machine, "nmi")[cpu] < STORM:
                works(machine)
            for mode in ("selftest", "dma"):
                text = machine.shell(f"run edu {mode}", 40)
                claim("edu: exit code 0" in text, "a driver that works", text)
        finally:
            silence.set()
            ringer.join()
    claim(all(count >= STORM for count in counts(machine, "nmi")), f"{STORM} NMIs on each CPU",
          counts(machine, "nmi"))
    claim(1 <= machine.output.count(TOLD) <= 16, "a few lines about it", machine.output.count(TOLD))
    forger.stop()
    oracle.inspect(machine)
    machine.halt()


def test_nmi_of_the_platform(boot, logs):
    """NMIs by the pin that firmware's tables name arrive at every CPU while programs run, and are
    counted as long as the chipset reports no error. Else: an epitaph, or none that arrives."""
    machine = edu_machine(boot, logs)
    machine.write("run demo\r")
    for _ in range(STORM):
        machine.qmp.execute("inject-nmi")
    machine.expect("demo: exit code 0", 40)
    fresh_prompt(machine)
    until(machine, "NMIs on each CPU", lambda: all(counts(machine, "nmi")))
    claim(all(count <= STORM for count in counts(machine, "nmi")), f"at most {STORM} on each CPU",
          counts(machine, "nmi"))
    machine.halt()


# ---- Where it hits

IST = 68  # struct cpu: its TSS's first interrupt stack (Intel SDM vol. 3A 8.7)
NMI_STACK, STACKS = 1, 3
NMI_VECTOR, DOUBLE_FAULT, MACHINE_CHECK = 2, 8, 18
FRAME_BYTES = 40  # what the CPU pushes; rip is the first word
GATE = 0x01  # of port 61h
FILLERS = ("nop", "cs", "data16", "xchg", "ud2")


def nmi_words(machine, gdb, cpu=0):
    """Where the CPU's NMI stack begins, which is where its count is."""
    return gdb.read_u64(gdb.read_u64(machine.symbol("cpus") + 8 * cpu) + IST + 8 * NMI_STACK)


def doors(machine):
    """Addresses of the instructions of the doors between user mode and the kernel: those that a program
    reaches which is interrupted in user mode, those that an idle CPU reaches, those of the NMI's own door."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "--section=.text", machine.kernel],
                             capture_output=True, text=True, check=True).stdout
    busy, idle, own = [], [], []
    into = None
    places = {"syscall_entry": busy, "syscall_leave": busy, "trap_return_syscall": busy, "trap_return_full": busy,
              "trap_common": busy, "trap_pop_and_return": idle, "trap_sleep": idle, "trap_sleep_halt": idle,
              "trap_sleep_end": idle, "trap_nmi": own}
    for line in listing.splitlines():
        label = re.match(r"[0-9a-f]+ <(\w+)>:", line)
        if label:
            into = places.get(label.group(1))
        match = re.match(r"(ffffffff[0-9a-f]{8}):\t(\w+)", line)
        if match is None or into is None:
            continue
        if match.group(2) == "ud2" and into is busy:
            into = idle  # the part of trap_common for the kernel's own traps
        if match.group(2) == "movq" and into is own:
            break  # only on the way back to a HLT
        if not match.group(2).startswith(FILLERS):
            into.append(int(match.group(1), 16))
    return busy, idle, own


@pytest.mark.deadline(200)
def test_nmi_at_each_instruction(boot):
    """An NMI at each single instruction of the ways into the kernel and out of it is taken there once, and
    comes back there; before a HLT it ends the sleep; one that hits the handler of another waits for its end.
    Else: an epitaph, another count, or another place to come back to."""
    machine = boot(cpus=1)
    machine.expect(machine.PROMPT)
    busy, idle, own = doors(machine)
    claim(len(busy) > 50 and len(idle) > 18 and len(own) > 6, "many instructions", (len(busy), len(idle), len(own)))
    halt, woken = machine.symbol("trap_sleep_halt"), machine.symbol("trap_sleep_end")
    machine.write("run rttest spin 1 &\r")
    fresh_prompt(machine)
    gdb = machine.gdb()
    words = nmi_words(machine, gdb)
    count = gdb.read_u64(words)

    def stops(seconds):
        try:
            gdb.wait_stop(seconds)
        except TimeoutError:
            return False
        return True

    def at(address, poke):
        gdb.breakpoint(address)
        gdb.resume()
        poke()
        for _ in range(60):
            if stops(0.5):
                break
            if poke is key:  # the last one was taken before the shell waited for it
                poke()
        else:
            raise Unexpected(f"a stop at {address:#x}", "the machine runs on")
        gdb.remove_breakpoint(address)

    def key():
        machine.write("\r")

    def nmi():
        machine.qmp.execute("inject-nmi")

    def taken():
        """Run to the handler's end: where it goes back to."""
        at(machine.symbol("trap_nmi_return"), lambda: None)
        claim(gdb.read_u64(words) == count, f"{count} NMIs", gdb.read_u64(words))
        return gdb.read_u64(words - FRAME_BYTES)

    for address in busy:
        at(address, key)
        nmi()
        count += 1
        back = taken()
        claim(back == address, f"back to {address:#x}", f"{back:#x}")
    for address in own:
        at(address, nmi)
        nmi()
        count += 1
        back = taken()
        gdb.step()  # over the IRETQ, behind which the second one comes
        count += 1
        again = taken()
        claim(again == back, f"back to {back:#x}", f"{again:#x}")
    gdb.resume()
    fresh_prompt(machine)
    end(machine, "rttest")
    gdb.interrupt()
    for address in idle:
        at(address, key)
        nmi()
        count += 1
        back, expected = taken(), woken if address == halt else address
        claim(back == expected, f"back to {expected:#x}", f"{back:#x}")
    gdb.resume()
    works(machine)
    machine.halt()


def test_stacks_of_their_own(boot):
    """Double fault, NMI and machine check have each a stack of its own on each CPU, with nothing mapped
    below it. Else: two that are one, or something in the way of an overflow."""
    machine = boot(cpus=2)
    machine.expect(machine.PROMPT)
    state = oracle.settle(machine)
    mapped = {page for leaf in state.kernel.leaves
              for page in range(leaf.virtual, leaf.virtual + leaf.size, oracle.PAGE)}
    gdb = machine.gdb()
    pages = set()
    for cpu in range(2):
        record = gdb.read_u64(machine.symbol("cpus") + 8 * cpu)
        for stack in range(STACKS):
            top = gdb.read_u64(record + IST + 8 * stack)
            page = (top - 1) & ~(oracle.PAGE - 1)
            claim(page in mapped and page - oracle.PAGE not in mapped, "a page, and none below it", f"{page:#x}")
            pages.add(page)
    claim(len(pages) == 2 * STACKS, f"{2 * STACKS} stacks", pages)
    idt = int(re.search(r"IDT=\s+([0-9a-f]+)", machine.qmp.hmp("info registers")).group(1), 16)
    used = {vector: gdb.read_u64(idt + 16 * vector) >> 32 & 7 for vector in (DOUBLE_FAULT, NMI_VECTOR, MACHINE_CHECK)}
    claim(set(used.values()) == {1, 2, 3}, "each of the three vectors on one of the stacks", used)
    gdb.resume()
    machine.halt()


@pytest.mark.parametrize("cpus", [1, 2])
def test_error_of_hardware(boot, cpus):
    """An NMI with which the chipset reports an error of hardware is not passed over: one epitaph, that says
    so. Else: a machine that goes on. (QEMU's chipset has no errors: the bit of port 61h that says whether the
    timer's second channel counts, as it does since the clock was measured, is made one.)"""
    machine = boot(cpus=cpus)
    machine.expect(machine.PROMPT)
    gdb = machine.gdb()
    for cpu in range(cpus):
        gdb.write_u64(nmi_words(machine, gdb, cpu) + 8, GATE)
    gdb.resume()
    with contextlib.suppress(OSError, QmpError):  # QEMU may end before it answers
        machine.qmp.execute("inject-nmi")
    match = machine.expect(re.compile(r"\*\*\* kernel panic: ([^\r]*)\r"), 20)
    claim("the chipset reports a hardware error by NMI" in match.group(1), "an epitaph about it", match.group(1))
    machine.wait_exit(Machine.EXIT_PANIC)
    claim(machine.output.count("kernel panic") == 1, "one epitaph", machine.tail())


# ---- Other messages

@pytest.mark.deadline(150)
@pytest.mark.parametrize("cpus", [1, 2])
def test_any_vector(start, cpus):
    """A message with any vector and any delivery mode but INIT, to any CPU, harms nobody: no exception that
    nobody has raised, no CPU that stops, no route that is lost. Else: an epitaph, a program that crashed,
    a machine that does not answer."""
    forger = start(cpus)
    machine = forger.machine
    machine.write("run rttest spin 2 &\r")  # somebody whom an exception would end
    fresh_prompt(machine)
    for mode in (FIXED, LOWEST, EXTINT, FIXED | LEVEL):
        for cpu in range(cpus):
            for vector in range(256):
                forger.aim(mode | vector, cpu)
                forger.bell.ring_unseen()
            machine.shell("echo on", 20)
            works(machine)
    for mode in (SMI, RESERVED, STARTUP):
        for cpu in range(cpus):
            forger.send(mode | 0x40, cpu)
        works(machine)
    end(machine, "rttest")
    until(machine, "vectors that lead nowhere on each CPU", lambda: all(counts(machine, "unexpected")))
    claim("crash:" not in machine.output, "no crash", machine.tail())
    forger.stop()
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.deadline(120)
def test_vectors_by_its_owner(boot, logs):
    """Those that would do most harm, sent by edu for its owner, to the CPU that it runs on and to another. Else:
    as above."""
    machine = edu_machine(boot, logs)
    for vector in (*EXCEPTIONS, STOP, SPURIOUS, FLUSH, TIMER, RESCHEDULE, ROUTE_FENCE, IOMMU):
        forge(machine, FIXED | vector, 1 << 16 | FIXED | vector)
    works(machine)
    claim("crash:" not in machine.output, "no crash", machine.tail())
    machine.halt()
