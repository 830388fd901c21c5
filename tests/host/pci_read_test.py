# SPDX-License-Identifier: MIT
"""
build/host-asan/pci-read as a program. Configuration spaces are taken from QEMU machines of many
shapes, paused after the firmware has assigned addresses, and what pci-read makes of them is
compared with what QEMU itself says of its functions (query-pci, which is `info pci`). Then its
contract: text in all forms that lspci has, every refusal, exit codes, and no crash on anything.
"""

import json
import os
import pathlib
import random
import socket
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
PCI_READ = BUILD / "host-asan/pci-read"
ECAM = 0xb0000000  # where SeaBIOS puts it on q35


def run(*arguments):
    """(exit status, output); a sanitizer's report or a hang fails the test."""
    done = subprocess.run([PCI_READ, *arguments], capture_output=True, timeout=60, check=False)
    error = done.stderr.decode(errors="replace")
    assert done.returncode in (0, 1, 2) and "Sanitizer" not in error, error
    assert "runtime error" not in error, error
    return done.returncode, done.stdout.decode()


def read_json(*paths):
    status, output = run("-j", *paths)
    return status, [json.loads(line) for line in output.splitlines()]


# ---- QEMU ------------------------------------------------------------------------------------


class Machine:
    """A QEMU machine whose firmware has run, paused."""

    def __init__(self, directory, arguments):
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-m", "64", "-display", "none", "-nodefaults",
             "-no-user-config", "-qmp", f"unix:{directory}/qmp,server=on,wait=off", "-qtest",
             f"unix:{directory}/qtest,server=on,wait=off", "-qtest-log", "none",
             "-chardev", f"file,id=log,path={directory}/log", "-device",
             "isa-debugcon,iobase=0x402,chardev=log", *arguments],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.log = pathlib.Path(directory) / "log"
        try:
            self.qmp = self.connect(f"{directory}/qmp")
            self.qtest = self.connect(f"{directory}/qtest")
            self.qmp.readline()
            self.command("qmp_capabilities")
        except (OSError, ValueError) as error:
            self.process.kill()
            raise AssertionError(self.process.communicate()[1].decode()) from error

    def connect(self, path):
        """A connection as a file. QEMU that ended by itself says why."""
        for _ in range(200):
            if self.process.poll() is not None:
                raise OSError("it has ended")
            try:
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(path)
                connection.settimeout(30)
                return connection.makefile("rw")
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"QEMU does not open {path}")

    def command(self, name):
        self.qmp.write(json.dumps({"execute": name}) + "\n")
        self.qmp.flush()
        while True:
            answer = json.loads(self.qmp.readline())
            if "return" in answer:
                return answer["return"]
            assert "error" not in answer, answer

    def ask(self, line):
        self.qtest.write(line + "\n")
        self.qtest.flush()
        while True:
            answer = self.qtest.readline().split()
            if answer and answer[0] == "OK":
                return answer[1] if len(answer) > 1 else ""
            assert answer and answer[0] == "IRQ", answer

    def wait_for_firmware(self):
        """SeaBIOS has set up PCI, and found that there is nothing to boot from."""
        for _ in range(600):
            if self.log.exists() and b"No bootable device" in self.log.read_bytes():
                self.command("stop")
                return
            time.sleep(0.05)
        raise AssertionError("the firmware does not come to its end")

    def config_ports(self, bus, device, function):
        """256 bytes through 0xcf8 and 0xcfc."""
        words = b""
        for offset in range(0, 256, 4):
            self.ask(f"outl 0xcf8 {1 << 31 | bus << 16 | device << 11 | function << 8 | offset:#x}")
            words += int(self.ask("inl 0xcfc"), 16).to_bytes(4, "little")
        return words

    def config_ecam(self, bus, device, function):
        address = ECAM + (bus << 20 | device << 15 | function << 12)
        return bytes.fromhex(self.ask(f"read {address:#x} 0x1000")[2:])

    def close(self):
        self.process.kill()
        self.process.wait()


def all_functions(buses):
    """Every function of query-pci, those behind bridges included, with its parent's address."""

    def visit(devices, parent):
        for device in devices:
            yield device, parent
            bridge = device.get("pci_bridge")
            if bridge:
                yield from visit(bridge.get("devices", []), device)

    for bus in buses:
        yield from visit(bus["devices"], None)


