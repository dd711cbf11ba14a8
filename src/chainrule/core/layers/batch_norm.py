"""Batch normalisation: each unit is standardised over the rows of the batch; outside training by running statistics."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.activations import Activation
from chainrule.core.activations import activation as find_activation
from chainrule.core.arrays import Array
from chainrule.core.layers.base import Record, Run
from chainrule.core.layers.checks import check_number
from chainrule.core.layers.normalization import Normalization
from chainrule.errors import InputError


@final
@dataclass(frozen=True, eq=False, init=False, repr=False)
class BatchNorm(Normalization):
    """``xhat = (a_in - mean)/sqrt(variance + epsilon)`` by unit, ``z = gamma xhat + beta``, ``a = phi(z)``.

    In training, mean and variance are those of the batch, and the running ones follow:
    ``running = momentum running + (1 - momentum) batch``. Outside training the running ones are used, so a row's
    output does not depend on its neighbours.

    Args:
        activation: applied after the shift; identity unless given.
        momentum: how slowly the running statistics follow, from 0 to below 1.
        epsilon: keeps the division finite where a unit is constant.
        trainable: whether ``fit`` changes gamma and beta.

    Raises:
        InputError: a training batch has a single row, whose variance says nothing.

    Example:
        >>> sorted(BatchNorm().initial_state(2, np.dtype("float64")))
        ['mean', 'variance']

    References:
        Ioffe & Szegedy 2015, arXiv 1502.03167, algorithm 1; the running variance is the biased one.
    """

    momentum: float
    axis: ClassVar[int] = 0
    axis_name: ClassVar[str] = "rows"
    outside_training: ClassVar[str] = "; outside training the running one"
    smallest_batch: ClassVar[int] = 2
    changes_in_training: ClassVar[bool] = True

    def __init__(
        self,
        activation: str | Activation = "identity",
        *,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        trainable: bool = True,
    ) -> None:
        put = object.__setattr__
        put(self, "activation", find_activation(activation))
        put(self, "momentum", check_number("momentum", momentum, 0.0, 1.0))
        put(self, "epsilon", check_number("epsilon", epsilon, 0.0, 1.0, low_open=True))
        put(self, "trainable", bool(trainable))

    def initial_state(self, units_in: int, dtype: np.dtype[Any]) -> Record:
        """Mean 0 and variance 1: what standardised activations have."""
        return {"mean": np.zeros(units_in, dtype), "variance": np.ones(units_in, dtype)}

    def next_state(self, state: Record, record: Record) -> Record:
        """The running statistics, moved towards the batch's."""
        m = record["mean"].dtype.type(self.momentum)
        return {key: m * state[key] + (1 - m) * record[key][0] for key in ("mean", "variance")}

    def statistics(self, a_in: Array, state: Record, run: Run) -> tuple[Array, Array, bool]:
        """The batch's in training, else the running ones."""
        if not run.training:
            return state["mean"][None, :], state["variance"][None, :], False
        if len(a_in) < self.smallest_batch:
            raise InputError(
                "BatchNorm cannot train on a batch of one row: choose a batch_size that leaves at least two rows "
                "in every batch, or use LayerNorm."
            )
        mean = a_in.mean(axis=0, keepdims=True)
        return mean, ((a_in - mean) ** 2).mean(axis=0, keepdims=True), True

    def options(self) -> dict[str, Any]:
        """Its constructor's arguments."""
        return {
            "activation": self.activation,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "trainable": self.trainable,
        }
