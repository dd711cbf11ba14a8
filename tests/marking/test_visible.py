"""No mistake is named that does not show: not for an epsilon, not for a constant, not where yours and right agree."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.marking import CATALOGUE, backward, check_backprop, check_step
from chainrule.marking.constants import constants
from chainrule.marking.distance import distance, floor_of
from chainrule.marking.epsilon import _FORMS
from chainrule.marking.forward_context import run_forward
from chainrule.marking.instance import all_instances, changes_of, compose
from chainrule.marking.mistake import Mistake, Variant
from chainrule.marking.render import _lines

_SPEC = importlib.util.spec_from_file_location("benchmark", Path(__file__).parents[2] / "benchmarks" / "marking.py")
benchmark = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)

ETA = 0.1
RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(5, 3)), RNG.random((5, 2))
CLASSES = np.eye(3)[RNG.integers(0, 3, 5)]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def network(outputs=2, activation="sigmoid", loss="squared_error", hidden="tanh"):
    return cr.Network(3, [cr.Dense(4, hidden), cr.Dense(outputs, activation)], loss=loss, seed=0)


def made(net, dy, t, updated=None):
    """Gradients by hand from dE/dy; updated weights are used on the way down if an update is given."""
    p = net.parameters
    h, y = np.tanh(X @ p["W1"] + p["b1"]), net(X)
    top = net.model.chain.layers[-1].activation
    d2 = top.pull_back(h @ p["W2"] + p["b2"], y, dy(y, t))
    dW2 = h.T @ d2
    W2 = p["W2"] if updated is None else updated(p["W2"], dW2)
    d1 = d2 @ W2.T * (1 - h**2)
    return {"W1": X.T @ d1, "b1": d1.sum(axis=0), "W2": dW2, "b2": d2.sum(axis=0)}


def named(marking):
    return {(one.code, one.variant, one.layer) for one in marking.mistakes}


# ---------------------------------------------------------------- conventions before what depends on the step
@pytest.mark.parametrize("factor", [5.0, 2.0, 0.5, 0.2])
def test_weights_updated_before_use_are_named_with_any_constant_of_the_loss(factor):
    net = network()
    mine = made(net, lambda y, t: factor * 2 * (y - t) / 5, T, lambda W, dW: W - ETA * dW)
    marking = check_backprop(net, X, T, gradients=mine, learning_rate=ETA)
    assert named(marking) == {("weights-updated-before-use", "", 1)}
    assert len(marking.conventions) == 1
    known = check_backprop(net, X, T, gradients=mine, learning_rate=ETA, loss=factor * net.loss(X, T))
    assert named(known) == named(marking)


def test_an_update_that_divides_the_sum_by_the_rows_is_told_so():
    net = network()
    mine = made(net, lambda y, t: 2 * (y - t), T, lambda W, dW: W - ETA * dW / 5)
    marking = check_backprop(net, X, T, gradients=mine, learning_rate=ETA)
    assert named(marking) == {("weights-updated-before-use", "by eta/N", 1)}


def test_a_step_the_wrong_way_with_updated_weights_is_these_two_mistakes():
    net = network()
    g = made(net, lambda y, t: 2 * (t - y), T, lambda W, dW: W - ETA * dW)
    after = {name: value - ETA * g[name] for name, value in net.parameters.items()}
    marking = check_step(net, X, T, after=after, learning_rate=ETA)
    assert named(marking) == {("sign-flipped", "", None), ("weights-updated-before-use", "", 1)}


# ---------------------------------------------------------------- an epsilon is no mistake
@pytest.mark.parametrize("e", [10.0**-k for k in range(7, 16)])
@pytest.mark.parametrize("factor", [1.0, 5.0])
def test_an_epsilon_in_a_logarithm_is_right(e, factor):
    net = network(3, "softmax", "categorical_cross_entropy")
    marking = check_backprop(net, X, CLASSES, gradients=made(net, lambda y, t: -factor * t / (y + e) / 5, CLASSES))
    assert marking.correct, marking
    assert marking.verdict == ("right" if factor == 1 else "right but for the loss's convention")
    assert marking.mistakes == ()


def test_an_epsilon_that_shows_is_told_with_its_size():
    net = network(3, "softmax", "categorical_cross_entropy")
    marking = check_backprop(net, X, CLASSES, gradients=made(net, lambda y, t: -t / (y + 1e-7) / 5, CLASSES))
    assert "the derivative of the loss has 1e-07 added to y" in marking.notes[0]


def test_an_epsilon_that_spoils_the_gradients_is_told_and_not_called_right():
    net = network(3, "softmax", "categorical_cross_entropy")
    net.parameters["b2"] = [0.0, -16.0, 0.0]  # one class is given a probability of 1e-7
    t = np.eye(3)[[1, 0, 1, 2, 0]]
    marking = check_backprop(net, X, t, gradients=made(net, lambda y, t: -t / (y + 1e-7) / 5, t))
    assert marking.verdict == "unknown"
    assert "1e-07 added to y" in marking.notes[0]


def test_a_mistake_beside_an_epsilon_is_named():
    net = network(3, "softmax", "categorical_cross_entropy")
    mine = made(net, lambda y, t: -t / (y + 1e-7) / 5, CLASSES)
    mine["b1"] = 0 * mine["b1"]
    marking = check_backprop(net, X, CLASSES, gradients=mine)
    assert named(marking) == {("bias-not-updated", "", 1)}
    assert "1e-07 added to y" in marking.notes[0]


def test_right_numbers_that_are_off_by_little_are_right_with_the_distance():
    net = network()
    mine = {name: value * (1 + 1e-9) for name, value in net.gradients(X, T).items()}
    marking = check_backprop(net, X, T, gradients=mine)
    assert marking.verdict == "right"
    assert "fit to 1e-09" in marking.notes[0]


def test_updates_one_by_one_that_are_off_by_little_are_right_with_the_distance():
    net = network(3, "softmax", "categorical_cross_entropy")
    there = net.copy()
    for n in range(5):
        x, t = X[n : n + 1], CLASSES[n : n + 1]
        s = run_forward(there.model, x, t)
        by_row = s.batch_derivative(-t / (s.y + 1e-10))
        g = backward.run_backward(s, {("start", 0): lambda s, by_row=by_row: by_row}).gradients
        there.set_parameters({name: value - ETA * g[name] for name, value in there.parameters.items()})
    marking = check_step(net, X, CLASSES, after=dict(there.parameters), learning_rate=ETA, rows="one by one")
    assert marking.verdict == "right"
    assert "more than rounding" in marking.notes[0]


def test_a_recipe_that_overflows_explains_nothing():
    net = network(3, "softmax", "categorical_cross_entropy")
    after = {name: value + RNG.normal(size=value.shape) for name, value in net.parameters.items()}
    marking = check_step(net, X, CLASSES, after=after, learning_rate=ETA, rows="one by one")
    assert marking.verdict == "unknown"


def test_a_recipe_that_overflows_at_the_end_of_its_rows_is_silent():
    def far(at, gradient):
        return np.full_like(gradient, 1e308)

    words = dict.fromkeys(("explanation", "right", "wrong", "right_latex", "wrong_latex"), "")
    huge = Mistake("huge", "update", variants=lambda at: [Variant("", far)], **words)
    net = cr.Network(3, [cr.Dense(2)], loss="squared_error", seed=0)
    there = net.copy()
    for n in range(5):
        g = there.gradients(X[n : n + 1], T[n : n + 1])
        there.set_parameters({name: v - 0.01 * g[name] * (name != "b1") for name, v in there.parameters.items()})
    after = dict(there.parameters)
    marking = check_step(net, X, T, after=after, learning_rate=0.01, rows="one by one", mistakes=[huge])
    assert marking.codes == ("bias-not-updated",)


# ---------------------------------------------------------------- yours and right
def test_what_is_shown_beside_a_mistake_has_the_convention_in_it():
    net = network()
    mine = {name: 5 * value for name, value in net.gradients(X, T).items()}
    mine["b2"] = mine["b2"] / 5  # the sum over the rows everywhere else
    (mistake,) = check_backprop(net, X, T, gradients=mine).mistakes
    assert mistake.code == "bias-averaged"
    np.testing.assert_allclose(mistake.yours, mine["b2"])
    np.testing.assert_allclose(mistake.right, 5 * mine["b2"])


def test_what_is_shown_are_the_learners_own_numbers_if_the_loss_is_known():
    net = network()
    mine = {name: 5 * value for name, value in net.gradients(X, T).items()}
    right = mine["W1"].copy()
    mine["W1"] = 0 * right
    (mistake,) = check_backprop(net, X, T, gradients=mine, loss=5 * net.loss(X, T)).mistakes
    np.testing.assert_allclose(mistake.right, right)


def test_a_transposed_gradient_of_many_numbers_is_shown_where_it_differs():
    net = cr.Network(5, [cr.Dense(5, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    x, t = RNG.normal(size=(6, 5)), RNG.normal(size=(6, 1))
    mine = net.gradients(x, t)
    mine["W1"] = mine["W1"].T
    assert "most apart at [" in str(check_backprop(net, x, t, gradients=mine))


def test_a_small_effect_is_shown_with_enough_digits():
    net = network()
    mine = made(net, lambda y, t: 2 * (y - t) / 5, T, lambda W, dW: W - 1e-7 * dW)
    marking = check_backprop(net, X, T, gradients=mine, learning_rate=1e-7)
    assert named(marking) == {("weights-updated-before-use", "", 1)}
    assert not faults(marking)


def test_gradients_that_are_never_reset_are_shown_by_a_sum():
    net, total = network(), {}

    def gradients(parameters, x, t):
        there = net.copy()
        there.set_parameters(parameters)
        for name, value in there.gradients(x, t).items():
            total[name] = total.get(name, 0) + value
        return dict(total)

    marking = check_backprop(net, X, T, gradients=gradients)
    assert marking.codes == ("not-reset",)
    assert not faults(marking)
    assert any("drawn parameters" in note for note in marking.notes)


def test_what_only_drawn_inputs_show_is_named_and_told_with_their_numbers():
    net = cr.Network(2, [cr.Dense(3, "relu"), cr.Dense(2)], loss="squared_error", seed=1)
    net.set_parameters({"W1": np.abs(net.parameters["W1"]), "b1": np.ones(3)})
    x, t = np.abs(RNG.normal(size=(4, 2))), RNG.normal(size=(4, 2))

    def gradients(p, x, t):
        h = np.maximum(0, x @ p["W1"] + p["b1"])
        d2 = 2 * (h @ p["W2"] + p["b2"] - t) / len(x)
        d1 = d2 @ p["W2"].T
        return {"W1": x.T @ d1, "b1": d1.sum(axis=0), "W2": h.T @ d2, "b2": d2.sum(axis=0)}

    marking = check_backprop(net, x, t, gradients=gradients)
    assert marking.codes == ("missing-activation-derivative",)
    assert not faults(marking)
    assert any("drawn parameters" in note for note in marking.notes)


def test_the_evidence_of_updates_one_by_one_is_that_of_the_whole_change():
    net = network()
    there = net.copy()
    for n in range(5):
        g = there.gradients(X[n : n + 1], T[n : n + 1])
        there.set_parameters({name: value + ETA * g[name] for name, value in there.parameters.items()})
    after = dict(there.parameters)
    (mistake,) = check_step(net, X, T, after=after, learning_rate=ETA, rows="one by one").mistakes
    assert mistake.code == "sign-flipped"
    assert mistake.confidence.agreement < 1e-9


# ---------------------------------------------------------------- constants whose product is 1
def test_a_constant_and_its_inverse_are_no_mistake():
    net = cr.Network(3, [cr.Dense(4, "tanh"), cr.Dense(4, "tanh"), cr.Dense(3)], loss="squared_error", seed=0)
    t = RNG.normal(size=(5, 3))
    for factor in (-1.0, 1.0, 2.0, 0.5, 5.0, -4.5):
        mine = {name: factor * v * (1 + 1.5e-11) for name, v in net.gradients(X, t).items()}
        marking = check_backprop(net, X, t, gradients=mine)
        expected = set() if factor in (1.0, 2.0, 0.5, 5.0) else {"factor"} if factor == -4.5 else {"sign-flipped"}
        assert set(marking.codes) <= expected, marking


def scaled(net, factor):
    """A learner's function: right but for a factor, which may depend on the rows."""

    def gradients(p, x, t):
        there = net.copy()
        there.set_parameters(p)
        return {name: factor(len(x)) * value for name, value in there.gradients(x, t).items()}

    return gradients


