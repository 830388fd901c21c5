# SPDX-License-Identifier: MIT
"""A point in time that several waits share. Seconds are those of a host that does nothing else."""

import time

from patience import PATIENCE  # of tools/, which machine.py has put on the path


class Deadline:
    def __init__(self, seconds):
        self.seconds = seconds
        self.at = time.monotonic() + seconds * PATIENCE

    def left(self, limit=None):
        """Seconds until the end, at most `limit` of an idle host's, never negative."""
        return self.left_exactly(None if limit is None else limit * PATIENCE)

    def left_exactly(self, limit=None):
        """The same with a limit that is meant as it is: to look again soon, or to see that nothing comes."""
        left = max(0.0, self.at - time.monotonic())
        return left if limit is None else min(left, limit)
