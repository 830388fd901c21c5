# SPDX-License-Identifier: MIT
"""A tutorial as a program: what its code blocks make of a tree, stage by stage, and what it claims that
a machine then shows.

A stage is a heading `## N. Title`, counting from 1, and what is under it. Fences in it say what they are:

    ```c PATH:PIECE       a piece of a C file. The first time it goes in front of the piece `main`, or to
                          the end if there is none yet; a piece of a name that was there takes its place
    ```c PATH             a whole file
    ```diff PATH[:PIECE]  lines of a file, or of a piece, that must be there exactly once, with + and -
                          before those that come and go
    ```console [NAME]     what is typed behind `capos> `, and what is printed then. `...` stands for
                          anything within a line, and a line `...` for any number of lines. NAME is the
                          machine that it happens on; without one it is `edu`. What init announces and
                          what the kernel reports comes when it comes: `init: ` lines and those that
                          are shown and begin with a time, `[...] `, may be anywhere
    ```sh                 for the reader: nothing is made of it

Anything else is refused, so that no block is shown that nothing checks."""

import pathlib
import re

MACHINE = "edu"
PROMPT = "capos> "
INIT = "init: "
KERNEL = "[...] "
HEADING = re.compile(r"## (\d+)\. (.+)")
FENCE = re.compile(r"```(\S*)(?: +(\S.*?))? *")


class Mistake(Exception):
    """The tutorial is wrong; the text says where and how."""


class Command:
    """One line that is typed, and the lines that must follow."""

    def __init__(self, line, machine, text):
        self.line, self.machine, self.text = line, machine, text
        self.expected = []

    def matches(self, printed):
        """Whether this is what the machine printed, blanks at ends and announcements apart."""
        pattern = ""
        for line in self.expected:
            if line == "...":
                pattern += r"(?:.*\n)*?"
            elif not line.startswith((INIT, KERNEL)):
                pattern += _line_pattern(line) + r"\n"
        reports = [_line_pattern(line) for line in self.expected if line.startswith(KERNEL)]
        seen = "".join(line.rstrip() + "\n" for line in printed.strip("\n").split("\n")
                       if not line.startswith(INIT)
                       and not any(re.fullmatch(report, line.rstrip()) for report in reports))
        return re.fullmatch(pattern or r"\n?", seen) is not None

    def announcements(self):
        """Patterns of the announcements and reports that are shown; they must come, sooner or later."""
        return [_line_pattern(line) for line in self.expected if line.startswith((INIT, KERNEL))]


def _line_pattern(line):
    return r".*?".join(map(re.escape, line.split("...")))


class Stage:
    def __init__(self, number, title):
        self.number, self.title = number, title
        self.commands = []
        self.blocks = []  # (line, language, path, piece, lines)


def _console(stage, number, machine, lines):
    for line in lines:
        if line.startswith(PROMPT):
            stage.commands.append(Command(number, machine, line[len(PROMPT):]))
        elif not stage.commands or stage.commands[-1].line != number:
            raise Mistake(f"line {number}: a console block begins with what is typed: `{PROMPT}...`")
        else:
            stage.commands[-1].expected.append(line.rstrip())


def _block(stage, number, language, place, lines):
    if language == "sh":
        return
    if stage is None:
        raise Mistake(f"line {number}: a block before the first stage: nothing would check it")
    if language == "console":
        _console(stage, number, place or MACHINE, lines)
    elif language in ("c", "diff") and place:
        path, _, piece = place.partition(":")
        stage.blocks.append((number, language, path, piece, lines))
    else:
        raise Mistake(f"line {number}: ```{language} {place or ''}: neither part of a file nor a "
                      "console: nothing would check it")


def read(path):
    """[Stage] of a tutorial, in order."""
    stages = []
    fence = None
    for number, line in enumerate(pathlib.Path(path).read_text(encoding="utf-8").splitlines(), 1):
        heading, opened = HEADING.fullmatch(line), FENCE.fullmatch(line)
        if fence and line == "```":
            _block(stages[-1] if stages else None, *fence)
            fence = None
        elif fence:
            fence[3].append(line)
        elif heading:
            stages.append(Stage(int(heading.group(1)), heading.group(2)))
            if stages[-1].number != len(stages):
                raise Mistake(f"line {number}: stage {heading.group(1)} is number {len(stages)}")
        elif opened:
            fence = (number, opened.group(1), opened.group(2), [])
    if fence:
        raise Mistake(f"line {fence[0]}: a fence that does not end")
    return stages


# ---- What the blocks make of a tree

def _patched(number, path, text, lines):
    """The text with the one place that the block describes changed."""
    if any(line and line[0] not in " +-" for line in lines):
        raise Mistake(f"line {number}: a line of a diff begins with a blank, + or -")
    before = "".join(line[1:] + "\n" for line in lines if not line.startswith("+"))
    after = "".join(line[1:] + "\n" for line in lines if not line.startswith("-"))
    count = ("\n" + text).count("\n" + before) if before else 0
    if count != 1:
        raise Mistake(f"line {number}: what it changes is {count} times in {path}, must be once:\n{before}")
    return ("\n" + text).replace("\n" + before, "\n" + after)[1:]


def _put_piece(pieces, name, text):
    if name not in pieces and "main" in pieces:
        last = pieces.pop("main")
        pieces[name] = text
        pieces["main"] = last
    else:
        pieces[name] = text


def apply(stages, count, tree):
    """Make of the tree what it is at the end of stage `count`. Returns the files written, in order."""
    tree = pathlib.Path(tree)
    files = {}  # path: {piece: text}, in order
    changed = {}
    for stage in stages[:count]:
        for number, language, path, piece, lines in stage.blocks:
            text = "".join(line + "\n" for line in lines)
            if language == "diff" and path in files:
                if piece not in files[path]:
                    raise Mistake(f"line {number}: {path} has no piece {piece} yet")
                files[path][piece] = _patched(number, path, files[path][piece], lines)
            elif language == "diff":
                old = changed.get(path)
                if old is None:
                    if not (tree / path).is_file():
                        raise Mistake(f"line {number}: there is no {path} to change")
                    old = (tree / path).read_text(encoding="utf-8")
                changed[path] = _patched(number, path, old, lines)
            else:
                _put_piece(files.setdefault(path, {}), piece, text)
    for path, pieces in files.items():
        if (tree / path).exists():
            raise Mistake(f"{path} is there already")
        changed[path] = "\n".join(pieces.values())
    for path, text in changed.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    return list(changed)
