"""Restarts: the best of several trainings."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.sweeps import one_by_one, restart_seed, restarts
from chainrule.training import Call, Data, Settings, fit

rng = np.random.default_rng(0)
X = rng.normal(size=(9, 2))
T = np.sin(X.sum(axis=1, keepdims=True))
HELD = Data(X[::2] + 0.1, T[::2])


def net(seed=0):
    return cr.Network(2, [cr.Dense(2, "tanh"), cr.Dense(1)], loss="squared_error", seed=seed)


def settings(**options):
    return Settings(
        **{"epochs": 15, "batch_size": 4, "optimizer": cr.SGD(0.1), "seed": 7, "progress": False, **options}
    )


def call_of(network, how, held=None, face=None):
    return Call(network.model, Data(X, T), held, how, face)


def candidates(held, how, count):
    """Each restart as its description says, trained by the reference."""
    found = []
    for k in range(count):
        seed = restart_seed(how.seed, k)
        one = net() if k == 0 else net(seed)
        alone = Settings(**{**vars(how), "seed": seed, "engine": "reference"})
        found.append((one, fit(call_of(one, alone, held))))
    return found


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize(
    ("held", "options"),
    [(None, {}), (HELD, {}), (None, {"patience": 3, "optimizer": cr.SGD(0.4)}), (HELD, {"patience": 2})],
    ids=["", "validation", "patience", "both"],
)
def test_the_best_is_kept_and_its_history_handed_back(engine, held, options):
    how, mine = settings(engine=engine, **options), net()
    history = restarts(call_of(mine, how, held, "a face"), 5)
    found = candidates(held, how, 5)
    reached = [h.validation_loss.min() if held else h.loss.min() if how.patience else h.loss[-1] for _, h in found]
    one, wanted = found[int(np.argmin(reached))]
    np.testing.assert_allclose(mine.parameters.vector, one.parameters.vector, atol=1e-10)
    for of in ("loss", "validation_loss", "learning_rate", "gradient_norm"):
        np.testing.assert_allclose(getattr(history, of), getattr(wanted, of), atol=1e-10, err_msg=of)
    assert (history.seed, history.best_epoch, history.stopped, history.restored) == (
        wanted.seed, wanted.best_epoch, wanted.stopped, wanted.restored
    )  # fmt: skip
    assert (np.diff(history.seconds) >= 0).all()
    call = history.call
    assert (call.settings.seed, call.net) == (wanted.seed, "a face")
    began = net(0 if wanted.seed == 7 else wanted.seed)
    assert call.model.parameters.vector.tolist() == began.parameters.vector.tolist()


def test_one_restart_is_a_plain_fit():
    mine, theirs = net(), net()
    history = restarts(call_of(mine, settings()), 1)
    assert history.loss.tolist() == fit(call_of(theirs, settings())).loss.tolist()
    assert mine.parameters.vector.tolist() == theirs.parameters.vector.tolist()


def test_seeds_of_restarts_differ_and_are_always_the_same():
    seeds = [restart_seed(7, k) for k in range(100)]
    assert seeds[0] == 7
    assert len(set(seeds)) == 100
    assert seeds == [restart_seed(7, k) for k in range(100)]


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_where_all_diverge_it_is_the_first_ones_error(engine):
    mine = net()
    before = mine.parameters.vector.copy()
    with pytest.raises(cr.DivergenceError, match="training diverged in epoch 0"):
        restarts(call_of(mine, settings(optimizer=cr.SGD(1e160), engine=engine)), 3)
    assert mine.parameters.vector.tolist() == before.tolist()


def test_callbacks_see_each_training():
    told = []
    how = settings(callbacks={"stop": lambda event: told.append(event.history.seed)}, engine="compiled", epochs=2)
    restarts(call_of(net(), how), 3)
    assert told == [restart_seed(7, k) for k in range(3)]


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_the_time_limit_is_that_of_all_together(engine):
    how = settings(time_limit=1e-9, engine=engine, epochs=1000)
    history = restarts(call_of(net(), how), 3)
    assert history.stopped == "time limit"
    assert history.epochs < 1000


def test_ctrl_c_before_the_first_epoch_leaves_all_as_it_was(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(one_by_one, "fit", interrupted)
    mine = net()
    history = restarts(call_of(mine, settings()), 3)
    assert (history.stopped, history.epochs) == ("interrupted", 0)
    assert mine.parameters.vector.tolist() == net().parameters.vector.tolist()
