import json
import time
from reprlib import repr as brief

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import FormatError, InputError
from chainrule.files.json_strict import MAX_DEPTH, MAX_DIGITS, MAX_KEYS, MAX_VALUES, parse_json, to_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**128), 2**128)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value):
    assert parse_json(to_json(value, "the value").encode(), "the text") == value


@given(VALUES)
def test_strict_json_means_what_json_means(value):
    assert parse_json(json.dumps(value, indent=1).encode(), "the text") == value


@given(st.binary() | TEXT.map(str.encode) | st.text('[]{}:,"\\u0dDcC1 ', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(text):
    try:
        value = parse_json(text, "the text")
    except FormatError:
        return
    assert value == json.loads(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'["\x01"]', "not JSON"),
        (b"[1,]", "not JSON"),
        (b"[01]", "not JSON"),
        (b'\xef\xbb\xbf"byte order mark"', "not JSON"),
        (b'"\xff"', "not UTF-8 text: byte 1 is 0xff"),
        (b'"\xc0\xaf"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        ("[1]".encode("utf-16"), "not UTF-8"),
        (b"[NaN]", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "1e999"),
        (b"1" * (MAX_DIGITS + 1), "101 characters"),
        (b"0." + b"1" * MAX_DIGITS, "102 characters"),
        (b'{"a": 1, "b": 2, "a": 1}', "'a' twice"),
        (rb'{"a": 1, "\u0061": 1}', "'a' twice"),
        (b'[{"x": [{"a": 1, "a": 1}]}]', "'a' twice"),
        (rb'"\ud800"', "half a character"),
        (rb'"\uDC00\ud800"', "half a character"),
        (rb'"\ud800\n\udc00"', "half a character"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested"),
        (b'{"a":' * (MAX_DEPTH + 1), "nested"),
        (b'"]]]"' + b"[" * (MAX_DEPTH + 1), "nested"),
        (rb'["\"]]]",' * (MAX_DEPTH + 1), "nested"),
        (b"[" + b"0," * MAX_VALUES + b"0]", "values"),
        (b"[" + b"[]," * MAX_VALUES + b"0]", "values"),
        (b"{" + b'"":0,' * MAX_KEYS + b'"":0}', "keys"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_is_not_json_within_bounds_is_refused(text, fault):
    with pytest.raises(FormatError, match=rf"^the text (is|has|holds) .*{fault}"):
        parse_json(text, "the text")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\\ud800 is text"', r"\ud800 is text"),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b'"' + b"[" * 1000 + b'"', "[" * 1000),
        (b"9" * MAX_DIGITS, 10**MAX_DIGITS - 1),
        (b' {"a": 1}   ', {"a": 1}),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_is_unusual_but_right_is_read(text, value):
    found = parse_json(text, "the text")
    assert value is None or found == value


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b'"', b"\\", b"9", b'"",'], ids=brief)
def test_a_long_text_made_to_harm_is_refused_at_once(unit):
    start = time.process_time()
    with pytest.raises(FormatError):
        parse_json(unit * (300_000 // len(unit)), "the text")
    assert time.process_time() - start < 2  # of this process alone


def test_equal_values_give_equal_text():
    assert to_json({"b": (1, 2), "a": "é"}, "x") == to_json({"a": "é", "b": [1, 2]}, "x") == '{"a":"é","b":[1,2]}'
    assert to_json({"b": 1, "a": 2}, "x", sort_keys=False) == '{"b":1,"a":2}'


def endless():
    value = []
    value.append(value)
    return value


def deep(levels):
    value = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"a": float("nan")}, "Out of range float"),
        ([float("-inf")], "Out of range float"),
        pytest.param({"a": object()}, "object is not JSON serializable", id="an object"),
        ({"a": b"bytes"}, "bytes is not JSON serializable"),
        ({"a": {1: 2}}, "key 1: JSON keys are text, write '1'"),
        ([({None: 2},)], "key None"),
        ({1: 0, "1": 0}, "the value "),
        ({(1, 2): 0}, "keys must be"),
        ("\ud800", "surrogates not allowed"),
        (10**MAX_DIGITS, "101 characters"),
        (deep(MAX_DEPTH + 1), "nested"),
        (deep(100_000), "the value "),
        (endless(), "Circular"),
        (list(range(MAX_VALUES + 1)), "values"),
    ],
    ids=brief,
)
def test_what_json_cannot_hold_is_refused(value, fault):
    with pytest.raises(InputError, match=f"^the value .*{fault}|^{fault}"):
        to_json(value, "the value")
