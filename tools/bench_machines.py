# SPDX-License-Identifier: MIT
"""The machines of `make bench`: both systems on one QEMU command line, and what is run on them."""

import hashlib
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/system"))
sys.dont_write_bytecode = True
import bench_figures as figures  # noqa: E402
import device_cost  # noqa: E402
import packages  # noqa: E402
import qemu_command  # noqa: E402
import qemu_devices  # noqa: E402
from harness import Machine  # noqa: E402

OUTPUT = pathlib.Path("build/bench")
LINUX = pathlib.Path("build/linux")
LINUX_PCI = pathlib.Path("build/linux-pci")

# ioeventfd=off: with it, each request waits for another thread of the host. No caching mode: with it,
# Linux does without lazy invalidation.
DEVICES = ["-device", "intel-iommu,intremap=on",
           "-blockdev", "{disk}",
           "-device", "pcie-root-port,id=port0,chassis=1",
           "-device", "virtio-blk-pci,bus=port0,drive=disk,disable-legacy=on,iommu_platform=on,"
                      "ioeventfd=off",
           "-device", "edu"]
NULL_DISK = "driver=null-co,node-name=disk,size=1073741824,read-zeroes=on"

# no_timer_check: else Linux panics if the host was away while it looked whether the timer ticks.
# rootfstype: the default takes half of the memory that is free beside the initramfs, too little for fio.
LINUX_WORDS = "console=ttyS0 quiet panic=-1 no_timer_check rootfstype=ramfs "
IOMMU_WORDS = {"lazy": "intel_iommu=on iommu.strict=0", "strict": "intel_iommu=on iommu.strict=1",
               "no IOMMU": "intel_iommu=off", "boot": "intel_iommu=on iommu.strict=0"}

# What both say of looking for functions: microseconds of guest time; with -icount, thousands of instructions.
CAPOS_FOUND = re.compile(r"pci: (\d+) functions in (\d+) us")
LINUX_FOUND = re.compile(r"linux: first \[ *([0-9.]+)\].*linux: last \[ *([0-9.]+)\].*linux: (\d+) functions",
                         re.DOTALL)
# One tick of the time stamp counter is one instruction with -icount shift=0, and 1 ns to QEMU.
LINUX_PCI_WORDS = {"icount": "only_times tsc=reliable tsc_early_khz=1000000 lpj=4000000",
                   "wall": "only_times tsc=reliable"}

FIRST_TEXT = "the first read of the disk"


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:16]


def host():
    """What this runs on."""
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return f"{platform.machine()}, {os.cpu_count()} CPUs, {model.group(1) if model else 'unknown'}"


