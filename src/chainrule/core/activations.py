"""Activations, a row each: phi, phi', phi'', their formulas as data, their source.

``a = phi(z)`` acts on net inputs ``z`` of shape (N, units). Formulas are written in SymPy's syntax with the symbols
``z``, ``a`` (short for phi(z)) and the row's parameters; ``chainrule.extend.check_activation`` proves each row: the
formulas against a computer-algebra derivative, the functions against the formulas from -1e4 to 1e4.

The functions are written so that they neither overflow nor cancel: where a formula subtracts nearly equal numbers, an
equal one that does not is used and said.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.lookup import check_parameters, look_up


@dataclass(frozen=True, eq=False)
class Activation(ABC):
    """What every activation knows: its name, its formulas, and the four products that layers need.

    The products are Jacobian products, so that elementwise and row-wise activations (softmax) look alike to a layer.
    A dot marks the derivative along a direction (the R-operator of Pearlmutter 1994, Neural Computation 6(1)).

    Attributes:
        name: the name a layer is given, such as ``"sigmoid"``.
        formula: phi in SymPy's syntax.
        source: where the function was published or is defined.
        parameters: constants of the formula and their values, such as ``{"alpha": 0.01}``.
        range: the smallest and the largest value that phi can take or approach; infinite where a parameter sets it.
    """

    name: str
    formula: str
    source: str
    parameters: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    range: tuple[float, float] = field(default=(-np.inf, np.inf), kw_only=True)

    @abstractmethod
    def value(self, z: Array) -> Array:
        """``a = phi(z)``."""

    @abstractmethod
    def pull_back(self, z: Array, a: Array, da: Array) -> Array:
        """``delta = dE/dz`` from ``da = dE/da``: the transposed Jacobian times ``da``."""

    @abstractmethod
    def push_forward(self, z: Array, a: Array, z_dot: Array) -> Array:
        """``a_dot``: the Jacobian times ``z_dot``."""

    @abstractmethod
    def pull_back_dot(self, z: Array, a: Array, da: Array, z_dot: Array, da_dot: Array) -> Array:
        """``delta_dot``: how ``pull_back`` changes when z moves along ``z_dot`` and da along ``da_dot``."""

    def with_parameters(self, **parameters: float) -> Self:
        """The same row with other constants, such as ``leaky_relu`` with another slope."""
        return replace(self, parameters=check_parameters("activation", self.name, self.parameters, parameters))


@final
@dataclass(frozen=True, eq=False)
class ElementwiseActivation(Activation):
    """An activation that acts on each net input alone: its Jacobian is the diagonal phi'(z).

    Attributes:
        derivative_formula, second_derivative_formula: phi' and phi'' in the symbols z and a.
        phi, phi_prime, phi_second: the functions, called as ``phi(z, **parameters)``.
        kinks: the z at which phi' jumps; phi' takes the value that ``phi_prime`` gives there.
        curvature_jumps: the z at which phi'' jumps (phi' does not).
    """

    derivative_formula: str = field(kw_only=True)
    second_derivative_formula: str = field(kw_only=True)
    phi: Callable[..., Array] = field(kw_only=True)
    phi_prime: Callable[..., Array] = field(kw_only=True)
    phi_second: Callable[..., Array] = field(kw_only=True)
    kinks: tuple[float, ...] = field(default=(), kw_only=True)
    curvature_jumps: tuple[float, ...] = field(default=(), kw_only=True)

    def value(self, z: Array) -> Array:
        """``a = phi(z)``."""
        return self.phi(z, **self.parameters)

    def derivative(self, z: Array) -> Array:
        """``phi'(z)``."""
        return self.phi_prime(z, **self.parameters)

    def second_derivative(self, z: Array) -> Array:
        """``phi''(z)``."""
        return self.phi_second(z, **self.parameters)

    def pull_back(self, z: Array, a: Array, da: Array) -> Array:  # noqa: ARG002
        """``delta = da phi'(z)``."""
        return da * self.derivative(z)

    def push_forward(self, z: Array, a: Array, z_dot: Array) -> Array:  # noqa: ARG002
        """``a_dot = phi'(z) z_dot``."""
        return self.derivative(z) * z_dot

    def pull_back_dot(self, z: Array, a: Array, da: Array, z_dot: Array, da_dot: Array) -> Array:  # noqa: ARG002
        """``delta_dot = da_dot phi'(z) + da phi''(z) z_dot``."""
        return da_dot * self.derivative(z) + da * self.second_derivative(z) * z_dot


@final
@dataclass(frozen=True, eq=False)
class RowActivation(Activation):
    """An activation that mixes the units of a row; its Jacobian is a full matrix for each row.

    Its formula gives the value of unit ``k`` out of ``K`` from ``z[0] ... z[K - 1]``; ``Sum(f(z[j]), (j, 0, K - 1))``
    is SymPy's sum.

    Attributes:
        phi: ``phi(z) -> a``.
        jacobian_product: ``(z, a, v) -> J v`` for each row.
        transposed_jacobian_product: ``(z, a, g) -> J' g`` for each row.
        transposed_jacobian_product_dot: ``(z, a, g, z_dot) -> (dJ'/dz . z_dot) g`` for each row.
    """

    phi: Callable[..., Array] = field(kw_only=True)
    jacobian_product: Callable[..., Array] = field(kw_only=True)
    transposed_jacobian_product: Callable[..., Array] = field(kw_only=True)
    transposed_jacobian_product_dot: Callable[..., Array] = field(kw_only=True)

    def value(self, z: Array) -> Array:
        """``a = phi(z)``."""
        return self.phi(z, **self.parameters)

    def jacobian(self, z: Array) -> Array:
        """``J[n, k, j] = da[n, k]/dz[n, j]``, shape (N, K, K)."""
        a = self.value(z)
        units = np.eye(z.shape[1], dtype=z.dtype)
        columns = [self.push_forward(z, a, np.broadcast_to(unit, z.shape)) for unit in units]
        return np.stack(columns, axis=2)

    def pull_back(self, z: Array, a: Array, da: Array) -> Array:
        """``delta = J' da``."""
        return self.transposed_jacobian_product(z, a, da, **self.parameters)

    def push_forward(self, z: Array, a: Array, z_dot: Array) -> Array:
        """``a_dot = J z_dot``."""
        return self.jacobian_product(z, a, z_dot, **self.parameters)

    def pull_back_dot(self, z: Array, a: Array, da: Array, z_dot: Array, da_dot: Array) -> Array:
        """``delta_dot = J' da_dot + J_dot' da``."""
        return self.pull_back(z, a, da_dot) + self.transposed_jacobian_product_dot(z, a, da, z_dot, **self.parameters)


# -------------------------------------------------------------------------------- identity
IDENTITY = ElementwiseActivation(
    "identity",
    "z",
    "the linear unit: Widrow & Hoff 1960, Adaptive switching circuits",
    derivative_formula="1",
    second_derivative_formula="0",
    phi=lambda z: z.copy(),
    phi_prime=np.ones_like,
    phi_second=np.zeros_like,
)


# -------------------------------------------------------------------------------- sigmoid
def _sigmoid(z: Array) -> Array:
    """1/(1 + exp(-z)), with exp only of negative numbers."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def _sigmoid_prime(z: Array) -> Array:
    """a (1 - a) = e/(1 + e)^2 with e = exp(-|z|): no cancellation in 1 - a."""
    e = np.exp(-np.abs(z))
    return e / (1 + e) ** 2


def _sigmoid_second(z: Array) -> Array:
    """phi' (1 - 2a), where 1 - 2a = -tanh(z/2)."""
    return -_sigmoid_prime(z) * np.tanh(z / 2)


SIGMOID = ElementwiseActivation(
    "sigmoid",
    "1/(1 + exp(-z))",
    "Rumelhart, Hinton & Williams 1986, Nature 323, 533-536",
    range=(0.0, 1.0),
    derivative_formula="a*(1 - a)",
    second_derivative_formula="a*(1 - a)*(1 - 2*a)",
    phi=_sigmoid,
    phi_prime=_sigmoid_prime,
    phi_second=_sigmoid_second,
)


# -------------------------------------------------------------------------------- tanh
def _tanh_prime(z: Array) -> Array:
    """1 - a^2 = 4e/(1 + e)^2 with e = exp(-2|z|): no cancellation in 1 - a^2."""
    return 4 * _sigmoid_prime(2 * z)


TANH = ElementwiseActivation(
    "tanh",
    "tanh(z)",
    "LeCun, Bottou, Orr & Müller 1998, Efficient BackProp",
    range=(-1.0, 1.0),
    derivative_formula="1 - a**2",
    second_derivative_formula="-2*a*(1 - a**2)",
    phi=np.tanh,
    phi_prime=_tanh_prime,
    phi_second=lambda z: -2 * np.tanh(z) * _tanh_prime(z),
)


# -------------------------------------------------------------------------------- relu and its kin
def _positive(z: Array) -> Array:
    """1 where z > 0, else 0: at the kink itself the derivative is the left one."""
    return (z > 0).astype(z.dtype)


RELU = ElementwiseActivation(
    "relu",
    "Max(0, z)",
    "Nair & Hinton 2010, ICML; phi'(0) is taken as 0",
    range=(0.0, np.inf),
    derivative_formula="Piecewise((1, z > 0), (0, True))",
    second_derivative_formula="0",
    phi=lambda z: np.maximum(z, 0),
    phi_prime=_positive,
    phi_second=np.zeros_like,
    kinks=(0.0,),
)

LEAKY_RELU = ElementwiseActivation(
    "leaky_relu",
    "Piecewise((z, z > 0), (alpha*z, True))",
    "Maas, Hannun & Ng 2013, ICML; phi'(0) is taken as alpha",
    parameters={"alpha": 0.01},
    derivative_formula="Piecewise((1, z > 0), (alpha, True))",
    second_derivative_formula="0",
    phi=lambda z, alpha: np.where(z > 0, z, alpha * z),
    phi_prime=lambda z, alpha: np.where(z > 0, z.dtype.type(1), z.dtype.type(alpha)),
    phi_second=lambda z, alpha: np.zeros_like(z),  # noqa: ARG005
    kinks=(0.0,),
)


def _elu(z: Array, alpha: float) -> Array:
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def _elu_prime(z: Array, alpha: float) -> Array:
    return np.where(z > 0, z.dtype.type(1), alpha * np.exp(np.minimum(z, 0)))


def _elu_second(z: Array, alpha: float) -> Array:
    return np.where(z > 0, z.dtype.type(0), alpha * np.exp(np.minimum(z, 0)))


ELU = ElementwiseActivation(
    "elu",
    "Piecewise((z, z > 0), (alpha*(exp(z) - 1), True))",
    "Clevert, Unterthiner & Hochreiter 2016, ICLR; with alpha other than 1 phi' jumps at 0",
    parameters={"alpha": 1.0},
    derivative_formula="Piecewise((1, z > 0), (alpha*exp(z), True))",
    second_derivative_formula="Piecewise((0, z > 0), (alpha*exp(z), True))",
    phi=_elu,
    phi_prime=_elu_prime,
    phi_second=_elu_second,
    kinks=(0.0,),
    curvature_jumps=(0.0,),
)

SELU = ElementwiseActivation(
    "selu",
    "Piecewise((scale*z, z > 0), (scale*alpha*(exp(z) - 1), True))",
    "Klambauer, Unterthiner, Mayr & Hochreiter 2017, NeurIPS: the constants are the paper's",
    parameters={"alpha": 1.6732632423543772, "scale": 1.0507009873554805},
    derivative_formula="Piecewise((scale, z > 0), (scale*alpha*exp(z), True))",
    second_derivative_formula="Piecewise((0, z > 0), (scale*alpha*exp(z), True))",
    phi=lambda z, alpha, scale: scale * _elu(z, alpha),
    phi_prime=lambda z, alpha, scale: scale * _elu_prime(z, alpha),
    phi_second=lambda z, alpha, scale: scale * _elu_second(z, alpha),
    kinks=(0.0,),
    curvature_jumps=(0.0,),
)


# -------------------------------------------------------------------------------- softplus, softsign
SOFTPLUS = ElementwiseActivation(
    "softplus",
    "log(1 + exp(z))",
    "Dugas, Bengio, Bélisle, Nadeau & Garcia 2001, NeurIPS 13",
    range=(0.0, np.inf),
    derivative_formula="1/(1 + exp(-z))",
    second_derivative_formula="exp(-z)/(1 + exp(-z))**2",
    phi=lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))),
    phi_prime=_sigmoid,
    phi_second=_sigmoid_prime,
)

