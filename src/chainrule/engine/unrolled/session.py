"""The session of one small network, its program written out unit by unit."""

from collections.abc import Mapping

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.model import Model
from chainrule.core.seeds import streams
from chainrule.engine.compiler.target import space
from chainrule.engine.runtime.random_stream import stream
from chainrule.engine.session import Best, Rows, RunResult, Stop, UpdateSpec
from chainrule.engine.unrolled.base import UnrolledBase, address
from chainrule.engine.unrolled.memory import Job
from chainrule.engine.unrolled.program import Across, Form

LANES_FROM = 4
"""Rows of a batch from which one network has its lanes across rows: fewer are done sooner one by one."""


class UnrolledSession(UnrolledBase):
    """Compiled training of one small network, its program written out: a ``chainrule.engine.session.Session``.

    Args are those of ``KernelSession``; the threads make no difference, there is work for one.
    """

    def __init__(
        self, model: Model, rows: Rows, validation: Rows | None, spec: UpdateSpec, threads: int = 1, *,
        patience: int = 0, min_delta: float = 0.0, keep_updates: bool = False, across: Across | None = None,
    ) -> None:  # fmt: skip
        wide = space(model.chain.dtype.name).lanes
        if across is None:
            across = "rows" if min(spec.batch_size, len(rows.x)) >= LANES_FROM else "one"
        form = Form(wide if across == "rows" else 1, across, "", shows=keep_updates)
        super().__init__(model.chain, rows, validation, spec, [spec.optimizer], form, (patience, min_delta))
        self.model, self.threads = model, threads
        self.updates_done, self.batch_loss = 0, 0.0
        self.free_entries = maths.free_entries(model.chain)
        size, free = model.chain.size, len(self.program.text.free)
        parts = {name: self.part(name, size)[0, :, 0] for name in ("parameters", "epoch_start", "best")}
        self.parameters, self.entered, self.best_memory = parts.values()
        self.gradient = self.part("gradient", free)[0, :, 0] if keep_updates else np.zeros(0)
        self.update = self.part("update", free)[0, :, 0] if keep_updates else None
        self.best_memory[:] = model.parameters.vector
        if self.shuffles:
            self.generator = streams(spec.seed).shuffle
            function, state = stream(self.generator, "next_uint32")
            self.streams = np.array([state])
            self.job[Job.RANDOM_FUNCTION], self.job[Job.STREAMS] = function, address(self.streams)

    def run(self, rates: Array, *, order: Array | None = None) -> RunResult:
        """See ``Session``."""
        if order is not None:
            self.order[: len(order)] = order
        return self._run(rates, apply=True)

    def _run(self, rates: Array, *, apply: bool) -> RunResult:
        """Updates; without ``apply`` the loss and the gradient of one batch, and the parameters stay."""
        job, before, vector = self.job, self.updates_done, self.model.parameters.vector
        self.memory[0, : len(vector)] = vector[:, None]
        rates = np.ascontiguousarray(rates, np.float64)
        lanes = self.form.lanes
        records = np.zeros((3, len(rates) // self.per_epoch + 1, lanes), self.chain.dtype)
        job[Job.UPDATE], job[Job.BATCH_NUMBER], job[Job.EPOCH] = (
            before,
            before % self.per_epoch,
            before // self.per_epoch,
        )
        job[Job.UPDATES], job[Job.APPLY], job[Job.LEARNING_RATES] = len(rates), apply, address(rates)
        losses = address(records)
        job[Job.LOSSES], job[Job.NORMS], job[Job.VALIDATION_LOSSES] = (
            losses + k * records.strides[0] for k in range(3)
        )
        self.program.run(address(job))
        vector[:] = self.parameters
        self.updates_done, done = int(job[Job.UPDATE]), int(job[Job.DONE])
        weight = self._number("weight") if self.form.counts else 1.0
        self.batch_loss = self._number("E") / weight if weight else 0.0
        seen = records[:, :done, 0].astype(np.float64, copy=False)
        validation = seen[2] if self.form.validates else seen[2, :0]
        return RunResult(self.updates_done - before, seen[0], seen[1], validation, Stop(int(self._number("stopped"))))

    def _number(self, name: str) -> float:
        """One of the numbers in ``STATE``."""
        return float(self.state_of(name)[0, 0])

    def loss_and_gradient(self) -> tuple[float, Array]:
        """See ``Session``; for a session with ``keep_updates``."""
        self.updates_done = 0
        stop = self._run(np.ones(1), apply=False).stop
        self.updates_done = 0
        if stop == Stop.NOT_FINITE:
            return np.inf, np.full(self.chain.size, np.nan, self.chain.dtype)
        return self.batch_loss, self._flat(self.gradient)

    def ends_finite(self) -> bool:
        """See ``Session``."""
        kept = self.memory.copy(), self.batch_loss, self.updates_done
        streams, self.job[Job.STREAMS] = int(self.job[Job.STREAMS]), 0  # the epoch's order stays
        self.updates_done -= 1
        finite = self._run(np.zeros(1), apply=False).stop != Stop.NOT_FINITE
        self.job[Job.STREAMS] = streams
        self.memory[:], self.batch_loss, self.updates_done = kept
        return finite

    # ------------------------------------------------------------------ what there is to see
    def best(self) -> Best | None:
        """See ``Session``."""
        epoch = int(self._number("best_epoch"))
        if epoch < 0:
            return None
        return Best(epoch, self._number("best"), self._freed(self.best_memory), self.model.state)

    def _freed(self, memory: Array) -> Array:
        """The model's parameters with those that training may change taken from ``memory``."""
        return np.where(self.free_entries, memory, self.model.parameters.vector)

    def _batch_rows(self, update: int) -> Array:
        """The rows of an update's batch, as long as its epoch lasts."""
        begin = update % self.per_epoch * self.batch
        return self.order[begin : min(begin + self.batch, len(self.rows.x))].copy()

    def last_update(self) -> tuple[Array, Array, Array]:
        """See ``Session``; without ``keep_updates`` neither is known: zeros."""
        nothing = np.zeros(self.chain.size, self.chain.dtype)
        gradient = self._flat(self.gradient) if len(self.gradient) else nothing
        update = nothing if self.update is None else self._flat(self.update)
        return self._batch_rows(self.updates_done - 1), gradient, update

    def moments(self) -> Mapping[str, Array]:
        """See ``Session``."""
        free = len(self.program.text.free)
        parts = zip(self.program.text.moments, ("m", "v"), strict=False)
        return {name: self._flat(self.part(part, free)[0, :, 0]) for name, part in parts}

    def set_moments(self, moments: Mapping[str, Array]) -> None:
        """See ``Session``."""
        free = self.program.text.free
        for name, part in zip(self.program.text.moments, ("m", "v"), strict=False):
            values = np.broadcast_to(moments[name], self.chain.size)[free]
            self.part(part, len(free))[...] = values[:, None]

    def restart_epoch(self) -> list[Array]:
        """See ``Session``."""
        first = self.updates_done % self.per_epoch
        return [self._batch_rows(b) for b in range(first, self.per_epoch)]

    def _flat(self, memory: Array) -> Array:
        """Gradients or updates in the chain's order."""
        vector = np.zeros(self.chain.size, self.chain.dtype)
        vector[self.program.text.free] = memory
        return vector
