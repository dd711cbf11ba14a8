"""Sorted rows that are not shuffled: each batch sees one kind of target, and the network is pulled back and forth.

LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.2; Bengio 2012, arXiv 1206.5533, section 3.2.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Rule, Suspicion

MANY_TIMES = 3.0


@dataclass(frozen=True)
class BatchMeans:
    """How much the batches' mean targets differ.

    Attributes:
        between: variance of the batches' mean targets over that of shuffled batches, for the column it is largest for.
        batches: how many batches an epoch has.
        first, last: mean target of the first and the last batch, in that column.
    """

    between: float
    batches: int
    first: float
    last: float


def measure(run: Measurements) -> BatchMeans | None:
    """For runs without shuffling, with several batches an epoch."""
    case = run.case
    if case.settings.shuffle or case.full_batch or np.isnan(case.data.t).any():
        return None
    t, size = case.data.t.astype(np.float64), case.batch_size
    means = np.array([t[start : start + size].mean(axis=0) for start in range(0, len(t), size)])
    expected = t.var(axis=0) / size * max(1 - size / len(t), 1e-9)
    ratio = means.var(axis=0) / np.maximum(expected, 1e-300)
    k = int(np.argmax(ratio))
    return BatchMeans(float(ratio[k]), len(means), float(means[0, k]), float(means[-1, k]))


def judge(found: BatchMeans, run: Measurements) -> Suspicion | None:
    """Batches that differ far more than by chance, or very small batches of sorted rows."""
    t = run.case.data.t.astype(np.float64)
    with np.errstate(all="ignore"):
        step = np.abs(np.diff(t, axis=0)).mean(axis=0) / np.maximum(np.abs(t - t.mean(axis=0)).mean(axis=0), 1e-300)
    jump = float(step.min())  # about 1.4 and more for shuffled rows, near 0 for sorted ones
    if found.between < MANY_TIMES and not (run.case.batch_size <= 4 and len(t) > 12 and jump < 0.5):
        return None
    explanation = (
        "The rows are not shuffled and their targets come in order: the mean target goes from "
        f"{number(found.first, 3)} in the first of {found.batches} batches to {number(found.last, 3)} in the last, "
        "where shuffled batches would all be about alike. Each epoch learns one kind of row after the other and "
        "forgets the first. Train with shuffle=True."
    )
    evidence = {
        "variance_of_batch_means_over_shuffled": found.between,
        "batches": found.batches,
        "first": found.first,
        "last": found.last,
    }
    remedy = remedies.settings("shuffle=True", shuffle=True)
    return Suspicion("ordered-data", "warning", "structural", evidence, explanation, (remedy,), order=18)


RULE = Rule("ordered-data", "LeCun et al. 1998, section 4.2", measure, judge)
