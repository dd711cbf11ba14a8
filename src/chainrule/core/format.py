"""Aligned tables for terminal and notebook, and numbers in a few digits."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from chainrule.core.arrays import Array


def number(value: float, digits: int = 6) -> str:
    """A number with ``digits`` significant digits: ``0.123457``, ``1.5e-09``, ``3``."""
    return f"{float(value) + 0.0:.{digits}g}"  # + 0.0 makes -0 a plain 0


def plain(values: Any) -> Any:
    """Nested lists of numbers, ready for JSON: None for what it cannot write, NaN and the infinities."""
    array = np.asarray(values).astype(object)
    array[~np.isfinite(np.asarray(values))] = None
    return array.tolist()


def numbers(values: Array, most: int = 12, digits: int = 6) -> str:
    """An array on one line: whole up to ``most`` numbers, else its smallest, mean and largest, without missing ones."""
    if values.size > most:
        values = values[~np.isnan(values)]
        if not values.size:
            return "all missing"
        named = (("min", values.min()), ("mean", values.mean()), ("max", values.max()))
        return ", ".join(f"{word} {number(value, digits)}" for word, value in named)
    return _nested(values, digits)


def _nested(values: Array, digits: int) -> str:
    if values.ndim == 0:
        return number(values.item(), digits)
    parts = [_nested(part, digits) for part in np.asarray(values)]
    return "[" + (" " if values.ndim == 1 else ", ").join(parts) + "]"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces between; the last column is not padded."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """The same table for a notebook: no script, no style sheet, colours left to the host."""
    style = "padding:0.2em 0.8em;text-align:left;font-family:monospace;white-space:nowrap"
    head = "".join(f'<th style="{style};border-bottom:1px solid">{escape(cell)}</th>' for cell in header)
    body = "".join(
        "<tr>" + "".join(f'<td style="{style}">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    top = f'<caption style="text-align:left">{escape(caption)}</caption>' if caption else ""
    return f'<table style="border-collapse:collapse">{top}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
