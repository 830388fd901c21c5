# SPDX-License-Identifier: MIT
"""The gate run-hardware-audit: everything that happens to a device's authority is in the audit log, once,
in its order, with who did it, to what, and why. Whole sequences, by record."""

import json
import pathlib
import re
import subprocess

import audit
import devtest
import pytest
from harness import Devices
from oracle import pci
from outside_edu import OutsideEdu
from packages import Package
from shell import claim, fresh_prompt, process_table, wait_processes

INIT, KERNEL = 1, 0
BUS_RUNG = 3  # of the reset ladder
NOWHERE = {"function": -1, "bdf": "-", "ownerPid": 0, "generation": 0}
KEPT = 1024
EACH = 16  # refusals of a class that have a record each
NO_METHOD = 99
# Methods by their numbers in the schema.
INFO, MAP, READ = 0, 1, 2  # of DeviceMmio
BIND, UNMASK, INTERRUPT_INFO = 0, 1, 3
POOL_MAP, POOL_INFO = 0, 1
SPACE_MAP, ENDPOINT_MINT, NOTIFICATION_MINT, TIMER_ARM, SPAWN = 0, 0, 1, 1, 0
BUFFER_INFO = 1
FUNCTIONS, CLAIM, REVOKE, RESET = 0, 1, 3, 4  # of DeviceManager
TABLES, READ_MEMORY, WRITE_MEMORY, READ_PORT, WRITE_PORT, READ_CONFIG, SOFT_OFF = range(1, 8)  # of AcpiFirmware


def start(boot, logs, port=True, cpus=2):
    """(machine, edu, its place, its number in the ledger). Behind a port of its own it can be reset."""
    devices = Devices()
    devices.edu(port=port)
    machine = boot(cpus=cpus, devices=devices, package=devtest.package(logs, devtest.EDU), qtest=True)
    machine.expect(machine.PROMPT)
    edu = OutsideEdu(machine, devices.names[0])
    bdf = pci.name_of(edu.bdf)
    return machine, edu, bdf, audit.function_index(machine, bdf)


def pid_of(machine, name="devtest"):
    return process_table(machine)[name]["pid"]


def granted(generation, pid, first=True):
    """What init's claim and the gift to a program leave behind."""
    whose = {"generation": generation, "status": "ok", "cause": "none"}
    return [
        ("claimed", {**whose, "pid": INIT, "ownerPid": INIT, "kind": "deviceMmio",
                     "detail": devtest.POOL_PAGES}),
        ("routeMade", {**whose, "pid": INIT, "ownerPid": INIT, "kind": "interrupt", "detail": 0}),
        ("moved", {**whose, "pid": INIT, "ownerPid": pid, "detail": INIT}),
    ]


def in_use(generation, pid, iova):
    """What `devtest hold` does then."""
    whose = {"generation": generation, "status": "ok", "cause": "none", "pid": pid, "ownerPid": pid}
    return [
        ("mmioMapped", {**whose, "kind": "deviceMmio", "detail": 0}),
        ("bufferMapped", {**whose, "kind": "dmaBuffer", "detail": iova}),
        ("activated", {**whose, "detail": 0}),
    ]


def torn_down(generation, pid, iova, cause, actor, reset=True):
    """A teardown of all that. `generation` is the one that it begins with."""
    whose = {"generation": generation, "status": "ok", "ownerPid": pid, "cause": cause}
    return [
        ("revoked", {**whose, "pid": actor}),
        # CPUs forget the registers while the interrupt's way is taken apart; and an owner that ends gives
        # its buffers up by itself meanwhile.
        [("mmioUnmapped", {**whose, "detail": 1}), ("routeReleased", {**whose, "kind": "interrupt"}),
         ("bufferUnmapped", {**whose, "kind": "dmaBuffer", "detail": iova}),
         *([("reset", {**whose, "pid": KERNEL, "detail": BUS_RUNG})] if reset else [])],
        ("freed", {**whose, "pid": KERNEL}),
    ]


