"""Parameters that hold the library's rows (activations, losses, initialisers), as bytes that pickle can carry.

A row's functions have no names by which pickle could find them; the rows have: they are looked up in the tables again.
"""

import io
import pickle
from dataclasses import dataclass
from types import NoneType
from typing import Any

from chainrule.core.activations import activation as find_activation
from chainrule.core.builtin import Row, is_builtin, kind_of
from chainrule.core.initializers import initializer as find_initializer
from chainrule.core.losses import loss as find_loss

MAY_HOLD_ROWS = {"activation", "loss", "hidden_layers"}
"""Parameters that may hold rows of the library."""

FINDERS: dict[str, Any] = {"activation": find_activation, "loss": find_loss, "initializer": find_initializer}


def found(kind: str, name: str, parameters: dict[str, float]) -> Any:
    """A row of the library with its constants."""
    return FINDERS[kind](name, **parameters)


class _Pickler(pickle.Pickler):
    """Names the library's rows in place of their functions."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Row) and is_builtin(obj):
            return found, (kind_of(obj).__name__.lower(), obj.name, dict(obj.parameters))
        return NotImplemented


@dataclass(frozen=True)
class Packed:
    """A parameter's value as bytes."""

    content: bytes

    def unpacked(self) -> Any:
        """The value."""
        return pickle.loads(self.content)  # noqa: S301 - it came out of a pickle that the caller has chosen to load


def packed(value: Any) -> Packed:
    """The value as bytes.

    Example:
        >>> packed(find_activation("mish")).unpacked().name
        'mish'
    """
    buffer = io.BytesIO()
    _Pickler(buffer).dump(value)
    return Packed(buffer.getvalue())


def with_rows_packed(state: dict[str, Any]) -> dict[str, Any]:
    """An estimator's attributes, those with rows of the library as bytes."""
    rows = {name: state[name] for name in MAY_HOLD_ROWS & set(state) if not isinstance(state[name], str | NoneType)}
    return state | {name: packed(value) for name, value in rows.items()}


def with_rows_unpacked(state: dict[str, Any]) -> dict[str, Any]:
    """The inverse of ``with_rows_packed``."""
    return {name: value.unpacked() if isinstance(value, Packed) else value for name, value in state.items()}
