"""Each layer's formulas, unit by unit."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from chainrule.core.activations import IDENTITY, RowActivation
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Scale
from chainrule.explain.expression import (
    Call,
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
from chainrule.explain.quantities import Quantities, shortened, shorter
from chainrule.explain.row import unit_activation
from chainrule.explain.sheet import Equation

Seen = Callable[[int], Expression]
"""What stands for an activation below, or for a net input, by unit."""


class LayerFormula(NamedTuple):
    """One layer's formulas; ``q`` are the network's quantities.

    Attributes:
        net_input: ``(q, layer, l, j, seen)`` to ``z_l[j]``; None if it has no net inputs and passes on what it sees.
        shared: ``(q, l)`` to equations that all units share.
        unit: ``(q, layer, l, j)`` to equations of unit j before its net input.
        note: ``(layer)`` to what a reader should know.
        terms: ``(units below)`` to how many of them a net input adds up.
        unfolds: whether the formula can be put into that of the layer above without naming statistics.
    """

    net_input: Callable[..., Expression] | None
    shared: Callable[[Quantities, int], Iterator[Equation]] = lambda q, l: iter(())  # noqa: ARG005 - most have none
    unit: Callable[..., Iterator[Equation]] = lambda q, layer, l, j: iter(())  # noqa: ARG005 - most have none
    note: Callable[..., str] = lambda layer: ""  # noqa: ARG005 - most have none
    terms: Callable[[int], int] = lambda below: 1  # noqa: ARG005 - most look at one unit
    unfolds: bool = True


def unit_equations(q: Quantities, l: int, j: int) -> Iterator[Equation]:
    """The equations of one unit of layer ``l``."""
    layer = q.model.chain.layers[l - 1]
    formula = LAYER_FORMULAS[type(layer)]
    yield from formula.unit(q, layer, l, j)
    if formula.net_input is not None:
        yield equation(q.kept("z", l, j), formula.net_input(q, layer, l, j, lambda i: q.below(l, i)))
    yield equation(q.kept("a", l, j), activated(q, l, j, lambda i: q.kept("z", l, i)))


def unfolded(q: Quantities, l: int, j: int) -> Expression:
    """``a_l[j]`` down to the inputs."""
    if l == 0:
        return q.below(1, j)
    layer = q.model.chain.layers[l - 1]
    net_input = LAYER_FORMULAS[type(layer)].net_input
    if net_input is None:
        return unfolded(q, l - 1, j)
    return activated(q, l, j, lambda k: net_input(q, layer, l, k, lambda i: unfolded(q, l - 1, i)))


def activated(q: Quantities, l: int, j: int, net: Seen) -> Expression:
    """``a_l[j]``, from the layer's net inputs."""
    layer = q.model.chain.layers[l - 1]
    if LAYER_FORMULAS[type(layer)].net_input is None:
        return q.below(l, j)
    row = unit_activation(layer.activation, j)
    if row is IDENTITY:
        return net(j)
    if isinstance(row, RowActivation):
        units = q.model.chain.units[l]
        entries = tuple(net(i) for i in range(units))
        indices: dict[str, Expression] = {"k": Number(float(j)), "K": Number(float(units))}
        constants = {name: Number(value) for name, value in row.parameters.items()}
        return shorter(from_formula(row.formula, {**constants, **indices, "z": entries}), q.most)
    return Call(row.name, (net(j),))


def equation(quantity: Symbol, right: Expression) -> Equation:
    """A quantity's equation, with its value."""
    return Equation(quantity, right, quantity.value)


# -------------------------------------------------------------------------------- dense layers and dropout
def _dense(q: Quantities, layer: Dense, l: int, j: int, seen: Seen) -> Expression:
    wires = [i for i in range(q.model.chain.units[l - 1]) if layer.mask is None or layer.mask[i, j]]
    terms = list(shortened([product(q.parameter("W", l, i, j), seen(i)) for i in wires], q.most))
    if layer.bias is not None:
        terms.append(q.parameter("b", l, *((j,) if layer.bias == "per-unit" else ())))
    return total(*terms)


def _wiring(layer: Dense) -> str:
    return "" if layer.mask is None else "Weights where the mask is 0 do not exist and are left out."


def _dropping(layer: Dropout) -> str:
    del layer
    return "Outside training nothing is dropped; in training a kept activation is scaled by 1/(1 - rate)."


# -------------------------------------------------------------------------------- normalisations
def _scaled(q: Quantities, layer: LayerNorm | BatchNorm, l: int, j: int, seen: Seen) -> Expression:
    del layer, seen
    return total(product(q.parameter("gamma", l, j), q.kept("xhat", l, j)), q.parameter("beta", l, j))


def _row_statistics(q: Quantities, l: int) -> Iterator[Equation]:
    """A row's mean and variance over the units of layer normalisation."""
    units = q.model.chain.units[l]
    mean = q.kept("mean", l)
    seen = [q.below(l, i) for i in range(units)]
    squares = [Power(_minus(a, _bare(mean)), Number(2.0)) for a in seen]
    whole = Number(float(units))
    yield equation(_bare(mean), Quotient(total(*shortened(seen, q.most)), whole))
    yield equation(_bare(q.kept("variance", l)), Quotient(total(*shortened(squares, q.most)), whole))


def _by_the_row(q: Quantities, layer: LayerNorm, l: int, j: int) -> Iterator[Equation]:
    yield _standardised(q, layer, l, j, ())


def _by_the_unit(q: Quantities, layer: BatchNorm, l: int, j: int) -> Iterator[Equation]:
    yield _standardised(q, layer, l, j, (j,))


def _standardised(q: Quantities, layer: LayerNorm | BatchNorm, l: int, j: int, index: tuple[int, ...]) -> Equation:
    """``(a - mean)/sqrt(variance + epsilon)``."""
    mean, variance = (q.kept(key, l, *index) for key in ("mean", "variance"))
    root = Call("sqrt", (total(variance, Number(layer.epsilon)),))
    return equation(q.kept("xhat", l, j), Quotient(_minus(q.below(l, j), mean), root))


def _running(layer: BatchNorm) -> str:
    del layer
    return "Outside training: mean and variance are the running ones, kept from training."


def _minus(left: Expression, right: Expression) -> Expression:
    return Sum((left, Product((Number(-1.0), right))))


def _bare(symbol: Symbol) -> Symbol:
    return Symbol(symbol.base, symbol.layer, (), symbol.value)


# -------------------------------------------------------------------------------- scaling
def _scale(q: Quantities, layer: Scale, l: int, j: int, seen: Seen) -> Expression:
    del layer
    return product(q.parameter("gamma", l, j), seen(j))


LAYER_FORMULAS: Mapping[type[Layer], LayerFormula] = {
    Dense: LayerFormula(_dense, note=_wiring, terms=lambda below: below),
    Dropout: LayerFormula(None, note=_dropping),
    LayerNorm: LayerFormula(_scaled, shared=_row_statistics, unit=_by_the_row, unfolds=False),
    BatchNorm: LayerFormula(_scaled, unit=_by_the_unit, note=_running, unfolds=False),
    Scale: LayerFormula(_scale),
}
"""By layer; of a layer that is not here a formula says only that it is there."""
