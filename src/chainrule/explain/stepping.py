"""Records one step of the training loop, on a copy of the parameters, so that it can be shown.

A recording optimizer is put around the real one, so that the new values are those of ``fit`` bit for bit; the passes
before and after repeat what the loop did, with the same units dropped.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import Record, Run
from chainrule.core.model import Model
from chainrule.core.parameters import Slot
from chainrule.core.seeds import streams
from chainrule.errors import InputError
from chainrule.explain.equations import Equation, constants_of, equations_of, evaluate
from chainrule.explain.expression import Call as CallExpression
from chainrule.explain.expression import Expression, Power, Product, Quotient, Sum, Symbol
from chainrule.explain.render.text import plain
from chainrule.explain.step import Contribution, LossChange, ParameterStep, Step, Steps
from chainrule.optimizers import Moments, Optimizer
from chainrule.trace import trace as trace_model
from chainrule.training import Call, Data, Update, training


def explain_step(call: Call, *, rows: str = "together", after: Step | None = None) -> Step | Steps:
    """One step on all rows together, or a step on each, one by one; see ``Network.explain_step``.

    Args:
        call: network, rows, optimizer and seed; steps take the rows in their order, once.
        rows: ``"together"`` or ``"one by one"``.
        after: the step before the first, whose moments are continued.

    Raises:
        InputError: no such way to go through the rows, and as for ``steps``.
    """
    rows = "one by one" if rows == "in turn" else rows  # the former name
    if rows not in ("together", "one by one"):
        raise InputError(f"rows must be 'together' (one step on all) or 'one by one' (a step on each), got {rows!r}.")
    settings = replace(call.settings, epochs=1, batch_size=None if rows == "together" else 1, shuffle=False)
    made = list(steps(replace(call, settings=settings), after))
    return made[0] if rows == "together" else Steps(made)


# -------------------------------------------------------------------------------- watching the loop
@final
@dataclass(frozen=True, eq=False)
class _Watched(Optimizer):
    """Another optimizer, continued from given moments; records its arguments and its updates."""

    equations: ClassVar[tuple[str, ...]] = ()
    weight_decay: float = 0.0
    inner: Optimizer = field(kw_only=True)
    earlier: Moments | None = field(kw_only=True)
    count: int = field(kw_only=True)
    seen: list[tuple[Moments, Array, Moments]] = field(kw_only=True)

    def __post_init__(self) -> None:
        """Nothing to check: the inner one was."""

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        return self.inner.start(size, dtype, learning_rate) if self.earlier is None else self.earlier

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        update, after = self.inner.update(moments, g, eta, self.count + count)
        self.seen.append((moments, g, after))
        return update, after


def steps(call: Call, after: Step | None = None) -> Iterator[Step]:
    """Each step of the call's training, explained; the model stays as it is.

    Args:
        call: what to train, and how.
        after: the step before the first, whose moments are continued.

    Raises:
        InputError: ``after`` belongs to another network or optimizer; what ``fit`` would refuse.
        DivergenceError: values leave the finite numbers.
    """
    optimizer, data = call.settings.rule, call.data
    if after is not None:
        _check_after(call.model, optimizer, after)
    twin = call.model.copy()
    seen: list[tuple[Moments, Array, Moments]] = []
    earlier, count = (None, 0) if after is None else (after.moments, after.count)
    watched = _Watched(
        optimizer.learning_rate, optimizer.decay, inner=optimizer, earlier=earlier, count=count, seen=seen
    )
    dropping = streams(call.settings.seed).dropout  # what the loop draws, drawn once more
    updates = training(replace(call, model=twin, settings=replace(call.settings, optimizer=watched)))
    while True:
        before, state = twin.parameters.vector.copy(), twin.state
        update = next(updates, None)
        if update is None:
            return
        recorder = _Recorder(twin, before, state, data.part(update.rows), dropping)
        yield recorder.step(optimizer, update, len(seen) + count, seen[-1])


def _check_after(model: Model, optimizer: Optimizer, after: Step) -> None:
    if repr(after.optimizer) != repr(optimizer):
        raise InputError(f"after was a step of {after.optimizer!r}, but optimizer is {optimizer!r}: pass the same.")
    shapes = {name: parameter.before.shape for name, parameter in after.parameters.items()}
    if shapes != {slot.name: slot.shape for slot in model.chain.slots}:
        raise InputError("after was a step of a network with other parameters: start afresh without it.")


class _Recorder:
    """Makes a ``Step`` of an update that the loop has just made on ``twin``."""

    def __init__(
        self, twin: Model, before: Array, state: tuple[Record, ...], rows: Data, dropping: np.random.Generator
    ) -> None:
        self._twin, self._rows, self._state = twin, rows, state
        self._old = Model(twin.chain, twin.parameters.with_vector(before), state)
        again = copy.deepcopy(dropping)
        with np.errstate(all="ignore"):  # as in the loop, which has refused what is not finite
            self._done = maths.forward_backward(
                twin.chain, self._old.parameters, rows.x, rows.t, self._run(dropping), rows.weights
            )
            self._trace = trace_model(self._old, rows.x, rows.t, self._run(copy.deepcopy(again)), rows.weights)
            self._after = self._loss_after(again)

    def _run(self, rng: np.random.Generator) -> Run:
        return Run(training=True, state=self._state, rng=rng)

    def _loss_after(self, rng: np.random.Generator) -> float:
        """E of the same rows, with the same units dropped."""
        records = maths.forward(self._twin.chain, self._twin.parameters, self._rows.x, self._run(rng))
        return maths.batch_loss(self._twin.chain, records[-1]["a"], self._rows.t, self._rows.weights)

    def step(self, optimizer: Optimizer, update: Update, count: int, seen: tuple[Moments, Array, Moments]) -> Step:
        """Everything put together."""
        moments, g, later = seen
        taken = update.updates.vector
        rule = _Rule(optimizer, update.learning_rate, count, self._twin.chain)
        parameters = {
            slot.name: ParameterStep(
                slot.name,
                slot.view(self._old.parameters.vector).copy(),
                slot.view(g).copy(),
                self._parts(slot),
                rule.contributions(slot, moments, g, self._old.parameters.vector),
                slot.view(taken).copy(),
                slot.view(self._twin.parameters.vector).copy(),
            )
            for slot in self._twin.chain.slots
        }
        change = self._change(taken)
        eta, rows = update.learning_rate, update.rows.copy()
        return Step(optimizer, eta, count, rows, self._trace, parameters, change, later)

    def _change(self, taken: Array) -> LossChange:
        bent = maths.hessian_vector_product(
            self._twin.chain,
            self._old.parameters,
            self._done,
            self._rows.t,
            self._old.parameters.with_vector(taken),
            self._rows.weights,
        )
        slope = -float(self._done.gradient @ taken)
        return LossChange(self._done.loss, self._after, slope, float(taken @ bent) / 2)

    def _parts(self, slot: Slot) -> Array | None:
        """Each row's part in one parameter's gradient, (N, ...)."""
        parts = self._by_row[slot.layer - 1]
        free = self._twin.chain.layers[slot.layer - 1].free(slot.key, slot.shape)
        return None if parts is None else np.where(free, parts[slot.key], 0)

    @cached_property
    def _by_row(self) -> list[Record | None]:
        """Each layer's gradients by row."""
        passes = zip(self._twin.chain.layers, self._done.records, self._done.backs, strict=True)
        return [layer.gradients_by_row(record, back) for layer, record, back in passes]


