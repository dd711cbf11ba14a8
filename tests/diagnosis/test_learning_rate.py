"""The verdict on the learning rate, held against runs."""

from types import SimpleNamespace

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.format import number
from chainrule.diagnosis.curvature import curvature_of, lanczos
from chainrule.diagnosis.stability import threshold_of
from chainrule.optimizers import schedules
from chainrule.training import Data


def quadratic(seed):
    """One linear layer with squared error: a parabola."""
    rng = np.random.default_rng(seed)
    inputs = int(rng.integers(1, 5))
    x = rng.normal(size=(20, inputs)) * 10 ** rng.uniform(-1, 1, inputs)
    t = x @ rng.normal(size=(inputs, 1)) + rng.normal(size=(20, 1))
    return cr.Network(inputs, [cr.Dense(1)], loss="squared_error", seed=seed), x, t


def diverges(net, x, t, rate, optimizer):
    """Whether 3,000 steps carry the error away from the minimum; by the steps themselves, in the eigenvectors' "
    "frame."""
    H = net.hessian(x, t)
    values = np.linalg.eigvalsh(H)
    error = np.ones(len(values))
    start = np.abs(error).max()
    moments = optimizer.start(len(error), np.dtype(float), rate)
    for count in range(1, 6001):
        step, moments = optimizer.update(moments, values * error, rate, count)
        error = error - step
        if np.abs(error).max() > 1e6 * start:
            return True
    return np.abs(error[-1]) > start


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "optimizer", [cr.SGD(0.1), cr.SGD(0.1, momentum=0.9), cr.SGD(0.1, momentum=0.8, nesterov=True)], ids=str
)
def test_the_critical_rate_is_that_of_a_bisection_by_runs(seed, optimizer):
    net, x, t = quadratic(seed)
    critical = cr.diagnose(net, x, t, optimizer=optimizer, epochs=2, prove=False).learning_rate.critical_rate
    low, high = 0.5 * critical, 2 * critical
    while high / low > 1.0002:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if diverges(net, x, t, middle, optimizer) else (middle, high)
    assert critical == pytest.approx((low * high) ** 0.5, rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "optimizer",
    [cr.SGD(0.001), cr.SGD(0.001, momentum=0.9), cr.SGD(0.001, momentum=0.5, nesterov=True), cr.Adam(0.01)],
    ids=str,
)
def test_on_a_parabola_the_next_losses_are_as_predicted(seed, optimizer):
    net, x, t = quadratic(seed)
    rate = cr.diagnose(net, x, t, optimizer=optimizer, epochs=7, prove=False).learning_rate
    assert rate.predicted.size == 5
    assert rate.error < 1e-8


