"""Activations that are the net input times a gate between 0 and 1: gelu, silu, mish."""

import numpy as np

from chainrule.core.activations.base import ElementwiseActivation
from chainrule.core.activations.saturating import sigmoid, sigmoid_prime, sigmoid_second
from chainrule.core.arrays import Array


# -------------------------------------------------------------------------------- gelu
def _normal_density(z: Array) -> Array:
    return np.exp(-(z**2) / 2) / z.dtype.type(np.sqrt(2 * np.pi))


def _normal_share(z: Array) -> Array:
    """Phi(z), the share of a standard normal below z."""
    from scipy.special import ndtr  # noqa: PLC0415 - SciPy only for those who use gelu

    return ndtr(z)


GELU = ElementwiseActivation(
    "gelu",
    "z*erfc(-z/sqrt(2))/2",
    "Hendrycks & Gimpel 2016, arXiv 1606.08415: z times the share of a standard normal below z",
    range=(-0.16997120747990369, np.inf),
    derivative_formula="erfc(-z/sqrt(2))/2 + z*exp(-z**2/2)/sqrt(2*pi)",
    second_derivative_formula="(2 - z**2)*exp(-z**2/2)/sqrt(2*pi)",
    phi=lambda z: z * _normal_share(z),
    phi_prime=lambda z: _normal_share(z) + z * _normal_density(z),
    phi_second=lambda z: (2 - z**2) * _normal_density(z),
)

_GELU_SLOPE = float(np.sqrt(8 / np.pi))
_GELU_CUBIC = 0.044715


def _gelu_tanh_parts(z: Array) -> tuple[Array, Array, Array]:
    """u, u' and u'' of the inner cubic: (1 + tanh(u/2))/2 = sigmoid(u)."""
    u = _GELU_SLOPE * z * (1 + _GELU_CUBIC * z**2)
    return u, _GELU_SLOPE * (1 + 3 * _GELU_CUBIC * z**2), _GELU_SLOPE * 6 * _GELU_CUBIC * z


def _gelu_tanh(z: Array) -> Array:
    u, _, _ = _gelu_tanh_parts(z)
    return z * sigmoid(u)


def _gelu_tanh_prime(z: Array) -> Array:
    u, u_prime, _ = _gelu_tanh_parts(z)
    return sigmoid(u) + z * sigmoid_prime(u) * u_prime


def _gelu_tanh_second(z: Array) -> Array:
    u, u_prime, u_second = _gelu_tanh_parts(z)
    return 2 * sigmoid_prime(u) * u_prime + z * (sigmoid_second(u) * u_prime**2 + sigmoid_prime(u) * u_second)


_U = "sqrt(8/pi)*(z + 0.044715*z**3)"
_U_PRIME = "sqrt(8/pi)*(1 + 0.134145*z**2)"
_S = f"(1/(1 + exp(-{_U})))"

GELU_TANH = ElementwiseActivation(
    "gelu_tanh",
    "z*(1 + tanh(sqrt(2/pi)*(z + 0.044715*z**3)))/2",
    "Hendrycks & Gimpel 2016, arXiv 1606.08415, section 2: the approximation by tanh",
    range=(-0.17004075057125406, np.inf),
    derivative_formula=f"{_S} + z*{_S}*(1 - {_S})*{_U_PRIME}",
    second_derivative_formula=(
        f"2*{_S}*(1 - {_S})*{_U_PRIME} + z*{_S}*(1 - {_S})*((1 - 2*{_S})*({_U_PRIME})**2 + sqrt(8/pi)*0.26829*z)"
    ),
    phi=_gelu_tanh,
    phi_prime=_gelu_tanh_prime,
    phi_second=_gelu_tanh_second,
)


# -------------------------------------------------------------------------------- silu
SILU = ElementwiseActivation(
    "silu",
    "z/(1 + exp(-z))",
    "Elfwing, Uchibe & Doya 2018, Neural Networks 107; called swish by Ramachandran et al. 2017",
    range=(-0.27846454276107380, np.inf),
    derivative_formula="(1 + z*exp(-z)/(1 + exp(-z)))/(1 + exp(-z))",
    second_derivative_formula="exp(-z)/(1 + exp(-z))**2*(2 + z*(1 - 2/(1 + exp(-z))))",
    phi=lambda z: z * sigmoid(z),
    phi_prime=lambda z: sigmoid(z) + z * sigmoid_prime(z),
    phi_second=lambda z: sigmoid_prime(z) * (2 - z * np.tanh(z / 2)),
)


# -------------------------------------------------------------------------------- mish
def _mish_gate(z: Array) -> Array:
    """tanh(softplus(z)) = s (s + 2)/(s (s + 2) + 2) with s = exp(z), written with exp of negative numbers only."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, (1 + 2 * e) / (1 + 2 * e + 2 * e**2), e * (e + 2) / (e * (e + 2) + 2))


def _mish_gate_prime(z: Array) -> Array:
    """(1 - tanh(softplus(z))^2) sigmoid(z) = 4 s (1 + s)/(s^2 + 2 s + 2)^2 with s = exp(z)."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 4 * e**2 * (1 + e) / (1 + 2 * e + 2 * e**2) ** 2, 4 * e * (1 + e) / (e**2 + 2 * e + 2) ** 2)


def _mish_second(z: Array) -> Array:
    """gate' (2 + z (1 - sigmoid - 2 gate sigmoid)), as gate'' = gate' (1 - sigmoid - 2 gate sigmoid)."""
    s = sigmoid(z)
    return _mish_gate_prime(z) * (2 + z * (sigmoid(-z) - 2 * _mish_gate(z) * s))


_GATE = "tanh(log(1 + exp(z)))"

MISH = ElementwiseActivation(
    "mish",
    f"z*{_GATE}",
    "Misra 2019, arXiv 1908.08681",
    range=(-0.30884341301725043, np.inf),
    derivative_formula=f"{_GATE} + z*(1 - {_GATE}**2)/(1 + exp(-z))",
    second_derivative_formula=(
        f"(1 - {_GATE}**2)/(1 + exp(-z))*(2 + z*(1 - 1/(1 + exp(-z)) - 2*{_GATE}/(1 + exp(-z))))"
    ),
    phi=lambda z: z * _mish_gate(z),
    phi_prime=lambda z: _mish_gate(z) + z * _mish_gate_prime(z),
    phi_second=_mish_second,
)
