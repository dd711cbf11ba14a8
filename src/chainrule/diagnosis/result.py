"""What a diagnosis is made of: suspicions, proofs, findings; printed, shown in a notebook, or as plain data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import plain
from chainrule.diagnosis.case import Case

if TYPE_CHECKING:
    from chainrule.diagnosis.learning_rate import LearningRate
    from chainrule.diagnosis.measurements import Readings
    from chainrule.diagnosis.outcome import Outcome, Remaining

Severity = Literal["error", "warning", "note"]
Certainty = Literal["structural", "exact", "rule of thumb"]


@dataclass(frozen=True, eq=False)
class Remedy:
    """One change of the call.

    Attributes:
        text: what to change, as a user would write it, such as ``optimizer=SGD(0.0079)``.
        arguments: the arguments that change, by name, with their new values (or words for long ones).
        change: from the call to the changed call.
    """

    text: str
    arguments: Mapping[str, Any]
    change: Callable[[Case], Case] = field(repr=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Suspicion:
    """What a rule holds against a run, before a re-run has confirmed it.

    Attributes:
        code: the rule's.
        severity: "error" where nothing can be learned like this, "warning" where much is lost, else "note".
        certainty: "structural" (seen without training), "exact" (computed), or "rule of thumb" (a threshold).
        evidence: numbers, named parameters, layers, rows, epochs.
        explanation: for a learner.
        remedies: changes to try, in order; the best of them is the proof.
        judged_by: what the proof compares: the "training" or the "validation" loss in the end.
        order: of two that explain the same, the one with the smaller number is the cause.
        least: what a remedy must gain at least, as a share of the best constant answer's loss, to confirm it.
        factor: to what share of itself the loss left must shrink.
        worth: how much its gain counts beside others'; less than 1 for what follows from other causes.
    """

    code: str
    severity: Severity
    certainty: Certainty
    evidence: Mapping[str, Any]
    explanation: str
    remedies: tuple[Remedy, ...]
    judged_by: Literal["training", "validation"] = "training"
    order: int = 50
    least: float = 0.05
    factor: float = 0.7
    worth: float = 1.0


@dataclass(frozen=True, eq=False)
class Rule:
    """One way in which training fails.

    Attributes:
        code: its name.
        source: where it is described.
        measure: from the readings of a run to numbers; None where the rule does not apply.
        judge: from these numbers to a suspicion, or None.
    """

    code: str
    source: str
    measure: Callable[["Readings"], Any]
    judge: Callable[[Any, "Readings"], Suspicion | None]

    def __call__(self, readings: "Readings") -> Suspicion | None:
        """Measure, then judge."""
        measured = self.measure(readings)
        return None if measured is None else self.judge(measured, readings)


@dataclass(frozen=True, eq=False)
class Proof:
    """A baseline and a run that differs from it in one change alone, both from the same seed.

    Attributes:
        changed: the one change.
        baseline, remedied: loss by epoch.
        before, after: what is left in the end, in the yardstick's units.
        unit: what these are.
        share: how much of the gap between the baseline and the best run of the diagnosis the change closes.
        confirmed: whether that is enough to call it a cause.
        seed: of both runs.
    """

    changed: str
    baseline: Array
    remedied: Array
    before: float
    after: float
    unit: str
    share: float
    confirmed: bool
    seed: int

    @property
    def rows(self) -> str:
        """The rows that ``before`` and ``after`` are about: "training" or "validation"."""
        return self.unit.partition(" rows, ")[0]

    @property
    def whole(self) -> str:
        """What they are shares of: ``"the best constant answer's loss"``."""
        what = self.unit.partition("share of ")[2]
        return f"{what} on the validation rows" if self.rows == "validation" else what

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "changed": self.changed,
            "baseline": plain(self.baseline),
            "remedied": plain(self.remedied),
            "before": plain(self.before),
            "after": plain(self.after),
            "unit": self.unit,
            "share": plain(self.share),
            "confirmed": self.confirmed,
            "seed": self.seed,
        }


@dataclass(frozen=True, eq=False)
class Finding:
    """One cause (or, under ``looked_at``, one suspicion that is not the cause).

    Attributes:
        code: what it is; each code has a page in the documentation.
        severity: "error", "warning" or "note".
        certainty: how it is known: "structural", "exact" or "rule of thumb".
        evidence: numbers, named parameters, layers, rows, epochs.
        explanation: for a learner.
        remedy: the change that mends it best.
        proof: the re-run; None if none was asked for, or none can be made.
        case: the call it is about.
        verdict: "cause", "suspected" (not proved), or why it is not the cause.
    """

    code: str
    severity: Severity
    certainty: Certainty
    evidence: Mapping[str, Any]
    explanation: str
    remedy: Remedy | None
    proof: Proof | None
    case: Case
    verdict: str = "cause"

    def apply(self) -> Case:
        """The changed call: its ``net``, ``x``, ``t`` and ``arguments``; ``apply().fit()`` makes it.

        Raises:
            ValueError: nothing in the call can be changed to mend this.
        """
        if self.remedy is None:
            raise ValueError(f"{self.code} has no remedy that could be applied to the call.")
        return self.remedy.change(self.case)

    def __str__(self) -> str:
        from chainrule.diagnosis.report import finding_text  # noqa: PLC0415 - the record does not know its pictures

        return finding_text(self)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "certainty": self.certainty,
            "evidence": jsonable(self.evidence),
            "explanation": self.explanation,
            "remedy": None if self.remedy is None else self.remedy.text,
            "arguments": None if self.remedy is None else {k: str(v) for k, v in self.remedy.arguments.items()},
            "proof": None if self.proof is None else self.proof.to_dict(),
            "verdict": self.verdict,
        }


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Why training fails, or that it does not, or that it is not known why.

    Attributes:
        outcome: "healthy", "cause found" or "not explained": the last where no cause was confirmed though the run left
            more than a fifth of the best constant answer's loss, on the training or the validation rows, or ended with
            a validation loss above that before training; and where suspicions were not put to the test.
        findings: the causes, those that explain most first; without re-runs, the suspicions.
        looked_at: suspicions that are not the cause: their re-run did not confirm them, or another finding explains
            the same.
        remaining: what the run left of the loss; ``outcome`` follows from it.
        learning_rate: the verdict on the learning rate.
        proved: whether re-runs were made.
        case: the call.
        readings: what was measured, for the pictures.
    """

    outcome: "Outcome"
    findings: tuple[Finding, ...]
    looked_at: tuple[Finding, ...]
    remaining: "Remaining"
    learning_rate: "LearningRate"
    proved: bool
    case: Case
    readings: "Readings" = field(repr=False)

    @property
    def healthy(self) -> bool:
        """Whether the outcome is that: nothing was found, and little of the loss is left."""
        return self.outcome == "healthy"

    @property
    def codes(self) -> tuple[str, ...]:
        """The findings' codes, in order."""
        return tuple(finding.code for finding in self.findings)

    def __str__(self) -> str:
        from chainrule.diagnosis.report import text  # noqa: PLC0415 - as above

        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from chainrule.diagnosis.report import html  # noqa: PLC0415 - as above

        return html(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        from chainrule.diagnosis.headline import headline  # noqa: PLC0415 - as above

        return {
            "schema": "chainrule/diagnosis",
            "version": 1,
            "outcome": self.outcome,
            "healthy": self.healthy,
            "headline": headline(self),
            "remaining": self.remaining.to_dict(),
            "proved": self.proved,
            "findings": [finding.to_dict() for finding in self.findings],
            "looked_at": [finding.to_dict() for finding in self.looked_at],
            "learning_rate": self.learning_rate.to_dict(),
            "loss": plain(self.readings.losses),
            "validation_loss": plain(self.readings.validation_losses),
        }

    def plot(self) -> Any:
        """Four pictures: losses, sharpness, the layers' health, the landscape; the Matplotlib figure."""
        from chainrule.plots.diagnosis import plot_diagnosis  # noqa: PLC0415 - Matplotlib only for those who draw

        return plot_diagnosis(self)


def jsonable(value: Any) -> Any:
    """Evidence as plain data: arrays as lists, numbers that JSON lacks as None."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    if isinstance(value, np.ndarray | np.floating | float):
        return plain(value)
    if isinstance(value, np.integer):
        return int(value)
    return bool(value) if isinstance(value, np.bool_) else value
