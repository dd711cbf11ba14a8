"""The factor of all gradients: not tried but solved for, at the first array that has one, and then held fixed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.agreement import agrees, best_factor
from chainrule.marking.constants import all_constants, constants
from chainrule.marking.factors import factor_instance, free_factor, sign_instance
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.instance import MistakeInstance
from chainrule.marking.mistake import Mistake
from chainrule.marking.mistakes import FACTOR, SIGN
from chainrule.marking.tolerance import Tolerance

_NO_OTHER = 1e-6
"""A ratio this near to a known factor is no factor of its own."""


@dataclass(frozen=True, eq=False)
class Scale:
    """The factor of all gradients.

    Attributes:
        value: the factor.
        instances: the sign and the factor as mistakes; none for 1.
        is_free: whether it is none of the constants by which losses differ.
    """

    value: float
    instances: tuple[MistakeInstance, ...]
    is_free: bool = False


def known_scales(forward: ForwardContext, catalogue: Sequence[Mistake], *, several: bool) -> list[Scale]:
    """1, -1, then the constants by which losses differ and their negatives; the simplest first.

    Args:
        forward: the forward pass.
        catalogue: the mistakes to look for.
        several: whether a value with two names, such as 2 and N for two rows, is two scales: other inputs decide.
    """
    codes = {mistake.code for mistake in catalogue}
    sign = sign_instance(forward)
    scales = []
    named = all_constants(forward) if several else constants(forward)
    for name, value in named.items():
        factor = () if name == "1" else (factor_instance(forward, name, alone=several),)
        if not factor or FACTOR.code in codes:
            scales.append(Scale(value, factor))
            if SIGN.code in codes:
                scales.append(Scale(-value, (sign, *factor)))
    return sorted(scales, key=lambda scale: len(scale.instances))


@dataclass(frozen=True, eq=False)
class ScaleFit:
    """Which factors turn computed gradients into the given ones.

    Attributes:
        given: the learner's gradients by name.
        tolerance: how far they may be off.
        known: the factors that have a name.
    """

    given: Mapping[str, Array]
    tolerance: Tolerance
    known: Sequence[Scale]

    def is_proportional(self, name: str, computed: Array, scale: Scale | None) -> bool:
        """Whether a computed gradient is the given one up to some factor: most wrong ones are not."""
        given = self.given[name]
        ratio = best_factor(given, computed)
        factor = max(abs(ratio), 1.0 if scale is None else abs(scale.value))
        size = float(np.abs(computed).max(initial=0.0)) * factor
        allowed = float(np.max(self.tolerance.allowed(name, size)))
        return float(np.abs(given - ratio * computed).max(initial=0.0)) <= allowed * max(given.size, 1) ** 0.5

    def scales(self, name: str, computed: Array, scale: Scale | None, *, free: bool) -> Iterator[Scale | None]:
        """The factors with which a computed gradient is the given one.

        Args:
            name: of the parameter.
            computed: its gradient, as a backward pass with mistakes gives it.
            scale: the factor of all gradients if one is fixed already; no other then fits.
            free: whether the factor may be none of the known ones.

        Yields:
            None if every factor would do, as the gradient is 0; 1 alone if it fits; else known factors, and then the
            ratio itself.
        """
        given, tolerance = self.given[name], self.tolerance
        if scale is not None:
            if agrees(given, computed, scale.value, tolerance, name):
                yield scale
            return
        size = float(np.abs(computed).max(initial=0.0))
        if size <= np.max(tolerance.absolute[name]):
            if agrees(given, computed, 1.0, tolerance, name):
                yield None
            return
        ratio = best_factor(given, computed)
        rounded = float(np.max(tolerance.allowed(name, size * abs(ratio)))) / size
        for known in self.known:
            near = abs(known.value - ratio) <= 4 * rounded + 1e-12
            if near and agrees(given, computed, known.value, tolerance, name):
                yield known
                if known.value == 1 and not known.instances:
                    return
        if free and self._may_be_free(ratio, rounded) and agrees(given, computed, ratio, tolerance, name):
            yield Scale(ratio, (free_factor(ratio),), is_free=True)

    def _may_be_free(self, ratio: float, rounded: float) -> bool:
        """Whether a ratio may be a factor of its own: a known one that does not fit is not adjusted until it does."""
        if sum(np.count_nonzero(value) for value in self.given.values()) < 3:
            return False  # one number gives the ratio, and others must confirm it
        known = any(abs(known.value - ratio) <= _NO_OTHER * abs(ratio) for known in self.known)
        return not known and abs(ratio) > 10 * rounded
