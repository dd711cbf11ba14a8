"""Every loss and its derivative as plain NumPy, to be copied into scripts by ``to_python``; none is called here.

See ``activation_functions``. Losses that add up one term for each output give the terms, shape (N, outputs); the one
that mixes the outputs of a row gives the row's loss, shape (N,). ``_prime`` is the derivative by the outputs y.
"""

import numpy as np

from chainrule.interchange.source.activation_functions import exponential, sigmoid, softmax


# -------------------------------------------------------------------------------- squared and absolute errors
def squared_error(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(t - y)^2."""
    return (t - y) ** 2


def squared_error_prime(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """2 (y - t)."""
    return 2 * (y - t)


def half_squared_error(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(t - y)^2/2."""
    return (t - y) ** 2 / 2


def half_squared_error_prime(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """y - t."""
    return y - t


def absolute_error(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """|t - y|."""
    return np.abs(t - y)


def absolute_error_prime(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """1 where y > t, -1 where y < t, 0 where they are equal."""
    return np.sign(y - t)


def huber(y: np.ndarray, t: np.ndarray, delta: float = 1.0) -> np.ndarray:
    """(t - y)^2/2 up to |t - y| = delta, then delta (|t - y| - delta/2)."""
    r = np.abs(t - y)
    inside = np.minimum(r, delta)
    return inside * (r - inside / 2)


def huber_prime(y: np.ndarray, t: np.ndarray, delta: float = 1.0) -> np.ndarray:
    """y - t, held between -delta and delta."""
    return np.clip(y - t, -delta, delta)


def quantile(y: np.ndarray, t: np.ndarray, quantile: float = 0.5) -> np.ndarray:
    """quantile (t - y) where the output is too low, (1 - quantile) (y - t) where it is too high."""
    return np.maximum(quantile * (t - y), (quantile - 1) * (t - y))


def quantile_prime(y: np.ndarray, t: np.ndarray, quantile: float = 0.5) -> np.ndarray:
    """-quantile where y < t, 1 - quantile where y > t, 0 where they are equal."""
    return np.where(y > t, 1 - quantile, np.where(y < t, -quantile, 0.0))


def log_cosh(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """log(cosh(r)) with r = y - t, written so that it neither overflows nor cancels."""
    r = np.abs(y - t)
    near = np.log1p(2 * np.sinh(np.minimum(r, 1) / 2) ** 2)
    return np.where(r < 1, near, r + np.log1p(np.exp(-2 * r)) - np.log(2))


def log_cosh_prime(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """tanh(y - t)."""
    return np.tanh(y - t)


# -------------------------------------------------------------------------------- poisson
def above_zero(y: np.ndarray) -> np.ndarray:
    """y, kept above the smallest normal number, so that its logarithm stays finite."""
    return np.maximum(y, np.finfo(float).tiny)


def quotient(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """t/y, with y kept so far from 0 that it stays finite."""
    return t / np.maximum(y, np.finfo(float).tiny * np.maximum(t, 1))


def poisson(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """y - t log(y)."""
    return y - t * np.log(above_zero(y))


def poisson_prime(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """1 - t/y."""
    return 1 - quotient(t, y)


def poisson_from_logits(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """exp(y) - t y."""
    return exponential(y) - t * y


def poisson_from_logits_prime(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """exp(y) - t."""
    return exponential(y) - t


# -------------------------------------------------------------------------------- cross-entropies
def binary_cross_entropy(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """-t log(y) - (1 - t) log(1 - y), with both logarithms kept finite."""
    below_one = np.minimum(y, 1 - np.finfo(float).epsneg)
    return -(t * np.log(above_zero(y)) + (1 - t) * np.log1p(-below_one))


def binary_cross_entropy_prime(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(1 - t)/(1 - y) - t/y."""
    other = np.maximum(1 - y, np.finfo(float).epsneg / 2)
    return (1 - t) / other - quotient(t, y)


def binary_cross_entropy_from_logits(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """log(1 + exp(y)) - t y, with exp only of negative numbers."""
    return (1 - t) * np.maximum(y, 0) + t * np.maximum(-y, 0) + np.log1p(np.exp(-np.abs(y)))


def binary_cross_entropy_from_logits_prime(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """sigmoid(y) - t, as 1 - sigmoid(y) = sigmoid(-y) keeps its digits."""
    return (1 - t) * sigmoid(y) - t * sigmoid(-y)


def categorical_cross_entropy(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """-t log(y)."""
    return -t * np.log(above_zero(y))


def categorical_cross_entropy_prime(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """-t/y."""
    return -quotient(t, y)


def categorical_cross_entropy_from_logits(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """sum_k t[k] (log(sum_j exp(y[j])) - y[k]), the largest y taken out of the exponentials."""
    gap = y.max(axis=1, keepdims=True) - y
    others = np.exp(-gap)
    np.put_along_axis(others, y.argmax(axis=1)[:, None], 0, axis=1)
    return (t * gap).sum(axis=1) + t.sum(axis=1) * np.log1p(others.sum(axis=1))


def categorical_cross_entropy_from_logits_prime(y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """p sum(t) - t with p = softmax(y); at the likeliest class, where p is near 1, by the other classes' p."""
    p, top = softmax(y), y.argmax(axis=1)[:, None]
    total = t.sum(axis=1, keepdims=True)
    other_t, other_p = t.copy(), p.copy()
    np.put_along_axis(other_t, top, 0, axis=1)
    np.put_along_axis(other_p, top, 0, axis=1)
    derivative = total * p - t
    np.put_along_axis(
        derivative, top, other_t.sum(axis=1, keepdims=True) - total * other_p.sum(axis=1)[:, None], axis=1
    )
    return derivative
