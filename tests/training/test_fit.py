"""fit: what an epoch's loss is, which parameters are kept, and every way in which training can end."""

import contextlib
import importlib
import signal
import threading

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.errors import DivergenceError, InputError
from chainrule.training import EVENTS, Data, split

X = np.array([[0.0, 1.0], [1.0, 0.5], [-1.0, 0.25], [0.5, -2.0], [0.25, 0.75]])
T = np.array([[1.0], [0.0], [0.5], [-1.0], [2.0]])


@pytest.fixture
def net():
    return cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)


def same_bits(net, other):
    return net.parameters.vector.tobytes() == other.parameters.vector.tobytes()


# -------------------------------------------------------------------------------- the loss of an epoch
def test_with_a_full_batch_the_loss_of_an_epoch_is_the_loss_before_its_update(net):
    twin = net.copy()
    history = net.fit(X, T, epochs=5, optimizer=cr.SGD(0.1))
    for loss in history.loss:
        assert loss == twin.loss(X, T)
        next(twin.training(X, T, optimizer=cr.SGD(0.1)))
    assert history.epochs == 5
    assert history.stopped == "all epochs"


def test_a_smaller_last_batch_counts_by_its_rows(net):
    batches = [u.loss for u in net.copy().training(X, T, epochs=1, batch_size=2, shuffle=False)]
    history = net.fit(X, T, epochs=1, batch_size=2, shuffle=False)
    assert history.loss[0] == pytest.approx((2 * batches[0] + 2 * batches[1] + batches[2]) / 5, rel=1e-14)


def test_a_batch_counts_by_the_weights_of_its_rows_and_one_without_targets_not_at_all(net):
    t, weights = T.copy(), [1.0, 2.0, 3.0, 4.0, 5.0]
    t[2:4] = np.nan
    settings = {"batch_size": 2, "shuffle": False, "weights": weights}
    batches = [u.loss for u in net.copy().training(X, t, epochs=1, **settings)]
    history = net.fit(X, t, epochs=1, **settings)
    assert history.loss[0] == pytest.approx((3 * batches[0] + 5 * batches[2]) / 8, rel=1e-14)


def test_the_history_tells_rate_gradient_and_time_of_each_epochs_last_update(net):
    updates = []
    history = net.fit(
        X, T, epochs=3, batch_size=2, optimizer=cr.SGD(cr.schedules.Exponential(0.1, 0.5)),
        callbacks={"update": lambda event: updates.append(event.update)},
    )  # fmt: skip
    last = [u for u in updates if u.ends_epoch]
    assert history.learning_rate.tolist() == [0.1, 0.05, 0.025]
    assert history.gradient_norm == pytest.approx([np.linalg.norm(u.gradients.vector) for u in last])
    assert (np.diff(history.seconds) > 0).all()


# -------------------------------------------------------------------------------- seeds
def fitted(seed=1, **settings):
    net = cr.Network(2, [cr.Dense(8, "tanh"), cr.Dropout(0.5), cr.Dense(1)], loss="squared_error", seed=0)
    history = net.fit(X, T, epochs=3, batch_size=2, seed=seed, **settings)
    return net, history


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    assert same_bits(fitted(1)[0], fitted(1)[0])
    assert fitted(1)[1].losses == fitted(1)[1].losses
    assert not same_bits(fitted(1)[0], fitted(2)[0])


def test_a_drawn_seed_is_kept_so_that_the_run_can_be_repeated():
    net, history = fitted(None, validation=0.4)
    again, _ = fitted(history.seed, validation=0.4)
    assert same_bits(net, again)


