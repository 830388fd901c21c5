# SPDX-License-Identifier: MIT
"""What Debian's kernel finds on a machine, for comparison: it is booted with a script for its first
process. Kernel and busybox are the packages that the race against Linux takes, from the same cache."""

import importlib.machinery
import importlib.util
import pathlib
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAD = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
"""
# no_timer_check: else Linux panics if the host was away while it looked whether the timer ticks.
WORDS = "console=ttyS0 quiet panic=-1 no_timer_check"
TAIL = "\necho linux: done\npoweroff -f\n"


def _tool():
    loader = importlib.machinery.SourceFileLoader("bench_linux_image", str(ROOT / "tools/bench-linux-image"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def prepare(directory, script):
    """(kernel, initramfs) for a first process that runs `script` and turns the machine off. Skips the test if
    the packages cannot be had."""
    tool = _tool()
    try:
        packages = [tool.fetch(name) for name in (tool.kernel_of("linux-image-cloud-amd64"), "busybox-static")]
    except SystemExit as reason:
        pytest.skip(f"not to be had: a Linux to compare with ({reason})")
    kernel, initramfs = pathlib.Path(directory) / "vmlinuz", pathlib.Path(directory) / "initramfs"
    with tempfile.TemporaryDirectory() as unpacked:
        for package in packages:
            subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
        tree = pathlib.Path(unpacked)
        kernel.write_bytes(next(tree.glob("boot/vmlinuz-*")).read_bytes())
        archive = tool.Archive()
        archive.directory("bin")
        archive.directory("dev")
        archive.add("dev/console", 0o020600, device=(5, 1))
        archive.program("bin/busybox", (tree / "bin/busybox").read_bytes())
        archive.program("init", (HEAD + script + TAIL).encode())
        initramfs.write_bytes(archive.finish())
    return kernel, initramfs
