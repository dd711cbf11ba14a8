"""The straightened chain: its differences are what backpropagation gives on kinks."""

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.core import chain as maths
from chainrule.core.activations import ElementwiseActivation, activation
from chainrule.core.layers import Run
from chainrule.core.losses import loss
from chainrule.core.unitwise import unitwise
from chainrule.verify.tangents import straightened

X = np.array([[0.5, -1.0], [1.5, 2.0], [-0.75, 0.25], [0.0, 0.0]])


def leaky_relu():
    row = activation("leaky_relu", alpha=0.25)
    assert isinstance(row, ElementwiseActivation)
    return row


LEAKY = leaky_relu()
SHIFTED = replace(
    LEAKY,
    phi=lambda z, alpha: LEAKY.phi(z - 1, alpha),
    phi_prime=lambda z, alpha: LEAKY.phi_prime(z - 1, alpha),
    kinks=(1.0,),
)
TWO_SIDED = replace(loss("absolute_error"), term_prime=lambda y, t: np.where(y >= t, 1.0, -1.0))
MIXED = unitwise([cr.activation(name) for name in ("relu", "hard_tanh", "tanh")])


def straight(net, x, t):
    """The straightened chain, and its rows' losses by the outputs."""
    records = maths.forward(net.model.chain, net.parameters, x, Run(state=net.model.state))
    return straightened(net.model.chain, records, t)


def loss_along(net, chain, losses, x, v):
    """The mean of the rows' losses, as a function of how far the parameters have moved along v."""

    def at(step):
        parameters = net.parameters.with_vector(net.parameters.vector + step * v)
        records = maths.forward(chain, parameters, x, Run(state=net.model.state))
        return losses(records[-1]["a"]).mean()

    return at


def zero_first(*layers, loss="squared_error", b1=0.0):
    """The first layer's weights are 0 and its biases lie on a kink, so all that follows begins there."""
    net = cr.Network(2, list(layers), loss=loss, seed=0)
    net.parameters["W1"][...] = 0.0
    net.parameters["b1"][...] = b1
    return net


NETS = {
    "relu": zero_first(cr.Dense(3, "relu"), cr.Dense(2)),
    "leaky": zero_first(cr.Dense(3, "leaky_relu"), cr.Dense(3, "leaky_relu"), cr.Dense(2)),
    "selu": zero_first(cr.Dense(3, "selu"), cr.Dropout(0.5), cr.Dense(3, "selu"), cr.Dense(2)),
    "hard": zero_first(cr.Dense(3, "hard_tanh"), cr.Dense(2), b1=1.0),
    "mixed": zero_first(cr.Dense(3, MIXED), cr.Dense(2), b1=[0.0, -1.0, 0.5]),
    "normalised": zero_first(cr.Dense(3, "selu"), cr.LayerNorm("leaky_relu", epsilon=0.1), cr.Dense(2)),
    "softmax": zero_first(cr.Dense(3, "selu"), cr.Dense(2, "softmax"), loss="categorical_cross_entropy"),
    "logits": zero_first(cr.Dense(3, "selu"), cr.Dense(2), loss="categorical_cross_entropy_from_logits"),
    "absolute": zero_first(cr.Dense(3, "selu"), cr.Dense(2), loss="absolute_error"),
    "quantile": zero_first(cr.Dense(3, "relu"), cr.Dense(2), loss=loss("quantile", quantile=0.8)),
    "shifted": zero_first(cr.Dense(3, SHIFTED), cr.Dense(2), b1=1.0),
    "sided": zero_first(cr.Dense(3, "relu"), cr.Dense(2), loss=TWO_SIDED),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("seed", range(3))
def test_its_slope_in_any_direction_is_that_of_backpropagation(name, seed):
    net = NETS[name]
    t = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    if net.loss_function.name in ("absolute_error", "quantile"):
        t = net.forward(X)
        t[1:3, 1] += [1.0, -1.0]  # the others are hit exactly
        t[0, 0] = np.nan
    v = np.random.default_rng(seed).normal(size=net.parameters.vector.size)
    gradient = np.concatenate([g.ravel() for g in net.gradients(X, t).values()])
    at, h = loss_along(net, *straight(net, X, t), X, v), 1e-5
    assert at(0.0) == pytest.approx(net.loss(X, t), abs=1e-15)
    assert (at(h) - at(-h)) / (2 * h) == pytest.approx(gradient @ v, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "categorical_cross_entropy_from_logits"])
def test_what_lies_on_no_kink_keeps_its_activation_and_loss(name):
    net = cr.Network(2, [cr.Dense(3, "relu"), cr.Dense(2)], loss=name, seed=0)
    x, t, v = X[:3], 0.9 * np.eye(2)[[0, 1, 0]] + 0.05, np.random.default_rng(0).normal(size=17)
    ours = loss_along(net, *straight(net, x, t), x, v)
    theirs = loss_along(net, net.model.chain, lambda y: net.loss_function.value(y, t), x, v)
    assert [ours(step) for step in (-3.0, 0.0, 3.0)] == [theirs(step) for step in (-3.0, 0.0, 3.0)]


def test_the_chain_itself_is_left_alone():
    net = NETS["absolute"]
    layers = net.layers
    chain, _ = straight(net, X, net.forward(X))
    assert net.layers is layers
    assert chain.layers[0] is not layers[0]
    assert chain.slots == net.model.chain.slots
