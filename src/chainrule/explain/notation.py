"""How an expression is put into signs: brackets, minus signs and products, the same for text, LaTeX and MathML."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal

from chainrule.explain.expression import (
    Call,
    Cases,
    Compare,
    Dots,
    Expression,
    Hadamard,
    Number,
    Over,
    Partial,
    Power,
    Product,
    Quotient,
    Rest,
    Slope,
    Sum,
    Symbol,
    Transposed,
)

SUM, FRACTION, PRODUCT, POWER, ATOM = range(5)
"""How tightly an expression binds: what stands in a tighter place is put in brackets."""

GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "pi": "π"}
"""Letters of the alphabet and of the rows' formulas that have a sign of their own."""

LAYER_COLOURS = 6
"""How many colours there are for layers before they come again; the inputs have none."""

Written = tuple[str, int]


class Writer(ABC):
    """Writes expressions in one notation; its kinds say how each sign looks.

    Args:
        names: other words for quantities, such as ``{"x[3]": "bill_length_mm"}``.
        digits: how many a number has at most.
        numeric: whether quantities that carry their number are written as it; those without stay.
    """

    fractions_bind = PRODUCT
    """How tightly a fraction binds: less than a product where it is written on one line."""

    def __init__(self, names: Mapping[str, str] | None = None, *, digits: int = 6, numeric: bool = False) -> None:
        self._names, self._digits, self._numeric = names or {}, digits, numeric

    def write(self, expression: Expression) -> str:
        """The expression in this notation."""
        return self._write(expression)[0]

    # ------------------------------------------------------------------ what a notation says
    @abstractmethod
    def number(self, value: float) -> Written:
        """A number and how tightly it binds."""

    @abstractmethod
    def symbol(self, symbol: Symbol) -> str:
        """A quantity, by its name in the alphabet or the one given to it."""

    @abstractmethod
    def partial(self, of: Symbol, by: Symbol) -> str:
        """``dE/dW1[0, 1]``."""

    @abstractmethod
    def slope(self, name: str, at: Symbol) -> str:
        """``sigmoid'(z1[0])``."""

    @abstractmethod
    def words(self, text: str) -> str:
        """Words within a formula."""

    @abstractmethod
    def joined(self, parts: Sequence[str], sign: Literal["", "*", "·", "+", "-"]) -> str:
        """Parts with a sign between; ``""`` is the product of symbols, ``·`` that of numbers, ``*`` entry by entry."""

    @abstractmethod
    def negative(self, text: str) -> str:
        """With a minus sign before it."""

    @abstractmethod
    def bracketed(self, text: str) -> str:
        """In round brackets."""

    @abstractmethod
    def fraction(self, top: Expression, bottom: Expression) -> str:
        """One over the other."""

    @abstractmethod
    def power(self, base: str, exponent: Expression) -> str:
        """A base, already in brackets where it needs them, to the power of an exponent."""

    @abstractmethod
    def transposed(self, of: Symbol) -> str:
        """``W2^T``."""

    @abstractmethod
    def function(self, name: str, arguments: Sequence[Expression]) -> Written:
        """``exp(z)``, or the sign a function has of its own."""

    @abstractmethod
    def over(self, kind: str, axis: str, of: Expression) -> str:
        """The sum or mean over an axis."""

    @abstractmethod
    def compared(self, left: str, sign: str, right: str) -> str:
        """``z > 0``."""

    @abstractmethod
    def cases(self, pieces: Sequence[tuple[str, Sequence[str]]]) -> str:
        """A function in pieces: each value with its conditions; no condition means otherwise."""

    # ------------------------------------------------------------------ what all notations share
    def _write(self, expression: Expression) -> Written:  # noqa: C901, PLR0911, PLR0912 - one case a kind
        match expression:
            case Number(value):
                return self.number(value)
            case Symbol(value=float() as value) | Partial(value=float() as value) if self._numeric:
                return self.number(value)
            case Slope(value=float() as value) | Rest(value=float() as value) if self._numeric:
                return self.number(value)
            case Symbol():
                return self.symbol(expression), ATOM
            case Partial(of, by):
                return self.partial(of, by), ATOM
            case Slope(name, at):
                return self.slope(name, at), ATOM
            case Rest(count):
                return self.words(f"({count} smaller terms)" if count > 1 else "(a smaller term)"), ATOM
            case Dots():
                return self.words("..."), ATOM
            case Sum(terms):
                return self._sum(terms), SUM
            case Product(factors):
                return self._product(factors)
            case Hadamard(factors):
                return self.joined([self.inside(factor, POWER) for factor in factors], "*"), FRACTION
            case Quotient(top, bottom):
                return self._quotient(top, bottom)
            case Power(base, exponent):
                return self.power(self.inside(base, ATOM), exponent), POWER
            case Transposed(of):
                return self.transposed(of), ATOM
            case Over(kind, axis, of):
                return self.over(kind, axis, of), ATOM
            case Call(name, arguments):
                return self.function(name, arguments)
            case Compare(left, sign, right):
                return self.compared(self.write(left), sign, self.write(right)), SUM
            case Cases(pieces):
                written = [(self.write(value), [self.write(c) for c in conditions]) for value, conditions in pieces]
                return self.cases(written), ATOM
        raise TypeError(f"no notation for {expression!r}")

    def inside(self, part: Expression, place: int) -> str:
        """A part, in brackets where it binds less tightly than its place."""
        text, binds = self._write(part)
        return self.bracketed(text) if binds < place else text

    def _sum(self, terms: Sequence[Expression]) -> str:
        text = ""
        for i, term in enumerate(terms):
            body, sign = self._signed(term, first=not i)
            alone = self.negative(body) if sign == "-" else body
            text = self.joined((text, body), sign) if i else alone
        return text

    def _signed(self, term: Expression, *, first: bool) -> tuple[str, Literal["+", "-"]]:
        """A term without its minus sign, and the sign."""
        match term:
            case Number(value) if value < 0:
                return self.write(Number(-value)), "-"
            case Rest(value=float() as value) if self._numeric and value < 0:
                return self.write(Number(-value)), "-"
            case Product((Number(-1.0), *factors)) if factors:
                return self.inside(_again(factors), FRACTION), "-"
            case Quotient(Product((Number(-1.0), *factors)), bottom) if factors:
                return self.fraction(_again(factors), bottom), "-"
            case Product(factors) if not first:
                return self._product(factors, first=False)[0], "+"
        return self.write(term) if first else self.inside(term, FRACTION), "+"

    def _product(self, factors: Sequence[Expression], *, first: bool = True) -> Written:
        """Factors side by side; a negative number that comes first needs no brackets at the beginning of a formula."""
        if factors[0] == Number(-1.0) and len(factors) > 1:
            return self.negative(self.inside(_again(factors[1:]), FRACTION)), SUM
        between = "·" if self._numeric or any(isinstance(factor, Number) for factor in factors[1:]) else ""
        head, binds = self._write(factors[0])
        if binds < PRODUCT and not (first and _is_number(factors[0])):
            head, binds = self.bracketed(head), PRODUCT
        return self.joined([head, *(self.inside(factor, PRODUCT) for factor in factors[1:])], between), min(
            binds, PRODUCT
        )

    def _quotient(self, top: Expression, bottom: Expression) -> Written:
        """``-t/y`` rather than ``(-t)/y``."""
        match top:
            case Product((Number(-1.0), *factors)) if factors:
                return self.negative(self.fraction(_again(factors), bottom)), SUM
        return self.fraction(top, bottom), self.fractions_bind


def _is_number(part: Expression) -> bool:
    return isinstance(part, Number | Symbol | Partial | Slope | Rest)


def _again(factors: Sequence[Expression]) -> Expression:
    """The factors as one expression."""
    return factors[0] if len(factors) == 1 else Product(tuple(factors))
