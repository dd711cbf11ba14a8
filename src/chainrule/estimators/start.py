"""The networks that scikit-learn's parameters describe, and the numbers they begin with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.activations import Activation
from chainrule.core.activations import activation as find_activation
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm
from chainrule.core.losses import Loss
from chainrule.network import Network

NAMES = {"logistic": "sigmoid"}
"""scikit-learn's names for what the library calls otherwise."""

NORMS = {"layer": LayerNorm, "batch": BatchNorm}


def find(activation: str | Activation) -> Activation:
    """An activation by either name."""
    return find_activation(NAMES.get(activation, activation) if isinstance(activation, str) else activation)


def hidden(sizes: Sequence[int], activations: Sequence[Any], dropout: float, norm: str | None) -> list[Layer]:
    """The hidden layers: dense, normalised if asked for (before the activation), dropped out if asked for."""
    layers: list[Layer] = []
    for units, activation in zip(sizes, activations, strict=True):
        if norm is None:
            layers.append(Dense(int(units), find(activation)))
        else:
            layers += [Dense(int(units), bias=None), NORMS[norm](find(activation))]
        if dropout:
            layers.append(Dropout(dropout))
    return layers


def network(
    inputs: int, layers: Sequence[Layer], loss: Loss, dtype: np.dtype[Any], rng: np.random.RandomState,
    factor: float | None,
) -> Network:  # fmt: skip
    """The network with its first numbers.

    Args:
        inputs: how many numbers a row has.
        layers: all of them.
        loss: what it is trained by.
        dtype: float64 or float32.
        rng: what is drawn from.
        factor: weights and biases are drawn as scikit-learn draws them, uniformly between -bound and bound with
            ``bound = sqrt(factor/(fan_in + fan_out))``, weights first, layer by layer (Glorot & Bengio 2010, AISTATS,
            equation 16, with 2 in place of 6 for logistic units); None leaves that to each layer's initialisers.
    """
    seed = 0 if factor is not None else int(rng.randint(2**31 - 1))
    net = Network(inputs, layers, loss=loss, seed=seed, dtype=dtype.name)
    if factor is not None:
        for l, layer in enumerate(net.layers, start=1):
            if isinstance(layer, Dense):
                _draw(net, l, layer, rng, factor)
    return net


def _draw(net: Network, l: int, layer: Dense, rng: np.random.RandomState, factor: float) -> None:
    fan_in, fan_out = net.parameters[f"W{l}"].shape
    bound = np.sqrt(factor / (fan_in + fan_out))
    net.parameters[f"W{l}"][...] = layer.wired(rng.uniform(-bound, bound, (fan_in, fan_out)))
    if layer.bias == "per-unit":
        net.parameters[f"b{l}"][...] = rng.uniform(-bound, bound, fan_out)
