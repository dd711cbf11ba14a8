"""The first value of a run that is not finite: which operation produced it, in which layer, for which row.

An operation produces it if its operands are all finite and its result is not; operations after it only pass it on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Pass
from chainrule.core.format import number
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.replay import batch_rows, updates


@dataclass(frozen=True)
class Overflow:
    """The first value that is not finite.

    Attributes:
        operation: the formula that produced it, such as ``"z2 = a1 W2 + b2"``.
        way: the part of the update: "forward", "backward" or "update".
        layer: its number; 0 for the loss.
        row: of the data; None if it belongs to no single row.
        value: inf, -inf or nan.
        largest: the largest number among the operands.
        update: which update it was, from 0.
        carriers: the results after it that only pass it on.
    """

    operation: str
    way: str
    layer: int
    row: int | None
    value: float
    largest: float
    update: int
    carriers: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for the evidence."""
        return dict(vars(self))

    def __str__(self) -> str:
        where = "" if self.row is None else f" on row {self.row}"
        passed = f"; {', '.join(self.carriers[:4])} only pass it on" if self.carriers else ""
        return (
            f"the first value that is not finite comes from {self.operation} ({self.way}, update {self.update})"
            f"{where}: {self.value} from operands up to {number(self.largest, 3)}{passed}"
        )


def trace_overflow(case: Case, epochs: int) -> Overflow | None:
    """Repeat a run up to its first value that is not finite; None if it has none, or is too long."""
    model, count, failed = case.copy_of_model(), 0, False
    for update, now, error in updates(case, epochs + 1):
        model = now
        if update is None:
            failed = error is not None
            break
        count += 1
    if not failed and count < epochs * case.updates_per_epoch:
        return None
    rows = batch_rows(case, count)
    steps = list(_operations(case, model, rows))
    produced = [step for step in steps if step.produced]
    if not produced:
        return None
    first = produced[0]
    after = steps[steps.index(first) + 1 :]
    carriers = tuple(step.operation.split(" = ")[0] for step in after if not np.isfinite(step.result).all())
    bad = ~np.isfinite(first.result)
    index = np.argwhere(np.atleast_1d(bad))[0]
    return Overflow(
        first.operation, first.way, first.layer, int(rows[index[0]]) if first.by_row else None,
        float(np.atleast_1d(first.result)[tuple(index)]), first.largest, count, carriers,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Operation:
    operation: str
    way: str
    layer: int
    result: Array
    operands: tuple[Array, ...]
    by_row: bool = True

    @property
    def produced(self) -> bool:
        return not np.isfinite(self.result).all() and all(np.isfinite(operand).all() for operand in self.operands)

    @property
    def largest(self) -> float:
        return max((float(np.abs(operand).max(initial=0)) for operand in self.operands), default=0.0)


def _operations(case: Case, model: Model, rows: Array) -> Iterator[_Operation]:
    """Every operation of one update, in order."""
    chain, data = case.chain, case.data
    x, t = data.x[rows], data.t[rows]
    w = None if data.weights is None else data.weights[rows]
    run = Run(training=True, state=model.state, rng=np.random.default_rng(0))
    with np.errstate(all="ignore"):
        done = maths.forward_backward(chain, model.parameters, x, t, run, w)
        yield from _forward(case, model, x, t, done)
        yield from _backward(case, t, done)
        yield _Operation(
            "parameters = parameters - update", "update", 0,
            model.parameters.vector - case.learning_rate(0) * done.gradient,
            (done.gradient, model.parameters.vector), by_row=False,
        )  # fmt: skip


def _forward(case: Case, model: Model, x: Array, t: Array, done: Pass) -> Iterator[_Operation]:
    chain, a = case.chain, x
    for l, (layer, record) in enumerate(zip(chain.layers, done.records, strict=True), start=1):
        formulas, p = layer.formulas(l), model.parameters.of_layer(l)
        yield _Operation(f"z{l} = {formulas.get('z', f'a{l}')}", "forward", l, record["z"], (a, *p.values()))
        yield _Operation(f"a{l} = {formulas.get('a', f'z{l}')}", "forward", l, record["a"], (record["z"],))
        a = record["a"]
    e = chain.loss.value(a, t)
    yield _Operation(f"e = {chain.loss.name}(y, t)", "forward", 0, e, (a, np.nan_to_num(t)))
    yield _Operation("E = mean of e", "forward", 0, np.asarray(done.loss), (e,), by_row=False)


def _backward(case: Case, t: Array, done: Pass) -> Iterator[_Operation]:
    layers = case.chain.layers
    yield _Operation("dE/dy", "backward", 0, done.dy, (done.records[-1]["a"], np.nan_to_num(t)))
    da = done.dy
    for l in range(len(layers), 0, -1):
        record, back, formulas = done.records[l - 1], done.backs[l - 1], layers[l - 1].formulas(l)
        yield _Operation(f"delta{l} = {formulas.get('delta', f'da{l}')}", "backward", l, back.delta, (da, record["z"]))
        for key, value in back.gradients.items():
            yield _Operation(
                f"d{key}{l} = {formulas[f'd{key}']}", "backward", l, np.asarray(value),
                (record["a_in"], back.delta), by_row=False,
            )  # fmt: skip
        yield _Operation(f"da{l - 1} = {formulas['da_in']}", "backward", l, back.da_in, (back.delta,))
        da = back.da_in
