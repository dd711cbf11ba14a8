"""The quantity of the backward pass that a mistake makes wrong first, as it was computed and as it should be."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.backward import BackwardResult, run_backward
from chainrule.marking.distance import distance
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.hypothesis import Hypothesis
from chainrule.marking.instance import MistakeInstance, changes_of

SAME = 1e-10
"""A quantity that differs by no more than this share of its size is right."""


class WrongQuantity(NamedTuple):
    """A quantity by its name, such as ``"delta1"``, as it was computed and as it should be; no name, no quantity."""

    name: str
    yours: Array
    right: Array

    @property
    def differs(self) -> bool:
        """Whether the two can be told apart."""
        return distance({"": self.yours}, {"": self.right}) > SAME


NO_QUANTITY = WrongQuantity("", np.zeros(0), np.zeros(0))


def wrong_quantities(forward: ForwardContext, h: Hypothesis, result: BackwardResult) -> list[WrongQuantity]:
    """The quantity that each mistake, convention and kink of a hypothesis makes wrong.

    Right is what the same line would give without any mistake but the sign and factor of all gradients. Those are named
    on their own and have no quantity.

    Args:
        forward: the forward pass.
        h: the hypothesis.
        result: the backward pass that makes its mistakes.
    """
    right = run_backward(forward, changes_of(h.overall))
    found = []
    for instance in h.recipe:
        name, read = _quantity(instance, forward)
        found.append(WrongQuantity(name, read(result), read(right)) if name else NO_QUANTITY)
    return found


def most_wrong_gradient(given: Mapping[str, Array], right: Mapping[str, Array]) -> WrongQuantity:
    """The gradient that is off most: for a mistake made among several backward passes, not within one."""
    away = {name: distance({name: value}, {name: right[name]}) for name, value in given.items()}
    name = max(away, key=lambda name: away[name])
    return WrongQuantity(f"d{name}", given[name], right[name])


def is_gradient(instance: MistakeInstance) -> bool:
    """Whether the quantity is a parameter's gradient, which a factor of all gradients is part of."""
    return instance.mistake.place in ("input", "weights", "bias", "update")


def _quantity(instance: MistakeInstance, forward: ForwardContext) -> tuple[str, Callable[[BackwardResult], Array]]:
    """The quantity's name, and how to read it from a backward pass."""
    place, l = instance.mistake.place, instance.made_at
    if place in ("sign", "factor"):
        return "", lambda result: result.dy
    if place in ("start", "rows"):
        return "dE/dy", lambda result: result.dy
    if place in ("delta", "down"):
        layer = l - (place == "down")
        return f"delta{layer}", lambda result: result.deltas[layer - 1]
    at = forward.layers[l - 1]
    key = (at.bias_key if place == "bias" else at.weights_key) or ""
    return f"d{key}{l}", lambda result: result.gradients[f"{key}{l}"]
