# SPDX-License-Identifier: MIT
"""Which of the oracle's comparisons have never been seen to fail: a complaint in its source that no message
of a test looks like."""

import ast
import pathlib
import re

ORACLE = pathlib.Path(__file__).resolve().parent / "oracle"


def _pattern(node):
    """A text with anything in place of what is filled in; None for what is not a text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in node.values)
    return None


def complaints_of(module):
    """(line, pattern) of everything that a module of the oracle yields, or adds to complaints."""
    for node in ast.walk(ast.parse((ORACLE / f"{module}.py").read_text())):
        if isinstance(node, ast.Yield):
            pattern = _pattern(node.value)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "append" and \
                "complaints" in ast.unparse(node.func):
            pattern = _pattern(node.args[0])
        else:
            continue
        if pattern:
            yield node.lineno, pattern


def never_failed(modules, messages):
    """["module:line pattern"] of the comparisons that none of the messages can have come from."""
    return [f"{module}:{line} /{pattern}/" for module in modules for line, pattern in complaints_of(module)
            if not any(re.search(pattern + r"\Z", message) for message in messages)]  # whose it is may stand before
