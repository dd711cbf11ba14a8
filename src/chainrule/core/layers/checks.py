"""Checks of arguments that layers and other packages share."""

import operator
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.lookup import is_number, plain_number
from chainrule.errors import InputError


def as_numbers(name: str, value: Any, dtype: np.dtype[Any]) -> Array:
    """An array of that dtype, C-ordered; the caller's own where it is one already.

    Raises:
        InputError: text, objects or complex numbers, or a number that the dtype cannot hold.
    """
    numbers = _converted(value, dtype)
    if numbers is None:
        raise InputError(f"{name} must be an array of real numbers, got {_found(value)}.")
    if not all_finite(numbers) and (overflowed := np.isinf(numbers)).any():
        index = tuple(int(i) for i in np.argwhere(overflowed)[0])
        found = np.asarray(value)[index]
        raise InputError(f"{name} must be finite, but {at(name, index)} is {found!s} (in {dtype.name}).")
    return numbers


def all_finite(array: Array) -> bool:
    """Whether no number is missing or infinite: most often one pass, as either would spoil the sum."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(array.sum())) or bool(np.isfinite(array).all())


def at(name: str, index: tuple[int, ...]) -> str:
    """One number of an array as people write it: ``x[0, 1]``; a single number is just ``x``."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _converted(value: Any, dtype: np.dtype[Any]) -> Array | None:
    """The array, or None if it does not hold real numbers."""
    try:
        array = np.asarray(value)
        text = array.dtype == object and any(isinstance(item, str | bytes) for item in array.flat)
        if text or array.dtype.kind not in "biufO":
            return None
        with np.errstate(over="ignore"):
            return array.astype(dtype, order="C", copy=False)
    except (TypeError, ValueError, OverflowError):
        return None


def _found(value: Any) -> str:
    if isinstance(value, str | bytes):
        return repr(value)
    try:
        dtype = np.asarray(value).dtype
    except ValueError:
        return "rows of different lengths"
    return f"an array of {dtype}"


def check_units(units: Any) -> int:
    """A number of units: a whole number of at least 1."""
    return check_count("units", units)


def check_count(name: str, value: Any, *, at_least: int = 1) -> int:
    """A whole number of at least 1, or of at least another, as Python's own whatever its kind."""
    try:
        count = operator.index(value)
    except TypeError:
        raise InputError(f"{name} must be a whole number, got {value!r}.") from None
    if isinstance(value, bool) or count < at_least:
        raise InputError(f"{name} must be at least {at_least}, got {value!r}.")
    return count


def check_number(name: str, value: Any, low: float, high: float, *, low_open: bool = False) -> float:
    """A finite number from ``low`` (or above it, if open) to below ``high``."""
    value = plain_number(value)
    if not is_number(value):
        raise InputError(f"{name} must be a number, got {value!r}.")
    number = float(value)
    if not low <= number < high or (low_open and number == low):
        raise InputError(
            f"{name} must be {'above' if low_open else 'at least'} {low:g} and below {high:g}, got {value!r}."
        )
    return number