def address_of(device):
    return f"0000:{device['bus']:02x}:{device['slot']:02x}.{device['function']:x}"


def lspci_text(address, config, name="Something: Someone's device"):
    rows = "".join(f"{offset:02x}: {config[offset:offset + 16].hex(' ')}\n"
                   for offset in range(0, len(config), 16))
    return f"{address} {name}\n{rows}\n"


NVME = ["-drive", "if=none,id=nvm,driver=null-co,size=1M"]
SHAPES = {
    "i440fx": ["-machine", "pc", "-device", "VGA", "-device", "e1000,romfile=", "-device", "virtio-net-pci,romfile=",
               "-device", "pci-bridge,id=b1,chassis_nr=1,addr=9", "-device",
               "edu,bus=b1,addr=3", "-device", "pci-bridge,id=b2,chassis_nr=2,bus=b1,addr=4",
               "-device", "virtio-rng-pci,bus=b2,addr=1f"],
    "q35": ["-machine", "q35", "-device", "virtio-blk-pci,drive=nvm", "-device", "edu", *NVME],
    "q35 root ports": [
        "-machine", "q35", "-device", "pcie-root-port,id=r1,chassis=1,slot=1", "-device",
        "pcie-root-port,id=r2,chassis=2,slot=2", "-device", "virtio-blk-pci,bus=r1,drive=nvm",
        "-device", "e1000e,bus=r2,romfile=", "-device", "pcie-root-port,id=r3,chassis=3,slot=3", *NVME],
    "q35 switch": [
        "-machine", "q35", "-device", "ioh3420,id=r1,chassis=1,slot=1", "-device",
        "x3130-upstream,id=u1,bus=r1", "-device",
        "xio3130-downstream,id=d1,bus=u1,chassis=2,slot=2", "-device",
        "xio3130-downstream,id=d2,bus=u1,chassis=3,slot=3", "-device", "nvme,serial=1,bus=d1",
        "-device", "virtio-rng-pci,bus=d2"],
    "q35 conventional": [
        "-machine", "q35", "-device", "pcie-pci-bridge,id=p1", "-device",
        "pci-bridge,id=b1,chassis_nr=9,bus=p1,addr=2", "-device", "e1000,bus=b1,addr=5,romfile=", "-device",
        "i82801b11-bridge,id=d1", "-device", "edu,bus=d1,addr=7"],
    "q35 multifunction": [
        "-machine", "q35", "-device", "virtio-rng-pci,addr=7.0,multifunction=on", "-device",
        "virtio-rng-pci,addr=7.1", "-device", "virtio-rng-pci,addr=7.7", "-device",
        "ich9-usb-ehci1,addr=1d.7,multifunction=on", "-device",
        "ich9-usb-uhci1,addr=1d.0,multifunction=on"],
    "q35 big": ["-machine", "q35", "-object", "memory-backend-ram,id=m,size=8G,reserve=off",
                "-device", "ivshmem-plain,memdev=m", "-device", "pcie-root-port,id=r1,chassis=1",
                "-device", "nvme-subsys,id=s", "-device", "nvme,serial=1,bus=r1,subsys=s,sriov_max_vfs=4,"
                "sriov_vq_flexible=8,sriov_vi_flexible=4,max_ioqpairs=10,msix_qsize=20"],
    "q35 pxb": ["-machine", "q35", "-device", "pxb-pcie,bus_nr=0x80,id=x", "-device",
                "pcie-root-port,bus=x,id=r1,chassis=1", "-device", "virtio-rng-pci,bus=r1"],
    "q35 200": ["-machine", "q35", "-m", "128"] + [
        word for i in range(184) for word in
        ("-device", f"virtio-rng-pci,addr={2 + i // 8:x}.{i % 8},multifunction=on")],
}


@pytest.fixture(scope="session", params=SHAPES, ids=lambda name: name.replace(" ", "-"))
def dumped(request, tmp_path_factory):
    """(query-pci, {address: bytes}) of a machine; without PCI Express, 256 bytes each."""
    machine = Machine(tmp_path_factory.mktemp("qemu"), SHAPES[request.param])
    try:
        machine.wait_for_firmware()
        said = machine.command("query-pci")
        express = "q35" in request.param
        configs = {address_of(device): (machine.config_ecam if express else machine.config_ports)(
            device["bus"], device["slot"], device["function"])
                   for device, _ in all_functions(said)}
        return said, configs
    finally:
        machine.close()


