"""Steps longer than the curvature allows: the loss alternates, jumps about, or grows without bound.

On a parabola each step multiplies the error by ``1 - eta lambda``; if ``eta lambda`` is above a threshold (2 for plain
descent) the error grows. Cohen et al. 2021, ICLR; LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.6.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.curvature import named_shares
from chainrule.diagnosis.learning_rate import LearningRate
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion

SMALLEST = 1e-6  # of the rate: one that must be even smaller is not the cause
SMALLER = (1 / 3, 1 / 10, 1 / 30, 1 / 100)
MOST_RISES = 0.25  # of the later epochs: more mean that the loss jumps about
LEAP = 5.0  # times the size of the first weights: after such a first epoch the start counts for nothing
WORSE = 1.2  # times the lowest loss: if the run ends higher, it was thrown out of a minimum


@dataclass(frozen=True)
class MeasuredRate:
    """The verdict, and how restless the losses are.

    Attributes:
        verdict: on the learning rate.
        rises: share of the later epochs whose loss lies above the one before, by more than a hundredth.
        swing: mean change from epoch to epoch, relative to the loss, in the later half.
        worst: last loss over the lowest.
        leap: the change of a layer's weights in the first epoch, relative to their size before; the largest of all.
    """

    verdict: LearningRate
    rises: float
    swing: float
    worst: float
    leap: float


def measure(run: Measurements) -> MeasuredRate | None:
    """For runs of two epochs and more, or that diverged."""
    if run.losses.size < 2 and run.training.error is None:
        return None
    losses = run.losses[np.isfinite(run.losses)]
    later = losses[len(losses) // 2 :]
    steps = np.diff(later)
    level = np.maximum(later[:-1], 1e-300)
    rises = float(np.mean(steps > 0.01 * level)) if steps.size else 0.0
    swing = float(np.mean(np.abs(steps) / level)) if steps.size else 0.0
    worst = float(losses[-3:].mean() / max(losses.min(), 1e-300)) if losses.size else np.inf
    return MeasuredRate(run.learning_rate, rises, swing, worst, _leap(run))


def _leap(run: Measurements) -> float:
    """How far the first epoch moved a layer's weights, relative to their size; the largest of all layers."""
    if len(run.training.snapshots) < 2 or run.training.snapshots[1].epoch > 0:
        return 0.0
    before, after = (s.model(run.case).parameters for s in run.training.snapshots[:2])
    sizes = {l: float(np.linalg.norm(before[f"W{l}"])) for l in run.dense}
    moved = [float(np.linalg.norm(after[f"W{l}"] - before[f"W{l}"])) / sizes[l] for l in run.dense if sizes[l] > 0]
    return max(moved, default=0.0)


def judge(found: MeasuredRate, run: Measurements) -> Suspicion | None:
    """A regime that is not healthy, or a loss that jumps about."""
    v = found.verdict
    bad = v.regime in ("period two", "diverging", "unstable")
    restless = found.rises > MOST_RISES and found.swing > 0.02
    thrown = found.worst > WORSE and run.remaining_loss > 0.02
    beyond = np.isfinite(v.eta_lambda) and v.eta_lambda > v.threshold and not v.normal
    never = run.losses.size > 3 and run.losses[-1] > 0.98 * run.losses[0]
    leapt = found.leap > LEAP and run.remaining_loss > 0.05
    if not (bad or leapt or restless or thrown or beyond or (never and v.eta_lambda > 0.5 * v.threshold)):
        return None
    evidence: dict[str, Any] = {
        "regime": v.regime, "eta": v.eta, "lambda_max": v.lambda_max, "eta_lambda": v.eta_lambda,
        "threshold": v.threshold, "critical_rate": v.critical_rate, "direction": v.direction, "at": v.at,
        "last_losses": v.losses, "leap_of_the_first_epoch": found.leap, "share_of_epochs_that_rise": found.rises,
        "epoch_to_epoch_swing": found.swing,
    }  # fmt: skip
    if run.training.error is not None:
        evidence["diverged_in_epoch"] = run.training.error.epoch
    known = np.isfinite(v.lambda_max) and v.lambda_max > 0
    return Suspicion(
        "learning-rate-too-large",
        "error" if bad else "warning",
        "exact" if bad and known else "rule of thumb",
        evidence,
        _explanation(found, run),
        tuple(_remedies(v, run)),
        order=40 if v.regime != "period two" else 19,
        joins=True,
    )


def _explanation(found: MeasuredRate, run: Measurements) -> str:
    v = found.verdict
    what = _what_the_losses_do(found, run)
    if not (np.isfinite(v.lambda_max) and v.lambda_max > 0):
        return f"{what} The steps of learning rate {number(v.eta)} are too long."
    along = f", most along {named_shares(v.direction)}" if v.direction else ""
    why = (
        f" The loss curves by lambda = {number(v.lambda_max, 5)} at {v.at}{along}; eta lambda = "
        f"{number(v.eta_lambda, 4)} "
    )
    if v.eta_lambda > v.threshold:
        return (
            f"{what}{why}is above {number(v.threshold, 4)}, so each step overshoots by more than it corrects. A "
            f"learning rate below {number(v.critical_rate, 4)} comes to rest there."
        )
    rest = f"(threshold {number(v.threshold, 4)}); noise and other directions make its steps too long all the same."
    return what + why + rest


def _what_the_losses_do(found: MeasuredRate, run: Measurements) -> str:
    if found.verdict.regime == "period two":
        one, other = run.losses[-2:]
        return f"The loss takes two values in turn, {number(one, 5)} and {number(other, 5)}, and stays there for ever."
    if run.training.error is not None:
        return f"The loss grows from step to step until the run reaches inf or NaN in epoch {run.training.error.epoch}."
    end = number(run.losses[-1], 4)
    if found.verdict.regime == "diverging":
        return f"The loss ends at {end}, far above the {number(run.losses[0], 4)} it began with."
    if found.leap > LEAP and not found.rises > MOST_RISES:
        return (
            f"The first epoch moved the weights of a layer by {number(found.leap, 3)} times their size: whatever the "
            f"start was good for is lost, and the run ends at {end}."
        )
    return (
        f"The loss jumps about by {found.swing:.0%} from epoch to epoch and rises in {found.rises:.0%} of the later "
        f"epochs; it ends at {end}."
    )


def _remedies(v: LearningRate, run: Measurements) -> list[Remedy]:
    eta = v.eta
    rates = [0.9 * v.critical_rate] if v.regime == "period two" and v.critical_rate < eta else []
    rates += [eta * factor for factor in SMALLER]
    if v.at == "the start" and v.critical_rate < eta:
        rates += [0.5 * v.critical_rate, 0.1 * v.critical_rate]
    if v.highest > eta and v.critical_rate < v.highest:  # a schedule that was higher before
        rates += [share * v.critical_rate * eta / v.highest for share in (0.5, 0.1)]
    return [remedies.rate(run.case.optimizer, eta, rate) for rate in rates if rate > SMALLEST * eta]


RULE = Rule("learning-rate-too-large", "Cohen et al. 2021, ICLR", measure, judge)
