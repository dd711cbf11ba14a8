"""Training as a plain generator: one ``Update`` after each change of the parameters.

Each update: gather a batch, forward, loss, backward, penalties, clipping, the optimizer's rule, subtract.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain, Pass
from chainrule.core.layers import Record, Run
from chainrule.core.model import Model
from chainrule.core.parameters import Parameters
from chainrule.errors import DivergenceError, InputError
from chainrule.optimizers import SecondOrderOptimizer
from chainrule.optimizers.schedules import Clock, Memory
from chainrule.training.settings import Settings


@dataclass(frozen=True)
class Update:
    """One change of the parameters, just made.

    Attributes:
        epoch, number: which one, both from 0.
        rows: the batch's row numbers.
        loss: E of the batch, before the update.
        learning_rate: eta.
        gradients: by name, of the batch's part in E over all rows, after penalties and clipping.
        updates: by name, what was subtracted from the parameters.
        parameters: by name, after the update: live views.
        ends_epoch: whether it was the epoch's last.
        details: what a second-order optimizer tells of its step, by name.
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
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Watched:
    """What the loop is told from outside while it runs: the schedule's memory of the losses."""

    memory: Memory = field(default_factory=Memory)


def training(
    model: Model, x: Array, t: Array, weights: Array | None, settings: Settings, watched: Watched | None = None, *,
    compiled: bool = False,
) -> Generator[Update, None, str | None]:  # fmt: skip
    """Train ``model`` in place, yielding after each update; stop taking and training has stopped.

    Hands back why it ended if that was before the epochs were over, as a generator does. With ``compiled`` a
    second-order optimizer gets its gradients from the compiled engine.

    Raises:
        InputError: a layer cannot be trained on batches as small as these, no row has a target, or the optimizer is of
            second order and not made for this network.
        DivergenceError: a loss, gradient or update is not finite; raised before the parameters are touched by it.
    """
    check_run(model, x, t, weights, settings)
    if isinstance(settings.optimizer, SecondOrderOptimizer):
        from chainrule.training.second_order import iterations  # noqa: PLC0415 - it yields the Update of this module

        return iterations(model, x, t, weights, settings, settings.optimizer, compiled=compiled)
    return _updates(model, x, t, weights, settings, watched or Watched())


