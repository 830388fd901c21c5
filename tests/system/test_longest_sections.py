# SPDX-License-Identifier: MIT
"""How long a CPU has interrupts off and holds the kernel lock, at most."""

import json
import pathlib
import re

import audit
import devtest
import pytest
from harness import Devices
from locks import forget_holds, longest_holds
from oracle import pci
from packages import Package
from quarantine import break_unit, lost_frames
from shell import claim, fresh_prompt, process_table, wait_processes

IMAGE = pathlib.Path("build/package/user/longest.elf")
RECORDS = pathlib.Path("build/bench/longest-sections.json")
KERNEL = "build/kernel-lock-times/capos.elf"

# For how many instructions at most a CPU may have interrupts off: half as many again as were seen.
LIMIT = 62_000
WORKS = ["waits", "receives", "calls", "close", "end", "map", "pages", "views", "text", "batch", "meanwhile",
         "within", "letters", "reads"]


@pytest.mark.deadline(240)
def test_longest_sections(boot, logs):
    """An object with 3,840 waiters is revoked, closed or ends, a process with 65 threads and as many
    operations is killed, 4,096 pages are mapped, protected, unmapped and revoked, 500 views are
    revoked, 3.8 KB of text written, 60 objects of 32 pages made in one entry, 3,840 calls meet one
    RECV that has no room for them, as many reads of the console have none for a byte, frames counted: no
    entry holds the lock for longer than the limit, and everybody concerned is told what is right. A
    mapping made with a new capability during a revocation stays. Else: the time, and where the lock was
    taken and given back; or what failed."""
    package = Package()
    for program in package.programs.values():
        if program["start"] == "device":
            program["start"] = "demand"
    package.add("longest", IMAGE.read_bytes(), like="hostile",
                budget={"frames": 24000, "capSlots": 4096, "objects": 8192, "threads": 160})
    machine = boot(cpus=1, icount=0, kernel=KERNEL, package=package.write(logs))
    machine.expect(machine.PROMPT)
    found = {}
    for work in [f"run longest {name}" for name in WORKS] + ["mem", "run demo", "ps"]:
        forget_holds(machine)
        text = machine.shell(work, 90)
        if "longest" in work:
            claim("longest: exit code 0" in text, f"{work}: exit code 0", text[-400:])
        if "meanwhile" in work:
            claim("mapped during a revocation" in text, "a mapping during a revocation", text)
        found[work] = longest_holds(machine)["kernel"]
        claim(0 < found[work][0] <= LIMIT, f"{work}: at most {LIMIT} instructions", found[work])
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.write_text(json.dumps(found, indent=1) + "\n")
    machine.halt()


@pytest.mark.deadline(120)
def test_longest_of_revokers(boot, logs):
    """3,841 revocations of one function wait for its teardown, which a bus reset keeps. All are answered, and no entry
    holds the lock for longer than the limit. Else: the time, and where the lock was taken and given back."""
    devices = Devices()
    devices.edu(port=True)
    package = Package()
    for program in package.programs.values():
        if program["start"] == "device":
            program["start"] = "demand"
    longest = package.add("longest", IMAGE.read_bytes(), like="hostile",
                          budget={"frames": 24000, "capSlots": 1024, "objects": 2048, "threads": 160, "dmaPages": 1,
                                  "mmioPages": 1, "interrupts": 1})
    longest["grants"].append({"name": "deviceManager", "source": {"deviceManager": None}})
    machine = boot(cpus=1, icount=0, kernel=KERNEL, devices=devices, package=package.write(logs))
    machine.expect(machine.PROMPT)
    forget_holds(machine)
    text = machine.shell("run longest revokers", 90)
    hold = longest_holds(machine)["kernel"]
    claim("longest: exit code 0" in text and "ask during the teardown" in text, "all of them answered, at its end", text)
    claim(0 < hold[0] <= LIMIT, f"at most {LIMIT} instructions", hold)
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.with_name("longest-sections-revokers.json").write_text(json.dumps({"run longest revokers": hold}, indent=1) + "\n")
    machine.halt()


