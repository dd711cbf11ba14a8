"""The training loss goes on falling while the validation loss rises: the network memorises the rows.

Prechelt 1998, Early stopping - but when?; Goodfellow, Bengio & Courville 2016, Deep Learning, section 7.8.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Rule, Suspicion

RISE = 1.15
GAP = 1.3


@dataclass(frozen=True)
class LossCurves:
    """Training and validation loss at the best epoch and at the end.

    Attributes:
        best_epoch: with the lowest validation loss.
        lowest, last: validation loss there and at the end (mean of the last few epochs).
        training_best, training_last: training loss at the same epochs.
    """

    best_epoch: int
    lowest: float
    last: float
    training_best: float
    training_last: float


def measure(run: Measurements) -> LossCurves | None:
    """For runs with validation rows."""
    validation, losses = run.validation_losses, run.losses
    if validation.size < 5 or not np.isfinite(validation).all():
        return None
    best = int(np.argmin(validation))
    return LossCurves(
        best, float(validation[best]), float(validation[-3:].mean()), float(losses[best]), float(losses[-1])
    )


def judge(found: LossCurves, run: Measurements) -> Suspicion | None:
    """The validation loss has risen clearly from its lowest while the training loss fell."""
    if not (
        found.last > RISE * found.lowest
        and found.training_last < 0.9 * found.training_best
        and found.last > GAP * found.training_last
    ):
        return None
    explanation = (
        f"The validation loss is lowest in epoch {found.best_epoch} ({number(found.lowest, 4)}) and rises to "
        f"{number(found.last, 4)}, while the training loss falls from {number(found.training_best, 4)} to "
        f"{number(found.training_last, 4)}: from there on the network learns its rows by heart. Stop there (patience), "
        "penalise large weights (l2), take fewer units or more rows."
    )
    evidence = dict(vars(found))
    patience = max(5, min(run.case.settings.epochs // 10, 50))
    tried = (
        remedies.settings(f"patience={patience}", patience=patience),
        remedies.settings("l2=0.01", l2=0.01),
    )
    return Suspicion(
        "overfitting",
        "warning",
        "exact",
        evidence,
        explanation,
        tried,
        judged_by="validation",
        order=21,
        least=0.02,
        factor=0.9,
        follows="if suspected at first",
    )


RULE = Rule("overfitting", "Prechelt 1998", measure, judge)
