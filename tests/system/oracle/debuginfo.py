# SPDX-License-Identifier: MIT
"""The kernel's variables and types as its DWARF describes them, over the guest's memory.

A Value is one C object in the guest: members by name, elements by index, `.star` through a
pointer, int() of a number, a pointer or an enum. Nothing is copied until it is asked for, and
nothing here knows what the kernel means by it."""

import functools
import os

from elftools.elf.elffile import ELFFile

TRANSPARENT = {"DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_atomic_type"}
AGGREGATES = {"DW_TAG_structure_type", "DW_TAG_union_type"}


class Broken(Exception):
    """The guest's memory does not hold what its types say: a pointer leads nowhere."""


class Type:
    """One C type, qualifiers and typedefs stripped."""

    def __init__(self, image, die):
        self.image = image
        self.tag = die.tag
        attributes = die.attributes
        self.name = attributes["DW_AT_name"].value.decode() if "DW_AT_name" in attributes else ""
        self.size = attributes["DW_AT_byte_size"].value if "DW_AT_byte_size" in attributes else 0
        self._die = die

    @functools.cached_property
    def target(self):
        """Of a pointer or an array: what it points to or consists of. None: void."""
        return self.image.type_of(self._die)

    @functools.cached_property
    def members(self):
        """{name: (offset, type)}; those of unnamed members are lifted out of them."""
        found = {}
        for child in self._die.iter_children():
            if child.tag != "DW_TAG_member":
                continue
            place = child.attributes.get("DW_AT_data_member_location")
            offset = place.value if place else 0  # a union's members have none
            inner = self.image.type_of(child)
            if "DW_AT_name" in child.attributes:
                found[child.attributes["DW_AT_name"].value.decode()] = (offset, inner)
            else:
                for name, (further, kind) in inner.members.items():
                    found[name] = (offset + further, kind)
        return found

    @functools.cached_property
    def length(self):
        """Number of elements of an array of one dimension."""
        for child in self._die.iter_children():
            if child.tag == "DW_TAG_subrange_type":
                if "DW_AT_count" in child.attributes:
                    return child.attributes["DW_AT_count"].value
                if "DW_AT_upper_bound" in child.attributes:
                    return child.attributes["DW_AT_upper_bound"].value + 1
        return 0  # of unknown length

    @functools.cached_property
    def dimensions(self):
        return sum(child.tag == "DW_TAG_subrange_type" for child in self._die.iter_children())

    @functools.cached_property
    def enumerators(self):
        """{value: name}"""
        return {child.attributes["DW_AT_const_value"].value:
                child.attributes["DW_AT_name"].value.decode()
                for child in self._die.iter_children() if child.tag == "DW_TAG_enumerator"}

    @functools.cached_property
    def is_signed(self):
        return self.tag == "DW_TAG_base_type" and self._die.attributes["DW_AT_encoding"].value in (5, 6)


def described(die):
    """The DIE that says more about the same thing: the declaration behind a definition, or (after
    link-time optimisation) the variable of the source file behind the one of the program."""
    while True:
        for reference in ("DW_AT_specification", "DW_AT_abstract_origin"):
            if reference in die.attributes:
                die = die.get_DIE_from_attribute(reference)
                break
        else:
            return die


