"""Sweeps: each run as if it had been trained alone, and what is told of all of them."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.layers import Dense
from chainrule.engine.unrolled import copies as engine
from chainrule.optimizers.schedules import Cosine, OnPlateau
from chainrule.sweeps import ensemble, one_by_one, sweep

rng = np.random.default_rng(0)
X = rng.normal(size=(9, 2))
T = np.sin(X.sum(axis=1, keepdims=True))
VALIDATION = (X + 0.1, T)
LAYERS = [Dense(2, "tanh"), Dense(1)]


def net(layers=LAYERS, seed=0, **options):
    return cr.Network(2, layers, loss="squared_error", seed=seed, **options)


def swept(start=None, **options):
    return sweep(start or net(), X, T, **{"epochs": 12, "batch_size": 4, "progress": False, **options})


def alone(start, run, **options):
    """The network that a run's description says, trained by the reference."""
    one = cr.Network(start.inputs, start.layers, loss=start.loss_function, seed=run.seed)
    for name in (name for name in one.parameters if name.startswith("W")):
        one.parameters[name] = one.parameters[name] * run.scale
    how = {"epochs": 12, "batch_size": 4, "optimizer": run.optimizer, "seed": run.seed, "engine": "reference"}
    return one, one.fit(X, T, **how | options)


# -------------------------------------------------------------------------------- each as if trained alone
@pytest.mark.parametrize("engine_name", ["compiled", "reference"])
@pytest.mark.parametrize("validation", [None, VALIDATION], ids=["", "validation"])
def test_every_run_is_as_if_trained_alone(engine_name, validation):
    found = swept(
        seeds=[3, 8], optimizers=[cr.SGD(0.1), cr.Adam(0.02)], scales=[1, 0.5], engine=engine_name, threads=2,
        validation=validation,
    )  # fmt: skip
    assert [(run.seed, type(run.optimizer).__name__, run.scale) for run in found.runs] == [
        (seed, optimizer, scale) for seed in (3, 8) for optimizer in ("SGD", "Adam") for scale in (1, 0.5)
    ]
    for k, run in enumerate(found.runs):
        one, history = alone(net(), run, validation=validation)
        np.testing.assert_allclose(found.loss[k], history.loss, atol=1e-10)
        np.testing.assert_allclose(found.vectors[k], one.parameters.vector, atol=1e-10)
        final = history.loss[-1]
        if validation:
            np.testing.assert_allclose(found.validation_loss[k], history.validation_loss, atol=1e-10)
            final = history.validation_loss.min()
        assert found.final[k] == pytest.approx(final, abs=1e-10)
    assert found.finished.all()
    assert found.best == np.argmin(found.final)


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(2, "tanh"), cr.LayerNorm(), Dense(1)],
        [Dense(2, replace(cr.activation("tanh"), name="mine")), Dense(1)],
    ],
    ids=["another layer", "an activation of one's own"],
)
def test_what_cannot_be_written_out_is_trained_one_by_one(layers):
    found = swept(net(layers), seeds=range(2), learning_rates=[0.05, 0.1])
    for k, run in enumerate(found.runs):
        one, history = alone(net(layers), run)
        assert found.loss[k].tolist() == history.loss.tolist()
        assert found.network(k).forward(X).tolist() == one.forward(X).tolist()


def test_compiled_runs_one_by_one_are_shared_out_among_threads(monkeypatch):
    asked, in_threads, fit = [], one_by_one._as_they_end, one_by_one.fit
    monkeypatch.setattr(one_by_one, "choose", lambda *_, **__: "compiled")
    reference = lambda call: replace(call, settings=replace(call.settings, engine="reference"))  # noqa: E731
    monkeypatch.setattr(one_by_one, "fit", lambda call: fit(reference(call)))
    monkeypatch.setattr(one_by_one, "_as_they_end", lambda *how: asked.append(how[-1]) or in_threads(*how))
    large = net([Dense(40, "tanh"), Dense(1)])
    found = swept(large, seeds=range(4), threads=3)
    assert asked == [3]
    for k, run in enumerate(found.runs):
        assert found.loss[k].tolist() == alone(large, run)[1].loss.tolist()


