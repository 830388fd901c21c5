# SPDX-License-Identifier: MIT
"""The same machine seen by capOS and by Debian's Linux, function by function: what `pci BDF -j` says at the
early prompt, and what Linux has in sysfs. tests/system/linux/init prints the latter; the kernel is that of
`make bench`.

Where firmware has placed everything (SeaBIOS, which runs before a directly booted kernel, too), all must be
the same, addresses included. On microvm there is no firmware that places anything: both systems place BARs
by themselves, so there addresses are checked to be inside windows and apart from each other, and all the
rest is compared."""

import json
import pathlib
import re
import struct

import pytest
from diagnostics import early_prompt
from harness import Unexpected
from qemu_devices import many_functions
from shell import claim

LINUX = pathlib.Path("build/linux-pci")
# No room set aside for hot plug beyond what firmware has. microvm has nothing that Linux could measure the
# rate of its time stamp counter with: it is told one.
APPEND = ("console=ttyS0 quiet panic=-1 no_timer_check pci=hpiosize=0,hpmemsize=0 "
          "tsc_early_khz=2600000 lpj=10000000 tsc=reliable")

# include/linux/ioport.h and pci.h of Linux: flags and numbers of a line of sysfs' `resource`.
IO, MEMORY, PREFETCH, WIDE = 0x100, 0x200, 0x2000, 0x100000
ROM, WINDOWS = 6, {13: "io", 14: "memory", 15: "prefetchable"}
RESOURCE = re.compile(r"\./([0-9a-f:.]+)/resource:(\d+):0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+)")

RNG = ["-object", "rng-builtin,id=source"]
VIRTIO = "virtio-rng-pci,rng=source,disable-legacy=on"
NET = "netdev=net,romfile="


def port(name, number, place="", bus="pcie.0"):
    return ["-device", f"pcie-root-port,id={name},bus={bus},chassis={number},slot={number}{place}"]


SHAPES = {
    "q35": ("q35", [
        *RNG, "-device", VIRTIO, "-device", "edu", "-device", "pci-testdev", "-netdev", "user,id=net",
        "-device", f"e1000e,{NET}", "-device", "qemu-xhci", "-device", "nvme,serial=x",
        "-device", "virtio-serial-pci", "-device", "bochs-display"]),
    "i440fx": ("pc", [
        *RNG, "-device", "virtio-rng-pci,rng=source", "-device", "pci-testdev", "-netdev", "user,id=net",
        "-device", "e1000,netdev=net", "-device", "piix3-usb-uhci", "-device", "lsi53c895a",
        "-device", "secondary-vga", "-device", "pci-serial-4x",
        "-device", "pxb,id=old,bus_nr=64", "-device", "edu,bus=old,addr=4"]),
    # PCI Express to PCI, then two more bridges of conventional PCI, with devices on each.
    "nested bridges": ("q35", [
        *port("near", 1), "-device", "pcie-pci-bridge,id=first,bus=near",
        "-device", "pci-bridge,id=second,bus=first,chassis_nr=2,addr=3",
        "-device", "pci-bridge,id=third,bus=second,chassis_nr=3,addr=7",
        "-device", "edu,bus=first,addr=1", "-device", "edu,bus=second,addr=2",
        "-device", "pci-testdev,bus=third,addr=1f", "-device", "pci-serial,bus=third,addr=4",
        "-device", "i82801b11-bridge,id=subtractive", "-device", "edu,bus=subtractive,addr=9"]),
    "two roots": ("q35", [
        *RNG, "-device", "pxb-pcie,id=far,bus=pcie.0,bus_nr=128", *port("near", 1),
        *port("beyond", 2, bus="far"), "-device", f"{VIRTIO},bus=near",
        "-device", f"{VIRTIO},bus=beyond", "-device", "pxb-pcie,id=third,bus=pcie.0,bus_nr=64",
        *port("middle", 3, bus="third"), "-device", "pcie-pci-bridge,id=bridge,bus=middle",
        "-device", "edu,bus=bridge,addr=4"]),
    "multifunction": ("q35", [
        *RNG, *(word for i in range(4) for word in port(
            f"port{i}", i + 1, f",addr=5.{2 * i}{',multifunction=on' if i == 0 else ''}")),
        "-device", f"{VIRTIO},bus=port3,addr=0.0,multifunction=on",
        "-device", f"{VIRTIO},bus=port3,addr=0.1", "-device", f"{VIRTIO},bus=port3,addr=0.7",
        "-device", "edu,addr=6.0,multifunction=on", "-device", "pci-testdev,addr=6.5"]),
    # 64-bit BARs of 1 and 4 GiB that only fit above 4 GiB, one of them behind a port.
    "large BARs": ("q35", [
        *port("near", 1), *port("other", 2), *RNG,
        "-object", "memory-backend-ram,id=four,size=4G", "-object", "memory-backend-ram,id=one,size=1G",
        "-device", "ivshmem-plain,memdev=four,bus=near", "-device", "ivshmem-plain,memdev=one",
        "-device", f"{VIRTIO},bus=other"]),
    "switch": ("q35", [
        *RNG, *port("near", 1), "-device", "x3130-upstream,id=up,bus=near",
        *(word for i in range(3) for word in (
            "-device", f"xio3130-downstream,id=down{i},bus=up,chassis=9,slot={i}")),
        "-device", f"{VIRTIO},bus=down0", "-device", "pci-testdev,bus=down2"]),
    "hot plug": ("q35", [
        *RNG, *port("empty", 1), *port("full", 2), *port("empty2", 3),
        "-device", f"{VIRTIO},bus=full", "-device", "pci-bridge,id=slots,chassis_nr=7"]),
    "200 functions": ("q35", many_functions(200)),
    "microvm": ("microvm,pcie=on,acpi=on,rtc=on", [
        *RNG, *port("near", 1), *port("empty", 2), "-device", "edu", "-device", f"{VIRTIO},bus=near",
        "-device", "nvme,serial=x", "-device", "pcie-pci-bridge,id=bridge",
        "-device", "edu,bus=bridge,addr=3",
        "-object", "memory-backend-ram,id=four,size=4G", "-device", "ivshmem-plain,memdev=four"]),
}
PLACED_BY_SYSTEM = {"microvm"}


