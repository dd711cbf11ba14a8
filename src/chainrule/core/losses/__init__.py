"""Losses, one object each (a *row* of the table): values, two derivatives by the outputs, formulas, source.

A loss compares outputs ``y`` with targets ``t``, both (N, outputs). The library's loss of a batch is the mean over
rows of each row's loss, ``E = sum_n w_n e_n / sum_n w_n`` with weights ``w_n`` (1 unless given); the rows here know
nothing of batches or weights: they give ``e_n`` and its derivatives by ``y_n``.

A missing target (NaN) takes its output out of the row's loss, as if the row did not have that output: nothing is
added, nothing flows back, and ``mean_squared_error`` averages over the outputs that remain.

*Fused* losses (``..._from_logits``) act on net inputs before the sigmoid, softmax or exponential that belongs to the
loss; put them on an identity output layer. They are numerically safe where the two-step form loses all digits.
"""

from collections.abc import Mapping

from chainrule.core.lookup import look_up
from chainrule.core.losses.base import ElementwiseLoss, Loss, Probabilities, RowLoss
from chainrule.core.losses.distances import ABSOLUTE, HALF_SQUARED, HUBER, LOG_COSH, MEAN_SQUARED, QUANTILE, SQUARED
from chainrule.core.losses.likelihoods import (
    BINARY_CROSS_ENTROPY,
    BINARY_CROSS_ENTROPY_FROM_LOGITS,
    CATEGORICAL_CROSS_ENTROPY,
    CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS,
    POISSON,
    POISSON_FROM_LOGITS,
)

LOSSES: Mapping[str, Loss] = {
    row.name: row
    for row in (
        SQUARED, HALF_SQUARED, MEAN_SQUARED, ABSOLUTE, HUBER, QUANTILE, LOG_COSH, POISSON, POISSON_FROM_LOGITS,
        BINARY_CROSS_ENTROPY, BINARY_CROSS_ENTROPY_FROM_LOGITS, CATEGORICAL_CROSS_ENTROPY,
        CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS,
    )
}  # fmt: skip
"""The table: every loss of the library by its name."""


def loss(name: str | Loss, **parameters: float) -> Loss:
    """The row of that name, with other constants if some are given.

    Args:
        name: a name of the table, or a user-defined row, which is returned.
        parameters: constants of the row's formula, such as ``delta`` of ``huber``.

    Raises:
        UnknownComponentError: no such row; the message lists those there are.
        InputError: no such constant, or it is not a finite number.

    Example:
        >>> import numpy as np
        >>> loss("huber", delta=0.5).value(np.array([[0.0]]), np.array([[2.0]]))
        array([0.875])
    """
    row = look_up("loss", name, LOSSES, Loss)
    return row.with_parameters(**parameters) if parameters else row


__all__ = [
    "ABSOLUTE", "BINARY_CROSS_ENTROPY", "BINARY_CROSS_ENTROPY_FROM_LOGITS", "CATEGORICAL_CROSS_ENTROPY",
    "CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS", "HALF_SQUARED", "HUBER", "LOG_COSH", "LOSSES", "MEAN_SQUARED", "POISSON",
    "POISSON_FROM_LOGITS", "QUANTILE", "SQUARED", "ElementwiseLoss", "Loss", "Probabilities", "RowLoss", "loss",
]  # fmt: skip
