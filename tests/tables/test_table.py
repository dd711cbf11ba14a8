"""Columns and tables."""

import numpy as np
import pytest

from chainrule.errors import TableError
from chainrule.tables import Column, Table


def number(name, *values):
    return Column(name, "number", np.array(values, dtype=np.float64))


def category(name, *values):
    return Column(name, "category", np.array(values, dtype=object))


@pytest.fixture
def table():
    return Table({"mass": number("mass", 1.0, np.nan, 3.0), "sex": category("sex", "m", None, "f")}, 3)


def test_a_missing_cell_is_nan_among_numbers_and_none_among_texts(table):
    assert table["mass"].missing.tolist() == [False, True, False]
    assert table["sex"].missing.tolist() == [False, True, False]


def test_an_unknown_column_is_answered_with_the_closest_name_and_all_names(table):
    with pytest.raises(TableError, match=r"no column 'mas'\. Did you mean 'mass'\? Its columns are: mass, sex\."):
        table["mas"]


def test_a_name_like_no_other_gets_no_suggestion(table):
    with pytest.raises(TableError, match=r"no column 'zzz'\. Its columns"):
        table["zzz"]


def test_rows_are_selected_in_the_order_asked_for(table):
    chosen = table.select(np.array([2, 0, 2]))
    assert chosen.rows == 3
    assert chosen["mass"].values.tolist() == [3.0, 1.0, 3.0]
    assert chosen["sex"].values.tolist() == ["f", "m", "f"]


def test_a_selected_row_keeps_its_number_in_the_table_that_was_read(table):
    twice = table.select(np.array([2, 1])).select(np.array([0]))
    assert twice["mass"].row_number(0) == 3
    assert table["mass"].row_number(0) == 1


def test_selecting_no_rows_gives_an_empty_table(table):
    assert table.select(np.array([], dtype=int)).rows == 0
    assert table.select(np.array([])).rows == 0
    assert Table({}, 2).select(np.array([1])).rows == 1


def test_a_mask_is_no_index(table):
    with pytest.raises(TableError, match="flatnonzero"):
        table.select(np.array([True, False, True]))


@pytest.mark.parametrize("row", [3, -1])
def test_a_row_outside_the_table_is_refused(table, row):
    with pytest.raises(TableError, match=f"Row index {row} is outside the table: use 0 to 2"):
        table.select(np.array([0, row]))


def test_columns_of_different_lengths_make_no_table():
    with pytest.raises(TableError, match=r"Column 'b' must have its own name and 1 rows, got 'b' with 2"):
        Table({"a": number("a", 1), "b": number("b", 1, 2)}, 1)


def test_a_column_under_another_name_makes_no_table():
    with pytest.raises(TableError, match="got 'b'"):
        Table({"a": number("b", 1)}, 1)


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("", "number", np.zeros(1)),
        ("x" * 1001, "number", np.zeros(1)),
        ("x", "colour", np.zeros(1)),
        ("x", "number", np.zeros((1, 1))),
        ("x", "number", np.zeros(1, dtype=np.int64)),
        ("x", "category", np.array(["a"])),
    ],
)
def test_a_column_that_does_not_fit_its_kind_is_refused(name, kind, values):
    with pytest.raises(TableError):
        Column(name, kind, values)


def test_numbers_and_booleans_have_texts():
    assert number("x", 3, -0.5, np.nan, 1e300).texts().tolist() == ["3", "-0.5", None, "1e+300"]
    boolean = Column("b", "boolean", np.array([0.0, 1.0, np.nan]))
    assert boolean.texts().tolist() == ["false", "true", None]


def test_dates_have_no_texts():
    with pytest.raises(TableError, match=r"'day' holds dates .* SELECT month"):
        Column("day", "date", np.zeros(1)).texts()
