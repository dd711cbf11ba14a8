"""Numbers and tables for reading."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core.format import html_table, number, numbers, plain, text_table

words = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234567, "0.123457"), (1.5e-9, "1.5e-09"), (3.0, "3"), (-0.0, "0"), (-2.5, "-2.5"), (np.float32(0.5), "0.5")],
)
def test_a_number_has_six_significant_digits_and_no_empty_ones(value, text):
    assert number(value) == text


def test_a_number_may_have_more_digits():
    assert number(1 / 3, 3) == "0.333"
    assert number(1 / 3, 10) == "0.3333333333"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.array(2.5), "2.5"),
        (np.array([1.0, -2.0]), "[1 -2]"),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), "[[1 2], [3 4]]"),
        (np.zeros((0,)), "[]"),
        (np.array([1.0, np.nan]), "[1 nan]"),
        (np.arange(12.0), "[0 1 2 3 4 5 6 7 8 9 10 11]"),
        (np.arange(13.0), "min 0, mean 6, max 12"),
        (np.array([np.nan, *range(12)]), "min 0, mean 5.5, max 11"),
        (np.full(13, np.nan), "all missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_array_stands_on_one_line(values, text):
    assert numbers(values) == text


@given(st.integers(1, 4), st.data())
def test_the_columns_of_a_text_table_start_at_one_place(columns, data):
    row = st.lists(words, min_size=columns, max_size=columns)
    header, rows = data.draw(row), data.draw(st.lists(row, max_size=4))
    lines = text_table(header, rows).splitlines() or [""]
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(columns)]
    starts = [sum(width + 2 for width in widths[:i]) for i in range(columns)]
    for cells, line in zip([header, *rows], [lines[0], *lines[2:]], strict=False):
        assert [line[s : s + w].rstrip() for s, w in zip(starts, widths, strict=True)] == cells
    assert all(line == line.rstrip() for line in lines)


def test_an_html_table_escapes_what_it_is_given():
    html = html_table(["a<b"], [["<script>alert(1)</script>"], ["x & y"]], caption="<i>'\"")
    assert "<script" not in html
    assert "a&lt;b" in html
    assert "x &amp; y" in html
    assert "&lt;i&gt;&#x27;&quot;" in html
    assert "<caption" not in html_table(["a"], [["b"]])


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=4))
def test_plain_numbers_can_be_written_as_json(values):
    got = json.loads(json.dumps(plain(np.array(values, dtype=np.float32)), allow_nan=False))
    assert got == [v if np.isfinite(v) else None for v in values]


@pytest.mark.parametrize(("value", "expected"), [(np.array(1.5), 1.5), (np.array(np.nan), None), ([], [])])
def test_plain_numbers_keep_their_nesting(value, expected):
    assert plain(value) == expected
    assert plain(np.array([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]
