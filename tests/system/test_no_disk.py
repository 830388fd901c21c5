# SPDX-License-Identifier: MIT
"""A machine without disks: everything else works, and what is missing is said at once."""

import re
import time

from harness import Machine
from harness.deadline import PATIENCE
from packages import Package
from shell import claim, ended, process_table

ANSWER_S = 10 * PATIENCE


def test_no_disk(boot):
    """A program whose device is not there is left out of the boot without a word; its clients start, and
    their calls are answered with "nobody serves it". If they were not, `blk` would hang."""
    machine = boot()
    machine.expect(Machine.PROMPT)
    started = machine.output
    claim("virtio-blk" not in started, "no complaint at boot about a disk that is not there", started)
    claim("virtio-blk" not in process_table(machine), "no driver without its device", "one runs")
    for command in ("blk info", "blk read 0 1", "blk check", "blk disk1 info", "random"):
        begun = time.monotonic()
        answer = machine.shell(command)
        claim("nobody serves" in answer, f"`{command}` says that nobody serves it", answer)
        claim(time.monotonic() - begun < ANSWER_S, f"`{command}` answers at once", answer)
    answer = machine.shell("run virtio-blk")
    claim(re.search(r"no device 1af4:1042 or 1af4:1001", answer),
          "`run` names the device that is missing", answer)
    answer = machine.shell("run virtio-blk1")
    claim("number 2 of them" in answer, "`run` says which of several is missing", answer)


def test_service_of_a_device_stays(boot, logs):
    """The endpoint of a service whose program has a device is there before the program and without it: a
    client that was started first gets an answer and not a hanging call, again and again."""
    package = Package()
    package.programs["echo"].update(start="device", budget={
        **package.programs["echo"]["budget"], "dmaPages": 1, "interrupts": 1})
    package.programs["echo"]["grants"].append({"name": "device", "source": {"device": {
        "vendor": 0xfffe, "devices": [1], "nth": 0, "poolPages": 1, "interrupts": 1,
        "addressBits": 64}}})
    machine = boot(package=package.write(logs))
    machine.expect(Machine.PROMPT)
    for _ in range(3):
        answer = machine.shell("run demo")
        claim("peerGone" in answer, "a call to the driver that is not there is refused", answer)
        claim(ended(answer, "demo", 1), "its client says so and ends", answer)
        claim("no device fffe:0001" in machine.shell("run echo"),
              "the program is refused for want of its device", machine.tail())
