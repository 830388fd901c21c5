# SPDX-License-Identifier: MIT
"""One QEMU machine under a deadline, seen through its serial port, QMP, gdb and its memory.

A test gets machines from the `boot` fixture (conftest.py):

    def test_help(boot):
        \"\"\"The shell lists its commands.\"\"\"
        machine = boot(cpus=2)
        machine.expect(machine.PROMPT)
        assert "reboot" in machine.shell("help")
        machine.halt()

Every wait ends: with what was waited for, with the end of the machine, or at the deadline of the
test. What others than the shell say (the kernel's log, init, drivers) may stand between any two
lines, and behind the prompt: tests ask for lines, not for what stands next to them.

Everything that was said on the serial port is in serial.log, the command line in command.txt, QEMU's
own words in qemu.log, all in build/system/<file>/<test>/."""

import contextlib
import fcntl
import itertools
import os
import pathlib
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))
import qemu_command  # noqa: E402 (a tool of the tree, not a package)

from .deadline import Deadline  # noqa: E402
from .gdb import Gdb  # noqa: E402
from .memory import GuestMemory, parse_size  # noqa: E402
from .physical import read_physical  # noqa: E402
from .qmp import Qmp, QmpError  # noqa: E402
from .qtest import Qtest  # noqa: E402
from .report import Unexpected  # noqa: E402

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SHOWN_LINES = 12
PIPE_BYTES = 1 << 20  # as much as an unprivileged process may have
SHARED_MEMORY = "/dev/shm"
ROOM_BYTES = 1 << 30
STALL = pathlib.Path(__file__).with_name("stall.py")


def numa_nodes(count, cpus, size):
    """Nodes with equal parts of memory and, in turns, of the CPUs."""
    arguments = []
    for node in range(count):
        arguments += ["-object", f"memory-backend-ram,id=node{node},size={size // count}",
                      "-numa", f"node,nodeid={node},memdev=node{node}," + ",".join(
                          f"cpus={cpu}" for cpu in range(node, cpus, count))]
    return arguments


def has_room(directory):
    """Whether the memory of machines can be there: containers often have 64 MiB of shared memory."""
    if not os.access(directory, os.W_OK):
        return False
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize >= ROOM_BYTES