def must_be_reset_last(records):
    """The device is reset when nobody can use its registers and no interrupt of it can arrive."""
    events = [record["event"] for record in records]
    claim(max(events.index("mmioUnmapped"), events.index("routeReleased")) < events.index("reset"),
          "the reset behind them", events)


def test_whole_life(boot, logs):
    """Grant, use, refusals, revocation by a holder of the DeviceManager, teardown, reset, and the next
    owner: these records and no others, and the last owner's handles are refused. Else: the first record
    that is another one."""
    machine, _, bdf, index = start(boot, logs)
    claim(audit.read(machine) == [], "an empty log", "records")
    iova = devtest.hold(machine)
    pid = pid_of(machine)
    records = audit.read(machine)
    audit.must_be(records, granted(1, pid) + in_use(1, pid, iova))
    names = {(record["object"], record["objectGeneration"]) for record in records if record["object"]}
    claim(len(names) == 3, "registers, interrupt and buffer are three objects", names)
    at = len(records)

    text = machine.shell("run devtest next")
    claim("cannot be claimed" in text, "no second owner", text)
    text = machine.shell(f"run manage stale {index}")
    claim("manage: 0 of what is stale was done" in text, "refusals of what is stale", text)
    manager = int(re.search(r"pid\":(\d+)", machine.shell(f"audit {at} -j")).group(1))
    stale = [("refused", {"status": "stale", "pid": manager, "ownerPid": pid, "cause": "none",
                          "detail": detail & (1 << 64) - 1, "function": index, "generation": 1,
                          "kind": "deviceManager", "operation": "call", "method": method, "count": count})
             for count, (detail, method) in enumerate(zip((0, 0, 0, 0, 2, 2, -1, -1), (REVOKE, RESET) * 4), 1)]
    nowhere = [("refused", {**NOWHERE, "status": "notFound", "pid": manager, "detail": 0xFFFFFFFF,
                            "method": REVOKE + nth, "count": nth + 1}) for nth in range(4)]
    refused = audit.read(machine, at)
    audit.must_be(refused, stale + nowhere)
    at += len(refused)

    text = machine.shell(f"run manage revoke {index}")
    claim("manage: ok, free" in text, "a function that is free when revoke returns", text)
    records = audit.read(machine, at)
    audit.must_be(records, torn_down(2, pid, iova, "revoked", records[0]["pid"]))
    must_be_reset_last(records)
    claim(records[0]["pid"] not in (INIT, pid), "the manager's pid", records[0])
    at += len(records)

    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES)
    claim(audit.read(machine, at) == [], "no record of an end without authority", audit.read(machine, at))
    second = devtest.hold(machine)
    claim(second > iova, "an address that was never given out", hex(second))
    pid = pid_of(machine)
    records = audit.read(machine, at)
    audit.must_be(records, granted(2, pid) + in_use(2, pid, second))
    claim(not {(record["object"], record["objectGeneration"]) for record in records if record["object"]} &
          names, "objects of other generations than the first owner's", records)
    machine.halt()


@pytest.mark.parametrize("life, cause, reset", [("leave", "exited", True), ("crash", "crashed", True),
                                                ("hold", "killed", False)])
def test_ends_of_an_owner(boot, logs, life, cause, reset):
    """An owner that exits, crashes or is killed is torn down in the same steps, and the log says which it
    was; of a device that cannot be reset there is no record that it was. Else: the first other record."""
    machine, _, bdf, _ = start(boot, logs, port=reset)
    machine.write(f"run devtest {life} &\r")
    iova = int(machine.expect(re.compile(r"devtest: holding 0x([0-9a-f]+)\r")).group(1), 16)
    fresh_prompt(machine)
    if life == "hold":
        machine.shell("kill devtest")
    records = audit.wait(machine, bdf, "freed")
    pid = records[2]["ownerPid"]
    audit.must_be(records, granted(1, pid) + in_use(1, pid, iova) +
                  torn_down(2, pid, iova, cause, pid, reset))
    if reset:
        must_be_reset_last(records)
    wait_processes(machine, devtest.SERVICES)
    machine.halt()


