"""Whether the learner's gradients are those of a recipe, up to rounding."""

from collections.abc import Mapping

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.tolerance import Tolerance


def comparable(given: Array, computed: Array) -> bool:
    """Whether the shapes allow a comparison; one number stands for a bias that all units share."""
    shared = given.ndim == 0 and computed.ndim == 1 and computed.size > 0 and bool((computed == computed[0]).all())
    return given.shape == computed.shape or shared


def agrees(given: Array, computed: Array, factor: float, tolerance: Tolerance, name: str) -> bool:
    """Whether the given numbers are the computed ones times a factor, up to rounding."""
    target = factor * computed
    if not np.isfinite(target).all():
        return False  # what overflows would allow any distance
    allowed = tolerance.allowed(name, float(np.abs(target).max(initial=0.0)))
    if np.shape(allowed) not in ((), given.shape):
        allowed = np.max(allowed)
    return bool((np.abs(given - target) <= allowed).all())


def all_agree(given: Mapping[str, Array], computed: Mapping[str, Array], tolerance: Tolerance) -> bool:
    """Whether every given gradient is the computed one of its name; False if one was not computed."""
    return all(
        name in computed and comparable(value, computed[name]) and agrees(value, computed[name], 1.0, tolerance, name)
        for name, value in given.items()
    )


def best_factor(given: Array, computed: Array) -> float:
    """The factor that brings a computed gradient nearest to the given one, by least squares; 0 if it is all 0."""
    size = float(np.abs(computed).max(initial=0.0))
    if size == 0:
        return 0.0
    unit = computed / size  # so that squares do not overflow
    return float((given * unit).sum() / (unit * unit).sum()) / size
