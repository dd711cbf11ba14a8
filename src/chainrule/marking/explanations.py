"""In which order explanations are tried: right, one or two mistakes, an epsilon in the loss, then what is rarer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from chainrule.marking.agreement import best_factor, comparable
from chainrule.marking.descent import SearchProblem
from chainrule.marking.distance import distance
from chainrule.marking.epsilon import Epsilon, epsilon_in
from chainrule.marking.evidence import Case, Evidence
from chainrule.marking.factors import rows_factor
from chainrule.marking.hypothesis import RIGHT, Hypothesis
from chainrule.marking.instance import MistakeInstance, gradients_with
from chainrule.marking.mistakes.rows import NOT_RESET
from chainrule.marking.search import NONE, PAIRS, RARE, SINGLE, Stage, search
from chainrule.marking.tolerance import FLOAT32, FLOAT64, NEAR
from chainrule.marking.visible import is_visible

_CONFIRMED = 2
"""How many inputs must show the same factor before it is accepted: with a single row any delta has a factor."""


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What the search found, as plain records; ``report`` puts it into words.

    Attributes:
        hypotheses: the simplest explanations of all cases, the likeliest first; none if nothing fits.
        precision: the rounding with which they fit.
        lead: the index of the case whose numbers are shown: the first whose numbers are not right.
        epsilon: a small constant in the loss that explains the numbers together with a hypothesis, if there is one.
        distance: how far the numbers are from the explanation's, if that is more than rounding; else None.
        is_given_right: whether the numbers for the given input are right though those for a drawn one are not.
    """

    hypotheses: list[Hypothesis]
    precision: float
    lead: int = 0
    epsilon: Epsilon | None = None
    distance: float | None = None
    is_given_right: bool = False


def find_explanations(evidence: Evidence) -> SearchResult:
    """The simplest explanations of the evidence.

    Numbers that are right, to rounding or within float32, are right. Numbers that nearly are may have one mistake whose
    effect is small; otherwise they count as right too, and the distance is reported. Everything else is searched, first
    to rounding.
    """
    if not all(np.isfinite(value).all() for case in evidence.cases for value in case.given.values()):
        return SearchResult([], FLOAT64)
    precisions = (FLOAT64, FLOAT32) if evidence.single_precision else (FLOAT64,)
    for precision in precisions:
        if _fits_all(evidence, RIGHT, precision):
            return SearchResult([RIGHT], precision)
    near = _search(evidence, NEAR, NONE)
    if near.hypotheses and not evidence.single_precision:
        return _explain_nearly_right(evidence, near)
    return _explain_wrong(evidence, precisions[-1])


def _explain_nearly_right(evidence: Evidence, near: SearchResult) -> SearchResult:
    """One mistake of small effect, if one fits to rounding; else right, with the epsilon or the distance."""
    exact = _search(evidence, FLOAT64, SINGLE)
    if exact.hypotheses:
        return exact
    epsilon = epsilon_in(evidence, FLOAT64)
    return replace(near, epsilon=epsilon) if epsilon else _with_distance(evidence, near)


def _explain_wrong(evidence: Evidence, eps: float) -> SearchResult:
    """Up to two mistakes to rounding; an epsilon in the loss; float64 numbers that nearly fit; then what is rarer.

    A factor that is none of the constants, and three mistakes, can be made to fit almost anything, so they come last.
    """
    factor = _explain_by_factor(evidence, eps)
    if factor is not None:
        return factor
    exact = _search(evidence, eps, PAIRS)
    if exact.hypotheses:
        return exact
    epsilon = epsilon_in(evidence, eps)
    if epsilon is not None:
        return SearchResult(epsilon.explanations, eps, epsilon=epsilon)
    near = _search(evidence, NEAR, PAIRS) if eps == FLOAT64 else exact
    if near.hypotheses:
        return _with_distance(evidence, near)
    return _search(evidence, eps, RARE)


def _with_distance(evidence: Evidence, near: SearchResult) -> SearchResult:
    recipe = near.hypotheses[0].recipe
    away = max(distance(case.given, gradients_with(case.forward, recipe)) for case in evidence.cases)
    return replace(near, distance=away)


