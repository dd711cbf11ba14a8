"""A set of mistakes that may explain the numbers, and which of several sets is the simplest."""

from collections.abc import Iterable
from dataclasses import dataclass

from chainrule.marking.backward import Place
from chainrule.marking.instance import MistakeInstance


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """Mistakes that together give the learner's numbers.

    Attributes:
        instances: mistakes and choices at kinks, from the top of the network down.
        convention: the factor of all gradients, if it is one by which losses differ; else None.
    """

    instances: tuple[MistakeInstance, ...]
    convention: MistakeInstance | None = None

    @property
    def recipe(self) -> tuple[MistakeInstance, ...]:
        """All that changes the numbers: the instances and the convention, which is no mistake."""
        return self.instances if self.convention is None else (*self.instances, self.convention)

    @property
    def mistakes(self) -> tuple[MistakeInstance, ...]:
        """The instances without the choices at kinks."""
        return tuple(instance for instance in self.instances if instance.mistake.kind == "mistake")

    @property
    def overall(self) -> tuple[MistakeInstance, ...]:
        """What concerns all gradients alike: the convention, and a sign or factor of all."""
        return tuple(instance for instance in self.recipe if instance.mistake.place in ("sign", "factor"))

    @property
    def identity(self) -> frozenset[tuple[str, str, Place, int]]:
        """Equal for two hypotheses of the same recipe."""
        return frozenset(instance.identity for instance in self.recipe)

    @property
    def cost(self) -> tuple[int, int, int]:
        """How many different mistakes, at how many places, and how many conventions and choices at kinks besides."""
        extras = (self.convention is not None) + len(self.instances) - len(self.mistakes)
        return len({instance.variant_id for instance in self.mistakes}), len(self.mistakes), extras


RIGHT = Hypothesis(())
"""No mistake at all."""

_ORDER: tuple[Place, ...] = ("sign", "factor", "start", "rows", "delta", "down", "input", "weights", "bias", "update")
"""Of equally simple explanations, the one whose mistakes come first in this order is named first."""


def simplest(found: Iterable[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses that no other one beats in mistakes, places and extras together; the likeliest first."""
    unique = list({h.identity: h for h in found}.values())
    costs = [h.cost for h in unique]
    best = [h for h in unique if not any(_beats(cost, h.cost) for cost in costs)]
    return sorted(best, key=_rank)


def _rank(h: Hypothesis) -> tuple[int, int, int, list[int]]:
    different, places, extras = h.cost
    return different, extras, places, [_ORDER.index(instance.mistake.place) for instance in h.instances]


def _beats(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    """Better in one of the three and no worse in the others: a convention may not stand in for a mistake."""
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))
