# SPDX-License-Identifier: MIT
"""Fixtures of the system tests, and how a failed one is shown.

Each test's docstring is the claim that it demonstrates; a test without one is refused. A failed
test is shown as claim, expected, seen, and where the logs are. With --layer NAME the results
also go to build/results/NAME."""

import pathlib
import re
import shutil
import signal
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1] / "tools"))

import results  # noqa: E402
from harness import Machine, Unexpected  # noqa: E402
from harness.deadline import Deadline  # noqa: E402

DEFAULT_DEADLINE_S = 60
GRACE_S = 5
LOGS = pathlib.Path("build/system")


def pytest_addoption(parser):
    parser.addoption("--layer", help="write build/results/LAYER")


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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    error = call.excinfo.value
    directory = item.funcargs.get("logs") if hasattr(item, "funcargs") else None
    claim = " ".join(item.obj.__doc__.split())
    report.user_properties = list(report.user_properties) + [
        ("claim", claim),
        ("expected", error.expected if isinstance(error, Unexpected) else "(see above)"),
        ("seen", error.seen if isinstance(error, Unexpected) else str(error).split("\n")[0]),
        ("logs", str(directory) if directory else "-"),
    ]


class Collector:
    """On the controlling process: gathers reports, prints failures, writes the results."""

    def __init__(self, layer):
        self.layer = results.Results(layer)
        self.broken = []
        self.terminal = None

    def pytest_sessionstart(self, session):
        self.terminal = session.config.pluginmanager.get_plugin("terminalreporter")

    def pytest_report_teststatus(self, report):
        """Instead of pytest's dots: a line for each test, written by pytest_runtest_logreport."""
        return report.outcome if report.failed or report.when == "call" else "", "", ""

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.split("/")[-1]
        if report.failed or report.when == "call":
            word = "FAILED" if report.failed else "ok"
            self.terminal.write_line(f"  {word:6} {report.duration:5.1f} s  {name}")
        if report.failed:
            facts = dict(report.user_properties)
            self.broken.append((name, facts))
            self.layer.add_fail(name, facts.get("seen", "failed"))
        elif report.when == "call" and report.passed:
            self.layer.add_pass(name)
        elif report.skipped:
            self.layer.add_fail(name, "skipped: nothing may be left out silently")

    def pytest_collectreport(self, report):
        if report.failed:
            self.layer.add_fail(report.nodeid or "collection", "cannot be collected")

    def pytest_terminal_summary(self, terminalreporter):
        for name, facts in self.broken:
            terminalreporter.section(f"FAILED {name}", sep="-")
            for key in ("claim", "expected", "seen", "logs"):
                terminalreporter.line(f"{key + ':':10}{facts.get(key, '-')}")

    def pytest_sessionfinish(self, session, exitstatus):
        if exitstatus not in (0, 1) and not self.layer.failed:
            self.layer.add_fail("pytest", f"ended with status {int(exitstatus)}")
        self.terminal.ensure_newline()
        if self.layer.finish() and session.exitstatus == 0:
            session.exitstatus = 1


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector(config.getoption("--layer")))
