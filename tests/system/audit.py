# SPDX-License-Identifier: MIT
"""The audit log of device authority, as the shell's `audit -j` tells it."""

import json
import re
import time

from harness import Unexpected
from shell import claim, fresh_prompt

FIELDS = {"sequence", "nanoseconds", "event", "status", "cause", "function", "bdf", "generation", "pid",
          "ownerPid", "kind", "object", "objectGeneration", "detail", "operation", "method", "count"}


def _ask(machine, since):
    """(records, how many were overwritten, refusals since boot that have none)"""
    fresh_prompt(machine)
    text = machine.shell(f"audit {since} -j", 30)
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    dropped = sum(record.get("dropped", 0) for record in found)
    omitted = sum(record.get("omitted", 0) for record in found)
    return [record for record in found if "sequence" in record], dropped, omitted


def omitted(machine):
    """Refusals since boot that have no record."""
    return _ask(machine, 0)[2]


def read(machine, since=0):
    """All records from a number on. They are numbered without a gap, and later ones are not earlier."""
    records, dropped, _ = _ask(machine, since)
    for number, record in enumerate(records, since + dropped):
        claim(set(record) == FIELDS and record["sequence"] == number, f"record {number}, whole", record)
        record["detail"] = int(record["detail"], 16)
    times = [record["nanoseconds"] for record in records]
    claim(times == sorted(times), "times that grow", times)
    return records


def end(machine):
    """The number that the next record will have."""
    records = read(machine)
    return records[-1]["sequence"] + 1 if records else 0


def of_owners(records):
    """Without those of where pins lead, which whoever reads firmware's tables declares at boot."""
    return [record for record in records if record["event"] != "pinDeclared"]


def of(records, bdf):
    """Those about one function, given as `00:04.0`, and its owners."""
    return [record for record in of_owners(records) if record["bdf"] == bdf]


def shown(record):
    return " ".join(f"{key}={value}" for key, value in record.items() if key != "nanoseconds")


def _fits(record, expected):
    event, fields = expected
    return record["event"] == event and all(record[name] == value for name, value in fields.items())


def must_be(records, expected):
    """Records are exactly these, in this order. Each is an event and the fields that matter; a list of such
    stands for all of them, in any order."""
    at = 0
    for item in expected:
        wanted = list(item) if isinstance(item, list) else [item]
        while wanted:
            fitting = [one for one in wanted if at < len(records) and _fits(records[at], one)]
            if not fitting:
                seen = shown(records[at]) if at < len(records) else "the end"
                raise Unexpected(f"{at}: " + ", or ".join(map(str, wanted)),
                                 f"{seen}\nof\n" + "\n".join(map(shown, records)))
            wanted.remove(fitting[0])
            at += 1
    claim(len(records) == at, f"{at} records", "\n".join(map(shown, records)))


def wait(machine, bdf, event, since=0, seconds=20):
    """Until a function has a record of such an event; all of its records from `since` on."""
    limit = time.monotonic() + machine.deadline.left(seconds)
    while True:
        records = of(read(machine, since), bdf)
        if any(record["event"] == event for record in records):
            return records
        if time.monotonic() > limit:
            raise Unexpected(f"{event} of {bdf}", "\n".join(map(shown, records)))
        time.sleep(0.02)


def function_index(machine, bdf):
    """The number of a function in the ledger, by its place."""
    fresh_prompt(machine)
    match = re.search(rf"^ *(\d+) {re.escape(bdf)} ", machine.shell("devices"), re.MULTILINE)
    claim(match, f"{bdf} in the list of devices", machine.tail())
    return int(match.group(1))