def layers_of(kind):
    hidden = {"linear": [], "sigmoid": [cr.Dense(2, "sigmoid")], "deep": [cr.Dense(3, "relu"), cr.Dense(3, "tanh")]}
    return [*hidden[kind], cr.Dense(1, "sigmoid" if hidden[kind] else "identity")]


@pytest.mark.parametrize("kind", ["linear", "sigmoid", "deep"])
@pytest.mark.parametrize("factor", [5, 10, 100, 3, 2.5, 0.1, 1 / 3, -5])
def test_a_constant_that_does_not_depend_on_the_rows_is_one_factor(kind, factor):
    net = cr.Network(2, layers_of(kind), loss="squared_error", seed=0)
    marking = check_backprop(net, X[:, :2], T[:, :1], gradients=scaled(net, lambda n: factor))
    assert [one.title for one in marking.mistakes] == [f"factor ({factor:.6g})"]
    assert marking.conventions == ()


@pytest.mark.parametrize("kind", ["linear", "sigmoid", "deep"])
@pytest.mark.parametrize("rows", [3, 4, 5, 6, 8, 10])
def test_a_fixed_number_of_rows_is_one_factor_and_right_for_that_number(kind, rows):
    net = cr.Network(2, layers_of(kind), loss="squared_error", seed=0)
    x, t = RNG.normal(size=(rows, 2)), RNG.random((rows, 1))
    marking = check_backprop(net, x, t, gradients=scaled(net, lambda n: n / rows))
    assert [one.title for one in marking.mistakes] == [f"factor (N/{rows})"]
    assert marking.conventions == ()
    assert f"For the given input, of {rows} rows, your gradients are right." in marking.notes
    elsewhere = check_backprop(net, X[:, :2], T[:, :1], gradients=scaled(net, lambda n: n / 7))
    assert [one.title for one in elsewhere.mistakes] == ["factor (N/7)"]


