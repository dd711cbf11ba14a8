"""Updates whose batches stand for themselves: ``E_b = (sum_n w_n e_n + alpha/2 sum W^2)/sum_n w_n``.

So scikit-learn counts: the penalty is divided by the batch's rows, counts in the loss, and a batch's gradient is that
of its own loss. Two engines go through an epoch's batches: ``ReferenceEpochs`` with the layers' own NumPy, and
``CompiledEpochs`` with a session of the compiled engine, which two further kernels teach this loss.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from chainrule import chain as maths
from chainrule.arrays import Array
from chainrule.engine import twins
from chainrule.engine.dispatch import COSTS, choose, products, threads_for
from chainrule.errors import CompileError, InputError
from chainrule.estimators.rules import EpsilonHatAdam
from chainrule.layers import Run
from chainrule.model import Model
from chainrule.optimizers import Adam, Optimizer
from chainrule.optimizers.base import Moments
from chainrule.training.loop import counted, norm

WORTH_COMPILING = 0.1
"""Seconds of the reference's work, by ``chainrule.engine.dispatch.COSTS``, from which ``engine="auto"`` compiles."""


@dataclass(frozen=True)
class Rows:
    """Rows to train on.

    Attributes:
        x: inputs (N, inputs), a dense or a sparse matrix.
        t: targets (N, outputs).
        weights: how much each row counts (N,), or None.
    """

    x: Any
    t: Array
    weights: Array | None = None


@dataclass(frozen=True)
class Batching:
    """How batches become updates.

    Attributes:
        size: rows of a batch.
        alpha: the penalty ``alpha/2 sum W^2``, shared among a batch's rows.
        scale: what the rows' loss is multiplied by when it is told (not when it is differentiated).
        clip_norm, clip_value: as for ``Network.fit``.
        seed: of dropout.
        threads: as for ``Network.fit``.
    """

    size: int
    alpha: float
    scale: float = 1.0
    clip_norm: float | None = None
    clip_value: float | None = None
    seed: int = 0
    threads: int | None = None


@dataclass
class Descent:
    """An optimizer on its way: what it remembers, the rate of the day, and how many updates it has made."""

    optimizer: Optimizer
    learning_rate: float
    moments: Moments
    count: int = 0


class Epochs(Protocol):
    """What goes through an epoch's batches."""

    def run(self, order: Array | None, etas: Array) -> float:
        """Make an update for each learning rate, in that order of rows; the mean loss of the batches by rows."""
        ...

    def change_rate(self, eta: float) -> None:
        """Another learning rate from now on.

        A velocity that is kept in units of the gradient is turned into steps by the rate of the day; scikit-learn keeps
        steps. What is under way keeps its length: the velocity is multiplied by the old rate over the new.
        """
        ...

    def gradient_norm(self) -> float:
        """Length of the last update's gradient."""
        ...

    def loss_and_gradient(self) -> tuple[float, Array]:
        """``E`` and its gradient over all rows, at the model's parameters."""
        ...

    def close(self) -> None:
        """Hand the optimizer's memory back to the ``Descent``."""
        ...


def epochs_of(
    model: Model, rows: Rows, batching: Batching, descent: Descent, *, engine: str, epochs: int, limit: float = np.inf
) -> Epochs:
    """The engine for so many epochs; ``"auto"`` compiles where the reference would be at it for a while.

    Args:
        model: to train.
        rows: to train on.
        batching: how.
        descent: by which optimizer.
        engine: as for ``Network.fit``.
        epochs: at most.
        limit: seconds after which training will be stopped.

    Raises:
        InputError: ``"compiled"`` is asked for and something stands in the way.
        CompileError: somebody's own function cannot be compiled, and ``"compiled"`` is asked for.
    """
    chain, count = model.chain, rows.x.shape[0]
    theirs = isinstance(descent.optimizer, EpsilonHatAdam)
    known = Adam() if theirs else descent.optimizer
    if engine == "auto":
        seconds = min(limit, COSTS["reference"].training(chain, count, batching.size, epochs))
        goes_on = descent.count > 0 and not theirs and set(descent.moments) - {"velocity"}  # counts its updates
        dense = isinstance(rows.x, np.ndarray)
        if seconds < WORTH_COMPILING or not dense or goes_on or twins.obstacle(chain, known):
            engine = "reference"
    elif not isinstance(rows.x, np.ndarray):
        raise InputError(f"engine={engine!r} needs dense inputs: pass X.toarray(), or engine='auto'.")
    if choose("compiled" if engine == "auto" else engine, chain, known, rows=count) == "reference":
        return ReferenceEpochs(model, rows, batching, descent)
    try:
        return CompiledEpochs(model, rows, batching, descent)
    except CompileError:
        if engine == "compiled":
            raise
        return ReferenceEpochs(model, rows, batching, descent)


