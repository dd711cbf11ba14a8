"""explain_step: the step told is the step that fit makes, and what is told of it is true."""

import json
import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.layers import Back, BackDot, Layer
from chainrule.errors import DivergenceError, InputError
from chainrule.explain.equations import evaluate
from chainrule.explain.expression import from_formula
from chainrule.optimizers import OPTIMIZERS, schedules
from tests.strategies import cases

X = np.array([[0.5, -1.0], [1.0, 2.0], [-0.3, 0.7], [2.0, 0.1]])
T = np.array([[1.0], [0.0], [1.0], [0.0]])
SETTINGS = [
    *(kind() for kind in OPTIMIZERS.values()),
    cr.SGD(0.3, momentum=0.9),
    cr.SGD(0.3, momentum=0.9, nesterov=True, weight_decay=0.1),
    cr.Adam(schedules.WarmUp(0.1, 10), weight_decay=0.1),
]


@dataclass(frozen=True, eq=False, repr=False)
class Shift(Layer):
    """A layer of one's own: ``a = a_in + s``."""

    def units_out(self, units_in):
        return units_in

    def parameter_shapes(self, units_in):
        return {"s": (units_in,)}

    def initial_parameters(self, units_in, rng, dtype):
        return {"s": np.ones(units_in, dtype)}

    def forward(self, p, a_in, state, run):
        return {"a_in": a_in, "z": a_in + p["s"], "a": a_in + p["s"]}

    def backward(self, p, record, da):
        return Back(da, {"s": da.sum(axis=0)}, da)

    def forward_dot(self, p, p_dot, record, a_in_dot):
        return {"a_in": a_in_dot, "z": a_in_dot + p_dot["s"], "a": a_in_dot + p_dot["s"]}

    def backward_dot(self, p, p_dot, record, dot, da, back, da_dot):
        return BackDot({"s": da_dot.sum(axis=0)}, da_dot)

    def formulas(self, l):
        return {"a": f"a{l - 1} + s{l}", "ds": f"sum over rows of da{l}", "da_in": f"da{l}"}

    def options(self):
        return {}


@pytest.fixture
def net():
    net = cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=0)
    net.parameters.vector[...] = np.random.default_rng(0).normal(size=9)
    return net


def close(found, wanted):
    wanted = np.asarray(wanted)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * max(1.0, np.abs(wanted).max(initial=0)))


def same_bits(found, wanted):
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        assert np.array_equal(found[name], value), name


# -------------------------------------------------------------------------------- it is fit's own step
@pytest.mark.parametrize("optimizer", SETTINGS, ids=repr)
def test_the_new_values_are_those_of_fit_bit_for_bit(net, optimizer):
    before = net.parameters.vector.copy()
    step = net.explain_step(X, T, optimizer=optimizer)
    assert np.array_equal(net.parameters.vector, before)
    net.fit(X, T, epochs=1, optimizer=optimizer)
    same_bits(step.after, net.parameters)


@settings(max_examples=60)
@given(cases(), st.sampled_from([cr.SGD(0.01), cr.Adam(0.01), cr.SGD(0.01, momentum=0.5, weight_decay=0.1)]))
def test_a_random_networks_step_is_fits_own_and_its_rows_add_up(case, optimizer):
    if np.isnan(case.t).all():
        return
    step = case.net.explain_step(case.x, case.t, optimizer=optimizer, weights=case.weights, seed=5)
    trained = case.net.copy()
    trained.fit(case.x, case.t, epochs=1, optimizer=optimizer, weights=case.weights, seed=5)
    same_bits(step.after, trained.parameters)
    for told in step.parameters.values():
        close(told.parts.sum(axis=0), told.gradient)
        close(told.running_sum[-1], told.gradient)
        assert np.array_equal(told.before - told.update, told.after)
        close(np.where(told.update == 0, 0, told.contributions[-1].value), told.update)


@settings(max_examples=40)
@given(cases(activations=("tanh", "softplus"), losses=("squared_error",)))
def test_the_predictions_are_the_taylor_series_of_the_loss(case):
    if np.isnan(case.t).all():
        return
    errors = []
    for eta in (2e-3, 1e-3):
        step = case.net.explain_step(case.x, case.t, optimizer=cr.SGD(eta), weights=case.weights, seed=5)
        errors.append(abs(step.change.real - step.change.second_order))
    size = 1 + abs(step.change.before)
    assert errors[1] <= errors[0] / 4 + 1e-11 * size  # of third order: a half makes an eighth


def test_a_quadratic_loss_is_predicted_exactly_to_second_order():
    net = cr.Network(2, [cr.Dense(1)], loss="squared_error", seed=0)
    change = net.explain_step(X, T, optimizer=cr.SGD(0.3)).change
    close(change.second_order, change.real)
    assert change.curvature > 0


