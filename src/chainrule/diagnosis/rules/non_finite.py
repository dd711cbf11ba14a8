"""A number that left the finite ones for a reason of its own: a row far out, or an operation that overflows.

Where steps that are too long have made the parameters grow, the learning rate is the cause, and the first operation to
overflow only where it showed. Goldberg 1991, ACM Computing Surveys 23(1).
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.overflow import Overflow, trace_overflow
from chainrule.diagnosis.result import Remedy, Rule, Suspicion
from chainrule.diagnosis.score import far_out

SYMPTOM = 0.4  # an overflow that grew mostly follows from another cause
HUGE = 1e30  # an activation so large is what overflows later, even if it is itself still finite


@dataclass(frozen=True)
class Measured:
    """What overflowed, and which rows lie far out.

    Attributes:
        overflow: the first value that is not finite; None if the run cannot be gone through again.
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


def measure(r: Readings) -> Measured | None:
    """For runs that left the finite numbers."""
    if r.ran.error is None:
        return None
    epoch = r.ran.error.epoch
    rows, place, largest = _far_out(r)
    return Measured(trace_overflow(r.case, epoch), epoch, rows, largest, place)


def _far_out(r: Readings) -> tuple[Array, str, float]:
    """Rows far out, and the furthest number."""
    far = far_out(r.case.data)
    largest, place = 0.0, ""
    for name, values in (("x", r.case.data.x[far]), ("t", np.nan_to_num(r.case.data.t[far]))):
        size = np.abs(values.astype(np.float64))
        if size.size and size.max() > largest:
            n, k = np.unravel_index(int(np.argmax(size)), size.shape)
            largest, place = float(size.max()), f"{name}[{np.flatnonzero(far)[n]}, {k}]"
    return np.flatnonzero(far), place, largest


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """With rows far out they are the cause; an overflow in the first updates is one of its operation."""
    evidence = {
        "overflow": None if m.overflow is None else m.overflow.told, "epoch": m.epoch, "rows_far_out": m.rows,
        "largest": m.largest, "place": m.place,
    }  # fmt: skip
    first = "" if m.overflow is None else str(m.overflow) + ". "
    first = first[:1].upper() + first[1:]
    if m.rows.size and m.rows.size < 0.2 * r.case.rows:
        told = (
            f"{first}{m.place} = {number(m.largest, 3)} is more than a thousand times as large as that column "
            "usually is. "
            "Correct that row, or leave it out."
        )
        kept = np.setdiff1d(np.arange(r.case.rows), m.rows)
        text = f"without row{'s' * (m.rows.size > 1)} {', '.join(map(str, m.rows[:5]))}"
        remedy = Remedy(text, {"x": text, "t": text}, lambda case: case.with_rows(text, kept))
        return Suspicion("non-finite", "error", "exact", evidence, told, (remedy,), order=5)
    tried: list[Remedy] = []
    at_once = m.overflow is not None and m.overflow.update == 0 and m.overflow.way == "forward"
    huge = [l for l in r.hidden if not np.abs(r.start.records[l - 1]["a"]).max() < HUGE]
    if at_once and huge:
        l = huge[0]
        text = f"weights of layer {l} drawn to suit its activation"
        tried.append(remedies.vector(text, remedies.redrawn(r.case, [l])))
        text = f"activation 'softplus' in layer {l}, weights drawn to suit it"
        tried.append(remedies.activations(text, {l: "softplus"}, keep=False))
    tried.append(remedies.settings("clip_norm=1.0", clip_norm=1.0))
    why = (
        "This happens in the first pass, before a step was taken: no learning rate can mend it."
        if at_once
        else (f"The numbers grew until they overflowed, in epoch {m.epoch}.")
    )
    own = at_once and bool(huge)
    return Suspicion(
        "non-finite", "error", "exact", evidence, first + why, tuple(tried), order=6 if own else 45,
        worth=1.0 if own else SYMPTOM,
    )  # fmt: skip


RULE = Rule("non-finite", "Goldberg 1991", measure, judge)
