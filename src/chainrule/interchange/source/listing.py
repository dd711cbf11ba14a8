"""Lines of code for a self-contained script: comments in a column, arrays as literals, functions copied from source."""

import ast
import inspect
from collections.abc import Iterable, Sequence
from types import FunctionType
from typing import NamedTuple

from chainrule.core.arrays import Array

WIDTH = 110
"""The longest line."""


class Line(NamedTuple):
    """One line of code and the formula it computes, which becomes its comment."""

    code: str
    comment: str = ""


def block(lines: Sequence[Line], depth: int = 0) -> list[str]:
    """The lines with their comments in one column; a comment that would stick out stands above its line."""
    indent = "    " * depth
    fitting = [len(line.code) for line in lines if _fits(line, indent, len(line.code))]
    column = max((width for width in fitting if width <= 48), default=0)
    written = []
    for line in lines:
        if not line.comment:
            written.append(indent + line.code)
        elif _fits(line, indent, max(column, len(line.code))):
            written.append(f"{indent}{line.code.ljust(column)}  # {line.comment}")
        else:
            written += [f"{indent}# {line.comment}", indent + line.code]
    return [text.rstrip() for text in written]


def _fits(line: Line, indent: str, width: int) -> bool:
    return bool(line.comment) and len(indent) + width + 4 + len(line.comment) <= WIDTH


def array_literal(values: Array, dtype: str = "") -> str:
    """An array as code that gives back every bit of it: a row a line where it does not fit on one.

    Example:
        >>> import numpy as np
        >>> array_literal(np.array([[0.1, 2.0]]))
        'np.array([[0.1, 2.0]])'
    """
    text = f"np.array({_numbers(values)}{dtype})"
    if len(text) <= 90 or values.ndim == 0:
        return text
    rows = values if values.ndim == 2 else [values]
    body = "\n".join(_wrapped(row, "        ") for row in rows)
    return f"np.array([\n{body}\n    ]{dtype})" if values.ndim == 2 else f"np.array(\n{body.rstrip(',')}{dtype}\n    )"


def _numbers(values: Array) -> str:
    """Nested lists; a missing number (NaN) by NumPy's name."""
    return repr(values.tolist()).replace("nan", "np.nan")


def _wrapped(row: Array, indent: str) -> str:
    """One row of numbers in brackets, broken where it gets too long."""
    lines, line = [], f"{indent}["
    for text in (_numbers(number) for number in row):
        if len(line) + len(text) + 2 > WIDTH:
            lines.append(line.rstrip())
            line = f"{indent} "
        line += f"{text}, "
    return "\n".join([*lines, f"{line.removesuffix(', ')}],"])


def sources(functions: Iterable[FunctionType]) -> list[str]:
    """The source of these functions and of those they call, callees first, without type annotations."""
    ordered: dict[str, str] = {}

    def add(function: FunctionType) -> None:
        if function.__name__ in ordered:
            return
        source = inspect.getsource(function)
        names = [node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
        for called in map(function.__globals__.get, names):
            if isinstance(called, FunctionType) and called is not function:
                add(called)
        ordered[function.__name__] = _bare(source)

    for function in functions:
        add(function)
    return list(ordered.values())


def _bare(source: str) -> str:
    head, body = source.split("\n", 1)
    for annotation in (": np.ndarray", " -> np.ndarray", ": float"):
        head = head.replace(annotation, "")
    return head.replace(" = ", "=") + "\n" + body
