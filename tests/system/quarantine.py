# SPDX-License-Identifier: MIT
"""How functions get into quarantine, and what is told of it."""

import re

from shell import claim, fresh_prompt, memory_table

# VT-d 4.1 sections 11.4.4.1, 11.4.4.2
VTD = 0xFED90000
COMMAND, STATUS = VTD + 0x18, VTD + 0x1C
TRANSLATION, QUEUE, INTERRUPTS = 1 << 31, 1 << 26, 1 << 25
QUEUE_TAIL = VTD + 0x88  # VT-d 4.1 section 11.4.9.2
BEYOND = 0x7FFF0  # no entry of the queue: the unit reports an error of its queue, and takes no more


def break_unit(machine):
    """Make the IOMMU refuse its queue from here on; the kernel gives it up at once."""
    machine.qtest.store(QUEUE_TAIL, BEYOND, 8)
    machine.expect("unit 0 is given up", 10)
    fresh_prompt(machine)


def silence_unit(machine, silent=True):
    """Make the IOMMU look at its queue no more: the kernel waits a second for it, and gives it up. Or again."""
    enabled = machine.qtest.load(STATUS) & (TRANSLATION | INTERRUPTS)
    machine.qtest.store(COMMAND, enabled | (0 if silent else QUEUE), 4)


def lost_frames(machine):
    """(functions, pages that they reach, frames) in quarantine, as `dma` tells; `mem` must say the same."""
    match = re.search(r"(\d+) functions in quarantine may still reach (\d+) pages; (\d+) frames",
                      machine.shell("dma"))
    shown = memory_table(machine).get("of it in quarantine", 0)
    found = tuple(int(number) for number in match.groups()) if match else (0, 0, 0)
    claim(shown == found[2], f"{found[2]} frames in quarantine, also in mem", shown)
    return found
