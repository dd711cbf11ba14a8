"""From the learner's numbers to a marking: in units of our loss, explained, told."""

from dataclasses import replace

import numpy as np

from chainrule.marking.constants import value_of
from chainrule.marking.evidence import Case, Evidence
from chainrule.marking.explanations import explain
from chainrule.marking.report import tell
from chainrule.marking.result import Marking


def mark(evidence: Evidence) -> Marking:
    """Mark the learner's gradients."""
    divided = _without_convention(evidence)
    with np.errstate(all="ignore"):  # a wrong backward pass may overflow: it then fits nothing
        explained = explain(divided)
        told = replace(evidence, notes=(*evidence.notes, *explained.notes))
        return tell(told, divided.cases, explained.found, explained.precision, lead=explained.lead)


def _without_convention(evidence: Evidence) -> Evidence:
    """The evidence in units of our loss, if the learner's is known to be a multiple of it."""
    if evidence.loss is None or evidence.loss == "1":
        return evidence
    return replace(evidence, cases=tuple(_in_units(case, value_of(case.s, evidence.loss)) for case in evidence.cases))


def _in_units(case: Case, value: float) -> Case:
    """A case divided by a value; an update makes the same step if the learning rate is multiplied with it."""
    given = {name: array / value for name, array in case.given.items()}
    rate = case.s.learning_rate
    s = case.s if rate is None else case.s.at_rate(rate * value)
    return Case(s, given, case.response.divided_by(value))