# -------------------------------------------------------------------------------- validation
def test_validation_loss_is_taken_after_the_epoch_as_a_prediction():
    layers = [cr.Dense(4, "tanh"), cr.BatchNorm(), cr.Dropout(0.5), cr.Dense(1)]
    net = cr.Network(2, layers, loss="squared_error", seed=0)
    seen = []
    xv, tv, wv = X[:3] + 0.1, T[:3], [1.0, 2.0, 3.0]
    history = net.fit(
        X, T, epochs=4, validation=(xv, tv, wv),
        callbacks={"epoch": lambda event: seen.append(net.loss(xv, tv, weights=wv))},
    )  # fmt: skip
    assert history.validation_loss.tolist() == seen


@pytest.mark.parametrize(
    ("rows", "fraction", "held"), [(8, 0.25, 2), (8, 0.3, 2), (2, 0.9, 1), (3, 0.01, 1), (5, 0.99, 4)]
)
def test_a_fraction_of_the_rows_is_set_aside_at_least_one_on_each_side(rows, fraction, held):
    data = Data(np.arange(rows)[:, None], np.arange(rows)[:, None] * 10, np.arange(rows) * 100)
    train, validation = split(data, fraction, seed=3)
    numbers = train.x[:, 0].tolist(), validation.x[:, 0].tolist()
    assert len(numbers[1]) == held
    assert sorted(numbers[0] + numbers[1]) == list(range(rows))
    for part in (train, validation):
        assert (part.t == part.x * 10).all()
        assert (part.weights == part.x[:, 0] * 100).all()


def test_a_fraction_trains_on_its_part_and_validates_on_the_other(net):
    train, held = split(Data(X, T, np.arange(1.0, 6.0)), 0.4, seed=5)
    twin = net.copy()
    history = net.fit(X, T, epochs=3, validation=0.4, weights=np.arange(1.0, 6.0), seed=5)
    same = twin.fit(*train[:2], weights=train.weights, epochs=3, validation=held, seed=5)
    assert same_bits(net, twin)
    assert history.validation_losses == same.validation_losses


def test_a_split_depends_on_the_seed():
    data = Data(np.arange(30)[:, None], np.zeros((30, 1)))
    parts = [split(data, 0.5, seed)[1].x[:, 0].tolist() for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]


@pytest.mark.parametrize(
    ("validation", "told"),
    [
        (1.0, "share of at least two rows between 0 and 1"),
        (0.0, "got 0.0"),
        (1, "got 1$|got 1\\."),
        ((X,), "validation must be"),
        ("half", "validation must be"),
        ((X, T[:2]), "validation: t must have shape"),
        ((X[:, :1], T), "validation: x must have shape"),
        ((X[:0], T[:0]), "validation: x has no rows"),
        ((X, T, [-1] * 5), "validation: weights must not be negative"),
        ((X, np.full_like(T, np.nan)), "the validation's t has no target"),
    ],
)
def test_validation_that_cannot_be_used_is_refused_before_anything_changes(net, validation, told):
    before = net.parameters.vector.copy()
    with pytest.raises(InputError, match=told):
        net.fit(X, T, validation=validation)
    assert (net.parameters.vector == before).all()


def test_a_single_row_cannot_be_split(net):
    with pytest.raises(InputError, match="at least two rows"):
        net.fit(X[:1], T[:1], validation=0.5)


# -------------------------------------------------------------------------------- the best parameters
def overshooting(**settings):
    """y = w x from w = 0: training draws w to 2, validation would have it at 1; the vectors after each epoch."""
    net = cr.Network(1, [cr.Dense(1, bias=None)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[0.0]]})
    vectors = []
    history = net.fit(
        [[1.0]], [2.0], epochs=40, optimizer=cr.SGD(0.05),
        callbacks={"epoch": lambda event: vectors.append(event.model.parameters.vector.copy())}, **settings,
    )  # fmt: skip
    return net, history, vectors


def test_patience_stops_and_the_best_epochs_parameters_are_back_bit_for_bit():
    net, history, vectors = overshooting(validation=([[1.0]], [1.0]), patience=3)
    assert history.stopped == "patience"
    assert history.best_epoch == int(np.argmin(history.validation_loss)) == history.epochs - 4
    assert net.parameters.vector.tobytes() == vectors[history.best_epoch].tobytes()
    assert net.loss([[1.0]], [1.0]) == history.validation_loss.min()
    assert history.restored


