"""Strict JSON (RFC 8259) within bounds, for text that may come from an attacker.

The standard library's ``json`` accepts more than JSON (``NaN``, a key twice, a lone surrogate, ``1e999`` as
infinity) and as much as there is. Here each of these is an error, and depth, number of values and length of
numbers are bounded *before* anything is built, so that a megabyte of brackets costs neither stack nor memory.

References:
    T. Bray (ed.), "The JavaScript Object Notation (JSON) Data Interchange Format", RFC 8259, 2017;
    "The I-JSON Message Format", RFC 7493, 2015 (no duplicate names, no lone surrogates).
"""

import json
import math
import re
from collections import Counter
from reprlib import repr as brief
from typing import Any, NoReturn

from chainrule.errors import FormatError, InputError

MAX_DEPTH = 64
MAX_VALUES = 100_000
MAX_KEYS = 41_000  # with MAX_VALUES: whatever the text, what is built of a megabyte stays below 16 MiB
MAX_DIGITS = 100  # characters of a number; the state of a random generator has integers of 39

# What is counted before anything is built. An escape is one mark, so that \" does not end a string; a whole
# surrogate pair is one as well, so that a half one stands out. (Outside a string a backslash is no JSON: there
# the parser stops, having gone no deeper than was counted.)
_HIGH, _LOW = r"\\u[dD][89abAB]\w\w", r"\\u[dD][c-fC-F]\w\w"
_MARK = re.compile(rf'{_HIGH}{_LOW}|({_HIGH}|{_LOW})|\\.|["\[\]{{}},:]', re.DOTALL)
_DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}


def parse_json(text: bytes, what: str) -> Any:
    r"""Read JSON strictly.

    Args:
        text: the JSON text in UTF-8.
        what: what the text is and where it stands, to begin an error message with.

    Returns:
        The value: dicts, lists, strings, integers, finite floats, booleans and None.

    Raises:
        FormatError: it is not JSON, or deeper, larger or with longer numbers than the bounds of this module.

    Example:
        >>> parse_json(b'{"layers": [{"units": 2}]}', "the header")
        {'layers': [{'units': 2}]}
        >>> parse_json(b'{"units": 2, "units": 3}', "the header")
        Traceback (most recent call last):
        ...
        chainrule.errors.FormatError: the header has the key 'units' twice
    """
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{what} is not UTF-8 text: byte {error.start} is {text[error.start]:#04x}") from None
    _bound(decoded, what)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise FormatError(f"{what} has the key {brief(twice)} twice")
        return result

    def constant(name: str) -> NoReturn:
        raise FormatError(f"{what} holds {name}, which is no JSON number")

    def number(digits: str, kind: type[int] | type[float]) -> int | float:
        if len(digits) > MAX_DIGITS:
            raise FormatError(f"{what} holds a number of {len(digits)} characters; {MAX_DIGITS} are allowed")
        value = kind(digits)
        if not math.isfinite(value):
            raise FormatError(f"{what} holds {digits}, which is more than a float can hold")
        return value

    try:
        value = json.loads(
            decoded,
            object_pairs_hook=unique,
            parse_constant=constant,
            parse_int=lambda digits: number(digits, int),
            parse_float=lambda digits: number(digits, float),
        )
    except json.JSONDecodeError as error:
        raise FormatError(f"{what} is not JSON: {error}") from None
    return value


def to_json(value: Any, what: str, *, sort_keys: bool = True) -> str:
    """Write compact JSON that ``parse_json`` reads back.

    Args:
        value: dicts with text keys, lists or tuples (which come back as lists), strings, integers, finite
            floats, booleans and None.
        what: what the value is, to begin an error message with.
        sort_keys: sort keys, so that equal values give equal text; else they keep their order.

    Returns:
        The JSON text.

    Raises:
        InputError: JSON cannot hold the value, or it exceeds the bounds of this module.

    Example:
        >>> to_json({"units": 2, "activation": "relu"}, "the description")
        '{"activation":"relu","units":2}'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys, separators=(",", ":"))
        parse_json(text.encode("utf-8"), what)
    except FormatError as error:
        raise InputError(str(error)) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{what} cannot be written as JSON: {error}") from None
    _refuse_other_keys(value, what)
    return text


def _bound(text: str, what: str) -> None:
    """Count depth, values and keys from the marks outside strings, without building anything."""
    depth = values = keys = 0
    quoted = False
    for match in _MARK.finditer(text):
        mark = match[0]
        if mark == '"':
            quoted = not quoted
        elif match[1]:
            raise FormatError(f"{what} holds {mark}, half a character, at character {match.start()}")
        elif not quoted:
            depth += _DEEPER.get(mark, 0)
            values += mark in "[{,"
            keys += mark == ":"
        if depth > MAX_DEPTH:
            raise FormatError(f"{what} is nested more than {MAX_DEPTH} deep, at character {match.start()}")
        if values > MAX_VALUES or keys > MAX_KEYS:
            raise FormatError(f"{what} holds more than {MAX_VALUES} values or {MAX_KEYS} keys")


def _refuse_other_keys(value: Any, what: str) -> None:
    """Refuse a key like 1, which JSON would return as "1"; the depth is bounded by now."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InputError(f"{what} has the key {brief(key)}: JSON keys are text, write {str(key)!r}")
            _refuse_other_keys(item, what)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_other_keys(item, what)
