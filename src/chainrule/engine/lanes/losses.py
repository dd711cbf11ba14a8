"""The elementwise losses as functions of lanes: ``name(y, t, p)`` gives the term ``e`` and its derivative by y.

Each is the compiled form of the row of that name in ``chainrule.core.losses``,
whose formulas, guards and conventions hold here too.
Missing targets are the kernels' business, and so are sums, means and weights: ``t`` is never NaN. ``p`` holds the
row's parameters in their order, padded to two numbers.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.engine.lanes.activations import exponential_of
from chainrule.engine.lanes.functions import (
    clip,
    exp_and_expm1_of_negative,
    log,
    log1p,
    log1p_near_zero,
    log1p_of_share,
    maximum,
    minimum,
    sigmoid_parts,
    sign,
)
from chainrule.engine.lanes.polynomials import constant, lane_function, smallest_normal
from chainrule.engine.lanes.simd import fma, select

Parameters = tuple[float, float]


# -------------------------------------------------------------------------------- squared errors
@lane_function
def squared_error(y: Any, t: Any, p: Parameters) -> Any:
    """``(y - t)^2``; slope ``2 (y - t)``."""
    r = y - t
    return r * r, r * 2.0


@lane_function
def half_squared_error(y: Any, t: Any, p: Parameters) -> Any:
    """``(y - t)^2/2``; slope ``y - t``."""
    r = y - t
    return r * r * 0.5, r


# -------------------------------------------------------------------------------- absolute errors
@lane_function
def absolute_error(y: Any, t: Any, p: Parameters) -> Any:
    """``|y - t|``; slope its sign, 0 at 0."""
    r = y - t
    return abs(r), sign(r)


@lane_function
def huber(y: Any, t: Any, p: Parameters) -> Any:
    """``r^2/2`` up to ``|r| = delta``, then ``delta (|r| - delta/2)``; slope r between -delta and delta."""
    r = y - t
    inside = minimum(abs(r), p[0])
    return inside * fma(inside, -0.5, abs(r)), clip(r, -p[0], p[0])


@lane_function
def quantile(y: Any, t: Any, p: Parameters) -> Any:
    """``quantile (t - y)`` below the target, ``(1 - quantile) (y - t)`` above; slope 0 at the target."""
    r = y - t
    slope = select(r > 0.0, 1.0 - p[0], select(r < 0.0, -p[0], r))
    return r * slope, slope


_LN2 = constant(np.log(2), np.log(2))


@lane_function
def log_cosh(y: Any, t: Any, p: Parameters) -> Any:
    """``log(cosh(r))``; slope ``tanh(r)``.

    With ``e = exp(-2|r|)``: ``|r| + log(1 + e) - log(2)``; for small r, where that cancels, ``-log(1 - tanh(r)^2)/2``.
    """
    r = y - t
    distance = abs(r)
    e, minus = exp_and_expm1_of_negative(distance * -2.0)
    slope = minus / (e + 1.0)  # -tanh(|r|)
    near = distance < 0.6
    rest = log1p_near_zero(select(near, -(slope * slope), e))
    return select(near, rest * -0.5, distance + (rest - _LN2(r))), select(r < 0.0, slope, -slope)


# -------------------------------------------------------------------------------- poisson
@lane_function
def _log_of_output(y: Any) -> Any:
    """``log(y)``, with y kept above the smallest normal number."""
    return log(maximum(y, smallest_normal(y)))


@lane_function
def _quotient(t: Any, y: Any) -> Any:
    """``t/y``, with y kept so far from 0 that it stays finite."""
    return t / maximum(y, smallest_normal(y) * maximum(t, 1.0))


@lane_function
def poisson(y: Any, t: Any, p: Parameters) -> Any:
    """``y - t log(y)``; slope ``1 - t/y``."""
    return y - t * _log_of_output(y), 1.0 - _quotient(t, y)


@lane_function
def poisson_from_logits(y: Any, t: Any, p: Parameters) -> Any:
    """``exp(y) - t y``; slope ``exp(y) - t``."""
    e = exponential_of(y)
    return e - t * y, e - t


# -------------------------------------------------------------------------------- cross-entropies
_BELOW_ONE = constant(*(1 - float(np.finfo(dtype).epsneg) for dtype in (np.float32, np.float64)))
_LEAST_OTHER = constant(*(float(np.finfo(dtype).epsneg) / 2 for dtype in (np.float32, np.float64)))


@lane_function
def binary_cross_entropy(y: Any, t: Any, p: Parameters) -> Any:
    """``-t log(y) - (1 - t) log(1 - y)``; slope ``(1 - t)/(1 - y) - t/y``."""
    other, not_t = maximum(1.0 - y, _LEAST_OTHER(y)), 1.0 - t
    e = -(t * _log_of_output(y) + not_t * log1p(-minimum(y, _BELOW_ONE(y))))
    return e, not_t / other - _quotient(t, y)


@lane_function
def binary_cross_entropy_from_logits(y: Any, t: Any, p: Parameters) -> Any:
    """``log(1 + exp(y)) - t y``; slope ``sigmoid(y) - t = (1 - t) sigmoid(y) - t sigmoid(-y)``."""
    e, r = sigmoid_parts(y)
    below, small = y < 0.0, e * r
    share, rest = select(below, t, 1.0 - t), select(below, 1.0 - t, t)
    slope = share * r - rest * small
    return fma(share, abs(y), log1p_of_share(e)), select(below, -slope, slope)


@lane_function
def categorical_cross_entropy(y: Any, t: Any, p: Parameters) -> Any:
    """``-t log(y)``; slope ``-t/y``."""
    return -(t * _log_of_output(y)), -_quotient(t, y)


COMPILED_LOSSES: Mapping[str, Any] = {
    twin.__name__: twin
    for twin in (
        squared_error, half_squared_error, absolute_error, huber, quantile, log_cosh, poisson, poisson_from_logits,
        binary_cross_entropy, binary_cross_entropy_from_logits, categorical_cross_entropy,
    )
} | {"mean_squared_error": squared_error}  # fmt: skip
"""The twin of every elementwise row's term, by the row's name."""
