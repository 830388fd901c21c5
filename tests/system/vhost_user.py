# SPDX-License-Identifier: MIT
"""A virtio disk whose device side is this process: QEMU's vhost-user-blk-pci with a back end that may lie.

QEMU docs/interop/vhost-user.rst: messages over a UNIX socket; the guest's memory comes as file descriptors,
addresses in the ring are the IOMMU's and are asked for page by page (VHOST_USER_IOTLB_MSG), as
VIRTIO_F_ACCESS_PLATFORM is negotiated. Virtqueues are virtio 1.2 section 2.7, requests section 5.2.6.

The back end can write all of the guest's memory if it wants to: with it a test shows what a driver does
with wrong answers, not what an IOMMU keeps a device from. What it reaches through translations that QEMU
gives it, however, is what VT-d's tables say at that moment."""

import mmap
import os
import queue
import select
import socket
import struct
import tempfile
import threading
from typing import NamedTuple

PAGE = 4096
SECTOR = 512
VERSION, REPLY, NEED_REPLY = 1, 1 << 2, 1 << 3

(GET_FEATURES, SET_FEATURES, SET_OWNER, _, SET_MEM_TABLE, _, _, SET_VRING_NUM, SET_VRING_ADDR,
 SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, GET_PROTOCOL_FEATURES,
 SET_PROTOCOL_FEATURES, _, SET_VRING_ENABLE) = range(1, 19)
SET_BACKEND_REQ_FD, IOTLB_MSG, GET_CONFIG, SET_CONFIG = 21, 22, 24, 25
BACKEND_IOTLB_MSG, BACKEND_CONFIG_CHANGE = 1, 2
IOTLB_MISS, IOTLB_UPDATE, IOTLB_INVALIDATE = 1, 2, 3
IOTLB = struct.Struct("<QQQBB6x")  # iova, size, user address, access, type: struct vhost_iotlb_msg
REPLY_ACK, BACKEND_REQ, CONFIG = 1 << 3, 1 << 5, 1 << 9
PROTOCOL_FEATURES, VERSION_1, ACCESS_PLATFORM = 1 << 30, 1 << 32, 1 << 33
EVENT_IDX = 1 << 29
BLK_FLUSH = 1 << 9

NEXT, WRITE = 1, 2                       # descriptor flags
READ_SECTORS, WRITE_SECTORS, FLUSH, GET_ID = 0, 1, 4, 8  # request types
OK, IO_ERROR, UNSUPPORTED = 0, 1, 2


class Refused(Exception):
    """The IOMMU gives no translation."""


class Request(NamedTuple):
    head: int          # the descriptor that names it in the used ring
    type: int
    sector: int
    read: list         # (iova, length) of data that the device reads
    written: list      # of data that it writes
    status: int        # iova of the status byte

    @property
    def bytes(self):
        return sum(length for _, length in self.read + self.written)


