"""A sheet of equations under headings: what ``formula`` and ``derivation`` give, rendered as text, LaTeX and HTML."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.core.format import number
from chainrule.explain.expression import Expression, to_data
from chainrule.explain.render import text
from chainrule.explain.render.html import equals, equation, heading, page, part, value
from chainrule.explain.render.latex import aligned, escaped, latex, latex_number
from chainrule.explain.render.mathml import mathml, printable
from chainrule.explain.render.text import plain

VERSION = 1


@dataclass(frozen=True)
class Equation:
    """``left = right``.

    Attributes:
        left: the quantity; None where the line goes on from the one before, with another form of it.
        right: what it equals, its leaves carrying their numbers where a row was given.
        value: what that comes to; None without a row.
        shape: of an array, such as ``("N", "2")``; None for a single number.
        note: what a reader should know.
    """

    left: Expression | None
    right: Expression
    value: float | None = None
    shape: tuple[str, ...] | None = None
    note: str = ""


@dataclass(frozen=True)
class Section:
    """Equations under a heading.

    Attributes:
        title: the heading.
        equations: in order.
        note: a sentence or two before them.
    """

    title: str
    equations: tuple[Equation, ...]
    note: str = ""


@dataclass(frozen=True)
class Sheet:
    """Equations of a network; ``print`` shows them as text, a notebook as HTML.

    Attributes:
        kind: ``"formula"`` or ``"backpropagation"``.
        title: what network it is of.
        sections: in order.
    """

    kind: str
    title: str
    sections: tuple[Section, ...]

    def text(self, *, names: Mapping[str, str] | None = None, colour: bool = False) -> str:
        """The equations in columns; ``names`` puts other words in place of, say, ``x[3]``."""
        width = text.terminal_width()
        parts = [self.title]
        for section in self.sections:
            above = [section.title + ":", *text.sentence(section.note, width)]
            rows = [_row(line, names) for line in section.equations]
            parts.append("\n".join([*above, text.equations(rows, width)]).rstrip())
        whole = "\n\n".join(parts)
        return text.coloured(whole) if colour else whole

    __str__ = text

    def latex(self, *, names: Mapping[str, str] | None = None) -> str:
        """The equations as one LaTeX formula of several lines (amsmath, KaTeX)."""
        rows = [row for section in self.sections for row in _latex_rows(section, names)]
        return aligned(rows)

    def html(self, *, names: Mapping[str, str] | None = None, whole_page: bool = False) -> str:
        """The equations as a self-contained page part with MathML; ``whole_page`` puts a page of its own around it."""
        sections = "".join(_html_section(section, names) for section in self.sections)
        inside = part(f'<div class="title">{printable(self.title)}</div>{sections}')
        return page(self.title, inside) if whole_page else inside

    def _repr_html_(self) -> str:
        return self.html()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "schema": f"chainrule/{self.kind}",
            "version": VERSION,
            "title": self.title,
            "sections": [
                {
                    "title": section.title,
                    "note": section.note,
                    "equations": [_data(line) for line in section.equations],
                }
                for section in self.sections
            ],
        }


def _data(line: Equation) -> dict[str, Any]:
    return {
        "quantity": None if line.left is None else plain(line.left),
        "formula": plain(line.right),
        "expression": to_data(line.right),
        "value": line.value,
        "shape": None if line.shape is None else list(line.shape),
        "note": line.note,
    }


def _forms(line: Equation, names: Mapping[str, str] | None) -> Iterator[str]:
    """The right side in symbols, and with a value also in numbers."""
    yield plain(line.right, names)
    if line.value is not None:
        in_numbers = plain(line.right, names, numeric=True)
        yield "" if in_numbers == number(line.value) else in_numbers
        yield number(line.value)


def _row(line: Equation, names: Mapping[str, str] | None) -> tuple[str, list[str], str]:
    shape = " x ".join(line.shape) if line.shape else ""
    left = "" if line.left is None else plain(line.left, names)
    return left, list(_forms(line, names)), "; ".join(filter(None, (shape, line.note)))


def _latex_rows(section: Section, names: Mapping[str, str] | None) -> Iterator[str]:
    yield rf"&\textbf{{{escaped(section.title)}}}"
    yield from (rf"&\text{{{escaped(words)}}}" for words in textwrap.wrap(section.note, 90))
    for line in section.equations:
        left = "" if line.left is None else latex(line.left, names)
        forms = [latex(line.right, names)]
        if line.value is not None:
            forms += [latex(line.right, names, numeric=True), latex_number(line.value)]
        times = r" \times "
        shape = rf"\quad \in \mathbb{{R}}^{{{times.join(line.shape)}}}" if line.shape else ""
        note = rf"\quad \text{{{escaped(line.note)}}}" if line.note else ""
        yield f"{left} &= {' = '.join(dict.fromkeys(forms))}{shape}{note}"


def _html_section(section: Section, names: Mapping[str, str] | None) -> str:
    lines = "".join(f'<div class="line">{_html_line(line, names)}</div>' for line in section.equations)
    note = f"<p>{printable(section.note)}</p>" if section.note else ""
    return heading(section.title) + note + lines


def _html_line(line: Equation, names: Mapping[str, str] | None) -> str:
    right = mathml(line.right, names)
    shown = equals(right) if line.left is None else equation(mathml(line.left, names), right)
    if line.value is not None:
        in_numbers, found = mathml(line.right, names, numeric=True), number(line.value)
        shown += equals(in_numbers, "numbers") if plain(line.right, numeric=True) != found else ""
        shown += equals(value(line.value), "value")
    shape = f'<span class="shape">{printable(" × ".join(line.shape))}</span>' if line.shape else ""
    note = f'<span class="note">{printable(line.note)}</span>' if line.note else ""
    return shown + shape + note
