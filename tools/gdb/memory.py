# SPDX-License-Identifier: MIT
"""Reading the kernel's structures from gdb when anything may be wrong with them.

Nothing here trusts the machine: lists have a limit, strings have a length, an
unreadable place is a Damage with its address, not the end of a command. Symbols come from the
ELF file itself, because GCC's link-time optimiser renames statics (`entries.lto_priv.0`) and
leaves their DWARF without an address."""

import struct

import gdb

LIST_LIMIT = 4096  # more nodes than this are taken for a broken list


class Damage(Exception):
    """Something that is read is not what it should be; the text says what and where."""


def address_of(value):
    """A pointer or integer as a number."""
    return int(value) & 0xFFFF_FFFF_FFFF_FFFF


def read(address, length):
    """Bytes at an address of the machine; without one gdb would read the kernel's file."""
    if gdb.selected_inferior().pid == 0:
        raise Damage("no machine is connected, or it has ended")
    try:
        return bytes(gdb.selected_inferior().read_memory(address, length))
    except (gdb.error, gdb.MemoryError, OverflowError) as error:
        raise Damage(f"{length} bytes at {address:#x} cannot be read") from error


def structure(name, address):
    """struct NAME at an address, read whole, so that its fields cannot fail later."""
    kind = gdb.lookup_type(f"struct {name}")
    return gdb.Value(read(address, kind.sizeof), kind)


def follow(value, what):
    """What a pointer points to, read whole."""
    address = address_of(value)
    if address == 0:
        raise Damage(f"{what} is a null pointer")
    kind = value.type.strip_typedefs().target()
    return gdb.Value(read(address, kind.sizeof), kind)


def offset_of(struct_name, member):
    """Bytes from the start of struct NAME to a member."""
    for field in gdb.lookup_type(f"struct {struct_name}").fields():
        if field.name == member:
            return field.bitpos // 8
    raise Damage(f"struct {struct_name} has no member {member}: another version of the kernel?")


def text(value, limit=64):
    """A C string in an array, as far as it can be printed."""
    data = bytes(int(value[i]) & 0xFF for i in range(min(limit, value.type.range()[1] + 1)))
    data = data.split(b"\0")[0]
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in data)


def enumerator(value, prefix):
    """The name of an enum's value in the schema's spelling: OBJECT_KIND_DMA_POOL -> dmaPool."""
    number = int(value)
    for field in value.type.strip_typedefs().fields():
        if field.enumval == number and field.name.startswith(prefix):
            first, *rest = field.name[len(prefix):].lower().split("_")
            return first + "".join(word.capitalize() for word in rest)
    return f"?{number}"


def enumerator_of(type_name, number, prefix):
    """As enumerator(), for a number that is kept in some other type."""
    try:
        return enumerator(gdb.Value(number).cast(gdb.lookup_type(f"enum {type_name}")), prefix)
    except gdb.error:
        return f"?{number}"


def nodes(head_address, struct_name, member):
    """Addresses of the structures in a list (kernel/list.h), and a Damage at the end of a broken one.

    Whoever is reached twice has two predecessors and names one: so circles end, too."""
    pointers = struct.Struct("<QQ")
    offset = offset_of(struct_name, member)
    at, previous = pointers.unpack(read(head_address, 16))[0], head_address
    count = 0
    while at != head_address:
        if count >= LIST_LIMIT:
            raise Damage(f"the list at {head_address:#x} has more than {LIST_LIMIT} members")
        following, back = pointers.unpack(read(at, 16))
        if back != previous:
            raise Damage(f"the list at {head_address:#x} is broken: {at:#x} says that {back:#x} "
                         f"comes before it, not {previous:#x}")
        count += 1
        yield at - offset
        previous, at = at, following


class Symbols:
    """Data symbols of an ELF64 file: {name without a compiler's suffix: [(address, size)]}."""

    def __init__(self, path):
        with open(path, "rb") as file:
            image = file.read()
        self.found = {}
        offset, = struct.unpack_from("<Q", image, 0x28)
        entry, count = struct.unpack_from("<HH", image, 0x3A)
        sections = [struct.unpack_from("<IIQQQQIIQQ", image, offset + i * entry)
                    for i in range(count)]
        for section in sections:
            if section[1] != 2:  # SHT_SYMTAB, ELF-64 1.5 table 8
                continue
            names = sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], 24):
                name, info, _, _, value, size = struct.unpack_from("<IBBHQQ", image, at)
                if info & 15 != 1:  # STT_OBJECT
                    continue
                end = image.index(b"\0", names + name)
                label = image[names + name:end].decode("ascii", "replace").split(".")[0]
                self.found.setdefault(label, []).append((value, size))

    def address(self, name, size=None):
        """Where a variable lies; `size` tells statics of one name apart."""
        places = [place for place in self.found.get(name, ())
                  if size is None or place[1] == size]
        if len(places) != 1:
            raise Damage(f"the kernel image has {len(places)} variables {name}"
                         + (f" of {size} bytes" if size is not None else ""))
        return places[0][0]


_symbols = {}


def kernel_image():
    """The kernel's ELF file: the main one of this gdb."""
    image = gdb.current_progspace().filename
    if image is None:
        raise Damage("no kernel image: start with `gdb build/kernel/capos.elf`, or `file` it")
    return image


def variable_address(name, size=None):
    image = kernel_image()
    if image not in _symbols:
        _symbols[image] = Symbols(image)
    return _symbols[image].address(name, size)


def variable(name, kind):
    """A variable of the kernel whose type is `kind` ("struct ledger", "uint64_t")."""
    lookup = gdb.lookup_type(kind)
    return gdb.Value(read(variable_address(name, lookup.sizeof), lookup.sizeof), lookup)


def number(name, size):
    """An integer variable of the kernel."""
    return int.from_bytes(read(variable_address(name, size), size), "little")