# ---------------------------------------------------------------- generated
def drawn_case(rng):
    """A network and what a learner's code gives: a constant, up to two mistakes, perhaps an epsilon in the loss."""
    code = str(rng.choice([*benchmark.CODES, *["softmax-derivative-twice", "sigmoid-derivative-twice"] * 20]))
    net, x, t = benchmark.random_network(rng, code)
    s = run_forward(net.model, x, t, ETA)
    instances = [instance for instance in all_instances(s, CATALOGUE) if instance.mistake.kind == "mistake"]
    chosen = [instances[k] for k in rng.choice(len(instances), rng.integers(3), replace=False)]
    changes = dict(changes_of(chosen if compose(chosen) else chosen[:1]))
    factor = rng.choice(list(constants(s).values())) * rng.choice([1, 1, 1, -1])
    forms = list(_FORMS.get(s.chain.loss.name, {}).values())
    form, e = (forms[rng.integers(len(forms))], 10.0 ** -rng.integers(7, 16)) if forms else (None, 0.0)
    wrong = changes.get(("start", 0))

    def start(s):
        if wrong is not None or form is None or e > 10.0**-7.5:
            return factor * backward.start(s, wrong)
        return factor * s.batch_derivative(form(s.chain.loss, s.y, s.t, e))

    return net, s, backward.run_backward(s, changes | {("start", 0): start}).gradients


