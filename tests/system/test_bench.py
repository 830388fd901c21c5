# SPDX-License-Identifier: MIT
"""The tools behind `make bench`, without booting either system: needs no kernel."""

import gzip
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import struct
import subprocess
import sys
import xml.etree.ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ELF = b"\x7fELF" + bytes(range(256)) * 16


def load(name):
    """A tool as a module."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.path.insert(0, str(ROOT / "tools"))
    loader.exec_module(module)
    return module


image = load("bench-linux-image")
figures = load("bench_figures.py")
report = load("bench_report.py")
FAKE = pathlib.Path(__file__).resolve().parent / "fake_qemu"
KNOWN = figures.load(ROOT / "bench/figures.json")


def bzimage(payload, size):
    """As much of a bzImage as is read: four sectors of setup, the payload 16 bytes behind them."""
    header = bytearray(5 * 512)
    header[0x1F1] = 4
    header[0x202:0x206] = b"HdrS"
    payload += struct.pack("<I", size)
    struct.pack_into("<II", header, 0x248, 16, len(payload))
    return bytes(header) + bytes(16) + payload


def test_kernel_is_unpacked():
    """The ELF file that comes out is the one that was packed, byte for byte."""
    packed = subprocess.run(["lz4", "-lc"], input=ELF, capture_output=True, check=True).stdout
    assert image.unpack_kernel(bzimage(packed, len(ELF))) == ELF
    assert image.unpack_kernel(bzimage(gzip.compress(ELF), len(ELF))) == ELF


@pytest.mark.parametrize("data, complaint", [
    (bytes(4096), "no bzImage"),
    (bzimage(b"????????", 8), "not known"),
    (bzimage(gzip.compress(ELF), len(ELF) + 1), "no ELF file"),
    (bzimage(gzip.compress(b"MZ" + ELF), len(ELF) + 2), "no ELF file"),
], ids=["no bzImage", "packing", "size", "no ELF"])
def test_other_kernels_are_refused(data, complaint):
    """What is no bzImage, is packed in an unknown way, has another size than it says, or no ELF file
    in it, ends with a sentence that says so."""
    with pytest.raises(SystemExit, match=complaint):
        image.unpack_kernel(data)


def test_modules_load_after_what_they_need(tmp_path):
    """Each module comes once, and after those it depends on, whatever the spelling of its name."""
    for name, depends in (("virtio", b""), ("virtio_ring", b"virtio"),
                          ("virtio-pci", b"virtio_ring,virtio"), ("other", b"")):
        (tmp_path / f"{name}.ko").write_bytes(b"\x7fELF\0license=GPL\0depends=" + depends + b"\0")
    order = [path.stem for path in image.module_order(tmp_path, ["virtio_pci", "virtio", "built_in"])]
    assert order == ["virtio", "virtio_ring", "virtio-pci"]


def test_changed_package_is_not_taken(tmp_path, monkeypatch):
    """A cached package whose contents have changed is fetched again, and what then comes must be what
    apt's lists state. Without a network, or without lists, one that is as it came is taken, and no
    other."""
    about = {"Version": "1:2-3", "Architecture": "amd64", "SHA256": hashlib.sha256(b"good").hexdigest()}
    served = [b"good"]

    def download(package, version, directory):
        if not served:
            return "no network"
        (pathlib.Path(directory) / "package.deb").write_bytes(served[0])
        return None

    monkeypatch.setattr(image, "CACHE", tmp_path)
    monkeypatch.setattr(image, "fields", lambda package: about)
    monkeypatch.setattr(image, "download", download)
    path = image.fetch("thing")
    assert path.read_bytes() == b"good"
    path.write_bytes(b"evil")
    assert image.fetch("thing").read_bytes() == b"good"
    served.clear()
    assert image.fetch("thing") == path  # needs no network
    about["SHA256"] = "0" * 64           # a new version, which cannot be had
    assert image.fetch("thing") == path
    path.write_bytes(b"evil")
    with pytest.raises(SystemExit, match="no network"):
        image.fetch("thing")
    about.clear()
    with pytest.raises(SystemExit, match="apt knows no package"):
        image.fetch("thing")
    served.append(b"evil")
    about.update({"Version": "2", "Architecture": "amd64", "SHA256": "0" * 64})
    with pytest.raises(SystemExit, match="not what apt's lists state"):
        image.fetch("thing")


def test_libraries_come_with_their_program(tmp_path):
    """What the dynamic linker would load is found, the linker included; a library that is not installed
    is named."""
    (tmp_path / "x.c").write_text("int f(void);\nint main(void) { return f(); }\n")
    (tmp_path / "f.c").write_text("int f(void) { return 0; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "libf.so", "f.c"], cwd=tmp_path, check=True)
    subprocess.run(["gcc", "-o", "x", "x.c", "-L.", "-lf", "-Wl,-rpath,$ORIGIN"], cwd=tmp_path, check=True)
    names = {pathlib.Path(path).name for path in image.libraries_of(tmp_path / "x")}
    assert {"libf.so", "libc.so.6", "ld-linux-x86-64.so.2"} <= names, names
    (tmp_path / "libf.so").unlink()
    with pytest.raises(SystemExit, match="libf.so"):
        image.libraries_of(tmp_path / "x")


# ---- Figures -------------------------------------------------------------------------------------

def rounds_of(*values):
    return [{**figures.single("ns", value), "machine": "m"} for value in values]


def records_of(runs):
    return figures.records_of(runs, KNOWN, lambda machine, mode: {
        "command": f"{machine} {mode}", "guest": [], "packages": {}, "host": "host", "qemu": "0",
        "date": "today"})


def wake_records():
    """Both systems slow down by the same factor in the second round: the ratio does not change, though
    the figures do. In the third, only one does."""
    return records_of({"wall": {
        "capOS": {"notify-blocked": rounds_of(10, 20, 10)},
        "Linux lazy": {"notify-blocked/futex": rounds_of(30, 60, 50)}}})


def test_ratios_are_within_a_round():
    """A ratio is taken within each round; shown are their median, least and greatest."""
    ours, theirs = wake_records()
    assert ours["system"] == "capOS" and "ratio" not in ours
    assert (theirs["name"], theirs["way"]) == ("notify-blocked", "futex")
    assert theirs["ratio"] == {"value": 3, "min": 3, "max": 5, "rounds": [3, 3, 5]}
    assert theirs["value"] == 50 and theirs["rounds"] == [30, 60, 50]


def test_rounds_on_a_changed_host_are_run_again():
    """The empty loop took twice as long in one run of the second round: that round counts as odd,
    however the systems compare otherwise; one that is slower by a tenth does not."""
    runs = {"capOS": {"calibrator": rounds_of(3.5, 3.5, 3.8, 3.5)},
            "Linux lazy": {"calibrator/loop": rounds_of(4.2, 8.4, 4.2, 4.2)}}
    assert figures.odd_rounds(runs) == [1]


def line(unit, name="notify-blocked/futex"):
    return f'bench: {{"name":"{name}","unit":"{unit}","min":1,"p50":4,"p99":9,"runs":7}}'


@pytest.mark.parametrize("lines, mode, complaint", [
    (line("tsc"), "icount", "figure in tsc"),
    (line("tsc"), "wall", "figure in tsc"),
    (line("instructions"), "wall", "figure in instructions"),
    ('bench: {"name":"x",}', "wall", "not a record"),
    ('bench: {"unit":"tsc"}', "wall", "not a record"),
], ids=["icount", "no tsc line", "wall", "JSON", "no name"])
def test_units_are_never_mixed(lines, mode, complaint):
    """Ticks are not instructions, nor nanoseconds without a line that says how many there are; a line that
    is no record is not passed over."""
    with pytest.raises(figures.Problem, match=complaint):
        figures.parse_lines(lines, mode)


def test_lines_are_read():
    """Among other output, with carriage returns; ticks at 2 GHz are half a nanosecond."""
    found = figures.parse_lines("\r\nnoise\r\n" + line("tsc") + "\r\n" + line("us", "driver-restart") +
                                '\r\nbench: {"name":"tsc","khz":2000000}\r\n', "wall")
    assert found == {"notify-blocked/futex": {"unit": "ns", "min": 0.5, "p50": 2, "p99": 4.5, "runs": 7},
                     "driver-restart": {"unit": "us", "min": 1, "p50": 4, "p99": 9, "runs": 7}}


def test_fio_is_read():
    """In wall time fio's median at depth 1, and all of it by the number of reads at depth 32; in
    instructions the difference of two runs, without what they begin with. A run that failed, or that there
    is no second of, is an error."""
    reads = {"lat_ns": {"percentile": {"50.000000": 90112}}, "iops": 25000.0, "total_ios": 40000}
    text = "".join(f"fio: {depth} {json.dumps({'jobs': [{'read': reads}]})}\r\n" for depth in (1, 32))
    found = figures.parse_fio_own(text)
    assert found["disk-read-1/fio"]["p50"] == 90112 and found["disk-read-32/fio"]["p50"] == 40000
    ticks = 'fio: 1 4000 busy: {"ticks":100800000,"status":0}\n'
    more = 'fio: 1 12000 busy: {"ticks":260800000,"status":0}\n'
    assert figures.parse_fio_ticks(ticks + more)["disk-read-1/fio"]["p50"] == 20000
    with pytest.raises(figures.Problem, match="ran once"):
        figures.parse_fio_ticks(ticks)
    with pytest.raises(figures.Problem, match="status 7"):
        figures.parse_fio_ticks(ticks + more.replace('"status":0', '"status":7'))


def test_memory_must_add_up():
    """`mem`'s kinds are all of the memory, or there is no figure."""
    table = "KIND  FRAMES  KIB  %\nkernel   100  400  10.0\nfree   900  3600  90.0\ntotal   {}  4000\n"
    assert figures.parse_memory(table.format(1000)) == 400
    for text, complaint in ((table.format(1001), "the kinds are 1000"), ("mem: no\n", "gave no table")):
        with pytest.raises(figures.Problem, match=complaint):
            figures.parse_memory(text)


