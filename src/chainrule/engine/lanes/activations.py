"""The elementwise activations as functions of lanes: ``name(z, p)`` gives ``a = phi(z)`` and the slope ``phi'(z)``.

Each is the compiled form of the row of that name in ``chainrule.core.activations``, whose formulas and conventions hold
here too; value and slope share what they can. ``p`` holds the row's parameters in their order, padded to two numbers.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.engine.lanes.functions import (
    clip,
    exp,
    exp_and_expm1_of_negative,
    exp_of_negative,
    log1p_of_share,
    minimum,
    normal_parts,
    sigmoid_parts,
    tanh_and_slope,
)
from chainrule.engine.lanes.polynomials import constant, lane_function, like
from chainrule.engine.lanes.simd import fma, select

Parameters = tuple[float, float]


# -------------------------------------------------------------------------------- identity, sigmoid, tanh
@lane_function
def identity(z: Any, p: Parameters) -> Any:
    """``z``."""
    return z, like(z, 1.0)


@lane_function
def sigmoid(z: Any, p: Parameters) -> Any:
    """``1/(1 + exp(-z))``; slope ``a (1 - a) = e/(1 + e)^2``."""
    e, r = sigmoid_parts(z)
    other = e * r
    return select(z < 0.0, other, r), other * r


@lane_function
def tanh(z: Any, p: Parameters) -> Any:
    """``tanh(z)``; slope ``1 - a^2``."""
    return tanh_and_slope(z)


# -------------------------------------------------------------------------------- relu and its kin
@lane_function
def relu(z: Any, p: Parameters) -> Any:
    """``max(0, z)``; NaN stays in the value."""
    return select(z <= 0.0, 0.0, z), select(z > 0.0, like(z, 1.0), 0.0)


@lane_function
def leaky_relu(z: Any, p: Parameters) -> Any:
    """``z`` above 0, ``alpha z`` elsewhere."""
    alpha = like(z, p[0])
    return select(z > 0.0, z, z * alpha), select(z > 0.0, 1.0, alpha)


@lane_function
def elu(z: Any, p: Parameters) -> Any:
    """``z`` above 0, ``alpha (exp(z) - 1)`` elsewhere."""
    e, minus = exp_and_expm1_of_negative(select(z > 0.0, 0.0, z))
    return select(z > 0.0, z, minus * p[0]), select(z > 0.0, 1.0, e * p[0])


@lane_function
def selu(z: Any, p: Parameters) -> Any:
    """``scale elu(z)``."""
    a, slope = elu(z, p)
    return a * p[1], slope * p[1]


# -------------------------------------------------------------------------------- softplus, softsign
@lane_function
def softplus(z: Any, p: Parameters) -> Any:
    """``log(1 + exp(z)) = max(z, 0) + log(1 + e)``; slope sigmoid(z)."""
    e, r = sigmoid_parts(z)
    return select(z < 0.0, 0.0, z) + log1p_of_share(e), select(z < 0.0, e * r, r)


@lane_function
def softsign(z: Any, p: Parameters) -> Any:
    """``z/(1 + |z|)``; slope ``1/(1 + |z|)^2``."""
    r = 1.0 / (abs(z) + 1.0)
    return z * r, r * r


# -------------------------------------------------------------------------------- gelu, silu, mish
_DENSITY = constant(1 / np.sqrt(2 * np.pi), 1 / np.sqrt(2 * np.pi))


@lane_function
def gelu(z: Any, p: Parameters) -> Any:
    """``z Phi(z)``; slope ``Phi(z) + z density(z)``; below 0 from what lies beyond z, not by subtracting from 1."""
    e, ratio = normal_parts(z)
    beyond = e * ratio
    steep = e * fma(minimum(abs(z), 40.0), _DENSITY(z), -ratio)
    return z * select(z < 0.0, beyond, 1.0 - beyond), select(z < 0.0, -steep, steep + 1.0)


_GELU_SLOPE = constant(np.sqrt(8 / np.pi), np.sqrt(8 / np.pi))


@lane_function
def gelu_tanh(z: Any, p: Parameters) -> Any:
    """``z sigmoid(u)`` with ``u = sqrt(8/pi) (z + 0.044715 z^3)``; slope ``sigmoid(u) + z sigmoid'(u) u'``."""
    square = z * z
    u = _GELU_SLOPE(z) * z * fma(square, 0.044715, 1.0)
    u_prime = _GELU_SLOPE(z) * fma(square, 3 * 0.044715, 1.0)
    e, r = sigmoid_parts(u)
    other = e * r
    s = select(u < 0.0, other, r)
    return z * s, fma(z * (other * r), u_prime, s)


@lane_function
def silu(z: Any, p: Parameters) -> Any:
    """``z sigmoid(z)``; slope ``sigmoid(z) + z sigmoid'(z)``."""
    e, r = sigmoid_parts(z)
    other = e * r
    s = select(z < 0.0, other, r)
    return z * s, fma(z, other * r, s)


@lane_function
def mish(z: Any, p: Parameters) -> Any:
    """``z gate(z)`` with ``gate = tanh(softplus(z)) = s (s + 2)/(s (s + 2) + 2)``, ``s = exp(z)``.

    ``gate' = 4 s (1 + s)/(s^2 + 2 s + 2)^2``. Above 0 all is divided by s^2, so that only e = exp(-|z|) is needed.
    """
    e = exp_of_negative(-abs(z))
    above = z >= 0.0
    gate = select(above, e * 2.0 + 1.0, e * (e + 2.0))
    r = 1.0 / (gate + select(above, e * e * 2.0, 2.0))
    gate_prime = select(above, e * e, e) * 4.0 * (e + 1.0) * r * r
    gate = gate * r
    return z * gate, fma(z, gate_prime, gate)


# -------------------------------------------------------------------------------- hard forms
@lane_function
def hard_sigmoid(z: Any, p: Parameters) -> Any:
    """``z/6 + 1/2`` between 0 and 1."""
    return clip((z + 3.0) * (1 / 6), 0.0, 1.0), select(abs(z) < 3.0, like(z, 1 / 6), 0.0)


@lane_function
def hard_tanh(z: Any, p: Parameters) -> Any:
    """``z`` between -1 and 1."""
    return clip(z, -1.0, 1.0), select(abs(z) < 1.0, like(z, 1.0), 0.0)


# -------------------------------------------------------------------------------- exponential
_EXPONENTIAL_LIMIT = constant(
    *(float(np.nextafter(np.log(np.finfo(dtype).max), dtype(0))) for dtype in (np.float32, np.float64))
)


@lane_function
def exponential_of(z: Any) -> Any:
    """``exp(z)``, held at the largest number where it would overflow."""
    return exp(minimum(z, _EXPONENTIAL_LIMIT(z)))


@lane_function
def exponential(z: Any, p: Parameters) -> Any:
    """``exp(z)``, its own slope."""
    a = exponential_of(z)
    return a, a


COMPILED_ACTIVATIONS: Mapping[str, Any] = {
    twin.__name__: twin
    for twin in (
        identity, sigmoid, tanh, relu, leaky_relu, elu, selu, softplus, softsign, gelu, gelu_tanh, silu, mish,
        hard_sigmoid, hard_tanh, exponential,
    )
}  # fmt: skip
"""The twin of every elementwise row, by the row's name."""
