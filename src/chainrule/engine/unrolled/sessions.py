"""Sessions that run a program written out unit by unit: one network, or many copies of one at once.

``UnrolledSession`` is a ``Session``, for one network; ``CopiesSession`` trains many copies, each
with its own parameters, seed, learning rate and settings, side by side in lanes and shared out among threads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.model import Model
from chainrule.core.seeds import streams
from chainrule.engine.compiler import kernel_cache
from chainrule.engine.compiler.target import aligned, space
from chainrule.engine.optimizer_spec import optimizer_spec
from chainrule.engine.runtime.kernel_session import stream
from chainrule.engine.runtime.workers import run_threads
from chainrule.engine.session import Best, Rows, RunResult, Stop, UpdateSpec
from chainrule.engine.unrolled import program as u
from chainrule.engine.unrolled.program import Form, Unrolled
from chainrule.optimizers import Optimizer
from chainrule.optimizers.schedules import Clock, Constant, Memory, Schedule

LANES_FROM = 4
"""Rows of a batch from which one network has its lanes across rows: fewer are done sooner one by one."""

REGISTERS = 64
"""Numbers of a copy (parameters, gradients, moments) up to which two vectors of copies go side by side: dependent
instructions of one then fill the gaps of the other. With more, the cache would be too small for both."""


# -------------------------------------------------------------------------------- programs
class Program(NamedTuple):
    """A program and its machine code."""

    text: Unrolled
    run: Callable[[int], Any]


_programs: dict[tuple[Any, ...], Program] = {}
_of_chain: WeakKeyDictionary[Chain, dict[Form, Program]] = WeakKeyDictionary()


def program(chain: Chain, form: Form) -> Program:
    """The program of that form for a network, compiled if it has not been yet."""
    known = _of_chain.setdefault(chain, {})
    if form not in known:
        key = (u.description(chain), form)
        if key not in _programs:
            text = Unrolled(chain, form)
            name = f"unrolled-{form.across}-{form.rule}-{chain.dtype.name}"
            _programs[key] = Program(text, kernel_cache.callable_at(kernel_cache.text_kernel(text.source, name)))
        known[form] = _programs[key]
    return known[form]


def unsupported_reason(chain: Chain, optimizer: Optimizer | None = None) -> str | None:
    """Why a network cannot be trained by a program written out, as the end of a sentence; None if it can."""
    return u.unsupported_reason(chain, optimizer)


def _address(array: Array) -> int:
    return array.__array_interface__["data"][0]


# -------------------------------------------------------------------------------- what all of them do
class _Written:
    """What is common: data laid out, memory, a job's words."""

    def __init__(
        self, chain: Chain, rows: Rows, validation: Rows | None, spec: UpdateSpec, optimizers: Sequence[Optimizer],
        form: Form, limits: tuple[float, float],
    ) -> None:  # fmt: skip
        self.chain, self.rows, self.validation, self.spec = chain, rows, validation, spec
        self.batch = min(spec.batch_size, len(rows.x))
        self.per_epoch = -(-len(rows.x) // self.batch)
        self.shuffles = spec.shuffle and self.batch < len(rows.x)
        rules = {optimizer: optimizer_spec(optimizer) for optimizer in optimizers}
        decays = any(optimizer.decay for optimizer in rules)
        self.form = self._form(form, rules[optimizers[0]].name, decays=decays)
        self.program = program(chain, self.form)
        width, lanes = self.program.text.width, self.form.lanes
        self.groups = -(-len(optimizers) // lanes) if form.across == "copies" else 1
        self.memory = aligned(self.groups * width * lanes, chain.dtype).reshape(self.groups, width, lanes)
        self._settings(optimizers, {optimizer: rule.settings for optimizer, rule in rules.items()})
        self._state()
        self.limits = np.array([
            spec.l1, spec.l2, spec.clip_value or 0.0, spec.clip_norm or 0.0, limits[0] or np.inf, limits[1]
        ])  # fmt: skip
        self.kept: list[Any] = []
        self._job()

    def _form(self, form: Form, rule: str, *, decays: bool) -> Form:
        """The form, completed by what the data and the updates ask for."""
        rows, validation, spec = self.rows, self.validation, self.spec
        return replace(
            form,
            rule=rule,
            decays=decays,
            penalises=bool(spec.l1 or spec.l2),
            clips_value=spec.clip_value is not None,
            clips_norm=spec.clip_norm is not None,
            differs=self.shuffles and form.across != "one",
            single=self.batch == 1,
            counts=rows.counts is not None,
            missing=bool(np.isnan(rows.t).any()),
            held=validation is not None,
            held_counts=validation is not None and validation.counts is not None,
            held_missing=validation is not None and bool(np.isnan(validation.t).any()),
        )

    def _job(self) -> None:
        """The words that a program is told, those of one thread that does all the work."""
        form, count, lanes = self.form, len(self.rows.x), self.form.lanes
        beside = form.across == "rows" and not form.differs  # rows lie side by side, as lanes want them
        columns = -(-count // lanes) * lanes if beside else 0
        by_copy = form.differs and form.across == "copies"
        self.order = np.arange(count * lanes if by_copy else count + lanes)
        self.order[count:] = 0  # lanes to spare look at the first row
        told = self._data(self.rows, columns)
        self.job = np.zeros(u.JOB_WORDS, np.int64)
        self.job[u.X], self.job[u.T], self.job[u.COUNTS] = told
        self.job[u.ROWS], self.job[u.COLUMNS], self.job[u.BATCH] = count, columns, self.batch
        self.job[u.ORDER], self.job[u.MEMORY] = _address(self.order), _address(self.memory)
        self.job[u.STRIDE], self.job[u.LAST] = self.memory.strides[0], self.groups
        self.job[u.LIMITS], self.job[u.APPLY] = _address(self.limits), 1
        if self.validation is not None:
            columns = -(-len(self.validation.x) // lanes) * lanes if form.across == "rows" else 0
            told = self._data(self.validation, columns)
            self.job[u.HELD_X], self.job[u.HELD_T], self.job[u.HELD_COUNTS] = told
            self.job[u.HELD_ROWS], self.job[u.HELD_COLUMNS] = len(self.validation.x), columns

    def _data(self, rows: Rows, columns: int) -> tuple[int, int, int]:
        """Addresses of inputs, targets, and counts as shares of all; with ``columns`` rows lie side by side."""
        arrays = [rows.x, rows.t]
        if rows.counts is not None:
            whole = rows.counts.sum(dtype=np.float64)
            arrays.append((rows.counts / (whole or 1.0)).astype(rows.x.dtype)[:, None])
        if columns:
            arrays = [np.pad(array.T, ((0, 0), (0, columns - len(array)))) for array in arrays]
        arrays = [np.ascontiguousarray(array) for array in arrays]
        self.kept += arrays
        x, t, counts = [*map(_address, arrays), 0][:3]
        return x, t, counts

    def part(self, name: str, count: int) -> Array:
        """A part of all groups' memory, shape (groups, count, lanes)."""
        begin = self.program.text.places[name]
        return self.memory[:, begin : begin + count]

    def by_copy(self, numbers: Sequence[Sequence[float]] | Array) -> Array:
        """A few numbers for each copy, shape (copies, count), laid out as (groups, count, lanes)."""
        array = np.asarray(numbers, self.chain.dtype)
        spare = self.groups * self.form.lanes - len(array)
        if spare:
            array = np.concatenate([array, np.repeat(array[:1], spare, axis=0)])
        return array.reshape(self.groups, self.form.lanes, -1).transpose(0, 2, 1)

    def _settings(self, optimizers: Sequence[Optimizer], settings: Mapping[Optimizer, Sequence[float]]) -> None:
        """The optimizers' numbers, and their moments before the first update."""
        text, free = self.program.text, self.program.text.free
        numbers: dict[Optimizer, tuple[float, ...]] = {}
        for optimizer, given in settings.items():
            rate = () if self.form.scheduled else (first_rate(optimizer.schedule),)
            numbers[optimizer] = (*text.shared.values(given), *rate, *((optimizer.decay,) if self.form.decays else ()))
        if text.settings:
            self.part("settings", len(text.settings))[...] = self.by_copy([numbers[one] for one in optimizers])
        if text.shared.kept:
            kept = {optimizer: text.shared.start(given) for optimizer, given in settings.items()}
            self.part("kept", len(text.shared.kept))[...] = self.by_copy([kept[one] for one in optimizers])
        if text.form.rule == "rprop":  # all other moments begin at 0
            steps = [[first_rate(optimizer.schedule)] for optimizer in optimizers]
            self.part("m", len(free))[...] = self.by_copy(steps)

    def _state(self) -> None:
        state = self.part("state", len(u.STATE))
        for name, number in {"best": np.inf, "to_beat": np.inf, "best_epoch": -1, "bettered": -1}.items():
            state[:, u.STATE.index(name)] = number

    def state_of(self, name: str) -> Array:
        """One of the numbers in ``STATE``, shape (groups, lanes)."""
        return self.memory[:, self.program.text.places["state"] + u.STATE.index(name)]


def first_rate(schedule: Schedule) -> float:
    """The rate before the first update, as the reference asks for it to start an optimizer."""
    return float(schedule.rate(Clock.at(0, 1, 1), Memory()))


# -------------------------------------------------------------------------------- one network
class UnrolledSession(_Written):
    """Compiled training of one small network, its program written out: a ``chainrule.engine.session.Session``.

    Args are those of ``KernelSession``; the threads make no difference, there is work for one.
    """

    def __init__(
        self, model: Model, rows: Rows, validation: Rows | None, spec: UpdateSpec, threads: int = 1, *,
        patience: int = 0, min_delta: float = 0.0, keep_updates: bool = False, across: u.Across | None = None,
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
        parts = {name: self.part(name, size)[0, :, 0] for name in ("parameters", "entered", "best")}
        self.parameters, self.entered, self.best_memory = parts.values()
        self.gradient = self.part("gradient", free)[0, :, 0] if keep_updates else np.zeros(0)
        self.update = self.part("update", free)[0, :, 0] if keep_updates else None
        self.best_memory[:] = model.parameters.vector
        if self.shuffles:
            self.generator = streams(spec.seed).shuffle
            function, state = stream(self.generator, "next_uint32")
            self.streams = np.array([state])
            self.job[u.FUNCTION], self.job[u.STREAMS] = function, _address(self.streams)

    def run(self, rates: Array, *, order: Array | None = None) -> RunResult:
        """As ``Session`` says."""
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
        job[u.UPDATE], job[u.BATCH_NUMBER], job[u.EPOCH] = before, before % self.per_epoch, before // self.per_epoch
        job[u.UPDATES], job[u.APPLY], job[u.ETAS] = len(rates), apply, _address(rates)
        losses = _address(records)
        job[u.LOSSES], job[u.NORMS], job[u.HELD_LOSSES] = (losses + k * records.strides[0] for k in range(3))
        self.program.run(_address(job))
        vector[:] = self.parameters
        self.updates_done, done = int(job[u.UPDATE]), int(job[u.DONE])
        weight = self._number("weight") if self.form.counts else 1.0
        self.batch_loss = self._number("E") / weight if weight else 0.0
        seen = records[:, :done, 0].astype(np.float64, copy=False)
        validation = seen[2] if self.form.held else seen[2, :0]
        return RunResult(self.updates_done - before, seen[0], seen[1], validation, Stop(int(self._number("stopped"))))

    def _number(self, name: str) -> float:
        """One of the numbers in ``STATE``."""
        return float(self.state_of(name)[0, 0])

    def loss_and_gradient(self) -> tuple[float, Array]:
        """As ``Session`` says; for a session with ``keep_updates``."""
        self.updates_done = 0
        stop = self._run(np.ones(1), apply=False).stop
        self.updates_done = 0
        if stop == Stop.NOT_FINITE:
            return np.inf, np.full(self.chain.size, np.nan, self.chain.dtype)
        return self.batch_loss, self._flat(self.gradient)

    def ends_finite(self) -> bool:
        """As ``Session`` says."""
        kept = self.memory.copy(), self.batch_loss, self.updates_done
        streams, self.job[u.STREAMS] = int(self.job[u.STREAMS]), 0  # the epoch's order stays
        self.updates_done -= 1
        finite = self._run(np.zeros(1), apply=False).stop != Stop.NOT_FINITE
        self.job[u.STREAMS] = streams
        self.memory[:], self.batch_loss, self.updates_done = kept
        return finite

    # ------------------------------------------------------------------ what there is to see
    def best(self) -> Best | None:
        """As ``Session`` says."""
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
        """As ``Session`` says; without ``keep_updates`` neither is known: zeros."""
        nothing = np.zeros(self.chain.size, self.chain.dtype)
        gradient = self._flat(self.gradient) if len(self.gradient) else nothing
        update = nothing if self.update is None else self._flat(self.update)
        return self._batch_rows(self.updates_done - 1), gradient, update

    def moments(self) -> Mapping[str, Array]:
        """As ``Session`` says."""
        free = len(self.program.text.free)
        parts = zip(self.program.text.moments, ("m", "v"), strict=False)
        return {name: self._flat(self.part(part, free)[0, :, 0]) for name, part in parts}

    def set_moments(self, moments: Mapping[str, Array]) -> None:
        """As ``Session`` says."""
        free = self.program.text.free
        for name, part in zip(self.program.text.moments, ("m", "v"), strict=False):
            values = np.broadcast_to(moments[name], self.chain.size)[free]
            self.part(part, len(free))[...] = values[:, None]

    def restart_epoch(self) -> list[Array]:
        """As ``Session`` says."""
        first = self.updates_done % self.per_epoch
        return [self._batch_rows(b) for b in range(first, self.per_epoch)]

    def _flat(self, memory: Array) -> Array:
        """Gradients or updates in the chain's order."""
        vector = np.zeros(self.chain.size, self.chain.dtype)
        vector[self.program.text.free] = memory
        return vector


# -------------------------------------------------------------------------------- many copies
class CopiesRan(NamedTuple):
    """What a call of ``CopiesSession.run`` did, by copy and by epoch of that call.

    Attributes:
        losses, validation_losses, norms: shape (copies, epochs); NaN once a copy has diverged.
        interrupted: whether Ctrl-C came meanwhile.
    """

    losses: Array
    validation_losses: Array | None
    norms: Array | None
    interrupted: bool


class CopiesSession(_Written):
    """Compiled training of many copies of one small network, side by side.

    Args:
        chain: the network.
        vectors: the copies' parameters, (copies, P).
        rows: to train on, by all of them.
        validation: rows to validate on after each epoch, or None.
        spec: how to update; optimizer and seed are those of each copy.
        optimizers: one a copy, all with the same twin.
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
        told = [stream(generator, "next_uint32") for generator in self.generators]
        self.streams[: self.copies] = [state for _, state in told]
        self.job[u.FUNCTION], self.job[u.STREAMS] = told[0][0], _address(self.streams)

    def _jobs(self) -> None:
        """A job for each thread: its groups, and an order of rows of its own."""
        self.threads = max(1, min(self.threads, self.groups))
        self.jobs = np.tile(self.job, (self.threads, 1))
        self.orders = np.tile(self.order, (self.threads, 1))
        for k, job in enumerate(self.jobs):
            job[u.FIRST], job[u.LAST] = self.groups * k // self.threads, self.groups * (k + 1) // self.threads
            job[u.ORDER] = _address(self.orders[k])

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

    def run(self, epochs: int) -> CopiesRan:
        """Train all copies for so many epochs more."""
        lanes, held = self.form.lanes, self.form.held
        records = np.full((1 + held + self.form.norms, self.groups, epochs, lanes), np.nan, self.chain.dtype)
        losses = _address(records)
        places = [u.LOSSES, *([u.HELD_LOSSES] if held else []), *([u.NORMS] if self.form.norms else [])]
        shared = {place: losses + k * records.strides[0] for k, place in enumerate(places)}
        shared |= {
            u.UPDATE: self.epochs_done * self.per_epoch, u.BATCH_NUMBER: 0, u.EPOCH: self.epochs_done,
            u.UPDATES: epochs * self.per_epoch, u.RECORDS: epochs,
        }  # fmt: skip
        rates = self._rates(epochs) if self.form.scheduled else ()
        for place, array in zip((u.ETAS, u.ETA_STARTS), rates, strict=False):
            shared[place] = _address(array)
        for place, number in shared.items():
            self.jobs[:, place] = number
        interrupted = False
        try:
            run_threads(self.program.run, [_address(job) for job in self.jobs])
        except KeyboardInterrupt:  # which lets the threads come to their end
            interrupted = True
        self.epochs_done += epochs
        told = [self._unlaned(record) for record in records]
        return CopiesRan(told[0], told[1] if held else None, told[-1] if self.form.norms else None, interrupted)

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

    def number(self, name: str) -> Array:
        """One of the numbers in ``STATE`` for each copy, (copies,)."""
        return self.state_of(name).reshape(-1)[: self.copies].astype(np.float64)

    @property
    def stopped(self) -> Array:
        """Why each copy has stopped: a number of ``Stop``."""
        return self.number("stopped").astype(np.int64)


def suitable_lanes(chain: Chain, optimizer: Optimizer, copies: int) -> int:
    """How many copies go side by side: one or two vectors of them."""
    wide = space(chain.dtype.name).lanes
    numbers = chain.size * (2 + len(optimizer_spec(optimizer).moments))
    return 2 * wide if numbers <= REGISTERS and copies > wide else wide
