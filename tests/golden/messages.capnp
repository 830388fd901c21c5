# SPDX-License-Identifier: MIT
#
# Messages whose bytes on the wire are kept beside this file, as NAME.hex: what the schema means
# today must be what it meant yesterday. tools/check-generated-code compares (--update rewrites,
# which is right only together with a new ABI level in CHANGES.md).

@0xa0f5d3a7c1e24b96;

using Capos = import "/capos.capnp";

const startInfo :Capos.StartInfo = (
  arguments = ["hello", ""],
  capabilities = ["console", "timer", "echo"]);

const spawnRequest :Capos.SpawnRequest = (
  name = "worker", image = 1048579, imageOffset = 4096, imageLength = 123456,
  priority = 3, maxPriority = 31, cpuBudgetMicros = 1000, cpuPeriodMicros = 10000,
  budget = (frames = 64, capSlots = 32, objects = 16, threads = 2),
  startMessage = 0x"00 01 fe ff");

const bootPackage :Capos.BootPackage = (
  abiLevel = Capos.abiLevel,
  manifest = (programs = [
    (name = "init", image = "init", start = boot, grants = [
      (name = "console", source = (console = void)),
      (name = "echo", source = (serves = "echo"))]),
    (name = "client", image = "client", start = demand, priority = 0, maxPriority = 0,
      cpuBudgetMicros = 500, cpuPeriodMicros = 5000, arguments = ["-n", "3"],
      budget = (frames = 1, capSlots = 2, objects = 3, threads = 4), grants = [
      (name = "echo", source = (uses = "echo"))])]),
  images = [(name = "init", elf = 0x"7f 45 4c 46"), (name = "client")]);

const launched :Capos.LaunchResult = (pid = 7);
const refused :Capos.LaunchResult = (refused = overBudget);
const unserved :Capos.LaunchResult = (missingService = "echo");
