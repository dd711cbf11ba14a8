"""Functions of layers, class by class: tables such as ``{Dense: f, Dropout: g}``, one for each purpose.

A table stands beside the functions it lists (formulas, exports, kernels, pictures), and ``entry_of`` reads it. Layers
of the library are final classes, so the class itself is the key; a user-defined layer is in no table.
"""

from collections.abc import Mapping
from typing import TypeVar

from chainrule.core.layers.base import Layer
from chainrule.errors import InputError

Entry = TypeVar("Entry")


def entry_of(table: Mapping[type[Layer], Entry], layer: Layer, purpose: str) -> Entry:
    """The table's entry for a layer's class.

    Args:
        table: by class.
        layer: the layer.
        purpose: what cannot be done without an entry, such as ``"be written as PyTorch"``.

    Raises:
        InputError: the class is not in the table; names it, the purpose and those that are.

    Example:
        >>> from chainrule.core.layers import Dense, Dropout
        >>> entry_of({Dropout: "thins out"}, Dense(2), "thin out")
        Traceback (most recent call last):
        chainrule.errors.InputError: Dense(units=2, activation='identity') cannot thin out: only Dropout can.
    """
    if type(layer) not in table:
        known = ", ".join(kind.__name__ for kind in table)
        raise InputError(f"{layer!r} cannot {purpose}: only {known} can.")
    return table[type(layer)]
