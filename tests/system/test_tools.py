# SPDX-License-Identifier: MIT
"""The checking tools, each shown a tree with one mistake: a check that cannot fail proves nothing."""

import json
import os
import pathlib
import re
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
SPDX = "/* SPDX-License-Identifier: MIT */\n"


def run(tool, *arguments, cwd, **environment):
    """(exit status, all output)"""
    done = subprocess.run([str(TOOLS / tool), *map(str, arguments)], cwd=cwd, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env={**os.environ, "CAPOS_RESULTS": str(cwd / "results"), **environment})
    return done.returncode, done.stdout


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def tree(tmp_path):
    """A small repository that passes dependency policy and workflow checks."""
    write(tmp_path, {
        "lib/a/a.h": SPDX, "lib/b/b.h": SPDX + '#include "a/a.h"\n#include <stdint.h>\n',
        "lib/b/b.c": SPDX + '#include "b/b.h"\nint b_next(void);\n',
        "kernel/k.h": SPDX + '#include "b/b.h"\n#include "capos.h"\n', "user/u.h": SPDX,
        "user/u.c": SPDX + '#include "u.h"\n#include "a/a.h"\n',
        "tools/packages.txt": "# SPDX-License-Identifier: MIT\n"
                              "gcc  build  gcc  compiler\nmake  build  make  this\n",
        "Makefile": "# SPDX-License-Identifier: MIT\n# gcc make\n.PHONY: test help\ntest help:\n",
        "schema/capos.capnp": "# SPDX-License-Identifier: MIT\nconst abiLevel :UInt32 = 3;\n",
        "CHANGES.md": "<!-- SPDX-License-Identifier: MIT -->\n## ABI level 3\n",
        "WORKPLAN.md": "<!-- SPDX-License-Identifier: MIT -->\n## In hand: this\n",
        "REVIEW_FINDINGS.md": "<!-- SPDX-License-Identifier: MIT -->\n"
                              "## F1 A thing\n\nState: open\nOwner: `lib/b/b.c`\n",
        "docs/changelog.md": "<!-- SPDX-License-Identifier: MIT -->\n## 2026-01-31 23:59 UTC first\n",
        "docs/TOUR.md": "<!-- SPDX-License-Identifier: MIT -->\n# A tour\n"
                        "[b](../lib/b/b.c) `lib/b/b.c:b_next` `make test` [here](#a-tour)\n",
    })
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run(git + command, cwd=tmp_path, check=True)
    return tmp_path


def test_good_tree_passes(tree):
    """The sample tree passes both checks, so that what fails below is due to the one change."""
    assert run("check-dependency-policy", cwd=tree)[0] == 0, run("check-dependency-policy", cwd=tree)
    assert run("check-workflow", cwd=tree)[0] == 0, run("check-workflow", cwd=tree)


@pytest.mark.parametrize("name, text, complaint", [
    ("lib/a/a.h", SPDX + '#include "k.h"\n', "is not in lib"),
    ("lib/a/a.h", SPDX + '#include "../../kernel/k.h"\n', "lib must not use kernel"),
    ("lib/a/a.h", SPDX + "#include <stdio.h>\n", "needs a C library"),
    ("lib/a/a.h", SPDX + '#include "b/b.h"\n', "circle: a -> b -> a"),
    ("kernel/k.h", SPDX + '#include "../user/u.h"\n', "kernel must not use user"),
    ("user/u.c", SPDX + '#include "../kernel/k.h"\n', "user must not use kernel"),
    ("user/new.c", "int x;\n", "no SPDX"),
    ("tools/packages.txt", "# SPDX-License-Identifier: MIT\nmake build make x\ngcc build gcc x\n",
     "not sorted"),
    ("tools/packages.txt", "# SPDX-License-Identifier: MIT\ngcc build nosuchuse x\n",
     "nothing in the tree uses nosuchuse"),
    ("tools/packages.txt", "# SPDX-License-Identifier: MIT\ngcc party gcc x\n", "no such group"),
])
def test_policy_violations_are_found(tree, name, text, complaint):
    """check-dependency-policy fails on each kind of violation and names it."""
    write(tree, {name: text})
    status, output = run("check-dependency-policy", cwd=tree)
    assert status == 1 and complaint in output, output


