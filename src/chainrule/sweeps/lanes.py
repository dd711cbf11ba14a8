"""Training copies side by side, each in a lane of the processor's vector registers."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import Run
from chainrule.engine.optimizer_spec import optimizer_spec
from chainrule.engine.session import Stop
from chainrule.engine.threads import available_threads
from chainrule.engine.unrolled import program
from chainrule.optimizers import AnyOptimizer, Optimizer, first_order
from chainrule.optimizers.schedules import Schedule
from chainrule.sweeps.trained import Copy, TrainedCopies
from chainrule.training import Call
from chainrule.training.compiled import session_rows, update_spec

if TYPE_CHECKING:
    from chainrule.engine.unrolled.copies import CopiesSession  # it imports Numba

CALL_SECONDS = 0.2
"""How long all copies together are trained before Python is back: soon enough for Ctrl-C and the progress bar."""

WORTH_THREADS = 1e-3
"""Seconds of work from which a second thread pays."""

Show = Callable[[int, Array], None]
"""Moves a progress bar on: by how many epochs, and the losses they ended with."""


def shared_rule(chain: Chain, optimizer: AnyOptimizer) -> str:
    """The name of the rule that copies side by side share; empty if they must be trained alone."""
    if not isinstance(optimizer, Optimizer) or program.unsupported_reason(chain, optimizer) is not None:
        return ""
    watches = type(optimizer.schedule).observe is not Schedule.observe  # it depends on each copy's losses
    return "" if watches else optimizer_spec(optimizer).name


def train_in_lanes(
    call: Call, copies: Sequence[Copy], group: Sequence[int], trained: TrainedCopies, show: Show
) -> None:
    """Train copies of one rule side by side, some epochs at a time.

    Args:
        call: rows and settings of all.
        copies: all of the ensemble.
        group: the numbers of those to train.
        trained: where the results go.
        show: moves the progress bar.
    """
    from chainrule.engine.unrolled.copies import CopiesSession  # noqa: PLC0415 - LLVM only where it compiles

    chain, settings, data, validation = call.model.chain, call.settings, call.data, call.validation
    optimizers = [first_order(copies[k].optimizer, "training side by side") for k in group]
    session = CopiesSession(
        chain, trained.vectors[group], session_rows(data), None if validation is None else session_rows(validation),
        update_spec(call, optimizers[0]), optimizers, [copies[k].seed for k in group], settings.epochs,
        _threads(call, len(group)), patience=settings.patience or 0, min_delta=settings.min_delta,
        judges=validation is not None, norms=True,
    )  # fmt: skip
    try:
        for begin, epochs in _pieces(settings.epochs):
            ran = session.run(epochs)
            end = begin + epochs
            trained.losses[group, begin:end], trained.norms[group, begin:end] = ran.losses, ran.norms
            if ran.validation_losses is not None:
                trained.validation_losses[group, begin:end] = ran.validation_losses
            show(epochs * len(group), ran.losses[:, -1])
            if ran.interrupted:
                raise KeyboardInterrupt
            if session.stopped.all() or trained.time_left(settings) < 0:
                break
    finally:
        _finish(session, call, group, trained)


def _threads(call: Call, copies: int) -> int:
    """The number that was given, or as many as pay."""
    if call.settings.threads is not None:
        return call.settings.threads
    seconds = 1e-9 * call.model.chain.size * len(call.data.x) * call.settings.epochs * copies
    return available_threads() if seconds > WORTH_THREADS else 1


def _pieces(epochs: int) -> Iterator[tuple[int, int]]:
    """Epochs in pieces that take about ``CALL_SECONDS`` each: where each begins, and how many."""
    begin, size = 0, 1
    while begin < epochs:
        started = time.perf_counter()
        yield begin, min(size, epochs - begin)
        begin += size
        seconds = max(time.perf_counter() - started, 1e-6)
        size = max(1, min(int(size * CALL_SECONDS / seconds), 16 * size))


def _finish(session: "CopiesSession", call: Call, group: Sequence[int], trained: TrainedCopies) -> None:
    """How each copy of a group ended, and with which parameters."""
    settings = call.settings
    keeps_best = session.form.judges
    last, best = session.vectors, session.best_vectors if keeps_best else None
    large = np.abs(last).max(axis=1, initial=0) > np.finfo(last.dtype).max ** 0.25  # seldom: then it is checked
    last_improved, best_epochs = session.last_improved, session.best_epochs
    for place, k in enumerate(group):
        trained.vectors[k] = last[place]
        if session.stopped[place] == Stop.PATIENCE:
            trained.stopped[k] = "patience"
            end = last_improved[place] + (settings.patience or 0) + 1  # the lane went on until all others had stopped
            for losses in (trained.losses, trained.validation_losses, trained.norms):
                losses[k, end:] = np.nan
        elif session.stopped[place] == Stop.NOT_FINITE or (
            large[place] and not keeps_best and not _ends_finite(call, last[place])
        ):
            trained.stopped[k] = "diverged"
        elif session.epochs_done == settings.epochs:
            trained.stopped[k] = "all epochs"
        elif trained.time_left(settings) < 0:
            trained.stopped[k] = "time limit"
        if best is not None and best_epochs[place] >= 0:
            trained.vectors[k], trained.best_epochs[k] = best[place], best_epochs[place]


def _ends_finite(call: Call, vector: Array) -> bool:
    """Whether outputs are finite under the last parameters: no update came after them to see it."""
    chain = call.model.chain
    with np.errstate(all="ignore"):
        parameters, state = call.model.parameters.with_vector(vector), maths.initial_state(chain)
        y = maths.forward(chain, parameters, call.data.x, Run(state=state))[-1]["a"]
    return bool(np.isfinite(y).all())
