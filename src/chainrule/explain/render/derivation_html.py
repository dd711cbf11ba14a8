"""A derivation as HTML: lines that fold and unfold, paths with bars for their shares, rows and proof."""

from collections.abc import Mapping

from chainrule.explain.derivation import Derivation
from chainrule.explain.expression import Leaf, Number
from chainrule.explain.render.html import bar, box, equals, equation, heading, page, part, table, value
from chainrule.explain.render.mathml import mathml, printable
from chainrule.explain.render.text import plain
from chainrule.explain.summary import lines, path_product, percent, shown_paths, shown_rows
from chainrule.explain.tree import Line

_ALL_OPEN = 12
"""With more lines than that, only the first two levels are unfolded at first."""


def derivation_html(derivation: Derivation, names: Mapping[str, str], *, whole_page: bool = False) -> str:
    """All parts; ``whole_page`` puts a page of its own around them."""
    count = sum(1 for _ in lines(derivation.tree))
    parts = [
        f'<div class="title">{equation(mathml(derivation.quantity, names), value(derivation.value, 10))}</div>',
        heading(
            f"The chain rule, for row {derivation.row} alone"
            if len(derivation.contributions) > 1
            else "The chain rule, unfolded"
        ),
        _tree(derivation.tree, names, 0, 99 if count <= _ALL_OPEN else 1, set()),
        _paths(derivation, names),
        _rows(derivation, names) if len(derivation.contributions) > 1 else "",
        _proof(derivation),
    ]
    inside = part("".join(parts))
    return page(plain(derivation.quantity, names), inside) if whole_page else inside


def _tree(line: Line, names: Mapping[str, str], depth: int, unfolded: int, seen: set[Leaf]) -> str:
    """A line, and within it those of its formula's own quantities; each quantity where it first comes."""
    seen.add(line.quantity)
    below = "".join(
        _tree(child, names, depth + 1, unfolded, seen) for child in line.children if child.quantity not in seen
    )
    text = _line(line, names)
    if not below:
        return f'<div class="line">{text}</div>'
    is_open = " open" if depth < unfolded else ""
    return f'<details{is_open}><summary class="line">{text}</summary><div class="below">{below}</div></details>'


def _line(line: Line, names: Mapping[str, str]) -> str:
    """``quantity = formula``, ``= numbers``, ``= value``, note; forms that say nothing new are left out."""
    forms = [mathml(line.formula, names), mathml(line.formula, names, numeric=True), value(line.value)]
    symbols_say = line.formula != line.quantity and not isinstance(line.formula, Number)
    formulas = equation(mathml(line.quantity, names), forms[0]) if symbols_say else box(mathml(line.quantity, names))
    if symbols_say and forms[1] not in (forms[0], forms[2]):
        formulas += equals(forms[1], "numbers")
    note = f'<span class="note">{printable(line.note)}</span>' if line.note else ""
    return formulas + equals(forms[2], "value") + note


def _paths(derivation: Derivation, names: Mapping[str, str]) -> str:
    shown = shown_paths(derivation.paths)
    largest = max((abs(p.share or 0.0) for p in shown.listed), default=0.0)
    rows = [
        (
            box(mathml(path_product(p), names))
            + "<br>"
            + equals(mathml(path_product(p), names, numeric=True), "numbers"),
            value(p.value),
            percent(p.share) + bar(p.share or 0.0, largest),
        )
        for p in shown.listed
    ]
    if shown.smaller:
        count, rest, share = shown.smaller
        rows.append((f"{count:,} smaller paths together", value(rest), percent(share) + bar(share or 0.0, largest)))
    parts = [heading(shown.heading[0].upper() + shown.heading[1:])]
    if rows:
        parts.append(table("paths", [("path", ""), ("product", "figure"), ("share", "share")], rows))
    if shown.zero:
        reasons = " or ".join(equation(mathml(reason, names), value(0.0)) for reason in shown.reasons)
        because = f", as {reasons}{' or others' if shown.more_reasons else ''}" if reasons else ""
        parts.append(f"<p>{shown.zero_text}{because}.</p>")
    return "".join(parts)


def _rows(derivation: Derivation, names: Mapping[str, str]) -> str:
    shown, others = shown_rows(derivation)
    largest = max(abs(c.value) for c in shown)
    rows = [(str(c.row), value(c.share), value(c.derivative), value(c.value), bar(c.value, largest)) for c in shown]
    if others:
        rows.append((f"{others[0]:,} others", "", "", value(others[1]), bar(others[1], largest)))
    header = [("row", ""), ("share of E", "figure"), ("derivative", "figure"), ("part", "figure"), ("", "share")]
    whole = equation(mathml(derivation.quantity, names), value(derivation.value))
    return heading("Each row's part") + table("wide", header, rows) + f"<p>Together {whole}</p>"


def _proof(derivation: Derivation) -> str:
    proof = derivation.proof
    said = {"right": "", "kink": ": it lies on a kink, where either side is as good", "wrong": ": they disagree"}
    good = proof.verdict in ("right", "kink")
    ways = [_way("by finite differences", proof.difference, proof.error, good=good, said=said.get(proof.verdict, ""))]
    if proof.symbolic is not None:
        error = proof.symbolic_error or 0.0
        ways.append(_way("by computer algebra", proof.symbolic, error, good=error < 1e-9 or proof.verdict == "kink"))
    return heading("Proof") + "".join(ways)


def _way(how: str, found: float, error: float, *, good: bool, said: str = "") -> str:
    mark = '<span class="tick">✓</span>' if good else '<span class="cross">✗</span>'
    return f"<p>{mark} {how}: {value(found, 10)}, relative error {value(error, 2)}{said}</p>"
