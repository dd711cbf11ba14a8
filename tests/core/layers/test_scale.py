"""Scale: a learned factor for each unit."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine import support
from chainrule.errors import InputError


def network(start=1.0, **keywords):
    layers = [cr.Scale(start, **keywords), cr.Dense(3, "tanh"), cr.Scale(), cr.Dense(1)]
    return cr.Network(2, layers, loss="squared_error", seed=0)


X = np.random.default_rng(0).normal(size=(20, 2))
T = np.sin(X[:, :1])


def test_each_unit_is_multiplied_by_its_own_factor():
    net = cr.Network(2, [cr.Scale()], seed=0)
    net.set_parameters({"gamma1": [2.0, -3.0]})
    np.testing.assert_array_equal(net.forward([[1.0, 1.0], [0.5, 2.0]]), [[2.0, -3.0], [1.0, -6.0]])


def test_a_factor_of_one_changes_nothing():
    plain = cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    scaled = network()
    scaled.set_parameters({"W2": plain.parameters["W1"], "W4": plain.parameters["W2"]})
    np.testing.assert_array_equal(scaled.forward(X), plain.forward(X))


def test_the_factors_are_learned_unless_they_are_not_to_be():
    for trainable in (True, False):
        net = network(0.5, trainable=trainable)
        net.fit(X, T, epochs=3, optimizer=cr.SGD(0.1))
        assert (net.parameters["gamma1"] != 0.5).all() == trainable


@pytest.mark.parametrize("start", [np.nan, np.inf, "one", True])
def test_a_start_that_is_no_number_is_refused(start):
    with pytest.raises(InputError, match="start must be"):
        cr.Scale(start)


def test_engine_auto_trains_by_the_reference():
    net = network()
    assert support.unsupported_reason(net.model.chain) == "layer 1, Scale, has no kernels"
    net.fit(X, T, epochs=2, engine="auto")
    with pytest.raises(InputError, match="layer 1, Scale, has no kernels"):
        net.fit(X, T, epochs=2, engine="compiled")


def test_a_factor_can_be_explained_and_the_explanation_proven():
    net = network(0.0)
    why = net.explain("gamma3[1]", X[:3], T[:3])
    assert why.value == pytest.approx(net.gradients(X[:3], T[:3])["gamma3"][1])
    assert why.proof
    assert net.explain("W2[0, 0]", X[:1], T[:1]).proof
    assert "gamma1[0]*x[0]" in str(net.formula()).replace(" ", "*") or "gamma1[0] x[0]" in str(net.formula())
    assert "gamma3" in str(net.derivation())


def test_a_mistake_in_its_gradient_is_named():
    net = network(0.7)
    gradients = net.gradients(X, T)
    assert cr.check_backprop(net, X, T, gradients=gradients)
    gradients["gamma3"] = -gradients["gamma3"]
    assert not cr.check_backprop(net, X, T, gradients=gradients)


def test_a_file_gives_it_back(tmp_path):
    net = network(0.3)
    net.save(tmp_path / "scaled.safetensors")
    again = cr.load(tmp_path / "scaled.safetensors")
    assert repr(again.layers) == repr(net.layers)
    np.testing.assert_array_equal(again.forward(X), net.forward(X))
