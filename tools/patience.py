# SPDX-License-Identifier: MIT
"""How slow the host of a test may be.

Tests state in seconds what takes long on two CPUs that do nothing else. A host that is busy beside them
gets PATIENCE times that before a wait is given up: what works does not take longer for it, only what hangs."""

PATIENCE = 4
