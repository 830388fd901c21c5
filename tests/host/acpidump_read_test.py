# SPDX-License-Identifier: MIT
"""
The tool acpidump-read, built with the sanitizers: what it says of QEMU's tables is golden/acpi,
and whatever the bytes, it ends by itself with status 0 or 1.

The tables are in data/acpi, taken by data/dump_acpi.py. After an intended change of the output:
    ACPIDUMP_RENEW=1 python3 -m pytest -c tests/pytest.ini tests/host/acpidump_read_test.py
"""

import json
import os
import pathlib
import random
import re
import struct
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/host/data/acpi"
GOLDEN = ROOT / "tests/host/golden/acpi"
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
TOOL = BUILD / "host/acpidump-read"
CHECKED = BUILD / "host-asan/acpidump-read"
SHAPES = sorted(path.stem for path in DATA.glob("*.hex"))
SEED = int(os.environ.get("ACPI_SEED", random.randrange(1 << 32)))
# What a table must have for itself, besides a header that is right.
KNOWN = {"APIC", "DBG2", "DMAR", "FACP", "HPET", "IVRS", "MCFG", "SLIT", "SPCR", "SRAT", "VIOT",
         "WAET"}


@pytest.fixture(scope="session", autouse=True)
def tools():
    subprocess.run(["make", "-s", "DEPS=no", f"BUILD={os.path.relpath(BUILD, ROOT)}",
                    *(os.path.relpath(tool, ROOT) for tool in (TOOL, CHECKED))], cwd=ROOT,
                   check=True)


def run(*arguments, tool=CHECKED, cwd=None):
    """Run the tool; it must end by itself and say nothing where it has nothing to say."""
    result = subprocess.run([tool, *arguments], capture_output=True, timeout=60, check=False,
                            cwd=cwd)
    assert result.returncode in (0, 1, 2), (SEED, result.returncode, result.stderr[-3000:])
    assert (result.returncode == 2) == bool(result.stderr), result.stderr[-3000:]
    result.stdout.decode()
    return result


def records(*arguments, status=None, cwd=None):
    """Run with -j; the objects. The status follows from them."""
    result = run("-j", *arguments, cwd=cwd)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    refused = [record for record in found if record["status"] != "read"]
    for record in refused:
        assert record["reason"] and record["error"] and isinstance(record["offset"], int)
    assert result.returncode == (1 if refused else 0)
    assert status is None or result.returncode == status, found
    return found


def tables_of(shape):
    """The tables in a text, by a decoder of a few lines."""
    found = []
    for line in (DATA / f"{shape}.hex").read_text().splitlines():
        if " @ 0x" in line:
            found.append(bytearray())
        elif re.match(r" +[0-9A-F]+: ", line):
            found[-1] += bytes.fromhex(line.split(": ", 1)[1][:48])
    return [bytes(table) for table in found]


def all_tables():
    return [table for shape in SHAPES for table in tables_of(shape)]


def small_tables():
    """One of each kind that is not a program."""
    return list({table[:4]: table for table in all_tables() if table[:4] != b"DSDT"}.values())


def summed(table):
    """With a good checksum."""
    table = bytearray(table)
    table[9] = (table[9] - sum(table)) % 256
    return bytes(table)


def make_table(signature, body, revision=1):
    return summed(struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), revision, 0, b"CAPOS ",
                              b"SYNTHTBL", 1, b"TEST", 1) + body)


def dump_text(table, title="", newline="\n", line="{place}: {bytes} {characters}"):
    """As acpidump writes it, or nearly so."""
    lines = [title or table[:4].decode("latin-1") + " @ 0x0000000000000000"]
    for offset in range(0, len(table), 16):
        part = table[offset:offset + 16]
        lines.append(line.format(
            offset=offset, place=f"{offset:04X}".rjust(8),
            bytes="".join(f"{byte:02X} " for byte in part).ljust(48),
            characters="".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)))
    return newline.join(lines) + newline + newline


def without_place(record):
    return {key: value for key, value in record.items() if key not in ("file", "at", "line")}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("option", [[], ["-j"]], ids=["text", "json"])
