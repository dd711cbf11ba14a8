"""Gradients that shrink from layer to layer until the first layers stand still.

Hochreiter 1991, Diploma thesis, TU München; Glorot & Bengio 2010, AISTATS: with weights of variance 1/units and slopes
near 1 the factors of the chain stay near 1.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.gradient_flow import Factor, factors, saturated_shares
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Remedy, Rule, Suspicion

SATURATED = 0.35  # of a layer's values: then that is the cause, and shrinking follows from it
LOST = 1e-3  # what is left of dE/dz of the last layer at the first
SHRUNK = 1e-2  # first over last layer's gradient


@dataclass(frozen=True)
class Measured:
    """The chain's factors before training and in the end, and the first layer's gradient over the last's."""

    start: list[Factor]
    end: list[Factor]
    ratio: float
    ratio_end: float


def measure(r: Readings) -> Measured | None:
    """For networks with hidden layers."""
    if len(r.dense) < 3 or not np.isfinite(r.start.gradient).all():
        return None
    start, end = factors(r, r.start), factors(r, r.end)
    return Measured(start, end, _ratio(start), _ratio(end))


def _ratio(chain: list[Factor]) -> float:
    return chain[0].gradient / max(chain[-1].gradient, 1e-300)


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """The first layer's gradient is a small part of the last's."""
    hidden = m.start[1:]  # what a layer hands down reaches the one below; the first hands down to nobody
    slopes = float(np.prod([f.slope for f in hidden] + [m.start[0].slope]))
    weights = float(np.prod([f.weights for f in hidden]))
    if not (m.ratio < SHRUNK or slopes * weights < LOST) or (m.start[-1].gradient < 1e-12 and slopes == 0):
        return None
    worst = min(hidden, key=lambda f: f.product)
    which = "slopes phi'(z)" if slopes < weights else "weights"
    told = (
        f"On its way down the gradient shrinks: layer 1's is {number(m.ratio, 2)} of that of layer {r.dense[-1]}. The "
        f"{which} do it: over all layers the slopes multiply it by {number(slopes, 2)}, the weights by "
        f"{number(weights, 2)}; most is lost at layer {worst.layer} (slope {number(worst.slope, 2)}, weights "
        f"{number(worst.weights, 2)}). The first layers stand still."
    )
    evidence = {
        "first_over_last": m.ratio, "first_over_last_in_the_end": m.ratio_end, "factor": which,
        "factors": [f.told for f in m.start],
    }  # fmt: skip
    saturated = max(saturated_shares(r), default=0.0) > SATURATED
    return Suspicion(
        "vanishing-gradient", "warning", "exact", evidence, told, tuple(_remedies(r, weights < slopes)),
        order=33 if saturated else 28,
    )  # fmt: skip


def _remedies(r: Readings, by_weights: bool) -> list[Remedy]:
    names = ", ".join(map(str, r.hidden))
    draw = remedies.vector("all weights drawn to suit their activations", remedies.redrawn(r.case, r.dense))
    acts = [
        remedies.activations(
            f"activation '{name}' in layers {names}, weights drawn to suit it",
            dict.fromkeys(r.hidden, name),
            keep=False,
        )
        for name in ("tanh", "relu")
        if any(getattr(r.activation(l), "name", "") != name for l in r.hidden)
    ]
    return [draw, *acts] if by_weights else [*acts, draw]


RULE = Rule("vanishing-gradient", "Hochreiter 1991; Glorot & Bengio 2010", measure, judge)
