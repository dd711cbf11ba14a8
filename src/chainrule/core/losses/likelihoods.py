"""Losses that are likelihoods of counts or classes: Poisson and the cross-entropies, each also fused with its link."""

import numpy as np

from chainrule.core.activations import SIGMOID, exponential, softmax
from chainrule.core.arrays import Array
from chainrule.core.losses.base import ElementwiseLoss, RowLoss


# -------------------------------------------------------------------------------- poisson
def _tiny(y: Array) -> Array:
    """Outputs kept above the smallest normal number, so that their logarithm and inverse stay finite."""
    return np.maximum(y, np.finfo(y.dtype).tiny)


def _quotient(t: Array, y: Array, power: int = 1) -> Array:
    """t/y^power, with y kept so far from 0 that it stays finite (at most 1/tiny)."""
    smallest = (np.finfo(y.dtype).tiny * np.maximum(t, 1)) ** (1 / power)
    return t / np.maximum(y, smallest) ** power


POISSON = ElementwiseLoss(
    "poisson",
    "y - t*log(y)",
    "the Poisson likelihood without its constant: McCullagh & Nelder 1989; outputs must be positive (exponential)",
    target_range=(0.0, np.inf),
    derivative_formula="1 - t/y",
    second_derivative_formula="t/y**2",
    term=lambda y, t: y - t * np.log(_tiny(y)),
    term_prime=lambda y, t: 1 - _quotient(t, y),
    term_second=lambda y, t: _quotient(t, y, 2),
    output_activation="exponential",
    best_constant="mean",
)

POISSON_FROM_LOGITS = ElementwiseLoss(
    "poisson_from_logits",
    "exp(y) - t*y",
    "the Poisson likelihood by its natural parameter: McCullagh & Nelder 1989",
    link="exponential",
    target_range=(0.0, np.inf),
    derivative_formula="exp(y) - t",
    second_derivative_formula="exp(y)",
    term=lambda y, t: exponential(y) - t * y,
    term_prime=lambda y, t: exponential(y) - t,
    term_second=lambda y, t: exponential(y),  # noqa: ARG005
    unfused=POISSON,
)


# -------------------------------------------------------------------------------- cross-entropies
def _other(y: Array) -> Array:
    """1 - y, kept above zero so that its inverse stays finite."""
    return np.maximum(1 - y, np.finfo(y.dtype).epsneg / 2)


def _binary_cross_entropy(y: Array, t: Array) -> Array:
    """By log1p, as 1 - y rounds a small y away; y at most the largest number below 1."""
    below_one = np.minimum(y, 1 - np.finfo(y.dtype).epsneg)
    return -(t * np.log(_tiny(y)) + (1 - t) * np.log1p(-below_one))


BINARY_CROSS_ENTROPY = ElementwiseLoss(
    "binary_cross_entropy",
    "-t*log(y) - (1 - t)*log(1 - y)",
    "the Bernoulli likelihood: Cox 1958; outputs must lie between 0 and 1 (sigmoid)",
    target_range=(0.0, 1.0),
    derivative_formula="(1 - t)/(1 - y) - t/y",
    second_derivative_formula="t/y**2 + (1 - t)/(1 - y)**2",
    term=_binary_cross_entropy,
    term_prime=lambda y, t: (1 - t) / _other(y) - _quotient(t, y),
    term_second=lambda y, t: _quotient(t, y, 2) + (1 - t) / _other(y) ** 2,
    output_activation="sigmoid",
    probabilities="independent",
    best_constant="mean",
)

BINARY_CROSS_ENTROPY_FROM_LOGITS = ElementwiseLoss(
    "binary_cross_entropy_from_logits",
    "log(1 + exp(y)) - t*y",
    "sigmoid and binary cross-entropy fused, so that dE/dz = sigmoid(z) - t: Bishop 1995, section 6.7",
    link="sigmoid",
    target_range=(0.0, 1.0),
    derivative_formula="1/(1 + exp(-y)) - t",
    second_derivative_formula="exp(-y)/(1 + exp(-y))**2",
    term=lambda y, t: (1 - t) * np.maximum(y, 0) + t * np.maximum(-y, 0) + np.log1p(np.exp(-np.abs(y))),
    term_prime=lambda y, t: (1 - t) * SIGMOID.value(y) - t * SIGMOID.value(-y),
    term_second=lambda y, t: SIGMOID.derivative(y),  # noqa: ARG005
    unfused=BINARY_CROSS_ENTROPY,
    probabilities="independent",
)

CATEGORICAL_CROSS_ENTROPY = ElementwiseLoss(
    "categorical_cross_entropy",
    "-t*log(y)",
    "the multinomial likelihood: Bridle 1990; outputs must be positive and sum to 1 (softmax)",
    target_range=(0.0, 1.0),
    derivative_formula="-t/y",
    second_derivative_formula="t/y**2",
    term=lambda y, t: -t * np.log(_tiny(y)),
    term_prime=lambda y, t: -_quotient(t, y),
    term_second=lambda y, t: _quotient(t, y, 2),
    output_activation="softmax",
    probabilities="exclusive",
    best_constant="mean",
)


def _without(values: Array, k: Array) -> Array:
    """The sum of each row without its entry ``k``, shape (N, 1): no cancellation, as nothing is subtracted."""
    kept = values.copy()
    np.put_along_axis(kept, k, 0, axis=1)
    return kept.sum(axis=1, keepdims=True)


def _softmax_cross_entropy(y: Array, t: Array) -> Array:
    """sum_k t_k (top - y_k) + sum(t) log(1 + sum of the others' exp(y_j - top)): exact where the top is the target."""
    top = y.argmax(axis=1)[:, None]
    gap = np.take_along_axis(y, top, axis=1) - y
    return (t * gap).sum(axis=1) + t.sum(axis=1) * np.log1p(_without(np.exp(-gap), top)[:, 0])


def _softmax_cross_entropy_prime(y: Array, t: Array) -> Array:
    """sum(t) p - t with p = softmax(y); at the likeliest class, where p is near 1, by the others."""
    p, top, total = softmax(y), y.argmax(axis=1)[:, None], t.sum(axis=1, keepdims=True)
    derivative = total * p - t
    np.put_along_axis(derivative, top, _without(t, top) - total * _without(p, top), axis=1)
    return derivative


def _softmax_hessian_product(y: Array, t: Array, v: Array) -> Array:
    """sum(t) (diag(p) - p p') v with p = softmax(y)."""
    p = softmax(y)
    return t.sum(axis=1, keepdims=True) * p * (v - (p * v).sum(axis=1, keepdims=True))


CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS = RowLoss(
    "categorical_cross_entropy_from_logits",
    "Sum(t[j], (j, 0, K - 1))*log(Sum(exp(y[j]), (j, 0, K - 1))) - Sum(t[j]*y[j], (j, 0, K - 1))",
    "softmax and categorical cross-entropy fused, so that dE/dz = softmax(z) - t: Bridle 1990",
    link="softmax",
    target_range=(0.0, 1.0),
    row_value=_softmax_cross_entropy,
    row_derivative=_softmax_cross_entropy_prime,
    row_second_product=_softmax_hessian_product,
    unfused=CATEGORICAL_CROSS_ENTROPY,
    probabilities="exclusive",
)