@pytest.mark.parametrize("action, cause", [("reset", "reset"), ("disable", "disabled")])
def test_reset_and_disable(boot, logs, action, cause):
    """A holder of the DeviceManager can have a function reset or disabled: the same teardown, with that
    cause. A disabled one is refused to everybody until it is enabled. Else: the first other record, or a
    claim that succeeds."""
    machine, _, bdf, index = start(boot, logs)
    iova = devtest.hold(machine)
    pid = pid_of(machine)
    at = audit.end(machine)
    text = machine.shell(f"run manage {action} {index}")
    claim("manage: ok, free" in text, "free", text)
    records = audit.read(machine, at)
    manager = records[0]["pid"]
    words = [("disabled", {"pid": manager, "ownerPid": pid, "generation": 1, "detail": 1})] \
        if action == "disable" else []
    audit.must_be(records, words + torn_down(2, pid, iova, cause, manager))
    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES)
    if action == "disable":
        text = machine.shell("run devtest release")
        claim("cannot be claimed: disabled" in text, "no claim", text)
        text = machine.shell(f"run manage claim {index}")
        claim("claim: unsupported" in text, "no claim without looking either", text)
        at = audit.end(machine)
        claim("manage: ok, free" in machine.shell(f"run manage enable {index}"), "enabled", machine.tail())
        audit.must_be(audit.read(machine, at), [("disabled", {"detail": 0, "ownerPid": KERNEL})])
    devtest.run(machine, "release")
    machine.halt()


def test_refusals_of_an_owner(boot, logs):
    """What its own driver is refused is in the log: copies and moves of a claim, with the receiver's
    number; mappings, registers and configuration beyond what is allowed. Each says which capability.
    Else: a class of refusals without a record."""
    machine, _, bdf, _ = start(boot, logs)
    for trial in ("owner", "window", "config", "pool"):
        devtest.run(machine, trial)
    wait_processes(machine, devtest.SERVICES)
    refused = [record for record in audit.of(audit.read(machine), bdf) if record["event"] == "refused"]
    classes = {(record["kind"], record["status"]) for record in refused}
    expected = {("deviceMmio", "denied"), ("dmaPool", "denied"), ("interrupt", "denied"),
                ("deviceMmio", "busy"), ("deviceMmio", "badRange"), ("deviceMmio", "notFound"),
                ("dmaPool", "badRange"), ("dmaPool", "overBudget"), ("dmaPool", "badMessage")}
    claim(expected <= classes, expected, classes)
    for record in refused:
        claim(record["pid"] and record["ownerPid"] == record["pid"] and record["object"] and
              record["objectGeneration"], "who and which object, in each", audit.shown(record))
    machine.halt()


def test_refused_wait(boot, logs):
    """A WAIT for an interrupt whose claim has gone to somebody else is refused, and in the log as what it
    is: no method. So are questions for what is not there. Else: refusals without a record."""
    machine, _, bdf, _ = start(boot, logs)
    for trial in ("window", "interrupt"):
        devtest.run(machine, trial)
    wait_processes(machine, devtest.SERVICES)
    machine.write("run devtest parted &\r")
    machine.expect("devtest: parted\r", 20)
    claim("FAILED" not in machine.output, "a refusal", machine.tail())
    refused = [(record["kind"], record["status"], record["operation"], record["method"], record["detail"])
               for record in audit.of(audit.read(machine), bdf) if record["event"] == "refused"]
    # Of a BAR that is not there `window` asks for a mapping as well.
    for one in (("interrupt", "stale", "wait", 0, 0), ("interrupt", "badRange", "call", BIND, 0),
                ("deviceMmio", "notFound", "call", INFO, 6), ("deviceMmio", "notFound", "call", MAP, 6)):
        claim(refused.count(one) == 1, one, refused)
    machine.halt()


def refusal(kind, status, count, operation="call", method=0, **more):
    return ("refused", {"kind": kind, "status": status, "count": count, "operation": operation, "method": method,
                        "cause": "none", "detail": 0, **more})


