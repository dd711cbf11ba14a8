"""Distinguishes built-in rows from user-defined ones, by what they compute, not by their names.

Anybody may call a row of their own ``"sigmoid"`` or ``"my_cross_entropy"``. What has been written for one of the
library's rows (a kernel, a line of source code, a simplification) holds only for a row with the same functions.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from chainrule.core.activations import ACTIVATIONS, Activation
from chainrule.core.initializers import INITIALIZERS, Initializer
from chainrule.core.losses import LOSSES, Loss

Row = Activation | Loss | Initializer

TABLES: Mapping[type, Mapping[str, Any]] = {Activation: ACTIVATIONS, Loss: LOSSES, Initializer: INITIALIZERS}
"""The library's own rows, by kind and name."""


def kind_of(row: Row) -> type:
    """Activation, Loss or Initializer."""
    return next(kind for kind in TABLES if isinstance(row, kind))


def is_builtin(row: Row) -> bool:
    """Whether a row is the library's own, whatever its constants.

    Example:
        >>> from dataclasses import replace
        >>> from chainrule.core.losses import HUBER, SQUARED
        >>> is_builtin(HUBER.with_parameters(delta=2.0)), is_builtin(replace(SQUARED, name="huber"))
        (True, False)
    """
    known = TABLES[kind_of(row)].get(row.name)
    return known is not None and computes_like(row, known)


def computes_like(row: Row, known: Row) -> bool:
    """Whether a row is this one of the library's, whatever its constants: the same class and the same functions."""
    return type(row) is type(known) and all(getattr(row, name) is value for name, value in _functions(known))


def _functions(row: Row) -> list[tuple[str, Any]]:
    """What a row computes by: its functions, and whether its terms are added up or averaged."""
    named = [(field.name, getattr(row, field.name)) for field in fields(row)]
    return [(name, value) for name, value in named if callable(value) or name == "reduction"]