def check_bars(record, device):
    """Addresses and kinds of BARs. QEMU lists those that decode; the ROM is number 6."""
    bars = {bar["index"]: bar for bar in record["bars"] if not bar.get("legacy")}
    for region in device["regions"]:
        if region["address"] in (-1, 0xffffffffffffffff):
            continue
        bar = bars[region["bar"]]
        rom = region["bar"] == 6
        assert int(bar["address"], 16) == region["address"]
        assert bar["kind"] == ("rom" if rom else region["type"])
        if region["type"] == "memory" and not rom:
            assert bar["is64"] == region["mem_type_64"]
            assert bar["prefetchable"] == region["prefetch"]


def check_bridge(record, bridge):
    bus = bridge["bus"]
    assert record["primary"] == bus["number"]
    assert record["secondary"] == bus["secondary"]
    assert record["subordinate"] == bus["subordinate"]
    windows = {window["kind"]: window for window in record["windows"]}
    for kind, name in (("io", "io_range"), ("memory", "memory_range"),
                       ("prefetchable", "prefetchable_range")):
        said = bus[name]
        if said["base"] <= said["limit"]:
            assert int(windows[kind]["first"], 16) == said["base"]
            assert int(windows[kind]["last"], 16) == said["limit"]
        else:
            assert kind not in windows


def test_machine(dumped, tmp_path):
    """Claim: of every function of a machine, pci-read says what QEMU says: ids, class, BARs,
    bridges' buses and windows, and the bridge above. If false: the first difference."""
    said, configs = dumped
    path = tmp_path / "lspci"
    path.write_text("".join(lspci_text(address[5:], config)
                            for address, config in sorted(configs.items())))
    status, records = read_json(path)
    assert status == 0
    assert [record["address"] for record in records] == sorted(configs)
    by_address = {record["address"]: record for record in records}
    for device, parent in all_functions(said):
        record = by_address[address_of(device)]
        assert int(record["vendor"], 16) == device["id"]["vendor"]
        assert int(record["device"], 16) == device["id"]["device"]
        assert int(record["class"], 16) >> 8 == device["class_info"]["class"]
        assert record["interruptPin"] == device["irq_pin"]
        if "subsystem" in device["id"] and record["layout"] == "device":
            assert int(record["subsystem"], 16) == device["id"]["subsystem"]
        assert record["parent"] == (address_of(parent) if parent else None)
        assert record["faults"] == []
        check_bars(record, device)
        assert ("pci_bridge" in device) == (record["layout"] == "bridge")
        if "pci_bridge" in device:
            check_bridge(record, device["pci_bridge"])


def test_bare_and_short(dumped, tmp_path):
    """Claim: the same bytes as a bare file, and as text of 64 or 256 bytes, give the same header
    and BARs, and 256 bytes the same capabilities. If false: the record that differs."""
    _, configs = dumped
    for address, config in sorted(configs.items())[:12]:
        path = tmp_path / "config"
        results = []
        for content in (config, lspci_text(address, config[:256]).encode(),
                        lspci_text(address[5:], config[:64]).encode()):
            path.write_bytes(content)
            status, (record,) = read_json(path)
            assert status == 0
            results.append(record)
        for record in results[1:]:
            for key in ("vendor", "device", "class", "bars", "command", "layout"):
                assert record[key] == results[0][key]
        assert results[1]["capabilities"] == results[0]["capabilities"]
        assert results[2]["capabilities"] == []


def test_capabilities(dumped, tmp_path):
    """Claim: what is known of QEMU's devices is found: the parts of a virtio device, MSI-X of an
    NVMe controller, and ports that keep what is behind them apart. If false: what is missing."""
    _, configs = dumped
    path = tmp_path / "lspci"
    path.write_text("".join(lspci_text(*item) for item in configs.items()))
    status, records = read_json(path)
    assert status == 0
    for record in records:
        listed = record["capabilities"] + record["extended"]
        named = {capability["name"]: capability for capability in listed}
        if record["vendor"] == "1af4" and "1040" <= record["device"] < "1080":
            kinds = [c["kind"] for c in listed if c["name"] == "vendor"]
            assert {"common", "notify", "interrupt", "device", "config"} == set(kinds)
            assert named["msix"]["tableBar"] == 1 and named["msix"]["pendingOffset"] == "0x800"
        if record["class"] == "010802":
            assert named["msix"]["tableBar"] == 0 and named["express"]["flr"]
            if "sriov" in named:
                assert (named["sriov"]["total"], named["sriov"]["device"]) == (4, record["device"])
        if record["device"] == "000c" and record["vendor"] == "1b36":
            assert named["express"]["type"] == "rootPort" and named["acs"]["supported"] == "5f"
            assert named["express"]["canForwardAri"]


