"""A network's parameters: one flat vector, and a view of it for each name of the alphabet."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.arrays import Array, shape_text
from chainrule.core.layers.checks import as_numbers, at
from chainrule.errors import InputError, UnknownNameError


@dataclass(frozen=True)
class Slot:
    """Where one parameter lies in the flat vector.

    Attributes:
        name: in the alphabet, such as ``"W1"``.
        layer: its layer's number, from 1.
        key: its name within the layer, such as ``"W"``.
        shape: its shape; ``()`` for a shared bias.
        start, stop: its part of the vector, in C order.
    """

    name: str
    layer: int
    key: str
    shape: tuple[int, ...]
    start: int
    stop: int

    def view(self, vector: Array) -> Array:
        """This parameter's part of a flat vector, in its shape."""
        return vector[self.start : self.stop].reshape(self.shape)

    def label(self, offset: int) -> str:
        """``"W1[0, 1]"``: the name of one number; a shared bias is just ``"b1"``."""
        index = np.unravel_index(offset, self.shape) if self.shape else ()
        return at(self.name, tuple(int(i) for i in index))


class Parameters(MutableMapping[str, Array]):
    """Arrays by name that are views of one flat ``vector``: writing to one changes the network.

    ``parameters["W1"][0, 1] = 3`` and ``parameters["W1"] = array`` both write into the vector; the second checks the
    shape and that the numbers are finite. Names cannot be added or taken away.

    Example:
        >>> p = Parameters((Slot("W1", 1, "W", (2, 1), 0, 2), Slot("b1", 1, "b", (1,), 2, 3)), np.zeros(3))
        >>> p["W1"] = [[1.0], [2.0]]
        >>> p.vector
        array([1., 2., 0.])
    """

    def __init__(self, slots: Sequence[Slot], vector: Array) -> None:
        self.slots = tuple(slots)
        self.vector = vector
        self._views = {slot.name: slot.view(vector) for slot in self.slots}
        layers = max((slot.layer for slot in self.slots), default=0)
        self._by_layer: list[dict[str, Array]] = [{} for _ in range(layers)]
        for slot in self.slots:
            self._by_layer[slot.layer - 1][slot.key] = self._views[slot.name]

    def __getitem__(self, name: str) -> Array:
        if name not in self._views:
            raise UnknownNameError(f"no parameter {name!r}: this network has {', '.join(self._views) or 'none'}.")
        return self._views[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self[name][...] = check_parameter(name, value, self[name])

    def __delitem__(self, name: str) -> None:
        raise InputError(f"{name} cannot be taken away: a network's parameters are set by its layers.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        return "{" + ",\n ".join(f"{name!r}: {value!r}" for name, value in self._views.items()) + "}"

    def of_layer(self, l: int) -> dict[str, Array]:
        """The views of layer ``l`` (from 1) by their names within the layer."""
        return self._by_layer[l - 1] if l <= len(self._by_layer) else {}

    def copy(self) -> dict[str, Array]:
        """Arrays of their own, which later training does not touch."""
        return {name: value.copy() for name, value in self._views.items()}

    def with_vector(self, vector: Array) -> "Parameters":
        """The same names over another vector (gradients, directions, moments)."""
        return Parameters(self.slots, vector)

    def update(self, *given: Any, **named: Any) -> None:
        """Several parameters at once: all names, shapes and numbers are checked before any is changed."""
        values: Mapping[str, Any] = dict(*given, **named)
        checked = {name: check_parameter(name, value, self[name]) for name, value in values.items()}
        for name, value in checked.items():
            self[name][...] = value


def check_parameter(name: str, value: Any, current: Array) -> Array:
    """A copy of ``value`` as an array of the parameter's shape and dtype.

    Raises:
        InputError: not numbers, another shape, or a number is not finite.
    """
    array = np.array(as_numbers(name, value, current.dtype))  # a copy, as the value may be a view of the same vector
    if array.shape != current.shape:
        hint = ": did you pass the transpose?" if array.shape == current.shape[::-1] else "."
        raise InputError(f"{name} must have shape {shape_text(current.shape)}, got {shape_text(array.shape)}{hint}")
    if np.isnan(array).any():
        index = tuple(int(i) for i in np.argwhere(np.isnan(array))[0])
        raise InputError(f"{name} must be finite, but {at(name, index)} is NaN.")
    return array
