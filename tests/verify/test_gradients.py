"""The gradient check: right, wrong and on a kink, told apart."""

import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS, ElementwiseActivation
from chainrule.core.unitwise import unitwise
from chainrule.training import Data
from chainrule.verify.gradients import check_gradients, kinks
from tests.strategies import cases

X = np.array([[0.3, -1.2], [0.8, 0.5], [-0.6, 1.1]])
T = np.array([[0.2, 0.7], [0.9, 0.1], [0.4, 0.5]])
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def network(*layers, loss="squared_error", **options):
    net = cr.Network(2, list(layers), loss=loss, seed=0, **options)
    net.parameters.vector[...] = np.random.default_rng(1).normal(size=net.parameters.vector.size)
    return net


def checked(net, x, t, gradient):
    """The report on somebody's own gradient."""
    x, t = np.atleast_2d(x).astype(float), np.atleast_2d(t).astype(float)
    return check_gradients(net.model, Data(x, t), gradient=gradient)


def gradient_of(net, x=X, t=T):
    return np.concatenate([g.ravel() for g in net.gradients(x, t).values()])


# -------------------------------------------------------------------------------- right
@settings(max_examples=60)
@given(cases())
def test_the_gradients_of_random_networks_are_right(case):
    report = case.net.check_gradients(case.x, case.t, **case.keywords)
    assert report, str(report)
    assert report.passed
    assert report.wrong == ()
    assert len(report.entries) == case.net.parameters.vector.size


def test_the_report_names_each_parameter_index_and_both_numbers():
    net = network(cr.Dense(2, "tanh", bias="shared"), cr.Dense(2))
    report = net.check_gradients(X, T)
    assert [entry.label for entry in report.entries] == net.parameter_labels()
    assert [entry.gradient for entry in report.entries] == gradient_of(net).tolist()
    assert report.entries[1].index == (0, 1)
    assert report.entries[4].index == ()
    for entry in report.entries:
        assert entry.difference == pytest.approx(entry.gradient, rel=1e-6)
        assert entry.verdict == "right"
    assert 0 <= report.largest_error < 1e-6


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e5])
def test_step_sizes_suit_inputs_and_parameters_of_any_scale(scale):
    net = network(cr.Dense(2, "tanh"), cr.Dense(2))
    net.parameters["W1"] /= scale
    assert net.check_gradients(X * scale, T), str(net.check_gradients(X * scale, T))
    net.parameters["W2"] *= scale
    net.parameters["b2"] *= scale
    assert net.check_gradients(X * scale, T * scale), str(net.check_gradients(X * scale, T * scale))


@pytest.mark.parametrize("z", [8.0, 11.0, 14.0, 17.0, 20.0])
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "categorical_cross_entropy"])
def test_a_loss_far_smaller_than_the_numbers_it_is_made_of_makes_no_mistake(z, loss):
    net = cr.Network(2, [cr.Dense(2), cr.Dense(2, "softmax" if loss.startswith("c") else "sigmoid")], loss=loss, seed=0)
    net.set_parameters({"W2": [[z, -z], [z, -z]], "b2": [0.0, 0.0]})
    for x in X:
        a = net.trace(x)["a1"].sum()
        net.parameters["W2"] = np.array([[z, -z], [z, -z]]) / a  # logits z and -z
        report = net.check_gradients(x, [1.0, 0.0])
        assert report, str(report)


def test_a_net_of_float32_is_checked_in_float64():
    net = network(cr.Dense(3, "tanh"), cr.Dense(2), dtype="float32")
    report = net.check_gradients(X, T)
    assert report
    assert report.largest_error < 1e-7


def test_a_net_without_parameters_has_nothing_to_be_wrong():
    report = cr.Network(2, [cr.Dropout(0.5)], loss="squared_error").check_gradients(X, T)
    assert report
    assert report.largest_error == 0
    assert "0 gradients checked" in str(report)


