"""A session: one training run by the compiled engine. This file declares its methods and their results.

Two classes implement it: ``runtime.kernel_session.KernelSession`` for networks of any size, and
``unrolled.session.UnrolledSession`` for small ones, whose program is written out unit by unit. The packages that train
(``chainrule.training``, ``chainrule.estimators``) use this protocol only and know nothing of the engine's memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from chainrule.core.arrays import Array
from chainrule.core.layers import Record
from chainrule.core.model import Model
from chainrule.optimizers import Optimizer


class Stop(IntEnum):
    """Why a run ended; the numbers are those of the engine's memory."""

    RUNNING = 0
    """It made the updates it was asked for."""
    PATIENCE = 1
    NOT_FINITE = 2


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs, targets, and how much each row counts (None: all alike)."""

    x: Array
    t: Array
    counts: Array | None


@dataclass(frozen=True)
class BatchLoss:
    """Each batch has its own mean, as in scikit-learn: ``E_b = (sum_n w_n e_n + alpha/2 sum W^2)/sum_n w_n``.

    Attributes:
        alpha: of the penalty, shared among a batch's rows.
        scale: what the rows' loss is multiplied by when it is reported, not when it is differentiated.
        updates_before: updates that the optimizer has made before this session.
        epsilon_hat: whether Adam's epsilon is added to the root before the root is freed of its start at zero.
    """

    alpha: float
    scale: float = 1.0
    updates_before: int = 0
    epsilon_hat: bool = False


@dataclass(frozen=True)
class UpdateSpec:
    """How a session updates parameters; the names are those of ``chainrule.training.Settings``.

    Attributes:
        batch_loss: None for ``fit``'s way of counting: a batch's gradient is its part of that of all rows.
    """

    optimizer: Optimizer
    batch_size: int
    shuffle: bool
    seed: int
    l1: float = 0.0
    l2: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    batch_loss: BatchLoss | None = None


@dataclass(frozen=True)
class RunResult:
    """What a call of ``Session.run`` did.

    Attributes:
        updates: how many updates were made.
        losses, norms, validation_losses: of the epochs that ended during it.
        stop: why it ended.
        batch_losses: with a ``BatchLoss``, the sum over its batches of ``rows E_b``.
    """

    updates: int
    losses: Array
    norms: Array
    validation_losses: Array
    stop: Stop
    batch_losses: float = 0.0


@dataclass(frozen=True, eq=False)
class Best:
    """The parameters of the best epoch so far.

    Attributes:
        epoch: which.
        loss: that it is judged by.
        vector, state: parameters in the chain's order, and what the layers keep besides.
    """

    epoch: int
    loss: float
    vector: Array
    state: tuple[Record, ...]


class Session(Protocol):
    """Compiled training of one model on its rows; the model is brought up to date after each call of ``run``."""

    model: Model
    rows: Rows
    validation: Rows | None
    batch: int
    per_epoch: int

    @property
    def updates_done(self) -> int:
        """How many updates have been made."""
        ...

    @property
    def batch_loss(self) -> float:
        """The loss of the last batch, before its update."""
        ...

    def run(self, rates: Array, *, order: Array | None = None) -> RunResult:
        """Make as many updates as there are learning rates (float64), unless something stops them.

        Args:
            rates: of each update.
            order: in which the epoch goes through the rows, for a session that does not shuffle.
        """
        ...

    def loss_and_gradient(self) -> tuple[float, Array]:
        """Of the first batch, at the model's parameters, which stay; in the chain's order, infinite if not finite."""
        ...

    def ends_finite(self) -> bool:
        """Whether the last batch still has a finite loss under the last parameters: no update came after to see it."""
        ...

    def best(self) -> Best | None:
        """The best epoch's parameters, if any epoch was finished."""
        ...

    def last_update(self) -> tuple[Array, Array, Array]:
        """The rows of the last update's batch, its gradient, and what was subtracted; in the chain's order."""
        ...

    def moments(self) -> Mapping[str, Array]:
        """What the optimizer remembers, by the names of ``Optimizer.start``, in the chain's order."""
        ...

    def set_moments(self, moments: Mapping[str, Array]) -> None:
        """Let the optimizer go on from there."""
        ...

    def restart_epoch(self) -> list[Array]:
        """Put the model back to where the update that failed can be made again by the reference.

        Returns:
            The rows of the batches to make again, the failing one among them.
        """
        ...
