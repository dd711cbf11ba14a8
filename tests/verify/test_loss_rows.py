"""check_loss: each claim can fail, and then names the point."""

from dataclasses import replace

import numpy as np
import pytest

from chainrule.core.losses import LOSSES, ElementwiseLoss, Loss, RowLoss
from chainrule.verify.loss_rows import check_loss, loss_tests
from chainrule.verify.proof import prove


def fused():
    row = LOSSES["categorical_cross_entropy_from_logits"]
    assert isinstance(row, RowLoss)
    return row


SQUARED, HUBER, QUANTILE, MEAN = (LOSSES[name] for name in ("squared_error", "huber", "quantile", "mean_squared_error"))
SHARES = LOSSES["categorical_cross_entropy"]
FUSED = fused()
BINARY = LOSSES["binary_cross_entropy"]


def upcast(y, t):
    return ((t - y) ** 2).astype(np.float64)


def in_place(y, t):
    y -= t
    return y**2


def leaky(function):
    """A loss's function that takes missing targets for 0."""
    return lambda y, t, *v: function(y, np.nan_to_num(t), *v)


class Careless(Loss):
    """Squared error that forgets about missing targets, and about the range of targets."""

    def value(self, y, t):
        return ((np.nan_to_num(t) - y) ** 2).sum(axis=1)

    def derivative(self, y, t):
        return 2 * (y - np.nan_to_num(t))

    def second_derivative_product(self, y, t, v):
        return 2 * v

    def check_targets(self, t):
        pass


SPOILED = [
    ("derivative_formula", replace(SQUARED, derivative_formula="y - t")),
    ("second_derivative_formula", replace(SQUARED, second_derivative_formula="1")),
    ("value", replace(SQUARED, term=lambda y, t: (t - y) ** 2 / 2)),
    ("value", replace(BINARY, term=lambda y, t: -(t * np.log(y + 1e-15) + (1 - t) * np.log(1 - y + 1e-15)))),
    ("derivative", replace(SQUARED, term_prime=lambda y, t: y - t)),
    ("difference", replace(SQUARED, term_prime=lambda y, t: y - t)),
    ("second_derivative", replace(SQUARED, term_second=lambda y, t: np.ones_like(y))),
    ("second_difference", replace(SQUARED, term_second=lambda y, t: np.ones_like(y))),
    ("value_float32", replace(SQUARED, term=lambda y, t: ((t - y).astype(np.float16) ** 2).astype(y.dtype))),
    ("finite", replace(SHARES, term=lambda y, t: -t * np.log(y))),
    ("pure", replace(SQUARED, term=upcast)),
    ("pure", replace(SQUARED, term=in_place)),
    ("kinks", replace(SQUARED, kinks=lambda: (1.0,))),
    ("kinks", replace(LOSSES["absolute_error"], term_prime=lambda y, t: np.where(y == t, 9, np.sign(y - t)))),
    ("no_other_kinks", replace(LOSSES["absolute_error"], kinks=lambda: ())),
    ("no_other_curvature_jumps", replace(HUBER, curvature_jumps=lambda delta: (delta,))),
    ("link", replace(LOSSES["binary_cross_entropy_from_logits"], link="softmax")),
    ("link_derivative", replace(LOSSES["poisson_from_logits"], term_prime=lambda y, t: np.exp(y) - 2 * t)),
    ("value", replace(FUSED, row_value=lambda y, t: 2 * FUSED.row_value(y, t))),
    ("derivative", replace(FUSED, row_derivative=lambda y, t: -FUSED.row_derivative(y, t))),
    ("second_derivative", replace(FUSED, row_second_product=lambda y, t, v: v)),
    ("finite", replace(FUSED, row_value=lambda y, t: (t * (np.log(np.exp(y).sum(1))[:, None] - y)).sum(1))),
    ("rows_independent", replace(FUSED, row_value=lambda y, t: FUSED.row_value(y - y[:1] / 9, t))),
    ("missing_targets", Careless("careless", "(t - y)**2", "none")),
    ("target_range", Careless("careless", "(t - y)**2", "none", target_range=(0.0, 1.0))),
]


@pytest.mark.parametrize(("claim", "row"), SPOILED, ids=[f"{n}-{claim}" for n, (claim, _) in enumerate(SPOILED)])
def test_a_spoiled_row_is_refuted_by_the_claim_that_names_what_is_wrong(claim, row):
    proof = prove("spoiled", {claim: loss_tests(row)[claim]})
    assert not proof


def test_a_reduction_that_is_not_told_is_refuted():
    row = replace(SQUARED, term=lambda y, t: (t - y) ** 2 / y.shape[-1])
    assert not check_loss(row)["reduction"].passed


def test_the_worst_point_is_told():
    proof = check_loss(replace(SHARES, term=lambda y, t: -t * np.log(y)))
    assert proof["finite"].where.startswith("value, y = 0, t = ")
    assert "divide by zero" in proof["finite"].found


def test_a_formula_of_an_unknown_name_is_refuted_and_does_not_end_the_check():
    proof = check_loss(replace(SQUARED, formula="(t - x)**2"))
    assert "uses x" in proof["value"].found


def test_outputs_are_taken_where_the_formula_is_real():
    assert check_loss(LOSSES["poisson"])["value"].passed
    everywhere = replace(SQUARED, formula="(t - y)**2 + 0*y")
    assert check_loss(everywhere)["finite"].found == check_loss(SQUARED)["finite"].found


def squared_length():
    """A loss of whole rows on positive outputs, of targets from -inf to 0."""
    return RowLoss(
        "log_distance",
        "Sum((log(y[j]) - t[j])**2, (j, 0, K - 1))/2",
        "for this test",
        target_range=(-np.inf, 0.0),
        row_value=lambda y, t: ((np.log(np.maximum(y, 1e-30)) - t) ** 2).sum(axis=1) / 2,
        row_derivative=lambda y, t: (np.log(y) - t) / y,
        row_second_product=lambda y, t, v: (1 - np.log(y) + t) / y**2 * v,
    )


def test_a_row_loss_on_positive_outputs_is_proven_there_and_missing_rows_are_left_out_for_it():
    proof = check_loss(squared_length())
    assert proof, proof


def test_a_fused_loss_of_ones_own_is_held_against_its_two_step_form():
    two_step = ElementwiseLoss(
        "half_log_error",
        "log(y/t)**2/2",
        "for this test",
        target_range=(0.5, 2.0),
        derivative_formula="log(y/t)/y",
        second_derivative_formula="(1 - log(y/t))/y**2",
        term=lambda y, t: np.log(y / t) ** 2 / 2,
        term_prime=lambda y, t: np.log(y / t) / y,
        term_second=lambda y, t: (1 - np.log(y / t)) / y**2,
    )
    fused = ElementwiseLoss(
        "log_error_before_exponential",
        "(y - log(t))**2/2",
        "for this test",
        link="exponential",
        target_range=(0.5, 2.0),
        derivative_formula="y - log(t)",
        second_derivative_formula="1",
        term=lambda y, t: (y - np.log(t)) ** 2 / 2,
        term_prime=lambda y, t: y - np.log(t),
        term_second=lambda y, t: np.ones_like(y),
    )
    proof = check_loss(fused, two_step=two_step)
    assert proof, proof
    assert proof["link"].passed
    assert "link" not in [claim.name for claim in check_loss(fused).claims]
