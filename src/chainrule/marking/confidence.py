"""Why an explanation and no other: how well it fits, and which single mistake comes nearest without fitting."""

from collections.abc import Callable, Mapping, Sequence

from chainrule.core.arrays import Array
from chainrule.marking.distance import distance, floor_of
from chainrule.marking.evidence import Case
from chainrule.marking.hypothesis import Hypothesis
from chainrule.marking.instance import MistakeInstance, all_instances
from chainrule.marking.mistake import Mistake
from chainrule.marking.result import Confidence

GradientsOf = Callable[[Sequence[MistakeInstance]], Mapping[str, Array]]
"""By parameter, the gradients that a recipe gives."""

NEGLIGIBLE = 1e-12
"""A mistake that changes the gradients by no more than this share of their size does not show."""


def confidences(
    case: Case,
    h: Hypothesis,
    found: Sequence[Hypothesis],
    nearest: tuple[str, float],
    gradients_of: GradientsOf,
) -> list[Confidence]:
    """For each mistake, convention and kink of a hypothesis, how sure it is.

    Args:
        case: the learner's gradients.
        h: one of the explanations.
        found: all explanations.
        nearest: see ``nearest_mistake``.
        gradients_of: gives a recipe's gradients.
    """
    numbers = sum(value.size for value in case.given.values())
    agreement = distance(case.given, gradients_of(h.recipe), floor_of(gradients_of(())))
    named = [{(one.mistake.code, one.layer) for one in other.recipe} for other in found]
    shares = [sum((one.mistake.code, one.layer) in names for names in named) / len(named) for one in h.recipe]
    return [Confidence(share, numbers, agreement, *nearest) for share in shares]


def confidence_of_known(case: Case, gradients: Mapping[str, Array]) -> Confidence:
    """Of what the learner said: by which constant the losses differ."""
    numbers = sum(value.size for value in case.given.values())
    return Confidence(1.0, numbers, distance(case.given, gradients), "none", 1.0)


def nearest_mistake(
    case: Case, found: Sequence[Hypothesis], catalogue: Sequence[Mistake], gradients_of: GradientsOf
) -> tuple[str, float]:
    """The single mistake (or ``"none"``) nearest to the numbers that does not explain them, and its distance."""
    explanations = {h.identity for h in found}
    right = gradients_of(())
    floor = floor_of(right)
    explained = [gradients_of(h.recipe) for h in found]
    best = ("none", distance(case.given, right, floor))
    for instance in all_instances(case.forward, catalogue):
        if frozenset([instance.identity]) in explanations:
            continue
        gradients = gradients_of([instance])
        away = distance(case.given, gradients, floor)
        if NEGLIGIBLE < away < best[1] and all(distance(one, gradients, floor) > NEGLIGIBLE for one in explained):
            best = (instance.name, away)
    return best
