"""Batch normalisation."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.layers import Run
from chainrule.errors import InputError

F64 = np.dtype("float64")
A = np.random.default_rng(0).normal(5.0, 3.0, (6, 2))


def record_of(layer, a, *, training, state=None):
    p = layer.initial_parameters(a.shape[1], np.random.default_rng(0), F64)
    return layer.forward(p, a, state or layer.initial_state(a.shape[1], F64), Run(training=training))


def test_in_training_each_unit_gets_mean_0_and_variance_1_over_the_rows():
    z = record_of(cr.BatchNorm(epsilon=1e-12), A, training=True)["z"]
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.var(axis=0), 1)


def test_outside_training_the_running_statistics_are_used():
    state = {"mean": np.array([1.0, 2.0]), "variance": np.array([4.0, 9.0])}
    z = record_of(cr.BatchNorm(epsilon=1e-300), A, training=False, state=state)["z"]
    np.testing.assert_allclose(z, (A - [1.0, 2.0]) / [2.0, 3.0])


def test_running_statistics_begin_as_standard_and_follow_the_batch_by_momentum():
    layer = cr.BatchNorm(momentum=0.75)
    state = layer.initial_state(2, F64)
    assert (state["mean"].tolist(), state["variance"].tolist()) == ([0.0, 0.0], [1.0, 1.0])
    after = layer.next_state(state, record_of(layer, A, training=True))
    np.testing.assert_allclose(after["mean"], 0.25 * A.mean(axis=0))
    np.testing.assert_allclose(after["variance"], 0.75 + 0.25 * A.var(axis=0))
    assert state["mean"].tolist() == [0.0, 0.0]


def test_after_long_training_predictions_are_those_of_the_data():
    net = cr.Network(2, [cr.BatchNorm(momentum=0.5), cr.Dense(1)], loss="squared_error", seed=0)
    net.fit(A, A.sum(axis=1), epochs=100, optimizer=cr.SGD(1e-12))
    np.testing.assert_allclose(net.forward(A), net.trace(A, training=True)["y"], rtol=1e-9)


def test_a_single_row_cannot_be_trained_on_but_predicted():
    layer = cr.BatchNorm()
    with pytest.raises(InputError, match="one row: choose a batch_size that leaves at least two rows"):
        record_of(layer, A[:1], training=True)
    assert record_of(layer, A[:1], training=False)["z"].shape == (1, 2)


def test_untrainable_scale_and_shift_stay_while_running_statistics_follow():
    net = cr.Network(2, [cr.BatchNorm(trainable=False), cr.Dense(1)], loss="squared_error", seed=0)
    net.fit(A, A.sum(axis=1), epochs=3)
    assert net.parameters["gamma1"].tolist() == [1.0, 1.0]
    assert net.parameters["beta1"].tolist() == [0.0, 0.0]
    assert (net.model.state[0]["mean"] > 0).all()


def test_float32_stays_float32_in_the_running_statistics():
    net = cr.Network(2, [cr.BatchNorm(momentum=0.3), cr.Dense(1)], loss="squared_error", seed=0, dtype="float32")
    net.fit(A, A.sum(axis=1), epochs=3)
    assert {value.dtype.name for value in net.model.state[0].values()} == {"float32"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1, got 1.0"),
        ({"momentum": -0.1}, "momentum must be at least 0"),
        ({"epsilon": 0}, "epsilon must be above 0"),
        ({"epsilon": None}, "epsilon must be a number, got None"),
    ],
    ids=str,
)
def test_a_layer_that_cannot_be_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        cr.BatchNorm(**given)


def test_its_options_make_it_again():
    layer = cr.BatchNorm("relu", momentum=0.5, epsilon=0.01, trainable=False)
    assert cr.BatchNorm(**layer.options()).options() == layer.options()