def test_validation_without_patience_goes_on_to_the_end_and_restores_the_best_all_the_same():
    net, history, vectors = overshooting(validation=([[1.0]], [1.0]))
    assert (history.stopped, history.epochs, history.restored) == ("all epochs", 40, True)
    assert history.best_epoch == int(np.argmin(history.validation_loss)) < 39
    assert net.parameters.vector.tobytes() == vectors[history.best_epoch].tobytes()


def test_without_validation_and_patience_the_last_parameters_stay():
    net, history, vectors = overshooting()
    assert net.parameters.vector.tobytes() == vectors[-1].tobytes()
    assert not history.restored


def test_without_validation_the_best_parameters_are_those_that_had_the_lowest_training_loss():
    net = cr.Network(1, [cr.Dense(1, bias=None)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[0.0]]})
    x, t = [[1.0], [2.0]], [1.0, 2.0]

    def disturb(event):
        if event.history.epochs == 3:
            event.model.parameters.vector += 5.0

    history = net.fit(x, t, epochs=50, optimizer=cr.SGD(0.01), patience=2, callbacks={"epoch": disturb})
    assert (history.best_epoch, history.epochs) == (2, 5)
    assert net.loss(x, t) == history.loss[2] == history.loss.min()


@pytest.mark.parametrize("event", ["start", "epoch"])
def test_a_callback_that_changes_parameters_changes_which_the_next_epochs_loss_belongs_to(net, event):
    def improve(told):
        if told.history.epochs in (0, 1):
            told.model.parameters["b2"][...] -= 0.1

    x, t = X, T * 0 - 5
    history = net.fit(x, t, epochs=9, optimizer=cr.SGD(1e-9), patience=2, callbacks={event: improve})
    assert net.loss(x, t) == history.loss[history.best_epoch]


def test_min_delta_ends_patience_but_the_lowest_loss_is_still_the_best():
    net, history, vectors = overshooting(validation=([[1.0]], [1.0]), patience=3, min_delta=0.3)
    losses = history.validation_loss
    assert history.stopped == "patience"
    to_beat, since = np.inf, 0
    for epoch, loss in enumerate(losses):
        to_beat, since = (loss, epoch) if loss < to_beat - 0.3 else (to_beat, since)
    assert history.epochs == since + 4
    assert history.best_epoch == int(np.argmin(losses)) > since
    assert net.parameters.vector.tobytes() == vectors[history.best_epoch].tobytes()


def test_running_statistics_are_put_back_with_the_best_parameters():
    net = cr.Network(2, [cr.Dense(3), cr.BatchNorm(), cr.Dense(1)], loss="squared_error", seed=0)
    validation = (X + 0.3, T - 0.5)
    history = net.fit(X, T, epochs=60, optimizer=cr.SGD(0.1), validation=validation)
    assert history.best_epoch < 59
    assert net.loss(*validation) == history.validation_loss[history.best_epoch]


def test_running_statistics_follow_the_batches():
    net = cr.Network(2, [cr.BatchNorm(momentum=0.75), cr.Dense(1)], loss="squared_error", seed=0)
    net.fit(X, T, epochs=1, batch_size=3, shuffle=False)
    first = 0.25 * X[:3].mean(axis=0)
    np.testing.assert_allclose(net.model.state[0]["mean"], 0.75 * first + 0.25 * X[3:].mean(axis=0))
    first = 0.75 + 0.25 * X[:3].var(axis=0)
    np.testing.assert_allclose(net.model.state[0]["variance"], 0.75 * first + 0.25 * X[3:].var(axis=0))