def test_runs_in_threads_are_handed_back_as_they_end():
    assert sorted(one_by_one._as_they_end(lambda k: 10 * k, range(20), 3)) == list(range(0, 200, 10))
    with pytest.raises(ZeroDivisionError):
        list(one_by_one._as_they_end(lambda k: 1 // k, [0, 1, 2], 2))


def test_without_seeds_all_begin_with_the_networks_own_parameters():
    start = net()
    start.parameters["W1"] = np.full((2, 2), 0.3)
    found = swept(start, learning_rates=[1e-12, 1e-11], batch_size=None)
    assert found.runs[0].seed == found.runs[1].seed
    np.testing.assert_allclose(found.parameters["W1"], np.full((2, 2, 2), 0.3), atol=1e-9)
    assert start.parameters["W1"].tolist() == np.full((2, 2), 0.3).tolist()


def test_schedules_are_rates_too():
    found = swept(learning_rates=[0.1, Cosine(0.1), OnPlateau(0.1, patience=1)], seeds=[1])
    for k, run in enumerate(found.runs):
        _, history = alone(net(), run)
        np.testing.assert_allclose(found.loss[k], history.loss, atol=1e-10)


def test_second_order_optimizers_are_trained_one_by_one():
    found = swept(seeds=[1, 2], optimizers=["lbfgs", cr.SGD(0.1)], batch_size=None, epochs=60, engine="compiled")
    for k in (0, 2):
        assert found.runs[k].learning_rate is None
        one = net(seed=found.runs[k].seed)
        history = one.fit(X, T, epochs=60, optimizer="lbfgs", engine="reference")
        np.testing.assert_allclose(found.loss[k, : history.epochs], history.loss, atol=1e-8)
        assert found.stopped[k] == history.stopped
    assert found.finished.all()
    json.dumps(found.to_dict(), allow_nan=False)
    assert "LBFGS" in str(found)


def test_a_share_for_validation_is_the_same_for_all_runs():
    found = swept(seeds=range(3), validation=0.3)
    assert found.validation_loss.shape == (3, 12)


def test_little_work_is_left_to_the_reference_and_much_is_compiled(monkeypatch):
    asked = []
    monkeypatch.setattr(ensemble, "train_in_lanes", lambda *rest: asked.append(rest))
    swept(seeds=range(3))
    assert not asked
    swept(seeds=range(300), epochs=100)
    assert len(asked) == 1


# -------------------------------------------------------------------------------- what goes wrong
@pytest.mark.parametrize("engine_name", ["compiled", "reference"])
def test_a_run_that_diverges_is_told_and_is_never_the_best(engine_name):
    found = swept(seeds=[1], learning_rates=[1e160, 0.05, 1e200], engine=engine_name)
    assert found.stopped == ("diverged", "all epochs", "diverged")
    assert found.diverged.tolist() == [True, False, True]
    assert found.best == 1
    assert np.isnan(found.final[[0, 2]]).all()
    assert np.isnan(found.loss[[0, 2], -1]).all()
    assert np.isfinite(found.vectors).all()
    assert "2 diverged" in str(found)


def test_a_run_whose_last_update_went_too_far_has_diverged():
    linear = net([Dense(2), Dense(1)])
    for engine_name in ("compiled", "reference"):
        found = swept(linear, learning_rates=[1e160, 0.01], epochs=1, batch_size=None, engine=engine_name)
        assert found.stopped == ("diverged", "all epochs")
        assert np.isfinite(found.loss).all()


def test_where_all_diverged_there_is_no_best():
    found = swept(learning_rates=[1e160, 1e170])
    with pytest.raises(cr.InputError, match=r"no run of this sweep has a finite loss \(diverged\)"):
        _ = found.best
    assert str(found) == found.summary
    with pytest.raises(cr.InputError, match="before you plot"):
        found.plot()


@pytest.mark.parametrize(("options", "words"), [
    ({"seeds": []}, "seeds is empty"),
    ({"seeds": 3}, "seeds must be a list of whole numbers"),
    ({"seeds": [1, None]}, "got None among them"),
    ({"seeds": [-1]}, "seed must be a whole number from 0"),
    ({"optimizers": ["sdg"]}, "unknown optimizer 'sdg'"),
    ({"optimizers": 3}, "optimizers must be a list"),
    ({"learning_rates": [0.0]}, "learning_rate must be a positive finite number"),
    ({"learning_rates": 0.1}, "learning_rates must be a list of numbers"),
    ({"learning_rates": [0.1], "optimizers": "lbfgs"}, "a sweep over learning_rates needs an optimizer"),
    ({"optimizers": ["sgd", "lbfgs"]}, "LBFGS needs all rows at once"),
    ({"scales": [np.inf]}, "scales must be finite numbers from 0, got inf"),
    ({"epochs": -1}, "epochs must be at least 0"),
    ({"validation": 3}, "validation must be"),
    ({"validation": (X, X)}, "validation: t must have shape"),
    ({"validation": np.ones(3)}, r"got an array of shape \\(3,\\)"),
    ({"engine": "gpu"}, "unknown engine"),
])  # fmt: skip
def test_what_cannot_be_used_is_refused(options, words):
    with pytest.raises(cr.InputError, match=words.replace("\\\\", "\\")):
        swept(**options)


def test_targets_that_are_all_missing_are_refused():
    with pytest.raises(cr.InputError, match="all are missing"):
        sweep(net(), X, np.full_like(T, np.nan))
    with pytest.raises(cr.InputError, match="the validation's t"):
        swept(validation=(X, np.full_like(T, np.nan)))


def test_ctrl_c_keeps_what_is_done(monkeypatch):
    calls, run_threads = [], engine.run_threads

    def interrupted(*work):
        run_threads(*work)
        calls.append(work)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(engine, "run_threads", interrupted)
    found = swept(seeds=range(3), optimizers=["sgd", "adam"], epochs=1000, engine="compiled")
    done = np.isfinite(found.loss).sum(axis=1)
    assert (done[[0, 2, 4]] > 1).all()  # the first optimizer's runs
    assert (done[[1, 3, 5]] == 0).all()  # the second's were never begun
    assert set(found.stopped) == {"interrupted"}
    assert "6 interrupted" in str(found)
    assert found.best in (0, 2, 4)


def test_ctrl_c_between_runs_one_by_one(monkeypatch):
    begun = []

    def fit(*data):
        begun.append(data)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return many_fit(*data)

    many_fit = one_by_one.fit
    monkeypatch.setattr(one_by_one, "fit", fit)
    found = swept(seeds=range(3))
    assert found.stopped == ("all epochs", "interrupted", "interrupted")
    assert np.isfinite(found.loss).sum(axis=1).tolist() == [12, 0, 0]


# -------------------------------------------------------------------------------- told
def test_a_run_can_be_had_as_a_network():
    found = swept(seeds=[4, 5])
    for k in (0, 1):
        one = found.network(k)
        assert one.seed == found.runs[k].seed
        assert one.parameters.vector.tolist() == found.vectors[k].tolist()
        assert one.parameters["W1"].tolist() == found.parameters["W1"][k].tolist()
    assert found.network().parameters.vector.tolist() == found.vectors[found.best].tolist()
    with pytest.raises(cr.InputError, match="run must be from 0 to 1, got 2"):
        found.network(2)


def test_only_what_differs_is_in_the_table():
    found = swept(seeds=range(12), optimizers=[cr.SGD(0.1, momentum=0.5), "adam"])
    lines = str(found).splitlines()
    assert lines[0].startswith("24 runs of 12 epochs in ")
    assert lines[1].split() == ["run", "seed", "optimizer", "learning", "rate", "loss"]
    assert lines[3].split()[0] == str(found.best)
    assert lines[-1] == "and 14 more"
    assert "SGD(momentum=0.5)" in str(found)
    assert "scale" not in str(found)
    assert found._repr_html_().startswith("<table")
    assert swept(epochs=1).summary.startswith("1 run of 1 epoch in ")


def test_a_schedule_is_told_by_its_name():
    assert "Cosine(eta=0.1, final=0.0)" in str(swept(learning_rates=[0.1, Cosine(0.1)]))


def test_a_sweep_as_plain_data():
    found = swept(seeds=[1, 2], learning_rates=[0.1, Cosine(0.1)], epochs=2)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (told["schema"], told["version"], told["best"]) == ("chainrule/sweep", 1, found.best)
    assert told["loss"] == found.loss.tolist()
    assert told["runs"][0] == {
        "seed": 1, "optimizer": "SGD", "learning_rate": 0.1, "scale": 1.0, "stopped": "all epochs",
    }  # fmt: skip
    assert told["runs"][1]["learning_rate"].startswith("Cosine")


def test_no_epochs_are_as_few_as_there_can_be():
    found = swept(epochs=0)
    assert found.loss.shape == (1, 0)
    assert found.vectors.tolist() == [net().parameters.vector.tolist()]


def test_a_bar_shows_the_epochs_of_all_runs(capfd):
    swept(seeds=range(3), progress=True)
    swept(seeds=range(3), progress=True, engine="compiled")
    assert "36/36 epochs" in capfd.readouterr().err


# -------------------------------------------------------------------------------- when runs stop
@pytest.mark.parametrize("engine_name", ["compiled", "reference"])
def test_patience_stops_each_run_where_fit_would(engine_name):
    how = {"epochs": 40, "patience": 2, "min_delta": 0.01}
    found = swept(seeds=[1, 2], optimizers=[cr.SGD(0.4)], engine=engine_name, **how)
    for k, run in enumerate(found.runs):
        one, history = alone(net(), run, **how)
        assert found.stopped[k] == history.stopped == "patience"
        assert np.isfinite(found.loss[k]).sum() == history.epochs
        np.testing.assert_allclose(found.vectors[k], one.parameters.vector, atol=1e-10)
    assert found.finished.all()


@pytest.mark.parametrize("engine_name", ["compiled", "reference"])
def test_the_time_limit_is_that_of_all_runs_together(engine_name):
    found = swept(seeds=range(3), epochs=1000, time_limit=1e-9, engine=engine_name)
    assert "time limit" in found.stopped
    assert "time limit" in found.summary
    assert not found.finished.all()
