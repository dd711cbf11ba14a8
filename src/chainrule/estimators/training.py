"""How an estimator trains its network: by batches, by L-BFGS, or by an optimizer that takes all rows at once."""

import time
import warnings
from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.errors import DivergenceError
from chainrule.estimators import quasi_newton, stopping
from chainrule.estimators.batches import Batching, CompiledEpochs, Descent, Epochs, Rows, epochs_of
from chainrule.estimators.holding import HoldsNetwork
from chainrule.estimators.rules import EpsilonHatAdam
from chainrule.optimizers import SGD, LevenbergMarquardt, Optimizer, SecondOrderOptimizer, first_order
from chainrule.optimizers import optimizer as find_optimizer
from chainrule.optimizers.schedules import Clock, Constant, Memory
from chainrule.training import History
from chainrule.training.progress import ProgressBar
from chainrule.training.threads import suitable_threads

SMALLEST_RATE = 1e-6
"""``learning_rate="adaptive"`` stops where the rate is down to this."""


class FitError(DivergenceError, ValueError):
    """Training left the finite numbers; a ``ValueError`` too, as scikit-learn raises one."""


class Trains(HoldsNetwork):
    """The part that trains; not for use by itself."""

    @abstractmethod
    def _validation_score(self, x: Any, t: Array, weights: Array | None) -> float:
        """What early stopping judges by."""

    @abstractmethod
    def _as_taught(self, t: Array) -> Array:
        """Targets as training has them, of rows set aside."""

    def _constants(self, t: Array) -> Array | None:
        """What each row's loss (N,) is told with besides, depending on targets alone; None: nothing."""
        del t
        return None

    # ------------------------------------------------------------------ training
    def _batching(self, count: int) -> Batching:
        if self.batch_size == "auto":
            size = min(200, count)
        else:
            if self.batch_size > count:
                warnings.warn(
                    "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=5
                )
            size = int(np.clip(self.batch_size, 1, count))
        drops = any(layer.draws_random for layer in self.network_.layers)
        seed = int(self._random_state.randint(2**31 - 1)) if drops else 0
        return Batching(size, float(self.alpha), self._scale, self.clip_norm, self.clip_value, seed, self.threads)

    def _rule(self) -> Optimizer:
        if self.optimizer is not None:
            return first_order(self.optimizer, "training by batches")
        if self.solver == "sgd":
            momentum = min(float(self.momentum), float(np.nextafter(1, 0)))
            return SGD(float(self.learning_rate_init), momentum, bool(self.nesterovs_momentum))
        smallest = float(np.finfo(np.float32).tiny)
        return EpsilonHatAdam(
            float(self.learning_rate_init), float(self.beta_1), float(self.beta_2), max(float(self.epsilon), smallest)
        )

    def _full_batch(self) -> SecondOrderOptimizer | None:
        """An optimizer that takes all rows at once and is run by ``Network.fit``, or None."""
        if self.optimizer is None:
            return LevenbergMarquardt() if self.solver == "levenberg-marquardt" else None
        rule = find_optimizer(self.optimizer)
        return rule if isinstance(rule, SecondOrderOptimizer) else None

    def _fit_all_rows(self, rows: Rows, validation: Rows | None) -> None:
        rule = self._full_batch()
        assert rule is not None
        held = None if validation is None else (validation.x, validation.t, *_some(validation.weights))
        patience = None if validation is None else max(1, int(min(self.n_iter_no_change, self.max_iter)))
        history = self.network_.fit(
            rows.x, rows.t, weights=rows.weights, epochs=self.max_iter, optimizer=rule, seed=0, l2=self._l2(rows),
            validation=held, patience=patience, time_limit=self.time_limit, progress=self.progress is True,
            engine=self.engine, threads=self.threads,
        )  # fmt: skip
        self.history_, self.n_iter_ = history, history.epochs
        self.t_ += history.epochs * len(rows.x)
        self.loss_curve_ = [*self.loss_curve_, *history.losses]
        self.loss_ = history.losses[-1] if history.losses else np.nan
        self.best_loss_ = min(history.losses, default=np.inf)

    def _l2(self, rows: Rows) -> float:
        """The penalty as ``Network.fit`` counts it: not divided by the rows."""
        weight = len(rows.t) if rows.weights is None else float(rows.weights.sum())
        return float(self.alpha) / weight

    def _fit_lbfgs(self, rows: Rows) -> None:
        count = rows.x.shape[0]
        batching = Batching(count, float(self.alpha), self._scale, threads=self.threads)
        descent = Descent(SGD(1.0), 1.0, {})
        model = self.network_.model
        epochs = epochs_of(model, rows, batching, descent, engine=self.engine, epochs=self.max_iter)
        constants = self._constants(rows.t)
        told = 0.0 if constants is None else _mean_of_batches(constants, rows.weights, np.arange(count), count)
        with suitable_threads(model.chain, count):
            found = quasi_newton.minimise(
                model, epochs, told, max_iter=self.max_iter, max_fun=self.max_fun, tol=self.tol, verbose=self.verbose
            )
        self._compiled = isinstance(epochs, CompiledEpochs)
        self.loss_, self.n_iter_, self.loss_curve_ = found.loss, found.iterations, found.curve
        self.best_loss_ = min(found.curve, default=found.loss)

    def _fit_stochastic(self, rows: Rows, validation: Rows | None, *, incremental: bool) -> None:
        model, batching = self.network_.model, self._batching(rows.x.shape[0])
        if not incremental or not hasattr(self, "_optimizer"):
            rule = self._rule()
            rate = rule.schedule.rate(Clock.at(0, 1, 1), Memory())
            self._optimizer = Descent(rule, rate, rule.start(model.chain.size, model.chain.dtype, rate))
        budget = 1 if incremental else self.max_iter
        limit = np.inf if self.time_limit is None else self.time_limit
        epochs = epochs_of(model, rows, batching, self._optimizer, engine=self.engine, epochs=budget, limit=limit)
        self._compiled = isinstance(epochs, CompiledEpochs)
        watch = self._watch(validation)
        try:
            with suitable_threads(model.chain, batching.size):
                self._train(epochs, batching, rows, validation, watch, incremental=incremental)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        finally:
            epochs.close()
        if validation is not None:
            watch.put_back(model)

    def _watch(self, validation: Rows | None) -> stopping.Watch:
        """What is judged by, going on from an earlier fit where there was one."""
        patience = self.n_iter_no_change
        if validation is None:
            watch = stopping.fresh(tol=self.tol, patience=patience, rises=False)
            watch.best = np.inf if self.best_loss_ is None else self.best_loss_
        else:
            rises = self.monitor == "score"
            watch = stopping.fresh(tol=self.tol, patience=patience, rises=rises)
            if self.best_validation_score_ is not None and np.isfinite(self.best_validation_score_):
                watch.best = self.best_validation_score_ if rises else -self.best_validation_score_
                watch.keep(self.network_.model)
        watch.waited = self._no_improvement_count
        return watch

    def _train(
        self, epochs: Epochs, batching: Batching, rows: Rows, validation: Rows | None, watch: stopping.Watch, *,
        incremental: bool,
    ) -> None:  # fmt: skip
        """Epoch after epoch until one of scikit-learn's reasons to stop, or one of ours."""
        count = rows.x.shape[0]
        per_epoch = -(-count // batching.size)
        order = np.arange(count, dtype=int)
        begin, memory, constants = time.perf_counter(), Memory(), self._constants(rows.t)
        self.n_iter_ = 0
        self.history_ = History(batching.seed)
        with ProgressBar(self.max_iter, self.progress is True) as bar:
            for epoch in range(self.max_iter):
                if self.shuffle:
                    order = order[_permutation(count, self._random_state)]
                loss = epochs.run(order if self.shuffle else None, self._rates(epoch, per_epoch, memory))
                if constants is not None:
                    loss += _mean_of_batches(constants, rows.weights, order, batching.size)
                self._note(loss, count)
                held = self._judge(loss, validation, watch)
                judged = loss if held is None else held
                memory = self._optimizer.optimizer.schedule.observe(memory, judged)
                self.history_.record(
                    loss, held, self._optimizer.learning_rate, epochs.gradient_norm(), time.perf_counter() - begin
                )
                bar.show(self.history_)
                if self.solver == "sgd" and self.optimizer is None and self.learning_rate == "invscaling":
                    epochs.change_rate(float(self.learning_rate_init) / (self.t_ + 1) ** self.power_t)
                if (watch.over and self._stops(epochs, watch, validation)) or self._stopped_from_outside(begin):
                    break
                self._no_improvement_count = watch.waited
                if not np.isfinite(loss):
                    self.history_.stopped = "diverged"
                    break
                if incremental:
                    break
                if self.n_iter_ == self.max_iter:
                    self.history_.stopped = "all epochs"
                    if not isinstance(self._optimizer.optimizer.schedule, Constant):
                        break  # a schedule is for just so many epochs: it is not stopped short
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization "
                        "hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=5,
                    )

    def _rates(self, epoch: int, per_epoch: int, memory: Memory) -> Array:
        """The learning rate of each update of an epoch."""
        descent = self._optimizer
        schedule = descent.optimizer.schedule
        if self.optimizer is None or isinstance(schedule, Constant):
            return np.full(per_epoch, float(descent.learning_rate))
        updates = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        clocks = [Clock.at(update, per_epoch, self.max_iter) for update in updates]
        etas = np.array([float(schedule.rate(clock, memory)) for clock in clocks])
        descent.learning_rate = float(etas[-1])
        return etas

    def _note(self, loss: float, count: int) -> None:
        self.n_iter_ += 1
        self.loss_ = loss
        self.t_ += count
        self.loss_curve_.append(loss)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {loss:.8f}")  # noqa: T201 - what verbose asks for

    def _judge(self, loss: float, validation: Rows | None, watch: stopping.Watch) -> float | None:
        """See whether the epoch was better; the validation loss, if that is judged by."""
        if validation is None:
            watch.see(loss)
            self.best_loss_ = watch.best
            return None
        assert self.validation_scores_ is not None
        if not np.isfinite(loss):
            value = score = np.nan
        elif self.monitor == "score":
            value = score = self._validation_score(validation.x, validation.t, validation.weights)
        else:
            value = self._validation_loss(validation)
            score = -value
        self.validation_scores_.append(score)
        if self.verbose:
            print(f"Validation score: {score:f}")  # noqa: T201 - as above
        if watch.see(value):
            self.best_validation_score_ = score
            self.history_.best_epoch = self.n_iter_ - 1
            watch.keep(self.network_.model)
        return -score

    def _validation_loss(self, held: Rows) -> float:
        chain = self.network_.model.chain
        with np.errstate(all="ignore"):
            t = self._as_taught(held.t)  # else the loss of rows set aside would ask for what training does not
            return maths.batch_loss(chain, self._raw(held.x), t, held.weights) * self._scale

    def _stops(self, epochs: Epochs, watch: stopping.Watch, validation: Rows | None) -> bool:
        """Patience is over: stop, or go on with a smaller learning rate."""
        what = "Training loss" if validation is None else "Validation score"
        told = f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive epochs."
        adaptive = self.solver == "sgd" and self.learning_rate == "adaptive" and self.optimizer is None
        rate = self._optimizer.learning_rate
        if adaptive and rate > SMALLEST_RATE:
            epochs.change_rate(rate / 5.0)
            watch.waited = 0
            if self.verbose:
                print(f"{told} Setting learning rate to {self._optimizer.learning_rate:f}")  # noqa: T201 - as above
            return False
        if self.verbose:
            print(f"{told} {'Learning rate too small. ' if adaptive else ''}Stopping.")  # noqa: T201 - as above
        self._no_improvement_count = watch.waited
        self.history_.stopped = "patience"
        return True

    def _stopped_from_outside(self, begin: float) -> bool:
        """The time is over, or a callback says so."""
        if self.time_limit is not None and time.perf_counter() - begin > self.time_limit:
            self.history_.stopped = "time limit"
            return True
        callbacks = [self.callbacks] if callable(self.callbacks) else self.callbacks or []
        answers = [callback(self) for callback in callbacks]
        if any(isinstance(answer, bool | np.bool_) and answer for answer in answers):
            self.history_.stopped = "callback"
            return True
        return False

    def _check_numbers(self, rows: Rows | None) -> None:
        """Refuse to hand out a network that diverged and that no earlier epoch could be put in place of."""
        if not np.isfinite(self.network_.parameters.vector).all() or (rows is not None and not np.isfinite(self.loss_)):
            raise FitError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed.",
                history=getattr(self, "history_", None),
                epoch=self.n_iter_ - 1,
            )


def _permutation(count: int, rng: np.random.RandomState) -> Array:
    """The permutation that ``sklearn.utils.shuffle`` draws."""
    rows = np.arange(count)
    rng.shuffle(rows)
    return rows


def _mean_of_batches(values: Array, weights: Array | None, order: Array, size: int) -> float:
    """The (weighted) mean of each batch's values, and of these the mean by rows."""
    if weights is None:
        return float(values.mean())
    starts = range(0, len(order), size)
    means = [
        (len(rows), np.average(values[rows], weights=weights[rows])) for rows in (order[s : s + size] for s in starts)
    ]
    return float(sum(count * mean for count, mean in means) / len(order))


def _some(value: Any) -> list[Any]:
    return [] if value is None else [value]
