"""The training loss falls on while the validation loss has turned: the network learns the rows by heart.

Prechelt 1998, Early stopping - but when?; Goodfellow, Bengio & Courville 2016, Deep Learning, section 7.8.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Rule, Suspicion

RISE = 1.15
GAP = 1.3


@dataclass(frozen=True)
class Measured:
    """Both curves in numbers.

    Attributes:
        best_epoch: of the lowest validation loss.
        lowest, last: validation loss there and in the end (mean of the last few epochs).
        training_best, training_last: training loss at the same epochs.
    """

    best_epoch: int
    lowest: float
    last: float
    training_best: float
    training_last: float


def measure(r: Readings) -> Measured | None:
    """With validation rows only."""
    held, losses = r.validation_losses, r.losses
    if held.size < 5 or not np.isfinite(held).all():
        return None
    best = int(np.argmin(held))
    return Measured(best, float(held[best]), float(held[-3:].mean()), float(losses[best]), float(losses[-1]))


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """The validation loss has risen clearly from its lowest while the training loss fell."""
    if not (m.last > RISE * m.lowest and m.training_last < 0.9 * m.training_best and m.last > GAP * m.training_last):
        return None
    told = (
        f"The validation loss is lowest in epoch {m.best_epoch} ({number(m.lowest, 4)}) and rises to "
        f"{number(m.last, 4)}, "
        f"while the training loss falls from {number(m.training_best, 4)} to {number(m.training_last, 4)}: from "
        "there on "
        "the network learns its rows by heart. Stop there (patience), penalise large weights (l2), take fewer units or "
        "more rows."
    )
    evidence = dict(vars(m))
    patience = max(5, min(r.case.settings.epochs // 10, 50))
    tried = (
        remedies.settings(f"patience={patience}", patience=patience),
        remedies.settings("l2=0.01", l2=0.01),
    )
    return Suspicion(
        "overfitting",
        "warning",
        "exact",
        evidence,
        told,
        tried,
        judged_by="validation",
        order=21,
        least=0.02,
        factor=0.9,
    )


RULE = Rule("overfitting", "Prechelt 1998", measure, judge)
