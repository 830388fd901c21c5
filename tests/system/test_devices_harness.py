# SPDX-License-Identifier: MIT
"""What the device tests stand on, against the probe image: no kernel is involved.

Disk images, the machines with devices, reading registers from outside, and QEMU's test socket."""

import re
import subprocess

import pytest
from harness import Devices, Unexpected, disk_image
from outside_edu import MMCONFIG

PROBE = {"kernel": "build/tools/probe.elf", "package": None, "append": "stay"}
VTD_VERSION, VTD = 0x10, 0xFED90000


def start(boot, devices, **options):
    machine = boot(devices=devices, **PROBE, **options)
    machine.expect("probe stays")
    return machine


def image(logs, name="disk.img", **options):
    path = logs / name
    disk_image.create(path, **{"size": 4 << 20, **options})
    return path


def test_image_is_never_replaced(logs):
    """An image that exists is left as it is. Else: create() returns, or its bytes have changed."""
    path = logs / "precious.img"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        disk_image.create(path, 1 << 20)
    done = subprocess.run(["tools/disk-image", "create", path], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and "there already" in done.stderr
    assert path.read_bytes() == b"precious"
    assert [file.name for file in logs.iterdir()] == ["precious.img"]


def test_image_sparse(logs):
    """The standard image is 64 MiB long and takes a small part of that. Else: another size, or
    as many blocks as bytes."""
    path = image(logs, size=disk_image.DEFAULT_BYTES)
    status = path.stat()
    assert status.st_size == 64 << 20
    assert status.st_blocks * 512 < 4 << 20


@pytest.mark.parametrize("sector", [0, 1, 2047, 2048, 5000, 8063, 8064, 8191])
def test_changed_sector_is_found(logs, sector):
    """One changed byte in the header, the pattern, the hole or the last sector is found, and so is a
    sector in another's place. Else: no difference, or that of another sector."""
    path = image(logs)
    assert disk_image.find_differences(path) == []
    with open(path, "r+b") as file:
        file.seek(sector * 512 + 200)
        file.write(b"~")
    if sector == 0:
        assert disk_image.find_differences(path) == [(0, 1)]
    else:
        assert disk_image.find_differences(path) == [(sector, 1)]
        with open(path, "r+b") as file:
            file.seek(sector * 512)
            file.write(disk_image.sector_bytes(sector ^ 1))
        assert disk_image.find_differences(path) == [(sector, 1)]


def test_devices_are_where_they_were_put(boot, logs):
    """Disks, entropy, edu and pci-testdev are on the buses and in the slots that were asked for.
    Else: another BDF, or a machine that does not start."""
    devices = Devices()
    first = devices.disk(image(logs), serial="first")
    second = devices.disk(image(logs, "other.img"), slot=9, read_only=True, ioeventfd=False)
    bare = devices.disk(slot=0x10, port=False)
    edu, test = devices.edu(slot=0x11), devices.testdev(slot=0x1E)
    entropy = devices.entropy(slot=2)
    slow = devices.disk(image(logs, "slow.img"), limit=10)
    machine = start(boot, devices)
    assert machine.bdf(edu) == 0x11 << 3
    assert machine.bdf(test) == 0x1E << 3
    assert machine.bdf(bare) == 0x10 << 3
    buses = [machine.bdf(name) for name in (entropy, first, slow, second)]
    assert [bdf & 0xFF for bdf in buses] == [0] * 4
    # SeaBIOS numbers buses by the slots of their bridges.
    assert buses == sorted(buses) and buses[0] >= 0x100
    assert "Read-only: yes" not in machine.qmp.hmp(f"info block {first}-raw")
    assert "read-only" in machine.qmp.hmp("info block")
    with pytest.raises(Unexpected):
        machine.bdf("nothing")


def test_slot_is_given_once():
    """A slot cannot be given to two devices. Else: no ValueError."""
    devices = Devices(iommu=False)
    devices.edu(slot=5)
    with pytest.raises(ValueError):
        devices.testdev(slot=5)
    assert devices.slots[devices.testdev()] == 4
    assert devices.slots[devices.testdev()] == 6


@pytest.mark.parametrize("iommu", [True, False])
def test_registers_are_read(boot, iommu):
    """Registers of VT-d and configuration space are read as the CPU sees them; without VT-d there is
    none. Else: another version or id."""
    devices = Devices(iommu=iommu)
    edu = devices.edu()
    machine = start(boot, devices)
    if iommu:
        assert machine.read_registers(VTD, 4) == VTD_VERSION.to_bytes(4, "little")
    else:
        with pytest.raises(ValueError):
            machine.read_registers(VTD, 4)
    assert machine.read_registers(MMCONFIG + (machine.bdf(edu) << 12), 4) == bytes.fromhex("3412e811")
    assert machine.read_registers(MMCONFIG + (machine.bdf(edu) << 12) + 1, 2) == bytes.fromhex("12e8")


def test_qtest_beside_the_guest(boot):
    """The test socket stores and loads in memory and registers, whether the guest runs or not. Else:
    the guest's memory does not change, or edu's identification differs."""
    devices = Devices()
    edu = devices.edu()
    machine = start(boot, devices, qtest=True)
    for command in ("stop", "cont"):
        machine.qmp.execute(command)
        machine.qtest.store(0x600000, 0x1122334455667788, 8)
        assert machine.ram.read_u64(0x600000) == 0x1122334455667788
        machine.ram.write(0x600000, bytes(8))
        assert machine.qtest.load(0x600000, 8) == 0
        bar = int.from_bytes(machine.read_registers(
            MMCONFIG + (machine.bdf(edu) << 12) + 0x10, 4), "little") & ~0xF
        assert machine.qtest.load(bar) == 0x010000ED  # docs/specs/edu.txt, register 0x00
    machine.write("!")
    machine.wait_exit(machine.EXIT_PROBE)


def test_error_injection_and_unplug(boot, logs):
    """A device behind a root port takes injected errors, and asks to be removed. Else: QEMU refuses
    either, with its words."""
    devices = Devices()
    disk = devices.disk(image(logs), aer="on")
    bare = devices.disk(port=False)
    machine = start(boot, devices)
    machine.inject_error(disk, "DLP")
    machine.unplug(disk)  # nobody in the guest answers: it stays
    assert machine.bdf(disk) >= 0x100
    with pytest.raises(Unexpected):
        machine.inject_error(bare, "DLP")


def test_run_makes_its_disk(tmp_path):
    """run-qemu makes the disk's image if there is none, and says so; it uses one that is there, and
    needs none with `none`. Else: no image, one that was made anew, or no machine."""
    path = tmp_path / "disk.img"

    def run(*arguments):
        return subprocess.run(["tools/run-qemu", "--kernel", PROBE["kernel"], "--package", "",
                               *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=200, check=True).stdout
    assert f"made {path}" in run("--disk", str(path))
    assert disk_image.find_differences(path) == []
    path.chmod(0o444)
    with open(path, "rb") as file:
        before = file.read()
    assert "made" not in run("--disk", str(path), "--no-iommu", "--device", "edu", "--device",
                             "testdev,slot=0x1d,port=on")
    assert path.read_bytes() == before
    text = run("--disk", "none")
    assert "no disk" in text and "probe ok" in text
    assert re.search(r"2 CPUs, 256M, VT-d, no disk", text)
