# SPDX-License-Identifier: MIT
"""A disk image through the driver: what the host put there the guest reads, what the guest wrote the
host finds; errors, limits, and where the data goes."""

import re
import time
import zlib

import disks
import oracle
import pytest
from disks import SECTOR, SIZE
from harness import Devices, disk_image
from shell import claim, memory_table, wait_said

LAST_MIB = SIZE - (1 << 20)  # what blktest writes to
DEPTH = 32


def test_reads_what_the_host_wrote(boot, logs):
    """Bytes of the image are read as they are, from and to any byte, the very last included; nothing
    beyond. Else: bytes of another sector, or no refusal."""
    machine, _, path = disks.start(boot, logs)
    content = path.read_bytes()
    for offset, length in ((0, SECTOR), (1, 1), (511, 2), (7 * SECTOR + 13, 1025), (2047 * SECTOR + 511, 3),
                           (3 << 20, 4096), (SIZE - SECTOR, SECTOR), (SIZE - 1, 1), (SIZE - 700, 700)):
        seen = disks.read(machine, offset, length)
        claim(seen == content[offset:offset + length], f"{length} bytes from {offset}", seen.hex())
    for offset, length in ((SIZE - 1, 2), (SIZE, 1), (SIZE + SECTOR, 1), (1 << 63, 512), ((1 << 64) - 1, 2)):
        text = machine.shell(f"blk read {offset} {length}")
        claim("beyond the disk's end" in text and "|" not in text, f"{offset} refused", text)
    text = machine.shell("blk check")
    claim(f"checksum {zlib.crc32(content):08x}" in text, "the CRC of all of the image", text)
    claim(path.read_bytes() == content, "an image that nobody has changed", "changes")
    machine.halt()