def faults(marking):
    """What is said of a mistake whose numbers, as they are shown, are the same."""
    groups = (marking.mistakes, *marking.alternatives, *marking.equivalents)
    shown = [(one, line) for group in groups for one in group for line in _lines(one) if one.quantity]
    lines = [(one, line.strip()) for one, line in shown if line.strip().startswith(f"{one.quantity}: ")]
    return [line for _, line in lines if "yours and right" in line or _halves(line)]


def _halves(line):
    yours, right = line.split("yours ", 1)[1].split(", right ", 1)
    return yours == right


@pytest.mark.parametrize("seed", range(16))
def test_an_epsilon_is_right_in_random_networks(seed):
    rng = np.random.default_rng([6, seed])
    for _ in range(3):
        net, x, t = benchmark.random_network(rng, str(rng.choice(["softmax", "sigmoid"])) + "-derivative-twice")
        s = run_forward(net.model, x, t)
        forms = list(_FORMS.get(s.chain.loss.name, {}).values())
        if not forms:
            continue
        form, e = forms[rng.integers(len(forms))], 10.0 ** rng.uniform(-15, -7)
        factor = rng.choice(list(constants(s).values()))
        by_row = factor * s.batch_derivative(form(s.chain.loss, s.y, s.t, e))
        mine = backward.run_backward(s, {("start", 0): lambda s, by_row=by_row: by_row}).gradients
        away = distance(mine, {name: factor * v for name, v in backward.run_backward(s, {}).gradients.items()})
        marking = check_backprop(net, x, t, gradients=mine)
        assert marking.mistakes == ()
        assert marking.correct or away > 1e-3, (form, e, away, marking)