def test_pipe():
    """Claim: what is no file is refused, not waited for."""
    done = subprocess.run([PCI_READ, "-j", "/dev/stdin"], input=sample(), capture_output=True,
                          check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == "notAFile"


# ---- The contract ----------------------------------------------------------------------------


def sample():
    """A virtio device with MSI-X and its five vendor capabilities, as QEMU has it."""
    config = bytearray(256)
    config[0:12] = bytes.fromhex("f41a411006051000 01000002".replace(" ", ""))
    config[0x10:0x14] = (0xc041).to_bytes(4, "little")
    config[0x14:0x18] = (0xfebf1000).to_bytes(4, "little")
    config[0x20:0x28] = (0x380000000c).to_bytes(8, "little")
    config[0x34] = 0x98
    config[0x98:0xa4] = bytes.fromhex("110003800100000001080000")
    return bytes(config)


def test_text_forms(tmp_path):
    """Claim: domain or none, names or none, upper case, CRLF, -v lines between, -vmm: all read."""
    rows = lspci_text("X", sample()).split("\n", 1)[1]
    forms = {
        "00:03.0 Ethernet controller: Red Hat, Inc. Virtio 1.0\n" + rows: "0000:00:03.0",
        "0000:00:03.0 Ethernet\n" + rows: "0000:00:03.0",
        "00:03.0\n" + rows: "0000:00:03.0",
        "10000:e1:1f.7 NVMe behind VMD\n" + rows: "10000:e1:1f.7",
        "00:03.0 x\n" + rows.upper(): "0000:00:03.0",
        ("00:03.0 x\n" + rows).replace("\n", "\r\n"): "0000:00:03.0",
        "00:03.0 x\n\tFlags: bus master\n\tCapabilities: [98] MSI-X\n" + rows: "0000:00:03.0",
        "Slot:\t00:03.0\nClass:\tx\n" + rows: "0000:00:03.0",
        "00:03.0 \x1b[31mx\xff\n" + rows: "0000:00:03.0",
        "lspci: a warning\n00:03.0 \"q\\uote\"\n" + rows.rstrip("\n"): "0000:00:03.0",
        rows: None,
    }
    for number, (text, address) in enumerate(forms.items()):
        path = tmp_path / f"form{number}"
        path.write_bytes(text.encode("latin-1"))
        status, (record,) = read_json(path)
        assert (status, record["address"]) == (0, address), text
        assert [bar["address"] for bar in record["bars"]] == ["0xc040", "0xfebf1000", "0x3800000000"]
        assert record["capabilities"][0]["name"] == "msix"
        assert record["capabilities"][0]["count"] == 4
        status, text = run(path)
        assert status == 0 and "msix" in text
        assert not any(ord(c) < 32 and c != "\n" for c in text)
    status, records = read_json(tmp_path)
    assert (status, len(records)) == (0, len(forms))


def change(offset, *values):
    config = bytearray(sample())
    config[offset:offset + len(values)] = bytes(values)
    return bytes(config)


@pytest.mark.parametrize("content,reason,place", [
    (b"", "empty", ("place", 0)),
    (b"no dump at all\n", "noDump", ("place", 1)),
    (b"00:03.0 a name and nothing else\n", "noDump", ("place", 1)),
    (bytes(255), "badSize", ("place", 255)),
    (bytes(64), "badSize", ("place", 64)),
    (bytes(4097), "badSize", ("place", 4097)),
    (bytes(256), "absent", ("offset", 0)),
    (b"\xff" * 4096, "absent", ("offset", 0)),
    (change(0, 1, 0), "notReady", ("offset", 0)),
    (change(14, 0x7f), "unknownHeader", ("offset", 14)),
    (lspci_text("00:03.0", sample()[:240]).encode(), "badSize", ("length", 240)),
    (lspci_text("00:03.0", sample()).replace("\n40: ", "\n# 40: ").encode(), "gap", ("atLine", 7)),
    (lspci_text("00:03.0", sample()).replace("\n00: ", "\n# 00: ").encode(), "gap", ("atLine", 3)),
], ids=lambda value: value if isinstance(value, str) else "")
def test_refusals(tmp_path, content, reason, place):
    """Claim: each refusal has its name and place, and exit code 1. If false: what came instead."""
    path = tmp_path / "x"
    path.write_bytes(content)
    status, records = read_json(path)
    assert status == 1
    assert records[0]["status"] == "refused"
    assert (records[0]["error"], records[0][place[0]]) == (reason, place[1])
    status, text = run(path)
    assert status == 1 and f"status=refused error={reason}" in text


@pytest.mark.parametrize("config,error,offset", [
    (change(0x34, 0x3c), "capabilityBadPointer", 0x34),
    (change(0x99, 0x98), "capabilityLoop", 0x99),
    (change(0x98, 0xff), "capabilityUnreadable", 0x98),
    (change(0x9c, 6), "badBar", 0x9c),
    (change(0xa0, 1, 0), "msixOverlap", 0xa0),
    (change(0x20, 0, 0, 0, 0, 4), "barCut", 0x24),
    (change(0x10, 255, 255, 255, 255), "barUnreadable", 0x10),
], ids=lambda value: value if isinstance(value, str) else "")
def test_faults(tmp_path, config, error, offset):
    """Claim: what Linux accepts is not refused, but what is wrong with it is said."""
    path = tmp_path / "x"
    path.write_bytes(config)
    status, (record,) = read_json(path)
    assert status == 0
    assert {"error": error, "offset": offset} in record["faults"]


def test_bad_neighbours(tmp_path):
    """Claim: a refused function or file takes no other with it, and the exit code tells."""
    (tmp_path / "a").write_text(lspci_text("00:01.0", bytes(256)) + lspci_text("00:02.0", sample()))
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c").write_bytes(sample())
    (tmp_path / "b/loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "b/pipe")
    status, records = read_json(tmp_path)
    assert status == 1
    assert [record.get("error") for record in records] == ["absent", None, None, "notAFile",
                                                            "notAFile"]


def test_virtual_function(tmp_path):
    """Claim: an SR-IOV virtual function, which has no ids of its own, is not refused."""
    path = tmp_path / "x"
    path.write_bytes(change(0, 255, 255, 255, 255))
    status, (record,) = read_json(path)
    assert status == 0 and record["virtual"]


def test_usage(tmp_path):
    """Claim: exit code 2 for wrong usage, 0 for --help, 1 for what cannot be read."""
    assert run()[0] == 2
    assert run("-x", "file")[0] == 2
    assert run("-j")[0] == 2
    status, text = run("--help")
    assert status == 0 and text.startswith("usage: pci-read")
    status, records = read_json(tmp_path / "nothing")
    assert status == 1 and records[0]["error"] == "unreadable"
    status, records = read_json(tmp_path)
    assert status == 1 and records[0]["error"] == "empty"


def test_random_bytes(tmp_path):
    """Claim: no bytes make it crash, hang or print what is no JSON."""
    seed = int(os.environ.get("CAPOS_SEED", time.time_ns()))
    print(f"CAPOS_SEED={seed}")
    chance = random.Random(seed)
    text = lspci_text("00:03.0", sample()) + lspci_text("00:04.0", sample())
    for number in range(400):
        if number % 2:
            content = bytearray(sample() + chance.randbytes(3840) * (number // 2 % 2))
            for _ in range(chance.randrange(40)):
                content[chance.randrange(len(content))] = chance.randrange(256)
        else:
            content = bytearray(text.encode())
            for _ in range(chance.randrange(20)):
                at = chance.randrange(len(content))
                content[at:at + chance.randrange(4)] = chance.choice(
                    [b"\n", b":", b"00", b"\0", b"ff ", b"00:05.0 ", b"\xff", b""])
        (tmp_path / f"{number:03}").write_bytes(content)
    status, output = run("-j", tmp_path)
    assert status in (0, 1)
    for line in output.splitlines():
        json.loads(line)
    assert run(tmp_path)[0] == status
