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
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Rule, Suspicion

GROWN = 3.0  # a layer, in the mean
SATURATED = 0.3
LARGE_DRAW = 2.0  # times the standard deviation that suits the activation


@dataclass(frozen=True)
class Measured:
    """How values grow going up and gradients coming down, before training.

    Attributes:
        factors: of the gradient, by layer.
        growth: of the gradient a layer, in the geometric mean.
        values: root mean square of the net inputs by layer.
        draw: by layer, the weights' root mean square over what suits the activation.
        flat: by bounded layer, the share of its values that saturate: these stop a gradient, however large.
    """

    factors: list[Factor]
    growth: float
    values: list[float]
    draw: list[float]
    flat: list[float]


def measure(r: Readings) -> Measured | None:
    """For networks with hidden layers."""
    if len(r.dense) < 2:
        return None
    found = factors(r, r.start)
    steps = [f.product for f in found[1:]]
    with np.errstate(all="ignore"):
        growth = float(np.exp(np.mean(np.log(np.maximum(steps, 1e-300)))))
        values = [float(np.sqrt(np.mean(r.start.records[l - 1]["z"].astype(np.float64) ** 2))) for l in r.dense]
    draw = []
    for l in r.dense:
        layer = r.case.chain.layers[l - 1]
        assert isinstance(layer, Dense)
        W = r.case.model.parameters[f"W{l}"]
        usual = suited_to(layer.activation)(np.random.default_rng(0), W.shape, np.dtype(np.float64))
        draw.append(float(np.sqrt(np.mean(W**2)) / max(np.sqrt(np.mean(usual**2)), 1e-300)))
    return Measured(found, growth, values, draw, saturated_shares(r))


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """Weights drawn far too large, and what passes through them grows."""
    wide = [l for l, factor in zip(r.dense, m.draw, strict=True) if factor > LARGE_DRAW]
    bounded = all(getattr(r.activation(l), "range", (0, 0))[1] < np.inf for l in r.hidden)
    flat = any(share >= SATURATED for share in m.flat)
    grows = not flat and (m.growth > GROWN or (m.values[-1] > 10 * max(m.values[0], 1e-300) and not bounded))
    if not wide or not (grows or (m.values[-1] > 30 and not bounded)):
        return None
    told = (
        "Values and gradients grow on their way: the net inputs' size is "
        f"{', '.join(number(v, 3) for v in m.values)} by "
        f"layer, and coming down the gradient is multiplied by {number(m.growth, 3)} a layer. The weights of layer"
        f"{'s' * (len(wide) > 1)} {', '.join(map(str, wide))} were drawn {number(max(m.draw), 3)} times as large as "
        "suits the activation. Draw them to suit it, or limit the gradient with clip_norm."
    )
    evidence = {
        "growth_a_layer": m.growth,
        "net_inputs": m.values,
        "draw": m.draw,
        "factors": [f.told for f in m.factors],
    }
    text = f"weights of layers {', '.join(map(str, wide))} drawn to suit their activations"
    tried = (remedies.vector(text, remedies.redrawn(r.case, wide)), remedies.settings("clip_norm=1.0", clip_norm=1.0))
    return Suspicion("exploding-gradient", "error", "exact", evidence, told, tried, order=26)


RULE = Rule("exploding-gradient", "Glorot & Bengio 2010; Pascanu, Mikolov & Bengio 2013", measure, judge)
