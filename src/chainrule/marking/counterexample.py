"""An input on which explanations differ, where they agree on the one that was given."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import plain
from chainrule.marking.backward import run
from chainrule.marking.forward_context import Situation
from chainrule.marking.mistake import Slip, changes_of

_DRAWS = 24
_APART = 1e-3
"""How far gradients must differ, relative to the largest number of their array, to tell explanations apart."""

_SAME = 1e-9
"""How near gradients must be everywhere for two explanations to be one computation."""


@dataclass(frozen=True, eq=False)
class SeparatingInput:
    """Rows to run the learner's code on next.

    Attributes:
        x, t: the rows and their targets.
        parameters: by name, to be set first; None if the present ones will do.
    """

    x: Array
    t: Array
    parameters: dict[str, Array] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        values = None if self.parameters is None else {name: plain(v) for name, v in self.parameters.items()}
        return {"x": plain(self.x), "t": plain(self.t), "parameters": values}


def separating_input(s: Situation, recipes: Sequence[Sequence[Slip]], names: Collection[str]) -> SeparatingInput | None:
    """The first draw that tells all recipes apart, or that which tells most; None if none tells any.

    Rows are drawn around the given ones, first with the present parameters, then with drawn ones too; only the
    gradients of the parameters named count.
    """
    best, most = None, 1
    for draw in range(_DRAWS):
        redrawn = draw >= _DRAWS // 2
        other = drawn(s, np.random.default_rng(draw), max(s.rows, 2 if redrawn else 1), parameters=redrawn)
        groups = _groups([gradients(other, slips, names) for slips in recipes])
        if groups > most:
            best, most = other, groups
        if most == len(recipes):
            break
    if best is None:
        return None
    changed = best.parameters.vector is not s.parameters.vector
    return SeparatingInput(best.x, best.t, best.parameters.copy() if changed else None)


def drawn(s: Situation, rng: np.random.Generator, rows: int, *, parameters: bool) -> Situation:
    """The same network on drawn rows: inputs of the given ones' spread, targets among the given ones."""
    spread = np.maximum(s.x.std(axis=0), 0.5 * np.maximum(np.abs(s.x).mean(axis=0), 1.0))
    x = s.x.mean(axis=0) + spread * rng.normal(size=(rows, s.chain.inputs))
    t = s.t[rng.integers(0, s.rows, rows)]
    vector = s.parameters.vector
    if parameters:
        vector = 0.7 * rng.normal(size=vector.shape)
        vector = np.where(s.parameters.vector == 0, 0.1 * vector, vector)
    return s.elsewhere(vector, x, t)


def always_equal(s: Situation, one: Sequence[Slip], other: Sequence[Slip], names: Collection[str]) -> bool:
    """Whether two recipes give the same gradients on every draw tried: in this network they are one computation."""
    draws = (drawn(s, np.random.default_rng(k), max(s.rows, 2), parameters=k > 0) for k in range(4))
    return all(equal(gradients(there, one, names), gradients(there, other, names), _SAME) for there in draws)


def gradients(s: Situation, slips: Sequence[Slip], names: Collection[str]) -> dict[str, Array]:
    """What a recipe gives for some parameters."""
    with np.errstate(all="ignore"):  # a drawn network may overflow: it then separates nothing
        found = run(s, changes_of(slips)).gradients
    return {name: found[name] for name in names}


def _groups(gradients: Sequence[dict[str, Array]]) -> int:
    """How many different gradients there are."""
    kept: list[dict[str, Array]] = []
    for gradient in gradients:
        if not any(equal(gradient, other) for other in kept):
            kept.append(gradient)
    return len(kept)


def equal(one: dict[str, Array], other: dict[str, Array], apart: float = _APART) -> bool:
    """Whether no array differs by more than this share of its largest number."""
    return distance(one, other) <= apart


def distance(one: Mapping[str, Array], other: Mapping[str, Array], floor: float = 0.0) -> float:
    """The largest difference of any array, relative to its largest number; over the names that both have.

    ``floor`` is the size below which numbers are as good as 0.
    """
    found = 0.0
    for name in one.keys() & other.keys():
        a, b = one[name], other[name]
        if a.shape != b.shape and a.ndim and b.ndim:
            return 1.0
        gap = float(np.abs(a - b).max(initial=0.0))
        size = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)), floor)
        if gap > 0 and np.isfinite(gap):
            found = max(found, gap / size)
    return found


def floor_of(right: Mapping[str, Array]) -> float:
    """The size of numbers that do not count beside these gradients: 1e-7 of the largest."""
    return 1e-7 * max((float(np.abs(value).max(initial=0.0)) for value in right.values()), default=0.0)
