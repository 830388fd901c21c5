# SPDX-License-Identifier: MIT
"""Drivers and clients of a disk that end at any moment: nothing is left of them, and nobody else
notices."""

import os
import random
import re
import time

import disks
import oracle
import pytest
from oracle import pci
from shell import claim, fresh_prompt, process_table, until, wait_processes, wait_said

KILLS = int(os.environ.get("KILLS", "8"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 31)
RUNNING = disks.SERVICES | {disks.DRIVER}


@pytest.mark.deadline(60 + 6 * KILLS)
@pytest.mark.parametrize("cpus", [1, 2, 4] if KILLS < 100 else [2])
def test_driver_killed_under_load(boot, logs, cpus):
    """A driver with a client at 32 requests is killed at a random moment, of its start or of its work:
    the oracle finds the same machine each time, the function free, and the next driver serves. KILLS and
    SEED, from the environment, give the number of times and the moments. Else: the difference."""
    chance = random.Random(SEED)
    print(f"SEED={SEED} KILLS={KILLS}")
    machine, devices, _ = disks.start(boot, logs, machine={"cpus": cpus})
    bdf, before, lengths = pci.name_of(machine.bdf(devices.names[0])), None, []
    disks.kill(machine)
    for _ in range(KILLS):
        disks.background(machine, disks.DRIVER)
        if chance.random() < 0.7:
            disks.wait_served(machine)
            disks.background(machine, "blktest load 1000000")
        time.sleep(chance.uniform(0, 0.25))
        machine.shell(f"kill {disks.DRIVER}")
        fresh_prompt(machine)
        begun = time.monotonic()
        wait_processes(machine, disks.SERVICES, 15)
        lengths.append(time.monotonic() - begun)
        claim(disks.device_row(machine, bdf)[4] == "free", "a free function", machine.tail())
        after = oracle.Snapshot(machine)
        if before is not None:
            after.must_equal(before)
        before = after
    disks.background(machine, disks.DRIVER)
    disks.wait_served(machine)
    disks.run(machine, "basic load 500")
    oracle.inspect(machine)
    print(f"until nothing was left: at most {max(lengths):.2f} s")
    machine.halt()


def test_driver_killed_at_the_prompt(boot, logs):
    """Killing the driver leaves everything else alive; `devices` shows its function free, and `run` brings
    it back on the same device. Else: a process that is missing, another state, or no disk."""
    machine, devices, _ = disks.start(boot, logs)
    bdf = pci.name_of(machine.bdf(devices.names[0]))
    claim(disks.device_row(machine, bdf)[4:7:2] == ["active", disks.DRIVER], "active, of virtio-blk", machine.tail())
    pids = {name: row["pid"] for name, row in process_table(machine).items()}
    for _ in range(3):
        disks.kill(machine)
        row = disks.device_row(machine, bdf)
        claim(row[4:] == ["free", "-", "-"], "free, of nobody", row)
        claim("no routes" in machine.shell("irqs") and bdf not in machine.shell("dma"), "no route and no buffer",
              machine.tail())
        claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
        now = {name: row["pid"] for name, row in process_table(machine).items()}
        claim({name: pids[name] for name in disks.SERVICES} == now, "all others, the same", now)
        disks.background(machine, disks.DRIVER)
        disks.wait_served(machine)
        claim(disks.device_row(machine, bdf)[4] == "active", "active again", machine.tail())
        disks.run(machine, "basic")
    machine.halt()


@pytest.mark.parametrize("end", ["die", "kill"])
def test_client_killed_in_flight(boot, logs, end):
    """A client that ends with requests in flight leaves its pages pinned, and reachable by the device,
    until the device has answered; then everything is as before. The driver serves others meanwhile. Else:
    a frame that is free while the device reaches it, or a difference at the end."""
    machine, devices, _ = disks.start(boot, logs, limit=1000)
    oracle.watch(machine)  # the first look reads the kernel's debugging information, which takes long
    before = None
    for _ in range(2):
        disks.wait_served(machine)
        # So slow that some stay in flight while we look, and not so slow that the driver gives the disk up.
        machine.throttle(devices.names[0], requests=1)
        if end == "kill":
            disks.background(machine, "blktest depth 32 load 100000")
            until(machine, "requests in flight", lambda: disks.queue(machine, devices.names[0])["inuse"] >= 16)
            disks.kill_client(machine)
        else:
            machine.write("run blktest die\r")
            machine.expect("blktest: exit with requests in flight")
            fresh_prompt(machine)
        state = oracle.watch(machine, ghosts=("blktest",))
        ghost = [process for process in state.processes if process.name == "blktest"]
        claim(ghost, "the client, not yet gone", [process.name for process in state.processes])
        pinned = {frame for memory in state.memories.values() if memory.pins
                  and state.objects[memory.root].payer == ghost[0].address for frame in memory.frames}
        reach = {leaf.physical // 4096 for leaf in state.hardware.units[0].reach(machine.bdf(devices.names[0]))}
        claim(pinned and pinned <= reach, "the client's pages, pinned and mapped for the device",
              (len(pinned), len(reach)))
        claim("bytes (" in machine.shell("blk info", 5), "a driver that answers", machine.tail())
        machine.throttle(devices.names[0])
        wait_processes(machine, RUNNING, 20)
        after = oracle.Snapshot(machine)
        if before is not None:
            after.must_equal(before)
        before = after
    machine.halt()


def test_hostile_client(boot, logs):
    """Requests that no client may make cost at most the session that they are made in: another client at
    work beside goes on without an error, and the driver serves on. Else: a claim of blktest's, of either."""
    machine, _, _ = disks.start(boot, logs)
    pid = process_table(machine)[disks.DRIVER]["pid"]
    disks.run(machine, "hostile")
    before = oracle.Snapshot(machine)
    machine.write("run blktest load 20000 &\r")
    machine.expect(re.compile(r"blktest: process \d+"))
    fresh_prompt(machine)
    machine.write("run blktest hostile\r")
    # Of the two either may be the first to end.
    wait_said(machine, "PASS a poisoned queue ends its session", 2, 20)
    wait_said(machine, "PASS a good session has lived through all that", 2, 20)
    wait_said(machine, "blktest: 20000 requests, at most 32 at once", seconds=40)
    wait_said(machine, "blktest: 0 claims failed", 3)
    claim("FAIL" not in machine.output, "no claim failed", machine.tail(30))
    wait_processes(machine, RUNNING)
    claim(process_table(machine)[disks.DRIVER]["pid"] == pid, "the same driver", process_table(machine))
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()
