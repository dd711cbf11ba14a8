"""Derivations and formulas as text: symbols beside numbers, columns aligned, colours by layer where they are wanted."""

from typing import TYPE_CHECKING

from chainrule.explain.expression import (
    Call,
    Cases,
    Compare,
    Expression,
    Leaf,
    Number,
    Partial,
    Power,
    Product,
    Quotient,
    Rest,
    Slope,
    Sum,
    Symbol,
    in_numbers,
)
from chainrule.explain.tree import Line
from chainrule.show import number

if TYPE_CHECKING:
    from chainrule.explain.derivation import Derivation

_SUM, _PRODUCT, _POWER, _ATOM = range(4)
"""How tightly an expression binds: what stands in a tighter place is put in brackets."""


def plain(expression: Expression, names: dict[str, str] | None = None, digits: int = 6) -> str:
    """An expression on one line.

    Example:
        >>> from chainrule.explain.expression import from_formula
        >>> plain(from_formula("a*(1 - a)", {"a": Symbol("a", 1, (0,))}))
        'a1[0] (1 - a1[0])'
    """
    return _Writer(names or {}, digits).write(expression)[0]


class _Writer:
    def __init__(self, names: dict[str, str], digits: int) -> None:
        self._names, self._digits = names, digits

    def write(self, expression: Expression) -> tuple[str, int]:  # noqa: C901, PLR0911 - one case a kind
        """The text, and how tightly it binds."""
        match expression:
            case Number(value):
                return number(value, self._digits), _SUM if value < 0 else _ATOM
            case Symbol():
                return self.symbol(expression), _ATOM
            case Partial(of, by):
                return f"d{self.symbol(of)}/d{self.symbol(by)}", _ATOM
            case Slope(name, at):
                return f"{name}'({self.symbol(at)})", _ATOM
            case Rest(count):
                return f"({count} smaller terms)", _ATOM
            case Sum(terms):
                return self._sum(terms), _SUM
            case Product(factors):
                return self._product(factors)
            case Quotient(top, bottom):
                return f"{self._inside(top, _PRODUCT)}/{self._inside(bottom, _ATOM)}", _PRODUCT
            case Power(base, exponent):
                return f"{self._inside(base, _ATOM)}^{self._inside(exponent, _ATOM)}", _POWER
            case Call(name, arguments):
                return f"{name}({', '.join(self.write(part)[0] for part in arguments)})", _ATOM
            case Compare(left, sign, right):
                return f"{self.write(left)[0]} {sign} {self.write(right)[0]}", _SUM
            case Cases(pieces):
                return "{" + "; ".join(self._piece(value, when) for value, when in pieces) + "}", _ATOM
        raise TypeError(f"no text for {expression!r}")

    def _piece(self, value: Expression, when: tuple[Compare, ...]) -> str:
        text = self.write(value)[0]
        return f"{text} if {' and '.join(self.write(c)[0] for c in when)}" if when else f"{text} otherwise"

    def symbol(self, symbol: Symbol) -> str:
        """``W1[0, 1]``, or the name that stands for it."""
        layer = "" if symbol.layer is None else str(symbol.layer)
        index = f"[{', '.join(map(str, symbol.index))}]" if symbol.index else ""
        name = f"{symbol.base}{layer}{index}"
        return self._names.get(name, name)

    def _inside(self, part: Expression, place: int) -> str:
        text, binds = self.write(part)
        return f"({text})" if binds < place else text

    def _sum(self, terms: tuple[Expression, ...]) -> str:
        text = ""
        for i, term in enumerate(terms):
            body, sign = self.write(term)[0], "+"
            if isinstance(term, Product) and term.factors[0] == Number(-1.0):
                body, sign = self._product(term.factors[1:])[0], "-"
            elif body.startswith("-"):
                body, sign = body[1:], "-"
            text += f" {sign} {body}" if i else ("-" if sign == "-" else "") + body
        return text

    def _product(self, factors: tuple[Expression, ...]) -> tuple[str, int]:
        if len(factors) == 1:
            return self.write(factors[0])
        if factors and factors[0] == Number(-1.0):
            return f"-{self._product(factors[1:])[0]}", _SUM
        parts = [self._inside(factor, _PRODUCT) for factor in factors]
        numeric = any(isinstance(factor, Number) for factor in factors[1:])
        return (" * " if numeric else " ").join(parts), _PRODUCT


