"""Dropout."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.layers import Run
from chainrule.errors import InputError


def passed(rate, seed, rows=200, units=200):
    a = np.full((rows, units), 3.0)
    return cr.Dropout(rate).forward({}, a, {}, Run(training=True, rng=np.random.default_rng(seed)))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_share_is_dropped_and_the_mean_stays(rate):
    record = passed(rate, 0)
    np.testing.assert_allclose(np.unique(record["a"]), [0.0, 3.0 / (1 - rate)])
    assert (record["a"] == 0).mean() == pytest.approx(rate, abs=0.01)
    assert record["a"].mean() == pytest.approx(3.0, abs=5 * 3.0 * np.sqrt(rate / (1 - rate)) / 200)


def test_the_same_seed_drops_the_same_and_another_others():
    assert (passed(0.5, 1)["mask"] == passed(0.5, 1)["mask"]).all()
    assert (passed(0.5, 1)["mask"] != passed(0.5, 2)["mask"]).any()


def test_outside_training_and_at_rate_0_everything_passes():
    a = np.arange(6.0).reshape(2, 3)
    assert (cr.Dropout(0.9).forward({}, a, {}, Run())["a"] == a).all()
    assert (cr.Dropout(0.0).forward({}, a, {}, Run(training=True))["a"] == a).all()


def test_deltas_pass_where_activations_did():
    layer, record = cr.Dropout(0.5), passed(0.5, 3, 4, 5)
    back = layer.backward({}, record, np.ones((4, 5)))
    assert (back.da_in == record["mask"]).all()
    assert back.gradients == {}


def test_an_update_draws_a_new_mask_and_a_run_is_repeated_by_its_seed():
    net = cr.Network(1, [cr.Dense(50, bias=None), cr.Dropout(0.5), cr.Dense(1)], loss="squared_error", seed=0)

    def dead(net):
        return [(u.gradients["W1"] == 0).ravel().tolist() for u in net.training([[1.0]], [1.0], epochs=2, seed=1)]

    first, second = dead(net.copy())
    assert first != second
    assert dead(net) == [first, second]


def test_a_training_pass_without_a_seed_is_refused_with_the_remedy():
    with pytest.raises(InputError, match="pass seed=0"):
        cr.Dropout(0.5).forward({}, np.ones((1, 1)), {}, Run(training=True))


@pytest.mark.parametrize("rate", [1.0, -0.1, np.nan, "0.5", None, True], ids=str)
def test_a_rate_that_cannot_be_used_is_refused(rate):
    with pytest.raises(InputError, match="rate must be"):
        cr.Dropout(rate)


def test_float32_stays_float32():
    a = np.ones((2, 2), np.float32)
    assert cr.Dropout(0.3).forward({}, a, {}, Run(training=True, rng=np.random.default_rng(0)))["a"].dtype == np.float32


def test_it_has_no_parameters_and_tells_its_rate():
    layer = cr.Dropout(0.25)
    assert layer.parameter_shapes(3) == layer.initial_parameters(3, np.random.default_rng(0), np.dtype("f8")) == {}
    assert layer.units_out(3) == 3
    assert layer.formulas(2)["mask"] == "0 with probability 0.25, else 1/(1 - 0.25); 1 outside training"
    assert layer.options() == {"rate": 0.25}
