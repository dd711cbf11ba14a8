"""Networks as data: arrays by name, and a description of the rest that fits into JSON.

A file names components and gives their constants, not what they compute. So a name must stand for one thing:
a user-defined row is refused if another row has its name.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.builtin import TABLES, Row, kind_of
from chainrule.core.chain import Chain
from chainrule.core.layers import LAYERS, Layer
from chainrule.core.model import Model
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.errors import InputError

SCHEMA = "chainrule/network"
VERSION = 1

Packed = tuple[dict[str, Array], dict[str, Any]]
"""A network as arrays and a description."""


def pack(model: Model) -> Packed:
    """Parameters by name, running statistics as ``state.mean2``, masks as ``mask1``; and the description.

    Raises:
        InputError: a number is not finite, or two different components have the same name.
    """
    chain = model.chain
    _refuse_ambiguous_names(chain)
    arrays = dict(model.parameters)
    for l, (layer, state) in enumerate(zip(chain.layers, model.state, strict=True), start=1):
        arrays |= {f"state.{key}{l}": value for key, value in state.items()}
        mask = layer.options().get("mask")
        if mask is not None:
            arrays[f"mask{l}"] = mask > 0
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds a number that is not finite: a file of it could not be read again.")
    return arrays, {
        "schema": SCHEMA,
        "version": VERSION,
        "inputs": chain.inputs,
        "dtype": chain.dtype.name,
        "loss": packed_row(chain.loss),
        "layers": [packed_layer(layer) for layer in chain.layers],
    }


def packed_layer(layer: Layer) -> dict[str, Any]:
    """A layer as its kind's name and its constructor's arguments."""
    options = {key: _option(type(layer).__name__, key, value) for key, value in layer.options().items()}
    return {"kind": type(layer).__name__, "options": options}


def _option(kind: str, key: str, value: Any) -> Any:
    if isinstance(value, Row):
        return packed_row(value)
    if not isinstance(value, np.ndarray):
        return value
    if key != "mask":
        raise InputError(
            f"option {key!r} of {kind} is an array, which a file cannot hold: make it a parameter or a list."
        )
    return True  # its numbers are among the arrays


def packed_row(row: Row) -> dict[str, Any]:
    """A component as its name and constants."""
    if isinstance(row, UnitwiseActivation):
        return {"name": row.name, "rows": [packed_row(unit) for unit in row.rows]}
    return {"name": row.name, "parameters": dict(row.parameters)}


def own_components(chain: Chain) -> list[Any]:
    """The components that are not the library's, which a reader must bring along."""
    kinds: list[Any] = [type(layer) for layer in chain.layers if type(layer) not in LAYERS.values()]
    return kinds + [row for row in _rows(chain) if row.name not in TABLES[kind_of(row)]]


# -------------------------------------------------------------------------------- what a name stands for
def _rows(chain: Chain) -> Iterator[Row]:
    """Every component of a network, those of single units too."""
    yield chain.loss
    for layer in chain.layers:
        for value in layer.options().values():
            if isinstance(value, UnitwiseActivation):
                yield from value.rows
            elif isinstance(value, Row):
                yield value


def _refuse_ambiguous_names(chain: Chain) -> None:
    for layer in chain.layers:
        known = LAYERS.get(type(layer).__name__, type(layer))
        if known is not type(layer):
            raise InputError(f"a layer of your own is named {known.__name__} like the library's: rename its class.")
    met: dict[tuple[type, str], Row] = {}
    for row in _rows(chain):
        kind = kind_of(row)
        known = TABLES[kind].get(row.name) or met.setdefault((kind, row.name), row)
        if not _alike(row, known):
            raise InputError(
                f"two different rows, each a {kind.__name__}, are named {row.name!r}, so that a file could not tell "
                "them apart: rename the one of your own."
            )


def _alike(row: Row, other: Row) -> bool:
    """Whether they differ in nothing but constants, as those that ``with_parameters`` makes."""
    names = [field.name for field in fields(row) if field.name != "parameters"]
    return type(row) is type(other) and all(np.array_equal(getattr(row, n), getattr(other, n)) for n in names)