def unknown(pid):
    """Of whatever an id was that its process has given up, and whose place was used again since."""
    return {**NOWHERE, "pid": pid, "object": 0, "objectGeneration": 0}


def misplaced(kind, status, count, detail, operation="call", method=0, **more):
    return ("misplaced", {"kind": kind, "status": status, "count": count, "operation": operation, "method": method,
                          "cause": "none", "detail": detail, **more})


def names_of(records):
    """What the records of an owner's grants say: {kind: (object, its generation)}"""
    return {record["kind"]: {"object": record["object"], "objectGeneration": record["objectGeneration"]}
            for record in records if record["event"] in ("claimed", "routeMade", "moved", "bufferMapped")}


def test_uses_of_what_is_gone(boot, logs):
    """Capabilities whose object was taken back or given up are refused before there is anybody to ask, and
    yet each use is in the log: who, which device, what kind of capability, object and generation as when
    it was granted, the operation, stale. Of an id whose slot holds something else by now it says that it is
    not known what it was, and one that was never given out is not in it. Else: the first other record."""
    machine, _, bdf, index = start(boot, logs)
    machine.write("run devtest gone &\r")
    iova = int(machine.expect(re.compile(r"devtest: mapped 0x([0-9a-f]+)\r"), 20).group(1), 16)
    fresh_prompt(machine)
    pid = pid_of(machine)
    names = names_of(audit.read(machine))
    row = re.search(r"^ *\d+ +\d+ +dmaPool +(\d+)", machine.shell(f"caps {pid}"), re.MULTILINE)
    names["dmaPool"] = {"object": int(row.group(1))}  # no record names it
    machine.write(f"run manage revoke {index}\r")
    machine.expect("devtest: all tried\r", 20)
    wait_processes(machine, devtest.SERVICES)
    claim("FAILED" not in machine.output, "stale, each of them", machine.tail())

    gone = {"pid": pid, "ownerPid": KERNEL, "bdf": bdf, "function": index, "generation": 2}
    mmio, pool, interrupt = ({**gone, **names[kind]} for kind in ("deviceMmio", "dmaPool", "interrupt"))
    left = {"pid": pid, "bdf": bdf, "function": index, "generation": 2, **names["dmaBuffer"], "detail": iova}
    refused = [record for record in audit.read(machine) if record["event"] == "refused"]
    audit.must_be(refused, [
        refusal("deviceMmio", "stale", 1, method=READ, **mmio),
        refusal("deviceMmio", "stale", 2, method=NO_METHOD, **mmio),
        refusal("dmaPool", "stale", 1, method=POOL_MAP, **pool),
        refusal("interrupt", "stale", 1, method=UNMASK, **interrupt),
        refusal("interrupt", "stale", 2, "wait", **interrupt),
        refusal("dmaPool", "stale", 2, "recv", **pool),
        refusal("dmaPool", "stale", 3, "release", **pool),
        refusal("deviceMmio", "stale", 3, "nop", **mmio),
        refusal("dmaBuffer", "stale", 1, method=BUFFER_INFO, **left),
        refusal("deviceMmio", "stale", 4, method=INFO, **mmio),
        refusal("none", "stale", 1, method=INFO, **unknown(pid)),
    ])
    claim(audit.omitted(machine) == 0, "a record for each", machine.tail())
    machine.halt()


def malformed(kind, method, **who):
    """What is wrong whatever the object is, as devtest's malform() tries it."""
    return [
        refusal(kind, "badMethod", 1, method=NO_METHOD, **who),
        *[refusal(kind, "badRequest", nth, method=method, **who) for nth in (1, 2, 3)],
        *[refusal(kind, "badRange", nth, method=method, **who) for nth in (1, 2)],
        refusal(kind, "tooLong", 1, method=method, **who),
        refusal(kind, "wrongType", 1, "recv", **who),
        refusal(kind, "denied", 1, "release", **who),
    ]


