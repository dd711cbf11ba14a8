"""Steps longer than the curvature allows: the loss hops in a cycle, jumps about, or grows without end.

On a parabola each step multiplies the error by ``1 - eta lambda``; beyond a threshold (2 for plain descent) that is a
step too far. Cohen et al. 2021, ICLR; LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.6.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.curvature import named_shares
from chainrule.diagnosis.learning_rate import LearningRate
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Remedy, Rule, Suspicion

SMALLEST = 1e-6  # a rate that must be so much smaller is not what is wrong
SMALLER = (1 / 3, 1 / 10, 1 / 30, 1 / 100)
MOST_RISES = 0.25  # of the later epochs: more mean that the loss jumps about
LEAP = 5.0  # times the first weights' size: the first epoch has thrown the start away
WORSE = 1.2  # times the lowest loss: more in the end means that it was thrown out


@dataclass(frozen=True)
class Measured:
    """The verdict, and how restless the losses are.

    Attributes:
        verdict: on the learning rate.
        rises: share of the later epochs whose loss lies above the one before, by more than a hundredth.
        swing: mean rise or fall from epoch to epoch, relative to the loss, in the later half.
        worst: last loss over the lowest.
        leap: the largest of the weights' change in the first epoch, relative to their size before, by layer.
    """

    verdict: LearningRate
    rises: float
    swing: float
    worst: float
    leap: float


def measure(r: Readings) -> Measured | None:
    """From the losses and the verdict."""
    if r.losses.size < 2 and r.ran.error is None:
        return None
    losses = r.losses[np.isfinite(r.losses)]
    later = losses[len(losses) // 2 :]
    steps = np.diff(later)
    level = np.maximum(later[:-1], 1e-300)
    rises = float(np.mean(steps > 0.01 * level)) if steps.size else 0.0
    swing = float(np.mean(np.abs(steps) / level)) if steps.size else 0.0
    worst = float(losses[-3:].mean() / max(losses.min(), 1e-300)) if losses.size else np.inf
    return Measured(r.learning_rate, rises, swing, worst, _leap(r))


def _leap(r: Readings) -> float:
    """How far the first epoch carried a layer's weights; it need not come back."""
    if len(r.ran.snapshots) < 2 or r.ran.snapshots[1].epoch > 0:
        return 0.0
    before, after = (s.model(r.case).parameters for s in r.ran.snapshots[:2])
    sizes = {l: float(np.linalg.norm(before[f"W{l}"])) for l in r.dense}
    moved = [float(np.linalg.norm(after[f"W{l}"] - before[f"W{l}"])) / sizes[l] for l in r.dense if sizes[l] > 0]
    return max(moved, default=0.0)


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """A regime that is not healthy, or a loss that is thrown about."""
    v = m.verdict
    bad = v.regime in ("period two", "diverging", "unstable")
    restless = m.rises > MOST_RISES and m.swing > 0.02
    thrown = m.worst > WORSE and r.left > 0.02
    beyond = np.isfinite(v.eta_lambda) and v.eta_lambda > v.threshold and not v.normal
    never = r.losses.size > 3 and r.losses[-1] > 0.98 * r.losses[0]
    leapt = m.leap > LEAP and r.left > 0.05
    if not (bad or leapt or restless or thrown or beyond or (never and v.eta_lambda > 0.5 * v.threshold)):
        return None
    evidence: dict[str, Any] = {
        "regime": v.regime, "eta": v.eta, "lambda_max": v.lambda_max, "eta_lambda": v.eta_lambda,
        "threshold": v.threshold, "critical_rate": v.critical_rate, "direction": v.direction, "at": v.at,
        "last_losses": v.losses, "leap_of_the_first_epoch": m.leap, "share_of_epochs_that_rise": m.rises,
        "epoch_to_epoch_swing": m.swing,
    }  # fmt: skip
    if r.ran.error is not None:
        evidence["diverged_in_epoch"] = r.ran.error.epoch
    known = np.isfinite(v.lambda_max) and v.lambda_max > 0
    return Suspicion(
        "learning-rate-too-large",
        "error" if bad else "warning",
        "exact" if bad and known else "rule of thumb",
        evidence,
        _told(m, r),
        tuple(_remedies(v, r)),
        order=40 if v.regime != "period two" else 19,
    )


def _told(m: Measured, r: Readings) -> str:
    v = m.verdict
    known = np.isfinite(v.lambda_max) and v.lambda_max > 0
    if v.regime == "period two":
        one, other = r.losses[-2:]
        what = f"The loss takes two values in turn, {number(one, 5)} and {number(other, 5)}, and stays there for ever."
    elif r.ran.error is not None:
        what = f"The loss grows from step to step until it leaves the finite numbers in epoch {r.ran.error.epoch}."
    elif v.regime == "diverging":
        what = f"The loss ends at {number(r.losses[-1], 4)}, far above the {number(r.losses[0], 4)} it began with."
    elif m.leap > LEAP and not m.rises > MOST_RISES:
        what = (
            f"The first epoch moved the weights of a layer by {number(m.leap, 3)} times their size: whatever the "
            "start was "
            f"good for is lost, and the run ends at {number(r.losses[-1], 4)}."
        )
    else:
        what = (
            f"The loss jumps about by {m.swing:.0%} from epoch to epoch and rises in {m.rises:.0%} of the later "
            f"epochs; it ends at {number(r.losses[-1], 4)}."
        )
    if not known:
        return f"{what} The steps of learning rate {number(v.eta)} are too long."
    along = f", most along {named_shares(v.direction)}" if v.direction else ""
    why = (
        f" The loss curves by lambda = {number(v.lambda_max, 5)} at {v.at}{along}; "
        f"eta lambda = {number(v.eta_lambda, 4)} "
    )
    if v.eta_lambda > v.threshold:
        return (
            f"{what}{why}is above {number(v.threshold, 4)}, so each step overshoots by more than it corrects. A "
            "learning "
            f"rate below {number(v.critical_rate, 4)} comes to rest there."
        )
    rest = f"(threshold {number(v.threshold, 4)}); noise and other directions make its steps too long all the same."
    return what + why + rest


def _remedies(v: LearningRate, r: Readings) -> list[Remedy]:
    eta = v.eta
    rates = [0.9 * v.critical_rate] if v.regime == "period two" and v.critical_rate < eta else []
    rates += [eta * factor for factor in SMALLER]
    if v.at == "the start" and v.critical_rate < eta:
        rates += [0.5 * v.critical_rate, 0.1 * v.critical_rate]
    if v.highest > eta and v.critical_rate < v.highest:  # a schedule that goes higher yet than where it was looked at
        rates += [share * v.critical_rate * eta / v.highest for share in (0.5, 0.1)]
    return [remedies.rate(r.case.optimizer, eta, rate) for rate in rates if rate > SMALLEST * eta]


RULE = Rule("learning-rate-too-large", "Cohen et al. 2021, ICLR", measure, judge)
