"""How much rows count: weights that mean the same in any unit, and how many rows they amount to."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

BITS = 24
"""Of a weight's significand."""
LARGEST_COUNT = 1000
"""Up to which weights in ratios of whole numbers are recognised as counts."""


def relative_weights(weights: NDArray[np.floating] | None) -> NDArray[np.float64] | None:
    """Weights (N,) free of their unit: whole numbers where they are counts in some unit, otherwise the largest is 1.

    None where all rows count alike. What is not a count is rounded to the 24 bits of single precision, so that weights
    in any unit become the same bits: division would leave them a last bit of float64 apart, which training makes large.

    Args:
        weights: (N,) numbers from 0, not all of them 0, or None.

    Example:
        >>> relative_weights(np.array([10.0, 40.0, 0.0])).tolist()
        [1.0, 4.0, 0.0]
        >>> relative_weights(np.array([0.1, 0.1 * np.e, 0.1 * np.pi])).round(3).tolist()
        [0.318, 0.865, 1.0]
        >>> relative_weights(np.full(3, 1 / 3)) is None
        True
    """
    if weights is None or (weights == weights[0]).all():
        return None
    weights = np.asarray(weights, np.float64)
    significand, exponent = np.frexp(weights / weights.max())
    ratios = np.ldexp(np.round(np.ldexp(significand, BITS)), exponent - BITS)
    unit = _largest_count(np.unique(ratios))
    return ratios if unit is None else np.round(ratios * unit)


def _largest_count(ratios: NDArray[np.float64]) -> int | None:
    """How often the largest of these rows counts if they are counts, from their ratios to it."""
    if len(ratios) > LARGEST_COUNT:
        return None
    counts = [Fraction(ratio).limit_denominator(LARGEST_COUNT) for ratio in ratios.tolist()]
    largest = math.lcm(*(count.denominator for count in counts))
    near = all(abs(float(count) - ratio) <= ratio * 2.0**-BITS for count, ratio in zip(counts, ratios, strict=True))
    return largest if near and largest <= LARGEST_COUNT else None


def effective_rows(weights: NDArray[np.floating] | None, rows: int) -> int:
    """How many rows that count alike say as much: ``(sum w)^2 / sum w^2``, N where all count alike.

    Args:
        weights: (N,) numbers from 0, not all of them 0, or None.
        rows: how many there are, ``N``.

    Example:
        >>> effective_rows(None, 3), effective_rows(np.array([1.0, 1.0, 0.0]), 3), effective_rows(np.full(3, 0.1), 3)
        (3, 2, 3)

    References:
        Kish 1965, Survey Sampling, section 8.2: the effective sample size of unequal weights.
    """
    relative = relative_weights(weights)
    return rows if relative is None else round(float(relative.sum() ** 2 / (relative**2).sum()))