def test_test_code_in_an_image_is_found(tree):
    """check-dependency-policy finds test code, a writable and executable segment, a dynamic image."""
    source = tree / "x.c"
    source.write_text("int mock_device(void) { return 1; }\nint main(void) { return 0; }\n")
    subprocess.run(["gcc", "-o", "dynamic", "x.c"], cwd=tree, check=True)
    subprocess.run(["gcc", "-nostdlib", "-static", "-Wl,-N,--no-warn-rwx-segments,-e,main", "-o",
                    "writable", "x.c"], cwd=tree, check=True)
    source.unlink()
    status, output = run("check-dependency-policy", "dynamic", "writable", cwd=tree)
    assert status == 1, output
    for complaint in ("dynamic: contains test code: mock_device", "dynamic: is not static",
                      "writable: a segment is writable and executable"):
        assert complaint in output, output


@pytest.mark.parametrize("name, text, complaint", [
    ("WORKPLAN.md", "## In hand: a\n## In hand: b\n", "must be one"),
    ("WORKPLAN.md", "## In hand: a\n## Completed: b\n\nIn `0123456789abcdef`\n",
     "is not in this history"),
    ("WORKPLAN.md", "## In hand: a\n## Completed: b\n", "names no commit"),
    ("REVIEW_FINDINGS.md", "## F1 A thing\n\nState: open\nOwner: `lib/none.c`\n", "no `Owner:`"),
    ("REVIEW_FINDINGS.md", "## F1 A thing\n\nOwner: `lib/b/b.c`\n", "no line `State:"),
    ("REVIEW_FINDINGS.md", "## F1 A thing\n\nState: closed\nOwner: `lib/b/b.c`\n",
     "closed without a commit"),
    ("docs/changelog.md", "## yesterday\n", "no time"),
    ("docs/changelog.md", "## 2999-01-01 00:00 UTC x\n", "in the future"),
    ("CHANGES.md", "## ABI level 2\n", "must be 3"),
    ("docs/TOUR.md", "[gone](../lib/gone.c)\n", "no such file"),
    ("docs/TOUR.md", "[gone](#gone)\n", "no such heading"),
    ("docs/TOUR.md", "`lib/b/b.c:b_gone`\n", "b_gone is not in"),
    ("docs/TOUR.md", "`lib/b/gone.c`\n", "does not exist"),
    ("docs/TOUR.md", "`make coffee`\n", "no such target: coffee"),
])
def test_false_records_are_found(tree, name, text, complaint):
    """check-workflow fails on each kind of untrue record and names it."""
    write(tree, {name: text})
    status, output = run("check-workflow", cwd=tree)
    assert status == 1 and complaint in output, output


def test_layers_are_summed_and_none_is_missed(tmp_path):
    """run-layers counts what passed, failed, died half-way, and does not exist."""
    write(tmp_path, {"Makefile": "good:\n\t@mkdir -p results; printf 'pass a\\npass b\\n' >results/good\n"
                                 "bad:\n\t@printf 'pass c\\nfail d: why\\n' >results/bad; exit 1\n"
                                 "plain:\n\t@true\n"
                                 "dies:\n\t@printf 'pass e\\n' >results/dies; exit 3\n"})
    status, output = run("run-layers", "good", "bad", "plain", "dies", "absent", cwd=tmp_path)
    assert status == 1
    assert output.splitlines()[-1] == "5 passed, 3 failed", output
    assert "FAILED bad: d: why" in output and "FAILED absent" in output
    status, output = run("run-layers", "good", "plain", cwd=tmp_path)
    assert status == 0 and output.splitlines()[-1] == "3 passed, 0 failed", output


