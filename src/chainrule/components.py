"""Finding a component by its name: a closed table, and an error that lists it."""

import difflib
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any, TypeGuard, TypeVar

from chainrule.errors import InputError, UnknownComponentError

Component = TypeVar("Component")


def look_up(kind: str, name: object, table: Mapping[str, Component], of_type: type[Component]) -> Component:
    """``table[name]``; a component itself is handed back; anything else is an error that lists the names."""
    if isinstance(name, of_type):
        return name
    if isinstance(name, str) and name in table:
        return table[name]
    close = difflib.get_close_matches(name, table, n=1) if isinstance(name, str) else []
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UnknownComponentError(f"unknown {kind} {name!r}: the {_plural(kind)} are {', '.join(table)}.{hint}")


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a real number, Python's or NumPy's; True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_parameters(
    kind: str, name: str, known: Mapping[str, float], given: Mapping[str, float]
) -> Mapping[str, float]:
    """The known constants with the given ones in their place, each a finite number."""
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
