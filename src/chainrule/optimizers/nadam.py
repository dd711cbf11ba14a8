"""NAdam: Adam that looks ahead as Nesterov does, with a momentum that warms up."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.schedules import Schedule


@final
@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam's moments; the next momentum is applied in advance: ``mu = beta1 (1 - 0.96^(count momentum_decay)/2)``.

    ``update = eta (mu_next m/(1 - product mu_next) + (1 - mu) g/(1 - product))/(sqrt(v_hat) + epsilon)``, where
    ``product`` is that of all ``mu`` so far.

    References:
        Dozat 2016, ICLR workshop, algorithm 2 and its momentum schedule.
    """

    learning_rate: float | Schedule = 0.002
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    momentum_decay: float = 0.004
    weight_decay: float = 0.0
    equations: ClassVar[tuple[str, ...]] = (
        "mu = beta1*(1 - 0.96**(count*momentum_decay)/2)",
        "mu_next = beta1*(1 - 0.96**((count + 1)*momentum_decay)/2)",
        "product = product*mu",
        "first_moment = beta1*first_moment + (1 - beta1)*g",
        "second_moment = beta2*second_moment + (1 - beta2)*g**2",
        "ahead = mu_next*first_moment/(1 - product*mu_next) + (1 - mu)*g/(1 - product)",
        "update = eta*ahead/(sqrt(second_moment/(1 - beta2**count)) + epsilon)",
    )

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """Both moments at 0, the product of no momenta 1."""
        del learning_rate
        return {
            "first_moment": np.zeros(size, dtype),
            "second_moment": np.zeros(size, dtype),
            "product": np.ones((), dtype),
        }

    def _mu(self, count: int) -> float:
        return self.beta1 * (1 - 0.96 ** (count * self.momentum_decay) / 2)

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """The equations."""
        mu, mu_next = self._mu(count), self._mu(count + 1)
        product = moments["product"] * mu
        first = self.beta1 * moments["first_moment"] + (1 - self.beta1) * g
        second = self.beta2 * moments["second_moment"] + (1 - self.beta2) * g**2
        ahead = mu_next * first / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
        update = eta * ahead / (np.sqrt(second / (1 - self.beta2**count)) + self.epsilon)
        return update, {"first_moment": first, "second_moment": second, "product": np.asarray(product)}
