"""Training by kernels: from a network's numbers to machine code and back, batch after batch.

Implements ``chainrule.engine.session.Session``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Dense, Dropout
from chainrule.core.model import Model
from chainrule.core.seeds import streams
from chainrule.engine.compiler import kernel_cache
from chainrule.engine.compiler.target import Space, aligned, space
from chainrule.engine.memory import (
    INSTRUCTION_WORDS,
    JOB_WORDS,
    SCALARS_LENGTH,
    STATE_WORDS,
    Job,
    Progress,
    Scalar,
    State,
)
from chainrule.engine.optimizer_spec import optimizer_spec
from chainrule.engine.runtime.batch_loss import BatchLossOps
from chainrule.engine.runtime.chunks import WHOLE_BATCH, chunk_rows, shards
from chainrule.engine.runtime.layout import Layout, layout
from chainrule.engine.runtime.plan import PassBuilder
from chainrule.engine.runtime.random_stream import stream
from chainrule.engine.runtime.table import SPARE_ROWS, Table, Targets, address, stacked
from chainrule.engine.runtime.workers import run_threads
from chainrule.engine.session import Best, Rows, RunResult, Stop, UpdateSpec
from chainrule.optimizers.schedules import Clock, Memory


class KernelSession:
    """Compiled training of one model on its rows.

    Args:
        model: whose parameters are trained; they are brought up to date after each call of ``run``.
        rows: to train on.
        validation: rows to validate on after each epoch, or None.
        spec: how to update.
        threads: how many work together at most; their number does not change a bit.
        patience, min_delta: as for ``fit``; 0: none.
        keep_updates: whether each update is kept, for ``last_update``; plain descent is a little faster without.
    """

    def __init__(
        self, model: Model, rows: Rows, validation: Rows | None, spec: UpdateSpec, threads: int, *,
        patience: int = 0, min_delta: float = 0.0, keep_updates: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.rows, self.validation, self.spec, self.threads = model, rows, validation, spec, threads
        self.space: Space = space(model.chain.dtype.name)
        self.layout: Layout = layout(model.chain, self.space)
        self.kept: list[Any] = []
        count = len(rows.x)
        self.batch = min(spec.batch_size, count)
        self.per_epoch = -(-count // self.batch)
        self._seeded()
        self._memories(keep_updates)
        self._scratch()
        self._tables()
        self._step_tables()
        self._job(count, patience, min_delta)
        self.drive = kernel_cache.callable_at(kernel_cache.kernel("driver:train", self.space))

    # ------------------------------------------------------------------ memory
    def _zeros(self, size: int) -> Array:
        self.kept.append(self.space.zeros(size))
        return self.kept[-1]

    def _seeded(self) -> None:
        """The streams of ``training``: the same seed shuffles and drops alike."""
        random = streams(self.spec.seed)
        self.shuffling = random.shuffle if self.spec.shuffle else None
        drops = any(layer.draws_random for layer in self.model.chain.layers)
        self.dropping = random.dropout if drops else None

    def _memories(self, keep_updates: bool) -> None:
        size = self.layout.size
        self.parameters, self.entered, self.best_memory = (self._zeros(size) for _ in range(3))
        self.gradient = self._zeros(self.layout.length)
        self.update = self._zeros(self.layout.length) if keep_updates else None
        self.layout.pack(self.model.parameters.vector, self.model.state, self.parameters)
        self.best_memory[:] = self.parameters

    def _scratch(self) -> None:
        """Chunks and shards: by shapes alone, so that the order of sums depends on nothing else."""
        chain = self.model.chain
        if any(layer.mixes_rows for layer in chain.layers):
            self.chunk, self.shards = self.batch, 1
            return
        self.chunk = chunk_rows(chain, self.space)
        self.shards = shards(chain, self.batch)
        self.threads = self.threads if self.shards == 1 else min(self.threads, self.shards)
        self.chunk = min(self.chunk, -(-self.batch // self.shards))
        if self.batch <= WHOLE_BATCH and self.shards == 1:
            self.chunk = self.batch

    # ------------------------------------------------------------------ plan
    def _tables(self) -> None:
        chain, once = self.model.chain, {}
        self.row_loss = self._zeros(self.batch + SPARE_ROWS)
        self.batch_table, self.chunk_tables = Table(self.space), []
        length = self.layout.length
        self.shard_gradients = self._zeros(self.shards * length) if self.shards > 1 else self.gradient
        generator = (0, 0) if self.dropping is None else stream(self.dropping, "next_uint32")
        for s in range(self.shards):
            table = Table(self.space)
            passes = PassBuilder(
                self.layout, address(self.parameters), self.chunk, self.batch_table, table, training=True,
                gradient=address(self.shard_gradients) + s * length * chain.dtype.itemsize, mask_rows=self.batch,
                generator=generator, once=once,
            )  # fmt: skip
            passes.up(address(self.rows.x))
            passes.down(passes.loss(Targets(address(self.rows.t), address(self.row_loss))))
            self.chunk_tables.append(table)
        self.validation_table, self.validation_refresh = Table(self.space), 0
        if self.validation is not None:
            refresh, chunk = Table(self.space), self.validation_table
            self.validation_chunk = min(chunk_rows(chain, self.space), len(self.validation.x))
            self.validation_row_loss = self._zeros(len(self.validation.x) + SPARE_ROWS)
            passes = PassBuilder(self.layout, address(self.parameters), self.validation_chunk, refresh, chunk)
            passes.up(address(self.validation.x))
            passes.loss(Targets(address(self.validation.t), address(self.validation_row_loss)))
            self.validation_refresh = len(refresh.ops)
            self.kept.append(refresh)
            self.validation_array = np.concatenate([refresh.array(), chunk.array()])

    def _step_tables(self) -> None:
        """What becomes of gradients: added up, penalised, measured, clipped, and the optimizer's rule."""
        chain, spec, length = self.model.chain, self.spec, self.layout.length
        rule = optimizer_spec(spec.optimizer)
        decayed = self.layout.spread(maths.decayed_entries(chain).astype(chain.dtype))
        free = self.layout.spread(self.layout.free.astype(chain.dtype))
        numbers = aligned(SCALARS_LENGTH, np.dtype("float64"))
        numbers[:5] = (
            spec.l1, spec.l2, spec.clip_value or 0.0, spec.clip_norm or 0.0, spec.optimizer.decay
        )  # fmt: skip
        numbers[8:16] = rule.settings
        self.kept += [decayed, free, numbers]
        g, p, d = address(self.gradient), address(self.parameters), address(decayed)
        f, n = 0 if self.layout.all_free else address(free), address(numbers)
        self.batch_losses: BatchLossOps | None = None
        self.sum_table, self.norm_table, self.step_table = Table(self.space), Table(self.space), Table(self.space)
        if self.shards > 1:
            self.sum_table.add("updates:add_shards", address(self.shard_gradients), g, length, length)
        if spec.batch_loss is not None:
            self.batch_losses = BatchLossOps(
                spec.batch_loss, spec.optimizer, self.gradient, self.parameters, decayed, self.row_loss,
                self.rows.counts, self.stretches(),
            )  # fmt: skip
            self.batch_losses.add_to(self.sum_table)
        if spec.l1 or spec.l2 or spec.clip_value or f:
            self.sum_table.add("updates:penalise", g, p, length, d, f, n)
        self.norm_table.add("updates:norm", g, p, length, d, f, n)
        if spec.clip_norm:
            self.norm_table.add("updates:scale", g, p, length, d, f, n)
        first = spec.optimizer.start(chain.size, chain.dtype, spec.optimizer.schedule.rate(Clock.at(0, 1, 1), Memory()))
        self.moment_names = rule.moments
        self.moment_vectors = [self.layout.spread(np.broadcast_to(first[name], chain.size)) for name in rule.moments]
        m, v = [*map(address, self.moment_vectors), 0, 0][:2]
        u = 0 if self.update is None else address(self.update)
        if self.batch_losses is not None and self.batch_losses.loss.epsilon_hat:
            self.batch_losses.prepare_adam(self.step_table)
        else:
            self.step_table.add(f"updates:prepare_{rule.name}", g, p, length, d, f, n)
        for begin, size, unit in self.stretches():
            at = (0 if base == 0 else base + begin * chain.dtype.itemsize for base in (g, p, d, f, m, v, u))
            g_here, p_here, d_here, f_here, *moments_and_update = at
            self.step_table.add(
                f"updates:step_{rule.name}", g_here, p_here, size, d_here, f_here, n, *moments_and_update, unit
            )
        self.scalars = aligned(SCALARS_LENGTH, np.dtype("float64"))
        self.scalars[Scalar.OPTIMIZER_MEMORY] = 1.0
        plain = rule.name == "sgd" and not (self.sum_table.ops or spec.clip_norm or spec.optimizer.decay)
        dense = all(isinstance(layer, Dense | Dropout) for layer in chain.layers)
        shared = any(layer.bias == "shared" for layer in chain.layers)
        self.may_step = plain and dense and not shared and self.update is None and self.batch <= self.chunk

    def stretches(self) -> list[tuple[int, int, int]]:
        """``(begin, length, unit)``: the vectors of gradients and parameters in parts, each to be shared in such units.

        Where threads share the products (``kernels.products``), each goes on with the weights whose gradients it has in
        its cache.
        """
        space, ends = self.space, [*self.layout.starts, self.layout.length][1:]
        if self.shards > 1:
            return [(0, self.layout.length, space.lanes)]
        made = []
        for slot, begin, end in zip(self.model.chain.slots, self.layout.starts, ends, strict=True):
            unit = space.lanes
            if len(slot.shape) == 2:
                depth, width = slot.shape[0], space.padded(slot.shape[1])
                panels = -(-width // space.panel)
                unit = space.panel * depth if panels % self.threads == 0 else space.rows * width
            made.append((begin, end - begin, unit))
        return made

    # ------------------------------------------------------------------ job
    def _job(self, count: int, patience: int, min_delta: float) -> None:
        rows = self.rows
        self.order = np.arange(count + SPARE_ROWS, dtype=np.int64)
        self.state = aligned(STATE_WORDS, np.dtype("int64"))
        self.reals = aligned(16, np.dtype("float64"))
        self.state[State.BEST_EPOCH], self.state[State.LAST_IMPROVED], self.state[State.PATIENCE] = -1, -1, patience
        self.reals[Progress.BEST] = self.reals[Progress.PATIENCE_REFERENCE] = np.inf
        self.reals[Progress.MIN_DELTA] = min_delta
        self.arrays = {
            Job.BATCH_PLAN: self.batch_table.array(), Job.CHUNK_PLAN: stacked(self.chunk_tables),
            Job.STEP_PLAN: self.step_table.array(), Job.SUM_PLAN: self.sum_table.array(),
            Job.NORM_PLAN: self.norm_table.array(), Job.STATE: self.state, Job.PROGRESS: self.reals,
            Job.ORDER: self.order, Job.ROW_LOSS: self.row_loss, Job.SCALARS: self.scalars,
            Job.PARAMETERS: self.parameters, Job.EPOCH_START: self.entered, Job.BEST: self.best_memory,
        }  # fmt: skip
        if rows.counts is not None:
            self.reals[Progress.WHOLE] = float(rows.counts.sum(dtype=np.float64))
            self.arrays |= {Job.COUNTS: rows.counts, Job.SHARE_BUFFER: self._zeros(self.batch + SPARE_ROWS)}
        chunk_ops = self.arrays[Job.CHUNK_PLAN]
        numbers = {
            Job.THREADS: self.threads, Job.ROWS: count, Job.BATCH: self.batch, Job.CHUNK: self.chunk,
            Job.SHARDS: self.shards, Job.BATCH_COUNT: len(self.batch_table.ops), Job.CHUNK_COUNT: chunk_ops.shape[1],
            Job.CHUNK_STRIDE: chunk_ops.shape[1] * INSTRUCTION_WORDS, Job.STEP_COUNT: len(self.step_table.ops),
            Job.SUM_COUNT: len(self.sum_table.ops), Job.NORM_COUNT: len(self.norm_table.ops),
            Job.CLIPS: int(self.spec.clip_norm is not None), Job.MAY_STEP: int(self.may_step), Job.APPLY: 1,
            Job.LENGTH: self.layout.size,
        }  # fmt: skip
        if self.shuffling is not None and self.batch < count:
            function, state = stream(self.shuffling, "next_uint32")
            numbers |= {Job.SHUFFLES: 1, Job.RANDOM_FUNCTION: function, Job.RANDOM_STATE: state}
        if self.validation is not None:
            numbers |= self._validation_job(self.validation)
        self.counter = aligned(64, np.dtype("int64"))
        self.jobs = aligned(self.threads * JOB_WORDS, np.dtype("int64")).reshape(self.threads, JOB_WORDS)
        self.nows = aligned(self.threads * 64, np.dtype("int64")).reshape(self.threads, 64)
        for k, job in enumerate(self.jobs):
            for place, number in numbers.items():
                job[place] = number
            for place, array in self.arrays.items():
                job[place] = address(array)
            job[Job.THREAD], job[Job.COUNTER], job[Job.CONTEXT] = k, address(self.counter), address(self.nows[k])

    def _validation_job(self, validation: Rows) -> dict[int, int]:
        count = len(validation.x)
        self.arrays |= {
            Job.VALIDATION_PLAN: self.validation_array,
            Job.VALIDATION_INDEX: np.arange(count + SPARE_ROWS, dtype=np.int64),
            Job.VALIDATION_ROW_LOSS: self.validation_row_loss,
        }  # fmt: skip
        if validation.counts is not None:
            total = validation.counts.sum(dtype=np.float64)
            self.arrays[Job.VALIDATION_SHARES] = (validation.counts / (total or 1)).astype(validation.counts.dtype)
        return {
            Job.VALIDATION_ROWS: count, Job.VALIDATION_CHUNK: self.validation_chunk,
            Job.VALIDATION_COUNT: len(self.validation_array), Job.VALIDATION_REFRESH_COUNT: self.validation_refresh,
        }  # fmt: skip

    # ------------------------------------------------------------------ running
    @property
    def updates_done(self) -> int:
        """How many updates have been made."""
        return int(self.state[State.UPDATE])

    def run(self, rates: Array, *, order: Array | None = None) -> RunResult:
        """See ``Session``."""
        if order is not None:
            self.order[: len(order)] = order
        return self._run(rates, apply=True)

    def _run(self, rates: Array, *, apply: bool) -> RunResult:
        """Updates; without ``apply`` the loss and the gradient of one batch, and the parameters stay."""
        self.layout.pack(self.model.parameters.vector, self.model.state, self.parameters)
        epochs = len(rates) // self.per_epoch + 2
        records = np.zeros((3, epochs))
        state, before = self.state, self.updates_done
        state[State.FIRST_EPOCH], state[State.EPOCHS_DONE], state[State.STOP] = (
            before // self.per_epoch,
            0,
            Stop.RUNNING,
        )
        self.counter[:] = 0
        rates = np.ascontiguousarray(rates, np.float64)
        shared = {
            Job.UPDATES: len(rates), Job.LEARNING_RATES: address(rates), Job.APPLY: int(apply),
            Job.MAY_STEP: int(self.may_step and apply), Job.LOSSES: address(records[0]),
            Job.NORMS: address(records[1]), Job.VALIDATION_LOSSES: address(records[2]),
        }  # fmt: skip
        for place, number in shared.items():
            self.jobs[:, place] = number
        if self.batch_losses is not None:
            self.batch_losses.begin()
        run_threads(self.drive, [address(job) for job in self.jobs])
        self.model.state = self.layout.unpack(self.parameters, self.model.parameters.vector, self.model.state)
        done = int(state[State.EPOCHS_DONE])
        return RunResult(
            self.updates_done - before, records[0, :done], records[1, :done],
            records[2, : done if self.validation is not None else 0], Stop(state[State.STOP]),
            0.0 if self.batch_losses is None else self.batch_losses.total,
        )  # fmt: skip

    def loss_and_gradient(self) -> tuple[float, Array]:
        """See ``Session``."""
        self.state[State.UPDATE] = 0
        stop = self._run(np.ones(1), apply=False).stop
        self.state[State.UPDATE] = 0
        if stop != Stop.RUNNING:
            return np.inf, np.full(self.model.chain.size, np.nan, self.model.chain.dtype)
        loss = self.batch_loss if self.batch_losses is None else self.batch_losses.last
        return loss, self._flat(self.gradient)

    def ends_finite(self) -> bool:
        """See ``Session``."""
        kept, state = (self.state.copy(), self.reals.copy()), self.model.state
        self.state[State.UPDATE] -= 1
        finite = self._run(np.zeros(1), apply=False).stop == Stop.RUNNING
        self.state[:], self.reals[:] = kept
        self.model.state = state
        return finite

    # ------------------------------------------------------------------ what there is to see
    @property
    def batch_loss(self) -> float:
        """The loss of the last batch, before its update."""
        return float(self.reals[Progress.BATCH_LOSS])

    def best(self) -> Best | None:
        """See ``Session``."""
        epoch, vector = int(self.state[State.BEST_EPOCH]), self.model.parameters.vector.copy()
        if epoch < 0:
            return None
        state = self.layout.unpack(self.best_memory, vector, self.model.state)
        return Best(epoch, float(self.reals[Progress.BEST]), vector, state)

    def _batch_rows(self, update: int) -> Array:
        """The rows of an update's batch, as long as its epoch lasts."""
        begin = update % self.per_epoch * self.batch
        return self.order[begin : min(begin + self.batch, len(self.rows.x))].copy()

    def last_update(self) -> tuple[Array, Array, Array]:
        """See ``Session``; without ``keep_updates`` what was subtracted is not known: zeros."""
        gradient = self._flat(self.gradient)
        update = np.zeros_like(gradient) if self.update is None else self._flat(self.update)
        return self._batch_rows(self.updates_done - 1), gradient, update

    def moments(self) -> Mapping[str, Array]:
        """See ``Session``."""
        return {name: self._flat(kept) for name, kept in zip(self.moment_names, self.moment_vectors, strict=True)}

    def set_moments(self, moments: Mapping[str, Array]) -> None:
        """See ``Session``."""
        for name, kept in zip(self.moment_names, self.moment_vectors, strict=True):
            kept[:] = self.layout.spread(np.broadcast_to(moments[name], self.model.chain.size))

    def restart_epoch(self) -> list[Array]:
        """See ``Session``."""
        number = self.updates_done
        batches = [self._batch_rows(b) for b in range(self.per_epoch)]
        if not self.may_step:
            return batches[number % self.per_epoch :]
        # plain descent writes into the parameters at once: begin again where the epoch began
        self.model.state = self.layout.unpack(self.entered, self.model.parameters.vector, self.model.state)
        return batches

    def _flat(self, memory: Array) -> Array:
        """An engine's vector of gradients or updates in the chain's order."""
        return self.layout.flatten(memory, np.empty(self.model.chain.size, self.model.chain.dtype))
