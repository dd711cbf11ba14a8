"""What classifier and regressor share: checking, building, training, and what is left of it as attributes."""

import time
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from numbers import Real
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule import chain as maths
from chainrule.activations import activation as find_activation
from chainrule.arrays import Array
from chainrule.engine import twins
from chainrule.engine.dispatch import products, threads_for
from chainrule.errors import DivergenceError, InputError
from chainrule.estimators import quasi_newton, start, stopping
from chainrule.estimators.batches import Batching, CompiledEpochs, Descent, Epochs, Rows, epochs_of
from chainrule.estimators.pickling import Packed, packed
from chainrule.estimators.rules import EpsilonHatAdam
from chainrule.estimators.settings import check_settings, hidden_sizes
from chainrule.layers import Dense, Dropout, Layer, Run
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.optimizers import SGD, AnyOptimizer, LevenbergMarquardt, Optimizer, SecondOrderOptimizer, first_order
from chainrule.optimizers import optimizer as find_optimizer
from chainrule.optimizers.schedules import Clock, Constant, Memory
from chainrule.training import History
from chainrule.training.progress import ProgressBar
from chainrule.training.threads import suitable_threads

if TYPE_CHECKING:
    from chainrule.engine.predictor import Predictor

STOCHASTIC = ("sgd", "adam")
SMALLEST_RATE = 1e-6
"""``learning_rate="adaptive"`` stops where the rate is down to this."""

DENSE_BYTES = 2**28
"""Sparse inputs up to this size are made dense: the compiled engine takes them faster than SciPy's products."""

COMPILED_PREDICTION = 200_000
"""Multiply-adds from which a network that was trained by the compiled engine also predicts by it."""


ROWS = {"activation", "loss", "hidden_layers"}
"""Parameters that may hold rows of the library."""


class FitError(DivergenceError, ValueError):
    """Training left the finite numbers; a ``ValueError`` too, as scikit-learn raises one."""


class Output(NamedTuple):
    """What comes behind the hidden layers.

    Attributes:
        layers: the output layer.
        loss: what it is trained by.
        scale: what the rows' loss is multiplied by when it is told.
        name: ``out_activation_``.
    """

    layers: list[Layer]
    loss: Loss
    scale: float
    name: str


