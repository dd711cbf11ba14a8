"""A set of mistakes that may explain the numbers, which of several is the simplest, and the factors among them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.backward import Place
from chainrule.marking.constants import constants, readings
from chainrule.marking.forward_context import Situation
from chainrule.marking.mistake import Slip, Variant
from chainrule.marking.mistakes import FACTOR
from chainrule.marking.mistakes.scale import FIXED_ROWS, scaling
from chainrule.marking.tolerance import Tolerance


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """Mistakes that together give the numbers.

    Attributes:
        slips: from the top of the network down.
        convention: the factor of all gradients, if it is one by which losses differ; else None.
    """

    slips: tuple[Slip, ...]
    convention: Slip | None = None

    @property
    def all_slips(self) -> tuple[Slip, ...]:
        """The recipe: with the convention, which is no mistake but changes the numbers."""
        return self.slips if self.convention is None else (*self.slips, self.convention)

    @property
    def mistakes(self) -> tuple[Slip, ...]:
        """Without the choices at kinks."""
        return tuple(slip for slip in self.slips if slip.mistake.kind == "mistake")

    @property
    def identity(self) -> frozenset[tuple[str, str, Place, int]]:
        """Equal for the same set of slips."""
        return frozenset(slip.identity for slip in self.all_slips)

    @property
    def cost(self) -> tuple[int, int, int]:
        """Different mistakes, places at which they are made, and whether a convention or kink is needed too."""
        extras = (self.convention is not None) + len(self.slips) - len(self.mistakes)
        return len({slip.what for slip in self.mistakes}), len(self.mistakes), extras


def overall(h: Hypothesis) -> tuple[Slip, ...]:
    """What concerns all gradients alike: the convention, and a sign or factor of all."""
    return tuple(slip for slip in h.all_slips if slip.mistake.place in ("sign", "factor"))


def simplest(found: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Those that no other beats in kinds of mistakes, places and extras together; the likeliest first."""
    unique = list({h.identity: h for h in found}.values())
    costs = [h.cost for h in unique]
    kept = [h for h in unique if not any(_beats(cost, h.cost) for cost in costs)]
    return sorted(kept, key=lambda h: (h.cost[0], h.cost[2], h.cost[1], [_ORDER.index(s.key[0]) for s in h.slips]))


_ORDER: tuple[Place, ...] = ("sign", "factor", "start", "rows", "delta", "down", "input", "weights", "bias", "update")
"""Of equally simple explanations, the one whose mistakes come first in this order is named first."""


def _beats(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    """Fewer kinds of mistakes and places, and no fewer only by calling in a convention."""
    no_worse = one[0] <= other[0] and one[1] <= other[1] and one[2] <= other[2]
    return no_worse and one != other


# -------------------------------------------------------------------------------- factors
def factor_slip(s: Situation, name: str, *, alone: bool = False) -> Slip:
    """All gradients times a constant; unless ``alone``, its label tells all readings, such as ``"2 (or N)"``."""
    first, *rest = [name] if alone else readings(s, constants(s)[name])
    told = f"{first} (or {', '.join(rest)})" if rest else first
    return Slip(FACTOR, told, scaling(name).change, 0)


def free_factor(ratio: float) -> Slip:
    """A factor that is none of the constants."""
    label = f"{ratio:.6g}"
    return Slip(FACTOR, label, Variant(label, lambda s, gradient: ratio * gradient).change, 0)  # noqa: ARG005


def rows_factor(value: float, power: int) -> Slip:
    """A factor that is a number times the rows (power 1), divided by them (-1), or does not depend on them (0)."""
    if not power:
        return free_factor(value)
    under = f"-N/{-1 / value:.6g}" if value < 0 else f"N/{1 / value:.6g}"
    label = f"{value:.6g}/N" if power < 0 else under if abs(value) < 1 else f"{value:.6g} N"
    row = FIXED_ROWS if power > 0 else FACTOR
    return Slip(row, label, lambda s, gradient: value * float(s.rows) ** power * gradient, 0)


# -------------------------------------------------------------------------------- does it fit
def comparable(given: Array, mutant: Array) -> bool:
    """Whether the shapes allow a comparison; one number stands for a bias that all units share."""
    shared = given.ndim == 0 and mutant.ndim == 1 and mutant.size > 0 and bool((mutant == mutant[0]).all())
    return given.shape == mutant.shape or shared


def agrees(given: Array, mutant: Array, factor: float, tolerance: Tolerance, name: str) -> bool:
    """Whether the given numbers are those of the mutant times a factor, up to rounding."""
    target = factor * mutant
    if not np.isfinite(target).all():
        return False  # what overflows would allow any distance
    allowed = tolerance.allowed(name, float(np.abs(target).max(initial=0.0)))
    if np.shape(allowed) not in ((), given.shape):
        allowed = np.max(allowed)
    return bool((np.abs(given - target) <= allowed).all())
