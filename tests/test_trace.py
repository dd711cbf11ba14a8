"""The trace: every quantity of one pass, by name, with a formula that its numbers obey."""

import json

import numpy as np
import pytest
from hypothesis import given

import chainrule as cr
from chainrule.errors import InputError
from tests.strategies import cases

X = np.array([[0.0, 1.0], [1.0, 0.5], [-1.0, 0.25]])
T = np.array([[1.0], [0.0], [0.5]])


@pytest.fixture
def net():
    return cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=0)


@pytest.fixture
def trace(net):
    return net.trace(X, T)


def test_every_quantity_of_the_alphabet_is_there_in_the_order_it_was_computed(trace):
    up = ["x", "t", "W1", "b1", "z1", "a1", "W2", "b2", "z2", "a2", "y", "e", "E"]
    down = ["da2", "delta2", "dW2", "db2", "da1", "delta1", "dW1", "db1", "da0"]
    assert list(trace) == [*up, *down]
    assert len(trace) == len(up) + len(down)
    assert "delta3" not in trace


def test_each_number_follows_from_the_others_as_its_formula_says(trace):
    q = trace
    sigmoid = 1 / (1 + np.exp(-q["z2"]))
    obeyed = {
        "z1": ("a0 W1 + b1", X @ q["W1"] + q["b1"]),
        "a1": ("tanh(z1)", np.tanh(q["z1"])),
        "z2": ("a1 W2 + b2", q["a1"] @ q["W2"] + q["b2"]),
        "a2": ("sigmoid(z2)", sigmoid),
        "y": ("a2", q["a2"]),
        "e": ("squared_error(y, t) of each row", ((T - q["y"]) ** 2).sum(axis=1)),
        "E": ("mean over rows of e", q["e"].mean()),
        "da2": ("dE/dy of squared_error", 2 * (q["y"] - T) / 3),
        "delta2": ("da2 sigmoid'(z2)", q["da2"] * sigmoid * (1 - sigmoid)),
        "dW2": ("a1' delta2", q["a1"].T @ q["delta2"]),
        "db2": ("sum over rows of delta2", q["delta2"].sum(axis=0)),
        "da1": ("delta2 W2'", q["delta2"] @ q["W2"].T),
        "delta1": ("da1 tanh'(z1)", q["da1"] * (1 - q["a1"] ** 2)),
        "dW1": ("a0' delta1", X.T @ q["delta1"]),
        "db1": ("sum over rows of delta1", q["delta1"].sum(axis=0)),
        "da0": ("delta1 W1'", q["delta1"] @ q["W1"].T),
    }
    for name, (formula, value) in obeyed.items():
        assert trace.formula(name) == formula
        np.testing.assert_allclose(trace[name], value, rtol=1e-12, atol=1e-15)


@given(cases())
def test_a_trace_agrees_with_loss_gradients_and_forward(case):
    trace = case.net.trace(case.x, case.t, **case.keywords)
    assert trace["E"] == case.net.loss(case.x, case.t, **case.keywords)
    for name, gradient in case.net.gradients(case.x, case.t, **case.keywords).items():
        assert (trace[f"d{name}"] == gradient).all()
        assert trace[f"d{name}"].shape == gradient.shape
    if not case.training:
        assert (trace["y"] == case.net.forward(case.x)).all()
    json.dumps(trace.to_dict(), allow_nan=False)


def test_a_trace_of_training_is_that_of_the_same_seeds_loss():
    net = cr.Network(2, [cr.Dense(9, "tanh"), cr.Dropout(0.5), cr.Dense(1)], loss="squared_error", seed=0)
    trace = net.trace(X, T, training=True, seed=5)
    assert trace["E"] == net.loss(X, T, training=True, seed=5)
    assert set(np.unique(trace["mask2"])) == {0.0, 2.0}
    np.testing.assert_array_equal(trace["a2"], trace["a1"] * trace["mask2"])
    assert (net.trace(X, T)["mask2"] == 1).all()


def test_bias_formulas_say_how_the_bias_is_shared_or_that_there_is_none():
    net = cr.Network(2, [cr.Dense(3, bias="shared"), cr.Dense(1, bias=None)], loss="squared_error", seed=0)
    trace = net.trace(X, T)
    assert trace.formula("db1") == "sum over rows and units of delta1"
    assert trace["db1"] == pytest.approx(trace["delta1"].sum())
    assert trace.formula("z2") == "a1 W2"
    assert "b2" not in trace


@pytest.mark.parametrize("layer", [cr.LayerNorm("tanh", epsilon=0.1), cr.BatchNorm("tanh", epsilon=0.1)])
def test_normalisation_tells_its_steps(layer):
    net = cr.Network(2, [layer, cr.Dense(1)], loss="squared_error", seed=0)
    trace = net.trace(X, T, training=True)
    axis = 1 if isinstance(layer, cr.LayerNorm) else 0
    np.testing.assert_allclose(trace["mean1"], X.mean(axis=axis, keepdims=True))
    np.testing.assert_allclose(trace["variance1"], X.var(axis=axis, keepdims=True))
    np.testing.assert_allclose(trace["xhat1"], (X - trace["mean1"]) / np.sqrt(trace["variance1"] + 0.1))
    np.testing.assert_allclose(trace["z1"], trace["gamma1"] * trace["xhat1"] + trace["beta1"])
    np.testing.assert_allclose(trace["dgamma1"], (trace["delta1"] * trace["xhat1"]).sum(axis=0))
    assert trace.formula("xhat1") == "(a0 - mean1)/sqrt(variance1 + 0.1)"


