# SPDX-License-Identifier: MIT
#
# Seeds for manifest_fuzz: what config/default.capnp alone does not show it. Each constant becomes
# a file of its name in tests/fuzz/corpus/manifest:
#
#   for name in $(sed -n 's/^const \(.*\) :Capos.BootPackage.*/\1/p' tests/fuzz/manifest_seeds.capnp)
#   do
#       capnp eval --binary -I. tests/fuzz/manifest_seeds.capnp $name \
#           >tests/fuzz/corpus/manifest/$name
#   done
#
# The file `default` there is the standard package with the smallest program as every image.

@0xd9a1c6f7704e2b35;

using Capos = import "/schema/capos.capnp";

const budget :Capos.Budget = (frames = 1, capSlots = 1, objects = 1, threads = 1);
const images :List(Capos.Image) = [(name = "i", elf = "e")];

const smallest :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [(name = "init", image = "i", budget = .budget)]),
  images = .images
);

const arguments :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [(
    name = "a", image = "i", start = demand,
    priority = 0, maxPriority = 31, cpuBudgetMicros = 1, cpuPeriodMicros = 1,
    budget = .budget,
    arguments = ["", "one", "--two=2"],
    grants = [
      (name = "t", source = (timer = void)),
      (name = "s", source = (serves = "x")),
      (name = "u", source = (uses = "x")),
    ]
  )]),
  images = .images
);

# Images too large for one segment.
const farPointers :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "init", image = "two", budget = .budget),
    (name = "b", image = "one", budget = .budget),
  ]),
  images = [
    (name = "one", elf = embed "corpus/elf/gcc_program"),
    (name = "two", elf = embed "corpus/elf/gcc_program"),
    (name = "three", elf = ""),
  ]
);

# Refusals that a mutation does not easily come upon.

const servedTwice :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "a", image = "i", budget = .budget, grants = [(name = "s", source = (serves = "x"))]),
    (name = "b", image = "i", budget = .budget, grants = [(name = "s", source = (serves = "x"))]),
  ]),
  images = .images
);

const noPeriod :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "a", image = "i", budget = .budget, cpuBudgetMicros = 5, cpuPeriodMicros = 0),
  ]),
  images = .images
);

const manyArguments :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [(name = "a", image = "i", budget = .budget, arguments = [
    "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
    "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
  ])]),
  images = .images
);

const longArguments :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [(name = "a", image = "i", budget = .budget, arguments = [
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
  ])]),
  images = .images
);

const otherLevel :Capos.BootPackage = (
  abiLevel = 99,
  manifest = (programs = [
    (name = "init", image = "i", budget = .budget),
  ]),
  images = .images
);

const longName :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", image = "i", budget = .budget),
  ]),
  images = .images
);

const sameNames :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "a", image = "i", budget = .budget),
    (name = "a", image = "i", budget = .budget),
  ]),
  images = .images
);

const sameGrants :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "a", image = "i", budget = .budget, grants = [
      (name = "s", source = (timer = void)),
      (name = "s", source = (timer = void)),
    ]),
  ]),
  images = .images
);

const unserved :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "a", image = "i", budget = .budget, grants = [(name = "s", source = (uses = "x"))]),
  ]),
  images = .images
);

const emptyImage :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "a", image = "i", budget = .budget),
  ]),
  images = [(name = "i", elf = "")]
);

const manyGrants :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "a", image = "i", budget = .budget, grants = [
      (name = "1", source = (timer = void)),
      (name = "2", source = (timer = void)),
      (name = "3", source = (timer = void)),
      (name = "4", source = (timer = void)),
      (name = "5", source = (timer = void)),
      (name = "6", source = (timer = void)),
      (name = "7", source = (timer = void)),
      (name = "8", source = (timer = void)),
      (name = "9", source = (timer = void)),
    ]),
  ]),
  images = .images
);

const manyPrograms :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (), (), (), (), (), (), (), (), (), (), (), (), (),
    (), (), (), (), (), (), (), (), (), (), (), (), (),
    (), (), (), (), (), (), (), (), (), (), (), (), (),
    (), (), (), (), (), (), (), (), (), (), (), (), (),
    (), (), (), (), (), (), (), (), (), (), (), (), (),
  ]),
  images = .images
);

const priorityTooHigh :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "a", image = "i", budget = .budget, priority = 32, maxPriority = 32),
  ]),
  images = .images
);

const noBudget :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [(name = "a", image = "i")]),
  images = .images
);

# Devices, and the refusals that come with them.

const deviceBudget :Capos.Budget = (frames = 1, capSlots = 1, objects = 1, threads = 1,
  dmaPages = 64, mmioPages = 8, interrupts = 3);

const devices :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "a", image = "i", start = device, budget = .deviceBudget, grants = [
      (name = "m", source = (deviceManager = void)),
      (name = "r", source = (interruptRouting = void)),
      (name = "a", source = (acpiFirmware = void)),
      (name = "d", source = (device = (vendor = 0x1af4, devices = [0x1042, 0x1001], nth = 1,
        poolPages = 60, interrupts = 2))),
      (name = "e", source = (device = (vendor = 0x1234, devices = [0x11e8], poolPages = 4))),
      (name = "s", source = (serves = "x")),
    ]),
    (name = "b", image = "i", budget = .budget, grants = [(name = "s", source = (uses = "x"))]),
  ]),
  images = .images
);

const noDevice :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [(name = "a", image = "i", start = device, budget = .deviceBudget)]),
  images = .images
);

const manyIds :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [(name = "a", image = "i", budget = .deviceBudget, grants = [
    (name = "d", source = (device = (vendor = 1, devices = [1, 2, 3, 4, 5, 6, 7, 8, 9])))])]),
  images = .images
);

const poolAboveBudget :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [(name = "a", image = "i", budget = .deviceBudget, grants = [
    (name = "d", source = (device = (vendor = 1, devices = [1], poolPages = 65)))])]),
  images = .images
);

const sameDeviceNames :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [(name = "a", image = "i", budget = .deviceBudget, grants = [
    (name = "d.pool", source = (timer = void)),
    (name = "d", source = (device = (vendor = 1, devices = [1])))])]),
  images = .images
);