# -------------------------------------------------------------------------------- one factor of all gradients
def _explain_by_factor(evidence: Evidence, eps: float) -> SearchResult | None:
    """Right but for one factor of all gradients, on each of several inputs; None if they are not.

    The factor has the simplest name: a convention, one mistake, or else a number, with or without the rows. Several
    mistakes whose product is that factor are no better explanation.
    """
    ratios = [(case.forward.rows, _ratio(case)) for case in evidence.cases]
    known = [(rows, ratio) for rows, ratio in ratios if ratio is not None]
    if len(known) < _CONFIRMED or any(ratio == 0 for _, ratio in known):
        return None
    rows, ratio = known[-1]
    for power in (0, 1, -1):
        h = Hypothesis((rows_factor(ratio / float(rows) ** power, power),))
        if not _fits_all(evidence, h, eps):
            continue
        simple = _search(evidence, eps, SINGLE)
        named = [one for one in simple.hypotheses if len(one.recipe) == len(one.overall) or len(one.recipe) == 1]
        if named:
            return replace(simple, hypotheses=named)
        lead = _wrong_cases(evidence, eps)[0]
        return SearchResult([h], eps, lead, is_given_right=lead > 0)
    return None


def _ratio(case: Case) -> float | None:
    """The factor between given and right gradients, by the largest right one; None if it cannot be known."""
    right = gradients_with(case.forward, ())
    sizes = {name: float(np.abs(right[name]).max(initial=0.0)) for name in case.given}
    name = max(sizes, key=lambda name: sizes[name])
    if not 0 < sizes[name] < np.inf or not comparable(case.given[name], right[name]):
        return None
    return best_factor(case.given[name], right[name])


# -------------------------------------------------------------------------------- one search, verified on all cases
def _search(evidence: Evidence, eps: float, stages: Sequence[Stage]) -> SearchResult:
    """Search by the first case that is not right; if nothing is found, by the last: one may hide what another shows."""
    wrong = _wrong_cases(evidence, eps) or [0]
    for lead in dict.fromkeys((wrong[0], wrong[-1])):
        found = search(
            _problem(evidence, eps, lead), lambda h, lead=lead: _is_explanation(evidence, h, eps, lead), stages
        )
        if found:
            return SearchResult(found, eps, lead)
    if len(evidence.cases) == 1:
        return SearchResult([], eps, wrong[0])
    found = search(_problem(evidence, eps, 0), lambda h: _fits_all(evidence, h, eps, adding=True), stages)
    never_reset = MistakeInstance(NOT_RESET, "", lambda forward, dy: dy, 0)  # noqa: ARG005 - the sum is not of this case
    hypotheses = [Hypothesis((never_reset, *h.instances), h.convention) for h in found]
    return SearchResult(hypotheses, eps, 1 if found else wrong[0])  # the second case shows what was never reset


def _wrong_cases(evidence: Evidence, eps: float) -> list[int]:
    return [n for n, case in enumerate(evidence.cases) if not case.fits(RIGHT, eps)]


def _problem(evidence: Evidence, eps: float, lead: int) -> SearchProblem:
    case = evidence.cases[lead]
    return SearchProblem(
        case.forward,
        case.given,
        case.response.tolerance(eps),
        evidence.catalogue,
        loss_agrees=evidence.loss is not None,
        several=len(evidence.cases) > 1,
    )


def _is_explanation(evidence: Evidence, h: Hypothesis, eps: float, lead: int) -> bool:
    """Whether it gives the numbers of every case, and each of its mistakes shows in those of the lead."""
    return _fits_all(evidence, h, eps) and is_visible(evidence.cases[lead], h, eps)


def _fits_all(evidence: Evidence, h: Hypothesis, eps: float, *, adding: bool = False) -> bool:
    """Whether it gives the numbers of every case; ``adding`` those of the case before, as if never reset to zero."""
    sums = evidence.earlier_gradients if adding else [None] * len(evidence.cases)
    return all(case.fits(h, eps, earlier) for case, earlier in zip(evidence.cases, sums, strict=True))
