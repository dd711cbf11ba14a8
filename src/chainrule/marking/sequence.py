"""Updates row by row of which only the end is known: recipes are played through, row after row.

Every update changes what the next row meets, so a mistake in a low layer is felt in all, and nothing can be compared
layer by layer. Single mistakes are all played through; of the pairs, those whose gradients for all rows at the first
parameters come nearest to the whole change.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.backward import run
from chainrule.marking.constants import constants, value_of
from chainrule.marking.counterexample import distance
from chainrule.marking.evidence import Case, Evidence
from chainrule.marking.explanations import distance_told
from chainrule.marking.forward_context import Situation
from chainrule.marking.hypothesis import Hypothesis, agrees, comparable, factor_slip, simplest
from chainrule.marking.mistake import Mistake, Slip, all_slips, changes_of, compose
from chainrule.marking.mistakes import FACTOR, SIGN
from chainrule.marking.mistakes.rows import FIRST_ROW, LAST_ROW, NOT_RESET
from chainrule.marking.report import tell
from chainrule.marking.result import Marking
from chainrule.marking.tolerance import FLOAT32, FLOAT64, NEAR, response

PAIRS = 400
"""How many pairs are played through, the nearest first."""

_AMONG_ROWS = (LAST_ROW, FIRST_ROW, NOT_RESET)


def mark_sequence(
    s: Situation, after: Mapping[str, Array], catalogue: Sequence[Mistake], digits: int | None, *, single: bool
) -> Marking:
    """Mark the parameters after one update for each row, in the rows' order."""
    eta = s.learning_rate
    assert eta is not None
    before = dict(s.parameters)
    given = {name: (_like(before[name], value) - value) / eta for name, value in after.items()}
    printed = 0.0 if digits is None else 0.5 * 10.0**-digits / eta
    subtracted = {name: s.rows * (np.abs(value).max() + 1) / eta for name, value in after.items()}
    case = Case(s, given, response(s, digits, noise=printed, subtracted=subtracted))
    with np.errstate(all="ignore"):  # a wrong recipe may overflow: it then fits nothing
        return _marked(case, catalogue, single=single)


def _marked(case: Case, catalogue: Sequence[Mistake], *, single: bool) -> Marking:
    player = _Player(case, catalogue)
    found, precision = player.explanations(FLOAT64), FLOAT64
    if not found and single:
        found, precision = player.explanations(FLOAT32), FLOAT32
    notes: tuple[str, ...] = ()
    if not found and not single:
        found, precision = player.nearly_right(), NEAR
        notes = distance_told(distance(case.given, player.change(found[0].all_slips))) if found else ()
    return tell(Evidence((case,), catalogue, notes=notes), (case,), found, precision, made=player.change)


def _like(old: Array, new: Array) -> Array:
    if new.ndim == 0:
        return old.ravel()[0]
    return old if old.shape == new.shape else old.T


