"""A network's quantities by name, with a row's numbers where one is given; the formulas of layers are made of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Record, Run
from chainrule.core.model import Model
from chainrule.explain.expression import Call, Dots, Expression, Product, Quotient, Sum, Symbol


@dataclass
class Quantities:
    """The quantities of a network.

    Attributes:
        model: the network.
        x: a row (1, inputs) whose numbers the symbols carry; None for symbols alone.
        most: how many units and terms are written out before the middle is left out; None for all.
        records: by layer, the pass of the row.
    """

    model: Model
    x: Array | None
    most: int | None

    def __post_init__(self) -> None:
        chain = self.model.chain
        self.records: list[Record] = []
        if self.x is not None:
            self.records = maths.forward(chain, self.model.parameters, self.x, Run(state=self.model.state))

    def parameter(self, key: str, l: int, *index: int) -> Symbol:
        """``W1[0, 1]``, with its number where a row is given."""
        values = self.model.parameters.of_layer(l)[key]
        return Symbol(key, l, index, None if self.x is None else float(values[index]))

    def kept(self, key: str, l: int, *index: int) -> Symbol:
        """A number of the pass, such as ``z1[0]``."""
        return Symbol(key, l, index, float(self.records[l - 1][key][(0, *(index or (0,)))]) if self.records else None)

    def below(self, l: int, i: int) -> Symbol:
        """What layer ``l`` sees: ``x[i]``, or an activation of the layer below."""
        if l > 1:
            return self.kept("a", l - 1, i)
        return Symbol("x", None, (i,), None if self.x is None else float(self.x[0, i]))

    def output(self, k: int) -> Symbol:
        """``y[k]``."""
        return Symbol("y", None, (k,), float(self.records[-1]["a"][0, k]) if self.records else None)

    def chosen(self, count: int) -> list[int | None]:
        """The units written out; None where some are left out."""
        if self.most is None or count <= self.most:
            return list(range(count))
        return [*range(max(self.most // 2 - 1, 1)), None, count - 1]


def shortened(terms: Sequence[Expression], most: int | None) -> tuple[Expression, ...]:
    """The first and last terms, with dots between, where there are more than ``most``."""
    if most is None or len(terms) <= most:
        return tuple(terms)
    return (*terms[: most - 2], Dots(), terms[-1])


def shorter(expression: Expression, most: int | None) -> Expression:
    """The middle of every long sum left out."""
    match expression:
        case Sum(terms):
            return Sum(tuple(shorter(term, most) for term in shortened(terms, most)))
        case Product(factors):
            return Product(tuple(shorter(factor, most) for factor in factors))
        case Quotient(top, bottom):
            return Quotient(shorter(top, most), shorter(bottom, most))
        case Call(name, arguments):
            return Call(name, tuple(shorter(argument, most) for argument in arguments))
    return expression
