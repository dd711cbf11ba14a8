"""The base class of sessions with a written-out program: data laid out for lanes, memory, the words of a job."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.engine.compiler.target import aligned
from chainrule.engine.optimizer_spec import optimizer_spec
from chainrule.engine.session import Rows, UpdateSpec
from chainrule.engine.unrolled.memory import JOB_WORDS, STATE, Job
from chainrule.engine.unrolled.program import Form
from chainrule.engine.unrolled.programs import program
from chainrule.optimizers import Optimizer
from chainrule.optimizers.schedules import Clock, Memory, Schedule


def address(array: Array) -> int:
    """Where an array's numbers begin."""
    return array.__array_interface__["data"][0]


class UnrolledBase:
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
            validates=validation is not None,
            validation_counts=validation is not None and validation.counts is not None,
            validation_missing=validation is not None and bool(np.isnan(validation.t).any()),
        )

    def _job(self) -> None:
        """The words of a job that one thread does alone: addresses and counts that the program reads."""
        form, count, lanes = self.form, len(self.rows.x), self.form.lanes
        beside = form.across == "rows" and not form.differs  # rows lie side by side, as lanes want them
        columns = -(-count // lanes) * lanes if beside else 0
        by_copy = form.differs and form.across == "copies"
        self.order = np.arange(count * lanes if by_copy else count + lanes)
        self.order[count:] = 0  # lanes to spare look at the first row
        addresses = self._data(self.rows, columns)
        self.job = np.zeros(JOB_WORDS, np.int64)
        self.job[Job.X], self.job[Job.T], self.job[Job.COUNTS] = addresses
        self.job[Job.ROWS], self.job[Job.COLUMNS], self.job[Job.BATCH] = count, columns, self.batch
        self.job[Job.ORDER], self.job[Job.MEMORY] = address(self.order), address(self.memory)
        self.job[Job.STRIDE], self.job[Job.LAST] = self.memory.strides[0], self.groups
        self.job[Job.LIMITS], self.job[Job.APPLY] = address(self.limits), 1
        if self.validation is not None:
            columns = -(-len(self.validation.x) // lanes) * lanes if form.across == "rows" else 0
            addresses = self._data(self.validation, columns)
            self.job[Job.VALIDATION_X], self.job[Job.VALIDATION_T], self.job[Job.VALIDATION_COUNTS] = addresses
            self.job[Job.VALIDATION_ROWS], self.job[Job.VALIDATION_COLUMNS] = len(self.validation.x), columns

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
        x, t, counts = [*map(address, arrays), 0][:3]
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
        state = self.part("state", len(STATE))
        for name, number in {
            "best": np.inf,
            "patience_reference": np.inf,
            "best_epoch": -1,
            "last_improved": -1,
        }.items():
            state[:, STATE.index(name)] = number

    def state_of(self, name: str) -> Array:
        """One of the numbers in ``STATE``, shape (groups, lanes)."""
        return self.memory[:, self.program.text.places["state"] + STATE.index(name)]


def first_rate(schedule: Schedule) -> float:
    """The rate before the first update, as the reference asks for it to start an optimizer."""
    return float(schedule.rate(Clock.at(0, 1, 1), Memory()))