def test_malformed_requests(boot, logs):
    """Requests that no object takes are in the log with the device that they were for: methods and flags
    that are none, reserved fields, messages that are not inline, too long or outside their area, answers
    without room, operations of other kinds. Else: the first other record."""
    machine, _, bdf, index = start(boot, logs)
    refused = {}
    for trial in ("malformed", "malformed-rest"):
        at = audit.end(machine)
        devtest.run(machine, trial)
        wait_processes(machine, devtest.SERVICES)
        records = audit.of(audit.read(machine, at), bdf)
        refused[trial] = [record for record in records if record["event"] == "refused"]
        pid = refused[trial][0]["pid"]
        whose = {"pid": pid, "ownerPid": pid, "generation": len(refused), "function": index}
        names = {**names_of(records), "dmaPool": {}}
        if trial == "malformed":
            mmio, pool = ({**whose, **names[kind]} for kind in ("deviceMmio", "dmaPool"))
        else:
            interrupt, buffer = ({**whose, **names[kind]} for kind in ("interrupt", "dmaBuffer"))
    audit.must_be(refused["malformed"], [
        *malformed("deviceMmio", READ, **mmio),
        refusal("deviceMmio", "badMessage", 1, method=READ, **mmio),
        refusal("deviceMmio", "tooLong", 2, method=INFO, **mmio),
        refusal("deviceMmio", "wrongType", 2, "wait", **mmio),
        refusal("deviceMmio", "badRequest", 4, "nop", **mmio),
        *malformed("dmaPool", POOL_INFO, **pool),
        refusal("dmaPool", "badMessage", 1, method=POOL_MAP, **pool),
    ])
    audit.must_be(refused["malformed-rest"], [
        *malformed("interrupt", UNMASK, **interrupt),
        refusal("interrupt", "badMessage", 1, method=BIND, **interrupt),
        refusal("interrupt", "tooLong", 2, method=INTERRUPT_INFO, **interrupt),
        refusal("interrupt", "badRequest", 4, "wait", **interrupt),
        *malformed("dmaBuffer", BUFFER_INFO, **buffer),
    ])
    at = audit.end(machine)
    text = machine.shell(f"run manage malformed {index}", 30)
    claim("FAILED" not in text and "manage: all tried" in text, "refusals", text)
    refused = audit.read(machine, at)
    manager = {**NOWHERE, "pid": refused[0]["pid"], "object": refused[0]["object"],
               "objectGeneration": refused[0]["objectGeneration"]}
    audit.must_be(refused, [
        *malformed("deviceManager", FUNCTIONS, **manager),
        refusal("deviceManager", "badMessage", 1, method=CLAIM, **manager),
        refusal("deviceManager", "tooLong", 2, method=FUNCTIONS, **manager),
        refusal("deviceManager", "stale", 1, method=CLAIM, **manager),
    ])
    claim(manager["object"] and manager["pid"] != pid, "the manager's object", refused[0])
    # The table for people says the same.
    text = machine.shell(f"audit {at}")
    claim(re.search(r" stale deviceManager call 1\r?$", text, re.MULTILINE), "the last one in the table", text)
    machine.halt()


KINDS = {"virtualMemory": 2, "endpoint": 4, "timer": 8, "processSpawner": 10, "interrupt": 17, "dmaPool": 18}
NO_OPERATION, TIMEOUT, CALLS_OF_UNKNOWN = 200, 6, 40  # in user/apps/devtest/misplaced.c


