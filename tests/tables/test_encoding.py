"""Encoders: what is learned from training rows, and that it holds for any other rows."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import InputError, TableError
from chainrule.tables import Column, Encoder, Table, penguins_path, read_table
from chainrule.tables.scaling import LARGEST, Scaling


def column(kind, *values, name="x"):
    dtype = object if kind == "category" else np.float64
    return Column(name, kind, np.array([*values, None], dtype=object)[:-1].astype(dtype))


def table(*columns):
    return Table({c.name: c for c in columns}, len(columns[0].values))


def learned(kind, *values, **settings):
    return Encoder.learn(table(column(kind, *values)), ["x"], **settings)


def encoded(encoder, kind, *values):
    return encoder.encode(table(column(kind, *values))).tolist()


NAN = math.nan


# Numbers


def test_numbers_are_standardised_by_the_training_rows():
    encoder = learned("number", 1.0, 3.0)
    assert encoder.names == ["x"]
    assert encoded(encoder, "number", 1.0, 3.0, 7.0) == [[-1.0], [1.0], [5.0]]


def test_a_missing_number_is_the_median_and_marked_where_training_had_missing_ones():
    encoder = learned("number", 1.0, 2.0, 9.0, NAN)
    filled = np.array([1.0, 2.0, 9.0, 2.0])
    expected = (filled - filled.mean()) / filled.std()
    assert encoder.names == ["x", "x is missing"]
    np.testing.assert_allclose(
        encoded(encoder, "number", 1.0, 2.0, 9.0, NAN), np.column_stack([expected, [0, 0, 0, 1]])
    )


def test_a_missing_number_is_only_filled_in_where_training_had_none():
    encoder = learned("number", 1.0, 3.0)
    assert encoded(encoder, "number", NAN) == [[0.0]]


def test_a_number_column_of_one_value_and_missing_cells_keeps_its_mark():
    encoder = learned("number", 0.1, 0.1, NAN)  # filled in, three times 0.1: their mean is not quite 0.1
    assert np.std([0.1, 0.1, 0.1]) > 0
    assert encoded(encoder, "number", 0.1, NAN, 1.1) == [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


def test_numbers_too_close_for_a_scale_are_left_unscaled():
    encoder = learned("number", 0.0, 1e-300)
    assert encoded(encoder, "number", 1.0) == [[1.0]]


def test_dates_are_scaled_like_numbers():
    encoder = learned("date", 18000.0, 18002.0)
    assert encoded(encoder, "date", 18001.0, 18002.0) == [[0.0], [1.0]]


def test_the_largest_numbers_stay_finite():
    encoder = learned("number", -LARGEST, LARGEST, LARGEST)
    assert np.isfinite(encoded(encoder, "number", -LARGEST, LARGEST)).all()


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e200])
def test_an_infinite_number_is_refused_with_column_and_row(value):
    encoder = learned("number", 1.0, 3.0)
    with pytest.raises(TableError, match=r"Column 'x', row 2: numbers must be finite"):
        encoded(encoder, "number", 1.0, value)
    with pytest.raises(TableError, match=r"Column 'x', row 1: numbers must be finite"):
        learned("number", value, 1.0)


def test_an_error_names_the_row_of_the_table_that_was_read():
    encoder = learned("number", 1.0, 3.0)
    rows = table(column("number", 1.0, math.inf)).select(np.array([1]))
    with pytest.raises(TableError, match="row 2"):
        encoder.encode(rows)


def test_text_where_numbers_were_is_refused_with_column_row_and_text():
    encoder = learned("number", 1.0, 3.0)
    with pytest.raises(TableError, match=r"Column 'x', row 3: a number is needed, got the text 'tall'"):
        encoded(encoder, "category", "1", None, "tall")


def test_numbers_hidden_in_a_text_column_are_refused_too():
    with pytest.raises(TableError, match=r"row 2: a number is needed, got the text '1_0'"):
        encoded(learned("number", 1.0, 3.0), "category", None, "1_0")


def test_a_column_without_values_fits_every_encoder():
    for kind, values in [("number", (1.0, 3.0)), ("date", (1.0, 3.0)), ("boolean", (0.0, 1.0))]:
        for empty in [("number", NAN), ("category", None), ("date", NAN)]:
            assert encoded(learned(kind, *values), *empty) == [[0.0]]
    assert encoded(learned("category", "a", "b"), "number", NAN) == [[0.0, 0.0]]


@pytest.mark.parametrize(("before", "now"), [("number", "date"), ("date", "number"), ("date", "boolean")])
def test_dates_and_numbers_are_not_confused(before, now):
    with pytest.raises(TableError, match=f"'x' was a {before} in training and is a {now} here"):
        encoded(learned(before, 0.0, 1.0), now, 1.0)


# Booleans


def test_booleans_are_minus_one_and_one_and_a_missing_one_is_between():
    assert encoded(learned("boolean", 0.0, 1.0), "boolean", 0.0, 1.0, NAN) == [[-1.0], [1.0], [0.0]]
    with_missing = learned("boolean", 0.0, 1.0, NAN)
    assert with_missing.names == ["x", "x is missing"]
    assert encoded(with_missing, "boolean", 1.0, NAN) == [[1.0, 0.0], [0.0, 1.0]]


def test_zero_and_one_may_stand_for_booleans_and_no_other_number():
    encoder = learned("boolean", 0.0, 1.0)
    assert encoded(encoder, "number", 0.0, NAN, 1.0) == [[-1.0], [0.0], [1.0]]
    with pytest.raises(TableError, match=r"Column 'x', row 2: true, false, 1 or 0 is needed .* got 2"):
        encoded(encoder, "number", 1.0, 2.0)


# Categories


def test_categories_are_one_hot_in_the_order_of_the_alphabet():
    encoder = learned("category", "b", "a", "b")
    assert encoder.names == ["x=a", "x=b"]
    assert encoded(encoder, "category", "a", "b") == [[1.0, 0.0], [0.0, 1.0]]


def test_a_category_never_seen_is_all_zero():
    assert encoded(learned("category", "a", "b"), "category", "c", None) == [[0.0, 0.0], [0.0, 0.0]]


def test_missing_is_a_category_of_its_own_where_training_had_it():
    encoder = learned("category", "a", None)
    assert encoder.names == ["x=a", "x is missing"]
    assert encoded(encoder, "category", "a", None, "c") == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]


def test_rare_categories_share_one_input_with_those_never_seen():
    encoder = learned("category", "c", "c", "b", "a", "a", "d", None, max_categories=2)
    assert encoder.names == ["x=a", "x=c", "x is other", "x is missing"]
    assert encoded(encoder, "category", "b", "new", "c", None) == [
        [0, 0, 1, 0],
        [0, 0, 1, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 1],
    ]


def test_of_equally_frequent_categories_the_first_by_text_is_kept():
    assert learned("category", "b", "a", "c", max_categories=2).names == ["x=a", "x=b", "x is other"]


def test_numbers_are_categories_by_the_text_that_names_them():
    assert encoded(learned("category", "1", "A1"), "number", 1.0, 2.0) == [[1.0, 0.0], [0.0, 0.0]]
    assert encoded(learned("category", "01", "A1"), "number", 1.0) == [[0.0, 0.0]]
    assert encoded(learned("category", "maybe", "true"), "boolean", 1.0) == [[0.0, 1.0]]


def test_dates_where_categories_were_are_refused():
    with pytest.raises(TableError, match="holds dates where categories"):
        encoded(learned("category", "a", "b"), "date", 1.0)


# Columns left out


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        ("number", (5.0, 5.0, 5.0), "all training rows have the same value"),
        ("boolean", (1.0, 1.0, 1.0), "all training rows have the same value"),
        ("category", ("a", "a", "a"), "all training rows have the same value"),
        ("number", (NAN, NAN, NAN), "no cell of the training rows has a value"),
        ("category", (None, None, None), "no cell of the training rows has a value"),
        ("category", ("a", "b", "x" * 1001), "a category must have 1 to 1000 characters"),
        ("category", ("a", "b", ""), "a category must have 1 to 1000 characters"),
    ],
)
def test_a_column_that_says_nothing_is_dropped_with_the_reason(kind, values, reason):
    rows = table(column("number", 1.0, 2.0, 3.0, name="good"), column(kind, *values))
    encoder = Encoder.learn(rows, ["good", "x"])
    assert encoder.names == ["good"]
    assert dict(encoder.dropped) == {"x": reason}
    assert encoder.encode(table(rows["good"])).shape == (3, 1)


def test_identifiers_are_dropped():
    names = [f"row {i}" for i in range(60)]
    good = column("number", *map(float, range(100)), name="good")
    encoder = Encoder.learn(table(good, column("category", *names, *["row 0"] * 40)), ["good", "x"])
    assert encoder.dropped["x"] == "it names rows rather than groups of them: 60 different texts in 100 cells"


@pytest.mark.parametrize(("distinct", "rows"), [(50, 50), (60, 120)])
def test_few_categories_or_frequent_ones_are_no_identifiers(distinct, rows):
    assert not learned("category", *[f"group {i % distinct}" for i in range(rows)]).dropped


def test_no_column_left_is_an_error_with_the_reasons():
    with pytest.raises(TableError, match=r"No column is left.* 'x': all training rows have the same value"):
        learned("number", 1.0, 1.0)
    with pytest.raises(TableError, match="No column is left"):
        Encoder.learn(table(column("number", 1.0)), [])


def test_what_cannot_be_learned_from_is_refused():
    rows = table(column("number", 1.0, 2.0))
    with pytest.raises(TableError, match="no column 'y'"):
        Encoder.learn(rows, ["y"])
    with pytest.raises(TableError, match="'x' is named twice"):
        Encoder.learn(rows, ["x", "x"])
    with pytest.raises(TableError, match="no rows"):
        learned("number")
    with pytest.raises(InputError, match="max_categories"):
        learned("category", "a", "b", max_categories=0)


def test_a_column_missing_from_a_later_table_is_refused():
    with pytest.raises(TableError, match="no column 'x'"):
        learned("number", 1.0, 2.0).encode(table(column("number", 1.0, name="y")))


def test_the_test_rows_teach_nothing():
    rows = table(column("number", 1.0, 3.0, 100.0))
    train = Encoder.learn(rows.select(np.array([0, 1])), ["x"])
    assert train == learned("number", 1.0, 3.0)


# Values of every sort

CATEGORIES = st.sampled_from(["a", "b", "1", "true", "é", "another text"]) | st.none()
CELLS = {
    "number": st.floats(-LARGEST, LARGEST) | st.just(NAN) | st.integers(-5, 5).map(float),
    "boolean": st.sampled_from([0.0, 1.0, NAN]),
    "date": st.floats(-1e6, 1e6) | st.just(NAN),
    "category": CATEGORIES,
}


@st.composite
def training_and_later_tables(draw):
    """Two tables with the same columns, the cells of both at will."""
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))

    def rows_of(low, high):
        n = draw(st.integers(low, high))
        columns = [
            column(kind, *draw(st.lists(CELLS[kind], min_size=n, max_size=n)), name=f"c{i}")
            for i, kind in enumerate(kinds)
        ]
        return Table({c.name: c for c in columns}, n)

    return rows_of(1, 12), rows_of(0, 6)


@given(tables=training_and_later_tables(), max_categories=st.integers(1, 4))
def test_every_table_is_encoded_finitely_and_alike_after_a_round_trip(tables, max_categories):
    training, later = tables
    try:
        encoder = Encoder.learn(training, training.names, max_categories=max_categories)
    except TableError as error:
        assert "No column is left" in str(error)  # noqa: PT017
        return
    restored = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
    assert restored == encoder
    for rows in (training, later):
        x = encoder.encode(rows)
        assert x.shape == (rows.rows, len(encoder.names))
        assert np.isfinite(x).all()
        np.testing.assert_array_equal(restored.encode(rows), x)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20, unique=True))
def test_training_numbers_have_mean_0_and_standard_deviation_1(values):
    encoder = learned("number", *values)
    x = encoder.encode(table(column("number", *values)))
    spread = encoder.to_dict()["features"][0]["scaling"]["scale"]
    slack = 1e-9 + 1e-14 * max(map(abs, values)) / spread  # rounding grows as the numbers come close
    assert abs(x.mean()) < slack
    assert abs(x.std() - 1) < slack or spread == 1.0


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), wild=st.floats(-1e120, 1e120))
def test_robustly_scaled_numbers_stay_between_3_and_minus_3_and_keep_their_order(values, wild):
    values = np.array([*values, wild])
    scaling = Scaling.robust(values)
    scaled = scaling.apply(np.sort(values))
    assert np.abs(scaled).max() <= 3
    assert (np.diff(scaled) >= 0).all()
    assert scaling.apply(np.array([np.quantile(values, 0.5, method="inverted_cdf")])) == 0
    assert Scaling.from_dict(json.loads(json.dumps(scaling.to_dict())), "s") == scaling


def test_the_robust_spread_is_that_of_a_normal_distribution():
    values = np.random.default_rng(0).normal(5.0, 2.0, 100_000)
    scaling = Scaling.robust(values)
    assert (scaling.mean, scaling.scale) == (pytest.approx(5.0, abs=0.05), pytest.approx(2.0, rel=0.02))
    assert Scaling.robust(np.array([0.0] * 9 + [1.0])).scale == 0.5  # a quarter of the rows shares the median's value
    assert Scaling.robust(np.array([4.0, 4.0])).scale == 1.0


@given(values=st.lists(st.floats(-100, 100), min_size=2, max_size=20), counts=st.data())
def test_a_weight_counts_as_so_many_rows(values, counts):
    values = np.array(values)
    weights = counts.draw(st.lists(st.integers(1, 3), min_size=len(values), max_size=len(values)))
    repeated, weights = np.repeat(values, weights), np.array(weights, float)
    assert Scaling.robust(values, weights) == Scaling.robust(repeated)
    weighted, plain = Scaling.learn(values, weights), Scaling.learn(repeated)
    assert weighted.mean == pytest.approx(plain.mean, abs=1e-12)
    assert weighted.scale == pytest.approx(plain.scale, abs=1e-12)


@given(st.floats(-50, 50))
def test_scaling_can_be_undone(value):
    for scaling in (Scaling(3.0, 2.0), Scaling(3.0, 2.0, 3.0)):
        assert scaling.undo(scaling.apply(np.array([value])))[0] == pytest.approx(value, abs=1e-9)
    assert Scaling(3.0, 2.0, 3.0).undo(np.array([3.0]))[0] == np.inf


def test_the_penguins_are_encoded():
    penguins = read_table(penguins_path())
    encoder = Encoder.learn(penguins, [name for name in penguins.names if name != "species"])
    x = encoder.encode(penguins)
    assert x.shape == (344, 15)
    assert encoder.names[-4:] == ["sex=female", "sex=male", "sex is missing", "year"]
    np.testing.assert_allclose(x[:, encoder.names.index("bill_length_mm")].mean(), 0, atol=1e-12)
    assert x[:, encoder.names.index("sex is missing")].sum() == 11
