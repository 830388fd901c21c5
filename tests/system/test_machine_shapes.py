# SPDX-License-Identifier: MIT
"""Stand-ins for the machines that capOS is to run on: each starts, comes to its prompt on the serial
port, and lists what is really there. docs/machines.md has the table; sizes and CPUs are in
test_machines.py, q35 with VT-d through every firmware is in test_image.py."""

import re
import subprocess

import image
import pytest
from harness import disk_image
from oracle import pci
from shell import claim, ended, fresh_prompt, report_rows

# As real machines without a monitor are: no PS/2 controller, no HPET, no USB, no VMware port.
BARE = "q35,sata=off,usb=off,i8042=off,hpet=off,vmport=off"
NETWORK = ["-netdev", "user,id=network,restrict=on"]
# OEM strings that are not for capOS: no debug exit, and so the machine has to turn itself off.
NO_WORDS = ["-smbios", "type=11,value=none"]
NVME, VIRTIO_BLOCK, VIRTIO_NETWORK = "1b36:0010", "1af4:1001", "1af4:1000"
E1000E, SERIAL = "8086:10d3", "1b36:0002"


def file_drive(name, path, read_only=True, kind="raw"):
    return ["-blockdev", f"driver={kind},node-name={name},read-only={'on' if read_only else 'off'},"
                         f"file.driver=file,file.filename={path}"]


def data_disk(logs):
    disk_image.create(logs / "data.img", 1 << 20)
    return file_drive("data", logs / "data.img", read_only=False)


def functions_of_qemu(machine):
    """{"00:1f.0": (id, class)} of every function, from QEMU's own list."""
    found = {}
    pending = [device for bus in machine.qmp.execute("query-pci") for device in bus["devices"]]
    while pending:
        device = pending.pop()
        place = device["bus"] << 8 | device["slot"] << 3 | device["function"]
        found[pci.name_of(place)] = (f"{device['id']['vendor']:04x}:{device['id']['device']:04x}",
                                     f"{device['class_info']['class']:04x}")
        pending += device.get("pci_bridge", {}).get("devices", [])
    return found


def check(machine, wanted, note="noIommu", level="none"):
    """The functions are those that QEMU has; those in `wanted` ({id: [class, how many]}) are among
    them, with the level of protection and the reason why nobody can have them."""
    rows = {row["bdf"]: (row["id"], row["class"]) for row in report_rows(machine, "pci", "pci")}
    there = functions_of_qemu(machine)
    claim(rows == there, f"QEMU's functions: {there}", rows)
    devices = report_rows(machine, "devices", "device")
    for ids, (kind, count) in wanted.items():
        found = [row for row in devices if row["id"] == ids]
        claim(len(found) == count, f"{count} functions {ids}", found)
        for row in found:
            claim(rows[row["bdf"]][1] == kind, f"class {kind} of {ids}", rows[row["bdf"]])
            claim((row["level"], row["note"]) == (level, note), f"{ids}: level {level}, {note}", row)
    return devices


def check_works(machine, cpus):
    """Processes run, on a machine of so many CPUs."""
    claim(len(report_rows(machine, "cpus", "cpu")) == cpus, f"{cpus} CPUs", machine.tail())
    text = machine.shell("run demo", 40)
    claim(ended(text, "demo"), "demo: exit code 0", text)
    claim("panic" not in machine.output and "cannot measure" not in machine.output, "no complaint",
          machine.output)


def turn_off(machine):
    """`halt`, and the machine is off: through ACPI, as there is no debug exit."""
    machine.write("halt\r")
    machine.wait_exit(0)


def test_i440fx(boot, logs):
    """An old PC with BIOS and 64 MiB, started from the VHD: no PCI Express and no MCFG, so that configuration space is reached
    through ports; a transitional virtio disk and network, and a PCI serial port. Else: functions that
    QEMU has and the list has not, another reason, or no prompt."""
    machine = boot(boot="bios", machine="pc,i8042=off", memory="64M", extra=[
        *file_drive("boot", image.make(logs, "capos.vhd", format="vhd"), kind="vpc"),
        "-device", "virtio-blk-pci,drive=boot,bootindex=0",
        *data_disk(logs), "-device", "virtio-blk-pci,drive=data",
        *NETWORK, "-device", "virtio-net-pci,netdev=network,romfile=", "-device", "pci-serial", *NO_WORDS])
    machine.expect(re.compile(r"pci: \d+ functions \(by ports\)"))
    machine.expect(machine.PROMPT)
    check(machine, {VIRTIO_BLOCK: ("0100", 2), VIRTIO_NETWORK: ("0200", 1), SERIAL: ("0700", 1)})
    check_works(machine, 2)
    turn_off(machine)


