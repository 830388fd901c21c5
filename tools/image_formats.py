# SPDX-License-Identifier: MIT
"""A raw disk, packed as clouds and hypervisors take it.

    gce     a gzipped tar of the old GNU kind with one sparse file, disk.raw; its size is whole GiB
            (Google Cloud, Compute Engine: "Importing boot disk images manually")
    qcow2   QEMU, OpenStack
    vmdk    stream-optimized (VMware Virtual Disk Format 5.0; Amazon, VM Import/Export: image formats)
    vhd     fixed: the disk and a footer of 512 bytes (Microsoft VHD Image Format Specification 1.0);
            whole MiB, and the size in the footer is exact, not rounded to a geometry (Azure:
            "Prepare a VHD for upload")

Debian's tar, gzip and qemu-utils do the work."""

import subprocess
import sys

MIB, GIB = 1 << 20, 1 << 30

# QEMU's name for the format, and its options.
QEMU_FORMATS = {
    "qcow2": ("qcow2", "compat=1.1"),
    "vmdk": ("vmdk", "subformat=streamOptimized"),
    "vhd": ("vpc", "subformat=fixed,force_size=on"),
}
FORMATS = ("raw", "gce", *QEMU_FORMATS)


def disk_bytes(name, least):
    """How large the disk is to be: disks in clouds come in whole GiB, and the copy of the partition
    table is to be at the disk's end."""
    unit = MIB if name == "raw" else GIB
    return -(-least // unit) * unit


def _run(*command):
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f"make-image: {command[0]} is not installed: make deps")
    if done.returncode != 0:
        sys.exit(f"make-image: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}".rstrip())


def pack(name, raw, output, when):
    """Write `output` from the raw disk, which is named disk.raw; `when`: the time in a tar, so that the
    same disk makes the same bytes. What qemu-img makes carries numbers drawn at random."""
    if name == "gce":
        # What is a hole must not depend on who wrote zeros where: cp makes one of every block of them.
        # (tar could look for zeros itself, but reads 512 bytes at a time: ten seconds.)
        sparse = raw.parent / "sparse" / raw.name
        sparse.parent.mkdir()
        _run("cp", "--sparse=always", raw, sparse)
        _run("tar", "--format=oldgnu", "--sparse", "--hole-detection=seek", f"--mtime=@{when}",
             "--owner=0", "--group=0", "--numeric-owner", "--mode=0644", "-I", "gzip -n",
             "-C", sparse.parent, "-cf", output, sparse.name)
        return
    kind, options = QEMU_FORMATS[name]
    compress = ["-c"] if name == "qcow2" else []
    _run("qemu-img", "convert", *compress, "-f", "raw", "-O", kind, "-o", options, raw, output)
