"""What is measured on a run to know what is true of it; see the table in ``truth.py``."""

import numpy as np
from setups import Outcome, Setup

import chainrule as cr

SLOPES = {"sigmoid": lambda a: 4 * a * (1 - a), "tanh": lambda a: 1 - a**2}
"""phi'(z) as a share of phi'(0), by the activation."""


def facts(setup: Setup, outcome: Outcome) -> list[str]:
    """All that hold, but "falling", which takes a run of its own."""
    held = []
    before, after = setup.network(), outcome.net
    if outcome.diverged:
        held.append("diverged")
    for fact, holds in (("dead", dead), ("saturated", saturated), ("vanished", vanished)):
        if holds(before, setup) or holds(after, setup):
            held.append(fact)
    if constant(after, setup):
        held.append("constant")
    if setup.output == "softmax" and setup.outputs == 1:
        held.append("one softmax")
    return held


def _activations(net: cr.Network, setup: Setup) -> list[tuple[str, np.ndarray]]:
    """By layer, the activation's name and its values on all rows; none if they are not finite."""
    try:
        with np.errstate(all="ignore"):
            traced = net.trace(setup.x)
    except cr.ChainruleError:
        return []
    return [(layer.activation.name, traced[f"a{l}"]) for l, layer in enumerate(net.layers, start=1)]


def dead(net: cr.Network, setup: Setup) -> bool:
    """Half of the units of a ReLU layer are off on every row."""
    return any((a <= 0).all(axis=0).mean() >= 0.5 for name, a in _activations(net, setup) if name == "relu")


def saturated(net: cr.Network, setup: Setup) -> bool:
    """Half of the slopes of a sigmoid or tanh layer are nearly 0; a last layer that tells classes may be so."""
    layers = _activations(net, setup)
    layers = layers if setup.task == "regression" else layers[:-1]
    return any((SLOPES[name](a) < 0.05).mean() >= 0.5 for name, a in layers if name in SLOPES)


def constant(net: cr.Network, setup: Setup) -> bool:
    """The outputs hardly depend on the row."""
    try:
        y = net.predict(setup.x)
    except cr.ChainruleError:
        return False
    return bool((y.std(axis=0) <= 0.05 * setup.t.std(axis=0)).all())


def gradient_norms(net: cr.Network, setup: Setup) -> np.ndarray:
    """Of each layer's weights, first to last, over all rows."""
    with np.errstate(all="ignore"):
        found = net.gradients(setup.x, setup.t)
        return np.array([np.linalg.norm(value) for name, value in found.items() if name.startswith("W")])


def vanished(net: cr.Network, setup: Setup) -> bool:
    """The gradient gets lost on its way down."""
    norms = gradient_norms(net, setup)
    return bool(np.isfinite(norms).all() and norms[0] < 1e-3 * norms[-1])
