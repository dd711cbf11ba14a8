"""How each layer joins the units below to its net inputs: the derivatives ``dz[j]/da_in[i]`` and their names."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Record, Scale
from chainrule.explain.expression import Leaf, Number, Partial, Symbol


class Edges(NamedTuple):
    """One layer's edges.

    Attributes:
        values: ``(layer, parameters, record)`` to ``dz[j]/da_in[i]`` (units below, units), for a record of one row.
        exist: ``(layer, values)`` to which of them exist: a boolean array.
        factor: ``(l, i, j, value)`` to the factor of the chain rule from ``a_{l-1}[i]`` to ``z_l[j]``.
    """

    values: Callable[..., Array]
    exist: Callable[..., Array]
    factor: Callable[[int, int, int, float], Leaf | Number]


def edges_of(layer: Layer) -> Edges:
    """The layer's edges; those of a user-defined layer are found by its ``forward_dot``."""
    return EDGES.get(type(layer), _BY_DIFFERENTIATION)


# -------------------------------------------------------------------------------- by differentiation
def _by_direction(layer: Layer, p: Record, record: Record) -> Array:
    """How net inputs change along each unit below."""
    still = {key: np.zeros_like(value) for key, value in p.items()}
    units = np.eye(record["a_in"].shape[1], dtype=record["a_in"].dtype)
    return np.stack([layer.forward_dot(p, still, record, unit[None, :])["z"][0] for unit in units])


def _where_not_zero(layer: Layer, values: Array) -> Array:
    del layer
    return values != 0


def _partial(l: int, i: int, j: int, value: float) -> Partial:
    below = Symbol("x", None, (i,)) if l == 1 else Symbol("a", l - 1, (i,))
    return Partial(Symbol("z", l, (j,)), below, value)


_BY_DIFFERENTIATION = Edges(_by_direction, _where_not_zero, _partial)


# -------------------------------------------------------------------------------- dense layers and dropout
def _weights(layer: Dense, p: Record, record: Record) -> Array:
    del record
    return layer.wired(p["W"])


def _wired(layer: Dense, values: Array) -> Array:
    return np.ones(values.shape, bool) if layer.mask is None else layer.mask > 0


def _weight(l: int, i: int, j: int, value: float) -> Symbol:
    return Symbol("W", l, (i, j), value)


def _mask(l: int, i: int, j: int, value: float) -> Symbol | Number:
    """The number dropout multiplies by; 1 is left out."""
    del j
    return Number(1.0) if value == 1 else Symbol("mask", l, (i,), value)


# -------------------------------------------------------------------------------- scaling
def _factors(layer: Scale, p: Record, record: Record) -> Array:
    del layer, record
    return np.diag(p["gamma"])


def _one_to_one(layer: Scale, values: Array) -> Array:
    del layer
    return np.eye(len(values), dtype=bool)


def _gamma(l: int, i: int, j: int, value: float) -> Symbol:
    del j
    return Symbol("gamma", l, (i,), value)


EDGES: Mapping[type[Layer], Edges] = {
    Dense: Edges(_weights, _wired, _weight),
    Dropout: Edges(_by_direction, _where_not_zero, _mask),
    LayerNorm: _BY_DIFFERENTIATION,
    BatchNorm: _BY_DIFFERENTIATION,
    Scale: Edges(_factors, _one_to_one, _gamma),
}
"""By layer."""
