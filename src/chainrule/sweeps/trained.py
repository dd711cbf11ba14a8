"""What an ensemble's copies begin with, and what became of them."""

import time
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import Record
from chainrule.core.model import Model
from chainrule.core.seeds import streams
from chainrule.optimizers import AnyOptimizer
from chainrule.training import History, Settings


@dataclass(frozen=True, eq=False)
class Copy:
    """One copy to be trained.

    Attributes:
        vector: its first parameters, (P,).
        optimizer: its own.
        seed: of its shuffles and dropout.
    """

    vector: Array
    optimizer: AnyOptimizer
    seed: int


def initial_vector(chain: Chain, seed: int) -> Array:
    """The parameters a network built with that seed begins with, (P,)."""
    return maths.initial_parameters(chain, streams(seed).initial).vector


@dataclass(eq=False)
class TrainedCopies:
    """What became of the copies.

    Attributes:
        losses, validation_losses, norms: by copy and epoch, (copies, epochs); NaN where there was no epoch any more,
            or no validation.
        vectors: parameters at the end, (copies, P); those of the best epoch with validation data or patience.
        states: by copy, its layers' running statistics.
        stopped: by copy, why: as in ``History.stopped``; empty if it was not begun.
        best_epochs: by copy, (copies,); -1 where none was kept.
        histories: those of the copies that were trained one by one.
        seconds: that all of it took.
    """

    losses: Array
    validation_losses: Array
    norms: Array
    vectors: Array
    states: list[tuple[Record, ...]]
    stopped: list[str]
    best_epochs: Array
    histories: dict[int, History] = field(default_factory=dict)
    seconds: float = 0.0
    begun: float = field(default_factory=time.perf_counter)

    @classmethod
    def untrained(cls, model: Model, vectors: Array, epochs: int) -> Self:
        """Copies before their first epoch."""
        count = len(vectors)
        losses, validation_losses, norms = (np.full((count, epochs), np.nan) for _ in range(3))
        return cls(losses, validation_losses, norms, vectors, [model.state] * count, [""] * count, np.full(count, -1))

    def time_left(self, settings: Settings) -> float:
        """Seconds until the time limit; infinite without one."""
        limit = settings.time_limit
        return np.inf if limit is None else limit - (time.perf_counter() - self.begun)

    @property
    def epochs(self) -> Array:
        """How many epochs each copy has finished, (copies,)."""
        return np.isfinite(self.losses).sum(axis=1)

    @property
    def diverged(self) -> Array:
        """Which copies left the finite numbers, (copies,)."""
        return np.array([reason == "diverged" for reason in self.stopped], bool)

    def final_losses(self) -> Array:
        """The loss that each copy's parameters are judged by, (copies,): NaN if it has none or has diverged.

        The best validation loss if there is one, else the best training loss if the best parameters were kept, else
        the last training loss.
        """
        values = np.full(len(self.losses), np.nan)
        for k, epochs in enumerate(self.epochs):
            if epochs and self.stopped[k] != "diverged":
                validation = self.validation_losses[k, :epochs]
                judged_by = self.losses[k] if np.isnan(validation).all() else validation
                values[k] = judged_by[self.best_epochs[k] if self.best_epochs[k] >= 0 else epochs - 1]
        return values