# ---- What each says: {bdf: {"id", "class", "bars": {n: (kind, address, size)}, ...}}

def capos(boot, board, extra):
    machine = boot(cpus=1, machine=board, append="diag=1", extra=extra)
    early_prompt(machine)
    found = {}
    for line in machine.shell("pci -j").splitlines():
        bdf = json.loads(line)["bdf"]
        tables = {}
        for row in map(json.loads, machine.shell(f"pci {bdf} -j").splitlines()):
            tables.setdefault(row.pop("table"), []).append(row)
        found[bdf] = capos_function(tables)
    machine.close()
    return found, machine.output


def capos_function(tables):
    facts = {row["fact"]: row["value"] for row in tables["pciFact"]}
    kinds = {"ports": IO, "ROM": MEMORY, "memory, 32-bit": MEMORY, "memory, 64-bit": MEMORY | WIDE}
    return {
        "id": facts["id, revision"], "class": facts["class"][:6],
        "subsystem": facts.get("subsystem"),
        "bars": {row["bar"]: (kinds[row["kind"]] | (PREFETCH if row["prefetchable"] else 0),
                              int(row["address"], 16), int(row["bytes"], 16), row["placed"])
                 for row in tables.get("pciBar", [])},
        "windows": {row["window"]: (int(row["first"], 16), int(row["last"], 16))
                    for row in tables.get("pciWindow", [])},
        "buses": facts.get("buses behind it"),
        "capabilities": [(int(row["id"], 16), int(row["offset"], 16), row["extended"])
                         for row in tables.get("pciCapability", [])],
        "msix": (facts["MSI-X vectors"], facts["MSI-X table"]) if "MSI-X table" in facts else None,
    }


def linux(boot, board, extra):
    machine = boot(cpus=1, machine=board, append=APPEND, kernel=LINUX / "vmlinux",
                   package=LINUX / "initramfs", extra=extra)
    start = machine.expect("linux: begin").end()
    end = machine.expect("linux: end").start()
    machine.close()
    text = machine.output[start:end].replace("\r", "")
    found = {}
    data = hexdump(text)
    for name, size in re.findall(r"^\./0000:([0-9a-f:.]+)/config (\d+)$", text, re.MULTILINE):
        found[name] = linux_function(data[:int(size)])
        data = data[int(size):]
    claim(not data, "as many bytes as the functions have", f"{len(data)} more")
    for name, line, first, last, flags in RESOURCE.findall(text):
        first, last, flags, number = int(first, 16), int(last, 16), int(flags, 16), int(line) - 1
        function = found[name.removeprefix("0000:")]
        if number in WINDOWS:
            function["windows"][WINDOWS[number]] = (first, last)
        elif number <= ROM:
            kept = IO | MEMORY if number == ROM else IO | MEMORY | PREFETCH | WIDE
            function["bars"][number] = (flags & kept, first, last - first + 1)
    return found, machine.output


