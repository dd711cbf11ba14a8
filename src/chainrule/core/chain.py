"""Layers in sequence, as pure functions: forward pass, backward pass, and the derivatives of both (second order).

A ``Chain`` is a declaration; the functions here take it together with parameters and arrays and change neither. The
loss of a batch is ``E = sum_n w_n e_n / sum_n w_n``: the mean over rows, unless rows have weights ``w_n``; a row whose
targets are all missing (NaN) counts as absent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import Back, Layer, Record, Run
from chainrule.core.layers.checks import all_finite
from chainrule.core.losses import Loss
from chainrule.core.parameters import Parameters, Slot
from chainrule.errors import InputError


@dataclass(frozen=True, eq=False)
class Chain:
    """What a network is made of, without a single number that training changes.

    Attributes:
        inputs: how many numbers a row has.
        layers: from the first to the last.
        loss: what the outputs are compared by.
        dtype: float64 or float32.
        units: activations by layer, ``units[0] = inputs``.
        slots: where each parameter lies in the flat vector.
    """

    inputs: int
    layers: tuple[Layer, ...]
    loss: Loss
    dtype: np.dtype[Any]
    units: tuple[int, ...]
    slots: tuple[Slot, ...]

    @property
    def outputs(self) -> int:
        """How many outputs a row gets."""
        return self.units[-1]

    @property
    def size(self) -> int:
        """How many parameters there are."""
        return self.slots[-1].stop if self.slots else 0


def build(inputs: int, layers: Sequence[Layer], loss: Loss, dtype: np.dtype[Any]) -> Chain:
    """Each layer set on the one below, its parameters given places in the flat vector."""
    units = [inputs]
    slots: list[Slot] = []
    for l, layer in enumerate(layers, start=1):
        for key, shape in layer.parameter_shapes(units[-1]).items():
            start = slots[-1].stop if slots else 0
            slots.append(Slot(f"{key}{l}", l, key, shape, start, start + int(np.prod(shape))))
        try:
            units.append(layer.units_out(units[-1]))
        except InputError as error:
            raise InputError(f"layer {l}: {error}") from None
    return Chain(inputs, tuple(layers), loss, dtype, tuple(units), tuple(slots))


def initial_parameters(chain: Chain, rng: np.random.Generator) -> Parameters:
    """Parameters drawn layer by layer."""
    parameters = Parameters(chain.slots, np.zeros(chain.size, chain.dtype))
    for l, layer in enumerate(chain.layers, start=1):
        drawn = layer.initial_parameters(chain.units[l - 1], rng, chain.dtype)
        for key, view in parameters.of_layer(l).items():
            view[...] = drawn[key]
    return parameters


def initial_state(chain: Chain) -> tuple[Record, ...]:
    """What each layer keeps besides parameters (running statistics), before training."""
    return tuple(
        layer.initial_state(below, chain.dtype) for layer, below in zip(chain.layers, chain.units, strict=False)
    )


def next_state(chain: Chain, state: Sequence[Record], records: Sequence[Record]) -> tuple[Record, ...]:
    """The state after a training pass."""
    return tuple(layer.next_state(s, r) for layer, s, r in zip(chain.layers, state, records, strict=True))


def free_entries(chain: Chain) -> Array:
    """Which numbers of the flat vector training may change: not masked, not of an untrainable layer."""
    return np.concatenate(
        [chain.layers[s.layer - 1].free(s.key, s.shape).ravel() for s in chain.slots] or [np.array([], bool)]
    )


def decayed_entries(chain: Chain) -> Array:
    """Which numbers of the flat vector L1, L2 and weight decay act on: weights, not biases, gammas and betas."""
    return np.concatenate(
        [np.full(s.stop - s.start, s.key in chain.layers[s.layer - 1].decayed) for s in chain.slots]
        or [np.array([], bool)]
    )


# -------------------------------------------------------------------------------- values go up
def forward(chain: Chain, parameters: Parameters, x: Array, run: Run) -> list[Record]:
    """The record of each layer; the last one's ``a`` are the outputs."""
    records: list[Record] = []
    a = x
    for l, (layer, state) in enumerate(zip(chain.layers, run.state, strict=True), start=1):
        records.append(layer.forward(parameters.of_layer(l), a, state, run))
        a = records[-1]["a"]
    return records


def predict(chain: Chain, parameters: Parameters, x: Array, state: Sequence[Record]) -> Array:
    """The outputs (N, outputs) outside training.

    Raises:
        InputError: an output is not finite: numbers grew too large on the way.
    """
    with np.errstate(all="ignore"):  # overflow is looked for in the outputs, where the row can be named
        y = forward(chain, parameters, x, Run(state=tuple(state)))[-1]["a"]
    check_outputs(y)
    return y


def check_outputs(y: Array) -> None:
    """Refuse outputs that are not finite, and name the row."""
    if not all_finite(y):
        n = int(np.flatnonzero(~np.isfinite(y).all(axis=1))[0])
        raise InputError(
            f"the outputs of row {n} are not finite: the inputs, or the parameters, are too large for "
            f"{y.dtype.name}. Scale the inputs, or train with a smaller learning rate."
        )


def row_shares(t: Array, weights: Array | None) -> Array | None:
    """How much of E each row makes up: ``w_n / sum_n w_n``; None where all rows count alike."""
    missing = np.isnan(t).all(axis=1)
    if weights is None and not missing.any():
        return None
    w = np.where(missing, 0.0, 1.0 if weights is None else weights).astype(t.dtype)
    total = w.sum()
    return w / total if total > 0 else w


