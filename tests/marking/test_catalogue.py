"""The rows of the catalogue, and what a learner is told of them."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.marking import CATALOGUE, Mistake, Variant, check_backprop
from chainrule.marking.constants import all_constants, constants, names_of, value_of
from chainrule.marking.forward_context import run_forward

FROM_THE_REFERENCE = (
    "sign-flipped", "factor", "missing-activation-derivative", "derivative-at-activation",
    "wrong-activation-derivative", "weights-updated-before-use", "missing-weights", "transposed-weights",
    "weight-in-place-of-input", "net-input-in-place-of-activation", "wrong-layer-input", "transposed-gradient",
    "bias-not-updated", "bias-shared-by-units", "bias-averaged", "last-row-only", "not-reset",
    "softmax-derivative-twice", "loss-derivative-missing", "target-broadcast", "dead-kink",
)  # fmt: skip


@pytest.mark.parametrize("code", FROM_THE_REFERENCE)
def test_the_catalogue_has(code):
    assert code in {mistake.code for mistake in CATALOGUE}


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: f"{m.code}-{m.place}")
def test_a_row_tells_a_learner_what_is_right_and_what_is_wrong(mistake):
    assert mistake.right != mistake.wrong
    assert len(mistake.explanation.split()) >= 8
    for template in (mistake.explanation, mistake.right, mistake.wrong):
        assert set(re.findall(r"\{(\w+)\}", template)) <= {"l", "k", "v", "phi"}


def test_only_kinks_are_no_mistakes():
    assert {mistake.code for mistake in CATALOGUE if mistake.kind == "kink"} == {"dead-kink"}


HALVED = Mistake(
    "halved-delta",
    "delta",
    explanation="delta{l} is half of what it should be.",
    right="delta{l} = da{l} {phi}'(z{l})",
    wrong="delta{l} = da{l} {phi}'(z{l})/2",
    right_latex=r"\delta_{l}",
    wrong_latex=r"\delta_{l}/2",
    variants=lambda at: [Variant("", lambda at, da: da * at.activation.derivative(at.z) / 2)],
)


def test_a_teachers_own_mistake_is_named():
    net = cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(2, "tanh")], loss="squared_error", seed=0)
    x, t = np.ones((3, 2)), np.zeros((3, 2))
    mine = net.gradients(x, t)
    mine["W1"], mine["b1"] = mine["W1"] / 2, mine["b1"] / 2
    marking = check_backprop(net, x, t, gradients=mine, mistakes=[HALVED])
    named = [(one.code, one.layer) for one in marking.mistakes]
    others = [(one.code, one.layer) for other in (*marking.equivalents, *marking.alternatives) for one in other]
    assert ("halved-delta", 1) in named + others
    assert "halved-delta" not in check_backprop(net, x, t, gradients=mine).codes


def _forward(rows, outputs):
    net = cr.Network(1, [cr.Dense(outputs)], seed=0)
    return run_forward(net.model, np.zeros((rows, 1)), np.zeros((rows, outputs)))


def test_constants_are_products_of_two_rows_and_outputs():
    named = constants(_forward(5, 3))
    assert named["1"] == 1
    assert named["2 N/K"] == pytest.approx(10 / 3)
    assert named["1/(2 N K)"] == pytest.approx(1 / 30)
    assert len(named) == 27


def test_constants_of_one_row_and_output_are_twos():
    assert set(constants(_forward(1, 1))) == {"1", "2", "1/2"}


def test_a_value_with_two_readings_has_both():
    assert names_of(_forward(2, 1), 2.0) == ["N", "2"] or set(names_of(_forward(2, 1), 2.0)) == {"N", "2"}


def test_a_name_keeps_its_meaning_with_other_rows():
    for name, value in all_constants(_forward(4, 3)).items():
        assert value_of(_forward(4, 3), name) == pytest.approx(value)
    assert value_of(_forward(1, 3), "N") == 1
