"""Activations and gradients that grow from layer to layer: weights too large at the start.

Glorot & Bengio 2010, AISTATS; Pascanu, Mikolov & Bengio 2013, ICML (clipping).
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.format import number
from chainrule.core.initializers import suited_to
from chainrule.core.layers import Dense
from chainrule.diagnosis import remedies
from chainrule.diagnosis.gradient_flow import Factor, factors, saturated_shares
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Rule, Suspicion

GROWN = 3.0  # per layer, in the mean
SATURATED = 0.3
LARGE_DRAW = 2.0  # times the standard deviation that suits the activation


@dataclass(frozen=True)
class Growth:
    """How net inputs grow going forward and gradients going backward, before training.

    Attributes:
        factors: of the gradient, by layer.
        growth: the geometric mean of the gradient's factor per layer.
        values: root mean square of the net inputs, by layer.
        draw: by layer, the weights' root mean square, divided by what suits the activation.
        flat: by bounded layer, the share of saturated values: these stop a gradient, however large.
    """

    factors: list[Factor]
    growth: float
    values: list[float]
    draw: list[float]
    flat: list[float]


def measure(run: Measurements) -> Growth | None:
    """For networks with hidden layers."""
    if len(run.dense) < 2:
        return None
    by_layer = factors(run, run.start)
    steps = [factor.product for factor in by_layer[1:]]
    with np.errstate(all="ignore"):
        growth = float(np.exp(np.mean(np.log(np.maximum(steps, 1e-300)))))
        values = [float(np.sqrt(np.mean(run.start.records[l - 1]["z"].astype(np.float64) ** 2))) for l in run.dense]
    draw = []
    for l in run.dense:
        layer = run.case.chain.layers[l - 1]
        assert isinstance(layer, Dense)
        W = run.case.model.parameters[f"W{l}"]
        usual = suited_to(layer.activation)(np.random.default_rng(0), W.shape, np.dtype(np.float64))
        draw.append(float(np.sqrt(np.mean(W**2)) / max(np.sqrt(np.mean(usual**2)), 1e-300)))
    return Growth(by_layer, growth, values, draw, saturated_shares(run))


def judge(found: Growth, run: Measurements) -> Suspicion | None:
    """Weights are far too large, and values or gradients grow."""
    wide = [l for l, factor in zip(run.dense, found.draw, strict=True) if factor > LARGE_DRAW]
    bounded = all(getattr(run.activation(l), "range", (0, 0))[1] < np.inf for l in run.hidden)
    flat = any(share >= SATURATED for share in found.flat)
    grows = not flat and (
        found.growth > GROWN or (found.values[-1] > 10 * max(found.values[0], 1e-300) and not bounded)
    )
    if not wide or not (grows or (found.values[-1] > 30 and not bounded)):
        return None
    explanation = (
        "Values and gradients grow on their way: the net inputs' size is "
        f"{', '.join(number(v, 3) for v in found.values)} by layer, and coming down the gradient is multiplied by "
        f"{number(found.growth, 3)} a layer. The weights of layer{'s' * (len(wide) > 1)} {', '.join(map(str, wide))} "
        f"were drawn {number(max(found.draw), 3)} times as large as suits the activation. Draw them to suit it, or "
        "limit the gradient with clip_norm."
    )
    evidence = {
        "growth_a_layer": found.growth,
        "net_inputs": found.values,
        "draw": found.draw,
        "factors": [f.to_dict() for f in found.factors],
    }
    text = f"weights of layers {', '.join(map(str, wide))} drawn to suit their activations"
    tried = (remedies.vector(text, remedies.redrawn(run.case, wide)), remedies.settings("clip_norm=1.0", clip_norm=1.0))
    return Suspicion("exploding-gradient", "error", "exact", evidence, explanation, tried, order=26)


RULE = Rule("exploding-gradient", "Glorot & Bengio 2010; Pascanu, Mikolov & Bengio 2013", measure, judge)
