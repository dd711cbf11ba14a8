"""Activations that are linear, or grow, on one side: identity, relu and its relatives, softplus, the exponential."""

import numpy as np

from chainrule.core.activations.base import ElementwiseActivation
from chainrule.core.activations.saturating import sigmoid, sigmoid_prime
from chainrule.core.arrays import Array

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


# -------------------------------------------------------------------------------- relu and its relatives
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


# -------------------------------------------------------------------------------- softplus
SOFTPLUS = ElementwiseActivation(
    "softplus",
    "log(1 + exp(z))",
    "Dugas, Bengio, Bélisle, Nadeau & Garcia 2001, NeurIPS 13",
    range=(0.0, np.inf),
    derivative_formula="1/(1 + exp(-z))",
    second_derivative_formula="exp(-z)/(1 + exp(-z))**2",
    phi=lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))),
    phi_prime=sigmoid,
    phi_second=sigmoid_prime,
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
