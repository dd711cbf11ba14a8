"""Many copies of one small network, trained side by side in lanes and divided among threads.

Each has its own parameters, seed, learning rate and settings.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.seeds import streams
from chainrule.engine.compiler.target import space
from chainrule.engine.optimizer_spec import optimizer_spec
from chainrule.engine.runtime.random_stream import stream
from chainrule.engine.runtime.workers import run_threads
from chainrule.engine.session import Rows, UpdateSpec
from chainrule.engine.unrolled.base import UnrolledBase, address
from chainrule.engine.unrolled.memory import Job
from chainrule.engine.unrolled.program import Form
from chainrule.optimizers import Optimizer
from chainrule.optimizers.schedules import Clock, Constant, Memory

REGISTERS = 64
"""Numbers of a copy (parameters, gradients, moments) up to which two vectors of copies go side by side: dependent
instructions of one then fill the gaps of the other. With more, the cache would be too small for both."""


class CopiesResult(NamedTuple):
    """What a call of ``CopiesSession.run`` did, by copy and by epoch of that call.

    Attributes:
        losses, validation_losses, norms: shape (copies, epochs); NaN once a copy has diverged.
        interrupted: whether Ctrl-C came meanwhile.
    """

    losses: Array
    validation_losses: Array | None
    norms: Array | None
    interrupted: bool


class CopiesSession(UnrolledBase):
    """Compiled training of many copies of one small network, side by side.

    Args:
        chain: the network.
        vectors: the copies' parameters, (copies, P).
        rows: to train on, by all of them.
        validation: rows to validate on after each epoch, or None.
        spec: how to update; optimizer and seed are those of each copy.
        optimizers: one a copy, all of one kind.
        seeds: one a copy, of its shuffles.
        epochs: how many there will be in all, as schedules want to know.
        threads: how many share the copies; their number does not change a bit.
        patience, min_delta: as for ``fit``; 0: none.
        judges: whether each copy's best parameters are kept.
        norms: whether gradient norms are recorded.
    """

    def __init__(
        self, chain: Chain, vectors: Array, rows: Rows, validation: Rows | None, spec: UpdateSpec,
        optimizers: Sequence[Optimizer], seeds: Sequence[int], epochs: int, threads: int, *, patience: int = 0,
        min_delta: float = 0.0, judges: bool = False, norms: bool = False, lanes: int | None = None,
    ) -> None:  # fmt: skip
        self.copies, self.epochs, self.threads = len(vectors), epochs, threads
        self.epochs_done = 0
        self.schedules = [optimizer.schedule for optimizer in optimizers]
        scheduled = not all(isinstance(schedule, Constant) for schedule in self.schedules)
        form = Form(
            lanes or suitable_lanes(chain, optimizers[0], self.copies), "copies", "", judges=judges or patience > 0,
            norms=norms, scheduled=scheduled,
        )  # fmt: skip
        super().__init__(chain, rows, validation, spec, optimizers, form, (patience, min_delta))
        for name in ("parameters", "best"):
            self.part(name, chain.size)[...] = self.by_copy(vectors)
        if self.shuffles:
            self._streams(seeds)
        self._jobs()

    def _streams(self, seeds: Sequence[int]) -> None:
        """A stream for each copy; lanes to spare have none."""
        self.generators = [streams(seed).shuffle for seed in seeds]
        self.streams = np.zeros(self.groups * self.form.lanes, np.int64)
        pairs = [stream(generator, "next_uint32") for generator in self.generators]
        self.streams[: self.copies] = [state for _, state in pairs]
        self.job[Job.RANDOM_FUNCTION], self.job[Job.STREAMS] = pairs[0][0], address(self.streams)

    def _jobs(self) -> None:
        """A job for each thread: its groups, and an order of rows of its own."""
        self.threads = max(1, min(self.threads, self.groups))
        self.jobs = np.tile(self.job, (self.threads, 1))
        self.orders = np.tile(self.order, (self.threads, 1))
        for k, job in enumerate(self.jobs):
            job[Job.FIRST], job[Job.LAST] = self.groups * k // self.threads, self.groups * (k + 1) // self.threads
            job[Job.ORDER] = address(self.orders[k])

    def _rates(self, epochs: int) -> tuple[Array, Array]:
        """The learning rates of the next epochs, a row for each schedule there is, and where each lane's row begins."""
        distinct = list(dict.fromkeys(self.schedules))
        first = self.epochs_done * self.per_epoch
        count = epochs * self.per_epoch
        table = np.empty((len(distinct), count), self.chain.dtype)
        clocks = [Clock.at(n, self.per_epoch, self.epochs) for n in range(first, first + count)]
        for row, schedule in zip(table, distinct, strict=True):
            row[:] = [schedule.rate(clock, Memory()) for clock in clocks]
        starts = np.zeros(self.groups * self.form.lanes, np.int64)
        starts[: self.copies] = [distinct.index(schedule) * count for schedule in self.schedules]
        return table, starts

    def run(self, epochs: int) -> CopiesResult:
        """Train all copies for so many epochs more."""
        lanes, validation = self.form.lanes, self.form.validates
        records = np.full((1 + validation + self.form.norms, self.groups, epochs, lanes), np.nan, self.chain.dtype)
        losses = address(records)
        places = [
            Job.LOSSES,
            *([Job.VALIDATION_LOSSES] if validation else []),
            *([Job.NORMS] if self.form.norms else []),
        ]
        shared = {place: losses + k * records.strides[0] for k, place in enumerate(places)}
        shared |= {
            Job.UPDATE: self.epochs_done * self.per_epoch, Job.BATCH_NUMBER: 0, Job.EPOCH: self.epochs_done,
            Job.UPDATES: epochs * self.per_epoch, Job.RECORDS: epochs,
        }  # fmt: skip
        rates = self._rates(epochs) if self.form.scheduled else ()
        for place, array in zip((Job.LEARNING_RATES, Job.RATE_STARTS), rates, strict=False):
            shared[place] = address(array)
        for place, number in shared.items():
            self.jobs[:, place] = number
        interrupted = False
        try:
            run_threads(self.program.run, [address(job) for job in self.jobs])
        except KeyboardInterrupt:  # which lets the threads come to their end
            interrupted = True
        self.epochs_done += epochs
        by_copy = [self._unlaned(record) for record in records]
        return CopiesResult(
            by_copy[0], by_copy[1] if validation else None, by_copy[-1] if self.form.norms else None, interrupted
        )

    def _unlaned(self, array: Array) -> Array:
        """(groups, count, lanes) as (copies, count)."""
        return array.transpose(0, 2, 1).reshape(-1, array.shape[1])[: self.copies]

    # ------------------------------------------------------------------ what there is to see
    @property
    def vectors(self) -> Array:
        """The copies' parameters, (copies, P)."""
        return self._unlaned(self.part("parameters", self.chain.size))

    @property
    def best_vectors(self) -> Array:
        """The copies' best parameters, (copies, P), if they are kept."""
        return self._unlaned(self.part("best", self.chain.size))

    def _whole(self, name: str) -> Array:
        """A whole number in ``STATE`` for each copy, (copies,)."""
        return self.state_of(name).reshape(-1)[: self.copies].astype(np.int64)

    @property
    def best_epochs(self) -> Array:
        """The copies' best epochs, (copies,); -1 before the first."""
        return self._whole("best_epoch")

    @property
    def last_improved(self) -> Array:
        """The epoch in which each copy last improved by more than ``min_delta``, (copies,); -1 before the first."""
        return self._whole("last_improved")

    @property
    def stopped(self) -> Array:
        """Why each copy has stopped: a number of ``Stop``, (copies,)."""
        return self._whole("stopped")


def suitable_lanes(chain: Chain, optimizer: Optimizer, copies: int) -> int:
    """How many copies go side by side: one or two vectors of them."""
    wide = space(chain.dtype.name).lanes
    numbers = chain.size * (2 + len(optimizer_spec(optimizer).moments))
    return 2 * wide if numbers <= REGISTERS and copies > wide else wide
