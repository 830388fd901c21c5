# SPDX-License-Identifier: MIT
"""QEMU's test socket beside a running guest: loads and stores as if a CPU had made them.

Protocol: QEMU softmmu/qtest.c, the comment at its head. Works while the guest is stopped, too."""

import select
import time


class QtestError(Exception):
    pass


class Qtest:
    def __init__(self, connection, deadline):
        self.connection = connection
        self.deadline = deadline
        self._partial = b""

    def command(self, *words, timeout=10):
        """Send one command; the words of its answer behind OK."""
        self.connection.sendall((" ".join(map(str, words)) + "\n").encode("ascii"))
        end = time.monotonic() + self.deadline.left(timeout)
        while True:
            while b"\n" not in self._partial:
                ready, _, _ = select.select([self.connection], [], [], max(0, end - time.monotonic()))
                if not ready:
                    raise TimeoutError(f"qtest: no answer to {words[0]}")
                data = self.connection.recv(65536)
                if not data:
                    raise QtestError("QEMU has ended")
                self._partial += data
            line, self._partial = self._partial.split(b"\n", 1)
            answer = line.decode("ascii").split()
            if answer[:1] == ["OK"]:
                return answer[1:]
            if answer[:1] == ["IRQ"]:
                continue
            raise QtestError(f"{' '.join(map(str, words))[:80]}: {line.decode('ascii', 'replace')}")

    def load(self, address, width=4):
        """A number of 1, 2, 4 or 8 bytes."""
        return int(self.command({1: "readb", 2: "readw", 4: "readl", 8: "readq"}[width],
                                f"{address:#x}")[0], 16)

    def store(self, address, value, width=4):
        self.command({1: "writeb", 2: "writew", 4: "writel", 8: "writeq"}[width], f"{address:#x}",
                     f"{value:#x}")
