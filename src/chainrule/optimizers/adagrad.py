"""Adagrad: each step divided by the root of the sum of all squared gradients so far."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.schedules import Schedule


@final
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """``s = s + g^2``; ``update = eta g/(sqrt(s) + epsilon)``.

    References:
        Duchi, Hazan & Singer 2011, JMLR 12, 2121-2159, with diagonal matrices.
    """

    learning_rate: float | Schedule = 0.01
    epsilon: float = 1e-10
    weight_decay: float = 0.0
    equations: ClassVar[tuple[str, ...]] = (
        "squares = squares + g**2",
        "update = eta*g/(sqrt(squares) + epsilon)",
    )

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """No squares seen yet."""
        del learning_rate
        return {"squares": np.zeros(size, dtype)}

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """The equations."""
        del count
        squares = moments["squares"] + g**2
        return eta * g / (np.sqrt(squares) + self.epsilon), {"squares": squares}
