"""The report: what the search found, as a marking in words with its numbers."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from chainrule.marking.confidence import GradientsOf, confidence_of_known, nearest_mistake
from chainrule.marking.constants import value_of
from chainrule.marking.counterexample import SeparatingInput, always_equal, separating_input
from chainrule.marking.evidence import Case, Evidence
from chainrule.marking.explanations import SearchResult
from chainrule.marking.factors import factor_instance
from chainrule.marking.gradient_errors import gradient_errors
from chainrule.marking.hypothesis import Hypothesis
from chainrule.marking.instance import gradients_with
from chainrule.marking.naming import name_mistake, name_mistakes
from chainrule.marking.notes import failure_texts, notes
from chainrule.marking.patterns import patterns
from chainrule.marking.quantity import NO_QUANTITY
from chainrule.marking.result import Marking, NamedMistake
from chainrule.marking.tolerance import FLOAT32
from chainrule.marking.unseen import unseen_mistakes

_COUNTS = {1: "one mistake", 2: "two mistakes", 3: "three mistakes"}

Names = tuple[NamedMistake, ...]


class _Explanation(NamedTuple):
    """The first explanation, its parts by what they are."""

    mistakes: Names = ()
    conventions: Names = ()
    kinks: Names = ()


class _Others(NamedTuple):
    """The other explanations, and an input on which they differ from the first."""

    alternatives: tuple[Names, ...]
    equivalents: tuple[Names, ...]
    separating_input: SeparatingInput | None


def report(
    evidence: Evidence, cases: Sequence[Case], result: SearchResult, *, gradients_of: GradientsOf | None = None
) -> Marking:
    """The marking of what the search found: the first explanation's mistakes are named, the others are alternatives.

    Args:
        evidence: as the learner gave it.
        cases: the evidence's cases, in units of the network's loss.
        result: what the search found.
        gradients_of: gives a recipe's gradients, if one backward pass does not.
    """
    case, given = cases[result.lead], evidence.cases[result.lead].given
    compute = gradients_of or partial(gradients_with, case.forward)
    best = result.hypotheses[0] if result.hypotheses else None
    named = _named(evidence, case, result.hypotheses, compute)
    first = _explanation(evidence, case, named[0], best, compute) if best is not None else _Explanation()
    in_one_pass = gradients_of is None
    others = _others(case, result.hypotheses, named, in_one_pass=in_one_pass)
    is_wrong = best is None or bool(first.mistakes)
    unseen, shown = ((), None) if is_wrong else unseen_mistakes(cases, evidence.catalogue, gradients_of)
    right = {name: value for name, value in compute(()).items() if in_one_pass or name in given}
    missing, failures = _missing(case), failure_texts(evidence)
    in_part = evidence.asked_for_all and bool(missing or failures)
    return Marking(
        verdict="right in part" if in_part and not is_wrong else _verdict(best, first, result.precision),
        correct=not is_wrong,
        **first._asdict(),
        alternatives=others.alternatives,
        equivalents=others.equivalents,
        separating_input=others.separating_input if others.alternatives and in_one_pass else shown,
        unseen=unseen,
        errors=gradient_errors(case.given if best is None else given, right),
        right=right,
        patterns=() if best else patterns(case.forward.chain, case.given, right),
        notes=notes(evidence, case, result),
        missing=missing,
        failures=failures,
    )


def _named(evidence: Evidence, case: Case, found: Sequence[Hypothesis], compute: GradientsOf) -> list[Names]:
    """The mistakes of each explanation."""
    nearest = ("none", 1.0)
    if found and found[0].recipe:
        nearest = nearest_mistake(case, found, evidence.catalogue, compute)
    unit = value_of(case.forward, evidence.loss or "1")
    return [name_mistakes(case, h, found, nearest, compute, unit) for h in found]


def _explanation(evidence: Evidence, case: Case, named: Names, h: Hypothesis, compute: GradientsOf) -> _Explanation:
    """Mistakes, conventions and kinks apart; a loss known to be a multiple of the network's is a convention too."""
    mistakes, conventions, kinks = [], [], []
    for one, instance in zip(named, h.recipe, strict=True):
        kind = kinks if instance.mistake.kind == "kink" else conventions if instance is h.convention else mistakes
        kind.append(one)
    if evidence.loss is not None and evidence.loss != "1":
        known = factor_instance(case.forward, evidence.loss)
        confidence = confidence_of_known(case, compute(h.recipe))
        conventions.append(name_mistake(known, case.forward, NO_QUANTITY, confidence))
    return _Explanation(tuple(mistakes), tuple(conventions), tuple(kinks))


def _others(case: Case, found: Sequence[Hypothesis], named: Sequence[Names], *, in_one_pass: bool) -> _Others:
    """Explanations that other inputs may rule out, and those that are the same computation as the first."""
    alternatives, equivalents, recipes = [], [], []
    for h, names in zip(found[1:], named[1:], strict=True):
        if in_one_pass and always_equal(case.forward, found[0].recipe, h.recipe, case.given):
            equivalents.append(names)
        else:
            alternatives.append(names)
            recipes.append(h.recipe)
    separating = None
    if alternatives and in_one_pass:
        separating = separating_input(case.forward, [found[0].recipe, *recipes], case.given)
    return _Others(tuple(alternatives), tuple(equivalents), separating)


def _missing(case: Case) -> tuple[str, ...]:
    """The parameters that were not given; those of layers that do not learn need no gradient."""
    learns = {at.l for at in case.forward.layers if at.layer.trainable}
    return tuple(slot.name for slot in case.forward.chain.slots if slot.name not in case.given and slot.layer in learns)


def _verdict(best: Hypothesis | None, first: _Explanation, precision: float) -> str:
    if best is None:
        return "unknown"
    if first.mistakes:
        return _COUNTS[len({(named.code, named.variant) for named in first.mistakes})]
    if first.conventions:
        return "right but for the loss's convention"
    if first.kinks:
        return "right but for a kink"
    return "right within float32" if precision == FLOAT32 else "right"
