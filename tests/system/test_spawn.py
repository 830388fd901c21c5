# SPDX-License-Identifier: MIT
"""Gate run-spawn: init starts its children from the manifest, and whatever is wrong with a boot
package, a manifest or a program image ends in a message that names the thing and the place."""

import pathlib
import random
import re
import struct
import time

import oracle
import pytest
from harness import Machine, Unexpected
from packages import HEADER, SEGMENT, STANDARD, Package, patched, spinning, write
from shell import SERVICES, claim, ended, process_table, wait_processes

SMALL = ("init", "echo", "shell", "hello")
HUGE = 0xFFFF_FFFF
TAKEBACK = pathlib.Path("build/package/user/takeback.elf")


def test_children_of_the_manifest(boot, logs):
    """init starts what the manifest wants at boot, in its order, and nothing else; each has the
    budget, the priority and exactly the capabilities that its entry says. Else: another process,
    limit or capability in `ps` and `caps`."""
    package = Package()
    machine = boot(package=package.write(logs))
    machine.expect(machine.PROMPT)
    table = process_table(machine)
    wanted = [name for name, program in package.programs.items() if program["start"] == "boot"]
    claim(sorted(table, key=lambda name: table[name]["pid"]) == wanted, wanted, table)
    kinds = {"console": "console", "diagnostics": "diagnostics", "power": "power",
             "spawner": "processSpawner", "timer": "timer", "serves": "endpoint",
             "uses": "endpointClient", "bootPackage": "memory", "auditLog": "auditLog"}
    for name in wanted[1:]:
        program = package.programs[name]
        row = table[name]
        claim(row["priority"] == program["priority"], f"{name}: its priority", row)
        for key, field in (("frames", "frames"), ("caps", "capSlots"), ("objects", "objects")):
            claim(row[key][1] == program["budget"][field], f"{name}: its limit of {key}", row)
        lines = machine.shell(f"caps {row['pid']}").splitlines()[1:]
        given = [kinds[next(iter(grant["source"]))] for grant in program["grants"]]
        claim([line.split()[2] for line in lines][:2 + len(given)] ==
              ["factory", "virtualMemory"] + given, f"{name}: its capabilities", lines)
        claim(all(line.split()[1] == "1" for line in lines[:2 + len(given)]), "of generation 1", lines)
    claim("missing" not in machine.output and "not started" not in machine.output, "no refusal",
          machine.tail())
    oracle.inspect(machine)
    machine.halt()


def test_arguments(boot, logs):
    """A program gets the arguments of the manifest, then those of the command line. Else: they
    are missing, or in another order."""
    package = Package(*SMALL)
    package.programs["hello"]["arguments"] = ["from the", "manifest", ""]
    machine = boot(package=package.write(logs))
    text = machine.shell("run hello typed")
    found = re.findall(r"argument \d+: (.*)", text)
    claim([word.rstrip() for word in found] == ["from the", "manifest", "", "typed"],
          "four arguments", text)
    machine.halt()


def with_zeroed_pages(elf, count):
    """The program, and so many pages behind its variables."""
    headers = range(struct.unpack_from("<H", elf, HEADER["phnum"][0])[0])
    found = [number for number in headers if struct.unpack_from("<I", elf, 64 + 56 * number + SEGMENT["flags"][0])[0] == 6]
    size = struct.unpack_from("<Q", elf, 64 + 56 * found[-1] + SEGMENT["memsz"][0])[0]
    return patched(elf, found[-1], memsz=size + count * 4096)


def test_spawner_is_taken_back(boot, logs):
    """A process that has borrowed the ProcessSpawner has a program of 2,000 pages loaded when that is taken back: it is
    told `stale`, the program never runs, and all that it had is free again. The lender goes on with it. Else: what
    became of the request; or how many frames are lost."""
    package = Package("init")
    image = TAKEBACK.read_bytes()
    package.add("takeback", image, like="init")
    package.add("large", with_zeroed_pages(image, 2000), like="init")
    del package.programs["init"], package.images["init"]
    machine = boot(package=package.write(logs), cpus=1)
    for outcome in ("lent: ok", *(5 * ["taken back: stale"]), "lent: ok", "done"):
        match = machine.expect(re.compile(r"takeback: (.*?)\r?\n"), 30)
        claim(match.group(1) == outcome, outcome, match.group(1))
    machine.wait_exit(Machine.EXIT_HALT)


