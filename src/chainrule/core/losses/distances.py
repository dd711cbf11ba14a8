"""Losses that measure how far outputs are from targets: squared and absolute errors and their relatives."""

from dataclasses import replace

import numpy as np

from chainrule.core.activations import SIGMOID
from chainrule.core.arrays import Array
from chainrule.core.losses.base import ElementwiseLoss

# -------------------------------------------------------------------------------- squared errors
SQUARED = ElementwiseLoss(
    "squared_error",
    "(t - y)**2",
    "least squares: Legendre 1805; summed over the outputs of a row",
    derivative_formula="2*(y - t)",
    second_derivative_formula="2",
    term=lambda y, t: (t - y) ** 2,
    term_prime=lambda y, t: 2 * (y - t),
    term_second=lambda y, t: np.full_like(y, 2),  # noqa: ARG005
    least_squares=True,
    distance=True,
    best_constant="mean",
)

HALF_SQUARED = ElementwiseLoss(
    "half_squared_error",
    "(t - y)**2/2",
    "Rumelhart, Hinton & Williams 1986: the half cancels the 2 of the derivative; summed over the outputs of a row",
    derivative_formula="y - t",
    second_derivative_formula="1",
    term=lambda y, t: (t - y) ** 2 / 2,
    term_prime=lambda y, t: y - t,
    term_second=lambda y, t: np.ones_like(y),  # noqa: ARG005
    least_squares=True,
    distance=True,
    best_constant="mean",
)

MEAN_SQUARED = replace(
    SQUARED,
    name="mean_squared_error",
    source="least squares: Legendre 1805; averaged over the outputs of a row",
    reduction="mean",
)


# -------------------------------------------------------------------------------- absolute errors
ABSOLUTE = ElementwiseLoss(
    "absolute_error",
    "Abs(t - y)",
    "least absolute deviations: Laplace 1793; the derivative at y = t is taken as 0",
    derivative_formula="sign(y - t)",
    second_derivative_formula="0",
    term=lambda y, t: np.abs(t - y),
    term_prime=lambda y, t: np.sign(y - t),
    term_second=lambda y, t: np.zeros_like(y),  # noqa: ARG005
    kinks=lambda: (0.0,),
    distance=True,
    best_constant="median",
)


def _huber(y: Array, t: Array, delta: float) -> Array:
    r = np.abs(t - y)
    inside = np.minimum(r, delta)
    return inside * (r - inside / 2)


HUBER = ElementwiseLoss(
    "huber",
    "Piecewise(((t - y)**2/2, Abs(t - y) <= delta), (delta*(Abs(t - y) - delta/2), True))",
    "Huber 1964, Annals of Mathematical Statistics 35(1)",
    parameters={"delta": 1.0},
    derivative_formula="Max(-delta, Min(delta, y - t))",
    second_derivative_formula="Piecewise((1, Abs(t - y) <= delta), (0, True))",
    term=_huber,
    term_prime=lambda y, t, delta: np.clip(y - t, -delta, delta),
    term_second=lambda y, t, delta: (np.abs(t - y) <= delta).astype(y.dtype),
    curvature_jumps=lambda delta: (-delta, delta),
    distance=True,
)

QUANTILE = ElementwiseLoss(
    "quantile",
    "Max(quantile*(t - y), (quantile - 1)*(t - y))",
    "Koenker & Bassett 1978, Econometrica 46(1); the derivative at y = t is taken as 0",
    parameters={"quantile": 0.5},
    derivative_formula="Piecewise((-quantile, y < t), (1 - quantile, y > t), (0, True))",
    second_derivative_formula="0",
    term=lambda y, t, quantile: np.maximum(quantile * (t - y), (quantile - 1) * (t - y)),
    term_prime=lambda y, t, quantile: (1 - quantile) * (y > t).astype(y.dtype) - quantile * (y < t).astype(y.dtype),
    term_second=lambda y, t, quantile: np.zeros_like(y),  # noqa: ARG005
    kinks=lambda quantile: (0.0,),  # noqa: ARG005
    distance=True,
    best_constant="quantile",
)


def _log_cosh(y: Array, t: Array) -> Array:
    """log(cosh(r)) = |r| + log((1 + exp(-2|r|))/2); for small r by 2 sinh(r/2)^2 = cosh(r) - 1."""
    r = np.abs(y - t)
    near = np.log1p(2 * np.sinh(np.minimum(r, 1) / 2) ** 2)
    return np.where(r < 1, near, r + np.log1p(np.exp(-2 * r)) - y.dtype.type(np.log(2)))


LOG_COSH = ElementwiseLoss(
    "log_cosh",
    "log(cosh(y - t))",
    "the logarithm of the hyperbolic secant density: Perks 1932; squared error near 0, absolute error far away",
    derivative_formula="tanh(y - t)",
    second_derivative_formula="1 - tanh(y - t)**2",
    term=_log_cosh,
    term_prime=lambda y, t: np.tanh(y - t),
    term_second=lambda y, t: 4 * SIGMOID.derivative(2 * (y - t)),
    distance=True,
)