def test_checking_changes_nothing():
    net = network(cr.Dense(3, "relu"), cr.BatchNorm(), cr.Dropout(0.5), cr.Dense(2))
    x, t, vector, state = X.copy(), T.copy(), net.parameters.vector.copy(), copy.deepcopy(net.model.state)
    assert net.check_gradients(x, t, training=True, seed=1, weights=[1, 2, 3])
    assert (x == X).all()
    assert (t == T).all()
    assert (net.parameters.vector == vector).all()
    assert all((kept[k] == now[k]).all() for kept, now in zip(state, net.model.state, strict=True) for k in kept)


# -------------------------------------------------------------------------------- wrong
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("error", [1e-5, -1e-5, 1e-2, -2.0])
def test_a_gradient_spoiled_by_a_hundred_thousandth_is_found_in_every_activation(name, error):
    net = network(cr.Dense(3, name), cr.Dense(2))
    gradient = gradient_of(net)
    assert checked(net, X, T, gradient)
    k = int(np.abs(gradient[:6]).argmax())
    gradient[k] *= 1 + error
    report = checked(net, X, T, gradient)
    assert not report
    (wrong,) = report.wrong
    assert wrong.label == net.parameter_labels()[k]
    assert wrong.gradient == gradient[k]
    assert wrong.difference == pytest.approx(gradient[k] / (1 + error), rel=1e-6)
    assert report.largest_error == wrong.error > 5e-6
    for told in (wrong.label, f"{wrong.gradient:.10g}", f"{wrong.difference:.10g}", "1 wrong"):
        assert told in str(report)


def test_every_wrong_gradient_is_found_the_worst_first():
    net = network(cr.Dense(3, "tanh"), cr.Dense(2))
    gradient = gradient_of(net)
    report = checked(net, X, T, gradient * np.linspace(1.001, 1.1, len(gradient)))
    errors = [entry.error for entry in report.wrong]
    assert len(errors) == len(gradient)
    assert errors == sorted(errors, reverse=True)
    assert str(report).count("wrong") == len(gradient) + 1


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("k", [0, -1])
def test_a_gradient_that_is_not_a_number_is_wrong(nonsense, k):
    net = network(cr.Dense(2, "tanh"), cr.Dense(2))
    gradient = gradient_of(net)
    gradient[k], gradient[3] = nonsense, gradient[3] * 1.5
    report = checked(net, X, T, gradient)
    assert len(report.wrong) == 2
    assert report.wrong[0].label == net.parameter_labels()[k]
    assert report.largest_error == np.inf


def test_a_missing_gradient_is_wrong_and_so_is_one_that_should_not_be():
    net = network(cr.Dense(2, "tanh"), cr.Dense(2, mask=[[1, 0], [1, 1]]))
    gradient = gradient_of(net)
    missing, extra = gradient.copy(), gradient.copy()
    missing[0] = 0.0
    k = net.parameter_labels().index("W2[0, 1]")
    extra[k] = 1e-3
    assert [entry.label for entry in checked(net, X, T, missing).wrong] == ["W1[0, 0]"]
    assert [entry.label for entry in checked(net, X, T, extra).wrong] == ["W2[0, 1]"]


# -------------------------------------------------------------------------------- kinks
def on_the_kink():
    """Weights 0 and inputs 0: every net input of the ReLU layer lies on its kink."""
    net = cr.Network(1, [cr.Dense(2, "relu", init="zeros"), cr.Dense(1)], loss="squared_error", seed=0)
    net.parameters["W2"] = [[2.0], [3.0]]
    return net


def test_gradients_on_a_kink_are_told_apart_from_mistakes():
    net = on_the_kink()
    report = net.check_gradients([[0.0]], [[1.0]])
    verdicts = {entry.label: entry.verdict for entry in report.entries}
    assert report
    assert [label for label, verdict in verdicts.items() if verdict == "kink"] == ["b1[0]", "b1[1]"]
    assert [entry.label for entry in report.kinks] == ["b1[0]", "b1[1]"]
    assert "2 on a kink" in str(report)
    assert report.largest_error < 1e-6


