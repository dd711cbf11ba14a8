"""Tables as they are, in any DataFrame."""

import datetime as dt
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from chainrule import Network
from chainrule.errors import InputError, TableError
from chainrule.estimators import TabularClassifier, TabularRegressor
from chainrule.estimators.frames import table_of
from chainrule.tables import penguins_path

RNG = np.random.default_rng(0)
ROWS = 240
DAYS = [dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in RNG.integers(0, 900, ROWS)]
FRAME = pd.DataFrame({
    "size": np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.lognormal(size=ROWS)),
    "kind": RNG.choice(np.array(["oak", "elm", None], dtype=object), ROWS),
    "old": RNG.random(ROWS) < 0.5,
    "bought": DAYS,
    "count": RNG.integers(0, 5, ROWS),
})  # fmt: skip
PRICE = 2 * FRAME["size"].fillna(1.0) + 3 * (FRAME["kind"] == "oak") - FRAME["old"] + 0.1 * RNG.normal(size=ROWS)
DEAR = np.where(PRICE.median() < PRICE, "dear", "cheap")

QUICK = {"hidden_layer_sizes": (32, 32), "epochs": 40, "members": 2, "random_state": 0}


def test_a_classifier_takes_a_table_as_it_is():
    fitted = TabularClassifier(**QUICK).fit(FRAME, DEAR)
    assert fitted.score(FRAME, DEAR) > 0.9
    probabilities = fitted.predict_proba(FRAME)
    assert probabilities.shape == (ROWS, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert list(fitted.feature_names_in_) == list(FRAME.columns)
    assert len(fitted.networks_) == 2


def test_a_regressor_takes_a_table_as_it_is():
    fitted = TabularRegressor(**QUICK | {"epochs": 100}).fit(FRAME, PRICE)
    assert fitted.score(FRAME, PRICE) > 0.85
    prediction = fitted.predict(FRAME)
    assert PRICE.min() <= prediction.min() <= prediction.max() <= PRICE.max()


def test_every_kind_of_frame_gives_the_same_predictions():
    frames = [FRAME.assign(bought=pd.to_datetime(FRAME["bought"])), pl.from_pandas(FRAME), pa.Table.from_pandas(FRAME)]
    fitted = TabularClassifier(**QUICK | {"epochs": 5}).fit(FRAME, DEAR)
    for frame in frames:
        np.testing.assert_array_equal(fitted.predict_proba(frame), fitted.predict_proba(FRAME))
        again = TabularClassifier(**QUICK | {"epochs": 5}).fit(frame, DEAR)
        np.testing.assert_array_equal(again.predict_proba(frame), fitted.predict_proba(FRAME))


def test_rows_never_seen_the_like_of_are_predicted():
    fitted = TabularClassifier(**QUICK | {"epochs": 5}).fit(FRAME, DEAR)
    new = FRAME.head(3).assign(kind=["birch", None, "oak"], size=[np.nan, 1e9, -1e9])
    assert np.isfinite(fitted.predict_proba(new)).all()
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(FRAME[["kind", "size", "old", "bought", "count"]])


def test_kinds_of_columns():
    table = table_of(FRAME)
    assert [table[name].kind for name in table.names] == ["number", "category", "boolean", "date", "number"]
    mixed = np.array([[1.0, "a", True, None], [2, None, False, 3.5]], dtype=object)
    assert [table_of(mixed)[f"x{j}"].kind for j in range(4)] == ["number", "category", "boolean", "number"]
    nullable = pd.DataFrame({"n": pd.array([1, None], "Int64"), "b": pd.array([True, None], "boolean")})
    assert np.isnan(table_of(nullable)["n"].values).tolist() == [False, True]
    assert np.isnan(table_of(nullable)["b"].values).tolist() == [False, True]
    times = table_of(np.array([["2020-01-02", "NaT"]], "datetime64[D]")).columns
    assert [column.kind for column in times.values()] == ["date", "date"]
    assert [bool(column.missing[0]) for column in times.values()] == [False, True]
    assert times["x0"].values[0] == 18263.0  # noqa: PD011 - the library's own column
    with pytest.raises(TableError, match="holds"):
        table_of(pl.DataFrame({"a": [[1, 2]]}))
    with pytest.raises(TypeError, match="argument must be a string or a real number"):
        table_of(np.array([[{}]], dtype=object))
    with pytest.raises(TableError, match="shape"):
        table_of(np.zeros(3))


def test_inputs_are_robustly_scaled_and_smoothly_clipped():
    wild = pd.DataFrame(
        {"a": np.append(RNG.normal(size=99), 1e12), "flag": [0.0] * 99 + [1.0], "b": [True, False] * 50}
    )
    encoded = TabularRegressor(**QUICK | {"epochs": 1}).fit(wild, RNG.normal(size=100)).encoder_.encode(table_of(wild))
    assert np.abs(encoded[:, 0]).max() <= 3
    assert 0.5 < encoded[:99, 0].std() < 1.5
    assert set(encoded[:, 2]) == {-1.0, 1.0}
    assert np.isfinite(encoded).all()


def test_the_same_seed_gives_the_same_predictions_and_a_pickle_keeps_them():
    a, b = (TabularRegressor(**QUICK | {"epochs": 5}).fit(FRAME, PRICE) for _ in range(2))
    np.testing.assert_array_equal(a.predict(FRAME), b.predict(FRAME))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(a)).predict(FRAME), a.predict(FRAME))


