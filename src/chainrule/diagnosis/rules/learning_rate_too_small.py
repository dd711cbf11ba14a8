"""Steps so short that the run ends long before the loss is low.

LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.6: on a parabola the error along an eigenvector falls by
``1 - eta lambda`` a step, so the number of steps needed grows as ``1/(eta lambda)``.
"""

from typing import Any

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.learning_rate import LearningRate
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.regimes import says_too_small
from chainrule.diagnosis.rule import Rule, Suspicion
from chainrule.optimizers import SGD

LARGER = (3.0, 10.0, 30.0, 100.0, 1000.0, 10000.0)
FAR_BELOW = 0.5  # of an adaptive optimizer's default rate


def measure(run: Measurements) -> LearningRate | None:
    """The verdict, unless the run diverged."""
    return None if run.training.error is not None or run.losses.size < 2 else run.learning_rate


def judge(v: LearningRate, run: Measurements) -> Suspicion | None:
    """A small ``eta lambda`` (or a rate far below the default), a loss that has not risen, and much of it left."""
    losses = run.losses
    fell = losses[-1] <= losses[0] * (1 + 1e-3)
    typical = float(np.nanmedian(v.course)) if v.course.size else np.nan
    usual = type(run.case.optimizer)().learning_rate
    far_below = isinstance(usual, float) and v.highest < FAR_BELOW * usual
    adaptive = not isinstance(run.case.optimizer, SGD)
    small = far_below if adaptive else says_too_small(run.case, v.eta, typical, v.course)
    if not (small and fell and run.remaining_loss > 0.05):
        return None
    slope = float(losses[-max(len(losses) // 10, 2)] - losses[-1]) / max(len(losses) // 10, 1)
    to_go = max(float(losses[-1]), 1e-300) / slope if slope > 0 else np.inf
    evidence: dict[str, Any] = {
        "regime": v.regime, "eta": v.eta, "lambda_max": v.lambda_max, "eta_lambda": v.eta_lambda,
        "threshold": v.threshold, "critical_rate": v.critical_rate, "epochs_to_go_at_this_pace": to_go,
    }  # fmt: skip
    explanation = (
        f"{_how_it_fell(run, to_go)}. Learning rate {number(v.highest)} is too small for this loss: "
        f"{_how_small(v, run, by_curvature=bool(np.isfinite(typical)))}."
    )
    known = not adaptive and np.isfinite(v.critical_rate) and v.critical_rate > v.eta
    most = 0.5 * v.critical_rate if known else np.inf
    rates = [v.eta * factor for factor in LARGER if v.eta * factor <= max(most, 3 * v.eta)]
    return Suspicion(
        "learning-rate-too-small", "warning", "rule of thumb" if adaptive else "exact", evidence, explanation,
        tuple(remedies.rate(run.case.optimizer, v.eta, rate) for rate in rates[-4:]), order=42,
        must_generalize=True, joins=True, follows="if suspected at first",
    )  # fmt: skip


def _how_it_fell(run: Measurements, to_go: float) -> str:
    first, last = run.losses[0], run.losses[-1]
    fall = f"fell only from {number(first, 4)} to {number(last, 4)}" if last < first else f"stayed at {number(last, 4)}"
    if np.isfinite(to_go):
        return f"The loss {fall}; at its last pace it would need {number(to_go, 2)} epochs more"
    return f"The loss {fall}; in the end it does not fall"


def _how_small(v: LearningRate, run: Measurements, *, by_curvature: bool) -> str:
    if by_curvature:
        return f"eta lambda = {number(v.eta_lambda, 3)}, far below {number(v.threshold, 3)}"
    distance = v.highest * len(run.losses) * run.case.updates_per_epoch
    return f"in the whole run each weight can move by about {number(distance, 3)}"


RULE = Rule("learning-rate-too-small", "LeCun et al. 1998, section 4.6", measure, judge)
