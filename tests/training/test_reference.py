"""The generator of updates: each one against the same arithmetic done by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import DivergenceError, InputError
from chainrule.optimizers import OPTIMIZERS
from chainrule.training.clipping import norm

X = np.array([[0.0, 1.0], [1.0, 0.5], [-1.0, 0.25], [0.5, -2.0], [0.3, 0.7]])
T = np.array([[1.0], [0.0], [0.5], [-1.0], [2.0]])


@pytest.fixture
def net():
    return cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)


def one_update(net, **settings):
    """The parameters before, the gradients, and the parameters after one update of all rows."""
    before, gradients = net.parameters.copy(), net.gradients(X, T)
    next(net.training(X, T, epochs=1, **settings))
    return before, gradients, net.parameters


# -------------------------------------------------------------------------------- one update
def test_an_update_is_the_gradient_of_the_batch_times_the_learning_rate(net):
    twin = net.copy()
    for update in net.training(X, T, epochs=3, batch_size=2, optimizer=cr.SGD(0.1), seed=4):
        x, t = X[update.rows], T[update.rows]
        assert update.loss == twin.loss(x, t)
        gradients = twin.gradients(x, t)
        for name, p in twin.parameters.items():
            p[...] -= 0.1 * gradients[name]
            assert (update.gradients[name] == gradients[name]).all()
            assert (update.updates[name] == 0.1 * gradients[name]).all()
            assert (update.parameters[name] == p).all()
    assert (net.parameters.vector == twin.parameters.vector).all()


def test_updates_are_counted_and_say_which_ends_an_epoch(net):
    updates = list(net.training(X, T, epochs=2, batch_size=2))
    assert [(u.epoch, u.number, u.ends_epoch) for u in updates] == [
        (0, 0, False), (0, 1, False), (0, 2, True), (1, 3, False), (1, 4, False), (1, 5, True),
    ]  # fmt: skip
    assert [len(u.rows) for u in updates] == [2, 2, 1, 2, 2, 1]


def test_training_goes_only_as_far_as_updates_are_taken(net):
    steps = net.training(X, T, epochs=1000, optimizer=cr.SGD(0.1))
    next(steps)
    after = net.parameters.vector.copy()
    steps.close()
    assert (net.parameters.vector == after).all()


@pytest.mark.parametrize("size", [None, 5, 99])
def test_without_a_batch_size_or_with_a_large_one_all_rows_are_one_batch(net, size):
    updates = list(net.training(X, T, epochs=2, batch_size=size))
    assert [u.rows.tolist() for u in updates] == [[0, 1, 2, 3, 4]] * 2


# -------------------------------------------------------------------------------- the order of rows
@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(0, 99))
def test_each_epoch_goes_once_through_every_row(size, seed):
    net = cr.Network(2, [cr.Dense(1)], seed=0)
    rows = [[], [], []]
    for update in net.training(X, T, epochs=3, batch_size=size, seed=seed):
        rows[update.epoch] += update.rows.tolist()
    assert [sorted(epoch) for epoch in rows] == [[0, 1, 2, 3, 4]] * 3


def orders(**settings):
    net = cr.Network(1, [cr.Dense(1)], seed=0)
    x = np.arange(20.0)[:, None] / 20
    return [u.rows.item() for u in net.training(x, x, epochs=2, batch_size=1, **settings)]


def test_unshuffled_rows_go_in_order():
    assert orders(shuffle=False) == [*range(20), *range(20)]


def test_shuffled_rows_go_in_another_order_each_epoch_and_for_each_seed():
    first = orders(seed=1)
    assert first[:20] != first[20:]
    assert first == orders(seed=1)
    assert first != orders(seed=2)


# -------------------------------------------------------------------------------- penalties and decay
def test_l1_and_l2_act_on_weights_and_not_on_biases(net):
    net.set_parameters({"b1": [1.0, -2.0, 3.0], "b2": [0.5]})
    before, g, after = one_update(net, optimizer=cr.SGD(0.1), l1=0.3, l2=0.7)
    for name in ("W1", "W2"):
        expected = before[name] - 0.1 * (g[name] + 0.3 * np.sign(before[name]) + 0.7 * before[name])
        np.testing.assert_allclose(after[name], expected, rtol=1e-14)
    for name in ("b1", "b2"):
        np.testing.assert_array_equal(after[name], before[name] - 0.1 * g[name])


def test_penalties_leave_scale_and_shift_of_normalisation_alone():
    net = cr.Network(2, [cr.LayerNorm(), cr.Dense(1)], loss="squared_error", seed=0)
    before, g, after = one_update(net, optimizer=cr.SGD(0.1, weight_decay=0.5), l1=0.3, l2=0.7)
    for name in ("gamma1", "beta1"):
        np.testing.assert_array_equal(after[name], before[name] - 0.1 * g[name])


@pytest.mark.parametrize("kind", [cr.SGD, cr.Adam, cr.RMSprop, cr.Lion])
def test_decoupled_decay_takes_its_share_of_the_weights_beside_the_optimizers_update(net, kind):
    net.parameters["b1"] = [1.0, -2.0, 3.0]
    twin = net.copy()
    before, _, after = one_update(net, optimizer=kind(0.1, weight_decay=0.5))
    _, _, plain = one_update(twin, optimizer=kind(0.1, weight_decay=0.0))
    for name in ("W1", "W2"):
        np.testing.assert_allclose(after[name], plain[name] - 0.1 * 0.5 * before[name], rtol=1e-13)
    for name in ("b1", "b2"):
        np.testing.assert_array_equal(after[name], plain[name])


# -------------------------------------------------------------------------------- clipping
def test_clip_value_holds_each_entry_and_clip_norm_then_the_whole(net):
    g = np.concatenate([v.ravel() for v in net.gradients(X, T).values()])
    assert np.abs(g).max() > 0.5
    clipped = np.clip(g, -0.5, 0.5)
    expected = clipped * 0.25 / np.linalg.norm(clipped)
    update = next(net.training(X, T, clip_value=0.5, clip_norm=0.25, optimizer=cr.SGD(0.1)))
    np.testing.assert_allclose(update.gradients.vector, expected, rtol=1e-13)


def test_a_gradient_short_enough_is_not_clipped(net):
    twin = net.copy()
    clipped = next(net.training(X, T, clip_value=1e3, clip_norm=1e3))
    assert (clipped.gradients.vector == next(twin.training(X, T)).gradients.vector).all()


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e10), ("float64", 1e100)])
def test_a_huge_gradient_is_clipped_to_the_norm_and_not_to_nothing(dtype, size):
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0, dtype=dtype)
    update = next(net.training([[size]], [[size]], clip_norm=1.0))
    assert norm(update.gradients.vector) == pytest.approx(1.0)


@given(st.lists(st.floats(-1e300, 1e300), max_size=5))
def test_the_norm_is_euclidean(values):
    assert norm(np.array(values)) == pytest.approx(float(np.hypot.reduce(values)) if values else 0.0, rel=1e-12)


# -------------------------------------------------------------------------------- what stays as it is
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_untrainable_layers_and_absent_weights_stay_bit_identical(name):
    frozen = cr.Dense(3, "tanh", trainable=False)
    wired = cr.Dense(2, mask=[[1, 0], [0, 1], [1, 1]])
    net = cr.Network(2, [frozen, wired, cr.LayerNorm(trainable=False), cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({"b1": [0.1, -0.0, 0.3]})
    net.parameters["W2"][0, 1] = -0.0
    before = net.parameters.copy()
    kind: Any = OPTIMIZERS[name]
    list(net.training(X, T, epochs=3, batch_size=2, optimizer=kind(weight_decay=0.1), l1=0.1, l2=0.1))
    for kept in ("W1", "b1", "gamma3", "beta3"):
        assert net.parameters[kept].tobytes() == before[kept].tobytes()
    assert wired.mask is not None
    there = wired.mask > 0
    assert net.parameters["W2"][~there].tobytes() == before["W2"][~there].tobytes()
    assert (net.parameters["W2"][there] != before["W2"][there]).any()
    assert (net.parameters["W4"] != before["W4"]).any()


@pytest.mark.parametrize("optimizer", [cr.SGD(np.float64(0.1), momentum=np.float64(0.9)), cr.Adam(np.float64(0.1))])
def test_float32_stays_float32_in_parameters_gradients_and_updates(optimizer):
    net = cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1)], seed=0, dtype="float32")
    settings = {"l1": np.float64(0.1), "l2": np.float64(0.1), "clip_norm": np.float64(1), "clip_value": np.float64(1)}
    for update in net.training(X, T, epochs=2, optimizer=optimizer, weights=np.arange(1.0, 6.0), **settings):
        kinds = {update.gradients.vector.dtype, update.updates.vector.dtype, update.parameters.vector.dtype}
        assert kinds == {np.dtype("float32")}


def test_rows_and_targets_are_only_read(net):
    x, t, w = X.copy(), T.copy(), np.arange(1.0, 6.0)
    for array in (x, t, w):
        array.flags.writeable = False
    list(net.training(x, t, epochs=2, batch_size=2, weights=w, class_weight=None, l2=0.1))
    assert (x == X).all()


# -------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(("rows", "size"), [(5, 2), (5, 4), (5, 1), (1, None)])
def test_batches_too_small_for_batch_normalisation_are_refused_before_the_first_update(rows, size):
    net = cr.Network(2, [cr.Dense(2), cr.BatchNorm(), cr.Dense(1)], seed=0)
    before = net.parameters.vector.copy()
    with pytest.raises(InputError, match=r"layer 2, BatchNorm, needs at least 2 rows.*choose another batch_size"):
        net.training(X[:rows], T[:rows], batch_size=size)
    assert (net.parameters.vector == before).all()


@pytest.mark.parametrize("size", [None, 3, 5])
def test_batches_large_enough_for_batch_normalisation_are_taken(size):
    net = cr.Network(2, [cr.BatchNorm(), cr.Dense(1)], seed=0)
    assert list(net.training(X, T, batch_size=size, epochs=1))


def test_targets_missing_in_every_row_that_counts_are_refused(net):
    t = T.copy()
    t[:3] = np.nan
    with pytest.raises(InputError, match="t has no target"):
        net.training(X, t, weights=[1, 1, 1, 0, 0])
    with pytest.raises(InputError, match="t has no target"):
        net.training(X, np.full_like(T, np.nan))


def test_a_batch_without_targets_changes_nothing(net):
    t = T.copy()
    t[:2] = np.nan
    before = net.parameters.vector.copy()
    update = next(net.training(X, t, batch_size=2, shuffle=False))
    assert update.loss == 0
    assert (net.parameters.vector == before).all()


# -------------------------------------------------------------------------------- divergence
def huge(*names):
    """A network of three layers in which the numbers of these parameters are huge."""
    net = cr.Network(2, [cr.Dense(2), cr.Dense(2), cr.Dense(1)], loss="squared_error", seed=0)
    for name in names:
        net.parameters[name] = np.full(net.parameters[name].shape, 1e200)
    return net


@pytest.mark.parametrize(
    ("names", "layer", "where"),
    [(["W1", "W2"], 2, "the values of layer 2"), (["W2", "W3"], 3, "the values of layer 3"), (["W3"], 0, "the loss")],
)
def test_divergence_names_the_first_layer_whose_values_are_not_finite_and_changes_nothing(names, layer, where):
    net = huge(*names)
    before = net.parameters.vector.copy()
    with pytest.raises(DivergenceError, match=rf"epoch 0 \(update 0\): {where} left") as caught:
        next(net.training(X, T))
    assert caught.value.layer == layer
    assert (net.parameters.vector == before).all()


def test_divergence_going_down_is_named_by_its_layer():
    net = cr.Network(1, [cr.Dense(1), cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[1e-160]], "b1": [0], "W2": [[1e150]], "b2": [0]})
    with pytest.raises(DivergenceError, match="the gradients of layer 1") as caught:
        next(net.training([[1e160]], [[0.0]]))
    assert caught.value.layer == 1


def test_a_penalty_that_overflows_is_named(net):
    net.parameters["W1"] = np.full((2, 3), 1e10)
    with pytest.raises(DivergenceError, match="the penalties l1 and l2 left"):
        next(net.training(X, T, l2=1e300))


@pytest.mark.parametrize("rate", [1e308, 1e307])
def test_an_update_out_of_the_finite_numbers_is_refused_before_it_is_made(net, rate):
    before = net.parameters.vector.copy()
    with pytest.raises(DivergenceError, match="the parameters of layer") as caught:
        next(net.training(X, T * 1e3, optimizer=cr.SGD(rate)))
    assert caught.value.layer in (1, 2)
    assert (net.parameters.vector == before).all()


def test_settings_that_cannot_be_used_are_refused_at_the_call(net):
    with pytest.raises(InputError, match="epochs"):
        net.training(X, T, epochs=-1)


def test_parameters_of_an_update_are_live_and_the_rest_is_its_own(net):
    first, second = list(net.training(X, T, epochs=2))
    assert first.parameters is net.parameters
    assert not np.shares_memory(first.gradients.vector, second.gradients.vector)
    assert not np.shares_memory(first.updates.vector, net.parameters.vector)


def test_the_record_of_an_update_cannot_be_changed(net):
    update = next(net.training(X, T))
    with pytest.raises(AttributeError):
        update.loss = 0.0
