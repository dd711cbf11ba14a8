"""An optimizer's equations as expressions: evaluated quantity by quantity, or written as NumPy code."""

import ast
from collections.abc import Mapping
from dataclasses import fields
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from chainrule.core.arrays import Array
from chainrule.explain.expression import (
    Call,
    Cases,
    Compare,
    Expression,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    from_formula,
)
from chainrule.optimizers import SGD, Optimizer


class Equation(NamedTuple):
    """One line of an update: ``name = formula`` in SymPy's syntax."""

    name: str
    formula: str

    @property
    def expression(self) -> Expression:
        """The formula as a tree."""
        return from_formula(self.formula, {})


def equations_of(optimizer: Optimizer) -> tuple[Equation, ...]:
    """The update of one parameter in order, without the branches that these settings never take.

    Example:
        >>> equations_of(SGD(0.1))
        (Equation(name='update', formula='eta*g'),)
    """
    if isinstance(optimizer, SGD) and not optimizer.momentum:
        return (Equation("update", "eta*g"),)
    if isinstance(optimizer, SGD):
        velocity = Equation("velocity", "momentum*velocity + g")
        return (velocity, Equation("update", "eta*(g + momentum*velocity)" if optimizer.nesterov else "eta*velocity"))
    parts = [equation.split("=", 1) for equation in optimizer.equations]
    return tuple(Equation(name.strip(), formula.strip()) for name, formula in parts)


def constants_of(optimizer: Optimizer) -> dict[str, float]:
    """The optimizer's settings that its equations name: momentum, betas, epsilon."""
    used = set().union(*(names_in(equation.formula) for equation in equations_of(optimizer)))
    return {field.name: float(getattr(optimizer, field.name)) for field in fields(optimizer) if field.name in used}


def names_in(formula: str) -> set[str]:
    """The variables of a formula; functions are not among them.

    Example:
        >>> sorted(names_in("eta*g/(sqrt(squares) + epsilon)"))
        ['epsilon', 'eta', 'g', 'squares']
    """
    tree = ast.parse(formula, mode="eval")
    functions = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in functions}


# -------------------------------------------------------------------------------- carried out
_FUNCTIONS: Mapping[str, Any] = {
    "sqrt": np.sqrt,
    "sign": np.sign,
    "Min": np.minimum,
    "Max": np.maximum,
}
_COMPARISONS: Mapping[str, Any] = {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal}


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one case a kind
    """The expression's numbers, its variables being arrays or numbers.

    Example:
        >>> evaluate(from_formula("2*g + 1", {}), {"g": np.array([1.0, 2.0])})
        array([3., 5.])
    """
    match expression:
        case Number(value):
            return value
        case Symbol(name):
            return values[name]
        case Sum(terms):
            return reduce(np.add, [evaluate(term, values) for term in terms])
        case Product(factors):
            return reduce(np.multiply, [evaluate(factor, values) for factor in factors])
        case Quotient(top, bottom):
            return evaluate(top, values) / evaluate(bottom, values)
        case Power(base, exponent):
            return evaluate(base, values) ** evaluate(exponent, values)
        case Call(name, arguments):
            return _FUNCTIONS[name](*(evaluate(argument, values) for argument in arguments))
        case Cases(pieces):
            return _first_that_holds(pieces, values)
        case _:
            raise TypeError(f"an optimizer's equation cannot hold {expression!r}")


def _first_that_holds(pieces: tuple[tuple[Expression, tuple[Compare, ...]], ...], values: Mapping[str, Any]) -> Array:
    """By number, the value of the first piece whose conditions all hold."""
    found = evaluate(pieces[-1][0], values)
    for value, conditions in reversed(pieces[:-1]):
        sides = [(c.sign, evaluate(c.left, values), evaluate(c.right, values)) for c in conditions]
        holds = reduce(np.logical_and, [_COMPARISONS[sign](left, right) for sign, left, right in sides])
        found = np.where(holds, evaluate(value, values), found)
    return found


# -------------------------------------------------------------------------------- written as NumPy
class _Written(ast.NodeTransformer):
    """SymPy's functions by NumPy's names."""

    names: Mapping[str, str] = {"sqrt": "np.sqrt", "sign": "np.sign", "Min": "np.minimum", "Max": "np.maximum"}

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        assert isinstance(node.func, ast.Name)
        if node.func.id == "Piecewise":
            return _wheres(node.args)
        return ast.Call(ast.Name(self.names[node.func.id]), node.args, [])


def _wheres(pieces: list[ast.expr]) -> ast.expr:
    """``np.where(condition, value, otherwise)``, one inside the other; the last piece always holds."""
    pairs = [piece.elts for piece in pieces if isinstance(piece, ast.Tuple)]
    written = pairs[-1][0]
    for value, condition in reversed(pairs[:-1]):
        written = ast.Call(ast.Name("np.where"), [condition, value, written], [])
    return written


def numpy_code(formula: str) -> str:
    """The formula as a line of NumPy.

    Example:
        >>> numpy_code("Piecewise((0, turn < 0), (sqrt(g), True))")
        'np.where(turn < 0, 0, np.sqrt(g))'
    """
    return ast.unparse(_Written().visit(ast.parse(formula, mode="eval")).body)
