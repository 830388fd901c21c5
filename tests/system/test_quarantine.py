# SPDX-License-Identifier: MIT
"""Devices that nobody has seen come to rest: what they may still reach is set aside, and counted."""

import re

import audit
import devtest
import disks
import oracle
import pytest
from harness import Devices
from oracle import pci
from outside_edu import OutsideEdu
from quarantine import break_unit, lost_frames, silence_unit
from shell import claim, fresh_prompt, process_table, wait_processes

CACHE_LINE_SIZE = 0x0C


def test_unit_dies_before_the_first_map(boot, logs):
    """An owner's first map on an IOMMU that has stopped answering takes the device back in that same call:
    its bus mastering stays off, in quarantine as well. Else: a record that it was activated after it was
    revoked, or a device in quarantine that masters the bus."""
    machine, devices = devtest.start(boot, logs)
    edu = OutsideEdu(machine, devices.names[0])
    machine.write("run devtest late &\r")
    machine.expect("devtest: waiting")
    fresh_prompt(machine)
    break_unit(machine)
    machine.qtest.store(edu.config + CACHE_LINE_SIZE, 8, 1)
    machine.expect(re.compile(r"nobody has seen it come to rest"), 20)
    fresh_prompt(machine)
    row = disks.device_row(machine, pci.name_of(edu.bdf))
    claim(row[4] == "quarantined", "quarantine", row)
    command = machine.qtest.load(edu.config + 4, 2)
    claim(not command & pci.BUS_MASTER, "no bus master", f"command {command:#x}")
    events = [record["event"] for record in audit.of(audit.read(machine), row[1])]
    claim("revoked" in events and "activated" not in events, "a device that was never started", events)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    machine.halt()


def at_silence(boot, logs, life, *more):
    """A machine with an edu for each grant, on which an owner gives buffers back as soon as the IOMMU says nothing
    any more."""
    package = devtest.package(logs, devtest.EDU, pool_pages=2000, base=devtest.Package())
    program = package.programs["devtest"]
    program["budget"] |= {"capSlots": 2000, "objects": 2000}
    own = program["grants"][-1]
    program["grants"] += [{"name": name, "source": {"device": {**own["source"]["device"], "nth": nth}}}
                          for nth, name in enumerate(more, 1)]
    devices = Devices()
    for _ in range(1 + len(more)):
        devices.edu()
    machine = boot(devices=devices, package=package.write(logs), qtest=True)
    machine.expect(machine.PROMPT)
    edus = [OutsideEdu(machine, name) for name in devices.names]
    machine.write(f"run devtest {life} &\r")
    machine.expect("devtest: waiting", 60)
    fresh_prompt(machine)
    silence_unit(machine)
    machine.qtest.store(edus[0].config + CACHE_LINE_SIZE, 8, 1)
    for edu in edus:
        audit.wait(machine, pci.name_of(edu.bdf), "quarantined", seconds=60)
    wait_processes(machine, devtest.SERVICES | {"quarantine"}, 60)
    return machine


def end_silence(machine):
    """Compare all, for which the oracle asks the IOMMU where its queue is."""
    fresh_prompt(machine)
    silence_unit(machine, False)
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.deadline(120)
def test_unit_is_silent(boot, logs):
    """An owner gives 1,500 buffers back to an IOMMU that says nothing any more, and is gone. All of these operations
    fail, one after the other; the tables that they were to give back become quarantine's with the rest, and nothing
    keeps the owner. Else: a process that is gone, and charged for a table."""
    machine = at_silence(boot, logs, "silent")
    functions, pages, frames = lost_frames(machine)
    claim((functions, pages) == (1, 1500) and 8 <= frames <= 16, "1,500 buffers of a page, and their tables",
          (functions, pages, frames))
    end_silence(machine)


@pytest.mark.deadline(120)
def test_last_answer_is_late(boot, logs):
    """Of a device's two buffers one is given back to a silent IOMMU before 1,500 of another device, and one behind
    them. The first failure takes the device back; what it leaves is not handed over before the last one of its
    operations has failed, too. Else: a panic, for the operation is under way on tables that change hands."""
    machine = at_silence(boot, logs, "behind", "other")
    functions, pages, frames = lost_frames(machine)
    claim((functions, pages) == (2, 1502) and 12 <= frames <= 24, "1,502 buffers of a page, and their tables",
          (functions, pages, frames))
    end_silence(machine)


