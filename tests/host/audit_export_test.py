# SPDX-License-Identifier: MIT
"""tools/audit-export without a machine: what it takes out of text, and what it complains about."""

import json
import pathlib
import subprocess

import pytest

EXPORT = pathlib.Path(__file__).resolve().parents[2] / "tools/audit-export"


def record(number, **changes):
    return {"sequence": number, "nanoseconds": 1000 + number, "event": "claimed", "status": "ok",
            "cause": "none", "function": 4, "bdf": "01:00.0", "generation": 1, "pid": 1, "ownerPid": 1,
            "kind": "deviceMmio", "object": 46, "objectGeneration": 1, "detail": "0x40", "operation": "nop",
            "method": 0, "count": 0, **changes}


def export(tmp_path, lines):
    source = tmp_path / "serial.log"
    source.write_text("\r\n".join(lines), encoding="latin-1")
    done = subprocess.run([EXPORT, source], capture_output=True, text=True, timeout=100, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_among_other_lines(tmp_path):
    """Records are found among whatever a terminal keeps, once each, in their order."""
    told = [json.dumps(record(number), separators=(",", ":")) for number in range(5)]
    status, records, _ = export(tmp_path, ["capos> audit -j", *told[:3], "capos> audit 1 -j", *told[1:], "x"])
    assert (status, [one["sequence"] for one in records]) == (0, [0, 1, 2, 3, 4])
    assert records[3] == record(3)


@pytest.mark.parametrize("lines, says", [
    ([], "holds no records"),
    ([record(0), record(2)], "records 1 to 1 are missing"),
    ([record(0), record(0, pid=2)], "record 0 is there twice"),
    ([{"sequence": 0}], "other fields"),
    ([json.dumps(record(0), separators=(",", ":"))[:40]], "cut or mixed"),
])
def test_complaints(tmp_path, lines, says):
    """Nothing there, gaps, contradictions and damage are said, with exit code 1."""
    status, _, errors = export(tmp_path, [line if isinstance(line, str) else
                                          json.dumps(line, separators=(",", ":")) for line in lines])
    assert status == 1 and says in errors


def test_no_file(tmp_path):
    done = subprocess.run([EXPORT, tmp_path / "none"], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1 and "No such file" in done.stderr
