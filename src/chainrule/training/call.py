"""What a ``fit`` is asked: rows, rows to validate on, settings, and the network as it was before."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple
from zlib import crc32

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.model import Model
from chainrule.errors import InputError
from chainrule.training.settings import Settings


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

    def checksum(self) -> int:
        """A number that changes when the arrays do."""
        parts = (part for part in self if part is not None)
        return reduce(lambda so_far, part: crc32(_digest(part).data, so_far), parts, 0)


BLOCK = 4095
"""Numbers that are added up before they enter a checksum: odd, as an even number of changed signs would add up to 0."""


def _digest(array: Array) -> Array:
    """What a checksum looks at: the array, or of a large one the sums of blocks of its bits, four times as fast.

    Sums of whole numbers are exact: one changed number is always seen, rows in another order unless they changed places
    within one block.
    """
    bits = np.ascontiguousarray(array).view(f"u{array.itemsize}").reshape(-1)
    whole = len(bits) // BLOCK * BLOCK
    if whole < 16 * BLOCK:
        return bits
    sums = np.add.reduce(bits[:whole].reshape(-1, BLOCK), axis=1, dtype=bits.dtype)
    return np.concatenate([sums, bits[whole:]])


@dataclass(frozen=True, eq=False)
class Call:
    """One call of ``fit``, to be made again by a diagnosis.

    The rows are the caller's own arrays, as they may be large; ``check_unchanged`` notices if they were written to.

    Attributes:
        model: a copy, as it was before training.
        data: the rows to train on.
        validation: the rows to validate on, if any.
        settings: how to train.
        net: the ``Network`` that was trained, if it was one.
    """

    model: Model
    data: Data
    validation: Data | None
    settings: Settings
    net: object = None
    checksum: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "checksum", self._checksum())

    def _checksum(self) -> int:
        rows = [self.data.checksum(), self.validation.checksum() if self.validation is not None else 0]
        return hash(tuple(rows))

    def check_unchanged(self) -> None:
        """Refuse to go on with rows that are not those of the call any more.

        Raises:
            InputError: an array was changed in place since.
        """
        if self._checksum() != self.checksum:
            raise InputError(
                "x, t, weights or validation have been changed in place since this fit, so it cannot be made again: "
                "use chainrule.diagnose with the rows you mean, or fit on copies."
            )
