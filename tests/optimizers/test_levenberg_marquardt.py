"""Levenberg-Marquardt: Jacobians against differences and tangents, steps against dense equations and SciPy."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

import chainrule as cr
from chainrule.core import chain as maths
from chainrule.core.chain import free_entries
from chainrule.core.layers import Run
from chainrule.errors import InputError
from chainrule.optimizers import levenberg_marquardt as rule
from chainrule.training import Data
from chainrule.training import network_problem as problems
from chainrule.training.network_problem import NetworkProblem, jacobian
from chainrule.verify.precision import best_difference
from tests.strategies import SMOOTH, cases
from tests.test_extend import Residual

LEAST_SQUARES = ("squared_error", "half_squared_error", "mean_squared_error")
X = np.linspace(-2, 2, 30)[:, None]
T = np.sin(2 * X)


@pytest.fixture
def net():
    return cr.Network(1, [cr.Dense(5, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)


@st.composite
def problems_of(draw, l2=0.0):
    """A network that has a Jacobian for each row, its rows, and the problem they make."""
    case = draw(
        cases(activations=(*SMOOTH, "softmax"), losses=LEAST_SQUARES).filter(
            lambda case: not any(isinstance(layer, cr.Dropout | cr.BatchNorm) for layer in case.net.layers)
        )
    )
    return case, NetworkProblem(case.net.model, Data(case.x, case.t, case.weights), l2)


def here(case, problem):
    return case.net.parameters.vector[problem.free].copy()


def dense(problem, p):
    """All residuals and their Jacobian."""
    parts = list(problem.residual_rows(p))
    return np.concatenate([part.r for part in parts]), np.concatenate([part.J for part in parts])


# -------------------------------------------------------------------------------- residuals and Jacobians
@given(problems_of())
def test_half_the_squares_of_the_residuals_are_the_loss_and_their_jacobian_gives_its_gradient(drawn):
    case, problem = drawn
    r, J = dense(problem, here(case, problem))
    assert r.shape == (case.t.size,)
    assert r @ r / 2 == pytest.approx(case.net.loss(case.x, case.t, weights=case.weights), rel=1e-12, abs=1e-300)
    gradient = case.net.gradients(case.x, case.t, weights=case.weights)
    wanted = np.concatenate([np.ravel(g) for g in gradient.values()])[problem.free]
    np.testing.assert_allclose(J.T @ r, wanted, rtol=1e-9, atol=1e-10 * (1 + np.abs(wanted).max(initial=0)))


@given(problems_of())
def test_the_jacobian_is_that_of_differences(drawn):
    case, problem = drawn
    p = here(case, problem)
    _, J = dense(problem, p)
    assert J.shape == (case.t.size, len(p))
    for k, direction in enumerate(np.eye(len(p))):
        wanted = best_difference(lambda h, d=direction: dense(problem, p + h * d)[0])
        np.testing.assert_allclose(J[:, k], wanted, rtol=0, atol=1e-6 * (1 + np.abs(wanted).max(initial=0)))


@given(problems_of())
def test_deltas_that_come_down_give_the_jacobian_that_tangents_going_up_give(drawn):
    case, _ = drawn
    chain, parameters = case.net.model.chain, case.net.parameters
    records = maths.forward(chain, parameters, case.x, Run(training=True, state=case.net.model.state))
    found = jacobian(chain, parameters, records, np.ones_like(case.t))
    for k, unit in enumerate(np.eye(chain.size)):
        direction, a_dot = parameters.with_vector(unit), np.zeros_like(case.x)
        for l, (layer, record) in enumerate(zip(chain.layers, records, strict=True), start=1):
            a_dot = layer.forward_dot(parameters.of_layer(l), direction.of_layer(l), record, a_dot)["a"]
        np.testing.assert_allclose(found[..., k], a_dot, rtol=1e-9, atol=1e-10)


def test_a_layer_of_ones_own_has_a_jacobian_too():
    net = cr.Network(2, [cr.Dense(3, "tanh"), Residual(), cr.Dense(2)], loss="squared_error", seed=0)
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    problem = NetworkProblem(net.model, Data(x, t), 0.0)
    r, J = dense(problem, net.parameters.vector)
    wanted = np.concatenate([np.ravel(g) for g in net.gradients(x, t).values()])
    np.testing.assert_allclose(J.T @ r, wanted, rtol=1e-10, atol=1e-14)
    history = net.fit(x, t, epochs=20, optimizer=cr.LevenbergMarquardt())
    assert history.loss[-1] < 1e-3 * history.loss[0]


@given(problems_of(), st.integers(1, 3))
def test_rows_taken_in_chunks_are_the_same_rows(drawn, rows):
    case, problem = drawn
    p = here(case, problem)
    whole = dense(problem, p)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problems, "CHUNK", rows * case.net.outputs * case.net.parameters.vector.size)
        parts = list(problem.residual_rows(p))
        assert len(parts) == -(-len(case.x) // rows) or not case.net.parameters.vector.size
    np.testing.assert_allclose(np.concatenate([part.J for part in parts]), whole[1], rtol=1e-12, atol=1e-13)


# -------------------------------------------------------------------------------- the step
@settings(max_examples=60)
@given(problems_of(l2=0.1), st.sampled_from([1e-6, 1e-2, 10.0]), st.sampled_from(["identity", "diagonal"]))
def test_the_step_is_that_of_the_dense_damped_normal_equations(drawn, mu, scaling):
    case, problem = drawn
    if not problem.size:
        return
    point = problem.at(here(case, problem))
    _, J = dense(problem, point.p)
    B = J.T @ J + np.diag(problem.curvature)
    systems = [kind(problem, point, scaling) for kind in (rule._Primal, rule._Dual)]
    tiny = np.finfo(float).tiny
    floor = max(np.diag(B).max() * np.finfo(float).eps, tiny)
    for system in systems:
        if scaling == "diagonal":
            np.testing.assert_allclose(system.D, np.maximum(np.diag(B), floor), rtol=1e-8)
        else:
            np.testing.assert_allclose(system.D, max(np.diag(B).mean(), tiny), rtol=1e-12)
        left = B + mu * np.diag(system.D)
        s = system.step(mu)
        if np.linalg.cond(left) > 1e9:
            continue
        wanted = np.linalg.solve(left, -point.gradient)
        assert s is not None
        np.testing.assert_allclose(s, wanted, rtol=1e-5, atol=1e-6 * np.abs(wanted).max())
        model = -point.gradient @ s - s @ B @ s / 2
        assert system.predicted_fall(s) == pytest.approx(model, rel=1e-9, abs=1e-14 * abs(point.gradient @ s))


def small():
    """A network whose parameters are well told apart by its rows."""
    net = cr.Network(1, [cr.Dense(2, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[1.5, -0.7]], "b1": [0.5, 0.8], "W2": [[1.0], [2.0]], "b2": [0.3]})
    return net


def near(net, seed, scale):
    """Another network not far off."""
    twin = net.copy()
    twin.parameters.vector += np.random.default_rng(seed).normal(scale=scale, size=net.parameters.vector.size)
    return twin


def test_the_first_step_is_scipys():
    """Where the linear model holds, both take the whole Gauss-Newton step."""
    net, t = near(small(), 0, 1e-3), small().forward(X)
    problem, start = NetworkProblem(net.model, Data(X, t), 0.0), net.parameters.vector.copy()
    theirs = least_squares(
        lambda p: dense(problem, p)[0], start, jac=lambda p: dense(problem, p)[1], method="trf", max_nfev=2
    )
    assert theirs.cost < 1e-3 * problem.value(start)
    next(net.training(X, t, optimizer=cr.LevenbergMarquardt(damping=1e-12)))
    step = theirs.x - start
    np.testing.assert_allclose(net.parameters.vector - start, step, rtol=0, atol=1e-6 * np.abs(step).max())


@pytest.mark.parametrize("rows", [4, 30], ids=["more parameters", "more residuals"])
def test_with_next_to_no_damping_the_step_is_the_shortest_of_the_gauss_newton_steps(rows):
    net, x = near(small(), 0, 1e-3), X[:: 30 // rows][:rows]
    t, start = small().forward(x), net.parameters.vector.copy()
    r, J = dense(NetworkProblem(net.model, Data(x, t), 0.0), start)
    next(net.training(x, t, optimizer=cr.LevenbergMarquardt(damping=1e-10)))
    wanted = np.linalg.lstsq(J, -r, rcond=None)[0]
    np.testing.assert_allclose(net.parameters.vector - start, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("scaling", ["identity", "diagonal"])
def test_a_linear_network_is_solved_in_a_few_steps(scaling):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    net = cr.Network(3, [cr.Dense(2)], loss="mean_squared_error", seed=0)
    history = net.fit(x, t, epochs=50, optimizer=cr.LevenbergMarquardt(damping=1e-6, scaling=scaling))
    ones = np.column_stack([x, np.ones(40)])
    wanted = np.linalg.lstsq(ones, t, rcond=None)[0]
    assert (history.stopped, history.epochs) == ("converged", history.epochs)
    assert history.epochs <= 6
    np.testing.assert_allclose(net.parameters["W1"], wanted[:3], atol=1e-8)
    np.testing.assert_allclose(net.parameters["b1"], wanted[3], atol=1e-8)


def test_the_diagonal_makes_steps_independent_of_the_units_of_inputs():
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(20, 2)), rng.normal(size=(20, 1))
    nets = [cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1)], loss="squared_error", seed=0) for _ in range(2)]
    scale = np.array([1.0, 1024.0])
    nets[1].parameters["W1"][...] /= scale[:, None]
    how = {"epochs": 6, "optimizer": cr.LevenbergMarquardt(scaling="diagonal")}
    one, other = nets[0].fit(x, t, **how), nets[1].fit(x * scale, t, **how)
    np.testing.assert_allclose(one.loss, other.loss, rtol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_a_network_ends_at_scipys_minimum(seed):
    t, net = small().forward(X) + 0.05 * np.random.default_rng(seed).normal(size=T.shape), near(small(), seed, 0.2)
    problem = NetworkProblem(net.model, Data(X, t), 0.0)
    theirs = least_squares(
        lambda p: dense(problem, p)[0], net.parameters.vector.copy(), jac=lambda p: dense(problem, p)[1],
        method="lm", ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=5000,
    )  # fmt: skip
    history = net.fit(X, t, epochs=500, optimizer=cr.LevenbergMarquardt())
    assert history.stopped == "converged"
    assert net.loss(X, t) == pytest.approx(theirs.cost, rel=1e-9)


# -------------------------------------------------------------------------------- training
@settings(max_examples=40)
@given(problems_of())
def test_the_loss_falls_and_what_may_not_change_stays(drawn):
    case, _ = drawn
    net, free = case.net, free_entries(case.net.model.chain)
    if np.isnan(case.t).all():
        return
    before = net.parameters.vector.copy()
    losses = [net.loss(case.x, case.t, weights=case.weights)]
    history = net.fit(
        case.x, case.t, weights=case.weights, epochs=10, optimizer=cr.LevenbergMarquardt(),
        callbacks={"update": lambda _: losses.append(net.loss(case.x, case.t, weights=case.weights))},
    )  # fmt: skip
    assert (net.parameters.vector[~free] == before[~free]).all()
    assert list(history.losses) == losses[: history.epochs]
    assert (np.diff(losses) < 0).all()


def test_rows_count_by_their_weights_and_rows_without_targets_not_at_all(net):
    twin, counts, t = net.copy(), np.array([2, 0, 1] * 10), T.copy()
    t[4] = np.nan
    history = net.fit(X, t, epochs=10, weights=counts, optimizer="levenberg_marquardt")
    counts[4] = 0
    x, t = np.repeat(X, counts, axis=0), np.repeat(T, counts, axis=0)
    same = twin.fit(x, t, epochs=10, optimizer="levenberg_marquardt")
    np.testing.assert_allclose(history.loss, same.loss, rtol=1e-6)


def test_the_penalty_is_part_of_what_is_minimised(net):
    history = net.fit(X, T, epochs=300, optimizer=cr.LevenbergMarquardt(), l2=0.05)
    for name, gradient in net.gradients(X, T).items():
        penalty = 0.05 * net.parameters[name] if name.startswith("W") else 0
        np.testing.assert_allclose(gradient + penalty, 0, atol=1e-6)
    assert history.stopped == "converged"


@pytest.mark.parametrize("rows", [5, 30], ids=["more parameters", "more residuals"])
def test_a_network_that_can_fit_its_rows_fits_them_to_the_last_digit(rows):
    net, t = near(small(), 3, 0.3), small().forward(X[:rows])
    history = net.fit(X[:rows], t, epochs=300, optimizer=cr.LevenbergMarquardt())
    assert net.loss(X[:rows], t) < 1e-28
    assert history.stopped == "converged"


def test_an_update_tells_damping_gain_and_trials(net):
    updates = list(net.training(X, T, epochs=20, optimizer=cr.LevenbergMarquardt(damping=0.5)))
    assert updates[0].details["damping"] == 0.5 or updates[0].details["trials"] > 1
    for before, after in pairwise(updates):
        assert set(before.details) == {"damping", "gain_ratio", "trials"}
        good = before.details["gain_ratio"] > 0.9
        assert not good or after.details["damping"] < before.details["damping"] or after.details["trials"] > 1
    assert {update.learning_rate for update in updates} == {1.0}


def test_a_float32_network_is_trained_too():
    net = cr.Network(1, [cr.Dense(5, "tanh"), cr.Dense(1)], seed=0, dtype="float32")
    history = net.fit(X, T, epochs=50, optimizer=cr.LevenbergMarquardt())
    assert net.parameters.vector.dtype == np.float32
    assert history.loss[-1] < 1e-2


def test_validation_and_patience_keep_the_best_parameters(net):
    held = (X + 0.1, T + np.random.default_rng(0).normal(size=T.shape))
    history = net.fit(X, T, epochs=300, validation=held, patience=5, optimizer=cr.LevenbergMarquardt())
    assert (history.stopped, history.restored) == ("patience", True)
    assert net.loss(*held) == history.validation_loss.min()


def test_a_parameter_without_effect_does_not_stop_it():
    net = cr.Network(1, [cr.Dense(3, "relu"), cr.Dense(1)], loss="squared_error", seed=0)
    net.parameters["b1"][0], net.parameters["W1"][0, 0] = -100.0, 0.0  # a dead unit
    for scaling in ("identity", "diagonal"):
        twin = net.copy()
        history = twin.fit(X, T, epochs=20, optimizer=cr.LevenbergMarquardt(scaling=scaling))
        assert history.loss[-1] < history.loss[0]
        assert twin.parameters["b1"][0] == -100.0


# -------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize("loss", ["huber", "absolute_error", "poisson", "categorical_cross_entropy_from_logits"])
def test_losses_that_are_no_sum_of_squares_are_refused_by_name(loss):
    net = cr.Network(1, [cr.Dense(2, "softplus")], loss=loss, seed=0)
    with pytest.raises(InputError, match=rf"needs a least-squares loss, but the loss is {loss}: choose one of"):
        net.fit(X[:2], [[0.0, 1.0], [1.0, 0.0]], optimizer=cr.LevenbergMarquardt())


def test_networks_too_large_for_its_matrices_are_refused(net, monkeypatch):
    monkeypatch.setattr(rule, "LARGEST", 100)
    with pytest.raises(InputError, match=r"matrices of .* GiB for 16 parameters and 30 residuals: use LBFGS\(\)"):
        net.fit(X, T, optimizer=cr.LevenbergMarquardt())


def test_the_compiled_engine_has_no_jacobians(net):
    for train in (net.fit, net.training):
        with pytest.raises(InputError, match="LevenbergMarquardt asks for Jacobians, which are not compiled"):
            train(X, T, optimizer=cr.LevenbergMarquardt(), engine="compiled")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"damping": 0.0}, "damping of LevenbergMarquardt must be above 0, got 0"),
        ({"damping": -1.0}, "damping of LevenbergMarquardt must be a finite number from 0, got -1.0"),
        ({"scaling": "none"}, "scaling of LevenbergMarquardt must be 'identity' or 'diagonal', got 'none'"),
        ({"trials": 0}, "trials of LevenbergMarquardt must be a whole number from 1, got 0"),
    ],
    ids=str,
)
def test_settings_are_checked(given, told):
    with pytest.raises(InputError, match=told):
        cr.LevenbergMarquardt(**given)


# -------------------------------------------------------------------------------- where there is no step
def test_a_system_that_rounding_has_made_indefinite_or_infinite_has_no_step():
    assert rule._solve(np.array([[1.0, 2.0], [2.0, 1.0]]), 0.5, np.ones(2)) is None
    assert rule._solve(np.array([[np.inf]]), 1.0, np.ones(1)) is None
    solved = rule._solve(np.array([[1.0, 2.0], [2.0, 1.0]]), 5.0, np.ones(2))
    assert solved is not None
    np.testing.assert_allclose(solved, [1 / 8, 1 / 8])


def test_it_ends_where_no_damping_brings_a_lower_loss(net, monkeypatch):
    tried = []
    monkeypatch.setattr(NetworkProblem, "value", lambda self, p: tried.append(p) or np.inf)
    before = net.parameters.vector.copy()
    history = net.fit(X, T, epochs=9, optimizer=cr.LevenbergMarquardt(trials=7))
    assert (history.epochs, history.stopped, len(tried)) == (0, "converged", 7)
    lengths = [np.linalg.norm(p - before) for p in tried]
    assert lengths == sorted(lengths, reverse=True)
    assert (net.parameters.vector == before).all()
