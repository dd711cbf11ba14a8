"""Each layer's backpropagation equations in matrix form: forward, ``dE/da`` of the layer below, gradients."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from chainrule.core.activations import IDENTITY
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Scale
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.explain.expression import (
    Call,
    Expression,
    Hadamard,
    Number,
    Over,
    Partial,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    Transposed,
    total,
)
from chainrule.explain.sheet import Equation

MINUS = Number(-1.0)
E = Symbol("E")

Shape = tuple[str, ...]


class LayerEquations(NamedTuple):
    """One layer's equations.

    Attributes:
        forward: ``(layer, l, shape)`` to the equations from ``a_{l-1}`` to ``a_l``; ``shape`` is that of ``a_l``.
        down: ``(layer, l, shape)`` to those of ``dE/da_{l-1}``, which comes last; ``shape`` is that of ``a_{l-1}``.
        gradients: ``(layer, l)`` to the gradient of each parameter, by name.
        has_delta: whether it has net inputs of its own, and so a delta.
        is_short: whether ``dE/da_{l-1}`` is short enough to stand in the equation of the delta below.
    """

    forward: Callable[..., Iterator[Equation]]
    down: Callable[..., Iterator[Equation]]
    gradients: Callable[..., dict[str, Expression]]
    has_delta: bool = True
    is_short: bool = False


def equations_of(layer: Layer) -> LayerEquations:
    """The layer's equations; a user-defined layer is named and no more."""
    return LAYER_EQUATIONS.get(type(layer), _OWN)


def a_of(l: int) -> Symbol:
    """``a_l``; ``x`` for the inputs."""
    return Symbol("a", l) if l else Symbol("x")


def minus(left: Expression, right: Expression) -> Sum:
    """``left - right``."""
    return Sum((left, Product((MINUS, right))))


def _activated(layer: Layer, l: int, shape: Shape) -> Equation:
    z, row = Symbol("z", l), layer.activation
    note = row.formula if isinstance(row, UnitwiseActivation) else ""
    return Equation(Symbol("a", l), z if row is IDENTITY else Call(row.name, (z,)), shape=shape, note=note)


# -------------------------------------------------------------------------------- dense layers
def _dense_forward(layer: Dense, l: int, shape: Shape) -> Iterator[Equation]:
    weights = Symbol("W", l)
    wired = weights if layer.mask is None else Hadamard((weights, Symbol("mask", l)))
    terms: list[Expression] = [Product((a_of(l - 1), wired))]
    if layer.bias is not None:
        terms.append(Symbol("b", l))
    yield Equation(Symbol("z", l), total(*terms), shape=shape, note=_wiring(layer, l))
    yield _activated(layer, l, shape)


def _wiring(layer: Dense, l: int) -> str:
    notes = []
    if layer.mask is not None:
        notes.append(f"mask{l} is 0 where a weight does not exist")
    if layer.bias == "shared":
        notes.append(f"b{l} is one number, shared by all units")
    return "; ".join(notes)


def _dense_down(layer: Dense, l: int, shape: Shape) -> Iterator[Equation]:
    """``delta W^T``."""
    weights: Expression = Transposed(Symbol("W", l))
    if layer.mask is not None:
        weights = Hadamard((weights, Transposed(Symbol("mask", l))))
    yield Equation(Partial(E, Symbol("a", l - 1)), Product((Symbol("delta", l), weights)), shape=shape)


def _dense_gradients(layer: Dense, l: int) -> dict[str, Expression]:
    delta = Symbol("delta", l)
    whole: Expression = Product((Transposed(a_of(l - 1)), delta))
    return {
        "W": whole if layer.mask is None else Hadamard((whole, Symbol("mask", l))),
        "b": Over("sum", "rows" if layer.bias == "per-unit" else "rows and units", delta),
    }


# -------------------------------------------------------------------------------- dropout
def _dropout_forward(layer: Dropout, l: int, shape: Shape) -> Iterator[Equation]:
    note = f"mask{l}: 0 with probability {layer.rate:g}, else 1/(1 - {layer.rate:g}); 1 outside training"
    yield Equation(Symbol("a", l), Hadamard((a_of(l - 1), Symbol("mask", l))), shape=shape, note=note)


def _dropout_down(layer: Dropout, l: int, shape: Shape) -> Iterator[Equation]:
    del layer
    right = Hadamard((Partial(E, Symbol("a", l)), Symbol("mask", l)))
    yield Equation(Partial(E, Symbol("a", l - 1)), right, shape=shape)


def _no_gradients(layer: Layer, l: int) -> dict[str, Expression]:
    del layer, l
    return {}


