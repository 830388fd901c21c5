# SPDX-License-Identifier: MIT
"""A disk that lies: its device side is a process of the test's (vhost_user.py). The driver finds out or is
not harmed, its clients get an answer or an error, all others go on; started again on an honest device, the
driver serves as before."""

import contextlib
import re

import disks
import oracle
import pytest
import vhost_user
from harness import Devices
from oracle import pci
from shell import claim, fresh_prompt, process_table, until, wait_processes

SECTORS = 2048
GONE = "the disk's driver has ended"
FAILED = "the device reports an error there"
CONTENT = bytes(range(1, 17))  # of sector 2, of which 16 bytes are read


@pytest.fixture
def start(boot, logs):
    """start(**options of Disk): (machine, disk, BDF) at the prompt. properties: of the device."""
    with contextlib.ExitStack() as ends:
        def started(properties=None, **options):
            image = bytearray(SECTORS * vhost_user.SECTOR)
            image[1024:1040] = CONTENT
            disk = vhost_user.Disk(image, **options)
            ends.callback(disk.close)
            devices = Devices()
            name = disk.add(devices, **(properties or {}))
            machine = boot(devices=devices, extra=disk.arguments())
            machine.expect(machine.PROMPT)
            return machine, disk, machine.bdf(name)
        yield started


def served(machine):
    """The driver serves, and what it reads is what the disk has."""
    disks.wait_served(machine)
    claim(disks.read(machine, 1024, 16) == CONTENT, "the disk's content", machine.tail())


def read_with(machine, disk, lie):
    """What a client is told whose read the device answers with `lie`; all later ones are honest."""
    lies = [lie]

    def behave(disk, request):
        (lies.pop() if lies else vhost_user.honest)(disk, request)
    disk.behave = behave
    text = machine.shell("blk read 1024 16", 30)
    disk.behave = vhost_user.honest
    claim(not lies and disk.error is None, "a request that was lied about", disk.error)
    return text


def restart(machine):
    wait_processes(machine, disks.SERVICES, 20)
    disks.background(machine, disks.DRIVER)
    served(machine)


# ---- Lies that no device tells by mistake: the driver ends, and says why

def beyond_the_queue(disk, request):
    disk.use(disk.ring_size, disk.transfer(request))


def far_beyond_the_queue(disk, request):
    disk.use(0xFFFF_FFFF, disk.transfer(request))


def not_in_flight(disk, request):
    disk.use((request.head + 7) % disk.ring_size, disk.transfer(request))


def the_middle_of_a_chain(disk, request):
    disk.use((request.head + 1) % disk.ring_size, disk.transfer(request))


def twice(disk, request):
    length = disk.transfer(request)
    disk.use(request.head, length, notify=False)
    disk.use(request.head, length)


def jumps_by_more_than_the_queue(disk, request):
    disk.transfer(request)
    disk.jump(disk.ring_size + 1)


def jumps_by_two(disk, request):
    disk.use(request.head, disk.transfer(request), notify=False)
    disk.jump(1)


def goes_back(disk, request):
    disk.transfer(request)
    disk.jump(-1)


LIES = [(beyond_the_queue, "usedIdRange"), (far_beyond_the_queue, "usedIdRange"),
        (not_in_flight, "usedIdIdle"), (the_middle_of_a_chain, "usedIdIdle"), (twice, "usedIndexJump"),
        (jumps_by_more_than_the_queue, "usedIndexJump"), (jumps_by_two, "usedIndexJump"),
        (goes_back, "usedIndexJump")]


