# SPDX-License-Identifier: MIT
"""What somebody may have meant: for targets and variables of make, and options of our tools.

The rule is that of the shell in the image (user/services/shell/words.h)."""

import argparse
import re
import sys

LIKE = 2        # edits; more make another word
PREFIX_MIN = 2  # letters that say what is meant


def distance(a, b):
    """Edits (insert, delete, replace, swap of neighbours) that lead from a to b."""
    before, last = [], list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            row.append(min(last[j - 1] + (letter != other), last[j] + 1, row[j - 1] + 1))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                row[j] = min(row[j], before[j - 2] + 1)
        before, last = last, row
    return last[-1]


def nearest(wanted, names):
    """The known name that `wanted` is most like, or None."""
    best = (LIKE + 1, None)
    for name in sorted(names):
        edits = distance(wanted, name)
        if 2 * edits > len(name):
            edits = LIKE + 1
        if edits > LIKE and PREFIX_MIN <= len(wanted) < len(name) and name.startswith(wanted):
            edits = LIKE
        if edits < best[0]:
            best = (edits, name)
    return best[1]


def question(wanted, names, otherwise=""):
    """`; did you mean ...?`, or `; otherwise`, to end a line about an unknown name."""
    name = nearest(wanted, names)
    if name:
        return f"; did you mean `{name}`?"
    return f"; {otherwise}" if otherwise else ""


class Parser(argparse.ArgumentParser):
    """argparse's, whose complaints end with what may have been meant, without all the options."""

    def error(self, message):
        known = re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", self.format_help())
        unknown = re.match(r"unrecognized arguments: (-\S+)", message)
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if unknown:
            message = f"no option {unknown.group(1)}" + question(unknown.group(1).split("=")[0], known)
        elif choice:
            message += question(choice.group(1), re.findall(r"'(.*?)'", choice.group(2)))
        else:
            self.print_usage(sys.stderr)
        sys.stderr.write(f"{self.prog}: {message}\n{self.prog}: --help lists the options\n")
        sys.exit(2)
