"""Adam and AdamW: momentum divided by the root of a running mean of squares, both corrected for their start at zero."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.schedules import Schedule

_EQUATIONS = (
    "first_moment = beta1*first_moment + (1 - beta1)*g",
    "second_moment = beta2*second_moment + (1 - beta2)*g**2",
    "update = eta*(first_moment/(1 - beta1**count))/(sqrt(second_moment/(1 - beta2**count)) + epsilon)",
)


@final
@dataclass(frozen=True)
class Adam(Optimizer):
    """``update = eta m_hat/(sqrt(v_hat) + epsilon)`` with running means of the gradient and of its square.

    ``m = beta1 m + (1 - beta1) g``, ``v = beta2 v + (1 - beta2) g^2``, ``m_hat = m/(1 - beta1^count)`` and
    ``v_hat = v/(1 - beta2^count)``.

    References:
        Kingma & Ba 2015, ICLR, algorithm 1.
    """

    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    equations: ClassVar[tuple[str, ...]] = _EQUATIONS

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """Both moments at 0."""
        del learning_rate
        return {"first_moment": np.zeros(size, dtype), "second_moment": np.zeros(size, dtype)}

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """The equations."""
        first = self.beta1 * moments["first_moment"] + (1 - self.beta1) * g
        second = self.beta2 * moments["second_moment"] + (1 - self.beta2) * g**2
        first_hat = first / (1 - self.beta1**count)
        second_hat = second / (1 - self.beta2**count)
        return eta * first_hat / (np.sqrt(second_hat) + self.epsilon), {
            "first_moment": first,
            "second_moment": second,
        }


@final
@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay on by default: weights also lose ``eta weight_decay W`` at each update.

    References:
        Loshchilov & Hutter 2019, ICLR, algorithm 2.
    """

    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    equations: ClassVar[tuple[str, ...]] = _EQUATIONS

    def _adam(self) -> Adam:
        return Adam(self.learning_rate, self.beta1, self.beta2, self.epsilon)

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """Adam's."""
        return self._adam().start(size, dtype, learning_rate)

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """Adam's; the loop takes the decay away."""
        return self._adam().update(moments, g, eta, count)