# -------------------------------------------------------------------------------- the layers' own NumPy
class ReferenceEpochs:
    """Batch after batch by ``chainrule.chain``."""

    def __init__(self, model: Model, rows: Rows, batching: Batching, descent: Descent) -> None:
        self.model, self.rows, self.batching, self.descent = model, rows, batching, descent
        self.counts = _counts(rows)
        self.free = _all_or(maths.free_entries(model.chain))
        self.decayed = maths.decayed_entries(model.chain).astype(model.chain.dtype)
        self.dropping = np.random.default_rng(np.random.SeedSequence(batching.seed).spawn(2)[1])
        self.last = np.zeros(1)

    def run(self, order: Array | None, etas: Array) -> float:
        """As ``Epochs`` tells."""
        count, size, total = self.rows.x.shape[0], self.batching.size, 0.0
        for b, eta in enumerate(etas.tolist()):
            part = slice(b * size, min((b + 1) * size, count))
            chosen = part if order is None else order[part]
            loss, gradient = self._pass(chosen)
            total += loss * (part.stop - part.start)
            self._update(gradient, eta)
        return total / count

    def _update(self, gradient: Array, eta: float) -> None:
        batching, descent, vector = self.batching, self.descent, self.model.parameters.vector
        if self.free is not None:
            gradient = np.where(self.free, gradient, 0)
        if batching.clip_value is not None:
            gradient = np.clip(gradient, -batching.clip_value, batching.clip_value)
        if batching.clip_norm is not None and (length := norm(gradient)) > batching.clip_norm:
            gradient = gradient * (batching.clip_norm / length)
        self.last = gradient
        with np.errstate(all="ignore"):
            descent.count += 1
            update, descent.moments = descent.optimizer.update(descent.moments, gradient, eta, descent.count)
            if descent.optimizer.decay:
                update = update + eta * descent.optimizer.decay * self.decayed * vector
        vector -= (update if self.free is None else np.where(self.free, update, 0)).astype(vector.dtype, copy=False)

    def _pass(self, chosen: Any, *, training: bool = True) -> tuple[float, Array]:
        """``E_b`` and its gradient."""
        model, alpha = self.model, self.batching.alpha
        x, t = self.rows.x[chosen], self.rows.t[chosen]
        weights = None if self.counts is None else self.counts[chosen]
        run = Run(training=training, state=model.state, rng=self.dropping)
        with np.errstate(all="ignore"):
            done = maths.forward_backward(model.chain, model.parameters, x, t, run, weights)
            weight = float(x.shape[0] if weights is None else weights.sum(dtype=np.float64))
            vector, gradient, loss = model.parameters.vector, done.gradient, done.loss * self.batching.scale
            if alpha:
                wanted = self.decayed * vector
                penalty = alpha / weight if weight else 0.0
                gradient = gradient + wanted * vector.dtype.type(penalty)
                loss += 0.5 * penalty * float(np.dot(wanted, vector))
        if training:
            model.state = maths.next_state(model.chain, model.state, done.records)
        return loss, gradient

    def loss_and_gradient(self) -> tuple[float, Array]:
        """As ``Epochs`` tells."""
        loss, gradient = self._pass(slice(None))
        return loss, gradient if self.free is None else np.where(self.free, gradient, 0)

    def change_rate(self, eta: float) -> None:
        """As ``Epochs`` tells."""
        descent = self.descent
        if (velocity := descent.moments.get("velocity")) is not None:
            descent.moments = {"velocity": velocity * velocity.dtype.type(descent.learning_rate / eta)}
        descent.learning_rate = eta

    def gradient_norm(self) -> float:
        """As ``Epochs`` tells."""
        return norm(self.last)

    def close(self) -> None:
        """As ``Epochs`` tells: it was never elsewhere."""


def _all_or(free: Array) -> Array | None:
    """Which entries training may change; None: all."""
    return None if free.all() else free


def _counts(rows: Rows) -> Array | None:
    """How much each row counts, 0 for those without a target; None if all count alike."""
    counts = counted(rows.t, rows.weights)
    return None if rows.weights is None and (counts == 1).all() else counts