# ---- The kernel refuses the package, or init in it

def kernel_refuses(machine, pattern):
    match = machine.expect(re.compile(r"\*\*\* kernel panic: (.*?)\r?\n"), 20)
    machine.expect("*** end of epitaph")
    machine.wait_exit(Machine.EXIT_PANIC)
    claim(re.search(pattern, match.group(1)), f"a panic that says /{pattern}/", match.group(1))


def test_no_package(boot):
    """Without a boot package the kernel says that it needs one, and how QEMU brings it. Else:
    another message."""
    kernel_refuses(boot(package=None), r"boot package: none; .*-initrd")


def renamed(name):
    def change(package):
        package.programs["init"]["name"] = name
    return change


BAD_PACKAGES = {
    "abi-level-0": (lambda p: setattr(p, "abi_level", 0), r'abiLevel: .*another ABI level: "0, not 2"'),
    "abi-level-99": (lambda p: setattr(p, "abi_level", 99), r'abiLevel: .*: "99, not 2"'),
    "no-programs": (lambda p: p.programs.clear(), r"manifest.programs: no programs"),
    "too-many-programs": (lambda p: [p.add(f"more-{i}") for i in range(70)],
                          r"manifest.programs: too many programs"),
    "no-image-of-init": (lambda p: p.images.pop("init"),
                         r'program "init": image: no such image in the package: "init"'),
    "no-images": (lambda p: p.images.clear(), r'program "init": image: no such image'),
    "empty-image": (lambda p: p.images.update(init=b""), r'program "init": image: the image is empty'),
    "garbage-image": (lambda p: p.images.update(init=b"This is no program.\n" * 300),
                      r"cannot start init: badImage"),
    "truncated-image": (lambda p: p.images.update(init=p.images["init"][:40]),
                        r"cannot start init: badImage"),
    "name-empty": (renamed(""), r'program "#0": name: must not be empty'),
    "name-long": (renamed("x" * 32), r'program "#0": name: longer than 31 bytes'),
    "name-with-escape": (renamed("in\x1b[2Jit"), r'program "#0": name: has characters other.*"in\?\?2Jit"'),
    "priority": (lambda p: p.programs["init"].update(maxPriority=32),
                 r'program "init": maxPriority: out of range: "32"'),
    "priority-above-own": (lambda p: p.programs["init"].update(priority=30, maxPriority=29),
                           r'program "init": priority: above its maximum: "30"'),
    "budget-zero": (lambda p: p.programs["init"]["budget"].update(frames=0),
                    r'program "init": budget.frames: must not be zero'),
    "period-zero": (lambda p: p.programs["init"].update(cpuBudgetMicros=5, cpuPeriodMicros=0),
                    r'program "init": cpuPeriodMicros: must not be zero'),
    "grant-unknown-service": (
        lambda p: p.programs["init"]["grants"].append({"name": "x", "source": {"uses": "nothing"}}),
        r'program "init": grants\[\d+\].source.uses: no program serves this service: "nothing"'),
}


@pytest.mark.parametrize("name", BAD_PACKAGES)
def test_bad_package(boot, logs, name):
    """A package that the kernel cannot start init from ends in a panic that names the program,
    the field and the value. Else: another message, a fault, or silence."""
    change, pattern = BAD_PACKAGES[name]
    package = Package(*SMALL)
    change(package)
    machine = boot(package=package.write(logs), cpus=1)
    kernel_refuses(machine, pattern)
    if name == "garbage-image":
        claim("spawn: init: bad image: badMagic at byte 0" in machine.output, "what is wrong with it",
              machine.tail())


@pytest.mark.parametrize("length", [1, 7, 8, 40, 200, 4096, -4096, -8, -1])
def test_truncated_package(boot, logs, length):
    """A package that was cut off is called damaged, with segment and word. Else: another message,
    a fault, or silence."""
    data = STANDARD.read_bytes()
    kernel_refuses(boot(package=write(logs, data[:length]), cpus=1),
                   r"(?<!boot package: )boot package: the message is damaged: .*, segment \d+, word \d+")


