"""The backpropagation equations of one architecture in matrix form, with shapes, as a lecture writes them.

Forward pass, loss, deltas from the top layer down, gradients, update of the parameters. ``*`` multiplies
entry by entry (``⊙`` in LaTeX and HTML), two matrices side by side are multiplied as matrices.
"""

from collections.abc import Iterator

import numpy as np

from chainrule.core.activations import IDENTITY, SOFTMAX, ElementwiseActivation, RowActivation
from chainrule.core.builtin import computes_like
from chainrule.core.losses import CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS, ElementwiseLoss
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
    from_formula,
)
from chainrule.explain.fusion import fused
from chainrule.explain.layer_equations import MINUS, E, a_of, equations_of, minus
from chainrule.explain.sheet import Equation, Section, Sheet


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


def hadamard(expression: Expression) -> Expression:  # noqa: PLR0911 - one case a kind
    """A formula of numbers as one of arrays: factors that are arrays are multiplied entry by entry.

    Example:
        >>> a = Symbol("a", 1)
        >>> hadamard(Product((a, Sum((Number(1.0), a)))))
        Hadamard(factors=(Symbol(base='a', layer=1, index=(), value=None), Sum(...)))
    """
    match expression:
        case Product(factors):
            shown = tuple(hadamard(factor) for factor in factors)
            arrays = tuple(factor for factor in shown if not isinstance(factor, Number))
            numbers = tuple(factor for factor in shown if isinstance(factor, Number))
            if len(arrays) < 2:
                return Product(shown)
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
    layer = model.chain.layers[l - 1]
    return equations_of(layer).forward(layer, l, _shape(model, l))


# -------------------------------------------------------------------------------- the loss
def _loss(model: Model) -> Iterator[Equation]:
    loss, top = model.chain.loss, len(model.chain.layers)
    y, t, rows = Symbol("y"), Symbol("t"), Symbol("N")
    constants = {name: Number(value) for name, value in loss.parameters.items()}
    yield Equation(y, a_of(top), shape=_shape(model, top))
    outputs = Number(float(model.chain.outputs))
    whole = hadamard(from_formula(loss.formula, {**constants, "y": y, "t": t}))
    scale: Expression = rows
    note = ""
    if isinstance(loss, ElementwiseLoss):
        whole = Over(loss.reduction, "outputs", whole)
        slope = hadamard(from_formula(loss.derivative_formula, {**constants, "y": y, "t": t}))
        if loss.reduction == "mean" and outputs.value > 1:
            scale = Product((outputs, rows))
    else:
        is_softmax = computes_like(loss, CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS)
        slope = minus(Call("softmax", (y,)), t) if is_softmax else Partial(Symbol("e"), y)
        note = "where each row's targets add up to 1" if is_softmax else ""
    yield Equation(Symbol("e"), whole, shape=("N",))
    yield Equation(E, Over("mean", "rows", Symbol("e")))
    yield Equation(Partial(E, y), Quotient(slope, scale), shape=_shape(model, top), note=note)


# -------------------------------------------------------------------------------- deltas come down
def _delta(model: Model, l: int) -> Iterator[Equation]:
    """``dE/da`` of a layer from the one above, and its delta."""
    layer, shape, top = model.chain.layers[l - 1], _shape(model, l), len(model.chain.layers)
    has_delta = equations_of(layer).has_delta
    da: Expression = Partial(E, Symbol("y") if l == top else Symbol("a", l))
    if l < top:
        above = model.chain.layers[l]
        through = equations_of(above)
        lines = [*through.down(above, l + 1, shape)]
        if through.is_short and has_delta:
            da = lines[-1].right
        else:
            yield from lines
    if not has_delta:
        return
    delta, z, row = Symbol("delta", l), Symbol("z", l), layer.activation
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


def _mixing(row: RowActivation, l: int, da: Expression, shape: tuple[str, ...]) -> Iterator[Equation]:
    """The delta of softmax, whose outputs each depend on all net inputs of the row."""
    delta, a = Symbol("delta", l), Symbol("a", l)
    if not computes_like(row, SOFTMAX):
        jacobian = Partial(a, Symbol("z", l))
        yield Equation(delta, Product((da, jacobian)), shape=shape, note="row by row, with the row's Jacobian matrix")
        return
    inner = Over("sum", "units", Hadamard((da, a)))
    note = "each row's Jacobian is diag(a) - a a^T, as each output depends on all net inputs"
    yield Equation(delta, Hadamard((a, minus(da, inner))), shape=shape, note=note)


# -------------------------------------------------------------------------------- gradients and update
def _gradients(model: Model, l: int) -> Iterator[Equation]:
    layer = model.chain.layers[l - 1]
    rights = equations_of(layer).gradients(layer, l)
    for slot in model.chain.slots:
        if slot.layer == l and slot.key in rights:
            yield Equation(Partial(E, Symbol(slot.key, l)), rights[slot.key], shape=tuple(map(str, slot.shape)) or None)


def _update(model: Model) -> Iterator[Equation]:
    for slot in model.chain.slots:
        symbol = Symbol(slot.key, slot.layer)
        step = Product((MINUS, Symbol("eta"), Partial(E, symbol)))
        trained = model.chain.layers[slot.layer - 1].trainable
        note = "" if trained else "this layer is not trained: it stays as it is"
        yield Equation(Call("new", (symbol,)), Sum((symbol, step)) if trained else symbol, note=note)
