"""Whether the mistakes of an explanation show in the numbers: none could be left out, none is undone by another."""

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.backward import run_backward
from chainrule.marking.evidence import Case
from chainrule.marking.hypothesis import Hypothesis
from chainrule.marking.instance import MistakeInstance, changes_of, gradients_with
from chainrule.marking.quantity import wrong_quantities
from chainrule.marking.tolerance import Tolerance

_CLEAR = 10.0
"""By how many times the tolerance a mistake must change the numbers."""


def is_visible(case: Case, h: Hypothesis, eps: float) -> bool:
    """Whether every mistake changes these numbers: without it they are clearly others, and its own line is wrong."""
    if not h.mistakes:
        return True
    tolerance = case.response.tolerance(eps)
    result = run_backward(case.forward, changes_of(h.recipe))
    for fewer in _with_fewer(h):
        if not _apart(case.given, result.gradients, gradients_with(case.forward, fewer), tolerance):
            return False
    pairs = zip(h.recipe, wrong_quantities(case.forward, h, result), strict=True)
    return all(one.differs for instance, one in pairs if one.name and instance.mistake.kind == "mistake")


def _with_fewer(h: Hypothesis) -> Iterator[tuple[MistakeInstance, ...]]:
    """The recipe without some of the different mistakes (or its convention), and without each single instance."""
    droppable = [instance for instance in h.recipe if instance.mistake.kind == "mistake"]
    different = list(dict.fromkeys(instance.variant_id for instance in droppable))
    for count in range(1, len(different) + 1):
        for dropped in combinations(different, count):
            yield tuple(one for one in h.recipe if one.mistake.kind != "mistake" or one.variant_id not in dropped)
    for dropped in droppable:
        yield tuple(one for one in h.recipe if one is not dropped)


def _apart(
    names: Mapping[str, Array], one: Mapping[str, Array], other: Mapping[str, Array], tolerance: Tolerance
) -> bool:
    """Whether any of the gradients that were given would clearly differ."""
    for name in names:
        if one[name].shape != other[name].shape:
            return True
        size = float(np.abs(one[name]).max(initial=0.0))
        if (np.abs(one[name] - other[name]) > _CLEAR * np.max(tolerance.allowed(name, size))).any():
            return True
    return False