class _Player:
    """Plays recipes through the rows."""

    def __init__(self, case: Case, catalogue: Sequence[Mistake]) -> None:
        self.case, self.s = case, case.s
        row = self.s.elsewhere(self.s.parameters.vector, self.s.x[:1], self.s.t[:1])
        one_row = [slip for slip in all_slips(row, catalogue) if slip.mistake.place not in ("sign", "factor")]
        among = [Slip(m, "", lambda s, dy: dy, 0) for m in _AMONG_ROWS if m in catalogue and self.s.rows > 1]  # noqa: ARG005
        self.slips = [*one_row, *among]
        self.scales = list(self._scales())

    def _scales(self) -> Iterator[tuple[Slip, ...]]:
        flip = Slip(SIGN, "", next(iter(SIGN.variants(self.s))).change, 0)
        for name in constants(self.s):
            factor = () if name == "1" else (self._factor(name),)
            yield factor
            yield (flip, *factor)

    def _factor(self, name: str) -> Slip:
        """A constant of the whole: N counts all rows, though each update sees one."""
        value, told = value_of(self.s, name), factor_slip(self.s, name)
        return Slip(FACTOR, told.label, lambda s, gradient: value * gradient, 0)  # noqa: ARG005

    def explanations(self, eps: float) -> list[Hypothesis]:
        """The simplest that give the parameters after the last row."""
        stages = (
            list(self.scales),
            [(slip,) for slip in self.slips],
            [(*scale, slip) for slip in self.slips for scale in self.scales[1:] if compose((*scale, slip))],
            self._near_pairs,
        )
        for stage in stages:
            recipes = stage() if callable(stage) else stage
            found = [_hypothesis(slips) for slips in recipes if self._fits(slips, eps)]
            if found:
                return simplest(found)
        return []

    def nearly_right(self) -> list[Hypothesis]:
        """Right, or right but for the loss's convention, if it fits but for a small constant somewhere."""
        fitting = [slips for slips in self.scales if SIGN not in {s.mistake for s in slips} and self._fits(slips, NEAR)]
        return simplest(map(_hypothesis, fitting))

    def _near_pairs(self) -> list[tuple[Slip, ...]]:
        """Pairs of mistakes by how near the gradients of all rows at once are to the whole change."""
        plain = [slip for slip in self.slips if slip.mistake not in _AMONG_ROWS]
        pairs = [pair for pair in combinations(plain, 2) if compose(pair)]
        away = [self._distance(run(self.s, changes_of(pair)).gradients) for pair in pairs]
        nearest = [pairs[k] for k in np.argsort(away, kind="stable")[:PAIRS]]
        among = [slip for slip in self.slips if slip.mistake in _AMONG_ROWS]
        return nearest + [(first, slip) for first in among for slip in plain]

    def _distance(self, gradients: Mapping[str, Array]) -> float:
        gaps = [
            np.abs(given - self.s.rows * gradients[name]).max() / (np.abs(given).max() + 1e-300)
            for name, given in self.case.given.items()
            if comparable(given, gradients[name])
        ]
        return float(np.sum(gaps)) if len(gaps) == len(self.case.given) else np.inf

    def _fits(self, slips: Sequence[Slip], eps: float) -> bool:
        tolerance = self.case.response.tolerance(eps)
        change = self.change(slips)
        return all(
            name in change and comparable(given, change[name]) and agrees(given, change[name], 1.0, tolerance, name)
            for name, given in self.case.given.items()
        )

    def change(self, slips: Sequence[Slip]) -> dict[str, Array]:
        """(before - after)/eta when every row is learned with these mistakes; empty if an update is impossible."""
        s, eta = self.s, self.s.learning_rate
        assert eta is not None
        codes = {slip.mistake for slip in slips if slip.mistake in _AMONG_ROWS}
        changes = changes_of(slip for slip in slips if slip.mistake not in _AMONG_ROWS)
        vector = s.parameters.vector.copy()
        kept = np.zeros_like(vector)
        rows = [s.rows - 1] if LAST_ROW in codes else [0] if FIRST_ROW in codes else range(s.rows)
        for n in rows:
            here = s.elsewhere(vector.copy(), s.x[n : n + 1], s.t[n : n + 1])
            gradients = run(here, changes).gradients
            if any(value.shape not in (here.parameters[name].shape, ()) for name, value in gradients.items()):
                return {}
            gradient = np.concatenate([np.broadcast_to(gradients[q.name], q.shape).ravel() for q in s.chain.slots])
            kept = kept + gradient if NOT_RESET in codes else gradient
            vector = vector - eta * kept
        total = (s.parameters.vector - vector) / eta
        return dict(s.parameters.with_vector(total))


def _hypothesis(slips: Sequence[Slip]) -> Hypothesis:
    convention = next((slip for slip in slips if slip.mistake is FACTOR), None)
    return Hypothesis(tuple(slip for slip in slips if slip is not convention), convention)
