# SPDX-License-Identifier: MIT
"""The oracle's opinion of devices: nothing to say about a VT-d that was programmed well, and every
kind of damage to its tables, to the devices or to the claims is named.

No kernel is involved: handmade.py programs the machine from outside. That the walk is the hardware's is
shown with edu, whose transfers arrive where the oracle says, and nowhere else."""

import re

import comparisons
import oracle
import pytest
from handmade import (CONTEXT_N, DISK_HANDLE, DISK_IOVA, DISK_TABLES, EDU_FRAMES, EDU_HANDLE, EDU_IOVA,
                      EDU_OWNER, EDU_TABLES, FREE_FRAME, IRT, PAGE, ROOT, STRANGER, HandMade)
from harness import Devices
from oracle import pci, vtd
from oracle.hardware import Hardware, Input
from oracle.state import Frame
from oracle.tables import Leaf
from outside_edu import OutsideEdu
from shell import claim

PROBE = {"kernel": "build/tools/probe.elf", "package": None, "append": "stay"}


def start(boot, **options):
    devices = Devices(**options)
    edu, disk, other = devices.edu(), devices.disk(), devices.testdev()
    machine = boot(devices=devices, qtest=True, **PROBE)
    machine.expect("probe stays")
    made = HandMade(machine, edu, disk)
    made.other = machine.bdf(other)
    return machine, made


# ---- Faults: each spoils something of (hand-made machine, state, claims) and returns a pattern that one
# of the complaints must match.

def translation_off(made, state, claims):
    made.global_command(vtd.QUEUED | vtd.REMAPPING)
    return "does not translate"


def remapping_off(made, state, claims):
    made.global_command(vtd.QUEUED | vtd.TRANSLATING)
    return "does not remap interrupts"


def compatibility_format(made, state, claims):
    def spoil(hardware):  # QEMU's model cannot be switched so
        hardware.units[0].compatibility = True
    made.spoil = spoil
    return "passes messages in compatibility format"


def stranger_attached(made, state, claims):
    made.context(made.other, EDU_TABLES[0], 1)
    return rf"{pci.name_of(made.other)} has a context entry, but nobody owns it"


def nothing_attached(made, state, claims):
    made.context(0x50 << 3, EDU_TABLES[0], 1)
    return "there is no such function"


def owner_forgotten(made, state, claims):
    del claims[made.edu]
    return rf"{pci.name_of(made.edu)} has a context entry, but nobody owns it"


def owner_forgotten_bus(made, state, claims):
    del claims[made.edu]
    return r"function .*1234:11e8.* masters the bus, and nobody owns it"


def owner_forgotten_vector(made, state, claims):
    del claims[made.disk]
    return r"function .*1af4:1042.* has vector 0 unmasked, and nobody owns it"


def bus_master_of_nobody(made, state, claims):
    made.command(made.other, on=pci.BUS_MASTER)
    return r"function .*1b36:0005.* masters the bus, and nobody owns it"


def pass_through(made, state, claims):
    made.context(made.edu, EDU_TABLES[0], 1, kind=2)
    return "passes its IOMMU: translation type 2"


def shared_domain_number(made, state, claims):
    made.context(made.disk, DISK_TABLES[0], 1)
    return "have different tables, but both domain 1"


def shared_tables(made, state, claims):
    made.context(made.disk, EDU_TABLES[0], 1)
    return "have different owners, but the same tables"


def shared_subtree(made, state, claims):
    made.entry(DISK_TABLES[0], 0, EDU_TABLES[1] | 3)
    return "is a second-stage table and also a second-stage table"


def reaches_free_frame(made, state, claims):
    made.second(EDU_TABLES, EDU_IOVA, FREE_FRAME)
    return rf"reaches frame {FREE_FRAME:#x} at {EDU_IOVA:#x}, which is free"