def is_running(process):
    try:
        text = pathlib.Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def test_layers_that_do_not_end_are_killed(tmp_path):
    """run-layers ends a layer at its deadline with all that it has started, counts it as failed beside what
    it had passed, and goes on to the next."""
    write(tmp_path, {"Makefile": "hangs:\n\t@printf 'pass a\\n' >results/hangs; sleep 3000 & echo $$! >pid; wait\n"
                                 "next:\n\t@true\n", "results/x": ""})
    status, output = run("run-layers", "--deadline", "6", "hangs", "next", cwd=tmp_path)
    assert status == 1 and "FAILED hangs: no end within 6 s: killed" in output, output
    assert output.splitlines()[-1] == "2 passed, 1 failed", output
    process = int((tmp_path / "pid").read_text())
    while is_running(process):  # a killed process takes its time; the test's deadline ends this
        time.sleep(0.05)


def test_slowest_and_progress_are_shown(tmp_path):
    """run-layers names the slowest tests of this run, not of earlier ones, and says beforehand how long a
    layer took the last time, and afterwards if all took longer than it should."""
    old = {"tests": {"gone": [99, 1], "": [7, 1]}, "other": {"elsewhere": [88, 1 << 40]}}
    program = "#!/bin/sh\nsleep 0.3; echo '[ RUN      ] a'; echo '[       OK ] a'\n"
    write(tmp_path, {"Makefile": f"tests:\n\t@{TOOLS}/run-host-tests --layer tests ./slow\n",
                     "slow": program, "results/.times": json.dumps(old)})
    (tmp_path / "slow").chmod(0o755)
    status, output = run("run-layers", "tests", cwd=tmp_path)
    assert status == 0 and "== tests (1 of 1; last time 7 s)" in output, output
    shown = output.split("\nslowest\n")[1]
    assert re.match(r" +\d+\.\d s  tests: \./slow\n\ntook \d+\.\d minutes\n", shown), output
    status, output = run("run-layers", "--budget", "600", "tests", cwd=tmp_path)
    assert status == 0 and "should be" not in output, output
    write(tmp_path, {"slow": program.replace("0.3", "1.2")})
    status, output = run("run-layers", "--budget", "1", "tests", cwd=tmp_path)
    assert status == 0 and " minutes; on two idle cores it should be" in output, output


PYTESTS = """
import time
import pytest

class Wrong(Exception):
    expected, seen = "a good answer", "a bad one"

@pytest.fixture
def logs():
    return "build/system/somewhere"

def test_quick():
    \"\"\"Quick.\"\"\"

def test_slow():
    \"\"\"Slow.\"\"\"
    time.sleep(0.4)

def test_wrong(logs):
    \"\"\"The answer
    is good.\"\"\"
    raise Wrong()

@pytest.mark.deadline(1)
def test_hangs():
    \"\"\"It ends.\"\"\"
    time.sleep(60)
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_reports_of_tests(tmp_path, workers):
    """A failed test is shown as claim, expected, seen and the directory of its logs; one that hangs is
    ended at its own deadline; each line has the test's number and time; what was slow before comes first."""
    text = (ROOT / "tests/conftest.py").read_text().replace("GRACE_S = 5", "GRACE_S = 0") \
        .replace("patience.PATIENCE", "1")
    write(tmp_path, {"tests/conftest.py": text, "tests/test_x.py": PYTESTS,
                     "pytest.ini": (ROOT / "tests/pytest.ini").read_text()})
    (tmp_path / "tools").symlink_to(TOOLS)

    def pytest_run():
        done = subprocess.run(["/usr/bin/python3", "-B", "-m", "pytest", "-c", "pytest.ini", "-n",
                               str(workers), "--layer", "x", "tests"], cwd=tmp_path, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              env={**os.environ, "CAPOS_RESULTS": str(tmp_path / "results")})
        return done.stdout

    output = pytest_run()
    assert "claim:    The answer is good.\nexpected: a good answer\nseen:     a bad one\n" \
           "logs:     build/system/somewhere\n" in output, output
    assert "expected: an end within 1 s\nseen:     the test itself runs on\n" in output, output
    assert "x: 2 passed, 2 failed" in output, output
    assert "fail test_x.py::test_wrong: a bad one; logs in build/system/somewhere\n" in \
        (tmp_path / "results/x").read_text()
    assert {line.split()[0] for line in output.splitlines() if re.match(r"  \d/4 (ok|FAILED) ", line)} \
        == {"1/4", "2/4", "3/4", "4/4"}, output
    if not workers:
        order = re.findall(r"/4 \w+ .*::test_(\w+)", pytest_run())
        assert order[0] == "hangs", order


