"""Expressions on one line of text, and lines laid out for a terminal: columns aligned, long formulas wrapped."""

import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence

from chainrule.core.format import number
from chainrule.explain.expression import Expression, Symbol
from chainrule.explain.notation import ATOM, FRACTION, LAYER_COLOURS, POWER, PRODUCT, SUM, Writer, Written

_NARROWEST, _WIDEST_PIPED = 80, 120


def plain(
    expression: Expression, names: Mapping[str, str] | None = None, digits: int = 6, *, numeric: bool = False
) -> str:
    """An expression on one line; ``numeric`` writes the numbers that its quantities carry.

    Example:
        >>> from chainrule.explain.expression import from_formula
        >>> plain(from_formula("a*(1 - a)", {"a": Symbol("a", 1, (0,))}))
        'a1[0] (1 - a1[0])'
    """
    return TextWriter(names, digits=digits, numeric=numeric).write(expression)


class TextWriter(Writer):
    """``W1[0, 1]``, ``dE/dz1[0]``, ``a/b``, ``x^2``."""

    fractions_bind = FRACTION

    def number(self, value: float) -> Written:
        """With at most as many digits as asked for."""
        return number(value, self._digits), SUM if value < 0 else ATOM

    def symbol(self, symbol: Symbol) -> str:
        """``W1[0, 1]``; a name of several words in quotes."""
        name = alphabet_name(symbol)
        given = self._names.get(name)
        return name if given is None else given if re.fullmatch(r"\w+", given) else f'"{given}"'

    def partial(self, of: Symbol, by: Symbol) -> str:
        """``dE/dx[3]``; a given name in brackets, so that the d stands apart."""
        parts = [f"({self.symbol(s)})" if alphabet_name(s) in self._names else self.symbol(s) for s in (of, by)]
        return f"d{parts[0]}/d{parts[1]}"

    def slope(self, name: str, at: Symbol) -> str:
        """``sigmoid'(z1[0])``."""
        return f"{name}'({self.symbol(at)})"

    def words(self, text: str) -> str:
        """As they are."""
        return text

    def joined(self, parts: Sequence[str], sign: str) -> str:
        """A space for the product of symbols, a star for those of numbers and entry by entry."""
        return {"": " ", "·": " * "}.get(sign, f" {sign} ").join(parts)

    def negative(self, text: str) -> str:
        """``-x``."""
        return f"-{text}"

    def bracketed(self, text: str) -> str:
        """``(x)``."""
        return f"({text})"

    def fraction(self, top: Expression, bottom: Expression) -> str:
        """``a b/(c d)``."""
        return f"{self.inside(top, PRODUCT)}/{self.inside(bottom, POWER)}"

    def power(self, base: str, exponent: Expression) -> str:
        """``x^2``."""
        return f"{base}^{self.inside(exponent, ATOM)}"

    def transposed(self, of: Symbol) -> str:
        """``W2^T``."""
        return f"{self.symbol(of)}^T"

    def function(self, name: str, arguments: Sequence[Expression]) -> Written:
        """``exp(z)``; ``|z|``."""
        written = ", ".join(self.write(part) for part in arguments)
        return (
            f"|{written}|" if name == "Abs" else f"{name.lower() if name in ('Max', 'Min') else name}({written})"
        ), ATOM

    def over(self, kind: str, axis: str, of: Expression) -> str:
        """``sum_rows(delta1)``."""
        return f"{kind}_{axis.replace(' and ', '_')}({self.write(of)})"

    def compared(self, left: str, sign: str, right: str) -> str:
        """``z > 0``."""
        return f"{left} {sign} {right}"

    def cases(self, pieces: Sequence[tuple[str, Sequence[str]]]) -> str:
        """``{1 if z > 0; 0 otherwise}``."""
        cases = (f"{value} if {' and '.join(when)}" if when else f"{value} otherwise" for value, when in pieces)
        return "{" + "; ".join(cases) + "}"


def alphabet_name(symbol: Symbol) -> str:
    """``W1[0, 1]``: a quantity's name in the alphabet."""
    layer = "" if symbol.layer is None else str(symbol.layer)
    index = f"[{', '.join(map(str, symbol.index))}]" if symbol.index else ""
    return f"{symbol.base}{layer}{index}"


# -------------------------------------------------------------------------------- laid out
def terminal_width() -> int:
    """The columns there are: the terminal's, and 120 where the text goes elsewhere."""
    return max(shutil.get_terminal_size(fallback=(_WIDEST_PIPED, 0)).columns, _NARROWEST)


def sentence(words: str, width: int) -> list[str]:
    """Words in lines of at most ``width`` characters."""
    return textwrap.wrap(words, width, break_long_words=False, break_on_hyphens=False)


