# SPDX-License-Identifier: MIT
"""What must hold of a machine that stands still between two pieces of work.

Each function yields complaints: one line each, naming the thing and the place. No complaint means
that the claim in its docstring holds."""

import functools
from collections import Counter

from .devices import is_device_memory
from .state import NONE, PAGE

# enum account_resource
RESOURCES = ["frames", "capability slots", "objects", "threads", "pages for devices",
             "pages of registers", "interrupts"]
WRITE_PROTECT, SMEP, SMAP = 1 << 16, 1 << 20, 1 << 21
RING_FRAMES = 8
THREAD_BLOCK_FRAMES = 16


def processors(state):
    """Every processor uses a known root, respects read-only pages, and protects itself as the
    first one does."""
    roots = {process.root: str(process) for process in state.processes if process.root}
    roots[state.kernel_root] = "the kernel"
    for cpu, cr3 in enumerate(state.cr3):
        if cr3 & ~0xFFF not in roots:
            yield f"CPU {cpu} uses page tables at {cr3:#x}, which are nobody's"
    for cpu, (cr0, cr4, efer) in enumerate(zip(state.cr0, state.cr4, state.efer)):
        if not cr0 & WRITE_PROTECT:
            yield f"CPU {cpu} writes to read-only pages: CR0 is {cr0:#x}"
        if (cr4 ^ state.cr4[0]) & (SMEP | SMAP):
            yield f"CPU {cpu} has other protections than CPU 0: CR4 is {cr4:#x}"
        if (efer ^ state.efer[0]) & 0x800:
            yield f"CPU {cpu} and CPU 0 differ in no-execute: EFER is {efer:#x}"


def kernel_pages(state):
    """The kernel's half is the same in every root; none of it is writable and executable, none is
    the user's."""
    yield from state.kernel.complaints
    for leaf in state.kernel.leaves:
        if leaf.write and leaf.execute:
            yield f"kernel page {leaf.virtual:#x} is writable and executable"
        if leaf.user:
            yield f"kernel page {leaf.virtual:#x} is open to user code"
    ours = state.ram.read_table(state.kernel_root)[256:]
    for process in state.processes:
        if process.root and state.ram.read_table(process.root)[256:] != ours:
            yield f"{process}: the kernel's half of its page tables is not the kernel's"
    if any(state.ram.read_table(state.kernel_root)[:256]):
        yield "the kernel's own root has a user half"
    # The text may not be written through any alias either.
    first = state.image.symbols["kernel_text_start"] - state.image.symbols["KERNEL_VIRTUAL_BASE"]
    end = state.image.symbols["kernel_rodata_end"] - state.image.symbols["KERNEL_VIRTUAL_BASE"]
    for leaf in state.kernel.leaves:
        if leaf.write and leaf.physical < end and leaf.physical + leaf.size > first:
            yield f"kernel page {leaf.virtual:#x} makes the kernel's text or constants writable"