# -------------------------------------------------------------------------------- weights and missing targets
def test_whole_weights_train_like_repeated_rows_and_weight_0_like_a_removed_one(net):
    twin, counts = net.copy(), [2, 0, 1, 3, 0]
    history = net.fit(X, T, epochs=20, optimizer=cr.SGD(0.1), weights=counts)
    same = twin.fit(np.repeat(X, counts, axis=0), np.repeat(T, counts, axis=0), epochs=20, optimizer=cr.SGD(0.1))
    np.testing.assert_allclose(net.parameters.vector, twin.parameters.vector, rtol=1e-10)
    np.testing.assert_allclose(history.loss, same.loss, rtol=1e-10)


def test_rows_without_targets_train_like_removed_ones(net):
    twin, t = net.copy(), T.copy()
    t[[1, 4]] = np.nan
    history = net.fit(X, t, epochs=20, optimizer=cr.SGD(0.1))
    same = twin.fit(X[[0, 2, 3]], T[[0, 2, 3]], epochs=20, optimizer=cr.SGD(0.1))
    np.testing.assert_allclose(net.parameters.vector, twin.parameters.vector, rtol=1e-10)
    np.testing.assert_allclose(history.loss, same.loss, rtol=1e-10)


def test_an_output_without_targets_learns_nothing():
    net = cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(2)], loss="squared_error", seed=0)
    before = net.parameters.copy()
    net.fit(X, np.column_stack([T, np.full_like(T, np.nan)]), epochs=3)
    assert (net.parameters["W2"][:, 1] == before["W2"][:, 1]).all()
    assert (net.parameters["W2"][:, 0] != before["W2"][:, 0]).all()


CLASSES = np.array([0, 1, 1, 1, 0])


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize(
    ("class_weight", "weights"),
    [
        ({0: 3.0}, [3, 1, 1, 1, 3]),
        ({0: np.int64(3), 1: np.float32(0.5)}, [3, 0.5, 0.5, 0.5, 3]),
        ("balanced", [5 / 4, 5 / 6, 5 / 6, 5 / 6, 5 / 4]),
    ],
    ids=["dict", "numpy", "balanced"],
)
def test_class_weights_weigh_each_row_by_its_class_and_multiply_its_own(class_weight, weights, one_hot):
    last = cr.Dense(2, "softmax") if one_hot else cr.Dense(1, "sigmoid")
    loss = "categorical_cross_entropy" if one_hot else "binary_cross_entropy"
    net = cr.Network(2, [last], loss=loss, seed=0)
    twin, t, own = net.copy(), np.eye(2)[CLASSES] if one_hot else CLASSES, np.arange(1.0, 6.0)
    net.fit(X, t, epochs=3, class_weight=class_weight, weights=own)
    twin.fit(X, t, epochs=3, weights=own * weights)
    np.testing.assert_allclose(net.parameters.vector, twin.parameters.vector, rtol=1e-12)


# -------------------------------------------------------------------------------- callbacks
def test_events_come_in_order(net):
    seen = []
    callbacks = {name: lambda event: seen.append(event.name) for name in EVENTS}
    net.fit(X, T, epochs=2, batch_size=3, callbacks=callbacks, optimizer=cr.SGD(1e-3))
    epoch = ["update", "update", "improvement", "epoch"]
    assert seen == ["start", *epoch, *epoch, "stop"]


def test_a_callback_sees_the_run_so_far_and_several_may_wait_for_one_event(net):
    seen = []
    one = lambda event: seen.append((event.history.epochs, event.update.number, event.model is net.model))  # noqa: E731
    two = lambda event: seen.append("two")  # noqa: E731
    starts = lambda event: seen.append(event.update)  # noqa: E731
    net.fit(X, T, epochs=2, callbacks={"epoch": [one, two], "start": starts})
    assert seen == [None, (1, 0, True), "two", (2, 1, True), "two"]