@pytest.mark.deadline(180)
def test_lies_end_the_driver(start):
    """Answers that name no request, or more than there are: the driver says what it saw and ends, the
    client is told so, the device goes back to nobody, and all other processes are the same; the next
    driver serves. The oracle finds the same machine each time. Else: the lie, and what was said."""
    machine, disk, bdf = start()
    served(machine)
    before = None
    for number, (lie, error) in enumerate(LIES):
        text = read_with(machine, disk, lie)
        claim(GONE in text, f"{lie.__name__}: the client is told that its driver has ended", text)
        disks.wait_said(machine, f"({error})", sum(other == error for _, other in LIES[:number + 1]))
        wait_processes(machine, disks.SERVICES, 20)
        row = disks.device_row(machine, pci.name_of(bdf))
        claim(row[4] == "free", f"{lie.__name__}: a free function", row)
        after = oracle.Snapshot(machine)
        if before is not None:
            after.must_equal(before)
        before = after
        restart(machine)
    machine.halt()


# ---- Lies that cost one request at most: the driver goes on

def no_status(disk, request):
    disk.use(request.head, request.bytes + 1)


def strange_status(disk, request):
    disk.transfer(request)
    disk.store(request.status, b"\x63")
    disk.use(request.head, request.bytes + 1)


def nothing_written(disk, request):
    disk.transfer(request)
    disk.use(request.head, 0)


