"""Formulas as small trees of data, which text, LaTeX and MathML are made from.

A *leaf* names a quantity and may carry its number, so that the formula in symbols and the same formula in numbers are
one tree, written twice.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Number:
    """A number as it stands."""

    value: float


@dataclass(frozen=True)
class Symbol:
    """A quantity of the alphabet: ``W1[0, 1]`` is base ``W``, layer 1, index (0, 1); ``E`` has neither."""

    base: str
    layer: int | None = None
    index: tuple[int, ...] = ()
    value: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Partial:
    """``dE/dW1[0, 1]``: one quantity's derivative by another."""

    of: Symbol
    by: Symbol
    value: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Slope:
    """``sigmoid'(z1[0])``: an activation's derivative at a net input."""

    name: str
    at: Symbol
    value: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Rest:
    """The sum of terms too many to be listed: how many, and what they come to."""

    count: int
    value: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Dots:
    """Terms left out: ``...``."""


@dataclass(frozen=True)
class Sum:
    """Terms added up; ``Product((Number(-1), ...))`` shows as a difference."""

    terms: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Product:
    """Factors multiplied."""

    factors: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Quotient:
    """One expression over another."""

    top: "Expression"
    bottom: "Expression"


@dataclass(frozen=True)
class Power:
    """One expression to the power of another."""

    base: "Expression"
    exponent: "Expression"


@dataclass(frozen=True)
class Call:
    """A function of expressions: ``exp(z1[0])``, ``sigmoid(z1[0])``."""

    name: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Compare:
    """``z > 0``: what a case depends on; several hold together (``-1 < z < 1``)."""

    left: "Expression"
    sign: str
    right: "Expression"


@dataclass(frozen=True)
class Cases:
    """A function in pieces: (value, conditions that all hold); no condition means otherwise."""

    pieces: "tuple[tuple[Expression, tuple[Compare, ...]], ...]"


@dataclass(frozen=True)
class Hadamard:
    """Arrays multiplied entry by entry."""

    factors: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Transposed:
    """``W2^T``."""

    of: Symbol


@dataclass(frozen=True)
class Over:
    """A ``"sum"`` or ``"mean"`` over the ``"rows"``, ``"units"`` or ``"rows and units"`` of an array."""

    kind: str
    axis: str
    of: "Expression"


Leaf: TypeAlias = Symbol | Partial | Slope | Rest
Arrays: TypeAlias = Hadamard | Transposed | Over
Expression: TypeAlias = Number | Leaf | Dots | Sum | Product | Quotient | Power | Call | Compare | Cases | Arrays
Names: TypeAlias = Mapping[str, "Expression | tuple[Expression, ...]"]
"""What stands for each letter of a row's formula; for a letter with an index, its entries."""


def product(*factors: Expression) -> Expression:
    """A product without factors of exactly 1 and without nested products; a lone factor stands by itself."""
    flat: list[Expression] = []
    for factor in factors:
        flat += factor.factors if isinstance(factor, Product) else [factor]
    kept = [factor for factor in flat if factor != Number(1.0)]
    return kept[0] if len(kept) == 1 else Product(tuple(kept)) if kept else Number(1.0)


def total(*terms: Expression) -> Expression:
    """A sum; a lone term stands by itself."""
    return terms[0] if len(terms) == 1 else Sum(tuple(terms)) if terms else Number(0.0)


# -------------------------------------------------------------------------------- from a row's formula
_SIGNS = {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<="}


def from_formula(formula: str, names: Names) -> Expression:
    """A row's formula (SymPy's syntax, as in the tables) with its letters replaced.

    ``Sum(f(z[j]), (j, 0, K - 1))`` is written out for as many entries as ``names["K"]`` says; without a ``K`` it is
    the sum over the outputs of an array.

    Example:
        >>> from_formula("a*(1 - a)", {"a": Symbol("a", 1, (0,))}).factors[0]
        Symbol(base='a', layer=1, index=(0,), value=None)
    """
    return _convert(ast.parse(formula, mode="eval").body, names)


def _convert(node: ast.expr, names: Names) -> Expression:  # noqa: C901, PLR0911, PLR0912 - one case a kind
    again = lambda part: _convert(part, names)  # noqa: E731 - the names go along
    match node:
        case ast.Constant(value=int() | float() as value):
            return Number(float(value))
        case ast.Name(id=name):
            return _one(names.get(name, Symbol(name)))
        case ast.Subscript(value=ast.Name(id=name), slice=index):
            return _entry(names.get(name, Symbol(name)), again(index))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return product(Number(-1.0), again(operand))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return Sum((*_terms(again(left)), *_terms(again(right))))
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return Sum((*_terms(again(left)), product(Number(-1.0), again(right))))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return product(again(left), again(right))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return Quotient(again(left), again(right))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return Power(again(left), again(right))
        case ast.Call(func=ast.Name(id="Rational"), args=[top, bottom]):
            return Quotient(again(top), again(bottom))
        case ast.Call(func=ast.Name(id="Piecewise"), args=pieces):
            return Cases(
                tuple((again(p.elts[0]), _conditions(p.elts[1], names)) for p in pieces if isinstance(p, ast.Tuple))
            )
        case ast.Call(func=ast.Name(id="Sum"), args=[body, ast.Tuple(elts=[ast.Name(id=letter), *_])]):
            if "K" not in names:
                return Over("sum", "outputs", again(body))
            count = _one(names["K"])
            assert isinstance(count, Number)
            return total(*(_convert(body, {**names, letter: Number(float(j))}) for j in range(int(count.value))))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return Call(name, tuple(again(argument) for argument in arguments))
        case _:
            raise ValueError(f"no reading for {ast.dump(node)} in a formula")


def _one(named: "Expression | tuple[Expression, ...]") -> Expression:
    assert not isinstance(named, tuple)
    return named


def _entry(named: "Expression | tuple[Expression, ...]", index: Expression) -> Expression:
    if not isinstance(named, tuple):  # the whole array stands for its entries
        return named
    assert isinstance(index, Number)
    return named[int(index.value)]


def _terms(expression: Expression) -> tuple[Expression, ...]:
    return expression.terms if isinstance(expression, Sum) else (expression,)


def _conditions(node: ast.expr, names: Names) -> tuple[Compare, ...]:
    """The comparisons that must all hold; none for ``True``."""
    match node:
        case ast.Constant(value=True):
            return ()
        case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
            return (*_conditions(left, names), *_conditions(right, names))
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return (Compare(_convert(left, names), _SIGNS[type(sign)], _convert(right, names)),)
        case _:
            raise ValueError(f"no reading for the condition {ast.dump(node)} in a formula")


def to_data(expression: Expression) -> dict[str, Any]:
    """The tree as plain data: each node's kind and its parts."""
    parts: dict[str, Any] = {"kind": type(expression).__name__.lower()}
    for name, part in vars(expression).items():
        parts[name] = _part_data(part)
    return parts


def _part_data(part: Any) -> Any:
    if isinstance(part, tuple):
        return [_part_data(inner) for inner in part]
    return part if part is None or isinstance(part, str | int | float) else to_data(part)
