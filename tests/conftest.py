# SPDX-License-Identifier: MIT
"""How tests written for pytest are shown and counted, in tests/system and in tests/host.

One line for each test as it ends, with its number and how long it took. A failed one is shown as claim (its docstring), expected, seen,
and where the logs are. With --layer NAME the results also go to build/results/NAME. Each test has a
deadline (@pytest.mark.deadline, in seconds of an idle host: tools/patience.py), and those that took
longest the last time are the first.

A test that is skipped counts as failed, unless the reason begins with NOT_TO_BE_HAD: something from outside
the tree that it needs could not be downloaded. Then its line says so, and it counts as nothing."""

import collections
import pathlib
import re
import signal
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))

import patience  # noqa: E402
import results  # noqa: E402
import suggest  # noqa: E402

DEFAULT_DEADLINE_S = 60
GRACE_S = 5
NOT_TO_BE_HAD = "not to be had: "


def pytest_addoption(parser):
    parser.addoption("--layer", help="write build/results/LAYER")
    parser.addoption("--append", action="store_true", help="add to the results of the layer")


def short_name(nodeid):
    """A test's name without the folders of its file; its parameters may hold anything."""
    path, separator, rest = nodeid.partition("::")
    return path.split("/")[-1] + separator + rest


def deadline_seconds(item):
    mark = item.get_closest_marker("deadline")
    return mark.args[0] if mark else DEFAULT_DEADLINE_S


def pytest_collection_modifyitems(config, items):
    """Longest first, so that no worker begins a long test when the others have nothing left to do."""
    layer = config.getoption("--layer") or ""
    known = results.times().get(layer, {})

    def expected(item):
        seconds, _ = known.get(short_name(item.nodeid), (deadline_seconds(item) / 20, 0))
        return -round(seconds)

    items.sort(key=expected)


class TooLong(Exception):
    """What a test that runs on is ended with; in the form that is shown."""

    def __init__(self, seconds):
        super().__init__(f"no end within {seconds} s")
        self.expected, self.seen = f"an end within {seconds} s", "the test itself runs on"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """The last resort behind other deadlines: a test that loops or waits by itself."""
    seconds = deadline_seconds(item) * patience.PATIENCE + GRACE_S

    def expired(_number, _frame):
        raise TooLong(seconds)

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
    report.user_properties = list(report.user_properties) + [
        ("claim", " ".join((item.obj.__doc__ or "-").split())),
        ("expected", getattr(error, "expected", "(see above)")),
        ("seen", getattr(error, "seen", (str(error) or repr(error)).split("\n")[0])),
        ("logs", str(directory) if directory else "-"),
    ]


def why_left_out(report):
    """The reason, if a test was skipped for one that is accepted; else None."""
    reason = report.longrepr[2].removeprefix("Skipped: ") if report.skipped else ""
    return reason.removeprefix(NOT_TO_BE_HAD) if reason.startswith(NOT_TO_BE_HAD) else None


class Collector:
    """On the controlling process: gathers reports, prints them, writes the results."""

    def __init__(self, layer, append):
        self.layer = results.Results(layer, append)
        self.broken = []
        self.terminal = None
        self.count = 0  # of tests that there are
        self.ended = 0
        self.seconds = collections.Counter()

    def pytest_sessionstart(self, session):
        self.terminal = session.config.pluginmanager.get_plugin("terminalreporter")

    def pytest_collection_finish(self, session):
        self.count = max(self.count, len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids):
        self.count = max(self.count, len(ids))

    def pytest_report_teststatus(self, report):
        """Instead of pytest's dots: a line for each test, written by pytest_runtest_logreport."""
        return report.outcome if report.failed or report.when == "call" else "", "", ""

    def pytest_runtest_logreport(self, report):
        name = short_name(report.nodeid)
        left_out = why_left_out(report)
        if report.failed or report.skipped or report.when == "call":
            word = "FAILED" if report.failed or (report.skipped and left_out is None) else "-" if left_out else "ok"
            self.ended += 1 if report.when == "call" or report.when == "setup" else 0
            width = len(str(self.count))
            self.terminal.write_line(f"  {self.ended:{width}}/{self.count} {word:6} "
                                     f"{report.duration:5.1f} s  {name}"
                                     + (f": left out: {left_out}" if left_out else ""))
        self.seconds[name] += report.duration
        self.layer.add_time(name, self.seconds[name])
        if report.failed:
            facts = dict(report.user_properties)
            self.broken.append((name, facts))
            logs = facts.get("logs", "-")
            self.layer.add_fail(name, facts.get("seen", "failed")
                                + ("" if logs == "-" else f"; logs in {logs}"))
        elif report.skipped and left_out is None:
            self.layer.add_fail(name, "skipped: nothing may be left out silently")
        elif report.when == "call" and not report.skipped:
            self.layer.add_pass(name)

    def pytest_collectreport(self, report):
        if report.failed:
            self.layer.add_fail(report.nodeid or "collection", "cannot be collected")

    def pytest_terminal_summary(self, terminalreporter):
        for name, facts in self.broken:
            terminalreporter.section(f"FAILED {name}", sep="-")
            for key in ("claim", "expected", "seen", "logs"):
                terminalreporter.line(f"{key + ':':10}{facts.get(key, '-')}")

    def nothing_picked(self, session):
        """-k that fits no test: say so, and which one may have been meant."""
        wanted = session.config.getoption("keyword")
        names = {name.removeprefix("test_") for path in pathlib.Path(__file__).parent.rglob("*.py")
                 for name in [path.stem, *re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)]
                 if name.startswith("test_")}
        self.terminal.write_line(f"no test fits K={wanted}" + suggest.question(
            wanted.removeprefix("test_"), names, "a word of a test's name will do"))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        if error:
            self.layer.add_fail(f"worker {node.gateway.id}", f"ended: {error}")

    def pytest_sessionfinish(self, session, exitstatus):
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.getoption("keyword"):
            self.nothing_picked(session)
        if exitstatus not in (0, 1) and not self.layer.failed:
            self.layer.add_fail("pytest", f"ended with status {int(exitstatus)}")
        self.terminal.ensure_newline()
        if self.layer.finish() and session.exitstatus == 0:
            session.exitstatus = 1


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(
            Collector(config.getoption("--layer"), config.getoption("--append")))
