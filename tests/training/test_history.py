"""The record of a run."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import History


@pytest.fixture
def history():
    kept = History(7)
    kept.record(2.0, 3.0, 0.1, 1.5, 0.25)
    kept.record(1.0, 2.5, 0.05, 1.25, 0.5)
    kept.best_epoch, kept.stopped = 1, "patience"
    return kept


def test_each_thing_measured_is_an_array_with_a_number_an_epoch(history):
    assert history.epochs == 2
    assert history.loss.tolist() == [2.0, 1.0]
    assert history.validation_loss.tolist() == [3.0, 2.5]
    assert history.learning_rate.tolist() == [0.1, 0.05]
    assert history.gradient_norm.tolist() == [1.5, 1.25]
    assert history.seconds.tolist() == [0.25, 0.5]


def test_without_validation_its_losses_are_empty():
    kept = History(7)
    kept.record(2.0, None, 0.1, 1.5, 0.25)
    assert kept.validation_loss.shape == (0,)
    assert kept.loss.shape == (1,)
    assert "validation" not in str(kept)


def test_it_tells_first_and_last_loss_the_best_and_why_it_ended(history):
    assert str(history) == "2 epochs, loss 2 to 1, best validation loss 2.5 at epoch 1, 0.50 s, stopped: patience"


def test_an_empty_one_says_so():
    assert str(History(0, stopped="interrupted")) == "no epoch finished (interrupted)"


def test_it_becomes_plain_data_of_its_own(history):
    history.record(1.0, np.inf, 0.05, 1.25, 0.5)
    plain = json.loads(json.dumps(history.to_dict(), allow_nan=False))
    assert (plain["schema"], plain["version"]) == ("chainrule/history", 1)
    assert plain["validation_loss"] == [3.0, 2.5, None]
    assert (plain["seed"], plain["best_epoch"], plain["stopped"], plain["restored"]) == (7, 1, "patience", False)
    kept = history.to_dict()
    history.record(0.0, 0.0, 0.0, 0.0, 0.0)
    assert len(kept["loss"]) == 3


def test_fit_hands_back_numbers_that_are_plain_even_in_float32():
    net = cr.Network(1, [cr.Dense(1)], seed=0, dtype="float32")
    history = net.fit([[1.0], [2.0]], [1.0, 2.0], epochs=2, validation=0.5, optimizer=cr.SGD(np.float32(0.1)))
    json.dumps(history.to_dict(), allow_nan=False)
    assert {type(v) for v in (*history.losses, *history.validation_losses, *history.learning_rates)} == {float}