@pytest.mark.parametrize(
    ("event", "updates", "epochs"), [("start", 0, 0), ("update", 1, 0), ("improvement", 2, 1), ("epoch", 2, 1)]
)
def test_a_callback_that_returns_true_stops_training(net, event, updates, epochs):
    taken = []
    history = net.fit(
        X, T, epochs=9, batch_size=3, callbacks={event: lambda _: True, "stop": lambda e: taken.append(e.update)}
    )
    assert history.stopped == "callback"
    assert history.epochs == epochs
    assert (0 if taken[0] is None else taken[0].number + 1) == updates


def test_only_true_stops_and_the_end_cannot_be_stopped(net):
    history = net.fit(X, T, epochs=3, callbacks={"epoch": lambda _: 1, "stop": lambda _: True})
    assert (history.epochs, history.stopped) == (3, "all epochs")


def test_the_first_reason_to_stop_is_the_one_told(net):
    history = net.fit(X, T, epochs=9, time_limit=1e-9, callbacks={"update": lambda _: True})
    assert history.stopped == "callback"


def test_time_is_up_after_the_update_in_which_it_runs_out(net):
    history = net.fit(X, T, epochs=10**9, time_limit=0.05)
    assert history.stopped == "time limit"
    assert 0 < history.epochs < 10**9
    assert net.copy().fit(X, T, epochs=9, batch_size=1, time_limit=1e-9).epochs == 0


# -------------------------------------------------------------------------------- interruption
def interrupt_at(epoch):
    def callback(event):
        if event.history.epochs == epoch:
            signal.raise_signal(signal.SIGINT)

    return {"epoch": callback}


def test_ctrl_c_keeps_the_model_and_hands_back_the_history_so_far(net):
    twin, ends = net.copy(), []
    callbacks = interrupt_at(3) | {"stop": lambda event: ends.append(event.history.stopped)}
    history = net.fit(X, T, epochs=1000, seed=1, callbacks=callbacks)
    twin.fit(X, T, epochs=3, seed=1)
    assert (history.stopped, history.epochs, ends) == ("interrupted", 3, ["interrupted"])
    assert same_bits(net, twin)
    assert np.isfinite(net.forward(X)).all()


def test_ctrl_c_at_any_moment_ends_training(net):
    timer = threading.Timer(0.1, signal.raise_signal, [signal.SIGINT])
    history = net.fit(X, T, epochs=10**9, batch_size=2, callbacks={"start": lambda _: timer.start()})
    timer.join()
    assert history.stopped == "interrupted"
    assert np.isfinite(net.forward(X)).all()


def test_ctrl_c_with_validation_restores_the_best_so_far():
    net, history, vectors = None, None, []
    net = cr.Network(1, [cr.Dense(1, bias=None)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[0.0]]})

    def capture(event):
        vectors.append(event.model.parameters.vector.copy())
        if event.history.epochs == 30:
            raise KeyboardInterrupt

    settings = {"optimizer": cr.SGD(0.05), "validation": ([[1.0]], [1.0]), "callbacks": {"epoch": capture}}
    history = net.fit([[1.0]], [2.0], epochs=40, **settings)
    assert (history.stopped, history.epochs) == ("interrupted", 30)
    assert net.parameters.vector.tobytes() == vectors[history.best_epoch].tobytes()


def test_ctrl_c_while_validating_leaves_whole_epochs_in_the_history(net, monkeypatch):
    calls = []

    def evaluate(model, data):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return float(len(calls))

    monkeypatch.setattr(importlib.import_module("chainrule.training.run"), "evaluate", evaluate)
    history = net.fit(X, T, epochs=9, validation=(X, T))
    measured = (history.loss, history.validation_loss, history.learning_rate, history.gradient_norm, history.seconds)
    assert {len(values) for values in measured} == {2}


def test_ctrl_c_before_the_first_update_is_an_interruption_too(net):
    def start(event):
        raise KeyboardInterrupt

    before = net.parameters.vector.copy()
    history = net.fit(X, T, callbacks={"start": start})
    assert (history.stopped, history.epochs) == ("interrupted", 0)
    assert (net.parameters.vector == before).all()


