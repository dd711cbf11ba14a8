"""What a marking says of gradients that are right, wrong, both at once, or unlike anything known."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import InputError
from chainrule.marking import CATALOGUE, check_backprop
from chainrule.marking.backward import run_backward
from chainrule.marking.forward_context import run_forward
from chainrule.marking.instance import all_instances, changes_of

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2))


def network(*activations, loss="squared_error", width=3, outputs=2):
    units = [width] * (len(activations) - 1) + [outputs]
    layers = [cr.Dense(n, phi) for n, phi in zip(units, activations, strict=True)]
    net = cr.Network(2, layers, loss=loss, seed=1)
    rng = np.random.default_rng(2)
    for name in net.parameters:
        if name[0] == "b":
            net.parameters[name] = 0.3 * rng.normal(size=net.parameters[name].shape)
    return net


def made(net, *wanted, x=X, t=T, eta=0.1):
    """The gradients with these mistakes: (code, layer) or (code, layer, variant)."""
    s = run_forward(net.model, x, t, eta)
    instances = all_instances(s, CATALOGUE)
    chosen = [
        next(
            instance
            for instance in instances
            if (instance.mistake.code, instance.layer) == tuple(w[:2]) and (len(w) < 3 or instance.label == w[2])
        )
        for w in wanted
    ]
    return run_backward(s, changes_of(chosen)).gradients


def named(marking):
    return {(one.code, one.layer) for one in marking.mistakes}


# ---------------------------------------------------------------- right
def test_right_gradients_are_right():
    net = network("tanh", "sigmoid")
    marking = check_backprop(net, X, T, gradients=net.gradients(X, T))
    assert marking.verdict == "right"
    assert marking
    assert marking.mistakes == ()
    assert all(error.relative < 1e-12 for error in marking.errors.values())


def test_gradients_computed_in_float32_are_right_within_float32():
    net = network("tanh", "sigmoid")
    marking = check_backprop(net, X, T, gradients=net.astype("float32").gradients(X, T))
    assert marking.verdict == "right within float32"
    assert marking.correct


def test_float64_gradients_that_are_off_by_a_millionth_are_not_right():
    net = network("tanh", "sigmoid")
    mine = net.gradients(X, T)
    mine["W2"][0, 0] *= 1 + 1e-6
    marking = check_backprop(net, X, T, gradients=mine)
    assert marking.verdict == "unknown"
    assert "six digits" in marking.patterns[0] or "W2" in str(marking.patterns)


def test_a_mistake_in_float32_is_named():
    net = network("tanh", "sigmoid", "tanh")
    wrong = {k: v.astype(np.float32) for k, v in made(net, ("missing-activation-derivative", 2)).items()}
    assert named(check_backprop(net, X, T, gradients=wrong)) == {("missing-activation-derivative", 2)}


def test_a_choice_at_a_kink_is_no_mistake():
    net = network("relu", "identity")
    net.parameters["b1"] = [0.0, 0.0, 0.0]
    x = np.vstack([np.zeros(2), X])
    t = np.vstack([np.ones(2), T])
    mine = made(net, ("dead-kink", 1, "right side's"), x=x, t=t)
    marking = check_backprop(net, x, t, gradients=mine)
    assert marking.verdict == "right but for a kink"
    assert marking.correct
    assert marking.kinks[0].layer == 1


def test_a_choice_at_the_kink_of_the_loss_is_no_mistake():
    net = network("identity", loss="absolute_error")
    t = T.copy()
    t[0] = net(X)[0]
    mine = made(net, ("dead-kink", None, "left"), t=t)
    assert check_backprop(net, X, t, gradients=mine).verdict == "right but for a kink"


def test_mistakes_that_this_input_does_not_show_are_told():
    net = network("relu", "identity")
    x = np.abs(X)
    net.parameters["W1"] = np.abs(net.parameters["W1"])
    net.parameters["b1"] = np.ones(3)
    marking = check_backprop(net, x, T, gradients=net.gradients(x, T))
    assert marking.correct
    assert "missing-activation-derivative at layer 1" in marking.unseen
    shown = marking.separating_input
    other = net.copy()
    if shown.parameters is not None:
        other.set_parameters(shown.parameters)
    wrong = made(other, ("missing-activation-derivative", 1), x=shown.x, t=shown.t)
    assert not check_backprop(other, shown.x, shown.t, gradients=wrong).correct


# ---------------------------------------------------------------- conventions and factors
@pytest.mark.parametrize(("factor", "told"), [(0.5, "1/2"), (5.0, "N"), (0.1, "1/(2 N)")])
def test_a_constant_of_all_gradients_is_a_convention(factor, told):
    net = network("tanh", "sigmoid")
    mine = {name: factor * value for name, value in net.gradients(X, T).items()}
    marking = check_backprop(net, X, T, gradients=mine)
    assert marking.verdict == "right but for the loss's convention"
    assert marking.correct
    assert marking.conventions[0].variant.startswith(told)


def test_the_same_constant_is_a_mistake_where_the_losses_agree():
    net = network("tanh", "sigmoid")
    mine = {name: 2 * value for name, value in net.gradients(X, T).items()}
    marking = check_backprop(net, X, T, gradients=mine, loss=net.loss(X, T))
    assert named(marking) == {("factor", None)}
    assert not marking.correct


def test_a_loss_that_is_half_of_ours_makes_half_gradients_right():
    net = network("tanh", "sigmoid")
    mine = {name: value / 2 for name, value in net.gradients(X, T).items()}
    marking = check_backprop(net, X, T, gradients=mine, loss=net.loss(X, T) / 2)
    assert marking.verdict == "right but for the loss's convention"
    assert check_backprop(net, X, T, gradients=net.gradients(X, T), loss=net.loss(X, T) / 2).codes == ("factor",)


def test_another_loss_is_refused_because_the_forward_passes_differ():
    net = network("tanh", "sigmoid")
    with pytest.raises(InputError, match="forward passes"):
        check_backprop(net, X, T, gradients=net.gradients(X, T), loss=1.2345 * net.loss(X, T))


def test_a_constant_that_no_loss_has_is_named_with_its_value():
    net = network("tanh", "sigmoid")
    mine = {name: 3.7 * value for name, value in net.gradients(X, T).items()}
    (mistake,) = check_backprop(net, X, T, gradients=mine).mistakes
    assert (mistake.code, mistake.variant) == ("factor", "3.7")


def test_with_two_rows_two_is_also_the_number_of_rows():
    net = network("tanh", "sigmoid", outputs=1)
    x, t = X[:2], T[:2, :1]
    mine = {name: 2 * value for name, value in net.gradients(x, t).items()}
    (convention,) = check_backprop(net, x, t, gradients=mine).conventions
    assert "N" in convention.variant
    assert "2" in convention.variant


# ---------------------------------------------------------------- mistakes, alone and together
def test_two_mistakes_are_both_named():
    net = network("sigmoid", "tanh", "sigmoid")
    wanted = {("weights-updated-before-use", 1), ("missing-activation-derivative", 2)}
    marking = check_backprop(net, X, T, gradients=made(net, *wanted), learning_rate=0.1)
    assert marking.verdict == "two mistakes"
    assert named(marking) == wanted


def test_three_mistakes_are_all_named():
    net = network("sigmoid", "tanh", "sigmoid")
    wanted = {("bias-not-updated", 3), ("transposed-gradient", 2), ("missing-activation-derivative", 1)}
    marking = check_backprop(net, X, T, gradients=made(net, *wanted))
    assert marking.verdict == "three mistakes"
    assert named(marking) == wanted


def test_the_same_mistake_at_two_layers_is_one():
    net = network("sigmoid", "tanh", "sigmoid")
    wanted = {("missing-activation-derivative", 1), ("missing-activation-derivative", 2)}
    marking = check_backprop(net, X, T, gradients=made(net, *wanted))
    assert marking.verdict == "one mistake"
    assert named(marking) == wanted


def test_a_mistake_tells_the_line_and_the_numbers_it_breaks():
    net = network("sigmoid", "sigmoid")
    (mistake,) = check_backprop(net, X, T, gradients=made(net, ("missing-activation-derivative", 1))).mistakes
    assert mistake.equation.right == "delta1 = da1 sigmoid'(z1)"
    assert mistake.equation.wrong == "delta1 = da1"
    assert mistake.quantity == "delta1"
    np.testing.assert_allclose(mistake.right, net.trace(X, T)["delta1"])
    np.testing.assert_allclose(mistake.yours, net.trace(X, T)["da1"])
    assert mistake.confidence.value == 1
    assert mistake.confidence.numbers == 17
    assert mistake.confidence.agreement < 1e-12 < mistake.confidence.nearest_distance
    assert "{" not in mistake.explanation


def test_part_of_the_gradients_is_enough():
    net = network("sigmoid", "tanh", "sigmoid")
    mine = made(net, ("missing-activation-derivative", 3))
    marking = check_backprop(net, X, T, gradients={"W3": mine["W3"], "b3": mine["b3"]})
    assert ("missing-activation-derivative", 3) in named(marking)
    assert set(marking.errors) == {"W3", "b3"}


def test_mistakes_below_what_was_given_are_not_invented():
    net = network("sigmoid", "tanh", "sigmoid")
    mine = net.gradients(X, T)
    assert check_backprop(net, X, T, gradients={"W3": mine["W3"]}).correct


def test_one_bias_for_all_units_may_be_given_as_one_number():
    net = network("sigmoid", "sigmoid")
    mine = net.gradients(X, T)
    mine["b1"] = float(mine["b1"].sum())
    assert named(check_backprop(net, X, T, gradients=mine)) == {("bias-shared-by-units", 1)}


def test_a_transposed_gradient_is_named_whatever_its_shape():
    net = network("sigmoid", "sigmoid")
    mine = net.gradients(X, T)
    mine["W1"] = mine["W1"].T
    marking = check_backprop(net, X, T, gradients=mine)
    assert named(marking) == {("transposed-gradient", 1)}
    assert marking.errors["W1"].relative == np.inf


def test_weights_stored_the_other_way_round_are_a_layout():
    net = network("sigmoid", "sigmoid")
    mine = {name: value.T for name, value in net.gradients(X, T).items()}
    assert check_backprop(net, X, T, gradients=mine, layout="out, in").verdict == "right"


# ---------------------------------------------------------------- ambiguity
def test_two_mistakes_with_the_same_numbers_are_both_named_and_separated():
    net = network("sigmoid", "identity", outputs=2)
    x = np.abs(X)
    net.parameters["W1"] = np.abs(net.parameters["W1"])
    net.parameters["b1"] = np.ones(3)
    mine = made(net, ("wrong-activation-derivative", 1, "relu'(z)"), x=x)  # every z1 is positive: relu' is 1
    marking = check_backprop(net, x, T, gradients=mine)
    every = [named(marking), *({(m.code, m.layer) for m in other} for other in marking.alternatives)]
    assert {("missing-activation-derivative", 1)} in every
    assert {("wrong-activation-derivative", 1)} in every
    assert marking.mistakes[0].confidence.value < 1
    assert "The same numbers on this input" in str(marking)
    assert json.dumps(marking.to_dict())

    apart = marking.separating_input
    other = net.copy()
    if apart.parameters is not None:
        other.set_parameters(apart.parameters)
    mine = made(other, ("wrong-activation-derivative", 1, "relu'(z)"), x=apart.x, t=apart.t)
    assert named(check_backprop(other, apart.x, apart.t, gradients=mine)) == {("wrong-activation-derivative", 1)}


def test_what_is_one_computation_in_a_network_is_an_equivalent_and_no_alternative():
    net = network("sigmoid", "identity")
    mine = made(net, ("missing-activation-derivative", 1))
    marking = check_backprop(net, X, T, gradients={"W1": mine["W1"]})  # without b1 nothing tells where it was left out
    assert named(marking) == {("missing-activation-derivative", 1)}
    assert any(m.code == "derivative-skipped-for-weights" for other in marking.equivalents for m in other)
    assert "is the same" in marking._repr_html_()
    assert marking.alternatives == ()
    assert "is the same" in str(marking)


# ---------------------------------------------------------------- functions
def test_a_right_function_is_right_on_every_draw():
    net = network("tanh", "sigmoid")
    marking = check_backprop(net, X, T, gradients=_function(net))
    assert marking.verdict == "right"
    assert marking.notes == ()


def _function(net, *wanted):
    def gradients(parameters, x, t):
        there = net.copy()
        there.set_parameters(parameters)
        return made(there, *wanted, x=x, t=t) if wanted else there.gradients(x, t)

    return gradients


def test_a_function_tells_the_number_of_rows_from_two():
    net = network("tanh", "sigmoid")
    right = _function(net)
    x, t = X[:2], T[:2]
    by_rows = check_backprop(net, x, t, gradients=lambda p, a, b: {k: len(a) * v for k, v in right(p, a, b).items()})
    by_two = check_backprop(net, x, t, gradients=lambda p, a, b: {k: 2 * v for k, v in right(p, a, b).items()})
    assert [c.variant for c in by_rows.conventions] == ["N"]
    assert [c.variant for c in by_two.conventions] == ["2"] or "K" in by_two.conventions[0].variant


def test_a_function_that_never_resets_its_gradients_is_caught():
    net = network("tanh", "sigmoid")
    right, total = _function(net), {}

    def gradients(parameters, x, t):
        for name, value in right(parameters, x, t).items():
            total[name] = total.get(name, 0) + value
        return dict(total)

    assert named(check_backprop(net, X, T, gradients=gradients)) == {("not-reset", None)}


def test_a_mistake_of_a_function_is_named():
    net = network("tanh", "sigmoid")
    wanted = ("bias-averaged", 1)
    assert named(check_backprop(net, X, T, gradients=_function(net, wanted))) == {wanted}


def test_a_function_that_raises_is_refused_with_its_error():
    def gradients(parameters, x, t):
        raise ZeroDivisionError("nothing here")

    with pytest.raises(InputError, match="ZeroDivisionError: nothing here"):
        check_backprop(network("tanh", "sigmoid"), X, T, gradients=gradients)


def test_a_function_that_raises_on_other_rows_only_is_marked_and_the_error_told():
    net = network("tanh", "sigmoid")
    right = _function(net)

    def gradients(parameters, x, t):
        if len(x) != 5:
            raise ValueError("five rows only")
        return right(parameters, x, t)

    marking = check_backprop(net, X, T, gradients=gradients)
    assert marking.correct
    assert "five rows only" in marking.notes[0]
    assert marking.verdict == "right in part"
    assert not marking.complete
    assert "five rows only" in str(marking).splitlines()[0]


def test_a_function_that_gives_some_gradients_is_right_in_part():
    net = network("tanh", "sigmoid")
    right = _function(net)
    marking = check_backprop(net, X, T, gradients=lambda p, x, t: {"b2": right(p, x, t)["b2"]})
    assert marking.verdict == "right in part"
    assert marking.missing == ("W1", "b1", "W2")
    assert str(marking).splitlines()[0] == "right in part: nothing was given for W1, b1, W2"
    assert marking.to_dict()["missing"] == ["W1", "b1", "W2"]


def test_a_function_that_gives_other_gradients_on_other_rows_is_right_in_part():
    net = network("tanh", "sigmoid")
    right, calls = _function(net), []

    def gradients(parameters, x, t):
        calls.append(x)
        g = right(parameters, x, t)
        return g if len(calls) == 1 else {"b1": 0 * g["b1"]}

    marking = check_backprop(net, X, T, gradients=gradients)
    assert marking.verdict == "right in part"
    assert "gave b1, at first W1, b1, W2, b2" in marking.failures[0]


def test_a_function_may_fill_the_same_arrays_at_every_call():
    net = network("tanh", "sigmoid")
    right, kept = _function(net), {name: np.zeros_like(value) for name, value in net.parameters.items()}

    def gradients(parameters, x, t):
        for name, value in right(parameters, x, t).items():
            kept[name][...] = value
        return kept

    assert check_backprop(net, X, T, gradients=gradients).verdict == "right"


def test_what_was_not_given_is_told():
    net = network("tanh", "sigmoid")
    marking = check_backprop(net, X, T, gradients={"W2": net.gradients(X, T)["W2"]})
    assert marking.verdict == "right"
    assert marking.missing == ("W1", "b1", "b2")
    assert "nothing was given for them: W1, b1, b2." in str(marking)
    assert "nothing was given for them" in marking._repr_html_()


def test_what_does_not_learn_need_not_be_given():
    net = cr.Network(2, [cr.Dense(3, "tanh", trainable=False), cr.Dense(2)], loss="squared_error", seed=0)
    mine = {name: value for name, value in net.gradients(X, T).items() if name.endswith("2")}
    assert check_backprop(net, X, T, gradients=lambda p, x, t: mine if len(x) == 5 else {}).missing == ()


def test_a_function_may_have_its_weights_the_other_way_round():
    net = network("tanh", "sigmoid")
    right = _function(net)

    def gradients(parameters, x, t):
        turned = {name: value.T for name, value in parameters.items()}
        return {name: value.T for name, value in right(turned, x, t).items()}

    assert check_backprop(net, X, T, gradients=gradients, layout="out, in").verdict == "right"


# ---------------------------------------------------------------- nothing that is known
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda g: g * RNG.normal(size=g.shape), "no simple pattern"),
        (lambda g: g * np.array([2.5, 3.5, 7.5]), "each column is a multiple"),
        (lambda g: g * np.array([[2.5], [3.5]]), "each row is a multiple"),
        (lambda g: 2.718 * g, "2.718 times"),
        (lambda g: g.ravel()[::-1].reshape(g.shape), "in another order"),
        (lambda g: np.full(g.shape, np.nan), "not all numbers are finite"),
        (lambda g: 1.5 * g.T, "has the shape (3, 2)"),
        (lambda g: np.where(np.arange(6).reshape(2, 3) == 4, 9.0, g), "5 of 6 numbers are right"),
    ],
)
def test_what_is_unknown_is_told_by_its_pattern(spoil, told):
    net = network("tanh", "sigmoid")
    mine = net.gradients(X, T)
    mine["W1"] = spoil(mine["W1"])
    marking = check_backprop(net, X, T, gradients=mine)
    assert marking.verdict == "unknown"
    assert marking.mistakes == ()
    assert any(told in line for line in marking.patterns), marking.patterns
    assert "layer 2 are right" in marking.patterns[0]


# ---------------------------------------------------------------- showing
@pytest.mark.parametrize("wanted", [[], [("missing-activation-derivative", 1)], [("bias-averaged", 2)]])
def test_a_marking_is_text_html_and_data(wanted):
    net = network("relu", "sigmoid")
    marking = check_backprop(net, X, T, gradients=made(net, *wanted))
    data = json.loads(json.dumps(marking.to_dict(), allow_nan=False))
    assert data["schema"] == "chainrule/marking"
    assert [one["code"] for one in data["mistakes"]] == [code for code, _ in wanted]
    for code, _ in wanted:
        assert code in str(marking)
        assert code in marking._repr_html_()
    assert "<script" not in marking._repr_html_()
    for one in marking.mistakes:
        assert one.equation._repr_latex_().startswith("$")
        assert str(one) == one.title


def test_an_unknown_marking_shows_too():
    net = network("relu", "sigmoid")
    marking = check_backprop(net, X, T, gradients={k: v + 1.0 for k, v in net.gradients(X, T).items()})
    assert "unknown" in str(marking)
    assert "unknown" in marking._repr_html_()
    json.dumps(marking.to_dict())


# ---------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"gradients": {}}, "must be a dict"),
        ({"gradients": [1, 2]}, "must be a dict"),
        ({"gradients": {"W9": 1}}, "W9"),
        ({"gradients": {"W1": np.ones((4, 4))}}, "shape"),
        ({"gradients": {"W1": "text"}}, "real numbers"),
        ({"gradients": {"W1": np.ones((2, 3)) * 1j}}, "real numbers, got complex128"),
        ({"gradients": {"W1": np.full((2, 3), "1.5")}}, "real numbers"),
        ({"gradients": {"W1": [[None] * 3] * 2}}, "real numbers"),
        ({"gradients": {"W1": [[10**400] * 3] * 2}}, "real numbers"),
        ({"gradients": {"W1": np.ones((2, 3))}, "digits": -1}, "digits"),
        ({"gradients": {"W1": np.ones((2, 3))}, "digits": True}, "digits"),
        ({"gradients": {"W1": np.ones((2, 3))}, "learning_rate": 0}, "learning_rate"),
        ({"gradients": {"W1": np.ones((2, 3))}, "loss": "much"}, "loss must be"),
    ],
)
def test_what_cannot_be_marked_is_refused(arguments, told):
    with pytest.raises(InputError, match=told):
        check_backprop(network("tanh", "sigmoid"), X, T, **arguments)


def test_something_else_than_a_network_is_refused():
    with pytest.raises(InputError, match="net must be"):
        check_backprop("net", X, T, gradients={})


def test_nothing_the_caller_has_is_changed():
    net = network("tanh", "sigmoid")
    mine = net.gradients(X, T)
    before = [net.parameters.copy(), X.copy(), T.copy(), {k: v.copy() for k, v in mine.items()}]
    check_backprop(net, X, T, gradients=mine)
    for kept, now in zip(before, [dict(net.parameters), X, T, mine], strict=True):
        for name in kept if isinstance(kept, dict) else [...]:
            np.testing.assert_array_equal(kept[name], now[name])


def test_columns_and_rows_may_hold_a_bias_and_a_flat_list_a_column_of_weights():
    net = network("tanh", "sigmoid", outputs=1)
    mine = net.gradients(X, T[:, :1])
    mine |= {"b1": mine["b1"][:, None], "b2": mine["b2"][None, :], "W2": mine["W2"].ravel().tolist()}
    assert check_backprop(net, X, T[:, :1], gradients=mine).verdict == "right"


def test_several_parameters_that_are_off_are_each_told():
    net = network("tanh", "sigmoid")
    mine = net.gradients(X, T)
    spoiled = {"W2": 0 * mine["W2"], "b2": mine["b2"] * [1.5, 2.5], "W1": mine["W1"].T, "b1": mine["b1"] + 1.0}
    marking = check_backprop(net, X, T, gradients=spoiled)
    assert marking.verdict == "unknown"
    told = " ".join(marking.patterns)
    assert "W2: all zero" in told
    assert "W1: the transpose" in told


def test_a_reduced_output_of_many_numbers_is_summed_up():
    net = network("tanh", "sigmoid", width=20)
    marking = check_backprop(net, X, T, gradients=made(net, ("missing-activation-derivative", 1)))
    assert "mean" in str(marking)


# ---------------------------------------------------------------- what JSON and the table cannot hold
def test_a_gradient_of_another_shape_says_so_in_the_table_and_is_strict_json():
    net = network("tanh", "identity")
    mine = net.gradients(X, T)
    mine["W1"] = mine["W1"].T
    marking = check_backprop(net, X, T, gradients=mine)
    told = json.loads(json.dumps(marking.to_dict(), allow_nan=False))["errors"]["W1"]
    assert told["shapes"] == [[3, 2], [2, 3]]
    assert told["relative"] is told["yours"] is None
    (line,) = [line for line in str(marking).splitlines() if line.startswith("W1 ")]
    assert "another shape" in line
    assert "inf" not in line


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_gradients_that_are_not_finite_are_strict_json(value):
    net = network("tanh", "identity")
    mine = net.gradients(X, T)
    mine["W1"][0, 0] = value
    marking = check_backprop(net, X, T, gradients=mine)
    told = json.loads(json.dumps(marking.to_dict(), allow_nan=False))["errors"]["W1"]
    assert (told["relative"], told["yours"], told["shapes"]) == (None, None, None)


# ---------------------------------------------------------------- functions that are given one row
def by_hand(p, x, t, bias=lambda d: d.sum(axis=0)):
    h = np.tanh(x @ p["W1"] + p["b1"])
    d2 = 2 * (h @ p["W2"] + p["b2"] - t) / len(x)
    d1 = d2 @ p["W2"].T * (1 - h**2)
    return {"W1": x.T @ d1, "b1": bias(d1), "W2": h.T @ d2, "b2": d2.sum(axis=0)}


def test_a_mistake_that_one_row_hides_is_named_of_a_function_that_is_given_one_row():
    net = network("tanh", "identity")

    def averaged(p, x, t):
        return by_hand(p, x, t, lambda d: d.mean(axis=0))

    assert named(check_backprop(net, X[:1], T[:1], gradients=averaged)) == {("bias-averaged", 1)}
    assert check_backprop(net, X[:1], T[:1], gradients=by_hand).verdict == "right"


def flat(p, x, t):
    x, t = x.reshape(2), t.reshape(2)
    h = np.tanh(x @ p["W1"] + p["b1"])
    d2 = 2 * (h @ p["W2"] + p["b2"] - t)
    d1 = p["W2"] @ d2 * (1 - h**2)
    return {"W1": np.outer(x, d1), "b1": d1, "W2": np.outer(h, d2), "b2": d2}


@pytest.mark.parametrize("row", ["the only", 0, -1])
def test_a_function_that_is_written_for_one_row_is_right_for_one_row(row):
    net = network("tanh", "identity")
    here = slice(None) if row == "the only" else row
    marking = check_backprop(net, X[:1], T[:1], gradients=lambda p, x, t: flat(p, x[here], t[here]))
    assert marking.verdict == "right", marking
    assert marking.complete
    assert any("marked for one row" in note for note in marking.notes)


def test_a_mistake_in_a_function_that_is_written_for_one_row_is_named():
    net = network("tanh", "identity")

    def wrong(p, x, t):
        return {**flat(p, x[0], t[0]), "b1": np.zeros(3)}

    assert named(check_backprop(net, X[:1], T[:1], gradients=wrong)) == {("bias-not-updated", 1)}


# ---------------------------------------------------------------- functions that leave
@pytest.mark.parametrize(("status", "told"), [((3,), "SystemExit: 3"), ((), "SystemExit")])
def test_a_function_that_ends_the_program_is_told_so(status, told):
    net = network("tanh", "identity")

    def leaves(p, x, t):
        raise SystemExit(*status)

    with pytest.raises(InputError, match=f"your function raised {told}$"):
        check_backprop(net, X, T, gradients=leaves)
    calls = []

    def leaves_later(p, x, t):
        calls.append(len(x))
        return by_hand(p, x, t) if len(calls) == 1 else leaves(p, x, t)

    marking = check_backprop(net, X, T, gradients=leaves_later)
    assert marking.verdict == "right in part"
    assert f"your function raised {told}" in marking.failures[0]


def test_an_interrupt_passes_on():
    def interrupted(p, x, t):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_backprop(network("tanh", "identity"), X, T, gradients=interrupted)
