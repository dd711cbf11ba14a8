"""``solver="sgd"``, ``"adam"`` and the library's optimizers: epochs of batches, by scikit-learn's rules."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from chainrule.core.arrays import Array
from chainrule.estimators.batches import Batching, Descent, Epochs, Rows
from chainrule.estimators.early_stopping import EarlyStopping
from chainrule.optimizers.schedules import Clock, Constant, Memory
from chainrule.training import History
from chainrule.training.progress import ProgressBar

SMALLEST_RATE = 1e-6
"""``learning_rate="adaptive"`` stops where the rate is down to this."""


class StochasticTraining:
    """Epoch after epoch until one of scikit-learn's reasons to stop, or one of ours.

    The estimator's fitted attributes (``loss_``, ``n_iter_``, ``history_``, ...) are up to date after each epoch: its
    callbacks may read them.

    Args:
        estimator: whose network is trained; an ``MLPParameters``.
        epochs: goes through the batches.
        batching: how the rows become batches.
        descent: the optimizer with what it remembers.
        rows: to train on.
        rng: what the order of the rows is drawn from.
        stopping: how good the epochs were, those of earlier fits too.
        constants: what each row's loss (N,) is reported with besides, or None.
        judge: after each epoch, the value that ``stopping`` sees and the score to record; None without validation rows.

    Attributes:
        waited: epochs without a better one, for a fit that goes on from here.
    """

    def __init__(
        self, estimator: Any, epochs: Epochs, batching: Batching, descent: Descent, rows: Rows,
        rng: np.random.RandomState, stopping: EarlyStopping, constants: Array | None,
        judge: Callable[[], tuple[float, float]] | None,
    ) -> None:  # fmt: skip
        self.estimator, self.epochs, self.batching, self.descent = estimator, epochs, batching, descent
        self.rows, self.rng, self.stopping, self.constants, self.judge = rows, rng, stopping, constants, judge
        self.waited = stopping.waited
        self.by_solver = estimator.optimizer is None

    def run(self, *, one_epoch: bool) -> None:
        """Train until ``max_iter`` epochs are over, or a reason to stop comes first; or a single epoch."""
        model, stopping, count = self.estimator, self.stopping, self.rows.x.shape[0]
        order, begin, memory = np.arange(count, dtype=int), time.perf_counter(), Memory()
        model.n_iter_ = 0
        model.history_ = History(self.batching.seed)
        with ProgressBar(model.max_iter, model.progress is True) as bar:
            for epoch in range(model.max_iter):
                if model.shuffle:
                    order = order[_permutation(count, self.rng)]
                loss = self._epoch(order, self._rates(epoch, memory))
                validation_loss = self._judge(loss)
                schedule = self.descent.optimizer.schedule
                memory = schedule.observe(memory, loss if validation_loss is None else validation_loss)
                model.history_.record(
                    loss, validation_loss, self.descent.learning_rate, self.epochs.gradient_norm(),
                    time.perf_counter() - begin,
                )  # fmt: skip
                bar.show(model.history_)
                if model.solver == "sgd" and self.by_solver and model.learning_rate == "invscaling":
                    self.epochs.change_rate(float(model.learning_rate_init) / (model.t_ + 1) ** model.power_t)
                if (stopping.out_of_patience and self._stops()) or self._stopped_from_outside(begin):
                    break
                self.waited = stopping.waited
                if not np.isfinite(loss):
                    model.history_.stopped = "diverged"
                    break
                if one_epoch:
                    break
                if model.n_iter_ == model.max_iter:
                    model.history_.stopped = "all epochs"
                    if isinstance(schedule, Constant):  # any other is for just so many epochs: it was not stopped short
                        warnings.warn(
                            f"Stochastic Optimizer: Maximum iterations ({model.max_iter}) reached and the "
                            "optimization hasn't converged yet.",
                            ConvergenceWarning,
                            stacklevel=5,
                        )

    def _epoch(self, order: Array, rates: Array) -> float:
        """Go through the batches once; the epoch's loss."""
        model, count = self.estimator, self.rows.x.shape[0]
        loss = self.epochs.run(order if model.shuffle else None, rates)
        if self.constants is not None:
            loss += mean_of_batches(self.constants, self.rows.weights, order, self.batching.size)
        model.n_iter_ += 1
        model.loss_ = loss
        model.t_ += count
        model.loss_curve_.append(loss)
        if model.verbose:
            print(f"Iteration {model.n_iter_}, loss = {loss:.8f}")  # noqa: T201 - what verbose asks for
        return loss

    def _rates(self, epoch: int, memory: Memory) -> Array:
        """The learning rate of each update of an epoch."""
        descent, epochs = self.descent, self.estimator.max_iter
        per_epoch = -(-self.rows.x.shape[0] // self.batching.size)
        schedule = descent.optimizer.schedule
        if self.by_solver or isinstance(schedule, Constant):
            return np.full(per_epoch, float(descent.learning_rate))
        updates = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        clocks = [Clock.at(update, per_epoch, epochs) for update in updates]
        rates = np.array([float(schedule.rate(clock, memory)) for clock in clocks])
        descent.learning_rate = float(rates[-1])
        return rates

    def _judge(self, loss: float) -> float | None:
        """See whether the epoch was better; the validation loss, if that is judged by."""
        model, stopping = self.estimator, self.stopping
        if self.judge is None:
            stopping.update(loss)
            model.best_loss_ = stopping.best
            return None
        value, score = self.judge() if np.isfinite(loss) else (np.nan, np.nan)
        model.validation_scores_.append(score)
        if model.verbose:
            print(f"Validation score: {score:f}")  # noqa: T201 - as above
        if stopping.update(value):
            model.best_validation_score_ = score
            model.history_.best_epoch = model.n_iter_ - 1
            stopping.keep(model.network_.model)
        return -score

    def _stops(self) -> bool:
        """Patience is over: stop, or go on with a smaller learning rate."""
        model = self.estimator
        what = "Training loss" if self.judge is None else "Validation score"
        reason = f"{what} did not improve more than tol={model.tol:f} for {model.n_iter_no_change} consecutive epochs."
        adaptive = model.solver == "sgd" and model.learning_rate == "adaptive" and self.by_solver
        if adaptive and self.descent.learning_rate > SMALLEST_RATE:
            self.epochs.change_rate(self.descent.learning_rate / 5.0)
            self.stopping.waited = 0
            if model.verbose:
                print(f"{reason} Setting learning rate to {self.descent.learning_rate:f}")  # noqa: T201 - as above
            return False
        if model.verbose:
            print(f"{reason} {'Learning rate too small. ' if adaptive else ''}Stopping.")  # noqa: T201 - as above
        self.waited = self.stopping.waited
        model.history_.stopped = "patience"
        return True

    def _stopped_from_outside(self, begin: float) -> bool:
        """The time is over, or a callback says so."""
        model = self.estimator
        if model.time_limit is not None and time.perf_counter() - begin > model.time_limit:
            model.history_.stopped = "time limit"
            return True
        callbacks = [model.callbacks] if callable(model.callbacks) else model.callbacks or []
        answers = [callback(model) for callback in callbacks]
        if any(isinstance(answer, bool | np.bool_) and answer for answer in answers):
            model.history_.stopped = "callback"
            return True
        return False


def mean_of_batches(values: Array, weights: Array | None, order: Array, size: int) -> float:
    """The (weighted) mean of each batch's values, and of these the mean by rows."""
    if weights is None:
        return float(values.mean())
    starts = range(0, len(order), size)
    means = [
        (len(rows), np.average(values[rows], weights=weights[rows])) for rows in (order[s : s + size] for s in starts)
    ]
    return float(sum(count * mean for count, mean in means) / len(order))


def _permutation(count: int, rng: np.random.RandomState) -> Array:
    """The permutation that ``sklearn.utils.shuffle`` draws."""
    rows = np.arange(count)
    rng.shuffle(rows)
    return rows
