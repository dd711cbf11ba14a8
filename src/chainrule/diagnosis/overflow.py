"""Where a run left the finite numbers: the first operation, layer, row and value, producers told from carriers.

An operation whose operands are all finite and whose result is not has produced it; one that was handed it carries it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.replay import batch_rows, updates


@dataclass(frozen=True)
class Overflow:
    """The first value that is not finite.

    Attributes:
        operation: its formula, such as ``"z2 = a1 W2 + b2"``.
        way: "forward", "backward" or "update".
        layer: its number; 0 for the loss.
        row: of the data; None where it belongs to no single row.
        value: what came out: inf, -inf or nan.
        largest: the largest number among the operands.
        update: which update it was, from 0.
        carriers: the operations after it that only handed it on.
    """

    operation: str
    way: str
    layer: int
    row: int | None
    value: float
    largest: float
    update: int
    carriers: tuple[str, ...]

    @property
    def told(self) -> dict[str, Any]:
        """As evidence."""
        return dict(vars(self))

    def __str__(self) -> str:
        where = "" if self.row is None else f" on row {self.row}"
        passed = f"; {', '.join(self.carriers[:4])} only hand it on" if self.carriers else ""
        return (
            f"the first number to leave the finite ones is in {self.operation} ({self.way}, update "
            f"{self.update}){where}: "
            f"{self.value} from operands up to {number(self.largest, 3)}{passed}"
        )


def trace_overflow(case: Case, epochs: int) -> Overflow | None:
    """Go through the run again up to where it leaves the finite numbers."""
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
class _Step:
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


def _operations(case: Case, model: Model, rows: Array) -> Iterator[_Step]:
    """Every operation of one update, in order."""
    chain, data = case.chain, case.data
    x, t = data.x[rows], data.t[rows]
    w = None if data.weights is None else data.weights[rows]
    run = Run(training=True, state=model.state, rng=np.random.default_rng(0))
    with np.errstate(all="ignore"):
        done = maths.forward_backward(chain, model.parameters, x, t, run, w)
        a = x
        for l, (layer, record) in enumerate(zip(chain.layers, done.records, strict=True), start=1):
            formulas, p = layer.formulas(l), model.parameters.of_layer(l)
            yield _Step(f"z{l} = {formulas.get('z', f'a{l}')}", "forward", l, record["z"], (a, *p.values()))
            yield _Step(f"a{l} = {formulas.get('a', f'z{l}')}", "forward", l, record["a"], (record["z"],))
            a = record["a"]
        yield _Step(f"e = {chain.loss.name}(y, t)", "forward", 0, chain.loss.value(a, t), (a, np.nan_to_num(t)))
        yield _Step("E = mean of e", "forward", 0, np.asarray(done.loss), (chain.loss.value(a, t),), by_row=False)
        yield _Step("dE/dy", "backward", 0, done.dy, (a, np.nan_to_num(t)))
        da = done.dy
        for l in range(len(chain.layers), 0, -1):
            back, formulas = done.backs[l - 1], chain.layers[l - 1].formulas(l)
            record = done.records[l - 1]
            yield _Step(f"delta{l} = {formulas.get('delta', f'da{l}')}", "backward", l, back.delta, (da, record["z"]))
            for key, value in back.gradients.items():
                yield _Step(
                    f"d{key}{l} = {formulas[f'd{key}']}", "backward", l, np.asarray(value),
                    (record["a_in"], back.delta), by_row=False,
                )  # fmt: skip
            yield _Step(f"da{l - 1} = {formulas['da_in']}", "backward", l, back.da_in, (back.delta,))
            da = back.da_in
        eta = case.learning_rate(0)
        after = model.parameters.vector - eta * done.gradient
        yield _Step(
            "parameters = parameters - update",
            "update",
            0,
            after,
            (done.gradient, model.parameters.vector),
            by_row=False,
        )
