"""The table of errors: by parameter, where the learner's gradient is off most."""

from collections.abc import Mapping

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.result import GradientError


def gradient_errors(given: Mapping[str, Array], right: Mapping[str, Array]) -> dict[str, GradientError]:
    """By parameter, the largest relative error of the gradients that were given."""
    return {name: _error(given[name], value) for name, value in right.items() if name in given}


def _error(given: Array, right: Array) -> GradientError:
    if given.ndim == 0:
        given = np.broadcast_to(given, right.shape)
    if given.shape != right.shape:
        return GradientError(np.inf, (), np.nan, np.nan, (given.shape, right.shape))
    gap = np.abs(given - right)
    size = np.maximum(np.abs(given), np.abs(right))
    with np.errstate(all="ignore"):
        relative = np.where(gap == 0, 0.0, gap / size)
    relative = np.where(np.isfinite(given), relative, np.inf)
    flat = int(np.argmax(relative)) if relative.size else 0
    index = tuple(int(i) for i in np.unravel_index(flat, relative.shape)) if relative.shape else ()
    return GradientError(float(relative[index]), index, float(given[index]), float(right[index]))
