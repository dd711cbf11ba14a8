"""Gradient descent, plain, with momentum, or with Nesterov's look-ahead."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.schedules import Schedule


@final
@dataclass(frozen=True)
class SGD(Optimizer):
    """``v = momentum v + g``; ``update = eta v``; with Nesterov ``update = eta (g + momentum v)``.

    Example:
        >>> update, _ = SGD(0.1).update({}, np.array([2.0]), 0.1, 1)
        >>> update
        array([0.2])

    References:
        Polyak 1964, USSR Computational Mathematics 4(5); Nesterov 1983, in the form of Sutskever, Martens, Dahl &
        Hinton 2013, ICML, with the velocity in units of the gradient.
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    equations: ClassVar[tuple[str, ...]] = (
        "velocity = momentum*velocity + g",
        "update = Piecewise((eta*(g + momentum*velocity), nesterov), (eta*velocity, True))",
    )

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """No velocity yet; none at all without momentum."""
        del learning_rate
        return {"velocity": np.zeros(size, dtype)} if self.momentum else {}

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """The equations."""
        del count
        if not self.momentum:
            return eta * g, moments
        velocity = self.momentum * moments["velocity"] + g
        return eta * (g + self.momentum * velocity if self.nesterov else velocity), {"velocity": velocity}
