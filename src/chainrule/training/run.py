"""``FitRun``: the bookkeeping of one ``fit``, whichever engine makes the updates."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Record, Run
from chainrule.core.model import Model
from chainrule.training.batches import counted
from chainrule.training.call import Call
from chainrule.training.clipping import norm
from chainrule.training.divergence import check_values
from chainrule.training.evaluation import evaluate
from chainrule.training.history import History
from chainrule.training.update import ScheduleState, Update


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


class _Snapshot(NamedTuple):
    """The parameters of one epoch, and the loss they are judged by."""

    loss: float
    epoch: int
    vector: Array
    state: tuple[Record, ...]

    def put_back(self, model: Model) -> None:
        model.parameters.vector[...] = self.vector
        model.state = self.state


class FitRun:
    """One run's bookkeeping: what was measured, which parameters were best, and whether to go on."""

    last_call: Callable[[], Update] | None = None
    """Makes the record of the last update, for callbacks."""

    def __init__(self, call: Call) -> None:
        self.call, self.model, self.data = call, call.model, call.data
        self.validation, self.settings = call.validation, call.settings
        self.history = History(call.settings.seed, call=call.snapshot())
        self.schedule_state = ScheduleState()
        self.best = self._now(np.inf, -1)
        self.begin_epoch()
        self._patience_reference, self._last_improved = np.inf, -1  # a loss, and the epoch that reached it
        self._started = time.perf_counter()
        self._counted: Array | None = None
        self._loss = self._weight = 0.0

    @property
    def keeps_best(self) -> bool:
        """Whether the best epoch's parameters are put back in the end."""
        return self.best.epoch >= 0 and (self.validation is not None or self.settings.patience is not None)

    def _now(self, loss: float, epoch: int) -> _Snapshot:
        return _Snapshot(loss, epoch, self.model.parameters.vector.copy(), self.model.state)

    def begin_epoch(self) -> None:
        """Keep the parameters that an epoch begins with; callbacks may have changed them since the last."""
        self._entered = self._now(np.inf, -1)

    def emit(self, name: str) -> None:
        """Call the callbacks of an event; an answer of True stops training."""
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

    def check_time_limit(self) -> None:
        """Stop where the time is over."""
        limit = self.settings.time_limit
        if limit is not None and self.seconds() > limit:
            self.stop("time limit")

    def after_update(self, update: Update) -> None:
        """Add a batch to the epoch's mean loss, by its part of the rows so far."""
        self.last_call = lambda: update
        if self._counted is None:
            self._counted = counted(self.data.t, self.data.weights)
        weight = float(self._counted[update.rows].sum())
        self._weight += weight
        self._loss += (update.loss - self._loss) * (weight / (self._weight or 1.0))
        self.emit("update")
        self.check_time_limit()

    def end_epoch(self, update: Update) -> None:
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
        state = self.schedule_state
        state.memory = self.settings.optimizer.schedule.observe(state.memory, judged)
        if judged < self._patience_reference - self.settings.min_delta:
            self._patience_reference, self._last_improved = judged, epoch
        if judged < self.best.loss:
            # a training loss is taken before the updates, so it belongs to the parameters that entered the epoch
            judged_by = self._entered if self.validation is None else self._now(judged, epoch)
            self.best = judged_by._replace(loss=judged, epoch=epoch)
            self.history.best_epoch = epoch
            self.emit("improvement")
        self.emit("epoch")
        self.begin_epoch()
        if self.settings.patience is not None and epoch - self._last_improved >= self.settings.patience:
            self.stop("patience")

    def best_from(self, loss: float, epoch: int, vector: Array, state: tuple[Record, ...]) -> None:
        """The best parameters so far, as the compiled engine found them."""
        self.best = _Snapshot(loss, epoch, vector, state)
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
