# SPDX-License-Identifier: MIT
"""What is suggested for what was typed wrong: behind `make`, and as options of our tools."""

import os
import pathlib
import re
import subprocess

import pytest
import suggest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
KNOWN = ["help", "ps", "reboot", "devices", "dma"]


@pytest.mark.parametrize("word, name", [
    ("hepl", "help"), ("rebot", "reboot"), ("sp", "ps"), ("dev", "devices"), ("dm", "dma"),
    ("xy", None), ("d", None), ("", None), ("devicesandmore", None),
])
def test_nearest(word, name):
    """The word that two edits or the rest of it lead to is suggested, and nothing that is less like it."""
    assert suggest.nearest(word, KNOWN) == name


def make(*arguments):
    """(exit status, output) of `make -n`, as a person starts it."""
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    done = subprocess.run(["make", "-n", "DEPS=no", *arguments], cwd=ROOT, env=environment, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("arguments, complaint", [
    (["hepl"], "no target hepl; did you mean `help`?"),
    (["test-sytem"], "no target test-sytem; did you mean `test-system`?"),
    (["run-smok"], "no target run-smok; did you mean `run-smoke`?"),
    (["xyzzy"], "no target xyzzy; `make` lists what there is"),
    (["help", "chekc"], "no target chekc; did you mean `check`?"),
    (["run", "SPM=4"], "nothing uses SPM=; did you mean `SMP`?"),
    (["run", "MEN=4"], "nothing uses MEN=; did you mean `MEM`?"),
    (["help", "COLOUR=1"], "nothing uses COLOUR=; `make` lists the variables"),
    (["test-lib", "T=elff"], "T=elff: there is no such test; did you mean `elf`?"),
    (["run", "BOOT=uefy"], "BOOT=uefy: there is no uefy; did you mean `uefi`?"),
    (["run", "IOMMU=maybe"], "IOMMU=maybe: there is no maybe; there are: on off no"),
    (["bench", "BENCH=ring-nop-1 foo"], "there is no foo; there are: calibrator null-call"),
    (["bench", "BENCH=notify-blokced"], "there is no notify-blokced; did you mean `notify-blocked`?"),
    (["fuzz", "F=wier"], "F=wier: there is no such test; did you mean `wire`?"),
])
def test_make_names_mistakes(arguments, complaint):
    """A target or variable that nothing knows stops make before it does anything, with a suggestion."""
    status, output = make(*arguments)
    assert status == 2 and complaint in output and "nothing was done" in output, output
    assert len(output.splitlines()) == 2, output


@pytest.mark.parametrize("arguments", [
    [], ["help"], ["help", "V=1", "SMP=3", "QEMU=qemu"], ["README.md"], ["help", "APPEND=it's a b"],
    ["help", "BOOT=uefi", "BENCH=ring-nop-1 map-page", "IOMMU=off"], ["help", "BENCH="], ["help", "T=elf"],
    ["help", "T=acpi"], ["help", "T=e*"], ["help", "F=elf"], ["help", "KCC=clang", "DEBUG=1"],
])
def test_make_takes_what_is_right(arguments):
    """What make knows passes without a word of complaint."""
    status, output = make(*arguments)
    assert status == 0 and "make: " not in output.replace("make: Nothing to be done", ""), output


# Values that are looked at beforehand.
TAKEN = {"T": "elf", "F": "elf", "BOOT": "uefi", "ACCEL": "tcg", "IOMMU": "off", "BENCH": "map-page",
         "FORMAT": "raw"}


def test_help_is_known():
    """Every variable of the help text is one that make takes."""
    text = "".join(line for line in (ROOT / "Makefile").read_text().splitlines(keepends=True)
                   if line.startswith("#:"))
    names = sorted(set(re.findall(r"\b([A-Z][A-Z_]*)=", text)))
    assert len(names) > 8
    for name in names:
        status, output = make("help", f"{name}={TAKEN.get(name, '1')}")
        assert status == 0, output


TOOLS_IN_PYTHON = sorted(path.name for path in TOOLS.iterdir() if path.is_file()
                         and "parse_args()" in path.read_text(errors="replace") and path.suffix == "")


@pytest.mark.parametrize("tool", TOOLS_IN_PYTHON)
def test_tools_explain_themselves(tool):
    """Each tool has --help, and reads its arguments with the parser that suggests."""
    done = subprocess.run([TOOLS / tool, "--help"], cwd=ROOT, text=True, stdin=subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=100)
    assert done.returncode == 0 and "usage: " in done.stdout, done.stdout + done.stderr
    assert "suggest.Parser(" in (TOOLS / tool).read_text()


def test_parser():
    """A wrong option and a wrong choice are named, with the nearest right one; the status is 2."""
    for arguments, complaint in ((["--memm", "1"], "no option --memm; did you mean `--mem`?"),
                                 (["--boot", "pvg"], "did you mean `pvh`?"),
                                 (["--xyzzy"], "no option --xyzzy\n")):
        done = subprocess.run([TOOLS / "run-qemu", *arguments], cwd=ROOT, text=True, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True)
        assert done.returncode == 2 and complaint in done.stderr, done.stderr
        assert not done.stdout and len(done.stderr.splitlines()) == 2, done.stderr