# -------------------------------------------------------------------------------- normalisations
def _layer_norm_forward(layer: LayerNorm, l: int, shape: Shape) -> Iterator[Equation]:
    return _standardised(layer, l, shape, (shape[0], "1"), "")


def _batch_norm_forward(layer: BatchNorm, l: int, shape: Shape) -> Iterator[Equation]:
    return _standardised(layer, l, shape, ("1", shape[1]), "in training; outside it, the running one")


def _standardised(layer: LayerNorm | BatchNorm, l: int, shape: Shape, kept: Shape, note: str) -> Iterator[Equation]:
    below, mean, variance = a_of(l - 1), Symbol("mean", l), Symbol("variance", l)
    over = layer.axis_name
    yield Equation(mean, Over("mean", over, below), shape=kept, note=note)
    yield Equation(variance, Over("mean", over, Power(minus(below, mean), Number(2.0))), shape=kept, note=note)
    yield Equation(Symbol("s", l), Call("sqrt", (Sum((variance, Number(layer.epsilon))),)), shape=kept)
    yield Equation(Symbol("xhat", l), Quotient(minus(below, mean), Symbol("s", l)), shape=shape)
    product = Hadamard((Symbol("gamma", l), Symbol("xhat", l)))
    yield Equation(Symbol("z", l), Sum((product, Symbol("beta", l))), shape=shape)
    yield _activated(layer, l, shape)


def _standardised_down(layer: LayerNorm | BatchNorm, l: int, shape: Shape) -> Iterator[Equation]:
    g, xhat, over = Symbol("g", l), Symbol("xhat", l), layer.axis_name
    yield Equation(g, Hadamard((Symbol("delta", l), Symbol("gamma", l))), shape=shape)
    back = Hadamard((xhat, Over("mean", over, Hadamard((xhat, g)))))
    inner = Sum((g, Product((MINUS, Over("mean", over, g))), Product((MINUS, back))))
    note = f"mean and variance depend on all {over}, hence the two means"
    yield Equation(Partial(E, Symbol("a", l - 1)), Quotient(inner, Symbol("s", l)), shape=shape, note=note)


def _standardised_gradients(layer: LayerNorm | BatchNorm, l: int) -> dict[str, Expression]:
    del layer
    delta = Symbol("delta", l)
    return {"gamma": Over("sum", "rows", Hadamard((delta, Symbol("xhat", l)))), "beta": Over("sum", "rows", delta)}


# -------------------------------------------------------------------------------- scaling
def _scale_forward(layer: Scale, l: int, shape: Shape) -> Iterator[Equation]:
    yield Equation(Symbol("z", l), Hadamard((Symbol("gamma", l), a_of(l - 1))), shape=shape)
    yield _activated(layer, l, shape)


def _scale_down(layer: Scale, l: int, shape: Shape) -> Iterator[Equation]:
    del layer
    yield Equation(Partial(E, Symbol("a", l - 1)), Hadamard((Symbol("gamma", l), Symbol("delta", l))), shape=shape)


def _scale_gradients(layer: Scale, l: int) -> dict[str, Expression]:
    del layer
    return {"gamma": Over("sum", "rows", Hadamard((Symbol("delta", l), a_of(l - 1))))}


# -------------------------------------------------------------------------------- user-defined layers
def _own_forward(layer: Layer, l: int, shape: Shape) -> Iterator[Equation]:
    whole = Call(type(layer).__name__, (a_of(l - 1),))
    yield Equation(Symbol("a", l), whole, shape=shape, note="a layer of your own")


def _own_down(layer: Layer, l: int, shape: Shape) -> Iterator[Equation]:
    own = Call(f"{type(layer).__name__}.backward", (Partial(E, Symbol("a", l)),))
    yield Equation(Partial(E, Symbol("a", l - 1)), own, shape=shape, note="a layer of your own")


_OWN = LayerEquations(_own_forward, _own_down, _no_gradients, has_delta=False)

LAYER_EQUATIONS: Mapping[type[Layer], LayerEquations] = {
    Dense: LayerEquations(_dense_forward, _dense_down, _dense_gradients, is_short=True),
    Dropout: LayerEquations(_dropout_forward, _dropout_down, _no_gradients, has_delta=False),
    LayerNorm: LayerEquations(_layer_norm_forward, _standardised_down, _standardised_gradients),
    BatchNorm: LayerEquations(_batch_norm_forward, _standardised_down, _standardised_gradients),
    Scale: LayerEquations(_scale_forward, _scale_down, _scale_gradients, is_short=True),
}
"""By layer."""
