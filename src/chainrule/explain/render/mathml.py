"""Expressions as MathML, which browsers show without script or network; each layer's quantities have their class."""

from collections.abc import Mapping, Sequence
from html import escape

from chainrule.core.format import number
from chainrule.explain.expression import Expression, Symbol
from chainrule.explain.notation import ATOM, GREEK, LAYER_COLOURS, POWER, PRODUCT, SUM, Writer, Written
from chainrule.explain.render.text import alphabet_name

_SIGNS = {"": '<mspace width="0.2em"/>', "*": "<mo>⊙</mo>", "·": "<mo>·</mo>", "+": "<mo>+</mo>", "-": "<mo>−</mo>"}
_AND = "<mtext>\u00a0and\u00a0</mtext>"
_COMPARED = {">=": "≥", "<=": "≤", ">": "&gt;", "<": "&lt;"}
_FUNCTIONS = {"Max": "max", "Min": "min", "log": "ln"}


def mathml(expression: Expression, names: Mapping[str, str] | None = None, *, numeric: bool = False) -> str:
    """An expression as a ``math`` element; ``numeric`` writes the numbers that its quantities carry.

    Example:
        >>> mathml(Symbol("a", 1, (0,)))
        '<math><mrow class="l1"><msub><mi>a</mi><mn>1</mn></msub><mo>[</mo><mn>0</mn><mo>]</mo></mrow></math>'
    """
    return f"<math>{MathWriter(names, numeric=numeric).write(expression)}</math>"


def printable(words: str) -> str:
    """Words that may stand in HTML and in XML: escaped, without control characters."""
    return escape("".join(sign if sign.isprintable() else " " for sign in words))


class MathWriter(Writer):
    """``<msub><mi>W</mi><mn>1</mn></msub>``, ``<mfrac>``, ``<msup>``."""

    def number(self, value: float) -> Written:
        """``0.123457``; ``1.5 × 10^-9``."""
        digits, _, power = number(abs(value), self._digits).partition("e")
        text = f"<mn>{digits.replace('inf', '∞')}</mn>"
        if power:
            text += f"<mo>×</mo><msup><mn>10</mn>{_signed(int(power))}</msup>"
        return (self.negative(text), SUM) if value < 0 else (text, PRODUCT if power else ATOM)

    def symbol(self, symbol: Symbol) -> str:
        """A letter with its layer below and its index beside it, or the words given for it."""
        layer = 0 if symbol.layer is None else (symbol.layer - 1) % LAYER_COLOURS + 1
        given = self._names.get(alphabet_name(symbol))
        if given is not None:
            return f'<mtext class="l{layer}">{printable(given)}</mtext>'
        base = f"<mi>{GREEK.get(symbol.base, printable(symbol.base))}</mi>"
        if symbol.base == "xhat":
            base = "<mover><mi>x</mi><mo>^</mo></mover>"
        if symbol.layer is not None:
            base = f"<msub>{base}<mn>{symbol.layer}</mn></msub>"
        index = "<mo>,</mo>".join(f"<mn>{i}</mn>" for i in symbol.index)
        return f'<mrow class="l{layer}">{base}{f"<mo>[</mo>{index}<mo>]</mo>" if index else ""}</mrow>'

    def partial(self, of: Symbol, by: Symbol) -> str:
        """``∂E/∂W1[0, 1]`` as a fraction."""
        return f"<mfrac>{_row('<mi>∂</mi>' + self.symbol(of))}{_row('<mi>∂</mi>' + self.symbol(by))}</mfrac>"

    def slope(self, name: str, at: Symbol) -> str:
        """``sigmoid'(z1[0])``."""
        return _row(f"<msup><mi>{printable(name)}</mi><mo>′</mo></msup>{self.bracketed(self.symbol(at))}")

    def words(self, text: str) -> str:
        """Upright; three dots as one sign."""
        return "<mo>⋯</mo>" if text == "..." else f"<mtext>{printable(text)}</mtext>"

    def joined(self, parts: Sequence[str], sign: str) -> str:
        """A thin space for the product of symbols, a dot for those of numbers, a dot in a ring entry by entry."""
        return _row(_SIGNS[sign].join(parts))

    def negative(self, text: str) -> str:
        """``−x``."""
        return _row(f'<mo form="prefix">−</mo>{text}')

    def bracketed(self, text: str) -> str:
        """``(x)``."""
        return _row(f"<mo>(</mo>{text}<mo>)</mo>")

    def fraction(self, top: Expression, bottom: Expression) -> str:
        """One above the other."""
        return f"<mfrac>{_row(self.write(top))}{_row(self.write(bottom))}</mfrac>"

    def power(self, base: str, exponent: Expression) -> str:
        """An exponent above."""
        return f"<msup>{_row(base)}{_row(self.write(exponent))}</msup>"

    def transposed(self, of: Symbol) -> str:
        """``W2`` with a T above."""
        return f"<msup>{self.symbol(of)}<mo>⊤</mo></msup>"

    def function(self, name: str, arguments: Sequence[Expression]) -> Written:
        """``e`` to the power, a root, bars, or the name upright."""
        written = "<mo>,</mo>".join(self.write(part) for part in arguments)
        match name:
            case "exp":
                return f"<msup><mi>e</mi>{_row(written)}</msup>", POWER
            case "sqrt":
                return f"<msqrt>{written}</msqrt>", ATOM
            case "Abs":
                return _row(f"<mo>|</mo>{written}<mo>|</mo>"), ATOM
        return _row(f"<mi>{printable(_FUNCTIONS.get(name, name))}</mi>{self.bracketed(written)}"), ATOM

    def over(self, kind: str, axis: str, of: Expression) -> str:
        """``sum`` with the axis below it."""
        head = f"<msub><mi>{kind}</mi><mtext>{axis}</mtext></msub>"
        return _row(head + self.bracketed(self.write(of)))

    def compared(self, left: str, sign: str, right: str) -> str:
        """``z > 0``."""
        return _row(f"{left}<mo>{_COMPARED[sign]}</mo>{right}")

    def cases(self, pieces: Sequence[tuple[str, Sequence[str]]]) -> str:
        """A brace before one line for each piece."""
        lines = "".join(
            f"<mtr><mtd>{_row(value)}</mtd><mtd>"
            + (f"<mtext>if\u00a0</mtext>{_AND.join(when)}" if when else "<mtext>otherwise</mtext>")
            + "</mtd></mtr>"
            for value, when in pieces
        )
        return _row(f"<mo>{{</mo><mtable>{lines}</mtable>")


def _row(text: str) -> str:
    return f"<mrow>{text}</mrow>"


def _signed(power: int) -> str:
    return f"<mn>{power}</mn>" if power >= 0 else _row(f"<mo>−</mo><mn>{-power}</mn>")
