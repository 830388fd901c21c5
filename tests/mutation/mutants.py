# SPDX-License-Identifier: MIT
"""Mutants of C functions, made mechanically: one small change of one condition, assignment, call,
operator or result each.

Only function bodies are changed, as clang-format lays them out: comments and contracts are blanked
first, so that offsets stay. A mutant is named by where it is and by its line before and after,
without line numbers, so that the name outlives edits elsewhere."""

import dataclasses
import re

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", re.S)
FUNCTION = re.compile(r"^(?!static_assert|typedef|struct \w+ \{|enum \w+ \{|#)[a-z][^;={}#]*?"
                      r"\b(\w+)\([^;{}]*\)\n\{$", re.M)

# What each operator becomes. -> and the like are not operators here: see OPERATOR.
REPLACED = {
    "==": ["!="], "!=": ["=="], "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="],
    ">=": [">", "<"], "&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], "++": ["--"],
    "+=": ["-=", "="], "-=": ["+=", "="], "|=": ["=", "&="], "&": ["|"], "|": ["&"], "<<": [">>"],
    ">>": ["<<"], "/": ["*"], "%": ["/"],
}
OPERATOR = re.compile(r"->|<<=|>>=|\+\+|--|[-+|&*/%]=|==|!=|<=|>=|&&|\|\||<<|>>|[-+<>&|/%*!?:=,;(){}\[\]]")
# A statement on its own lines that stores something or calls something for its effect.
STATEMENT = re.compile(r"(?<=[;{}:])(\s*)((?:\*?[a-z]\w*(?:(?:->|\.)\w+|\[[^\];]*\])*\s*(?:[-+|&]?=[^=;]"
                       r"[^;]*|\+\+|--)|\w+\([^;]*\)));")
INITIALIZER = re.compile(r"(?<=[{,])(\s*)(\.\w+ = [^,{}]*)(?:,|(?=}))")
CONDITION = re.compile(r"\b(if|while|for) \(")
RETURN = re.compile(r"\breturn (STATUS_(?!OK)\w+|true|false|NULL)(?=;)")


@dataclasses.dataclass(frozen=True)
class Mutant:
    file: str
    function: str
    start: int
    end: int
    text: str     # what takes the place of [start, end)
    before: str   # the source around it, in one line, before and after
    after: str
    source: str = dataclasses.field(repr=False)   # all of it

    @property
    def name(self):
        return f"{self.file} | {self.function} | {self.before} | {self.after}".rstrip()

    def changed(self):
        """The file with the change."""
        return self.source[:self.start] + self.text + self.source[self.end:]


def blanked(source):
    """The source with comments and strings as blanks, line ends kept."""
    return COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)


def bodies(code):
    """(function, start, end) of each function's body, without its braces."""
    for match in FUNCTION.finditer(code):
        end = code.index("\n}", match.end())
        yield match[1], match.end(), end


def closing(code, start):
    """The offset of what closes the bracket at `start`."""
    depth = 0
    for at in range(start, len(code)):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if depth == 0:
            return at
    raise ValueError(f"nothing closes the bracket at {start}")


def operand(code, operators, index, step):
    """Where the operand of a && or || ends that lies before (step -1) or behind (step 1) it."""
    depth, at = 0, index + step
    opening = "([{" if step > 0 else ")]}"
    while True:
        text, start, end = operators[at]
        if depth == 0 and (text in ("&&", "||", "?", ":", "=", ",", ";", "{", "}")
                           or text in ("(", ")", "[", "]") and text not in opening):
            return start if step > 0 else end
        if text in "([{)]}":
            depth += 1 if text in opening else -1
        at += step


def line_of(source, start, end):
    """The lines that [start, end) is on, as one."""
    first = source.rfind("\n", 0, start) + 1
    last = source.find("\n", end)
    return first, last


def mutants(file, source):
    """All mutants of a file, in the order of the text; two with one name are numbered."""
    code = blanked(source)
    edits = []  # (function, start, end, text)
    for function, start, end in bodies(code):
        edits += [(function, *edit) for edit in body_edits(code, start, end)]
    made, names, seen = [], {}, set()
    for function, start, end, text in sorted(set(edits), key=lambda edit: edit[1:]):
        first, last = line_of(source, start, end)
        before = " ".join(code[first:last].split())
        after = " ".join((code[first:start] + text + code[end:last]).split())
        changed = " ".join((code[:start] + text + code[end:]).split()).replace("( ", "(")
        if before == after or changed in seen:
            continue
        seen.add(changed)
        key = (function, before, after)
        names[key] = names.get(key, 0) + 1
        if names[key] > 1:
            after += f" #{names[key]}"
        made.append(Mutant(file, function, start, end, text, before, after, source))
    return made


def body_edits(code, start, end):
    """(start, end, text) of each change within a body."""
    operators = [("{", start, start),
                 *((match[0], match.start(), match.end())
                   for match in OPERATOR.finditer(code, start, end)), ("}", end, end)]
    for index, (text, at, behind) in enumerate(operators):
        spaced = code[at - 1] == " " and code[behind] == " "
        if text in ("++", "--") or text in REPLACED and spaced:
            for other in REPLACED.get(text, []):
                yield at, behind, other
        if text in ("&&", "||"):
            left = operand(code, operators, index, -1)
            right = operand(code, operators, index, 1)
            if code[left:at].strip().startswith("return "):
                left = code.index("return", left) + len("return")
            yield left, behind, " " if code[left] == " " else ""   # without the left operand
            yield at, right, ""                                    # without the right one
        if text == "!":
            yield at, behind, ""
    for match in CONDITION.finditer(code, start, end):
        close = closing(code, match.end() - 1)
        inside = (match.end(), close)
        if match[1] == "for":
            continue
        yield *inside, "false"
        if match[1] == "if":
            yield *inside, "true"
    for match in STATEMENT.finditer(code, start, end):
        yield match.start(2), match.end(), ";"
    for match in INITIALIZER.finditer(code, start, end):
        yield match.start(2), match.end(), ""
    for match in RETURN.finditer(code, start, end):
        yield match.start(1), match.end(1), {"true": "false", "false": "true"}.get(
            match[1], "STATUS_OK") if match[1] != "NULL" else "(void *)1"
