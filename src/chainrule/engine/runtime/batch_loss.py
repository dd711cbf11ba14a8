"""The operations of a ``BatchLoss``: each batch has its own mean, and the penalty is divided by its rows.

See ``chainrule.engine.kernels.batchwise`` for what they compute.
"""

from collections.abc import Sequence

import numpy as np

from chainrule.core.arrays import Array
from chainrule.engine.memory import BLOCK
from chainrule.engine.runtime.table import Table, address
from chainrule.engine.session import BatchLoss
from chainrule.optimizers import Adam, Optimizer

Stretch = tuple[int, int, int]
"""``(begin, length, unit)`` of a part of the vector of gradients."""


class BatchLossOps:
    """What the ops of a batch loss read and write.

    Args:
        loss: its settings.
        optimizer: the update's; an Adam lends its numbers to ``epsilon_hat``.
        gradient, parameters, decayed: the engine's vectors.
        row_loss: the loss of each row of a batch.
        counts: how much each row counts; None: all alike.
        stretches: the parts of the vectors that threads share.
    """

    def __init__(
        self, loss: BatchLoss, optimizer: Optimizer, gradient: Array, parameters: Array, decayed: Array,
        row_loss: Array, counts: Array | None, stretches: Sequence[Stretch],
    ) -> None:  # fmt: skip
        self.loss, self.stretches = loss, stretches
        self.vectors = gradient, parameters, decayed
        self.row_loss, self.counts = row_loss, counts
        self.numbers, self.record = np.zeros(8), np.zeros(8)
        self.numbers[:3] = loss.alpha, loss.scale, loss.updates_before
        if loss.epsilon_hat:
            assert isinstance(optimizer, Adam)
            self.numbers[3:6] = optimizer.beta1, optimizer.beta2, optimizer.epsilon
        self.starts = np.cumsum([0, *(-(-length // BLOCK) for _, length, _ in stretches)])  # of each one's squares
        self.squares = np.zeros(self.starts[-1])

    def _words(self, begin: int, length: int, unit: int, block: int = 0) -> list[int]:
        gradient, parameters, decayed = (address(vector[begin:]) for vector in self.vectors)
        counts = 0 if self.counts is None else address(self.counts)
        return [
            gradient, parameters, length, decayed, address(self.numbers), address(self.row_loss), counts,
            address(self.record), address(self.squares[block:]), unit,
        ]  # fmt: skip

    def add_to(self, table: Table) -> None:
        """The batch's own loss and gradient, once its shards have been added up."""
        if self.loss.alpha:
            for stretch, block in zip(self.stretches, self.starts[:-1], strict=True):
                table.add("batchwise:squares", *self._words(*stretch, int(block)))
        table.add("batchwise:account", *self._words(0, len(self.squares), 1))
        for stretch in self.stretches:
            table.add("batchwise:penalise", *self._words(*stretch))

    def prepare_adam(self, table: Table) -> None:
        """Adam's numbers with epsilon added to the root before it is freed of its start."""
        table.add("batchwise:prepare_adam", *self._words(0, 0, 1))

    def begin(self) -> None:
        """Nothing has been added up."""
        self.record[:] = 0.0

    @property
    def total(self) -> float:
        """The sum of ``rows E_b`` since ``begin``."""
        return float(self.record[0])

    @property
    def last(self) -> float:
        """The last batch's ``E_b``."""
        return float(self.record[1])