def qemu_version():
    words = [os.environ.get("QEMU", "qemu-system-x86_64"), "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[0].removeprefix("QEMU emulator version ")


class System:
    """A system with one command line. `wanted` are the figures (bench/figures.json) that it gives."""

    def __init__(self, name, directory, wanted, arguments):
        self.name, self.directory = name, directory
        self.wanted, self.arguments = wanted, arguments
        self.command = {}  # of each mode: the shell words of QEMU, once it has run
        self.guest = []    # what the system says of itself

    def names(self, mode, unit=None):
        """Of the figures that are due in a mode, and of one unit if it is given."""
        return [figure["name"] for figure in self.wanted if mode in figures.modes_of(figure)
                and unit in (None, figure["unit"])]

    def due(self, mode):
        """Whether to boot it in a mode: not for the calibrator alone, unless nothing else was asked for."""
        names = self.names(mode)
        return bool(names) and (names != ["calibrator"] or self.wanted == self.arguments.wanted)

    def tests(self, mode):
        """Those that the guest's program measures."""
        return self.names(mode, "instructions") + self.names(mode, "us")

    def boot(self, mode, disk=NULL_DISK, devices=None, **options):
        """A machine with the disk and edu, or with the arguments `devices` instead."""
        directory = OUTPUT / f"{mode}-{self.directory}"
        (directory / "command.txt").unlink(missing_ok=True)
        accelerator = self.arguments.accelerator if mode == "wall" else "tcg"
        machine = Machine(directory, self.arguments.deadline, accel=accelerator,
                          cpus=self.arguments.cpus if mode == "wall" else 1,
                          icount=0 if mode == "icount" else None,
                          extra=devices or [word.format(disk=disk) for word in DEVICES], **options)
        self.command[mode] = (directory / "command.txt").read_text(encoding="utf-8").strip()
        return machine

    def run(self, mode):
        """Boot, measure, end. {name or name/way: line}"""
        lines = self.measure(mode)
        figures.require(lines, self.names(mode), f"{self.name} ({OUTPUT}/{mode}-{self.directory})")
        for line in lines.values():
            line["machine"] = self.directory
        return lines

    def conditions(self, mode):
        return {"command": self.command.get(mode), "guest": self.guest, "packages": self.packages(),
                "cpus": self.arguments.cpus if mode == "wall" else 1, "memory": "256M",
                "accelerator": self.arguments.accelerator if mode == "wall"
                else "tcg, -icount shift=0",
                "qemu": self.arguments.qemu, "host": self.arguments.host,
                "date": self.arguments.date}


class Capos(System):
    """What the tests boot: `devbench` at its prompt, and `mem`."""

    def packages(self):
        return {"kernel": {"file": str(qemu_command.KERNEL), "sha256": digest(qemu_command.KERNEL)},
                "package": {"file": str(qemu_command.PACKAGE), "sha256": digest(qemu_command.PACKAGE)}}

    def measure(self, mode):
        tests, lines = self.tests(mode), {}
        machine = self.boot(mode)
        try:
            if self.names(mode, "KiB"):
                machine.shell("")
                while "requests at once" not in machine.output:  # then the driver serves
                    machine.shell("")
                used = figures.parse_memory(machine.shell("mem").replace("\r", ""))
                lines["memory-idle"] = figures.single("KiB", used)
            if tests:
                lines.update(figures.parse_lines(
                    machine.shell(" ".join(["run devbench -j", *tests])), mode))
            machine.halt()
        finally:
            machine.close()
        return lines


class CaposBoot(Capos):
    """The same package, and a client in it that reads the disk as soon as it can."""

    def measure(self, mode):
        package = packages.Package()
        package.add("first-read", like="bench", start="boot", arguments=["first-read"], grants=[
            {"name": "console", "source": {"console": None}},
            {"name": "disk", "source": {"uses": "disk"}}])
        path = OUTPUT / "first-read.pkg"
        path.write_bytes(package.encode())
        machine = self.boot(mode, text_disk(), package=path)
        try:
            first = machine.expect("init: first instruction")
            prompt, read = expect_both(machine, machine.PROMPT, f"bench: the disk says: {FIRST_TEXT}")
            return {"boot-to-init": milliseconds(machine, first),
                    "boot-to-prompt": milliseconds(machine, prompt),
                    "boot-to-read": milliseconds(machine, read)}
        finally:
            machine.close()


class CaposPci(Capos):
    """A machine for each number of PCI functions, until the kernel says how long it looked for them."""

    def measure(self, mode):
        return {name: self.look(mode, int(name.removeprefix("pci-"))) for name in self.names(mode)}

    def look(self, mode, count):
        machine = self.boot(mode, devices=qemu_devices.many_functions(count))
        try:
            found, micros = map(int, machine.expect(CAPOS_FOUND).groups())
        finally:
            machine.close()
        return of_functions(mode, count, found, micros * 1000)


class CaposDevices(Capos):
    """Device authority with many buffers alive, by `devicecost`; and what it holds the kernel lock for, in a
    kernel that takes the time."""

    LIVE = [1, 100, 10000]
    SECTIONS = {"longest-program": device_cost.PROGRAM, "longest-devices": device_cost.DEVICE}

    def packages(self):
        return {**super().packages(), "kernel for the longest-*": {
            "file": str(device_cost.LOCK_TIMES), "sha256": digest(device_cost.LOCK_TIMES)}}

    def start(self, mode, **options):
        path = OUTPUT / "devicecost.pkg"
        path.write_bytes(device_cost.package().encode())
        machine = self.boot(mode, devices=device_cost.devices().arguments(), package=path, **options)
        machine.expect(machine.PROMPT)
        return machine

    def measure(self, mode):
        sections = [name for name in self.names(mode) if name in self.SECTIONS]
        lines = self.costs(mode) if len(sections) < len(self.names(mode)) else {}
        if sections:
            machine = self.start(mode, kernel=device_cost.LOCK_TIMES)
            try:
                for name in sections:
                    held = device_cost.longest_holds(machine, *self.SECTIONS[name])["kernel"][0]
                    lines[name] = figures.single("instructions", held)
                machine.halt()
            finally:
                machine.close()
        return lines

    def costs(self, mode):
        machine = self.start(mode)
        try:
            text = machine.shell(" ".join(["run devicecost", *map(str, self.LIVE)]), 300)
            machine.halt()
        finally:
            machine.close()
        names = set(self.names(mode))
        return {f"{name}-{live}": {key: line[key] for key in ("unit", "min", "p50", "p99", "runs")}
                for (name, live), line in device_cost.records(text).items() if f"{name}-{live}" in names}


class Linux(System):
    """Debian's, with an IOMMU mode: the program `race`, and fio."""

    def __init__(self, variant, wanted, arguments):
        super().__init__(f"Linux {'lazy' if variant == 'boot' else variant}",
                         f"linux-{variant.replace(' ', '-')}", wanted, arguments)
        self.append = LINUX_WORDS + IOMMU_WORDS[variant]

    def packages(self):
        return json.loads((LINUX / "packages.json").read_text(encoding="utf-8"))

    def measure(self, mode):
        fio = any(figure.get("fio") for figure in self.wanted)
        words = f" race={','.join(self.tests(mode))}" + (f" fio={mode}" if fio else "")
        machine = self.boot(mode, kernel=LINUX / "vmlinux", append=self.append + words,
                            package=LINUX / ("initramfs-fio" if fio else "initramfs"))
        try:
            machine.expect(re.compile(r"linux: race ended with status \d+\s"))
            machine.wait_exit(0)
            output = machine.output
        finally:
            machine.close()
        self.guest = [line.strip().removeprefix("linux: ") for line in output.split("\n")
                      if line.startswith("linux: ")][1:-1]
        lines = figures.parse_lines(output, mode)
        if fio:
            own = (figures.parse_fio_own if mode == "wall" else figures.parse_fio_ticks)(output)
            names = [figure["name"] for figure in self.wanted if figure.get("fio")]
            figures.require(own, names, f"fio on {self.name}")
            lines.update({name: line for name, line in own.items() if name.split("/")[0] in names})
        return lines


class LinuxBoot(Linux):
    """Linux with the small initramfs, which ends after the first read."""

    def measure(self, mode):
        machine = self.boot(mode, text_disk(), kernel=LINUX / "vmlinux", append=self.append + " boot",
                            package=LINUX / "initramfs")
        try:
            first = machine.expect("linux: first instruction")
            read = machine.expect(f"linux: the disk says: {FIRST_TEXT}")
            machine.expect("linux: free memory:")
            machine.wait_exit(0)
            free = re.search(r"free memory: (\d+) KiB", machine.output)
            return {"boot-to-init/init": milliseconds(machine, first),
                    "boot-to-prompt/init": milliseconds(machine, first),
                    "boot-to-read/init": milliseconds(machine, read),
                    "memory-idle/init": figures.single("KiB", 256 * 1024 - int(free.group(1)))}
        finally:
            machine.close()


class LinuxPci(CaposPci):
    """The same machines with Linux, whose log has the time of each function."""

    def packages(self):
        return json.loads((LINUX_PCI / "packages.json").read_text(encoding="utf-8"))

    def measure(self, mode):
        return {f"{name}/log": line for name, line in super().measure(mode).items()}

    def look(self, mode, count):
        machine = self.boot(mode, devices=qemu_devices.many_functions(count),
                            kernel=LINUX_PCI / "vmlinux", package=LINUX_PCI / "initramfs",
                            append=LINUX_WORDS + LINUX_PCI_WORDS[mode])
        try:
            first, last, found = machine.expect(LINUX_FOUND).groups()
        finally:
            machine.close()
        return of_functions(mode, count, int(found), round((float(last) - float(first)) * 1e9))


def of_functions(mode, count, found, nanoseconds):
    if found != count:
        raise figures.Problem(f"{found} PCI functions were found, of {count}")
    return figures.single("instructions" if mode == "icount" else "ns", nanoseconds)


def expect_both(machine, one, other):
    """The matches of two texts that come in either order."""
    one, other = re.escape(one), re.escape(other)
    match = machine.expect(re.compile(rf"{one}(.|\n)*{other}|{other}(.|\n)*{one}"))
    return [re.compile(text).search(machine.output, match.start()) for text in (one, other)]


def milliseconds(machine, position):
    return figures.single("ms", round(machine.seconds_until(position) * 1000, 1))


def text_disk():
    """A disk with a text at its start, which is looked for in what the guest prints."""
    image = OUTPUT / "first-read.img"
    image.write_bytes(FIRST_TEXT.encode().ljust(1 << 20, b"\0"))
    return f"driver=raw,node-name=disk,file.driver=file,file.filename={image}"


def systems_of(wanted, arguments):
    """What must run for the figures, in the order of a round."""
    def having(*variants):
        return [figure for figure in wanted if set(figure["linux"]) & set(variants)]

    booting = [figure for figure in having("boot") if figure["unit"] == "ms"]
    looking = having("pci")
    authority = [figure for figure in wanted if figure.get("machine") == "devices"]
    every = [Capos("capOS", "capos", [figure for figure in wanted
                                      if figure["unit"] != "ms" and figure not in looking + authority],
                   arguments),
             CaposBoot("capOS", "capos-boot", booting, arguments),
             CaposPci("capOS", "capos-pci", looking, arguments),
             CaposDevices("capOS", "capos-devices", authority, arguments)]
    if arguments.linux:
        calibrator = [figure for figure in wanted if figure["name"] == "calibrator"]
        every.append(LinuxBoot("boot", having("boot"), arguments))
        every.append(LinuxPci("Linux lazy", "linux-pci", looking, arguments))
        every += [Linux(variant, having(variant) if variant == "lazy" or not having(variant)
                        else calibrator + having(variant), arguments)
                  for variant in ("lazy", "strict", "no IOMMU")]
    return [system for system in every if any(map(system.due, figures.MODES))]