def test_where_capabilities_have_no_place(boot, logs):
    """A capability of a device that is an argument where one of another kind is asked for, or the target of a ring
    entry that has none, is in the log with what it was, who did it, and what it was named to. So are uses
    of ids whose place holds something else, with nothing but that; and neither is of a process that never
    had to do with devices, nor is any capability that is not of a device. Else: the first other record."""
    machine, _, bdf, index = start(boot, logs)
    machine.write("run devtest misplaced &\r")
    machine.expect("devtest: all tried\r", 30)
    fresh_prompt(machine)
    claim("FAILED" not in machine.output, "refusals", machine.tail())
    pid = pid_of(machine)
    rows = re.findall(r"^ *\d+ +\d+ +(\w+) +(\d+)", machine.shell(f"caps {pid}"), re.MULTILINE)
    called = {kind: number << 32 | int([one for name, one in rows if name == kind][-1])  # not the runtime's
              for kind, number in KINDS.items()}
    records = audit.read(machine)
    iova = next(record["detail"] for record in records if record["event"] == "bufferMapped")
    whose = {"pid": pid, "ownerPid": pid, "bdf": bdf, "function": index, "generation": 1}
    names = {**names_of(records), "dmaPool": {"object": called["dmaPool"] & 0xFFFFFFFF}}
    mmio, pool, interrupt, buffer = ({**whose, **names[kind]}
                                     for kind in ("deviceMmio", "dmaPool", "interrupt", "dmaBuffer"))
    no_place = [
        misplaced("dmaBuffer", "wrongType", 1, called["interrupt"], method=BIND, **buffer),
        misplaced("interrupt", "wrongType", 1, called["dmaPool"], method=POOL_MAP, **interrupt),
        misplaced("deviceMmio", "wrongType", 1, called["virtualMemory"], method=SPACE_MAP, **mmio),
        misplaced("dmaPool", "wrongType", 1, called["timer"], method=TIMER_ARM, **pool),
        misplaced("deviceMmio", "wrongType", 2, called["endpoint"], method=ENDPOINT_MINT, **mmio),
        misplaced("dmaBuffer", "wrongType", 2, called["processSpawner"], method=SPAWN, **buffer),
        ("bufferUnmapped", {"detail": iova}),
        misplaced("dmaBuffer", "stale", 1, called["virtualMemory"], method=SPACE_MAP, **{**buffer, "ownerPid": 0}),
        # By the devices' own methods.
        refusal("interrupt", "wrongType", 2, method=BIND, **interrupt),
        refusal("interrupt", "badRange", 1, method=BIND, **interrupt),
        # Of entries of the ring.
        misplaced("deviceMmio", "badRequest", 1, 0, "nop", **mmio),
        misplaced("dmaPool", "badRequest", 1, NO_OPERATION, "nop", **pool),
        misplaced("interrupt", "badRequest", 1, TIMEOUT, "timeout", **interrupt),
        misplaced("dmaBuffer", "badRequest", 1, 0, "nop", **{**buffer, "ownerPid": 0}),
        *[misplaced("interrupt", "badRequest", count, 0, "nop", **interrupt) for count in (2, 3, 4)],
    ]
    lost = unknown(pid)
    given_up = [
        refusal("none", "stale", 1, method=NOTIFICATION_MINT, **lost),
        refusal("none", "stale", 2, "wait", **lost),
        refusal("none", "stale", 3, "release", **lost),
        misplaced("none", "stale", 4, called["virtualMemory"], method=SPACE_MAP, **lost),
        refusal("none", "stale", 5, "nop", **lost),
        refusal("interrupt", "stale", 1, method=BIND, **interrupt),
        *[refusal("none", "stale", count, method=NOTIFICATION_MINT, **lost)
          for count in told(5 + CALLS_OF_UNKNOWN)[5:]],
    ]
    at = next((number for number, record in enumerate(records) if record["event"] == "misplaced"), 0)
    audit.must_be(records[at:], no_place + given_up)
    claim(not [one for one in records[:at] if one["event"] == "refused"], "nothing of the child", records[:at])
    claim(audit.omitted(machine) == CALLS_OF_UNKNOWN - 11, "all others counted", machine.tail())
    # The table for people says the same.
    text = machine.shell("audit")
    claim(re.search(r" misplaced .* badRequest interrupt timeout\r?$", text, re.MULTILINE), "in the table", text)
    machine.halt()


