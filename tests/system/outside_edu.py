# SPDX-License-Identifier: MIT
"""QEMU's edu device, driven from outside through the test socket: a device that attacks by itself.

QEMU docs/specs/edu.txt. A transfer begins 100 ms of guest time after its command, which is the window
in which its driver can be made to die. At most 4095 bytes: one more aborts QEMU 7.2."""

import time

from harness import Unexpected
from oracle import pci

IDENTIFICATION, RAISE, ACKNOWLEDGE = 0x00, 0x60, 0x64
DMA_SOURCE, DMA_DESTINATION, DMA_COUNT, DMA_COMMAND = 0x80, 0x88, 0x90, 0x98
BUFFER = 0x40000   # its own memory, as its DMA engine sees it
START, TO_MEMORY = 1, 2
MMCONFIG = 0xB0000000  # where SeaBIOS puts configuration space on q35
MAX_BYTES = 4095


class OutsideEdu:
    def __init__(self, machine, name):
        self.machine, self.qtest = machine, machine.qtest
        self.bdf = machine.bdf(name)
        self.config = MMCONFIG + (self.bdf << 12)

    @property
    def bar(self):
        return self.qtest.load(self.config + 0x10) & ~0xF

    def command(self, on=0, off=0):
        """Change the command register behind the kernel's back."""
        self.qtest.store(self.config + 4, (self.qtest.load(self.config + 4, 2) | on) & ~off, 2)

    def begin(self, iova, length=256, to_memory=True):
        """Start a transfer between its buffer and an address; it does not begin before 100 ms."""
        source, destination = (BUFFER, iova) if to_memory else (iova, BUFFER)
        bar = self.bar
        for register, value in ((DMA_SOURCE, source), (DMA_DESTINATION, destination),
                                (DMA_COUNT, length),
                                (DMA_COMMAND, START | (TO_MEMORY if to_memory else 0))):
            self.qtest.store(bar + register, value, 8)

    def wait(self, seconds=10):
        """Until no transfer is under way."""
        end = time.monotonic() + self.machine.deadline.left(seconds)
        while self.qtest.load(self.bar + DMA_COMMAND, 8) & START:
            if time.monotonic() > end:
                raise Unexpected("the end of edu's transfer", "it runs on")
            time.sleep(0.02)

    def transfer(self, iova, length=256, to_memory=True):
        self.begin(iova, length, to_memory)
        self.wait()

    def attack(self, iova, length=256, to_memory=True):
        """As a device that ignores who it belongs to: with bus mastering, whatever the kernel said."""
        before = self.qtest.load(self.config + 4, 2)
        self.command(on=pci.BUS_MASTER | pci.MEMORY_SPACE)
        self.transfer(iova, length, to_memory)
        self.qtest.store(self.config + 4, before, 2)