def test_an_error_in_a_callback_is_the_users_to_see(net):
    def broken(event):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        net.fit(X, T, callbacks={"epoch": broken})


# -------------------------------------------------------------------------------- divergence
def test_divergence_tells_epoch_and_layer_and_keeps_the_best_parameters(net):
    before, seen = net.parameters.vector.copy(), []
    with pytest.raises(DivergenceError) as caught:
        net.fit(X, T, epochs=1000, optimizer=cr.SGD(1e6), callbacks={"stop": lambda e: seen.append(e.history.stopped)})
    error = caught.value
    assert f"epoch {error.epoch} " in str(error)
    assert f"layer {error.layer}" in str(error) or error.layer == 0
    history = error.history
    assert isinstance(history, cr.History)
    assert history.stopped == "diverged"
    assert history.epochs == error.epoch > 0
    assert history.restored
    assert seen == ["diverged"]
    # the first epoch had the lowest loss, and that was the loss of the parameters before it
    assert history.best_epoch == 0
    assert (net.parameters.vector == before).all()


@pytest.mark.parametrize("validation", [None, (X, T)])
def test_divergence_goes_back_to_the_best_of_several_epochs(net, validation):
    vectors = []

    def poison(event):
        vectors.append(event.model.parameters.vector.copy())
        if event.history.epochs == 4:
            event.model.parameters.vector *= 1e200

    with pytest.raises(DivergenceError) as caught:
        net.fit(X, T, epochs=9, optimizer=cr.SGD(0.01), validation=validation, callbacks={"epoch": poison})
    history = caught.value.history
    assert isinstance(history, cr.History)
    assert caught.value.epoch == history.epochs == 4
    best = vectors[3] if validation else vectors[2]
    assert history.best_epoch == 3
    assert (net.parameters.vector == best).all()


