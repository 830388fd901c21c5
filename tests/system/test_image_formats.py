# SPDX-License-Identifier: MIT
"""make image FORMAT=...: what clouds take is the same disk, and packed as they want it. That such images
start is shown by test_machine_shapes.py, which boots from three of them."""

import gzip
import json
import struct
import subprocess
import tarfile

import image
import pytest
from shell import claim

GIB, MIB, SECTOR = 1 << 30, 1 << 20, 512


def qemu_img(*words, status=0):
    done = subprocess.run(["qemu-img", *map(str, words)], capture_output=True, text=True, check=False)
    claim(done.returncode == status, f"qemu-img {' '.join(map(str, words))}: status {status}",
          f"{done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def information(path, kind):
    told = json.loads(qemu_img("info", "--output=json", "-f", kind, path))
    claim(told["virtual-size"] == GIB, "a disk of 1 GiB", told)
    return told


def without_records(part):
    """mformat leaves the size of the whole disk behind the boot code of the file system, and of its copy
    in sector 6, where a disk would have its partition table. Nobody reads it."""
    changed = bytearray(part)
    for sector in (0, 6):
        changed[sector * SECTOR + 446:(sector + 1) * SECTOR - 2] = bytes(64)
    return changed


def check_disk(path):
    """A raw disk of whole GiB: its partition table and the copy at its end pass a reader's checks, and
    the system partition is that of the standard image."""
    with open(path, "rb") as file:
        data = file.read(image.IMAGE.stat().st_size)
        claim(path.stat().st_size == GIB, "1 GiB", path.stat().st_size)
        file.seek(GIB - 33 * SECTOR)
        end = file.read()
    # What lies between is a hole: the checks need only both ends.
    rows = image.partitions(image.Ends(data, end, GIB))
    standard = image.IMAGE.read_bytes()
    claim(rows == image.partitions(standard), "the partitions of the standard image", rows)
    for _, _, first, last in rows:
        part = slice(first * SECTOR, (last + 1) * SECTOR)
        claim(without_records(data[part]) == without_records(standard[part]),
              f"the partition at sector {first}", "other bytes")


def test_gce(logs):
    """FORMAT=gce is a gzipped tar of the old GNU kind with nothing in it but a sparse file, disk.raw, of
    whole GiB, whose table's copy is at its end; made again it has the same bytes. Else: what a cloud's
    import would stumble over."""
    path = image.make(logs, "capos-gce.tar.gz", format="gce")
    header = gzip.open(path).read(512)
    claim(header[:9] == b"disk.raw\0" and header[156:157] == b"S", "a sparse file, disk.raw", header[:160])
    claim(header[257:265] == b"ustar  \0", "an old GNU tar", header[257:265])
    with tarfile.open(path) as archive:
        claim(archive.getnames() == ["disk.raw"], "disk.raw alone", archive.getnames())
    subprocess.run(["tar", "-xzSf", path, "-C", logs], check=True)
    check_disk(logs / "disk.raw")
    again = image.make(logs / "again", "capos-gce.tar.gz", format="gce")
    claim(path.read_bytes() == again.read_bytes(), "the same bytes again", "others")


@pytest.mark.parametrize("name, kind", [("qcow2", "qcow2"), ("vmdk", "vmdk"), ("vhd", "vpc")])
def test_packed(logs, name, kind):
    """The packed disk is intact, is of the kind that clouds take (VMDK stream-optimized, VHD fixed with
    its exact size), and holds the bytes of the raw one. Else: the first difference."""
    path = image.make(logs, f"capos.{name}", format=name)
    told = information(path, kind)
    if name == "vmdk":
        claim(told["format-specific"]["data"]["create-type"] == "streamOptimized", "streamOptimized", told)
    if name == "vhd":
        size = path.stat().st_size
        footer = read_end(path)
        cookie, current, kind_of_disk = footer[:8], *struct.unpack_from(">Q4xI", footer, 48)
        claim((cookie, current, kind_of_disk) == (b"conectix", GIB, 2), "a fixed disk of 1 GiB",
              (cookie, current, kind_of_disk))
        claim(size == GIB + SECTOR and (size - SECTOR) % MIB == 0, "whole MiB and a footer", size)
        claim(checksum(footer) == struct.unpack_from(">I", footer, 64)[0], "the footer's checksum", footer)
    else:
        qemu_img("check", "-f", kind, path)
    raw = logs / "disk.raw"
    qemu_img("convert", "-f", kind, "-O", "raw", path, raw)
    check_disk(raw)


def read_end(path):
    with open(path, "rb") as file:
        file.seek(-SECTOR, 2)
        return file.read()


def checksum(footer):
    """VHD 1.0: the complement of the sum of the footer's bytes, its checksum taken as zero."""
    return ~(sum(footer) - sum(footer[64:68])) & 0xFFFF_FFFF


def test_refuses(logs):
    """A format that does not exist is named, and nothing is left behind. Else: a file, or status 0."""
    done = subprocess.run(["tools/make-image", "--format", "vhdd", "--kernel", "build/kernel/capos.elf",
                           "--package", "build/capos.pkg", logs / "x"], capture_output=True, text=True,
                          check=False)
    claim(done.returncode == 2 and "did you mean `vhd`" in done.stderr, "a suggestion", done.stderr)
    claim(not list(logs.iterdir()), "no files", list(logs.iterdir()))
