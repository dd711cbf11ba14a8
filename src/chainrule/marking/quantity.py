"""The quantity of the backward pass that a mistake spoils first, as it was computed and as it should be."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.backward import Gone, run
from chainrule.marking.counterexample import distance
from chainrule.marking.forward_context import Situation
from chainrule.marking.hypothesis import Hypothesis, overall
from chainrule.marking.mistake import Slip, changes_of

SAME = 1e-10
"""A quantity that differs by no more than this share of its size is right."""


class Spoiled(NamedTuple):
    """A quantity by its name, ``"delta1"``, as it was computed and as it should be; without a name there is none."""

    name: str
    yours: Array
    right: Array

    @property
    def differs(self) -> bool:
        """Whether the two can be told apart."""
        return distance({"": self.yours}, {"": self.right}) > SAME


NONE = Spoiled("", np.zeros(0), np.zeros(0))


def spoiled(s: Situation, h: Hypothesis, made: Gone) -> list[Spoiled]:
    """What each mistake, convention and kink of an explanation spoils, given the backward pass that it makes.

    Right is what the other lines would give without any mistake but the sign and factor that all gradients have: these
    are named for themselves, and have no quantity of their own.
    """
    right = run(s, changes_of(overall(h)))
    read = [(name, of(made), of(right)) for name, of in (_quantity(slip, s) for slip in h.all_slips)]
    return [Spoiled(name, yours, meant) if name else NONE for name, yours, meant in read]


def worst(given: Mapping[str, Array], right: Mapping[str, Array]) -> Spoiled:
    """The gradient that is off most: for a mistake that is made among several backward passes, not in one."""
    away = {name: distance({name: value}, {name: right[name]}) for name, value in given.items()}
    name = max(away, key=lambda name: away[name])
    return Spoiled(f"d{name}", given[name], right[name])


def is_gradient(slip: Slip) -> bool:
    """Whether the quantity is a parameter's gradient, which a factor of all gradients is part of."""
    return slip.mistake.place in ("input", "weights", "bias", "update")


def _quantity(slip: Slip, s: Situation) -> tuple[str, Callable[[Gone], Array]]:
    """Its name, and how to read it off."""
    place, l = slip.mistake.place, slip.at
    if place in ("sign", "factor"):
        return "", lambda gone: gone.dy
    if place in ("start", "rows"):
        return "dE/dy", lambda gone: gone.dy
    if place in ("delta", "down"):
        layer = l - (place == "down")
        return f"delta{layer}", lambda gone: gone.deltas[layer - 1]
    site = s.sites[l - 1]
    key = (site.bias_key if place == "bias" else site.weights_key) or ""
    return f"d{key}{l}", lambda gone: gone.gradients[f"{key}{l}"]