@pytest.mark.parametrize("kind", ["zeros", "ones", "noise", "text"])
def test_no_package_at_all(boot, logs, kind):
    """A file that is no package is refused as such. Else: a fault, or silence."""
    data = {"zeros": bytes(65536), "ones": b"\xff" * 65536, "text": b"Hello, world!\n" * 1000,
            "noise": random.Random(4711).randbytes(65536)}[kind]
    kernel_refuses(boot(package=write(logs, data), cpus=1), r"boot package: ")


@pytest.mark.deadline(120)
@pytest.mark.parametrize("seed", range(3))
def test_flipped_bits(boot, logs, seed):
    """A package with bits flipped among its pointers and names boots, or says what is wrong with
    it; it never hangs and never faults in the kernel. Else: the seed and the bytes, and silence or
    a trap in the kernel."""
    chance = random.Random(seed)
    good = Package(*SMALL).encode()
    head = good.index(b"\x7fELF")  # before it, everything is structure
    for _ in range(8):
        data = bytearray(good)
        places = [chance.randrange(head) for _ in range(chance.choice([1, 1, 2, 8]))]
        for place in places:
            data[place] ^= 1 << chance.randrange(8)
        machine = boot(package=write(logs, bytes(data)), cpus=1)
        what = f"seed {seed}, bytes {places}"
        try:
            match = machine.expect(re.compile(
                r"kernel panic: (.*?)\r?\n|capos> |init: .*not started.*\n|crash: process 1 .*\n"), 15)
        except Unexpected as error:
            raise Unexpected(f"a prompt or a message ({what})", error.seen) from None
        if match.group(1) is not None:
            claim(re.match("boot package: |init has ended|cannot start init|memory: ", match.group(1)),
                  f"a panic about the package ({what})", match.group(1))
            machine.expect("*** end of epitaph")
            machine.wait_exit(Machine.EXIT_PANIC)
        machine.close()


# ---- init refuses one program; the rest runs

def segments(change):
    return lambda elf: patched(elf, **change)


def at(segment, **fields):
    return lambda elf: patched(elf, segment, **fields)


R, W, X = 4, 2, 1
BAD_IMAGES = {
    "empty-header": (lambda elf: b"\x7fELF", "truncated"),
    "garbage": (lambda elf: bytes(range(256)) * 64, "badMagic"),
    "text": (lambda elf: b"#!/bin/sh\necho hello\n" * 20, "badMagic"),
    "class-32": (lambda elf: patched(elf, **{"class": 1}), "badClass"),
    "big-endian": (lambda elf: patched(elf, data=2), "badByteOrder"),
    "shared": (lambda elf: patched(elf, type=3), "badType"),
    "machine": (lambda elf: patched(elf, machine=183), "badMachine"),
    "no-headers": (lambda elf: patched(elf, phnum=0), "noSegment"),
    "many-headers": (lambda elf: patched(elf, phnum=60000), "tooManyHeaders"),
    "headers-outside": (lambda elf: patched(elf, phoff=1 << 40), "headersOutsideFile"),
    "headers-wrap": (lambda elf: patched(elf, phoff=(1 << 64) - 8), "headersOutsideFile"),
    "headers-far": (lambda elf: patched(elf, phoff=8192), "headersOutOfReach"),
    "entry-zero": (lambda elf: patched(elf, entry=0), "badEntry"),
    "entry-in-data": (lambda elf: patched(elf, entry=0x406000), "badEntry"),
    "entry-in-kernel": (lambda elf: patched(elf, entry=0xFFFFFFFF80201000), "badEntry"),
    "write-and-execute": (at(0, flags=R | W | X), "writableAndExecutable"),
    "unreadable": (at(0, flags=X), "unreadable"),
    "in-kernel": (at(2, vaddr=0xFFFFFFFF80201000), "addressOutOfRange"),
    "address-wraps": (at(2, vaddr=(1 << 64) - 4096), "addressOutOfRange"),
    "at-zero": (at(0, vaddr=0), "addressOutOfRange"),
    "over-the-ring": (at(2, memsz=0x10000000), "addressOutOfRange|tooManyPages"),
    "huge": (at(2, memsz=1 << 62), "addressOutOfRange|tooManyPages"),
    "file-larger": (at(2, filesz=0x2000, memsz=0x1000), "fileSizeTooLarge"),
    "outside-file": (at(1, offset=1 << 30), "segmentOutsideFile"),
    "offset-wraps": (at(1, offset=(1 << 64) - 4096), "segmentOutsideFile"),
    "not-congruent": (at(1, vaddr=0x405123), "badAlignment"),
    "alignment": (at(1, align=3), "badAlignment"),
    "descending": (at(1, vaddr=0x300000), "notAscending"),
    "overlap": (at(1, vaddr=0x401000), "overlap|notAscending"),
    "interpreter": (at(3, type=3), "interpreter"),
    "dynamic": (at(3, type=2), "dynamic"),
    "tls-outside": (at(3, memsz=1 << 40), "badTls"),
}


