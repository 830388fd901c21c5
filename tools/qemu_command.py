# SPDX-License-Identifier: MIT
"""The QEMU command line: one place for tools/run-qemu, the system tests and the benchmarks.

Also here: what QEMU's exit status means, and the choice between KVM and TCG."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

KERNEL = "build/kernel/capos.elf"
PACKAGE = "build/capos.pkg"
PROBE = "build/tools/probe.elf"
DISK = "build/disk.img"
IMAGE = "build/capos.img"
# How the kernel starts: from QEMU's own hands, or from a disk by a firmware and GRUB.
BOOTS = ("pvh", "bios", "uefi")
# EDK II for virtual machines; given as the BIOS it keeps its variables in memory only, so that each
# start is the first one.
UEFI_FIRMWARE = "/usr/share/ovmf/OVMF.fd"
ACCEL_CACHE = pathlib.Path("build/accel")

# The debug-exit device: a guest that writes `value` to this port ends QEMU with status
# value * 2 + 1. The values are those of kernel/arch/x86_64/power.h, and the probe's own; the
# kernel is told the port on its command line.
DEBUG_EXIT_PORT = 0xF4
EXIT_HALT = 0x20 * 2 + 1
EXIT_PANIC = 0x2A * 2 + 1
EXIT_PROBE = 0x31 * 2 + 1

EXIT_MEANING = {
    0: "powered off",
    EXIT_HALT: "halted",
    EXIT_PANIC: "kernel panic",
    EXIT_PROBE: "probe finished",
}

PROBE_DEADLINE_S = 3.0
# KVM must not be slower than TCG by more than this: nested KVMs exist that pass every test and
# take seconds for a firmware that TCG runs in a tenth of one.
PROBE_SLACK_S = 0.5


def command(accel, *, cpus=2, memory="256M", kernel=KERNEL, package=PACKAGE, append="",
            cpu_model=None, boot="pvh", machine="q35,sata=off", extra=()):
    """The arguments for a machine without any serial port or monitor; add those in `extra`.

    machine: QEMU's name for the board, and its options.
    boot: one of BOOTS. With bios and uefi, kernel and package come from a disk, which is not here
    either (Devices.boot_disk), and GRUB's script hands over the command line: config/grub.cfg."""
    binary = os.environ.get("QEMU", "qemu-system-x86_64")
    arguments = [
        binary, "-no-user-config", "-nodefaults", "-display", "none",
        # VT-d's interrupt remapping needs the I/O APIC in QEMU: split, where KVM has the others.
        "-machine", f"{machine},accel={accel}" + (",kernel-irqchip=split" if accel == "kvm" else ""),
        "-cpu", cpu_model or ("host" if accel == "kvm" else "max"),
        "-smp", str(cpus), "-m", str(memory),
        "-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=4",
    ]
    words = f"debug_exit={DEBUG_EXIT_PORT:#x} {append}".strip()
    if boot == "pvh":
        arguments += ["-kernel", str(kernel), "-append", words]
        if package:
            arguments += ["-initrd", str(package)]
    else:
        # QEMU reads a comma that is written twice as one.
        arguments += ["-smbios", f"type=11,value=capos:{words.replace(',', ',,')}"]
        if boot == "uefi":
            arguments += ["-bios", UEFI_FIRMWARE]
    return arguments + list(extra)


def meaning(status):
    """QEMU's exit status in words."""
    if status in EXIT_MEANING:
        return EXIT_MEANING[status]
    if status < 0:
        return f"QEMU was killed by signal {-status}"
    if status == 1:
        return "QEMU could not start the machine (status 1)"
    return f"QEMU ended with status {status}"


def run_probe(accel, deadline):
    """Boot the probe image. (problem or None, seconds)"""
    with tempfile.TemporaryDirectory(prefix="capos-probe-") as directory:
        serial = pathlib.Path(directory) / "serial"
        arguments = command(accel, kernel=PROBE, package=None,
                            extra=["-no-reboot", "-serial", f"file:{serial}"])
        started = time.monotonic()
        try:
            done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=deadline, check=False)
        except subprocess.TimeoutExpired:
            seen = serial.read_text(errors="replace") if serial.exists() else ""
            return f"hangs after {seen!r}", deadline
        seconds = time.monotonic() - started
        seen = serial.read_text(errors="replace") if serial.exists() else ""
        if done.returncode != EXIT_PROBE or "probe ok" not in seen:
            message = done.stderr.strip().splitlines()[:1]
            return f"{meaning(done.returncode)}: {' '.join(message) or repr(seen)}", seconds
        return None, seconds


def probe_kvm():
    """(accelerator, reason in words)"""
    if not os.path.exists("/dev/kvm"):
        return "tcg", "there is no /dev/kvm"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg", "/dev/kvm may not be used by this user"
    problem, tcg_seconds = run_probe("tcg", 120.0)
    if problem:
        raise RuntimeError(f"the probe image does not run under TCG: {problem}")
    problem, kvm_seconds = run_probe("kvm", PROBE_DEADLINE_S)
    if problem:
        return "tcg", f"KVM does not work here: {problem}"
    if kvm_seconds > tcg_seconds + PROBE_SLACK_S:
        return "tcg", f"KVM works, but takes {kvm_seconds:.1f} s where TCG takes {tcg_seconds:.1f} s"
    return "kvm", f"KVM ran the probe in {kvm_seconds:.1f} s"


def choose_accelerator(again=False):
    """(accelerator, reason): ACCEL, else what an earlier probe in this boot found, else probe."""
    wanted = os.environ.get("ACCEL", "")
    if wanted:
        if wanted not in ("kvm", "tcg"):
            raise ValueError(f"ACCEL={wanted}: must be kvm or tcg")
        return wanted, "ACCEL says so"
    boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    if ACCEL_CACHE.exists() and not again:
        words = ACCEL_CACHE.read_text(encoding="utf-8").strip().split(" ", 2)
        if len(words) == 3 and words[0] == boot_id and words[1] in ("kvm", "tcg"):
            return words[1], words[2]
    if not shutil.which(os.environ.get("QEMU", "qemu-system-x86_64")):
        raise RuntimeError("qemu-system-x86_64 is not installed: make deps")
    accelerator, reason = probe_kvm()
    ACCEL_CACHE.parent.mkdir(exist_ok=True)
    ACCEL_CACHE.write_text(f"{boot_id} {accelerator} {reason}\n", encoding="utf-8")
    return accelerator, reason
