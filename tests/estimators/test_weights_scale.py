"""Only the ratios of rows' weights count: the same weights in another unit teach the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import neural_network

import chainrule as cr
from chainrule.estimators import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor
from chainrule.tables import Scaling
from chainrule.tables.weights import effective_rows, relative_weights

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
T = X[:, 0] + np.sin(3 * X[:, 1])
CODES = (T > 0).astype(int) + (T > 1)
UNEVEN = RNG.choice([0.0, 0.5, 1.0, 3.0], 80)
TABULAR = {"hidden_layer_sizes": (8,), "epochs": 3, "members": 2, "random_state": 0}
MLP = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0, "batch_size": 20}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

weights_of_rows = st.lists(st.sampled_from([0.0, 0.1, 1 / 3, 1.0, 2.0, 50.0]), min_size=80, max_size=80).filter(
    lambda w: sum(v > 0 for v in w) > 4
)
powers = st.integers(-400, 400).map(lambda k: 2.0**k)


def fitted_network(weights, *, engine="reference", dtype="float64", **settings):
    net = cr.Network(3, [cr.Dense(4, "tanh"), cr.Dense(1)], loss="squared_error", seed=0, dtype=dtype)
    net.fit(X, T, weights=weights, epochs=3, batch_size=32, seed=0, engine=engine, **settings)
    return net.parameters.vector


def fitted_by_lbfgs(weights):
    net = cr.Network(3, [cr.Dense(4, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    net.fit(X, T, weights=weights, epochs=3, optimizer=cr.LBFGS(), seed=0)
    return net.parameters.vector


def fitted_with_class_weights(weights):
    net = cr.Network(3, [cr.Dense(3)], loss="categorical_cross_entropy_from_logits", seed=0)
    net.fit(X, np.eye(3)[CODES], weights=weights, class_weight="balanced", epochs=3, batch_size=32, seed=0)
    return net.parameters.vector


DOORS = {
    "TabularRegressor": lambda w: TabularRegressor(**TABULAR).fit(X, T, sample_weight=w).predict(X),
    "TabularClassifier": lambda w: TabularClassifier(**TABULAR).fit(X, CODES > 0, sample_weight=w).predict_proba(X),
    "MLPRegressor": lambda w: MLPRegressor(alpha=0.0, **MLP).fit(X, T, sample_weight=w).predict(X),
    "MLPRegressor, scaled, early stopping": lambda w: (
        MLPRegressor(alpha=0.0, scale_target=True, early_stopping=True, **MLP).fit(X, T, sample_weight=w).predict(X)
    ),
    "MLPRegressor, quantiles": lambda w: (
        MLPRegressor(alpha=0.0, quantiles=[0.1, 0.9], **MLP).fit(X, T, sample_weight=w).predict_quantiles(X)
    ),
    "MLPClassifier, lbfgs": lambda w: (
        MLPClassifier(alpha=0.0, solver="lbfgs", **MLP).fit(X, CODES, sample_weight=w).predict_proba(X)
    ),
    "MLPClassifier, balanced, calibrated": lambda w: (
        MLPClassifier(alpha=0.0, class_weight="balanced", calibration="temperature", **MLP)
        .fit(X, CODES, sample_weight=w, validation_data=(X, CODES, w))
        .predict_proba(X)
    ),
    "net.fit": fitted_network,
    "net.fit, float32": lambda w: fitted_network(w, dtype="float32"),
    "net.fit, validation": lambda w: fitted_network(w, validation=(X, T, w), patience=2),
    "net.fit, LBFGS": fitted_by_lbfgs,
    "net.fit, class weights": fitted_with_class_weights,
    "sweep": lambda w: (
        cr.sweep(
            cr.Network(3, [cr.Dense(1)], loss="squared_error"),
            X,
            T,
            weights=w,
            seeds=[0, 1],
            epochs=3,
            engine="reference",
        ).loss
    ),
}


def test_equal_weights_of_one_nth_teach_as_no_weights_do():
    for kind, y in ((TabularRegressor, T), (TabularClassifier, CODES)):
        weighted, plain = (kind(**TABULAR).fit(X, y, sample_weight=w) for w in (np.full(80, 1 / 80), None))
        np.testing.assert_array_equal(weighted.predict(X), plain.predict(X))
        assert len(weighted.histories_[0].validation_losses) == 3


@pytest.mark.parametrize("door", DOORS)
@settings(max_examples=6)
@given(weights=weights_of_rows, factor=powers)
def test_weights_times_a_power_of_2_change_not_a_bit(door, weights, factor):
    weights = np.array(weights)
    if "float32" in door:  # their sum must not be more than it can hold
        factor = min(factor, 2.0**100)
    np.testing.assert_array_equal(DOORS[door](weights * factor), DOORS[door](weights))


@pytest.mark.parametrize("door", DOORS)
@settings(max_examples=4)
@given(factor=st.sampled_from([1 / 3, 1e-3, 1 / 80, 1e5, 7.0]))
def test_weights_in_another_unit_change_nothing_but_rounding(door, factor):
    tolerance = 1e-4 if "float32" in door or "Tabular" in door else 1e-6  # tables are learned in float32
    np.testing.assert_allclose(DOORS[door](UNEVEN * factor), DOORS[door](UNEVEN), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_both_engines_count_equal_weights_alike_in_any_unit(engine):
    ones = fitted_network(np.ones(80), engine=engine)
    np.testing.assert_array_equal(fitted_network(np.full(80, 0.25), engine=engine), ones)
    np.testing.assert_allclose(fitted_network(np.full(80, 1 / 80), engine=engine), ones, rtol=1e-12)
    np.testing.assert_allclose(fitted_network(None, engine=engine), ones, rtol=1e-12)


def test_float32_holds_weights_of_any_unit():
    tiny = fitted_network(np.where(UNEVEN > 0, UNEVEN * 1e-60, 0), dtype="float32")
    np.testing.assert_allclose(tiny, fitted_network(UNEVEN, dtype="float32"), rtol=1e-4)


@settings(max_examples=20)
@given(
    values=st.lists(st.integers(-5, 5), min_size=2, max_size=40),
    seed=st.integers(0, 2**32 - 1),
    factor=st.floats(1e-6, 1e6),
)
def test_quartiles_do_not_hang_on_the_unit_of_the_weights(values, seed, factor):
    values = np.array(values, float)
    weights = np.random.default_rng(seed).integers(1, 4, len(values)).astype(float)
    assert Scaling.robust(values, weights * factor) == Scaling.robust(values, weights)
    assert Scaling.robust(values, np.full(len(values), factor)) == Scaling.robust(values)
    repeated = np.repeat(values, weights.astype(int))
    assert Scaling.robust(values, weights) == Scaling.robust(repeated)


@given(weights=weights_of_rows.map(np.array), factor=st.floats(1e-100, 1e100))
def test_effective_rows_are_a_count(weights, factor):
    counted = effective_rows(weights, len(weights))
    assert 1 <= counted <= np.count_nonzero(weights)
    assert effective_rows(weights * factor, len(weights)) == counted
    assert effective_rows(np.full(7, factor), 7) == 7
    relative = relative_weights(weights)
    assert relative is None or relative.max() == 1 or (relative == relative.round()).all()


@pytest.mark.parametrize("scale", [1 / 80, 1.0, 50.0])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_penalty_of_the_drop_in_networks_is_divided_as_scikit_learns_is(scale, solver):
    told = {"hidden_layer_sizes": (5,), "max_iter": 8, "random_state": 0, "alpha": 1.0, "solver": solver}
    ours, theirs = (
        module.MLPRegressor(**told).fit(X, T, sample_weight=UNEVEN * scale)
        for module in (cr.estimators, neural_network)
    )
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("scale", [1 / 3, 1 / 80, 0.1, 7.0, 1e6, 1e-12, 1e-300, 1e290])
@pytest.mark.parametrize("name", ["TabularRegressor", "TabularClassifier"])
def test_a_table_is_learned_to_the_same_bits_with_weights_in_any_unit(name, scale):
    weights = np.random.default_rng(3).uniform(0.1, 3, 80)
    np.testing.assert_array_equal(DOORS[name](weights * scale), DOORS[name](weights))
