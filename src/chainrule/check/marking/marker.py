"""From the learner's numbers to a marking: search, verify on every case, tell."""

import numpy as np

from chainrule.check.marking.catalogue.rows import NOT_RESET
from chainrule.check.marking.constants import value_of
from chainrule.check.marking.evidence import Case, Evidence, left_over
from chainrule.check.marking.hypothesis import Hypothesis
from chainrule.check.marking.mistake import Slip
from chainrule.check.marking.record import Marking
from chainrule.check.marking.search import Question, search
from chainrule.check.marking.telling import tell
from chainrule.check.marking.tolerance import FLOAT32, FLOAT64


def mark(evidence: Evidence) -> Marking:
    """Mark the learner's gradients."""
    divided = _without_convention(evidence)
    finite = all(np.isfinite(value).all() for case in divided.cases for value in case.given.values())
    with np.errstate(all="ignore"):  # a wrong backward pass may overflow: it then fits nothing
        found, precision = _explanations(divided) if finite else ([], FLOAT64)
        return tell(evidence, divided.cases, found, precision)


def _without_convention(evidence: Evidence) -> Evidence:
    """The evidence in units of our loss, if the learner's is known to be a multiple of it."""
    if evidence.loss is None or evidence.loss == "1":
        return evidence
    cases = []
    for case in evidence.cases:
        value = value_of(case.s, evidence.loss)
        given = {name: array / value for name, array in case.given.items()}
        cases.append(Case(case.s, given, case.response))
    return Evidence(tuple(cases), evidence.catalogue, evidence.single_precision, evidence.loss, evidence.notes)


def _explanations(evidence: Evidence) -> tuple[list[Hypothesis], float]:
    """The simplest explanations of all cases, and the rounding with which they fit."""
    right = Hypothesis(())
    if _fits_all(evidence, right, FLOAT64):
        return [right], FLOAT64
    if not evidence.single_precision:
        return _searched(evidence, FLOAT64), FLOAT64
    return ([right] if _fits_all(evidence, right, FLOAT32) else _searched(evidence, FLOAT32)), FLOAT32


def _searched(evidence: Evidence, eps: float) -> list[Hypothesis]:
    first = evidence.cases[0]
    question = Question(
        first.s,
        first.given,
        first.response.tolerance(eps),
        evidence.catalogue,
        loss_agrees=evidence.loss is not None,
        several=len(evidence.cases) > 1,
    )
    found = search(question, lambda h: _fits_all(evidence, h, eps))
    if found or len(evidence.cases) == 1:
        return found
    slip = Slip(NOT_RESET, "", lambda s, dy: dy, 0)  # noqa: ARG005 - what is added comes from earlier cases
    again = search(question, lambda h: _fits_all(evidence, h, eps, adding=True))
    return [Hypothesis((slip, *h.slips), h.convention) for h in again]


def _fits_all(evidence: Evidence, h: Hypothesis, eps: float, *, adding: bool = False) -> bool:
    sums = left_over(evidence.cases) if adding else [None] * len(evidence.cases)
    return all(case.fits(h, eps, earlier) for case, earlier in zip(evidence.cases, sums, strict=True))
