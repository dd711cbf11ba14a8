"""Arguments become one call: the same words are read alike everywhere, and refused in the same words."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import parse_call

X, T = np.arange(12.0).reshape(6, 2) / 10, np.arange(6.0).reshape(6, 1) / 5
CLASSES = np.eye(2)[[0, 0, 0, 0, 1, 1]]


def net(outputs=1):
    return cr.Network(2, [cr.Dense(2, "tanh"), cr.Dense(outputs)], loss="squared_error", seed=0)


CALLS = {
    "fit": lambda **how: net().fit(X, T, epochs=1, **how),
    "diagnose": lambda **how: cr.diagnose(net(), X, T, epochs=1, prove=False, **how),
    "sweep": lambda **how: cr.sweep(net(), X, T, epochs=1, **how),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("validation", "words"),
    [
        (1.5, r"validation must be \(x, t\), \(x, t, weights\) or a share of .* between 0 and 1, got 1\.5\."),
        ("a third", r"validation must be .* got 'a third'\."),
        (X, r"validation must be .* got an array of shape \(6, 2\)\."),
        ((X,), r"validation must be .*, got \("),
        ((X, T[:2]), r"validation: t must have "),
        ((X[:, :1], T), r"validation: x must have "),
    ],
)
def test_validation_that_cannot_be_used_is_refused_in_the_same_words(call, validation, words):
    with pytest.raises(cr.InputError, match=words):
        CALLS[call](validation=validation)


@pytest.mark.parametrize("share", [0.34, np.float32(0.34), np.array(0.34)])
def test_a_share_sets_the_same_rows_aside_for_all(share):
    calls = [parse_call(one, X, T, validation=share, seed=3) for one in (net(), net().model)]
    assert calls[0].validation is not None
    assert len(calls[0].validation.x) == 2
    assert calls[0].validation.x.tolist() == calls[1].validation.x.tolist()
    assert (calls[1].net, type(calls[0].net)) == (None, cr.Network)


def test_weights_and_class_weights_are_multiplied_once():
    call = parse_call(net(2), X, CLASSES, weights=[1, 1, 1, 1, 2, 2], class_weight={1: 3.0})
    assert call.data.weights.tolist() == [1, 1, 1, 1, 6, 6]


def test_class_weights_mean_the_same_wherever_they_are_taken():
    weights = np.where(CLASSES[:, 1] == 1, 3.0, 1.0)
    for call in (
        lambda **how: net(2).explain_step(X, CLASSES, **how).parameters["W1"].gradient,
        lambda **how: cr.sweep(net(2), X, CLASSES, epochs=3, seeds=[1], **how).loss,
        lambda **how: cr.learning_rate_test(net(2), X, CLASSES, epochs=3, count=3, seed=1, **how).loss,
        lambda **how: net(2).to_python(X, CLASSES, epochs=3, seed=1, **how),
        lambda **how: cr.diagnose(net(2), X, CLASSES, epochs=3, prove=False, **how).case.data.weights,
    ):
        assert np.array_equal(call(class_weight={1: 3.0}), call(weights=weights), equal_nan=False)


def test_a_diagnosis_takes_the_defaults_of_fit():
    case = cr.diagnose(net(), X, T, prove=False).case
    assert (case.settings.epochs, repr(case.settings.optimizer)) == (100, repr(cr.SGD(0.01)))


def test_what_is_no_network_is_refused():
    with pytest.raises(cr.InputError, match=r"net must be a chainrule.Network, got str\."):
        parse_call("net", X, T)


def test_a_snapshot_keeps_the_parameters_and_notices_changed_rows():
    one, x = net(), X.copy()
    call = parse_call(one, x, T).snapshot()
    one.parameters.vector[...] = 0
    assert call.model.parameters.vector.any()
    call.check_unchanged()
    x[0, 0] += 1
    with pytest.raises(cr.InputError, match="have been changed in place since this fit"):
        call.check_unchanged()
