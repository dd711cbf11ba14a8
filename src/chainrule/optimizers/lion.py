"""Lion: the sign of an interpolation between momentum and gradient, every step of the same size."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.schedules import Schedule


@final
@dataclass(frozen=True)
class Lion(Optimizer):
    """``update = eta sign(beta1 m + (1 - beta1) g)``; then ``m = beta2 m + (1 - beta2) g``.

    References:
        Chen et al. 2023, Symbolic discovery of optimization algorithms, NeurIPS, program 1.
    """

    learning_rate: float | Schedule = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0
    equations: ClassVar[tuple[str, ...]] = (
        "update = eta*sign(beta1*momentum + (1 - beta1)*g)",
        "momentum = beta2*momentum + (1 - beta2)*g",
    )

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """No momentum yet."""
        del learning_rate
        return {"momentum": np.zeros(size, dtype)}

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """The equations."""
        del count
        update = eta * np.sign(self.beta1 * moments["momentum"] + (1 - self.beta1) * g)
        return update, {"momentum": self.beta2 * moments["momentum"] + (1 - self.beta2) * g}
