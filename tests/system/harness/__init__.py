# SPDX-License-Identifier: MIT
"""What a system test is written with. See machine.py first."""

from .gdb import Gdb
from .machine import Machine
from .qmp import Qmp
from .report import Unexpected

__all__ = ["Gdb", "Machine", "Qmp", "Unexpected"]
