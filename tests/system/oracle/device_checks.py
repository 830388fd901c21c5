# SPDX-License-Identifier: MIT
"""What must hold of devices while the machine stands still: hardware's tables against the claims.

Each function takes the kernel's state, the hardware as it is, and the claims that the kernel has
written down, and yields complaints, as in checks.py."""

from collections import Counter

from . import vtd
from .pci import name_of

PAGE = 4096
# A device's tables lie in none of these.
FOREIGN = ("free", "memory", "ring", "reserved", "cap_table", "kernel_image", "per_cpu",
           "outside memory")
FIRST_VECTOR = 0x20
VALIDATE_ALL = 1
COM1_INPUT = 4


def machine(state, hardware, claims):
    """What is found by configuration space is what is in the machine."""
    yield from hardware.complaints


def units(state, hardware, claims):
    """Every remapping unit translates, remaps interrupts where it can, and refuses the other format
    of messages; its tables are well formed."""
    for unit in hardware.units:
        where = f"the IOMMU at {unit.base:#x}"
        if not unit.translating:
            yield f"{where} does not translate"
        if unit.extended & 1 << 3 and not unit.remapping:
            yield f"{where} does not remap interrupts"
        if unit.compatibility:
            yield f"{where} passes messages in compatibility format"
        yield from (f"{where}: {complaint}" for complaint in unit.complaints)