def test_ctrl_c_keeps_the_networks_so_far(monkeypatch):
    fit = Network.fit

    def interrupted(self, *args, **told):
        history = fit(self, *args, **told)
        history.stopped = "interrupted"
        return history

    monkeypatch.setattr(Network, "fit", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        fitted = TabularRegressor(**QUICK | {"epochs": 2}).fit(FRAME, PRICE)
    assert len(fitted.networks_) == 1
    assert np.isfinite(fitted.predict(FRAME)).all()


def test_rare_classes_are_learned_from():
    labels = DEAR.astype(object)
    labels[0] = "unique"
    fitted = TabularClassifier(**QUICK | {"epochs": 5}).fit(FRAME, labels)
    assert list(fitted.classes_) == ["cheap", "dear", "unique"]


def test_weights_count():
    weights = np.where(DEAR == "dear", 1e-6, 1.0)
    assert (TabularClassifier(**QUICK).fit(FRAME, DEAR, sample_weight=weights).predict(FRAME) == "cheap").mean() > 0.9
    few = FRAME.head(30)
    a = TabularRegressor(**QUICK).fit(few, PRICE[:30], sample_weight=np.repeat([2.0, 0.0], 15))
    b = TabularRegressor(**QUICK).fit(FRAME.iloc[np.tile(np.arange(15), 2)], np.tile(PRICE[:15], 2))
    np.testing.assert_allclose(a.predict(few), b.predict(few), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("members", 0),
        ("hidden_layer_sizes", (0,)),
        ("learning_rate", 2.0),
        ("validation_fraction", 0.0),
    ],
)
def test_parameters_out_of_range_are_refused(name, value):
    with pytest.raises(InputError):
        TabularClassifier(**{name: value}).fit(FRAME, DEAR)


def test_tables_that_teach_nothing_are_refused():
    with pytest.raises(InputError, match="2 rows"):
        TabularRegressor().fit(FRAME.head(1), PRICE[:1])
    with pytest.raises(TableError, match="No column is left"):
        TabularRegressor().fit(pd.DataFrame({"a": [1.0] * 10}), PRICE[:10])


def test_the_penguins_are_told_apart():
    penguins = pd.read_csv(penguins_path())
    species = penguins.pop("species")
    train = np.arange(len(penguins)) % 4 > 0
    fitted = TabularClassifier(**QUICK).fit(penguins[train], species[train])
    assert fitted.score(penguins[~train], species[~train]) > 0.97
