"""The learning-rate test: which rates learn, which diverge."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.sweeps import LearningRateTest, learning_rate_test, one_by_one

X, T = np.array([[1.0], [2.0]]), np.array([2.0, 4.0])


def net():
    return cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)


def tried(**options):
    return learning_rate_test(net(), X, T, **{"low": 1e-3, "high": 10, "count": 9, "progress": False, **options})


def test_rates_lie_evenly_on_a_logarithmic_axis():
    found = tried()
    np.testing.assert_allclose(np.diff(np.log(found.rates)), np.log(1e4) / 8)
    assert found.loss.shape == (9, 20)
    assert (found.rates[0], found.rates[-1]) == (1e-3, 10)


def test_every_rate_is_a_run_of_its_own_from_the_same_start():
    found = tried(seed=3, batch_size=1, optimizer=cr.SGD(momentum=0.5), epochs=5)
    for rate, loss in list(zip(found.rates, found.loss, strict=True))[:5]:
        optimizer = cr.SGD(rate, momentum=0.5)
        alone = net().fit(X, T, epochs=5, batch_size=1, optimizer=optimizer, seed=3, engine="reference")
        np.testing.assert_allclose(loss, alone.loss, atol=1e-10)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_the_verdict(engine):
    found = tried(engine=engine)
    assert found.best == pytest.approx(0.1)
    assert found.largest_stable == pytest.approx(0.1)  # the largest curvature is 6.85, so 0.29 would be too much
    assert found.suggested == pytest.approx(0.05)
    assert found.stable.tolist() == [True] * 5 + [False] * 4
    assert "largest stable rate: 0.1" in str(found)


def test_half_the_largest_stable_rate_is_suggested_if_the_best_is_larger():
    losses = np.array([[1.0, 0.9], [0.9, 0.5], [0.8, 0.1], [2.0, np.nan]])
    found = LearningRateTest(cr.SGD(), np.array([0.01, 0.1, 1.0, 10.0]), losses)
    assert (found.best, found.largest_stable, found.suggested) == (1.0, 1.0, 0.5)


def test_a_lucky_rate_above_one_that_diverges_is_not_stable():
    losses = np.array([[1.0, 0.9], [2.0, np.nan], [0.8, 0.1]])
    found = LearningRateTest(cr.SGD(), np.array([0.1, 1.0, 10.0]), losses)
    assert (found.best, found.largest_stable) == (10.0, 0.1)


def test_where_nothing_is_stable_nothing_is_suggested():
    found = tried(low=100, high=1e3)
    assert (found.largest_stable, found.suggested) == (None, None)
    assert "no rate is stable" in str(found)
    assert tried(low=1e200, high=1e201, epochs=3).best is None
    assert "all of them diverged" in str(tried(low=1e200, high=1e201, epochs=3))


def test_it_is_plain_data_too():
    told = json.loads(json.dumps(tried().to_dict(), allow_nan=False))
    assert (told["schema"], told["version"], told["optimizer"]) == ("chainrule/learning-rate-test", 1, "SGD")
    assert told["loss"][-1][-1] is None or told["loss"][-1][-1] > 1


@pytest.mark.parametrize(("options", "words"), [
    ({"low": 0.0}, "low must be a positive finite number"),
    ({"low": 1.0, "high": 0.1}, "low must be below high"),
    ({"count": 0}, "count"),
    ({"epochs": 0}, "epochs"),
    ({"optimizer": "sdg"}, "unknown optimizer"),
    ({"optimizer": "lbfgs"}, "learning_rate_test needs an optimizer"),
])  # fmt: skip
def test_what_cannot_be_used_is_refused(options, words):
    with pytest.raises(cr.InputError, match=words):
        tried(**options)


def test_ctrl_c_keeps_the_epochs_that_all_have_done(monkeypatch):
    def after(runs):
        def fit(*data):
            calls.append(data)
            if len(calls) > runs:
                raise KeyboardInterrupt
            return real(*data)

        calls, real = [], real_fit
        return fit

    real_fit = one_by_one.fit
    monkeypatch.setattr(one_by_one, "fit", after(3))
    found = tried()
    assert found.stopped == "interrupted"
    assert np.isfinite(found.last).sum() == 3
    assert "(interrupted)" in str(found)
    monkeypatch.setattr(one_by_one, "fit", after(0))
    with pytest.raises(KeyboardInterrupt):
        tried()