def wrapped(text: str, width: int, indent: int) -> list[str]:
    """Lines of at most ``width`` characters, broken before a plus or minus if possible; later ones two further in."""
    pieces = re.split(r" (?=[+-] )", text)
    pieces = [part for piece in pieces for part in ([piece] if len(piece) <= width - 2 else _spaces(piece))]
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if len(lines[-1]) + 1 + len(piece) <= width - (2 if len(lines) > 1 else 0):
            lines[-1] += " " + piece
        else:
            lines.append(piece)
    return [lines[0], *(" " * (indent + 2) + line for line in lines[1:])]


def _spaces(text: str) -> list[str]:
    """Split at the spaces outside of an index."""
    return re.split(r" (?![^\[]*\])", text)


def equations(rows: Sequence[tuple[str, Sequence[str], str]], width: int) -> str:
    """Quantities and what they equal, in columns; where a line is too wide for that, one below the other.

    Args:
        rows: a quantity, the forms it takes (formula, numbers or "", value), and a note.
        width: of the terminal.
    """
    if not rows:
        return ""
    columns = max(len(forms) for _, forms, _ in rows)
    left = min(max(len(quantity) for quantity, _, _ in rows), width // 3)
    widths = _column_widths([forms for _, forms, _ in rows], columns, width - left)
    return "\n".join(line for row in rows for line in _equation(row, left, widths, width))


def _column_widths(rows: Sequence[Sequence[str]], columns: int, room: int) -> list[int] | None:
    """As wide as the widest line that stands in columns: the widest lines are left out until all fit."""
    kept = sorted((row for row in rows if len(row) == columns), key=lambda row: max(map(len, row[:-1]), default=0))
    while kept:
        widths = [max(len(row[i]) for row in kept) for i in range(columns)]
        if sum(widths) + 4 * columns <= room:
            return widths
        kept.pop()
    return None


def _equation(row: tuple[str, Sequence[str], str], left: int, widths: list[int] | None, width: int) -> list[str]:
    quantity, forms, note = row
    quantity = quantity.ljust(left)
    indent = len(quantity) + 4
    fitting = (
        widths is not None
        and len(forms) == len(widths)
        and all(len(f) <= w for f, w in zip(forms, widths, strict=True))
    )
    if fitting and widths is not None:
        cells = (("= " if form else "  ") + form.ljust(w) for form, w in zip(forms, widths, strict=True))
        lines = ["  ".join((quantity, *cells))]
    elif len(quantity) + sum(len(form) + 4 for form in forms) <= width and len(forms) < 3:
        lines = [f"{quantity}  = " + "  = ".join(forms)]
    else:
        lines = []
        for form in filter(None, forms):
            first, *more = wrapped(form, width - indent, indent)
            lines += [f"{quantity if not lines else ' ' * len(quantity)}  = {first}", *more]
    if note and len(lines[-1]) + len(note) + 5 <= width:
        lines[-1] += f"   ({note})"
    elif note:
        first, *more = wrapped(f"({note})", width - indent, indent)
        lines += [" " * indent + first, *more]
    return [line.rstrip() for line in lines]


def columns(rows: Sequence[Sequence[str]], width: int) -> str:
    """Cells two spaces apart; a first cell too wide is wrapped, the others standing beside its last line."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    room = width - sum(w + 2 for w in widths[1:])
    widths[0] = min(widths[0], max(room, width // 3))
    lines = []
    for row in rows:
        *above, last = wrapped(row[0], widths[0], 0)
        lines += [*above, "  ".join(c.ljust(w) for c, w in zip((last, *row[1:]), widths, strict=True)).rstrip()]
    return "\n".join(lines)


_COLOURS = ("cyan", "yellow", "magenta", "green", "bright_blue", "red")
assert len(_COLOURS) == LAYER_COLOURS
_OF_A_LAYER = r"(?:\bdE/d|\bd|/d|\b)(?:W|b|z|a|delta|gamma|beta|xhat|mean|variance|mask){layer}\b(?:\[[\d, ]+\])?"


def coloured(text: str) -> str:
    """The text with each layer's quantities in a colour of their own, by terminal escapes."""
    import io  # noqa: PLC0415 - only for those who want colours

    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rich = Text(text)
    for layer in sorted(set(map(int, re.findall(r"\b[A-Za-z]+([1-9]\d*)\b", text)))):
        colour = _COLOURS[(layer - 1) % LAYER_COLOURS]
        rich.highlight_regex(_OF_A_LAYER.replace("{layer}", str(layer)), colour)
    rich.highlight_regex(r"(?m)^\S[^=\n]*:$", "bold")
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", legacy_windows=False)
    with console.capture() as capture:
        console.print(rich, soft_wrap=True, end="")
    return capture.get()
