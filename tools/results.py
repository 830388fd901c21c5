# SPDX-License-Identifier: MIT
"""Results of a layer of checks: the files build/results/<layer>, and the lines on the screen.

A file has one line per test, `pass NAME` or `fail NAME: REASON`, and is written whole when the
layer ends, so a layer that died leaves none. tools/run-layers counts them.
"""

import os
import pathlib

DIRECTORY = pathlib.Path(os.environ.get("CAPOS_RESULTS", "build/results"))


class Results:
    def __init__(self, layer, append=False):
        """`append`: keep what an earlier command of the same layer has written."""
        self.layer = layer
        self.lines = []
        if layer and append:
            self.lines = (DIRECTORY / layer).read_text().splitlines()
        elif layer:
            (DIRECTORY / layer).unlink(missing_ok=True)
        self.passed = sum(line.startswith("pass ") for line in self.lines)
        self.failed = sum(line.startswith("fail ") for line in self.lines)

    def add_pass(self, name):
        self.passed += 1
        self.lines.append(f"pass {name}")

    def add_fail(self, name, reason):
        self.failed += 1
        self.lines.append(f"fail {name}: {' '.join(str(reason).split())}")

    def add(self, name, problems):
        """One check that found `problems` (a list of lines, empty when all is well)."""
        if problems:
            self.add_fail(name, problems[0])
            for problem in problems:
                print(f"  {problem}")
        else:
            self.add_pass(name)

    def finish(self):
        """Write the file, print one line, and return the exit status."""
        if self.layer:
            DIRECTORY.mkdir(parents=True, exist_ok=True)
            partial = DIRECTORY / f".{self.layer}"
            partial.write_text("".join(line + "\n" for line in self.lines))
            partial.rename(DIRECTORY / self.layer)
            if self.passed + self.failed == 0:
                print(f"{self.layer}: nothing was tested")
                return 1
            print(f"{self.layer}: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def read(layer):
    """(passed, failed, failure lines) of a layer, or None if it left no results."""
    path = DIRECTORY / layer
    if not path.exists():
        return None
    lines = path.read_text().splitlines()
    failures = [line[5:] for line in lines if line.startswith("fail ")]
    return sum(line.startswith("pass ") for line in lines), len(failures), failures