SOFTSIGN = ElementwiseActivation(
    "softsign",
    "z/(1 + Abs(z))",
    "Bergstra, Desjardins, Lamblin & Bengio 2009, technical report 1337, Université de Montréal",
    range=(-1.0, 1.0),
    derivative_formula="1/(1 + Abs(z))**2",
    second_derivative_formula="-2*sign(z)/(1 + Abs(z))**3",
    phi=lambda z: z / (1 + np.abs(z)),
    phi_prime=lambda z: 1 / (1 + np.abs(z)) ** 2,
    phi_second=lambda z: -2 * np.sign(z) / (1 + np.abs(z)) ** 3,
    curvature_jumps=(0.0,),
)


# -------------------------------------------------------------------------------- gelu
def _normal_density(z: Array) -> Array:
    return np.exp(-(z**2) / 2) / z.dtype.type(np.sqrt(2 * np.pi))


def _normal_share(z: Array) -> Array:
    """Phi(z), the share of a standard normal below z; scipy is fetched only by those who use gelu."""
    from scipy.special import ndtr  # noqa: PLC0415

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
    return z * _sigmoid(u)


def _gelu_tanh_prime(z: Array) -> Array:
    u, u_prime, _ = _gelu_tanh_parts(z)
    return _sigmoid(u) + z * _sigmoid_prime(u) * u_prime