def batch_loss(chain: Chain, y: Array, t: Array, weights: Array | None = None) -> float:
    """``E``, the (weighted) mean of the rows' losses; 0 where no row counts."""
    rows = chain.loss.value(y, t)
    shares = row_shares(t, weights)
    return float(rows.mean() if shares is None else (shares * rows).sum())


# -------------------------------------------------------------------------------- deltas come down
def _share_out(by_row: Array, t: Array, weights: Array | None) -> Array:
    """The derivative of E from that of each row's loss."""
    shares = row_shares(t, weights)
    return by_row / by_row.dtype.type(len(t)) if shares is None else by_row * shares[:, None]


def output_derivative(chain: Chain, y: Array, t: Array, weights: Array | None = None) -> Array:
    """``dE/dy``, where backpropagation begins."""
    return _share_out(chain.loss.derivative(y, t), t, weights)


def backward(chain: Chain, parameters: Parameters, records: Sequence[Record], dy: Array) -> list[Back]:
    """Each layer's delta, gradients and ``dE/da`` below, from ``dy = dE/dy``; listed from the first layer up."""
    backs: list[Back] = []
    da = dy
    for l in range(len(chain.layers), 0, -1):
        backs.append(chain.layers[l - 1].backward(parameters.of_layer(l), records[l - 1], da))
        da = backs[-1].da_in
    return backs[::-1]


def gather(chain: Chain, by_layer: Sequence[Record]) -> Array:
    """Gradients by layer, laid out as one flat vector."""
    vector = np.empty(chain.size, chain.dtype)
    for slot in chain.slots:
        slot.view(vector)[...] = by_layer[slot.layer - 1][slot.key]
    return vector


@dataclass(frozen=True)
class Pass:
    """One forward and backward pass: what every other room reads.

    Attributes:
        records: by layer, what the forward pass kept.
        loss: E.
        dy: ``dE/dy``.
        backs: by layer, what the backward pass gave.
        gradient: all gradients as one flat vector.
    """

    records: list[Record]
    loss: float
    dy: Array
    backs: list[Back]
    gradient: Array


def forward_backward(
    chain: Chain, parameters: Parameters, x: Array, t: Array, run: Run, weights: Array | None = None
) -> Pass:
    """Loss and gradients of a batch, with all that was computed on the way."""
    records = forward(chain, parameters, x, run)
    y = records[-1]["a"]
    dy = output_derivative(chain, y, t, weights)
    backs = backward(chain, parameters, records, dy)
    gradient = gather(chain, [back.gradients for back in backs])
    return Pass(records, batch_loss(chain, y, t, weights), dy, backs, gradient)


# -------------------------------------------------------------------------------- second order
def hessian_vector_product(
    chain: Chain,
    parameters: Parameters,
    done: Pass,
    t: Array,
    direction: Parameters,
    weights: Array | None = None,
) -> Array:
    """``H v``: how the gradient changes along the direction ``v``, exactly (R-operator; Pearlmutter 1994)."""
    dots: list[Record] = []
    a_dot = np.zeros_like(done.records[0]["a_in"])
    for l, (layer, record) in enumerate(zip(chain.layers, done.records, strict=True), start=1):
        dots.append(layer.forward_dot(parameters.of_layer(l), direction.of_layer(l), record, a_dot))
        a_dot = dots[-1]["a"]

    curvature = chain.loss.second_derivative_product(done.records[-1]["a"], t, a_dot)
    da_dot = _share_out(curvature, t, weights)
    gradients_dot: list[Record] = [{} for _ in chain.layers]
    for l in range(len(chain.layers), 0, -1):
        layer, record, back = chain.layers[l - 1], done.records[l - 1], done.backs[l - 1]
        da = done.dy if l == len(chain.layers) else done.backs[l].da_in
        p, p_dot = parameters.of_layer(l), direction.of_layer(l)
        gradients_dot[l - 1], da_dot = layer.backward_dot(p, p_dot, record, dots[l - 1], da, back, da_dot)
    return gather(chain, gradients_dot)


def hessian(chain: Chain, parameters: Parameters, done: Pass, t: Array, weights: Array | None = None) -> Array:
    """The whole Hessian, (P, P) for P parameters in the order of the flat vector, a column for each."""
    columns = np.empty((chain.size, chain.size), chain.dtype)
    for k, unit in enumerate(np.eye(chain.size, dtype=chain.dtype)):
        direction = parameters.with_vector(unit)
        columns[:, k] = hessian_vector_product(chain, parameters, done, t, direction, weights)
    return columns


# -------------------------------------------------------------------------------- checks of arguments
def check_layers(layers: Sequence[Any]) -> None:
    """Refuse what is not a list of layers with at least one."""
    if not isinstance(layers, Sequence):
        raise InputError(f"layers must be a list such as [chainrule.Dense(3), chainrule.Dense(1)], got {layers!r}.")
    if not layers:
        raise InputError("a network needs at least one layer: pass [chainrule.Dense(1)] for a single linear neuron.")
    for l, layer in enumerate(layers, start=1):
        if not isinstance(layer, Layer):
            raise InputError(f"layer {l} must be a layer such as chainrule.Dense(3), got {layer!r}.")