def written_less(disk, request):
    disk.transfer(request)
    disk.use(request.head, request.bytes // 2)


def io_error(disk, request):
    disk.store(request.status, bytes([vhost_user.IO_ERROR]))
    disk.use(request.head, 1)


def written_too_much(disk, request):
    disk.transfer(request)
    disk.use(request.head, 0xFFFF_FFFF)


def no_interrupt(disk, request):
    disk.use(request.head, disk.transfer(request), notify=False)


def many_interrupts(disk, request):
    for _ in range(20000):
        disk.interrupt()
    vhost_user.honest(disk, request)


def other_capacity(disk, request):
    disk.change_config(0, (1).to_bytes(8, "little"))
    vhost_user.honest(disk, request)


SMALL_LIES = [(no_status, FAILED), (strange_status, FAILED), (nothing_written, FAILED),
              (written_less, FAILED), (io_error, FAILED), (written_too_much, None), (no_interrupt, None),
              (many_interrupts, None), (other_capacity, None)]


@pytest.mark.deadline(150)
def test_lies_that_cost_a_request(start):
    """A length or status that is wrong is an error of that one request, never bytes that the device has
    not written; a length that is too long, interrupts that are missing or too many, and a capacity that
    changes are nothing. The driver is the same process all the time. Else: the lie, and what was said."""
    machine, disk, _ = start()
    served(machine)
    pid = process_table(machine)[disks.DRIVER]["pid"]
    for lie, says in SMALL_LIES:
        text = read_with(machine, disk, lie)
        wanted = says or CONTENT.hex(" ", 1)
        claim(wanted in re.sub(r" +", " ", text), f"{lie.__name__}: {wanted}", text)
        served(machine)
    claim(process_table(machine)[disks.DRIVER]["pid"] == pid, "the same driver", machine.tail())
    oracle.inspect(machine)
    machine.halt()


# ---- Old generations

def reached(disk, addresses):
    """Which of the addresses the device gets a translation for."""
    found = []
    for address in addresses:
        for access in (1, 2):
            with contextlib.suppress(vhost_user.Refused):
                disk.translate(address, access)
                found.append(hex(address))
    return found


def refused(machine, bdf):
    machine.expect(re.compile(rf"iommu: 0000:{pci.name_of(bdf)} [a-z]+ (of|to) IOVA [0-9a-f]+ refused"), 10)
    fresh_prompt(machine)


def test_buffers_that_are_gone(start):
    """When a client has gone, QEMU is told that the addresses of its memory are taken back, and the device
    gets no translation for them any more; the driver's own it still has. Else: an address that leads
    somewhere, or none."""
    machine, disk, bdf = start()
    served(machine)
    data = disk.seen[-1].written[0][0]
    fresh_prompt(machine)
    until(machine, f"{data:#x} taken back",  # the driver may hear of its client's end when the prompt is there
          lambda: any(iova <= data < iova + size for iova, size in list(disk.invalidated)))
    seen = disk.do(lambda disk: reached(disk, [data]))
    claim(seen == [], "no translation", seen)
    refused(machine, bdf)
    seen = disk.do(lambda disk: reached(disk, disk.ring))
    claim(len(seen) >= 3, "the ring's addresses", seen)
    served(machine)
    oracle.inspect(machine)
    machine.halt()


def test_answers_for_a_driver_that_is_gone(start):
    """A request is with the device when its driver is killed. The next driver has other addresses, and
    beside it none of the old ones leads anywhere; an answer to the old request, put into the new ring,
    ends the driver before any client hears of it. Else: an address that leads somewhere, or an answer."""
    machine, disk, bdf = start()
    served(machine)
    held = []
    disk.behave = lambda disk, request: held.append(request)
    disks.background(machine, "blktest depth 1 load 100000")
    while not held:
        disk.do(lambda disk: None)
    old = [(held[0].read + held[0].written)[0][0], held[0].status, *disk.ring]
    disks.kill(machine)
    wait_processes(machine, disks.SERVICES, 20)
    disk.behave = vhost_user.honest
    restart(machine)
    seen = disk.do(lambda disk: reached(disk, old))
    claim(seen == [], "no translation beside a new owner", seen)
    refused(machine, bdf)
    claim(not set(disk.ring) & set(old), "other addresses", [hex(address) for address in disk.ring])
    disk.do(lambda disk: disk.use(held[0].head, held[0].bytes + 1))
    disks.wait_said(machine, "the device gives back what it does not have")
    restart(machine)
    oracle.inspect(machine)
    machine.halt()


# ---- Silence

def never(disk, request):
    pass


def says_that_it_looks_by_itself(disk, request):
    """Answers, and then claims to need a notification only after many more requests."""
    disk.event_index(0x7000)
    vhost_user.honest(disk, request)


@pytest.mark.deadline(150)
@pytest.mark.parametrize("lie, features", [(never, 0), (says_that_it_looks_by_itself, vhost_user.EVENT_IDX)],
                         ids=["never", "false-event-index"])
def test_no_answer(start, lie, features):
    """A device that does not answer a request, or says that it need not be told of the next one and then
    does not look, has a deadline: the driver ends, the client is told, the next driver serves. Else: a
    client that waits on."""
    machine, disk, _ = start(features=features)
    served(machine)
    if lie is not never:
        read_with(machine, disk, lie)
        text = machine.shell("blk read 1024 16", 60)
    else:
        text = read_with(machine, disk, lie)
    claim(GONE in text, "a client that is told", text)
    disks.wait_said(machine, "no answer to a request")
    restart(machine)
    oracle.inspect(machine)
    machine.halt()


# ---- Absurd from the start

@pytest.mark.parametrize("properties, options", [
    ({}, {"capacity": 0}), ({}, {"capacity": 2**64 - 1}), ({"queue-size": 2}, {}), ({"queue-size": 1024}, {}),
], ids=["no-sectors", "too-many-sectors", "short-queue", "long-queue"])
def test_absurd_device(start, properties, options):
    """A disk of no sectors, or of more bytes than can be counted, or with a queue of another length than
    usual, is refused with a message or served within its limits; the system is at its prompt either way,
    and agrees. Else: a panic, a hang, or bytes from nowhere."""
    machine, disk, _ = start(properties, **options)
    disks.wait_said(machine, "virtio-blk: ")
    text = machine.shell("blk read 1024 16", 30)
    bytes_read = CONTENT.hex(" ", 1) in re.sub(r" +", " ", text)
    claim(bytes_read == ("capacity" not in options or options["capacity"] != 0) or "nobody serves" in text,
          "its bytes, or that nobody serves it", text)
    claim(disk.error is None, "a connection that is good", disk.error)
    fresh_prompt(machine)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    oracle.inspect(machine)
    machine.halt()
