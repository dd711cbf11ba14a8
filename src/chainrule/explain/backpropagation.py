"""The backpropagation equations of one architecture in matrix form, with shapes, as a lecture writes them.

Values go up, the loss is taken, deltas come down, gradients are read off, parameters are updated. ``*`` multiplies
entry by entry (``⊙`` in LaTeX and HTML), two matrices side by side are multiplied as matrices.
"""

from collections.abc import Iterator

import numpy as np

from chainrule.core.activations import IDENTITY, Activation, ElementwiseActivation, RowActivation
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm
from chainrule.core.losses import ElementwiseLoss
from chainrule.core.model import Model
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
    Slope,
    Sum,
    Symbol,
    Transposed,
    from_formula,
    total,
)
from chainrule.explain.fusion import fused
from chainrule.explain.row import activation_of
from chainrule.explain.sheet import Equation, Section, Sheet

_MINUS = Number(-1.0)
_E = Symbol("E")


def backpropagation(model: Model) -> Sheet:
    """Forward, loss, deltas, gradients, update: the equations of this network for a batch of N rows."""
    chain = model.chain
    units = " - ".join(map(str, chain.units))
    sections = (
        Section("forward", tuple(line for l in _up(model) for line in _forward(model, l)), _NOTATION),
        Section(f"loss, {chain.loss.name}", tuple(_loss(model)), _ROWS),
        Section("deltas, from the last layer down", tuple(line for l in _down(model) for line in _delta(model, l))),
        Section("gradients", tuple(line for l in _down(model) for line in _gradients(model, l))),
        Section("update, by gradient descent with the learning rate eta", tuple(_update(model))),
    )
    last = fused(model)
    whole = (*sections[:3], last, *sections[3:]) if last else sections
    return Sheet("backpropagation", f"backpropagation through a network of {units} units, N rows at once", whole)


_NOTATION = (
    "One row of x for each row of the batch. Two matrices side by side are multiplied as matrices; a ringed dot "
    "(* in text) multiplies, and a fraction or a power acts, entry by entry; a bias is added to every row."
)
_ROWS = (
    "E is the mean of the rows' losses; where rows have weights, their share of all weights stands in the place of 1/N."
)


def _up(model: Model) -> range:
    return range(1, len(model.chain.layers) + 1)


def _down(model: Model) -> range:
    return range(len(model.chain.layers), 0, -1)


def _shape(model: Model, l: int) -> tuple[str, ...]:
    return "N", str(model.chain.units[l])


def _a(l: int) -> Symbol:
    return Symbol("a", l) if l else Symbol("x")


def _minus(left: Expression, right: Expression) -> Sum:
    return Sum((left, Product((_MINUS, right))))


def hadamard(expression: Expression) -> Expression:  # noqa: PLR0911 - one case a kind
    """A formula of numbers as one of arrays: factors that are arrays are multiplied entry by entry.

    Example:
        >>> a = Symbol("a", 1)
        >>> hadamard(Product((a, Sum((Number(1.0), a)))))
        Hadamard(factors=(Symbol(base='a', layer=1, index=(), value=None), Sum(...)))
    """
    match expression:
        case Product(factors):
            told = tuple(hadamard(factor) for factor in factors)
            arrays = tuple(factor for factor in told if not isinstance(factor, Number))
            numbers = tuple(factor for factor in told if isinstance(factor, Number))
            if len(arrays) < 2:
                return Product(told)
            return Product((*numbers, Hadamard(arrays))) if numbers else Hadamard(arrays)
        case Sum(terms):
            return Sum(tuple(hadamard(term) for term in terms))
        case Quotient(top, bottom):
            return Quotient(hadamard(top), hadamard(bottom))
        case Power(base, exponent):
            return Power(hadamard(base), exponent)
        case Call(name, arguments):
            return Call(name, tuple(hadamard(argument) for argument in arguments))
        case Over(kind, axis, of):
            return Over(kind, axis, hadamard(of))
    return expression