def start(boot, logs, port):
    """(machine, edu, its place, its number in the ledger)"""
    devices = Devices()
    devices.edu(port=port)
    machine = boot(devices=devices, package=devtest.package(logs, devtest.EDU), qtest=True)
    machine.expect(machine.PROMPT)
    edu = OutsideEdu(machine, devices.names[0])
    bdf = pci.name_of(edu.bdf)
    return machine, edu, bdf, audit.function_index(machine, bdf)


def into_quarantine(machine, bdf):
    """An owner that holds four pages for its device, on an IOMMU that stops answering, and is killed."""
    iova = devtest.hold(machine)
    break_unit(machine)
    machine.shell("kill devtest")
    audit.wait(machine, bdf, "quarantined")
    wait_processes(machine, devtest.SERVICES | {"quarantine"}, 20)
    return iova


@pytest.mark.parametrize("port", [True, False], ids=["reset", "no-reset"])
def test_quarantine(boot, logs, port):
    """What a device may still reach when its owner is gone is charged to an account of the kernel's own,
    counted and shown, and no process is left. It is given back when a reset of the whole function has
    been seen, and not before; a device that cannot be reset stays. Else: pages that are free while a
    device may reach them, a process that never goes, or a difference to before."""
    machine, _, bdf, index = start(boot, logs, port)
    devtest.run(machine, "release")
    wait_processes(machine, devtest.SERVICES)
    before = oracle.Snapshot(machine)
    iova = into_quarantine(machine, bdf)
    functions, pages, frames = lost_frames(machine)
    claim((functions, pages) == (1, 4) and 8 <= frames <= 16, "one function, 4 pages, and their tables",
          (functions, pages, frames))
    row = process_table(machine)["quarantine"]
    claim(row["frames"] == (frames, frames), "an account that is charged for them", row)
    claim(f"{iova:x}" in machine.shell("dma"), "the buffer in the list", machine.tail())
    claim("claim: unsupported" in machine.shell(f"run manage claim {index}"), "no claim", machine.tail())
    fresh_prompt(machine)
    oracle.inspect(machine)

    at = audit.end(machine)
    text = machine.shell(f"run manage reset {index}", 30)
    records = audit.read(machine, at)
    if port:
        claim("manage: ok, free" in text, "a way out", text)
        claim([record["event"] for record in records] ==
              ["recovering", "reset", "routeReleased", "bufferUnmapped", "recovered"], "the way out",
              "\n".join(map(audit.shown, records)))
        wait_processes(machine, devtest.SERVICES)
        claim(lost_frames(machine) == (0, 0, 0), "nothing in quarantine", machine.tail())
        oracle.Snapshot(machine).must_equal(before)
        # Without an IOMMU it can have no owner, though.
        claim("claim: unsupported" in machine.shell(f"run manage claim {index}"), "no claim", machine.tail())
    else:
        claim("manage: ok, quarantined" in text, "no way out", text)
        claim([record["event"] for record in records] == ["recovering"], "no more than a try",
              "\n".join(map(audit.shown, records)))
        claim(lost_frames(machine) == (functions, pages, frames), "all of it", machine.tail())
        fresh_prompt(machine)
        oracle.inspect(machine)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    machine.halt()


def test_owner_lives_on(boot, logs):
    """An owner whose device ends in quarantine keeps its memory while it lives; its end hands it over. Else:
    memory that is charged to nobody, or freed."""
    machine, _, bdf, index = start(boot, logs, True)
    devtest.hold(machine)
    break_unit(machine)
    claim("manage: ok, quarantined" in machine.shell(f"run manage revoke {index}"), "quarantine",
          machine.tail())
    _, pages, tables = lost_frames(machine)
    claim(pages == 4 and 0 < tables < 8, "the IOMMU's tables alone", (pages, tables))
    fresh_prompt(machine)
    oracle.inspect(machine)
    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES | {"quarantine"}, 20)
    frames = lost_frames(machine)[2]
    claim(frames >= tables + 4, "and then the memory", (tables, frames))
    fresh_prompt(machine)
    oracle.inspect(machine)
    claim("manage: ok, free" in machine.shell(f"run manage reset {index}", 30), "a way out", machine.tail())
    wait_processes(machine, devtest.SERVICES)
    fresh_prompt(machine)
    oracle.inspect(machine)
    machine.halt()


