"""Predictions by machine code: a network's numbers as they are now, ready to predict many times, from any thread.

Compiled code runs without the interpreter's lock, so calls from several threads really run at once. They share what
is only read, the parameters; whatever a call writes (activations, row counts, addresses of inputs and outputs) lies in
a ``Workspace`` that the call has to itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.activations import Activation
from chainrule.core.arrays import Array
from chainrule.core.model import Model
from chainrule.engine.compiler import kernel_cache
from chainrule.engine.compiler.target import aligned, space
from chainrule.engine.memory import INSTRUCTION_WORDS, SCALARS_LENGTH, PredictionJob
from chainrule.engine.runtime.chunks import chunk_rows
from chainrule.engine.runtime.layout import Layout, layout
from chainrule.engine.runtime.plan import PassBuilder
from chainrule.engine.runtime.table import SPARE_ROWS, Source, Table, address, stacked
from chainrule.engine.runtime.workers import run_threads

_ROWS, _OUT = int(PredictionJob.ROWS), int(PredictionJob.OUT)
"""As plain numbers: an array takes them faster, and a row is answered in microseconds."""


@dataclass(frozen=True, eq=False)
class Shared:
    """What all calls of a predictor read and none writes.

    Attributes:
        layout: where parameters lie.
        parameters: the engine's vector of them.
        chunk: rows that go through the layers together.
        threads: how many share the rows of one call.
        link: the activation that a fused loss applies to the outputs, if any.
        drive: the compiled forward pass, a function of a job's address.
    """

    layout: Layout
    parameters: Array
    chunk: int
    threads: int
    link: Activation | None
    drive: Callable[[int], object]


class Predictor:
    """The forward pass of one network as compiled code.

    It keeps a copy of the parameters: training the network afterwards does not change it. Any number of threads may
    call it at once.

    Args:
        model: chain, parameters and running statistics.
        threads: how many share the rows of one call; each row is computed alike by whichever.
        link: the activation that a fused loss applies to the outputs, or None to leave them as they are.
        rows: how many rows at most will be asked for at once; fewer need less memory.

    Example:
        >>> import chainrule as cr
        >>> net = cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1)], seed=0)
        >>> predictor = net.predictor()
        >>> bool(abs(predictor([0.5, -1.0]) - net.predict([0.5, -1.0])).max() < 1e-12)
        True
    """

    def __init__(self, model: Model, threads: int = 1, link: Activation | None = None, rows: int | None = None) -> None:
        self.model, chain = model.copy(), model.chain
        self.inputs, self.dtype = chain.inputs, chain.dtype
        here = space(chain.dtype.name)
        packed = layout(chain, here)
        parameters = here.zeros(packed.size)
        packed.pack(self.model.parameters.vector, self.model.state, parameters)
        chunk = chunk_rows(chain, here)
        chunk = chunk if rows is None else max(1, min(chunk, -(-rows // threads)))
        drive = kernel_cache.callable_at(kernel_cache.kernel("driver:predict", here))
        self.shared = Shared(packed, parameters, chunk, threads, link, drive)
        self._idle = [Workspace(self.shared)]  # taken out while a call uses it; popping and appending are atomic

    def is_of(self, model: Model) -> bool:
        """Whether a model has the numbers that were copied."""
        mine = self.model
        return (
            mine.chain is model.chain
            and np.array_equal(mine.parameters.vector, model.parameters.vector)
            and all(
                np.array_equal(kept[key], now[key])
                for kept, now in zip(mine.state, model.state, strict=True)
                for key in kept
            )
        )

    def _workspace(self) -> "Workspace":
        """One that no other call uses."""
        try:
            return self._idle.pop()
        except IndexError:
            return Workspace(self.shared)

    def outputs_of(self, x: Array) -> Array:
        """The outputs (N, outputs) for rows ``x`` (N, inputs), a C-ordered array of the network's dtype."""
        workspace = self._workspace()
        out = workspace.outputs_of(x)
        self._idle.append(workspace)
        return out

    def __call__(self, x: Any) -> Array:
        """The outputs for rows (N, inputs), or for one row (inputs,)."""
        if len(x) != self.inputs or np.ndim(x) != 1:
            return self.outputs_of(np.ascontiguousarray(x, self.dtype))
        workspace = self._workspace()
        out = workspace.outputs_of_row(x)
        self._idle.append(workspace)
        return out


