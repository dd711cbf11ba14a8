"""An activation for each unit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS, ElementwiseActivation, activation
from chainrule.core.unitwise import UnitwiseActivation, unitwise
from chainrule.errors import InputError

ELEMENTWISE = [name for name, row in ACTIVATIONS.items() if isinstance(row, ElementwiseActivation)]
several = st.lists(st.sampled_from(ELEMENTWISE), min_size=2, max_size=4, unique=True)


@given(several, st.integers(0, 99))
def test_each_unit_goes_through_its_own_activation(names, seed):
    rows = [activation(name) for name in names]
    together = unitwise(rows)
    z, a, da, z_dot, da_dot = np.random.default_rng(seed).normal(size=(5, 3, len(rows)))
    assert isinstance(together, UnitwiseActivation)
    for j, row in enumerate(rows):
        assert isinstance(row, ElementwiseActivation)
        for name in ("value", "derivative", "second_derivative"):
            np.testing.assert_array_equal(getattr(together, name)(z)[:, j], getattr(row, name)(z[:, j]))
        np.testing.assert_array_equal(together.pull_back(z, a, da)[:, j], da[:, j] * row.derivative(z[:, j]))
        np.testing.assert_array_equal(together.push_forward(z, a, z_dot)[:, j], row.derivative(z[:, j]) * z_dot[:, j])
        expected = da_dot[:, j] * row.derivative(z[:, j]) + da[:, j] * row.second_derivative(z[:, j]) * z_dot[:, j]
        np.testing.assert_array_equal(together.pull_back_dot(z, a, da, z_dot, da_dot)[:, j], expected)


def test_units_that_are_alike_share_their_row():
    row = activation("tanh")
    assert unitwise([row, row]) is row
    softmax = activation("softmax")
    assert unitwise([softmax, softmax]) is softmax


def test_it_tells_the_activations_and_their_range():
    together = unitwise([activation("sigmoid"), activation("tanh"), activation("leaky_relu", alpha=0.2)])
    assert together.name == "unitwise"
    assert together.formula == "by unit: sigmoid, tanh, leaky_relu"
    assert together.range == (-np.inf, np.inf)
    assert unitwise([activation("sigmoid"), activation("tanh")]).range == (-1.0, 1.0)


def test_an_activation_that_mixes_units_cannot_be_one_of_several():
    with pytest.raises(InputError, match="softmax, must be that of all its units"):
        unitwise([activation("softmax"), activation("tanh")])


def test_a_layer_of_another_size_is_refused():
    together = unitwise([activation("sigmoid"), activation("tanh")])
    with pytest.raises(InputError, match="for 2 units, the layer has 3"):
        cr.Network(1, [cr.Dense(3, together)], seed=0).forward([1.0])


def test_float32_stays_float32():
    together = unitwise([activation("sigmoid"), activation("tanh")])
    assert together.value(np.zeros((1, 2), np.float32)).dtype == np.float32
