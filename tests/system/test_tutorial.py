# SPDX-License-Identifier: MIT
"""docs/writing-a-driver.md, done as it says: each stage in a copy of the tree, built, booted and typed."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from harness import Devices, Machine, Unexpected
from shell import fresh_prompt

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import tutorial  # noqa: E402 (a tool of the tree, not a package)

DOCUMENT = ROOT / "docs/writing-a-driver.md"
STAGES = tutorial.read(DOCUMENT)
SOURCES = ("Makefile", "mk", "schema", "config", "lib", "user", "tools", ".clang-format")
BUILT = ("gen", "host/schemac", "user", "package")  # so that only what is new is compiled
BUILD_S = 400
MACHINES = ("edu", "bare")

def machine_devices(name):
    """`make run DEVICES=edu` without its disk, whose driver announces itself when it likes; `bare` is one
    without the device."""
    devices = Devices()
    if name == "edu":
        devices.edu()
    return devices


def run(command, tree, seconds=BUILD_S):
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    return subprocess.run(command, cwd=tree, env=environment, text=True, timeout=seconds, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def copy_tree(tree):
    """What a boot package is made of, and what of it is made already."""
    for name in SOURCES:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, tree / name)
    for name in BUILT:
        source = ROOT / "build" / name
        if source.exists():
            (tree / "build" / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, tree / "build" / name)


def built_package(stage, logs):
    """The boot package at the end of a stage, built as a reader builds it."""
    tree = logs / "tree"
    tree.mkdir()
    copy_tree(tree)
    written = tutorial.apply(STAGES, stage.number, tree)
    sources = [path for path in written if path.endswith((".c", ".h"))]
    done = run(["clang-format", "--dry-run", "--Werror", *sources], tree)
    if done.returncode:
        raise Unexpected("code in the house's format", done.stdout)
    for compiler, target in (("clang", "build/user/factorial.elf"), ("gcc", "build/capos.pkg")):
        done = run(["make", "DEPS=no", "-j2", f"USER_CC={compiler}", target], tree)
        if done.returncode:
            raise Unexpected(f"the code of stage {stage.number} compiles with {compiler}",
                             done.stdout[-3000:])
        for path in tree.glob("build/user/**/factorial*"):  # the next compiler begins anew
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return str(tree / "build/capos.pkg")


def type_all(machine, commands):
    for command in commands:
        seen = machine.shell(command.text)
        for pattern in command.announcements():
            if not re.search(pattern, seen):  # then it comes behind the prompt
                machine.expect(re.compile(pattern))
                fresh_prompt(machine)
        if not command.matches(seen):
            raise Unexpected(f"`{command.text}` (line {command.line} of the tutorial) prints:\n"
                             + "\n".join(command.expected), seen)


@pytest.mark.deadline(180)
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: f"stage{stage.number}")
def test_stage(boot, logs, stage):
    """Whoever does what the tutorial says up to the end of this stage sees what it shows: the code is in
    the house's format, compiles without a warning with both compilers, and each command prints the lines
    behind it. If not, the line of the tutorial is named, with what was printed instead."""
    package = built_package(stage, logs)
    for name in MACHINES:
        commands = [command for command in stage.commands if command.machine == name]
        if commands:
            machine = boot(package=package, devices=machine_devices(name))
            machine.expect(Machine.PROMPT)
            type_all(machine, commands)
    unknown = {command.machine for command in stage.commands} - set(MACHINES)
    if unknown or not stage.commands:
        raise Unexpected("a stage that claims something, of machines that are known", unknown)
    shutil.rmtree(logs / "tree")


# ---- The reader of the tutorial itself

GOOD = """# T
## 1. One
```c a/m.c:top
#include "x.h"
```
```c a/m.c:main
int main(void);
```
```console
capos> run m
one ... two
...
end
```
## 2. Two
```diff a/m.c:top
 #include "x.h"
+#include "y.h"
```
```c a/m.c:new
int f(void);
```
```diff config
-old
+new
 rest
```
"""


def read(path, text):
    (path / "t.md").write_text(text)
    return tutorial.read(path / "t.md")


def test_pieces(tmp_path):
    """A stage makes of a file what the blocks up to it say: new pieces in front of main, others in place."""
    stages = read(tmp_path, GOOD)
    (tmp_path / "config").write_text("first\nold\nrest\n")
    assert tutorial.apply(stages, 1, tmp_path) == ["a/m.c"]
    assert (tmp_path / "a/m.c").read_text() == '#include "x.h"\n\nint main(void);\n'
    (tmp_path / "a/m.c").unlink()
    tutorial.apply(stages, 2, tmp_path)
    assert (tmp_path / "a/m.c").read_text() == \
        '#include "x.h"\n#include "y.h"\n\nint f(void);\n\nint main(void);\n'
    assert (tmp_path / "config").read_text() == "first\nnew\nrest\n"


@pytest.mark.parametrize("printed, matches", [
    ("one and two\nend", True), ("one and two\n3\n4\nend", True), ("one  two \nend\n\n", True),
    ("one and two", False), ("one and three\nend", False), ("one and two\nend\nmore", False),
    ("before\none and two\nend", False), ("", False), ("init: x ended\none and two\nend", True),
])
def test_console_matches(tmp_path, printed, matches):
    """A console block matches what it shows and nothing else."""
    (command,) = read(tmp_path, GOOD)[0].commands
    assert command.matches(printed) is matches


@pytest.mark.parametrize("printed, matches", [
    ("[ 0.1] iommu: write refused\none\ntwo", True), ("one\n[ 0.1] iommu: write refused\ntwo", True),
    ("one\ntwo\n[ 0.1] iommu: write refused", True), ("one\n[ 0.1] iommu: read refused\ntwo", False),
    ("[ 0.1] iommu: write refused\none", False),
])
def test_reports_come_when_they_come(tmp_path, printed, matches):
    """What the kernel reports may be anywhere, but it must be what is shown."""
    text = "## 1. A\n```console\ncapos> x\none\n[...] iommu: write ...\ntwo\n```\n"
    (command,) = read(tmp_path, text)[0].commands
    assert command.matches(printed) is matches
    assert [bool(re.search(pattern, printed)) for pattern in command.announcements()] == ["write" in printed]


def test_silent_command(tmp_path):
    """A command that is shown without output must print nothing."""
    (command,) = read(tmp_path, "## 1. A\n```console\ncapos> x\n```\n")[0].commands
    assert command.matches("") and not command.matches("something")


@pytest.mark.parametrize("change, complaint", [
    (("```c a/m.c:top", "```c"), "nothing would check it"),
    (("```c a/m.c:top", "```text"), "nothing would check it"),
    (("## 2. Two", "## 3. Two"), "stage 3 is number 2"),
    (("## 1. One\n", ""), "before the first stage"),
    (("capos> run m\n", ""), "begins with what is typed"),
    ((" rest\n```\n", " rest\n"), "does not end"),
    (("-old\n", "-older\n"), "must be once"),
    (("-old\n", "=old\n"), "begins with a blank"),
    (("diff config", "diff nowhere"), "there is no nowhere"),
    (("diff a/m.c:top", "diff a/m.c:no"), "has no piece"),
    (("c a/m.c:new", "c there:new"), "there already"),
])
def test_mistakes_are_found(tmp_path, change, complaint):
    """A tutorial with a mistake is refused, with the line and what is wrong."""
    assert change[0] in GOOD
    (tmp_path / "there").write_text("by somebody else\n")
    (tmp_path / "config").write_text("first\nold\nrest\n")
    with pytest.raises(tutorial.Mistake, match=complaint):
        tutorial.apply(read(tmp_path, GOOD.replace(*change)), 2, tmp_path)
