"""Targets that the last activation cannot give, which bounds the loss from below.

The bound is exact: each target is compared with the nearest value in the activation's range.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Rule, Suspicion

LEAST = 0.01  # of the best constant answer's loss: a smaller bound does not matter


@dataclass(frozen=True)
class UnreachableTargets:
    """Targets outside the range of the last activation.

    Attributes:
        name, low, high: the activation and its range.
        below, above: how many targets lie outside.
        targets: how many there are.
        bound, share: the loss of the nearest answers, and the same as a share of the best constant answer's.
    """

    name: str
    low: float
    high: float
    below: int
    above: int
    targets: int
    bound: float
    share: float


def measure(run: Measurements) -> UnreachableTargets | None:
    """Compare the targets with the range; None for losses with a link of their own."""
    phi, chain = run.output_activation, run.case.chain
    if phi is None or chain.loss.link != "identity" or chain.loss.target_range != (-np.inf, np.inf):
        return None
    low, high = phi.range
    t = run.case.data.t
    below, above = int((t < low).sum()), int((t > high).sum())
    if not below + above:
        return None
    nearest = np.clip(np.nan_to_num(t), low, high).astype(t.dtype)
    bound = maths.batch_loss(chain, nearest, t, run.case.data.weights)
    return UnreachableTargets(
        phi.name, low, high, below, above, int((~np.isnan(t)).sum()), bound, run.score.share(bound)
    )


def judge(found: UnreachableTargets, run: Measurements) -> Suspicion | None:
    """The bound matters."""
    if found.share < LEAST:
        return None
    where = " and ".join(
        f"{count} lie {side} {number(edge, 3)}"
        for count, side, edge in ((found.below, "below", found.low), (found.above, "above", found.high))
        if count
    )
    explanation = (
        f"The last layer's {found.name} gives values from {number(found.low, 3)} to {number(found.high, 3)}, but of "
        f"{found.targets} targets {where}. The loss cannot fall below {number(found.bound, 4)}, {found.share:.0%} of "
        f"{run.score.training.unit}. Leave the last layer without an activation, or scale the targets into its range."
    )
    evidence = {
        "activation": found.name,
        "range": (found.low, found.high),
        "below": found.below,
        "above": found.above,
        "bound": found.bound,
    }
    last = len(run.case.chain.layers)
    remedy = remedies.activations(f"activation 'identity' in layer {last}", {last: "identity"})
    return Suspicion("output-range", "error", "structural", evidence, explanation, (remedy,), order=12)


RULE = Rule("output-range", "the activation's own range", measure, judge)
