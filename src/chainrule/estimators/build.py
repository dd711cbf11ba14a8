"""The networks that scikit-learn's parameters describe, and the numbers they begin with."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from chainrule.core.activations import Activation
from chainrule.core.activations import activation as find_activation
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm
from chainrule.core.losses import Loss
from chainrule.errors import InputError
from chainrule.network import Network

NAMES = {"logistic": "sigmoid"}
"""scikit-learn's names for what the library calls otherwise."""

NORMS = {"layer": LayerNorm, "batch": BatchNorm}


class Output(NamedTuple):
    """What follows the hidden layers.

    Attributes:
        layers: the output layer.
        loss: what the network is trained by.
        scale: what the rows' loss is multiplied by when it is reported, not when it is differentiated.
        name: ``out_activation_``.
    """

    layers: list[Layer]
    loss: Loss
    scale: float
    name: str


def build_network(
    estimator: Any, inputs: int, outputs: int, output: Output, dtype: np.dtype[Any], rng: np.random.RandomState
) -> Network:
    """An untrained network by an estimator's parameters; a copy of its ``network`` where that is given.

    Args:
        estimator: with the parameters of ``MLPParameters``.
        inputs: how many numbers a row has.
        outputs: how many numbers a row's targets are.
        output: what follows the hidden layers.
        dtype: float64 or float32.
        rng: what the first weights are drawn from.

    Raises:
        InputError: the parameters do not fit the data, or each other.
    """
    if estimator.network is not None:
        net: Network = estimator.network.astype(dtype.name)
        if (net.inputs, net.outputs) != (inputs, outputs):
            raise InputError(
                f"network must have {inputs} inputs and {outputs} outputs, got {net.inputs} and {net.outputs}."
            )
        return net
    if estimator.hidden_layers is not None:
        layers = [*estimator.hidden_layers, *output.layers]
        return Network(inputs, layers, loss=output.loss, seed=int(rng.randint(2**31 - 1)), dtype=dtype.name)
    sizes = hidden_sizes(estimator)
    hidden = hidden_layers(sizes, _activations(estimator.activation, len(sizes)), estimator.dropout, estimator.norm)
    net = Network(inputs, [*hidden, *output.layers], loss=output.loss, seed=0, dtype=dtype.name)
    logistic = isinstance(estimator.activation, str) and estimator.activation in ("logistic", "sigmoid")
    _draw(net, rng, 2.0 if logistic else 6.0)
    return net


def hidden_sizes(estimator: Any) -> list[int]:
    """The units of each hidden layer.

    Raises:
        InputError: they are not whole numbers from 1.
    """
    sizes = estimator.hidden_layer_sizes
    units = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(not isinstance(each, Integral) or isinstance(each, bool | np.bool_) or each <= 0 for each in units):
        raise InputError(f"hidden_layer_sizes must be > 0, got {units}.")
    return units


def hidden_layers(sizes: Sequence[int], activations: Sequence[Any], dropout: float, norm: str | None) -> list[Layer]:
    """The hidden layers: dense, normalised if asked for (before the activation), dropped out if asked for."""
    layers: list[Layer] = []
    for units, activation in zip(sizes, map(_activation, activations), strict=True):
        if norm is None:
            layers.append(Dense(int(units), activation))
        else:
            layers += [Dense(int(units), bias=None), NORMS[norm](activation)]
        if dropout:
            layers.append(Dropout(dropout))
    return layers


def _activation(activation: str | Activation) -> Activation:
    """An activation by scikit-learn's name or the library's."""
    return find_activation(NAMES.get(activation, activation) if isinstance(activation, str) else activation)


def _activations(given: Any, layers: int) -> list[Any]:
    """An activation for each hidden layer."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        return [given] * layers
    if len(given) != layers:
        raise InputError(
            f"activation must be one name or one for each of the {layers} hidden layers, got {len(given)}."
        )
    return list(given)


def _draw(net: Network, rng: np.random.RandomState, factor: float) -> None:
    """Draw weights and biases as scikit-learn draws them, weights first, layer by layer.

    They are uniform between -bound and bound, ``bound = sqrt(factor/(fan_in + fan_out))``; the factor is 6, and 2 for
    logistic units.

    References:
        Glorot & Bengio 2010, AISTATS, equation 16.
    """
    for l, layer in enumerate(net.layers, start=1):
        if isinstance(layer, Dense):
            fan_in, fan_out = net.parameters[f"W{l}"].shape
            bound = np.sqrt(factor / (fan_in + fan_out))
            net.parameters[f"W{l}"][...] = layer.wired(rng.uniform(-bound, bound, (fan_in, fan_out)))
            if layer.bias == "per-unit":
                net.parameters[f"b{l}"][...] = rng.uniform(-bound, bound, fan_out)