def test_refusals_of_firmware(boot, logs):
    """What the interpreter of firmware's AML is refused is in the log: the method, why, and how many bytes of
    memory (but not which), which port, which function and offset, which sleep types were meant. Else: the
    first other record."""
    package = Package()
    package.programs.pop("acpi", None)
    package.add("acpitest", pathlib.Path("build/package/user/acpitest.elf").read_bytes(), grants=[
        {"name": "console", "source": {"console": None}},
        {"name": "firmware", "source": {"acpiFirmware": None}}])
    machine = boot(package=package.write(logs), boot="pvh")
    machine.expect(machine.PROMPT)
    at = audit.end(machine)
    text = machine.shell("run acpitest refusals")
    claim("acpitest: 16 checks, 0 failed" in text, "refusals", text)
    records = audit.read(machine, at)
    first = records[0]
    whose = {**NOWHERE, **{name: first[name] for name in ("pid", "object", "objectGeneration")}}
    bridge = {"function": audit.function_index(machine, "00:1f.0"), "bdf": "00:1f.0", "generation": 1}

    def refused(status, count, method, detail, **more):
        return refusal("acpiFirmware", status, count, method=method, **{**whose, "detail": detail, **more})
    audit.must_be(records, [
        refused("denied", 1, TABLES, 2048),
        refused("badRange", 1, TABLES, 0),
        refused("denied", 2, READ_MEMORY, 8),
        refused("badRange", 2, READ_MEMORY, 3),
        refused("denied", 3, WRITE_MEMORY, 4),
        refused("badRange", 3, WRITE_MEMORY, 16),
        refused("denied", 4, READ_PORT, 0x60),
        refused("badRange", 4, READ_PORT, 0x608),
        refused("denied", 5, WRITE_PORT, 0xCF9),
        refused("notFound", 1, READ_CONFIG, 0xFFF8),
        refused("notFound", 2, READ_CONFIG, 1 << 16 | 0xF8),
        refused("badRange", 5, READ_CONFIG, 4096, **bridge),
        refused("badRange", 6, SOFT_OFF, 3 << 8 | 8),
        refused("occupied", 1, SOFT_OFF, 5 << 8 | 5),
        refused("badMethod", 1, NO_METHOD, 0),
        refused("stale", 1, 0, 0),
    ])
    claim(first["pid"] and first["object"], "who, and which object", audit.shown(first))
    machine.halt()


def told(total):
    """Which of a class's refusals have records."""
    return [count for count in range(1, total + 1)
            if count <= EACH or (count & (count - 1) == 0 and count.bit_length() % 2 == 1)]


def test_flood(boot, logs):
    """A process that is refused again and again, with everything that it can vary, pushes nobody's records
    out: of each class of its refusals there are the first 16, and then fewer and fewer; from the 16th class
    on they are counted together. Each says how many there were, and at its end there is a record of how many
    have none. Else: records that are lost, or refusals that are not accounted for."""
    machine, _, bdf, index = start(boot, logs)
    devtest.hold(machine)
    pid = pid_of(machine)
    at = audit.end(machine)
    claim("1200 refusals" in machine.shell(f"run manage flood {index}", 30), "1200 refusals", machine.tail())
    wait_processes(machine, devtest.SERVICES | {"devtest"})
    records = audit.read(machine, at)
    manager = {"function": index, "generation": 1, "pid": records[0]["pid"], "ownerPid": pid, "bdf": bdf}
    audit.must_be(records, [
        *[refusal("deviceManager", "stale", count, method=REVOKE, **{**manager, "detail": (1 << 64) - 1})
          for count in told(1200)],
        ("unrecorded", {**NOWHERE, "pid": manager["pid"], "detail": 1200 - len(told(1200)), "kind": "none"})])
    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES)
    before = audit.read(machine)

    machine.write("run devtest flood &\r")
    refusals = int(machine.expect(re.compile(r"devtest: (\d+) refusals\r"), 60).group(1))
    machine.expect("devtest: mapped", 20)
    fresh_prompt(machine)
    pid = pid_of(machine)
    machine.write(f"run manage revoke {index}\r")
    refusals += int(machine.expect(re.compile(r"devtest: (\d+) stale\r"), 60).group(1))
    wait_processes(machine, devtest.SERVICES)
    claim("FAILED" not in machine.output, "refusals", machine.tail())
    claim(refusals == 11000, "5,000 and 6,000 refusals", refusals)
    records = audit.read(machine)
    claim(records[:len(before)] == before and len(records) < KEPT // 2, "all records of others, and few of it",
          len(records))
    refused = [record for record in records if record["event"] == "refused" and record["pid"] == pid]
    classes = {}
    for record in refused:
        one = "others" if record["status"] == "stale" else (record["kind"], record["status"])
        classes.setdefault(one, []).append(record["count"])
    expected = {(kind, status): told(334 if kind == "deviceMmio" else 333)
                for kind in ("deviceMmio", "dmaPool", "interrupt")
                for status in ("badRequest", "denied", "wrongType", "badMethod", "badRange")}
    claim(classes == {**expected, "others": told(6000)}, expected, classes)
    last = [record for record in records if record["event"] == "unrecorded" and record["pid"] == pid]
    claim(len(last) == 1 and last[0]["detail"] == refusals - len(refused), "all others counted", last)
    claim(audit.omitted(machine) == last[0]["detail"] + 1200 - len(told(1200)),
          "and in the log's own number", last)
    machine.halt()


