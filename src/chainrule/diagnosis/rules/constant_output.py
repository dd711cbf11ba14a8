"""A network that gives one answer whatever the input: the mean of the targets.

A run ends at the best constant answer if it cannot use its inputs: penalties keep all weights at 0, layers are not
trained, inputs do not vary. Karpathy 2019, A recipe for training neural
networks.
"""

from dataclasses import dataclass, replace

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.constant_answer import mean_and_deviation
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion

STILL = 0.05  # of the targets' spread
NO_BETTER = 0.85


@dataclass(frozen=True)
class OutputSpread:
    """How much the outputs vary.

    Attributes:
        spread: standard deviation of the outputs over rows, over that of the targets.
        remaining_loss: of the run.
        outputs: their mean.
    """

    spread: float
    remaining_loss: float
    outputs: float


def measure(run: Measurements) -> OutputSpread | None:
    """For runs that did not diverge."""
    if run.training.error is not None or len(run.rows.x) < 3:
        return None
    y, t = run.end.records[-1]["a"], run.rows.t
    _, vary = mean_and_deviation(t)
    if not (vary > 0).any():
        return None
    spread = float(np.mean(y.std(axis=0)[vary > 0] / vary[vary > 0]))
    return OutputSpread(spread, run.remaining_loss, float(y.mean()))


def judge(found: OutputSpread, run: Measurements) -> Suspicion | None:
    """The outputs do not vary, and are no better than the best constant answer."""
    if found.spread > STILL or found.remaining_loss < NO_BETTER:
        return None
    explanation = (
        f"The outputs hardly vary: {number(found.outputs, 3)} whatever the input (their spread is {found.spread:.1%} "
        f"of the targets'), which leaves {found.remaining_loss:.0%} of the best constant answer's loss. "
    )
    tried: list[Remedy] = []
    penalties = {name: 0.0 for name in ("l1", "l2") if getattr(run.case.settings, name) > 0}
    if penalties:
        names = ", ".join(f"{name}=0" for name in penalties)
        values = ", ".join(f"{name}={number(getattr(run.case.settings, name))}" for name in penalties)
        explanation += f"The penalty ({values}) holds the weights near 0. "
        tried.append(remedies.settings(names, **penalties))
    if run.case.optimizer.decay > 0:
        without = replace(run.case.optimizer, weight_decay=0.0)  # type: ignore[call-arg]
        tried.append(remedies.settings("weight_decay=0", optimizer=without))
    frozen = [l for l, layer in enumerate(run.case.chain.layers, start=1) if not layer.trainable]
    if frozen:
        explanation += f"Layer{'s' * (len(frozen) > 1)} {', '.join(map(str, frozen))} cannot be trained. "
        tried.append(remedies.trainable(frozen))
    tried.append(remedies.vector("all weights drawn afresh", remedies.redrawn(run.case, run.dense)))
    return Suspicion(
        "constant-output",
        "error",
        "exact",
        {"spread": found.spread, "left": found.remaining_loss, "outputs": found.outputs},
        explanation.strip(),
        tuple(tried),
        order=70 if not penalties else 35,
    )


RULE = Rule("constant-output", "Karpathy 2019", measure, judge)
