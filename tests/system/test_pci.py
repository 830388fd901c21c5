# SPDX-License-Identifier: MIT
"""Gate run-pci: addresses and bus numbers that firmware left wrong, or did not give at all.

A machine is stopped at the kernel's first instruction in C, and what firmware wrote into configuration space
is spoiled through QEMU's test socket. What becomes of it is seen from outside: by QEMU's own list, and by
reading a register of the device that only it has."""

import re

from diagnostics import ask, early_prompt, go_on
from harness import Devices, Unexpected
from oracle.pci import name_of
from outside_edu import MMCONFIG
from shell import claim

MMCONFIG_MICROVM = 0xE0000000
MICROVM = "microvm,pcie=on,acpi=on,rtc=on"
EDU_ID = 0x010000ED  # QEMU docs/specs/edu.txt: the register at 0
COMMAND, BUSES, MEMORY_WINDOW, BAR0 = 0x04, 0x18, 0x20, 0x10


class Board:
    """A machine of which every function can be read and written from outside."""

    def __init__(self, machine):
        self.machine = machine
        self.gdb = machine.stop_at_kernel()

    def read(self, bdf, offset, width=4):
        return self.machine.qtest.load(MMCONFIG + (bdf << 12) + offset, width)

    def write(self, bdf, offset, value, width=4):
        self.machine.qtest.store(MMCONFIG + (bdf << 12) + offset, value, width)

    def go_on(self):
        self.gdb.resume()
        early_prompt(self.machine)


def bars_of(machine, bdf):
    """{index: (address, how it got there)} of memory BARs, as capOS says and QEMU confirms."""
    rows = {row["bar"]: (int(row["address"], 16), row["placed"])
            for row in ask(machine, f"pci {name_of(bdf)}")["pciBar"] if row["kind"].startswith("memory")}
    there = {region["bar"]: region["address"] for region in find(machine, bdf)["regions"]
             if region["address"] >= 0 and region["bar"] in rows}  # those that it decodes
    claim(there == {bar: rows[bar][0] for bar in there}, f"addresses of {name_of(bdf)} as QEMU has them: "
          f"{there}", rows)
    return rows


def find(machine, bdf):
    pending = [device for bus in machine.qmp.execute("query-pci") for device in bus["devices"]]
    while pending:
        device = pending.pop()
        if device["bus"] << 8 | device["slot"] << 3 | device["function"] == bdf:
            return device
        pending += device.get("pci_bridge", {}).get("devices", [])
    raise Unexpected(f"a function {name_of(bdf)}", "QEMU has none")


def is_edu(machine, address):
    word = int.from_bytes(machine.read_registers(address, 4), "little")
    claim(word == EDU_ID, f"edu at {address:x}", f"{word:x}")


def test_misplaced(boot):
    """BARs on memory, on another's place, or outside their bridge's window, and a bridge without numbers,
    get good ones; what was good stays, and everything answers where the list says it does. Else: the BAR
    that was left, or that moved without a reason."""
    devices = Devices()
    for name in ("good", "on_memory"):
        devices.edu(name=name)
    devices.testdev(name="on_good")
    devices.entropy(name="shut_out")
    devices.edu(name="lost", port=True)
    machine = boot(devices=devices, qtest=True, paused=True, append="diag=1")
    board = Board(machine)
    where = {name: machine.bdf(name) for name in ("good", "on_memory", "on_good", "shut_out", "lost")}
    good = board.read(where["good"], BAR0)
    board.write(where["on_memory"], BAR0, 0x100000)
    board.write(where["on_good"], BAR0, good + 0x5000)
    board.write(machine.bdf("shut_out-port"), MEMORY_WINDOW, 0x0000FFF0)
    board.write(machine.bdf("lost-port"), BUSES, 0)
    before = {name: {bar["bar"]: bar["address"] for bar in find(machine, where[name])["regions"]}
              for name in ("good", "shut_out")}
    board.go_on()

    bars = {name: bars_of(machine, bdf) for name, bdf in where.items()}
    claim(bars["good"] == {0: (good, "by firmware")}, "the good one stays", bars["good"])
    claim(bars["on_memory"][0][1] == "moved: notForDevices", "moved from memory", bars["on_memory"])
    claim(bars["on_good"][0][1] == "moved: overlap", "moved from another's place", bars["on_good"])
    claim(bars["shut_out"][1][1] == "moved: outsideWindow", "moved into a window", bars["shut_out"])
    claim(bars["shut_out"][4] == (before["shut_out"][4], "by firmware"),
          "the other window and what is in it stays", bars["shut_out"])
    is_edu(machine, good)
    is_edu(machine, bars["on_memory"][0][0])
    is_edu(machine, bars["lost"][0][0])
    claim("1 bridges were given bus numbers, 0 have none" in machine.output, "a number", machine.tail(40))
    rows = {row["bdf"]: row for row in ask(machine, "devices")["device"]}
    for name, bdf in where.items():
        claim(rows[name_of(bdf)]["note"] == "", f"{name} can be claimed", rows[name_of(bdf)])
    go_on(machine)
    machine.halt()


