# SPDX-License-Identifier: MIT
"""Gate run-acpi: the acpi service (docs/design/0017-acpi-service.md), and the machine's end.

What QEMU's boards wire to what is in QEMU 7.2's hw/i386/acpi-build.c (build_q35_pci0_int, build_prt)
and, of the chipsets themselves, hw/isa/lpc_ich9.c and hw/isa/piix3.c. The PIIX3 has links, which the BIOS
sets: SeaBIOS 1.16, src/fw/pciinit.c, pci_irqs."""

import pathlib
import re

import aml
import intx
import linux
import oracle
import pytest
from harness import Devices
from packages import Package, spinning
from shell import SERVICES, claim, process_table, until, wait_processes

STAMP = pathlib.Path("build/user/acpi.stamp")
WITHOUT = pathlib.Path("build/user/acpi-without.elf")
TEST_IMAGE = pathlib.Path("build/package/user/acpitest.elf")
Q35, I440FX, MICROVM = "q35,sata=off", "pc", "microvm,pcie=on"
LINKS = (11, 10, 10, 11)  # D, A, B, C: PIIX3 and ICH9 as SeaBIOS sets them
ROUTE = re.compile(r"acpi: (\w{4}):(\w\w):(\w\w) INT([A-D]) -> (\d+), (\w+), active (\w+)\r?$", re.M)

has_interpreter = STAMP.exists() and STAMP.read_text(encoding="utf-8").strip() != "without"
needs_interpreter = pytest.mark.skipif(
    not has_interpreter, reason="not to be had: the image was built without ACPICA (make acpica)")


def q35_input(slot, pin):
    """The I/O APIC's input for pin 0 to 3 of a slot of the root bus."""
    if slot < 0x19:
        return 20 + (slot + pin) % 4
    return (20 if slot == 0x1E else 16) + pin


def linked_input(slot, pin):
    """The same for a bus whose pins go through links."""
    return LINKS[(slot + pin) % 4]


def i440fx_input(slot, pin):
    return 9 if (slot, pin) == (1, 0) else linked_input(slot, pin)


def devices_of(machine, bus):
    """The numbers of the devices on a bus, as QEMU has them."""
    def search(buses):
        for found in buses:
            if found["bus"] == bus:
                return {device["slot"] for device in found["devices"]}
            below = search([device["pci_bridge"] | {"bus": device["pci_bridge"]["bus"]["secondary"]}
                            for device in found["devices"] if "devices" in device.get("pci_bridge", {})])
            if below is not None:
                return below
        return None
    return search(machine.qmp.execute("query-pci"))


def listed(machine):
    """{(bus, device, pin): input} of what the service declares of devices that are there."""
    text = machine.shell("run acpi list")
    routes = {}
    for segment, bus, device, pin, number, trigger, level in ROUTE.findall(text):
        claim((segment, trigger, level) == ("0000", "level", "high"), "level, active high", text)
        routes[int(bus, 16), int(device, 16), "ABCD".index(pin)] = int(number)
    claim(f"{len(routes)} declared, 0 refused, 0 unknown" in text and "exit code 0" in text,
          "every route declared, and the service's end", text)
    return routes


def expected(machine, buses):
    """The same from QEMU's sources: {bus: function}."""
    return {(bus, device, pin): wired(device, pin)
            for bus, wired in buses.items() for device in devices_of(machine, bus) for pin in range(4)}


@pytest.mark.no_last_look("the oracle knows one root bus")
@needs_interpreter
def test_routes_q35(boot):
    """On a q35 with bridges and a second root bus, the service declares for every device of a root bus what
    the chipset's wiring is, and nothing for what is behind bridges. Else: another input, or a device
    without."""
    devices = Devices()
    devices.edu(slot=4)
    devices.add("e1000", slot=0x19)
    devices.add("pcie-root-port", slot=6, name="near", chassis=1)
    devices.add("pci-bridge", slot=7, name="bridge", chassis_nr=2)
    devices.add("pxb-pcie", slot=9, name="second", bus_nr=0x40)
    machine = boot(devices=devices, extra=[
        "-device", "edu,bus=near", "-device", "e1000,bus=bridge,addr=3",
        "-device", "pcie-root-port,bus=second,id=far,chassis=3,addr=2", "-device", "edu,bus=far"])
    machine.expect(machine.PROMPT)
    seen = listed(machine)
    wanted = expected(machine, {0: q35_input, 0x40: linked_input})
    claim(seen == wanted, f"{wanted}", seen)
    claim(set(process_table(machine)) == SERVICES, "the service has ended", process_table(machine))
    machine.halt()


@needs_interpreter
@pytest.mark.parametrize("cpus", [1, 2])
def test_routes_i440fx(boot, cpus):
    """On an i440fx, whose pins go through links of the PIIX3, the service reads from the chipset where the
    BIOS had them lead. Else: another input."""
    devices = Devices(iommu=False)
    devices.edu(slot=4)
    devices.add("e1000", slot=7)
    machine = boot(cpus=cpus, machine=I440FX, devices=devices)
    machine.expect(machine.PROMPT)
    seen = listed(machine)
    wanted = expected(machine, {0: i440fx_input})
    claim(seen == wanted, f"{wanted}", seen)
    machine.halt()


