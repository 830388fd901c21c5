# SPDX-License-Identifier: MIT
"""Damage to a healthy machine's memory, for the oracle to notice.

Each fault takes the oracle's state and returns what to write where, [(physical address, bytes)], and a
pattern that one of the oracle's complaints must match."""

import struct

from oracle.tables import LARGE, NO_EXECUTE, USER, WRITE

PAGE = 4096


def u64(value):
    return struct.pack("<Q", value)


def u32(value):
    return struct.pack("<I", value)


def entry_with(state, leaf, set_bits=0, clear_bits=0, frame=None):
    entry = (state.ram.read_u64(leaf.entry) | set_bits) & ~clear_bits
    if frame is not None:
        entry = (entry & ~0x000F_FFFF_FFFF_F000) | frame * PAGE
    return [(leaf.entry, u64(entry))]


def record(state, frame, **changes):
    new = state.frames[frame]._replace(**changes)
    return [(state.record_address(frame), struct.pack("<IIIBBBB", *new))]


def member(state, value, number, size=4):
    """Change a member of a kernel structure."""
    return [(state.physical(value.at), number.to_bytes(size, "little"))]


def process_named(state, name):
    return next(process for process in state.processes if process.name == name)


def a_leaf(state, name, kind="memory", access="urw-"):
    return next(leaf for leaf in process_named(state, name).walk.leaves
                if leaf.access == access and state.kind(leaf.physical // PAGE) == kind)


def a_frame(state, kind, owner=None):
    return next(frame for frame, found in enumerate(state.frames)
                if state.kind(frame) == kind and owner in (None, found.owner))


def kernel_data_executable(state):
    leaf = next(leaf for leaf in state.kernel.leaves if leaf.access == "-rw-")
    return entry_with(state, leaf, clear_bits=NO_EXECUTE), \
        rf"kernel page {leaf.virtual:#x} is writable and executable"


def kernel_text_writable(state):
    leaf = next(leaf for leaf in state.kernel.leaves if leaf.access == "-r-x")
    return entry_with(state, leaf, set_bits=WRITE), \
        rf"kernel page {leaf.virtual:#x} is writable and executable"


def kernel_text_writable_by_alias(state):
    text = state.image.symbols["kernel_text_start"] - state.image.symbols["KERNEL_VIRTUAL_BASE"]
    leaf = next(leaf for leaf in state.kernel.leaves
                if leaf.physical == text and leaf.access == "-r--")
    return entry_with(state, leaf, set_bits=WRITE), \
        rf"kernel page {leaf.virtual:#x} makes the kernel's text or constants writable"


def kernel_page_for_users(state):
    # All levels must say so: take a leaf that is large, and open the tables above it.
    leaf = next(leaf for leaf in state.kernel.leaves if leaf.size > PAGE)
    pokes = entry_with(state, leaf, set_bits=USER)
    for table in state.kernel.tables:
        if table.referrer:
            pokes.append((table.referrer, u64(state.ram.read_u64(table.referrer) | USER)))
    return pokes, r"is open to user code"


def kernel_half_differs(state):
    shell = process_named(state, "shell")
    return [(shell.root + 8 * 300, u64(state.ram.read_u64(shell.root + 8 * 256)))], \
        r"\(shell\): the kernel's half of its page tables is not the kernel's"


def user_page_writable_and_executable(state):
    leaf = a_leaf(state, "shell", access="ur-x")
    return entry_with(state, leaf, set_bits=WRITE), \
        rf"\(shell\): user page {leaf.virtual:#x} is writable and executable"


def user_page_more_than_allowed(state):
    leaf = a_leaf(state, "init", kind="reserved", access="ur--")
    return entry_with(state, leaf, set_bits=WRITE), r"\(init\): user page .* makes the boot package writable"


def user_page_of(kind, pattern=None):
    def fault(state):
        leaf = a_leaf(state, "shell")
        frame = a_frame(state, kind)
        return entry_with(state, leaf, frame=frame), \
            rf"\(shell\): user page {leaf.virtual:#x} shows frame {frame:#x}, which is {pattern or kind}"
    fault.__name__ = f"user_page_shows_{kind}"
    return fault


def user_page_of_strangers_memory(state):
    leaf = a_leaf(state, "shell")
    frame = a_leaf(state, "echo").physical // PAGE
    return entry_with(state, leaf, frame=frame), \
        rf"\(shell\): user page {leaf.virtual:#x} shows frame {frame:#x}, its mapping says"


def user_page_of_strangers_ring(state):
    leaf = a_leaf(state, "shell")
    frame = a_leaf(state, "echo", kind="ring").physical // PAGE
    return entry_with(state, leaf, frame=frame), r"\(shell\): user page .* shows a ring of echo"


def user_page_unmapped_behind_the_kernel(state):
    leaf = a_leaf(state, "shell")
    return [(leaf.entry, u64(0))], rf"\(shell\): page {leaf.virtual:#x} of a mapping is not mapped"


def user_page_without_mapping(state):
    leaf = a_leaf(state, "shell")
    return [(leaf.entry & ~0xFFF | 0xFF8, u64(state.ram.read_u64(leaf.entry)))], \
        r"\(shell\): user page .* belongs to no mapping"


def user_page_large(state):
    leaf = a_leaf(state, "shell")
    table = next(table for table in process_named(state, "shell").walk.tables
                 if table.physical == leaf.entry & ~0xFFF)
    return [(table.referrer, u64(state.ram.read_u64(table.referrer) | LARGE))], r"\(shell\): user page .* bytes large"


def table_of_another_process(state):
    shell, echo = process_named(state, "shell"), process_named(state, "echo")
    mine = next(table for table in shell.walk.tables if table.level == 0)
    other = next(table for table in echo.walk.tables if table.level == 0)
    entry = state.ram.read_u64(mine.referrer)
    return [(mine.referrer, u64(entry & ~0x000F_FFFF_FFFF_F000 | other.physical))], \
        rf"page table frame {other.physical // PAGE:#x} is reached from"


def table_twice_in_one_process(state):
    shell = process_named(state, "shell")
    table = next(table for table in shell.walk.tables if table.level == 0)
    free_slot = next(at for at in range(table.referrer & ~0xFFF, (table.referrer & ~0xFFF) + PAGE, 8)
                     if state.ram.read_u64(at) == 0)
    return [(free_slot, u64(state.ram.read_u64(table.referrer)))], r"is reached a second time"


def table_count(state):
    table = next(table for table in process_named(state, "shell").walk.tables if table.level == 0)
    frame = table.physical // PAGE
    return record(state, frame, next=table.non_empty + 1), \
        rf"page table in frame {frame:#x} has {table.non_empty} entries, its record counts"


def table_lost(state):
    table = next(table for table in process_named(state, "shell").walk.tables if table.level == 0)
    return [(table.referrer, u64(0))], \
        rf"frame {table.physical // PAGE:#x} is a page table of shell that no root leads to"


def table_payer(state):
    table = process_named(state, "shell").walk.tables[0]
    return record(state, table.physical // PAGE, owner=process_named(state, "echo").pid), \
        r"\(shell\): the page table in frame .* is charged to echo"


def free_frame_called_memory(state):
    frame = a_frame(state, "free")
    memory = state.frames[a_frame(state, "memory")].kind
    return record(state, frame, kind=memory), \
        rf"frame {frame:#x} is in a free list, but its record says memory"


def leaked_frame(state):
    """As if frames_take() had been called and the result forgotten, accounts and all."""
    order, head = next((order, head) for order, head in enumerate(state.free_heads)
                       if head != 0xFFFF_FFFF and order == 0 or head != 0xFFFF_FFFF)
    buddy = state.variable("buddy", "kernel/mm/frames.c")
    memory = state.frames[a_frame(state, "memory")].kind
    shell = process_named(state, "shell")
    pokes = member(state, buddy.head[order], state.frames[head].next)
    pokes += member(state, buddy.free_count, state.free_count - (1 << order))
    if state.frames[head].next != 0xFFFF_FFFF:
        pokes += record(state, state.frames[head].next, previous=0xFFFF_FFFF)
    for frame in range(head, head + (1 << order)):
        pokes += record(state, frame, kind=memory, owner=shell.pid, flags=0)
    pokes += member(state, shell.value.account.used[0], shell.used[0] + (1 << order))
    return pokes, rf"frame {head:#x} \(memory, charged to shell\) is reachable from nothing"


def memory_frame_called_free(state):
    frame = a_leaf(state, "shell").physical // PAGE
    return record(state, frame, kind=0, owner=0), rf"frame {frame:#x} is free, but in no free list"


def frame_of_unknown_kind(state):
    frame = a_frame(state, "reserved")
    return record(state, frame, kind=77), rf"frame {frame:#x} has a record of no kind: 77"


def frame_charged_to_another(state):
    frame = a_leaf(state, "shell").physical // PAGE
    return record(state, frame, owner=process_named(state, "echo").pid), \
        r"\(shell\) is charged for \d+ frames, but has"


def frame_charged_to_nobody(state):
    frame = a_leaf(state, "shell").physical // PAGE
    return record(state, frame, owner=9999), r"frames are charged to account 9999, which is nobody's"


def free_list_cut(state):
    order, head = next((order, head) for order, head in enumerate(state.free_heads)
                       if head != 0xFFFF_FFFF and state.frames[head].next != 0xFFFF_FFFF)
    return record(state, head, next=0xFFFF_FFFF), r"is free, but in no free list"


def free_list_knot(state):
    order, head = next((order, head) for order, head in enumerate(state.free_heads)
                       if head != 0xFFFF_FFFF and state.frames[head].next != 0xFFFF_FFFF)
    return record(state, state.frames[head].next, next=head), r"is in the free lists twice"


def free_list_link(state):
    order, head = next((order, head) for order, head in enumerate(state.free_heads)
                       if head != 0xFFFF_FFFF and state.frames[head].next != 0xFFFF_FFFF)
    return record(state, state.frames[head].next, previous=7), r"the links of its list disagree"


def free_count(state):
    buddy = state.variable("buddy", "kernel/mm/frames.c")
    return member(state, buddy.free_count, state.free_count - 1), r"frames are in the free lists, the kernel counts"


def account_sum(resource, what):
    def fault(state):
        shell = process_named(state, "shell")
        return member(state, shell.value.account.used[resource], shell.used[resource] + 1), \
            rf"\(shell\) is charged for {shell.used[resource] + 1} {what}, but has"
    fault.__name__ = f"account_of_{what.replace(' ', '_')}"
    return fault


def account_over_limit(state):
    shell = process_named(state, "shell")
    return member(state, shell.value.account.limit[1], shell.used[1] - 1), \
        r"\(shell\) is charged for more capability slots than its limit"


def handle_count(state):
    found = next(found for found in state.objects.values() if found.kind == "console")
    return member(state, state.struct("object", found.address).handles, found.handles + 1), \
        rf"object {found.number} \(console\) counts {found.handles + 1} capabilities"


def reference_count(state):
    found = next(found for found in state.objects.values() if found.kind == "endpoint")
    return member(state, state.struct("object", found.address).refs, found.refs + 1), \
        rf"object {found.number} \(endpoint\) counts {found.refs + 1} references"


def mapping_count(state):
    memory = next(memory for memory in state.memories.values() if memory.mapping_count)
    return member(state, memory.value.mapping_count, memory.mapping_count + 1), r"counts \d+ mappings, there are"


def slab_piece_lost(state):
    frame = next(frame for frame, found in enumerate(state.frames)
                 if state.kind(frame) == "slab" and found.owner == 0)
    return [(frame * PAGE + state.image.struct("slab").members["used"][0], u32(60))], \
        r"pieces of slabs are in use, but only"


def place_called_free(state):
    entry = state.variable("place_pages", "kernel/object/object.c")
    free = state.image.struct("place_page").members["free"][0]
    at = state.physical(entry.at + free)
    return [(at, u64(state.ram.read_u64(at) | 1))], r"place 0 of the object table holds an object, but is free"


def capability_to_nowhere(state):
    """An entry whose place is another object's: the counts of both are wrong."""
    shell = process_named(state, "shell")
    at = shell.cap_frames[0] * PAGE
    first, second = (at + 32 * capability.index for capability in shell.capabilities[:2])
    return [(first + 8, state.ram.read(second + 8, 16))], r"\(factory\) counts \d+ capabilities, there are \d+"


def kernel_root_with_user_half(state):
    return [(state.kernel_root, u64(2))], r"the kernel's own root has a user half"


def kernel_table_nowhere(state):
    table = next(table for table in process_named(state, "shell").walk.tables if table.level == 0)
    entry = state.ram.read_u64(table.referrer)
    return [(table.referrer, u64(entry & ~0x000F_FFFF_FFFF_F000 | 0xFFF_0000_0000))], \
        r"names a page table at 0xfff00000000, where there is no memory"


def user_entry_neither_empty_nor_present(state):
    leaf = a_leaf(state, "shell")
    return [(leaf.entry & ~0xFFF | 0xFF8, u64(2))], r"is neither empty nor present: 0x2"


def user_entry_with_reserved_bits(state):
    leaf = a_leaf(state, "shell")
    return entry_with(state, leaf, set_bits=1 << 52), r"has reserved bits"


def user_page_for_the_kernel_only(state):
    leaf = a_leaf(state, "shell")
    return entry_with(state, leaf, clear_bits=USER), \
        rf"\(shell\): user page {leaf.virtual:#x} is in the user half, but not open"


def memory_shorter_than_its_mapping(state):
    memory = next(memory for memory in state.memories.values()
                  if memory.index_frames and memory.mapping_count and memory.filled == memory.pages)
    return member(state, memory.value.filled, memory.filled - 1, memory.value.filled.c_type.size), \
        r"the mapping at .* has \d+ pages, its memory only \d+ of them"


def table_called_memory(state):
    table = next(table for table in process_named(state, "shell").walk.tables if table.level == 0)
    memory = state.frames[a_frame(state, "memory")].kind
    return record(state, table.physical // PAGE, kind=memory), r"has a record that says memory"


def free_list_leads_outside(state):
    order, _ = a_free_block(state)
    buddy = state.variable("buddy", "kernel/mm/frames.c")
    return member(state, buddy.head[order], 0x7FFF_FFFF), \
        rf"the free list of order {order} leads to frame 0x7fffffff, outside memory"


def a_free_block(state):
    """(order, first frame) of a block that could be merged with another."""
    return next((order, head) for order, head in enumerate(state.free_heads[:-1]) if head != 0xFFFF_FFFF)


def free_block_of_another_order(state):
    order, head = a_free_block(state)
    return record(state, head, order=order + 1), \
        rf"free block {head:#x} of order {order} has order {order + 1} and flags"


def free_blocks_not_merged(state):
    order, head = a_free_block(state)
    return record(state, head ^ 1 << order, kind=0, flags=1, order=order, owner=0), r"of order \d+ are not merged"


def free_frame_charged(state):
    _, head = a_free_block(state)
    return record(state, head, owner=process_named(state, "shell").pid), \
        rf"frame {head:#x} is free, but charged to shell"


def empty_slab(state):
    frame = next(frame for frame, found in enumerate(state.frames)
                 if state.kind(frame) == "slab" and found.owner == 0 and frame not in state.ledger.frames)
    return [(frame * PAGE + state.image.struct("slab").members["used"][0], u32(0))], \
        rf"frame {frame:#x} is no slab, or an empty one that was kept"


def object_without_references(state):
    found = next(found for found in state.objects.values() if found.kind == "endpoint")
    return member(state, state.struct("object", found.address).refs, 0), \
        rf"object {found.number} \(endpoint\) is alive without any reference"


def objects_counted(state):
    live = state.variable("live_count", "kernel/object/object.c")
    return member(state, live, int(live) + 1), r"the kernel counts \d+ objects, the table holds"


def capability_of_no_object(state):
    """An entry that is its own place: its generation is taken for the object."""
    shell = process_named(state, "shell")
    index = shell.capabilities[-1].index
    at = int(shell.value.caps.pages[0]) + 32 * index
    return [(shell.cap_frames[0] * PAGE + 32 * index + 8, u64(at) + u64(at))], \
        rf"\(shell\): capability {index} leads to no object"


def memory_called_registers(state):
    memory = next(memory for memory in state.memories.values() if memory.frames and not memory.borrowed)
    return member(state, memory.value.device, memory.value.at, 8), \
        r"\(memory\) shows frame .* as registers, which is memory"


def frame_of_two_memories(state):
    one, other = [memory for memory in state.memories.values()
                  if memory.pages == 1 and memory.frames and not memory.borrowed][:2]
    return member(state, one.value.single_frame, other.frames[0]), \
        rf"frame {other.frames[0]:#x} is of object .* and also of object"


def boot_package_called_free(state):
    memory = next(memory for memory in state.memories.values() if memory.borrowed)
    return record(state, memory.frames[0], kind=0), r"\(memory\) borrows frame .*, which is free"


FAULTS = [
    kernel_data_executable, kernel_text_writable, kernel_text_writable_by_alias,
    kernel_page_for_users, kernel_half_differs,
    user_page_writable_and_executable, user_page_more_than_allowed,
    user_page_of("free"), user_page_of("page_table"), user_page_of("kernel_image"),
    user_page_of("slab"), user_page_of("table"), user_page_of("cap_table"), user_page_of("per_cpu"),
    user_page_of("reserved", "reserved and not the boot package"),
    user_page_of_strangers_memory, user_page_of_strangers_ring,
    user_page_unmapped_behind_the_kernel, user_page_without_mapping, user_page_large,
    table_of_another_process, table_twice_in_one_process, table_count, table_lost, table_payer,
    free_frame_called_memory, leaked_frame, memory_frame_called_free, frame_of_unknown_kind,
    frame_charged_to_another, frame_charged_to_nobody,
    free_list_cut, free_list_knot, free_list_link, free_count,
    account_sum(0, "frames"), account_sum(1, "capability slots"), account_sum(2, "objects"),
    account_sum(3, "threads"), account_over_limit,
    handle_count, reference_count, mapping_count, slab_piece_lost, place_called_free,
    capability_to_nowhere,
    kernel_root_with_user_half, kernel_table_nowhere, user_entry_neither_empty_nor_present,
    user_entry_with_reserved_bits, user_page_for_the_kernel_only, memory_shorter_than_its_mapping,
    table_called_memory, free_list_leads_outside, free_block_of_another_order, free_blocks_not_merged,
    free_frame_charged, empty_slab, object_without_references, objects_counted, capability_of_no_object,
    memory_called_registers, frame_of_two_memories, boot_package_called_free,
]