def test_golden(shape, option):
    """Claim: what is said of QEMU's tables is known to the letter. If false: the difference."""
    result = run(*option, f"{shape}.hex", cwd=DATA)
    assert result.returncode == 0
    golden = GOLDEN / (f"{shape}.json" if option else f"{shape}.txt.hex")
    text = result.stdout.decode()
    if not option:
        text = "# SPDX-License-Identifier: MIT\n" + text
    if os.environ.get("ACPIDUMP_RENEW"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_kernel_facts():
    """Claim: the golden files say what QEMU was asked for, not just what they said before."""
    def one(shape, signature):
        (record,) = [record for record in records(DATA / f"{shape}.hex", status=0)
                     if record["signature"] == signature]
        assert record.get("checksum", "good") == "good"
        return record

    for shape in SHAPES:
        cpus = 2 if shape in ("intel_iommu", "amd_iommu", "numa") else 1
        assert one(shape, "APIC")["processors"] == cpus
        assert one(shape, "MCFG")["entries"][0]["base"] == "0xb0000000"
    assert one("intel_iommu", "DMAR")["interruptRemapping"]
    assert one("intel_iommu", "DMAR")["entries"][0]["base"] == "0xfed90000"
    assert one("intel_iommu", "DSDT")["softOff"]
    assert one("amd_iommu", "IVRS")["units"] == 1
    assert one("virtio_iommu", "VIOT")["iommus"] == 1
    assert all(node["iommuKnown"] for node in one("virtio_iommu", "VIOT")["entries"]
               if node["kind"] == "pciRange")
    assert one("numa", "SLIT")["entries"] == [{"kind": "from", "domain": 0, "to": [10, 21]},
                                              {"kind": "from", "domain": 1, "to": [21, 10]}]
    domains = {entry["apicId"]: entry["proximity"] for entry in one("numa", "SRAT")["entries"]
               if entry["kind"] == "processor"}
    assert domains == {0: 0, 1: 1}
    assert "HPET" not in [record["signature"] for record in records(DATA / "no_hpet.hex")]


def test_shapes_agree(tmp_path):
    """Claim: a table is the same to the tool alone, in a row of others, and as text of any form."""
    tables = all_tables()
    (tmp_path / "row").write_bytes(b"".join(tables))
    expected = [without_place(record) for record in records(tmp_path / "row", status=0)]
    assert len(expected) == len(tables)
    for index, table in enumerate(tables):
        (tmp_path / "one").write_bytes(table)
        assert [without_place(each) for each in records(tmp_path / "one")] == [expected[index]]
    forms = [
        {}, {"newline": "\r\n"}, {"newline": "\r\r\n"}, {"newline": "\n\n"},
        {"line": "{offset:04x}: {bytes}"}, {"line": "\t{offset:08X} :{bytes}\t{characters}  "},
        {"line": "  {offset:04X}:   {bytes}  {characters}"},
    ]
    for form in forms:
        (tmp_path / "text").write_text("".join(dump_text(table, **form) for table in tables),
                                       newline="")
        found = [without_place(record) for record in records(tmp_path / "text", status=0)]
        assert found == expected, form
    texts = {
        "lower case": "".join(dump_text(table).lower() for table in tables),
        "odd gaps": "".join(dump_text(table) for table in tables).replace(" 00 ", "   00\t"),
        "noise": "".join("Firmware Warning (ACPI): Incorrect checksum in table [OEMB] - 0x6E\n" +
                         dump_text(table).replace("\n    0010:", "\nnoise\n    0010:")
                         for table in tables),
        "no titles": "".join(dump_text(table, title="\n") for table in tables),
        "no end": "".join(dump_text(table) for table in tables).rstrip(),
    }
    for name, text in texts.items():
        (tmp_path / "text").write_text(text)
        found = [without_place(record) for record in records(tmp_path / "text", status=0)]
        assert found == expected, name


def test_characters_like_bytes(tmp_path):
    """Claim: characters that look like bytes are not taken for some, in a line that is not full."""
    for length in range(36, 70):
        table = make_table(b"OEMX", (b"41 42 43 " * 8)[:length - 36])
        (tmp_path / "text").write_text(dump_text(table))
        (record,) = records(tmp_path / "text", status=0)
        assert (record["length"], record["checksum"]) == (length, "good")


def test_long_tables(tmp_path):
    """Claim: beyond 64 KiB offsets of five digits are read, and those that wrap to four."""
    table = make_table(b"OEMX", random.Random(1).randbytes(200_000))
    text = dump_text(table)
    wrapped = re.sub(r"^ +[0-9A-F]*([0-9A-F]{4}):", r"  \1:", text, flags=re.M)
    assert wrapped != text
    for form in (text, wrapped):
        (tmp_path / "text").write_text(form)
        (record,) = records(tmp_path / "text", status=0)
        assert (record["length"], record["checksum"]) == (len(table), "good")


def test_missing_lines(tmp_path):
    """Claim: a text that lacks a line is refused, by the offset from which bytes are missing."""
    table = next(table for table in all_tables() if table[:4] == b"FACP")
    lines = dump_text(table).splitlines(keepends=True)
    for missing in range(1, 16):
        (tmp_path / "text").write_text("".join(lines[:missing] + lines[missing + 1:]) +
                                       dump_text(table))
        broken, good = records(tmp_path / "text", status=1)
        assert (broken["status"], broken["error"]) == ("refused", "unreadable")
        assert broken["offset"] == 16 * (missing - 1)
        assert good["status"] == "read"


REFUSALS = [
    # signature, body, revision, error, offset
    (b"APIC", b"", 1, "badLength", 36),
    (b"APIC", bytes(8) + bytes([0, 0, 0]), 1, "badEntry", 44),
    (b"APIC", bytes(8) + bytes([1, 8, 0, 0, 0, 0, 0, 0]), 1, "badEntry", 44),
    (b"FACP", bytes(4), 1, "badLength", 40),
    (b"HPET", bytes(4), 1, "badLength", 40),
    (b"HPET", bytes(20), 1, "badAddress", 44),
    (b"HPET", bytes(4) + b"\x01" + bytes(15), 1, "badAddress", 40),
    (b"MCFG", bytes(8), 1, "notFound", 44),
    (b"MCFG", bytes(24), 1, "badAddress", 44),
    (b"MCFG", bytes(8) + struct.pack("<QHBBI", 1 << 28, 0, 9, 8, 0), 1, "badRange", 55),
    (b"DMAR", bytes(12), 1, "badAddress", 36),
    (b"DMAR", b"\x26" + bytes(11) + struct.pack("<HH", 0, 8) + bytes(4), 1, "badEntry", 48),
    (b"DMAR", b"\x26" + bytes(11) + struct.pack("<HHIQ", 0, 16, 0, 0), 1, "badAddress", 56),
    (b"DMAR", b"\x26" + bytes(11) + struct.pack("<HHIQ6B", 0, 22, 0, 1, 1, 6, 0, 0, 0, 0), 1,
     "badEntry", 64),
    (b"DMAR", b"\x26" + bytes(11) + struct.pack("<HHI2s", 4, 10, 0, b"AB"), 1, "badEntry", 48),
    (b"IVRS", bytes(12) + struct.pack("<BBHHHQQ", 0x10, 0, 24, 0, 0, 0, 0), 1, "badAddress", 56),
    (b"IVRS", bytes(12) + struct.pack("<BBHI", 0x11, 0, 8, 0), 1, "badEntry", 48),
    (b"IVRS", bytes(12) + struct.pack("<BBHHHQQ4B", 0x10, 0, 28, 0, 0, 1, 0, 0x99, 0, 0, 0), 1,
     "badEntry", 72),
    (b"SRAT", bytes(12) + bytes([1, 16]) + bytes(38), 1, "badEntry", 48),
    (b"SLIT", struct.pack("<Q", 2) + bytes([10, 10, 10, 10]), 1, "badEntry", 45),
    (b"SLIT", struct.pack("<Q", 1 << 32), 1, "badLength", 36),
    (b"SPCR", bytes(22), 2, "badLength", 58),
    (b"DBG2", struct.pack("<II", 44, 1), 0, "badEntry", 40),
    (b"WAET", b"", 1, "badLength", 36),
    (b"VIOT", struct.pack("<HHQ", 1, 40, 0), 0, "badEntry", 38),
    (b"VIOT", struct.pack("<HHQ", 1, 48, 0) + bytes([1, 0, 23, 0]) + bytes(20), 0, "badEntry", 48),
]


@pytest.mark.parametrize("signature, body, revision, error, offset", REFUSALS)
def test_refusals(tmp_path, signature, body, revision, error, offset):
    """Claim: what is wrong is named by signature, error and offset; the tables behind it are read."""
    table = make_table(signature, body, revision)
    (tmp_path / "row").write_bytes(table + make_table(b"OEMX", b""))
    refused, read = records(tmp_path / "row", status=1)
    assert (refused["signature"], refused["error"], refused["offset"]) == (
        signature.decode(), error, offset)
    assert (read["signature"], read["status"], read["decoded"]) == ("OEMX", "read", False)
    text = run(tmp_path / "row").stdout.decode()
    assert f"at 0: {signature.decode()} refused offset={offset} error={error} reason=" in text


def test_checksums(tmp_path):
    """Claim: a wrong checksum is said, and refuses the RSDP and the IVRS alone."""
    for table in small_tables():
        broken = bytearray(table)
        at = 8 if table[:4] == b"RSD " else 10  # the checksum; a letter of the OEM's
        broken[at] ^= 1
        (tmp_path / "one").write_bytes(broken)
        (record,) = records(tmp_path / "one")
        if table[:4] in (b"RSD ", b"IVRS"):
            assert (record["status"], record["error"]) == ("refused", "badChecksum")
        else:
            assert record["status"] == "read"
            assert record.get("checksum") == (None if table[:4] == b"FACS" else "wrong")


def test_not_tables(tmp_path):
    """Claim: files without a table are refused, each with its name and a reason."""
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "letter").write_text("Dear reader,\nthere is no table here.\n")
    (tmp_path / "zeros").write_bytes(bytes(1000))
    (tmp_path / "title").write_text("DSDT @ 0x0000000000000000\n")
    os.symlink("nowhere", tmp_path / "link")
    found = records(tmp_path, status=1)
    assert [pathlib.Path(record["file"]).name for record in found] == [
        "empty", "letter", "link", "title", "zeros"]
    assert all(record["status"] == "refused" for record in found)
    assert found[3]["signature"] == "DSDT"
    (missing,) = records(tmp_path / "missing", status=1)
    assert missing["error"] == "unreadable"