# Enabling a function is when Linux asks where its pin leads; inputs are its numbers of interrupts. Links
# it would set anew, to balance: acpi_irq_nobalance leaves them as the BIOS has set them.
LINUX_ROUTES = """
for device in /sys/bus/pci/devices/*; do
    echo 1 >$device/enable 2>/dev/null
    echo "linux: ${device##*/} pin $(hexdump -s 61 -n 1 -e '1/1 "%d"' $device/config) input $(cat $device/irq)"
done
"""


@needs_interpreter
@pytest.mark.deadline(300)
@pytest.mark.parametrize("board", [Q35, I440FX])
def test_linux_agrees(boot, logs, board):
    """Debian's kernel, which reads the same tables, finds for each function of the root bus that has a pin the
    input that the service declares. Else: a function for which they differ."""
    def machine_of(**options):
        devices = Devices(iommu=False)
        devices.add("e1000", slot=4)
        devices.edu(slot=7)
        devices.add("pci-bridge", slot=0x0A, name="bridge", chassis_nr=2)
        return boot(cpus=1, memory="512M", machine=board, devices=devices, **options)
    kernel, initramfs = linux.prepare(logs, LINUX_ROUTES)
    machine = machine_of(kernel=kernel, package=initramfs, append=f"{linux.WORDS} acpi_irq_nobalance")
    machine.expect("linux: done")
    machine.close()
    theirs = {(int(device, 16), int(pin) - 1): int(number) for device, function, pin, number in re.findall(
        r"linux: 0000:00:(\w\w)\.(\d) pin (\d+) input (\d+)", machine.output) if pin != "0"}
    machine = machine_of()
    machine.expect(machine.PROMPT)
    routes = listed(machine)
    claim(len(theirs) >= 3, "three functions with a pin at least", theirs)
    ours = {(device, pin): routes.get((0, device, pin)) for device, pin in theirs}
    claim(ours == theirs, f"{theirs}", ours)
    machine.halt()


@needs_interpreter
def test_interrupts(boot, logs):
    """With what the service has declared at boot and nobody else, drivers of an edu and of an e1000 in slots
    that share an input get the interrupts of their pins. Else: a claim that is
    refused, or a check FAILED."""
    def place(devices):
        devices.edu(slot=4)
        devices.add("e1000", slot=8)
    machine, _devices = intx.start(boot, logs, {"edu": {**intx.EDU, "byPin": True}, "e1000": intx.E1000},
                                   place, declare=False, acpi=True)
    intx.run(machine, "edu grant")
    intx.live(machine, "edu count", "counting")
    intx.run(machine, "e1000 e1000")
    until(machine, "edu alone on line 20", lambda: intx.line(machine, 20)["sharers"] == 1)
    machine.halt()


def test_without_interpreter(boot, logs):
    """An image without ACPICA says so, works, and refuses a device that has nothing but its pin, with the
    reason. Else: a start that waits, or a claim of such a device."""
    package = Package()
    package.images["acpi"] = WITHOUT.read_bytes()
    package.add("pin", like="edu", grants=[
        {"name": "console", "source": {"console": None}},
        {"name": "edu", "source": {"device": {**intx.E1000, "poolPages": 4}}}])
    devices = Devices()
    devices.add("e1000", slot=4)
    machine = boot(devices=devices, package=package.write(logs))
    machine.expect("acpi: no AML interpreter in this image")
    machine.expect(machine.PROMPT)
    text = machine.shell("run pin")
    claim("cannot be claimed: noInterruptRoute" in text, "a refusal with the reason", text)
    claim("exit code 0" in machine.shell("run demo", 40), "demo works", machine.tail())
    machine.halt()


@pytest.mark.parametrize("board", [Q35, I440FX, MICROVM])
@pytest.mark.parametrize("service", [pytest.param(True, marks=needs_interpreter), False])
def test_halt(boot, logs, board, service):
    """`halt` powers the machine off through ACPI where no debug-exit device is told of, with the service
    and without: QEMU ends with status 0. Else: it runs on, with words about turning it off by hand."""
    package = Package()
    if not service:
        del package.programs["acpi"]
    machine = boot(machine=board, append="debug_exit=0", package=package.write(logs))
    machine.expect(machine.PROMPT)
    machine.write("halt\r")
    machine.wait_exit(0)
    claim("power: halt" in machine.output and "safe to do so" not in machine.output, "off", machine.tail())


def test_authority(boot, logs):
    """Whoever holds AcpiFirmware reaches what is firmware's and nothing of the kernel's, of programs' or of
    devices'. Else: a check FAILED, or a machine that ends."""
    package = Package()
    package.add("acpitest", TEST_IMAGE.read_bytes(), grants=[
        {"name": "console", "source": {"console": None}},
        {"name": "firmware", "source": {"acpiFirmware": None}}])
    devices = Devices()
    devices.add("e1000", slot=4, name="nic")
    machine = boot(devices=devices, package=package.write(logs), boot="pvh")
    machine.expect(machine.PROMPT)
    nic = next(device for device in machine.qmp.execute("query-pci")[0]["devices"] if device["slot"] == 4)
    places = " ".join(f"{'port' if region['type'] == 'io' else 'memory'}:{region['address']:#x}"
                      for region in nic["regions"] if region["bar"] < 6)
    claim("port:" in places and "memory:" in places, "registers of both kinds", nic)
    text = machine.shell(f"run acpitest {places}")
    claim(re.search(r"acpitest: \d+ checks, 0 failed", text), "no failed check", text)
    machine.halt()


