# SPDX-License-Identifier: MIT
"""What the shell's tables say, as numbers, and how a test states a claim."""

import json
import re
import time

from harness import Unexpected

NO_LIMIT = 1 << 32
SERVICES = {"init", "echo", "share", "shell"}  # what runs on a machine without drivers


def claim(condition, expected, seen):
    if not condition:
        raise Unexpected(expected, seen)


def until(machine, what, look, seconds=20):
    """Ask until the answer is true, or the time is over; the answer. What is on its way may come late."""
    end = time.monotonic() + machine.deadline.left(seconds)
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise Unexpected(what, f"{seen}; last lines:\n{machine.tail()}")
        time.sleep(0.02)


def has_line(text, line):
    """Whether a command printed this line. The last one need not be its own: what the kernel, init or a
    driver says at that moment may stand before the prompt."""
    return line in text.splitlines()


def ended(text, program, code=0):
    """Whether `run` said that the program ended so."""
    return has_line(text, f"{program}: exit code {code}")


def fresh_prompt(machine):
    """A new prompt, after something else has written behind the last one."""
    machine.write("echo here I am\r")
    # Lines of others may come between; they end before the prompt.
    machine.expect(re.compile(r"\nhere I am\r?\n(?:[^\n]*\n)*?" + re.escape(machine.PROMPT)))


def wait_said(machine, text, times=1, seconds=10):
    """Until the machine has said something so many times since its start, and a prompt behind it."""
    until(machine, f"{text!r} {times} times", lambda: machine.output.count(text) >= times, seconds)
    fresh_prompt(machine)


def process_table(machine):
    """`ps` as {name: row}; a row is a dictionary of numbers and words, `-` is no limit."""
    text = machine.shell("ps")
    # What another program said at that moment stands before or between.
    rows = [line.split() for line in text.splitlines()]
    rows = [row for row in rows if row[:1] == ["PID"] or len(row) == 9 and row[0].isdigit()]
    claim(rows and rows[0][:3] == ["PID", "NAME", "STATE"], "ps begins with its headings", text)
    table = {}
    for row in rows[1:]:
        pid, name, state, priority, threads, cpu_ms, frames, caps, objects = row
        table[name] = {
            "pid": int(pid), "state": state, "priority": int(priority), "threads": int(threads),
            "cpu_ms": int(cpu_ms),
            **{key: tuple(NO_LIMIT if number == "-" else int(number) for number in value.split("/"))
               for key, value in (("frames", frames), ("caps", caps), ("objects", objects))}}
    return table


def wait_processes(machine, names, seconds=5):
    """Wait until exactly these processes are left: one that was killed takes a moment to go."""
    end = time.monotonic() + machine.deadline.left(seconds)
    while set(table := process_table(machine)) != set(names):
        if time.monotonic() > end:
            raise Unexpected(f"processes {sorted(names)}", table)
        time.sleep(0.05)


def memory_table(machine):
    """`mem` as {use: frames}."""
    rows = re.findall(r"^(\S.{18}) *(\d+) +\d+", machine.shell("mem"), re.MULTILINE)
    return {use.strip(): int(frames) for use, frames in rows}


def report_rows(machine, command, table):
    """The rows of one table of a report, from its JSON lines."""
    rows = []
    for line in machine.shell(f"{command} -j").splitlines():
        if line.startswith("{"):  # another program's line may stand between
            row = json.loads(line)
            if row.pop("table") == table:
                rows.append(row)
    return rows
