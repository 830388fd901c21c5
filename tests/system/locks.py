# SPDX-License-Identifier: MIT
"""What a kernel of LOCK_TIMES=1 says of itself: how long each lock was held, at most."""

import bisect


def symbol_at(machine, address):
    """The function of the kernel that an address is in."""
    machine.symbol("kernel_lock")
    names = sorted((value, name) for name, value in machine._symbols.items())
    return names[bisect.bisect(names, (address, chr(0x10FFFF))) - 1][1]


def forget_holds(machine):
    """Set the longest times back to nothing, from outside."""
    machine.ram.write(machine.symbol("lock_holds") - machine.symbol("KERNEL_VIRTUAL_BASE"), bytes(4 * 24))


def longest_holds(machine):
    """{lock: (ns, taken in, given back in)}; one instruction is one nanosecond."""
    rows = [line.split() for line in machine.shell("locks").splitlines()]
    return {row[1]: (int(row[4]), *(symbol_at(machine, int(place, 16)) for place in row[5:7]))
            for row in rows if len(row) == 7 and row[0].isdigit()}
