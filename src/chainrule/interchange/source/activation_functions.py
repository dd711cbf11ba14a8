"""Every activation and its derivative as plain NumPy, to be copied into scripts by ``to_python``; none is called here.

It copies the source of those a network needs. They compute what the rows of ``chainrule.core.activations``
do, in float64, without overflow; a test compares the two for every row. Each begins with its formula.
"""

import numpy as np


# -------------------------------------------------------------------------------- sigmoid, tanh
def sigmoid(z: np.ndarray) -> np.ndarray:
    """1/(1 + exp(-z)), with exp only of negative numbers, so that nothing overflows."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_prime(z: np.ndarray) -> np.ndarray:
    """a (1 - a) with a = sigmoid(z), written as e/(1 + e)^2 with e = exp(-|z|): 1 - a would lose digits."""
    e = np.exp(-np.abs(z))
    return e / (1 + e) ** 2


def tanh(z: np.ndarray) -> np.ndarray:
    """The hyperbolic tangent."""
    return np.tanh(z)


def tanh_prime(z: np.ndarray) -> np.ndarray:
    """1 - a^2 with a = tanh(z), written as 4e/(1 + e)^2 with e = exp(-2|z|): 1 - a^2 would lose digits."""
    e = np.exp(-2 * np.abs(z))
    return 4 * e / (1 + e) ** 2


# -------------------------------------------------------------------------------- relu and its kin
def relu(z: np.ndarray) -> np.ndarray:
    """z where z > 0, else 0."""
    return np.maximum(z, 0)


def relu_prime(z: np.ndarray) -> np.ndarray:
    """1 where z > 0, else 0."""
    return np.where(z > 0, 1.0, 0.0)


def leaky_relu(z: np.ndarray, alpha: float = 0.01) -> np.ndarray:
    """z where z > 0, else alpha z."""
    return np.where(z > 0, z, alpha * z)


def leaky_relu_prime(z: np.ndarray, alpha: float = 0.01) -> np.ndarray:
    """1 where z > 0, else alpha."""
    return np.where(z > 0, 1.0, alpha)


def elu(z: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """z where z > 0, else alpha (exp(z) - 1)."""
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def elu_prime(z: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """1 where z > 0, else alpha exp(z)."""
    return np.where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0)))


def selu(z: np.ndarray, alpha: float = 1.6732632423543772, scale: float = 1.0507009873554805) -> np.ndarray:
    """Scale times elu(z) with these alpha and scale."""
    return scale * elu(z, alpha)


def selu_prime(z: np.ndarray, alpha: float = 1.6732632423543772, scale: float = 1.0507009873554805) -> np.ndarray:
    """Scale times elu'(z)."""
    return scale * elu_prime(z, alpha)


# -------------------------------------------------------------------------------- softplus, softsign
def softplus(z: np.ndarray) -> np.ndarray:
    """log(1 + exp(z)), with exp only of negative numbers."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def softplus_prime(z: np.ndarray) -> np.ndarray:
    """sigmoid(z)."""
    return sigmoid(z)


def softsign(z: np.ndarray) -> np.ndarray:
    """z/(1 + |z|)."""
    return z / (1 + np.abs(z))


def softsign_prime(z: np.ndarray) -> np.ndarray:
    """1/(1 + |z|)^2."""
    return 1 / (1 + np.abs(z)) ** 2


# -------------------------------------------------------------------------------- gelu, silu, mish
def normal_density(z: np.ndarray) -> np.ndarray:
    """exp(-z^2/2)/sqrt(2 pi): the standard normal density."""
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def normal_share(z: np.ndarray) -> np.ndarray:
    """The share of a standard normal below z, erfc(-z/sqrt(2))/2: NumPy has no erfc, so by a Chebyshev series.

    With u = |z|/sqrt(2) and s = 2/(2 + u): log(erfc(u)/s) + u^2 is smooth in s from 0 to 1.
    """
    series = [
        -0.6513268598908591, 0.6419697923564991, 0.019476473204177072, -0.009561514786800002,
        -0.0009465953444904772, 0.00036683949786096067, 4.252332479900027e-05, -2.0278578104967185e-05,
        -1.6242900118269946e-06, 1.3036558423291443e-06, 1.562643544639343e-08, -8.523809015088668e-08,
        6.529049222221988e-09, 5.05934813310858e-09, -9.9136818614527e-10, -2.2736172538307296e-10,
        9.646516778842907e-11, 2.3961107301909226e-12, -6.8874168171809815e-12, 8.95185302664491e-13,
        3.130909729684443e-13, -1.1340326583716808e-13, 1.7680504758162954e-15, 5.035777198771967e-15,
    ]  # fmt: skip
    s = 2 / (2 + np.abs(z) / np.sqrt(2))
    tail = s * np.exp(-(z**2) / 2 + np.polynomial.chebyshev.chebval(2 * s - 1, series)) / 2
    return np.where(z < 0, tail, 1 - tail)


def gelu(z: np.ndarray) -> np.ndarray:
    """z times the share of a standard normal below z."""
    return z * normal_share(z)


def gelu_prime(z: np.ndarray) -> np.ndarray:
    """The share of a standard normal below z, plus z times its density there."""
    return normal_share(z) + z * normal_density(z)


def gelu_tanh(z: np.ndarray) -> np.ndarray:
    """z (1 + tanh(u/2))/2 = z sigmoid(u) with u = sqrt(8/pi) (z + 0.044715 z^3)."""
    return z * sigmoid(np.sqrt(8 / np.pi) * z * (1 + 0.044715 * z**2))


def gelu_tanh_prime(z: np.ndarray) -> np.ndarray:
    """sigmoid(u) + z sigmoid'(u) u' with u = sqrt(8/pi) (z + 0.044715 z^3)."""
    u = np.sqrt(8 / np.pi) * z * (1 + 0.044715 * z**2)
    u_prime = np.sqrt(8 / np.pi) * (1 + 3 * 0.044715 * z**2)
    return sigmoid(u) + z * sigmoid_prime(u) * u_prime


def silu(z: np.ndarray) -> np.ndarray:
    """z sigmoid(z)."""
    return z * sigmoid(z)


def silu_prime(z: np.ndarray) -> np.ndarray:
    """sigmoid(z) + z sigmoid'(z)."""
    return sigmoid(z) + z * sigmoid_prime(z)


