# SPDX-License-Identifier: MIT
"""What the kernel has written down about devices: the one file of the oracle that knows the names in
its ledger.

Everything else compares these claims with the tables that hardware uses (device_checks.py)."""

from typing import NamedTuple


class Buffer(NamedTuple):
    """Pages that the ledger says a device may reach."""
    iova: int
    frames: tuple
    read: bool
    write: bool
    memory: int    # address of the memory object


class Route(NamedTuple):
    """A vector that the ledger says is given to an owner."""
    number: int    # of the vector within the function
    handle: int    # index of the interrupt-remapping entry
    vector: int
    destination: int


class Claim:
    """One owned function."""

    def __init__(self, bdf, owner, state="claimed", buffers=(), routes=(), windows=()):
        self.bdf = bdf
        self.owner = owner            # pid
        self.state = state            # as in FunctionState
        self.buffers = list(buffers)
        self.routes = list(routes)
        self.windows = list(windows)  # (first physical page, pages) of mapped registers


def read_claims(_state):
    """{bdf: Claim} of every owned function. Empty: the kernel keeps no ledger yet."""
    return {}
