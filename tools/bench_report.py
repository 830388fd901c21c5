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
            theirs = sorted((item for item in of_figure if item["system"] != OURS),
                            key=lambda item, figure=figure: place_of(figure, item))
            if figure["name"] == "calibrator":
                theirs = theirs[:1]  # with the first command line: it is there to compare hosts
            rows += [(mode, figure, ours, other) for other in theirs or ([None] if ours else [])]
    return rows


def place_of(figure, record):
    """Systems stand in the order of bench/figures.json: what compares best is first."""
    variant = record["system"].removeprefix("Linux ")
    return figure["linux"].index(variant) if variant in figure["linux"] else 0


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
# A block for each figure: a line of capOS, and one for each way of Linux. From left to right: what it is; a
# bar of counts, or else of what is measured; the ratio of wall times (or of memory) as a dot, with the rounds'
# least and greatest. Both axes are logarithmic.

WIDTH, TOP, LINE, GAP, BOTTOM = 1240, 92, 16, 7, 40
LABELS, WAYS, BARS, RATIOS, END = 20, 270, 420, 860, 1220
GREEN, PURPLE, GREY = "#1b7837", "#9970ab", "#777777"


class Axis:
    """A logarithmic axis from `low` to `high`, between two places on the sheet."""

    def __init__(self, low, high, left, right):
        self.low, self.high, self.left, self.right = low, high, left, right

    def at(self, value):
        share = (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))

    def marks(self, steps):
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        marks = [step * 10 ** power for power in powers for step in steps]
        return [mark for mark in marks if self.low <= mark <= self.high]


def tag(name, text=None, **attributes):
    words = "".join(f' {key.replace("_", "-")}="{value:.1f}"' if isinstance(value, float)
                    else f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f"<{name}{words}/>" if text is None else f"<{name}{words}>{html.escape(text)}</{name}>"


def blocks_of(records, known):
    """[(figure, capOS' record, [(way, Linux' record, ratio)])]: counts if there are any, and the ratio of
    wall times."""
    blocks = {}
    for mode, figure, ours, other in rows_of(records, known):
        if figure["name"] == "calibrator" or not ours or not other:
            continue
        _, _, ways = blocks.setdefault(figure["name"], (figure, ours, {}))
        way = ways.setdefault(way_of(figure, other), [other, None])
        if mode == "wall":
            way[1] = other.get("ratio")
    return [(figure, ours, [(way, other, ratio) for way, (other, ratio) in ways.items()])
            for figure, ours, ways in blocks.values()]


def draw_axes(counts, ratios, bottom):
    parts = []
    for axis, sign, steps in ((counts, "", [1]), (ratios, "×", [1, 2, 5])):
        for mark in axis.marks(steps):
            x = axis.at(mark)
            parts += [tag("line", x1=x, x2=x, y1=float(TOP - 6), y2=float(bottom),
                          stroke="#000000" if sign and mark == 1 else "#dddddd"),
                      tag("text", f"{mark:,g}{sign}" if mark < 1e5 else f"{mark:,.0f}", x=x,
                          y=float(TOP - 12), text_anchor="middle", fill=GREY)]
    return parts


def draw_bar(item, y, counts, colour):
    unit = "" if item["unit"] == "instructions" else " " + item["unit"]
    x = max(counts.at(max(item["value"], counts.low)), counts.left + 2.0)
    return [tag("rect", x=counts.left, y=y - 9, width=x - counts.left, height=10, fill=colour),
            tag("text", number(item["value"]) + unit, x=x + 5, y=y)]


def draw_ratio(ratio, y, axis):
    low, centre, high = (axis.at(ratio[key]) for key in ("min", "value", "max"))
    return [tag("line", x1=low, x2=high, y1=y - 4, y2=y - 4, stroke=GREEN, stroke_width=3),
            tag("circle", cx=centre, cy=y - 4, r=4, fill=GREEN),
            tag("text", f"{ratio['value']:.1f}×", x=high + 8, y=y)]


def draw_block(block, y, counts, ratios):
    """(parts, where the next block begins)"""
    figure, ours, ways = block
    parts = [tag("line", x1=float(LABELS), x2=float(END), y1=y - 2, y2=y - 2, stroke="#bbbbbb"),
             tag("text", figure["title"], x=LABELS, y=y + LINE - 4),
             tag("text", OURS, x=WAYS, y=y + LINE - 4), *draw_bar(ours, y + LINE - 4, counts, GREEN)]
    for way, other, ratio in ways:
        y += LINE
        parts += [tag("text", way, x=WAYS, y=y + LINE - 4, fill=GREY),
                  *draw_bar(other, y + LINE - 4, counts, PURPLE),
                  *(draw_ratio(ratio, y + LINE - 4, ratios) if ratio else [])]
    return parts, y + LINE + GAP


def picture(records, known):
    """An SVG file."""
    blocks = blocks_of(records, known)
    if not blocks:
        raise figures.Problem("nothing was raced but the calibrator: there is no picture")
    values = [item["value"] for _, ours, ways in blocks for item in (ours, *(way[1] for way in ways))]
    spread = [way[2][key] for _, _, ways in blocks for way in ways if way[2] for key in ("min", "max")]
    counts = Axis(10, 10 ** math.ceil(math.log10(max(values) * 1.01)), float(BARS), float(RATIOS - 120))
    ratios = Axis(min([0.5, *spread]), max([20.0, *spread]) * 1.1, float(RATIOS), float(END - 50))
    rows, y = [], float(TOP + 2)
    for block in blocks:
        parts, y = draw_block(block, y, counts, ratios)
        rows += parts
    about = records[0]["conditions"]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + BOTTOM:.0f}" '
        'font-family="DejaVu Sans, Verdana, sans-serif" font-size="12">',
        "<!-- SPDX-License-Identifier: MIT -->",
        tag("rect", width=WIDTH, height=y + BOTTOM, fill="white"),
        tag("text", "capOS and Debian's Linux in one run", x=LABELS, y=28, font_size=18),
        tag("rect", x=LABELS, y=42, width=12, height=12, fill=GREEN), tag("text", "capOS", x=38, y=52),
        tag("rect", x=100, y=42, width=12, height=12, fill=PURPLE), tag("text", "Linux", x=118, y=52),
        tag("text", "instructions, or the unit that is given", x=BARS, y=52),
        tag("text", "wall time (or memory), Linux to capOS: median, least, greatest", x=RATIOS - 20, y=52),
        *draw_axes(counts, ratios, y), *rows,
        tag("text", f"{about['date']}, {about['host']}, QEMU {about['qemu']}. Shorter bars are better; right "
                    "of 1, capOS needs less.", x=LABELS, y=y + 24, fill=GREY),
        "</svg>"]) + "\n"