# -------------------------------------------------------------------------------- values go up
def _forward(model: Model, l: int) -> Iterator[Equation]:
    layer, shape = model.chain.layers[l - 1], _shape(model, l)
    below, z, a = _a(l - 1), Symbol("z", l), Symbol("a", l)
    match layer:
        case Dense():
            terms: list[Expression] = [Product((below, _wired(layer, l)))]
            if layer.bias is not None:
                terms.append(Symbol("b", l))
            yield Equation(z, total(*terms), shape=shape, note=_wiring(layer, l))
        case Dropout():
            mask = Symbol("mask", l)
            note = f"mask{l}: 0 with probability {layer.rate:g}, else 1/(1 - {layer.rate:g}); 1 outside training"
            yield Equation(a, Hadamard((below, mask)), shape=shape, note=note)
            return
        case LayerNorm() | BatchNorm():
            yield from _standardised(layer, l, shape)
            product = Hadamard((Symbol("gamma", l), Symbol("xhat", l)))
            yield Equation(z, Sum((product, Symbol("beta", l))), shape=shape)
        case _:
            yield Equation(a, Call(type(layer).__name__, (below,)), shape=shape, note="a layer of your own")
            return
    row = activation_of(layer)
    yield Equation(a, z if row is IDENTITY else Call(row.name, (z,)), shape=shape, note=_by_unit(row))


def _wired(layer: Dense, l: int) -> Expression:
    weights = Symbol("W", l)
    return weights if layer.mask is None else Hadamard((weights, Symbol("mask", l)))


def _wiring(layer: Dense, l: int) -> str:
    told = []
    if layer.mask is not None:
        told.append(f"mask{l} is 0 where a weight does not exist")
    if layer.bias == "shared":
        told.append(f"b{l} is one number, shared by all units")
    return "; ".join(told)


def _by_unit(row: Activation) -> str:
    return row.formula if row.name == "unitwise" else ""


def _standardised(layer: LayerNorm | BatchNorm, l: int, shape: tuple[str, ...]) -> Iterator[Equation]:
    below, mean, variance = _a(l - 1), Symbol("mean", l), Symbol("variance", l)
    over, kept = layer.axis_name, (shape[0], "1") if layer.axis else ("1", shape[1])
    note = "in training; outside it, the running one" if isinstance(layer, BatchNorm) else ""
    yield Equation(mean, Over("mean", over, below), shape=kept, note=note)
    yield Equation(variance, Over("mean", over, Power(_minus(below, mean), Number(2.0))), shape=kept, note=note)
    yield Equation(Symbol("s", l), Call("sqrt", (Sum((variance, Number(layer.epsilon))),)), shape=kept)
    yield Equation(Symbol("xhat", l), Quotient(_minus(below, mean), Symbol("s", l)), shape=shape)


# -------------------------------------------------------------------------------- the loss
def _loss(model: Model) -> Iterator[Equation]:
    loss, top = model.chain.loss, len(model.chain.layers)
    y, t, rows = Symbol("y"), Symbol("t"), Symbol("N")
    constants = {name: Number(value) for name, value in loss.parameters.items()}
    yield Equation(y, _a(top), shape=_shape(model, top))
    outputs = Number(float(model.chain.outputs))
    whole = hadamard(from_formula(loss.formula, {**constants, "y": y, "t": t}))
    scale: Expression = rows
    if isinstance(loss, ElementwiseLoss):
        whole = Over(loss.reduction, "outputs", whole)
        slope = hadamard(from_formula(loss.derivative_formula, {**constants, "y": y, "t": t}))
        if loss.reduction == "mean" and outputs.value > 1:
            scale = Product((outputs, rows))
    else:
        slope = _minus(Call("softmax", (y,)), t) if loss.link == "softmax" else Partial(Symbol("e"), y)
    yield Equation(Symbol("e"), whole, shape=("N",))
    yield Equation(_E, Over("mean", "rows", Symbol("e")))
    note = "where each row's targets add up to 1" if loss.link == "softmax" else ""
    yield Equation(Partial(_E, y), Quotient(slope, scale), shape=_shape(model, top), note=note)


# -------------------------------------------------------------------------------- deltas come down
def _delta(model: Model, l: int) -> Iterator[Equation]:
    """``dE/da`` of a layer from the one above, and its delta."""
    layer, shape, top = model.chain.layers[l - 1], _shape(model, l), len(model.chain.layers)
    da: Expression = Partial(_E, Symbol("y") if l == top else Symbol("a", l))
    if l < top:
        above = model.chain.layers[l]
        if isinstance(above, Dense):
            da = _through_dense(above, l + 1)
            if isinstance(layer, Dropout):
                yield Equation(Partial(_E, Symbol("a", l)), da, shape=shape)
        else:
            yield from _through(above, l, shape)
    if isinstance(layer, Dropout) or not isinstance(layer, Dense | LayerNorm | BatchNorm):
        return
    delta, z, row = Symbol("delta", l), Symbol("z", l), activation_of(layer)
    if isinstance(row, RowActivation):
        yield from _mixing(row, l, da, shape)
        return
    yield Equation(delta, da if row is IDENTITY else Hadamard((da, Slope(row.name, z))), shape=shape)
    if isinstance(row, ElementwiseActivation) and row is not IDENTITY:
        yield _slope(row, l, shape)


