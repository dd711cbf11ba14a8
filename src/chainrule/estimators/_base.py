"""What ``MLPClassifier`` and ``MLPRegressor`` share: fitting, and what their network predicts."""

import warnings
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule.core import chain as maths
from chainrule.core.activations import activation as find_activation
from chainrule.core.arrays import Array
from chainrule.core.layers import Dense
from chainrule.errors import InputError
from chainrule.estimators.batches import CompiledEpochs, Descent, Rows, epochs_of
from chainrule.estimators.build import Output, build_network, hidden_sizes
from chainrule.estimators.divergence import refuse_divergence
from chainrule.estimators.inputs import as_rows, row_weights, scale_inputs, set_aside
from chainrule.estimators.lbfgs import fit_lbfgs
from chainrule.estimators.mlp_parameters import MLPParameters
from chainrule.estimators.parameters import check_parameters, unchanged_if_refused, with_plain_numbers
from chainrule.estimators.pickling import with_rows_packed, with_rows_unpacked
from chainrule.estimators.prediction import current_predictor, outputs_of, predicts_compiled
from chainrule.estimators.restarts import keep_best_of_restarts
from chainrule.estimators.second_order import fit_second_order, second_order_optimizer
from chainrule.estimators.solvers import batching_of, stochastic_optimizer, stopping_of
from chainrule.estimators.stochastic import StochasticTraining
from chainrule.estimators.weights import link_weights
from chainrule.network import Network
from chainrule.optimizers.schedules import Clock, Memory
from chainrule.training import History
from chainrule.training.threads import suitable_threads

if TYPE_CHECKING:
    from chainrule.engine.runtime.predictor import Predictor


