"""A marking as text for the terminal and as HTML for the notebook: layout only; ``notes`` has the sentences."""

from html import escape

import numpy as np

from chainrule.core.arrays import Array, shape_text
from chainrule.core.format import html_table, number, numbers, text_table
from chainrule.marking.notes import headline, remarks
from chainrule.marking.result import GradientError, Marking, NamedMistake

_HEADER = ["parameter", "largest relative error", "at", "yours", "right"]
_DIGITS = (6, 9, 12)
"""Significant digits that are tried in turn, until two arrays look different."""


def text(marking: Marking) -> str:
    """The verdict, each mistake with its line and numbers, then the table of errors."""
    lines = [headline(marking)]
    for named in (*marking.mistakes, *marking.conventions, *marking.kinks):
        lines += ["", *_lines(named)]
    said = list(remarks(marking))
    lines += ["", *said] if said else []
    return "\n".join([*lines, "", text_table(_HEADER, _rows(marking))])


def html(marking: Marking) -> str:
    """The same for a notebook: no script, no style sheet."""
    parts = [f"<p><strong>{escape(headline(marking))}</strong></p>"]
    for named in (*marking.mistakes, *marking.conventions, *marking.kinks):
        title, *rest = _lines(named)
        parts.append(f"<p><em>{escape(title)}</em><br>" + "<br>".join(escape(line.strip()) for line in rest) + "</p>")
    parts += [f"<p>{escape(remark)}</p>" for remark in remarks(marking)]
    return "<div>" + "".join(parts) + html_table(_HEADER, _rows(marking)) + "</div>"


def _lines(named: NamedMistake) -> list[str]:
    lines = [named.title, f"  {named.explanation}"]
    lines += [f"  {line}" for line in str(named.equation).splitlines()]
    if named.quantity:
        lines.append(f"  {named.quantity}: {_beside(named.yours, named.right)}")
    return [*lines, f"  evidence: {named.confidence}"]


def _beside(yours: Array, right: Array) -> str:
    """Both arrays, with as many digits as it takes to see a difference; of large ones where they differ most."""
    if yours.shape != right.shape:
        shapes = f"yours has shape {shape_text(yours.shape)}, right {shape_text(right.shape)}"
        return f"yours {numbers(yours)}, right {numbers(right)}; {shapes}"
    for digits in _DIGITS:
        one, other = numbers(yours, digits=digits), numbers(right, digits=digits)
        if one != other:
            return f"yours {one}, right {other}"
    if not yours.size or np.array_equal(yours, right):
        return f"yours and right {numbers(right)}"
    at = np.unravel_index(int(np.argmax(np.abs(yours - right))), yours.shape)
    place = ", ".join(str(int(i)) for i in at)
    digits = 10 if number(yours[at], 10) != number(right[at], 10) else 17
    return f"most apart at [{place}]: yours {number(yours[at], digits)}, right {number(right[at], digits)}"


def _rows(marking: Marking) -> list[list[str]]:
    return [_row(name, error) for name, error in marking.errors.items()]


def _row(name: str, error: GradientError) -> list[str]:
    if error.shapes is not None:
        return [name, "another shape", name, *map(shape_text, error.shapes)]
    at = f"{name}[{', '.join(map(str, error.index))}]" if error.index else name
    return [name, number(error.relative, 2), at, number(error.yours, 10), number(error.right, 10)]
