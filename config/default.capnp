# SPDX-License-Identifier: MIT
#
# The boot package of the standard image: what runs, with which budgets, and who may do what.
#
#   capnp eval --binary -I<directory with user/*.elf> -I. config/default.capnp bootPackage
#
# Budgets are set aside when a program starts. Those of the programs that boot starts, with one
# program on demand beside them, fit a machine of 64 MiB. A frame is 4 KiB; a thread costs its ring
# (8 frames) and kernel stack beside its own memory.

@0xc1f4d3a20b6e7788;

using Capos = import "/schema/capos.capnp";

const bootPackage :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (
      # The kernel starts it and gives it every kernel capability. Its budget is what all others
      # are paid from; the kernel gives it everything that is free.
      name = "init",
      image = "init",
      priority = 24, maxPriority = 31,
      budget = (frames = 10000, capSlots = 1024, objects = 2048, threads = 64),
      grants = [
        (name = "console", source = (console = void)),
        (name = "diagnostics", source = (diagnostics = void)),
        (name = "power", source = (power = void)),
        (name = "spawner", source = (spawner = void)),
        (name = "bootPackage", source = (bootPackage = void)),
        (name = "launcher", source = (serves = "launcher")),
      ]
    ),
    (
      name = "echo",
      image = "echo",
      priority = 20, maxPriority = 20,
      budget = (frames = 96, capSlots = 32, objects = 32, threads = 1),
      grants = [
        (name = "console", source = (console = void)),
        (name = "echo", source = (serves = "echo")),
      ]
    ),
    (
      name = "share",
      image = "share",
      priority = 20, maxPriority = 20,
      budget = (frames = 512, capSlots = 128, objects = 128, threads = 1),
      grants = [
        (name = "console", source = (console = void)),
        (name = "share", source = (serves = "share")),
      ]
    ),
    (
      # Any virtio disk, transitional or modern; the first in the order of the PCI ledger. The pool
      # has room for eight sessions of 1 MiB and the queues.
      name = "virtio-blk",
      image = "virtio_blk",
      start = device,
      priority = 21, maxPriority = 21,
      budget = (frames = 512, capSlots = 256, objects = 256, threads = 1,
        dmaPages = 2304, mmioPages = 16, interrupts = 1),
      grants = [
        (name = "console", source = (console = void)),
        (name = "disk", source = (device = (
          vendor = 0x1af4, devices = [0x1042, 0x1001], nth = 0, poolPages = 2304))),
        (name = "service", source = (serves = "disk")),
      ]
    ),
    (
      # The second one, if there is one.
      name = "virtio-blk1",
      image = "virtio_blk",
      start = device,
      priority = 21, maxPriority = 21,
      budget = (frames = 512, capSlots = 256, objects = 256, threads = 1,
        dmaPages = 2304, mmioPages = 16, interrupts = 1),
      grants = [
        (name = "console", source = (console = void)),
        (name = "disk", source = (device = (
          vendor = 0x1af4, devices = [0x1042, 0x1001], nth = 1, poolPages = 2304))),
        (name = "service", source = (serves = "disk1")),
      ]
    ),
    (
      name = "virtio-rng",
      image = "virtio_rng",
      start = device,
      priority = 20, maxPriority = 20,
      budget = (frames = 128, capSlots = 64, objects = 64, threads = 1,
        dmaPages = 16, mmioPages = 16, interrupts = 1),
      grants = [
        (name = "console", source = (console = void)),
        (name = "rng", source = (device = (
          vendor = 0x1af4, devices = [0x1044, 0x1005], poolPages = 16))),
        (name = "service", source = (serves = "random")),
      ]
    ),
    (
      # Reads interrupt routes from firmware's AML, tells the kernel, and ends. Drivers of devices that
      # have nothing but a pin belong behind it; those above need no routes, and start beside it.
      name = "acpi",
      image = "acpi",
      start = first,
      priority = 23, maxPriority = 23,
      budget = (frames = 4096, capSlots = 512, objects = 512, threads = 1),
      grants = [
        (name = "console", source = (console = void)),
        (name = "firmware", source = (acpiFirmware = void)),
        (name = "routing", source = (interruptRouting = void)),
      ]
    ),
    (
      name = "shell",
      image = "shell",
      priority = 22, maxPriority = 22,
      # `blk check` has 64 pages in flight.
      budget = (frames = 256, capSlots = 64, objects = 48, threads = 1),
      grants = [
        (name = "console", source = (console = void)),
        (name = "diagnostics", source = (diagnostics = void)),
        (name = "auditLog", source = (auditLog = void)),
        (name = "power", source = (power = void)),
        (name = "launcher", source = (uses = "launcher")),
        (name = "disk", source = (uses = "disk")),
        (name = "disk1", source = (uses = "disk1")),
        (name = "random", source = (uses = "random")),
      ]
    ),
    (
      name = "hello",
      image = "hello",
      start = demand,
      budget = (frames = 96, capSlots = 32, objects = 24, threads = 1),
      grants = [
        (name = "console", source = (console = void)),
      ]
    ),
    (
      name = "demo",
      image = "demo",
      start = demand,
      budget = (frames = 160, capSlots = 32, objects = 32, threads = 2),
      grants = [
        (name = "console", source = (console = void)),
        (name = "echo", source = (uses = "echo")),
        (name = "share", source = (uses = "share")),
      ]
    ),
    (
      # QEMU's teaching device, which drives 28 address bits: for tests of what a device may do.
      name = "edu",
      image = "edu",
      start = demand,
      budget = (frames = 256, capSlots = 64, objects = 64, threads = 1,
        dmaPages = 64, mmioPages = 256, interrupts = 1),
      grants = [
        (name = "console", source = (console = void)),
        (name = "edu", source = (device = (
          vendor = 0x1234, devices = [0x11e8], poolPages = 64, addressBits = 28))),
      ]
    ),
    (
      # Tests the disk as its clients see it.
      name = "blktest",
      image = "blktest",
      start = demand,
      budget = (frames = 2048, capSlots = 256, objects = 256, threads = 4),
      grants = [
        (name = "console", source = (console = void)),
        (name = "disk", source = (uses = "disk")),
      ]
    ),
    (
      # What operations cost, but for devices. Needs a second process to call, and a thread of higher
      # priority to wake.
      name = "bench",
      image = "bench",
      start = demand,
      priority = 16, maxPriority = 20,
      budget = (frames = 512, capSlots = 128, objects = 128, threads = 8),
      grants = [
        (name = "console", source = (console = void)),
        (name = "spawner", source = (spawner = void)),
        (name = "bootPackage", source = (bootPackage = void)),
      ]
    ),
    (
      # The same program with devices, as `make bench` races it against Linux: it has `edu` to itself,
      # reads the disk, and restarts the disk's driver.
      name = "devbench",
      image = "bench",
      start = demand,
      priority = 16, maxPriority = 20,
      budget = (frames = 768, capSlots = 128, objects = 128, threads = 8,
        dmaPages = 1, mmioPages = 256, interrupts = 1),
      grants = [
        (name = "console", source = (console = void)),
        (name = "spawner", source = (spawner = void)),
        (name = "bootPackage", source = (bootPackage = void)),
        (name = "diagnostics", source = (diagnostics = void)),
        (name = "launcher", source = (uses = "launcher")),
        (name = "disk", source = (uses = "disk")),
        (name = "edu", source = (device = (
          vendor = 0x1234, devices = [0x11e8], poolPages = 1, addressBits = 28))),
      ]
    ),
    (
      # Tests the scheduler with threads above and below its own priority, and with children.
      name = "rttest",
      image = "rttest",
      start = demand,
      priority = 16, maxPriority = 18,
      budget = (frames = 1536, capSlots = 320, objects = 320, threads = 20),
      grants = [
        (name = "console", source = (console = void)),
        (name = "diagnostics", source = (diagnostics = void)),
        (name = "spawner", source = (spawner = void)),
        (name = "bootPackage", source = (bootPackage = void)),
      ]
    ),
    (
      # Attacks everything it can reach, itself included: the manifest gives it no service.
      name = "hostile",
      image = "hostile",
      start = demand,
      budget = (frames = 2048, capSlots = 512, objects = 512, threads = 32),
      grants = [
        (name = "console", source = (console = void)),
        (name = "spawner", source = (spawner = void)),
        (name = "bootPackage", source = (bootPackage = void)),
      ]
    ),
  ]),
  images = [
    (name = "init", elf = embed "/user/init.elf"),
    (name = "acpi", elf = embed "/user/acpi.elf"),
    (name = "echo", elf = embed "/user/echo.elf"),
    (name = "share", elf = embed "/user/share.elf"),
    (name = "shell", elf = embed "/user/shell.elf"),
    (name = "hello", elf = embed "/user/hello.elf"),
    (name = "demo", elf = embed "/user/demo.elf"),
    (name = "virtio_blk", elf = embed "/user/virtio_blk.elf"),
    (name = "virtio_rng", elf = embed "/user/virtio_rng.elf"),
    (name = "edu", elf = embed "/user/edu.elf"),
    (name = "blktest", elf = embed "/user/blktest.elf"),
    (name = "bench", elf = embed "/user/bench.elf"),
    (name = "rttest", elf = embed "/user/rttest.elf"),
    (name = "hostile", elf = embed "/user/hostile.elf"),
  ]
);