def test_what_is_written_is_in_the_image(boot, logs):
    """What the guest writes, at any byte and of any length, is in the image when a flush has returned,
    and nothing else is. The flush goes through to the host. Else: the first byte that differs."""
    machine, _, path = disks.start(boot, logs)
    wanted = bytearray(path.read_bytes())
    for number, (offset, length) in enumerate((
            (512, 512), (3 * SECTOR + 100, 7), (9 * SECTOR + 511, 2), (20 * SECTOR - 3, 40),
            (SIZE // 2 + 5, 60), (SIZE - SECTOR, 50), (SIZE - 1, 1))):
        data = bytes((number * 37 + i) % 255 + 1 for i in range(length))[:60]
        disks.write(machine, offset, data)
        wanted[offset:offset + len(data)] = data
    text = machine.shell(f"blk write {SIZE - 1} 0xaabb")
    claim("beyond the disk's end" in text, "two bytes at the last are refused", text)
    flushes = machine.qmp.execute("query-blockstats")[0]["stats"]["flush_operations"]
    disks.flush(machine)
    after = machine.qmp.execute("query-blockstats")[0]["stats"]["flush_operations"]
    claim(after > flushes, "one more flush at the host", (flushes, after))
    compare(path.read_bytes(), wanted)
    machine.shell("blk zero 64K 64K")
    wanted[65536:131072] = bytes(65536)
    text = machine.shell("blk check write 1M 512K")
    claim("every byte is as it was written" in text, "what was written, read again", text)
    disks.flush(machine)
    content = path.read_bytes()
    wanted[1 << 20:(1 << 20) + (512 << 10)] = content[1 << 20:(1 << 20) + (512 << 10)]
    claim(disk_image.pattern(2048, 16) != content[1 << 20:(1 << 20) + 16 * SECTOR], "a new pattern", "the old")
    compare(content, wanted)
    text = machine.shell("blk check")
    claim(f"checksum {zlib.crc32(content):08x}" in text, "the CRC of all of the image", text)
    machine.halt()


def compare(seen, wanted):
    if seen != wanted:
        place = next(i for i in range(len(wanted)) if seen[i:i + 1] != wanted[i:i + 1])
        claim(False, f"at {place}: {wanted[place:place + 16].hex()}", seen[place:place + 16].hex())


def filled(length, seed):
    """blktest_fill of user/apps/blktest."""
    state, data = (seed * 2654435761 + 1) & 0xFFFFFFFF, bytearray()
    for _ in range(length):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        data.append(state >> 24)
    return bytes(data)


def test_blktest_in_the_image(boot, logs):
    """What blktest writes, and reads again, is in the image at its place, and all before the last MiB is
    untouched. Else: a claim of blktest's, or bytes that differ."""
    machine, _, path = disks.start(boot, logs)
    before = path.read_bytes()
    disks.run(machine, "basic")
    disks.flush(machine)
    content = path.read_bytes()
    for at, length in ((SIZE - 100000 + 13, 5000), (SIZE - 60000, 512), (SIZE - 50000 + 511, 2)):
        claim(content[at:at + length] == filled(length, at), f"blktest's bytes at {at}",
              content[at:at + 16].hex())
    claim(content[-2 * SECTOR:] == bytes(2 * SECTOR), "two sectors of zeros at the end", content[-8:].hex())
    disks.run(machine, "load 1000")
    content = path.read_bytes()
    compare(content[:LAST_MIB], before[:LAST_MIB])
    machine.halt()


def test_many_requests_in_flight(boot, logs):
    """The device has at least 16 requests at once, of one client with 32 in flight: QEMU counts them.
    All are answered, each with the data of its place. Else: the largest number seen."""
    machine, devices, _ = disks.start(boot, logs, limit=200)
    machine.write(f"run blktest depth {DEPTH} load 600\r")
    most = 0
    while "claims failed" not in machine.output:  # or until the test's deadline
        most = max(most, disks.queue(machine, devices.names[0])["inuse"])
        time.sleep(0.02)
    claim(most >= 16, "16 requests at the device, or more", most)
    machine.expect("blktest: exit code 0", 20)
    disks.must_pass(machine.output)
    machine.halt()


def test_zero_copy(boot, logs):
    """While a client has requests in flight, the IOVAs that the device is given for its data lead to the
    very frames that the client has mapped, and no frame of the driver's: nobody copies. Else: the frames,
    by whose they are."""
    machine, devices, _ = disks.start(boot, logs, limit=20)
    disks.background(machine, f"blktest depth {DEPTH} load 100000")
    disks.wait_taken(machine, devices.names[0], 2 * DEPTH)  # so that all of its memory is known to the driver
    state = oracle.settle(machine)
    claim(oracle.complaints(state) == [], "no complaints", "\n".join(oracle.complaints(state)))
    client, = (process for process in state.processes if process.name == "blktest")
    driver, = (process for process in state.processes if process.name == disks.DRIVER)
    theirs = {leaf.physical for leaf in client.walk.leaves if leaf.access == "urw-"}
    drivers = {leaf.physical for leaf in driver.walk.leaves}
    bdf = machine.bdf(devices.names[0])
    leaves = state.hardware.units[0].reach(bdf)
    data = [leaf for leaf in leaves if leaf.physical in theirs]
    claim(len(data) == DEPTH and all(leaf.read and leaf.write for leaf in data), f"{DEPTH} pages of the client's",
          leaves)
    claim(not any(leaf.physical in drivers for leaf in data), "none of them mapped by the driver", data)
    # What the driver has told the device: the last requests that it made available. QEMU finishes those
    # in flight when it stops; the driver has not seen that yet.
    first, end = data[0].iova, data[-1].iova + 4096
    addresses = set(descriptors(machine, disks.queue(machine, devices.names[0]), leaves))
    used = [address for address in addresses if first <= address < end]
    claim(len(used) >= 16, "16 requests with data in the client's pages, or more",
          sorted(hex(address) for address in addresses))
    machine.qmp.execute("cont")


def descriptors(machine, status, leaves):
    """The addresses in the descriptors of the last DEPTH requests. virtio 1.2 sections 2.7.5 to 2.7.8."""
    places = {leaf.iova: leaf.physical for leaf in leaves}

    def load(iova, length):
        page = iova & ~0xFFF
        claim(page in places, f"{iova:#x}, which the device can reach", sorted(map(hex, places)))
        return machine.ram.read(places[page] + (iova & 0xFFF), length)

    def chain(table, index, count, depth=0):
        for _ in range(count):
            entry = load(table + 16 * index, 16)
            address, length = int.from_bytes(entry[:8], "little"), int.from_bytes(entry[8:12], "little")
            flags, following = entry[12], int.from_bytes(entry[14:], "little")
            if flags & 4 and depth == 0:
                yield from chain(address, 0, length // 16, 1)
                return
            yield address
            if not flags & 1:
                return
            index = following

    size = status["vring-num"]
    for number in range(status["last-avail-idx"] - DEPTH, status["last-avail-idx"]):
        head = int.from_bytes(load(status["vring-avail"] + 4 + 2 * (number % size), 2), "little")
        yield from chain(status["vring-desc"], head, size)


@pytest.mark.parametrize("slots", [(4, 5, 6), (9, 6, 4), (5, 0x1E, 7)], ids=str)
def test_two_disks_by_id_order(boot, logs, slots):
    """With an entropy source and two disks in any slots, each driver has the device of its ids, the first
    disk in the order of the buses is `disk` and the other `disk1`: by serial number and content. Else:
    another serial, or another image's bytes."""
    devices = Devices()
    paths = [disks.image(logs, f"{name}.img", seed=seed) for name, seed in (("one", 1), ("two", 2))]
    devices.entropy(slot=slots[0])
    devices.disk(paths[0], slot=slots[1], serial="one")
    devices.disk(paths[1], slot=slots[2], serial="two", name="second")
    machine = boot(devices=devices)
    machine.expect(machine.PROMPT)
    wait_said(machine, disks.READY, 2)
    wait_said(machine, "serving entropy")
    order = sorted(((slots[1], "one", 1), (slots[2], "two", 2)))
    for disk, (_, serial, seed) in zip(("disk", "disk1"), order):
        claim(f'"{serial}"' in disks.wait_served(machine, disk), f"{disk} is {serial}", machine.tail())
        seen = disks.read(machine, 5 * SECTOR, SECTOR, disk)
        claim(seen == disk_image.sector_bytes(5, seed), f"sector 5 of {serial}", seen[:32])
    claim(re.search(r"[0-9a-f]{32}", machine.shell("random 16")), "random bytes", machine.tail())
    disks.write(machine, 0, b"first", "disk")
    disks.write(machine, 0, b"other", "disk1")
    starts = [(logs / f"{serial}.img").read_bytes()[:5] for _, serial, _ in order]
    claim(starts == [b"first", b"other"], "each write in its image", starts)
    oracle.inspect(machine)
    machine.halt()


def test_read_only(boot, logs):
    """A read-only disk is read, and says what it is; writes, zeroes and discards are refused, and the
    image is as it was. Else: another answer, or a changed image."""
    path = disks.image(logs)
    before = path.read_bytes()
    devices = Devices()
    devices.disk(path, read_only=True)
    machine = boot(devices=devices)
    machine.expect(machine.PROMPT)
    claim("read-only" in disks.wait_served(machine), "read-only", machine.tail())
    for command in ("write 100 hello", "zero 0 512", "discard 0 512", "check write 0 64K"):
        text = machine.shell(f"blk {command}")
        claim("read-only" in text, f"`blk {command}` refused", text)
    claim(disks.read(machine, 100, 8) == before[100:108], "the image's bytes", machine.tail())
    text = machine.shell("run blktest hostile", 30)
    disks.must_pass(text)
    claim(path.read_bytes() == before, "the image as it was", "changes")
    machine.halt()


def test_error_of_one_request(boot, logs):
    """When the host cannot read a sector, the request that needs it has an error, once; others in flight
    beside it, and the same one again, are answered. Else: an error elsewhere, a second one, or none.
    (QEMU makes one request of several that touch, unless it is told not to.)"""
    bad = 3000

    def failing(below):
        return (f"driver=blkdebug,image={below},inject-error.0.event=none,inject-error.0.iotype=read,"
                f"inject-error.0.sector={bad},inject-error.0.errno=5,inject-error.0.once=on")
    machine, _, path = disks.start(boot, logs, node=failing, **{"request-merging": "off"})
    content = path.read_bytes()
    claim(disks.read(machine, (bad - 1) * SECTOR, SECTOR) == content[(bad - 1) * SECTOR:bad * SECTOR],
          "the sector in front", machine.tail())
    text = machine.shell("blk check", 30)  # 32 requests in flight, and what stands at the bad one
    claim("the device reports an error there" in text, "an error", text)
    at = int(re.search(r"at (\d+): the device", text).group(1))
    claim(at <= bad * SECTOR < at + 8192, f"an error of the request with {bad * SECTOR}", at)
    claim(disks.read(machine, bad * SECTOR, SECTOR) == content[bad * SECTOR:(bad + 1) * SECTOR],
          "the sector itself, the second time", machine.tail())
    text = machine.shell("blk check", 30)
    claim(f"checksum {zlib.crc32(content):08x}" in text, "no error any more", text)
    oracle.inspect(machine)
    machine.halt()


def test_memory_in_use(boot, logs):
    """With one driver, when nothing happens, at most 16 MiB of memory are in use, and the rows of `mem` add
    up to all of it. Else: the table."""
    machine, _, _ = disks.start(boot, logs)
    oracle.inspect(machine)
    table = memory_table(machine)
    used = table["total"] - table["free"]
    claim(used * 4096 <= 16 << 20, "at most 4096 frames", table)
    claim(sum(count for use, count in table.items() if use != "total") == table["total"], "a sum", table)
    frames = sum(1 for frame in oracle.settle(machine).frames if frame.kind is not None)
    machine.qmp.execute("cont")
    claim(table["total"] <= frames, f"no more than the {frames} frames there are", table["total"])
    claim(table["total"] * 4096 > 255 << 20, "of 256 MiB all but a MiB", table["total"])
    machine.halt()