def hexdump(text):
    """Bytes of `hexdump -C`, in which a star stands for lines that are all as the one before."""
    data = bytearray()
    for line in text.splitlines():
        match = re.match(r"([0-9a-f]{5,8})(?!\S)((?:  ?[0-9a-f]{2})*)", line)
        if match:
            place = int(match.group(1), 16)
            data += bytes(data[-16:] * ((place - len(data)) // 16))
            data += bytes.fromhex(match.group(2))
    return bytes(data)


def linux_function(config):
    def number(offset, code):
        return struct.unpack_from("<" + code, config, offset)[0]

    layout = config[0x0E] & 0x7F
    capabilities = []
    at = config[0x34] & ~3 if number(6, "H") & 0x10 else 0
    while at:
        capabilities.append((config[at], at, False))
        at = config[at + 1] & ~3
    at = 256 if len(config) > 256 and number(256, "I") not in (0, 0xFFFFFFFF) else 0
    while at:
        header = number(at, "I")
        capabilities.append((header & 0xFFFF, at, True))
        at = header >> 20 & ~3
    msix = next((at for kind, at, wide in capabilities if kind == 0x11 and not wide), None)
    count = msix and (number(msix + 2, "H") & 0x7FF) + 1
    table = msix and number(msix + 4, "I")
    return {
        "id": f"{number(0, 'H'):04x}:{number(2, 'H'):04x} {config[8]:02x}",
        "class": f"{number(8, 'I') >> 8:06x}",
        "subsystem": f"{number(0x2C, 'H'):04x}:{number(0x2E, 'H'):04x}" if layout == 0 else None,
        "bars": {}, "windows": {},
        "buses": f"{config[0x19]:02x} to {config[0x1a]:02x}" if layout == 1 else None,
        "capabilities": capabilities,
        "msix": (str(count), f"BAR {table & 7} at {table & ~7:x}, {16 * count} bytes") if msix else None,
    }


# ---- Comparing

def compare(ours, theirs, with_addresses):
    """A line for each difference."""
    wrong = [f"{name}: only {'capOS' if name in ours else 'Linux'} has it"
             for name in sorted(set(ours) ^ set(theirs))]
    for name in sorted(set(ours) & set(theirs)):
        a, b = ours[name], theirs[name]
        keys = ["id", "class", "subsystem", "buses", "capabilities", "msix"]
        bars = {n: bar[:3] for n, bar in a["bars"].items()}
        if with_addresses:
            keys.append("windows")
            claim(all(bar[3] == "by firmware" for bar in a["bars"].values()),
                  f"{name}: firmware's addresses are kept", a["bars"])
        else:
            bars = {n: (bar[0], bar[2]) for n, bar in bars.items()}
            b["bars"] = {n: (bar[0], bar[2]) for n, bar in b["bars"].items()}
            claim(bool(a["windows"]) == bool(b["windows"]), f"{name}: windows as in Linux", a["windows"])
        for n in sorted(set(bars) | set(b["bars"])):
            if bars.get(n) != b["bars"].get(n):
                wrong.append(f"{name} BAR {n}: {show(bars.get(n))}, Linux: {show(b['bars'].get(n))}")
        wrong += [f"{name} {key}: {a[key]}, Linux: {b[key]}" for key in keys if a[key] != b[key]]
    return wrong


def show(bar):
    return "none" if bar is None else " ".join(f"{number:x}" for number in bar)


def check_placed(functions, memory):
    """Every memory BAR is somewhere, aligned, not on memory, and apart from all others."""
    spans = []
    for name, function in functions.items():
        for n, (kind, address, size, _) in function["bars"].items():
            if n == ROM or not kind & MEMORY:
                continue
            claim(address >= memory and address % size == 0 and (kind & WIDE or address + size <= 1 << 32),
                  f"{name} BAR {n}: a good address", f"{address:x}, {size:x} bytes")
            spans.append((address, address + size, name, n))
    spans.sort()
    for one, other in zip(spans, spans[1:]):
        claim(one[1] <= other[0], "BARs that do not overlap", (one, other))
    return len(spans)


def check_forwarded(functions):
    """What is behind a bridge is in one of its windows."""
    for name, bridge in functions.items():
        if not bridge["buses"]:
            continue
        first, last = (int(bus, 16) for bus in bridge["buses"].split(" to "))
        for below, function in functions.items():
            if first <= int(below.split(":")[-2], 16) <= last:
                for n, (kind, address, size, _) in function["bars"].items():
                    inside = any(a <= address and address + size - 1 <= b
                                 for a, b in bridge["windows"].values())
                    claim(inside or n == ROM or kind & IO, f"{name} forwards {below} BAR {n}",
                          (bridge["windows"], f"{address:x}"))


@pytest.mark.skipif(not (LINUX / "initramfs").exists(), reason="not to be had: Debian's kernel")
@pytest.mark.deadline(300)
@pytest.mark.parametrize("shape", SHAPES)
def test_same_as_linux(boot, shape):
    """capOS and Linux find the same functions in the same machine, with the same ids, class, BARs, bridge
    windows, capabilities and MSI-X table. Else: what differs, function by function."""
    board, extra = SHAPES[shape]
    ours, _ = capos(boot, board, extra)
    theirs, words = linux(boot, board, extra)
    claim(len(theirs) >= 4, "Linux lists functions", words[-2000:])
    wrong = compare(ours, theirs, shape not in PLACED_BY_SYSTEM)
    if wrong:
        raise Unexpected(f"the same {len(theirs)} functions as in Linux", "\n".join(wrong))
    claim(check_placed(ours, 256 << 20) >= len(ours) // 4, "memory BARs", ours)
    check_forwarded(ours)
