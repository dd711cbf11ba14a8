"""Adadelta: steps in the parameters' own units, from running means of squared gradients and squared steps."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.schedules import Schedule


@final
@dataclass(frozen=True)
class Adadelta(Optimizer):
    """``v = rho v + (1 - rho) g^2``; ``s = sqrt(u + epsilon)/sqrt(v + epsilon) g``; ``u = rho u + (1 - rho) s^2``.

    The update is ``eta s``; the paper's rule has ``eta = 1``.

    References:
        Zeiler 2012, arXiv 1212.5701, algorithm 1.
    """

    learning_rate: float | Schedule = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6
    weight_decay: float = 0.0
    equations: ClassVar[tuple[str, ...]] = (
        "second_moment = rho*second_moment + (1 - rho)*g**2",
        "step = sqrt(squared_steps + epsilon)/sqrt(second_moment + epsilon)*g",
        "squared_steps = rho*squared_steps + (1 - rho)*step**2",
        "update = eta*step",
    )

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """Nothing seen, nothing stepped yet."""
        del learning_rate
        return {"second_moment": np.zeros(size, dtype), "squared_steps": np.zeros(size, dtype)}

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """The equations."""
        del count
        second = self.rho * moments["second_moment"] + (1 - self.rho) * g**2
        step = np.sqrt(moments["squared_steps"] + self.epsilon) / np.sqrt(second + self.epsilon) * g
        squared_steps = self.rho * moments["squared_steps"] + (1 - self.rho) * step**2
        return eta * step, {"second_moment": second, "squared_steps": squared_steps}