@pytest.mark.parametrize(
    ("b1", "good"), [(0.0, True), (-4.0, True), (-1.5, True), (0.1, False), (-4.1, False), (4.0, False)]
)
def test_on_a_kink_each_sides_slope_and_what_lies_between_is_right_and_all_else_wrong(b1, good):
    net = on_the_kink()
    gradient = gradient_of(net, [[0.0]], [[1.0]])
    gradient[2] = b1  # the slope is 0 on the left and 2 (y - t) W2 = -4 on the right
    report = checked(net, [[0.0]], [[1.0]], gradient)
    assert bool(report) == good
    assert [entry.label for entry in report.wrong] == ([] if good else ["b1[0]"])
    if not good:
        assert report.wrong[0].difference == pytest.approx(min((0.0, -4.0), key=lambda side: abs(side - b1)), abs=1e-5)


def test_a_slightly_wrong_gradient_on_a_kink_is_wrong():
    net = on_the_kink()
    gradient = gradient_of(net, [[0.0]], [[1.0]])
    gradient[2] = -4.0 * (1 + 1e-4)
    assert [entry.label for entry in checked(net, [[0.0]], [[1.0]], gradient).wrong] == ["b1[0]"]


@pytest.mark.parametrize("loss", ["absolute_error", "quantile"])
def test_targets_that_are_hit_exactly_lie_on_the_kink_of_the_loss(loss):
    net = network(cr.Dense(2), loss=loss)
    t = net.forward(X)
    report = net.check_gradients(X, t)
    assert report
    assert len(report.kinks) == len(report.entries)
    assert not checked(net, X, t, gradient_of(net, X, t) + 5.0)


@pytest.mark.parametrize("gap", [1e-9, 1e-7, 1e-5, 1e-3, -1e-9, -1e-7, -1e-5, -1e-3])
def test_a_kink_near_by_makes_a_right_gradient_no_mistake(gap):
    net = on_the_kink()
    net.parameters["b1"] = [gap, -gap]
    assert net.check_gradients([[0.0]], [[1.0]])


def test_a_right_gradient_away_from_kinks_is_not_called_a_kink():
    net = network(cr.Dense(3, "relu"), cr.Dense(2), loss="absolute_error")
    report = net.check_gradients(X, T)
    assert report
    assert report.kinks == ()


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "selu", "hard_tanh"])
@pytest.mark.parametrize("x", [X, np.abs(X), XOR], ids=["mixed", "positive", "xor"])
def test_rows_on_a_kink_may_leave_it_on_different_sides(name, x):
    """With weights and biases of 0 all rows lie on it, and those of x = 0 through every layer."""
    zeros = cr.Network(2, [cr.Dense(3, name, init="zeros"), cr.Dense(2)], loss="squared_error", seed=0)
    deep = cr.Network(2, [cr.Dense(3, name), cr.Dense(3, name), cr.Dense(2)], loss="squared_error", seed=0)
    if name == "hard_tanh":
        zeros.parameters["b1"] = [1.0, -1.0, 1.0]
    for net in (zeros, deep):
        report = net.check_gradients(x, T)
        assert report, str(report)
    assert len(zeros.check_gradients(x, T).kinks) > 0


def test_each_rows_own_side_is_right_for_every_row():
    net = cr.Network(1, [cr.Dense(1, "relu"), cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[0.0]], "b1": [0.0], "W2": [[1.0]], "b2": [0.0]})
    x, t = [[1.0], [2.0]], [[-1.0], [-1.0]]
    slopes = [1.0, 2.0]  # of each row's loss by W1, where its slope counts as 1: 2 (y - t) x/2
    for chosen in ([0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]):
        gradient = gradient_of(net, x, t)
        gradient[0] = np.dot(chosen, slopes)
        assert checked(net, x, t, gradient)
    for wrong in (-0.1, 3.1):
        gradient[0] = wrong
        assert not checked(net, x, t, gradient)


