"""Updates after each row of which only the last result is known: recipes are tried by making all updates.

Every update changes what the next row meets, so a mistake in a low layer changes all gradients, and nothing can be
compared layer by layer. Every single mistake is tried; of the pairs, those whose gradients for all rows at the first
parameters come nearest to the whole change.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.agreement import all_agree, comparable
from chainrule.marking.constants import constants, value_of
from chainrule.marking.distance import distance
from chainrule.marking.evidence import Case
from chainrule.marking.explanations import SearchResult
from chainrule.marking.factors import factor_instance, sign_instance
from chainrule.marking.hypothesis import Hypothesis, simplest
from chainrule.marking.instance import MistakeInstance, all_instances, compose, gradients_with
from chainrule.marking.mistake import Mistake
from chainrule.marking.mistakes import FACTOR, SIGN
from chainrule.marking.mistakes.rows import FIRST_ROW, LAST_ROW, NOT_RESET
from chainrule.marking.tolerance import FLOAT32, FLOAT64, NEAR

PAIRS = 400
"""How many pairs are tried, the nearest first."""

_AMONG_ROWS = (LAST_ROW, FIRST_ROW, NOT_RESET)
"""Mistakes in the loop over the rows, which no single row's backward pass can make."""

Recipe = tuple[MistakeInstance, ...]


class SequenceSearch:
    """The search for what explains the change made by one update after each row.

    Args:
        case: the whole change divided by the learning rate, for the forward pass before the first update.
        catalogue: the mistakes to look for.
    """

    def __init__(self, case: Case, catalogue: Sequence[Mistake]) -> None:
        self.case, self.forward = case, case.forward
        row = self.forward.rerun(self.forward.parameters.vector, self.forward.x[:1], self.forward.t[:1])
        self.in_a_row = [one for one in all_instances(row, catalogue) if one.mistake.place not in ("sign", "factor")]
        self.among_rows = [
            MistakeInstance(mistake, "", lambda forward, dy: dy, 0)  # noqa: ARG005 - see total_change
            for mistake in _AMONG_ROWS
            if mistake in catalogue and self.forward.rows > 1
        ]
        self.scales = list(self._scales())

    def find_explanations(self, *, single_precision: bool) -> SearchResult:
        """The simplest recipes that give the whole change, to rounding or else nearly."""
        for precision in (FLOAT64, FLOAT32) if single_precision else (FLOAT64,):
            found = self._explanations(precision)
            if found:
                return SearchResult(found, precision)
        if single_precision:
            return SearchResult([], FLOAT32)
        near = self._nearly_right()
        away = distance(self.case.given, self.total_change(near[0].recipe)) if near else None
        return SearchResult(near, NEAR, distance=away)

    def total_change(self, recipe: Sequence[MistakeInstance]) -> dict[str, Array]:
        """By parameter, (before - after)/eta of one update after each row; empty if an update is impossible."""
        forward, eta = self.forward, self.forward.learning_rate
        assert eta is not None
        among_rows = {one.mistake for one in recipe if one.mistake in _AMONG_ROWS}
        in_a_row = [one for one in recipe if one.mistake not in _AMONG_ROWS]
        vector = forward.parameters.vector.copy()
        total = np.zeros_like(vector)
        first, last = FIRST_ROW in among_rows, LAST_ROW in among_rows
        for n in [forward.rows - 1] if last else [0] if first else range(forward.rows):
            here = forward.rerun(vector.copy(), forward.x[n : n + 1], forward.t[n : n + 1])
            gradients = gradients_with(here, in_a_row)
            if any(value.shape not in (here.parameters[name].shape, ()) for name, value in gradients.items()):
                return {}
            slots = forward.chain.slots
            gradient = np.concatenate([np.broadcast_to(gradients[q.name], q.shape).ravel() for q in slots])
            total = total + gradient if NOT_RESET in among_rows else gradient
            vector = vector - eta * total
        return dict(forward.parameters.with_vector((forward.parameters.vector - vector) / eta))

    # ------------------------------------------------------------------ the recipes
    def _explanations(self, eps: float) -> list[Hypothesis]:
        """The simplest recipes that fit: a sign or factor, a mistake, a mistake with a sign or factor, two mistakes."""
        singles = [*self.in_a_row, *self.among_rows]
        stages = (
            lambda: self.scales,
            lambda: [(one,) for one in singles],
            lambda: [(*scale, one) for one in singles for scale in self.scales[1:] if compose((*scale, one))],
            self._near_pairs,
        )
        for recipes in stages:
            found = [_hypothesis(recipe) for recipe in recipes() if self._fits(recipe, eps)]
            if found:
                return simplest(found)
        return []

    def _nearly_right(self) -> list[Hypothesis]:
        """Right, or right but for the loss's convention, if that fits except for a small constant somewhere."""
        positive = [scale for scale in self.scales if SIGN not in {one.mistake for one in scale}]
        return simplest(_hypothesis(scale) for scale in positive if self._fits(scale, NEAR))

    def _scales(self) -> Iterator[Recipe]:
        """1 and -1, times the constants by which losses differ."""
        sign = sign_instance(self.forward)
        for name in constants(self.forward):
            factor = () if name == "1" else (self._factor(name),)
            yield factor
            yield (sign, *factor)

    def _factor(self, name: str) -> MistakeInstance:
        """A constant in which N counts all rows, though each update sees one."""
        value, label = value_of(self.forward, name), factor_instance(self.forward, name).label
        return MistakeInstance(FACTOR, label, lambda forward, gradient: value * gradient, 0)  # noqa: ARG005

    def _near_pairs(self) -> list[Recipe]:
        """Pairs of mistakes, those first whose gradients of all rows at once are nearest to the whole change."""
        pairs = [pair for pair in combinations(self.in_a_row, 2) if compose(pair)]
        away = [self._distance(gradients_with(self.forward, pair)) for pair in pairs]
        nearest = [pairs[k] for k in np.argsort(away, kind="stable")[:PAIRS]]
        return nearest + [(first, one) for first in self.among_rows for one in self.in_a_row]

    def _distance(self, gradients: Mapping[str, Array]) -> float:
        gaps = [
            np.abs(given - self.forward.rows * gradients[name]).max() / (np.abs(given).max() + 1e-300)
            for name, given in self.case.given.items()
            if comparable(given, gradients[name])
        ]
        return float(np.sum(gaps)) if len(gaps) == len(self.case.given) else np.inf

    def _fits(self, recipe: Recipe, eps: float) -> bool:
        return all_agree(self.case.given, self.total_change(recipe), self.case.response.tolerance(eps))


def _hypothesis(recipe: Recipe) -> Hypothesis:
    convention = next((instance for instance in recipe if instance.mistake is FACTOR), None)
    return Hypothesis(tuple(instance for instance in recipe if instance is not convention), convention)
