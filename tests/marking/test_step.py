"""Updates: one for all rows, one after each row, as printed by a notebook."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import InputError
from chainrule.marking import CATALOGUE, check_step
from chainrule.marking.backward import run_backward
from chainrule.marking.forward_context import run_forward
from chainrule.marking.instance import all_instances, changes_of

ETA = 0.1
RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(4, 2)), RNG.normal(size=(4, 2))


def network(seed=0):
    net = cr.Network(2, [cr.Dense(3, "sigmoid"), cr.Dense(2, "tanh")], loss="half_squared_error", seed=seed)
    net.parameters["b1"] = [0.2, -0.1, 0.4]
    return net


def gradients(net, x, t, *wanted):
    s = run_forward(net.model, x, t, ETA)
    instances = all_instances(s, CATALOGUE)
    chosen = [next(p for p in instances if (p.mistake.code, p.layer) == w) for w in wanted]
    return run_backward(s, changes_of(chosen)).gradients


def updated(net, g, eta=ETA):
    return {name: value - eta * g[name] for name, value in net.parameters.items()}


def one_by_one(net, *wanted, only=None, factor=1.0, reset=True):
    """The parameters after each row."""
    net, after, kept = net.copy(), [], None
    for n in range(len(X)) if only is None else [only]:
        g = gradients(net, X[n : n + 1], T[n : n + 1], *wanted)
        kept = g if reset or kept is None else {name: kept[name] + g[name] for name in g}
        net.set_parameters(updated(net, kept, factor * ETA))
        after.append(net.parameters.copy())
    return after


def named(marking):
    return {(one.code, one.layer) for one in marking.mistakes}


# ---------------------------------------------------------------- one update
def test_a_right_update_is_right():
    net = network()
    marking = check_step(net, X, T, after=updated(net, net.gradients(X, T)), learning_rate=ETA)
    assert marking.verdict == "right"


@pytest.mark.parametrize("eta", [1e-3, 1e-6])
def test_a_small_learning_rate_loses_digits_and_not_the_verdict(eta):
    net = network()
    marking = check_step(net, X, T, after=updated(net, net.gradients(X, T), eta), learning_rate=eta)
    assert marking.verdict == "right"


def test_an_update_that_adds_is_named():
    net = network()
    marking = check_step(net, X, T, after=updated(net, net.gradients(X, T), -ETA), learning_rate=ETA)
    assert named(marking) == {("sign-flipped", None)}


def test_weights_updated_before_their_use_are_named():
    net = network()
    after = updated(net, gradients(net, X, T, ("weights-updated-before-use", 1)))
    assert named(check_step(net, X, T, after=after, learning_rate=ETA)) == {("weights-updated-before-use", 1)}


def test_an_update_in_float32_is_right_within_float32():
    net = network()
    after = {name: value.astype(np.float32) for name, value in updated(net, net.gradients(X, T)).items()}
    net.set_parameters({name: value.astype(np.float32) for name, value in net.parameters.items()})
    after = {
        name: (net.parameters[name].astype(np.float32) - np.float32(ETA) * g.astype(np.float32))
        for name, g in net.gradients(X, T).items()
    }
    assert check_step(net, X, T, after=after, learning_rate=ETA).verdict == "right within float32"


def test_parameters_that_did_not_move_are_told():
    net = network()
    marking = check_step(net, X, T, after=net.parameters.copy(), learning_rate=ETA)
    assert not marking.correct
    assert "those before it" in marking.notes[0]


def test_one_bias_for_all_units_is_read_as_it_is():
    net = network()
    net.parameters["b1"] = [0.2, 0.2, 0.2]
    g = net.gradients(X, T)
    after = updated(net, g) | {"b1": 0.2 - ETA * g["b1"].sum()}
    assert named(check_step(net, X, T, after=after, learning_rate=ETA)) == {("bias-shared-by-units", 1)}
    with pytest.raises(InputError, match="same bias"):
        check_step(network(), X, T, after=after, learning_rate=ETA)


# ---------------------------------------------------------------- row by row
def test_updates_row_by_row_are_right_by_their_end_and_by_their_list():
    net = network()
    after = one_by_one(net)
    for given in (after, after[-1]):
        assert check_step(net, X, T, after=given, learning_rate=ETA, rows="one by one").verdict == "right"


@pytest.mark.parametrize(
    "wanted",
    [
        [("missing-activation-derivative", 1)],
        [("weights-updated-before-use", 1)],
        [("bias-not-updated", 2), ("missing-activation-derivative", 1)],
    ],
)
def test_mistakes_row_by_row_are_named_by_the_end_and_by_the_list(wanted):
    net = network()
    after = one_by_one(net, *wanted)
    for given in (after, after[-1]):
        assert named(check_step(net, X, T, after=given, learning_rate=ETA, rows="one by one")) == set(wanted)


def test_gradients_that_are_never_reset_are_named_by_the_end_and_by_the_list():
    net = network()
    after = one_by_one(net, reset=False)
    for given in (after, after[-1]):
        marking = check_step(net, X, T, after=given, learning_rate=ETA, rows="one by one")
        assert named(marking) == {("not-reset", None)}


def test_a_last_row_alone_is_named():
    net = network()
    marking = check_step(net, X, T, after=one_by_one(net, only=3)[-1], learning_rate=ETA, rows="one by one")
    assert named(marking) == {("last-row-only", None)}


def test_a_factor_row_by_row_is_a_convention_and_a_flipped_sign_a_mistake():
    net = network()
    half = check_step(net, X, T, after=one_by_one(net, factor=0.5)[-1], learning_rate=ETA, rows="one by one")
    assert half.verdict == "right but for the loss's convention"
    climbed = check_step(net, X, T, after=one_by_one(net, factor=-1.0)[-1], learning_rate=ETA, rows="one by one")
    assert named(climbed) == {("sign-flipped", None)}


def test_one_bias_for_all_units_row_by_row_is_named():
    net = network()
    net.parameters["b1"] = [0.2, 0.2, 0.2]
    after = one_by_one(net, ("bias-shared-by-units", 1))[-1]
    after["b1"] = float(after["b1"][0])
    marking = check_step(net, X, T, after=after, learning_rate=ETA, rows="one by one")
    assert named(marking) == {("bias-shared-by-units", 1)}


def test_float32_row_by_row_is_right_within_float32():
    net = network().astype("float32")
    after = {name: value.astype(np.float32) for name, value in one_by_one(net.astype("float64"))[-1].items()}
    marking = check_step(net, X, T, after=after, learning_rate=ETA, rows="one by one")
    assert marking.verdict == "right within float32"


def test_an_unknown_end_is_unknown():
    net = network()
    after = {name: value + 0.01 * RNG.normal(size=value.shape) for name, value in one_by_one(net)[-1].items()}
    assert check_step(net, X, T, after=after, learning_rate=ETA, rows="one by one").verdict == "unknown"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"rows": "some"}, "rows must be"),
        ({"after": []}, "goes with rows"),
        ({"after": [{}], "rows": "one by one"}, "each of the 4 rows"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"after": [{"b1": [0, 0, 0]}, {"b2": [0, 0]}, {}, {}], "rows": "one by one"}, "the same parameters"),
    ],
)
def test_what_is_no_update_is_refused(arguments, told):
    net = network()
    with pytest.raises(InputError, match=told):
        check_step(net, X, T, **({"after": net.parameters.copy(), "learning_rate": ETA} | arguments))


# ---------------------------------------------------------------- the printed step of a notebook
X_PRINTED, Y_PRINTED = np.array([[1.0, 2.0, 3.0]]), 0.6131035670318141
BEFORE = {
    "W1": np.array([[-0.41451339, -1.77081177, -1.15804613], [-1.78363994, -1.89654933, -0.46369448]]).T,
    "W2": np.array([[-0.43875046], [0.81212614]]),
}
AFTER = {
    "W1": np.array(
        [
            [-0.41853992193557854, -1.778864844034011, -1.1701257432807464],
            [-1.7761864539890273, -1.8816423677625997, -0.4413340381348142],
        ]
    ).T,
    "W2": np.array([[-0.4387411310235029], [0.8121493546532328]]),
}


def printed_network():
    """The biases are not printed: the hidden ones follow from the change of W2, the output's from the estimate."""
    net = cr.Network(3, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="half_squared_error", seed=0)
    delta2 = (Y_PRINTED - 1) * Y_PRINTED * (1 - Y_PRINTED)
    a1 = (BEFORE["W2"] - AFTER["W2"]).ravel() / (0.1 * delta2)
    b1 = np.log(a1 / (1 - a1)) - (X_PRINTED @ BEFORE["W1"]).ravel()
    b2 = np.log(Y_PRINTED / (1 - Y_PRINTED)) - a1 @ BEFORE["W2"].ravel()
    net.set_parameters(BEFORE | {"b1": b1, "b2": [b2]})
    return net


def test_the_printed_step_of_the_notebook_is_the_pair_of_mistakes_that_made_it():
    net = printed_network()
    marking = check_step(net, X_PRINTED, [[1.0]], after=AFTER, learning_rate=0.1, digits=8)
    assert marking.verdict == "two mistakes"
    assert named(marking) == {("missing-activation-derivative", 1), ("weights-updated-before-use", 1)}
    assert marking.alternatives == ()
    delta1 = next(m for m in marking.mistakes if m.code == "missing-activation-derivative").yours
    np.testing.assert_allclose(delta1, [[0.0402654, -0.0745348]], atol=1e-7)


def test_without_knowing_that_they_are_printed_the_numbers_fit_nothing():
    marking = check_step(printed_network(), X_PRINTED, [[1.0]], after=AFTER, learning_rate=0.1)
    assert marking.verdict == "unknown"
