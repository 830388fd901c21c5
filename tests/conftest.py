# SPDX-License-Identifier: MIT
"""How tests written for pytest are shown and counted, in tests/system and in tests/host.

One line for each test as it ends. A failed one is shown as claim (its docstring), expected, seen,
and where the logs are. With --layer NAME the results also go to build/results/NAME."""

import pathlib
import re
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))

import results  # noqa: E402
import suggest  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--layer", help="write build/results/LAYER")
    parser.addoption("--append", action="store_true", help="add to the results of the layer")


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


class Collector:
    """On the controlling process: gathers reports, prints them, writes the results."""

    def __init__(self, layer, append):
        self.layer = results.Results(layer, append)
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
        elif report.skipped:
            self.layer.add_fail(name, "skipped: nothing may be left out silently")
        elif report.when == "call":
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
