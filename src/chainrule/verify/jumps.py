"""Finds where a function is discontinuous, by halving intervals, without its formula."""

from collections.abc import Callable

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.verify.proof import Finding

_HALVINGS = 60  # from an interval of 0.01 down to neighbouring doubles
_NEAR = 1e-6
"""How close to a declared jump a found one must lie, relative to max(1, |z|)."""


def jumps(function: Callable[[Array], Array], low: float = -np.inf, high: float = np.inf) -> Array:
    """The points between ``low`` and ``high`` (at most -1e4 to 1e4) at which ``function`` is not continuous.

    Each interval of a fine grid is halved, always keeping the half in which the function changes more. Of a continuous
    function nothing is left in the end but rounding.
    """
    line = np.concatenate([np.linspace(-20, 20, 4001) + 0.00317, np.geomspace(20.01, 1e4, 150)])
    line = np.unique(np.concatenate([line, -line]))
    line = line[(line > low) & (line < high)]
    left, right = line[:-1].copy(), line[1:].copy()
    with np.errstate(all="ignore"):
        at_left, at_right = function(left), function(right)
        scale = np.maximum(np.abs(at_left), np.abs(at_right))
        for _ in range(_HALVINGS):
            middle = left + (right - left) / 2
            at_middle = function(middle)
            in_left = np.abs(at_middle - at_left) > np.abs(at_right - at_middle)
            right, at_right = np.where(in_left, middle, right), np.where(in_left, at_middle, at_right)
            left, at_left = np.where(in_left, left, middle), np.where(in_left, at_left, at_middle)
        jumping = np.abs(at_right - at_left) > 1e-6 * scale + 1e-12
    return right[jumping]


def only_declared(found: Array, declared: tuple[float, ...], name: str) -> Finding:
    """Every jump that was found is near a declared one."""
    for point in found:
        if not any(abs(point - known) <= _NEAR * max(1.0, abs(known)) for known in declared):
            place = f"{name} = {number(round(float(point), 12))}"
            return Finding(False, place, "a jump", "none here, or one declared")
    return Finding(True, "", f"{len(found)} found", f"{len(declared)} declared")


def sides(function: Callable[[Array], Array], point: float) -> tuple[float, float, float]:
    """The values just left of the point, at it and just right of it."""
    offset = 1e-9 * max(1.0, abs(point))
    left, at, right = function(np.array([point - offset, point, point + offset]))
    return float(left), float(at), float(right)


def differ(left: float, right: float) -> bool:
    """Whether two one-sided values are a jump apart."""
    return abs(left - right) > 1e-6 * max(1.0, abs(left), abs(right))