def _slope(row: ElementwiseActivation, l: int, shape: tuple[str, ...]) -> Equation:
    """``phi'(z)`` written out."""
    constants = {name: Number(value) for name, value in row.parameters.items()}
    names = {**constants, "z": Symbol("z", l), "a": Symbol("a", l)}
    kinks = f"at its kink it is taken as {_at_kink(row)}" if row.kinks else ""
    return Equation(
        Slope(row.name, Symbol("z", l)), hadamard(from_formula(row.derivative_formula, names)), shape=shape, note=kinks
    )


def _at_kink(row: ElementwiseActivation) -> str:
    return ", ".join(dict.fromkeys(f"{float(row.derivative(np.array([[kink]]))[0, 0]):g}" for kink in row.kinks))


def _through_dense(above: Dense, l: int) -> Expression:
    """``delta W^T``: what comes down through the weights of layer ``l``."""
    weights = Transposed(Symbol("W", l))
    if above.mask is None:
        return Product((Symbol("delta", l), weights))
    return Product((Symbol("delta", l), Hadamard((weights, Transposed(Symbol("mask", l))))))


def _through(above: Layer, l: int, shape: tuple[str, ...]) -> Iterator[Equation]:
    """``dE/da_l`` through a layer above that is not Dense."""
    da, u = Partial(_E, Symbol("a", l)), l + 1
    if isinstance(above, Dropout):
        yield Equation(da, Hadamard((Partial(_E, Symbol("a", u)), Symbol("mask", u))), shape=shape)
    elif isinstance(above, LayerNorm | BatchNorm):
        g, xhat, over = Symbol("g", u), Symbol("xhat", u), above.axis_name
        yield Equation(g, Hadamard((Symbol("delta", u), Symbol("gamma", u))), shape=shape)
        back = Hadamard((xhat, Over("mean", over, Hadamard((xhat, g)))))
        inner = Sum((g, Product((_MINUS, Over("mean", over, g))), Product((_MINUS, back))))
        note = f"mean and variance depend on all {over}, hence the two means"
        yield Equation(da, Quotient(inner, Symbol("s", u)), shape=shape, note=note)
    else:
        own = Call(f"{type(above).__name__}.backward", (Partial(_E, Symbol("a", u)),))
        yield Equation(da, own, shape=shape, note="a layer of your own")


def _mixing(row: RowActivation, l: int, da: Expression, shape: tuple[str, ...]) -> Iterator[Equation]:
    """The delta of softmax, whose outputs each depend on all net inputs of the row."""
    delta, a = Symbol("delta", l), Symbol("a", l)
    if row.name != "softmax":
        jacobian = Partial(a, Symbol("z", l))
        yield Equation(delta, Product((da, jacobian)), shape=shape, note="row by row, with the row's Jacobian matrix")
        return
    inner = Over("sum", "units", Hadamard((da, a)))
    note = "each row's Jacobian is diag(a) - a a^T, as each output depends on all net inputs"
    yield Equation(delta, Hadamard((a, _minus(da, inner))), shape=shape, note=note)


# -------------------------------------------------------------------------------- gradients and update
def _gradients(model: Model, l: int) -> Iterator[Equation]:
    layer, delta = model.chain.layers[l - 1], Symbol("delta", l)
    shapes = {slot.key: tuple(map(str, slot.shape)) for slot in model.chain.slots if slot.layer == l}
    rights: dict[str, Expression] = {}
    match layer:
        case Dense():
            whole: Expression = Product((Transposed(_a(l - 1)), delta))
            rights["W"] = whole if layer.mask is None else Hadamard((whole, Symbol("mask", l)))
            rights["b"] = Over("sum", "rows" if layer.bias == "per-unit" else "rows and units", delta)
        case LayerNorm() | BatchNorm():
            rights["gamma"] = Over("sum", "rows", Hadamard((delta, Symbol("xhat", l))))
            rights["beta"] = Over("sum", "rows", delta)
    for key, shape in shapes.items():
        if key in rights:
            yield Equation(Partial(_E, Symbol(key, l)), rights[key], shape=shape or None)


def _update(model: Model) -> Iterator[Equation]:
    for slot in model.chain.slots:
        symbol = Symbol(slot.key, slot.layer)
        step = Product((_MINUS, Symbol("eta"), Partial(_E, symbol)))
        trained = model.chain.layers[slot.layer - 1].trainable
        note = "" if trained else "this layer is not trained: it stays as it is"
        yield Equation(Call("new", (symbol,)), Sum((symbol, step)) if trained else symbol, note=note)
