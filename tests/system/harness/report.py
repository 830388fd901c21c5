# SPDX-License-Identifier: MIT
"""How a test says that its claim did not hold."""


class Unexpected(AssertionError):
    """Something else was seen than what the claim needs. conftest.py prints both."""

    def __init__(self, expected, seen):
        super().__init__(f"expected: {expected}\nseen: {seen}")
        self.expected = str(expected)
        self.seen = str(seen)