class Multilayer(BaseEstimator):
    """The part that classifier and regressor share; not for use by itself."""

    # parameters, which each of the two lists in its own __init__
    hidden_layer_sizes: Any
    activation: Any
    solver: str
    alpha: float
    batch_size: Any
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: Any
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    hidden_layers: Sequence[Layer] | None
    network: Network | None
    optimizer: str | AnyOptimizer | None
    dropout: float
    norm: str | None
    clip_norm: float | None
    clip_value: float | None
    monitor: str
    time_limit: float | None
    callbacks: Any
    progress: bool | None
    restarts: int
    scale_inputs: bool
    dtype: str
    engine: str
    threads: int | None

    # what fitting leaves
    network_: Network
    coefs_: list[Array]
    intercepts_: list[Array]
    best_loss_: float | None
    best_validation_score_: float | None
    validation_scores_: list[float] | None
    _optimizer: Descent
    _random_state: Any

    # ------------------------------------------------------------------ what each of the two knows
    @abstractmethod
    def _validated(self, X: Any, y: Any, *, reset: bool, incremental: bool) -> tuple[Any, Array]:
        """Inputs and targets (N, targets) as arrays."""

    @abstractmethod
    def _output(self) -> Output:
        """Output layer and loss, for the targets seen."""

    @abstractmethod
    def _validation_score(self, x: Any, t: Array, weights: Array | None) -> float:
        """What early stopping judges by."""

    @abstractmethod
    def _row_weights(self, t: Array, weights: Array | None) -> Array | None:
        """The rows' weights, whatever else counts multiplied in."""

    def _spread_targets(self, t: Array) -> Array:
        """Targets (N, targets) as the loss wants them (N, outputs)."""
        return t

    def _smoothed(self, t: Array) -> Array:
        """Targets to train on; only classifiers smooth theirs."""
        return t

    def _constants(self, t: Array) -> Array | None:
        """What each row's loss (N,) is told with besides, depending on targets alone; None: nothing."""
        del t
        return None

    # ------------------------------------------------------------------ the door
    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation_data: Any = None, *, incremental: bool = False
    ) -> Self:
        check_settings(self)
        first = not hasattr(self, "network_") or (not self.warm_start and not incremental)
        if not first:
            self._link()
        elif self.restarts > 1 and not incremental:
            return self._best_of(X, y, sample_weight, validation_data)
        X, t = self._validated(X, y, reset=first, incremental=incremental)
        weights = self._row_weights(t, row_weights(sample_weight, X))
        self._random_state = check_random_state(self.random_state)
        self.n_outputs_ = t.shape[1]
        X = self._scaled_inputs(_dense(X), learn=first)
        t = self._spread_targets(self._scaled_targets(t, weights, learn=first))
        if first:
            self._begin(X, t)
        elif (self.network_.inputs, self.network_.outputs) != (X.shape[1], t.shape[1]):
            raise InputError(
                f"the network has {self.network_.outputs} outputs, but y needs {t.shape[1]}: fit without warm_start."
            )
        self.network_.loss_function.check_targets(t)
        held = self._validation(validation_data, X, t, weights, incremental=incremental)
        if held is None:
            rows, validation = Rows(X, t, weights), None
        else:
            rows, validation = held
        rows = Rows(rows.x, self._smoothed(rows.t), rows.weights)
        if self._full_batch() is not None:
            self._fit_all_rows(rows, validation)
        elif self.solver == "lbfgs" and self.optimizer is None:
            self._fit_lbfgs(rows)
        else:
            self._fit_stochastic(rows, validation, incremental=incremental)
        self._check_numbers(rows if validation is None else None)
        self._link()
        self._calibrate(validation)
        return self

    def _best_of(self, X: Any, y: Any, sample_weight: Any, validation_data: Any) -> Self:
        """Several beginnings; the best of them by validation score, or by loss where there is none."""
        rng, best = check_random_state(self.random_state), None
        for _ in range(self.restarts):
            other: Any = clone(self)
            other.set_params(restarts=1, random_state=int(rng.randint(2**31 - 1)))
            other._fit(X, y, sample_weight, validation_data)  # noqa: SLF001 - its own kind
            judged = other.best_validation_score_ if other.best_validation_score_ is not None else -other.loss_
            if best is None or judged > best[0]:
                best = judged, other
        assert best is not None
        told = self.get_params(deep=False)
        self.__dict__.update(best[1].__dict__)
        self.set_params(**told)
        self._link()
        return self

    def _begin(self, X: Any, t: Array) -> None:
        """A network of its own, and nothing learned yet."""
        output, dtype = self._output(), X.dtype
        self._scale = output.scale
        self.out_activation_ = output.name
        if self.network is not None:
            net = self.network.astype(dtype.name)
            if (net.inputs, net.outputs) != (X.shape[1], t.shape[1]):
                raise InputError(
                    f"network must have {X.shape[1]} inputs and {t.shape[1]} outputs, "
                    f"got {net.inputs} and {net.outputs}."
                )
            self._scale = 1.0
        elif self.hidden_layers is not None:
            layers = [*self.hidden_layers, *output.layers]
            net = start.network(X.shape[1], layers, output.loss, dtype, self._random_state, None)
        else:
            hidden = start.hidden(hidden_sizes(self), self._activations(), self.dropout, self.norm)
            factor = 2.0 if isinstance(self.activation, str) and self.activation in ("logistic", "sigmoid") else 6.0
            layers = [*hidden, *output.layers]
            net = start.network(X.shape[1], layers, output.loss, dtype, self._random_state, factor)
        given = {name: self.__dict__.get(name) for name in ("coefs_", "intercepts_")}
        of_ones_own = not hasattr(self, "network_") and None not in given.values()  # weights set before any fit
        self.network_ = net
        self.n_layers_ = 1 + sum(isinstance(layer, Dense) for layer in net.layers)
        self.n_iter_ = self.t_ = 0
        self.loss_curve_, self._no_improvement_count = [], 0
        self._link(anew=not of_ones_own)
        if self.early_stopping:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = [], -np.inf, None
        else:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = None, None, np.inf
        self._compiled = False
        for name in ("_optimizer", "_ready"):
            self.__dict__.pop(name, None)

    def _activations(self) -> list[Any]:
        sizes = hidden_sizes(self)
        if isinstance(self.activation, str) or not isinstance(self.activation, Sequence):
            return [self.activation] * len(sizes)
        if len(self.activation) != len(sizes):
            raise InputError(
                f"activation must be one name or one for each of the {len(sizes)} hidden layers, "
                f"got {len(self.activation)}."
            )
        return list(self.activation)

    # ------------------------------------------------------------------ coefs_ and intercepts_
    def _views(self) -> tuple[list[Array], list[Array]]:
        parameters, layers = self.network_.parameters, self.network_.layers
        dense = [l for l, layer in enumerate(layers, start=1) if isinstance(layer, Dense)]
        return [parameters[f"W{l}"] for l in dense], [parameters[f"b{l}"] for l in dense if f"b{l}" in parameters]

    def _link(self, *, anew: bool = False) -> None:
        """``coefs_`` and ``intercepts_`` view the network's; what somebody put in their place is written into it."""
        views = dict(zip(("coefs_", "intercepts_"), self._views(), strict=True))
        for name, of_network in views.items():
            kept = None if anew else self.__dict__.get(name)
            for k, (view, found) in enumerate(zip(of_network, kept or of_network, strict=True)):
                if found is not view and not np.shares_memory(found, view):
                    if np.shape(found) != view.shape:
                        raise InputError(f"{name}[{k}] must have shape {view.shape}, got {np.shape(found)}.")
                    view[...] = found
            setattr(self, name, of_network)

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        state = {**state}
        if "network_" in state:
            self._link()
            for name in ("coefs_", "intercepts_", "_ready"):
                state.pop(name, None)
        for name in ROWS & set(state):
            if not isinstance(state[name], str | NoneType):
                state[name] = packed(state[name])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({k: v.unpacked() if isinstance(v, Packed) else v for k, v in state.items()})
        if "network_" in self.__dict__:
            self._link(anew=True)

    # ------------------------------------------------------------------ scaling
    def _scaled_inputs(self, X: Any, *, learn: bool) -> Any:
        if not self.scale_inputs:
            return X
        if not isinstance(X, np.ndarray):
            raise InputError("scale_inputs=True needs dense inputs: scale sparse ones by MaxAbsScaler before.")
        if learn:
            self.input_mean_ = X.mean(axis=0)
            deviation = X.std(axis=0)
            self.input_scale_ = np.where(deviation > np.finfo(X.dtype).eps * np.abs(self.input_mean_), deviation, 1)
        return ((X - self.input_mean_) / self.input_scale_).astype(X.dtype)

    def _scaled_targets(self, t: Array, weights: Array | None, *, learn: bool) -> Array:
        """Only regressors scale theirs."""
        del weights, learn
        return t

    # ------------------------------------------------------------------ validation
    def _validation(
        self, given: Any, X: Any, t: Array, weights: Array | None, *, incremental: bool
    ) -> tuple[Rows, Rows] | None:
        """The rows to train on and those to validate on; None where nothing is validated."""
        if given is not None:
            if not isinstance(given, tuple | list) or len(given) not in (2, 3):
                raise InputError("validation_data must be (X, y) or (X, y, sample_weight).")
            x, own = self._validated(given[0], given[1], reset=False, incremental=True)
            w = self._row_weights(own, row_weights(given[2] if len(given) == 3 else None, x))
            own = self._spread_targets(self._scaled_targets(own, w, learn=False))
            self._judges_from_here()
            return Rows(X, t, weights), Rows(self._scaled_inputs(_dense(x), learn=False), own, w)
        if not self.early_stopping:
            return None
        if incremental:
            raise InputError("partial_fit does not support early_stopping=True")
        stratify = t > 0.5 if self._stratifies() else None
        parts: list[Any] = train_test_split(
            X, t, *([] if weights is None else [weights]), random_state=self._random_state,
            test_size=self.validation_fraction, stratify=stratify,
        )  # fmt: skip
        if parts[1].shape[0] < 2:
            raise InputError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        own, theirs = (None, None) if weights is None else parts[4:]
        return Rows(parts[0], parts[2], own), Rows(parts[1], parts[3], theirs)

    def _judges_from_here(self) -> None:
        """Own validation data work as early stopping's do."""
        if self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = [], -np.inf, None

    def _stratifies(self) -> bool:
        return False

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
        drops = any(isinstance(layer, Dropout) for layer in self.network_.layers)
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
            rate = rule.schedule.rate(Clock(0, 0, 1, 1), Memory())
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
        total = per_epoch * self.max_iter
        updates = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        etas = np.array([float(schedule.rate(Clock(u, epoch, total, self.max_iter), memory)) for u in updates])
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
            return maths.batch_loss(chain, self._raw(held.x), held.t, held.weights) * self._scale

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

    def _calibrate(self, validation: Rows | None) -> None:
        """Only classifiers do."""

    # ------------------------------------------------------------------ predicting
    def _outputs(self, X: Any, *, linked: bool = True) -> Array:
        """The outputs (N, outputs) of rows as the user has them, through a fused loss's activation unless told."""
        check_is_fitted(self)
        self._link()
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        y = self._raw(self._scaled_inputs(X, learn=False))
        return self._linked(y) if linked else y

    def _linked(self, y: Array) -> Array:
        link = self.network_.loss_function.link
        with np.errstate(all="ignore"):
            return y if link == "identity" else find_activation(link).value(y)

    def _raw(self, X: Any) -> Array:
        """The network's outputs for rows as it takes them."""
        chain = self.network_.model.chain
        if isinstance(X, np.ndarray):
            X = np.ascontiguousarray(X, chain.dtype)
            wanted = self.engine == "compiled" or (self.engine == "auto" and self._compiled)
            if wanted and len(X) * products(chain) >= COMPILED_PREDICTION and twins.obstacle(chain) is None:
                return self._predictor().outputs_of(X)
        else:
            X = X.astype(chain.dtype).tocsr()
        with np.errstate(all="ignore"):
            return maths.forward(chain, self.network_.parameters, X, Run(state=self.network_.model.state))[-1]["a"]

    def _predictor(self) -> "Predictor":
        """The network compiled for predicting, made anew when its numbers have changed."""
        from chainrule.engine.predictor import Predictor  # noqa: PLC0415 - LLVM only where something is compiled

        model = self.network_.model
        kept = self.__dict__.get("_ready")
        if kept is None or kept[0] is not model:
            kept = self._ready = (
                model,
                model.parameters.vector.copy(),
                Predictor(model, threads_for(self.threads, 2**40)),
            )
        elif not np.array_equal(kept[1], model.parameters.vector) or model.state:
            kept[1][...] = model.parameters.vector
            kept[2].layout.pack(model.parameters.vector, model.state, kept[2].parameters)
            kept[2]._refresh_once()  # noqa: SLF001 - what follows from the numbers
        return kept[2]

    def _dtypes(self) -> Any:
        """The dtypes that inputs may have."""
        return (np.float64, np.float32) if self.dtype == "auto" else np.dtype(self.dtype)

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = not self.scale_inputs
        return tags


def _dense(X: Any) -> Any:
    """Sparse inputs as rows that can be chosen, or as an array where that is small."""
    if not scipy.sparse.issparse(X):
        return X
    small = X.shape[0] * X.shape[1] * X.dtype.itemsize <= DENSE_BYTES
    return X.toarray() if small else X.tocsr()


def row_weights(given: Any, X: Any) -> Array | None:
    """How much each row counts.

    Raises:
        InputError: not one number from 0 for each row.
    """
    if given is None:
        return None
    if isinstance(given, Real):
        given = np.full(X.shape[0], float(given), X.dtype)
    weights = check_array(given, ensure_2d=False, dtype=X.dtype, input_name="sample_weight")
    if weights.ndim != 1:
        raise InputError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array.")
    if len(weights) != X.shape[0]:
        raise InputError(f"sample_weight.shape == {weights.shape}, expected {(X.shape[0],)}!")
    check_consistent_length(weights, X)
    if (weights < 0).any():
        raise InputError("sample_weight must not be negative.")
    if not weights.any():
        raise InputError("Sample weights must contain at least one non-zero number: all are 0, no row would count.")
    return weights


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
