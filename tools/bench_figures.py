# SPDX-License-Identifier: MIT
"""The figures of `make bench`: what is measured (bench/figures.json), what the guests print, records,
ratios, and the comparison with limits and recorded counts. Pure: boots nothing, prints nothing.

A line is {"unit", "min", "p50", "p99", "runs"}, a figure of one run of one system. `runs` of a mode are
{system: {name or name/way: [line of each round]}}. A record is what build/bench/results.json is a list
of; docs/benchmarks.md lists its fields."""

import json
import pathlib
import re
import statistics

FIGURES = pathlib.Path("bench/figures.json")
RECORDED = pathlib.Path("bench/recorded.json")
MODES = ("icount", "wall")
OURS = "capOS"

LINE = re.compile(r"^bench: (\{.*\})\s*$", re.MULTILINE)
FIO_TICKS = re.compile(r"^fio: (\d+) (\d+) busy: (\{.*\})\s*$", re.MULTILINE)
FIO_OWN = re.compile(r"^fio: (\d+) (\{.*\})\s*$", re.MULTILINE)
MEMORY_ROW = re.compile(r"^([a-zA-Z -]+?) +(\d+) +(\d+)(?: +\d+\.\d)?$", re.MULTILINE)

# A count may be this much above its record; a figure may have another `tolerance`.
TOLERANCE = 1.03
# A round is run again if a system's empty loop in it differs from its others by more than this.
HOST_DRIFT = 1.25


class Problem(Exception):
    """Something that makes figures unusable; the words say what."""


def load(path):
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Problem(f"{path} is missing") from error
    except json.JSONDecodeError as error:
        raise Problem(f"{path}: {error}") from error


def modes_of(figure):
    """Counted are all whose limits are; everything is timed but what a clock does not measure, and what is of
    device authority: there is nothing to race it against."""
    if figure.get("machine") == "devices":
        return ("icount",)
    return MODES if figure["unit"] == "instructions" else ("wall",)


# ---- What was printed ----------------------------------------------------------------------------

def single(unit, value):
    """A line of one measurement."""
    return {"unit": unit, "min": value, "p50": value, "p99": value, "runs": 1}


def parse_lines(output, mode):
    """{name: line} of what `bench -j` printed. Ticks become instructions or nanoseconds; what has a unit
    of its own keeps it."""
    found = {}
    for text in LINE.findall(output.replace("\r", "")):
        try:
            line = json.loads(text)
            found[line.pop("name")] = line
        except (ValueError, KeyError) as error:
            raise Problem(f"not a record: {text} ({error})") from error
    khz = found.pop("tsc", {}).get("khz")
    for name, line in found.items():
        if line["unit"] == "us" or line["unit"] == "instructions" and mode == "icount":
            continue
        if line["unit"] != "tsc" or mode != "wall" or not khz:
            raise Problem(f"{name}: a figure in {line['unit']} in mode {mode}")
        line["unit"] = "ns"
        for key in ("min", "p50", "p99"):
            line[key] = round(line[key] * 1e6 / khz, 1)
    return found


def parse_fio_own(output):
    """{name: line} of fio's own figures in wall time: the median time of one read, or if many are in
    flight the time that each takes of the whole."""
    found = {}
    for depth, text in FIO_OWN.findall(output.replace("\r", "")):
        reads = json.loads(text)["jobs"][0]["read"]
        if depth == "1":
            value = float(reads["lat_ns"]["percentile"]["50.000000"])
        else:
            value = round(1e9 / reads["iops"], 1)
        found[f"disk-read-{depth}/fio"] = {**single("ns", value), "runs": reads["total_ios"]}
    return found


def parse_fio_ticks(output):
    """{name: line} of what fio and the kernel have executed for one read: the difference of two runs of
    different length."""
    runs = {}
    for depth, count, text in FIO_TICKS.findall(output.replace("\r", "")):
        busy = json.loads(text)
        if busy["status"] != 0:
            raise Problem(f"fio at depth {depth} ended with status {busy['status']}")
        runs.setdefault(depth, {})[int(count)] = busy["ticks"]
    found = {}
    for depth, ticks in runs.items():
        if len(ticks) < 2:
            raise Problem(f"fio at depth {depth} ran once: there is no difference")
        few, many = min(ticks), max(ticks)
        value = round((ticks[many] - ticks[few]) / (many - few))
        found[f"disk-read-{depth}/fio"] = {**single("instructions", value), "runs": many - few}
    return found


