"""Checks of arguments that several layers share."""

import operator
from typing import Any

from chainrule.errors import InputError


def check_units(units: Any) -> int:
    """A number of units: a whole number of at least 1."""
    return check_count("units", units)


def check_count(name: str, value: Any) -> int:
    """A whole number of at least 1."""
    try:
        count = operator.index(value)
    except TypeError:
        raise InputError(f"{name} must be a whole number, got {value!r}.") from None
    if isinstance(value, bool) or count < 1:
        raise InputError(f"{name} must be at least 1, got {value!r}.")
    return count


def check_number(name: str, value: Any, low: float, high: float, *, low_open: bool = False) -> float:
    """A finite number from ``low`` (or above it, if open) to below ``high``."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, got {value!r}.") from None
    if not low <= number < high or (low_open and number == low):
        raise InputError(
            f"{name} must be {'above' if low_open else 'at least'} {low:g} and below {high:g}, got {value!r}."
        )
    return number