class BaseMLP(MLPParameters):
    """Both are a network behind scikit-learn's methods; this class is not for use by itself."""

    n_features_in_: int
    feature_names_in_: Array  # where the inputs had names
    network_: Network
    coefs_: list[Array]
    intercepts_: list[Array]
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    n_iter_: int
    t_: int
    history_: History
    _optimizer: Descent
    _no_improvement_count: int
    _compiled: bool  # whether the compiled engine trained it
    _predictor: "Predictor"  # the network compiled, once it has been needed
    _scale: float  # what a row's loss is multiplied by when it is reported
    _random_state: np.random.RandomState

    # ------------------------------------------------------------------ what each of the two knows
    @abstractmethod
    def _check_data(self, X: Any, y: Any, *, reset: bool, incremental: bool, name: str = "`y`") -> tuple[Any, Array]:
        """Inputs and targets (N, targets) as arrays.

        Args:
            X: as the user has them.
            y: as the user has them.
            reset: whether the features are learned anew.
            incremental: whether these are but some of the rows: a batch, or rows to validate on.
            name: what an error calls ``y``.
        """

    @abstractmethod
    def _output(self) -> Output:
        """Output layer and loss, for the targets seen."""

    @abstractmethod
    def _row_weights(self, t: Array, weights: Array | None) -> Array | None:
        """The rows' weights, multiplied by whatever else counts."""

    @abstractmethod
    def _validation_score(self, validation: Rows) -> float:
        """What early stopping judges by."""

    def _learn_classes(self, y: Any, classes: Any, *, incremental: bool) -> None:
        """Classifiers learn which labels will come."""

    def _scale_targets(self, t: Array, weights: Array | None, *, learn: bool) -> Array:
        """Regressors may scale theirs."""
        del weights, learn
        return t

    def _repeat_targets(self, t: Array) -> Array:
        """Targets (N, targets) as the loss wants them (N, outputs)."""
        return t

    def _smooth_targets(self, t: Array, weights: Array | None, *, incremental: bool) -> Array:
        """Classifiers may smooth the targets to train on, and learn from these how much."""
        del weights, incremental
        return t

    def _training_targets(self, t: Array) -> Array:
        """Targets of rows set aside as training would have them."""
        return t

    def _loss_constants(self, t: Array) -> Array | None:
        """What each row's loss (N,) is reported with besides, by targets alone; None: nothing."""
        del t
        return None

    def _stratifies(self) -> bool:
        """Whether rows are set aside class by class."""
        return False

    def _check_calibration(self, validation: Rows | None) -> None:
        """Classifiers may calibrate."""

    def _calibrate(self, validation: Rows | None) -> None:
        """Classifiers may."""

    # ------------------------------------------------------------------ fitting
    @with_plain_numbers
    def _fit(
        self, X: Any, y: Any, weights: Any, validation_data: Any = None, *, incremental: bool = False,
        classes: Any = None,
    ) -> Self:  # fmt: skip
        """``fit`` and ``partial_fit``."""
        check_parameters(self)
        hidden_sizes(self)
        first = not hasattr(self, "network_") or not (self.warm_start or incremental)
        if not first:
            link_weights(self)
        elif self.restarts > 1 and not incremental:
            return keep_best_of_restarts(self, X, y, weights, validation_data)
        with unchanged_if_refused(self):
            self._learn_classes(y, classes, incremental=incremental)
            rows, validation = self._prepare(X, y, weights, validation_data, first=first, incremental=incremental)
            self._check_calibration(validation)
        if (second_order := second_order_optimizer(self)) is not None:
            fit_second_order(self, second_order, rows, validation)
        elif self.solver == "lbfgs" and self.optimizer is None:
            self._compiled = fit_lbfgs(self, rows, self._scale, self._loss_constants(rows.t))
        else:
            self._fit_stochastic(rows, validation, incremental=incremental)
        refuse_divergence(self, validated=validation is not None)
        link_weights(self)
        self._calibrate(validation)
        return self

    # ------------------------------------------------------------------ preparing
    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, validation_data: Any, *, first: bool, incremental: bool
    ) -> tuple[Rows, Rows | None]:
        """The rows to train on and those to validate on, checked, and a network that takes them."""
        X, t = self._check_data(X, y, reset=first, incremental=incremental)
        weights = self._row_weights(t, row_weights(sample_weight, X))
        self._random_state = check_random_state(self.random_state)
        self.n_outputs_ = t.shape[1]
        X = scale_inputs(self, as_rows(X), learn=first)
        t = self._repeat_targets(self._scale_targets(t, weights, learn=first))
        if first:
            self._initialise(X, t)
        elif (self.network_.inputs, self.network_.outputs) != (X.shape[1], t.shape[1]):
            raise InputError(
                f"the network has {self.network_.outputs} outputs, but y needs {t.shape[1]}: fit without warm_start."
            )
        self.network_.loss_function.check_targets(t)
        rows, validation = Rows(X, t, weights), None
        if validation_data is not None:
            validation = self._validation_rows(validation_data)
        elif self.early_stopping and incremental:
            raise InputError("partial_fit does not support early_stopping=True")
        elif self.early_stopping:
            rows, validation = set_aside(rows, self.validation_fraction, self._random_state, self._stratifies())
        t = self._smooth_targets(rows.t, rows.weights, incremental=incremental)
        return Rows(rows.x, t, rows.weights), validation

    def _validation_rows(self, given: Any) -> Rows:
        """The user's own rows to validate on; they do what rows set aside by ``early_stopping`` do."""
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise InputError("validation_data must be (X, y) or (X, y, sample_weight).")
        name = "the `y` of validation_data"
        x, t = self._check_data(given[0], given[1], reset=False, incremental=True, name=name)
        if t.shape[1] != self.n_outputs_:
            raise InputError(
                f"{name} must have {self.n_outputs_} columns, as that of the training rows, got {t.shape[1]}."
            )
        weights = self._row_weights(t, row_weights(given[2] if len(given) == 3 else None, x))
        t = self._repeat_targets(self._scale_targets(t, weights, learn=False))
        if self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = [], -np.inf, None
        return Rows(scale_inputs(self, as_rows(x), learn=False), t, weights)

    def _initialise(self, X: Any, t: Array) -> None:
        """A network of its own, and nothing learned yet."""
        output = self._output()
        self.out_activation_, self._scale = output.name, 1.0 if self.network is not None else output.scale
        net = build_network(self, X.shape[1], t.shape[1], output, X.dtype, self._random_state)
        given = [self.__dict__.get(name) for name in ("coefs_", "intercepts_")]
        set_before_any_fit = not hasattr(self, "network_") and None not in given
        self.network_ = net
        self.n_layers_ = 1 + sum(isinstance(layer, Dense) for layer in net.layers)
        self.n_iter_ = self.t_ = 0
        self.loss_curve_, self._no_improvement_count = [], 0
        link_weights(self, anew=not set_before_any_fit)
        if self.early_stopping:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = [], -np.inf, None
        else:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = None, None, np.inf
        self._compiled = False
        for name in ("_optimizer", "_predictor"):
            self.__dict__.pop(name, None)

    # ------------------------------------------------------------------ training
    def _fit_stochastic(self, rows: Rows, validation: Rows | None, *, incremental: bool) -> None:
        """By batches."""
        model, rng = self.network_.model, self._random_state
        batching = batching_of(self, rows.x.shape[0], self._scale, rng)
        if not incremental or not hasattr(self, "_optimizer"):
            optimizer = stochastic_optimizer(self)
            rate = optimizer.schedule.rate(Clock.at(0, 1, 1), Memory())
            self._optimizer = Descent(optimizer, rate, optimizer.start(model.chain.size, model.chain.dtype, rate))
        epochs = epochs_of(
            model, rows, batching, self._optimizer, engine=self.engine, epochs=1 if incremental else self.max_iter,
            limit=np.inf if self.time_limit is None else self.time_limit,
        )  # fmt: skip
        self._compiled = isinstance(epochs, CompiledEpochs)
        training = StochasticTraining(
            self, epochs, batching, self._optimizer, rows, rng,
            stopping_of(self, self._no_improvement_count, validates=validation is not None),
            self._loss_constants(rows.t), None if validation is None else lambda: self._judge(validation),
        )  # fmt: skip
        try:
            with suitable_threads(model.chain, batching.size):
                training.run(one_epoch=incremental)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        finally:
            self._no_improvement_count = training.waited
            epochs.close()
        if validation is not None:
            training.stopping.put_back(model)

    def _judge(self, validation: Rows) -> tuple[float, float]:
        """What early stopping judges an epoch by, and the score to record."""
        if self.monitor == "score":
            score = self._validation_score(validation)
            return score, score
        chain = self.network_.model.chain
        with np.errstate(all="ignore"):
            t = self._training_targets(validation.t)
            loss = maths.batch_loss(chain, self._network_outputs(validation.x), t, validation.weights) * self._scale
        return loss, -loss

    # ------------------------------------------------------------------ predicting
    def _outputs(self, X: Any, *, linked: bool = True) -> Array:
        """The outputs (N, outputs) of rows as the user has them, through a fused loss's activation if ``linked``."""
        check_is_fitted(self)
        link_weights(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        y = self._network_outputs(scale_inputs(self, X, learn=False))
        return self._apply_link(y) if linked else y

    def _apply_link(self, y: Array) -> Array:
        """Outputs through the activation that is part of a fused loss."""
        link = self.network_.loss_function.link
        with np.errstate(all="ignore"):
            return y if link == "identity" else find_activation(link).value(y)

    def _network_outputs(self, X: Any) -> Array:
        """The network's outputs for rows as it takes them."""
        model, compiled = self.network_.model, self.engine == "compiled" or (self.engine == "auto" and self._compiled)
        if not compiled or not predicts_compiled(model, X):
            return outputs_of(model, X)
        predictor = current_predictor(model, self.__dict__.get("_predictor"), self.threads)
        self._predictor = predictor  # made whole before other threads see it
        return predictor.outputs_of(np.ascontiguousarray(X, model.chain.dtype))

    # ------------------------------------------------------------------ scikit-learn
    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        state = {**state}
        if "network_" in state:
            link_weights(self)
            for name in ("coefs_", "intercepts_", "_predictor"):
                state.pop(name, None)
        return with_rows_packed(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(with_rows_unpacked(state))
        if "network_" in self.__dict__:
            link_weights(self, anew=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = not self.scale_inputs
        return tags
