# SPDX-License-Identifier: MIT
"""Whatever ends an owner's authority, the one teardown follows: faults, errors, removal, the holder of the
DeviceManager, several of them at once. The log says which it was."""

import re
import time

import audit
import devtest
import disks
import oracle
import pytest
from harness import Devices, Unexpected
from oracle import pci
from outside_edu import MMCONFIG
from shell import claim, fresh_prompt, process_table, wait_processes

E1000E = {"vendor": 0x8086, "devices": [0x10D3]}
# Slots are driven as PCI Express says, not through ACPI.
NATIVE = ("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off")
# Intel 82574 GbE Controller Family Datasheet, revision 3.4, section 10.2.6.
TCTL, TDBAL, TDBAH, TDLEN, TDH, TDT = 0x400, 0x3800, 0x3804, 0x3808, 0x3810, 0x3818
RING = 128
PRIMARY_BUSES = 0x18
MANAGER = "kernel/device_manager/device_manager.c"


def start(boot, logs, ids=devtest.EDU, cpus=2, **options):
    """(machine, its device's QEMU name, its place, its number in the ledger)"""
    devices = Devices()
    name = devices.edu(port=True) if ids is devtest.EDU else devices.add("e1000e", port=True)
    machine = boot(cpus=cpus, devices=devices, package=devtest.package(logs, ids), qtest=True, **options)
    machine.expect(machine.PROMPT)
    bdf = pci.name_of(machine.bdf(name))
    return machine, name, bdf, audit.function_index(machine, bdf)


def must_end(machine, bdf, cause, end="freed", actor=0):
    """The function's teardown had this cause, in all of its records, and ended so."""
    records = [record for record in audit.wait(machine, bdf, end) if record["event"] != "faulted"]
    at = next(number for number, record in enumerate(records) if record["event"] == "revoked")
    teardown = records[at:next(number for number, record in enumerate(records) if record["event"] == end) + 1]
    claim({record["cause"] for record in teardown} == {cause}, f"cause {cause}",
          "\n".join(map(audit.shown, teardown)))
    claim(teardown[0]["pid"] == actor, f"done by {actor}", audit.shown(teardown[0]))
    return teardown


def after(machine, index, works=True):
    """The former owner is still there, without its device; and the next can have it, or cannot."""
    claim("devtest" in process_table(machine), "a former owner that lives", machine.tail())
    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES)
    text = machine.shell(f"run manage claim {index}")
    claim(f"claim: {'ok' if works else 'unsupported'}" in text, "a claim" if works else "no claim", text)
    fresh_prompt(machine)
    oracle.inspect(machine)
    machine.halt()


class Transmitter:
    """An e1000e behind its owner's back: it fetches descriptors where it may not read."""

    def __init__(self, machine, name):
        self.machine = machine
        self.config = MMCONFIG + (machine.bdf(name) << 12)
        self.bar = machine.qtest.load(self.config + 0x10) & ~0xF
        self.kicks = 0
        for register, value in ((TDBAL, 0x40000000), (TDBAH, 0), (TDLEN, 16 * RING), (TDH, 0), (TCTL, 2)):
            machine.qtest.store(self.bar + register, value)

    def kick(self):
        self.kicks += 1
        self.machine.qtest.store(self.bar + TDT, self.kicks % RING)

    def may_start(self):
        return self.machine.qtest.load(self.config + 4, 2) & pci.BUS_MASTER != 0


def test_fault_storm(boot, logs):
    """A device that is refused access after access is taken from its owner, and does not go on. Else: it
    faults for ever, and keeps its owner."""
    machine, name, bdf, index = start(boot, logs, E1000E)
    devtest.hold(machine)
    device = Transmitter(machine, name)
    limit = time.monotonic() + machine.deadline.left(30)
    while device.may_start():
        device.kick()
        if time.monotonic() > limit:
            raise Unexpected("a device that is stopped", f"{device.kicks} refused accesses")
    claim(device.kicks >= 32, "a few faults are tolerated", device.kicks)
    must_end(machine, bdf, "faultStorm")
    after(machine, index)


def faults_of_one(machine, name, bdf):
    """Start an owner, and have its device refused twenty times, unless it is taken from it before."""
    devtest.hold(machine)
    since = audit.end(machine)
    device = Transmitter(machine, name)
    count = 0
    while count < 20 and device.may_start():
        for _ in range(20 - count):
            device.kick()
        records = audit.of(audit.read(machine, since), bdf)
        count = len([record for record in records if record["event"] == "faulted"])


