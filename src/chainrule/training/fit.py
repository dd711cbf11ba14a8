"""``fit``: the loop over ``training``, with what belongs to an epoch: validation, the best parameters, stopping."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Record, Run
from chainrule.core.model import Model
from chainrule.core.parameters import Parameters
from chainrule.engine.dispatch import choose
from chainrule.errors import CompileError, DivergenceError
from chainrule.optimizers import SecondOrderOptimizer
from chainrule.training.call import Call, Data
from chainrule.training.history import History
from chainrule.training.progress import ProgressBar
from chainrule.training.reference import (
    Update,
    Watched,
    check_run,
    check_targets,
    check_values,
    counted,
    norm,
    training,
)
from chainrule.training.settings import Settings
from chainrule.training.threads import suitable_threads

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Event:
    """What a callback is handed.

    Attributes:
        name: the event.
        history: the record so far.
        model: chain, parameters and state, live.
        update: the last update; None at the start.
    """

    name: str
    history: History
    model: Model
    update: Update | None


class _Best(NamedTuple):
    """The parameters of one epoch, and the loss they are judged by."""

    loss: float
    epoch: int
    vector: Array
    state: tuple[Record, ...]

    def parameters(self, model: Model) -> Parameters:
        return model.parameters.with_vector(self.vector)

    def put_back(self, model: Model) -> None:
        model.parameters.vector[...] = self.vector
        model.state = self.state


class FitRun:
    """One run's bookkeeping: what was measured, which parameters were best, and whether to go on."""

    def __init__(self, model: Model, data: Data, validation: Data | None, settings: Settings) -> None:
        self.model, self.data, self.validation, self.settings = model, data, validation, settings
        self.history = History(settings.seed)
        self.watched = Watched()
        self.best = self._now(np.inf, -1)
        self.enter()
        self.last_call: Callable[[], Update] | None = None  # what the last update was, for those who ask
        self._to_beat, self._bettered = np.inf, -1  # by what patience judges: the loss, and the epoch that reached it
        self._started = time.perf_counter()
        self._counted: Array | None = None
        self._loss = self._weight = 0.0

    @property
    def keeps_best(self) -> bool:
        """Whether the best epoch's parameters are put back in the end."""
        return self.best.epoch >= 0 and (self.validation is not None or self.settings.patience is not None)

    def _now(self, loss: float, epoch: int) -> _Best:
        return _Best(loss, epoch, self.model.parameters.vector.copy(), self.model.state)

    def enter(self) -> None:
        """Keep the parameters that an epoch begins with; callbacks may have changed them since the last."""
        self._entered = self._now(np.inf, -1)

    def tell(self, name: str) -> None:
        """Call those who wait for the event; an answer of True stops training."""
        listeners = self.settings.listeners(name)
        if not listeners:
            return
        event = Event(name, self.history, self.model, None if self.last_call is None else self.last_call())
        for listener in listeners:
            if isinstance(answer := listener(event), bool | np.bool_) and answer:
                self.stop("callback")

    def stop(self, reason: str) -> None:
        """End the run; the first reason counts."""
        self.history.stopped = self.history.stopped or reason

    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._started

    def watch_the_clock(self) -> None:
        """Stop where the time is over."""
        limit = self.settings.time_limit
        if limit is not None and self.seconds() > limit:
            self.stop("time limit")

    def after_update(self, update: Update) -> None:
        """Move the epoch's mean loss on, by the batch's part of the rows so far; watch the clock."""
        self.last_call = lambda: update
        if self._counted is None:
            self._counted = counted(self.data.t, self.data.weights)
        weight = float(self._counted[update.rows].sum())
        self._weight += weight
        self._loss += (update.loss - self._loss) * (weight / (self._weight or 1.0))
        self.tell("update")
        self.watch_the_clock()

    def ends_epoch(self, update: Update) -> None:
        """Measure the epoch that an update of the reference ended, and judge it."""
        loss, self._loss, self._weight = self._loss, 0.0, 0.0
        validation_loss = None if self.validation is None else evaluate(self.model, self.validation)
        self.after_epoch(update.epoch, loss, validation_loss, update.learning_rate, norm(update.gradients.vector))

    def after_epoch(
        self, epoch: int, loss: float, validation_loss: float | None, learning_rate: float, gradient_norm: float
    ) -> None:
        """Write an epoch down and judge it."""
        self.history.record(loss, validation_loss, learning_rate, gradient_norm, self.seconds())
        judged = loss if validation_loss is None else validation_loss
        self.watched.memory = self.settings.optimizer.schedule.observe(self.watched.memory, judged)
        if judged < self._to_beat - self.settings.min_delta:
            self._to_beat, self._bettered = judged, epoch
        if judged < self.best.loss:
            # a training loss is taken before the updates, so it belongs to the parameters that entered the epoch
            judged_by = self._entered if self.validation is None else self._now(judged, epoch)
            self.best = judged_by._replace(loss=judged, epoch=epoch)
            self.history.best_epoch = epoch
            self.tell("improvement")
        self.tell("epoch")
        self.enter()
        if self.settings.patience is not None and epoch - self._bettered >= self.settings.patience:
            self.stop("patience")

    def best_from(self, loss: float, epoch: int, vector: Array, state: tuple[Record, ...]) -> None:
        """The best parameters so far, as the compiled engine found them."""
        self.best = _Best(loss, epoch, vector, state)
        self.history.best_epoch = epoch

    def put_best_back(self) -> None:
        """The best epoch's parameters; the first ones if no epoch was finished."""
        self.best.put_back(self.model)
        self.history.restored = True

    def check_last(self) -> None:
        """Run the last batch once more: no update came after it that would have seen its parameters diverge."""
        if self.last_call is None or self.keeps_best:
            return
        last = self.last_call()
        with np.errstate(all="ignore"):
            records = maths.forward(
                self.model.chain, self.model.parameters, self.data.x[last.rows], Run(state=self.model.state)
            )
        check_values(records, 0.0, last.epoch, last.number)


