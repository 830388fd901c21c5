# SPDX-License-Identifier: MIT
"""A small client of QEMU's gdb stub: memory, registers, breakpoints, for injecting faults.

Protocol: GDB manual, appendix E "GDB Remote Serial Protocol". Connecting stops the machine; it
runs again with resume() or when the client is closed."""

import select
import socket
import struct
import time

# The start of the stub's `g` answer for x86-64, in order; 8 bytes each, from eflags on 4.
REGISTERS = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11",
             "r12", "r13", "r14", "r15", "rip"]
REGISTERS_32 = ["eflags", "cs", "ss", "ds", "es", "fs", "gs"]
ANSWER_S = 60  # of a host that may be busy


class GdbError(Exception):
    pass


class Gdb:
    def __init__(self, path, deadline):
        self.deadline = deadline
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(str(path))
        self._input = b""
        self.command("qSupported")
        self.command("?")
        self.command("qXfer:features:read:target.xml:0,ffb")  # else QEMU refuses P

    # ---- Packets

    def _receive(self, timeout):
        """The next packet's content, within so many seconds; acknowledges it."""
        end = time.monotonic() + self.deadline.left_exactly(timeout)
        while True:
            start = self._input.find(b"$")
            stop = self._input.find(b"#", start)
            if start >= 0 and stop >= 0 and len(self._input) >= stop + 3:
                content = self._input[start + 1:stop]
                self._input = self._input[stop + 3:]
                self.connection.sendall(b"+")
                return content.decode("latin-1")
            ready, _, _ = select.select([self.connection], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise TimeoutError("the gdb stub does not answer")
            data = self.connection.recv(65536)
            if not data:
                raise GdbError("the gdb stub has gone: QEMU ended")
            self._input += data

    def _send(self, text):
        data = text.encode("latin-1")
        self.connection.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))

    def command(self, text, timeout=ANSWER_S):
        """Send one packet and return the answer; GdbError if the stub refuses."""
        self._send(text)
        answer = self._receive(timeout)
        while answer[0:1] in ("T", "S") and text not in ("?", "s"):
            answer = self._receive(timeout)  # the stop that connecting caused is told unasked
        if answer.startswith("E") and len(answer) == 3:
            raise GdbError(f"the gdb stub refuses {text[:60]}: {answer}")
        if answer == "":
            raise GdbError(f"the gdb stub does not know {text[:60]}")
        return answer

    # ---- Memory and registers

    def read_memory(self, address, length):
        """Bytes at a virtual address of the CPU that stopped."""
        data = b""
        while len(data) < length:
            part = min(1024, length - len(data))
            data += bytes.fromhex(self.command(f"m{address + len(data):x},{part:x}"))
        return data

    def write_memory(self, address, data):
        for start in range(0, len(data), 1024):
            part = data[start:start + 1024]
            self.command(f"M{address + start:x},{len(part):x}:{part.hex()}")

    def read_u64(self, address):
        return struct.unpack("<Q", self.read_memory(address, 8))[0]

    def write_u64(self, address, value):
        self.write_memory(address, struct.pack("<Q", value))

    def physical(self, on):
        """Whether the memory functions take physical addresses."""
        self.command(f"Qqemu.PhyMemMode:{int(on)}")

    def registers(self):
        data = bytes.fromhex(self.command("g"))
        values = dict(zip(REGISTERS, struct.unpack_from("<17Q", data)))
        values.update(zip(REGISTERS_32, struct.unpack_from("<7I", data, 17 * 8)))
        return values

    def write_register(self, name, value):
        if name in REGISTERS:
            self.command(f"P{REGISTERS.index(name):x}={struct.pack('<Q', value).hex()}")
        else:
            number = len(REGISTERS) + REGISTERS_32.index(name)
            self.command(f"P{number:x}={struct.pack('<I', value).hex()}")

    def select_cpu(self, index):
        """Registers and memory are those of this CPU from here on."""
        self.command(f"Hg{index + 1:x}")

    # ---- Running

    def breakpoint(self, address, hardware=False):
        self.command(f"Z{int(hardware)},{address:x},1")

    def remove_breakpoint(self, address, hardware=False):
        self.command(f"z{int(hardware)},{address:x},1")

    def watch(self, address, length=8):
        """Stop after a write there."""
        self.command(f"Z2,{address:x},{length:x}")

    def unwatch(self, address, length=8):
        self.command(f"z2,{address:x},{length:x}")

    def resume(self):
        self._send("c")

    def wait_stop(self, timeout=None):
        """Wait until the running machine stops; the stub's stop reply."""
        return self._receive(timeout)

    def run_to(self, address, timeout=None):
        """Run until some CPU is about to execute the instruction at `address`."""
        self.breakpoint(address)
        self.resume()
        self.wait_stop(timeout)
        self.remove_breakpoint(address)

    def step(self):
        return self.command("s")

    def interrupt(self):
        """Stop the running machine."""
        self.connection.sendall(b"\x03")
        return self.wait_stop(ANSWER_S)

    def close(self):
        """Leave; the machine runs on. It must be stopped now."""
        self._send("D")
        self.connection.close()
