# SPDX-License-Identifier: MIT
"""
lib/wire and schemac's accessors against the capnp tool, in both directions, with random messages.

  tool → us   text → `capnp encode` → our reader prints it; `capnp decode` prints it too
  us → tool   our reader and builder rebuild every message; `capnp decode` must print the same,
              and `capnp convert binary:canonical` must give the same bytes
  old ↔ new   messages of one version of a schema, read as the other, by both

The tool encodes with one segment, with small segments, and with segments of one word, where
every pointer is a far pointer. The seed is printed; WIRE_SEED and WIRE_COUNT override.
"""

import os
import pathlib
import random
import struct
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "tests/host/golden/shapes.capnp"
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
PROGRAM = BUILD / "host/wire_exchange"
SEED = int(os.environ.get("WIRE_SEED", random.randrange(1 << 32)))
COUNT = int(os.environ.get("WIRE_COUNT", "300"))
SEGMENTS = [None, 1, 7]


@pytest.fixture(scope="module", autouse=True)
def program():
    """Our side, with the sanitizers."""
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [os.environ.get("HOST_CC", "gcc"), "-std=c17", "-g", "-O1", "-Wall", "-Wextra",
         "-Wconversion", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
         "-I", ROOT / "lib", "-I", ROOT / "tests/host", "-o", PROGRAM,
         *sorted((ROOT / "tests/host/wire_exchange").glob("*.c")),
         *sorted((ROOT / "lib/wire").glob("*.c")), "-lm"], check=True)
    print(f"WIRE_SEED={SEED} WIRE_COUNT={COUNT}")


def run(*command, data):
    """Run a filter; its output."""
    result = subprocess.run(command, input=data, capture_output=True, check=False)
    assert result.returncode == 0, (SEED, result.stderr[-2000:], result.stdout[-200:])
    assert not result.stderr, (SEED, result.stderr[-2000:])
    return result.stdout


def encode(texts, root, segment_size=None):
    """Text to framed messages, by the tool."""
    option = [] if segment_size is None else [f"--segment-size={segment_size}"]
    return run("capnp", "encode", *option, SCHEMA, root, data="\n".join(texts).encode())


def decode(binary, root):
    """Framed messages to lines of text, by the tool."""
    return run("capnp", "decode", "--short", SCHEMA, root, data=binary).split(b"\n")[:-1]


def dump(binary, root):
    """Framed messages to lines of text, by our reader."""
    return run(PROGRAM, "dump", root.lower(), data=binary).split(b"\n")[:-1]


