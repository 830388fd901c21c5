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

import oracle  # noqa: E402
from harness import Machine  # noqa: E402
from harness.deadline import Deadline  # noqa: E402

DEFAULT_DEADLINE_S = 60  # as in tests/conftest.py, which ends tests that outlive it
LAST_LOOK_S = 30
LAST_LINES = 25
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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call":
        item.has_passed = report.passed
    if report.failed:  # whatever it was that failed, what the machines said last is shown
        for machine in getattr(item, "machines", ()):
            report.sections.append((f"machine {machine.number}: last lines", machine.tail(LAST_LINES)))


def last_look(machine):
    """Everything of a machine with devices must agree at its end, whatever the test itself has looked at."""
    if machine.looked_at != len(machine.output):  # else the test has, and nothing was said since
        machine.deadline = Deadline(LAST_LOOK_S)
        oracle.inspect(machine)


def can_look(options):
    """Whether the oracle can: there are devices, configuration space is mapped, and the kernel is one of GCC's,
    whose debugging information it reads."""
    return (options.get("devices") is not None and options.get("machine", "q35").startswith("q35")
            and "clang" not in str(options.get("kernel", "")))


@pytest.fixture
def boot(request, logs, deadline):
    """boot(**options) starts a Machine; all are killed at the end of the test.

    If a machine has devices, the oracle has the last word on it: before it halts, or when the test has
    passed and it still runs. Not with @pytest.mark.no_last_look(why)."""
    machines = request.node.machines = []
    look = request.node.get_closest_marker("no_last_look") is None

    def start(**options):
        machines.append(Machine(logs, deadline, **options))
        if look and can_look(options):
            machines[-1].last_look = last_look
        return machines[-1]

    yield start
    try:
        for machine in machines:
            if machine.last_look and getattr(request.node, "has_passed", False) and machine.is_at_prompt():
                machine.last_look(machine)
    finally:
        for machine in machines:
            machine.close()