def mish(z: np.ndarray) -> np.ndarray:
    """z tanh(log(1 + exp(z))) = z s (s + 2)/(s (s + 2) + 2) with s = exp(z), with exp only of negative numbers."""
    e = np.exp(-np.abs(z))
    return z * np.where(z >= 0, (1 + 2 * e) / (1 + 2 * e + 2 * e**2), e * (e + 2) / (e * (e + 2) + 2))


def mish_prime(z: np.ndarray) -> np.ndarray:
    """g + z g' with g = tanh(log(1 + exp(z))) and g' = 4 s (1 + s)/(s^2 + 2 s + 2)^2, s = exp(z)."""
    e = np.exp(-np.abs(z))
    g = np.where(z >= 0, (1 + 2 * e) / (1 + 2 * e + 2 * e**2), e * (e + 2) / (e * (e + 2) + 2))
    above = 4 * e**2 * (1 + e) / (1 + 2 * e + 2 * e**2) ** 2
    below = 4 * e * (1 + e) / (e**2 + 2 * e + 2) ** 2
    return g + z * np.where(z >= 0, above, below)


# -------------------------------------------------------------------------------- hard forms, exponential, softmax
def hard_sigmoid(z: np.ndarray) -> np.ndarray:
    """z/6 + 1/2, held between 0 and 1."""
    return np.clip(z / 6 + 0.5, 0, 1)


def hard_sigmoid_prime(z: np.ndarray) -> np.ndarray:
    """1/6 where -3 < z < 3, else 0."""
    return np.where(np.abs(z) < 3, 1 / 6, 0.0)


def hard_tanh(z: np.ndarray) -> np.ndarray:
    """z, held between -1 and 1."""
    return np.clip(z, -1, 1)


def hard_tanh_prime(z: np.ndarray) -> np.ndarray:
    """1 where -1 < z < 1, else 0."""
    return np.where(np.abs(z) < 1, 1.0, 0.0)


def exponential(z: np.ndarray) -> np.ndarray:
    """exp(z), held at the largest number there is where it would overflow."""
    largest = np.nextafter(np.log(np.finfo(float).max), 0)
    return np.exp(np.minimum(z, largest))


def exponential_prime(z: np.ndarray) -> np.ndarray:
    """exp(z)."""
    return exponential(z)


def softmax(z: np.ndarray) -> np.ndarray:
    """exp(z[k])/sum_j exp(z[j]) in each row; the row's largest z is taken off first, which changes only overflow."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_pull_back(a: np.ndarray, da: np.ndarray) -> np.ndarray:
    """The transposed Jacobian times da: a (da - sum_k a[k] da[k]), as da[k]/dz[j] = a[k] ([k = j] - a[j])."""
    return a * (da - (a * da).sum(axis=1, keepdims=True))
