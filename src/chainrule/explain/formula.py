"""The network as formulas: each unit's own, and each output as one nested formula where it is small enough."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import IDENTITY, Activation, ElementwiseActivation, RowActivation
from chainrule.core.arrays import Array
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Record, Run
from chainrule.core.lookup import plain_number
from chainrule.core.losses import ElementwiseLoss
from chainrule.core.model import Model
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.errors import InputError
from chainrule.explain.expression import (
    Call,
    Dots,
    Expression,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    from_formula,
    product,
    total,
)
from chainrule.explain.row import activation_of
from chainrule.explain.sheet import Equation, Section, Sheet

MOST = 8
"""How many units of a layer, and terms of a sum, are written out; beyond that the middle is left out."""

LARGEST = 60
"""How many quantities one nested formula may name."""

_FEWEST = 3


def formula(model: Model, x: Array | None = None, most: int | None = MOST) -> Sheet:
    """Every unit's formula in order, the outputs as nested formulas, the loss.

    Args:
        model: the network.
        x: one row (1, inputs): the formulas then carry its numbers.
        most: how many units and terms to write out before the middle is left out; None writes out all.

    Raises:
        InputError: more than one row, or ``most`` too small.
    """
    if x is not None and len(x) != 1:
        raise InputError(f"a formula shows the numbers of one row, got {len(x)}: choose one, such as x[0].")
    most = plain_number(most)
    if most is not None and (not isinstance(most, int) or most < _FEWEST):
        raise InputError(f"most must be at least {_FEWEST} (a first, the dots, a last), or None for all, got {most!r}.")
    builder = _Builder(model, x, most)
    sections = [builder.layer(l) for l in range(1, len(model.chain.layers) + 1)]
    return Sheet(
        "formula",
        f"a network of {_counted(model.chain.inputs, 'input')} and {_counted(len(sections), 'layer')}, unit by unit",
        (*sections, builder.nested(), builder.loss(), *functions(model)),
    )


def shortened(terms: Sequence[Expression], most: int | None) -> tuple[Expression, ...]:
    """The first and last terms, with dots between, where there are more than ``most``."""
    if most is None or len(terms) <= most:
        return tuple(terms)
    return (*terms[: most - 2], Dots(), terms[-1])


@dataclass
class _Builder:
    model: Model
    x: Array | None
    most: int | None

    def __post_init__(self) -> None:
        chain = self.model.chain
        self.records: list[Record] = []
        if self.x is not None:
            self.records = maths.forward(chain, self.model.parameters, self.x, Run(state=self.model.state))

    # ------------------------------------------------------------------ quantities
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

    # ------------------------------------------------------------------ one layer
    def layer(self, l: int) -> Section:
        """The formulas of its units."""
        layer = self.model.chain.layers[l - 1]
        if not isinstance(layer, Dense | Dropout | LayerNorm | BatchNorm):
            whole = Call(type(layer).__name__, (Symbol("x") if l == 1 else Symbol("a", l - 1),))
            return Section(f"layer {l}", (Equation(Symbol("a", l), whole, note="a layer of your own"),))
        units = range(self.model.chain.units[l])
        shown = self._chosen(len(units))
        lines = list(self._statistics(l)) if isinstance(layer, LayerNorm) else []
        for j in shown:
            lines += [*self._unit(l, j)] if j is not None else [Equation(Dots(), Dots())]
        return Section(f"layer {l}, {layer!r}", tuple(lines), _note(layer))

    def _chosen(self, count: int) -> list[int | None]:
        """The units written out; None where some are left out."""
        if self.most is None or count <= self.most:
            return list(range(count))
        return [*range(max(self.most // 2 - 1, 1)), None, count - 1]

    def _unit(self, l: int, j: int) -> Iterator[Equation]:
        layer = self.model.chain.layers[l - 1]
        if isinstance(layer, BatchNorm):
            yield self._line(self.kept("xhat", l, j), self._standardised(l, j, (j,)))
        if isinstance(layer, LayerNorm):
            yield self._line(self.kept("xhat", l, j), self._standardised(l, j, ()))
        if not isinstance(layer, Dropout):
            yield self._line(self.kept("z", l, j), self.net_input(l, j, lambda i: self.below(l, i)))
        yield self._line(self.kept("a", l, j), self.activation(l, j, lambda i: self.kept("z", l, i)))

    def _line(self, quantity: Symbol, right: Expression) -> Equation:
        return Equation(quantity, right, quantity.value)

    def net_input(self, l: int, j: int, seen: Callable[[int], Expression]) -> Expression:
        """``z_l[j]``, from what the layer sees."""
        layer = self.model.chain.layers[l - 1]
        if isinstance(layer, Dense):
            wires = [i for i in range(self.model.chain.units[l - 1]) if layer.mask is None or layer.mask[i, j]]
            terms: list[Expression] = list(
                shortened([product(self.parameter("W", l, i, j), seen(i)) for i in wires], self.most)
            )
            if layer.bias is not None:
                terms.append(self.parameter("b", l, *((j,) if layer.bias == "per-unit" else ())))
            return total(*terms)
        return total(product(self.parameter("gamma", l, j), self.kept("xhat", l, j)), self.parameter("beta", l, j))

    def activation(self, l: int, j: int, net: Callable[[int], Expression]) -> Expression:
        """``a_l[j]``, from the layer's net inputs."""
        layer = self.model.chain.layers[l - 1]
        if isinstance(layer, Dropout):
            return self.below(l, j)
        row = unit_activation(layer, j)
        if row is IDENTITY:
            return net(j)
        if isinstance(row, RowActivation):
            units = self.model.chain.units[l]
            entries = tuple(net(i) for i in range(units))
            indices: dict[str, Expression] = {"k": Number(float(j)), "K": Number(float(units))}
            constants = {name: Number(value) for name, value in row.parameters.items()}
            return _shorter(from_formula(row.formula, {**constants, **indices, "z": entries}), self.most)
        return Call(row.name, (net(j),))

    def _statistics(self, l: int) -> Iterator[Equation]:
        """A row's mean and variance over the units of layer normalisation."""
        units = self.model.chain.units[l]
        mean = self.kept("mean", l)
        seen = [self.below(l, i) for i in range(units)]
        squares = [Power(_minus(a, _bare(mean)), Number(2.0)) for a in seen]
        whole = Number(float(units))
        yield self._line(_bare(mean), Quotient(total(*shortened(seen, self.most)), whole))
        yield self._line(_bare(self.kept("variance", l)), Quotient(total(*shortened(squares, self.most)), whole))

    def _standardised(self, l: int, j: int, index: tuple[int, ...]) -> Expression:
        """``(a - mean)/sqrt(variance + epsilon)``."""
        layer = self.model.chain.layers[l - 1]
        assert isinstance(layer, LayerNorm | BatchNorm)
        mean, variance = (self.kept(key, l, *index) for key in ("mean", "variance"))
        root = Call("sqrt", (total(variance, Number(layer.epsilon)),))
        return Quotient(_minus(self.below(l, j), mean), root)

    # ------------------------------------------------------------------ the whole
    def nested(self) -> Section:
        """Each output as one formula of inputs and parameters, where that is small enough."""
        chain, top = self.model.chain, len(self.model.chain.layers)
        plain_layers = all(isinstance(layer, Dense | Dropout) for layer in chain.layers)
        size = reduce(lambda inner, wires: inner * wires + wires, map(self._wires, range(1, top + 1)), 1)
        if not plain_layers or size > LARGEST:
            why = (
                f"It would name about {size:,} quantities for each output: too many to be read as one formula."
                if plain_layers
                else "Layers that take a mean and a variance of their own make it too long to be read as one formula."
            )
            lines = [Equation(self.output(k), self.kept("a", top, k)) for k in range(min(chain.outputs, 1))]
            return Section("the network as one formula", tuple(lines), why)
        lines = [
            Equation(self.output(k), self._unfolded(top, k), self.output(k).value)
            for k in self._chosen(chain.outputs)
            if k is not None
        ]
        return Section("the network as one formula", tuple(lines))

    def _wires(self, l: int) -> int:
        """How many terms a unit of layer ``l`` adds up, for all units that an output of it looks at."""
        layer = self.model.chain.layers[l - 1]
        mixing = self.model.chain.units[l] if isinstance(activation_of(layer), RowActivation) else 1
        return mixing * (self.model.chain.units[l - 1] if isinstance(layer, Dense) else 1)

    def _unfolded(self, l: int, j: int) -> Expression:
        """``a_l[j]`` down to the inputs."""
        if l == 0:
            return self.below(1, j)
        if isinstance(self.model.chain.layers[l - 1], Dropout):
            return self._unfolded(l - 1, j)
        return self.activation(l, j, lambda k: self.net_input(l, k, lambda i: self._unfolded(l - 1, i)))

    def loss(self) -> Section:
        """A row's loss."""
        loss, outputs = self.model.chain.loss, self.model.chain.outputs
        constants = {name: Number(value) for name, value in loss.parameters.items()}
        y, t = ([Symbol(base, None, (k,)) for k in range(outputs)] for base in ("y", "t"))
        if isinstance(loss, ElementwiseLoss):
            terms = [from_formula(loss.formula, {**constants, "y": y[k], "t": t[k]}) for k in range(outputs)]
            whole = total(*reduce(add, map(_terms, shortened(terms, self.most))))
            if loss.reduction == "mean" and outputs > 1:
                whole = Quotient(whole, Number(float(outputs)))
        else:
            names = {**constants, "K": Number(float(outputs)), "y": tuple(y), "t": tuple(t)}
            whole = _shorter(from_formula(loss.formula, names), self.most)
        note = "E is the mean over rows of e; with weights w, the sum of w e over the sum of w."
        return Section(f"the loss of a row, {loss.name}", (Equation(Symbol("e"), whole),), note)


