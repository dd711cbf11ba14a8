"""Reading data that came out of a file: every value is checked, and an error names its field.

A model file may be damaged or made to harm, so nothing in it is believed: not a type, not a length, not
that a number is finite. Each function takes the value and ``where`` it stands, and hands the value back.
"""

from collections.abc import Collection
from reprlib import repr as short
from typing import Any

from chainrule.errors import FormatError
from chainrule.tables.table import LONGEST_NAME

LONGEST_LIST = 100_000
"""Entries a list may have, such as the columns of a table."""


def record(value: object, where: str, fields: Collection[str]) -> dict[str, Any]:
    """A mapping with exactly these fields."""
    if not isinstance(value, dict):
        raise _error(where, "a record", value)
    if value.keys() != set(fields):
        raise _error(where, f"a record of the fields {', '.join(fields)}", list(value))
    return value


def items(value: object, where: str) -> list[Any]:
    """A list of bounded length."""
    if not isinstance(value, list) or len(value) > LONGEST_LIST:
        raise _error(where, f"a list of at most {LONGEST_LIST} entries", value)
    return value


def text(value: object, where: str) -> str:
    """A text of 1 to 1,000 characters."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise _error(where, f"a text of 1 to {LONGEST_NAME} characters", value)
    return value


def distinct_texts(value: object, where: str, *, at_least: int = 0) -> tuple[str, ...]:
    """A list of texts, none of them twice."""
    texts = [text(entry, f"{where}[{i}]") for i, entry in enumerate(items(value, where))]
    if not at_least <= len(set(texts)) == len(texts):
        raise _error(where, f"a list of at least {at_least} texts without repetition", value)
    return tuple(texts)


def texts_by_name(value: object, where: str) -> dict[str, str]:
    """A record of texts under any names."""
    if not isinstance(value, dict) or len(value) > LONGEST_LIST:
        raise _error(where, f"a record of at most {LONGEST_LIST} texts", value)
    return {text(name, f"a name in {where}"): text(entry, f"{where}.{name}") for name, entry in value.items()}


def flag(value: object, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _error(where, "true or false", value)
    return value


def number(value: object, where: str, low: float, high: float) -> float:
    """A number from ``low`` to ``high``; neither NaN nor a boolean is one."""
    # NaN fails the comparison, and so does a whole number too large for float64, which Python compares exactly.
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise _error(where, f"a number from {low:g} to {high:g}", value)


def choice(value: object, where: str, choices: Collection[str]) -> str:
    """One of the given texts."""
    if not isinstance(value, str) or value not in choices:
        raise _error(where, f"one of {', '.join(choices)}", value)
    return value


def _error(where: str, wanted: str, found: object) -> FormatError:
    return FormatError(f"{where} must be {wanted}, got {short(found)}: the file is damaged or not a model file.")