def test_former_owner_dies_first(boot, logs):
    """An interrupt that stayed with who has handed the claim on, and has died since, goes into quarantine with
    the function; nothing keeps either process after that. Else: a process that is gone, and in the list."""
    machine, _, bdf, _ = start(boot, logs, True)
    machine.write("run devtest parted &\r")
    machine.expect("devtest: parted\r", 20)
    fresh_prompt(machine)
    break_unit(machine)
    machine.shell("kill devtest")
    audit.wait(machine, bdf, "quarantined")
    wait_processes(machine, devtest.SERVICES | {"quarantine"}, 20)
    fresh_prompt(machine)
    oracle.inspect(machine)
    machine.halt()


def test_its_place_among_processes(boot, logs):
    """Processes are listed by number, quarantine as well when it is needed again after others were started.
    Else: it stands behind them, and who reads the list page by page gets there again and again."""
    devices = Devices()
    names = [devices.edu(port=True) for _ in range(2)]
    package = devtest.package(logs, devtest.EDU, base=devtest.Package())
    devtest.package(logs, devtest.EDU, "devtest-b", base=package)
    package.programs["devtest-b"]["grants"][-1]["source"]["device"]["nth"] = 1
    machine = boot(devices=devices, package=package.write(logs), qtest=True)
    machine.expect(machine.PROMPT)
    places = [pci.name_of(machine.bdf(name)) for name in names]
    devtest.hold(machine)
    machine.write("run devtest-b hold &\r")
    machine.expect("devtest: holding")
    fresh_prompt(machine)
    break_unit(machine)
    machine.shell("kill devtest")
    audit.wait(machine, places[0], "quarantined")
    machine.shell(f"run manage reset {audit.function_index(machine, places[0])}", 30)
    wait_processes(machine, devtest.SERVICES | {"devtest-b"})
    machine.write("run hostile child race spin &\r")
    machine.expect("hostile: process")
    fresh_prompt(machine)
    machine.shell("kill devtest-b")
    audit.wait(machine, places[1], "quarantined")
    wait_processes(machine, devtest.SERVICES | {"quarantine", "hostile"}, 20)
    numbers = [row["pid"] for row in process_table(machine).values()]
    claim(numbers == sorted(numbers), "processes by number", numbers)
    machine.shell("kill hostile")
    machine.halt()


def test_too_much_is_lost(boot, logs):
    """When a sixteenth of memory is in quarantine, claims are refused for that reason; the rest of the system
    has what is left. Else: a claim that is refused for another reason, or a machine that runs out."""
    devices = Devices()
    devices.edu()
    devices.edu()
    package = devtest.package(logs, devtest.EDU, base=devtest.Package())
    package.programs["devtest"]["budget"]["frames"] = 1600
    machine = boot(devices=devices, memory="64M", package=package.write(logs), qtest=True)
    machine.expect(machine.PROMPT)
    bdf = pci.name_of(machine.bdf(devices.names[0]))
    index = audit.function_index(machine, bdf)
    machine.write("run devtest hoard &\r")
    machine.expect("devtest: hoarding", 20)
    fresh_prompt(machine)
    break_unit(machine)
    machine.shell("kill devtest")
    audit.wait(machine, bdf, "quarantined")
    wait_processes(machine, devtest.SERVICES | {"quarantine"}, 20)
    functions, pages, frames = lost_frames(machine)
    claim((functions, pages) == (1, 1) and 1200 < frames < 1230, "all of the memory", (functions, pages, frames))
    claim("claim: unsupported" in machine.shell(f"run manage claim {index}"), "no claim of that one",
          machine.tail())
    other = audit.function_index(machine, pci.name_of(machine.bdf(devices.names[1])))
    claim("claim: overBudget" in machine.shell(f"run manage claim {other}"), "no claim of any",
          machine.tail())
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    oracle.inspect(machine)
    machine.halt()