def _updates(
    model: Model, x: Array, t: Array, weights: Array | None, settings: Settings, watched: Watched
) -> Generator[Update, None, None]:
    chain, vector = model.chain, model.parameters.vector
    free, decayed = maths.free_entries(chain), maths.decayed_entries(chain)
    shuffling, dropping = (np.random.default_rng(s) for s in np.random.SeedSequence(settings.seed).spawn(2))
    rule, schedule = settings.rule, settings.optimizer.schedule
    size = min(settings.batch_size or len(x), len(x))
    per_epoch = -(-len(x) // size)
    counts = counted(t, weights)
    moments = rule.start(
        chain.size, chain.dtype, schedule.rate(Clock(0, 0, per_epoch * settings.epochs, settings.epochs), Memory())
    )

    number = 0
    for epoch in range(settings.epochs):
        batches = _batches(len(x), size, shuffling if settings.shuffle else None)
        for b, rows in enumerate(batches):
            clock = Clock(number, epoch, per_epoch * settings.epochs, settings.epochs)
            eta = float(schedule.rate(clock, watched.memory))
            whole = len(batches) == 1
            x_rows, t_rows = (x, t) if whole else (x[rows], t[rows])
            w_rows = weights if weights is None or whole else weights[rows]
            run = Run(training=True, state=model.state, rng=dropping)

            with np.errstate(all="ignore"):  # overflow is looked for in the results, where it can be named
                done = maths.forward_backward(chain, model.parameters, x_rows, t_rows, run, w_rows)
                gradient = _penalised(done.gradient * _standing(counts, rows), vector, decayed, settings)
                check_finite(chain, done, gradient, epoch, number)
                gradient = _clipped(np.where(free, gradient, 0), settings).astype(chain.dtype, copy=False)
                update, moments = rule.update(moments, gradient, eta, number + 1)
                if rule.decay:
                    update = update + eta * rule.decay * np.where(decayed, vector, 0)
                update = np.where(free, update, 0).astype(chain.dtype, copy=False)
                after = vector - update
                check_update(chain, after, epoch, number)

            vector[...] = after
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


def check_run(model: Model, x: Array, t: Array, weights: Array | None, settings: Settings) -> None:
    """Refuse what cannot be trained, before anything is changed.

    Raises:
        InputError: as for ``training``.
    """
    check_targets("t", t, weights)
    if isinstance(settings.optimizer, SecondOrderOptimizer):
        from chainrule.training.second_order import check_iterations  # noqa: PLC0415 - as above

        check_iterations(model, len(x), settings, settings.optimizer)
    _check_batches(model.chain, len(x), settings.batch_size)


def check_targets(name: str, t: Array, weights: Array | None) -> None:
    """Refuse targets that are missing in every row that counts: nothing could be learned or judged by them."""
    if not counted(t, weights).any():
        raise InputError(f"{name} has no target: all are missing (NaN) in the rows that count.")


def counted(t: Array, weights: Array | None) -> Array:
    """How much each row counts, shape (N,): its weight, 0 if it has no target."""
    return np.where(np.isnan(t).all(axis=1), 0.0, 1.0 if weights is None else weights).astype(t.dtype)


def _standing(counts: Array, rows: Array) -> Any:
    """How much a batch's rows count beside all rows, on the mean: 1 where all rows count alike.

    A batch's own loss is its weighted mean, ``sum_n w_n e_n / sum_n w_n`` over its rows, in which the weight of a batch
    as a whole cancels; times this factor its gradient is, on the mean over batches, that of E over all rows.
    """
    return 1.0 if len(rows) == len(counts) else counts.dtype.type(counts[rows].mean() / counts.mean())


def _check_batches(chain: Chain, rows: int, batch_size: int | None) -> None:
    """Refuse batches too small for a layer before the first of them has changed anything."""
    size = min(batch_size or rows, rows)
    smallest = rows % size or size
    for l, layer in enumerate(chain.layers, start=1):
        if smallest < layer.smallest_batch:
            raise InputError(
                f"layer {l}, {type(layer).__name__}, needs at least {layer.smallest_batch} rows in every batch, but "
                f"{rows} rows in batches of {size} leave one of {smallest}: choose another batch_size."
            )


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
        length = norm(gradient)
        if length > settings.clip_norm:
            gradient = gradient * (settings.clip_norm / length)
    return gradient


def norm(vector: Array) -> float:
    """The Euclidean norm; squares are taken of shares of the largest number, as its own might overflow."""
    top = float(np.abs(vector).max(initial=0))
    return top * float(np.linalg.norm(vector.astype(np.float64) / top)) if top else 0.0


def check_finite(chain: Chain, done: Pass, gradient: Array, epoch: int, number: int) -> None:
    """Name the first layer whose values left the finite numbers, going up, then coming down."""
    if np.isfinite(done.loss) and np.isfinite(gradient).all():
        return
    check_values(done.records, done.loss, epoch, number)
    for l in range(len(chain.layers), 0, -1):
        back = done.backs[l - 1]
        if not all(np.isfinite(values).all() for values in (back.delta, *back.gradients.values())):
            raise _diverged(f"the gradients of layer {l}", l, epoch, number)
    raise _diverged("the penalties l1 and l2", 0, epoch, number)


def check_values(records: Sequence[Record], loss: float, epoch: int, number: int) -> None:
    """Name the first layer whose values left the finite numbers, or the loss.

    Raises:
        DivergenceError: they did.
    """
    for l, record in enumerate(records, start=1):
        if not np.isfinite(record["z"]).all() or not np.isfinite(record["a"]).all():
            raise _diverged(f"the values of layer {l}", l, epoch, number)
    if not np.isfinite(loss):
        raise _diverged("the loss", 0, epoch, number)


def check_update(chain: Chain, after: Array, epoch: int, number: int) -> None:
    """Name the first layer whose parameters the update would take out of the finite numbers."""
    if not np.isfinite(after).all():
        layer = next(slot.layer for slot in chain.slots if not np.isfinite(slot.view(after)).all())
        raise _diverged(f"the parameters of layer {layer}", layer, epoch, number)


def _diverged(where: str, layer: int, epoch: int, number: int) -> DivergenceError:
    return DivergenceError(
        f"training diverged in epoch {epoch} (update {number}): {where} left the finite numbers. "
        "A smaller learning rate, scaled inputs and targets, or clip_norm usually mend this.",
        epoch=epoch,
        layer=layer,
    )