# -------------------------------------------------------------------------------- machine code
class CompiledEpochs:
    """Batch after batch by a session of the compiled engine."""

    def __init__(self, model: Model, rows: Rows, batching: Batching, descent: Descent) -> None:
        from chainrule.engine import session as engine  # noqa: PLC0415 - LLVM only where something is compiled

        optimizer = descent.optimizer
        theirs = optimizer if isinstance(optimizer, EpsilonHatAdam) else None
        recipe = engine.Recipe(
            optimizer if theirs is None else Adam(theirs.learning_rate, theirs.beta1, theirs.beta2, theirs.epsilon),
            batching.size, shuffle=False, seed=batching.seed, clip_norm=batching.clip_norm,
            clip_value=batching.clip_value,
        )  # fmt: skip
        threads = threads_for(batching.threads, 3 * batching.size * products(model.chain))
        x, t = np.ascontiguousarray(rows.x), np.ascontiguousarray(rows.t, model.chain.dtype)
        counts = _counts(rows)
        self.session = engine.Session(model, engine.Rows(x, t, counts), None, recipe, threads)
        self.model, self.descent, self.rows = model, descent, rows
        self.numbers, self.record = np.zeros(8), np.zeros(8)
        self.numbers[:3] = batching.alpha, batching.scale, descent.count
        if theirs is not None:
            self.numbers[3:6] = theirs.beta1, theirs.beta2, theirs.epsilon
        self._retable(theirs is not None)
        self._remember()
        self.norm = 0.0

    def _retable(self, theirs: bool) -> None:
        """The batch's own loss before the other work on gradients, and Adam's numbers as scikit-learn has them."""
        from chainrule.engine import words as w  # noqa: PLC0415 - as above
        from chainrule.engine.plan import Table, address  # noqa: PLC0415 - as above

        session = self.session
        chain, layout = session.model.chain, session.layout
        self.decayed = layout.spread(maths.decayed_entries(chain).astype(chain.dtype))
        counts = session.rows.counts
        stretches = session.stretches()
        starts = np.cumsum([0, *(-(-length // w.BLOCK) for _, length, _ in stretches)])  # of each one's squares
        self.squares = np.zeros(starts[-1])

        def words(begin: int, length: int, unit: int, block: int = 0) -> list[int]:
            here = begin * chain.dtype.itemsize
            return [
                address(session.gradient) + here, address(session.parameters) + here, length,
                address(self.decayed) + here, address(self.numbers), address(session.row_loss),
                0 if counts is None else address(counts), address(self.record), address(self.squares[block:]), unit,
            ]  # fmt: skip

        table, step = Table(session.space), Table(session.space)
        table.ops += [op for op, name in zip(session.sum_table.ops, session.sum_table.names, strict=True)
                      if name == "updates:add_shards"]  # fmt: skip
        if self.numbers[0]:
            for stretch, block in zip(stretches, starts[:-1], strict=True):
                table.add("batchwise:squares", *words(*stretch, block))
        table.add("batchwise:account", *words(0, len(self.squares), 1))
        for stretch in stretches:
            table.add("batchwise:penalise", *words(*stretch))
        table.ops += [op for op, name in zip(session.sum_table.ops, session.sum_table.names, strict=True)
                      if name != "updates:add_shards"]  # fmt: skip
        step.ops += session.step_table.ops
        if theirs:
            step.add("batchwise:prepare_adam", *words(0, 0, 1))
            step.ops[0] = step.ops.pop()
        self.sums, self.steps = table.array(), step.array()
        session.jobs[:, w.J_SUM_OPS], session.jobs[:, w.J_SUM_COUNT] = address(self.sums), len(table.ops)
        session.jobs[:, w.J_STEP_OPS] = address(self.steps)
        session.may_step = False

    def _remember(self) -> None:
        """The optimizer goes on where it stopped."""
        from chainrule.engine.rules import rule_of  # noqa: PLC0415 - as above

        session = self.session
        self.names = rule_of(session.recipe.optimizer).moments
        for name, memory in zip(self.names, session.moments, strict=True):
            memory[:] = session.layout.spread(np.broadcast_to(self.descent.moments[name], session.model.chain.size))

    def run(self, order: Array | None, etas: Array) -> float:
        """As ``Epochs`` tells."""
        session, descent = self.session, self.descent
        if order is not None:
            session.order[: len(order)] = order
        self.record[:] = 0.0
        ran = session.run(etas)
        if ran.stop:
            return np.nan
        descent.count += len(etas)
        self.norm = float(ran.norms[-1])
        return float(self.record[0]) / len(session.rows.x)

    def change_rate(self, eta: float) -> None:
        """As ``Epochs`` tells."""
        if "velocity" in self.names:
            self.session.moments[0] *= self.descent.learning_rate / eta
        self.descent.learning_rate = eta

    def gradient_norm(self) -> float:
        """As ``Epochs`` tells."""
        return self.norm

    def close(self) -> None:
        """As ``Epochs`` tells."""
        session = self.session
        self.descent.moments = {
            name: session.flat(memory) for name, memory in zip(self.names, session.moments, strict=True)
        }

    def loss_and_gradient(self) -> tuple[float, Array]:
        """As ``Epochs`` tells."""
        session = self.session
        session.state[0] = 0
        self.record[:] = 0.0
        ran = session.run(np.ones(1), apply=False)
        if ran.stop:
            return np.inf, np.full(self.model.chain.size, np.nan, self.model.chain.dtype)
        return float(self.record[1]), session.flat(session.gradient)