def fit(model: Model, data: Data, validation: Data | None, settings: Settings, face: object = None) -> History:
    """Train ``model`` in place; ``face`` is the network it belongs to, for ``history.diagnose()``.

    With validation data, or with ``patience``, the parameters are put back in the end to those of the best epoch:
    with validation data those after it, without those that entered it (its loss is taken before its updates).

    Raises:
        InputError: as for ``training``; nothing was changed.
        DivergenceError: values left the finite numbers. The parameters are those of the best epoch before that, the
            history so far is the error's ``history``.
    """
    check_run(model, data.x, data.t, data.weights, settings)
    if validation is not None:
        check_targets("the validation's t", validation.t, validation.weights)
    rows = len(data.x)
    size = min(settings.batch_size or rows, rows)
    engine = choose(
        settings.engine, model.chain, settings.optimizer, rows=rows, batch=size, epochs=max(settings.epochs, 1),
        time_limit=settings.time_limit,
    )  # fmt: skip
    run = FitRun(model, data, validation, settings)
    run.history.call = Call(model.with_vector(run.best.vector).copy(), data, validation, settings, face)
    try:
        in_steps = isinstance(settings.optimizer, SecondOrderOptimizer)
        if engine == "reference" or in_steps or not _train_compiled(run):
            with suitable_threads(model.chain, size):
                _train(run, compiled=engine == "compiled")
    except KeyboardInterrupt:
        run.stop("interrupted")
    except DivergenceError as error:
        run.history.stopped = "diverged"  # also where all epochs were over when it was found
        run.put_best_back()
        run.tell("stop")
        error.history = run.history
        raise
    if run.keeps_best:
        run.put_best_back()
    run.tell("stop")
    return run.history


def _train_compiled(run: FitRun) -> bool:
    """Train with the compiled engine; False if something of one's own cannot be compiled and need not be."""
    from chainrule.training import compiled  # noqa: PLC0415 - LLVM only where something is compiled

    try:
        compiled.train(run)
    except CompileError:
        if run.settings.engine == "compiled":
            raise
        return False
    return True


def _train(run: FitRun, *, compiled: bool) -> None:
    """Take updates of the reference, or steps of a second-order optimizer, until they end or something says stop."""
    updates = training(run.model, *run.data, run.settings, run.watched, compiled=compiled)
    run.tell("start")
    run.enter()
    with ProgressBar(run.settings.epochs, run.settings.progress) as bar:
        while not run.history.stopped:
            try:
                update = next(updates)
            except StopIteration as end:
                run.stop(end.value or "all epochs")
                break
            run.after_update(update)
            if update.ends_epoch:
                run.ends_epoch(update)
                bar.show(run.history)
    run.check_last()


def evaluate(model: Model, data: Data) -> float:
    """E of the rows as a prediction would give it: no dropout, running statistics."""
    with np.errstate(all="ignore"):
        records = maths.forward(model.chain, model.parameters, data.x, Run(state=model.state))
        return maths.batch_loss(model.chain, records[-1]["a"], data.t, data.weights)


def split(data: Data, fraction: float, seed: int) -> tuple[Data, Data]:
    """A random part of the rows set aside: (those to train on, those to validate on), at least one on each side."""
    rows = np.random.default_rng(np.random.SeedSequence(seed).spawn(3)[2]).permutation(len(data.x))
    held = min(max(round(fraction * len(rows)), 1), len(rows) - 1)

    def part(chosen: Any) -> Data:
        return Data(data.x[chosen], data.t[chosen], None if data.weights is None else data.weights[chosen])

    return part(np.sort(rows[held:])), part(np.sort(rows[:held]))
