"""RMSprop: each step divided by the root of a running mean of squared gradients."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.schedules import Schedule


@final
@dataclass(frozen=True)
class RMSprop(Optimizer):
    """``v = rho v + (1 - rho) g^2``; ``update = eta g/(sqrt(v) + epsilon)``.

    References:
        Tieleman & Hinton 2012, Coursera: Neural Networks for Machine Learning, lecture 6.5.
    """

    learning_rate: float | Schedule = 0.001
    rho: float = 0.9
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    equations: ClassVar[tuple[str, ...]] = (
        "second_moment = rho*second_moment + (1 - rho)*g**2",
        "update = eta*g/(sqrt(second_moment) + epsilon)",
    )

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """No squares seen yet."""
        del learning_rate
        return {"second_moment": np.zeros(size, dtype)}

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """The equations."""
        del count
        second = self.rho * moments["second_moment"] + (1 - self.rho) * g**2
        return eta * g / (np.sqrt(second) + self.epsilon), {"second_moment": second}
