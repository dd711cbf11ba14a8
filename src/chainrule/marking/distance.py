"""How far gradients lie apart, relative to their size."""

from collections.abc import Mapping

import numpy as np

from chainrule.core.arrays import Array


def distance(one: Mapping[str, Array], other: Mapping[str, Array], floor: float = 0.0) -> float:
    """The largest difference in any array, relative to the array's largest number; over the names that both have.

    Args:
        one: arrays by name.
        other: arrays by name.
        floor: the size below which an array counts as 0.

    Returns:
        1 if two arrays of one name have different shapes.
    """
    found = 0.0
    for name in one.keys() & other.keys():
        a, b = one[name], other[name]
        if a.shape != b.shape and a.ndim and b.ndim:
            return 1.0
        gap = float(np.abs(a - b).max(initial=0.0))
        size = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)), floor)
        if gap > 0 and np.isfinite(gap):
            found = max(found, gap / size)
    return found


def floor_of(right: Mapping[str, Array]) -> float:
    """The size of numbers that count as 0 beside these gradients: 1e-7 of the largest."""
    return 1e-7 * max((float(np.abs(value).max(initial=0.0)) for value in right.values()), default=0.0)