@pytest.mark.deadline(120)
def test_longest_of_slots(boot, logs):
    """The capabilities of a process are listed that has had more than 16,000, and kept one in each page of its table: by
    either method the lock is not held for longer than the limit, and all of them are listed. Else: the time; or the list."""
    package = Package("init", "echo", "share", "shell", "hostile")
    package.add("longest", IMAGE.read_bytes(), like="hostile",
                budget={"frames": 4096, "capSlots": 17000, "objects": 17000, "threads": 1})
    machine = boot(cpus=1, icount=0, kernel=KERNEL, package=package.write(logs))
    machine.expect(machine.PROMPT)
    machine.write("run longest slots &\r")
    kept, count = map(int, machine.expect(re.compile(r"longest: (\d+) of (\d+) slots\r"), 60).groups())
    claim(count > 16_000, "a table that was full", count)
    fresh_prompt(machine)
    pid = process_table(machine)["longest"]["pid"]
    found = {}
    for command in ("caps", "report caps"):
        forget_holds(machine)
        text = machine.shell(f"{command} {pid}")
        found[command] = longest_holds(machine)["kernel"]
        listed = len(re.findall(r"^ *\d+ .*notification\b", text, re.MULTILINE))
        claim(listed == kept, f"{command}: {kept} notifications", text)
        claim(0 < found[command][0] <= LIMIT, f"{command}: at most {LIMIT} instructions", found[command])
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.with_name("longest-sections-slots.json").write_text(json.dumps(found, indent=1) + "\n")
    machine.shell("kill longest")
    machine.halt()


PAGES = 3000 + 40 * 512  # that the device may still reach


@pytest.mark.deadline(120)
@pytest.mark.parametrize("life", ["lots", "donor"])
def test_longest_of_quarantine(boot, logs, life):
    """A function with 3,040 buffers, 3,000 pages of memory behind 100 views, and 50 tables ends in quarantine: its
    owner is killed (lots), or who paid for the memory is, and it is revoked meanwhile (donor). No entry holds the
    lock for longer than the limit, all of it is charged to quarantine, and the device can have it no more after a
    reset. Else: the time, and where the lock was taken and given back; or what is charged."""
    devices = Devices()
    name = devices.edu(port=True)
    package = devtest.package(logs, devtest.EDU, pool_pages=24000, base=Package())
    package.programs["devtest"]["budget"] |= {"frames": 6000, "capSlots": 8000, "objects": 8000, "threads": 4,
                                              "dmaPages": 48000}
    machine = boot(cpus=1, icount=0, kernel=KERNEL, devices=devices, package=package.write(logs), qtest=True)
    machine.expect(machine.PROMPT)
    bdf = pci.name_of(machine.bdf(name))
    index = audit.function_index(machine, bdf)
    machine.write(f"run devtest {life} &\r")
    machine.expect("devtest: lots", 60)
    fresh_prompt(machine)
    break_unit(machine)
    forget_holds(machine)
    machine.shell("kill devtest")
    if life == "donor":
        text = machine.shell(f"run manage revoke {index}", 30)
        claim("manage: ok, quarantined" in text, "a function in quarantine", text)
    audit.wait(machine, bdf, "quarantined")
    if life == "lots":
        wait_processes(machine, devtest.SERVICES | {"quarantine"}, 20)
    within = {f"quarantine of {life}": longest_holds(machine)["kernel"]}
    functions, pages, frames = lost_frames(machine)
    claim((functions, pages) == (1, PAGES) and 3050 < frames < 3100, f"one function, {PAGES} pages, 3,000 and their tables",
          (functions, pages, frames))
    forget_holds(machine)
    text = machine.shell(f"run manage reset {index}", 30)
    within[f"recovery of {life}"] = longest_holds(machine)["kernel"]
    claim("manage: ok, free" in text and lost_frames(machine)[:2] == (0, 0), "a way out", text)
    for what, hold in within.items():
        claim(0 < hold[0] <= LIMIT, f"{what}: at most {LIMIT} instructions", within)
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.with_name(f"longest-sections-{life}.json").write_text(json.dumps(within, indent=1) + "\n")
    machine.halt()
