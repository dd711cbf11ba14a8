"""Losses for more than a mean: a mean with its variance, and several quantiles at once.

Both need several outputs for one target; the target stands once for each of them.
"""

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.losses import RowLoss


def _parts(y: Array, t: Array) -> tuple[Array, Array, Array]:
    """``m - t``, ``exp(-s)`` and ``s``: the outputs are means, then the logarithms of variances."""
    half = y.shape[1] // 2
    s = y[:, half:]
    return y[:, :half] - t[:, :half], np.exp(-s), s


def _gaussian(y: Array, t: Array) -> Array:
    r, precision, s = _parts(y, t)
    return ((s + r**2 * precision) / 2).sum(axis=1)


def _gaussian_prime(y: Array, t: Array) -> Array:
    r, precision, _ = _parts(y, t)
    return np.hstack([r * precision, (1 - r**2 * precision) / 2])


def _gaussian_second(y: Array, t: Array, v: Array) -> Array:
    r, precision, s = _parts(y, t)
    vm, vs = v[:, : s.shape[1]], v[:, s.shape[1] :]
    return np.hstack([precision * (vm - r * vs), r * precision * (r * vs / 2 - vm)])


GAUSSIAN = RowLoss(
    "gaussian",
    "Sum((y[j + K/2] + (t[j] - y[j])**2*exp(-y[j + K/2]))/2, (j, 0, K/2 - 1))",
    "the normal likelihood without its constant, by mean and log variance: Nix & Weigend 1994, ICNN, equation 3",
    row_value=_gaussian,
    row_derivative=_gaussian_prime,
    row_second_product=_gaussian_second,
)
"""Half the negative log likelihood of a normal distribution; outputs are means, then log variances."""


def _levels(y: Array, levels: dict[str, float]) -> Array:
    return np.array(list(levels.values()), y.dtype)


def _quantiles(y: Array, t: Array, **levels: float) -> Array:
    q = _levels(y, levels)
    return np.maximum(q * (t - y), (q - 1) * (t - y)).sum(axis=1)


def _quantiles_prime(y: Array, t: Array, **levels: float) -> Array:
    q = _levels(y, levels)
    return (1 - q) * (y > t) - q * (y < t)


def _quantiles_second(y: Array, t: Array, v: Array, **levels: float) -> Array:
    del t, v, levels
    return np.zeros_like(y)


def quantiles_loss(levels: list[float]) -> RowLoss:
    """The pinball losses of several levels, added; an output for each.

    Args:
        levels: between 0 and 1, one for each output.

    Example:
        >>> float(quantiles_loss([0.1, 0.9]).value(np.array([[1.0, 1.0]]), np.array([[2.0, 2.0]]))[0])
        1.0

    References:
        Koenker & Bassett 1978, Econometrica 46(1).
    """
    return RowLoss(
        "several_quantiles",
        "Sum(Max(q[j]*(t[j] - y[j]), (q[j] - 1)*(t[j] - y[j])), (j, 0, K - 1))",
        "Koenker & Bassett 1978, Econometrica 46(1), for several levels at once",
        parameters={f"q{j}": float(level) for j, level in enumerate(levels)},
        row_value=_quantiles,
        row_derivative=_quantiles_prime,
        row_second_product=_quantiles_second,
    )