def reaches_its_own_tables(made, state, claims):
    made.second(EDU_TABLES, EDU_IOVA, EDU_TABLES[2] // PAGE)
    return rf"reaches frame {EDU_TABLES[2] // PAGE:#x} at .*, which is slab"


def reaches_everything_by_large_page(made, state, claims):
    made.entry(EDU_TABLES[1], 0, vtd.LARGE | 3)
    return r"reaches frame 0x0 at 0x0, which is free"


def reaches_nothing(made, state, claims):
    made.second(EDU_TABLES, EDU_IOVA, 0xFED90)
    return r"reaches frame 0xfed90 at .*, which is outside memory"


def reaches_anothers_buffer(made, state, claims):
    made.second(EDU_TABLES, EDU_IOVA, 0x910)
    return r"reaches frame 0x910 at .*, where its buffer has frame 0x900"


def reaches_beyond_its_buffer(made, state, claims):
    state.memories[0x1000].frames.append(0x902)
    made.second(EDU_TABLES, EDU_IOVA + 2 * PAGE, 0x902)
    return r"reaches frame 0x902 at 0x12000, which no buffer gives it"


def writes_what_it_may_read(made, state, claims):
    made.second(DISK_TABLES, DISK_IOVA, 0x910)
    return r"reaches frame 0x910 .* with other access than its buffer's"


def unpinned(made, state, claims):
    state.memories[0x1000].pins = 0
    return "whose memory object is not pinned"


def unmapped_behind_the_ledger(made, state, claims):
    made.second(EDU_TABLES, EDU_IOVA, 0, access=0)
    return rf"has a buffer with a page at {EDU_IOVA:#x}, which it cannot reach"


def detached_behind_the_ledger(made, state, claims):
    made.context(made.edu, 0, 0, present=0)
    return rf"{pci.name_of(made.edu)} has buffers, but no context entry"


def table_in_user_memory(made, state, claims):
    state.memories[0x3000] = type(state.memories[0x1000])(0x3000, [EDU_TABLES[2] // PAGE])
    state.kind_of[EDU_TABLES[2] // PAGE] = "memory"
    return "a second-stage table is in frame .*, which is memory"


def context_table_freed(made, state, claims):
    state.kind_of[CONTEXT_N // PAGE] = "free"
    return "the context table of bus .* is in frame .*, which is free"


def interrupt_table_freed(made, state, claims):
    state.kind_of[IRT // PAGE] = "free"
    return "the interrupt-remapping table is in frame .*, which is free"


def tables_nowhere(made, state, claims):
    made.entry(EDU_TABLES[1], 0, 0xFFF_0000_0000 | 3)
    return "cannot be read: .*where there is no memory"


def reserved_in_context(made, state, claims):
    made.entry(CONTEXT_N, 2 * (made.disk & 0xFF), DISK_TABLES[0] | 1, 0xFF << 24 | 2 << 8 | 1)
    return "the context entry of .* has reserved bits"


def reserved_in_root(made, state, claims):
    made.entry(ROOT, 0, 0x801000 | 1, 1)
    return "the root entry of bus 0x0 has reserved bits"


def other_mode(made, state, claims):
    made.qtest.store(made.vtd + vtd.RTADDR, ROOT | 1 << 10, 8)
    return "asks for another mode than legacy"


def stray_second_stage_bits(made, state, claims):
    made.entry(EDU_TABLES[2], 100, 0x7000)
    return "is neither empty nor present: 0x7000"


def source_not_checked(made, state, claims):
    made.irte(EDU_HANDLE, 0x41, made.edu, validation=0)
    return rf"interrupt-remapping entry {EDU_HANDLE} does not check all of its source"


def source_of_another(made, state, claims):
    made.irte(EDU_HANDLE, 0x41, made.disk)
    return rf"vector 0: interrupt-remapping entry {EDU_HANDLE} is for {pci.name_of(made.disk)}"


def source_of_nobody(made, state, claims):
    made.irte(9, 0x43, made.other)
    return rf"interrupt-remapping entry 9 is for {pci.name_of(made.other)}, which nobody owns"


def entry_without_user(made, state, claims):
    made.irte(9, 0x43, made.edu)
    return "interrupt-remapping entry 9 is used by 0 vectors"


def entry_without_route(made, state, claims):
    claims[made.disk].routes.clear()
    return rf"interrupt-remapping entry {DISK_HANDLE} for .* belongs to no route"


def route_without_entry(made, state, claims):
    made.irte(DISK_HANDLE, 0, 0, present=0)
    return rf"the route of vector 0 is not in entry {DISK_HANDLE}"


def vector_without_entry(made, state, claims):
    made.irte(DISK_HANDLE, 0, 0, present=0)
    return rf"vector 0: interrupt-remapping entry {DISK_HANDLE} is not present"


def entry_used_twice(made, state, claims):
    made.msix(made.disk, 1, made.message(DISK_HANDLE), masked=1)
    return rf"interrupt-remapping entry {DISK_HANDLE} is used by 2 vectors"


def vector_in_old_format(made, state, claims):
    made.msi(made.edu, 0xFEE00000)
    return "vector 0: its message 0xfee00000 is not in remappable format"


def vector_to_memory(made, state, claims):
    made.msix(made.disk, 0, 0x910000, masked=0)
    return "vector 0: its message 0x910000 is not in remappable format"


def table_of_nobody(made, state, claims):
    state.kinds = {9: "iommu"}
    state.frames = [Frame(0, 0, EDU_OWNER, 9, 0, 0, 0)]
    return rf"frame 0x0 is an IOMMU's table of process {EDU_OWNER} that no IOMMU uses"


def input_of_another(made, state, claims):
    made.spoil = lambda hardware: hardware.inputs.append(Input(0, 4, EDU_HANDLE << 49 | 1 << 48 | 0x30))
    return rf"I/O APIC 0, input 4: interrupt-remapping entry {EDU_HANDLE} is for {pci.name_of(made.edu)}"


def input_in_old_format(made, state, claims):
    made.spoil = lambda hardware: hardware.inputs.append(Input(0, 4, 0x30))
    return "I/O APIC 0, input 4: is unmasked, and names no entry that is present"


def exception_vector(made, state, claims):
    made.irte(EDU_HANDLE, 0x0E, made.edu)
    return rf"interrupt-remapping entry {EDU_HANDLE} raises exception 0xe"


def vector_shared(made, state, claims):
    made.irte(DISK_HANDLE, 0x41, made.disk)
    return "2 interrupt-remapping entries raise vector 0x41 on 0x0"


def show(state, pid, address):
    process = next(process for process in state.processes if process.pid == pid)
    process.walk.leaves.append(Leaf(0x10000, PAGE, address, True, True, False, 0))


def bar_of(made, bdf, index=0):
    return pci.Function(bdf, made.config + (bdf << 12), made.machine.read_registers).bar_address(index)


def registers_of_another(made, state, claims):
    show(state, STRANGER, bar_of(made, made.edu))
    return rf"process {STRANGER}: user page 0x10000 shows registers at .*, which it does not own"


def registers_of_the_iommu(made, state, claims):
    show(state, EDU_OWNER, made.vtd)
    return rf"process {EDU_OWNER}: user page .* shows registers at 0xfed90000, which are no function's"


def registers_of_the_local_apic(made, state, claims):
    show(state, EDU_OWNER, 0xFEE00000)
    return "which are no function's"


def registers_with_msix_table(made, state, claims):
    function = pci.Function(made.disk, made.config + (made.disk << 12), made.machine.read_registers)
    show(state, claims[made.disk].owner, min(function.msix_pages) * PAGE)
    return "has its MSI-X table"


def interrupt_line(made, state, claims):
    made.command(made.edu, off=pci.INTX_DISABLE)
    return "function .*1234:11e8.* may raise INTx"


def registers_less_than_a_page(made, state, claims):
    claims[made.other] = type(claims[made.edu])(made.other, EDU_OWNER)
    show(state, EDU_OWNER, bar_of(made, made.other))

    def spoil(hardware):  # QEMU rounds the memory BARs of its own devices up to pages
        function = hardware.functions[made.other]
        function.bars = [bar._replace(size=256) for bar in function.bars]
    made.spoil = spoil
    return "ends within the page"


def posted_interrupt(made, state, claims):
    made.entry(IRT, 2 * EDU_HANDLE, 1 << 15 | 0x41 << 16 | 1, 1 << 18 | made.edu)
    return rf"interrupt-remapping entry {EDU_HANDLE} posts interrupts"


def buffer_longer_than_its_memory(made, state, claims):
    buffers = claims[made.edu].buffers
    buffers[0] = buffers[0]._replace(pages=buffers[0].pages + 1)
    return rf"the buffer at {EDU_IOVA:#x} ends behind its memory"


def stray_root_bits(made, state, claims):
    made.entry(ROOT, 2 * 0x60, 0x5000)
    return "the root entry of bus 0x60 is neither empty nor present"


def function_left_out(made, state, claims):
    made.spoil = lambda hardware: hardware.complaints.extend(pci.compare(
        {bdf: function for bdf, function in hardware.functions.items() if bdf != made.other},
        made.machine.qmp.execute("query-pci")))
    return "is in the machine, but in no configuration space"


def function_made_up(made, state, claims):
    made.spoil = lambda hardware: hardware.complaints.extend(pci.compare(
        {**hardware.functions, 0x5008: hardware.functions[made.other]},
        made.machine.qmp.execute("query-pci")))
    return "is in configuration space, but not in the machine"


def firmware_memory_exceeded(made, state, claims):
    made.context(made.other, DISK_TABLES[0], 2)
    made.spoil = lambda hardware: hardware.firmware_memory.update({made.other: [(0x1000, 0x1FFF)]})
    return rf"{pci.name_of(made.other)} reaches frame 0x910 at {DISK_IOVA:#x}, which firmware did not reserve"


FAULTS = [value for name, value in list(globals().items())
          if getattr(value, "__code__", None) is not None
          and value.__code__.co_varnames[:3] == ("made", "state", "claims")]


def complaints(machine, state, claims, spoil=None):
    try:
        hardware = Hardware(machine)
        if spoil:
            spoil(hardware)
    except oracle.Broken as error:
        return [f"cannot be read: {error}"]
    return oracle.device_complaints(state, hardware, claims)


@pytest.mark.deadline(150)
def test_faults_are_noticed(boot):
    """Each seeded fault is named by the oracle, and without it there is no complaint; no comparison is left
    that none of them makes fail. Else: the faults that went unnoticed, with what the oracle said instead, or
    the comparisons that never failed."""
    machine, made = start(boot)
    machine.qmp.execute("stop")
    unnoticed, said = [], set()
    for function in Hardware(machine).functions.values():  # what firmware leaves on
        if not function.is_bridge:
            made.command(function.bdf, on=pci.INTX_DISABLE, off=pci.BUS_MASTER)
    for fault in FAULTS:
        state, claims = made.set_up()
        found = complaints(machine, state, claims)
        claim(found == [], f"no complaints before {fault.__name__}", "\n".join(found))
        made.spoil = None
        pattern = fault(made, state, claims)
        found = complaints(machine, state, claims, made.spoil)
        said.update(found)
        if not any(re.search(pattern, line) for line in found):
            unnoticed.append(f"{fault.__name__}: /{pattern}/, instead: {found[:3]}")
        made.command(made.other, off=pci.BUS_MASTER)
        made.command(made.edu, on=pci.INTX_DISABLE)
        made.msix(made.disk, 1, 0, masked=1)
    claim(len(FAULTS) > 40, "more than 40 faults", len(FAULTS))
    claim(not unnoticed, "every fault is named", "\n".join(unnoticed))
    never = comparisons.never_failed(["device_checks", "vtd", "pci"], said)
    claim(not never, "every comparison fails once", "\n".join(never))


def test_walk_is_the_hardware_s(boot):
    """A transfer of edu arrives in the frame that the oracle's walk has for its address, with three and
    with four levels; one to an address that the walk does not have changes nothing, and VT-d reports
    it. Else: other bytes changed, or no fault."""
    for bits, levels in ((39, 3), (48, 4)):
        machine, made = start(boot, address_bits=bits)
        made.set_up()
        edu = OutsideEdu(machine, "edu0")
        if levels == 4:
            made.entry(0x80B000, 0, EDU_TABLES[0] | 3)
            made.entry(0x801000, 2 * (made.edu & 0xFF), 0x80B000 | 1, 1 << 8 | 2)
        unit = Hardware(machine).units[0]
        leaves = {leaf.iova: leaf.physical for leaf in unit.reach(made.edu)}
        claim(leaves == {EDU_IOVA: EDU_FRAMES[0] * PAGE, EDU_IOVA + PAGE: EDU_FRAMES[1] * PAGE},
              "two pages", leaves)
        claim(unit.faults & 2 == 0, "no fault yet", f"FSTS {unit.faults:#x}")
        for frame in range(0x8F0, 0x930):
            machine.ram.write(frame * PAGE, b"\xA5" * PAGE)
        edu.transfer(EDU_IOVA + PAGE + 0x80)
        changed = [frame for frame in range(0x8F0, 0x930)
                   if machine.ram.read(frame * PAGE, PAGE) != b"\xA5" * PAGE]
        claim(changed == [EDU_FRAMES[1]], f"frame {EDU_FRAMES[1]:#x} changed", list(map(hex, changed)))
        claim(machine.ram.read(EDU_FRAMES[1] * PAGE, PAGE) ==
              b"\xA5" * 0x80 + bytes(256) + b"\xA5" * (PAGE - 0x180), "256 bytes in their place",
              "others")
        machine.ram.write(EDU_FRAMES[1] * PAGE, b"\xA5" * PAGE)
        for iova in (EDU_IOVA + 2 * PAGE, FREE_FRAME * PAGE, EDU_FRAMES[0] * PAGE):
            edu.transfer(iova)
        claim(all(machine.ram.read(frame * PAGE, PAGE) == b"\xA5" * PAGE for frame in range(0x8F0, 0x930)),
              "nothing changed", "something did")
        claim(Hardware(machine).units[0].faults & 2, "a pending fault",
              f"FSTS {Hardware(machine).units[0].faults:#x}")
        machine.close()


def test_inputs_are_read(boot):
    """The inputs of the I/O APIC are read, and its source is known from the tables of firmware. Else:
    other than 24 inputs, or one unmasked that was not."""
    machine, made = start(boot)
    made.qtest.store(0xFEC00000, 0x10 + 2 * 4 + 1)  # 82093AA datasheet, 3.2: select, window
    made.qtest.store(0xFEC00010, EDU_HANDLE << 17 | 1 << 16)
    made.qtest.store(0xFEC00000, 0x10 + 2 * 4)
    made.qtest.store(0xFEC00010, 0x30)
    hardware = Hardware(machine)
    claim(hardware.io_apic_sources == {0: 0xFF00}, "I/O APIC 0 at ff:00.0", hardware.io_apic_sources)
    claim([pin.number for pin in hardware.inputs] == list(range(24)), "24 inputs", hardware.inputs)
    claim([pin.number for pin in hardware.inputs if pin.active] == [4], "input 4 unmasked", hardware.inputs)
    claim(vtd.handle_of_input(hardware.inputs[4].entry) == EDU_HANDLE, f"entry {EDU_HANDLE}",
          hardware.inputs[4])


def test_functions_are_found(boot):
    """The walk through configuration space finds every function of a machine with bridges, and a
    function that it does not find is named. Else: no complaint when one is left out."""
    machine, made = start(boot)
    hardware = Hardware(machine)
    claim(hardware.complaints == [], "no complaints", hardware.complaints)
    claim({made.edu, made.disk, made.other} <= set(hardware.functions), "three devices",
          [str(function) for function in hardware.functions.values()])
    claim(made.disk >> 8 and 0x10 in hardware.functions[made.disk].capabilities, "PCIe, behind a bridge",
          pci.name_of(made.disk))
    del hardware.functions[made.disk]
    found = list(pci.compare(hardware.functions, machine.qmp.execute("query-pci")))
    claim(found == [f"function {pci.name_of(made.disk)} is in the machine, but in no configuration space"],
          "one complaint", found)
