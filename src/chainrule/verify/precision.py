"""Rounding errors: functions compared with formulas at chosen points, in the dtype they are computed in."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.core.arrays import Array, largest
from chainrule.verify.proof import Finding, worst

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
"""Largest relative error of a function, by dtype; what rounding of its arguments alone does is allowed on top."""

_SIZES = (
    1e-30, 1e-8, 1e-3, 0.1, 0.25, 0.5, 0.7, 1, 1.4, 2, 2.5, 3, 4, 5, 6, 7, 9, 12, 15, 17, 20, 25, 30, 36, 38, 44, 50,
    64, 80, 87, 88.5, 89, 100, 104, 200, 350, 500, 700, 709, 710, 730, 746, 800, 1000, 5000, 1e4,
)  # fmt: skip

Functions = Mapping[str, Callable[..., Array]]
"""What a row computes, by name; each takes arrays with one row for each point."""

Label = Callable[..., str]
"""Names a point by its index."""


def real_line(around: tuple[float, ...] = ()) -> Array:
    """Points from -1e4 to 1e4, denser where exponentials saturate in either dtype, and on both sides of the given ones.

    All are float32 numbers, so that both dtypes are compared with the same exact values.
    """
    beside = [point + offset for point in around for offset in (-1e-3, -1e-6, 0.0, 1e-6, 1e-3)]
    points = [0.0, *_SIZES, *(-size for size in _SIZES), *beside]
    return np.unique(np.array(points, dtype=np.float32)).astype(np.float64)


def equals_formula(found: Array, wanted: Array, conditioning: Array, where: Label) -> Finding:
    """Hold computed values against a formula's (float64, infinite beyond the doubles, NaN where undefined).

    Allowed are the dtype's relative tolerance, four units of rounding of each argument (``conditioning`` is the sum
    of ``|argument * derivative by it|``), and anything below the smallest normal number. Where the formula exceeds
    the largest number (or comes within a factor of 64 of it) the function shall stay finite, huge and of its sign.
    """
    info, top = np.finfo(found.dtype), largest(found.dtype)
    values = found.astype(np.float64)
    with np.errstate(all="ignore"):
        saturated = (np.abs(wanted) >= top / 64) & (np.abs(values) >= np.sqrt(top)) & (values * wanted > 0)
        wanted = np.where(np.isnan(wanted) | (saturated & np.isfinite(values)), values, np.clip(wanted, -top, top))
        rounding = 4 * float(info.eps) * np.nan_to_num(conditioning, nan=0.0, posinf=top)
        allowed = TOLERANCE[found.dtype.name] * np.abs(wanted) + rounding + 2 * float(info.tiny)
    return worst(values, wanted, allowed, where)


def stays_finite(functions: Functions, arguments: tuple[Array, ...], where: Label) -> Finding:
    """Each function's values are finite, and no step on the way overflows or is undefined (underflow is harmless)."""
    for dtype in TOLERANCE:
        given = tuple(a.astype(dtype) for a in arguments)
        for name, function in functions.items():
            bad = _first_not_finite(function, given)
            if bad is not None:
                place = f"{name}, {where(bad[0])} in {dtype}"
                return Finding(False, place, bad[1], "a finite number and no warning")
    return Finding(True, "", f"finite at {len(arguments[0])} points")


def _first_not_finite(function: Callable[..., Array], arguments: tuple[Array, ...]) -> tuple[int, str] | None:
    """The first row that gives trouble and which; all rows at once, and one by one only if there is some."""
    if _trouble(function, arguments) is None:
        return None
    rows = range(len(arguments[0]))
    troubles = ((row, _trouble(function, tuple(a[row : row + 1] for a in arguments))) for row in rows)
    return next(((row, trouble) for row, trouble in troubles if trouble is not None), (0, "trouble among many rows"))


def _trouble(function: Callable[..., Array], arguments: tuple[Array, ...]) -> str | None:
    try:
        with np.errstate(all="raise", under="ignore"):
            values = function(*arguments)
    except FloatingPointError as error:
        return str(error)
    bad = values[~np.isfinite(values)]
    return str(bad[0]) if bad.size else None


def is_pure(functions: Functions, arguments: tuple[Array, ...], shapes: Mapping[str, Any]) -> Finding:
    """Each function keeps dtype and rows, in both dtypes and for no rows at all, and leaves its arguments alone.

    ``shapes`` gives the shape of each function's value for one row.
    """
    for dtype in TOLERANCE:
        for rows in (slice(None), slice(1), slice(0)):
            given = tuple(a[rows].astype(dtype) for a in arguments)
            before = [a.copy() for a in given]
            for name, function in functions.items():
                value = function(*given)
                wanted = f"{dtype} {(len(given[0]), *shapes[name])}"
                if f"{value.dtype} {value.shape}" != wanted:
                    return Finding(False, name, f"{value.dtype} {value.shape}", wanted)
                if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(given, before, strict=True)):
                    return Finding(False, name, "its arguments changed", "arguments left alone")
    return Finding(True, "", "dtype, shape and arguments kept")


def best_difference(function: Callable[[float], Array]) -> Array:
    """How ``function`` changes with its number at 0: centred, refined once (error of the order step^4).

    The step, out of a few, is that at which refining changes least: no kink crossed, neither too coarse nor too fine.
    """
    return min((_refined(function, step) for step in (1e-2, 1e-3, 1e-4, 1e-5)), key=lambda tried: tried[1])[0]


def _refined(function: Callable[[float], Array], step: float) -> tuple[Array, float]:
    wide = (function(step) - function(-step)) / (2 * step)
    narrow = (function(step / 2) - function(-step / 2)) / step
    return (4 * narrow - wide) / 3, float(np.abs(narrow - wide).max(initial=0.0))
