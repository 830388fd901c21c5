# SPDX-License-Identifier: MIT
"""
The generator as a program: its output for golden/shapes.capnp is golden/shapes.h, it refuses what
it does not support with a message that names the place, and malformed requests do it no harm.

After an intended change of the output:
    SCHEMAC_RENEW=1 python3 -m pytest tests/host/schemac_test.py
"""

import os
import pathlib
import random
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/host/golden"
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
SCHEMAC = BUILD / "host/schemac"
FILE_ID = "@0xc8c1e5f2b90a7d31;\n"


@pytest.fixture(scope="session", autouse=True)
def schemac():
    subprocess.run(["make", "-s", "-f", "mk/schema.mk", f"BUILD={BUILD}", str(SCHEMAC)], cwd=ROOT,
                   check=True)


def generate(schema, directory):
    """Run schemac over a schema file, writing into a directory."""
    return subprocess.run(
        ["capnp", "compile", f"--src-prefix={schema.parent}", f"-o{SCHEMAC}:{directory}", schema],
        capture_output=True, text=True, check=False)


def test_golden_output(tmp_path):
    """Claim: the same schema gives the same header. If false: the difference is printed."""
    result = generate(GOLDEN / "shapes.capnp", tmp_path)
    assert result.returncode == 0, result.stderr
    text = (tmp_path / "shapes.h").read_text()
    if os.environ.get("SCHEMAC_RENEW"):
        (GOLDEN / "shapes.h").write_text(text)
    assert text == (GOLDEN / "shapes.h").read_text()


def test_golden_words():
    """Claim: the words in schemac_test.c are what the capnp tool writes for golden/sample.capnp."""
    binary = subprocess.run(
        ["capnp", "eval", "--binary", GOLDEN / "sample.capnp", "sample"], capture_output=True,
        check=True).stdout
    words = [int.from_bytes(binary[i:i + 8], "little") for i in range(8, len(binary), 8)]
    source = (ROOT / "tests/host/schemac_test.c").read_text()
    body = re.search(r"sample_words\[\] = \{(.*?)\};", source, re.S).group(1)
    assert [int(word, 16) for word in re.findall(r"0x[0-9a-f]+", body)] == words


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("flags", [
    [],
    ["-ffreestanding", "-mcmodel=kernel", "-mno-red-zone", "-mgeneral-regs-only", "-fno-pic"],
])
def test_output_compiles(tmp_path, compiler, flags):
    """Claim: both compilers take the output without a warning, hosted and as the kernel."""
    assert generate(GOLDEN / "shapes.capnp", tmp_path).returncode == 0
    (tmp_path / "unit.c").write_text('#include "shapes.h"\n')
    result = subprocess.run(
        [compiler, "-std=c17", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror", *flags, "-I",
         ROOT / "lib", "-I", tmp_path, "-c", tmp_path / "unit.c", "-o", tmp_path / "unit.o"],
        capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_import(tmp_path):
    """Claim: a type of an imported file is used through that file's own header."""
    (tmp_path / "a.capnp").write_text("@0x9d1c6b64f3f1a101;\nenum E { x @0; }\n"
                                      "struct A { e @0 :E; }\n")
    (tmp_path / "b.capnp").write_text('@0x9d1c6b64f3f1a102;\nusing A = import "a.capnp";\n'
                                      "struct B { e @0 :A.E; a @1 :A.A; l @2 :List(A.A); }\n")
    assert generate(tmp_path / "a.capnp", tmp_path).returncode == 0
    assert generate(tmp_path / "b.capnp", tmp_path).returncode == 0
    text = (tmp_path / "b.h").read_text()
    assert '#include "a.h"' in text and "enum e " not in text.replace("enum e b_get_e", "").replace(
        "(enum e)", "").replace("enum e value", "")
    (tmp_path / "unit.c").write_text('#include "b.h"\n')
    subprocess.run(["gcc", "-std=c17", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-I",
                    ROOT / "lib", "-I", tmp_path, "-c", tmp_path / "unit.c", "-o",
                    tmp_path / "unit.o"], check=True)


@pytest.mark.parametrize("body, message", [
    ('struct S { t @0 :Text = "x"; }', "S.t: defaults of texts"),
    ("struct S { l @0 :List(UInt8) = [1]; }", "S.l: defaults of texts"),
    ("struct S { a @0 :UInt8; t @1 :S = (a = 3); }", "S.t: defaults of texts"),
    ("const c :List(UInt8) = [1];", "c: constants of this type"),
    ("const c :Float32 = 1.5;", "c: constants of this type"),
])
def test_refusals(tmp_path, body, message):
    """Claim: what is not supported stops the build, by name. If false: a header comes out."""
    (tmp_path / "bad.capnp").write_text(FILE_ID + body + "\n")
    result = generate(tmp_path / "bad.capnp", tmp_path)
    assert result.returncode != 0
    assert message in result.stderr


def test_malformed_requests(tmp_path):
    """Claim: a damaged request ends with a message or a header, never a crash or a hang."""
    request = subprocess.run(["capnp", "compile", "-o-", GOLDEN / "shapes.capnp"],
                             capture_output=True, check=True).stdout
    seed = int(os.environ.get("WIRE_SEED", random.randrange(1 << 32)))
    print(f"WIRE_SEED={seed}")
    rng = random.Random(seed)
    inputs = [b"", request[:7], request[:-8], request[:len(request) // 2]]
    for _ in range(60):
        damaged = bytearray(request)
        for _ in range(rng.randrange(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.choice([0, 1, 0xff, rng.randrange(256)])
        inputs.append(bytes(damaged))
    for data in inputs:
        result = subprocess.run([SCHEMAC], input=data, cwd=tmp_path, capture_output=True,
                                timeout=100, check=False)
        assert result.returncode in (0, 1), (seed, result.returncode)
        if result.returncode == 1:
            assert result.stderr.startswith(b"schemac: ")
