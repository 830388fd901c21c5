# SPDX-License-Identifier: MIT
"""Fixtures of the system tests.

Each test's docstring is the claim that it demonstrates; a test without one is refused."""

import pathlib
import re
import shutil
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness import Machine  # noqa: E402
from harness.deadline import Deadline  # noqa: E402

DEFAULT_DEADLINE_S = 60  # as in tests/conftest.py, which ends tests that outlive it
LOGS = pathlib.Path("build/system")


def pytest_collection_modifyitems(items):
    silent = [item.nodeid for item in items if not (item.obj.__doc__ or "").strip()]
    if silent:
        raise pytest.UsageError("a test's docstring must state its claim: " + ", ".join(silent))


@pytest.fixture
def logs(request):
    """The test's own directory under build/system, empty at the start. Tests of two files may have one
    name and run at the same time."""
    directory = LOGS / request.path.stem.removeprefix("test_") / re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


@pytest.fixture
def deadline(request):
    mark = request.node.get_closest_marker("deadline")
    return Deadline(mark.args[0] if mark else DEFAULT_DEADLINE_S)


@pytest.fixture
def boot(logs, deadline):
    """boot(**options) starts a Machine; all are killed at the end of the test."""
    machines = []

    def start(**options):
        machines.append(Machine(logs, deadline, **options))
        return machines[-1]

    yield start
    for machine in machines:
        machine.close()