def test_stale_results_do_not_count(tmp_path):
    """Results that an earlier run left are not taken for those of a layer that dies at once."""
    write(tmp_path, {"Makefile": "layer:\n\t@exit 1\n", "results/layer": "pass old\n"})
    assert run("run-layers", "layer", cwd=tmp_path)[1].splitlines()[-1] == "0 passed, 1 failed"


def test_host_test_failures_are_found(tmp_path):
    """run-host-tests reports failing, crashing, hanging and empty test programs."""
    write(tmp_path, {
        "good": "#!/bin/sh\necho '[ RUN      ] a'; echo '[       OK ] a'\n",
        "bad": "#!/bin/sh\necho '[ RUN      ] b'; echo '[  FAILED  ] b'; exit 1\n",
        "crash": "#!/bin/sh\necho '[ RUN      ] c'; kill -SEGV $$\n",
        "hang": "#!/bin/sh\necho '[ RUN      ] d'; exec sleep 200\n",
        "empty": "#!/bin/sh\nexit 0\n"})
    for path in tmp_path.iterdir():
        path.chmod(0o755)
    programs = [f"./{name}" for name in ("good", "bad", "crash", "hang", "empty")]
    status, output = run("run-host-tests", "--layer", "x", "--deadline", "4", *programs,
                         cwd=tmp_path)
    assert status == 1 and "x: 1 passed, 4 failed" in output, output
    assert "./hang: d (no end within 4 s)" in output and "./empty: (start) (no test case" in output


def test_tools_explain_themselves():
    """Every tool that a person may start has --help, and it ends at once with status 0."""
    for tool in sorted(TOOLS.iterdir()):
        if tool.is_file() and os.access(tool, os.X_OK):
            done = subprocess.run([str(tool), "--help"], capture_output=True, text=True, timeout=100,
                                  stdin=subprocess.DEVNULL, check=False)
            assert done.returncode == 0 and "usage: " in done.stdout, tool


def test_packages_are_listed_without_installing():
    """install-packages --list changes nothing, and refuses a group that does not exist."""
    done = subprocess.run([str(TOOLS / "install-packages"), "--list", "test", "run"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr
    done = subprocess.run([str(TOOLS / "install-packages"), "party"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and "no such group: party" in done.stderr


def test_kernel_mutants_still_apply(tmp_path):
    """Each seeded bug of the kernel changes the file that it names, and its test is there; an edit that changes
    nothing, a test that is not there and a file that is gone are told. Else: a mutant that nobody has tried since."""
    status, text = run("kernel-mutants", "--check", cwd=tmp_path)
    assert status == 0, text
    table = tmp_path / "table.txt"
    table.write_text("stale | test_panic.py::test_page_fault | kernel/main.c | s/no such words here//\n"
                     "lost | test_panic.py::test_nothing | kernel/main.c | s/void/VOID/\n"
                     "gone | test_panic.py::test_page_fault | kernel/none.c | s/void/VOID/\n"
                     "good | test_panic.py::test_stack_overflow | kernel/main.c | s/void/VOID/\n")
    status, text = run("kernel-mutants", "--check", "--table", table, cwd=tmp_path)
    assert status == 1 and sorted(line.split(":")[0] for line in text.splitlines()) == ["gone", "lost", "stale"], text
