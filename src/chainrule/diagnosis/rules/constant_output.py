"""A network that gives one answer whatever the input: the mean of the targets.

The best constant answer is where a run comes to rest that cannot, or may not, use its inputs: penalties that hold all
weights at 0, layers that are not trained, inputs that do not vary. Karpathy 2019, A recipe for training neural
networks.
"""

from dataclasses import dataclass, replace

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Remedy, Rule, Suspicion
from chainrule.diagnosis.score import mean_and_deviation

STILL = 0.05  # of the targets' spread
NO_BETTER = 0.85


@dataclass(frozen=True)
class Measured:
    """How much the outputs vary.

    Attributes:
        spread: standard deviation of the outputs over rows, over that of the targets.
        left: of the loss of the best constant answer.
        outputs: their mean.
    """

    spread: float
    left: float
    outputs: float


def measure(r: Readings) -> Measured | None:
    """For runs that ended in good order."""
    if r.ran.error is not None or len(r.rows.x) < 3:
        return None
    y, t = r.end.records[-1]["a"], r.rows.t
    _, vary = mean_and_deviation(t)
    if not (vary > 0).any():
        return None
    spread = float(np.mean(y.std(axis=0)[vary > 0] / vary[vary > 0]))
    return Measured(spread, r.left, float(y.mean()))


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """One answer, and no better than the best constant one."""
    if m.spread > STILL or m.left < NO_BETTER:
        return None
    told = (
        f"The outputs hardly vary: {number(m.outputs, 3)} whatever the input (their spread is {m.spread:.1%} of the "
        f"targets'), which leaves {m.left:.0%} of the best constant answer's loss. "
    )
    tried: list[Remedy] = []
    penalties = {name: 0.0 for name in ("l1", "l2") if getattr(r.case.settings, name) > 0}
    if penalties:
        names = ", ".join(f"{name}=0" for name in penalties)
        held = ", ".join(f"{name}={number(getattr(r.case.settings, name))}" for name in penalties)
        told += f"The penalty ({held}) holds the weights near 0. "
        tried.append(remedies.settings(names, **penalties))
    if r.case.optimizer.decay > 0:
        without = replace(r.case.optimizer, weight_decay=0.0)  # type: ignore[call-arg]
        tried.append(remedies.settings("weight_decay=0", optimizer=without))
    frozen = [l for l, layer in enumerate(r.case.chain.layers, start=1) if not layer.trainable]
    if frozen:
        told += f"Layer{'s' * (len(frozen) > 1)} {', '.join(map(str, frozen))} cannot be trained. "
        tried.append(remedies.trainable(frozen))
    tried.append(remedies.vector("all weights drawn afresh", remedies.redrawn(r.case, r.dense)))
    return Suspicion(
        "constant-output",
        "error",
        "exact",
        dict(vars(m)),
        told.strip(),
        tuple(tried),
        order=70 if not penalties else 35,
    )


RULE = Rule("constant-output", "Karpathy 2019", measure, judge)