def functions(model: Model) -> tuple[Section, ...]:
    """The activations in use, by their formulas."""
    used: dict[str, Activation] = {}
    for layer in model.chain.layers:
        row = activation_of(layer)
        for one in row.rows if isinstance(row, UnitwiseActivation) else (row,):
            used.setdefault(one.name, one)
    lines = []
    for row in used.values():
        z = Symbol("z")
        if isinstance(row, ElementwiseActivation) and row is not IDENTITY:
            constants = {name: Number(value) for name, value in row.parameters.items()}
            own = from_formula(row.formula, {**constants, "z": z})
            if own != Call(row.name, (z,)):
                lines.append(Equation(Call(row.name, (z,)), own))
    return (Section("where", tuple(lines)),) if lines else ()


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


def unit_activation(layer: Layer, j: int) -> Activation:
    """The activation of one unit."""
    row = activation_of(layer)
    return row.rows[j] if isinstance(row, UnitwiseActivation) else row


def _note(layer: Layer) -> str:
    match layer:
        case Dense(mask=np.ndarray()):
            return "Weights where the mask is 0 do not exist and are left out."
        case Dropout():
            return "Outside training nothing is dropped; in training a kept activation is scaled by 1/(1 - rate)."
        case BatchNorm():
            return "Outside training: mean and variance are the running ones, kept from training."
    return ""


def _minus(left: Expression, right: Expression) -> Expression:
    return Sum((left, Product((Number(-1.0), right))))


def _bare(symbol: Symbol) -> Symbol:
    return Symbol(symbol.base, symbol.layer, (), symbol.value)


def _terms(expression: Expression) -> tuple[Expression, ...]:
    return expression.terms if isinstance(expression, Sum) else (expression,)


def _shorter(expression: Expression, most: int | None) -> Expression:
    """The middle of every long sum left out."""
    match expression:
        case Sum(terms):
            return Sum(tuple(_shorter(term, most) for term in shortened(terms, most)))
        case Product(factors):
            return Product(tuple(_shorter(factor, most) for factor in factors))
        case Quotient(top, bottom):
            return Quotient(_shorter(top, most), _shorter(bottom, most))
        case Call(name, arguments):
            return Call(name, tuple(_shorter(argument, most) for argument in arguments))
    return expression