def test_each_row_in_turn_is_an_epoch_of_single_rows(net):
    optimizer = cr.Adam(0.1)
    steps = net.explain_step(X, T, optimizer=optimizer, rows="one by one")
    assert [step.rows.tolist() for step in steps] == [[0], [1], [2], [3]]
    assert [step.count for step in steps] == [1, 2, 3, 4]
    same_bits(steps[1].after, {name: told.before for name, told in steps[2].parameters.items()})
    net.fit(X, T, epochs=1, batch_size=1, shuffle=False, optimizer=optimizer)
    same_bits(steps.after, net.parameters)
    assert len(steps[1:]) == 3
    assert steps.to_dict()["steps"][3]["count"] == 4


def test_dropout_drops_the_same_units_throughout():
    net = cr.Network(2, [cr.Dense(6, "tanh"), cr.Dropout(0.5), cr.Dense(1)], loss="squared_error", seed=0)
    steps = net.explain_step(X, T, optimizer=cr.SGD(1e-4), rows="one by one", seed=4)
    net.fit(X, T, epochs=1, batch_size=1, shuffle=False, optimizer=cr.SGD(1e-4), seed=4)
    same_bits(steps.after, net.parameters)
    for step in steps:
        close(step.trace["dW3"], step.parameters["W3"].gradient)
        assert abs(step.change.real - step.change.second_order) <= 1e-3 * abs(step.change.real)


def test_a_layer_of_ones_own_has_a_step_without_the_rows_parts():
    net = cr.Network(2, [Shift(), cr.Dense(1)], loss="squared_error", seed=0)
    step = net.explain_step(X, T, optimizer=cr.Adam(0.1))
    net.fit(X, T, epochs=1, optimizer=cr.Adam(0.1))
    same_bits(step.after, net.parameters)
    assert step.parameters["s1"].parts is None
    assert step.parameters["s1"].running_sum is None
    assert "ds1" not in str(step).split("4. ")[1].split("5. ")[0]
    assert step.to_dict()["parameters"][0]["rows"] is None


@pytest.mark.parametrize("optimizer", [cr.SGD(0.1, momentum=0.9), cr.Adam(0.1), cr.NAdam(0.1), cr.Rprop(0.1)], ids=repr)
def test_a_step_can_go_on_from_the_one_before(net, optimizer):
    first = net.explain_step(X, T, optimizer=optimizer)
    net.set_parameters(first.after)
    second = net.explain_step(X, T, optimizer=optimizer, after=first)
    again = cr.Network(2, net.layers, loss="squared_error", seed=0)
    again.set_parameters({name: told.before for name, told in first.parameters.items()})
    again.fit(X, T, epochs=2, optimizer=optimizer)
    same_bits(second.after, again.parameters)
    kept = {c.name: c.value for c in second.parameters["W1"].contributions if c.name.endswith("before")}
    assert kept
    assert second.count == 2


# -------------------------------------------------------------------------------- what the optimizer contributes
@pytest.mark.parametrize("optimizer", SETTINGS, ids=repr)
def test_the_equations_carried_out_give_the_update(net, optimizer):
    for told in net.explain_step(X, T, optimizer=optimizer).parameters.values():
        values = {c.name: c.value for c in told.contributions}
        np.testing.assert_allclose(values["update"], told.update, rtol=1e-12)


def test_adams_moments_and_their_correction_are_told(net):
    first = net.explain_step(X, T, optimizer=cr.Adam(0.1)).parameters["W1"]
    told = {c.name: c for c in first.contributions}
    close(told["first_moment"].value, 0.1 * first.gradient)
    close(told["first_moment corrected"].value, first.gradient)
    close(told["second_moment corrected"].value, first.gradient**2)
    assert told["second_moment corrected"].formula == "second_moment/(1 - beta2^count)"
    assert (told["first_moment before"].value == 0).all()


def test_momentum_tells_its_velocity(net):
    first = net.explain_step(X, T, optimizer=cr.SGD(0.1, momentum=0.5))
    net.set_parameters(first.after)
    told = net.explain_step(X, T, optimizer=cr.SGD(0.1, momentum=0.5), after=first).parameters["b2"]
    values = {c.name: c.value for c in told.contributions}
    close(values["velocity before"], first.parameters["b2"].gradient)
    close(values["velocity"], 0.5 * values["velocity before"] + told.gradient)


def test_an_equation_holds_numbers_and_cases_only():
    with pytest.raises(TypeError, match="cannot hold"):
        evaluate(None, {})
    cases = from_formula("Piecewise((1, (g > 0) & (g < 2)), (-1, True))", {})
    assert evaluate(cases, {"g": np.array([-1.0, 1.0, 3.0])}).tolist() == [-1, 1, -1]


# -------------------------------------------------------------------------------- how it is told
def test_the_text_tells_the_step_in_order(net):
    text = str(net.explain_step(X, T, optimizer=cr.SGD(0.5)))
    titles = re.findall(r"^\d\. .*", text, re.MULTILINE)
    assert [title.split()[1].rstrip(":") for title in titles] == [
        "Forward",
        "Loss",
        "Backward",
        "Gradients",
        "Update",
        "What",
    ]
    assert "W1[0, 1]" in text
    assert "+= row 3" in text
    assert "abridged" not in text


