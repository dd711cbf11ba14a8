"""A row's answer is the row's alone, in columns of objects and of lists too."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.errors import TableError
from chainrule.estimators import TabularClassifier

TRAINING = pd.DataFrame(
    {
        "version": ["1.1", "1.10", "2.0-beta", 1, 1.0, True, None, "01"],
        "size": [1, 2.5, None, -3, 4, 5, 6, 7],
        "open": np.array([True, False, None, True, False, True, True, False], object),
        "day": [dt.date(2020, 1, day) for day in range(1, 9)],
    }
)
CELLS = {
    "version": [
        "1.1",
        "1.10",
        "2.0-beta",
        1,
        1.0,
        2.5,
        True,
        False,
        None,
        np.nan,
        pd.NA,
        "01",
        "1",
        "true",
        "",
        10**17,
    ],
    "size": [1, 2.5, -3, True, None, np.nan, pd.NA, np.float32(0.5), np.int64(7)],
    "open": [True, False, None, 1, 0, 1.0, np.nan, pd.NA, np.bool_(True)],
    "day": [dt.date(2020, 1, 3), dt.datetime(2021, 5, 6, 7), None, pd.NaT, pd.Timestamp("2020-02-02")],  # noqa: DTZ001
}
rows = st.lists(st.tuples(*map(st.sampled_from, CELLS.values())), min_size=2, max_size=5)


@pytest.fixture(scope="module")
def fitted():
    model = TabularClassifier(hidden_layer_sizes=(6,), epochs=2, members=1, random_state=0)
    model.fit(TRAINING, list("abcabcab"))
    assert [f.kind for f in model.encoder_.features] == ["category", "number", "boolean", "date"]
    return model


def objects(rows):
    """A frame that keeps every cell as the object it is."""
    frame = pd.DataFrame(index=range(len(rows)), columns=list(CELLS), dtype=object)
    for j, name in enumerate(CELLS):
        frame[name] = pd.Series([row[j] for row in rows], dtype=object)
    return frame


def typed(rows):
    """A frame whose columns pandas gives a dtype by what they hold."""
    return pd.DataFrame([dict(zip(CELLS, row, strict=True)) for row in rows])


@pytest.mark.parametrize("build", [objects, typed])
@settings(max_examples=60, deadline=None)
@given(rows=rows)
def test_a_row_is_answered_alone_as_among_others(fitted, build, rows):
    together = fitted.predict_proba(objects(rows))
    alone = np.vstack([fitted.predict_proba(build([row])) for row in rows])
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    np.testing.assert_allclose(fitted.predict_proba(build(rows)), alone, rtol=1e-12)


def test_numbers_and_booleans_among_texts_are_the_categories_of_their_names(fitted):
    for names in (("1", 1, 1.0), ("true", True)):
        answers = fitted.predict_proba(objects([(name, 1, True, None) for name in names]))
        np.testing.assert_allclose(answers, answers[[0] * len(names)], rtol=1e-12)


def test_a_cell_that_is_not_of_its_kind_is_refused_with_its_row(fitted):
    good = ("1.1", 1.0, True, dt.date(2020, 1, 1))
    for j, (bad, told) in enumerate([("abc", "a number"), ("maybe", "true, false"), ("soon", "a date")], start=1):
        row = tuple(bad if i == j else cell for i, cell in enumerate(good))
        for frame in (objects([good, row]), objects([row])):
            with pytest.raises(TableError, match=f"row {len(frame)}: {told}.*, got the text '{bad}'"):
                fitted.predict(frame)


def test_lists_of_numbers_and_texts_keep_their_numbers():
    X = [[1.0, 1], [2.0, "x"], [3.0, 2], [4.5, 2.0]] * 4
    model = TabularClassifier(hidden_layer_sizes=(4,), epochs=1, members=1, random_state=0).fit(X, list("abab") * 4)
    assert [f.kind for f in model.encoder_.features] == ["number", "category"]
    alone = np.vstack([model.predict_proba([row]) for row in X[:4]])
    np.testing.assert_allclose(model.predict_proba(X[:4]), alone, rtol=1e-12)


def test_a_polars_frame_of_one_row_is_answered_as_among_others():
    frame = pl.DataFrame({"v": ["1.1", "1.10", "2.0-beta", "1.10"] * 3, "x": [1.0, 2.0, None, 4.0] * 3})
    model = TabularClassifier(hidden_layer_sizes=(4,), epochs=1, members=1, random_state=0).fit(frame, list("abca") * 3)
    alone = np.vstack([model.predict_proba(frame[i : i + 1]) for i in range(4)])
    np.testing.assert_allclose(model.predict_proba(frame[:4]), alone, rtol=1e-12)