class Disk:
    """The back end. `behave` is called with (disk, request) for each request, in its thread; honest() is
    what an honest one does. Others may use do() to have something done in that thread."""

    def __init__(self, image, capacity=None, features=0):
        """image: a bytearray, the disk's content. capacity: what the device says that it has."""
        self.image = image
        self.config = bytearray(struct.pack("<QII", len(image) // SECTOR if capacity is None else capacity,
                                            0, 126).ljust(256, b"\0"))
        struct.pack_into("<I", self.config, 20, SECTOR)
        self.features = PROTOCOL_FEATURES | VERSION_1 | ACCESS_PLATFORM | BLK_FLUSH | features
        self.behave = honest
        self.seen = []              # requests so far
        self.starts = 0             # how often a driver has started the ring
        self.invalidated = []       # (iova, size) taken back
        self.refused = []           # what the IOMMU did not translate while it behaved
        self.error = None           # what ended the thread
        self._scratch = tempfile.TemporaryDirectory(prefix="capos-vhost-")
        self._path = os.path.join(self._scratch.name, "socket")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self._path)
        self._listener.listen(1)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._jobs = queue.Queue()
        self._forget()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # ---- The machine's side

    def add(self, devices, **properties):
        """The device, for Devices; its id."""
        return devices.add("vhost-user-blk-pci", chardev="liar", **{
            "num-queues": 1, "disable-legacy": "on", "iommu_platform": "on", "port": True, **properties})

    def arguments(self):
        return ["-chardev", f"socket,id=liar,path={self._path}"]

    def do(self, job, seconds=60):
        """Have job(disk) run between requests; its result."""
        done = queue.Queue()
        self._jobs.put((job, done))
        os.eventfd_write(self._wake, 1)
        result = done.get(timeout=seconds)
        if isinstance(result, Exception):
            raise result
        return result

    def close(self):
        self._closing = True
        os.eventfd_write(self._wake, 1)
        self._listener.close()
        self._thread.join(10)
        self._scratch.cleanup()

    # ---- The connection

    _closing = False

    def _forget(self):
        self._regions = []          # (user address, size, map, offset in it)
        self._pages = {}            # iova of a page: user address, access
        self._backend = None        # the channel for requests of ours
        self._ring_size = self._next = self._used = 0
        self._ring = None           # descriptor table, used ring, available ring: iovas
        self._kick = self._call = None
        self._is_enabled = self._has_event_index = False

    def _run(self):
        try:
            self._connection, _ = self._listener.accept()
            while not self._closing:
                self._wait(None)
        except (OSError, EOFError) as error:
            if not self._closing:
                self.error = error
        finally:
            while not self._jobs.empty():
                self._jobs.get()[1].put(EOFError(f"the back end has ended: {self.error}"))

    def _wait(self, backend_answer):
        """Handle whatever comes first. With backend_answer the ring and jobs wait."""
        waiting = [self._connection]
        if backend_answer is not None:
            waiting.append(self._backend)
        else:
            waiting += [self._wake] + ([self._kick] if self._kick is not None and self._is_enabled else [])
        ready, _, _ = select.select(waiting, [], [], 60 if backend_answer is not None else None)
        if not ready:
            raise EOFError("no answer from QEMU")
        if self._connection in ready:
            self._handle()
        elif backend_answer is not None:
            backend_answer.append(self._receive(self._backend)[2])
        elif self._wake in ready:
            os.eventfd_read(self._wake)
            while not self._jobs.empty():
                job, done = self._jobs.get()
                try:
                    done.put(job(self))
                except Exception as error:  # pylint: disable=broad-except
                    done.put(error)
        else:
            os.eventfd_read(self._kick)
            try:
                self.work()
            except Refused as error:
                self.refused.append(str(error))

    @staticmethod
    def _receive(connection):
        """(request, flags, payload, descriptors)"""
        header, descriptors, _, _ = socket.recv_fds(connection, 12, 8)
        while 0 < len(header) < 12:
            header += connection.recv(12 - len(header))
        if not header:
            raise EOFError("QEMU has ended")
        request, flags, size = struct.unpack("<III", header)
        payload = b""
        while len(payload) < size:
            part = connection.recv(size - len(payload))
            if not part:
                raise EOFError("QEMU has ended")
            payload += part
        return request, flags, payload, descriptors

    def _answer(self, request, payload):
        self._connection.sendall(struct.pack("<III", request, VERSION | REPLY, len(payload)) + payload)

    def _handle(self):
        request, flags, payload, descriptors = self._receive(self._connection)
        answer = None
        if request == GET_FEATURES:
            answer = struct.pack("<Q", self.features)
        elif request == SET_FEATURES:
            self._has_event_index = struct.unpack("<Q", payload)[0] & EVENT_IDX != 0
        elif request == GET_PROTOCOL_FEATURES:
            answer = struct.pack("<Q", REPLY_ACK | BACKEND_REQ | CONFIG)
        elif request == SET_MEM_TABLE:
            self._map(payload, descriptors)
        elif request == SET_VRING_NUM:
            self._ring_size = struct.unpack("<II", payload)[1]
        elif request == SET_VRING_ADDR:
            _, _, table, used, available, _ = struct.unpack("<IIQQQQ", payload)
            self._ring = table, used, available
        elif request == SET_VRING_BASE:
            self._next = struct.unpack("<II", payload)[1]
            if self._next == 0:
                self._used = 0  # a new ring; else QEMU has stopped and goes on
        elif request == GET_VRING_BASE:
            # Stopped. QEMU does not say any more what the IOMMU takes back, so all of it is forgotten.
            self._is_enabled = False
            self._pages.clear()
            answer = struct.pack("<II", 0, self._next)
        elif request == SET_VRING_KICK:
            self._kick = self._replace(self._kick, descriptors)
        elif request == SET_VRING_CALL:
            self._call = self._replace(self._call, descriptors)
        elif request == SET_VRING_ENABLE:
            self._is_enabled = struct.unpack("<II", payload)[1] != 0
            self.starts += self._is_enabled
        elif request == SET_BACKEND_REQ_FD:
            self._backend = socket.socket(fileno=descriptors[0])
        elif request == IOTLB_MSG:
            self._iotlb(payload)
        elif request == GET_CONFIG:
            offset, size, config_flags = struct.unpack_from("<III", payload)
            answer = struct.pack("<III", offset, size, config_flags) + self.config[offset:offset + size]
        if answer is None and flags & NEED_REPLY:
            answer = struct.pack("<Q", 0)
        if answer is not None:
            self._answer(request, answer)

    @staticmethod
    def _replace(old, descriptors):
        if old is not None:
            os.close(old)
        return descriptors[0] if descriptors else None

    def _map(self, payload, descriptors):
        for _, _, mapped, _ in self._regions:
            mapped.close()
        self._regions = []
        for index, descriptor in enumerate(descriptors):
            _, size, user, offset = struct.unpack_from("<QQQQ", payload, 8 + 32 * index)
            self._regions.append((user, size, mmap.mmap(descriptor, offset + size), offset))
            os.close(descriptor)

    # ---- Memory

    def _iotlb(self, payload):
        iova, size, user, access, kind = IOTLB.unpack(payload)
        if kind == IOTLB_UPDATE:
            for offset in range(0, size, PAGE):
                self._pages[iova + offset] = user + offset, access
        elif kind == IOTLB_INVALIDATE:
            self.invalidated.append((iova, size))
            for page in [page for page in self._pages if iova <= page < iova + size]:
                del self._pages[page]

    def translate(self, iova, access):
        """(map, offset in it) of an address; access: 1 to read, 2 to write. Refused if there is none."""
        page = iova & ~(PAGE - 1)
        if page not in self._pages or not self._pages[page][1] & access:
            payload = IOTLB.pack(page, PAGE, 0, access, IOTLB_MISS)
            self._backend.sendall(struct.pack("<III", BACKEND_IOTLB_MSG, VERSION | NEED_REPLY,
                                              len(payload)) + payload)
            answers = []
            while not answers:
                self._wait(answers)
            if struct.unpack("<Q", answers[0])[0] != 0 or page not in self._pages:
                raise Refused(f"no translation of {iova:#x}")
        address = self._pages[page][0] + (iova - page)
        for user, size, mapped, offset in self._regions:
            if user <= address < user + size:
                return mapped, address - user + offset
        raise Refused(f"{iova:#x} is in no region")

    def load(self, iova, length):
        data = b""
        while len(data) < length:
            part = min(length - len(data), PAGE - (iova + len(data)) % PAGE)
            mapped, offset = self.translate(iova + len(data), 1)
            data += mapped[offset:offset + part]
        return data

    def store(self, iova, data):
        done = 0
        while done < len(data):
            part = min(len(data) - done, PAGE - (iova + done) % PAGE)
            mapped, offset = self.translate(iova + done, 2)
            mapped[offset:offset + part] = data[done:done + part]
            done += part

    # ---- The ring

    def work(self):
        """Take what is available, and behave."""
        available = self._ring[2]
        index, = struct.unpack("<H", self.load(available + 2, 2))
        while self._next != index and self._is_enabled:
            head, = struct.unpack("<H", self.load(available + 4 + 2 * (self._next % self._ring_size), 2))
            self._next = (self._next + 1) & 0xFFFF
            request = self._parse(head)
            self.seen.append(request)
            if self._has_event_index:
                self.event_index(self._next)
            self.behave(self, request)

    def _parse(self, head):
        chain, at = [], head
        while len(chain) <= self._ring_size:
            address, length, flags, following = struct.unpack("<QIHH", self.load(self._ring[0] + 16 * at, 16))
            chain.append((address, length, flags))
            if not flags & NEXT:
                break
            at = following
        kind, _, sector = struct.unpack("<IIQ", self.load(chain[0][0], 16))
        return Request(head, kind, sector, [link[:2] for link in chain[1:-1] if not link[2] & WRITE],
                       [link[:2] for link in chain[1:-1] if link[2] & WRITE], chain[-1][0])

    def use(self, head, length, notify=True):
        """Put one element into the used ring."""
        self.store(self._ring[1] + 4 + 8 * (self._used % self._ring_size),
                   struct.pack("<II", head & 0xFFFFFFFF, length))
        self.jump(1, notify)

    def jump(self, count, notify=True):
        """Advance the used index. The device may not read it: its memory is given for writing alone."""
        self._used = (self._used + count) & 0xFFFF
        self.store(self._ring[1] + 2, struct.pack("<H", self._used))
        if notify:
            self.interrupt()

    def event_index(self, index):
        """Ask to be told of the request behind this one: virtio 1.2 section 2.7.10."""
        self.store(self._ring[1] + 4 + 8 * self._ring_size, struct.pack("<H", index & 0xFFFF))

    @property
    def ring_size(self):
        return self._ring_size

    @property
    def ring(self):
        """IOVAs of the descriptor table, the used and the available ring."""
        return self._ring

    def interrupt(self):
        if self._call is not None:
            os.eventfd_write(self._call, 1)

    def transfer(self, request):
        """Move the data, write the status; how many bytes were written."""
        written, place, status = 1, request.sector * SECTOR, OK
        if request.type in (READ_SECTORS, WRITE_SECTORS):
            if place + request.bytes > len(self.image):
                status = IO_ERROR
            for iova, length in request.written if status == OK else ():
                self.store(iova, bytes(self.image[place:place + length]))
                place, written = place + length, written + length
            for iova, length in request.read if status == OK else ():
                self.image[place:place + length] = self.load(iova, length)
                place += length
        elif request.type == GET_ID:
            self.store(request.written[0][0], b"liar".ljust(20, b"\0"))
            written += 20
        elif request.type != FLUSH:
            status = UNSUPPORTED
        self.store(request.status, bytes([status]))
        return written

    def change_config(self, offset, data):
        """Change the configuration, and tell QEMU, which asks for it."""
        self.config[offset:offset + len(data)] = data
        self._backend.sendall(struct.pack("<III", BACKEND_CONFIG_CHANGE, VERSION, 0))


def honest(disk, request):
    disk.use(request.head, disk.transfer(request))
