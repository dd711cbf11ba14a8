"""The outcome of a diagnosis: healthy, cause found, or not explained.

That no cause was found does not make a run healthy: if its remaining loss is high, the outcome is "not explained".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from chainrule.core.format import plain
from chainrule.diagnosis.constant_answer import constant_cross_entropy
from chainrule.diagnosis.measurements import Measurements
from chainrule.training import evaluate

Outcome = Literal["healthy", "cause found", "not explained"]

MUCH = 0.2
"""A run with a higher remaining loss is not healthy."""

ROUNDING = 1e-6
"""Two losses whose relative difference is not larger count as equal."""

LITTLE = 0.05
"""With a lower remaining loss on the validation rows, their loss may end above that before training."""


@dataclass(frozen=True, eq=False)
class Remaining:
    """The remaining loss of a run: 1 is the loss of the best constant answer, 0 that of a perfect one.

    Attributes:
        training: the trained network's, on the training rows.
        validation: the same on the validation rows; None without them.
        risen: the validation loss before training and after the last epoch, if it is higher then; else None.
        finite: whether the run stayed finite: no loss, gradient or parameter became inf or NaN.
        above: for cross-entropies, by rows ("training", "validation"): the network's loss and the best constant
            answer's, if the network's is higher. ``training`` and ``validation`` are of squared distances from the
            labels, which do not show how confident a wrong answer is.
    """

    training: float
    validation: float | None
    risen: tuple[float, float] | None
    finite: bool
    above: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def much(self) -> bool:
        """Whether it is so high that it needs an explanation."""
        validation = self.validation is not None and self.validation > MUCH
        return not self.finite or self.training > MUCH or validation or self.risen is not None or bool(self.above)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        numbers = {name: vars(self)[name] for name in ("training", "validation", "risen", "finite")}
        return {
            **{name: plain(value) if value is not None else None for name, value in numbers.items()},
            "above": {rows: plain(pair) for rows, pair in self.above.items()},
        }


def remaining(measurements: Measurements) -> Remaining:
    """The remaining loss on all rows of a run."""
    case, run, training = measurements.case, measurements.training, measurements.remaining_loss
    if run.error is not None:
        return Remaining(training, None, None, finite=False)
    above = dict(_above_constant_answer(measurements))
    if case.validation is None:
        return Remaining(training, None, None, finite=True, above=above)
    before = evaluate(run.snapshots[0].model(case), case.validation)
    after = float(run.history.validation_loss[-1])
    risen = (before, after) if after > before and measurements.remaining_validation_loss > LITTLE else None
    validation = measurements.score.remaining_validation_loss(case, run.model)
    return Remaining(training, validation, risen, finite=True, above=above)


def _above_constant_answer(measurements: Measurements) -> Iterator[tuple[str, tuple[float, float]]]:
    """The rows on which the best constant answer has the lower cross-entropy, and both losses."""
    case, model = measurements.case, measurements.training.model
    for name, rows in (("training", case.data), ("validation", case.validation)):
        constant = None if rows is None else constant_cross_entropy(case.chain.loss, rows)
        if rows is None or constant is None:
            continue
        loss = evaluate(model, rows)
        if loss > constant * (1 + ROUNDING):
            yield name, (loss, constant)


def outcome(findings: Sequence[object], left: Remaining, *, proved: bool) -> Outcome:
    """Suspicions that were not tested explain nothing, and do not go with "healthy" either."""
    if findings:
        return "cause found" if proved else "not explained"
    return "not explained" if left.much else "healthy"
