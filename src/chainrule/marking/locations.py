"""Where a learner's object stores its parameters: paths such as ``layers[0].w``, read and written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.arrays import Array, shape_text
from chainrule.errors import InputError

Paths = str | Sequence["Paths"]
"""Where a parameter is stored: one attribute, or one for each unit, or one for each number."""


@dataclass(frozen=True, eq=False)
class Location:
    """Where one parameter is stored in the learner's object.

    Attributes:
        obj: the object.
        name: the parameter's name in the network.
        where: its attribute, or attributes.
    """

    obj: Any
    name: str
    where: Paths

    @property
    def whole(self) -> bool:
        """Whether one attribute holds the whole parameter."""
        return isinstance(self.where, str)

    def is_transposed(self, ours: Array) -> bool:
        """Whether the attribute has the transposed shape, which only a matrix that is not square can show."""
        if not isinstance(self.where, str) or ours.ndim != 2 or ours.shape[0] == ours.shape[1]:
            return False
        return np.shape(_get(self.obj, self.where)) == ours.shape[::-1]

    def write(self, value: Array) -> None:
        """Store a value, in the shape and type of what is stored there now."""
        self._write(self.where, value)

    def _write(self, where: Paths, value: Array) -> None:
        if isinstance(where, str):
            _set(self.obj, where, _in_kind(self.name, _get(self.obj, where), value))
            return
        parts = list(where)
        axis = -1 if all(isinstance(part, str) for part in parts) else 0  # units are columns; rows of numbers are rows
        if not value.ndim or value.shape[axis] != len(parts):
            raise InputError(f"{self.name} has shape {shape_text(value.shape)}, but {len(parts)} places were given.")
        for k, part in enumerate(parts):
            self._write(part, np.take(value, k, axis=axis))

    def read(self, *, transposed: bool) -> Array:
        """The value stored there now, as (inputs, units) if it is ``transposed``."""
        value = self._read(self.where)
        return value.T if transposed and value.ndim == 2 and self.whole else value

    def _read(self, where: Paths) -> Array:
        if isinstance(where, str):
            return np.array(_get(self.obj, where))
        axis = -1 if all(isinstance(part, str) for part in where) else 0
        return np.stack([np.asarray(self._read(part)) for part in where], axis=axis)


def _in_kind(name: str, stored: Any, value: Array) -> Any:
    """A value in the shape, dtype and type of the stored one: array, list or number."""
    shape = np.shape(stored)
    if shape == () and value.size > 1:
        if np.ptp(value) > 0:
            raise InputError(
                f"your object has one number for {name}, whose {value.size} numbers differ: give the network the same "
                f"for all units, net.parameters[{name!r}] = ..., or declare the layer with bias='shared'."
            )
        value = value.ravel()[0]
    if int(np.prod(shape)) != np.size(value):
        raise InputError(f"{name} has shape {shape_text(value.shape)}, but your object has {shape_text(shape)}.")
    fitted = np.array(value).reshape(shape)
    if isinstance(stored, np.ndarray):
        return fitted.astype(stored.dtype if stored.dtype.kind == "f" else np.float64)
    return fitted.tolist()


_STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[(-?\d+|'[^']*'|\"[^\"]*\")\]")


def _steps(path: str) -> list[str | int]:
    """``"layers[0].w"`` as ["layers", 0, "w"]; names of attributes have a dot before them."""
    found: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise InputError(
                f"{path!r} is not a path: write what follows the object, such as 'weights1' or 'layers[0].w'."
            )
        name, index = match.groups()
        found.append("." + name if name else index[1:-1] if index[0] in "'\"" else int(index))
        at = match.end()
    return found


def _get(obj: Any, path: str) -> Any:
    for step in _steps(path):
        obj = _one(obj, step, path)
    return obj


def _one(obj: Any, step: str | int, path: str) -> Any:
    try:
        return getattr(obj, step[1:]) if isinstance(step, str) and step.startswith(".") else obj[step]
    except (AttributeError, KeyError, IndexError, TypeError):
        has = ", ".join(name for name in vars(obj) if not name.startswith("_")) if hasattr(obj, "__dict__") else ""
        listed = f": it has {has}" if has else ""
        raise InputError(f"your object has no {path!r} (at {str(step).lstrip('.')!r}){listed}.") from None


def _set(obj: Any, path: str, value: Any) -> None:
    *way, last = _steps(path)
    for step in way:
        obj = _one(obj, step, path)
    if isinstance(last, str) and last.startswith("."):
        setattr(obj, last[1:], value)
    else:
        obj[last] = value
