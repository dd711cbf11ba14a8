"""What explains the learner's numbers: in which order right, a mistake, an epsilon and several mistakes are tried."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chainrule.marking.backward import run
from chainrule.marking.counterexample import distance
from chainrule.marking.epsilon import epsilon_in
from chainrule.marking.evidence import Case, Evidence, left_over
from chainrule.marking.hypothesis import Hypothesis, comparable, overall, rows_factor
from chainrule.marking.mistake import Slip, changes_of
from chainrule.marking.mistakes.rows import NOT_RESET
from chainrule.marking.search import PAIRS, RARE, RIGHT, SINGLE, Question, Stage, search
from chainrule.marking.tolerance import FLOAT32, FLOAT64, NEAR
from chainrule.marking.visible import is_visible

_CONFIRMED = 2
"""How many inputs must show one factor before it is taken for one; with a single row any delta has one."""


@dataclass(frozen=True, eq=False)
class Explained:
    """What was found.

    Attributes:
        found: the simplest explanations of all cases, the likeliest first; none if nothing fits.
        precision: the rounding with which they fit.
        lead: the number of the case that the search went by: the first whose numbers are not right.
        notes: what should be told besides.
    """

    found: list[Hypothesis]
    precision: float
    lead: int = 0
    notes: tuple[str, ...] = ()


def explain(evidence: Evidence) -> Explained:
    """The simplest explanation.

    What is right, to rounding or within float32, is right. Numbers that nearly are may have one mistake whose effect is
    small; otherwise they are right too, and the distance is told. All others are searched, to rounding first.
    """
    right = Hypothesis(())
    if not all(np.isfinite(value).all() for case in evidence.cases for value in case.given.values()):
        return Explained([], FLOAT64)
    precisions = (FLOAT64, FLOAT32) if evidence.single_precision else (FLOAT64,)
    for precision in precisions:
        if _fits_all(evidence, right, precision):
            return Explained([right], precision)
    near = _searched(evidence, NEAR, RIGHT)
    if near.found and not evidence.single_precision:
        return _nearly_right(evidence, near)
    return _mistaken(evidence, precisions[-1])


def _nearly_right(evidence: Evidence, near: Explained) -> Explained:
    """One mistake of small effect, if there is one that fits to rounding; else right, with how far it is off."""
    exact = _searched(evidence, FLOAT64, SINGLE)
    if exact.found:
        return exact
    guard = epsilon_in(evidence, FLOAT64)
    return replace(near, notes=(str(guard),) if guard else _distance_told(evidence, near.found[0]))


def _mistaken(evidence: Evidence, eps: float) -> Explained:
    """Two mistakes to rounding; an epsilon in the loss; of numbers in float64 what nearly fits; then what is rarer.

    A factor of its own, and three mistakes, can be bent to fit what is off a little, so they come last.
    """
    constant = _constant(evidence, eps)
    if constant is not None:
        return constant
    exact = _searched(evidence, eps, PAIRS)
    if exact.found:
        return exact
    guard = epsilon_in(evidence, eps)
    if guard is not None:
        return Explained(guard.found, eps, 0, (str(guard),))
    near = _searched(evidence, NEAR, PAIRS) if eps == FLOAT64 else exact
    if near.found:
        return replace(near, notes=_distance_told(evidence, near.found[0]))
    return _searched(evidence, eps, RARE)


def _constant(evidence: Evidence, eps: float) -> Explained | None:
    """Right but for one factor of all gradients, on each of several inputs; None if they are not.

    The factor has the simplest name: a convention, one mistake, or else a number, with or without the rows. Mistakes
    whose product it happens to be are none.
    """
    ratios = [(case.s.rows, _ratio(case)) for case in evidence.cases]
    known = [(rows, ratio) for rows, ratio in ratios if ratio is not None]
    if len(known) < _CONFIRMED or any(ratio == 0 for _, ratio in known):
        return None
    rows, ratio = known[-1]
    for power in (0, 1, -1):
        factor = rows_factor(ratio / float(rows) ** power, power)
        h = Hypothesis((factor,))
        if not _fits_all(evidence, h, eps):
            continue
        simple = _searched(evidence, eps, SINGLE)
        found = [one for one in simple.found if len(one.all_slips) == len(overall(one)) or len(one.all_slips) == 1]
        if found:
            return replace(simple, found=found)
        wrong = [n for n, case in enumerate(evidence.cases) if not case.fits(Hypothesis(()), eps)]
        return Explained([h], eps, wrong[0], _right_there(evidence, wrong[0]))
    return None


def _ratio(case: Case) -> float | None:
    """By how much a case's gradients are the right ones, at the largest of these; None if all are 0."""
    right = run(case.s, {}).gradients
    sizes = {name: float(np.abs(right[name]).max(initial=0.0)) for name in case.given}
    name = max(sizes, key=lambda name: sizes[name])
    if not 0 < sizes[name] < np.inf or not comparable(case.given[name], right[name]):
        return None
    unit = right[name] / sizes[name]  # so that squares do not overflow
    return float((case.given[name] * unit).sum() / (unit * unit).sum()) / sizes[name]