def _gelu_tanh_second(z: Array) -> Array:
    u, u_prime, u_second = _gelu_tanh_parts(z)
    return 2 * _sigmoid_prime(u) * u_prime + z * (_sigmoid_second(u) * u_prime**2 + _sigmoid_prime(u) * u_second)


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
    phi=lambda z: z * _sigmoid(z),
    phi_prime=lambda z: _sigmoid(z) + z * _sigmoid_prime(z),
    phi_second=lambda z: _sigmoid_prime(z) * (2 - z * np.tanh(z / 2)),
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
    s = _sigmoid(z)
    return _mish_gate_prime(z) * (2 + z * (_sigmoid(-z) - 2 * _mish_gate(z) * s))


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


# -------------------------------------------------------------------------------- hard forms
HARD_SIGMOID = ElementwiseActivation(
    "hard_sigmoid",
    "Max(0, Min(1, z/6 + Rational(1, 2)))",
    "Courbariaux, Bengio & David 2015, NeurIPS, with slope 1/6 (Howard et al. 2019, ICCV); phi' at the kinks is 0",
    range=(0.0, 1.0),
    derivative_formula="Piecewise((Rational(1, 6), (z > -3) & (z < 3)), (0, True))",
    second_derivative_formula="0",
    phi=lambda z: np.clip(z / 6 + 0.5, 0, 1),
    phi_prime=lambda z: (np.abs(z) < 3).astype(z.dtype) / 6,
    phi_second=np.zeros_like,
    kinks=(-3.0, 3.0),
)

