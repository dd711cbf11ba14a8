"""A loss whose outputs count differently."""

from dataclasses import dataclass, field
from typing import final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.losses import ElementwiseLoss, Loss
from chainrule.errors import InputError


@final
@dataclass(frozen=True, eq=False)
class WeightedOutputs(Loss):
    """``e = sum_k c_k e_k``: each output's term times how much that output counts.

    Attributes:
        base: the loss of an output; averages become weighted sums divided by the outputs.
        by_output: ``c`` (outputs,).
    """

    base: ElementwiseLoss = field(kw_only=True)
    by_output: tuple[float, ...] = field(kw_only=True)

    def _terms(self, name: str, y: Array, t: Array) -> Array:
        """One of the base's functions of each output, 0 where the target is missing, times its weight."""
        missing = np.isnan(t)
        values = getattr(self.base, name)(y, np.where(missing, y, t) if missing.any() else t, **self.base.parameters)
        share = 1 / y.shape[1] if self.base.reduction == "mean" else 1.0
        return np.where(missing, 0, values) * (share * np.array(self.by_output, y.dtype))

    def value(self, y: Array, t: Array) -> Array:
        """``e``, the loss of each row."""
        return self._terms("term", y, t).sum(axis=1)

    def derivative(self, y: Array, t: Array) -> Array:
        """``de/dy``."""
        return self._terms("term_prime", y, t)

    def second_derivative_product(self, y: Array, t: Array, v: Array) -> Array:
        """``d2e/dy2 v``: the Hessian is diagonal."""
        return self._terms("term_second", y, t) * v


def weighted(loss: Loss, by_output: tuple[float, ...]) -> WeightedOutputs:
    """A loss of the table with weights by output.

    Raises:
        InputError: the loss mixes the outputs of a row, so that they have no terms of their own.
    """
    if not isinstance(loss, ElementwiseLoss):
        raise InputError(f"output_weights need a loss with a term for each output, but {loss.name} mixes them.")
    return WeightedOutputs(
        f"weighted_{loss.name}", loss.formula, loss.source, parameters=loss.parameters, link=loss.link,
        target_range=loss.target_range, probabilities=loss.probabilities, base=loss, by_output=by_output,
    )  # fmt: skip
