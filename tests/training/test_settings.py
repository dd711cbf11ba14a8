"""What fit and training are told is checked before anything happens."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import InputError, UnknownComponentError
from chainrule.training import Settings


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"epochs": 1.5}, "epochs must be a whole number, got 1.5"),
        ({"epochs": True}, "epochs must be at least 0, got True"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"batch_size": "all"}, "batch_size must be a whole number"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"l1": -0.1}, "l1 must be a finite number from 0"),
        ({"l2": np.nan}, "l2 must be a finite number from 0"),
        ({"l2": "0.1"}, "l2 must be a finite number from 0, got '0.1'"),
        ({"min_delta": np.inf}, "min_delta must be a finite number from 0"),
        ({"clip_norm": 0.0}, "clip_norm must be a finite number above 0"),
        ({"clip_value": -1}, "clip_value must be a finite number above 0"),
        ({"time_limit": True}, "time_limit must be a finite number above 0"),
        ({"engine": "warp"}, "unknown engine 'warp': the engines are auto, compiled, reference"),
        ({"callbacks": {"epochs": print}}, "unknown event 'epochs' in callbacks: the events are start, update, epoch"),
        ({"callbacks": {"epoch": 3}}, r"callbacks\['epoch'\] must be a function, or a list of functions, got 3"),
        ({"callbacks": {"epoch": [print, 3]}}, "must be a function, or a list of functions"),
        ({"callbacks": {"epoch": "print"}}, "or a list of functions, got 'print'"),
        ({"callbacks": print}, "callbacks must be a dict"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_setting_that_cannot_be_used_is_refused_with_what_was_found(given, told):
    with pytest.raises(InputError, match=told):
        Settings(**given)
    net = cr.Network(1, [cr.Dense(1)], seed=0)
    with pytest.raises(InputError, match=told):
        net.fit([[1.0]], [1.0], **given)


@pytest.mark.parametrize(
    "given",
    [
        {"epochs": np.int64(2), "batch_size": np.int32(1)},
        {"l1": np.float32(0.5), "l2": 1, "clip_norm": np.int64(3), "min_delta": 0},
        {"callbacks": {}, "engine": "reference"},
        {"callbacks": {"epoch": [], "stop": (print,)}},
    ],
    ids=str,
)
def test_numbers_of_numpy_are_as_good_as_pythons(given):
    assert Settings(**given).listeners("update") == ()


def test_a_function_or_several_may_wait_for_an_event():
    settings = Settings(callbacks={"epoch": print, "stop": [print, repr]})
    assert settings.listeners("epoch") == (print,)
    assert settings.listeners("stop") == [print, repr]


@pytest.mark.parametrize("seed", [-1, 1.5, "a"])
def test_a_seed_that_cannot_be_used_is_refused(seed):
    net = cr.Network(1, [cr.Dense(1)], seed=0)
    with pytest.raises(InputError, match="seed must be a whole number from 0"):
        net.fit([[1.0]], [1.0], seed=seed)


def test_an_unknown_optimizer_is_answered_with_those_there_are():
    net = cr.Network(1, [cr.Dense(1)], seed=0)
    with pytest.raises(UnknownComponentError, match=r"unknown optimizer 'adm'.*sgd.*Did you mean 'adam'"):
        net.fit([[1.0]], [1.0], optimizer="adm")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"momentum": 1.0}, "momentum of SGD must be from 0 to below 1, got 1.0"),
        ({"momentum": True}, "momentum of SGD must be from 0 to below 1, got True"),
        ({"momentum": "much"}, "momentum of SGD"),
        ({"weight_decay": -0.1}, "weight_decay of SGD must be from 0"),
        ({"weight_decay": np.inf}, "weight_decay of SGD must be from 0 to below inf"),
        ({"nesterov": "yes"}, "nesterov of SGD must be True or False, got 'yes'"),
        ({"nesterov": 1}, "nesterov of SGD must be True or False, got 1"),
        ({"learning_rate": 0}, "learning_rate must be a positive finite number, got 0"),
        ({"learning_rate": np.nan}, "learning_rate must be a positive finite number"),
        ({"learning_rate": "fast"}, "learning_rate must be a positive finite number, got 'fast'"),
        ({"learning_rate": True}, "learning_rate must be a positive finite number, got True"),
    ],
    ids=str,
)
def test_an_optimizers_settings_are_checked_when_it_is_made(given, told):
    with pytest.raises(InputError, match=told):
        cr.SGD(**given)


def test_an_optimizer_takes_numbers_of_numpy():
    assert cr.SGD(np.int64(1), momentum=np.float32(0.5), nesterov=True).schedule.rate(None, None) == 1.0