FIGURES = [{"name": "a", "title": "A", "unit": "instructions"},
           {"name": "b", "title": "B", "unit": "instructions", "must": 60}]
RECORDED = [{"name": "a", "mode": "icount", "value": 100}, {"name": "b", "mode": "icount", "value": 60}]


@pytest.mark.parametrize("measured, complaint", [
    ({"a": 103, "b": 50}, None),
    ({"a": 104, "b": 50}, "more than 3 % up"),
    ({"a": 100}, "was not measured"),
    ({"a": 100, "b": 61}, "must be at most 60"),
])
def test_regressions_are_found(tmp_path, measured, complaint):
    """tools/bench --check fails above 3 %, above the limit, and on a missing figure, by the least round; what
    Linux needs does not count."""
    records = [{"name": name, "way": "", "system": system, "mode": "icount", "unit": "instructions",
                "value": value + 50, "rounds": [value + 100, value], "conditions": {
                    "command": "qemu", "guest": [], "date": "", "host": "", "qemu": ""}}
               for name, value in measured.items()
               for system, value in (("Linux lazy", 1), ("capOS", value))]
    for name, content in (("figures", [{**figure, "linux": ["lazy"]} for figure in FIGURES]),
                          ("recorded", RECORDED), ("results", records)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    done = bench("--from", "results.json", "--figures", "figures.json", "--recorded", "recorded.json",
                 "--check", cwd=tmp_path)
    assert (done.returncode == 0) == (complaint is None), done.stdout + done.stderr
    assert complaint is None or complaint in done.stdout, done.stdout


def test_records_without_a_figure_are_found():
    """A recorded figure that is no longer one is named: it would never be compared again."""
    assert figures.unknown_records(FIGURES, RECORDED + [{"name": "c", "mode": "icount", "value": 1}]) == ["c"]


# ---- What is shown -------------------------------------------------------------------------------

def bench(*words, cwd=ROOT, **environment):
    return subprocess.run([ROOT / "tools/bench", *map(str, words)], cwd=cwd, capture_output=True, text=True,
                          check=False, timeout=200, env={
                              **os.environ, "QEMU": str(FAKE), "ACCEL": "tcg",
                              "CAPOS_RESULTS": str(cwd / "build/results"), **environment})


def test_table_has_ratio_spread_and_limits():
    """One row has capOS, Linux and how, ratio and spread; limits only where their unit is measured."""
    counted = [{**line, "unit": "instructions"} for line in rounds_of(400)]
    text = report.table(wake_records() + records_of({"icount": {"capOS": {"notify-blocked": counted}}}),
                        KNOWN, [{"name": "notify-blocked", "mode": "icount", "value": 420}])
    rows = [row.split("  ") for row in text.split("\n")[1:3]]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells == [["wake a thread that sleeps", "instr.", "400", "420", "450", "300", "700"],
                     ["wake a thread that sleeps", "ns", "10", "futex", "50", "3.00", "3.00-5.00"]], text


def test_picture_is_whole():
    """The picture is XML, has a bar of each system and the ratio, and no text begins outside of it."""
    root = xml.etree.ElementTree.fromstring(report.picture(wake_records(), KNOWN))
    name = "{http://www.w3.org/2000/svg}"
    colours = [bar.get("fill") for bar in root.iter(name + "rect")]
    assert colours.count(report.GREEN) == 2 and colours.count(report.PURPLE) == 2  # the legend, too
    texts = list(root.iter(name + "text"))
    assert {"10 ns", "50 ns", "3.0×", "futex"} <= {text.text for text in texts}
    assert all(0 <= float(text.get("x")) < float(root.get("width")) - 20 and
               0 < float(text.get("y")) < float(root.get("height")) for text in texts)


@pytest.fixture
def tree(tmp_path):
    """As much as tools/bench needs where it runs."""
    for name in ("build/kernel/capos.elf", "build/capos.pkg", "build/linux/vmlinux",
                 "build/linux/initramfs", "build/linux/initramfs-fio"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "build/linux/packages.json").write_text('{"kernel": {"file": "linux.deb", "sha256": "0"}}')
    (tmp_path / "bench").mkdir()
    for name in ("figures.json", "recorded.json"):
        (tmp_path / "bench" / name).write_text((ROOT / "bench" / name).read_text())
    return tmp_path


RACED = ["ring-nop-1", "disk-read-1", "driver-restart", "memory-idle"]


def test_one_run_races_both_systems(tree):
    """Machines that print what the real ones do: every record is complete, ratios are there, fio's figures
    stand beside the client's, the table, the picture and the command lines are printed, and documented
    are all fields."""
    done = bench("--rounds", 2, "--icount-rounds", 1, "--svg", "picture.svg", *RACED[:3], cwd=tree)
    assert done.returncode == 0, done.stdout + done.stderr
    records = json.loads((tree / "build/bench/results.json").read_text())
    found = {(item["name"], item["way"], item["system"], item["mode"]): item for item in records}
    for item in records:
        assert set(item) - {"ratio"} == {"name", "way", "system", "mode", "unit", "value", "min", "p50",
                                         "p99", "runs", "rounds", "conditions"}
        assert ("ratio" in item) == (item["system"] != "capOS")
        assert len(item["rounds"]) == (2 if item["mode"] == "wall" else 1)
    assert found["ring-nop-1", "", "capOS", "icount"]["value"] == 100
    assert found["ring-nop-1", "way", "Linux lazy", "icount"]["ratio"]["value"] == 3
    assert found["ring-nop-1", "", "capOS", "wall"]["value"] == 200  # 400 ticks at 2 GHz
    for system in ("Linux lazy", "Linux strict", "Linux no IOMMU"):
        assert found["disk-read-1", "fio", system, "wall"]["value"] == 90000
        assert found["disk-read-1", "fio", system, "icount"]["value"] == 900
    assert ("driver-restart", "way", "Linux strict", "wall") in found
    assert not any(key[0] in ("disk-read-32", "call-return") for key in found)
    assert "iommu.strict=1 race=calibrator,disk-read-1,driver-restart fio=wall" in done.stdout
    assert "[1/12] icount, round 1 of 1: capOS" in done.stdout and "[12/12]" in done.stdout
    xml.etree.ElementTree.parse(tree / "picture.svg")
    text = (ROOT / "docs/benchmarks.md").read_text()
    for field in set().union(*records) | set(records[0]["conditions"]):
        assert f"`{field}`" in text, field


def test_memory_is_raced_only_with_the_machine(tree):
    """capOS alone: the memory at the prompt is measured, and no Linux is started."""
    done = bench("--rounds", 1, "--icount-rounds", 0, "--no-linux", "memory-idle", cwd=tree)
    assert done.returncode == 0, done.stdout + done.stderr
    records = {item["name"]: item for item in json.loads((tree / "build/bench/results.json").read_text())}
    assert records["memory-idle"]["value"] == 400 and records["memory-idle"]["unit"] == "KiB"
    assert "Linux" not in done.stdout.split("figure ")[0]


def test_missing_figures_are_errors(tree):
    """A system that gives no figure of what it was asked for ends the run, by name; nothing is shown as if
    it were all."""
    done = bench("--rounds", 1, "--icount-rounds", 0, *RACED[:2], cwd=tree, FAKE_MISSING="ring-nop-1")
    assert done.returncode != 0 and "gave no figure of ring-nop-1" in done.stderr, done.stderr
    assert not (tree / "build/bench/results.json").exists()


def test_counts_that_are_too_high_are_measured_again(tree):
    """--check counts anew what is above its record, for a busy host makes reads longer, and then fails if it
    still is."""
    (tree / "bench/recorded.json").write_text(json.dumps([
        {"name": name, "mode": "icount", "value": 5} for name in ("calibrator", "ring-nop-1")]))
    done = bench("--no-linux", "--rounds", 0, "--icount-rounds", 1, "--check", "ring-nop-1", cwd=tree)
    assert done.returncode == 1 and "100, recorded 5: more than 3 % up" in done.stdout, done.stdout
    assert done.stdout.count("again, for a count was too high") == 8, done.stdout
    records = json.loads((tree / "build/bench/results.json").read_text())
    assert {len(item["rounds"]) for item in records} == {9}


def test_counts_are_recorded(tree):
    """--record keeps capOS' counts, and nothing else."""
    done = bench("--rounds", 1, "--icount-rounds", 1, "--record", *RACED[:2], cwd=tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tree / "bench/recorded.json").read_text()) == [
        {"name": name, "mode": "icount", "unit": "instructions", "value": value}
        for name, value in (("calibrator", 10), ("ring-nop-1", 100), ("disk-read-1", 1000))]


@pytest.mark.parametrize("name, answer", [("ring-nob-1", "did you mean `ring-nop-1`"), ("xyz", "disk-read-1")])
def test_unknown_figures_are_refused(name, answer):
    """A wrong BENCH= names what may have been meant, or those that there are."""
    done = bench(name)
    assert done.returncode != 0 and name in done.stderr and answer in done.stderr, done.stderr
