"""Mistakes that right gradients on this input do not rule out, and an input that would show them."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from chainrule.marking.confidence import NEGLIGIBLE, GradientsOf
from chainrule.marking.counterexample import SeparatingInput, draw_inputs, separating_input
from chainrule.marking.distance import distance, floor_of
from chainrule.marking.evidence import Case
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.instance import MistakeInstance, all_instances, gradients_with
from chainrule.marking.mistake import Mistake
from chainrule.marking.mistakes import FACTOR


def unseen_mistakes(
    cases: Sequence[Case], catalogue: Sequence[Mistake], gradients_of: GradientsOf | None
) -> tuple[tuple[str, ...], SeparatingInput | None]:
    """Mistakes that leave the gradients of all cases as they are, but not those of another input.

    Args:
        cases: the learner's gradients.
        catalogue: the mistakes to consider.
        gradients_of: gives a recipe's gradients; None if one backward pass does.

    Returns:
        The mistakes' names, and the input that shows most of them; none and None if there are no such mistakes.
    """
    first = cases[0]
    hidden = [
        instance
        for instance in all_instances(first.forward, catalogue)
        if all(_is_hidden(case, instance, gradients_of) for case in cases)
    ]
    rows = max(first.forward.rows, 2)
    others = [draw_inputs(first.forward, np.random.default_rng(k), rows, parameters=k > 0) for k in range(2)]
    shown = [
        instance
        for instance in hidden
        if instance.mistake is not FACTOR and any(_shows(other, instance) for other in others)
    ]
    if not shown:
        return (), None
    names = tuple(dict.fromkeys(instance.name for instance in shown))
    return names, separating_input(first.forward, [(), *([instance] for instance in shown)], first.given)


def _is_hidden(case: Case, instance: MistakeInstance, gradients_of: GradientsOf | None) -> bool:
    """Whether a mistake leaves the gradients that were given as they are."""
    make = gradients_of or partial(gradients_with, case.forward)
    right = make(())
    given = {name: right[name] for name in case.given}
    return distance(given, make([instance]), floor_of(right)) <= NEGLIGIBLE


def _shows(forward: ForwardContext, instance: MistakeInstance) -> bool:
    """Whether a mistake changes any gradient on this input."""
    with np.errstate(all="ignore"):  # a drawn network may overflow: it then shows nothing
        right = gradients_with(forward, ())
        return not distance(right, gradients_with(forward, [instance]), floor_of(right)) <= NEGLIGIBLE
