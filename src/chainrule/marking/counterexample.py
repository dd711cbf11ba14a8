"""An input on which several explanations differ, where they agree on the given one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import plain
from chainrule.marking.distance import distance
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.instance import MistakeInstance, gradients_with

_DRAWS = 24
_APART = 1e-3
"""How far gradients must differ, relative to the largest number of their array, to tell explanations apart."""

_SAME = 1e-9
"""How near gradients must be on every draw for two explanations to be the same computation."""


@dataclass(frozen=True, eq=False)
class SeparatingInput:
    """Rows on which to run the learner's code next.

    Attributes:
        x: inputs (N, inputs).
        t: targets (N, outputs).
        parameters: by name, to be set first; None if the present ones will do.
    """

    x: Array
    t: Array
    parameters: dict[str, Array] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        values = None if self.parameters is None else {name: plain(v) for name, v in self.parameters.items()}
        return {"x": plain(self.x), "t": plain(self.t), "parameters": values}


def separating_input(
    forward: ForwardContext, recipes: Sequence[Sequence[MistakeInstance]], names: Collection[str]
) -> SeparatingInput | None:
    """The first drawn input on which all recipes differ, or the one on which most do; None if none differ on any.

    Rows are drawn around the given ones, first with the present parameters, then with drawn parameters too. Only the
    gradients of the parameters ``names`` are compared.
    """
    best, most = None, 1
    for draw in range(_DRAWS):
        redrawn = draw >= _DRAWS // 2
        rows = max(forward.rows, 2 if redrawn else 1)
        other = draw_inputs(forward, np.random.default_rng(draw), rows, parameters=redrawn)
        different = _count_different([_gradients(other, recipe, names) for recipe in recipes])
        if different > most:
            best, most = other, different
        if most == len(recipes):
            break
    if best is None:
        return None
    changed = best.parameters.vector is not forward.parameters.vector
    return SeparatingInput(best.x, best.t, best.parameters.copy() if changed else None)


def draw_inputs(forward: ForwardContext, rng: np.random.Generator, rows: int, *, parameters: bool) -> ForwardContext:
    """The same network on drawn rows: inputs spread as the given ones, targets picked from the given ones.

    Args:
        forward: the forward pass of the given input.
        rng: the source of randomness.
        rows: how many rows to draw.
        parameters: whether to draw the network's parameters too.
    """
    spread = np.maximum(forward.x.std(axis=0), 0.5 * np.maximum(np.abs(forward.x).mean(axis=0), 1.0))
    x = forward.x.mean(axis=0) + spread * rng.normal(size=(rows, forward.chain.inputs))
    t = forward.t[rng.integers(0, forward.rows, rows)]
    vector = forward.parameters.vector
    if parameters:
        vector = 0.7 * rng.normal(size=vector.shape)
        vector = np.where(forward.parameters.vector == 0, 0.1 * vector, vector)
    return forward.rerun(vector, x, t)


def always_equal(
    forward: ForwardContext,
    one: Sequence[MistakeInstance],
    other: Sequence[MistakeInstance],
    names: Collection[str],
) -> bool:
    """Whether two recipes give the same gradients on every drawn input: in this network they compute the same."""
    draws = (draw_inputs(forward, np.random.default_rng(k), max(forward.rows, 2), parameters=k > 0) for k in range(4))
    return all(distance(_gradients(drawn, one, names), _gradients(drawn, other, names)) <= _SAME for drawn in draws)


def _gradients(forward: ForwardContext, recipe: Sequence[MistakeInstance], names: Collection[str]) -> dict[str, Array]:
    """What a recipe gives for some parameters."""
    with np.errstate(all="ignore"):  # a drawn network may overflow: it then separates nothing
        found = gradients_with(forward, recipe)
    return {name: found[name] for name in names}


def _count_different(gradients: Sequence[dict[str, Array]]) -> int:
    """How many of these gradients are clearly different from each other."""
    different: list[dict[str, Array]] = []
    for gradient in gradients:
        if all(distance(gradient, other) > _APART for other in different):
            different.append(gradient)
    return len(different)
