"""One unit, built by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import DivergenceError, InputError

X = np.array([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]])
T = np.array([1.0, 0.0])


@pytest.fixture
def neuron():
    return cr.Neuron([2.12, 0.25, 1.45], bias=0.57, activation="sigmoid")


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=4), st.floats(-3, 3), st.data())
def test_it_is_the_activation_of_the_weighted_sum(weights, bias, data):
    x = data.draw(st.lists(st.floats(-3, 3), min_size=len(weights), max_size=len(weights)))
    z = math.fsum(w * v for w, v in zip(weights, x, strict=True)) + bias
    got = cr.Neuron(weights, bias=bias, activation="tanh")(x)
    assert isinstance(got, float)
    assert cr.Neuron(weights).bias == 0.0
    assert got == pytest.approx(math.tanh(z), abs=1e-12)


def test_rows_give_an_array_and_forward_is_the_call(neuron):
    assert neuron(X).shape == (2,)
    assert neuron.forward(X)[0] == pytest.approx(neuron(X[0]), rel=1e-14)


def test_its_gradients_are_those_of_finite_differences(neuron):
    gradients = neuron.gradients(X, T)

    def loss(weights, bias):
        return cr.Neuron(weights, bias=bias, activation="sigmoid").loss(X, T)

    h = 1e-6
    for i in range(3):
        step = h * np.eye(3)[i]
        slope = (loss(neuron.weights + step, 0.57) - loss(neuron.weights - step, 0.57)) / (2 * h)
        assert gradients["weights"][i] == pytest.approx(slope, rel=1e-6)
    slope = (loss(neuron.weights, 0.57 + h) - loss(neuron.weights, 0.57 - h)) / (2 * h)
    assert gradients["bias"] == pytest.approx(slope, rel=1e-6)


def test_a_step_goes_down_the_gradient_and_tells_the_loss_before(neuron):
    weights, bias, gradients, loss = neuron.weights.copy(), neuron.bias, neuron.gradients(X, T), neuron.loss(X, T)
    assert neuron.step(X, T, learning_rate=0.5) == loss
    np.testing.assert_array_equal(neuron.weights, weights - 0.5 * gradients["weights"])
    assert neuron.bias == bias - 0.5 * gradients["bias"]
    assert neuron.loss(X, T) < loss


def test_a_step_out_of_the_finite_numbers_is_refused_and_leaves_the_neuron_as_it_was():
    neuron = cr.Neuron([1.0], bias=0.0)
    with pytest.raises(DivergenceError, match="smaller learning rate"):
        neuron.step([1e5], 0.0, learning_rate=1e305)
    with pytest.raises(DivergenceError, match="smaller learning rate"):
        neuron.step([1e200], 0.0)
    assert (neuron.weights[0], neuron.bias) == (1.0, 0.0)


@pytest.mark.parametrize("eta", [0, -1, math.nan, math.inf, "a", True])
def test_a_learning_rate_that_cannot_be_used_is_refused(neuron, eta):
    with pytest.raises(InputError, match="learning_rate must be"):
        neuron.step(X, T, learning_rate=eta)


def test_weights_are_live_and_can_be_set(neuron: cr.Neuron):
    neuron.weights[0] = 0.0
    neuron.bias = 1.0
    assert neuron([1.0, 0.0, 0.0]) == pytest.approx(1 / (1 + math.exp(-1)))
    neuron.weights = [1, 2, 3]
    assert neuron.weights.tolist() == [1.0, 2.0, 3.0]
    assert repr(neuron) == "Neuron([1.0, 2.0, 3.0], bias=1.0, activation='sigmoid')"


def test_a_neuron_without_bias_has_none():
    neuron = cr.Neuron([1.0, 2.0], bias=None)
    assert neuron.bias is None
    assert neuron.gradients([1.0, 1.0], 0.0)["bias"] is None
    assert neuron([1.0, 1.0]) == 3.0


def test_weights_can_be_drawn_by_a_seed():
    assert (cr.Neuron(5, seed=1).weights == cr.Neuron(5, seed=1).weights).all()
    assert (cr.Neuron(5, seed=1).weights != cr.Neuron(5, seed=2).weights).any()
    assert (cr.Neuron(5).weights != cr.Neuron(5).weights).any()
    assert cr.Neuron(2, init="zeros").weights.tolist() == [0.0, 0.0]


def test_its_trace_is_that_of_a_network_of_one_layer(neuron):
    trace = neuron.trace(X, T)
    assert trace["z1"][0, 0] == pytest.approx(X[0] @ neuron.weights + 0.57)
    assert (trace["dW1"][:, 0] == neuron.gradients(X, T)["weights"]).all()
    assert "E" not in neuron.trace(X)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: cr.Neuron([]), r"weights must be a list of numbers, one for each input, got \[\]"),
        (lambda: cr.Neuron([[1.0]]), "weights must be a list of numbers"),
        (lambda: cr.Neuron([[1.0], [1.0, 2.0]]), "weights must be an array of real numbers"),
        (lambda: cr.Neuron("abc"), "weights must be an array of real numbers, got 'abc'"),
        (lambda: cr.Neuron([1.0, math.nan]), r"weights must be finite, but weights\[1\] is NaN"),
        (lambda: cr.Neuron([math.inf]), r"weights must be finite, but weights\[0\] is inf"),
        (lambda: cr.Neuron(0), "the number of inputs must be at least 1"),
        (lambda: cr.Neuron(2.0), "the number of inputs must be a whole number"),
        (lambda: cr.Neuron([1.0], bias=math.nan), "bias must be finite, but bias is NaN"),
        (lambda: cr.Neuron([1.0], bias=[1.0, 2.0]), r"bias must have shape a single number, got \(2,\)"),
        (lambda: cr.Neuron([1.0], bias="b"), "bias must be an array of real numbers, got 'b'"),
        (lambda: cr.Neuron(2, seed=-1), "seed must be a whole number"),
        (lambda: cr.Neuron([1.0], activation="rel"), "unknown activation 'rel'.*Did you mean 'relu'"),
        (lambda: cr.Neuron([1.0], loss="l2"), "unknown loss 'l2'"),
        (lambda: setattr(cr.Neuron([1.0]), "weights", 3.0), r"weights must have shape \(1,\), got a single number"),
        (lambda: setattr(cr.Neuron([1.0]), "weights", [1.0, 2.0]), r"weights must have shape \(1,\), got \(2,\)"),
        (lambda: setattr(cr.Neuron([1.0]), "bias", None), "bias must be finite"),
        (lambda: setattr(cr.Neuron([1.0], bias=None), "bias", 1.0), "no bias: make one with it"),
        (lambda: cr.Neuron([1.0])([math.nan]), r"x\[0, 0\] is NaN"),
        (lambda: cr.Neuron([1.0])([1.0, 2.0]), r"x must have shape \(N, 1\)"),
        (lambda: cr.Neuron([1.0]).loss(np.zeros((0, 1)), []), "x has no rows"),
        (lambda: cr.Neuron([1.0]).gradients([1.0], [1.0, 2.0]), "t must have shape"),
        (lambda: cr.Neuron([1e308])([1e308]), "outputs of row 0 are not finite"),
    ],
)
def test_what_cannot_be_used_is_refused_by_the_names_of_a_neuron(make, told):
    with pytest.raises(InputError, match=told):
        make()