HARD_TANH = ElementwiseActivation(
    "hard_tanh",
    "Max(-1, Min(1, z))",
    "Collobert 2004, Large scale machine learning (thesis); phi' at the kinks is 0",
    range=(-1.0, 1.0),
    derivative_formula="Piecewise((1, (z > -1) & (z < 1)), (0, True))",
    second_derivative_formula="0",
    phi=lambda z: np.clip(z, -1, 1),
    phi_prime=lambda z: (np.abs(z) < 1).astype(z.dtype),
    phi_second=np.zeros_like,
    kinks=(-1.0, 1.0),
)


# -------------------------------------------------------------------------------- exponential
def exponential(z: Array) -> Array:
    """exp(z), held at the largest number of z's dtype where it would overflow (z > 709 in float64)."""
    limit = np.log(np.finfo(z.dtype).max)
    return np.exp(np.minimum(z, np.nextafter(limit, z.dtype.type(0))))


EXPONENTIAL = ElementwiseActivation(
    "exponential",
    "exp(z)",
    "the inverse of the log link of Poisson regression: McCullagh & Nelder 1989, Generalized Linear Models",
    range=(0.0, np.inf),
    derivative_formula="a",
    second_derivative_formula="a",
    phi=exponential,
    phi_prime=exponential,
    phi_second=exponential,
)


