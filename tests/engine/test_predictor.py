"""Predictions, gradients and steps by machine code, beside the reference's."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DivergenceError, InputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1001, 7))
LAYERS = [
    cr.Dense(20, "tanh", bias="shared"), cr.LayerNorm(), cr.BatchNorm("relu"), cr.Dropout(0.3),
    cr.Dense(5, "softmax", mask=RNG.integers(2, size=(20, 5))), cr.Dense(3),
]  # fmt: skip


@pytest.fixture(params=["float64", "float32"])
def net(request):
    net = cr.Network(7, LAYERS, loss="categorical_cross_entropy_from_logits", seed=0, dtype=request.param)
    net.fit(X[:60], np.eye(3)[RNG.integers(3, size=60)], epochs=3, engine="reference")
    return net


def close(net):
    return {"rtol": 0, "atol": 1e-13 if net.model.chain.dtype == np.float64 else 1e-5}


@pytest.mark.parametrize("threads", [1, 2])
def test_predictions_are_the_references(net, threads):
    for of in (net.predict, net.forward):
        np.testing.assert_allclose(of(X, engine="compiled", threads=threads), of(X), **close(net))
        np.testing.assert_allclose(of(X[3], engine="compiled"), of(X[3]), **close(net))


def test_a_predictor_is_asked_row_by_row_or_for_many_and_keeps_its_parameters(net):
    predictor, wanted = net.predictor(threads=2), net.predict(X)
    net.parameters.vector[...] = 0
    np.testing.assert_allclose(predictor(X), wanted, **close(net))
    np.testing.assert_allclose(predictor(X[3]), wanted[3], **close(net))
    np.testing.assert_allclose(predictor(X[:5]), wanted[:5], **close(net))
    np.testing.assert_allclose(predictor(list(X[4])), wanted[4], **close(net))


def test_a_network_that_takes_rows_first_through_a_normalisation():
    net = cr.Network(7, [cr.LayerNorm(), cr.Dense(3, "tanh")], loss="squared_error", seed=0)
    np.testing.assert_allclose(net.predict(X, engine="compiled"), net.predict(X), rtol=0, atol=1e-13)


def test_outputs_that_are_not_finite_are_refused_with_their_row():
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[1e300]]})
    with pytest.raises(InputError, match="the outputs of row 1 are not finite"):
        net.predict([[1.0], [1e300]], engine="compiled")


@pytest.mark.parametrize("threads", [1, 2])
def test_gradients_are_the_references(threads):
    layers = [cr.Dense(20, "tanh", bias="shared"), cr.LayerNorm(), cr.Dense(3, trainable=False), cr.Dense(3)]
    net = cr.Network(7, layers, loss="squared_error", seed=0)
    t, weights = RNG.normal(size=(1001, 3)), RNG.uniform(size=1001)
    t[5] = np.nan
    wanted = net.gradients(X, t, weights=weights, engine="reference")
    found = net.gradients(X, t, weights=weights, engine="compiled", threads=threads)
    before = net.parameters.vector.copy()
    assert list(found) == list(wanted)
    for name in ("W1", "b1", "gamma2", "beta2", "W4", "b4"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-13)
    assert (net.parameters.vector == before).all()


def test_steps_are_told_as_the_references():
    net = cr.Network(7, LAYERS, loss="categorical_cross_entropy_from_logits", seed=0)
    t = np.eye(3)[RNG.integers(3, size=1001)]
    how = {"epochs": 2, "batch_size": 300, "optimizer": cr.Adam(cr.schedules.Cosine(0.01)), "seed": 1, "clip_norm": 0.1}
    mine, theirs = net.copy(), net.copy()
    for found, wanted in zip(mine.training(X, t, engine="compiled", **how), theirs.training(X, t, **how), strict=True):
        for told in ("epoch", "number", "learning_rate", "ends_epoch"):
            assert getattr(found, told) == getattr(wanted, told)
        assert (found.rows == wanted.rows).all()
        assert found.loss == pytest.approx(wanted.loss, abs=1e-12)
        for told in ("gradients", "updates", "parameters"):
            np.testing.assert_allclose(getattr(found, told).vector, getattr(wanted, told).vector, rtol=0, atol=1e-10)


def test_a_step_out_of_the_finite_numbers_is_named():
    net = cr.Network(1, [cr.Dense(1), cr.Dense(1)], loss="squared_error", seed=0)
    with pytest.raises(DivergenceError, match="training diverged in epoch"):
        list(net.training([[1.0]], [1e9], epochs=1000, optimizer=cr.SGD(1e3), engine="compiled"))