def boot_package_frames(state):
    """The frames of the one module that the loader brought."""
    info = state.variable("boot_info", "kernel/main.c")
    if int(info.module_count) == 0:
        return range(0)
    module = info.modules[0]
    return range(int(module.address) // PAGE,
                 (int(module.address) + int(module.bytes) + PAGE - 1) // PAGE)


def user_pages(state):
    """No user page is writable and executable; each shows memory that may be shown: a memory
    object's, the process's own ring, or (read-only) the boot package."""
    package = boot_package_frames(state)
    for process in state.processes:
        if process.walk is None:
            continue
        yield from (f"{process}: {complaint}" for complaint in process.walk.complaints)
        for leaf in process.walk.leaves:
            place = f"{process}: user page {leaf.virtual:#x}"
            frame = leaf.physical // PAGE
            kind = state.kind(frame)
            if leaf.size != PAGE:
                yield f"{place} is {leaf.size:#x} bytes large"
            if not leaf.user:
                yield f"{place} is in the user half, but not open to user code"
            if leaf.write and leaf.execute:
                yield f"{place} is writable and executable"
            if kind == "reserved" and state.is_memory(frame):
                if frame not in package:
                    yield f"{place} shows frame {frame:#x}, which is reserved and not the boot package"
                elif leaf.write:
                    yield f"{place} makes the boot package writable"
            elif kind == "ring":
                if state.frames[frame].owner != process.pid:
                    yield f"{place} shows a ring of {state.owner_name(state.frames[frame].owner)}"
            elif kind != "memory" and (state.hardware is None or state.is_memory(frame)):
                # What is no memory may be registers: device_checks.registers() judges those.
                yield f"{place} shows frame {frame:#x}, which is {kind}"


def mappings(state):
    """What is mapped is exactly what the process's mappings say, frame by frame."""
    for process in state.processes:
        if process.walk is None:
            continue
        wanted = {}
        for mapping in process.mappings:
            if len(mapping.frames) != mapping.pages:
                yield (f"{process}: the mapping at {mapping.address:#x} has {mapping.pages} pages, "
                       f"its memory only {len(mapping.frames)} of them")
            for page, frame in enumerate(mapping.frames):
                wanted[mapping.address + page * PAGE] = (frame, mapping.may_write)
        for leaf in process.walk.leaves:
            frame, may_write = wanted.pop(leaf.virtual, (None, False))
            if frame is None:
                yield f"{process}: user page {leaf.virtual:#x} belongs to no mapping"
            elif frame != leaf.physical // PAGE:
                yield (f"{process}: user page {leaf.virtual:#x} shows frame "
                       f"{leaf.physical // PAGE:#x}, its mapping says {frame:#x}")
            elif leaf.write and not may_write:
                yield f"{process}: user page {leaf.virtual:#x} is writable, its memory is not"
        for address in wanted:
            yield f"{process}: page {address:#x} of a mapping is not mapped"


def page_tables(state):
    """Each page table is reached once, from one root; its record counts its entries and names its
    payer; and every frame of that kind is such a table."""
    reached = {}

    def reach(walk, owner, who, counted):
        for table in walk.tables:
            frame = table.physical // PAGE
            if frame in reached:
                yield (f"page table frame {frame:#x} is reached from {who} and from "
                       f"{reached[frame]}")
                continue
            reached[frame] = who
            if state.kind(frame) != "page_table":
                yield f"{who}: the page table in frame {frame:#x} has a record that says {state.kind(frame)}"
                continue
            record = state.frames[frame]
            if record.owner != owner:
                yield (f"{who}: the page table in frame {frame:#x} is charged to "
                       f"{state.owner_name(record.owner)}")
            if counted and record.next != table.non_empty:
                yield (f"{who}: the page table in frame {frame:#x} has {table.non_empty} entries, "
                       f"its record counts {record.next}")

    yield from reach(state.kernel, 0, "the kernel", False)
    for process in state.processes:
        if process.walk is not None:
            yield from reach(process.walk, process.pid, str(process), True)
    for frame, record in enumerate(state.frames):
        if state.kinds.get(record.kind) == "page_table" and frame not in reached:
            yield (f"frame {frame:#x} is a page table of {state.owner_name(record.owner)} that no "
                   "root leads to")


def free_lists(state):
    """The free lists hold exactly the frames whose records say free, in aligned, merged blocks."""
    listed = {}
    free = state.frames
    for order, head in enumerate(state.free_heads):
        before, frame = NONE, head
        while frame != NONE:
            if frame >= state.frame_count:
                yield f"the free list of order {order} leads to frame {frame:#x}, outside memory"
                break
            record = free[frame]
            if frame in listed:
                yield f"frame {frame:#x} is in the free lists twice"
                break
            if frame % (1 << order) or record.order != order or record.flags != 1:
                yield (f"free block {frame:#x} of order {order} has order {record.order} and flags "
                       f"{record.flags} in its record")
            if record.previous != before:
                yield f"free block {frame:#x}: the links of its list disagree"
            for part in range(frame, frame + (1 << order)):
                listed[part] = order
            other = frame ^ (1 << order)
            if order + 1 < len(state.free_heads) and other + (1 << order) <= state.frame_count and \
                    free[other].kind == 0 and free[other].flags == 1 and free[other].order == order:
                yield f"free blocks {frame:#x} and {other:#x} of order {order} are not merged"
            before, frame = frame, record.next
    for frame, record in enumerate(state.frames):
        if record.kind == 0 and frame not in listed:
            yield f"frame {frame:#x} is free, but in no free list"
        elif record.kind != 0 and frame in listed:
            yield f"frame {frame:#x} is in a free list, but its record says {state.kind(frame)}"
        if record.kind == 0 and record.owner != 0:
            yield f"frame {frame:#x} is free, but charged to {state.owner_name(record.owner)}"
    if state.free_count != len(listed):
        yield f"{len(listed)} frames are in the free lists, the kernel counts {state.free_count}"


def known_frames(state):
    """Every frame that somebody is charged for is reachable from what it was taken for, once."""
    users = {}
    complaints = []

    def use(frame, kind, owner, what):
        if frame in users:
            complaints.append(f"frame {frame:#x} is {what} and also {users[frame]}")
            return
        users[frame] = what
        if state.kind(frame) != kind:
            complaints.append(f"frame {frame:#x} is {what}, its record says {state.kind(frame)}")
        elif state.frames[frame].owner != owner:
            complaints.append(f"frame {frame:#x} is {what}, its record charges "
                              f"{state.owner_name(state.frames[frame].owner)}")

    for memory in state.memories.values():
        found = state.objects[memory.value.object.at]
        payer = state.by_address.get(found.payer)
        owner = payer.pid if payer else 0
        for frame in memory.frames:
            if is_device_memory(memory):
                if state.is_memory(frame):
                    complaints.append(f"{found} shows frame {frame:#x} as registers, which is memory")
            elif memory.borrowed:
                if state.kind(frame) != "reserved":
                    complaints.append(f"{found} borrows frame {frame:#x}, which is {state.kind(frame)}")
            else:
                use(frame, "memory", owner, f"of {found}")
        for frame in memory.index_frames:
            use(frame, "memory", owner, f"the index of {found}")
    for process in state.processes:
        for frame in process.cap_frames:
            use(frame, "cap_table", process.pid, f"capability table of {process}")
        for thread in process.threads:
            name = f"thread {int(thread.number)} of {process}"
            ring = state.physical(int(thread.ring.memory)) // PAGE
            for part in range(RING_FRAMES):
                use(ring + part, "ring", process.pid, f"ring of {name}")
            for part in range(RING_FRAMES, THREAD_BLOCK_FRAMES):
                use(int(thread.block) + part, "thread", process.pid, f"of {name}")
    for frame in state.object_frames:
        use(frame, "cap_table", 0, "the object table")
    yield from complaints
    for frame, record in enumerate(state.frames):
        kind = state.kinds.get(record.kind)
        if kind is None:
            yield f"frame {frame:#x} has a record of no kind: {record.kind}"
        elif kind in ("memory", "ring", "thread", "cap_table"):
            if frame not in users:
                yield (f"frame {frame:#x} ({kind}, charged to {state.owner_name(record.owner)}) is "
                       "reachable from nothing")


def slabs(state):
    """Every piece of a slab in use is an object, a mapping or a process that can be reached."""
    pieces = 0
    for frame, record in enumerate(state.frames):
        if state.kinds.get(record.kind) != "slab" or frame in state.ledger.frames:
            continue
        slab = state.struct("slab", state.record_base - state.physical(state.record_base) + frame * PAGE)
        used = int(slab.used)
        if int(slab.frame) != frame or used == 0:
            yield f"frame {frame:#x} is no slab, or an empty one that was kept"
        pieces += used
    # The one that pays for quarantine is no piece of a slab.
    reachable = len(state.objects) + sum(process.name != "quarantine" for process in state.processes) + \
        sum(len(process.mappings) for process in state.processes)
    if pieces != reachable:
        yield (f"{pieces} pieces of slabs are in use, but only {reachable} objects, mappings and "
               "processes can be reached")


def accounts(state):
    """What each account is charged is the sum of what its owner has and has set aside."""
    # A thread's block is paid for as a thread.
    frames = Counter(record.owner for record in state.frames
                     if record.owner and state.kinds.get(record.kind) not in ("ring", "thread"))
    objects = Counter(found.payer for found in state.objects.values())
    for owner in frames:
        if owner not in state.by_pid:
            yield f"{frames[owner]} frames are charged to account {owner}, which is nobody's"
    children = {}
    for process in state.processes:
        children.setdefault(process.parent, []).append(process)
    for process in state.processes:
        mine = children.get(process.address, [])
        owned = [frames[process.pid], len(process.capabilities),
                 objects[process.address] + len(process.mappings) + len(mine),
                 len(process.threads),
                 state.ledger.dma_pages.get(process.address, 0),
                 sum(mapping.pages for mapping in process.mappings
                     if mapping.memory and is_device_memory(state.memories[mapping.memory])),
                 state.ledger.routes.get(process.address, 0)]
        for resource, what in enumerate(RESOURCES[:len(process.used)]):
            total = owned[resource] + sum(child.limit[resource] for child in mine)
            if total != process.used[resource]:
                yield (f"{process} is charged for {process.used[resource]} {what}, but has "
                       f"{owned[resource]} and {total - owned[resource]} set aside for children")
            if process.used[resource] > process.limit[resource]:
                yield f"{process} is charged for more {what} than its limit"


def handles(state):
    """Each object counts its capabilities and references right, and has a place."""
    found_handles = Counter()
    references = Counter()
    for process in state.processes:
        for capability in process.capabilities:
            if capability.object and capability.object not in state.objects:
                yield f"{process}: capability {capability.index} leads to no object"
            found_handles[capability.object] += 1
        for mapping in process.mappings:
            references[mapping.memory] += 1
        for thread in process.threads:
            operations = thread.operations
            size = operations.c_type.target.size
            offset = operations.c_type.target.members["object"][0]
            data = state.read_virtual(int(operations), size * 64)
            for index in range(64):
                at = index * size + offset
                references[int.from_bytes(data[at:at + 8], "little")] += 1
    mapped = Counter(mapping.memory for process in state.processes for mapping in process.mappings)
    for memory in state.memories.values():
        address = memory.value.object.at
        if memory.root != address:
            references[int(memory.value.parent)] += 1
        references[address] += memory.pins
        if memory.mapping_count != mapped[address]:
            yield (f"{state.objects[address]} counts {memory.mapping_count} mappings, there are "
                   f"{mapped[address]}")
    for address, _ in state.ledger.references:
        references[address] += 1
    inner = {"endpoint_client": ("endpoint_client", ["endpoint", "when_gone.target"]),
             "signaller": ("signaller", ["notification"]),
             "timer": ("timer_object", ["promise.target"])}
    for found in state.objects.values():
        if found.kind in inner:
            struct, members = inner[found.kind]
            value = state.struct("object", found.address).container(struct, "object")
            for member in members:
                references[int(functools.reduce(getattr, member.split("."), value))] += 1
    for found in state.objects.values():
        if found.handles != found_handles[found.address]:
            yield (f"{found} counts {found.handles} capabilities, there are "
                   f"{found_handles[found.address]}")
        wanted = found_handles[found.address] + references[found.address]
        if found.refs != wanted:
            yield f"{found} counts {found.refs} references, there are {wanted}"
        if found.refs == 0:
            yield f"{found} is alive without any reference"
    for number, target, is_free in state.places:
        if target and (is_free or state.objects[target].number != number):
            yield f"place {number} of the object table holds an object, but is free or another's"
    live = int(state.variable("live_count", "kernel/object/object.c"))
    if live != len(state.objects):
        yield f"the kernel counts {live} objects, the table holds {len(state.objects)}"


ALL = [processors, kernel_pages, user_pages, mappings, page_tables, free_lists, known_frames, slabs,
       accounts, handles]
