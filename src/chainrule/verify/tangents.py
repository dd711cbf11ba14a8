"""A chain without kinks: where a value lies on one, the activation is replaced by its tangent with slope phi'.

On a kink the derivative is a convention (ReLU's is 0 at 0), and backpropagation applies it to every row and unit that
lies on one. No finite difference of the chain itself shows that number: where one row moves to the left of its kink,
another moves to the right. Differences of the chain without kinks do.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from chainrule.core.activations import Activation, ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import Layer, Record
from chainrule.core.losses import ElementwiseLoss, Loss
from chainrule.core.unitwise import UnitwiseActivation


def straightened(chain: Chain, records: list[Record], t: Array) -> tuple[Chain, Callable[[Array], Array]]:
    """The chain, and each row's loss by its outputs, straight wherever a value of these records lies on a kink."""
    layers = tuple(_layer(layer, record["z"]) for layer, record in zip(chain.layers, records, strict=True))
    return replace(chain, layers=layers), _losses(chain.loss, records[-1]["a"], t)


def _layer(layer: Layer, z: Array) -> Layer:
    return layer.with_activation(_activation(layer.activation, z))


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


def _losses(loss: Loss, y: Array, t: Array) -> Callable[[Array], Array]:
    """The same for the outputs whose residual ``y - t`` lies on a kink of the loss."""
    on = np.isin(y - t, loss.kinks(**loss.parameters)) if isinstance(loss, ElementwiseLoss) else np.full(y.shape, False)
    slope = np.where(on, loss.derivative(y, t), 0.0)

    def straight(moved: Array) -> Array:
        return loss.value(np.where(on, y, moved), t) + (slope * (moved - y)).sum(axis=1)

    return straight
