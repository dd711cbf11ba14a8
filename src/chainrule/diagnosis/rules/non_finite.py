"""A value that is not finite for a reason of its own: an outlier among the rows, or an operation that overflows.

If steps that are too long have made the parameters grow, the learning rate is the cause, and the overflow a symptom.
Goldberg 1991, ACM Computing Surveys 23(1).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.overflow import Overflow, trace_overflow
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion
from chainrule.diagnosis.score import far_out

SYMPTOM = 0.4  # weight of an overflow after growth: it mostly follows from another cause
HUGE = 1e30  # an activation this large makes later operations overflow, though it is finite itself


@dataclass(frozen=True)
class FirstOverflow:
    """What overflowed, and which rows hold outliers.

    Attributes:
        overflow: the first value that is not finite; None if the run cannot be repeated.
        epoch: in which it happened.
        rows: row numbers whose inputs or targets are more than a thousand times as large as usual.
        largest: the largest number in them.
        place: such as ``"x[12, 0]"``.
    """

    overflow: Overflow | None
    epoch: int
    rows: Array
    largest: float
    place: str


def measure(run: Measurements) -> FirstOverflow | None:
    """For runs that diverged."""
    if run.training.error is None:
        return None
    epoch = run.training.error.epoch
    rows, place, largest = _far_out(run)
    return FirstOverflow(trace_overflow(run.case, epoch), epoch, rows, largest, place)


def _far_out(run: Measurements) -> tuple[Array, str, float]:
    """Rows with outliers, the place of the largest number, and that number."""
    far = far_out(run.case.data)
    largest, place = 0.0, ""
    for name, values in (("x", run.case.data.x[far]), ("t", np.nan_to_num(run.case.data.t[far]))):
        size = np.abs(values.astype(np.float64))
        if size.size and size.max() > largest:
            n, k = np.unravel_index(int(np.argmax(size)), size.shape)
            largest, place = float(size.max()), f"{name}[{np.flatnonzero(far)[n]}, {k}]"
    return np.flatnonzero(far), place, largest


def judge(found: FirstOverflow, run: Measurements) -> Suspicion | None:
    """With rows far out they are the cause; an overflow in the first updates is one of its operation."""
    evidence = {
        "overflow": None if found.overflow is None else found.overflow.to_dict(), "epoch": found.epoch,
        "rows_far_out": found.rows, "largest": found.largest, "place": found.place,
    }  # fmt: skip
    first = "" if found.overflow is None else str(found.overflow) + ". "
    first = first[:1].upper() + first[1:]
    if found.rows.size and found.rows.size < 0.2 * run.case.rows:
        return _outliers(found, run, first, evidence)
    at_once = found.overflow is not None and found.overflow.update == 0 and found.overflow.way == "forward"
    huge = [l for l in run.hidden if not np.abs(run.start.records[l - 1]["a"]).max() < HUGE]
    own = at_once and bool(huge)
    tried = _gentler(run, huge[0]) if own else []
    tried.append(remedies.settings("clip_norm=1.0", clip_norm=1.0))
    why = (
        "This happens in the first pass, before a step was taken: no learning rate can mend it."
        if at_once
        else f"The numbers grew until they overflowed, in epoch {found.epoch}."
    )
    return Suspicion(
        "non-finite", "error", "exact", evidence, first + why, tuple(tried), order=6 if own else 45,
        worth=1.0 if own else SYMPTOM,
    )  # fmt: skip


def _outliers(found: FirstOverflow, run: Measurements, first: str, evidence: dict[str, Any]) -> Suspicion:
    explanation = (
        f"{first}{found.place} = {number(found.largest, 3)} is more than a thousand times as large as that column "
        "usually is. Correct that row, or leave it out."
    )
    others = np.setdiff1d(np.arange(run.case.rows), found.rows)
    text = f"without row{'s' * (found.rows.size > 1)} {', '.join(map(str, found.rows[:5]))}"
    remedy = Remedy(text, {"x": text, "t": text}, lambda case: case.with_rows(text, others))
    return Suspicion("non-finite", "error", "exact", evidence, explanation, (remedy,), order=5)


def _gentler(run: Measurements, l: int) -> list[Remedy]:
    """Weights that suit the activation of layer ``l``, or an activation that grows more slowly."""
    drawn = f"weights of layer {l} drawn to suit its activation"
    softplus = f"activation 'softplus' in layer {l}, weights drawn to suit it"
    return [
        remedies.vector(drawn, remedies.redrawn(run.case, [l])),
        remedies.activations(softplus, {l: "softplus"}, keep=False),
    ]


RULE = Rule("non-finite", "Goldberg 1991", measure, judge)