def test_first_is_bounded(boot, logs):
    """A program that is to end before others are started is killed if it does not, and they are started. Else:
    no prompt, or the program still there."""
    package = Package()
    package.images["acpi"] = spinning(package.images["acpi"])
    machine = boot(package=package.write(logs))
    machine.expect("init: acpi takes too long: killed")
    machine.expect(machine.PROMPT)
    wait_processes(machine, SERVICES, 20)
    machine.halt()


# ---- Firmware that attacks

EVIL = b"EVIL"


def evil_device(number, *terms):
    """A device whose _INI, which is run when all names are known, is these terms."""
    return aml.device(b"EV%02d" % number, aml.named(b"_HID", aml.integer(0x0105D041 + number)), *terms[:-1],
                      aml.method(b"_INI", terms[-1]))


def touch(number, space, start, value, access):
    width = {aml.BYTE_ACCESS: 8, aml.WORD_ACCESS: 16, aml.DWORD_ACCESS: 32, aml.QWORD_ACCESS: 64}[access]
    return evil_device(number, aml.region(b"REG0", space, start, 8, b"FLD0", width, access),
                       aml.store(aml.integer(value), b"FLD0"))


HOSTILE = {
    # Loops that do not end, while the table is loaded and later; one in the other's arms.
    "loop": (aml.table(aml.loop()), ""),
    "loops": (aml.table(aml.scope(b"\\_SB_", *(
        evil_device(number, aml.loop(aml.loop(), aml.sleep(0xFFFFFFFF) if number % 2 else aml.loop()))
        for number in range(8)))), r"acpi: firmware's code has run for 8 seconds: given up|acpi takes too long: killed"),
    # A method that calls itself, with and without something to do behind the call.
    "recursion": (aml.table(aml.method(EVIL, EVIL, aml.NOOP), EVIL), "AE_AML_METHOD_LIMIT"),
    "memory": (aml.table(aml.loop(aml.store(aml.buffer(0x7FFFFFFF), b"\x60"))), ""),
    # Lengths beyond the end, a package without elements, an operator that does not exist.
    "cut": (aml.table(b"\x14\xcf\xff\xffEVIL\x00"), "AE_AML_PACKAGE_LIMIT"),
    "garbage": (aml.table(bytes(range(256)) * 8), ""),
}


def works(machine):
    """What there is to do without the service."""
    claim("exit code 0" in machine.shell("run demo", 40), "demo works", machine.tail())
    wait_processes(machine, SERVICES, 20)
    oracle.inspect(machine)
    machine.halt()


@needs_interpreter
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile(boot, logs, case):
    """AML that never ends, that calls itself, that wants all memory, or that is none: the service ends all the
    same, within its time, and the system works. Else: no prompt, a panic, or a process that stays."""
    table, words = HOSTILE[case]
    machine = boot(extra=aml.arguments(logs, table))
    machine.expect(machine.PROMPT)
    claim(re.search(words, machine.output), words, machine.tail(40))
    works(machine)


@needs_interpreter
def test_hostile_regions(boot, logs):
    """Operation regions over the kernel's memory, its interrupt controllers, its ports and configuration
    space: each access is refused, the machine does not end by one, memory is as it was, and the
    routes are declared. Else: another status of QEMU, a difference in memory, or a line missing."""
    victim = 0x8000000  # memory that nobody has by then: pages are given out from below
    tries = [(aml.SYSTEM_MEMORY, victim, "write memory at 8000000"),
             (aml.SYSTEM_MEMORY, 0xFEC00000, "write memory at fec00000"),
             (aml.SYSTEM_MEMORY, 0xFEE00300, "write memory at fee00300"),
             (aml.SYSTEM_IO, 0x604, "write port 604"),
             (aml.SYSTEM_IO, 0xF4, "write port f4"),
             (aml.SYSTEM_IO, 0xCF8, "write port cf8")]
    table = aml.table(aml.scope(b"\\_SB_", *(
        touch(number, space, start, 0x2400, aml.WORD_ACCESS if space == aml.SYSTEM_IO else aml.DWORD_ACCESS)
        for number, (space, start, _) in enumerate(tries))))
    machine = boot(extra=aml.arguments(logs, table), memory="256M")
    machine.expect(machine.PROMPT)
    for _, _, words in tries:
        claim(f"acpi: firmware's code may not {words}: denied" in machine.output, words, machine.tail(40))
    claim(machine.ram.read(victim, 4) != b"\x00\x24\x00\x00", "memory that AML did not write", victim)
    text = machine.shell("run acpi list")
    claim(len(ROUTE.findall(text)) == 8, "the four routes of each of two devices", text)
    works(machine)
