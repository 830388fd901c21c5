# SPDX-License-Identifier: MIT
"""The tools behind the race against Linux, without booting either system: needs no kernel."""

import gzip
import hashlib
import importlib.machinery
import importlib.util
import pathlib
import struct
import subprocess
import sys

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


race = load("bench-linux")
image = load("bench-linux-image")


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


def rounds_of(*values):
    return [{"unit": "ns", "min": value, "p50": value, "p99": value, "runs": 1} for value in values]


def test_ratios_are_within_a_round(monkeypatch):
    """Both systems slow down by the same factor in the second round: the ratio does not change, though
    the figures do. In the third, only one does."""
    systems = [race.System("capOS", race.TESTS), race.System("Linux lazy", race.TESTS, "quiet")]
    runs = {"wall": {"capOS": {"wake/notification": rounds_of(10, 20, 10)},
                     "Linux lazy": {"wake/futex": rounds_of(30, 60, 50)}}}
    monkeypatch.setattr(race, "packages", dict)
    arguments = type("Arguments", (), {"cpus": 1})
    row, = race.rows_of(race.records_of(runs, systems, arguments))
    assert row["name"] == "wake/futex"
    assert [row["wall"][key] for key in ("ratio", "ratio_min", "ratio_max")] == [3, 3, 5]


def test_rounds_on_a_changed_host_are_run_again():
    """The empty loop took twice as long in one run of the second round: that round counts as odd,
    however the systems compare otherwise; one that is slower by a tenth does not."""
    runs = {"capOS": {"calibrator/loop": rounds_of(3.5, 3.5, 3.8, 3.5)},
            "Linux lazy": {"calibrator/loop": rounds_of(4.2, 8.4, 4.2, 4.2)}}
    assert race.odd_rounds(runs) == [1]


@pytest.mark.parametrize("lines, mode, complaint", [
    ('bench: {"name":"wake/futex","unit":"tsc","min":1,"p50":1,"p99":1,"runs":1}', "icount",
     "figure in tsc"),
    ('bench: {"name":"wake/futex","unit":"tsc","min":1,"p50":1,"p99":1,"runs":1}', "wall",
     "figure in tsc"),
    ('bench: {"name":"wake/futex","unit":"instructions","min":1,"p50":1,"p99":1,"runs":1}', "wall",
     "figure in instructions"),
], ids=["icount", "no tsc line", "wall"])
def test_units_are_never_mixed(lines, mode, complaint):
    """Ticks are not instructions, nor nanoseconds without a line that says how many there are."""
    with pytest.raises(SystemExit, match=complaint):
        race.parse(lines, mode)


def test_unknown_tests_are_refused():
    """A wrong BENCH= names those that there are."""
    done = subprocess.run([ROOT / "tools/bench-linux", "wakes"], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    assert done.returncode != 0 and "wakes" in done.stderr and "round-trip" in done.stderr
