"""The result of a diagnosis: plain data. ``core/renderers.py`` lists what shows it as text, HTML or pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import plain
from chainrule.core.renderers import renderer
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.learning_rate import LearningRate
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.outcome import Outcome, Remaining
from chainrule.diagnosis.rule import Certainty, Remedy, Severity


@dataclass(frozen=True, eq=False)
class Rerun:
    """The proof of a finding: the run beside a re-run from the same seed that differs in one change alone.

    Attributes:
        changed: the one change, in words.
        baseline, remedied: loss by epoch of the run and of the re-run.
        before, after: their remaining losses.
        unit: what these are shares of.
        share: how much of the gap between the run and the best re-run of the diagnosis the change closes.
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
        """The rows on which ``before`` and ``after`` were computed: "training" or "validation"."""
        return self.unit.partition(" rows, ")[0]

    @property
    def whole(self) -> str:
        """What ``before`` and ``after`` are shares of, such as ``"the best constant answer's loss"``."""
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
    """One cause; under ``ruled_out``, a suspicion that is not the cause.

    Attributes:
        code: what it is; each code has a page in the documentation.
        severity: "error", "warning" or "note".
        certainty: how it is known: "structural", "exact" or "rule of thumb".
        evidence: numbers, named parameters, layers, rows, epochs.
        explanation: what is wrong and why, for a learner.
        remedy: the change that helps most.
        proof: the re-run with the remedy; None if none was wanted or possible.
        case: the call that the remedy changes.
        verdict: "cause", "suspected" (not tested), or why it is not the cause.
    """

    code: str
    severity: Severity
    certainty: Certainty
    evidence: Mapping[str, Any]
    explanation: str
    remedy: Remedy | None
    proof: Rerun | None
    case: Case
    verdict: str = "cause"

    def apply(self) -> Case:
        """The call with the remedy applied.

        Returns:
            The changed call, with its ``net``, ``x``, ``t`` and ``arguments``; ``apply().fit()`` trains it.

        Raises:
            ValueError: the finding has no remedy.
        """
        if self.remedy is None:
            raise ValueError(f"{self.code} has no remedy that could be applied to the call.")
        return self.remedy.change(self.case)

    def __str__(self) -> str:
        return renderer(self, "text")(self)

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
    """Why training fails, or that it does not, or that the reason is not known.

    Attributes:
        outcome: "healthy", "cause found" or "not explained". The last means that no cause was confirmed although the
            remaining loss is above a fifth, on the training or the validation rows, or the validation loss ended above
            that before training; or that suspicions were not tested.
        findings: the causes, those that explain most first; without re-runs, the suspicions.
        ruled_out: suspicions that are not the cause: their re-run did not confirm them, or another finding explains
            the same. Also available under its former name, ``looked_at``.
        remaining: the remaining loss, from which ``outcome`` follows.
        learning_rate: the verdict on the learning rate.
        proved: whether re-runs were made.
        case: the call.
        measurements: what was measured of the run. Also available under its former name, ``readings``.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    ruled_out: tuple[Finding, ...]
    remaining: Remaining
    learning_rate: LearningRate
    proved: bool
    case: Case
    measurements: Measurements = field(repr=False)

    @property
    def looked_at(self) -> tuple[Finding, ...]:
        """``ruled_out``."""
        return self.ruled_out

    @property
    def readings(self) -> Measurements:
        """``measurements``."""
        return self.measurements

    @property
    def healthy(self) -> bool:
        """Whether the outcome is "healthy": nothing was found, and the remaining loss is low."""
        return self.outcome == "healthy"

    @property
    def codes(self) -> tuple[str, ...]:
        """The findings' codes, in order."""
        return tuple(finding.code for finding in self.findings)

    def __str__(self) -> str:
        return renderer(self, "text")(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return renderer(self, "html")(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "schema": "chainrule/diagnosis",
            "version": 1,
            "outcome": self.outcome,
            "healthy": self.healthy,
            "headline": renderer(self, "headline")(self),
            "remaining": self.remaining.to_dict(),
            "proved": self.proved,
            "findings": [finding.to_dict() for finding in self.findings],
            "looked_at": [finding.to_dict() for finding in self.ruled_out],
            "learning_rate": self.learning_rate.to_dict(),
            "loss": plain(self.measurements.losses),
            "validation_loss": plain(self.measurements.validation_losses),
        }

    def plot(self) -> Any:
        """Draw four pictures: losses, learning rate times curvature, the layers' health, the loss landscape.

        Returns:
            The Matplotlib figure.
        """
        return renderer(self, "plot")(self)


def jsonable(value: Any) -> Any:
    """Evidence as plain data: arrays as lists, inf and NaN as None."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    if isinstance(value, np.ndarray | np.floating | float):
        return plain(value)
    if isinstance(value, np.integer):
        return int(value)
    return bool(value) if isinstance(value, np.bool_) else value
