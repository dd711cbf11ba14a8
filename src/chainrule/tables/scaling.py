"""Standardising: numbers of any unit become numbers around 0 with spread 1, and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import TableError
from chainrule.tables import checked_data as checked
from chainrule.tables.table import Column, Kind, is_number
from chainrule.tables.weights import relative_weights

LARGEST = 1e140
"""The largest magnitude taken in: the squares of any number of rows add up to a finite float64.

A scale lies between ``1 / LARGEST`` and ``LARGEST``, so that ``(x - mean) / scale`` is finite too.
"""

_QUARTILES = (0.25, 0.5, 0.75)
_LIMIT = 3.0

_WANTED: dict[Kind, str] = {
    "number": "a number is needed",
    "boolean": "true, false, 1 or 0 is needed",
    "date": "a date such as 2020-01-31 is needed",
}


@dataclass(frozen=True)
class Scaling:
    """``scaled = (x - mean) / scale``, learned from training rows; with a limit, softly kept within it.

    With a limit ``m`` it is ``u/sqrt(1 + (u/m)^2)`` with ``u = (x - mean)/scale``: almost ``u`` near 0, and never
    beyond ``-m`` and ``m``, so that a wild value cannot shout down all others.

    Args:
        mean: what becomes 0, in the unit of ``x``.
        scale: what becomes 1, in the unit of ``x``.
        limit: of the scaled numbers; None for none.

    Example:
        >>> scaling = Scaling.learn(np.array([10.0, 30.0]))
        >>> scaling
        Scaling(mean=20.0, scale=10.0, limit=None)
        >>> scaling.apply(np.array([40.0])), scaling.undo(np.array([2.0]))
        (array([2.]), array([40.]))
        >>> Scaling.robust(np.array([1.0, 2.0, 3.0, 4.0, 1e9])).apply(np.array([3.0, 4.0, 1e9])).round(2)
        array([0.  , 0.66, 3.  ])
    """

    mean: float
    scale: float
    limit: float | None = None

    @classmethod
    def learn(cls, values: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> "Scaling":
        """Mean and population standard deviation of (N,) finite numbers, weighted or not; equal ones get scale 1."""
        weights = relative_weights(weights)
        low, high = float(values.min()), float(values.max())
        if low == high:
            # The mean of equal numbers may differ from them by a rounding error, which a scale would magnify.
            return cls(low, 1.0)
        mean = float(values.mean() if weights is None else np.average(values, weights=weights))
        scale = float(values.std() if weights is None else np.sqrt(np.average((values - mean) ** 2, weights=weights)))
        # Different numbers so close that their squares vanish count as equal.
        return cls(mean, scale if scale >= 1 / LARGEST else 1.0)

    @classmethod
    def robust(cls, values: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> "Scaling":
        """Median and spread of (N,) finite numbers, weighted if there are weights, and a limit of 3.

        The spread is the interquartile range over 1.349 (of a normal distribution: its standard deviation); half the
        whole range where a quarter of the rows share the median's value; 1 where all do.

        References:
            Holzmüller, Grinsztajn & Steinwart 2024, Better by Default, NeurIPS (arXiv 2407.04491), section 3.
        """
        low, median, high = _quantiles(values, relative_weights(weights))
        spread = float(high - low) / 1.349
        if spread < 1 / LARGEST:
            spread = float(values.max() / 2 - values.min() / 2)
        return cls(float(median), spread if spread >= 1 / LARGEST else 1.0, _LIMIT)

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """From the column's unit to scaled numbers."""
        u = (values - self.mean) / self.scale
        if self.limit is None:
            return u
        # 1/sqrt(1/u^2 + 1/m^2): every step keeps the order of its numbers, rounding and all, as u/sqrt(...) does not.
        with np.errstate(divide="ignore", over="ignore", under="ignore"):
            size = 1 / np.sqrt((1 / u) ** 2 + self.limit**-2)
        return np.copysign(np.minimum(size, self.limit), u)

    def undo(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """From scaled numbers back to the column's unit; what lies at the limit or beyond comes back infinite."""
        if self.limit is not None:
            share = np.clip(scaled / self.limit, -1.0, 1.0)
            with np.errstate(divide="ignore"):
                scaled = scaled / np.sqrt((1.0 - share) * (1.0 + share))
        return scaled * self.scale + self.mean

    def to_dict(self) -> dict[str, float | None]:
        """The numbers by name."""
        return {"mean": self.mean, "scale": self.scale, "limit": self.limit}

    @classmethod
    def from_dict(cls, value: Any, where: str) -> "Scaling":
        """The inverse of ``to_dict``.

        Raises:
            FormatError: a number is missing, not finite or out of bounds; the message begins with ``where``.
        """
        fields = checked.record(value, where, ("mean", "scale", "limit"))
        limit = fields["limit"]
        return cls(
            mean=checked.number(fields["mean"], f"{where}.mean", -LARGEST, LARGEST),
            scale=checked.number(fields["scale"], f"{where}.scale", 1 / LARGEST, LARGEST),
            limit=None if limit is None else checked.number(limit, f"{where}.limit", 1 / LARGEST, LARGEST),
        )


def _quantiles(values: NDArray[np.float64], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """The quartiles: the smallest values that so large a share of the weight does not exceed.

    A share is reached where only the rounding of the sum is missing, so that weights in another unit choose the same.
    """
    if weights is None:
        return np.quantile(values, _QUARTILES, method="inverted_cdf")
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    rounding = len(values) * np.finfo(np.float64).eps
    places = np.searchsorted(reached, (np.array(_QUARTILES) - rounding) * reached[-1])
    return values[order[places]]


def finite_numbers(column: Column) -> NDArray[np.float64]:
    """The column's (N,) numbers, NaN where a cell is missing.

    Raises:
        TableError: the column holds text, or a number that is infinite or beyond ``LARGEST``.
    """
    if column.unread:
        row = min(column.unread)
        raise _not_a(_WANTED[column.kind], column, row, column.unread[row])
    if column.kind == "category":
        present = np.flatnonzero(~column.missing)
        if not present.size:
            return np.full(len(column.values), np.nan)
        row = next((int(i) for i in present if not is_number(column.values[i])), int(present[0]))
        raise _not_a(_WANTED["number"], column, row, column.values[row])
    too_large = np.flatnonzero(np.abs(column.values) > LARGEST)
    if too_large.size:
        row = int(too_large[0])
        raise TableError(
            f"Column '{column.name}', row {column.row_number(row)}: numbers must be finite and at most "
            f"{LARGEST:g} in magnitude, got {column.values[row]:g}: correct the cell or leave it empty."
        )
    return column.values


def _not_a(wanted: str, column: Column, row: int, text: str) -> TableError:
    return TableError(
        f"Column '{column.name}', row {column.row_number(row)}: {wanted}, got the text '{text:.60}': correct the "
        "cell, or leave it empty if the value is not known."
    )