def test_no_room(boot):
    """A BAR for which there is no room cannot be helped: its function is refused and does not decode
    memory, and all others live. Else: a function with such a BAR that could be claimed."""
    machine = boot(machine=MICROVM, append="diag=1", extra=[
        "-device", "edu,id=good", "-device", "pci-testdev,id=huge,membar=512G"])
    early_prompt(machine)
    huge, good = machine.bdf("huge"), machine.bdf("good")
    tables = ask(machine, f"pci {name_of(huge)}")
    rows = {row["bar"]: row["placed"] for row in tables["pciBar"]}
    claim((rows[0], rows[2]) == ("moved: unassigned", "nowhere: unassigned"), "no place for BAR 2", rows)
    facts = {row["fact"]: row["value"] for row in tables["pciFact"]}
    claim("memory" not in facts["command"], "it does not decode memory", facts)
    notes = {row["bdf"]: row["note"] for row in ask(machine, "devices")["device"]}
    claim((notes[name_of(huge)], notes[name_of(good)]) == ("badBar", "noIommu"), "the reasons", notes)
    claim(re.search(rf"pci: {name_of(huge)} BAR 2: unassigned: no place for it", machine.output),
          "said in the log", machine.tail(40))


def test_microvm(boot):
    """Where no firmware gives any address, there is no MCFG and no port 0xcf8, all functions are found and
    answer where the list says they do, behind ports and bridges, too. Else: no functions, or one without a
    place."""
    machine = boot(machine=MICROVM, append="diag=1", qtest=True, extra=[
        "-device", "edu,id=first", "-device", "pcie-root-port,id=near,chassis=1,slot=1",
        "-device", "pcie-pci-bridge,id=bridge,bus=near", "-device", "edu,id=second,bus=bridge,addr=3",
        "-object", "rng-builtin,id=source", "-device", "pcie-root-port,id=far,chassis=2,slot=2",
        "-device", "virtio-rng-pci,id=third,bus=far,rng=source", "-device",
        "pcie-root-port,id=empty,chassis=3,slot=3"])
    early_prompt(machine)
    claim("configuration space at e0000000, from _CBA" in machine.output, "the way to it", machine.tail(40))
    claim(len(ask(machine, "pci")["pci"]) == 8, "eight functions", machine.tail(40))
    for name in ("first", "second"):
        bdf = machine.bdf(name)
        bars = bars_of(machine, bdf)
        claim(bars[0][1] == "moved: unassigned", "the kernel's own address", bars)
        # A claim would turn its decoding on. That of the bridges above must be on.
        machine.qtest.store(MMCONFIG_MICROVM + (bdf << 12) + COMMAND, 2, 2)
        is_edu(machine, bars[0][0])
    bars_of(machine, machine.bdf("third"))
    slots = {name: {row["fact"]: row["value"]
                    for row in ask(machine, f"pci {name_of(machine.bdf(name))}")["pciFact"]}["slot"]
             for name in ("near", "empty")}
    claim(slots == {"near": "1, full, hot plug", "empty": "3, empty, hot plug"}, "slots", slots)
