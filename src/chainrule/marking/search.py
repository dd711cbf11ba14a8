"""Which mistakes give these numbers: the simplest sets of them, none first, then one, two and three.

A factor common to all gradients is solved for (``scales``) and must then fit all of them. Factors by which losses
differ (2, N, K and their products) are a convention unless the loss is known to agree; any other factor is considered
only when no two mistakes explain the numbers. Mistakes are counted by what was done: the same mistake at several layers
is one. How mistakes are combined layer by layer is in ``descent``.
"""

from collections.abc import Callable, Sequence

from chainrule.marking.descent import MOST, Descent, SearchProblem
from chainrule.marking.hypothesis import Hypothesis, simplest

Stage = tuple[int, bool]
"""How many different mistakes may be made, and whether a factor that is none of the constants is made besides."""

NONE: Sequence[Stage] = ((0, False),)
SINGLE: Sequence[Stage] = (*NONE, (1, False))
PAIRS: Sequence[Stage] = (*SINGLE, (2, False))
RARE: Sequence[Stage] = ((0, True), (1, True), (MOST, False))
ALL: Sequence[Stage] = (*PAIRS, *RARE)


def search(
    problem: SearchProblem,
    accept: Callable[[Hypothesis], bool] = lambda h: True,  # noqa: ARG005
    stages: Sequence[Stage] = ALL,
) -> list[Hypothesis]:
    """The simplest sets of mistakes that give the numbers, the likeliest first; none if nothing fits.

    Of two sets neither of which is simpler than the other in both the kinds of mistakes and the places, both are kept.

    Args:
        problem: the numbers and the mistakes to look for.
        accept: whether a set that gives the numbers also fits what else is known.
        stages: tried in turn until one finds something.
    """
    descent = Descent(problem)
    found: list[Hypothesis] = []
    for most, free in stages:
        found = [h for h in descent.hypotheses(most, free=free) if accept(h)]
        if found:
            break
    return simplest(found)
