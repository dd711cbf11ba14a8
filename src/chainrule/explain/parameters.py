"""Each layer's parameters in a derivation: where the paths from one of their numbers begin, and each row's part."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Record, Scale
from chainrule.errors import InputError
from chainrule.explain.expression import Number, Symbol
from chainrule.explain.names import Wanted
from chainrule.explain.paths import Start
from chainrule.explain.row import RowPass

Index = tuple[int, ...]


class Derivable(NamedTuple):
    """One parameter of a layer.

    Attributes:
        starts: ``(row, l, index)`` to where the paths begin, each after its leading factor.
        by_row: ``(layer, record, delta, index)`` to each row's part in the gradient, (N,).
    """

    starts: Callable[[RowPass, int, Index], list[Start]]
    by_row: Callable[..., Array]


def derivable(chain: Chain, wanted: Wanted) -> Derivable:
    """The wanted parameter.

    Raises:
        InputError: it belongs to a user-defined layer.
    """
    found = PARAMETERS.get(type(chain.layers[wanted.layer - 1]), {}).get(wanted.key)
    if found is None:
        raise InputError(
            f"{wanted.key}{wanted.layer} belongs to a layer of your own, whose parameters cannot be explained yet."
        )
    return found


# -------------------------------------------------------------------------------- dense layers
def _weight(row: RowPass, l: int, index: Index) -> list[Start]:
    i, j = index
    return [Start("z", l, j, row.a(l - 1, i))] if row.wired[l - 1][i, j] else []


def _weight_by_row(layer: Dense, record: Record, delta: Array, index: Index) -> Array:
    exists = layer.mask is None or layer.mask[index] > 0
    return record["a_in"][:, index[0]] * delta[:, index[1]] * float(exists)


def _bias(row: RowPass, l: int, index: Index) -> list[Start]:
    """One unit's, or the one number that all units share."""
    return [Start("z", l, j, Number(1.0)) for j in index or range(row.model.chain.units[l])]


def _bias_by_row(layer: Dense, record: Record, delta: Array, index: Index) -> Array:
    del layer, record
    return delta[:, index[0]] if index else delta.sum(axis=1)


# -------------------------------------------------------------------------------- normalisations
def _gamma(row: RowPass, l: int, index: Index) -> list[Start]:
    (j,) = index
    return [Start("z", l, j, Symbol("xhat", l, (j,), float(row.done.records[l - 1]["xhat"][0, j])))]


def _gamma_by_row(layer: Layer, record: Record, delta: Array, index: Index) -> Array:
    del layer
    return delta[:, index[0]] * record["xhat"][:, index[0]]


_NORMALIZATION = {"gamma": Derivable(_gamma, _gamma_by_row), "beta": Derivable(_bias, _bias_by_row)}


# -------------------------------------------------------------------------------- scaling
def _factor(row: RowPass, l: int, index: Index) -> list[Start]:
    (j,) = index
    return [Start("z", l, j, row.a(l - 1, j))]


def _factor_by_row(layer: Scale, record: Record, delta: Array, index: Index) -> Array:
    del layer
    return delta[:, index[0]] * record["a_in"][:, index[0]]


PARAMETERS: Mapping[type[Layer], Mapping[str, Derivable]] = {
    Dense: {"W": Derivable(_weight, _weight_by_row), "b": Derivable(_bias, _bias_by_row)},
    Dropout: {},
    LayerNorm: _NORMALIZATION,
    BatchNorm: _NORMALIZATION,
    Scale: {"gamma": Derivable(_factor, _factor_by_row)},
}
"""By layer and name."""