def test_divergence_by_the_very_last_update_is_found_too():
    net = cr.Network(1, [cr.Dense(1), cr.Dense(1), cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({name: np.ones_like(value) for name, value in net.parameters.items()})
    before = net.parameters.vector.copy()
    with pytest.raises(DivergenceError, match="the values of layer 2") as caught:
        net.fit([[1.0]], [-1e3], epochs=1, optimizer=cr.SGD(1e200))
    assert (caught.value.epoch, caught.value.layer) == (0, 2)
    assert (net.parameters.vector == before).all()


@pytest.mark.parametrize("rate", [1e1, 1e6, 1e100, 1e300])
@pytest.mark.parametrize("epochs", [1, 2, 5, 50])
def test_predictions_are_never_nan(rate, epochs):
    net = cr.Network(2, [cr.Dense(4, "relu"), cr.Dense(4, "relu"), cr.Dense(1)], loss="squared_error", seed=0)
    with contextlib.suppress(DivergenceError):
        net.fit(X, T, epochs=epochs, optimizer=cr.SGD(rate))
    assert np.isfinite(net.forward(X)).all()


def test_validation_that_is_not_finite_counts_as_no_improvement():
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    history = net.fit([[1.0]], [1.0], epochs=9, validation=([[1.0]], [1e200]), patience=2)
    assert history.stopped == "patience"
    assert (history.best_epoch, history.epochs, history.restored) == (-1, 2, False)
    assert "best" not in str(history)


# -------------------------------------------------------------------------------- what people pass
def test_the_callers_arrays_are_never_changed(net):
    x, t, w = X.copy(), T.copy(), np.arange(1.0, 6.0)
    net.fit(x, t, epochs=3, batch_size=2, weights=w, validation=0.4, l1=0.1, optimizer=cr.Adam(0.1))
    assert (x == X).all()
    assert (t == T).all()
    assert (w == np.arange(1.0, 6.0)).all()


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "kind",
    [
        np.asfortranarray,
        read_only,
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: a[::-1].copy()[::-1],
        lambda a: a.astype(">f8"),
        lambda a: a.astype("<f8"),
        lambda a: a.astype(np.float16),
        lambda a: a.astype(np.longdouble),
        lambda a: a.astype(object),
        lambda a: a.tolist(),
        pd.DataFrame,
    ],
    ids=["fortran", "read-only", "columns", "reversed", "big", "little", "half", "long", "object", "list", "frame"],
)
def test_every_kind_of_array_gives_the_same_bits(net, kind):
    twin = net.copy()
    net.fit(X, T, epochs=3, batch_size=2, seed=1)
    twin.fit(kind(X), kind(T), epochs=3, batch_size=2, seed=1)
    assert same_bits(net, twin)
    assert (np.asarray(net.forward(kind(X))) == twin.forward(X)).all()


@pytest.mark.parametrize("dtype", ["int8", "uint64", "bool", "int32"])
def test_whole_numbers_and_truth_values_count_as_numbers(net, dtype):
    x, t, twin = (X > 0).astype(dtype), (T > 0).astype(dtype), net.copy()
    net.fit(x, t, epochs=3)
    twin.fit(x.astype(float), t.astype(float), epochs=3)
    assert same_bits(net, twin)


def test_a_series_is_a_column_of_targets_and_weights(net):
    twin = net.copy()
    net.fit(pd.DataFrame(X), pd.Series(T[:, 0]), weights=pd.Series([1, 2, 3, 4, 5]), epochs=3)
    twin.fit(X, T, weights=np.arange(1.0, 6.0), epochs=3)
    assert same_bits(net, twin)


def test_batches_from_a_memory_map_are_like_any_other(net, tmp_path):
    twin = net.copy()
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    net.fit(mapped, T, epochs=3, batch_size=2, seed=1)
    twin.fit(X, T, epochs=3, batch_size=2, seed=1)
    assert same_bits(net, twin)
    del mapped


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_not_finite_are_refused_before_anything_changes(net, bad):
    x, before, state = X.copy(), net.parameters.vector.copy(), net.model.state
    x[3, 1] = bad
    with pytest.raises(InputError, match=r"x\[3, 1\]"):
        net.fit(x, T)
    assert (net.parameters.vector == before).all()
    assert net.model.state is state


def test_a_number_too_large_for_float32_is_refused_with_its_value():
    net = cr.Network(1, [cr.Dense(1)], dtype="float32")
    with pytest.raises(InputError, match=r"x\[0, 0\] is 1e\+39 \(in float32\)"):
        net.fit([[1e39]], [1.0])
    with pytest.raises(InputError, match=r"t\[0\] is 1e\+39"):
        net.fit([[1.0]], [1e39])


def test_no_epochs_are_no_training(net):
    before = net.parameters.vector.copy()
    history = net.fit(X, T, epochs=0)
    assert (history.epochs, history.stopped) == (0, "all epochs")
    assert (net.parameters.vector == before).all()


def test_row_weights_count_in_small_batches_too():
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    weights = np.array([1.0, 3.0, 0.5, 2.0, 1.0, 4.5])
    net = cr.Network(2, [cr.Dense(1)], loss="squared_error", seed=0)
    whole = np.concatenate([g.ravel() for g in net.gradients(x, t, weights=weights).values()])
    still = cr.SGD(1e-300)  # so small that the parameters stay, and each gradient is taken at the same place
    steps = net.training(x, t, weights=weights, batch_size=1, epochs=1, optimizer=still, shuffle=False)
    assert np.allclose(np.mean([step.gradients.vector.copy() for step in steps], axis=0), whole, rtol=1e-12)


def test_a_callback_may_answer_with_numpys_true():
    net = cr.Network(1, [cr.Dense(1)], seed=0)
    history = net.fit([[1.0]], [1.0], epochs=50, callbacks={"epoch": lambda event: event.history.loss[-1] < np.inf})
    assert (history.epochs, history.stopped) == (1, "callback")
