"""Rows with equal inputs and different targets: no network can fit both, so the loss is bounded from below.

The bound is exact: each group of equal rows is given its best constant answer (Bishop 1995, section 6.1.3: the best
answer to squared error is the conditional mean).
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.constant_answer import mean_loss
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion

MOST_ROWS = 200_000
MATTERS = 0.10  # of the remaining loss


@dataclass(frozen=True)
class Conflicts:
    """Rows that conflict.

    Attributes:
        rows: how many rows have an equal one with another target.
        groups: how many groups of equal inputs conflict.
        example: the row numbers of one group.
        bound: the lowest remaining loss that any network can reach.
        targets: (N, outputs), with those of conflicting rows replaced by the mean of their group.
    """

    rows: int
    groups: int
    example: tuple[int, ...]
    bound: float
    targets: Array


def measure(run: Measurements) -> Conflicts | None:
    """Group rows by equal inputs; those whose targets differ conflict."""
    x, t = run.case.data.x, run.case.data.t
    if len(x) < 2 or len(x) > MOST_ROWS or np.isnan(t).any() or not np.isfinite(x).all():
        return None
    _, group, counts = np.unique(x, axis=0, return_inverse=True, return_counts=True)
    group = group.ravel()
    if (counts == 1).all():
        return None
    w = np.ones(len(x)) if run.case.data.weights is None else run.case.data.weights.astype(np.float64)
    weight = np.bincount(group, weights=w)
    means = np.column_stack(
        [np.bincount(group, weights=w * t[:, k]) / np.maximum(weight, 1e-300) for k in range(t.shape[1])]
    )
    target = means[group].astype(t.dtype)
    conflicting = np.any(np.abs(t - target) > 1e-9 * max(float(np.abs(t).max()), 1e-300), axis=1)
    if not conflicting.any():
        return None
    target = np.where(conflicting[:, None], target, t)
    first = group[np.flatnonzero(conflicting)[0]]
    return Conflicts(
        int(conflicting.sum()), len(np.unique(group[conflicting])), tuple(np.flatnonzero(group == first)[:4].tolist()),
        _bound(run, target), target,
    )  # fmt: skip


def _bound(run: Measurements, best: Array) -> float:
    """The remaining loss of the conditional means."""
    return run.score.share(mean_loss(run.score.loss, best, run.case.data.t, run.case.data.weights))


def judge(found: Conflicts, run: Measurements) -> Suspicion | None:
    """The bound is a notable part of the remaining loss."""
    if found.bound < 0.02 or found.bound < MATTERS * min(run.remaining_loss, 1.0):
        return None
    explanation = (
        f"{found.rows} of {len(run.case.data.x)} rows have the same inputs as another row but another target, in "
        f"{found.groups} group{'s' * (found.groups > 1)} (rows {', '.join(map(str, found.example))}, for instance). No "
        f"network can answer them all: at least {found.bound:.0%} of the best constant answer's loss must remain. "
        "Correct the targets, or add the column that tells such rows apart."
    )
    evidence = {
        "rows": found.rows,
        "groups": found.groups,
        "example": found.example,
        "bound": found.bound,
        "bound_unit": "share",
    }
    text = "conflicting rows given the mean of their targets"
    remedy = Remedy(text, {"t": text}, lambda case: _averaged(case, found.targets, text))
    return Suspicion(
        "duplicate-or-conflicting-rows", "warning", "structural", evidence, explanation, (remedy,), order=16,
        least=max(0.3 * found.bound, 0.01), factor=0.95,
    )  # fmt: skip


def _averaged(case: Case, targets: Array, text: str) -> Case:
    return case.with_targets(text, targets, None if case.validation is None else case.validation.t)


RULE = Rule("duplicate-or-conflicting-rows", "Bishop 1995, section 6.1.3", measure, judge)
