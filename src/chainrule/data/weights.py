"""How much rows count: weights that mean the same in any unit, and how many rows they amount to."""

import numpy as np
from numpy.typing import NDArray


def relative_weights(weights: NDArray[np.floating] | None) -> NDArray[np.float64] | None:
    """Weights (N,) free of their unit: the largest is from 1 to below 2; None where all rows count alike.

    They are multiplied by a power of 2, which rounds nothing: weights and twice the weights become the same bits.

    Args:
        weights: (N,) numbers from 0, not all of them 0, or None.

    Example:
        >>> relative_weights(np.array([10.0, 40.0, 0.0])).tolist()
        [0.3125, 1.25, 0.0]
        >>> relative_weights(np.full(3, 1 / 3)) is None
        True
    """
    if weights is None or (weights == weights[0]).all():
        return None
    weights = np.asarray(weights, np.float64)
    return np.ldexp(weights, 1 - int(np.frexp(weights.max())[1]))


def effective_rows(weights: NDArray[np.floating] | None, rows: int) -> int:
    """How many rows that count alike tell as much: ``(sum w)^2 / sum w^2``, N where all count alike.

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
