"""Activations that flatten out on both sides: sigmoid, tanh, softsign and the hard forms."""

import numpy as np

from chainrule.core.activations.base import ElementwiseActivation
from chainrule.core.arrays import Array


# -------------------------------------------------------------------------------- sigmoid
def sigmoid(z: Array) -> Array:
    """1/(1 + exp(-z)), with exp only of negative numbers."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_prime(z: Array) -> Array:
    """a (1 - a) = e/(1 + e)^2 with e = exp(-|z|): no cancellation in 1 - a."""
    e = np.exp(-np.abs(z))
    return e / (1 + e) ** 2


def sigmoid_second(z: Array) -> Array:
    """phi' (1 - 2a), where 1 - 2a = -tanh(z/2)."""
    return -sigmoid_prime(z) * np.tanh(z / 2)


SIGMOID = ElementwiseActivation(
    "sigmoid",
    "1/(1 + exp(-z))",
    "Rumelhart, Hinton & Williams 1986, Nature 323, 533-536",
    range=(0.0, 1.0),
    derivative_formula="a*(1 - a)",
    second_derivative_formula="a*(1 - a)*(1 - 2*a)",
    phi=sigmoid,
    phi_prime=sigmoid_prime,
    phi_second=sigmoid_second,
)


# -------------------------------------------------------------------------------- tanh
def _tanh_prime(z: Array) -> Array:
    """1 - a^2 = 4e/(1 + e)^2 with e = exp(-2|z|): no cancellation in 1 - a^2."""
    return 4 * sigmoid_prime(2 * z)


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


# -------------------------------------------------------------------------------- softsign
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
