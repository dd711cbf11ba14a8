"""A different activation for each unit of a layer, as networks built neuron by neuron need."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from chainrule.core.activations import Activation, ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.errors import InputError


@final
@dataclass(frozen=True, eq=False)
class UnitwiseActivation(Activation):
    """``a[n, j] = phi_j(z[n, j])``: unit ``j`` has an activation of its own.

    Attributes:
        rows: by unit, its elementwise activation.
    """

    rows: tuple[ElementwiseActivation, ...] = field(kw_only=True)

    def _by_unit(self, product: Callable[..., Array], *arrays: Array) -> Array:
        """A product of each unit's own row, on that unit's column of each array."""
        if arrays[0].shape[1] != len(self.rows):
            raise InputError(f"this activation is for {len(self.rows)} units, the layer has {arrays[0].shape[1]}.")
        columns = [product(row, *(array[:, j : j + 1] for array in arrays)) for j, row in enumerate(self.rows)]
        return np.concatenate(columns, axis=1)

    def value(self, z: Array) -> Array:
        """``phi_j(z_j)``."""
        return self._by_unit(ElementwiseActivation.value, z)

    def derivative(self, z: Array) -> Array:
        """``phi_j'(z_j)``."""
        return self._by_unit(ElementwiseActivation.derivative, z)

    def second_derivative(self, z: Array) -> Array:
        """``phi_j''(z_j)``."""
        return self._by_unit(ElementwiseActivation.second_derivative, z)

    def pull_back(self, z: Array, a: Array, da: Array) -> Array:
        """``da_j phi_j'(z_j)``."""
        return self._by_unit(ElementwiseActivation.pull_back, z, a, da)

    def push_forward(self, z: Array, a: Array, z_dot: Array) -> Array:
        """``phi_j'(z_j) z_dot_j``."""
        return self._by_unit(ElementwiseActivation.push_forward, z, a, z_dot)

    def pull_back_dot(self, z: Array, a: Array, da: Array, z_dot: Array, da_dot: Array) -> Array:
        """``da_dot_j phi_j'(z_j) + da_j phi_j''(z_j) z_dot_j``."""
        return self._by_unit(ElementwiseActivation.pull_back_dot, z, a, da, z_dot, da_dot)


def rows_of(row: Activation) -> tuple[Activation, ...]:
    """An activation's rows: itself, or that of each unit."""
    return row.rows if isinstance(row, UnitwiseActivation) else (row,)


def unitwise(rows: Sequence[Activation]) -> Activation:
    """One activation for a layer whose units have these; the row itself if they are all the same.

    Raises:
        InputError: a row mixes units (softmax), so it cannot belong to one of several.
    """
    if all(row is rows[0] for row in rows):
        return rows[0]
    elementwise = [row for row in rows if isinstance(row, ElementwiseActivation)]
    if len(elementwise) < len(rows):
        raise InputError(
            "an activation that mixes the units of a layer, such as softmax, must be that of all its units."
        )
    names = ", ".join(row.name for row in elementwise)
    low, high = min(row.range[0] for row in rows), max(row.range[1] for row in rows)
    formula = f"by unit: {names}"
    return UnitwiseActivation("unitwise", formula, "each unit's own", range=(low, high), rows=tuple(elementwise))
