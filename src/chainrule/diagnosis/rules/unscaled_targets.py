"""Targets far larger or smaller than 1: the first errors, and with them gradients and curvature, are out of scale.

LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.5.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.constant_answer import mean_and_deviation
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion

LARGE, SMALL = 20.0, 0.05


@dataclass(frozen=True)
class TargetScales:
    """Mean, standard deviation and size (root mean square) of each target column."""

    mean: Array
    deviation: Array
    size: Array


def measure(run: Measurements) -> TargetScales | None:
    """For losses that measure distances, with an output that can take any value, or any positive one."""
    phi = run.output_activation
    if not run.case.chain.loss.distance or phi is None or phi.range[1] < np.inf:
        return None
    t = run.case.data.t.astype(np.float64)
    with np.errstate(all="ignore"):
        mean, deviation = mean_and_deviation(t)
        size = np.sqrt(mean**2 + deviation**2)
    return TargetScales(mean, deviation, size) if np.isfinite(size).all() else None


def judge(found: TargetScales, run: Measurements) -> Suspicion | None:
    """A column of targets out of scale."""
    if not (found.size.max() > LARGE or found.size.max() < SMALL):
        return None
    phi = run.output_activation
    assert phi is not None
    shift = phi.range[0] == -np.inf
    k = int(np.argmax(found.size))
    explanation = (
        f"The targets are not scaled: t[{k}] has mean {number(found.mean[k], 3)} and standard deviation "
        f"{number(found.deviation[k], 3)}, while the network's first outputs are of size 1. Errors this size make "
        "gradients too large or too small for the learning rate. Standardise the targets, and undo it in the "
        "predictions."
    )
    evidence = {"mean": found.mean, "deviation": found.deviation}
    text = "t standardised by column" if shift else "t divided by its standard deviation"
    what = "(t - t.mean(0)) / t.std(0)" if shift else "t / t.std(0)"
    remedy = Remedy(text, {"t": what}, lambda case: _scaled(case, text, shift=shift))
    return Suspicion("unscaled-targets", "warning", "structural", evidence, explanation, (remedy,), order=22)


def _scaled(case: Case, text: str, *, shift: bool) -> Case:
    t = case.data.t
    mean, deviation = mean_and_deviation(t)
    mean = (mean if shift else np.zeros_like(mean)).astype(t.dtype)
    deviation = np.where(deviation > 0, deviation, 1.0).astype(t.dtype)
    validation = None if case.validation is None else (case.validation.t - mean) / deviation
    return case.with_targets(text, (t - mean) / deviation, validation, lambda y: y * deviation + mean)


RULE = Rule("unscaled-targets", "LeCun et al. 1998, section 4.5", measure, judge)
