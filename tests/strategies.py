"""Random networks and data in the alphabet's shapes, for hypothesis."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

import chainrule as cr

SMOOTH = ("identity", "sigmoid", "tanh", "softplus", "softsign", "silu")
ACTIVATIONS = (*SMOOTH, "relu", "leaky_relu", "elu", "softmax")

FREE_LOSSES = ("squared_error", "half_squared_error", "mean_squared_error", "absolute_error", "huber", "log_cosh")
LOGIT_LOSSES = (
    "poisson_from_logits",
    "binary_cross_entropy_from_logits",
    "categorical_cross_entropy_from_logits",
)
SHARE_LOSSES = {"binary_cross_entropy": "sigmoid", "categorical_cross_entropy": "softmax"}


@dataclass
class Case:
    """A network with rows to run it on: x (N, inputs), t (N, outputs), weights (N,) or None."""

    net: cr.Network
    x: np.ndarray
    t: np.ndarray
    weights: np.ndarray | None
    training: bool

    @property
    def keywords(self):
        return {"weights": self.weights, "training": self.training, "seed": 3 if self.training else None}


@st.composite
def dense_layers(draw, below, activations=ACTIVATIONS, units=None):
    units = draw(st.integers(1, 3)) if units is None else units
    mask = None
    if draw(st.booleans()):
        row = st.lists(st.sampled_from([0, 1]), min_size=units, max_size=units)
        mask = draw(st.lists(row, min_size=below, max_size=below))
    return cr.Dense(
        units,
        draw(st.sampled_from(activations)),
        bias=draw(st.sampled_from(["per-unit", "shared", None])),
        mask=mask,
        trainable=draw(st.booleans()),
    )


@st.composite
def other_layers(draw, training_rows):
    kinds = [cr.LayerNorm(draw(st.sampled_from(SMOOTH)), epsilon=0.1), cr.Dropout(0.3), cr.Scale(0.5)]
    if training_rows > 1:
        kinds.append(cr.BatchNorm(draw(st.sampled_from(SMOOTH)), epsilon=0.1))
    return draw(st.sampled_from(kinds))


def targets(rng, loss, shape):
    """Targets that the loss is meant for."""
    if loss.startswith("categorical"):
        return np.eye(shape[1])[rng.integers(shape[1], size=shape[0])]
    if loss.startswith("binary"):
        return rng.integers(2, size=shape).astype(float)
    if loss.startswith("poisson"):
        return rng.poisson(2.0, size=shape).astype(float)
    return rng.normal(size=shape)


@st.composite
def cases(draw, activations=ACTIVATIONS, losses=(*FREE_LOSSES, *LOGIT_LOSSES, *SHARE_LOSSES)):
    """A random network of 1 to 3 Dense layers, others between, with random numbers in all its parameters."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, inputs, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    loss = draw(st.sampled_from(losses))
    layers, below = [], inputs
    for _ in range(draw(st.integers(0, 2))):
        layer = draw(dense_layers(below, activations))
        layers.append(layer)
        below = layer.units
        if draw(st.booleans()):
            layers.append(draw(other_layers(rows)))
    last = (SHARE_LOSSES[loss],) if loss in SHARE_LOSSES else ("identity",) if loss in LOGIT_LOSSES else activations
    layers.append(draw(dense_layers(below, last, outputs)))
    net = cr.Network(inputs, layers, loss=loss, seed=0)
    net.parameters.vector[...] = rng.normal(size=net.parameters.vector.size)
    net.model.state = tuple(
        {"mean": rng.normal(size=len(s["mean"])), "variance": rng.uniform(0.5, 2, len(s["variance"]))} if s else s
        for s in net.model.state
    )
    x, t = rng.normal(size=(rows, inputs)), targets(rng, loss, (rows, outputs))
    if draw(st.booleans()):
        missing = rng.random(t.shape) < 0.3
        t[missing.any(axis=1) if loss.startswith("categorical") else missing] = np.nan
    weights = rng.uniform(0.1, 3, rows) if draw(st.booleans()) else None
    return Case(net, x, t, weights, draw(st.booleans()))
