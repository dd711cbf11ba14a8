"""Layer normalisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.layers import Run
from chainrule.errors import InputError

F64 = np.dtype("float64")


def forward(layer, a, **p):
    p = {**layer.initial_parameters(a.shape[1], np.random.default_rng(0), F64), **p}
    return layer.forward(p, a, {}, Run())


@given(st.integers(1, 4), st.integers(2, 5), st.floats(-50, 50), st.floats(0.1, 100))
def test_each_rows_units_get_mean_0_and_variance_1_whatever_their_place_and_scale(rows, units, place, scale):
    a = place + scale * np.random.default_rng(rows * units).normal(size=(rows, units))
    z = forward(cr.LayerNorm(epsilon=1e-12), a)["z"]
    np.testing.assert_allclose(z.mean(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(z.var(axis=1), 1, rtol=1e-6)


def test_gamma_scales_beta_shifts_and_the_activation_comes_last():
    a = np.array([[1.0, 3.0]])
    record = forward(cr.LayerNorm("relu", epsilon=1e-300), a, gamma=np.array([2.0, 3.0]), beta=np.array([0.5, -0.5]))
    np.testing.assert_allclose(record["z"], [[-1.5, 2.5]])
    np.testing.assert_allclose(record["a"], [[0.0, 2.5]])


def test_a_row_of_equal_units_stays_finite():
    assert (forward(cr.LayerNorm(), np.full((2, 3), 7.0))["z"] == 0).all()


def test_a_row_does_not_depend_on_its_neighbours_even_in_training():
    net = cr.Network(3, [cr.LayerNorm(), cr.Dense(1)], loss="squared_error", seed=0)
    x = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(net.trace(x, training=True)["y"][:1], net.forward(x[:1]), rtol=1e-14)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epsilon": 0.0}, "epsilon must be above 0 and below 1, got 0.0"),
        ({"epsilon": 1.0}, "epsilon must be above 0 and below 1"),
        ({"epsilon": "small"}, "epsilon must be a number, got 'small'"),
        ({"activation": "nothing"}, "unknown activation"),
    ],
    ids=str,
)
def test_a_layer_that_cannot_be_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        cr.LayerNorm(**given)


def test_its_options_make_it_again():
    layer = cr.LayerNorm("tanh", epsilon=0.25, trainable=False)
    assert cr.LayerNorm(**layer.options()).options() == layer.options()
    assert not layer.free("gamma", (3,)).any()