# -------------------------------------------------------------------------------- the optimizer's parts
@dataclass(frozen=True)
class _Rule:
    """An optimizer at one update."""

    optimizer: Optimizer
    eta: float
    count: int
    chain: Chain

    def contributions(self, slot: Slot, moments: Moments, g: Array, before: Array) -> tuple[Contribution, ...]:
        """What the optimizer remembered, then its equations one by one for this parameter."""
        mine = {name: slot.view(value) if np.ndim(value) else np.asarray(value) for name, value in moments.items()}
        values: dict[str, Any] = {**constants_of(self.optimizer), **mine}
        values |= {"g": slot.view(g), "W": slot.view(before), "eta": self.eta, "count": self.count}
        contributions = [Contribution(f"{name} before", "", np.array(value)) for name, value in mine.items()]
        for equation in self._equations(slot):
            expression = equation.expression
            for name, corrected in _corrected(expression):
                contributions.append(
                    Contribution(f"{name} corrected", plain(corrected), np.array(evaluate(corrected, values)))
                )
            values[equation.name] = evaluate(expression, values)
            contributions.append(Contribution(equation.name, plain(expression), np.array(values[equation.name])))
        return tuple(contributions)

    def _equations(self, slot: Slot) -> tuple[Equation, ...]:
        """The optimizer's, and the decoupled decay of a weight."""
        equations = equations_of(self.optimizer)
        if self.optimizer.decay and slot.key in self.chain.layers[slot.layer - 1].decayed:
            equations = (*equations, Equation("update", f"update + eta*{self.optimizer.decay!r}*W"))
        return equations


def _corrected(expression: Expression) -> Iterator[tuple[str, Quotient]]:
    """Moments freed of their start at 0: quantities over ``1 - beta^count``, wherever they stand in a formula."""
    match expression:
        case Quotient(Symbol(base=name), Sum((_, Product((_, Power(_, Symbol(base="count"))))))):
            yield name, expression
        case Quotient(top, bottom):
            yield from (*_corrected(top), *_corrected(bottom))
        case Sum(parts) | Product(parts) | CallExpression(_, parts):
            for part in parts:
                yield from _corrected(part)
