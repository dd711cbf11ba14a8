"""Training as a plain generator: one ``Update`` after each change of the parameters.

Each update: gather a batch, forward, loss, backward, penalties, clipping, the optimizer's rule, subtract.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from chainrule import chain as maths
from chainrule.arrays import Array
from chainrule.chain import Chain, Pass
from chainrule.errors import DivergenceError
from chainrule.layers import Run
from chainrule.model import Model
from chainrule.optimizers.schedules import Clock, Memory
from chainrule.parameters import Parameters
from chainrule.training.settings import Settings


@dataclass(frozen=True)
class Update:
    """One change of the parameters, just made.

    Attributes:
        epoch, number: which one, both from 0.
        rows: the batch's row numbers.
        loss: E of the batch, before the update.
        learning_rate: eta.
        gradients: by name, after penalties and clipping.
        updates: by name, what was subtracted from the parameters.
        parameters: by name, after the update: live views.
        ends_epoch: whether it was the epoch's last.
    """

    epoch: int
    number: int
    rows: Array
    loss: float
    learning_rate: float
    gradients: Parameters
    updates: Parameters
    parameters: Parameters
    ends_epoch: bool


@dataclass
class Watched:
    """What the loop is told from outside while it runs: the schedule's memory of the losses."""

    memory: Memory = field(default_factory=Memory)


def training(
    model: Model, x: Array, t: Array, weights: Array | None, settings: Settings, watched: Watched | None = None
) -> Iterator[Update]:
    """Train ``model`` in place, yielding after each update; stop taking and training has stopped.

    Raises:
        DivergenceError: a loss or gradient is not finite; raised before the parameters are touched by it.
    """
    watched = watched or Watched()
    chain, vector = model.chain, model.parameters.vector
    free, decayed = maths.free_entries(chain), maths.decayed_entries(chain)
    shuffling, dropping = (np.random.default_rng(s) for s in np.random.SeedSequence(settings.seed).spawn(2))
    schedule = settings.optimizer.schedule
    size = min(settings.batch_size or len(x), len(x))
    per_epoch = -(-len(x) // size)
    moments = settings.optimizer.start(
        chain.size, chain.dtype, schedule.rate(Clock(0, 0, per_epoch * settings.epochs, settings.epochs), Memory())
    )

    number = 0
    for epoch in range(settings.epochs):
        batches = _batches(len(x), size, shuffling if settings.shuffle else None)
        for b, rows in enumerate(batches):
            eta = schedule.rate(Clock(number, epoch, per_epoch * settings.epochs, settings.epochs), watched.memory)
            whole = len(batches) == 1
            x_rows, t_rows = (x, t) if whole else (x[rows], t[rows])
            w_rows = weights if weights is None or whole else weights[rows]
            run = Run(training=True, state=model.state, rng=dropping)

            with np.errstate(all="ignore"):  # overflow is looked for in the results, where it can be named
                done = maths.forward_backward(chain, model.parameters, x_rows, t_rows, run, w_rows)
                gradient = _penalised(done.gradient, vector, decayed, settings)
                _check_finite(chain, done, gradient, epoch, number)
                gradient = _clipped(np.where(free, gradient, 0), settings).astype(chain.dtype, copy=False)
                update, moments = settings.optimizer.update(moments, gradient, eta, number + 1)
                if settings.optimizer.decay:
                    update = update + eta * settings.optimizer.decay * np.where(decayed & free, vector, 0)

            vector -= update
            model.state = maths.next_state(chain, model.state, done.records)
            yield Update(
                epoch,
                number,
                rows,
                done.loss,
                eta,
                model.parameters.with_vector(gradient),
                model.parameters.with_vector(update),
                model.parameters,
                ends_epoch=b == len(batches) - 1,
            )
            number += 1


def _batches(rows: int, size: int, rng: np.random.Generator | None) -> Sequence[Array]:
    """Row numbers of each batch; a single batch of all rows is left in order, as order then changes nothing."""
    order = np.arange(rows) if rng is None or size == rows else rng.permutation(rows)
    return [order[start : start + size] for start in range(0, rows, size)]


def _penalised(gradient: Array, vector: Array, decayed: Array, settings: Settings) -> Array:
    """Add the derivative of ``l1 sum |W| + l2/2 sum W^2`` over the weights."""
    if not settings.l1 and not settings.l2:
        return gradient
    return gradient + np.where(decayed, settings.l1 * np.sign(vector) + settings.l2 * vector, 0)


def _clipped(gradient: Array, settings: Settings) -> Array:
    """Each entry held between -clip_value and clip_value, then the whole scaled to a norm of at most clip_norm."""
    if settings.clip_value is not None:
        gradient = np.clip(gradient, -settings.clip_value, settings.clip_value)
    if settings.clip_norm is not None:
        norm = float(np.linalg.norm(gradient))
        if norm > settings.clip_norm:
            gradient = gradient * (settings.clip_norm / norm)
    return gradient


def _check_finite(chain: Chain, done: Pass, gradient: Array, epoch: int, number: int) -> None:
    """Name the first layer whose values left the finite numbers, going up, then coming down."""
    if np.isfinite(done.loss) and np.isfinite(gradient).all():
        return
    where, layer = "the loss", 0
    for l, record in enumerate(done.records, start=1):
        if not np.isfinite(record["z"]).all() or not np.isfinite(record["a"]).all():
            where, layer = f"the values of layer {l}", l
            break
    else:
        if np.isfinite(done.loss):
            for l in range(len(chain.layers), 0, -1):
                finite = [np.isfinite(g).all() for g in done.backs[l - 1].gradients.values()]
                if not all(finite) or not np.isfinite(done.backs[l - 1].delta).all():
                    where, layer = f"the gradients of layer {l}", l
                    break
    raise DivergenceError(
        f"training diverged in epoch {epoch} (update {number}): {where} left the finite numbers. "
        "A smaller learning rate, scaled inputs and targets, or clip_norm usually mend this.",
        epoch=epoch,
        layer=layer,
    )
