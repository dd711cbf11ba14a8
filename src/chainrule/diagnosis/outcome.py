"""What a diagnosis comes to: healthy, a cause found, or not explained.

That no cause was found does not make a run healthy: what it left of the loss is measured, and where that is much, the
outcome is "not explained".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chainrule.diagnosis.readings import Readings
from chainrule.diagnosis.record import Finding
from chainrule.show import plain
from chainrule.training.fit import evaluate

Outcome = Literal["healthy", "cause found", "not explained"]

MUCH = 0.2
"""A run that leaves more of the best constant answer's loss is not healthy."""

LITTLE = 0.05
"""Where no more is left on the validation rows, their loss may lie above what it was before training."""


@dataclass(frozen=True, eq=False)
class Remaining:
    """What a run left of the loss.

    Attributes:
        training: by the network that ``fit`` left, as a share of the best constant answer's loss on the training rows.
        validation: the same on the validation rows; None without them.
        risen: the validation loss before training and after the last epoch, where it is higher then; else None.
        finite: whether the run stayed within the finite numbers.
    """

    training: float
    validation: float | None
    risen: tuple[float, float] | None
    finite: bool

    @property
    def much(self) -> bool:
        """Whether that is so much that it wants an explanation."""
        held = self.validation is not None and self.validation > MUCH
        return not self.finite or self.training > MUCH or held or self.risen is not None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {name: plain(value) if value is not None else None for name, value in vars(self).items()}


def remaining(readings: Readings) -> Remaining:
    """Measured on all rows of a run."""
    case, ran = readings.case, readings.ran
    if ran.error is not None or case.held is None:
        return Remaining(readings.left, None, None, ran.error is None)
    before = evaluate(ran.snapshots[0].model(case), case.held)
    after = float(ran.history.validation_loss[-1])
    risen = (before, after) if after > before and readings.left_of_held > LITTLE else None
    return Remaining(readings.left, readings.yard.left_of_held(case, ran.kept), risen, finite=True)


def outcome(findings: Sequence[Finding], left: Remaining, *, proved: bool) -> Outcome:
    """A suspicion that was not put to the test explains nothing, and does not go with "healthy" either."""
    if findings:
        return "cause found" if proved else "not explained"
    return "not explained" if left.much else "healthy"
