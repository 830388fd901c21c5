# SPDX-License-Identifier: MIT
"""What a system test is written with. See machine.py first."""

from .gdb import Gdb
from .machine import Machine
from .qmp import Qmp
from .report import Unexpected

# machine.py has put tools/ on the path: these are tools of the tree, not a package.
import disk_image
from qemu_devices import Devices

__all__ = ["Devices", "Gdb", "Machine", "Qmp", "Unexpected", "disk_image"]
