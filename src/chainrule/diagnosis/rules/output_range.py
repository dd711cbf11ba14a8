"""Targets that the last activation cannot give: the loss cannot fall below what they are out of reach by.

The bound is exact: each target is compared with the nearest value in the activation's range.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Rule, Suspicion

LEAST = 0.01  # of the constant answer's loss: less is of no account


@dataclass(frozen=True)
class Measured:
    """What is out of reach.

    Attributes:
        name, low, high: the activation and its range.
        below, above: how many targets lie outside.
        targets: how many there are.
        bound: the loss that even the nearest answers leave, and its share of the constant answer's.
    """

    name: str
    low: float
    high: float
    below: int
    above: int
    targets: int
    bound: float
    share: float


def measure(r: Readings) -> Measured | None:
    """Compare the targets with the range; nothing for losses with a link of their own."""
    phi, chain = r.output_activation, r.case.chain
    if phi is None or chain.loss.link != "identity" or chain.loss.target_range != (-np.inf, np.inf):
        return None
    low, high = phi.range
    t = r.case.data.t
    below, above = int((t < low).sum()), int((t > high).sum())
    if not below + above:
        return None
    nearest = np.clip(np.nan_to_num(t), low, high).astype(t.dtype)
    bound = maths.batch_loss(chain, nearest, t, r.case.data.weights)
    return Measured(phi.name, low, high, below, above, int((~np.isnan(t)).sum()), bound, r.yard.share(bound))


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """The bound matters."""
    if m.share < LEAST:
        return None
    where = " and ".join(
        f"{count} lie {side} {number(edge, 3)}"
        for count, side, edge in ((m.below, "below", m.low), (m.above, "above", m.high))
        if count
    )
    told = (
        f"The last layer's {m.name} gives values from {number(m.low, 3)} to {number(m.high, 3)}, but of "
        f"{m.targets} targets "
        f"{where}. The loss cannot fall below {number(m.bound, 4)}, {m.share:.0%} of {r.yard.training.unit}. "
        "Leave the last layer without an activation, or scale the targets into its range."
    )
    evidence = {"activation": m.name, "range": (m.low, m.high), "below": m.below, "above": m.above, "bound": m.bound}
    last = len(r.case.chain.layers)
    remedy = remedies.activations(f"activation 'identity' in layer {last}", {last: "identity"})
    return Suspicion("output-range", "error", "structural", evidence, told, (remedy,), order=12)


RULE = Rule("output-range", "the activation's own range", measure, judge)