# -------------------------------------------------------------------------------- softmax
def softmax(z: Array) -> Array:
    """exp(z_k)/sum_j exp(z_j) by row; the row's largest z is subtracted first, which changes nothing but overflow."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _row_dot(u: Array, v: Array) -> Array:
    return (u * v).sum(axis=1, keepdims=True)


def _softmax_jacobian_product(z: Array, a: Array, v: Array) -> Array:  # noqa: ARG001
    """J v = a (v - a.v): J = diag(a) - a a', which is its own transpose."""
    return a * (v - _row_dot(a, v))


def _softmax_jacobian_product_dot(z: Array, a: Array, g: Array, z_dot: Array) -> Array:
    """With a_dot = J z_dot: a_dot (g - a.g) - a (a_dot.g)."""
    a_dot = _softmax_jacobian_product(z, a, z_dot)
    return a_dot * (g - _row_dot(a, g)) - a * _row_dot(a_dot, g)


SOFTMAX = RowActivation(
    "softmax",
    "exp(z[k])/Sum(exp(z[j]), (j, 0, K - 1))",
    "Bridle 1990, Neurocomputing NATO ASI F68; J = diag(a) - a a'",
    range=(0.0, 1.0),
    phi=softmax,
    jacobian_product=_softmax_jacobian_product,
    transposed_jacobian_product=_softmax_jacobian_product,
    transposed_jacobian_product_dot=_softmax_jacobian_product_dot,
)


ACTIVATIONS: Mapping[str, Activation] = {
    row.name: row
    for row in (
        IDENTITY, SIGMOID, TANH, RELU, LEAKY_RELU, ELU, SELU, SOFTPLUS, SOFTSIGN, GELU, GELU_TANH, SILU, MISH,
        HARD_SIGMOID, HARD_TANH, EXPONENTIAL, SOFTMAX,
    )
}  # fmt: skip
"""The table: every activation of the library by its name."""


def activation(name: str | Activation, **parameters: float) -> Activation:
    """The row of that name, with other constants if some are given.

    Args:
        name: a name of the table, or a row of one's own, which is handed back.
        parameters: constants of the row's formula, such as ``alpha``.

    Raises:
        UnknownComponentError: no such row; the message lists those there are.
        InputError: no such constant, or it is not a finite number.

    Example:
        >>> activation("leaky_relu", alpha=0.2).value(np.array([-1.0, 3.0]))
        array([-0.2,  3. ])
    """
    row = look_up("activation", name, ACTIVATIONS, Activation)
    return row.with_parameters(**parameters) if parameters else row
