"""Probabilities made honest by one number: logits divided by a temperature (Guo et al. 2017, ICML)."""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from chainrule.core.activations import softmax
from chainrule.core.arrays import Array


def _logits(y: Array) -> Array:
    """Logarithms of the probabilities of all classes, from softmax outputs or a single sigmoid's."""
    p = np.column_stack([1 - y[:, 0], y[:, 0]]) if y.shape[1] == 1 else y
    return np.log(np.maximum(p, np.finfo(p.dtype).tiny))


def with_temperature(y: Array, temperature: float) -> Array:
    """``softmax(log y/temperature)``: above 1 less sure, below 1 surer; shape as ``y``.

    Example:
        >>> with_temperature(np.array([[0.9, 0.1]]), 2.0)
        array([[0.75, 0.25]])
    """
    p = softmax((_logits(y) / temperature).astype(y.dtype))
    return p[:, 1:] if y.shape[1] == 1 else p


def fitted_temperature(y: Array, t: Array, weights: Array | None) -> float:
    """The temperature at which the log loss of rows set aside is least.

    Args:
        y: probabilities (N, outputs).
        t: targets of 0 and 1 (N, outputs).
        weights: how much each row counts (N,), or None.
    """
    logits = _logits(y).astype(np.float64)
    wanted = np.column_stack([1 - t[:, 0], t[:, 0]]) if t.shape[1] == 1 else t

    def loss(log_temperature: float) -> float:
        z = logits / np.exp(log_temperature)
        z = z - z.max(axis=1, keepdims=True)
        rows = np.log(np.exp(z).sum(axis=1)) - (z * wanted).sum(axis=1)
        return float(np.average(rows, weights=weights))

    found: Any = minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded")
    return float(np.exp(found.x))
