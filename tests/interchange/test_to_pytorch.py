"""to_pytorch: what is written is sound; benchmarks/export_to_pytorch.py runs it beside the library where PyTorch is.

PyTorch is no dependency: NumPy functions by PyTorch's names stand in for it here, enough for the forward pass and the
loss.
"""

import ast
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import special

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS
from chainrule.core.losses import LOSSES
from chainrule.errors import InputError
from tests.strategies import cases, targets

NEEDS = {"poisson": "exponential", "binary_cross_entropy": "sigmoid", "categorical_cross_entropy": "softmax"}


class Tensor(np.ndarray):
    """An array with PyTorch's methods as the written code uses them."""

    def sum(self, dim=None):  # pyright: ignore[reportIncompatibleMethodOverride] - PyTorch's arguments, not NumPy's
        return np.asarray(self).sum(axis=dim).view(Tensor)

    def mean(self, dim=None, keepdim=False):  # pyright: ignore[reportIncompatibleMethodOverride] - as for sum
        return np.asarray(np.asarray(self).mean(axis=dim, keepdims=keepdim)).view(Tensor)

    def clone(self):
        return self.copy()

    def to(self, dtype):
        return self.astype(dtype)

    def detach(self):
        return self


class Module:
    training = False
    forward: Callable[[Any], Any]  # the written network's

    def register_buffer(self, name, value):
        setattr(self, name, value)

    def __call__(self, x):
        return self.forward(x)


def tensor(values):
    return np.asarray(values).view(Tensor)


def wrapped(function):
    """The function, its answer a Tensor."""
    return lambda *arguments, **named: np.asarray(function(*arguments, **named)).view(Tensor)


def elu(z, alpha):
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def gelu(z, approximate="none"):
    if approximate == "tanh":
        return z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2
    return z * special.ndtr(np.asarray(z))


def huber_loss(y, t, reduction, delta):
    r = np.abs(t - y)
    return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2))


def stand_in():
    """What is called torch."""
    functional = {
        "leaky_relu": lambda z, alpha: np.where(z > 0, z, alpha * z),
        "elu": elu,
        "softsign": lambda z: z / (1 + np.abs(z)),
        "gelu": gelu,
        "silu": lambda z: z * special.expit(np.asarray(z)),
        "hardtanh": lambda z: np.clip(z, -1, 1),
        "dropout": lambda z, rate, training: z,
        "huber_loss": huber_loss,
        "binary_cross_entropy_with_logits": lambda y, t, reduction: np.logaddexp(0, y) - t * y,
    }
    functions = {
        "tensor": np.asarray,
        "as_tensor": np.asarray,
        "sigmoid": lambda z: special.expit(np.asarray(z)),
        "relu": lambda z: np.maximum(z, 0),
        "softmax": lambda z, dim: special.softmax(np.asarray(z), axis=dim),
        "log_softmax": lambda z, dim: special.log_softmax(np.asarray(z), axis=dim),
        "clamp": lambda z, **limits: np.clip(z, limits.get("min"), limits.get("max")),
        "stack": lambda columns, dim: np.stack(columns, axis=dim),
        "where": np.where,
        **{
            name: getattr(np, name)
            for name in ("tanh", "exp", "abs", "sqrt", "log", "log1p", "zeros_like", "logaddexp")
        },
    }
    layers = types.SimpleNamespace(**{name: wrapped(function) for name, function in functional.items()})
    nn = types.SimpleNamespace(Module=Module, Parameter=lambda value: value, functional=layers)
    as_numpy = {"float64": np.float64, "float32": np.float32, "finfo": np.finfo, "nn": nn}
    return types.SimpleNamespace(**as_numpy, **{name: wrapped(function) for name, function in functions.items()})


def run(source):
    head, body = source.split("import torch\n")
    assert ast.get_docstring(ast.parse(head))
    names: dict[str, Any] = {"torch": stand_in()}
    exec(compile(body, "network.py", "exec"), names)
    return names


def close(found, wanted):
    wanted = np.asarray(wanted)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * max(1.0, np.abs(wanted).max()))


def same_network(net, x, t):
    names = run(net.to_pytorch())
    y = names["Network"]()(tensor(x))
    close(y, net.forward(x))
    close(names["loss"](y, tensor(t)), net.loss(x, t))


@settings(max_examples=60)
@given(cases())
def test_the_source_of_a_random_network_computes_its_outputs_and_its_loss(case):
    same_network(case.net, case.x, np.nan_to_num(case.t))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_written(name):
    net = cr.Network(2, [cr.Dense(4, name), cr.Dense(2)], loss="squared_error", seed=0)
    rng = np.random.default_rng(0)
    same_network(net, 3 * rng.normal(size=(6, 2)), rng.normal(size=(6, 2)))


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_written(name):
    net = cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(3, NEEDS.get(name, "identity"))], loss=name, seed=0)
    rng = np.random.default_rng(0)
    same_network(net, rng.normal(size=(6, 2)), targets(rng, name, (6, 3)))


def test_neurons_with_activations_of_their_own_are_written():
    hidden = [cr.Neuron([0.3, -0.2], 0.1, phi) for phi in ("sigmoid", "relu", "identity")]
    net = cr.Network.from_neurons([hidden, [cr.Neuron([1.0, 2.0, -1.0], 0.0)]], loss="squared_error")
    same_network(net, np.ones((2, 2)), np.ones((2, 1)))


def test_constants_are_written():
    rows = cr.activation("leaky_relu", alpha=0.3), cr.loss("quantile", quantile=0.9)
    net = cr.Network(2, [cr.Dense(2, rows[0])], loss=rows[1], seed=0)
    assert "0.3)" in net.to_pytorch()
    same_network(net, -np.ones((2, 2)), np.array([[0.0, 5.0], [5.0, 0.0]]))


def test_batch_norm_follows_the_batch_in_training():
    net = cr.Network(2, [cr.BatchNorm(), cr.Dense(1)], loss="squared_error", seed=0)
    x, t = np.random.default_rng(0).normal(size=(5, 2)), np.ones((5, 1))
    module = run(net.to_pytorch())["Network"]()
    module.training = True
    module(tensor(x))
    net.fit(x, t, epochs=1)
    close(module.running_mean1, net.model.state[0]["mean"])
    close(module.running_variance1, net.model.state[0]["variance"])


def test_what_does_not_learn_is_no_parameter():
    net = cr.Network(2, [cr.Dense(2, trainable=False, mask=[[1, 0], [1, 1]]), cr.Dense(1)], seed=0)
    lines = net.to_pytorch().splitlines()
    learns = {
        name for name in ("W1", "b1", "W2", "b2") for line in lines if f"self.{name} = torch.nn.Parameter" in line
    }
    assert learns == {"W2", "b2"}
    assert any('register_buffer("wired1"' in line for line in lines)


def test_a_float32_network_is_written_in_float32_unless_told_otherwise():
    net = cr.Network(2, [cr.Dense(1)], seed=0, dtype="float32")
    assert "DTYPE = torch.float32" in net.to_pytorch()
    assert "DTYPE = torch.float64" in net.to_pytorch(dtype="float64")


def test_a_large_networks_parameters_are_handed_in():
    net = cr.Network(80, [cr.Dense(80, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    source = net.to_pytorch()
    assert len(source) < 3000
    y = run(source)["Network"](dict(net.parameters))(tensor(np.ones((1, 80))))
    close(y, net.forward(np.ones((1, 80))))


def test_an_unknown_dtype_is_refused():
    with pytest.raises(InputError, match="'float64' or 'float32'"):
        cr.Network(2, [cr.Dense(1)], seed=0).to_pytorch(dtype="float16")