def split(stream):
    """The messages of a stream of framed messages."""
    messages = []
    at = 0
    while at < len(stream):
        count = struct.unpack_from("<I", stream, at)[0] + 1
        sizes = struct.unpack_from(f"<{count}I", stream, at + 4)
        end = at + (count // 2 + 1) * 8 + sum(sizes) * 8
        messages.append(stream[at:end])
        at = end
    return messages


class Generator:
    """Random values in the tool's text form."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def integer(self, bits, signed):
        low = -(1 << bits - 1) if signed else 0
        high = low + (1 << bits) - 1
        return str(self.rng.choice(
            [low, high, 0, 1, self.rng.randint(low, high), self.rng.randint(0, 100)]))

    def float(self):
        return self.rng.choice(["0", "inf", "nan", "1e30", "1e-20",
                                str(self.rng.randrange(4000) / 4)])

    def bool(self):
        return self.rng.choice(["true", "false"])

    def colour(self):
        return self.rng.choice(["red", "green", "deepBlue"])

    def text(self):
        letters = ["a", "Z", " ", "\\\"", "\\\\", "\\n", "\\t", "'", "\\x01", "\\x7f", "é", "漢", "0"]
        return '"' + "".join(self.rng.choices(letters, k=self.size(20))) + '"'

    def data(self):
        return '"' + "".join(
            f"\\x{self.rng.randrange(256):02x}" for _ in range(self.size(20))) + '"'

    def size(self, most):
        return self.rng.choice([0, 1, self.rng.randint(0, most)])

    def list(self, element, most=9):
        return "[" + ", ".join(element() for _ in range(self.size(most))) + "]"

    def struct(self, fields, chance=0.5):
        """Some of the fields; `fields` maps a name to what makes its value."""
        chosen = [name for name in fields if self.rng.random() < chance]
        return "(" + ", ".join(f"{name} = {fields[name]()}" for name in chosen) + ")"

    def union(self, fields):
        name = self.rng.choice(list(fields))
        return name, fields[name]

    def leaf(self):
        return self.struct({"number": lambda: self.integer(32, False), "text": self.text})

    def point(self):
        return self.struct({"x": lambda: self.integer(32, True), "y": lambda: self.integer(32, True),
                            "colour": self.colour, "weight": self.float})

    def scalars(self):
        fields = {"flag": self.bool, "float32": self.float, "float64": self.float,
                  "colour": self.colour, "nothing": lambda: "void"}
        for bits in (8, 16, 32, 64):
            fields[f"int{bits}"] = lambda bits=bits: self.integer(bits, True)
            fields[f"uint{bits}"] = lambda bits=bits: self.integer(bits, False)
        fields.update({f"{name}Default": make for name, make in fields.items()
                       if name != "nothing"})
        return self.struct(fields)

    def lists(self):
        return self.struct({
            "voids": lambda: self.list(lambda: "void", 100),
            "bools": lambda: self.list(self.bool, 100),
            "int8s": lambda: self.list(lambda: self.integer(8, True), 30),
            "uint16s": lambda: self.list(lambda: self.integer(16, False)),
            "int32s": lambda: self.list(lambda: self.integer(32, True)),
            "uint64s": lambda: self.list(lambda: self.integer(64, False)),
            "float32s": lambda: self.list(self.float),
            "colours": lambda: self.list(self.colour),
            "texts": lambda: self.list(self.text),
            "datas": lambda: self.list(self.data),
            "leaves": lambda: self.list(self.leaf),
            "points": lambda: self.list(self.point),
            "empties": lambda: self.list(lambda: "()", 100),
            "grid": lambda: self.list(lambda: self.list(lambda: self.integer(16, False))),
            "words": lambda: self.list(lambda: self.list(self.text, 4), 4),
            "groves": lambda: self.list(lambda: self.list(self.leaf, 4), 4),
        })

    def shape(self, depth=3):
        fields = {
            "name": self.text, "blob": self.data, "scalars": self.scalars, "lists": self.lists,
            "corner": lambda: self.struct({"x": lambda: self.integer(32, True),
                                           "y": lambda: self.integer(8, False)}),
            "point": self.point, "empty": lambda: "()",
        }
        if depth > 0:
            fields["children"] = lambda: self.list(lambda: self.shape(depth - 1), 3)
            fields["next"] = lambda: self.shape(depth - 1)
        name, make = self.union({
            "nothing": lambda: "void", "number": lambda: self.integer(64, True),
            "label": self.text, "leaf": self.leaf, "flag": self.bool,
            "pair": lambda: self.struct({"left": lambda: self.integer(16, True),
                                         "right": self.text})})
        fields[name] = make
        name, make = self.union({"small": lambda: self.integer(8, False), "colour": self.colour,
                                 "texts": lambda: self.list(self.text)})
        fields["choice"] = lambda: f"({name} = {make()})"
        return self.struct(fields)

    def old_leaf(self):
        return self.struct({"number": lambda: self.integer(8, False), "text": self.text})

    def old(self):
        return self.struct({
            "number": lambda: self.integer(16, False),
            "numbers": lambda: self.list(lambda: self.integer(32, False)),
            "names": lambda: self.list(self.text),
            "leaf": self.old_leaf, "leaves": lambda: self.list(self.old_leaf),
            "nothings": lambda: self.list(lambda: "void", 40)}, 0.8)

    def new_leaf(self):
        return self.struct({"number": lambda: self.integer(8, False), "text": self.text,
                            "more": lambda: self.integer(64, False), "note": self.text})

    def new_number(self):
        return self.struct({"value": lambda: self.integer(32, False),
                            "extra": lambda: self.integer(64, False), "note": self.text})

    def new(self):
        return self.struct({
            "number": lambda: self.integer(16, False),
            "numbers": lambda: self.list(self.new_number),
            "names": lambda: self.list(lambda: self.struct(
                {"name": self.text, "weight": lambda: self.integer(8, False)})),
            "leaf": self.new_leaf, "leaves": lambda: self.list(self.new_leaf),
            "nothings": lambda: self.list(self.new_number), "added": self.text,
            "flag": self.bool}, 0.8)


def compare(ours, theirs):
    assert len(ours) == len(theirs), f"WIRE_SEED={SEED}: {len(ours)} of {len(theirs)} messages"
    for number, (our, their) in enumerate(zip(ours, theirs)):
        assert our == their, f"WIRE_SEED={SEED}, message {number}"


@pytest.mark.parametrize("segment_size", SEGMENTS)
def test_shapes(segment_size):
    """Claim: whatever the tool writes we read alike, and what we write the tool reads alike."""
    generator = Generator(f"{SEED} {segment_size}")
    binary = encode([generator.shape() for _ in range(COUNT)], "Shape", segment_size)
    theirs = decode(binary, "Shape")
    assert len(theirs) == COUNT
    compare(dump(binary, "Shape"), theirs)
    compare(decode(run(PROGRAM, "copy", data=binary), "Shape"), theirs)


@pytest.mark.parametrize("segment_size", SEGMENTS)
@pytest.mark.parametrize("written, read", [("Old", "New"), ("New", "Old"), ("Old", "Old"),
                                           ("New", "New")])
def test_evolution(segment_size, written, read):
    """Claim: a message of the other version of the schema reads as the tool reads it."""
    generator = Generator(f"{SEED} {segment_size} {written} {read}")
    make = generator.old if written == "Old" else generator.new
    binary = encode([make() for _ in range(COUNT)], written, segment_size)
    compare(dump(binary, read), decode(binary, read))


def test_large(tmp_path):
    """Claim: megabytes embedded by `capnp eval`, in several segments, read back unchanged."""
    blob = random.Random(f"{SEED} large").randbytes(3_000_000)
    (tmp_path / "blob").write_bytes(blob)
    (tmp_path / "shapes.capnp").write_bytes(SCHEMA.read_bytes())
    (tmp_path / "large.capnp").write_text(
        '@0xb5d3a1c09e2f7a11;\nusing import "shapes.capnp".Shape;\nconst large :Shape = (\n'
        'blob = embed "blob", children = [(blob = embed "blob"), (name = "last")]);\n')
    binary = run("capnp", "eval", "--binary", tmp_path / "large.capnp", "large", data=b"")
    assert struct.unpack_from("<I", binary)[0] > 0, "several segments"
    compare(dump(binary, "Shape"), decode(binary, "Shape"))


def test_canonical():
    """Claim: a rebuilt message has the canonical form of the original."""
    generator = Generator(f"{SEED} canonical")
    binary = encode([generator.shape() for _ in range(12)], "Shape", 5)
    copies = split(run(PROGRAM, "copy", data=binary))
    for number, (original, rebuilt) in enumerate(zip(split(binary), copies)):
        forms = [run("capnp", "convert", "binary:canonical", data=message)
                 for message in (original, rebuilt)]
        assert forms[0] == forms[1], f"WIRE_SEED={SEED}, message {number}"
