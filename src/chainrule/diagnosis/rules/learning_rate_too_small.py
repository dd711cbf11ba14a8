"""Steps so short that the run ends long before the loss is down.

LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.6: on a parabola the error along an eigenvector falls by
``1 - eta lambda`` a step, so the number of steps needed grows as ``1/(eta lambda)``.
"""

from typing import Any

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.learning_rate import LearningRate, says_too_small
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Rule, Suspicion
from chainrule.optimizers import SGD

LARGER = (3.0, 10.0, 30.0, 100.0, 1000.0, 10000.0)
FAR_BELOW = 0.5  # of the rate that an adaptive optimizer usually has


def measure(r: Readings) -> LearningRate | None:
    """The verdict, if the run ended in good order."""
    return None if r.ran.error is not None or r.losses.size < 2 else r.learning_rate


def judge(v: LearningRate, r: Readings) -> Suspicion | None:
    """A small ``eta lambda`` (or a rate far below the usual), a loss that still falls, and much of it left."""
    fell = r.losses[-1] <= r.losses[0] * (1 + 1e-3)
    typical = float(np.nanmedian(v.course)) if v.course.size else np.nan
    usual = type(r.case.optimizer)().learning_rate
    far_below = isinstance(usual, float) and v.highest < FAR_BELOW * usual
    adaptive = not isinstance(r.case.optimizer, SGD)
    small = far_below if adaptive else says_too_small(r.case, v.eta, typical, v.course)
    if not (small and fell and r.left > 0.05):
        return None
    left = max(float(r.losses[-1]), 1e-300)
    slope = float(r.losses[-max(len(r.losses) // 10, 2)] - r.losses[-1]) / max(len(r.losses) // 10, 1)
    evidence: dict[str, Any] = {
        "regime": v.regime, "eta": v.eta, "lambda_max": v.lambda_max, "eta_lambda": v.eta_lambda,
        "threshold": v.threshold, "critical_rate": v.critical_rate,
        "epochs_to_go_at_this_pace": left / slope if slope > 0 else np.inf,
    }  # fmt: skip
    share = (
        f"eta lambda = {number(v.eta_lambda, 3)}, far below {number(v.threshold, 3)}"
        if np.isfinite(typical)
        else (
            "in the whole run each weight can move by about "
            f"{number(v.highest * len(r.losses) * r.case.updates_per_epoch, 3)}"
        )
    )
    to_go = evidence["epochs_to_go_at_this_pace"]
    fall = (
        f"The loss fell only from {number(r.losses[0], 4)} to {number(r.losses[-1], 4)}"
        if r.losses[-1] < r.losses[0]
        else f"The loss stayed at {number(r.losses[-1], 4)}"
    )
    pace = (
        f"at its last pace it would need {number(to_go, 2)} epochs more" if slope > 0 else "in the end it does not fall"
    )
    told = f"{fall}; {pace}. Learning rate {number(v.highest)} is too small for this loss: {share}."
    known = not adaptive and np.isfinite(v.critical_rate) and v.critical_rate > v.eta
    most = 0.5 * v.critical_rate if known else np.inf
    rates = [v.eta * factor for factor in LARGER if v.eta * factor <= max(most, 3 * v.eta)]
    return Suspicion(
        "learning-rate-too-small", "warning", "rule of thumb" if adaptive else "exact", evidence, told,
        tuple(remedies.rate(r.case.optimizer, v.eta, rate) for rate in rates[-4:]), order=42,
    )  # fmt: skip


RULE = Rule("learning-rate-too-small", "LeCun et al. 1998, section 4.6", measure, judge)