class Image:
    """One kernel ELF file."""

    def __init__(self, path):
        with open(path, "rb") as file:
            elf = ELFFile(file)
            if not elf.has_dwarf_info():
                raise Broken(f"{path} has no debugging information")
            self._structs = {}
            self._enums = {}
            self._variables = {}  # name: [(file, DIE)]
            self._types = {}
            for unit in elf.get_dwarf_info().iter_CUs():
                top = unit.get_top_DIE()
                self._read_unit(top, top.attributes["DW_AT_name"].value.decode())
            symbols = elf.get_section_by_name(".symtab")
            self.symbols = {symbol.name: symbol["st_value"] for symbol in symbols.iter_symbols()}
            self._resolve_all()

    def _read_unit(self, top, file):
        for die in top.iter_children():
            named = described(die)
            if "DW_AT_name" not in named.attributes:
                continue
            name = named.attributes["DW_AT_name"].value.decode()
            if named.cu is not die.cu:
                file = named.cu.get_top_DIE().attributes["DW_AT_name"].value.decode()
            if die.tag in AGGREGATES and "DW_AT_declaration" not in die.attributes:
                self._structs.setdefault(name, die)
            elif die.tag == "DW_TAG_enumeration_type":
                self._enums.setdefault(name, die)
            elif die.tag == "DW_TAG_variable" and "DW_AT_location" in die.attributes:
                self._variables.setdefault(name, []).append((file, die))

    def _resolve_all(self):
        """Touch everything while the file is open: DIEs are read from it on demand."""
        for name in list(self._structs):
            self._touch(self.struct(name))
        for name in self._enums:
            self.enum(name)
        for places in self._variables.values():
            for _, die in places:
                kind = self.type_of(die)
                if kind is not None:
                    self._touch(kind)

    def _touch(self, kind):
        pending, seen = [kind], set()
        while pending:
            kind = pending.pop()
            if kind is None or id(kind) in seen:
                continue
            seen.add(id(kind))
            if kind.tag in AGGREGATES:
                pending += [inner for _, inner in kind.members.values()]
            elif kind.tag == "DW_TAG_array_type":
                _ = kind.dimensions and kind.length
                pending.append(kind.target)
            elif kind.tag == "DW_TAG_pointer_type":
                pending.append(kind.target)
            elif kind.tag == "DW_TAG_enumeration_type":
                _ = kind.enumerators

    def type_of(self, die):
        """The type that a DIE refers to; a declaration is replaced by its definition."""
        while True:
            if "DW_AT_type" not in die.attributes:
                die = described(die)
            if "DW_AT_type" not in die.attributes:
                return None
            die = die.get_DIE_from_attribute("DW_AT_type")
            if die.tag not in TRANSPARENT:
                break
        if "DW_AT_declaration" in die.attributes:
            die = self._structs.get(die.attributes["DW_AT_name"].value.decode(), die)
        if die.offset not in self._types:
            self._types[die.offset] = None  # for types that refer to themselves
            self._types[die.offset] = Type(self, die)
        return self._types[die.offset]

    def struct(self, name):
        die = self._structs[name]
        if die.offset not in self._types:
            self._types[die.offset] = Type(self, die)
        return self._types[die.offset]

    def enum(self, name):
        """{value: enumerator}"""
        die = self._enums[name]
        if die.offset not in self._types:
            self._types[die.offset] = Type(self, die)
        return self._types[die.offset].enumerators

    def has_variable(self, name):
        return name in self._variables

    def variable(self, name, file=None):
        """(address, type) of a variable, which may be static; `file` tells equal names apart."""
        found = [die for path, die in self._variables.get(name, []) if file in (None, path)]
        places = {}
        for die in found:
            location = die.attributes["DW_AT_location"].value
            if len(location) == 9 and location[0] == 0x03:  # DW_OP_addr
                places[int.from_bytes(bytes(location[1:]), "little")] = self.type_of(die)
        if len(places) != 1:
            raise Broken(f"{len(places)} variables {name} in the kernel's debugging information")
        return next(iter(places.items()))


@functools.lru_cache(maxsize=4)
def _image(path, _mtime_ns):
    return Image(path)


def image(path):
    return _image(path, os.stat(path).st_mtime_ns)


class Value:
    """A C object at a virtual address of the guest. `guest.read_virtual` reads its bytes.

    A member of the struct is an attribute, unless it is named like one of the few below."""

    __slots__ = ("guest", "c_type", "at")

    def __init__(self, guest, kind, address):
        self.guest = guest
        self.c_type = kind
        self.at = address

    def __getattr__(self, name):
        members = self.c_type.members
        if name not in members:
            raise AttributeError(f"struct {self.c_type.name} has no member {name}")
        offset, kind = members[name]
        return Value(self.guest, kind, self.at + offset)

    def __getitem__(self, index):
        if self.c_type.tag == "DW_TAG_pointer_type":
            return Value(self.guest, self.c_type.target, int(self) + index * self.c_type.target.size)
        if self.c_type.dimensions != 1:
            raise Broken("arrays of arrays are read as bytes")
        if not 0 <= index < self.c_type.length:
            raise IndexError(index)
        return Value(self.guest, self.c_type.target, self.at + index * self.c_type.target.size)

    def __len__(self):
        return self.c_type.length

    def __bool__(self):
        return int(self) != 0

    def __int__(self):
        size = 8 if self.c_type.tag == "DW_TAG_pointer_type" else self.c_type.size
        return int.from_bytes(self.guest.read_virtual(self.at, size), "little",
                              signed=self.c_type.is_signed)

    __index__ = __int__

    @property
    def star(self):
        """What a pointer points to."""
        address = int(self)
        if address == 0:
            raise Broken(f"a null pointer at {self.at:#x}")
        return Value(self.guest, self.c_type.target, address)

    @property
    def text(self):
        """An array of char, up to its zero."""
        return self.guest.read_virtual(self.at, self.c_type.length).split(b"\0")[0].decode("latin-1")

    @property
    def enumerator(self):
        return self.c_type.enumerators.get(int(self), f"value {int(self)}")

    def container(self, struct, member):
        """The struct whose member this is, as CONTAINER_OF."""
        kind = self.guest.image.struct(struct)
        return Value(self.guest, kind, self.at - kind.members[member][0])

    def nodes(self, struct, member):
        """The structs on a list with sentinel `self`, linked by their `member`."""
        place = int(self.next)
        before = self.at
        for _ in range(1 << 20):
            if place == self.at:
                return
            node = Value(self.guest, self.c_type, place)
            if int(node.previous) != before:
                raise Broken(f"list at {self.at:#x}: the links at {place:#x} disagree")
            yield node.container(struct, member)
            before, place = place, int(node.next)
        raise Broken(f"list at {self.at:#x} does not end")