def stretch_window(machine, bdf):
    """The time in which refused accesses are counted together does not end: a host may be slow."""
    state = oracle.settle(machine)
    functions = state.variable("device_functions")
    record = next(functions[index] for index in range(int(state.variable("ledger", MANAGER).function_count))
                  if int(functions[index].source) == bdf)
    machine.ram.write(state.physical(record.watch.window_end_ns.at), (1 << 62).to_bytes(8, "little"))
    machine.qmp.execute("cont")


def test_faults_of_a_former_owner(boot, logs):
    """What a device was refused under one owner is not held against the next: twenty and twenty, within the
    time in which thirty-two are too many. Else: the second owner loses its device."""
    machine, name, bdf, _ = start(boot, logs, E1000E)
    for number in range(2):
        faults_of_one(machine, name, bdf)
        if number == 0:
            stretch_window(machine, machine.bdf(name))
        machine.shell("kill devtest")
        wait_processes(machine, devtest.SERVICES)
    causes = {record["cause"] for record in audit.of(audit.read(machine), bdf) if record["event"] == "revoked"}
    claim(causes == {"killed"}, "owners that were killed", causes)
    machine.halt()


def test_fatal_error(boot, logs):
    """A fatal error of a device ends its owner's authority, by a reset of the function or its link; one
    that is not fatal is only told. Else: another cause, or none."""
    machine, name, bdf, index = start(boot, logs, E1000E)
    devtest.hold(machine)
    machine.inject_error(name, "POISON_TLP")
    machine.expect("uncorrectable errors 00001000\r", 10)
    claim("revoked" not in [record["event"] for record in audit.read(machine)], "nothing", machine.tail())
    machine.inject_error(name, "DLP")
    teardown = must_end(machine, bdf, "fatalError")
    claim("reset" in [record["event"] for record in teardown], "a reset", teardown)
    after(machine, index)


def test_error_of_the_port(boot, logs):
    """A fatal error of a port ends the authority over what is behind it. Else: an owner that keeps it."""
    machine, name, bdf, index = start(boot, logs)
    devtest.hold(machine)
    machine.inject_error(machine.devices.ports[name], "DLP")
    must_end(machine, bdf, "fatalError")
    after(machine, index)


def test_fatal_error_of_a_disk(boot, logs):
    """Behind a fatal error the device's own registers are not believed: the function is reset as a whole.
    Else: a reset by the first rung."""
    machine, devices, _ = disks.start(boot, logs, aer="on")
    bdf = pci.name_of(machine.bdf(devices.names[0]))
    machine.inject_error(devices.names[0], "DLP")
    teardown = must_end(machine, bdf, "fatalError")
    rungs = [record["detail"] for record in teardown if record["event"] == "reset"]
    claim(len(rungs) == 1 and rungs[0] > 0, "a reset of the whole function", rungs)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    machine.halt()


def test_unplugged_while_disabled(boot, logs):
    """A function that is disabled when its slot lets it go stays absent when somebody enables it. Else:
    enabled, and refused by luck alone."""
    machine, name, bdf, index = start(boot, logs, extra=NATIVE)
    claim("manage: ok" in machine.shell(f"run manage disable {index}"), "disabled", machine.tail())
    machine.unplug(name)
    machine.wait_unplugged(name, 30)
    machine.expect("can be removed", 10)
    fresh_prompt(machine)
    at = audit.end(machine)
    machine.shell(f"run manage enable {index}")
    claim(audit.read(machine, at) == [], "nothing that was enabled", machine.tail())
    row = disks.device_row(machine, bdf)
    claim(row[-1] == "absent", "a function that is absent", row)
    claim("claim: unsupported" in machine.shell(f"run manage claim {index}"), "no claim", machine.tail())
    machine.halt()


def test_vanished_unowned(boot, logs):
    """A function that went while nobody had it is refused as absent by the next claim, and stays so.
    Else: another reason."""
    machine, name, bdf, index = start(boot, logs)
    port = MMCONFIG + (machine.bdf(machine.devices.ports[name]) << 12)
    machine.qtest.store(port + PRIMARY_BUSES, 0)
    claim("claim: unsupported" in machine.shell(f"run manage claim {index}"), "no claim", machine.tail())
    row = disks.device_row(machine, bdf)
    claim(row[-1] == "absent", "a function that is absent", row)
    machine.halt()