def test_columns_of_the_text_are_aligned(net):
    lines = net.explain_step(X, T).text().split("5. Update")[1].split("6. ")[0].splitlines()
    table = [line for line in lines if re.match(r"\s+[Wb]\d\[|\s+before", line)]
    place = table[0].index("before")
    assert all(line[place] != " " and line[place - 1] == " " for line in table)


def test_moments_that_are_the_same_everywhere_are_told_once(net):
    first = net.explain_step(X, T, optimizer=cr.Adam(0.1))
    assert "  first_moment before = 0\n" in str(first)
    net.set_parameters(first.after)
    table = str(net.explain_step(X, T, optimizer=cr.Adam(0.1), after=first)).split("5. Update")[1]
    assert "first_moment before  second_moment before" in table


def test_one_row_has_nothing_to_add_up(net):
    assert "add up" not in str(net.explain_step(X[0], T[0]))


def test_a_large_network_is_abridged_and_says_so():
    net = cr.Network(30, [cr.Dense(40, "relu"), cr.Dense(2)], seed=0)
    step = net.explain_step(np.ones((50, 30)), np.ones((50, 2)), optimizer="adam")
    text = str(step)
    assert "abridged: the 24 largest updates of 1,322 numbers" in text
    assert "+= 44 more rows" in text
    assert len(text) < 20_000
    data = step.to_dict()
    assert data["parameters"][0]["rows"] is None
    assert data["parameters"][0]["rows_left_out"]


@pytest.mark.parametrize(
    ("rate", "told"),
    [(0.001, "predicts the change to a tenth"), (0.5, "The bend matters"), (1.2, "E rose although")],
)
def test_the_verdict_says_how_far_the_gradient_can_be_trusted(rate, told):
    net = cr.Network(1, [cr.Dense(1, bias=None)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[3.0]]})
    assert told in str(net.explain_step([1.0], [0.0], optimizer=cr.SGD(rate)))


def test_a_step_too_long_for_slope_and_bend_is_named():
    net = cr.Network(1, [cr.Dense(1, "sigmoid", bias=None)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[1.0]]})
    assert "do not predict" in str(net.explain_step([1.0], [0.0], optimizer=cr.SGD(40.0)))


def test_without_slope_no_fall_is_promised():
    net = cr.Network(1, [cr.Dense(1, "relu")], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[-1.0]], "b1": [0.0]})
    assert "promises no fall" in str(net.explain_step([1.0], [1.0]))


def test_a_network_without_parameters_has_a_step_that_changes_nothing():
    net = cr.Network(2, [cr.Dropout(0.0)], loss="squared_error", seed=0)
    assert net.explain_step([1.0, 2.0], [1.0, 2.0]).after == {}
    assert "Update" in str(net.explain_step([1.0, 2.0], [1.0, 2.0]))


def test_the_data_are_plain_json_with_schema_and_version(net):
    data = json.loads(json.dumps(net.explain_step(X, T, optimizer=cr.NAdam()).to_dict()))
    assert (data["schema"], data["version"]) == ("chainrule/step", 1)
    assert data["loss"]["change"] == data["loss"]["after"] - data["loss"]["before"]
    w1 = data["parameters"][0]
    close(np.sum(w1["rows"], axis=0), w1["gradient"])


def test_the_html_folds_and_holds_no_script(net):
    step = net.explain_step(X, T, optimizer=cr.Adam(0.1))
    html = step._repr_html_()
    assert html.count("<details") == html.count("</details>") == 6
    assert "<script" not in html
    assert "http" not in html
    assert step.html(whole_page=True).startswith("<!DOCTYPE html>")
    steps = net.explain_step(X, T, rows="one by one")
    assert steps._repr_html_().count("Training step") == 4
    assert str(steps).count("Training step") == 4


# -------------------------------------------------------------------------------- what is refused
def test_an_unknown_way_through_the_rows_is_refused(net):
    with pytest.raises(InputError, match=r"'together' .* or 'one by one'"):
        net.explain_step(X, T, rows="apart")


def test_going_on_with_another_optimizer_or_network_is_refused(net):
    step = net.explain_step(X, T, optimizer=cr.Adam(0.1))
    with pytest.raises(InputError, match="pass the same"):
        net.explain_step(X, T, optimizer=cr.SGD(0.1), after=step)
    with pytest.raises(InputError, match="other parameters"):
        cr.Network(2, [cr.Dense(1)], seed=0).explain_step(X, T, optimizer=cr.Adam(0.1), after=step)


def test_a_step_out_of_the_finite_numbers_is_refused_and_nothing_changes(net):
    net.set_parameters({"W2": [[1e200], [1e200]]})
    linear = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    before = linear.parameters.vector.copy()
    with pytest.raises(DivergenceError):
        linear.explain_step([1e200], [-1e200])
    assert np.array_equal(linear.parameters.vector, before)