class Machine:
    PROMPT = "capos> "
    EXIT_HALT = qemu_command.EXIT_HALT
    EXIT_PANIC = qemu_command.EXIT_PANIC
    EXIT_PROBE = qemu_command.EXIT_PROBE

    _numbers = itertools.count(1)

    def __init__(self, directory, deadline=60, *, cpus=2, memory="256M", accel=None, icount=None,
                 kernel=qemu_command.KERNEL, package=qemu_command.PACKAGE, append="",
                 paused=False, reboots=False, cpu_model=None, devices=None, qtest=False, boot="pvh",
                 machine="q35,sata=off", numa=0, serial=None,
                 extra=()):
        """Start the machine.

        directory  for the logs
        deadline   seconds of an idle host (deadline.py), or a Deadline shared with others
        icount     N: -icount shift=N, one instruction takes 2^N ns of guest time; needs cpus=1
        paused     do not run before gdb().resume() or qmp.execute("cont")
        reboots    a reset reboots; otherwise it ends the machine
        devices    what the machine has beside its own: Devices of tools/qemu_devices.py
        qtest      open QEMU's test socket beside the guest, for .qtest
        boot       how the kernel starts: with bios and uefi from the boot disk in `devices`
        machine    QEMU's name for the board, and its options
        numa       so many nodes share CPUs and memory; then .ram cannot be read
        serial     arguments for another serial port than the one that expect() and write() use
        extra      more arguments for QEMU
        """
        self.deadline = deadline if isinstance(deadline, Deadline) else Deadline(deadline)
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.number = next(self._numbers)
        self.kernel = kernel
        self.devices = devices
        self.output = ""            # all serial output so far
        self.arrivals = []          # (monotonic time, length of output then)
        self._cursor = 0            # expect() searches from here
        self.last_look = None       # called with the machine before it halts
        self.looked_at = -1         # length of output when somebody last found that all agrees
        self._news = threading.Condition()
        self._symbols = None
        self._gdb = None
        self._scratch = tempfile.TemporaryDirectory(
            prefix="capos-", dir=SHARED_MEMORY if has_room(SHARED_MEMORY) else None)
        scratch = pathlib.Path(self._scratch.name)
        ram = scratch / "ram"

        if icount is not None:
            if cpus != 1:
                raise ValueError("icount works with one CPU only")
            accel = "tcg"
        accel = accel or qemu_command.choose_accelerator()[0]
        qmp, qmp_theirs = socket.socketpair()
        test, test_theirs = socket.socketpair() if qtest else (None, None)
        arguments = qemu_command.command(
            accel, cpus=cpus, memory=memory, kernel=kernel, package=package, append=append,
            cpu_model=cpu_model, boot=boot, machine=machine,
            extra=[*(numa_nodes(numa, cpus, parse_size(memory)) if numa else
                     ["-object", f"memory-backend-file,id=ram,size={memory},mem-path={ram},share=on",
                      "-machine", "memory-backend=ram"]),
                   *(serial or ["-chardev", "stdio,id=serial0,signal=off", "-serial", "chardev:serial0"]),
                   "-chardev", f"socket,id=qmp,fd={qmp_theirs.fileno()}",
                   "-mon", "chardev=qmp,mode=control",
                   *([] if reboots else ["-no-reboot"]),
                   *(["-S"] if paused else []),
                   *(["-icount", f"shift={icount}"] if icount is not None else []),
                   *(["-chardev", f"socket,id=qtest,fd={test_theirs.fileno()}",
                      "-object", "qtest,id=qtest0,chardev=qtest"] if qtest else []),
                   *(devices.arguments() if devices else []),
                   *extra])
        with open(self.directory / "command.txt", "a", encoding="utf-8") as file:
            file.write(shlex.join(arguments) + "\n")
        self._log = open(self.directory / "serial.log", "ab")  # closed by close()
        self._log.write(f"---- machine {self.number}\n".encode())
        self._qemu_log = open(self.directory / "qemu.log", "ab")
        self.started = time.monotonic()
        # The serial port is a pair of pipes: QEMU writes byte by byte, and a socket is full after a
        # few hundred of those. When it stays full the kernel drops what is sent: this reader may be late.
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._qemu_log,
            bufsize=0, pass_fds=[end.fileno() for end in (qmp_theirs, test_theirs) if end])
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        qmp_theirs.close()
        if qtest:
            test_theirs.close()
        if os.environ.get("STALL"):  # another number, other places
            subprocess.Popen([sys.executable, STALL, str(self.process.pid), f"{os.environ['STALL']} {self.number}"])
        self.qtest = Qtest(test, self.deadline) if qtest else None
        self._reader = threading.Thread(target=self._read_serial, daemon=True)
        self._reader.start()
        self.qmp = Qmp(qmp, self.deadline)
        try:
            self.qmp.begin()
        except (QmpError, TimeoutError, OSError) as error:
            if not self._has_run():
                self.close()
                words = (self.directory / "qemu.log").read_text(errors="replace").strip()
                raise Unexpected("QEMU starts", words or str(error)) from error
        self.ram = None if numa else GuestMemory(ram, parse_size(memory))

    def _has_run(self):
        """Whether the machine has come to its end already: it may be faster than a busy host's greeting."""
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            return False
        self._reader.join(5)
        return self.output != ""

    # ---- The serial port

    def _read_serial(self):
        while True:
            try:
                data = self.process.stdout.read(65536)
            except (OSError, ValueError):
                data = b""
            with self._news:
                if data:
                    self._log.write(data)
                    self._log.flush()
                    self.output += data.decode("latin-1")
                    self.arrivals.append((time.monotonic(), len(self.output)))
                else:
                    self._reader_ended = True
                self._news.notify_all()
            if not data:
                return

    _reader_ended = False

    def expect(self, pattern, timeout=None):
        """Wait for a text (str), or a regular expression (re.compile), after what was last seen.

        Returns the match; its .string is all output, so .group() is the usual thing to use.
        """
        return self._expect(pattern, self.deadline.left(timeout))

    def _expect(self, pattern, seconds):
        wanted = re.compile(re.escape(pattern)) if isinstance(pattern, str) else pattern
        end = time.monotonic() + seconds
        with self._news:
            while True:
                match = wanted.search(self.output, self._cursor)
                if match:
                    self._cursor = match.end()
                    return match
                left = end - time.monotonic()
                if self._reader_ended or left <= 0:
                    break
                self._news.wait(left)
        shown = f"{wanted.pattern!r} on the serial port" if not isinstance(pattern, str) \
            else f"{pattern!r} on the serial port"
        if self._reader_ended:
            raise Unexpected(shown, f"{self._ending()}; last lines:\n{self.tail()}")
        raise Unexpected(shown, f"nothing of it in time; last lines:\n{self.tail()}")

    def refuse(self, pattern, seconds):
        """The pattern must not appear within so many seconds."""
        try:
            match = self._expect(pattern, self.deadline.left_exactly(seconds))
        except Unexpected:
            if self._reader_ended:
                raise
            return
        raise Unexpected(f"no {match.group()!r} within {seconds} s", self.tail())

    def tail(self, lines=SHOWN_LINES):
        """The last lines of serial output, for people."""
        text = ESCAPES.sub("", self.output).replace("\r", "")
        return "\n".join("    " + line for line in text.split("\n")[-lines:])

    def write(self, text):
        """Type something."""
        self.process.stdin.write(text.encode("latin-1"))

    def shell(self, command, timeout=None):
        """Type a command at the prompt, wait for the next prompt; what was printed between."""
        if not self.output[:self._cursor].endswith(self.PROMPT):
            self.expect(self.PROMPT, timeout)
        start = self._cursor
        self.write(command + "\r")
        self.expect("\n", timeout)
        self.expect(re.compile(r"(?<=\n)" + re.escape(self.PROMPT)), timeout)
        text = ESCAPES.sub("", self.output[start:self._cursor]).replace("\r", "")
        # What somebody else has said in front of the echo is no answer to the command.
        _, echo, body = text.partition(f"{command}\n")
        if not echo:  # the editor has moved a long line to and fro, or another's line is in the middle of it
            body = text.split("\n", 1)[1]
        return body[:-len(self.PROMPT)].rstrip("\n")

    # ---- The end

    def _ending(self):
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "the serial port closed, but QEMU runs on"
        return f"the machine ended: {qemu_command.meaning(status)}"

    def wait_exit(self, expected=None, timeout=None):
        """Wait for QEMU to end by itself; its exit status, which must be `expected` if given."""
        try:
            status = self.process.wait(self.deadline.left(timeout))
        except subprocess.TimeoutExpired:
            raise Unexpected("the machine ends", f"it runs on; last lines:\n{self.tail()}") from None
        self._reader.join(5)
        if expected is not None and status != expected:
            raise Unexpected(f"the machine ends: {qemu_command.meaning(expected)}",
                             f"{qemu_command.meaning(status)}; last lines:\n{self.tail()}")
        return status

    def halt(self):
        """`halt` at the prompt, and the right exit status."""
        if not self.output[:self._cursor].endswith(self.PROMPT):
            self.expect(self.PROMPT)
        if self.last_look is not None:
            self.last_look(self)
        self.write("halt\r")
        return self.wait_exit(self.EXIT_HALT)

    def is_at_prompt(self):
        """Whether the machine runs, and has come as far as the shell."""
        return self.process.poll() is None and self.PROMPT in self.output

    def close(self):
        """Kill what still runs; called by the fixture."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()
        self._log.close()
        self._qemu_log.close()
        if getattr(self, "ram", None) is not None:
            self.ram.close()
        self._scratch.cleanup()

    # ---- Looking inside

    def gdb(self):
        """A gdb client; the machine is stopped by it. The same one every time."""
        if self._gdb is None:
            path = pathlib.Path(self._scratch.name) / "gdb"
            self.qmp.hmp(f"gdbserver unix:{path},server=on,wait=off")
            self._gdb = Gdb(path, self.deadline)
        return self._gdb

    def stop_at_kernel(self):
        """Run a paused machine until firmware and loader have done their work: to the kernel's first instruction
        in C, where it stands still. The gdb client."""
        gdb, place = self.gdb(), self.symbol("kernel_main")
        gdb.breakpoint(place, hardware=True)
        gdb.resume()
        gdb.wait_stop()
        gdb.remove_breakpoint(place, hardware=True)
        return gdb

    def read_registers(self, address, length):
        """Bytes at a physical address that may be a device's register, as the CPU would read them.

        Memory is better read through .ram. Device registers are read in words of 4 bytes."""
        return read_physical(self.qmp, address, length)

    def unplug(self, name):
        """Ask for the removal of a device behind a root port; the guest must let it go."""
        self.qmp.execute("device_del", id=name)

    def wait_unplugged(self, name, timeout=None):
        """Wait until the device has gone."""
        while self.qmp.wait_event("DEVICE_DELETED", timeout)["data"].get("device") != name:
            pass

    def throttle(self, name, requests=0, size=0):
        """Have a disk with a limit do so many requests, or bytes, a second from now on; 0: as many as it can."""
        self.qmp.execute("qom-set", path=f"/objects/{name}-limit", property="limits",
                         value={"iops-total": requests, "bps-total": size})

    def inject_error(self, name, error):
        """An AER error at a PCIe device, by its name in QEMU hw/pci/pcie_aer.c, such as DLP."""
        words = self.qmp.hmp(f"pcie_aer_inject_error {name} {error}")
        if not words.startswith("OK"):
            raise Unexpected(f"{name} has an error {error} injected", words)

    def bdf(self, name):
        """Bus number << 8 | device << 3 | function of a device, as the firmware numbered it."""
        for bus in self.qmp.execute("query-pci"):
            pending = list(bus["devices"])
            while pending:
                device = pending.pop()
                if device["qdev_id"] == name:
                    return device["bus"] << 8 | device["slot"] << 3 | device["function"]
                pending += device.get("pci_bridge", {}).get("devices", [])
        raise Unexpected(f"a PCI device {name}", "there is none")

    def symbol(self, name):
        """Address of a symbol of the kernel image."""
        if self._symbols is None:
            listing = subprocess.run(["nm", self.kernel], capture_output=True, text=True, check=True)
            fields = (line.split() for line in listing.stdout.splitlines())
            self._symbols = {field[-1]: int(field[0], 16) for field in fields if len(field) == 3}
        if name not in self._symbols:
            raise Unexpected(f"a symbol {name} in {self.kernel}", "there is none")
        return self._symbols[name]

    def seconds_until(self, match):
        """From the start of QEMU until the end of a match had been received."""
        for at, length in self.arrivals:
            if length >= match.end():
                return at - self.started
        raise ValueError("the match is not in the output")
