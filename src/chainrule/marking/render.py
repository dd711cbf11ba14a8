"""A marking as text for the terminal and as HTML for the notebook."""

from collections.abc import Iterator
from html import escape

import numpy as np

from chainrule.core.arrays import Array, shape_text
from chainrule.core.format import html_table, number, numbers, text_table
from chainrule.marking.result import GradientError, Marking, Named

_HEADER = ["parameter", "largest relative error", "at", "yours", "right"]
_MOST_UNSEEN = 6
_DIGITS = (6, 9, 12)


def text(marking: Marking) -> str:
    """The verdict, each mistake with its line and numbers, then the table of errors."""
    lines = [headline(marking)]
    for named in (*marking.mistakes, *marking.conventions, *marking.kinks):
        lines += ["", *_told(named)]
    lines += ["", *_remarks(marking)] if any(_remarks(marking)) else []
    return "\n".join([*lines, "", text_table(_HEADER, _rows(marking))])


def html(marking: Marking) -> str:
    """The same for a notebook: no script, no style sheet."""
    parts = [f"<p><strong>{escape(headline(marking))}</strong></p>"]
    for named in (*marking.mistakes, *marking.conventions, *marking.kinks):
        title, *told = _told(named)
        parts.append(f"<p><em>{escape(title)}</em><br>" + "<br>".join(escape(line.strip()) for line in told) + "</p>")
    parts += [f"<p>{escape(remark)}</p>" for remark in _remarks(marking)]
    return "<div>" + "".join(parts) + html_table(_HEADER, _rows(marking)) + "</div>"


def headline(marking: Marking) -> str:
    """``"two mistakes: missing-activation-derivative at layer 1; ..."``."""
    named = [one.title for one in marking.mistakes or marking.conventions or marking.kinks]
    if marking.verdict == "right in part":
        named += gaps(marking)
    return marking.verdict + (": " + "; ".join(named) if named else "")


def gaps(marking: Marking) -> list[str]:
    """What was not marked: inputs for which a function gave nothing usable, parameters that were not given."""
    missing = [f"nothing was given for {', '.join(marking.missing)}"] if marking.missing else []
    return [*missing, *(failure[0].lower() + failure[1:].rstrip(".") for failure in marking.failures)]


def _told(named: Named) -> list[str]:
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


def _remarks(marking: Marking) -> list[str]:
    return list(_sentences(marking))


def _sentences(marking: Marking) -> Iterator[str]:
    for other in marking.alternatives:
        yield "The same numbers on this input come from: " + "; ".join(named.title for named in other) + "."
    if marking.alternatives and marking.separating_input is not None:
        yield "The explanations differ on .separating_input: run your code on it and mark again."
    for other in marking.equivalents:
        yield "In this network, for the parameters given, this is the same: " + "; ".join(n.title for n in other) + "."
    if marking.unseen:
        more = len(marking.unseen) - _MOST_UNSEEN
        told = "; ".join(marking.unseen[:_MOST_UNSEEN]) + (f"; and {more} more" if more > 0 else "")
        yield f"This input would not show: {told}. The one in .separating_input shows more."
    if marking.missing:
        yield f"Not marked, as nothing was given for them: {', '.join(marking.missing)}."
    yield from marking.patterns
    yield from marking.notes


def _rows(marking: Marking) -> list[list[str]]:
    return [_row(name, error) for name, error in marking.errors.items()]


def _row(name: str, error: GradientError) -> list[str]:
    if error.shapes is not None:
        return [name, "another shape", name, *map(shape_text, error.shapes)]
    at = f"{name}[{', '.join(map(str, error.index))}]" if error.index else name
    return [name, number(error.relative, 2), at, number(error.yours, 10), number(error.right, 10)]
