"""Finding a component by its name: a closed table, and an error that lists it."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import fields
from numbers import Real
from typing import Any, TypeGuard, TypeVar

import numpy as np

from chainrule.errors import InputError, UnknownComponentError

Component = TypeVar("Component")


def look_up(kind: str, name: object, table: Mapping[str, Component], of_type: type[Component]) -> Component:
    """``table[name]``; a component itself is returned; anything else is an error that lists the names."""
    if isinstance(name, of_type):
        return name
    if isinstance(name, str) and name in table:
        return table[name]
    close = difflib.get_close_matches(name, table, n=1) if isinstance(name, str) else []
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UnknownComponentError(f"unknown {kind} {name!r}: the {_plural(kind)} are {', '.join(table)}.{hint}")


def plain_number(value: Any) -> Any:
    """One of NumPy's numbers, or an array of shape (), as Python's number of the same value; all else as it is.

    NumPy's compute with their own few bits: ``np.uint8(200) * 5`` overflows or fails, ``np.float32`` makes float64 less
    precise. So arguments are converted before anything else.

    Example:
        >>> plain_number(np.uint8(200)), plain_number(np.float32(0.5)), plain_number("auto")
        (200, 0.5, 'auto')
    """
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
        if value.dtype.kind in "iu":
            return int(value.item())
        if value.dtype.kind == "f":
            return float(value.item())
    return value


def make_fields_plain(settings: Any) -> None:
    """Each number among the fields of a (frozen) dataclass made plain."""
    for each in fields(settings):
        value = getattr(settings, each.name)
        if (plain := plain_number(value)) is not value:
            object.__setattr__(settings, each.name, plain)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a real number, Python's or NumPy's; True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_parameters(
    kind: str, name: str, known: Mapping[str, float], given: Mapping[str, float]
) -> Mapping[str, float]:
    """The known constants with the given ones in their place, each a finite number."""
    given = {key: plain_number(value) for key, value in given.items()}
    for key, value in given.items():
        if key not in known:
            has = f"has {', '.join(known)}" if known else "has none"
            raise InputError(f"{kind} {name!r} has no parameter {key!r}: it {has}.")
        if not is_number(value) or not math.isfinite(value):
            raise InputError(f"{key} of {kind} {name!r} must be a finite number, got {value!r}.")
    return {**known, **{key: float(value) for key, value in given.items()}}


def _plural(kind: str) -> str:
    """``losses``, ``layers``."""
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"