def table_frames(state, hardware, claims):
    """The tables of the IOMMU lie in frames of the kernel that are used for nothing else, those of a
    domain paid by its owner; and every frame of that kind is such a table, or in quarantine."""
    lost = {process.pid for process in state.processes if process.name == "quarantine"}
    used = {physical // PAGE for unit in hardware.units for physical in unit.tables}
    for frame, record in enumerate(state.frames):
        if state.kinds.get(record.kind) == "iommu" and frame not in used and record.owner not in lost:
            yield (f"frame {frame:#x} is an IOMMU's table of {state.owner_name(record.owner)} that no "
                   "IOMMU uses")
    for unit in hardware.units:
        for physical, what in unit.tables.items():
            kind = state.kind(physical // PAGE)
            if kind in FOREIGN:
                yield f"{what} is in frame {physical // PAGE:#x}, which is {kind}"


def contexts(state, hardware, claims):
    """A device is attached only if somebody owns it, or firmware reserved memory for it, to tables and not past them; different owners
    have different domains."""
    domains = {}
    for unit in hardware.units:
        for context in unit.contexts:
            who = name_of(context.bdf)
            if context.bdf not in hardware.functions:
                yield f"{who} has a context entry, but there is no such function"
            if context.bdf not in claims and context.bdf not in hardware.firmware_memory:
                yield f"{who} has a context entry, but nobody owns it"
            if context.kind != 0:
                yield f"{who} passes its IOMMU: translation type {context.kind}"
            other = domains.setdefault((unit.base, context.domain), context)
            if other.table != context.table:
                yield f"{who} and {name_of(other.bdf)} have different tables, but both domain {context.domain}"
            elif other is not context and other.bdf in claims and context.bdf in claims and \
                    claims[other.bdf].owner != claims[context.bdf].owner:
                yield f"{who} and {name_of(other.bdf)} have different owners, but the same tables"


def _run(buffer, first):
    """The frames that a buffer has, in order: those of its memory from the one that is mapped first."""
    start = buffer.frames.index(first) if first in buffer.frames else 0
    return buffer.frames[start:start + buffer.pages]


def _firmware_memory(who, leaves, ranges):
    """The written exception: what firmware reserved for a function that nobody owns, at its own address."""
    for leaf in leaves:
        if leaf.iova != leaf.physical or not any(
                first <= leaf.iova and leaf.iova + leaf.size - 1 <= last for first, last in ranges):
            yield (f"{who} reaches frame {leaf.physical // PAGE:#x} at {leaf.iova:#x}, which firmware did not "
                   "reserve for it")


def reachable(state, hardware, claims):
    """Every frame that a device can reach is memory of a pinned object, and one that the ledger gives
    it, at that address and with that access; and all that the ledger gives it is there."""
    pinned = {}
    for address, memory in state.memories.items():
        for frame in memory.frames:
            pinned.setdefault(frame, []).append((address, memory.pins))
    # A pin may be held through a view: its frames are its root's.
    for memory in state.memories.values():
        if memory.frames or memory.root not in state.memories:
            continue
        frames = state.memories[memory.root].frames[memory.root_offset:memory.root_offset + memory.pages]
        for frame in frames:
            pinned.setdefault(frame, []).append((memory.root, memory.pins))
    for unit in hardware.units:
        for context in unit.contexts:
            if context.kind != 0:
                continue
            who = name_of(context.bdf)
            claim = claims.get(context.bdf)
            if claim is None and context.bdf in hardware.firmware_memory:
                yield from _firmware_memory(who, unit.leaves[context.table],
                                            hardware.firmware_memory[context.bdf])
                continue
            mapped = {leaf.iova + page * PAGE: leaf.physical // PAGE + page
                      for leaf in unit.leaves[context.table] for page in range(leaf.size // PAGE)}
            given = {}
            for buffer in claim.buffers if claim else ():
                frames = _run(buffer, mapped.get(buffer.iova))
                for page, frame in enumerate(frames):
                    given[buffer.iova + page * PAGE] = (frame, buffer.read, buffer.write)
            for leaf in unit.leaves[context.table]:
                for page in range(leaf.size // PAGE):
                    frame, iova = leaf.physical // PAGE + page, leaf.iova + page * PAGE
                    kind = state.kind(frame)
                    place = f"{who} reaches frame {frame:#x} at {iova:#x}"
                    if kind != "memory":
                        yield f"{place}, which is {kind}"
                    elif not any(pins for _, pins in pinned.get(frame, ())):
                        yield f"{place}, whose memory object is not pinned"
                    wanted = given.pop(iova, None)
                    if wanted is None:
                        yield f"{place}, which no buffer gives it"
                    elif wanted[0] != frame:
                        yield f"{place}, where its buffer has frame {wanted[0]:#x}"
                    elif (leaf.read, leaf.write) != wanted[1:]:
                        yield f"{place} with other access than its buffer's"
            for buffer in claim.buffers if claim else ():
                if len(_run(buffer, mapped.get(buffer.iova))) < buffer.pages:
                    yield f"{who}: the buffer at {buffer.iova:#x} ends behind its memory"
            for iova in given:
                yield f"{who} has a buffer with a page at {iova:#x}, which it cannot reach"
        attached = {context.bdf for context in unit.contexts}
        for bdf, claim in claims.items():
            if claim.buffers and bdf not in attached:
                yield f"{name_of(bdf)} has buffers, but no context entry"


def unowned(state, hardware, claims):
    """A function that nobody owns masters no bus and raises no interrupt."""
    for function in hardware.functions.values():
        if function.bdf in claims:
            continue
        if function.masters_bus and not function.is_bridge:
            yield f"{function} masters the bus, and nobody owns it"
        for vector in function.vectors:
            if vector.active:
                yield f"{function} has vector {vector.index} unmasked, and nobody owns it"


def lines(state, hardware, claims):
    """No function drives its pin but one whose owner has it, and no input of an I/O APIC is open but the
    console's and those that such pins lead to."""
    for function in hardware.functions.values():
        if not function.is_bridge and function.header_type == 0 and function.may_raise_line and \
                not (function.bdf in claims and claims[function.bdf].lines):
            yield f"{function} may raise INTx"
    given = {COM1_INPUT} | {line for claim in claims.values() for line in claim.lines}
    for pin in hardware.inputs:
        if pin.active and pin.number not in given:
            yield f"I/O APIC {pin.io_apic}, input {pin.number} is open, and no owner's pin leads there"


def vectors(state, hardware, claims):
    """Every vector that can be raised, and every input of an I/O APIC, leads through an
    interrupt-remapping entry of its own, one that is checked against its source."""
    if not any(unit.remapping for unit in hardware.units):
        return
    entries = {irte.index: irte for unit in hardware.units for irte in unit.irtes}
    users = Counter()
    for function in hardware.functions.values():
        for vector in function.vectors:
            what = f"{function}, vector {vector.index}"
            handle = vtd.handle_of(vector.address, vector.data)
            if handle is None:
                if vector.active:
                    yield f"{what}: its message {vector.address:#x} is not in remappable format"
                continue
            irte = entries.get(handle)
            if irte is None:
                if vector.active:
                    yield f"{what}: interrupt-remapping entry {handle} is not present"
                continue
            users[handle] += 1
            if irte.source != function.bdf:
                yield f"{what}: interrupt-remapping entry {handle} is for {name_of(irte.source)}"
    for pin in hardware.inputs:
        what = f"I/O APIC {pin.io_apic}, input {pin.number}"
        handle = vtd.handle_of_input(pin.entry)
        irte = entries.get(handle)
        if irte is not None:
            users[handle] += 1
            if irte.source != hardware.io_apic_sources.get(pin.io_apic):
                yield f"{what}: interrupt-remapping entry {handle} is for {name_of(irte.source)}"
            if (irte.vector, irte.level) != (pin.entry & 0xFF, bool(pin.entry >> 15 & 1)):
                yield f"{what}: its vector or trigger mode is not that of interrupt-remapping entry {handle}"
        elif pin.active:
            yield f"{what}: is unmasked, and names no entry that is present"
    for irte in entries.values():
        what = f"interrupt-remapping entry {irte.index}"
        if irte.validation != VALIDATE_ALL or irte.qualifier != 0:
            yield f"{what} does not check all of its source"
        if irte.posted:
            yield f"{what} posts interrupts"
        if irte.vector < FIRST_VECTOR:
            yield f"{what} raises exception {irte.vector:#x}"
        if irte.source not in claims and irte.source not in hardware.io_apic_sources.values():
            yield f"{what} is for {name_of(irte.source)}, which nobody owns"
        if users[irte.index] != 1:
            yield f"{what} is used by {users[irte.index]} vectors"
    targets = Counter((irte.vector, irte.destination) for irte in entries.values())
    for (vector, destination), count in targets.items():
        if count > 1:
            yield f"{count} interrupt-remapping entries raise vector {vector:#x} on {destination:#x}"


def routes(state, hardware, claims):
    """The routes of the ledger are exactly the interrupt-remapping entries that are present."""
    if not any(unit.remapping for unit in hardware.units):
        return
    entries = {irte.index: irte for unit in hardware.units for irte in unit.irtes}
    for bdf, claim in claims.items():
        for route in claim.routes:
            irte = entries.pop(route.handle, None)
            if irte is None or irte.source != bdf or irte.vector != route.vector:
                yield f"{name_of(bdf)}: the route of vector {route.number} is not in entry {route.handle}"
    for index, irte in entries.items():
        if irte.source in hardware.io_apic_sources.values():
            continue  # the kernel's own
        yield f"interrupt-remapping entry {index} for {name_of(irte.source)} belongs to no route"


def registers(state, hardware, claims):
    """A user page that is no memory shows registers in a BAR of a function that the process owns, and
    neither an MSI-X table nor anything of the kernel's."""
    bars = {}
    for function in hardware.functions.values():
        for bar in function.bars:
            for page in range(bar.address // PAGE, -(-(bar.address + bar.size) // PAGE)):
                bars.setdefault(page, []).append((function, bar))
    for process in state.processes:
        if process.walk is None:
            continue
        for leaf in process.walk.leaves:
            page = leaf.physical // PAGE
            if state.is_memory(page):
                continue
            place = f"{process}: user page {leaf.virtual:#x} shows registers at {leaf.physical:#x}"
            if page not in bars:
                yield f"{place}, which are no function's"
                continue
            for function, bar in bars[page]:
                claim = claims.get(function.bdf)
                if claim is None or claim.owner != process.pid:
                    yield f"{place}, of {function}, which it does not own"
                if page in function.msix_pages:
                    yield f"{place}, where {function} has its MSI-X table"
                if bar.address % PAGE or bar.size % PAGE:
                    yield f"{place}, where BAR {bar.index} of {function} ends within the page"


ALL = [machine, units, table_frames, contexts, reachable, unowned, lines, vectors, routes, registers]