@pytest.mark.parametrize("owned", [True, False], ids=["owned", "unowned"])
def test_unplugged(boot, logs, owned):
    """The slot's button has the device taken from its owner, with a transfer under way; then its power goes
    off and QEMU lets it go. Nobody can claim it any more. Else: a device that stays, or a claim."""
    machine, name, bdf, index = start(boot, logs, extra=NATIVE)
    if owned:
        devtest.hold(machine)
    machine.unplug(name)
    machine.wait_unplugged(name, 30)
    machine.expect("can be removed", 10)
    fresh_prompt(machine)
    if owned:
        must_end(machine, bdf, "ejected")
    row = disks.device_row(machine, bdf)
    claim(row[-1] == "absent", "a function that is absent", row)
    if owned:
        after(machine, index, works=False)
    else:
        records = audit.of_owners(audit.read(machine))
        claim(records == [], "no record", records)
        machine.halt()


def test_disk_unplugged_under_load(boot, logs):
    """A disk that is removed in the middle of its clients' work takes nobody with it: its driver and the
    clients hear of it, and the rest goes on. Else: no removal, a panic, or services that do not answer."""
    machine, devices, _ = disks.start(boot, logs, machine={"extra": NATIVE}, limit=50)
    bdf = pci.name_of(machine.bdf(devices.names[0]))
    disks.background(machine, "blktest depth 16 load 100000")
    machine.unplug(devices.names[0])
    machine.wait_unplugged(devices.names[0], 30)
    must_end(machine, bdf, "ejected")
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    oracle.inspect(machine)
    machine.halt()


def test_vanished(boot, logs):
    """A device whose configuration space reads as all ones is gone: its owner loses it, and nobody waits
    for its reset. Else: an owner that keeps what is not there."""
    machine, name, bdf, index = start(boot, logs, cpus=1, icount=0)  # its clock stands still when the host is busy
    devtest.hold(machine)
    port = MMCONFIG + (machine.bdf(machine.devices.ports[name]) << 12)
    machine.qtest.store(port + PRIMARY_BUSES, 0)  # no bus leads there any more
    teardown = must_end(machine, bdf, "vanished")
    claim("reset" not in [record["event"] for record in teardown], "no reset", teardown)
    took = teardown[-1]["nanoseconds"] - teardown[0]["nanoseconds"]
    claim(took < 10**9, "less than a second", took)
    row = disks.device_row(machine, bdf)
    claim(row[-1] == "absent", "a function that is absent", row)
    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES)
    claim("claim: unsupported" in machine.shell(f"run manage claim {index}"), "no claim", machine.tail())
    machine.halt()


def test_waiter_wakes(boot, logs):
    """A thread that waits for an interrupt without a deadline is woken when the device is taken away, and
    told so. Else: it waits for ever."""
    machine, _, bdf, index = start(boot, logs)
    machine.write("run devtest wait &\r")
    machine.expect("devtest: waiting for an interrupt")
    fresh_prompt(machine)
    machine.write(f"run manage revoke {index}\r")
    machine.expect("devtest: woken: stale", 20)
    fresh_prompt(machine)
    audit.wait(machine, bdf, "freed")
    wait_processes(machine, devtest.SERVICES, 20)
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.deadline(150)
@pytest.mark.parametrize("kernel", ["kernel", "kernel-debug"])
def test_triggers_race(boot, logs, kernel):
    """On four CPUs, revocations, kills, exits and the slot's own errors hit one device at the same time, over
    and over: each owner is torn down once, every claim has an end, and nothing is left. Else: two
    teardowns of one claim, one that does not end, or a difference to before."""
    machine, name, bdf, index = start(boot, logs, cpus=4, kernel=f"build/{kernel}/capos.elf")
    devtest.run(machine, "release")
    wait_processes(machine, devtest.SERVICES)
    before = oracle.Snapshot(machine)
    port = machine.devices.ports[name]
    machine.write(f"run manage harass {index} &\r")
    machine.expect("manage: harassing")
    rounds = 0
    while "manage: taken back" not in machine.output:
        machine.write("run devtest load &\r")
        fresh_prompt(machine)
        if rounds % 3 == 0:
            machine.inject_error(port, "DLP")
        machine.shell("kill devtest")
        fresh_prompt(machine)
        rounds += 1
    fresh_prompt(machine)
    taken = int(re.search(r"manage: taken back (\d+) times", machine.output).group(1))
    wait_processes(machine, devtest.SERVICES, 20)
    records = audit.of(audit.read(machine), bdf)
    events = [record["event"] for record in records if record["event"] in ("claimed", "revoked", "freed")]
    events = events[events.index("claimed"):]
    claim(events == ["claimed", "revoked", "freed"] * (len(events) // 3), "claims that end once each", events)
    causes = {record["cause"] for record in records if record["event"] == "revoked"}
    claim(taken > 0 and "revoked" in causes and len(causes) > 1, "several causes", (taken, causes))
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()
