"""Gradients that shrink from layer to layer until the first layers hardly learn.

Hochreiter 1991, Diploma thesis, TU München; Glorot & Bengio 2010, AISTATS: with weights of variance 1/units and slopes
near 1 the factors of the chain stay near 1.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.gradient_flow import Factor, factors, saturated_shares
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion

SATURATED = 0.35  # of a layer's values: then saturation is the cause of the shrinking
LOST = 1e-3  # the factor of all layers together
SHRUNK = 1e-2  # first over last layer's gradient


@dataclass(frozen=True)
class GradientFlow:
    """The chain's factors before training and in the end, and the first layer's gradient over the last's."""

    start: list[Factor]
    end: list[Factor]
    ratio: float
    ratio_end: float


def measure(run: Measurements) -> GradientFlow | None:
    """For networks with hidden layers."""
    if len(run.dense) < 3 or not np.isfinite(run.start.gradient).all():
        return None
    start, end = factors(run, run.start), factors(run, run.end)
    return GradientFlow(start, end, _ratio(start), _ratio(end))


def _ratio(chain: list[Factor]) -> float:
    return chain[0].gradient / max(chain[-1].gradient, 1e-300)


def judge(found: GradientFlow, run: Measurements) -> Suspicion | None:
    """The first layer's gradient is a small part of the last's."""
    hidden = found.start[1:]  # the first layer passes no gradient on
    slopes = float(np.prod([f.slope for f in hidden] + [found.start[0].slope]))
    weights = float(np.prod([f.weights for f in hidden]))
    if not (found.ratio < SHRUNK or slopes * weights < LOST) or (found.start[-1].gradient < 1e-12 and slopes == 0):
        return None
    worst = min(hidden, key=lambda f: f.product)
    which = "slopes phi'(z)" if slopes < weights else "weights"
    explanation = (
        f"On its way down the gradient shrinks: layer 1's is {number(found.ratio, 2)} of that of layer "
        f"{run.dense[-1]}. The {which} do it: over all layers the slopes multiply it by {number(slopes, 2)}, the "
        f"weights by {number(weights, 2)}; most is lost at layer {worst.layer} (slope {number(worst.slope, 2)}, "
        f"weights {number(worst.weights, 2)}). The first layers stand still."
    )
    evidence = {
        "first_over_last": found.ratio, "first_over_last_in_the_end": found.ratio_end, "factor": which,
        "factors": [f.to_dict() for f in found.start],
    }  # fmt: skip
    saturated = max(saturated_shares(run), default=0.0) > SATURATED
    return Suspicion(
        "vanishing-gradient", "warning", "exact", evidence, explanation, tuple(_remedies(run, weights < slopes)),
        order=33 if saturated else 28,
    )  # fmt: skip


def _remedies(run: Measurements, by_weights: bool) -> list[Remedy]:
    names = ", ".join(map(str, run.hidden))
    draw = remedies.vector("all weights drawn to suit their activations", remedies.redrawn(run.case, run.dense))
    acts = [
        remedies.activations(
            f"activation '{name}' in layers {names}, weights drawn to suit it",
            dict.fromkeys(run.hidden, name),
            keep=False,
        )
        for name in ("tanh", "relu")
        if any(getattr(run.activation(l), "name", "") != name for l in run.hidden)
    ]
    return [draw, *acts] if by_weights else [*acts, draw]


RULE = Rule("vanishing-gradient", "Hochreiter 1991; Glorot & Bengio 2010", measure, judge)