@pytest.mark.parametrize("name", ["elu", "softsign", "tanh"])
def test_where_only_the_curvature_jumps_gradients_are_right_and_mistakes_are_found(name):
    net = cr.Network(2, [cr.Dense(3, name, init="zeros"), cr.Dense(2)], loss="squared_error", seed=0)
    t = T * 10
    assert net.check_gradients(X, t), str(net.check_gradients(X, t))
    gradient = gradient_of(net, X, t)
    gradient[0] *= 1.01
    assert not checked(net, X, t, gradient)


def test_at_the_edge_of_huber_gradients_are_right():
    net = cr.Network(1, [cr.Dense(1)], loss="huber", seed=0)
    net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
    assert net.check_gradients([[1.0], [2.0]], [[0.0], [3.0]])


def test_units_of_several_activations_have_kinks_of_their_own():
    rows = [cr.activation("relu"), cr.activation("hard_tanh"), cr.activation("tanh")]
    assert kinks(unitwise(rows)) == [(0.0,), (-1.0, 1.0), ()]
    assert kinks(cr.activation("softmax")) == [()]
    net = cr.Network(1, [cr.Dense(3, unitwise(rows)), cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[0.0, 0.0, 0.0]], "b1": [0.0, 1.0, 0.0]})
    report = net.check_gradients([[0.0]], [[1.0]])
    assert report
    assert [entry.label for entry in report.kinks] == ["b1[0]", "b1[1]"]


@pytest.mark.parametrize(
    "name", [name for name, row in ACTIVATIONS.items() if isinstance(row, ElementwiseActivation) and row.kinks]
)
def test_every_kink_of_every_activation_is_known_to_the_check(name):
    row = ACTIVATIONS[name]
    assert isinstance(row, ElementwiseActivation)
    for kink in row.kinks:
        net = cr.Network(1, [cr.Dense(1, name), cr.Dense(1)], loss="squared_error", seed=0)
        net.set_parameters({"W1": [[0.0]], "b1": [kink], "W2": [[1.0]], "b2": [0.0]})
        assert net.check_gradients([[1.0]], [[50.0]])


# -------------------------------------------------------------------------------- how it shows
def test_a_single_parameter_can_be_checked_alone():
    net = network(cr.Dense(2, "tanh"), cr.Dense(2))
    data = Data(X, T)
    (entry,) = check_gradients(net.model, data, only="W2[1, 0]").entries
    assert entry.label == "W2[1, 0]"
    assert entry.verdict == "right"


def test_it_prints_at_least_the_five_largest_errors_in_columns():
    net = network(cr.Dense(3, "tanh"), cr.Dense(2))
    lines = str(net.check_gradients(X, T)).splitlines()
    assert lines[0].startswith("17 gradients checked, 0 wrong, 0 on a kink, largest relative error ")
    assert lines[1].split() == ["parameter", "gradient", "difference", "relative", "error", "verdict"]
    assert len(lines) == 3 + 5
    assert repr(net.check_gradients(X, T)) == "\n".join(lines)


def test_it_shows_in_a_notebook_and_becomes_plain_data():
    net = network(cr.Dense(2, "tanh"), cr.Dense(2))
    gradient = gradient_of(net)
    gradient[0] = np.nan
    report = checked(net, X, T, gradient)
    assert report._repr_html_().startswith("<table")
    assert "1 wrong" in report._repr_html_()
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert (plain["schema"], plain["version"]) == ("chainrule/gradient-check", 1)
    assert plain["passed"] is False
    assert plain["entries"][0] | {"difference": 0} == {
        "name": "W1", "index": [0, 0], "gradient": None, "difference": 0, "error": None, "verdict": "wrong",
    }  # fmt: skip
