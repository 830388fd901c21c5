# SPDX-License-Identifier: MIT
"""A point in time that several waits share."""

import time


class Deadline:
    def __init__(self, seconds):
        self.seconds = seconds
        self.at = time.monotonic() + seconds

    def left(self, limit=None):
        """Seconds until the end, at most `limit`, never negative."""
        left = max(0.0, self.at - time.monotonic())
        return left if limit is None else min(left, limit)