def test_what_the_log_tells(boot, logs):
    """A driver has no part in the log: neither it nor any program but init and the shell has a capability
    for it. Nothing in a record is a kernel address or that of memory. Else: the holder, or the record."""
    machine, edu, bdf, _ = start(boot, logs)
    devtest.hold(machine)
    for name, row in process_table(machine).items():
        kinds = set(re.findall(r"^ *\d+ +\d+ +(\w+)", machine.shell(f"caps {row['pid']}"), re.MULTILINE))
        claim(kinds, f"capabilities of {name}", machine.tail())
        claim(("auditLog" in kinds) == (name in ("init", "shell")), f"{name} without auditLog", kinds)
        claim("diagnostics" not in kinds or name in ("init", "shell"), f"{name} without diagnostics", kinds)
    edu.wait()
    edu.attack(0x123456000)
    audit.wait(machine, bdf, "faulted")
    machine.shell("kill devtest")
    records = audit.wait(machine, bdf, "freed")
    addresses = [record["detail"] for record in records if record["event"] in ("bufferMapped", "faulted")]
    claim(0x123456000 in addresses, "the fault", addresses)
    for record in records:
        for key, value in record.items():
            if isinstance(value, int) and key not in ("nanoseconds", "detail"):
                claim(-1 <= value < 1 << 20, "small numbers", audit.shown(record))
        if record["event"] not in ("bufferMapped", "bufferUnmapped", "faulted"):
            claim(record["detail"] < 1 << 20, "no address", audit.shown(record))
    machine.halt()


def test_exported_on_the_host(boot, logs):
    """tools/audit-export takes from a terminal's text exactly the records that the log had. Else: they
    differ, or a complaint."""
    machine, _, _, _ = start(boot, logs)
    devtest.hold(machine)
    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES)
    records = audit.read(machine)
    machine.halt()
    done = subprocess.run(["tools/audit-export", logs / "serial.log"], capture_output=True, text=True,
                          check=False, timeout=100)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    claim(done.returncode == 0 and len(told) > 8, "many records", done.stderr)
    claim([{**one, "detail": int(one["detail"], 16)} for one in told] == records, records, told)


def test_lost_records_are_counted(boot, logs):
    """The log keeps the last 1,024 records; who comes late is told how many it has missed, and what is
    left is numbered on. Else: a gap, or records that are lost without a word."""
    machine, _, _, index = start(boot, logs)
    claim("1200 changes" in machine.shell(f"run manage churn {index}", 30), "1200 changes", machine.tail())
    devtest.hold(machine)
    count = 1200 + 6
    text = machine.shell("audit", 30)
    lost = int(re.search(r"\((\d+) records are lost\)", text).group(1))
    kept = [line for line in text.splitlines() if re.match(r" *\d+ +\d+\.\d{3} ", line)]
    claim(lost == count - KEPT and len(kept) == KEPT, "1,024 kept, and all others counted", (count, lost))
    claim(int(kept[0].split()[0]) == lost, f"the first has number {lost}", kept[0])
    claim("lost" not in machine.shell(f"audit {lost}"), "nothing lost for who is in time", machine.tail())
    machine.halt()
