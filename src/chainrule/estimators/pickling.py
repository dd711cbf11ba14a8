"""Parameters that hold the library's rows (activations, losses, initialisers), as bytes that pickle can carry.

A row's functions have no names by which pickle could find them; the rows have: they are looked up in the tables again.
"""

import io
import pickle
from dataclasses import dataclass
from typing import Any

from chainrule.core.activations import Activation
from chainrule.core.activations import activation as find_activation
from chainrule.core.initializers import INITIALIZERS, Initializer
from chainrule.core.initializers import initializer as find_initializer
from chainrule.core.losses import Loss
from chainrule.core.losses import loss as find_loss
from chainrule.engine import support

FINDERS: dict[str, Any] = {"activation": find_activation, "loss": find_loss, "initializer": find_initializer}


def found(kind: str, name: str, parameters: dict[str, float]) -> Any:
    """A row of the library with its constants."""
    return FINDERS[kind](name, **parameters)


class _Pickler(pickle.Pickler):
    """Names the library's rows in place of their functions."""

    def reducer_override(self, obj: Any) -> Any:
        kind = None
        if isinstance(obj, Activation) and support.is_builtin_activation(obj):
            kind = "activation"
        elif isinstance(obj, Loss) and support.is_builtin_loss(obj):
            kind = "loss"
        elif isinstance(obj, Initializer) and obj.name in INITIALIZERS and obj.draw is INITIALIZERS[obj.name].draw:
            kind = "initializer"
        return NotImplemented if kind is None else (found, (kind, obj.name, dict(obj.parameters)))


@dataclass(frozen=True)
class Packed:
    """A parameter's value as bytes."""

    told: bytes

    def unpacked(self) -> Any:
        """The value."""
        return pickle.loads(self.told)  # noqa: S301 - it came out of a pickle that the caller has chosen to load


def packed(value: Any) -> Packed:
    """The value as bytes.

    Example:
        >>> packed(find_activation("mish")).unpacked().name
        'mish'
    """
    buffer = io.BytesIO()
    _Pickler(buffer).dump(value)
    return Packed(buffer.getvalue())
