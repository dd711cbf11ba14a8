"""``MLPRegressor``: scikit-learn's, and what its users ask for."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.special import xlogy
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule.core.arrays import Array
from chainrule.core.layers import Dense, Layer
from chainrule.core.losses import HALF_SQUARED, POISSON_FROM_LOGITS, Loss
from chainrule.core.losses import loss as find_loss
from chainrule.errors import InputError
from chainrule.estimators.distributions import GAUSSIAN, quantiles_loss
from chainrule.estimators.multilayer import Multilayer, Output
from chainrule.estimators.weighted import weighted
from chainrule.network import Network
from chainrule.optimizers import AnyOptimizer
from chainrule.tables.weights import relative_weights


class MLPRegressor(RegressorMixin, Multilayer):
    """A network that predicts numbers: scikit-learn's, with more.

    Changing the import from ``sklearn.neural_network`` changes nothing but the speed: same parameters, same attributes
    and, with the same seed, the same losses. It minimises ``E_b = (sum_n w_n e_n + alpha/2 sum W^2)/sum_n w_n`` over
    batches b, where ``e_n = sum_k (t_nk - y_nk)^2/2``; the loss is told per output.

    Args:
        loss: ``"squared_error"`` or ``"poisson"`` as in scikit-learn; any other of the library, such as ``"huber"``;
            ``"gaussian"`` for a mean with its variance.
        hidden_layer_sizes: units of each hidden layer.
        activation: of the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, any other of the
            library or of one's own, or a list with one for each hidden layer.
        solver: ``"adam"``, ``"sgd"``, ``"lbfgs"`` (SciPy's), or ``"levenberg-marquardt"``.
        alpha: the penalty ``alpha/2 sum W^2``, divided by the rows of the batch.
        batch_size: rows of a batch; ``"auto"`` is 200, or all rows if there are fewer.
        learning_rate: with ``solver="sgd"``: ``"constant"``, ``"invscaling"`` or ``"adaptive"``.
        learning_rate_init: the learning rate, at first.
        power_t: exponent of ``"invscaling"``: ``learning_rate_init/(t + 1)^power_t`` after t rows.
        max_iter: most epochs (iterations of a solver without batches).
        shuffle: whether each epoch goes through the rows in a new order.
        random_state: seed, or a NumPy RandomState, of all draws.
        tol: by how much a loss must fall, or a score rise, to count as better.
        verbose: whether to print a line each epoch.
        warm_start: whether ``fit`` goes on from the last one's weights.
        momentum, nesterovs_momentum: of ``solver="sgd"``.
        early_stopping: whether to set rows aside, judge by them and put the best epoch's weights back.
        validation_fraction: the share of rows set aside.
        beta_1, beta_2, epsilon: of ``solver="adam"``; epsilon has the place it has in scikit-learn.
        n_iter_no_change: epochs without a better one after which to stop.
        max_fun: most evaluations of ``solver="lbfgs"``.
        hidden_layers: layers such as ``[Dense(32, "mish"), LayerNorm(), Dropout(0.2)]`` in place of
            ``hidden_layer_sizes`` and ``activation``; the output layer is added.
        network: a whole untrained (or trained) ``Network``; a copy of it is trained, with its own loss.
        optimizer: one of the library's, such as ``AdamW(Cosine(0.01))``, in place of ``solver``.
        dropout: share of each hidden layer's units dropped in training.
        norm: ``"layer"`` or ``"batch"`` normalises each hidden layer before its activation.
        clip_norm, clip_value: longest gradient, and largest entry of it.
        quantiles: levels such as ``[0.1, 0.5, 0.9]`` to learn in place of a mean; ``predict`` gives the one nearest
            the median, ``predict_quantiles`` all.
        output_weights: how much each output counts.
        missing_targets: ``"error"``, or ``"ignore"`` for targets that are missing (NaN): they teach nothing.
        monitor: what rows set aside are judged by: ``"score"`` or ``"loss"``.
        time_limit: seconds after which to stop.
        callbacks: a function or several, called with the estimator after each epoch; True stops training.
        progress: whether to show a bar.
        restarts: how many beginnings to try; the best is kept, by validation score, or else by loss.
        scale_inputs: whether to bring each input to mean 0 and standard deviation 1.
        scale_target: whether to train on targets of mean 0 and standard deviation 1.
        dtype: what it computes in; ``"auto"`` is float32 for float32 inputs, else float64.
        engine: ``"reference"``, ``"compiled"`` or ``"auto"``, as for ``Network.fit``; ``"auto"`` compiles from a
            tenth of a second's work on.
        threads: as for ``Network.fit``.

    Attributes:
        network_: the trained ``Network``: trace, explain, diagnose, plot and save it.
        coefs_, intercepts_: the weights and biases of each dense layer: views of the network's.
        loss_, loss_curve_, best_loss_: the last epoch's loss, each epoch's, and the lowest.
        validation_scores_, best_validation_score_: of the rows set aside; None without.
        n_iter_, t_: epochs of the last fit; rows seen in all.
        n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_: as in scikit-learn.
        history_: the run's ``History``: ``history_.plot()``.

    Example:
        >>> x = np.linspace(-1, 1, 50)[:, None]
        >>> model = MLPRegressor(hidden_layer_sizes=(10,), activation="tanh", solver="lbfgs", random_state=0)
        >>> model.fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2) > 0.99
        True

    References:
        Glorot & Bengio 2010, AISTATS; Kingma & Ba 2015, ICLR; Nix & Weigend 1994, ICNN (``loss="gaussian"``).
    """

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        hidden_layers: Sequence[Layer] | None = None,
        network: Network | None = None,
        optimizer: str | AnyOptimizer | None = None,
        dropout: float = 0.0,
        norm: str | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        quantiles: Sequence[float] | None = None,
        output_weights: Sequence[float] | None = None,
        missing_targets: str = "error",
        monitor: str = "score",
        time_limit: float | None = None,
        callbacks: Any = None,
        progress: bool | None = None,
        restarts: int = 1,
        scale_inputs: bool = False,
        scale_target: bool = False,
        dtype: str = "auto",
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.hidden_layers = hidden_layers
        self.network = network
        self.optimizer = optimizer
        self.dropout = dropout
        self.norm = norm
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.quantiles = quantiles
        self.output_weights = output_weights
        self.missing_targets = missing_targets
        self.monitor = monitor
        self.time_limit = time_limit
        self.callbacks = callbacks
        self.progress = progress
        self.restarts = restarts
        self.scale_inputs = scale_inputs
        self.scale_target = scale_target
        self.dtype = dtype
        self.engine = engine
        self.threads = threads

    # ------------------------------------------------------------------ fitting
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> Self:
        """Train on rows and their targets.

        Args:
            X: inputs (N, features), dense or sparse.
            y: targets (N,) or (N, outputs); with ``missing_targets="ignore"`` NaN marks a missing one.
            sample_weight: how much each row counts (N,).
            validation_data: ``(X, y)`` or ``(X, y, sample_weight)``: judged by as ``early_stopping`` judges by the
                rows it sets aside; the best epoch's weights are put back.

        Raises:
            InputError: an argument or a parameter cannot be used (a ``ValueError``).
            FitError: training left the finite numbers (a ``ValueError`` too).
        """
        return self._fit(X, y, sample_weight, validation_data)

    @available_if(lambda self: self._check_solver())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch over the rows, going on from where the last call stopped; arguments as for ``fit``."""
        return self._fit(X, y, sample_weight, incremental=True)

    def _validated(self, X: Any, y: Any, *, reset: bool, incremental: bool, name: str = "`y`") -> tuple[Any, Array]:
        del incremental
        common: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": self._dtypes(), "reset": reset}
        if self.missing_targets == "ignore":
            X = validate_data(self, X, **common)
            told: dict[str, Any] = {"ensure_2d": False, "ensure_all_finite": "allow-nan", "input_name": "y"}
            y = check_array(y, dtype=X.dtype, **told)
            if len(y) != X.shape[0]:
                raise InputError(f"{name} must have a row for each of the {X.shape[0]} rows of X, got {len(y)}.")
        else:
            X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, **common)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        t = np.asarray(y, X.dtype)
        return X, t[:, None] if t.ndim == 1 else t

    def _row(self) -> Loss:
        """The loss that the parameter means."""
        if self.quantiles is not None:
            return quantiles_loss([float(level) for level in self.quantiles for _ in range(self.n_outputs_)])
        if self.loss == "squared_error":
            return HALF_SQUARED
        if self.loss == "poisson":
            return POISSON_FROM_LOGITS
        return GAUSSIAN if self.loss == "gaussian" else find_loss(self.loss)

    def _output(self) -> Output:
        row = self._row()
        if self.output_weights is not None:
            if len(self.output_weights) != self.n_outputs_:
                raise InputError(
                    f"output_weights must have one number for each of {self.n_outputs_} outputs, "
                    f"got {len(self.output_weights)}."
                )
            row = weighted(row, tuple(float(weight) for weight in self.output_weights))
        units = self.n_outputs_ * self._copies()
        exponential = row.partner == "exponential"
        layer = Dense(units, "exponential" if exponential and not row.is_fused else "identity")
        return Output([layer], row, 1 / units if self.loss == "squared_error" and self.quantiles is None else 1.0,
                      "exp" if exponential else "identity")  # fmt: skip

    def _copies(self) -> int:
        """How many outputs each target has."""
        return len(self.quantiles) if self.quantiles is not None else 2 if self.loss == "gaussian" else 1

    def _spread_targets(self, t: Array) -> Array:
        return np.tile(t, (1, self._copies())) if self._copies() > 1 else t

    def _constants(self, t: Array) -> Array | None:
        """scikit-learn tells the Poisson loss as a deviance, ``t log(t/y) - t + y``."""
        if self.loss != "poisson" or self.quantiles is not None:
            return None
        return (xlogy(t, t) - t).sum(axis=1)

    def _row_weights(self, t: Array, weights: Array | None) -> Array | None:
        del t
        return weights

    def _scaled_targets(self, t: Array, weights: Array | None, *, learn: bool) -> Array:
        if not self.scale_target:
            return t
        if learn:
            weights = relative_weights(weights)
            present = np.where(np.isnan(t), 0, 1) * (1.0 if weights is None else weights[:, None])
            total = np.maximum(present.sum(axis=0), np.finfo(t.dtype).tiny)
            known = np.nan_to_num(t)
            self.target_mean_ = (present * known).sum(axis=0) / total
            deviation = np.sqrt((present * (known - self.target_mean_) ** 2).sum(axis=0) / total)
            self.target_scale_ = np.where(deviation > 0, deviation, 1.0)
            if self._row().target_range[0] == 0:
                raise InputError(f"scale_target=True does not go with loss={self.loss!r}, whose targets begin at 0.")
        return ((t - self.target_mean_) / self.target_scale_).astype(t.dtype)

    def _validation_score(self, x: Any, t: Array, weights: Array | None) -> float:
        y = self._centre(self._linked(self._raw(x)))
        if not np.isfinite(y).all():
            return np.nan
        t = t[:, : self.n_outputs_]
        present = ~np.isnan(t).any(axis=1)
        if not present.all():
            y, t, weights = y[present], t[present], None if weights is None else weights[present]
        with np.errstate(all="ignore"):
            return float(r2_score(t, y, sample_weight=weights))

    # ------------------------------------------------------------------ predicting
    def _centre(self, y: Array) -> Array:
        """One number for each target: the mean, or the quantile nearest the median."""
        k = 0 if self.quantiles is None else int(np.abs(np.array(self.quantiles) - 0.5).argmin())
        return y[:, k * self.n_outputs_ : (k + 1) * self.n_outputs_]

    def _unscaled(self, y: Array) -> Array:
        """In the targets' own units; (N,) for a single target."""
        if self.scale_target:
            y = (y * self.target_scale_ + self.target_mean_).astype(y.dtype)
        return y[:, 0] if y.shape[1] == 1 else y

    def predict(self, X: Any, *, return_std: bool = False) -> Any:
        """The prediction of each row (N,), or (N, outputs).

        Args:
            X: inputs (N, features).
            return_std: also hand back the standard deviations; needs ``loss="gaussian"``.

        Raises:
            InputError: the inputs do not fit, or there are no standard deviations.
        """
        y = self._outputs(X)
        mean = self._unscaled(self._centre(y))
        if not return_std:
            return mean
        if self.loss != "gaussian" or self.quantiles is not None:
            raise InputError("return_std=True needs loss='gaussian', which learns a variance beside the mean.")
        deviation = np.exp(y[:, self.n_outputs_ :] / 2)
        if self.scale_target:
            deviation = (deviation * self.target_scale_).astype(y.dtype)
        return mean, deviation[:, 0] if deviation.shape[1] == 1 else deviation

    def predict_quantiles(self, X: Any) -> Array:
        """The quantiles of each row (N, levels), in order, sorted so that they never cross; (N, levels, outputs)."""
        check_is_fitted(self)
        if self.quantiles is None:
            raise InputError("predict_quantiles needs quantiles=[...], such as [0.1, 0.5, 0.9].")
        y = self._outputs(X).reshape(-1, len(self.quantiles), self.n_outputs_)
        if self.scale_target:
            y = (y * self.target_scale_ + self.target_mean_).astype(y.dtype)
        ranks = np.argsort(np.argsort(self.quantiles))
        y = np.sort(y, axis=1)[:, ranks]
        return y[:, :, 0] if self.n_outputs_ == 1 else y