def test_bad_images(boot, logs):
    """Each malformed program image is refused by its name, with what is wrong and at which byte,
    and changes nothing; good programs run before and after. Else: the images for which another
    message came, or none."""
    package = Package(*SMALL)
    good = package.images["hello"]
    names = list(BAD_IMAGES)
    for name in names:
        package.add(name, BAD_IMAGES[name][0](good))
    machine = boot(package=package.write(logs))
    machine.expect(machine.PROMPT)
    machine.shell("run hello")
    before = oracle.Snapshot(machine)
    wrong = []
    for name in names:
        start = len(machine.output)
        text = machine.shell(f"run {name}")
        logged = re.search(rf"spawn: {name}: bad image: (\w+) at byte \d+", machine.output[start:])
        if f"{name}: not started: badImage" not in text:
            wrong.append(f"{name}: {text!r}")
        elif not logged or not re.fullmatch(BAD_IMAGES[name][1], logged.group(1)):
            wrong.append(f"{name}: logged {logged and logged.group()}, not {BAD_IMAGES[name][1]}")
    claim(not wrong, "each image refused for its own reason", "\n".join(wrong))
    oracle.Snapshot(machine).must_equal(before)
    claim("exit code 0" in machine.shell("run hello"), "hello runs", machine.tail())
    machine.halt()


def test_random_images(boot, logs):
    """Images with bits flipped in their headers are refused, or run and harm only themselves.
    Else: a panic, no prompt, or a difference to the baseline."""
    package = Package(*SMALL)
    good = package.images["hello"]
    chance = random.Random(7)
    count = 40
    for number in range(count):
        data = bytearray(good)
        for _ in range(chance.choice([1, 2, 5])):
            data[chance.randrange(64 + 4 * 56)] ^= 1 << chance.randrange(8)
        package.add(f"r{number}", bytes(data))
    machine = boot(package=package.write(logs))
    machine.expect(machine.PROMPT)
    machine.shell("run hello")
    before = oracle.Snapshot(machine)
    for number in range(count):
        text = machine.shell(f"run r{number}", 10)
        claim(re.search(r"not started: |exit code|crashed", text), f"an end of r{number}", text)
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()


def test_bad_programs_beside_good_ones(boot, logs):
    """What the manifest says wrongly about one program costs that program, which init names with
    the field; all others start. Else: another message, or a good program that is missing."""
    package = Package(*SMALL)
    package.add("no-such-image", like="hello")["image"] = "nowhere"
    package.add("no-image-bytes", b"")
    package.add("high", priority=20, maxPriority=40)
    package.add("needs", grants=[{"name": "x", "source": {"uses": "nothing"}}])
    package.add("twice", grants=[{"name": "x", "source": {"console": None}}] * 2)
    package.add("second-echo", grants=[{"name": "x", "source": {"serves": "echo"}}])
    package.add("garbage", b"garbage" * 99, start="boot")
    package.add("poor", start="boot", budget={"frames": 3, "capSlots": 9, "objects": 99, "threads": 1})
    package.programs["shell"] = package.programs.pop("shell")  # last: its prompt comes behind all that
    machine = boot(package=package.write(logs))
    machine.expect(machine.PROMPT)
    for wanted in (
            r'manifest: program "no-such-image": image: no such image in the package: "nowhere": not started',
            r'manifest: program "no-image-bytes": image: the image is empty.*: not started',
            r'manifest: program "high": maxPriority: out of range: "40": not started',
            r'manifest: program "needs": grants\[0\].source.uses: no program serves .*"nothing": not started',
            r'manifest: program "twice": grants\[1\].name: given twice: "x": not started',
            r'manifest: program "second-echo": .*another program serves this service: "echo": not started',
            r'program "garbage" not started: badImage',
            r'program "poor" not started: overBudget'):
        claim(re.search("init: " + wanted, machine.output), wanted, machine.tail(20))
    claim(set(process_table(machine)) == {"init", "echo", "shell"}, "the good ones", process_table(machine))
    claim("exit code 0" in machine.shell("run hello"), "hello runs", machine.tail())
    listed = machine.shell("run").split()
    claim("hello" in listed and "twice" not in listed, "only usable programs are offered", listed)
    oracle.inspect(machine)
    machine.halt()


