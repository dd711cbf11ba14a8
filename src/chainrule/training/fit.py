"""``fit``: the loop over ``training``, with what belongs to an epoch: validation, the best parameters, stopping."""

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule import chain as maths
from chainrule.arrays import Array
from chainrule.errors import DivergenceError
from chainrule.layers import Record, Run
from chainrule.model import Model
from chainrule.training.history import History
from chainrule.training.loop import Update, Watched, training
from chainrule.training.progress import ProgressBar
from chainrule.training.settings import Settings


class Data(NamedTuple):
    """Rows to train or validate on: inputs, targets and, if rows count differently, their weights."""

    x: Array
    t: Array
    weights: Array | None = None


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

    def put_back(self, model: Model) -> None:
        model.parameters.vector[...] = self.vector
        model.state = self.state


class _Run:
    """One run's bookkeeping: what was measured, which parameters were best, and whether to go on."""

    def __init__(self, model: Model, validation: Data | None, settings: Settings, history: History) -> None:
        self.model, self.validation, self.settings, self.history = model, validation, settings, history
        self.watched = Watched()
        self.best = self.entered = self._now(np.inf, -1)
        self._started = time.perf_counter()
        self._loss = self._rows = 0.0
        self.tell("start", None)

    def _now(self, loss: float, epoch: int) -> _Best:
        return _Best(loss, epoch, self.model.parameters.vector.copy(), self.model.state)

    def tell(self, name: str, update: Update | None) -> None:
        """Call those who wait for the event; an answer of True stops training."""
        event = Event(name, self.history, self.model, update)
        for listener in self.settings.listeners(name):
            if listener(event) is True:
                self.history.stopped = "callback"

    def after_update(self, update: Update) -> None:
        """Add up the epoch's loss; watch the clock."""
        self._loss += update.loss * len(update.rows)
        self._rows += len(update.rows)
        self.tell("update", update)
        limit = self.settings.time_limit
        if limit is not None and time.perf_counter() - self._started > limit:
            self.history.stopped = "time limit"

    def after_epoch(self, update: Update) -> None:
        """Write the epoch down and judge it."""
        history, settings = self.history, self.settings
        history.losses.append(self._loss / self._rows)
        self._loss = self._rows = 0.0
        history.learning_rates.append(update.learning_rate)
        history.gradient_norms.append(float(np.linalg.norm(update.gradients.vector)))
        if self.validation is not None:
            history.validation_losses.append(evaluate(self.model, self.validation))
        history.times.append(time.perf_counter() - self._started)

        judged = (history.validation_losses or history.losses)[-1]
        self.watched.memory = settings.optimizer.schedule.observe(self.watched.memory, judged)
        now = self._now(judged, update.epoch)
        if judged < self.best.loss - (settings.min_delta if self.best.epoch >= 0 else 0):
            # a training loss is taken before the updates, so it belongs to the parameters that entered the epoch
            self.best = now if self.validation is not None else self.entered._replace(loss=judged, epoch=update.epoch)
            history.best_epoch = update.epoch
            self.tell("improvement", update)
        self.entered = now
        self.tell("epoch", update)
        if settings.patience is not None and update.epoch - self.best.epoch >= settings.patience:
            history.stopped = "patience"

    def put_best_back(self) -> None:
        """The best epoch's parameters; the first ones if no epoch was finished."""
        self.best.put_back(self.model)
        self.history.restored = True


def fit(model: Model, data: Data, validation: Data | None, settings: Settings) -> History:
    """Train ``model`` in place.

    With validation data, or with ``patience``, the parameters are put back in the end to those of the best epoch:
    with validation data those after it, without those that entered it (its loss is taken before its updates).

    Raises:
        DivergenceError: values left the finite numbers. The parameters are those of the best epoch before that, the
            history so far is the error's ``history``.
    """
    history, update = History(settings.seed), None
    run = _Run(model, validation, settings, history)
    try:
        with ProgressBar(settings.epochs, settings.progress) as bar:
            for update in training(model, *data, settings, run.watched):
                run.after_update(update)
                if update.ends_epoch:
                    run.after_epoch(update)
                    bar.show(history)
                if history.stopped:
                    break
        history.stopped = history.stopped or "all epochs"
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    except DivergenceError as error:
        history.stopped = "diverged"
        run.put_best_back()
        error.history = history
        raise
    if run.best.epoch >= 0 and (validation is not None or settings.patience is not None):
        run.put_best_back()
    run.tell("stop", update)
    return history


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
