"""Predictions by machine code: a network's numbers as they are now, ready to be asked many times."""

from typing import Any

import numpy as np

from chainrule.arrays import Array
from chainrule.engine import objects
from chainrule.engine import words as w
from chainrule.engine.layout import layout
from chainrule.engine.plan import SPARE_ROWS, Passes, Source, Table, address, stacked
from chainrule.engine.session import chunk_rows
from chainrule.engine.space import aligned, space
from chainrule.engine.threads import run_threads
from chainrule.model import Model


class Predictor:
    """The way up of one network, as compiled code with buffers of its own.

    It keeps a copy of the parameters: training the network afterwards does not change it.

    Args:
        model: chain, parameters and running statistics.
        threads: how many share the rows; each row is computed alike by whichever.
        link: the activation that a fused loss applies to the outputs, or None to leave them as they are.
        rows: how many rows at most will be asked for at once; fewer need less memory.

    Example:
        >>> import chainrule as cr
        >>> net = cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1)], seed=0)
        >>> predictor = net.predictor()
        >>> bool(abs(predictor([0.5, -1.0]) - net.predict([0.5, -1.0])).max() < 1e-12)
        True
    """

    def __init__(self, model: Model, threads: int = 1, link: Any = None, rows: int | None = None) -> None:
        chain = model.chain
        self.inputs, self.outputs, self.dtype = chain.inputs, chain.outputs, chain.dtype
        self.space = space(chain.dtype.name)
        self.layout = layout(chain, self.space)
        self.parameters = self.space.zeros(self.layout.size)
        self.layout.pack(model.parameters.vector, model.state, self.parameters)
        self.chunk = chunk_rows(chain, self.space)
        self.chunk = self.chunk if rows is None else max(1, min(self.chunk, -(-rows // threads)))
        self.refresh = Table(self.space)
        self.tables, ys = zip(*(self._way_up(link) for _ in range(threads)), strict=True)
        self.ops = stacked(self.tables)
        self.reads = [k for k, op in enumerate(self.tables[0].ops) if op[1] == 0]  # ops that read the data itself
        self._jobs(threads, [y.at for y in ys], ys[0].step)
        self.row = aligned(self.inputs, self.dtype)
        self.drive = objects.callable_at(objects.kernel("driver:predict", self.space))
        self._refresh_once()
        self._first = address(self.jobs[0])
        self._read_from: Array | None = None

    def _way_up(self, link: Any) -> tuple[Table, Source]:
        """Ops and buffers of one thread, and where its outputs are."""
        table = Table(self.space)
        passes = Passes(self.layout, address(self.parameters), self.chunk, self.refresh, table)
        y = passes.up(0)
        if link is not None:
            passes.activation_up(link, y.at, y.units, y.step)
        return table, y

    def _jobs(self, threads: int, ys: list[int], step: int) -> None:
        self.scalars = aligned(w.SCALARS_LENGTH, np.dtype("float64"))
        self.nows = aligned(threads * 64, np.dtype("int64")).reshape(threads, 64)
        self.orders = aligned(threads * (self.chunk + SPARE_ROWS), np.dtype("int64")).reshape(threads, -1)
        self.jobs = aligned(threads * 64, np.dtype("int64")).reshape(threads, 64)
        for k, job in enumerate(self.jobs):
            told = {
                w.P_THREAD: k, w.P_THREADS: threads, w.P_NOW: address(self.nows[k]), w.P_CHUNK: self.chunk,
                w.P_INDEX: address(self.orders[k]), w.P_OPS: address(self.ops), w.P_COUNT: self.ops.shape[1],
                w.P_STRIDE: self.ops.shape[1] * w.OP_WORDS, w.P_SCALARS: address(self.scalars), w.P_Y: ys[k],
                w.P_LDY: step, w.P_OUTPUTS: self.outputs,
            }  # fmt: skip
            for place, number in told.items():
                job[place] = number

    def _refresh_once(self) -> None:
        """Spread shared biases; the parameters do not change any more."""
        ops = self.refresh.array()
        if len(ops):
            job = self.jobs[0]
            kept = job[w.P_OPS], job[w.P_COUNT]
            nothing = self.space.zeros(self.outputs)
            job[w.P_OPS], job[w.P_COUNT], job[w.P_ROWS], job[w.P_OUT] = address(ops), len(ops), 1, address(nothing)
            self.drive(address(job))
            job[w.P_OPS], job[w.P_COUNT] = kept

    def outputs_of(self, x: Array) -> Array:
        """The outputs (N, outputs) for rows ``x`` (N, inputs), a C-ordered array of the network's dtype."""
        out = np.empty((len(x), self.outputs), self.dtype)
        if self._read_from is not x:
            self.ops[:, self.reads, 1] = address(x)
            self._read_from = x if x is self.row else None
        self.jobs[:, w.P_ROWS], self.jobs[:, w.P_OUT] = len(x), address(out)
        if len(self.jobs) == 1 or len(x) <= self.chunk:
            self.drive(self._first)
        else:
            run_threads(self.drive, [address(job) for job in self.jobs])
        return out

    def __call__(self, x: Any) -> Array:
        """The outputs for rows (N, inputs), or for one row (inputs,)."""
        if len(x) == self.inputs and np.ndim(x) == 1:
            self.row[:] = x
            return self._one()
        return self.outputs_of(np.ascontiguousarray(x, self.dtype))

    def _one(self) -> Array:
        """The outputs of ``row``."""
        row, job = self.row, self.jobs[0]
        if self._read_from is not row:
            self.ops[:, self.reads, 1] = address(row)
            self._read_from = row
        out = np.empty(self.outputs, self.dtype)
        job[w.P_ROWS], job[w.P_OUT] = 1, address(out)
        self.drive(self._first)
        return out
