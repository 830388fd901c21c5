# SPDX-License-Identifier: MIT
"""The harness itself, against the probe image (tools/probe.S): no kernel is involved.

What needs a prompt is tried against tests/system/fake_qemu, which has one and no machine."""

import pathlib
import re
import subprocess
import sys
import time

import pytest

from harness import Machine, Unexpected
from harness.stall import Stalled, threads_of

PROBE = {"kernel": "build/tools/probe.elf", "package": None}


def test_serial_and_exit_status(boot):
    """A machine boots by PVH, is heard on its serial port, and its exit status is its own."""
    machine = boot(**PROBE)
    machine.expect("probe ok")
    machine.wait_exit(Machine.EXIT_PROBE)
    assert "probe ok" in (machine.directory / "serial.log").read_text()


def test_typing(boot):
    """What a test types reaches the guest, and the answer comes back in order."""
    machine = boot(append="stay", **PROBE)
    machine.expect("probe stays\n")
    machine.write("hello")
    machine.expect("hello")
    machine.write("!")
    machine.wait_exit(Machine.EXIT_PROBE)


def test_missing_text_is_reported(boot):
    """expect() ends by its time limit and says what was seen instead."""
    machine = boot(append="stay", **PROBE)
    machine.expect("stays")
    before = time.monotonic()
    with pytest.raises(Unexpected) as caught:
        machine.expect("never said", timeout=0.3)
    assert time.monotonic() - before < 20
    assert "never said" in caught.value.expected
    assert "probe stays" in caught.value.seen


def test_end_of_machine_is_noticed_at_once(boot):
    """expect() does not wait for the deadline when the machine has ended, and names the ending."""
    machine = boot(**PROBE)
    before = time.monotonic()
    with pytest.raises(Unexpected) as caught:
        machine.expect("never said")
    assert time.monotonic() - before < 15
    assert "probe finished" in caught.value.seen


def test_wrong_exit_status_is_reported(boot):
    """wait_exit() refuses another status than the expected one, in words."""
    machine = boot(**PROBE)
    with pytest.raises(Unexpected) as caught:
        machine.wait_exit(Machine.EXIT_HALT)
    assert "probe finished" in caught.value.seen
    assert "halted" in caught.value.expected


def test_qemu_that_cannot_start(boot):
    """A refused command line is reported with QEMU's own words."""
    with pytest.raises(Unexpected) as caught:
        boot(extra=["-device", "no-such-device"], **PROBE)
    assert "no-such-device" in caught.value.seen


def test_triple_fault_ends_the_machine(boot):
    """Without `reboots` a reset ends QEMU instead of booting again."""
    machine = boot(append="stay", **PROBE)
    machine.expect("stays")
    machine.write("?")
    machine.wait_exit(0)
    assert machine.output.count("PRLTM") == 1


def test_reset_reboots(boot):
    """With `reboots` the machine starts again and QMP tells of it."""
    machine = boot(append="stay", reboots=True, **PROBE)
    machine.expect("stays")
    machine.write("?")
    machine.expect("stays")
    event = machine.qmp.wait_event("RESET", 5)
    assert event["data"]["guest"]


def test_qmp_and_monitor(boot):
    """QMP commands and human monitor commands are answered."""
    machine = boot(append="stay", cpus=4, **PROBE)
    machine.expect("stays")
    assert len(machine.qmp.execute("query-cpus-fast")) == 4
    assert "RIP=" in machine.qmp.hmp("info registers")


def test_gdb_memory_and_registers(boot):
    """The gdb client reads and writes memory and registers of a stopped machine."""
    machine = boot(append="stay", cpus=1, **PROBE)
    machine.expect("stays\n")
    gdb = machine.gdb()
    assert gdb.read_u64(machine.symbol("interrupts")) == 1
    gdb.write_u64(machine.symbol("echoed"), 41)
    before = gdb.registers()
    gdb.write_register("r12", 0x1122334455667788)
    assert gdb.registers()["r12"] == 0x1122334455667788
    assert gdb.registers()["rip"] == before["rip"]
    gdb.resume()
    machine.write("x")
    machine.expect("x")
    gdb.interrupt()
    assert gdb.read_u64(machine.symbol("echoed")) & 0xFFFFFFFF == 42


def test_gdb_breakpoint_before_the_first_instruction(boot):
    """A paused machine can be given a breakpoint that then stops it at the right place."""
    machine = boot(paused=True, cpus=1, **PROBE)
    gdb = machine.gdb()
    gdb.run_to(machine.symbol("start"))
    assert gdb.registers()["rip"] == machine.symbol("start")
    assert machine.output == ""
    gdb.resume()
    machine.expect("probe ok")


@pytest.mark.parametrize("memory", ["64M", "6G"])
def test_guest_memory_is_mapped(boot, memory):
    """The test sees the guest's physical memory as the guest left it, above 4 GiB too."""
    machine = boot(append="stay", memory=memory, **PROBE)
    machine.expect("stays")
    assert machine.ram.read_u64(0x400000) == 0x5AA5C33C12345678
    machine.ram.write(0x500000, b"seen from outside")
    words = machine.qmp.hmp("xp /2xb 0x500000")
    assert re.search(r"0x73\s+0x65", words)
    if memory == "6G":
        machine.ram.write((5 << 30), b"high")
        assert "0x68" in machine.qmp.hmp(f"xp /1xb {5 << 30:#x}")


def test_icount(boot):
    """Guest time counts instructions: the probe runs, on one CPU only."""
    machine = boot(icount=0, cpus=1, **PROBE)
    machine.expect("probe ok")
    machine.wait_exit(Machine.EXIT_PROBE)
    with pytest.raises(ValueError):
        boot(icount=0, cpus=2, **PROBE)


def thread_state(process, thread):
    """The third field of /proc/PROCESS/task/THREAD/stat: t if it is stopped by a tracer. proc(5)."""
    return pathlib.Path(f"/proc/{process}/task/{thread}/stat").read_text().rpartition(")")[2].split()[0]


def test_stalled_threads():
    """What make test-system STALL=1 does to a machine: its threads stand still, and go on, whether one or all, and
    one that ends meanwhile is let go. Else: another state, or a process that nobody can wait for."""
    sleeper = ("import threading, time\n"
               "threading.Thread(target=time.sleep, args=[600], daemon=True).start()\n"
               "print(flush=True)\ntime.sleep(600)")
    with subprocess.Popen([sys.executable, "-c", sleeper], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            threads = threads_of(process.pid)
            assert len(threads) == 2
            try:
                with Stalled(threads):
                    pass
            except PermissionError as error:
                pytest.skip(f"not to be had: ptrace(2) of one's own children ({error})")
            for chosen in (threads, threads[1:], threads[:1]):
                with Stalled(chosen):
                    assert [thread_state(process.pid, thread) == "t" for thread in threads] == [
                        thread in chosen for thread in threads]
                assert all(thread_state(process.pid, thread) != "t" for thread in threads)
            with Stalled(threads):
                process.kill()
            process.wait(100)
            assert threads_of(process.pid) == []
        finally:
            process.kill()


FAKE = pathlib.Path(__file__).resolve().parent / "fake_qemu"


def test_shell_commands(boot, monkeypatch):
    """shell() returns what a command printed, whole and without echo, redraws or prompt."""
    monkeypatch.setenv("QEMU", str(FAKE))
    machine = boot(package=None)
    assert machine.shell("nonsense") == "nonsense: no such command"
    assert machine.shell("") == ""
    assert machine.shell("a b").splitlines() == ["a b: no such command"]
    assert machine.shell("twice").splitlines()[0] == "one"
    machine.halt()