def test_running_statistics_are_told_as_what_they_are():
    net = cr.Network(2, [cr.BatchNorm(), cr.LayerNorm(), cr.Dense(1)], seed=0)
    trace = net.trace(X)
    assert (trace["mean1"] == 0).all()
    assert trace.formula("mean1") == "mean over rows of a0; outside training the running one"
    assert trace.formula("mean2") == "mean over units of a1"


def test_weights_and_missing_targets_are_told_as_shares(net):
    t = np.array([[1.0], [np.nan], [0.5]])
    trace = net.trace(X, t, weights=[1.0, 5.0, 3.0])
    assert trace["share"].tolist() == [0.25, 0.0, 0.75]
    assert trace.formula("E") == "sum over rows of share e"
    assert trace["E"] == pytest.approx((trace["share"] * trace["e"]).sum())
    assert "share" not in net.trace(X, T)


def test_without_targets_there_is_only_the_way_up(net):
    trace = net.trace(X)
    assert list(trace) == ["x", "W1", "b1", "z1", "a1", "W2", "b2", "z2", "a2", "y"]
    assert (trace["y"] == net.forward(X)).all()


def test_it_keeps_copies_that_neither_training_nor_the_caller_touches(net):
    x, t = X.copy(), T.copy()
    trace = net.trace(x, t)
    kept = {name: value.copy() for name, value in trace.items()}
    x[:], t[:] = 9.0, 9.0
    net.fit(X, T, epochs=3)
    assert all((trace[name] == kept[name]).all() for name in kept)
    arrays = [x, t, net.parameters.vector]
    assert not any(np.shares_memory(trace[name], array) for name in trace for array in arrays)
    names = [name for name in trace if trace[name].ndim]
    assert not any(np.shares_memory(trace[a], trace[b]) for a in names for b in names if a != b)


# -------------------------------------------------------------------------------- how it shows
def test_as_text_each_column_starts_at_one_place(trace):
    lines = str(trace).splitlines()
    header = ["pass", "quantity", "formula", "shape", "value"]
    starts = [lines[0].index(name) for name in header]
    assert [i for i, _ in enumerate(lines[1]) if lines[1][i] == "-" and (i == 0 or lines[1][i - 1] == " ")] == starts
    assert len(lines) == len(trace) + 2
    for line, quantity in zip(lines[2:], trace.quantities, strict=True):
        ends = [*starts[1:], None]
        cells = [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]
        assert cells[0] in ("", quantity.part)
        assert cells[1:3] == [quantity.name, quantity.formula]
        assert all(line[start - 2 : start] in ("  ", "") for start in starts[1:])
    assert [line[:8].strip() for line in lines[2:] if line[:8].strip()] == ["data", "forward", "backward"]


def test_as_text_a_few_numbers_are_told_in_full_and_many_by_their_range(net):
    text = str(net.trace([[0.25, 1.0]], [[1.0]]))
    assert "[[0.25 1]]" in text
    many = str(net.trace(np.arange(20.0).reshape(10, 2), np.ones(10)))
    assert "min 0, mean 9.5, max 19" in many


def test_in_a_notebook_it_shows_as_a_table(trace):
    html = trace._repr_html_()
    assert html.startswith("<table")
    assert html.count("<tr>") == len(trace) + 1
    assert "da1 tanh&#x27;(z1)" in html
    assert "<script" not in html


def test_it_becomes_plain_data_with_none_for_missing_targets(net):
    plain = json.loads(json.dumps(net.trace(X, [1.0, np.nan, 0.5]).to_dict(), allow_nan=False))
    assert (plain["schema"], plain["version"]) == ("chainrule/trace", 1)
    by_name = {q["name"]: q for q in plain["quantities"]}
    assert by_name["t"]["value"] == [[1.0], [None], [0.5]]
    assert by_name["z1"]["formula"] == "a0 W1 + b1"
    assert [q["part"] for q in plain["quantities"][:3]] == ["data", "data", "forward"]
    assert np.array(by_name["W1"]["value"]).tolist() == net.parameters["W1"].tolist()


def test_a_quantity_that_is_not_there_is_an_error_that_lists_those_that_are(trace):
    with pytest.raises(KeyError) as caught:
        trace["z3"]
    assert isinstance(caught.value, InputError)
    assert str(caught.value).startswith("no quantity 'z3' in this trace: it has x, t, W1, ")
    with pytest.raises(InputError, match="no quantity 'z3'"):
        trace.formula("z3")
