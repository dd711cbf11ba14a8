"""A loss is treated by its roles, a row by what it computes: names mean nothing."""

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS, SIGMOID, SOFTMAX, TANH
from chainrule.core.builtin import computes_like, is_builtin
from chainrule.core.losses import BINARY_CROSS_ENTROPY, HUBER, LOSSES, ElementwiseLoss
from chainrule.diagnosis.score import is_cross_entropy
from chainrule.errors import InputError

NAMES = ("my_cross_entropy", "my_squared_error", "squared_error", "binary_cross_entropy", "wave_from_logits",
         "categorical_cross_entropy_from_logits", "poisson", "poisson_from_logits")  # fmt: skip

X = np.random.default_rng(0).normal(size=(30, 2))
T = np.sin(3 * X[:, :1])


def own(name):
    """A loss of somebody's own: (y - t)^4."""
    return ElementwiseLoss(
        name, "(y - t)**4", "mine", derivative_formula="4*(y - t)**3", second_derivative_formula="12*(y - t)**2",
        term=lambda y, t: (y - t) ** 4, term_prime=lambda y, t: 4 * (y - t) ** 3,
        term_second=lambda y, t: 12 * (y - t) ** 2,
    )  # fmt: skip


def network(name, last="identity"):
    return cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1, last)], loss=own(name), seed=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_of_ones_own_has_the_roles_it_states_whatever_its_name(name):
    row = own(name)
    assert not is_builtin(row)
    assert not is_cross_entropy(row)
    assert not row.is_fused
    assert not row.least_squares
    with pytest.raises(InputError, match="needs a least-squares loss"):
        network(name).fit(X, T, epochs=1, optimizer=cr.LevenbergMarquardt())


@pytest.mark.parametrize("name", NAMES)
def test_it_is_trained_explained_and_diagnosed_alike_under_every_name(name):
    net, usual = network(name), network("plain")
    for one in (net, usual):
        one.fit(X, T, epochs=3, optimizer=cr.SGD(0.01), engine="reference")
    np.testing.assert_array_equal(net.parameters.vector, usual.parameters.vector)
    assert str(net.derivation()).replace(name, "plain") == str(usual.derivation())
    why, same = (one.explain("W1[0, 0]", X[:2], T[:2]) for one in (net, usual))
    assert why.value == same.value
    assert why.proof
    found, wanted = (
        cr.diagnose(one, X, T, optimizer=cr.SGD(0.01), epochs=5, seed=0) for one in (network(name), network("plain"))
    )
    assert [f.code for f in found.findings] == [f.code for f in wanted.findings]


@pytest.mark.parametrize("name", NAMES)
def test_no_code_is_written_for_it(name):
    with pytest.raises(InputError, match=f"the loss '{name}' is one of your own"):
        network(name).to_python(X, T)
    with pytest.raises(InputError, match=f"the loss '{name}' is one of your own"):
        network(name).to_pytorch()


@pytest.mark.parametrize("name", ["binary_cross_entropy", "squared_error"])
def test_a_sigmoid_under_it_is_no_pair(name):
    net = network(name, "sigmoid")
    assert "the last delta in one step" not in str(net.derivation())
    gradients = net.gradients(X, T)
    assert cr.check_backprop(net, X, T, gradients=gradients)


def test_an_activation_is_known_by_what_it_computes():
    mine = replace(TANH, name="softmax")
    assert not is_builtin(mine)
    assert computes_like(mine, TANH)
    assert not computes_like(mine, SOFTMAX)
    assert is_builtin(ACTIVATIONS["elu"].with_parameters(alpha=0.3))
    net = cr.Network(2, [cr.Dense(3, mine), cr.Dense(1, mine)], loss="squared_error", seed=0)
    plain = cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1, "tanh")], loss="squared_error", seed=0)
    assert net.explain("W1[0, 0]", X[:1], T[:1]).value == plain.explain("W1[0, 0]", X[:1], T[:1]).value
    with pytest.raises(InputError, match="the activation 'softmax' of layer 1 is one of your own"):
        net.to_python(X, T)


def test_roles_are_carried_along_with_other_constants():
    assert HUBER.with_parameters(delta=3.0).distance
    assert [row.name for row in LOSSES.values() if row.least_squares] == [
        "squared_error", "half_squared_error", "mean_squared_error",
    ]  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_targets_that_a_loss_draws_are_those_it_takes(name):
    row = LOSSES[name]
    t = row.draw_targets(np.random.default_rng(0), (20, 3))
    assert t.shape == (20, 3)
    row.check_targets(t)
    if row.probabilities == "exclusive":
        np.testing.assert_array_equal(t.sum(axis=1), 1)


@pytest.mark.parametrize("span", [(-1.0, 1.0), (2.0, 5.0), (3.0, np.inf), (-np.inf, -2.0)])
def test_targets_stay_within_any_range(span):
    row = replace(own("mine"), target_range=span)
    row.check_targets(row.draw_targets(np.random.default_rng(0), (20, 2)))


@pytest.mark.parametrize("name", LOSSES)
def test_a_fused_loss_names_the_one_it_is_made_of(name):
    row = LOSSES[name]
    assert row.is_fused == (row.unfused is not None)
    if row.unfused is not None:
        assert row.unfused.output_activation == row.link == row.partner
        assert row.unfused.probabilities == row.probabilities
    assert BINARY_CROSS_ENTROPY.partner == SIGMOID.name
