"""A derivation as text: the tree of lines, the paths, the rows and the proof, each under its heading."""

from collections.abc import Mapping

from chainrule.core.format import number
from chainrule.explain.derivation import Derivation
from chainrule.explain.render import text
from chainrule.explain.render.text import plain
from chainrule.explain.summary import lines, path_product, percent, shown_paths, shown_rows
from chainrule.explain.tree import Line

_DEEPEST = 12
"""Deeper lines are not indented further."""


def derivation_text(derivation: Derivation, names: Mapping[str, str], *, colour: bool = False) -> str:
    """All parts, as wide as the terminal; 120 columns where there is none."""
    width = text.terminal_width()
    parts = [
        f"{plain(derivation.quantity, names)} = {number(derivation.value, 10)}",
        _tree(derivation, names, width),
        _paths(derivation, names, width),
    ]
    if len(derivation.contributions) > 1:
        parts.append(_rows(derivation, names, width))
    whole = "\n\n".join([*parts, derivation.proof.text()])
    return text.coloured(whole) if colour else whole


def _tree(derivation: Derivation, names: Mapping[str, str], width: int) -> str:
    body = text.equations([_row(depth, line, names) for depth, line in lines(derivation.tree)], width)
    several = len(derivation.contributions) > 1
    return (f"row {derivation.row}, whose own loss is E here:\n" if several else "") + body


def _row(depth: int, line: Line, names: Mapping[str, str]) -> tuple[str, list[str], str]:
    """A line's quantity, its forms, its note; forms that say nothing new are left out."""
    forms = [plain(line.formula, names), plain(line.formula, names, numeric=True), number(line.value)]
    quantity = plain(line.quantity, names)
    cells = [form for i, form in enumerate(forms) if form not in (quantity, *forms[i + 1 :])]
    if len(cells) == 2 and line.formula != line.quantity:
        cells.insert(1, "")
    return "  " * min(depth, _DEEPEST) + quantity, cells, line.note


def _paths(derivation: Derivation, names: Mapping[str, str], width: int) -> str:
    shown = shown_paths(derivation.paths)
    rows = [
        (plain(path_product(p), names), plain(path_product(p), names, numeric=True), number(p.value), percent(p.share))
        for p in shown.listed
    ]
    if shown.smaller:
        count, rest, share = shown.smaller
        rows.append((f"{count:,} smaller paths together", "", number(rest), percent(share)))
    rows = [(p, numbers and f"= {numbers}", f"= {value}", share.rjust(7)) for p, numbers, value, share in rows]
    if rows and sum(max(len(row[i]) for row in rows) + 2 for i in range(4)) > width:  # numbers only where there is room
        rows = [(p, value, share) for p, _, value, share in rows]
    heading = shown.heading + (":" if shown.listed else "")
    body = [heading, text.columns(rows, width)] if rows else [heading]
    if shown.zero:
        reasons = " or ".join(f"{plain(reason, names)} = 0" for reason in shown.reasons)
        because = f", as {reasons}{' or others' if shown.more_reasons else ''}" if reasons else ""
        body += text.sentence(shown.zero_text + because, width)
    return "\n".join(body)


def _rows(derivation: Derivation, names: Mapping[str, str], width: int) -> str:
    shown, others = shown_rows(derivation)
    rows = [(f"row {c.row}", number(c.share), f"* {number(c.derivative)}", f"= {number(c.value)}") for c in shown]
    if others:
        rows.append((f"{others[0]:,} other rows", "", "", f"= {number(others[1])}"))
    quantity = f"{plain(derivation.quantity, names)} = {number(derivation.value)}"
    return f"each row's part in {quantity}, share times derivative:\n" + text.columns(rows, width)
