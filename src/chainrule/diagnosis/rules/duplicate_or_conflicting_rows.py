"""Rows with equal inputs and different targets: no network can answer both, so the loss is bounded from below.

The bound is exact: each group of equal rows is given its best constant answer (Bishop 1995, section 6.1.3: the best
answer to squared error is the conditional mean).
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Remedy, Rule, Suspicion
from chainrule.diagnosis.score import mean_loss

MOST_ROWS = 200_000
MATTERS = 0.10  # of the loss that the run leaves


@dataclass(frozen=True)
class Measured:
    """The conflicts.

    Attributes:
        rows: how many rows have an equal one with another target.
        groups: how many groups of equal inputs conflict.
        example: the row numbers of one group.
        bound: the share of the constant answer's loss below which no network can come.
        targets: (N, outputs), each conflicting row's group mean in its place.
    """

    rows: int
    groups: int
    example: tuple[int, ...]
    bound: float
    targets: Array


def measure(r: Readings) -> Measured | None:
    """Group equal rows; conflicts are those whose targets differ."""
    x, t = r.case.data.x, r.case.data.t
    if len(x) < 2 or len(x) > MOST_ROWS or np.isnan(t).any() or not np.isfinite(x).all():
        return None
    _, group, counts = np.unique(x, axis=0, return_inverse=True, return_counts=True)
    group = group.ravel()
    if (counts == 1).all():
        return None
    w = np.ones(len(x)) if r.case.data.weights is None else r.case.data.weights.astype(np.float64)
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
    return Measured(
        int(conflicting.sum()), len(np.unique(group[conflicting])), tuple(np.flatnonzero(group == first)[:4].tolist()),
        _bound(r, target), target,
    )  # fmt: skip


def _bound(r: Readings, best: Array) -> float:
    """What the conditional means leave, by the yardstick of the diagnosis."""
    return r.yard.share(mean_loss(r.yard.loss, best, r.case.data.t, r.case.data.weights))


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """The bound is a notable part of what the run leaves."""
    if m.bound < 0.02 or m.bound < MATTERS * min(r.left, 1.0):
        return None
    told = (
        f"{m.rows} of {len(r.case.data.x)} rows have the same inputs as another row but another target, in {m.groups} "
        f"group{'s' * (m.groups > 1)} (rows {', '.join(map(str, m.example))}, for instance). No network can "
        "answer them "
        f"all: at least {m.bound:.0%} of the best constant answer's loss must remain. Correct the targets, or add "
        "the column that tells such rows apart."
    )
    evidence = {"rows": m.rows, "groups": m.groups, "example": m.example, "bound": m.bound, "bound_unit": "share"}
    text = "conflicting rows given the mean of their targets"
    remedy = Remedy(
        text, {"t": text}, lambda case: case.with_targets(text, m.targets, None if case.held is None else case.held.t)
    )
    return Suspicion(
        "duplicate-or-conflicting-rows", "warning", "structural", evidence, told, (remedy,), order=16,
        least=max(0.3 * m.bound, 0.01), factor=0.95,
    )  # fmt: skip


RULE = Rule("duplicate-or-conflicting-rows", "Bishop 1995, section 6.1.3", measure, judge)
