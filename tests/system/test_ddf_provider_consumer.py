# SPDX-License-Identifier: MIT
"""Gate run-ddf-provider-consumer: a driver process and its client, through nothing but the capabilities
that the manifest gives them, with the driver's teardown in the middle."""

import re
import time
from collections import Counter

import disks
import oracle
import pytest
from oracle import pci
from shell import claim, fresh_prompt, process_table, wait_processes, wait_said

RUNNING = disks.SERVICES | {disks.DRIVER}
WRITING = 64  # requests of a session, of which half are reads or without an answer: the others were answered


# What a driver needs to be one, and what every process has.
COMMON = {"factory", "virtual_memory", "console", "timer"}
DRIVERS = COMMON | {"device_mmio", "interrupt", "dma_pool", "dma_buffer", "memory", "endpoint",
                    "notification", "signaller"}
CLIENTS = COMMON | {"endpoint_client", "memory", "notification", "signaller"}


def held(state, name):
    """Counter of the kinds of a process's capabilities."""
    process, = (process for process in state.processes if process.name == name)
    return Counter(capability.kind for capability in process.capabilities)


def test_authority(boot, logs):
    """The driver holds one device's registers, one interrupt and one pool, and nothing else that reaches
    beyond its own memory and its clients; its client holds nothing of the device. Else: what is held."""
    machine, devices, _ = disks.start(boot, logs, limit=20)
    disks.background(machine, "blktest depth 16 load 100000")
    disks.wait_taken(machine, devices.names[0], 16)
    state = oracle.settle(machine)
    driver, client = held(state, disks.DRIVER), held(state, "blktest")
    for kind in ("device_mmio", "interrupt", "dma_pool"):
        claim(driver[kind] == 1, f"one {kind}", driver)
    claim(set(driver) <= DRIVERS, f"of a driver's only {DRIVERS}", driver)
    claim(set(client) <= CLIENTS and client["endpoint_client"] >= 1, f"of a client's only {CLIENTS}", client)
    claim(oracle.complaints(state) == [], "no complaints", "\n".join(oracle.complaints(state)))
    machine.qmp.execute("cont")


@pytest.mark.deadline(120)
@pytest.mark.parametrize("cpus", [1, 2])
def test_teardown_in_the_middle(boot, logs, cpus):
    """A client writes with 16 requests in flight; its driver is killed. Each request that has no answer
    ends with `gone` within seconds; without the driver the oracle finds the same machine each time,
    and the device free. A new driver serves the same client through the same client end, and all that
    was acknowledged is on the disk. Else: a claim of blktest's that fails, no answer, a difference."""
    machine, devices, path = disks.start(boot, logs, machine={"cpus": cpus})
    bdf = pci.name_of(machine.bdf(devices.names[0]))
    ends, before = 4, None
    disks.background(machine, f"blktest outlive {ends}")
    for end in range(ends):
        wait_said(machine, f"blktest: session {end + 1}")
        disks.wait_taken(machine, devices.names[0], WRITING)
        time.sleep(0.07 * end)
        fresh_prompt(machine)
        machine.write(f"kill {disks.DRIVER}\r")
        match = machine.expect(re.compile(r"gone after (\d+) writes, (\d+) without an answer"), 5)
        claim(int(match.group(1)) > 0, "writes before the end", match.group())
        fresh_prompt(machine)
        wait_processes(machine, disks.SERVICES | {"blktest"})
        claim(disks.device_row(machine, bdf)[4] == "free", "a free function", machine.tail())
        after = oracle.Snapshot(machine)
        if before is not None:
            after.must_equal(before)
        before = after
        disks.background(machine, disks.DRIVER)
    wait_said(machine, " claims failed", seconds=20)
    disks.must_pass(machine.output)
    claim(machine.output.count("PASS what was acknowledged is on the disk") == ends + 1,
          "every time a look at the disk", machine.tail(30))
    fresh_prompt(machine)
    wait_processes(machine, RUNNING)
    oracle.inspect(machine)
    disks.run(machine, "basic")
    machine.halt()


def test_client_beside_others(boot, logs):
    """The driver's death is an error of its own clients alone: other services answer while it is away,
    and a disk that is not served is refused at once. Else: a command that hangs, or another message."""
    machine, _, _ = disks.start(boot, logs)
    disks.kill(machine)
    claim("nobody serves" in machine.shell("blk info", 2), "a refusal", machine.tail())
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    claim(disks.SERVICES == set(process_table(machine)), "the services", process_table(machine))
    disks.background(machine, disks.DRIVER)
    disks.wait_served(machine)
    claim(disks.read(machine, 512, 16) == b"0000000000000001", "bytes of sector 1", machine.tail())
    machine.halt()