def parse_memory(text):
    """KiB that are not free, by `mem` of capOS. The kinds must account for all of it."""
    frames = {name.strip(): int(count) for name, count, _ in MEMORY_ROW.findall(text)}
    total = frames.pop("total", 0)
    if not total or "free" not in frames:
        raise Problem("`mem` gave no table")
    if sum(frames.values()) != total:
        raise Problem(f"memory: the kinds are {sum(frames.values())} frames, all are {total}")
    return (total - frames["free"]) * 4


def require(lines, wanted, who):
    """A figure that was asked for and is not there is an error."""
    missing = [name for name in wanted if not any(known.split("/")[0] == name for known in lines)]
    if missing:
        raise Problem(f"{who} gave no figure of {', '.join(missing)}")


# ---- Records -------------------------------------------------------------------------------------

def odd_rounds(runs):
    """Rounds in which some system's empty loop took another time than in its other rounds: the host
    was not the same."""
    odd = set()
    for figures in runs.values():
        for name, lines in figures.items():
            if name.split("/")[0] != "calibrator":
                continue
            times = [line["p50"] for line in lines]
            usual = statistics.median(times)
            odd |= {number for number, time in enumerate(times)
                    if not usual / HOST_DRIFT <= time <= usual * HOST_DRIFT}
    return sorted(odd)


def ratio_of(ours, theirs):
    """Linux to capOS within each round: above 1, capOS needs less. None if there is no such round."""
    ratios = [b / a for a, b in zip(ours, theirs) if a]
    if not ratios:
        return None
    return {"value": round(statistics.median(ratios), 2), "min": round(min(ratios), 2),
            "max": round(max(ratios), 2), "rounds": [round(ratio, 3) for ratio in ratios]}


def records_of(runs, figures, conditions):
    """The records of {mode: runs}, in the order of the figures, capOS first. `conditions` is called with
    a line's machine, and the mode."""
    records = []
    for mode in MODES:
        by_system = runs.get(mode, {})
        for figure in figures:
            ours = by_system.get(OURS, {}).get(figure["name"])
            for system in sorted(by_system, key=lambda name: name != OURS):
                for name, lines in by_system[system].items():
                    test, _, way = name.partition("/")
                    if test != figure["name"]:
                        continue
                    record = {
                        "name": test, "way": way, "system": system, "mode": mode,
                        "unit": lines[0]["unit"],
                        "value": statistics.median(line["p50"] for line in lines),
                        "min": min(line["min"] for line in lines),
                        "p50": statistics.median(line["p50"] for line in lines),
                        "p99": statistics.median(line["p99"] for line in lines),
                        "runs": sum(line["runs"] for line in lines),
                        "rounds": [line["p50"] for line in lines],
                        "conditions": conditions(lines[0].get("machine"), mode)}
                    if system != OURS and ours:
                        record["ratio"] = ratio_of([line["p50"] for line in ours], record["rounds"])
                    records.append(record)
    return records


def check(records, figures, recorded, modes):
    """{figure and mode: problem or None}, for capOS: a figure above its limit, a count more than 3 % above
    its record, or one that is missing. Of counts the least round's: what the host adds to a read by being
    late (the driver goes to sleep and is woken) is never taken off again."""
    now = {(item["name"], item["mode"]): item for item in records if item["system"] == OURS}
    before = {(item["name"], item["mode"]): item["value"] for item in recorded}
    verdicts = {}
    for figure in figures:
        mode = modes_of(figure)[0]
        if mode not in modes:
            continue
        key = (figure["name"], mode)
        label = f"{figure['name']} ({mode})"
        if key not in now:
            verdicts[label] = "was not measured"
            continue
        value = min(now[key]["rounds"]) if mode == "icount" else now[key]["value"]
        if "must" in figure and value > figure["must"]:
            verdicts[label] = f"{number(value)}, must be at most {number(figure['must'])}"
        elif mode == "icount" and key not in before:
            verdicts[label] = "has no record: tools/bench --record"
        elif mode == "icount" and value > before[key] * figure.get("tolerance", TOLERANCE):
            percent = round((figure.get("tolerance", TOLERANCE) - 1) * 100)
            verdicts[label] = f"{number(value)}, recorded {number(before[key])}: more than {percent} % up"
        else:
            verdicts[label] = None
    return verdicts


def unknown_records(figures, recorded):
    """Records of figures that are gone."""
    names = {figure["name"] for figure in figures}
    return sorted({item["name"] for item in recorded} - names)


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"
