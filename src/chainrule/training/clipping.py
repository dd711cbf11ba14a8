"""Penalties and clipping: what is done to a gradient before the optimizer sees it."""

import numpy as np

from chainrule.core.arrays import Array
from chainrule.training.settings import Settings


def penalised(gradient: Array, vector: Array, decayed: Array, settings: Settings) -> Array:
    """Add the derivative of ``l1 sum |W| + l2/2 sum W^2`` over the weights."""
    if not settings.l1 and not settings.l2:
        return gradient
    return gradient + np.where(decayed, settings.l1 * np.sign(vector) + settings.l2 * vector, 0)


def clipped(gradient: Array, clip_value: float | None, clip_norm: float | None) -> Array:
    """Each entry limited to ``-clip_value .. clip_value``, then the whole scaled to a norm of at most ``clip_norm``."""
    if clip_value is not None:
        gradient = np.clip(gradient, -clip_value, clip_value)
    if clip_norm is not None:
        length = norm(gradient)
        if length > clip_norm:
            gradient = gradient * (clip_norm / length)
    return gradient


def norm(vector: Array) -> float:
    """The Euclidean norm; squares are taken of shares of the largest number, as its own might overflow."""
    top = float(np.abs(vector).max(initial=0))
    return top * float(np.linalg.norm(vector.astype(np.float64) / top)) if top else 0.0
