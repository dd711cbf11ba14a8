"""Activations that mix the units of a row: softmax."""

import numpy as np

from chainrule.core.activations.base import RowActivation
from chainrule.core.arrays import Array


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
