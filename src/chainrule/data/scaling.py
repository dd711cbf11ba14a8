"""Standardising: numbers of any unit become numbers around 0 with spread 1, and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.data import records
from chainrule.data.table import Column, is_number
from chainrule.errors import TableError

LARGEST = 1e140
"""The largest magnitude taken in: the squares of any number of rows add up to a finite float64.

A scale lies between ``1 / LARGEST`` and ``LARGEST``, so that ``(x - mean) / scale`` is finite too.
"""


@dataclass(frozen=True)
class Scaling:
    """``scaled = (x - mean) / scale``, learned from training rows.

    Args:
        mean: what becomes 0, in the unit of ``x``.
        scale: what becomes 1, in the unit of ``x``.

    Example:
        >>> scaling = Scaling.learn(np.array([10.0, 30.0]))
        >>> scaling
        Scaling(mean=20.0, scale=10.0)
        >>> scaling.apply(np.array([40.0])), scaling.undo(np.array([2.0]))
        (array([2.]), array([40.]))
    """

    mean: float
    scale: float

    @classmethod
    def learn(cls, values: NDArray[np.float64]) -> "Scaling":
        """Mean and population standard deviation of (N,) finite numbers; equal numbers get scale 1."""
        low, high = float(values.min()), float(values.max())
        if low == high:
            # The mean of equal numbers may differ from them by a rounding error, which a scale would magnify.
            return cls(low, 1.0)
        scale = float(values.std())
        # Different numbers so close that their squares vanish count as equal.
        return cls(float(values.mean()), scale if scale >= 1 / LARGEST else 1.0)

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """From the column's unit to scaled numbers."""
        return (values - self.mean) / self.scale

    def undo(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """From scaled numbers back to the column's unit."""
        return scaled * self.scale + self.mean

    def to_dict(self) -> dict[str, float]:
        """The two numbers by name."""
        return {"mean": self.mean, "scale": self.scale}

    @classmethod
    def from_dict(cls, value: Any, where: str) -> "Scaling":
        """The inverse of ``to_dict``.

        Raises:
            FormatError: a number is missing, not finite or out of bounds; the message begins with ``where``.
        """
        fields = records.record(value, where, ("mean", "scale"))
        return cls(
            mean=records.number(fields["mean"], f"{where}.mean", -LARGEST, LARGEST),
            scale=records.number(fields["scale"], f"{where}.scale", 1 / LARGEST, LARGEST),
        )


def finite_numbers(column: Column) -> NDArray[np.float64]:
    """The column's (N,) numbers, NaN where a cell is missing.

    Raises:
        TableError: the column holds text, or a number that is infinite or beyond ``LARGEST``.
    """
    if column.kind == "category":
        present = np.flatnonzero(~column.missing)
        if not present.size:
            return np.full(len(column.values), np.nan)
        row = next((int(i) for i in present if not is_number(column.values[i])), int(present[0]))
        raise TableError(
            f"Column '{column.name}', row {column.row_number(row)}: a number is needed, got the text "
            f"'{column.values[row]:.60}': correct the cell, or leave it empty if the value is not known."
        )
    too_large = np.flatnonzero(np.abs(column.values) > LARGEST)
    if too_large.size:
        row = int(too_large[0])
        raise TableError(
            f"Column '{column.name}', row {column.row_number(row)}: numbers must be finite and at most "
            f"{LARGEST:g} in magnitude, got {column.values[row]:g}: correct the cell or leave it empty."
        )
    return column.values