@pytest.mark.parametrize("seed", range(8))
def test_weights_updated_before_use_are_named_in_random_networks_whatever_the_constant(seed):
    rng = np.random.default_rng([7, seed])
    drawn = benchmark.mistaken(rng, ["weights-updated-before-use"])
    assert drawn is not None
    net, s, instances, _ = drawn
    factor = rng.choice(list(constants(s).values())) * rng.choice([1, -1])
    changes = {**changes_of(instances), ("start", 0): lambda s: factor * backward.start(s, None)}
    marking = check_backprop(net, s.x, s.t, gradients=backward.run_backward(s, changes).gradients, learning_rate=ETA)
    truth = {(instance.mistake.code, instance.layer) for instance in instances} | (
        {("sign-flipped", None)} if factor < 0 else set()
    )
    assert any(truth == one - {("factor", None)} for one in benchmark.named_sets(marking)), (factor, marking)


@pytest.mark.parametrize("seed", range(32))
def test_no_mistake_is_named_whose_numbers_are_right_and_none_is_missed(seed):
    rng = np.random.default_rng([5, seed])
    with np.errstate(all="ignore"):
        net, s, mine = drawn_case(rng)
        if not all(np.isfinite(value).all() for value in mine.values()):
            pytest.skip("overflows")
        marking = check_backprop(net, s.x, s.t, gradients=mine, learning_rate=ETA)
        right = backward.run_backward(s, {}).gradients
    assert not faults(marking)
    floor = floor_of(right)
    away = min(distance(mine, {k: c * v for k, v in right.items()}, floor) for c in constants(s).values())
    if marking.mistakes:
        assert away > 1e-9, marking
    told = any("the derivative of the loss has" in note for note in marking.notes)
    assert not marking.correct or away <= 1e-7 or (told and away <= 1e-2), marking