@pytest.mark.deadline(90)
def test_gce_like(boot, logs):
    """As Google's machines are: UEFI, a serial port and nothing else for people, the boot disk on NVMe,
    virtio-net, no IOMMU, more than 4 GiB; started from what FORMAT=gce packs. Else: a function that is not listed, or one that could be
    claimed although nothing keeps it from memory."""
    path = image.make(logs, "capos-gce.tar.gz", format="gce")
    subprocess.run(["tar", "-xzSf", path, "-C", logs], check=True)
    machine = boot(boot="uefi", machine=BARE, memory="5G", extra=[
        *file_drive("boot", logs / "disk.raw"), "-device", "nvme,drive=boot,serial=boot,bootindex=0",
        *data_disk(logs), "-device", "nvme,drive=data,serial=data",
        *NETWORK, "-device", "virtio-net-pci,netdev=network,romfile=", *NO_WORDS])
    machine.expect("iommu: none: nothing keeps devices from memory, so none can be claimed")
    machine.expect(machine.PROMPT)
    check(machine, {NVME: ("0108", 2), VIRTIO_NETWORK: ("0200", 1)})
    check_works(machine, 2)
    free = sum(row["frames"] for row in report_rows(machine, "mem", "memoryUse")
               if row["use"] == "free")
    claim(free > (5 << 18) * 95 // 100, "almost all of 5 GiB free", free)
    turn_off(machine)


@pytest.mark.deadline(90)
def test_aws_like(boot, logs):
    """As Amazon's machines are: UEFI, serial only, NVMe behind root ports, four CPUs, no IOMMU; started from the VMDK. QEMU has
    no ENA: e1000e stands in for the network. Else: as for the one like Google's."""
    machine = boot(boot="uefi", machine=BARE, cpus=4, extra=[
        "-device", "pcie-root-port,id=port0,chassis=1,slot=1",
        *file_drive("boot", image.make(logs, "capos.vmdk", format="vmdk"), kind="vmdk"),
        "-device", "nvme,drive=boot,serial=vol0,bus=port0,bootindex=0",
        "-device", "pcie-root-port,id=port1,chassis=2,slot=2",
        *data_disk(logs), "-device", "nvme,drive=data,serial=vol1,bus=port1",
        *NETWORK, "-device", "e1000e,netdev=network,romfile=", *NO_WORDS])
    machine.expect(machine.PROMPT)
    check(machine, {NVME: ("0108", 2), E1000E: ("0200", 1)})
    check_works(machine, 4)
    turn_off(machine)


def test_numa(boot, logs):
    """Two nodes of memory and CPUs, with distances: SRAT and SLIT are read without complaint, and all of
    both nodes' CPUs and memory is used. Else: a refused table, or fewer."""
    machine = boot(cpus=4, memory="512M", numa=2, extra=["-numa", "dist,src=0,dst=1,val=20"])
    machine.expect(machine.PROMPT)
    tables = {row["signature"]: row for row in report_rows(machine, "acpi", "acpiTable")}
    claim({"SRAT", "SLIT"} <= set(tables), "SRAT and SLIT", tables)
    claim(not any(row["refused"] for row in tables.values()), "none refused", tables)
    total = sum(row["frames"] for row in report_rows(machine, "mem", "memoryUse"))
    claim(total >= (512 << 8) - 64, "all frames of both nodes", total)
    check_works(machine, 4)
    machine.halt()


def test_bare(boot, logs):
    """Without HPET, PS/2 controller, USB, SMBus and VMware's port, nothing is missed. Else: a
    hang, or a clock that could not be measured."""
    machine = boot(machine=f"{BARE},smbus=off")
    machine.expect(machine.PROMPT)
    claim("HPET" not in {row["signature"] for row in report_rows(machine, "acpi", "acpiTable")},
          "no HPET", machine.tail())
    check(machine, {})
    check_works(machine, 2)
    fresh_prompt(machine)
    machine.halt()


def test_microvm(boot, logs):
    """QEMU's microvm: PVH, no BIOS that sets up PCI, no port 0xCF8, no MCFG, no legacy timer's port 61h.
    Configuration space and the windows come from the DSDT's constants, and BARs get addresses in
    them. Else: no functions, one without an address, or two at the same."""
    machine = boot(machine="microvm,pcie=on", extra=[
        *data_disk(logs), "-device", "virtio-blk-pci,drive=data,disable-legacy=on", "-device", "nvme,serial=1",
        *NETWORK, "-device", "virtio-net-pci,netdev=network,disable-legacy=on,romfile="])
    machine.expect(re.compile(r"pci: \d+ BARs were given addresses"))
    machine.expect(machine.PROMPT)
    check(machine, {"1af4:1042": ("0100", 1), "1af4:1041": ("0200", 1), NVME: ("0108", 1)})
    bars = sorted((int(row["address"], 16), int(row["bytes"], 16)) for row in report_rows(machine, "mmio", "mmio"))
    claim(len(bars) >= 5 and all(at != 0 and at % size == 0 for at, size in bars), "BARs with addresses", bars)
    claim(all(at + size <= after for (at, size), (after, _) in zip(bars, bars[1:])), "no two at one place", bars)
    check_works(machine, 2)
    machine.halt()
