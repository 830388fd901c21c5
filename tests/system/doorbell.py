# SPDX-License-Identifier: MIT
"""A host that rings QEMU's ivshmem-doorbell device: interrupts at any moment that a test chooses, also
while the machine stands still.

The server's side of the protocol in QEMU docs/specs/ivshmem-spec.txt, "The ivshmem Client-Server
Protocol": numbers of 8 bytes, some with a file descriptor. The device reads an eventfd for each of its
vectors, and tells the guest by MSI-X. The server keeps the other end of these, and so needs no peer."""

import os
import select
import socket
import struct
import tempfile
import threading
import time

from harness import Unexpected
from oracle import pci
from outside_edu import MMCONFIG

IDS = {"vendor": 0x1AF4, "devices": [0x1110]}
VERSION, OWN_ID = 0, 0
SHARED_BYTES = 4096


class Doorbell:
    """One device's server. It must be there before its machine is started, with arguments()."""

    def __init__(self, vectors=1):
        self.vectors = vectors
        self._scratch = tempfile.TemporaryDirectory(prefix="capos-doorbell-")
        self._path = os.path.join(self._scratch.name, "socket")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self._path)
        self._listener.listen(1)
        self._memory = os.memfd_create("doorbell")
        os.ftruncate(self._memory, SHARED_BYTES)
        self._events = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(vectors)]
        self._connection = None
        self._thread = threading.Thread(target=self._welcome, daemon=True)
        self._thread.start()

    def _welcome(self):
        """Steps 1, 2, 3 and 5 of the protocol; there are no other clients."""
        try:
            self._connection, _ = self._listener.accept()
            for number, descriptor in ((VERSION, None), (OWN_ID, None), (-1, self._memory),
                                       *((OWN_ID, event) for event in self._events)):
                socket.send_fds(self._connection, [struct.pack("<q", number)],
                                [] if descriptor is None else [descriptor])
        except OSError:
            pass  # the machine or the test has ended

    def add(self, devices, **place):
        """The device, for Devices; its id."""
        return devices.add("ivshmem-doorbell", chardev="doorbell", vectors=self.vectors, **place)

    def arguments(self):
        return ["-chardev", f"socket,id=doorbell,path={self._path}"]

    def ring(self, machine, vector=0, times=1):
        """Ring; when it returns the device has noticed, each time. The machine may stand still."""
        for _ in range(times):
            os.eventfd_write(self._events[vector], 1)
            end = time.monotonic() + machine.deadline.left(10)
            while select.select([self._events[vector]], [], [], 0)[0]:
                if time.monotonic() > end:
                    raise Unexpected("a device that takes its event", "it does not")
        machine.qmp.execute("query-status")  # answered behind what is being handled

    def ring_unseen(self, vector=0):
        """Ring, without a look at whether the device has noticed the last time."""
        os.eventfd_write(self._events[vector], 1)

    def close(self):
        self._listener.close()
        if self._connection is not None:
            self._connection.close()
        for descriptor in (self._memory, *self._events):
            os.close(descriptor)
        self._scratch.cleanup()


class Table:
    """The device's MSI-X structures, from outside: PCI 3.0 section 6.8.2."""

    def __init__(self, machine, name):
        self.machine, self.qtest = machine, machine.qtest
        self.bdf = machine.bdf(name)
        self.config = MMCONFIG + (self.bdf << 12)
        function = pci.Function(self.bdf, self.config, machine.read_registers)
        self._capability = function.capabilities[pci.CAP_MSIX]
        words = [self.qtest.load(self.config + self._capability + offset) for offset in (4, 8)]
        self._table, self._pending = (function.bar_address(word & 7) + (word & ~7) for word in words)

    def is_enabled(self):
        return self.qtest.load(self.config + self._capability + 2, 2) >> 15 == 1

    def pending(self, vector=0):
        return self.qtest.load(self._pending + vector // 64 * 8, 8) >> vector % 64 & 1

    def entry(self, vector=0):
        """Message address, data, control."""
        base = self._table + 16 * vector
        return self.qtest.load(base, 8), self.qtest.load(base + 8), self.qtest.load(base + 12)

    def set(self, address, data, vector=0):
        """Change the message behind the kernel's back; rung or pending, it is sent."""
        base = self._table + 16 * vector
        self.qtest.store(base, address, 8)
        self.qtest.store(base + 8, data)
