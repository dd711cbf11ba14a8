"""What a rule is: it reads the measurements of a run and may state a suspicion, with remedies that can be tried."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chainrule.diagnosis.case import Case
from chainrule.diagnosis.measurements import Measurements

Severity = Literal["error", "warning", "note"]
Certainty = Literal["structural", "exact", "rule of thumb"]
Follows = Literal["always", "if suspected at first", "never"]


@dataclass(frozen=True, eq=False)
class Remedy:
    """One change of the call, to be tried by a re-run.

    Attributes:
        text: what to change, as a user would write it, such as ``optimizer=SGD(0.0079)``.
        arguments: the arguments that change, by name, with their new values (or a description of large ones).
        change: from the call to a changed copy of it.
    """

    text: str
    arguments: Mapping[str, Any]
    change: Callable[[Case], Case] = field(repr=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Suspicion:
    """What a rule suspects, before re-runs have confirmed it.

    Attributes:
        code: the rule's.
        severity: "error" if nothing can be learned like this, "warning" if much is lost, else "note".
        certainty: "structural" (seen without training), "exact" (computed), or "rule of thumb" (a threshold).
        evidence: numbers, named parameters, layers, rows, epochs.
        explanation: what is wrong and why, for a learner.
        remedies: changes to try, in order; the best re-run is the proof.
        judged_by: the final loss that re-runs are compared by, "training" or "validation".
        order: of two suspicions that explain the same, the one with the smaller number is the cause.
        least: by how much a remedy must lower the remaining loss, to confirm the suspicion.
        factor: and to which share of itself.
        worth: weight of its gain beside those of others; less than 1 for what follows from other causes.
        must_generalize: whether rows set aside must gain by the remedy too; for remedies that fit the training rows
            better in any case, such as more epochs.
        joins: whether it is tried together with another suspicion if none is confirmed alone, although it is a rule of
            thumb.
        follows: whether it can be the cause of what another cause leaves: "always", "if suspected at first" (of the run
            as it was made, and not behind another of this kind), or "never".
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
    must_generalize: bool = False
    joins: bool = False
    follows: Follows = "always"


@dataclass(frozen=True, eq=False)
class Rule:
    """One way in which training fails, and how to recognise it.

    Attributes:
        code: its name.
        source: where it is described.
        measure: from the measurements of a run to the numbers that matter; None if the rule does not apply.
        judge: from these numbers and the measurements to a suspicion, or None.

    Example:
        >>> import chainrule as cr
        >>> from chainrule.extend import Remedy, Rule, Suspicion
        >>> def measure(run):
        ...     return getattr(run.case.optimizer, "momentum", 0.0) or None
        >>> def judge(momentum, run):
        ...     plain = cr.SGD(run.case.learning_rate(0))
        ...     remedy = Remedy(
        ...         "no momentum",
        ...         {"optimizer": plain},
        ...         lambda case: case.with_settings("no momentum", optimizer=plain),
        ...     )
        ...     return Suspicion(
        ...         "too-much-momentum",
        ...         "warning",
        ...         "exact",
        ...         {"momentum": momentum},
        ...         f"Momentum {momentum} carries every step far beyond the minimum.",
        ...         (remedy,),
        ...         order=1,
        ...     )
        >>> rule = Rule("too-much-momentum", "made here", measure, judge)
        >>> net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> swings = cr.SGD(0.05, momentum=0.99)
        >>> diagnosis = cr.diagnose(net, [[1.0], [2.0]], [2.0, 4.0], optimizer=swings, epochs=200, rules=[rule])
        >>> diagnosis.codes
        ('too-much-momentum',)
    """

    code: str
    source: str
    measure: Callable[[Measurements], Any]
    judge: Callable[[Any, Measurements], Suspicion | None]

    def __call__(self, measurements: Measurements) -> Suspicion | None:
        """Measure, then judge."""
        found = self.measure(measurements)
        return None if found is None else self.judge(found, measurements)
