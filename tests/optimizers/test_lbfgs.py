"""L-BFGS: its direction against the dense inverse BFGS product, its steps against Wolfe, its ends against SciPy."""

import importlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import fmin_l_bfgs_b

import chainrule as cr
from chainrule.core.chain import decayed_entries, free_entries
from chainrule.errors import CompileError, DivergenceError, InputError
from chainrule.extend import ElementwiseActivation
from chainrule.optimizers.lbfgs import Pair, inverse_hessian_product
from chainrule.optimizers.second_order import Point, Problem
from tests.strategies import SMOOTH, cases

X = np.linspace(-2, 2, 30)[:, None]
T = np.sin(2 * X)


@pytest.fixture
def net():
    return cr.Network(1, [cr.Dense(5, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)


def minimised(net, x, t, l2=0.0, **how):
    """SciPy's minimum of E and the penalty over the free parameters, from where the network stands."""
    twin, free = net.copy(), free_entries(net.model.chain)
    penalty = l2 * decayed_entries(net.model.chain)

    def value_and_gradient(p):
        twin.parameters.vector[free] = p
        vector = twin.parameters.vector
        g = np.concatenate([np.ravel(g) for g in twin.gradients(x, t, **how).values()])
        return twin.loss(x, t, **how) + (penalty * vector**2)[free].sum() / 2, (g + penalty * vector)[free]

    start = net.parameters.vector[free]
    p, value, _ = fmin_l_bfgs_b(value_and_gradient, start, factr=0.0, pgtol=1e-12, maxiter=20_000, maxfun=10**6)
    return p, value


# -------------------------------------------------------------------------------- the direction
def dense_inverse_hessian(pairs, size):
    """``H <- (1 - rho s y') H (1 - rho y s') + rho s s'``, written out: Nocedal & Wright 2006, equation 6.17."""
    one, H = np.eye(size), np.eye(size)
    if pairs:
        H *= (pairs[-1].s @ pairs[-1].y) / (pairs[-1].y @ pairs[-1].y)
    for s, y, rho in pairs:
        H = (one - rho * np.outer(s, y)) @ H @ (one - rho * np.outer(y, s)) + rho * np.outer(s, s)
    return H


@given(st.integers(1, 6), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_the_direction_is_that_of_the_dense_inverse_bfgs_matrix(size, count, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    curvature = root @ root.T + np.eye(size)
    steps = rng.normal(size=(count, size))
    pairs = tuple(Pair(s, curvature @ s, 1 / (s @ curvature @ s)) for s in steps)
    g = rng.normal(size=size)
    kept = g.copy()
    H = dense_inverse_hessian(pairs, size)
    np.testing.assert_allclose(inverse_hessian_product(pairs, g), H @ g, rtol=1e-8, atol=1e-8 * np.abs(H @ g).max())
    assert (g == kept).all()
    if pairs:  # the secant equation: the last change of gradient leads back to the last step
        np.testing.assert_allclose(inverse_hessian_product(pairs, pairs[-1].y), pairs[-1].s, atol=1e-8)


# -------------------------------------------------------------------------------- problems without a network
class Function(Problem):
    """A function of a few numbers, with its gradient."""

    residuals = 0

    def __init__(self, function, size):
        self.function, self.size, self.curvature, self.asked = function, size, np.zeros(size), 0

    def held(self, p):
        return p

    def value(self, p):
        return self.function(p)[0]

    def at(self, p):
        self.asked += 1
        value, gradient = self.function(p)
        return Point(p, value, gradient, value)

    def residual_rows(self, p):
        raise NotImplementedError


def rosenbrock(p):
    a, b = p
    return (1 - a) ** 2 + 100 * (b - a * a) ** 2, np.array([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)])


def run(rule, problem, start, steps=200):
    """The states after each step, the first one before any."""
    states = [rule.start(problem, problem.at(np.asarray(start, float)))]
    while len(states) <= steps and (after := rule.step(problem, states[-1])) is not None:
        states.append(after)
    return states


@pytest.mark.parametrize("start", [(-1.2, 1.0), (0.0, 0.0), (3.0, -2.0), (-30.0, 40.0)])
def test_rosenbrocks_valley_is_walked_to_its_end(start):
    problem = Function(rosenbrock, 2)
    states = run(cr.LBFGS(), problem, start)
    assert len(states) < 100
    np.testing.assert_allclose(states[-1].point.p, [1, 1], atol=1e-7)
    assert problem.asked < 3 * len(states)


def wolfe(rule, before, after):
    """Whether a step satisfies the strong Wolfe conditions, by its two ends alone."""
    s = after.point.p - before.point.p
    slope, left = before.point.gradient @ s, after.point.gradient @ s
    return after.point.value <= before.point.value + rule.c1 * slope and abs(left) <= rule.c2 * abs(slope) * (1 + 1e-9)


@pytest.mark.parametrize("rule", [cr.LBFGS(), cr.LBFGS(c1=0.01, c2=0.1), cr.LBFGS(memory=2, c2=0.4)], ids=repr)
@given(st.tuples(st.floats(-5, 5), st.floats(-5, 5)))
def test_every_step_satisfies_the_strong_wolfe_conditions_until_rounding(rule, start):
    states = run(rule, Function(rosenbrock, 2), start)
    for before, after in pairwise(states):
        assert after.point.value < before.point.value
        assert wolfe(rule, before, after) or before.point.value < 1e-12


@given(st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_a_quadratic_is_solved(size, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    A, b = root @ root.T + np.eye(size), rng.normal(size=size)
    problem = Function(lambda p: (p @ A @ p / 2 - b @ p, A @ p - b), size)
    states = run(cr.LBFGS(), problem, np.zeros(size))
    np.testing.assert_allclose(states[-1].point.p, np.linalg.solve(A, b), atol=1e-6)


def test_scaling_the_loss_changes_nothing_but_the_first_steps_slope():
    plain = run(cr.LBFGS(), Function(rosenbrock, 2), (-1.2, 1.0), 20)
    scaled = run(cr.LBFGS(), Function(lambda p: tuple(2.0**-40 * part for part in rosenbrock(p)), 2), (-1.2, 1.0), 20)
    for one, other in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(one.point.p, other.point.p, rtol=1e-9)


def test_where_trials_are_not_finite_the_step_is_shortened():
    def barrier(p):
        with np.errstate(all="ignore"):
            return p[0] - np.log(p[0]), np.array([1 - 1 / p[0]])

    states = run(cr.LBFGS(), Function(barrier, 1), [1e-3])
    np.testing.assert_allclose(states[-1].point.p, 1, atol=1e-7)


def test_a_function_without_a_minimum_is_followed_as_far_as_trials_allow():
    problem = Function(lambda p: (-p[0], np.array([-1.0])), 1)
    state = cr.LBFGS(trials=5).step(problem, cr.LBFGS().start(problem, problem.at(np.zeros(1))))
    assert state.details["trials"] == 5
    assert state.point.value < -1


def test_a_step_is_given_up_when_no_trial_was_lower():
    problem = Function(rosenbrock, 2)
    start = cr.LBFGS().start(problem, problem.at(np.array([-1.2, 1.0])))
    assert cr.LBFGS(trials=1).step(problem, start) is None
    assert problem.asked == 2


# -------------------------------------------------------------------------------- networks against SciPy
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_a_linear_network_ends_at_the_least_squares_solution(l2):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    net = cr.Network(3, [cr.Dense(2)], loss="half_squared_error", seed=0)
    history = net.fit(x, t, epochs=200, optimizer=cr.LBFGS(), l2=l2)
    ones = np.column_stack([x, np.ones(40)])
    wanted = np.linalg.solve(ones.T @ ones / 40 + l2 * np.diag([1, 1, 1, 0]), ones.T @ t / 40)
    assert history.stopped == "converged"
    np.testing.assert_allclose(net.parameters["W1"], wanted[:3], atol=1e-7)
    np.testing.assert_allclose(net.parameters["b1"], wanted[3], atol=1e-7)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "log_cosh"])
@pytest.mark.parametrize("seed", range(3))
def test_a_network_ends_at_scipys_minimum(loss, seed):
    net = cr.Network(1, [cr.Dense(4, "tanh"), cr.Dense(1)], loss=loss, seed=seed)
    assert net.fit(X, T, epochs=2000, optimizer=cr.LBFGS(), l2=0.01).stopped == "converged"
    net.parameters.vector += np.random.default_rng(seed).normal(scale=1e-3, size=net.parameters.vector.size)
    _, value = minimised(net, X, T, l2=0.01)  # from the same side of the same valley
    net.fit(X, T, epochs=2000, optimizer=cr.LBFGS(), l2=0.01)
    W = np.concatenate([net.parameters[name].ravel() for name in ("W1", "W2")])
    assert net.loss(X, T) + 0.01 * (W @ W) / 2 == pytest.approx(value, rel=1e-10)


def test_classes_are_learnt_as_scipy_would():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    t = np.eye(3)[np.digitize(x[:, 0] + x[:, 1] ** 2, [0, 1])]
    net = cr.Network(2, [cr.Dense(4, "softplus"), cr.Dense(3)], loss="categorical_cross_entropy_from_logits", seed=0)
    _, value = minimised(net, x, t, l2=0.01)
    net.fit(x, t, epochs=2000, optimizer=cr.LBFGS(memory=20), l2=0.01)
    penalty = sum((net.parameters[name] ** 2).sum() for name in ("W1", "W2")) * 0.01 / 2
    assert net.loss(x, t) + penalty == pytest.approx(value, rel=1e-5)


@settings(max_examples=40)
@given(st.data())
def test_the_loss_falls_and_what_may_not_change_stays(data):
    loss = data.draw(st.sampled_from(["squared_error", "log_cosh", "categorical_cross_entropy_from_logits"]))
    case = data.draw(cases(activations=SMOOTH, losses=(loss,)))
    net, chain = case.net, case.net.model.chain
    if any(isinstance(layer, cr.Dropout | cr.BatchNorm) for layer in net.layers) or np.isnan(case.t).all():
        return
    before, free = net.parameters.vector.copy(), free_entries(chain)
    losses = [net.loss(case.x, case.t, weights=case.weights)]
    history = net.fit(
        case.x, case.t, weights=case.weights, epochs=15, optimizer=cr.LBFGS(),
        callbacks={"update": lambda event: losses.append(net.loss(case.x, case.t, weights=case.weights))},
    )  # fmt: skip
    assert (net.parameters.vector[~free] == before[~free]).all()
    assert list(history.losses) == losses[: history.epochs]
    assert (np.diff(losses) < 0).all()


# -------------------------------------------------------------------------------- as any other training
def test_an_update_tells_what_was_done(net):
    twin = net.copy()
    update = next(net.training(X, T, optimizer="lbfgs"))
    assert update.loss == twin.loss(X, T)
    assert update.rows.tolist() == list(range(30))
    assert update.ends_epoch
    np.testing.assert_allclose(update.gradients["W1"], twin.gradients(X, T)["W1"], rtol=1e-12)
    np.testing.assert_allclose(net.parameters.vector, twin.parameters.vector - update.updates.vector, rtol=1e-14)
    np.testing.assert_allclose(update.updates.vector, update.learning_rate * update.gradients.vector, rtol=1e-9)
    assert update.details["trials"] >= 1


def test_the_same_start_gives_the_same_bits(net):
    twin = net.copy()
    one, two = (n.fit(X, T, epochs=30, optimizer=cr.LBFGS()) for n in (net, twin))
    assert one.losses == two.losses
    assert net.parameters.vector.tobytes() == twin.parameters.vector.tobytes()


def test_training_ends_where_nothing_is_left_to_gain(net):
    net.parameters.vector[...] = 0.0  # every unit alike, every gradient but that of the last bias 0
    history = net.fit(X, T, epochs=100, optimizer=cr.LBFGS())
    assert (history.stopped, history.epochs) == ("converged", len(history.loss))
    assert history.epochs < 5


def test_training_ends_where_the_gradient_is_within_the_tolerance(net):
    history = net.fit(X, T, epochs=1000, optimizer=cr.LBFGS(tolerance=1e-3))
    assert history.stopped == "converged"
    assert max(np.abs(g).max() for g in net.gradients(X, T).values()) <= 1e-3


def test_nothing_to_train_has_converged_at_once():
    net = cr.Network(1, [cr.Dense(1, trainable=False)], seed=0)
    history = net.fit(X, T, optimizer=cr.LBFGS())
    assert (history.epochs, history.stopped) == (0, "converged")


def test_validation_patience_callbacks_and_time_end_training_as_ever(net):
    held = (X + 0.1, T + np.random.default_rng(0).normal(size=T.shape))
    history = net.copy().fit(X, T, epochs=500, validation=held, patience=5, optimizer=cr.LBFGS())
    assert (history.stopped, history.restored) == ("patience", True)
    assert history.epochs == history.best_epoch + 6
    assert net.copy().fit(X, T, optimizer=cr.LBFGS(), callbacks={"epoch": lambda _: True}).stopped == "callback"
    assert net.copy().fit(X, T, epochs=10**6, optimizer=cr.LBFGS(), time_limit=1e-9).stopped == "time limit"


def test_parameters_that_a_callback_moves_are_where_the_next_step_begins(net):
    def move(event):
        if event.history.epochs == 3:
            event.model.parameters["W1"][...] = 1.0

    losses = []
    history = net.fit(
        X, T, epochs=8, optimizer=cr.LBFGS(), callbacks={"epoch": [move, lambda _: losses.append(net.loss(X, T))]}
    )
    assert list(history.losses)[1:] == losses[:-1]
    assert history.loss[3] > history.loss[2]


def test_a_float32_network_is_trained_in_float64_at_numbers_it_can_hold():
    net = cr.Network(1, [cr.Dense(5, "tanh"), cr.Dense(1)], seed=0, dtype="float32")
    x, t, losses = X.astype("float32"), T.astype("float32"), []
    measure = lambda _: losses.append(net.astype("float64").loss(x, t))  # noqa: E731
    history = net.fit(X, T, epochs=200, optimizer=cr.LBFGS(), callbacks={"start": measure, "epoch": measure})
    np.testing.assert_allclose(history.losses, losses[:-1], rtol=1e-12)
    assert net.parameters.vector.dtype == np.float32
    assert history.loss[-1] < 1e-3


@pytest.mark.parametrize("optimizer", ["lbfgs", "levenberg_marquardt"])
def test_a_start_that_is_not_finite_is_named(optimizer):
    net = cr.Network(1, [cr.Dense(5, "relu"), cr.Dense(1)], seed=0)
    net.parameters["W1"][...] = 1e308
    before = net.parameters.vector.copy()
    with pytest.raises(DivergenceError, match=r"epoch 0 \(update 0\): the values of layer 1"):
        net.fit(X * 1e10, T, optimizer=optimizer)
    assert (net.parameters.vector == before).all()


# -------------------------------------------------------------------------------- compiled gradients
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_compiled_gradients_lead_the_same_way(dtype):
    rng = np.random.default_rng(0)
    x, t, weights = rng.normal(size=(50, 3)), rng.normal(size=(50, 2)), rng.uniform(size=50)
    t[::7, 1] = np.nan
    mask = rng.integers(2, size=(3, 4))
    layers = [cr.Dense(4, "tanh", mask=mask), cr.Dense(3, "sigmoid", trainable=False), cr.Dense(2, bias="shared")]
    net = cr.Network(3, layers, seed=0, dtype=dtype)
    how = {"epochs": 10, "optimizer": cr.LBFGS(), "weights": weights, "l2": 0.01}
    twin, third = net.copy(), net.copy()
    reference, compiled = net.fit(x, t, engine="reference", **how), twin.fit(x, t, engine="compiled", **how)
    np.testing.assert_allclose(compiled.loss, reference.loss, rtol=1e-9)
    steps = list(third.training(x, t, engine="compiled", **how))
    assert [step.loss for step in steps] == list(compiled.losses)


def test_a_function_that_cannot_be_compiled_is_left_to_the_reference_unless_told(monkeypatch):
    stubborn = ElementwiseActivation(
        "stubborn", "z", "for this test", derivative_formula="1", second_derivative_formula="0",
        phi=np.vectorize(lambda v: float(str(v))), phi_prime=np.ones_like, phi_second=np.zeros_like,
    )  # fmt: skip
    net = cr.Network(1, [cr.Dense(2, stubborn), cr.Dense(1)], seed=0)
    with pytest.raises(CompileError, match="the activation stubborn cannot be compiled"):
        net.fit(X, T, epochs=2, optimizer=cr.LBFGS(), engine="compiled")
    monkeypatch.setattr(importlib.import_module("chainrule.training.fit"), "choose", lambda *_, **__: "compiled")
    assert net.fit(X, T, epochs=2, optimizer=cr.LBFGS()).epochs == 2


# -------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"batch_size": 10}, "LBFGS needs all rows at once, but batch_size=10 of 30 rows: leave batch_size out"),
        ({"l1": 0.1}, "LBFGS needs a smooth loss, but l1=0.1 has a kink where a weight is 0: use l2"),
        ({"clip_norm": 1.0}, "a clipped gradient is that of no loss: leave clip_norm out"),
        ({"clip_value": 1.0}, "leave clip_value out"),
    ],
    ids=str,
)
def test_what_it_cannot_do_is_refused_before_anything_changes(net, how, told):
    before = net.parameters.vector.copy()
    for train in (net.fit, net.training):
        with pytest.raises(InputError, match=told):
            train(X, T, optimizer=cr.LBFGS(), **how)
    assert (net.parameters.vector == before).all()


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (cr.Dropout(0.5), "needs the same loss each time it looks, but layer 2, Dropout, draws at random"),
        (cr.BatchNorm(), "rows that do not touch one another, but layer 2, BatchNorm, mixes the rows of a batch"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("optimizer", ["lbfgs", "levenberg_marquardt"])
def test_layers_that_draw_or_mix_rows_are_refused(layer, told, optimizer):
    net = cr.Network(1, [cr.Dense(3), layer, cr.Dense(1)], seed=0)
    with pytest.raises(InputError, match=told):
        net.fit(X, T, optimizer=optimizer)


def test_a_batch_size_of_all_rows_and_a_dropout_that_drops_nothing_are_taken():
    net = cr.Network(1, [cr.Dense(3, "tanh"), cr.Dropout(0.0), cr.Dense(1)], seed=0)
    assert net.fit(X, T, epochs=3, batch_size=30, optimizer="lbfgs").epochs == 3


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"memory": 0}, "memory of LBFGS must be a whole number from 1, got 0"),
        ({"memory": 2.5}, "memory of LBFGS must be a whole number from 1, got 2.5"),
        ({"trials": "many"}, "trials of LBFGS must be a whole number from 1, got 'many'"),
        ({"trials": np.inf}, "trials of LBFGS must be a whole number from 1, got inf"),
        ({"tolerance": -1.0}, "tolerance of LBFGS must be a finite number from 0, got -1.0"),
        ({"tolerance": np.nan}, "tolerance of LBFGS must be a finite number from 0"),
        ({"c1": 0.9, "c2": 0.1}, "needs 0 < c1 < c2 < 1, got c1 = 0.9 and c2 = 0.1"),
        ({"c2": 1.0}, "needs 0 < c1 < c2 < 1"),
    ],
    ids=str,
)
def test_settings_are_checked(given, told):
    with pytest.raises(InputError, match=told):
        cr.LBFGS(**given)


def test_it_is_found_by_its_name():
    assert cr.optimizer("lbfgs") == cr.optimizer(cr.LBFGS) == cr.LBFGS()
    found = cr.optimizer(cr.LBFGS(memory=3))
    assert isinstance(found, cr.LBFGS)
    assert found.memory == 3


@pytest.mark.parametrize("rule", [cr.LBFGS(), cr.LevenbergMarquardt()], ids=["lbfgs", "levenberg_marquardt"])
def test_what_tells_of_one_update_by_one_gradient_refuses_it(net, rule):
    for name, call in (
        ("explain_step", lambda: net.explain_step(X, T, optimizer=rule)),
        ("to_python", lambda: net.to_python(X, T, optimizer=rule)),
    ):
        with pytest.raises(InputError, match=f"{name} needs an optimizer that makes one update of one gradient"):
            call()