def _right_there(evidence: Evidence, wrong: int) -> tuple[str, ...]:
    rows = evidence.cases[0].s.rows
    told = f"For the given input, of {rows} row{'' if rows == 1 else 's'}, your gradients are right."
    return (told,) if wrong else ()


def _distance_told(evidence: Evidence, h: Hypothesis) -> tuple[str, ...]:
    changes = changes_of(h.all_slips)
    return distance_told(max(distance(case.given, run(case.s, changes).gradients) for case in evidence.cases))


def distance_told(away: float) -> tuple[str, ...]:
    """What is said of numbers that fit, but not to rounding."""
    told = (
        f"The numbers fit to {away:.0e} of each gradient's size, which is more than rounding does: a small constant, "
        "such as an epsilon in a logarithm or a denominator, or a rounded number would do that."
    )
    return (told,)


# -------------------------------------------------------------------------------- one search
def _searched(evidence: Evidence, eps: float, stages: Sequence[Stage]) -> Explained:
    """By the first case that is not right; if that tells nothing, by another: what one input hides, another shows."""
    wrong = [n for n, case in enumerate(evidence.cases) if not case.fits(Hypothesis(()), eps)] or [0]
    for lead in dict.fromkeys((wrong[0], wrong[-1])):
        question = _question(evidence, eps, lead)
        found = search(question, lambda h, lead=lead: _is_explanation(evidence, h, eps, lead), stages)
        if found:
            return Explained(found, eps, lead)
    if len(evidence.cases) == 1:
        return Explained([], eps, wrong[0])
    slip = Slip(NOT_RESET, "", lambda s, dy: dy, 0)  # noqa: ARG005 - what is added comes from earlier cases
    again = search(_question(evidence, eps, 0), lambda h: _fits_all(evidence, h, eps, adding=True), stages)
    lead = 1 if again else wrong[0]  # what was left over shows in the second
    return Explained([Hypothesis((slip, *h.slips), h.convention) for h in again], eps, lead)


def _question(evidence: Evidence, eps: float, lead: int) -> Question:
    case = evidence.cases[lead]
    return Question(
        case.s,
        case.given,
        case.response.tolerance(eps),
        evidence.catalogue,
        loss_agrees=evidence.loss is not None,
        several=len(evidence.cases) > 1,
    )


def _is_explanation(evidence: Evidence, h: Hypothesis, eps: float, lead: int) -> bool:
    """Whether it gives the numbers of every case, and each of its mistakes shows in the one that will be told."""
    return _fits_all(evidence, h, eps) and is_visible(evidence.cases[lead], h, eps)


def _fits_all(evidence: Evidence, h: Hypothesis, eps: float, *, adding: bool = False) -> bool:
    sums = left_over(evidence.cases) if adding else [None] * len(evidence.cases)
    return all(case.fits(h, eps, earlier) for case, earlier in zip(evidence.cases, sums, strict=True))
