"""``MLPRegressor``: scikit-learn's, and what its users ask for."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from scipy.special import xlogy
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule.core.arrays import Array
from chainrule.core.layers import Dense
from chainrule.core.losses import HALF_SQUARED, POISSON_FROM_LOGITS, Loss
from chainrule.core.losses import loss as find_loss
from chainrule.errors import InputError
from chainrule.estimators._base import BaseMLP
from chainrule.estimators.batches import Rows
from chainrule.estimators.build import Output
from chainrule.estimators.distributions import GAUSSIAN, quantiles_loss
from chainrule.estimators.inputs import dtypes_of
from chainrule.estimators.mlp_parameters import ATTRIBUTES
from chainrule.estimators.parameters import (
    ANYTHING,
    BOOLEAN,
    FRACTION,
    NONE,
    NOT_NEGATIVE,
    documented,
    list_of,
    one_of,
    parameter,
)
from chainrule.estimators.solvers import goes_by_batches
from chainrule.estimators.weighted_loss import weighted
from chainrule.tables.weights import relative_weights


@documented(ATTRIBUTES)
@dataclass(eq=False, repr=False)
class MLPRegressor(RegressorMixin, BaseMLP):
    """A network that predicts numbers: scikit-learn's, with more.

    Changing the import from ``sklearn.neural_network`` changes nothing but the speed: same parameters, same attributes
    and, with the same seed, the same losses. It minimises ``E_b = (sum_n w_n e_n + alpha/2 sum W^2)/sum_n w_n`` over
    batches b, where ``e_n = sum_k (t_nk - y_nk)^2/2``; the loss is reported per output.

    Args:
        {parameters}

    Attributes:
        {attributes}

    Example:
        >>> x = np.linspace(-1, 1, 50)[:, None]
        >>> model = MLPRegressor(hidden_layer_sizes=(10,), activation="tanh", solver="lbfgs", random_state=0)
        >>> model.fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2) > 0.99
        True

    References:
        Glorot & Bengio 2010, AISTATS; Kingma & Ba 2015, ICLR; Nix & Weigend 1994, ICNN (``loss="gaussian"``).
    """

    loss: str | Loss = parameter(
        "squared_error",
        ANYTHING,
        '``"squared_error"`` or ``"poisson"`` as in scikit-learn; any other of the library, such as ``"huber"``; '
        '``"gaussian"`` for a mean with its variance.',
    )
    _: KW_ONLY
    quantiles: Sequence[float] | None = parameter(
        None,
        NONE | list_of(FRACTION, "a list of numbers between 0 and 1"),
        "levels such as ``[0.1, 0.5, 0.9]`` to learn in place of a mean; ``predict`` gives the one nearest the median, "
        "``predict_quantiles`` all.",
    )
    output_weights: Sequence[float] | None = parameter(
        None,
        NONE | list_of(NOT_NEGATIVE, "a list of numbers from 0, one for each output"),
        "how much each output counts.",
    )
    missing_targets: str = parameter(
        "error",
        one_of(["error", "ignore"]),
        '``"error"``, or ``"ignore"`` for targets that are missing (NaN): they teach nothing.',
    )
    scale_target: bool = parameter(False, BOOLEAN, "whether to train on targets of mean 0 and standard deviation 1.")

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

    @available_if(goes_by_batches)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch over the rows, going on from where the last call stopped; arguments as for ``fit``."""
        return self._fit(X, y, sample_weight, incremental=True)

    def _check_data(self, X: Any, y: Any, *, reset: bool, incremental: bool, name: str = "`y`") -> tuple[Any, Array]:
        del incremental
        common: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": dtypes_of(self), "reset": reset}
        if self.missing_targets == "ignore":
            X = validate_data(self, X, **common)
            options: dict[str, Any] = {"ensure_2d": False, "ensure_all_finite": "allow-nan", "input_name": "y"}
            y = check_array(y, dtype=X.dtype, **options)
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

    def _repeat_targets(self, t: Array) -> Array:
        return np.tile(t, (1, self._copies())) if self._copies() > 1 else t

    def _loss_constants(self, t: Array) -> Array | None:
        """scikit-learn reports the Poisson loss as a deviance, ``t log(t/y) - t + y``."""
        if self.loss != "poisson" or self.quantiles is not None:
            return None
        return (xlogy(t, t) - t).sum(axis=1)

    def _row_weights(self, t: Array, weights: Array | None) -> Array | None:
        del t
        return weights

    def _scale_targets(self, t: Array, weights: Array | None, *, learn: bool) -> Array:
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

    def _validation_score(self, validation: Rows) -> float:
        t, weights = validation.t, validation.weights
        y = self._centre(self._apply_link(self._network_outputs(validation.x)))
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
            return_std: also return the standard deviations; needs ``loss="gaussian"``.

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
