# SPDX-License-Identifier: MIT
"""The devices of a machine, as arguments for QEMU: used by tools/run-qemu and the system tests.

    devices = Devices()                   # with VT-d; Devices(iommu=False) without
    devices.disk("build/disk.img")        # modern virtio, behind a root port of its own
    devices.edu()
    qemu_command.command(..., extra=devices.arguments())

A device gets a place (`slot`) on the root bus, counting from FIRST_SLOT in the order of the calls
unless one is named; with a root port, the port is in that slot and the device below it is
device 0 of the port's bus. QEMU docs/pcie.txt, section 2."""

FIRST_SLOT = 4
LAST_SLOT = 0x1E  # q35 has its own functions in slot 0x1F


class Devices:
    def __init__(self, iommu=True, intremap=True, address_bits=39):
        """iommu: VT-d. intremap: with interrupt remapping. address_bits: 39 (three levels) or 48."""
        self.has_iommu = iommu
        self.names = []      # QEMU's ids, in order of the calls
        self.ports = {}      # device's id: its root port's id
        self.slots = {}      # device's id: its slot on the root bus
        self._backends = []
        self._devices = []
        self._iommu = []
        if iommu:
            # The first device: those made before it would not be behind it.
            self._iommu = ["-device", f"intel-iommu,intremap={'on' if intremap else 'off'},"
                                      f"caching-mode=on,aw-bits={address_bits}"]

    # ---- What a machine can have

    def disk(self, path=None, *, slot=None, port=True, name=None, read_only=False, serial=None,
             ioeventfd=None, queue_size=None, limit=None, node=None, **properties):
        """A virtio disk; its id.

        path     of a raw image on the host; None: of null-co, see `limit`
        slot     on the root bus; port=False puts the disk there itself, without FLR or AER
        limit    with a path: requests a second, so that some are still in flight when something
                 else happens; without: the size in bytes of a disk of zeros that forgets
        node     more layers: a function from the node name below to the options of one above
        """
        name = name or f"disk{self._count('disk')}"
        below = f"{name}-file"
        if path is None:
            self._backends += ["-blockdev", f"driver=null-co,node-name={below},size={limit or 64 << 20},"
                                            f"read-zeroes=on,read-only={_switch(read_only)}"]
        else:
            self._backends += ["-blockdev", f"driver=file,node-name={below},filename={_escape(path)},"
                                            f"read-only={_switch(read_only)},auto-read-only=off"]
            self._backends += ["-blockdev", f"driver=raw,node-name={name}-raw,file={below},"
                                            f"read-only={_switch(read_only)}"]
            below = f"{name}-raw"
            if limit:
                self._backends += ["-object", f"throttle-group,id={name}-limit,x-iops-total={limit}",
                                   "-blockdev", f"driver=throttle,node-name={name}-slow,file={below},"
                                                f"throttle-group={name}-limit,"
                                                f"read-only={_switch(read_only)}"]
                below = f"{name}-slow"
        if node:
            self._backends += ["-blockdev", f"{node(below)},node-name={name}-top"]
            below = f"{name}-top"
        options = {"drive": below}
        if serial is not None:
            options["serial"] = serial
        if ioeventfd is not None:
            options["ioeventfd"] = _switch(ioeventfd)
        if queue_size is not None:
            options["queue-size"] = queue_size
        return self._virtio("virtio-blk-pci", name, slot, port, {**options, **properties})

    def boot_disk(self, path):
        """The disk that the firmware starts, read-only; its id. It is the last in the order of PCI, so
        that the numbers of other disks do not depend on how the machine starts."""
        return self.disk(path, slot=LAST_SLOT, name="boot", read_only=True, bootindex=0)

    def entropy(self, *, slot=None, port=True, name=None, **properties):
        """A virtio source of random bytes; its id."""
        name = name or f"entropy{self._count('entropy')}"
        self._backends += ["-object", f"rng-builtin,id={name}-source"]
        return self._virtio("virtio-rng-pci", name, slot, port,
                            {"rng": f"{name}-source", **properties})

    def edu(self, *, slot=None, port=False, name=None, dma_mask=0xFFFF_FFFF_FFFF_FFFF):
        """QEMU's device for teaching (docs/specs/edu.txt): DMA and MSI on command; its id.

        Its own limit on addresses is lifted: what stops it must be the IOMMU."""
        return self.add("edu", slot=slot, port=port, name=name, dma_mask=f"{dma_mask:#x}")

    def testdev(self, *, slot=None, port=False, name=None):
        """QEMU's pci-testdev: BARs smaller than a page; its id."""
        return self.add("pci-testdev", slot=slot, port=port, name=name)

    def add(self, driver, *, slot=None, port=False, name=None, **properties):
        """Any PCI device; its id."""
        name = name or f"{driver.split('-')[0]}{self._count(driver.split('-')[0])}"
        return self._place(driver, name, slot, port, properties)

    # ---- The arguments

    def arguments(self):
        return [*self._iommu, *self._backends, *self._devices]

    def _count(self, prefix):
        return sum(name.rstrip("0123456789") == prefix for name in self.names)

    def _virtio(self, driver, name, slot, port, options):
        modern = {"disable-legacy": "on", "iommu_platform": _switch(self.has_iommu)}
        return self._place(driver, name, slot, port, {**modern, **options})

    def _place(self, driver, name, slot, port, properties):
        if name in self.names:
            raise ValueError(f"there is a device {name} already")
        slot = slot if slot is not None else self._free_slot()
        if slot in self.slots.values() or not 1 <= slot <= LAST_SLOT:
            raise ValueError(f"slot {slot:#x} is taken, or not one for devices")
        place = {"addr": f"{slot:#x}"}
        if port:
            self.ports[name] = f"{name}-port"
            number = len(self.ports)
            self._devices += ["-device", f"pcie-root-port,id={name}-port,bus=pcie.0,addr={slot:#x},"
                                         f"chassis={number},slot={number}"]
            place = {"bus": f"{name}-port"}
        self.names.append(name)
        self.slots[name] = slot
        options = {**place, **properties}
        self._devices += ["-device", ",".join([driver, f"id={name}"] + [
            f"{key}={value}" for key, value in options.items()])]
        return name

    def _free_slot(self):
        return next(slot for slot in range(FIRST_SLOT, LAST_SLOT + 1)
                    if slot not in self.slots.values())


def many_functions(count, own=3):
    """QEMU's arguments for a q35 with so many PCI functions, in multifunction devices from slot 2 on. The
    board has `own` of them. Small ones: QEMU takes long to move many regions."""
    return [word for i in range(count - own) for word in (
        "-device", f"pvpanic-pci,addr={2 + i // 8:#x}.{i % 8}{',multifunction=on' if i % 8 == 0 else ''}")]


def _switch(on):
    return "on" if on else "off"


def _escape(path):
    """In QEMU's option lists a comma is written twice."""
    return str(path).replace(",", ",,")
