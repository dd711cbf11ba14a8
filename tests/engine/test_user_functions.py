"""Activations and losses of one's own: the same functions, compiled into the same loops."""

import importlib

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import CompileError
from chainrule.extend import ElementwiseActivation, ElementwiseLoss
from tests.engine.test_session import assert_alike

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(23, 3)), RNG.normal(size=(23, 2))


def activation(name, phi, phi_prime, **parameters):
    return ElementwiseActivation(
        name, "z", "a test", parameters=parameters, derivative_formula="1", second_derivative_formula="0",
        phi=phi, phi_prime=phi_prime, phi_second=lambda z, **_: np.zeros_like(z),
    )  # fmt: skip


def loss(name, term, term_prime, **parameters):
    return ElementwiseLoss(
        name, "0", "a test", parameters=parameters, derivative_formula="0", second_derivative_formula="0",
        term=term, term_prime=term_prime, term_second=lambda y, t, **_: np.zeros_like(y),
    )  # fmt: skip


def squareplus(z, b):
    root = np.sqrt(z**2 + b)
    return np.where(z > 0, (z + root) / 2, b / (2 * (root + np.abs(z))))


OWN = [
    activation("squareplus", squareplus, lambda z, b: squareplus(z, b) / np.sqrt(z**2 + b), b=4.0),
    activation(
        "by dtype",
        lambda z: np.where(z > 0, z, z.dtype.type(0.1) * z),
        lambda z: 0.9 * (z > 0).astype(z.dtype) + 0.1,
    ),
    activation("plain words", lambda z: z.copy(), np.ones_like),
    activation("sine", np.sin, np.cos),
    activation("powers", lambda z: 0.1 * z**3 + z / (1 + z**2) ** 0.5, lambda z: 0.3 * z**2 + (1 + z**2) ** -1.5),
    activation(
        "many words",
        lambda z: np.tanh(z) + np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0) - np.minimum(0.1, z) + np.clip(z, -1, 1),
        lambda z: 1 - np.tanh(z) ** 2 + np.sign(z) * 0.1 + np.expm1(-np.square(z)) + 0 * np.full_like(z, 0.1),
    ),
]  # fmt: skip

LOSSES = [
    loss("quartic", lambda y, t: (t - y) ** 4, lambda y, t: 4 * (y - t) ** 3),
    loss("bent", lambda y, t, k: np.where(np.abs(y - t) < k, (t - y) ** 2, k * np.abs(y - t)),
         lambda y, t, k: np.where(np.abs(y - t) < k, 2 * (y - t), k * np.sign(y - t)), k=1.5),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("row", OWN, ids=lambda row: row.name)
def test_an_activation_of_ones_own_trains_as_the_reference_does(row, dtype):
    net = cr.Network(3, [cr.Dense(5, row), cr.Dense(2)], loss="squared_error", seed=0, dtype=dtype)
    assert_alike(net, X, T, epochs=20, batch_size=8, optimizer=cr.SGD(0.01), seed=1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.name)
def test_a_loss_of_ones_own_trains_as_the_reference_does(row, dtype):
    net = cr.Network(3, [cr.Dense(5, "tanh"), cr.Dense(2)], loss=row, seed=0, dtype=dtype)
    t = T.copy()
    t[3, 1] = np.nan
    assert_alike(net, X, t, epochs=20, batch_size=8, optimizer=cr.SGD(0.01), seed=1)


@pytest.fixture
def stubborn():
    """A network with a function that only the interpreter can run."""
    row = activation("stubborn", np.vectorize(lambda v: float(str(v))), np.ones_like)
    return cr.Network(3, [cr.Dense(2, row)], loss="squared_error", seed=0)


def test_what_cannot_be_compiled_is_named_and_nothing_is_changed(stubborn):
    before = stubborn.parameters.vector.copy()
    with pytest.raises(CompileError, match=r"the activation stubborn cannot be compiled: .*Use engine='reference'"):
        stubborn.fit(X, T, epochs=3, engine="compiled")
    assert (stubborn.parameters.vector == before).all()


def test_what_cannot_be_compiled_is_left_to_the_reference_where_the_engine_is_free(stubborn, monkeypatch):
    module = importlib.import_module("chainrule.training.fit")
    monkeypatch.setattr(module, "choose", lambda *_, **__: "compiled")
    assert stubborn.fit(X, T, epochs=3).epochs == 3
