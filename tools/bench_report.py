# SPDX-License-Identifier: MIT
"""What `make bench` shows of its records (tools/bench_figures.py): the conditions, the table, the
picture. Returns text; writes nothing."""

import html
import math
import shlex

import bench_figures as figures
from bench_figures import OURS, number

UNITS = {"instructions": "instr."}


def rows_of(records, known):
    """One row for each way of Linux, or of capOS alone: mode, figure, capOS' record, Linux' record."""
    rows = []
    for mode in figures.MODES:
        for figure in known:
            of_figure = [item for item in records if item["name"] == figure["name"]
                         and item["mode"] == mode]
            ours = next((item for item in of_figure if item["system"] == OURS), None)
            theirs = [item for item in of_figure if item["system"] != OURS]
            if figure["name"] == "calibrator":
                theirs = theirs[:1]  # with the first command line: it is there to compare hosts
            rows += [(mode, figure, ours, other) for other in theirs or ([None] if ours else [])]
    return rows


def way_of(figure, record):
    """How Linux does it: the way, and what its IOMMU does if that matters."""
    variant = record["system"].removeprefix("Linux ")
    return record["way"] + (f", {variant}" if len(figure["linux"]) > 1 else "")


# ---- The table -----------------------------------------------------------------------------------

HEAD = ["figure", "unit", "capOS", "Linux does it by", "Linux", "ratio", "spread", "recorded", "must",
        "aim", "seL4"]
LEFT = {0, 1, 3}


def cells_of(row, before, first):
    mode, figure, ours, other = row
    limits = ours and ours["unit"] == figure["unit"]
    ratio = (other or {}).get("ratio")
    return [
        figure["title"] if first else "", UNITS.get((ours or other)["unit"], (ours or other)["unit"]),
        number(ours["value"]) if ours and first else "",
        way_of(figure, other) if other else "", number(other["value"]) if other else "",
        f"{ratio['value']:.2f}" if ratio else "",
        f"{ratio['min']:.2f}-{ratio['max']:.2f}" if ratio else "",
        *([number(before.get((figure["name"], mode))), number(figure.get("must")),
           number(figure.get("aim")), number(figure.get("sel4"))] if limits and first else [""] * 4)]


def table(records, known, recorded):
    before = {(item["name"], item["mode"]): item["value"] for item in recorded}
    lines, last = [HEAD], None
    for row in rows_of(records, known):
        mode, figure = row[:2]
        lines.append(cells_of(row, before, (mode, figure["name"]) != last))
        last = mode, figure["name"]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    text = ["  ".join(cell.ljust(width) if column in LEFT else cell.rjust(width)
                      for column, (cell, width) in enumerate(zip(line, widths))).rstrip()
            for line in lines]
    rounds = {mode: max((len(item["rounds"]) for item in records if item["mode"] == mode), default=0)
              for mode in figures.MODES}
    text += [f"Medians of {rounds['icount']} rounds (instructions) and {rounds['wall']} (time). ratio: Linux to "
             "capOS within a round, the median of the rounds; spread: the",
             "least and greatest. Above 1, capOS needs less. must, aim: limits of capOS. seL4: counted in "
             "the same QEMU on another day."]
    return "\n".join(text)


def conditions(records):
    """The command lines in full, and what Linux says of itself."""
    lines, seen = [], set()
    for item in records:
        about = item["conditions"]
        command = about["command"]
        if command and command not in seen:
            seen.add(command)
            lines += [f"{item['system']} ({item['mode']}):", f"  {command}"]
    linux = next((item["conditions"] for item in records if item["conditions"].get("guest")), None)
    if linux:
        lines.append("Linux says of itself:")
        lines += [f"  {line}" for line in linux["guest"]
                  if line.split(": ", 1)[1:] != ["Not affected"] and not line.startswith("command line")]
        lines += [f"  {about['file']}  SHA-256 {about['sha256']}" for about in linux["packages"].values()]
    if records:
        about = records[0]["conditions"]
        lines.append(f"{about['date']}, {about['host']}, QEMU {about['qemu']}")
    return "\n".join(lines)


# ---- The picture ---------------------------------------------------------------------------------
#
# From left to right: what is measured and how Linux does it; two bars, of counts or else of time; the
# ratio of wall times as a dot with the rounds' least and greatest. Both axes are logarithmic.

WIDTH, TOP, ROW, BOTTOM = 1240, 92, 30, 40
LABELS, BARS, RATIOS, END = 20, 390, 850, 1180
GREEN, PURPLE, GREY = "#1b7837", "#9970ab", "#777777"


class Axis:
    """A logarithmic axis from `low` to `high`, between two places on the sheet."""

    def __init__(self, low, high, left, right):
        self.low, self.high, self.left, self.right = low, high, left, right

    def at(self, value):
        share = (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))

    def marks(self):
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10 ** power for power in range(first, last + 1)]