def test_usage():
    """Claim: usage errors are status 2 and go to stderr; --help is neither."""
    for arguments in ([], ["-j"], ["-x", "file"], ["--json", "file"]):
        result = run(*arguments)
        assert result.returncode == 2
        assert not result.stdout and b"usage: acpidump-read [-j] FILE|FOLDER" in result.stderr
    result = run("--help")
    assert result.returncode == 0 and b"Exit status" in result.stdout
    result = run("--", "-j")
    assert result.returncode == 1 and b"-j: at 0: refused" in result.stdout


def test_output_lost(tmp_path):
    """Claim: output that cannot be written is an error, not a signal."""
    (tmp_path / "big").write_bytes(make_table(b"OEMX", b"") * 10_000)
    for tool in (TOOL, CHECKED):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([tool, tmp_path / "big"], stdout=full, stderr=subprocess.PIPE,
                                    check=False)
        assert result.returncode == 1 and b"cannot be written" in result.stderr
        with subprocess.Popen([tool, tmp_path / "big"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            process.stdout.readline()
            process.stdout.close()
            assert process.wait(30) == 1


def test_folders(tmp_path):
    """Claim: folders are read in the order of names, all the way down, and never in circles."""
    table = make_table(b"OEMX", b"")
    names = ["b", "a/z", "a/b/c", "c.d/e", "A", 'we"ird\n\\name', "\u00fc"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(table)
    pathlib.Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")).write_bytes(table)
    os.symlink(tmp_path, tmp_path / "a/round")
    os.symlink(tmp_path / "b", tmp_path / "a/file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "hollow").mkdir()
    found = [os.path.relpath(record["file"], tmp_path) for record in records(tmp_path, status=0)]
    assert found == ["A", "a/b/c", "a/file", "a/z", "b", "c.d/e", 'we"ird\n\\name', "\u00fc",
                     "\u00ff\u00fe"]
    assert records(tmp_path / "hollow", status=0) == []
    both = records("b", "a", "b", status=0, cwd=tmp_path)
    assert [record["file"] for record in both] == ["b", "a/b/c", "a/file", "a/z", "b"]
    assert len(run(tmp_path).stdout.splitlines()) == len(names) + 2


def test_every_truncation(tmp_path):
    """Claim: raw tables cut at every length are refused, or read if nothing of them is missing."""
    tables = small_tables()
    for table in tables:
        for length in range(len(table)):
            (tmp_path / f"{table[:4].decode().strip()}_{length:04}").write_bytes(table[:length])
    found = records(tmp_path)
    assert len(found) == sum(map(len, tables))
    read = [record["file"] for record in found if record["status"] == "read"]
    # Of the FACS nothing is used, so nothing can be missing.
    assert all("FACS" in name for name in read), read[:5]


def test_every_length(tmp_path):
    """Claim: tables that say themselves that they are shorter do no harm, at any length."""
    for table in small_tables():
        for length in range(36, len(table)):
            short = summed(table[:4] + struct.pack("<I", length) + table[8:length])
            (tmp_path / f"{table[:4].decode().strip()}_{length:04}").write_bytes(short)
    for record in records(tmp_path):
        assert record["status"] == "read" or record["signature"] in KNOWN, record


def test_text_truncations(tmp_path):
    """Claim: a text cut anywhere gives the tables before the cut, and at most one refusal."""
    text = "".join(dump_text(table) for table in tables_of("amd_iommu") if table[:4] != b"FACP")
    whole = [without_place(record) for record in records(DATA / "amd_iommu.hex")
             if record["signature"] != "FACP"]
    for length in range(0, len(text)):
        (tmp_path / f"{length:05}").write_text(text[:length])
    found = {}
    for record in records(tmp_path):
        found.setdefault(pathlib.Path(record["file"]).name, []).append(without_place(record))
    assert len(found) == len(text)
    for name, tables in found.items():
        good = [record for record in tables if record["status"] == "read"]
        assert len(tables) - len(good) <= 1, name
        for record, expected in zip(good, whole):
            assert record == expected, name


def test_flipped_bytes(tmp_path):
    """Claim: whatever bytes are changed, raw or in a text, the tool ends with status 0 or 1."""
    print(f"ACPI_SEED={SEED}")
    rng = random.Random(SEED)
    tables = small_tables()
    for number in range(3000):
        table = bytearray(rng.choice(tables))
        for _ in range(rng.randrange(1, 6)):
            table[rng.randrange(len(table))] = rng.choice(
                [0, 1, 0x10, 0x7f, 0x80, 0xff, rng.randrange(256)])
        if rng.random() < 0.5 and table[:8] != b"RSD PTR ":
            table[4:8] = struct.pack("<I", len(table))
            table = bytearray(summed(table))
        (tmp_path / f"raw{number:04}").write_bytes(table)
    text = "".join(dump_text(table) for table in tables).encode()
    for number in range(300):
        damaged = bytearray(text)
        for _ in range(rng.randrange(1, 40)):
            at = rng.randrange(len(damaged))
            damaged[at:at + rng.randrange(3)] = rng.choice(
                [b"", b"\n", b"\r", b"\0", b" ", b":", b"@ 0x", b"F", b"\xff", bytes(40)])
        (tmp_path / f"text{number:04}").write_bytes(damaged)
    for path in (b"\0" * 4096, rng.randbytes(4096), b"41 " * 4096, b"0: " * 4096, b"@ 0x0\n" * 4096,
                 b":" * 4096, b"0000: 41\n" * 4096):
        (tmp_path / f"odd{len(os.listdir(tmp_path))}").write_bytes(path)
    records(tmp_path)
    run(tmp_path)


def test_thousands_of_files(tmp_path):
    """Claim: 5,000 files take a few seconds, and the time grows with the number, not faster."""
    text = (DATA / "numa.hex").read_text()
    for number in range(5000):
        (tmp_path / f"{number:04}").write_text(text)
    started = time.monotonic()
    result = run(tmp_path, tool=TOOL)
    assert result.returncode == 0
    assert result.stdout.count(b" read ") == 5000 * text.count(" @ 0x")
    assert time.monotonic() - started < 20


def test_large_input(tmp_path):
    """Claim: one large file of the worst kinds takes time in proportion to its size."""
    for name, contents in {
        "entries": make_table(b"APIC", bytes(8) + bytes([0xc8, 2]) * 2_000_000),
        "tables": make_table(b"OEMX", b"") * 20_000,
        "titles": b"X @ 0x0\n" * 20_000,
        "line": b"A" * 8_000_000,
        "scopes": make_table(b"DMAR", b"\x26" + bytes(11) +
                             (struct.pack("<HHIQ", 0, 65535 // 8 * 8, 0, 1) +
                              bytes([1, 8, 0, 0, 0, 0, 0, 0]) * 8189) * 10),
    }.items():
        (tmp_path / name).write_bytes(contents)
    started = time.monotonic()
    run("-j", tmp_path, tool=TOOL)
    assert time.monotonic() - started < 20
