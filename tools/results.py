# SPDX-License-Identifier: MIT
"""Results of a layer of checks: the files build/results/<layer>, and the lines on the screen.

A file has one line per test, `pass NAME` or `fail NAME: REASON`, and is written whole when the
layer ends, so a layer that died leaves none. tools/run-layers counts them.

How long things took is in build/results/.times, which outlives the results: layer -> name -> seconds and
when that was, and the layer's own under an empty name.
"""

import json
import os
import pathlib
import time

DIRECTORY = pathlib.Path(os.environ.get("CAPOS_RESULTS", "build/results"))


def times():
    """{layer: {name: [seconds, when]}} of the last runs; empty if nothing is known."""
    try:
        return json.loads((DIRECTORY / ".times").read_text())
    except (OSError, ValueError):
        return {}


def keep_times(layer, seconds):
    """Remember {name: seconds} of a layer, beside what is known of its other names."""
    known = times()
    now = int(time.time())
    known.setdefault(layer, {}).update({name: [round(value, 2), now]
                                        for name, value in seconds.items()})
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    partial = DIRECTORY / f".times.{os.getpid()}"
    partial.write_text(json.dumps(known, indent=1, sort_keys=True))
    partial.rename(DIRECTORY / ".times")


class Results:
    def __init__(self, layer, append=False):
        """`append`: keep what an earlier command of the same layer has written."""
        self.layer = layer
        self.lines = []
        self.seconds = {}
        if layer and append:
            self.lines = (DIRECTORY / layer).read_text().splitlines()
        elif layer:
            (DIRECTORY / layer).unlink(missing_ok=True)
        self.passed = sum(line.startswith("pass ") for line in self.lines)
        self.failed = sum(line.startswith("fail ") for line in self.lines)

    def add_pass(self, name):
        self.passed += 1
        self.lines.append(f"pass {name}")

    def add_time(self, name, seconds):
        """How long one test took, or the program that several are in."""
        self.seconds[name] = seconds

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
            keep_times(self.layer, self.seconds)
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
