"""What a diagnosis comes to: healthy, a cause found, or not explained.

That no cause was found does not make a run healthy: what it left of the loss is measured, and where that is much, the
outcome is "not explained".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from chainrule.core.format import plain
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Finding
from chainrule.diagnosis.score import constant_cross_entropy
from chainrule.training import evaluate

Outcome = Literal["healthy", "cause found", "not explained"]

MUCH = 0.2
"""A run that leaves more of the best constant answer's loss is not healthy."""

HARDLY = 1e-6
"""A loss above another by no more of it is the same, but for rounding."""

LITTLE = 0.05
"""Where no more is left on the validation rows, their loss may lie above what it was before training."""


@dataclass(frozen=True, eq=False)
class Remaining:
    """What a run left of the loss.

    Attributes:
        training: by the network that ``fit`` left, as a share of the best constant answer's loss on the training rows.
        validation: the same on the validation rows; None without them.
        risen: the validation loss before training and after the last epoch, where it is higher then; else None.
        above: for cross-entropies, by rows ("training", "validation") the loss of that network and that of the best
            constant answer, where it is the higher one; the shares are of squared distances from the labels, which do
            not see how sure a wrong answer is.
        finite: whether the run stayed within the finite numbers.
    """

    training: float
    validation: float | None
    risen: tuple[float, float] | None
    finite: bool
    above: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def much(self) -> bool:
        """Whether that is so much that it wants an explanation."""
        held = self.validation is not None and self.validation > MUCH
        return not self.finite or self.training > MUCH or held or self.risen is not None or bool(self.above)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        numbers = {name: vars(self)[name] for name in ("training", "validation", "risen", "finite")}
        return {
            **{name: plain(value) if value is not None else None for name, value in numbers.items()},
            "above": {rows: plain(pair) for rows, pair in self.above.items()},
        }


def remaining(readings: Readings) -> Remaining:
    """Measured on all rows of a run."""
    case, ran = readings.case, readings.ran
    if ran.error is not None:
        return Remaining(readings.left, None, None, finite=False)
    above = dict(_above(readings))
    if case.held is None:
        return Remaining(readings.left, None, None, finite=True, above=above)
    before = evaluate(ran.snapshots[0].model(case), case.held)
    after = float(ran.history.validation_loss[-1])
    risen = (before, after) if after > before and readings.left_of_held > LITTLE else None
    return Remaining(readings.left, readings.yard.left_of_held(case, ran.kept), risen, True, above)


def _above(readings: Readings) -> Iterator[tuple[str, tuple[float, float]]]:
    """The rows on which the best constant answer has the lower cross-entropy, and both."""
    case, model = readings.case, readings.ran.kept
    for name, rows in (("training", case.data), ("validation", case.held)):
        constant = None if rows is None else constant_cross_entropy(case, rows)
        if rows is None or constant is None:
            continue
        loss = evaluate(model, rows)
        if loss > constant * (1 + HARDLY):
            yield name, (loss, constant)


def outcome(findings: Sequence[Finding], left: Remaining, *, proved: bool) -> Outcome:
    """A suspicion that was not put to the test explains nothing, and does not go with "healthy" either."""
    if findings:
        return "cause found" if proved else "not explained"
    return "not explained" if left.much else "healthy"