def test_the_real_next_losses_are_those_of_a_longer_run(wave):
    x, t = wave
    net = cr.Network(2, [cr.Dense(6, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    for optimizer in (cr.SGD(0.05, momentum=0.9), cr.Adam(0.02)):
        rate = cr.diagnose(net, x, t, optimizer=optimizer, epochs=30, prove=False).learning_rate
        longer = net.copy().fit(x, t, optimizer=optimizer, epochs=37, engine="reference")
        assert rate.real == pytest.approx(longer.loss[31:36], rel=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "threshold"),
    [
        (cr.SGD(0.1), 2.0),
        (cr.SGD(0.1, momentum=0.9), 3.8),
        (cr.SGD(0.1, momentum=0.9, nesterov=True), 3.8 / 2.8),
        (cr.Adam(0.1), 38.0),
    ],
)
def test_thresholds(optimizer, threshold):
    assert threshold_of(SimpleNamespace(optimizer=optimizer)) == pytest.approx(threshold)


def regime(net, x, t, rate, epochs, **more):
    return cr.diagnose(net, x, t, optimizer=cr.SGD(rate), epochs=epochs, prove=False, **more).learning_rate.regime


def test_regimes_on_a_parabola():
    net, x, t = quadratic(3)
    critical = cr.curvature(net, x, t).critical_rate
    assert regime(net, x, t, 0.3 * critical, 30) == "smooth"
    assert regime(net, x, t, 0.9 * critical, 30) == "zig-zag"
    assert regime(net, x, t, 1.3 * critical, 200) == "diverging"
    assert regime(net, x, t, 1e-4 * critical, 30) == "too small"


def test_curvature_rising_to_the_edge_is_called_normal(wave):
    x, t = wave
    net = cr.Network(2, [cr.Dense(16, "tanh"), cr.Dense(16, "tanh"), cr.Dense(1)], loss="mean_squared_error", seed=0)
    d = cr.diagnose(net, x, t, optimizer=cr.SGD(0.3), epochs=1500, prove=False)
    assert d.learning_rate.regime == "edge of stability"
    assert d.learning_rate.normal
    assert d.learning_rate.course[-1] == pytest.approx(2.0, rel=0.15)
    assert d.learning_rate.course[1:4].max() < 1.6


def test_a_catapult_is_called_normal():
    net = cr.Network(1, [cr.Dense(1, bias=None), cr.Dense(1, bias=None)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[2.6]], "W2": [[0.3]]})
    x, t = [[1.0]], [0.05]
    rate = 2.6 / cr.curvature(net, x, t).lambda_max
    d = cr.diagnose(net, x, t, optimizer=cr.SGD(rate), epochs=60)
    assert d.learning_rate.regime == "catapult"
    assert d.healthy


# -------------------------------------------------------------------------------- curvature
def test_curvature_of_a_neuron_on_inputs_from_0_to_100():
    x = np.arange(0, 101.0)[:, None]
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    raw = cr.curvature(net, x, 2 * x)
    assert raw.lambda_max == pytest.approx(6701.49, rel=1e-5)
    assert raw.condition_number == pytest.approx(13208.8, rel=1e-4)
    scaled = cr.curvature(net, (x - x.mean()) / x.std(), 2 * x)
    assert scaled.critical_rate == pytest.approx(1.0)
    assert scaled.condition_number == pytest.approx(1.0)
    assert "99% W1[0, 0]" in raw.named or "100% W1[0, 0]" in raw.named


def test_lanczos_finds_what_the_whole_hessian_has(wave):
    x, t = wave
    net = cr.Network(2, [cr.Dense(12, "tanh"), cr.Dense(8, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    data = Data(x, t)
    exact = curvature_of(net.model, data)
    found = curvature_of(net.model, data, whole_up_to=10)
    assert (exact.method, found.method) == ("exact", "lanczos")
    assert found.lambda_max == pytest.approx(exact.lambda_max, rel=1e-5)
    assert abs(found.direction @ exact.direction) == pytest.approx(1, abs=1e-4)


def test_lanczos_on_a_diagonal():
    values = np.linspace(-1, 9, 50)
    low, high, direction = lanczos(lambda v: values * v, 50, np.ones(50, bool), steps=50)
    assert (low, high) == pytest.approx((-1, 9), rel=1e-4)
    assert abs(direction[-1]) == pytest.approx(1, abs=1e-3)


def test_untrainable_parameters_have_no_part_in_the_curvature():
    net = cr.Network(1, [cr.Dense(2, "tanh", trainable=False), cr.Dense(1)], loss="squared_error", seed=0)
    found = cr.curvature(net, [[1.0], [2.0]], [0.0, 1.0])
    assert (found.direction[:4] == 0).all()
    assert len(found.eigenvalues) == 3


def test_a_schedule_that_has_brought_the_rate_down_is_not_called_too_small():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    t = x @ [[1.0], [-2.0], [0.5]] + rng.normal(size=(60, 1))  # noise is left, and the loss goes on falling a little
    net = cr.Network(3, [cr.Dense(8, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    for schedule in (schedules.OneCycle(0.05), schedules.CosLog(0.05)):
        verdict = cr.diagnose(net, x, t, optimizer=cr.Adam(schedule), epochs=60, batch_size=20).learning_rate
        assert verdict.regime == "smooth"
        assert verdict.eta < 1e-3
        assert verdict.highest == pytest.approx(0.05, rel=0.01)
        assert f"learning rate {number(verdict.eta)} at the end (highest {number(verdict.highest)}): smooth" in str(
            verdict
        )


def test_a_schedule_whose_top_is_far_too_high_is_brought_below_the_critical_rate():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(80, 4))
    t = x @ rng.normal(size=(4, 1))
    net = cr.Network(4, [cr.Dense(6, "selu"), cr.Dense(1)], loss="squared_error", seed=0)
    asked = {"optimizer": cr.SGD(schedules.CosLog(1000.0)), "epochs": 30, "batch_size": 20}
    finding = cr.diagnose(net, x, t, **asked).findings[0]
    assert (finding.code, finding.proof.share > 0.9) == ("learning-rate-too-large", True)
    assert finding.case.highest_rate == pytest.approx(1000, rel=0.01)


def test_curvature_refuses_what_is_no_network():
    with pytest.raises(cr.InputError, match=r"net must be a chainrule\.Network"):
        cr.curvature([1.0], [[1.0]], [1.0])