def test_budgets(boot, logs):
    """A program whose budget the machine cannot pay is refused, however large the number; one
    whose budget does not pay for itself is too, and nothing of it stays. Else: it starts, or the
    baseline differs."""
    package = Package(*SMALL)
    fine = dict(package.programs["hello"]["budget"])
    cases = {}
    for field in fine:
        for name, value in (("huge", HUGE), ("large", 1 << 31), ("one", 1)):
            if name == "one" and field in ("threads", "dmaPages", "mmioPages", "interrupts"):
                continue  # is enough
            cases[f"{field}-{name}".lower()] = package.add(
                f"{field}-{name}".lower(), budget={**fine, field: value})
    cases["allhuge"] = package.add("allhuge", budget=dict.fromkeys(fine, HUGE))
    machine = boot(package=package.write(logs))
    machine.expect(machine.PROMPT)
    machine.shell("run hello")
    before = oracle.Snapshot(machine)
    for name in cases:
        text = machine.shell(f"run {name}")
        claim(text == f"{name}: not started: overBudget", f"{name}: overBudget", text)
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()


SECONDS = 30


def has_tenth(shares, most):
    return 7 <= shares["tenth"] <= most and shares["greedy"] >= 60


@pytest.mark.parametrize("cpus, icount", [(1, 0), (2, None)])
def test_cpu_budget(boot, logs, cpus, icount):
    """A program that never rests gets a tenth of a CPU if that is its budget, and all that is left
    without one; both can be killed, and services are answered meanwhile. Else: its CPU time grows
    by another share of the time that passes."""
    package = Package("init", "echo", "share", "shell", "demo", "hello")
    spin = spinning(package.images["hello"])
    package.add("tenth", spin, cpuBudgetMicros=1000, cpuPeriodMicros=10000)
    package.add("greedy", spin)
    machine = boot(package=package.write(logs), cpus=cpus, icount=icount)
    machine.expect(machine.PROMPT)
    machine.shell("run tenth &")
    machine.shell("run greedy &")

    def sample():
        """Milliseconds since boot, and CPU milliseconds of each process."""
        busy, idle = machine.shell("cpus").splitlines()[1].split()[2:4]
        return int(busy) + int(idle), {name: row["cpu_ms"] for name, row in process_table(machine).items()}

    def shares():
        """Of a second's CPU time, in percent."""
        start, before = sample()
        text = machine.shell("run demo", 30)
        claim(ended(text, "demo"), "demo: exit code 0", text[-300:])
        while True:
            time.sleep(0.2)
            end, after = sample()
            if end - start > 1000:
                return {name: (after[name] - before[name]) * 100 // (end - start) for name in before}

    # Where the clock counts instructions nothing disturbs. Elsewhere the host's delays of the timer that
    # ends a turn of 1 ms come on top, and of the one that begins it: then another second is looked at.
    seen = [shares()]
    while icount is None and len(seen) < SECONDS and not has_tenth(seen[-1], 40):
        seen.append(shares())
    claim(has_tenth(seen[-1], 11 if icount == 0 else 40), "a tenth of the CPU for one, the rest for the other", seen)
    for name in ("tenth", "greedy"):
        machine.shell(f"kill {process_table(machine)[name]['pid']}")
    wait_processes(machine, SERVICES)
    oracle.inspect(machine)
    machine.halt()