class Workspace:
    """All that one call of a predictor writes: for each of its threads, ops with their buffers, and a job."""

    def __init__(self, shared: Shared) -> None:
        self.shared, chain, threads = shared, shared.layout.chain, shared.threads
        self.outputs, self.dtype = chain.outputs, chain.dtype
        self.refresh = Table(shared.layout.space)
        self.tables, ys = zip(*(self._forward() for _ in range(threads)), strict=True)
        self.ops = stacked(self.tables)
        self.reads = [k for k, op in enumerate(self.tables[0].ops) if op[1] == 0]  # ops that read the data itself
        self._jobs(threads, [y.at for y in ys], ys[0].step)
        self.row = aligned(chain.inputs, chain.dtype)
        self._refresh_once()
        self._first = address(self.jobs[0])
        self._reads_row = False

    def _forward(self) -> tuple[Table, Source]:
        """Ops and buffers of one thread, and where its outputs are."""
        shared = self.shared
        table = Table(shared.layout.space)
        passes = PassBuilder(shared.layout, address(shared.parameters), shared.chunk, self.refresh, table)
        y = passes.up(0)
        if shared.link is not None:
            passes.activation_up(shared.link, y.at, y.units, y.step)
        return table, y

    def _jobs(self, threads: int, ys: list[int], step: int) -> None:
        chunk = self.shared.chunk
        self.scalars = aligned(SCALARS_LENGTH, np.dtype("float64"))
        self.nows = aligned(threads * 64, np.dtype("int64")).reshape(threads, 64)
        self.orders = aligned(threads * (chunk + SPARE_ROWS), np.dtype("int64")).reshape(threads, -1)
        self.jobs = aligned(threads * 64, np.dtype("int64")).reshape(threads, 64)
        for k, job in enumerate(self.jobs):
            words = {
                PredictionJob.THREAD: k,
                PredictionJob.THREADS: threads,
                PredictionJob.CONTEXT: address(self.nows[k]),
                PredictionJob.CHUNK: chunk,
                PredictionJob.INDEX: address(self.orders[k]),
                PredictionJob.PLAN: address(self.ops),
                PredictionJob.COUNT: self.ops.shape[1],
                PredictionJob.STRIDE: self.ops.shape[1] * INSTRUCTION_WORDS,
                PredictionJob.SCALARS: address(self.scalars),
                PredictionJob.Y: ys[k],
                PredictionJob.Y_STEP: step,
                PredictionJob.OUTPUTS: self.outputs,
            }
            for place, number in words.items():
                job[place] = number

    def _refresh_once(self) -> None:
        """Spread shared biases; the parameters do not change any more."""
        ops = self.refresh.array()
        if len(ops):
            job = self.jobs[0]
            kept = job[PredictionJob.PLAN], job[PredictionJob.COUNT]
            nothing = self.shared.layout.space.zeros(self.outputs)
            job[PredictionJob.PLAN], job[PredictionJob.COUNT], job[PredictionJob.ROWS], job[PredictionJob.OUT] = (
                address(ops),
                len(ops),
                1,
                address(nothing),
            )
            self.shared.drive(address(job))
            job[PredictionJob.PLAN], job[PredictionJob.COUNT] = kept

    def outputs_of(self, x: Array) -> Array:
        """The outputs for rows, a C-ordered array of the network's dtype."""
        out = np.empty((len(x), self.outputs), self.dtype)
        self.ops[:, self.reads, 1] = address(x)
        self._reads_row = False
        self.jobs[:, _ROWS], self.jobs[:, _OUT] = len(x), address(out)
        if len(self.jobs) == 1 or len(x) <= self.shared.chunk:
            self.shared.drive(self._first)
        else:
            run_threads(self.shared.drive, [address(job) for job in self.jobs])
        return out

    def outputs_of_row(self, x: Any) -> Array:
        """The outputs for one row (inputs,); its numbers are copied, so that addresses stay from call to call."""
        self.row[:] = x
        if not self._reads_row:
            self.ops[:, self.reads, 1] = address(self.row)
            self._reads_row = True
        job, out = self.jobs[0], np.empty(self.outputs, self.dtype)
        job[_ROWS], job[_OUT] = 1, address(out)
        self.shared.drive(self._first)
        return out
