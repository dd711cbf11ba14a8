"""Updates, each by the loss of its own batch: ``E_b = (sum_n w_n e_n + alpha/2 sum W^2)/sum_n w_n``.

This is how scikit-learn counts: the penalty is divided by the batch's rows and counts in the loss, and a batch's
gradient is that of its own loss. Two classes go through an epoch's batches: ``ReferenceEpochs`` with the layers' own
NumPy, and ``CompiledEpochs`` with a session of the compiled engine.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.core.seeds import streams
from chainrule.engine import session, support
from chainrule.engine.choose import choose
from chainrule.engine.cost import COSTS, products
from chainrule.engine.threads import threads_for
from chainrule.errors import CompileError, InputError
from chainrule.estimators.adam import EpsilonHatAdam
from chainrule.optimizers import Adam, Optimizer
from chainrule.optimizers.base import Moments
from chainrule.training.batches import counted
from chainrule.training.clipping import clipped, norm

WORTH_COMPILING = 0.1
"""Seconds of the reference's work, by ``chainrule.engine.cost.COSTS``, from which ``engine="auto"`` compiles."""


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
        scale: what the rows' loss is multiplied by when it is reported (not when it is differentiated).
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
    """An optimizer in the middle of training: what it remembers, the current rate, and how many updates it has made."""

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

        A velocity that is kept in units of the gradient is turned into steps by the current rate; scikit-learn keeps
        steps. So that steps keep their length: the velocity is multiplied by the old rate over the new.
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
    """The engine for so many epochs; ``"auto"`` compiles where the reference would take a while.

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
        CompileError: a user's function cannot be compiled, and ``"compiled"`` is asked for.
    """
    chain, count = model.chain, rows.x.shape[0]
    epsilon_hat = isinstance(descent.optimizer, EpsilonHatAdam)
    known = Adam() if epsilon_hat else descent.optimizer
    if engine == "auto":
        seconds = min(limit, COSTS["reference"].training(chain, count, batching.size, epochs))
        goes_on = descent.count > 0 and not epsilon_hat and set(descent.moments) - {"velocity"}  # counts its updates
        dense = isinstance(rows.x, np.ndarray)
        if seconds < WORTH_COMPILING or not dense or goes_on or support.unsupported_reason(chain, known):
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
    """Batch after batch by ``chainrule.core.chain``."""

    def __init__(self, model: Model, rows: Rows, batching: Batching, descent: Descent) -> None:
        self.model, self.rows, self.batching, self.descent = model, rows, batching, descent
        self.counts = _counts(rows)
        self.free = _unless_all(maths.free_entries(model.chain))
        self.decayed = maths.decayed_entries(model.chain).astype(model.chain.dtype)
        self.dropping = streams(batching.seed).dropout
        self.last = np.zeros(1)

    def run(self, order: Array | None, etas: Array) -> float:
        """See ``Epochs``."""
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
        gradient = clipped(gradient, batching.clip_value, batching.clip_norm)
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
        """See ``Epochs``."""
        loss, gradient = self._pass(slice(None))
        return loss, gradient if self.free is None else np.where(self.free, gradient, 0)

    def change_rate(self, eta: float) -> None:
        """See ``Epochs``."""
        descent = self.descent
        if (velocity := descent.moments.get("velocity")) is not None:
            descent.moments = {"velocity": velocity * velocity.dtype.type(descent.learning_rate / eta)}
        descent.learning_rate = eta

    def gradient_norm(self) -> float:
        """See ``Epochs``."""
        return norm(self.last)

    def close(self) -> None:
        """Nothing: the optimizer's memory was never elsewhere."""


def _unless_all(free: Array) -> Array | None:
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
        from chainrule.engine.runtime.kernel_session import KernelSession  # noqa: PLC0415 - LLVM only where compiled

        optimizer = descent.optimizer
        epsilon_hat = isinstance(optimizer, EpsilonHatAdam)
        if isinstance(optimizer, EpsilonHatAdam):
            optimizer = Adam(optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon)
        spec = session.UpdateSpec(
            optimizer, batching.size, shuffle=False, seed=batching.seed, clip_norm=batching.clip_norm,
            clip_value=batching.clip_value,
            batch_loss=session.BatchLoss(batching.alpha, batching.scale, descent.count, epsilon_hat),
        )  # fmt: skip
        threads = threads_for(batching.threads, 3 * batching.size * products(model.chain))
        x, t = np.ascontiguousarray(rows.x), np.ascontiguousarray(rows.t, model.chain.dtype)
        self.session: session.Session = KernelSession(model, session.Rows(x, t, _counts(rows)), None, spec, threads)
        self.session.set_moments(descent.moments)
        self.descent, self.norm = descent, 0.0

    def run(self, order: Array | None, etas: Array) -> float:
        """See ``Epochs``."""
        ran = self.session.run(etas, order=order)
        if ran.stop:
            return np.nan
        self.descent.count += len(etas)
        self.norm = float(ran.norms[-1])
        return ran.batch_losses / len(self.session.rows.x)

    def change_rate(self, eta: float) -> None:
        """See ``Epochs``."""
        moments = dict(self.session.moments())
        if "velocity" in moments:
            moments["velocity"] *= self.descent.learning_rate / eta
            self.session.set_moments(moments)
        self.descent.learning_rate = eta

    def gradient_norm(self) -> float:
        """See ``Epochs``."""
        return self.norm

    def close(self) -> None:
        """See ``Epochs``."""
        self.descent.moments = self.session.moments()

    def loss_and_gradient(self) -> tuple[float, Array]:
        """See ``Epochs``."""
        return self.session.loss_and_gradient()
