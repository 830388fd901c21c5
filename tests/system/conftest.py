# SPDX-License-Identifier: MIT
"""Fixtures of the system tests.

Each test's docstring is the claim that it demonstrates; a test without one is refused."""

import pathlib
import re
import shutil
import signal
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness import Machine, Unexpected  # noqa: E402
from harness.deadline import Deadline  # noqa: E402

DEFAULT_DEADLINE_S = 60
GRACE_S = 5
LOGS = pathlib.Path("build/system")


def pytest_collection_modifyitems(items):
    silent = [item.nodeid for item in items if not (item.obj.__doc__ or "").strip()]
    if silent:
        raise pytest.UsageError("a test's docstring must state its claim: " + ", ".join(silent))


def deadline_seconds(item):
    mark = item.get_closest_marker("deadline")
    return mark.args[0] if mark else DEFAULT_DEADLINE_S


@pytest.fixture
def logs(request):
    """The test's own directory under build/system, empty at the start."""
    directory = LOGS / re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


@pytest.fixture
def deadline(request):
    return Deadline(deadline_seconds(request.node))


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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """The last resort behind the deadlines of the harness: a test that loops by itself."""
    seconds = deadline_seconds(item) + GRACE_S

    def expired(_number, _frame):
        raise Unexpected(f"an end within {seconds} s", "the test itself runs on")

    try:
        before = signal.signal(signal.SIGALRM, expired)
    except ValueError:  # not in the main thread
        yield
        return
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
