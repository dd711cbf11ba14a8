"""Training copies each by ``fit``; compiled runs are shared out among threads, each with one of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Literal, cast

import numpy as np

from chainrule.core.model import Model
from chainrule.engine.choose import choose
from chainrule.engine.threads import available_threads
from chainrule.errors import DivergenceError
from chainrule.sweeps.lanes import Show
from chainrule.sweeps.trained import Copy, TrainedCopies
from chainrule.training import Call, History, fit


def train_one_by_one(
    call: Call, copies: Sequence[Copy], group: Sequence[int], trained: TrainedCopies, show: Show
) -> None:
    """Train copies one after the other, or in threads.

    Args:
        call: rows and settings of all.
        copies: all of the ensemble.
        group: the numbers of those to train.
        trained: where the results go.
        show: moves the progress bar.
    """
    if not group:
        return
    settings = call.settings
    engine = _engine(call, copies, group)

    def train(k: int) -> int:
        _train(call, copies[k], k, engine, trained)
        return k

    in_threads = engine == "compiled" and not settings.callbacks  # which see one training after the other
    threads = min(settings.threads or available_threads(), len(group)) if in_threads else 1
    for k in map(train, group) if threads == 1 else _as_they_end(train, group, threads):
        show(settings.epochs, trained.losses[k, -1:])
        if trained.stopped[k] == "interrupted":
            raise KeyboardInterrupt


def _engine(call: Call, copies: Sequence[Copy], group: Sequence[int]) -> Literal["compiled", "reference"]:
    """The engine for all of them, chosen for their work together.

    Raises:
        InputError: one of them cannot be trained by the engine of the settings; nothing was begun.
    """
    engine: Literal["compiled", "reference"] = "reference"
    for k in group:
        engine = choose(
            call.settings.engine, call.model.chain, copies[k].optimizer, rows=len(call.data.x), batch=call.batch_size,
            epochs=max(call.settings.epochs, 1) * len(group),
        )  # fmt: skip
    return engine


def _train(call: Call, copy: Copy, k: int, engine: str, trained: TrainedCopies) -> None:
    """Train copy ``k`` in the time that is left, and write down what became of it."""
    left = trained.time_left(call.settings)
    if left <= 0:
        trained.stopped[k] = "time limit"
        return
    settings = replace(
        call.settings, optimizer=copy.optimizer, seed=copy.seed, engine=engine, threads=1, progress=False,
        time_limit=None if left == np.inf else left,
    )  # fmt: skip
    model = call.model.with_vector(copy.vector).copy()
    try:
        history = fit(replace(call, model=model, settings=settings))
    except DivergenceError as diverged:
        history = cast("History", diverged.history)
        history.stopped = "diverged"  # also where all epochs were over when it was found
    _record(trained, k, model, history)


def _record(trained: TrainedCopies, k: int, model: Model, history: History) -> None:
    """Write down what ``fit`` measured of one copy."""
    epochs = history.epochs
    trained.losses[k, :epochs], trained.norms[k, :epochs] = history.losses, history.gradient_norms
    if history.validation_losses:
        trained.validation_losses[k, :epochs] = history.validation_losses
    trained.vectors[k], trained.states[k] = model.parameters.vector, model.state
    trained.stopped[k], trained.histories[k] = history.stopped, history
    trained.best_epochs[k] = history.best_epoch if history.restored else -1


def _as_they_end(train: Callable[[int], int], group: Sequence[int], threads: int) -> Iterator[int]:
    """The copies' numbers as their training ends; Ctrl-C lets those that have begun end."""
    pool = ThreadPoolExecutor(threads)
    waiting: set[Future[int]] = {pool.submit(train, k) for k in group}
    try:
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
