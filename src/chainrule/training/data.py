"""``Data``: rows to train or validate on."""

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple
from zlib import crc32

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.seeds import streams


class Data(NamedTuple):
    """Rows to train or validate on: inputs, targets and, if rows count differently, their weights."""

    x: Array
    t: Array
    weights: Array | None = None

    def copy(self) -> "Data":
        """Arrays of their own, which later changes of the caller's do not reach."""
        return self.map(np.copy)

    def as_float64(self) -> "Data":
        """A copy in float64, as proofs and curvatures need it."""
        return self.map(lambda part: part.astype(np.float64))

    def map(self, change: Callable[[Array], Array]) -> "Data":
        """The same rows with each array changed."""
        return Data(change(self.x), change(self.t), None if self.weights is None else change(self.weights))

    def part(self, rows: Array) -> "Data":
        """Some of the rows, by their numbers."""
        return self.map(lambda array: array[rows])

    def checksum(self) -> int:
        """A number that changes when the arrays do."""
        parts = (part for part in self if part is not None)
        return reduce(lambda so_far, part: crc32(_digest(part).data, so_far), parts, 0)


def split(data: Data, fraction: float, seed: int) -> tuple[Data, Data]:
    """A random part of the rows set aside: (those to train on, those to validate on), at least one on each side."""
    rows = streams(seed).validation.permutation(len(data.x))
    count = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
    return data.part(np.sort(rows[count:])), data.part(np.sort(rows[:count]))


BLOCK = 4095
"""Numbers that are added up before they enter a checksum: odd, as an even number of changed signs would add up to 0."""


def _digest(array: Array) -> Array:
    """What a checksum is taken of: the array, or of a large one the sums of blocks of its bits, four times as fast.

    Sums of whole numbers are exact: one changed number is always seen, rows in another order unless they changed places
    within one block.
    """
    bits = np.ascontiguousarray(array).view(f"u{array.itemsize}").reshape(-1)
    whole = len(bits) // BLOCK * BLOCK
    if whole < 16 * BLOCK:
        return bits
    sums = np.add.reduce(bits[:whole].reshape(-1, BLOCK), axis=1, dtype=bits.dtype)
    return np.concatenate([sums, bits[whole:]])
