"""A chain whose kinks are straightened: a value that lies on one goes on along the tangent that phi' gives there.

On a kink the derivative is a convention (ReLU's is 0 at 0), and backpropagation applies it to every row and unit that
lies on one. No finite difference of the chain itself shows that number: where one row moves to the left of its kink,
another moves to the right. Differences of the straightened chain do.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.activations import Activation, ElementwiseActivation
from chainrule.arrays import Array
from chainrule.chain import Chain
from chainrule.layers import Dense, Layer, Record
from chainrule.layers.normalization import Normalization
from chainrule.losses import ElementwiseLoss, Loss
from chainrule.unitwise import UnitwiseActivation


def straightened(chain: Chain, records: list[Record], t: Array) -> Chain:
    """The chain, straight wherever a value of these records lies on a kink."""
    layers = tuple(_layer(layer, record["z"]) for layer, record in zip(chain.layers, records, strict=True))
    return replace(chain, layers=layers, loss=_loss(chain.loss, records[-1]["a"], t))


def _layer(layer: Layer, z: Array) -> Layer:
    if not isinstance(layer, Dense | Normalization):
        return layer
    kind: Any = type(layer)
    return kind(**{**layer.options(), "activation": _activation(layer.activation, z)})


def _activation(activation: Activation, z: Array) -> Activation:
    if isinstance(activation, UnitwiseActivation):
        return replace(activation, rows=tuple(_row(row, z[:, j : j + 1]) for j, row in enumerate(activation.rows)))
    return _row(activation, z) if isinstance(activation, ElementwiseActivation) else activation


def _row(row: ElementwiseActivation, z: Array) -> ElementwiseActivation:
    """``phi(z0) + phi'(z0) (z - z0)`` where ``z0`` lies on a kink."""
    on, a, slope = np.isin(z, row.kinks), row.value(z), row.derivative(z)

    def phi(moved: Array, **_: float) -> Array:
        return np.where(on, a + slope * (moved - z), row.value(moved))

    return replace(row, phi=phi)


def _loss(loss: Loss, y: Array, t: Array) -> Loss:
    """The same for the terms of a loss, by their residuals ``y - t``."""
    if not isinstance(loss, ElementwiseLoss):
        return loss
    targets = np.where(np.isnan(t), y, t)  # a missing one does not count, whatever stands in its place
    on = np.isin(y - targets, loss.kinks(**loss.parameters))
    term, slope = loss.term(y, targets, **loss.parameters), loss.term_prime(y, targets, **loss.parameters)

    def straight(moved: Array, t: Array, **parameters: float) -> Array:
        return np.where(on, term + slope * (moved - y), loss.term(moved, t, **parameters))

    return replace(loss, term=straight)
