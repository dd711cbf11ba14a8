"""Whether the mistakes of an explanation show in the numbers: none may be left out unnoticed, none undo another."""

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.backward import run
from chainrule.marking.evidence import Case
from chainrule.marking.hypothesis import Hypothesis
from chainrule.marking.mistake import Slip, changes_of
from chainrule.marking.quantity import spoiled
from chainrule.marking.tolerance import Tolerance

_CLEAR = 10.0
"""How many times what rounding may do a mistake must change the numbers by."""


def is_visible(case: Case, h: Hypothesis, eps: float) -> bool:
    """Whether each mistake changes these numbers: without some of them others come out, and no line is right as is."""
    if not h.mistakes:
        return True
    tolerance = case.response.tolerance(eps)
    made = run(case.s, changes_of(h.all_slips))
    for slips in _with_fewer(h):
        fewer = run(case.s, changes_of(slips)).gradients
        if not _apart(case.given, made.gradients, fewer, tolerance):
            return False
    pairs = zip(h.all_slips, spoiled(case.s, h, made), strict=True)
    return all(one.differs for slip, one in pairs if one.name and slip.mistake.kind == "mistake")


def _with_fewer(h: Hypothesis) -> Iterator[tuple[Slip, ...]]:
    """The explanation without some kinds of mistakes (or its convention), and without each single place."""
    droppable = [slip for slip in h.all_slips if slip.mistake.kind == "mistake"]
    kinds = list(dict.fromkeys(slip.what for slip in droppable))
    for count in range(1, len(kinds) + 1):
        for gone in combinations(kinds, count):
            yield tuple(slip for slip in h.all_slips if slip.mistake.kind != "mistake" or slip.what not in gone)
    for gone in droppable:
        yield tuple(slip for slip in h.all_slips if slip is not gone)


def _apart(
    names: Mapping[str, Array], one: Mapping[str, Array], other: Mapping[str, Array], tolerance: Tolerance
) -> bool:
    """Whether some of the gradients that were given would clearly differ."""
    for name in names:
        if one[name].shape != other[name].shape:
            return True
        size = float(np.abs(one[name]).max(initial=0.0))
        if (np.abs(one[name] - other[name]) > _CLEAR * np.max(tolerance.allowed(name, size))).any():
            return True
    return False