# -------------------------------------------------------------------------------- a whole derivation
def derivation_text(derivation: "Derivation", names: dict[str, str], *, colour: bool = False) -> str:
    """The tree, the paths, the rows and the proof, each under its heading."""
    parts = [_tree_text(derivation, names), _paths_text(derivation, names)]
    if len(derivation.contributions) > 1:
        parts.append(_rows_text(derivation, names))
    parts.append(derivation.proof.text())
    text = "\n\n".join(parts)
    return coloured(text) if colour else text


def _tree_text(derivation: "Derivation", names: dict[str, str]) -> str:
    rows: list[tuple[str, str, str, str]] = []
    _collect(derivation.tree, 0, set(), rows, names)
    body = _aligned(
        [
            (quantity, "= " + formula, numbers and "= " + numbers, "= " + value)
            for quantity, formula, numbers, value in rows
        ]
    )
    heading = f"{plain(derivation.quantity, names)} = {number(derivation.value, 10)}"
    several = len(derivation.contributions) > 1
    return f"{heading}\n\n" + (f"row {derivation.row}, whose own loss is E here:\n" if several else "") + body


def _collect(
    line: Line, depth: int, told: set[Leaf], rows: list[tuple[str, str, str, str]], names: dict[str, str]
) -> None:
    """The lines of a tree in order, each quantity unfolded where it first comes."""
    if line.quantity in told:
        return
    told.add(line.quantity)
    formula = plain(line.formula, names)
    numbers = plain(in_numbers(line.formula))
    value = number(line.value) + (f"   ({line.note})" if line.note else "")
    rows.append(
        ("  " * depth + plain(line.quantity, names), formula, "" if numbers == number(line.value) else numbers, value)
    )
    for child in line.children:
        _collect(child, depth + 1, told, rows, names)


def _paths_text(derivation: "Derivation", names: dict[str, str]) -> str:
    paths = derivation.paths
    rows = [
        (
            plain(Product(path.factors), names) if len(path.factors) > 1 else plain(path.factors[0], names),
            "= " + number(path.value),
            "" if path.share is None else f"{100 * path.share:.1f} %",
        )
        for path in paths.listed
    ]
    if paths.count > len(paths.listed):
        rows.append(
            (
                f"{paths.count - len(paths.listed):,} smaller paths together",
                "= " + number(paths.rest),
                _percent(derivation),
            )
        )
    heading = "1 path to the loss:" if paths.count == 1 else f"{paths.count:,} paths to the loss:"
    return heading + "\n" + _aligned(rows) if rows else heading


def _percent(derivation: "Derivation") -> str:
    whole = derivation.paths.rest + sum(path.value for path in derivation.paths.listed)
    return f"{100 * derivation.paths.rest / whole:.1f} %" if whole else ""


def _rows_text(derivation: "Derivation", names: dict[str, str]) -> str:
    largest = sorted(derivation.contributions, key=lambda c: -abs(c.value))[:12]
    rows = [
        (f"row {c.row}", number(c.share), "* " + number(c.derivative), "= " + number(c.value))
        for c in sorted(largest, key=lambda c: c.row)
    ]
    hidden = len(derivation.contributions) - len(largest)
    if hidden:
        rest = derivation.value - sum(c.value for c in largest)
        rows.append((f"{hidden:,} other rows", "", "", "= " + number(rest)))
    quantity = plain(derivation.quantity, names)
    return f"each row's part in {quantity} = {number(derivation.value)}, share times derivative:\n" + _aligned(rows)


def _aligned(rows: "list[tuple[str, ...]]") -> str:
    """Columns two spaces apart; a cell wider than most does not push the others away."""
    if not rows:
        return ""
    widths = [min(max(len(row[i]) for row in rows), 60) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def coloured(text: str) -> str:
    """The text with each layer's quantities in a colour of their own, by terminal escapes."""
    import re  # noqa: PLC0415 - only for those who want colours

    colours = (36, 33, 35, 32, 34, 31)

    def paint(match: "re.Match[str]") -> str:
        return f"\x1b[{colours[(int(match.group(1)) - 1) % len(colours)]}m{match.group(0)}\x1b[0m"

    return re.sub(r"\b(?:d?E/d)?(?:W|b|z|a|delta|gamma|beta|xhat|mask)([1-9]\d*)(?:\[[\d, ]+\])?", paint, text)
