# SPDX-License-Identifier: MIT
"""The image that starts with BIOS and with UEFI, and what one sees when it is damaged."""

import re
import subprocess
import time

import image
import oracle
import pytest
from harness import Unexpected
from packages import Package
from shell import claim, fresh_prompt, report_rows

import disk_image
from qemu_command import BOOTS
from qemu_devices import Devices

FIRMWARE = [way for way in BOOTS if way != "pvh"]
SEED = 0x1CE
NETWORK = ["-netdev", "user,id=network,restrict=on",
           "-device", "virtio-net-pci,netdev=network,disable-legacy=on,iommu_platform=on,romfile="]
PAGE = 4096
LOW_MEMORY_END = 640 << 10
FAT_TIME_STEP_S = 2


def devices(directory, way, path=image.IMAGE):
    """A data disk, and the boot disk if the machine starts from one."""
    data = directory / "data.img"
    disk_image.create(data, 1 << 20, SEED)
    found = Devices()
    found.disk(data)
    if way != "pvh":
        found.boot_disk(path)
    return found


def served(machine, count):
    """Wait until so many disks have a driver at work."""
    for _ in range(count):
        machine.expect(re.compile(r"virtio-blk: disk: \d+ sectors"))


def disk_bytes(machine, disk, offset, length):
    """What `blk read` shows, as bytes."""
    text = machine.shell(f"blk {disk}read {offset} {length}")
    rows = re.findall(r"^[0-9a-f]{10}  ((?:[0-9a-f]{2} +)+)\|", text, re.MULTILINE)
    return bytes.fromhex("".join(rows))


@pytest.mark.deadline(90)
@pytest.mark.parametrize("way", BOOTS)
def test_boots(boot, logs, way):
    """However the machine starts, it comes to the prompt with all CPUs, its drivers at work behind
    VT-d, `disk` is the same disk, a network device could have a driver, and the oracle finds nothing wrong. The words for the kernel's
    command line arrive through GRUB: halting ends QEMU through the debug exit. Else: other bytes, a
    complaint of the oracle, or another exit status."""
    machine = boot(boot=way, devices=devices(logs, way), extra=NETWORK)
    machine.expect("PVH" if way == "pvh" else "multiboot2")
    machine.expect("2 online")
    served(machine, 1 if way == "pvh" else 2)
    fresh_prompt(machine)
    for sector in (1, 2047):
        wanted = disk_image.sector_bytes(sector, SEED)
        seen = disk_bytes(machine, "", sector * 512, 512)
        claim(seen == wanted, f"sector {sector} as the host wrote it: {wanted[:32]}", seen[:32])
    if way != "pvh":
        wanted = image.IMAGE.read_bytes()[512:1024]
        claim(disk_bytes(machine, "disk1 ", 512, 512) == wanted, "disk1 is the boot disk",
              machine.tail())
        claim("read-only" in machine.shell("blk disk1 info"), "a read-only boot disk", machine.tail())
    network = [row for row in report_rows(machine, "devices", "device") if row["id"] == "1af4:1041"]
    claim([(row["level"], row["note"]) for row in network] == [("confined", "")],
          "a network device that a driver could have", network)
    claim("panic" not in machine.output and "error" not in machine.output, "no complaint",
          machine.output)
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.parametrize("way", FIRMWARE)
def test_powers_off(boot, logs, way):
    """OEM strings that are not for capOS are no words for it: without a debug exit, halt turns the
    machine off through ACPI, as firmware describes it. Else: unknown words in the log, or the exit
    status of the debug exit."""
    machine = boot(boot=way, devices=devices(logs, way),
                   extra=["-smbios", "type=11,value=boot capos:nonsense"])
    served(machine, 2)
    fresh_prompt(machine)
    claim("unknown word" not in machine.output, "no words from the OEM string", machine.output)
    machine.write("halt\r")
    machine.wait_exit(0)


def test_low_module(boot, logs):
    """Under UEFI, GRUB puts a module that fits into the lowest memory, where other CPUs start from and
    which is otherwise nobody's: it is used there, and not a byte of it is overwritten. Else: it is
    somewhere else, CPUs are missing, the package is refused or changed."""
    data = Package("init", "virtio-blk", "virtio-blk1", "virtio-rng", "shell").encode()
    small = image.Changed(logs)
    small.replace(image.PACKAGE, data)
    machine = boot(boot="uefi", devices=devices(logs, "uefi", small.path), cpus=4)
    machine.expect("4 online")
    served(machine, 2)
    fresh_prompt(machine)
    places = [at for at in range(0, LOW_MEMORY_END, PAGE) if machine.ram.read(at, PAGE) == data[:PAGE]]
    claim(len(places) == 1, "the boot package below 640 KiB", places)
    claim(machine.ram.read(places[0], len(data)) == data, f"as it was, at {places[0]:#x}", "changed")
    machine.halt()


