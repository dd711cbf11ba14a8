"""Adam as scikit-learn counts it: epsilon is added to the root before the root is freed of its start at zero."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.schedules import Schedule


@final
@dataclass(frozen=True)
class EpsilonHatAdam(Optimizer):
    """``update = eta sqrt(1 - beta2^count)/(1 - beta1^count) m/(sqrt(v) + epsilon)``.

    Adam's update (``chainrule.Adam``) but for the place of epsilon: here it is larger beside the root of the second
    moment by ``1/sqrt(1 - beta2^count)``, which matters only where gradients are about as small as epsilon.

    References:
        Kingma & Ba 2015, ICLR, end of section 2, where this epsilon is called epsilon hat.
    """

    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    equations: ClassVar[tuple[str, ...]] = (
        "first_moment = beta1*first_moment + (1 - beta1)*g",
        "second_moment = beta2*second_moment + (1 - beta2)*g**2",
        "update = eta*sqrt(1 - beta2**count)/(1 - beta1**count)*first_moment/(sqrt(second_moment) + epsilon)",
    )

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """Both moments at 0."""
        del learning_rate
        return {"first_moment": np.zeros(size, dtype), "second_moment": np.zeros(size, dtype)}

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """The equations."""
        first = self.beta1 * moments["first_moment"] + (1 - self.beta1) * g
        second = self.beta2 * moments["second_moment"] + (1 - self.beta2) * g**2
        rate = float(eta * np.sqrt(1 - self.beta2**count) / (1 - self.beta1**count))
        return rate * first / (np.sqrt(second) + self.epsilon), {"first_moment": first, "second_moment": second}