def tag(name, text=None, **attributes):
    words = "".join(f' {key.replace("_", "-")}="{value:.1f}"' if isinstance(value, float)
                    else f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f"<{name}{words}/>" if text is None else f"<{name}{words}>{html.escape(text)}</{name}>"


def pairs_of(records, known):
    """What is drawn, one of each line: figure, way, capOS' and Linux' record for the bars (counts if
    there are any), and the ratio of wall times."""
    found = {}
    for mode, figure, ours, other in rows_of(records, known):
        if figure["name"] == "calibrator" or not ours or not other:
            continue
        row = found.setdefault((figure["name"], other["way"], other["system"]),
                               {"figure": figure, "way": way_of(figure, other)})
        if "bars" not in row:
            row["bars"] = (ours, other)
        if mode == "wall":
            row["ratio"] = other.get("ratio")
    order = [figure["name"] for figure in known]
    return sorted(found.values(), key=lambda row: order.index(row["figure"]["name"]))


def draw_axes(counts, ratios, bottom):
    parts = []
    for axis, sign in ((counts, ""), (ratios, "×")):
        for mark in axis.marks():
            x = axis.at(mark)
            parts += [tag("line", x1=x, x2=x, y1=float(TOP - 6), y2=float(bottom),
                          stroke="#000000" if sign and mark == 1 else "#dddddd"),
                      tag("text", f"{mark:,}{sign}", x=x, y=float(TOP - 12), text_anchor="middle",
                          fill=GREY)]
    return parts


def draw_row(row, y, counts, ratios, first):
    ours, other = row["bars"]
    parts = []
    if first:
        parts += [tag("line", x1=float(LABELS), x2=float(END), y1=y - 3, y2=y - 3, stroke="#bbbbbb"),
                  tag("text", row["figure"]["title"], x=float(LABELS), y=y + 12)]
    parts.append(tag("text", row["way"], x=float(LABELS + 10), y=y + 24, fill=GREY))
    unit = "" if ours["unit"] == "instructions" else " " + ours["unit"]
    for item, place, colour in ((ours, 0, GREEN), (other, 12, PURPLE)):
        x = max(counts.at(max(item["value"], counts.low)), counts.left + 2.0)
        parts += [tag("rect", x=counts.left, y=y + place, width=x - counts.left, height=10, fill=colour),
                  tag("text", number(item["value"]) + unit, x=x + 5, y=y + place + 9, font_size=11)]
    ratio = row.get("ratio")
    if ratio:
        middle = y + 11
        low, centre, high = (ratios.at(ratio[key]) for key in ("min", "value", "max"))
        parts += [tag("line", x1=low, x2=high, y1=middle, y2=middle, stroke=GREEN, stroke_width=3),
                  tag("circle", cx=centre, cy=middle, r=4, fill=GREEN),
                  tag("text", f"{ratio['value']:.1f}×", x=max(high, centre) + 8, y=middle + 4,
                      font_size=11)]
    return parts


def picture(records, known):
    """An SVG file."""
    rows = pairs_of(records, known)
    if not rows:
        raise figures.Problem("nothing was raced but the calibrator: there is no picture")
    # A way below the first of its figure has no title above it, but as much room.
    values = [item["value"] for row in rows for item in row["bars"]]
    counts = Axis(10, 10 ** math.ceil(math.log10(max(values))), float(BARS), float(RATIOS - 120))
    spread = [row["ratio"][key] for row in rows if row.get("ratio") for key in ("min", "max")] or [1]
    ratios = Axis(min(0.5, min(spread)), max(20.0, max(spread)) * 1.1, float(RATIOS), float(END - 50))
    bottom = TOP + ROW * len(rows) + 4
    about = records[0]["conditions"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + BOTTOM}" '
        'font-family="DejaVu Sans, Verdana, sans-serif" font-size="12">',
        "<!-- SPDX-License-Identifier: MIT -->",
        tag("rect", width=WIDTH, height=bottom + BOTTOM, fill="white"),
        tag("text", "capOS and Debian's Linux in one run", x=LABELS, y=28, font_size=18),
        tag("rect", x=LABELS, y=42, width=12, height=12, fill=GREEN), tag("text", "capOS", x=38, y=52),
        tag("rect", x=100, y=42, width=12, height=12, fill=PURPLE), tag("text", "Linux", x=118, y=52),
        tag("text", "instructions, or the unit that is given", x=BARS, y=52),
        tag("text", "wall time, Linux to capOS: median, least, greatest", x=RATIOS, y=52),
        *draw_axes(counts, ratios, bottom)]
    last = None
    for place, row in enumerate(rows):
        parts += draw_row(row, float(TOP + 6 + place * ROW), counts, ratios, row["figure"]["name"] != last)
        last = row["figure"]["name"]
    parts += [tag("text", f"{about['date']}, {about['host']}, QEMU {about['qemu']}, one CPU. Shorter bars "
                          "are better; right of 1, capOS is quicker.", x=LABELS, y=bottom + 24, fill=GREY),
              "</svg>"]
    return "\n".join(parts) + "\n"