# ---- Damage

def no_package(changed):
    changed.remove(image.PACKAGE)


def no_kernel(changed):
    changed.remove(image.KERNEL)


def cut_kernel(changed):
    changed.replace(image.KERNEL, changed.read(image.KERNEL)[:100_000])


def cut_package(changed):
    changed.replace(image.PACKAGE, changed.read(image.PACKAGE)[:300_000])


def empty_package(changed):
    changed.replace(image.PACKAGE, b"")


def no_module(changed):
    changed.replace(image.SCRIPT, b"serial\nterminal_output serial\n"
                                  b"multiboot2 /capos/kernel.elf debug_exit=0xf4\nboot\n")


GRUB_STOPS = "grub>"
KERNEL_STOPS = "panic"


@pytest.mark.parametrize("damage, words, who", [
    (no_package, "capOS: its boot package, /capos/boot.pkg, is missing", GRUB_STOPS),
    (no_kernel, "capOS: its kernel, /capos/kernel.elf, is missing", GRUB_STOPS),
    (cut_kernel, "capOS: its kernel, /capos/kernel.elf, is missing from the image or damaged",
     GRUB_STOPS),
    (cut_package, "boot package: the message is damaged", KERNEL_STOPS),
    (empty_package, "boot package: the message is damaged", KERNEL_STOPS),
    (no_module, "boot package: none; the loader must bring it as its only module", KERNEL_STOPS),
], ids=["no_package", "no_kernel", "cut_kernel", "cut_package", "empty_package", "no_module"])
def test_damaged(boot, logs, damage, words, who):
    """An image with a part missing or cut off says which, on the serial port, and starts nothing:
    GRUB stays at its prompt, or the kernel panics before there is a process. Else: silence, another
    part named, or init's first words."""
    changed = image.Changed(logs)
    damage(changed)
    machine = boot(boot="bios", devices=devices(logs, "bios", changed.path))
    machine.expect(words)
    if who == KERNEL_STOPS:
        machine.wait_exit(machine.EXIT_PANIC)
    else:
        machine.expect(who)
    claim("init:" not in machine.output, "no process", machine.output)


def test_kernel_outside_memory(boot, logs):
    """A kernel that lies where the memory map has no memory to use says so before it uses any. (GRUB's
    `cutmem` takes a MiB out of the map after it has loaded the kernel there.) Else: it goes on."""
    changed = image.Changed(logs)
    changed.replace(image.SCRIPT, b"serial\nterminal_output serial\nmultiboot2 /capos/kernel.elf\n"
                                  b"module2 /capos/boot.pkg boot.pkg\ncutmem 2M 3M\nboot\n")
    machine = boot(boot="bios", devices=devices(logs, "bios", changed.path))
    machine.expect(re.compile(r"panic: the loader put the kernel at 200000 to \w+, which is not all "
                              r"usable memory"))
    machine.expect("end of epitaph")
    claim("init:" not in machine.output, "no process", machine.output)


# ---- The tool

def test_same_bytes(logs):
    """The same input makes the same image, in another place and at another time, and that is the image
    of `make image`. Its table and copy pass a reader's checks, and hold two partitions. Else: the
    first byte that differs, or the check that fails."""
    first = image.make(logs, "first.img").read_bytes()
    time.sleep(FAT_TIME_STEP_S + 0.1)
    second = image.make(logs / "elsewhere", "second.img").read_bytes()
    standard = image.IMAGE.read_bytes()
    for other, name in ((second, "a second image"), (standard, "the standard image")):
        if first != other:
            at = next((at for at, pair in enumerate(zip(first, other)) if pair[0] != pair[1]), None)
            raise Unexpected(f"the first image and {name} are equal", f"they differ at {at}")
    rows = image.partitions(first)
    claim(len(rows) == 2 and rows[1][0] == image.SYSTEM_TYPE, "BIOS boot and EFI system", rows)


def test_tool_refuses(logs):
    """make-image says what is missing, with a status, and leaves no half of an image behind. Else: a
    traceback, status 0, or files."""
    output = logs / "out.img"
    for options in (["--kernel", "missing.elf", "--package", "build/capos.pkg"],
                    ["--kernel", "build/kernel/capos.elf", "--package", "missing.pkg"],
                    ["--kernel", "README.md", "--package", "build/capos.pkg"],
                    ["--kernel", "build/kernel/capos.elf", "--package", "tests"]):
        done = subprocess.run(["tools/make-image", output, *options], capture_output=True, text=True,
                              check=False)
        claim(done.returncode == 1 and done.stderr.startswith("make-image: ")
              and "Traceback" not in done.stderr, f"a message about {options}", done.stderr)
        claim(not list(logs.iterdir()), "no files", list(logs.iterdir()))
